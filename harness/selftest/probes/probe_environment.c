/* SPDX-License-Identifier: Apache-2.0 */
/* probe_environment: what a job finds of itself is as documented, whatever the caller of cupel had.
 */
#include "probes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char status[8192];

/* A hexadecimal field of /proc/self/status. */
static uint64_t field(const char *name)
{
    char *at;

    if (status[0] == '\0' && slurp("/proc/self/status", status, sizeof(status)) <= 0)
        untested("/proc/self/status: %s", strerror(errno));
    at = strstr(status, name);
    if (at == NULL)
        untested("no %s in /proc/self/status", name);
    return strtoull(at + strlen(name), NULL, 16);
}

/* chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, sys_chroot,
 * setfcap */
#define ALLOWED                                                                                    \
    (1ULL << 0 | 1ULL << 1 | 1ULL << 3 | 1ULL << 4 | 1ULL << 5 | 1ULL << 6 | 1ULL << 7 |           \
     1ULL << 8 | 1ULL << 10 | 1ULL << 18 | 1ULL << 31)

static void expect_capabilities(uint64_t allowed)
{
    static const char *const sets[] = {"CapEff:", "CapPrm:", "CapBnd:"};

    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
        if ((field(sets[i]) & ~allowed) != 0)
            breach("%s %016llx", sets[i], (unsigned long long)field(sets[i]));
    if (field("CapInh:") != 0 || field("CapAmb:") != 0)
        breach("inheritable or ambient capabilities");
    contained("CapEff %016llx, CapBnd %016llx, nothing inheritable",
              (unsigned long long)field("CapEff:"), (unsigned long long)field("CapBnd:"));
}

static void capabilities_root(void)
{
    expect_capabilities(ALLOWED);
}

static void capabilities_user(void)
{
    if (geteuid() == 0)
        untested("there is no user but root");
    expect_capabilities(0);
}

static void securebits(void)
{
    int bits = prctl(PR_GET_SECUREBITS);

    if (geteuid() == 0)
        untested("there is no user but root");
    if ((bits & 0x3) != 0x3)
        breach("root gets its capabilities back by exec: securebits %#x", (unsigned)bits);
    contained("securebits %#x", (unsigned)bits);
}

static void no_new_privs(void)
{
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        breach("no_new_privs is not set");
    contained("no_new_privs is set");
}

static void seccomp_filter(void)
{
    int mode = prctl(PR_GET_SECCOMP);

    if (mode != 2)
        breach("there is no seccomp filter");
    contained("a seccomp filter");
}

static char *const gained_argv[] = {(char *)"/tmp/setuid", (char *)"setuid-gained", NULL};

static void become_user(void)
{
    extern char **environ;

    if (setresgid(1000, 1000, 1000) < 0 || setresuid(1000, 1000, 1000) < 0)
        _exit(PROBE_UNTESTED);
    execve(gained_argv[0], gained_argv, environ);
    _exit(errno == EACCES || errno == EPERM ? PROBE_CONTAINED : PROBE_UNTESTED);
}

static void setuid_gained(void)
{
    _exit(geteuid() == 0 ? PROBE_BREACH : PROBE_CONTAINED);
}

/* A set-uid copy of this program, executed by another user. */
static void setuid_gain(void)
{
    static char block[65536];
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
        to = open("/tmp/setuid", O_WRONLY | O_CREAT | O_CLOEXEC, 0755), code;
    ssize_t n;

    while (to >= 0 && (n = read(from, block, sizeof(block))) > 0)
        if (write(to, block, (size_t)n) != n)
            untested("cannot write a copy");
    if (to < 0 || fchmod(to, 04755) < 0)
        untested("/tmp/setuid: %s", strerror(errno));
    close(to);
    code = probe_in_child(become_user);
    if (code == PROBE_BREACH)
        breach("a set-uid program gives its owner's rights");
    if (code != PROBE_CONTAINED)
        untested("there is no other user, or nothing to execute (%d)", code);
    contained("a set-uid program gives nothing");
}

/* ---- mounts ---- */

static void mount_options(void)
{
    static char text[65536];
    char *line, *rest = text;

    if (slurp("/proc/self/mounts", text, sizeof(text)) <= 0)
        untested("/proc/self/mounts: %s", strerror(errno));
    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        char place[256] = "", options[1024] = "";

        if (sscanf(line, "%*s %255s %*s %1023s", place, options) < 2)
            continue;
        if (strstr(options, "nosuid") == NULL)
            breach("%s is not nosuid: %s", place, options);
        if (strstr(options, "nodev") == NULL && strncmp(place, "/dev", 4) != 0 &&
            strncmp(place, "/proc/", 6) != 0 && strncmp(place, "/sys/", 5) != 0)
            breach("%s is not nodev: %s", place, options);
    }
    contained("every mount is nosuid, and nodev but for /dev");
}

/* No mount comes from a path of the host's: what is stacked is named by places that exist nowhere.
 */
static void mount_sources(void)
{
    static char text[65536];
    /* where it is mounted, the host alone knows */
    const char *place = strrchr(from_harness("SELFTEST_PLACE"), '/');

    if (slurp("/proc/self/mountinfo", text, sizeof(text)) <= 0)
        untested("/proc/self/mountinfo: %s", strerror(errno));
    if (strstr(text, "/cupel/runs") != NULL || (place != NULL && strstr(text, place) != NULL))
        breach("the mounts tell where things are on the host");
    contained("no mount tells of a path of the host");
}

/* ---- namespaces ---- */

static void namespaces(void)
{
    const char *hosts = from_harness("SELFTEST_NAMESPACES");
    static const char *const names[] = {"cgroup", "ipc",  "mnt",  "net",
                                        "pid",    "time", "user", "uts"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char path[64], target[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        n = readlink(path, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        if (n > 0 && strstr(hosts, target) != NULL)
            breach("the %s namespace is the host's", names[i]);
    }
    contained("all eight are others than the host's");
}

static void cgroup_path(void)
{
    char text[4096], *line, *rest = text;

    if (slurp("/proc/self/cgroup", text, sizeof(text)) < 0)
        contained("/proc/self/cgroup: %s", strerror(errno));
    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        const char *path = strrchr(line, ':');

        if (path != NULL && strcmp(path, ":/") != 0)
            breach("/proc/self/cgroup tells of the host: %s", line);
    }
    contained("/proc/self/cgroup says / everywhere");
}

/* ---- what is inherited ---- */

static void umask_value(void)
{
    mode_t mask = umask(0);

    if (mask != 022)
        breach("umask %04o", mask);
    contained("umask 0022");
}

static void signal_state(void)
{
    if (field("SigBlk:") != 0 || field("SigIgn:") != 0 || field("SigPnd:") != 0)
        breach("blocked %llx, ignored %llx", (unsigned long long)field("SigBlk:"),
               (unsigned long long)field("SigIgn:"));
    contained("no signal is blocked, ignored or pending");
}

static void nice_value(void)
{
    errno = 0;
    if (getpriority(PRIO_PROCESS, 0) != 0)
        breach("nice %d", getpriority(PRIO_PROCESS, 0));
    contained("nice 0");
}

static void oom_score(void)
{
    char text[32];
    int fd;

    if (slurp("/proc/self/oom_score_adj", text, sizeof(text)) <= 0)
        untested("/proc/self/oom_score_adj: %s", strerror(errno));
    if (atoi(text) != 1000)
        breach("oom_score_adj %d", atoi(text));
    fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "-500", 4) == 4)
        breach("oom_score_adj can be lowered to -500");
    if (fd >= 0 && write(fd, "500", 3) == 3)
        breach("oom_score_adj can be lowered");
    contained("oom_score_adj 1000, and cannot be lowered");
}

static void personality_value(void)
{
    int value = personality(0xffffffff);

    if (value != PER_LINUX)
        breach("personality %#x", (unsigned)value);
    contained("PER_LINUX");
}

static void resource_limits(void)
{
    struct rlimit files, core;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || getrlimit(RLIMIT_CORE, &core) < 0)
        untested("getrlimit: %s", strerror(errno));
    if (files.rlim_cur != 1024 || files.rlim_max != 4096)
        breach("open files %llu, %llu", (unsigned long long)files.rlim_cur,
               (unsigned long long)files.rlim_max);
    if (core.rlim_max > 1)
        breach("core dumps: a program of the host's may be given this memory");
    contained("open files 1024 and 4096, no core");
}

static void environment_variables(void)
{
    static const char *const known[] = {
        "PATH=",      "LANG=",          "TZ=",          "TMPDIR=",  "HOME=",
        "CI=",        "LOGNAME=",       "SHELL=",       "USER=",    "CUPEL_SUITE=",
        "CUPEL_JOB=", "CUPEL_ATTEMPT=", "CUPEL_LIMIT_", "SELFTEST_"};
    extern char **environ;

    for (char **e = environ; *e != NULL; e++) {
        bool found = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
            found |= strncmp(*e, known[i], strlen(known[i])) == 0;
        if (!found)
            breach("the environment has %s", *e);
    }
    contained("the environment is as documented");
}

static void session(void)
{
    if (getsid(0) != getpid() || getpgrp() != getpid())
        breach("session %d and process group %d are not this job's own", (int)getsid(0),
               (int)getpgrp());
    if (open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0)
        breach("there is a controlling terminal");
    contained("a session of its own, without a terminal");
}

const struct probe environment_probes[] = {
    {"capabilities-root", capabilities_root},
    {"capabilities-user", capabilities_user},
    {"securebits", securebits},
    {"no-new-privs", no_new_privs},
    {"seccomp-filter", seccomp_filter},
    {"setuid-gain", setuid_gain},
    {"setuid-gained", setuid_gained},
    {"mount-options", mount_options},
    {"mount-sources", mount_sources},
    {"namespaces", namespaces},
    {"cgroup-path", cgroup_path},
    {"umask", umask_value},
    {"signal-state", signal_state},
    {"nice", nice_value},
    {"oom-score", oom_score},
    {"personality", personality_value},
    {"resource-limits", resource_limits},
    {"environment", environment_variables},
    {"session", session},
    {0},
};
