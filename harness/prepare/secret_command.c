/* SPDX-License-Identifier: Apache-2.0 */
/* secret_command: see secret_command.h. A process between the command and cupel keeps what the
 * command starts together: it is the parent of all that has lost its own (PR_SET_CHILD_SUBREAPER),
 * so that none gets away from it by a fork or a session of its own. A process group would do less,
 * and keep a command from asking at the terminal. */
#include "harness/prepare/secret_command.h"

#include "base/program.h"
#include "base/redact.h"
#include "base/weaken.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define COMMAND_NS (60 * NSEC_PER_SEC)
/* For what it may not end: a program with more rights than its caller. */
#define ENDING_NS (2 * NSEC_PER_SEC)
#define LIST_MAX 4096

_Noreturn static void run_command(const struct jobs_secret *of, const char *dir,
                                  const sigset_t *signals, int out, int said)
{
    const struct rlimit size = {REDACT_VALUE_MAX * 4, REDACT_VALUE_MAX * 4};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)sigprocmask(SIG_SETMASK, signals, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
        dup2(said, STDERR_FILENO) >= 0 && setrlimit(RLIMIT_FSIZE, &size) == 0 && chdir(dir) == 0)
        (void)execvp(of->command[0], (char *const *)of->command);
    (void)dprintf(STDERR_FILENO, "%s: %s\n", of->command[0], strerror(errno));
    _exit(127);
}

/* ---- the one between ---- */

static void kill_children(void)
{
    char path[64], list[LIST_MAX];
    cleanup_close int fd = -EBADF;
    ssize_t n;
    char *save = NULL;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%ld/children", (long)syscall(SYS_gettid));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, list, sizeof(list) - 1);
    if (n <= 0)
        return;
    list[n] = '\0';
    for (char *p = strtok_r(list, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save))
        if (p + strlen(p) < list + n) /* else it may be half of a number */
            (void)kill((pid_t)strtol(p, NULL, 10), SIGKILL);
}

/* Ends all that is below. Whoever loses its parent by that becomes a child, and is next. */
static void end_all(pid_t command, const sigset_t *wanted)
{
    const struct timespec a_little = {0, 10 * NSEC_PER_MSEC};
    uint64_t until = clock_monotonic_ns() + ENDING_NS;

    (void)kill(command, SIGKILL); /* not reaped yet, or this would have ended */
    while (!weakened("secret-children") && clock_monotonic_ns() < until) {
        pid_t r;

        kill_children();
        while ((r = waitpid(-1, NULL, WNOHANG)) > 0)
            ;
        if (r < 0)
            return;
        (void)sigtimedwait(wanted, NULL, &a_little);
    }
}

/* Passes on what became of the command by way of *ret. */
_Noreturn static void keep_together(pid_t command, int *ret)
{
    sigset_t wanted;

    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGTERM);
    (void)sigaddset(&wanted, SIGCHLD);
    for (;;) {
        int status, signal = sigwaitinfo(&wanted, NULL);
        bool ended = false;
        pid_t pid;

        if (signal == SIGTERM) {
            end_all(command, &wanted);
            _exit(1);
        }
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == command) {
                *ret = status;
                ended = true;
            }
        if (ended)
            _exit(0);
    }
}

static void hold_signals(void)
{
    sigset_t held;

    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGTERM);
    (void)sigaddset(&held, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &held, NULL);
    (void)signal(SIGCHLD, SIG_DFL); /* a caller may have it ignored: then nobody would be told */
}

int secret_command_run(const struct jobs_secret *of, const char *dir,
                       const struct interrupt *signals, int out, int said, int *ret_status)
{
    int *status =
        mmap(NULL, sizeof(*status), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t parent = getpid(), pid;
    int r, how = 0;

    if (status == MAP_FAILED)
        return -errno;
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        pid_t own = getpid(), command;

        hold_signals();
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent ||
            prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
            _exit(1);
        command = fork();
        if (command == 0) {
            program_die_with(own);
            run_command(of, dir, &signals->before, out, said);
        }
        if (command < 0)
            _exit(1);
        keep_together(command, status);
    }
    r = pid < 0 ? -errno : program_wait_ending(pid, COMMAND_NS, signals->fd, SIGTERM, &how);
    if (r == 0 && how != 0)
        r = -ECHILD;
    *ret_status = *status;
    (void)munmap(status, sizeof(*status));
    return r;
}
