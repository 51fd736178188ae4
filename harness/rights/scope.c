/* SPDX-License-Identifier: Apache-2.0 */
/* scope: a control group of our own, from systemd. Under cgroup v2 a login session's group, a
 * service's or a script's holds more processes than cupel, and is not ours to divide; systemd gives
 * a group that is to whoever asks (systemd.scope(5), Delegate=). What such a scope is asked for is
 * properties.c's. */
#include "harness/rights/rights_private.h"

#include "base/program.h"
#include "harness/cgroup/cgroup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Says that it was tried: once is enough. Jobs never see it, having no environment but their own.
 */
#define MARK "CUPEL_IN_SCOPE"
#define SAID_MAX 4096

/* Whether there are groups of cgroup v2 that a better place would give. On v1 systemd gives nobody
 * any. */
static bool would_help(void)
{
    static const enum cgroup_feature wanted[] = {CGROUP_PIDS_LIMIT, CGROUP_MEMORY_LIMIT,
                                                 CGROUP_CPU_QUOTA};
    struct cgroup_host *host;
    struct cupel_error err;
    bool helps = scope_is_needed();

    if (helps || cgroup_detect(&host, &err) < 0)
        return helps;
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        helps |= cgroup_lacks_delegation(host, wanted[i]);
    cgroup_host_free(host);
    return helps;
}

static bool listens(const char *directory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/systemd/private", directory);

    return fd >= 0 && n > 0 && (size_t)n < sizeof(address.sun_path) &&
           connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

/* The manager that has a scope to give: the system's where we may talk to it as root, else the
 * user's own. */
static bool has_manager(bool of_system)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char usual[64];

    if (of_system)
        return listens("/run");
    if (runtime != NULL)
        return listens(runtime);
    (void)snprintf(usual, sizeof(usual), "/run/user/%u", (unsigned)getuid());
    /* su and cron leave it unset; systemd-run wants it */
    return listens(usual) && setenv("XDG_RUNTIME_DIR", usual, 1) == 0;
}

static size_t scope_count(char *const *words)
{
    size_t n = 0;

    while (words != NULL && words[n] != NULL)
        n++;
    return n;
}

/* Makes the command line "systemd-run ... -- WORD...". */
static const char **command_line(bool of_system, char *const *properties, char *const *words,
                                 const char *self)
{
    static const char *const head[] = {"systemd-run", "--scope", "--quiet",
                                       "--collect",   "-p",      "Delegate=yes"};
    size_t n = 0, n_properties = scope_count(properties), n_words = scope_count(words);
    const char **argv = xcalloc(ARRAY_SIZE(head) + n_properties + n_words + 3, sizeof(*argv));

    for (; n < ARRAY_SIZE(head); n++)
        argv[n] = head[n];
    if (!of_system)
        argv[n++] = "--user";
    for (size_t i = 0; i < n_properties; i++)
        argv[n++] = properties[i];
    argv[n++] = "--";
    for (size_t i = 0; i < n_words; i++)
        argv[n++] = i == 0 ? self : words[i];
    return argv;
}

_Noreturn static void try_main(const char *program, const char *const *argv, int said, pid_t parent)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    program_die_with(parent);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(said, 2) < 0)
        _exit(126);
    (void)execv(program, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void warn_of(int said)
{
    char text[SAID_MAX + 1];
    ssize_t n = pread(said, text, SAID_MAX, 0);

    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    log_warning("systemd gives cupel no control group of its own: %s",
                n > 0 ? text : "systemd-run does not say why");
}

/* systemd-run replaces us before it knows whether it will get its scope; so another one finds that
 * out first. */
static bool works(const char *program, bool of_system, char *const *properties)
{
    char *words[] = {"true", NULL};
    cleanup_free const char **argv = command_line(of_system, properties, words, "true");
    cleanup_close int said = memfd_create("systemd-run", MFD_CLOEXEC);
    pid_t parent = getpid(), pid = said >= 0 ? fork() : -1;
    int status = -1;

    if (pid == 0)
        try_main(program, argv, said, parent);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid > 0 && status != 0)
        warn_of(said);
    return pid > 0 && status == 0;
}

static void start_anew(const char *program, bool of_system, char *const *properties,
                       char **full_argv)
{
    cleanup_free const char **argv = NULL;
    char self[4096] = "";

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0 || setenv(MARK, "1", 1) < 0)
        return;
    argv = command_line(of_system, properties, full_argv, self);
    (void)execv(program, (char *const *)(uintptr_t)argv);
    (void)unsetenv(MARK); /* it was there a moment ago: on without it */
}

void rights_join_scope(char **full_argv)
{
    bool of_system = rights_have();
    char program[4096], **properties;

    /* stays, for the sealed copy that we are about to start from: where the scope lacks something
     * too, that one would ask for another scope, and be no file that systemd-run could start in it
     */
    if (getenv(MARK) != NULL)
        return;
    if (of_system &&
        !has_manager(true)) /* asked first: it costs root less than to look at the groups */
        return;
    if (!would_help() || scope_leaves_partition(of_system) || (!of_system && !has_manager(false)) ||
        !program_find("systemd-run", program, sizeof(program)))
        return;
    properties = scope_properties(of_system);
    if (works(program, of_system, properties))
        start_anew(program, of_system, properties, full_argv);
    scope_properties_free(properties);
}
