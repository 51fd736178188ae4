/* SPDX-License-Identifier: Apache-2.0 */
/* probe_main: finds a probe by its name and runs it; and what all probes need. One static program
 * with all of them, so that it runs in any root. */
#include "probes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The harness compares these between jobs that are to run at the same time. */
static void print_time(const char *what)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    printf("%s %lld\n", what, (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    fflush(stdout);
}

static _Noreturn void say(int code, const char *word, const char *fmt, va_list ap)
{
    print_time("to");
    printf("%s: ", word);
    vprintf(fmt, ap);
    printf("\n");
    fflush(stdout);
    _exit(code);
}

#define SAYS(function, code, word)                                                                 \
    _Noreturn void function(const char *fmt, ...)                                                  \
    {                                                                                              \
        va_list ap;                                                                                \
                                                                                                   \
        va_start(ap, fmt);                                                                         \
        say(code, word, fmt, ap);                                                                  \
    }
SAYS(breach, PROBE_BREACH, "BREACH")
SAYS(contained, PROBE_CONTAINED, "contained")
SAYS(untested, PROBE_UNTESTED, "untested")
SAYS(known_open, PROBE_OPEN, "open")

bool probe_refused(long r)
{
    return r < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS);
}

_Noreturn void judge_call(const char *what, long r)
{
    if (probe_refused(r))
        contained("%s: %s", what, strerror(errno));
    if (r < 0)
        breach("%s reached the kernel, which looked at its arguments: %s", what, strerror(errno));
    breach("%s succeeded", what);
}

void expect_unopenable(const char *path, int flags)
{
    int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd >= 0)
        breach("%s can be opened%s", path, (flags & O_ACCMODE) == O_RDONLY ? "" : " for writing");
}

const char *from_harness(const char *name)
{
    const char *value = getenv(name);

    if (value == NULL)
        untested("%s is not set: not started by cupel selftest", name);
    return value;
}

const char *token(void)
{
    return from_harness("SELFTEST_TOKEN");
}

const char *with_token(const char *prefix)
{
    static char name[128];

    snprintf(name, sizeof(name), "%s-%s", prefix, token());
    return name;
}

int token_key(void)
{
    return (int)(strtoul(token(), NULL, 16) & 0x7fffffff) | 1;
}

void nap_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

bool in_orphan(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        pid_t grandchild = fork();

        if (grandchild == 0)
            return true;
        _exit(grandchild < 0);
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return false;
}

int probe_in_child(void (*fn)(void))
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        fn();
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

ssize_t slurp(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n, sum = 0;

    if (fd < 0)
        return -1;
    while ((n = read(fd, buf + sum, size - 1 - (size_t)sum)) > 0)
        sum += n;
    close(fd);
    buf[sum] = '\0';
    return n < 0 && sum == 0 ? -1 : sum;
}

/* Another job's process, where two jobs are one: `beside PROBE`. */
static void have_company(void)
{
    if (fork() != 0)
        return;
    (void)prctl(PR_SET_NAME, "neighbour");
    (void)alarm(60);
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    const struct probe *const tables[] = {escape_probes,   kernel_probes,    neighbour_probes,
                                          leftover_probes, result_probes,    environment_probes,
                                          limit_probes,    uncounted_probes, service_probes};

    if (argc == 3 && strcmp(argv[1], "beside") == 0) {
        have_company();
        argv++;
    }
    for (size_t t = 0; argc >= 2 && t < sizeof(tables) / sizeof(*tables); t++)
        for (const struct probe *p = tables[t]; p->name != NULL; p++)
            if (strcmp(argv[1], p->name) == 0) {
                if (getenv("SELFTEST_TOKEN") == NULL) {
                    fprintf(stderr, "cupel-probes: only to be run by cupel selftest\n");
                    return 2;
                }
                print_time("from");
                p->run();
                return PROBE_CONTAINED;
            }
    fprintf(stderr, "cupel-probes: no such probe: %s\n", argc >= 2 ? argv[1] : "(none)");
    return 2;
}
