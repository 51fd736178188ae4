/* SPDX-License-Identifier: Apache-2.0 */
/* usage: runs a command and prints, on standard error, the processor time that it took, in
 * milliseconds, and the most memory that it had (ru_maxrss of getrusage(2)), in KiB. Uses nothing
 * of cupel. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double ms_of(struct timeval t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

int main(int argc, char **argv)
{
    struct rusage u;
    int status;
    pid_t pid;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: usage COMMAND [ARGUMENT]...\n");
        return 2;
    }
    pid = fork();
    if (pid == 0) {
        (void)execvp(argv[1], argv + 1);
        (void)fprintf(stderr, "usage: cannot execute %s: %s\n", argv[1], strerror(errno));
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &u) < 0) {
        (void)fprintf(stderr, "usage: %s\n", strerror(errno));
        return 3;
    }
    (void)fprintf(stderr, "%.1f %ld\n", ms_of(u.ru_utime) + ms_of(u.ru_stime), u.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}
