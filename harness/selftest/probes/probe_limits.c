/* SPDX-License-Identifier: Apache-2.0 */
/* probe_limits: asks for more than the job was given, but never for more than a machine without
 * limits has to spare: so that a probe may be run without its limit, and then says that it got
 * everything. How the limit ends the job is judged from outside. */
#include "probes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define PIDS_ASKED 120
#define MEMORY_ASKED (96 * MIB)
#define PIPES_ASKED (24 * MIB)
#define DISK_ASKED (48 * MIB)
#define INODES_ASKED 4000
#define OUTPUT_ASKED (2 * MIB)

/* ---- processes ---- */

static void fork_many(void)
{
    static pid_t children[PIDS_ASKED];
    int n = 0;

    while (n < PIDS_ASKED) {
        pid_t pid = fork();

        if (pid == 0) {
            (void)alarm(10);
            for (;;)
                pause();
        }
        if (pid < 0)
            break;
        children[n++] = pid;
    }
    for (int i = 0; i < n; i++)
        kill(children[i], SIGKILL);
    if (n == PIDS_ASKED)
        breach("%d processes at once", n);
    contained("%d processes, then %s", n, strerror(EAGAIN));
}

static void *thread_main(void *ignored)
{
    nap_ms(10000);
    return ignored;
}

static void thread_many(void)
{
    pthread_attr_t attributes;
    int n = 0;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)64 * 1024);
    for (pthread_t thread;
         n < PIDS_ASKED && pthread_create(&thread, &attributes, thread_main, NULL) == 0;)
        n++;
    if (n == PIDS_ASKED)
        breach("%d threads at once", n);
    contained("%d threads, then no more", n);
}

/* Makes more zombies than the limit of processes: those that have died and were not waited for
 * count too. */
static void zombie_many(void)
{
    int n = 0;

    while (n < PIDS_ASKED) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        if (pid < 0)
            break;
        n++;
    }
    if (n == PIDS_ASKED)
        breach("%d zombies at once", n);
    contained("%d zombies, then %s", n, strerror(EAGAIN));
}

/* ---- memory ---- */

static void fill(char *at, size_t size)
{
    if (at == MAP_FAILED)
        untested("mmap: %s", strerror(errno));
    for (size_t i = 0; i < size; i += 4096)
        at[i] = 1;
}

static void memory_anonymous(void)
{
    fill(mmap(NULL, MEMORY_ASKED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
         MEMORY_ASKED);
    breach("%zu MiB of memory", MEMORY_ASKED / MIB);
}

static void write_much(int fd, size_t size, const char *what)
{
    static char block[65536];

    memset(block, 'x', sizeof(block));
    for (size_t done = 0; done < size; done += sizeof(block))
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
            contained("%s: %zu KiB, then %s", what, done / 1024, strerror(errno));
    breach("%zu MiB by %s", size / MIB, what);
}

static void memory_tmpfs(void)
{
    write_much(open("/dev/shm/fill", O_WRONLY | O_CREAT, 0600), MEMORY_ASKED, "/dev/shm");
}

static void memory_memfd(void)
{
    write_much(memfd_create("fill", 0), MEMORY_ASKED, "memfd_create");
}

/* Marked for removal at once, so that it goes with the process wherever this runs. */
static void memory_sysv(void)
{
    int id = shmget(IPC_PRIVATE, MEMORY_ASKED, 0600);
    char *at = id >= 0 ? shmat(id, NULL, 0) : MAP_FAILED;

    if (id >= 0)
        (void)shmctl(id, IPC_RMID, NULL);
    fill(at, MEMORY_ASKED);
    breach("%zu MiB by shmget", MEMORY_ASKED / MIB);
}

static void memory_pipes(void)
{
    static char block[65536];
    size_t sum = 0;

    for (int ends[2]; sum < PIPES_ASKED;) {
        ssize_t n;

        if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
            contained("pipes: %zu KiB, then %s", sum / 1024, strerror(errno));
        while ((n = write(ends[1], block, sizeof(block))) > 0)
            sum += (size_t)n;
    }
    breach("%zu MiB by pipes", sum / MIB);
}

/* Messages that nobody takes, in as many pairs as there are descriptors. */
static void memory_sockets(void)
{
    static char block[32768];
    size_t sum = 0;

    for (int pair[2]; sum < PIPES_ASKED;) {
        ssize_t n;

        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
            contained("socket buffers: %zu KiB, then %s", sum / 1024, strerror(errno));
        while ((n = send(pair[0], block, sizeof(block), 0)) > 0)
            sum += (size_t)n;
    }
    breach("%zu MiB in socket buffers", sum / MIB);
}

static void eat(void)
{
    char *at = mmap(NULL, MEMORY_ASKED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    fill(at, MEMORY_ASKED);
    _exit(PROBE_BREACH);
}

/* A child is killed for want of memory and the command does not care: the verdict still says so. */
static void memory_child(void)
{
    if (probe_in_child(eat) == PROBE_BREACH)
        breach("%zu MiB of memory in a child", MEMORY_ASKED / MIB);
    contained("the child did not get it");
}

/* ---- disk, output ---- */

static void disk_bytes(void)
{
    write_much(open("/tmp/fill", O_WRONLY | O_CREAT, 0600), DISK_ASKED, "the disk");
}

static void disk_inodes(void)
{
    for (int i = 0; i < INODES_ASKED; i++) {
        char name[32];
        int fd;

        snprintf(name, sizeof(name), "/tmp/%d", i);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0)
            contained("%d files, then %s", i, strerror(errno));
        close(fd);
    }
    breach("%d files", INODES_ASKED);
}

static void output_flood(void)
{
    static char block[65536];

    memset(block, '.', sizeof(block));
    for (size_t done = 0; done < OUTPUT_ASKED; done += sizeof(block))
        (void)!write(done % 2 == 0 ? 1 : 2, block, sizeof(block));
    _exit(PROBE_BREACH);
}

/* ---- time ---- */

static void burn_ms(unsigned ms)
{
    struct timespec t;

    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    while ((unsigned)(t.tv_sec * 1000 + t.tv_nsec / 1000000) < ms);
}

/* The time of a grandchild that nobody waits for counts as well. */
static void cpu_orphan(void)
{
    int ends[2];
    char byte;

    if (pipe(ends) < 0)
        untested("pipe: %s", strerror(errno));
    if (in_orphan()) {
        burn_ms(1500);
        (void)!write(ends[1], "x", 1);
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], &byte, 1) == 1)
        breach("an orphan burnt 1.5 s of CPU");
    contained("the orphan was ended");
}

static void wall_deaf(void)
{
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_IGN);
    nap_ms(2000);
    breach("2 s of wall time");
}

/* Slowly, so that it is no limit of output that ends it; and never long without, but longer than
 * judge_late allows. */
static void wall_busy(void)
{
    time_t end = time(NULL) + 10;

    signal(SIGTERM, SIG_IGN);
    while (time(NULL) < end) {
        (void)!write(STDERR_FILENO, ".", 1);
        nap_ms(1);
    }
    breach("more than 9 s of wall time");
}

/* Where /dev/null is the host's, lent as a mount, nothing can be put in its place. */
static void plant_null_fifo(void)
{
    if (unlink("/dev/null") < 0 || mkfifo("/dev/null", 0600) < 0)
        contained("/dev/null stays: %s", strerror(errno));
    contained("/dev/null is a FIFO");
}

static void wall_between_steps(void)
{
    contained("no set-up waited for what the step before left");
}

const struct probe limit_probes[] = {
    {"processes", fork_many},
    {"threads", thread_many},
    {"dead-processes", zombie_many},
    {"memory-anonymous", memory_anonymous},
    {"memory-around", memory_anonymous},
    {"memory-around-shm", memory_tmpfs},
    {"memory-tmpfs", memory_tmpfs},
    {"memory-memfd", memory_memfd},
    {"memory-sysv", memory_sysv},
    {"memory-pipes", memory_pipes},
    {"memory-sockets", memory_sockets},
    {"memory-child", memory_child},
    {"disk", disk_bytes},
    {"inodes", disk_inodes},
    {"output", output_flood},
    {"cpu-orphan", cpu_orphan},
    {"wall-deaf", wall_deaf},
    {"wall-busy", wall_busy},
    {"plant-null-fifo", plant_null_fifo},
    {"wall-between-steps", wall_between_steps},
    {0},
};
