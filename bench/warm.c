/* SPDX-License-Identifier: Apache-2.0 */
/* warm: from a job's order to its verdict, as a client of `cupel serve` sees it over one
 * connection; and between any two of them, what the machine takes for the same program alone:
 * vfork, execve, wait.
 *
 *   warm [-s] SOCKET [JOBS [PAUSE_US [PROGRAM [ROOT PATH]]]]
 *
 * -s: orders alone, and prints each one's milliseconds, one a line (bench/launch).
 * PROGRAM is what runs alone, and in the root `host`, or as PATH in ROOT.
 * Prints the median and the 99th percentile of both, in microseconds, and their ratio. */
#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_DEFAULT 1000
#define PAUSE_DEFAULT_US 10000 /* in which the next sandbox is made ready */
#define PROGRAM_DEFAULT "/bin/true"
#define ANSWER_SIZE 65536

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "warm: %s: %s\n", what, strerror(errno));
    exit(3);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        die(path);
    return fd;
}

/* One request, to the last chunk of its answer. */
static uint64_t ask(int fd, const char *request, size_t len)
{
    static char answer[ANSWER_SIZE + 1];
    uint64_t begun = now_ns();
    size_t n = 0;

    if (write(fd, request, len) != (ssize_t)len)
        die("write");
    while (n < 5 || memcmp(answer + n - 5, "0\r\n\r\n", 5) != 0) {
        ssize_t r = read(fd, answer + n, ANSWER_SIZE - n);

        if (r <= 0)
            die("read");
        n += (size_t)r;
    }
    answer[n] = '\0';
    begun = now_ns() - begun;
    if (strstr(answer, "\"verdict\":\"passed\"") == NULL) {
        (void)fprintf(stderr, "warm: a job did not pass:\n%s\n", answer);
        exit(1);
    }
    return begun;
}

/* The same program alone; posix_spawn is CLONE_VM and CLONE_VFORK, and execve. */
static uint64_t run_alone(const char *program)
{
    char *const argv[] = {(char *)(uintptr_t)program, NULL}, *const env[] = {NULL};
    uint64_t begun = now_ns();
    int status;
    pid_t pid;

    errno = posix_spawn(&pid, program, NULL, NULL, argv, env);
    if (errno != 0 || waitpid(pid, &status, 0) != pid)
        die(program);
    return now_ns() - begun;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void print(const char *what, uint64_t *ns, size_t n)
{
    qsort(ns, n, sizeof(*ns), by_size);
    (void)printf("%-8s p50 %7.1f us  p99 %7.1f us  p99/p50 %.2f\n", what, (double)ns[n / 2] / 1e3,
                 (double)ns[n * 99 / 100] / 1e3, (double)ns[n * 99 / 100] / (double)ns[n / 2]);
}

/* Orders one job after the other, and prints what each took. */
static void print_samples(int fd, const char *request, size_t len, size_t n, unsigned pause_us)
{
    for (size_t i = 0; i < n; i++) {
        (void)usleep(pause_us);
        (void)printf("%.3f\n", (double)ask(fd, request, len) / 1e6);
    }
}

int main(int argc, char **argv)
{
    bool samples = argc > 1 && strcmp(argv[1], "-s") == 0;
    int rest = samples ? argc - 1 : argc;
    char **args = samples ? argv + 1 : argv;
    size_t n = rest > 2 ? strtoul(args[2], NULL, 10) : JOBS_DEFAULT;
    unsigned pause_us = rest > 3 ? (unsigned)strtoul(args[3], NULL, 10) : PAUSE_DEFAULT_US;
    const char *program = rest > 4 ? args[4] : PROGRAM_DEFAULT;
    uint64_t *served = calloc(n + 1, sizeof(*served)), *alone = calloc(n + 1, sizeof(*alone));
    char body[512], request[1024];
    int fd, len;

    if (rest < 2 || n == 0 || served == NULL || alone == NULL) {
        (void)fputs("usage: warm [-s] SOCKET [JOBS [PAUSE_US [PROGRAM [ROOT PATH]]]]\n", stderr);
        return 2;
    }
    fd = connect_to(args[1]);
    (void)snprintf(body, sizeof(body), "{\"rootfs\":\"%s\",\"run\":[\"%s\"]}",
                   rest > 6 ? args[5] : "host", rest > 6 ? args[6] : program);
    len = snprintf(request, sizeof(request),
                   "POST /jobs HTTP/1.1\r\nHost: cupel\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(body), body);
    (void)ask(fd, request, (size_t)len); /* of a shape that was not known yet */
    if (samples) {
        print_samples(fd, request, (size_t)len, n, pause_us);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        (void)usleep(pause_us);
        served[i] = ask(fd, request, (size_t)len);
        alone[i] = run_alone(program);
    }
    print("served", served, n);
    print("alone", alone, n);
    (void)printf("served / alone, medians: %.2f\n", (double)served[n / 2] / (double)alone[n / 2]);
    return 0;
}
