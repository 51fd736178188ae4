/* scope: a control group of the user's own. Under cgroup v2 a login session's group holds all of the session's processes and is
 * not the user's to divide; systemd gives a group that is to whoever asks (systemd.scope(5), Delegate=). */
#include "harness/rights/rights.h"

#include "harness/cgroup/cgroup.h"

#include "base/program.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Says that it was tried: once is enough. Jobs never see it, having no environment but their own. */
#define MARK "CUPEL_IN_SCOPE"

/* Whether there are groups of cgroup v2 that a better place would give. On v1 systemd gives nobody any. */
static bool would_help(void)
{
    static const enum cgroup_feature wanted[] = {CGROUP_PIDS_LIMIT, CGROUP_MEMORY_LIMIT, CGROUP_CPU_QUOTA};
    struct cgroup_host *host;
    struct cupel_error err;
    bool helps = false;

    if (cgroup_detect(&host, &err) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
        helps |= cgroup_lacks_delegation(host, wanted[i]);
    cgroup_host_free(host);
    return helps;
}

/* The user's systemd listens there. */
static bool has_manager(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int n;

    n = runtime != NULL
            ? snprintf(address.sun_path, sizeof(address.sun_path), "%s/systemd/private", runtime)
            : snprintf(address.sun_path, sizeof(address.sun_path), "/run/user/%u/systemd/private", (unsigned)getuid());
    if (fd < 0 || n < 0 || (size_t)n >= sizeof(address.sun_path) ||
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return false;
    if (runtime != NULL)
        return true;
    *strstr(address.sun_path, "/systemd/private") = '\0'; /* su and cron leave it unset; systemd-run wants it */
    return setenv("XDG_RUNTIME_DIR", address.sun_path, 1) == 0;
}

static size_t count(char *const *argv)
{
    size_t n = 0;

    while (argv[n] != NULL)
        n++;
    return n;
}

/* "systemd-run ... -- WORD..." */
static const char **command_line(char *const *words, const char *self)
{
    static const char *const head[] = {"systemd-run", "--user", "--scope",      "--quiet",
                                       "--collect",   "-p",     "Delegate=yes", "--"};
    size_t n = count(words);
    const char **argv = xcalloc(ARRAY_SIZE(head) + n + 1, sizeof(*argv));

    memcpy(argv, head, sizeof(head));
    for (size_t i = 0; i < n; i++)
        argv[ARRAY_SIZE(head) + i] = i == 0 ? self : words[i];
    return argv;
}

/* systemd-run replaces us before it knows whether it will get its scope; so another one finds that out first. */
static bool works(const char *program)
{
    char *words[] = {"true", NULL};
    cleanup_free const char **argv = command_line(words, "true");
    pid_t parent = getpid(), pid = fork();
    int status = -1;

    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        program_die_with(parent);
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
            _exit(126);
        (void)execv(program, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0;
}

void rights_join_scope(char **full_argv)
{
    cleanup_free const char **argv = NULL;
    char self[4096] = "", program[4096];

    /* stays, for the sealed copy that we are about to start from: where the scope lacks something too, that one would ask for
     * another scope, and be no file that systemd-run could start in it */
    if (getenv(MARK) != NULL)
        return;
    if (rights_have() || !would_help() || !has_manager() ||
        !program_find("systemd-run", program, sizeof(program)) || !works(program))
        return;
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0 || setenv(MARK, "1", 1) < 0)
        return;
    argv = command_line(full_argv, self);
    (void)execv(program, (char *const *)(uintptr_t)argv);
    (void)unsetenv(MARK); /* it was there a moment ago: on without it */
}
