/* SPDX-License-Identifier: Apache-2.0 */
/* work: known amounts of work, for bench/deadline and bench/accuracy: burn CPU without end or for
 * exactly so long, touch exactly so much memory, have exactly so many processes or threads, sleep.
 * Linked statically and small, so that what is measured is the work. It uses nothing of cupel, and
 * judges nothing; see the table at the end. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NSEC UINT64_C(1000000000)
#define MIB ((size_t)1 << 20)
#define PAGE ((size_t)4096)
#define STACK ((size_t)64 * 1024)

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "work: %s: %s\n", what, strerror(errno));
    exit(3);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t) < 0)
        fail("clock_gettime");
    return (uint64_t)t.tv_sec * NSEC + (uint64_t)t.tv_nsec;
}

static void sleep_ns(uint64_t ns)
{
    struct timespec t = {(time_t)(ns / NSEC), (long)(ns % NSEC)};

    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

/* ---- CPU ---- */

static void *burn(void *until)
{
    uint64_t end = *(uint64_t *)until;

    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
        for (volatile unsigned i = 0; i < 2000; i++)
            ;
    return NULL;
}

static void on_threads(unsigned count, void *(*run)(void *), void *argument)
{
    pthread_t thread[256];
    pthread_attr_t attributes;

    if (count == 0 || count > sizeof(thread) / sizeof(*thread)) {
        errno = EINVAL;
        fail("number of threads");
    }
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    for (unsigned i = 1; i < count; i++)
        if ((errno = pthread_create(&thread[i], &attributes, run, argument)) != 0)
            fail("pthread_create");
    run(argument);
    for (unsigned i = 1; i < count; i++)
        pthread_join(thread[i], NULL);
}

/* spin SECONDS [THREADS]: until this process has used so much CPU, all threads together. */
static void do_spin(double amount, unsigned threads)
{
    uint64_t end = amount > 0 ? (uint64_t)(amount * (double)NSEC) : UINT64_MAX;

    on_threads(threads, burn, &end);
}

/* The same in a grandchild whose parent is gone, so that PID 1 inherits it; waits for its end, but
 * not with wait(2). */
static void do_orphan(double amount, unsigned threads)
{
    int ends[2];
    char byte;

    if (pipe(ends) < 0)
        fail("pipe");
    switch (fork()) {
    case -1:
        fail("fork");
    case 0:
        if (fork() == 0)
            do_spin(amount, threads);
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 0)
        fail("read");
}

/* children 0 COUNT: burners that nobody ever waits for, started one after the other by one that
 * sleeps. */
static void do_children(double amount, unsigned count)
{
    signal(SIGCHLD, SIG_DFL);
    for (unsigned i = 0; i < count; i++)
        if (fork() == 0) {
            do_spin(amount, 1);
            _exit(0);
        }
    for (;;)
        pause();
}

static void *call_kernel(void *ignored)
{
    while (syscall(SYS_getppid) >= 0)
        ;
    return ignored;
}

static void do_syscalls(double ignored, unsigned threads)
{
    (void)ignored;
    on_threads(threads, call_kernel, NULL);
}

/* floor SECONDS THREADS: what the kernel alone takes to hold such a deadline: a child burns, this
 * process sleeps for what is left and kills it. Prints by how many seconds it was late. */
static void do_floor(double amount, unsigned threads)
{
    uint64_t limit = (uint64_t)(amount * (double)NSEC), used = 0;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct rusage usage;
    clockid_t clock;
    pid_t pid = fork();

    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        do_spin(0, threads);
    }
    if ((errno = clock_getcpuclockid(pid, &clock)) != 0)
        fail("clock_getcpuclockid");
    while ((used = now_ns(clock)) < limit) {
        uint64_t wait = (limit - used) / (uint64_t)cpus;

        sleep_ns(wait > 500000 ? wait : 500000);
    }
    kill(pid, SIGKILL);
    if (wait4(pid, NULL, 0, &usage) < 0)
        fail("wait4");
    printf("%.6f\n", (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6 - amount);
}

/* ---- memory: AMOUNT is in MiB, the pages stay until the end ---- */

static void touch(char *at, size_t size)
{
    if (at == MAP_FAILED || at == NULL)
        fail("cannot map");
    for (size_t i = 0; i < size; i += PAGE)
        at[i] = 1;
}

static void do_anonymous(double amount, unsigned ignored)
{
    size_t size = (size_t)(amount * (double)MIB);

    (void)ignored;
    touch(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
}

static void do_shared(double amount, unsigned ignored)
{
    size_t size = (size_t)(amount * (double)MIB);

    (void)ignored;
    touch(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), size);
}

static void do_sysv(double amount, unsigned ignored)
{
    size_t size = (size_t)(amount * (double)MIB);
    int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);

    (void)ignored;
    if (id < 0)
        fail("shmget");
    touch(shmat(id, NULL, 0), size);
}

static void fill(int fd, size_t size)
{
    static char block[64 * 1024];

    memset(block, 1, sizeof(block));
    if (fd < 0)
        fail("cannot open");
    for (size_t done = 0; done < size; done += sizeof(block))
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
            fail("write");
}

static void do_memfd(double amount, unsigned ignored)
{
    (void)ignored;
    fill(memfd_create("work", 0), (size_t)(amount * (double)MIB));
}

static void do_tmpfs(double amount, unsigned ignored)
{
    (void)ignored;
    fill(open("/dev/shm/work", O_WRONLY | O_CREAT, 0600), (size_t)(amount * (double)MIB));
}

static void do_file(double amount, unsigned ignored)
{
    (void)ignored;
    fill(open("/work/file", O_WRONLY | O_CREAT, 0600), (size_t)(amount * (double)MIB));
}

/* Written past the cache, then read through it. */
static void do_read(double amount, unsigned ignored)
{
    size_t size = (size_t)(amount * (double)MIB);
    char *block = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = open("/work/file", O_RDWR | O_CREAT | O_DIRECT, 0600);

    (void)ignored;
    if (fd < 0 || block == MAP_FAILED)
        fail("cannot open /work/file");
    memset(block, 1, MIB);
    for (size_t done = 0; done < size; done += MIB)
        if (write(fd, block, MIB) != (ssize_t)MIB)
            fail("write");
    munmap(block, MIB);
    fd = open("/work/file", O_RDONLY);
    static char small[64 * 1024];
    while (read(fd, small, sizeof(small)) > 0)
        ;
}

/* ---- processes, time ---- */

/* All alive at one time: each waits for the end of the pipe, which is the end of this process. */
static void do_processes(double amount, unsigned ignored)
{
    unsigned count = (unsigned)amount;
    int ready[2], go[2];
    char byte = 0;

    (void)ignored;
    if (pipe(ready) < 0 || pipe(go) < 0)
        fail("pipe");
    for (unsigned i = 0; i < count; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("fork");
        if (pid == 0) {
            close(go[1]);
            (void)!write(ready[1], &byte, 1);
            (void)!read(go[0], &byte, 1);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < count; i++)
        if (read(ready[0], &byte, 1) != 1)
            fail("read");
}

static pthread_barrier_t barrier;

static void *meet(void *ignored)
{
    pthread_barrier_wait(&barrier);
    return ignored;
}

static void do_threads(double amount, unsigned ignored)
{
    (void)ignored;
    if ((errno = pthread_barrier_init(&barrier, NULL, (unsigned)amount + 1)) != 0)
        fail("pthread_barrier_init");
    on_threads((unsigned)amount + 1, meet, NULL);
}

/* Says how long it really was: on a busy machine a sleeper is woken late, which is nobody's error.
 */
static void do_sleep(double amount, unsigned ignored)
{
    uint64_t start = now_ns(CLOCK_MONOTONIC);

    (void)ignored;
    sleep_ns((uint64_t)(amount * (double)NSEC));
    printf("%.9f\n", (double)(now_ns(CLOCK_MONOTONIC) - start) / (double)NSEC);
}

static const struct {
    const char *name;
    void (*run)(double amount, unsigned count);
} table[] = {
    {"spin", do_spin},           {"orphan", do_orphan},   {"children", do_children},
    {"syscalls", do_syscalls},   {"floor", do_floor},     {"anonymous", do_anonymous},
    {"shared", do_shared},       {"sysv", do_sysv},       {"memfd", do_memfd},
    {"tmpfs", do_tmpfs},         {"file", do_file},       {"read", do_read},
    {"processes", do_processes}, {"threads", do_threads}, {"sleep", do_sleep},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc >= 3 && i < sizeof(table) / sizeof(*table); i++) {
        if (strcmp(argv[1], table[i].name) != 0)
            continue;
        table[i].run(strtod(argv[2], NULL), argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1);
        return 0;
    }
    fprintf(stderr,
            "usage: work KIND AMOUNT [COUNT]; AMOUNT 0 of spin, orphan, children: without end\n");
    return 2;
}
