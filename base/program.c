/* SPDX-License-Identifier: Apache-2.0 */
/* program: see program.h. */
#include "base/program.h"

#include "base/base.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSTEM_DIRECTORIES "/usr/sbin:/usr/bin:/sbin:/bin"

/* Root of a user namespace, as which an ordinary user's cupel runs, has another id outside. */
static bool is_host_root(void)
{
    return geteuid() == 0 && ids_of_root() == 0;
}

char *program_directories(void)
{
    const char *path = getenv("PATH");

#ifdef CUPEL_FAULT_INJECTION
    if (getenv("CUPEL_PROGRAMS") != NULL) /* for tests alone: programs of their own */
        return xstrdup(getenv("CUPEL_PROGRAMS"));
#endif
    if (is_host_root() || path == NULL || path[0] == '\0')
        return xstrdup(SYSTEM_DIRECTORIES);
    return xasprintf("%s:/usr/local/sbin:" SYSTEM_DIRECTORIES, path);
}

const char *program_where(void)
{
    return is_host_root() ? "in /usr/sbin, /usr/bin, /sbin or /bin"
                          : "in PATH or the system's sbin";
}

bool program_find(const char *name, char *path, size_t size)
{
    cleanup_free char *directories = program_directories();
    char *save = NULL;

    for (char *d = strtok_r(directories, ":", &save); d != NULL; d = strtok_r(NULL, ":", &save)) {
        struct stat st;
        int n = snprintf(path, size, "%s/%s", d, name);

        if (d[0] == '/' && n > 0 && (size_t)n < size && stat(path, &st) == 0 &&
            S_ISREG(st.st_mode) && access(path, X_OK) == 0)
            return true;
    }
    return false;
}

void program_die_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(126);
}

static int reap(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int program_wait_ending(pid_t pid, uint64_t most_ns, int cancel, int signal, int *ret_status)
{
    cleanup_close int end = (int)syscall(SYS_pidfd_open, pid, 0);
    uint64_t deadline = clock_monotonic_ns() + most_ns, now;
    struct pollfd p[] = {{.fd = end, .events = POLLIN}, {.fd = cancel, .events = POLLIN}};
    int r = -ETIMEDOUT;

    if (end < 0)
        return reap(pid, ret_status);
    while ((now = clock_monotonic_ns()) < deadline) {
        int n = poll(p, ARRAY_SIZE(p), (int)((deadline - now) / NSEC_PER_MSEC) + 1);

        if (n < 0 && errno != EINTR)
            break;
        if (n > 0 && p[0].revents != 0)
            return reap(pid, ret_status);
        if (n > 0 && p[1].revents != 0) {
            r = -ECANCELED;
            break;
        }
    }
    (void)syscall(SYS_pidfd_send_signal, end, signal, NULL, 0);
    (void)reap(pid, ret_status);
    return r;
}

int program_wait(pid_t pid, uint64_t most_ns, int cancel, int *ret_status)
{
    return program_wait_ending(pid, most_ns, cancel, SIGKILL, ret_status);
}
