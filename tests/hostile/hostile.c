/* SPDX-License-Identifier: Apache-2.0 */
/* hostile: what a job may try against the limits that hold it and against its own end: one attack
 * an invocation, see the table at the end. Linked statically, so that it runs in any root. It is
 * only ever to be run inside a sandbox with limits on processes, memory, time and disk: some of
 * these take a machine down. tests/e2e/hostile-*.sh have the expectations. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NSEC UINT64_C(1000000000)
#define MIB ((size_t)1 << 20)

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
    exit(3);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t) < 0)
        fail("clock_gettime");
    return (uint64_t)t.tv_sec * NSEC + (uint64_t)t.tv_nsec;
}

static _Noreturn void sleep_for_ever(void)
{
    for (;;)
        pause();
}

/* Burns CPU until this process has used so many milliseconds of it. */
static void burn_ms(unsigned long ms)
{
    uint64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + ms * 1000000;

    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
        ;
}

static _Noreturn void burn_for_ever(void)
{
    for (volatile unsigned i = 0;; i++)
        ;
}

/* A process that PID 1 inherits: 0 in it, 1 in the caller once the process between them is gone. */
static int orphan(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        pid_t grandchild = fork();

        if (grandchild == 0)
            return 0;
        _exit(grandchild < 0 ? 1 : 0);
    }
    if (pid > 0) {
        int status = 0;

        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        if (status == 0)
            return 1;
        errno = EAGAIN;
    }
    return -1;
}

/* ---- processes and threads ---- */

static void fork_bomb(unsigned long ignored)
{
    (void)ignored;
    for (;;)
        (void)!fork();
}

/* The same, where nobody listens to SIGTERM and everybody is a session of its own. */
static void fork_bomb_deaf(unsigned long ignored)
{
    (void)ignored;
    signal(SIGTERM, SIG_IGN);
    for (;;)
        if (fork() == 0)
            (void)setsid();
}

static void *spawn_threads(void *ignored)
{
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)64 * 1024);
    for (pthread_t thread;;)
        (void)pthread_create(&thread, &attributes, spawn_threads, NULL);
    return ignored;
}

static void thread_bomb(unsigned long ignored)
{
    (void)ignored;
    (void)spawn_threads(NULL);
}

static void vfork_storm(unsigned long ignored)
{
    (void)ignored;
    for (;;) {
        pid_t pid = vfork();

        if (pid == 0)
            _exit(0);
        if (pid > 0)
            (void)waitpid(pid, NULL, 0);
    }
}

/* Children that share memory and signal no parent: they need __WALL or __WCLONE to be waited for,
 * which nobody does. */
static void clone_storm(unsigned long ignored)
{
    (void)ignored;
    for (;;)
        if (syscall(SYS_clone, 0, NULL, NULL, NULL, NULL) == 0)
            _exit(0);
}

/* Forks and exits, and so does its child: always a new pid, always an orphan. */
static void hop(void)
{
    for (;;) {
        pid_t pid = fork();

        if (pid > 0)
            _exit(0);
        if (pid == 0)
            (void)setsid();
    }
}

static void hopper(unsigned long stay)
{
    if (fork() == 0)
        hop();
    if (stay)
        sleep_for_ever();
    usleep(50000);
}

/* Makes so many orphans that die at once; only if PID 1 reaps them is there room for all under the
 * `pids` limit. */
static void orphans(unsigned long count)
{
    uint64_t give_up = now_ns(CLOCK_MONOTONIC) + 60 * NSEC;

    for (unsigned long i = 0; i < count;) {
        int r = orphan();

        if (r == 0)
            _exit(0);
        if (r > 0)
            i++;
        else if (now_ns(CLOCK_MONOTONIC) > give_up)
            fail("no room for another orphan");
        else
            usleep(1000); /* the reaper has not come round yet */
    }
}

/* Children that die and are never waited for: each keeps its pid. */
static void zombies(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("fork");
        if (pid == 0)
            _exit(0);
    }
}

/* ---- time ---- */

static void sleeper(unsigned long ignored)
{
    (void)ignored;
    sleep_for_ever();
}

static void deaf(unsigned long ignored)
{
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_IGN);
    (void)ignored;
    sleep_for_ever();
}

static void deaf_child(unsigned long ignored)
{
    (void)ignored;
    if (fork() == 0) {
        signal(SIGTERM, SIG_IGN);
        (void)setsid();
        sleep_for_ever();
    }
    sleep_for_ever();
}

static void stop(unsigned long ignored)
{
    (void)ignored;
    for (;;)
        raise(SIGSTOP);
}

/* Everything in sight, PID 1 included if the kernel lets us. */
static void stop_all(unsigned long ignored)
{
    (void)ignored;
    (void)kill(1, SIGSTOP);
    (void)kill(-1, SIGSTOP);
    for (;;)
        raise(SIGSTOP);
}

static void kill_all(unsigned long ignored)
{
    (void)ignored;
    (void)kill(1, SIGKILL);
    (void)kill(-1, SIGKILL);
    (void)kill(0, SIGKILL);
}

static void system_calls(unsigned long ignored)
{
    (void)ignored;
    while (syscall(SYS_getppid) >= 0)
        ;
}

static void descend(const char *name, unsigned long depth)
{
    for (unsigned long i = 0; i < depth; i++)
        if (mkdir(name, 0755) < 0 || chdir(name) < 0)
            fail("a directory");
}

static void make_empty(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0)
        fail("a file");
    close(fd);
}

/* Makes so many files whose paths have 15,000 bytes each, none of them a letter. */
static void long_names(unsigned long count)
{
    char name[256];

    memset(name, 1, 255);
    name[255] = '\0';
    descend(name, 60);
    for (unsigned long i = 0; i < count; i++) {
        name[snprintf(name, sizeof(name), "%lu", i)] = 1;
        make_empty(name);
    }
}

/* A file of 4 MiB, and so many more names of it. */
static void many_links(unsigned long count)
{
    static char mib[MIB];
    int fd = open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    memset(mib, 'x', sizeof(mib));
    for (int i = 0; i < 4; i++)
        if (fd < 0 || write(fd, mib, sizeof(mib)) != (ssize_t)sizeof(mib))
            fail("file");
    for (unsigned long i = 0; i < count; i++) {
        char name[32];

        snprintf(name, sizeof(name), "link-%lu", i);
        if (link("file", name) < 0)
            fail(name);
    }
}

/* Directories within one another that all have the same name, and a file in the last. */
static void same_names(unsigned long depth)
{
    descend("d", depth);
    make_empty("file");
}

static void *sleep_on(void *ignored)
{
    for (;;)
        (void)pause();
    return ignored;
}

/* A daemon whose first thread has ended when the command does: /proc shows it as a zombie, and it
 * lives. Its name has the argument, to be told from others. */
static void first_thread_ends(unsigned long ignored)
{
    char path[64], text[256] = "";
    pid_t pid = fork();
    pthread_t thread;

    (void)ignored;
    if (pid == 0) {
        (void)setsid();
        if (pthread_create(&thread, NULL, sleep_on, NULL) != 0)
            fail("pthread_create");
        pthread_exit(NULL);
    }
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    while (strstr(text, ") Z ") == NULL) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
            fail(path);
        close(fd);
    }
}

/* The command is gone at once; its grandchild would burn for ever. */
static void burner_left(unsigned long ignored)
{
    (void)ignored;
    if (orphan() == 0)
        burn_for_ever();
}

/* An orphan burns for so many milliseconds, while the command waits for it, but not with wait(2).
 */
static void burner_billed(unsigned long ms)
{
    int ends[2];
    char byte;

    if (pipe(ends) < 0)
        fail("pipe");
    if (orphan() == 0) {
        burn_ms(ms);
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 0)
        fail("read");
}

static void burner_orphan(unsigned long ignored)
{
    (void)ignored;
    if (orphan() == 0)
        burn_for_ever();
    sleep_for_ever();
}

/* Generations: each burns a little and hands over, so that no process ever has used much. */
static void burner_relay(unsigned long ignored)
{
    (void)ignored;
    if (fork() == 0)
        for (;;) {
            pid_t pid = fork();

            if (pid > 0) {
                burn_ms(5);
                _exit(0);
            }
        }
    sleep_for_ever();
}

/* ---- memory ---- */

static void touch(size_t size)
{
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        fail("mmap");
    for (size_t i = 0; i < size; i += 4096)
        at[i] = 1;
}

static void oom_child(unsigned long mib)
{
    pid_t pid = fork();

    if (pid == 0) {
        touch(mib * MIB);
        _exit(0);
    }
    (void)waitpid(pid, NULL, 0);
}

static void oom_child_stays(unsigned long mib)
{
    oom_child(mib);
    sleep_for_ever();
}

static void fill_file(const char *path, size_t size, bool until_full)
{
    static char block[64 * 1024];
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    if (fd < 0)
        fail(path);
    for (size_t done = 0; until_full || done < size; done += sizeof(block)) {
        ssize_t n = write(fd, block, sizeof(block));

        if (n != (ssize_t)sizeof(block))
            fail("write");
    }
}

static void fill_shm(unsigned long mib)
{
    fill_file("/dev/shm/fill", mib * MIB, mib == 0);
}

static void fill_tmp(unsigned long mib)
{
    fill_file("/tmp/fill", mib * MIB, mib == 0);
}

static void fill_work(unsigned long mib)
{
    fill_file("/work/fill", mib * MIB, mib == 0);
}

static void memfds(unsigned long ignored)
{
    (void)ignored;
    for (;;) {
        int fd = memfd_create("hostile", 0);

        if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
            fail("memfd_create");
        char *at = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED)
            fail("mmap");
        memset(at, 1, MIB);
        (void)munmap(at, MIB);
    }
}

/* Kernel memory: full pipes, and full sockets. */
static void pipes(unsigned long ignored)
{
    static char block[64 * 1024];

    (void)ignored;
    for (;;) {
        int ends[2];

        if (pipe2(ends, O_NONBLOCK) < 0) {
            if (errno != EMFILE)
                fail("pipe");
            if (fork() != 0) /* goes on in a child that keeps all of these and has as many again */
                sleep_for_ever();
            continue;
        }
        while (write(ends[1], block, sizeof(block)) > 0)
            ;
    }
}

/* ---- output and disk ---- */

static void flood(unsigned long ignored)
{
    static char block[64 * 1024];
    pid_t pid = fork();

    (void)ignored;
    if (pid < 0)
        fail("fork");
    memset(block, 'x', sizeof(block));
    for (;;)
        (void)!write(pid == 0 ? 1 : 2, block, sizeof(block));
}

/* Nobody's output, and nothing else that is open either. */
static void close_all(unsigned long ms)
{
    (void)close_range(0, ~0U, 0);
    usleep((unsigned)ms * 1000);
}

static void hold_output(unsigned long ignored)
{
    (void)ignored;
    if (orphan() == 0) {
        (void)setsid();
        sleep_for_ever();
    }
    (void)!write(1, "held\n", 5);
}

/* Goes on after it was refused one, but not for ever: every name that was asked for is kernel
 * memory, and that is another limit's business. */
static void empty_files(unsigned long count)
{
    unsigned long refused = 0;

    for (unsigned long i = 0; i < count && refused < 20000; i++) {
        char name[32];
        int fd;

        (void)snprintf(name, sizeof(name), "/work/%lu", i);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        refused += fd < 0;
        (void)close(fd);
    }
    if (refused > 0)
        exit(1);
}

static void sparse(unsigned long gib)
{
    int fd = open("/work/sparse", O_WRONLY | O_CREAT, 0600);

    if (fd < 0 || ftruncate(fd, (off_t)gib << 30) < 0 ||
        pwrite(fd, "end", 3, ((off_t)gib << 30) - 3) != 3)
        fail("/work/sparse");
}

static void forbidden(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        if (mkdir("a", 0700) < 0 || symlink("/", "a/link") < 0 || mknod("a/fifo", S_IFIFO, 0) < 0)
            fail("mkdir");
        if (chdir("a") < 0)
            fail("chdir");
        int fd = open("file", O_WRONLY | O_CREAT, 0);
        int flags = FS_IMMUTABLE_FL | FS_APPEND_FL;

        if (fd >= 0 && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0)
            fail("the immutable flag was granted"); /* nobody could remove that file */
        (void)close(fd);
        if (chmod(".", 0) < 0)
            fail("chmod");
    }
}

static void deep(unsigned long depth)
{
    for (unsigned long i = 0; i < depth; i++)
        if (mkdir("directory", 0700) < 0 || chdir("directory") < 0)
            fail("mkdir");
}

static const struct {
    const char *name;
    void (*run)(unsigned long argument);
} table[] = {
    {"fork-bomb", fork_bomb},
    {"fork-bomb-deaf", fork_bomb_deaf},
    {"thread-bomb", thread_bomb},
    {"vfork-storm", vfork_storm},
    {"clone-storm", clone_storm},
    {"hopper", hopper},
    {"orphans", orphans},
    {"zombies", zombies},
    {"sleeper", sleeper},
    {"deaf", deaf},
    {"deaf-child", deaf_child},
    {"stop", stop},
    {"stop-all", stop_all},
    {"kill-all", kill_all},
    {"system-calls", system_calls},
    {"first-thread-ends", first_thread_ends},
    {"burner-left", burner_left},
    {"burner-billed", burner_billed},
    {"burner-orphan", burner_orphan},
    {"burner-relay", burner_relay},
    {"oom-child", oom_child},
    {"oom-child-stays", oom_child_stays},
    {"fill-shm", fill_shm},
    {"fill-tmp", fill_tmp},
    {"fill-work", fill_work},
    {"memfds", memfds},
    {"pipes", pipes},
    {"flood", flood},
    {"close-all", close_all},
    {"hold-output", hold_output},
    {"empty-files", empty_files},
    {"sparse", sparse},
    {"forbidden", forbidden},
    {"deep", deep},
    {"long-names", long_names},
    {"many-links", many_links},
    {"same-names", same_names},
};

int main(int argc, char **argv)
{
    if (getenv("CUPEL_JOB") == NULL) {
        fprintf(stderr, "hostile: not in a sandbox\n");
        return 2;
    }
    for (size_t i = 0; argc >= 2 && i < sizeof(table) / sizeof(*table); i++)
        if (strcmp(argv[1], table[i].name) == 0) {
            table[i].run(argc > 2 ? strtoul(argv[2], NULL, 10) : 0);
            return 0;
        }
    fprintf(stderr, "usage: hostile ATTACK [NUMBER]\n");
    return 2;
}
