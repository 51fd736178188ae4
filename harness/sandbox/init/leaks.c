/* SPDX-License-Identifier: Apache-2.0 */
/* leaks: what is still alive when a step's command has ended, named before it is killed: pid in the
 * job, command line, CPU time. What it reads is hostile text, and may be any amount of it: bounded
 * here, in number and in time, escaped by whoever shows it. Runs in PID 1: no malloc, no stdio. */
#include "harness/sandbox/init/leaks.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TICKS_PER_SEC 100 /* USER_HZ, the same on every architecture that we know (times(2)) */

/* A job ends no later for having left thousands of processes, or some that /proc is slow to tell
 * of: so many of those alive are looked at (at most 1 KiB of each, and the command lines of those
 * that are named), and no longer than this. */
#define LOOK_MAX 2048
#define LOOK_NS (3 * NSEC_PER_SEC)
#define THREADS_MAX 256 /* of a process whose first thread has ended */

/* As getdents64(2) has it. */
struct leaks_entry {
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type;
    char name[];
};

static uint64_t take_number(const char **p)
{
    uint64_t v = 0;

    for (; **p >= '0' && **p <= '9'; (*p)++)
        v = v * 10 + (uint64_t)(**p - '0');
    return v;
}

/* "PID/file" below proc, at most size - 1 bytes, NUL-terminated; the number of bytes. */
static size_t read_below(int proc, const char *pid, const char *file, char *buf, size_t size)
{
    char path[64];
    cleanup_close int fd = -EBADF;
    ssize_t n;

    safe_copy(path, pid, sizeof(path));
    safe_append(path, file, sizeof(path));
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? 0 : read(fd, buf, size - 1);
    if (n < 0)
        n = 0;
    buf[n] = '\0';
    return (size_t)n;
}

/* The text after `n` more fields of stat; NULL where there is none. */
static const char *skip_fields(const char *p, int n)
{
    for (; n > 0 && p != NULL; n--) {
        p = strchr(p, ' ');
        p = p != NULL ? p + 1 : NULL;
    }
    return p;
}

#define PF_EXITING 0x00000004u /* include/linux/sched.h: getting shut down */

/* proc(5), /proc/pid/stat: "pid (comm) state ..." with flags as field 9, utime and stime as 14 and
 * 15, the number of threads as 20, and the thread's pending signals as 31, where the kernel puts
 * SIGKILL for whatever signal will end the process. */
struct stat_line {
    char *name;
    /* neither dead nor only on its way: a command that kills its children without waiting leaves
     * nothing */
    bool alive;
    uint64_t threads;
    uint64_t cpu_ns;
};

/* `text` is taken apart; false: it is not such a line. */
static bool parse_stat(char *text, struct stat_line *ret)
{
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    const char *flags, *times, *threads, *pending;
    uint64_t ticks;

    if (open == NULL || close == NULL || close[1] == '\0')
        return false;
    flags = skip_fields(close + 2, 9 - 3);
    times = skip_fields(flags, 14 - 9);
    threads = skip_fields(times, 20 - 14);
    pending = skip_fields(threads, 31 - 20);
    *close = '\0';
    *ret = (struct stat_line){
        .name = open + 1, .alive = close[2] != 'Z' && close[2] != 'X', .threads = 1};
    if (pending == NULL)
        return true;
    ret->alive &= (take_number(&flags) & PF_EXITING) == 0 &&
                  ((take_number(&pending) >> (SIGKILL - 1)) & 1u) == 0;
    ret->threads = take_number(&threads);
    ticks = take_number(&times);
    if (*times == ' ') {
        times++;
        ticks += take_number(&times);
    }
    ret->cpu_ns = ticks * (NSEC_PER_SEC / TICKS_PER_SEC);
    return true;
}

static void read_command(int proc, const char *pid, struct init_report *r)
{
    char text[sizeof(r->detail)];
    size_t n = read_below(proc, pid, "/cmdline", text, sizeof(text));

    if (n == 0)
        return;
    while (n > 0 && text[n - 1] == '\0')
        n--;
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    safe_copy(r->detail, text, sizeof(r->detail));
}

/* Whether the thread lives; what it is executing is the process's, then. */
static bool look_at_thread(int proc, const char *path, struct init_report *r)
{
    char text[1024];
    struct stat_line line;

    if (read_below(proc, path, "/stat", text, sizeof(text)) == 0 || !parse_stat(text, &line) ||
        !line.alive)
        return false;
    read_command(proc, path, r);
    return true;
}

/* A process lives as long as one of its threads does: once the first one has ended, /proc shows the
 * process as a zombie, without a command line, and it goes on. One that has more dead threads than
 * are looked at counts as alive: nobody hides behind them. */
static bool has_living_thread(int proc, const char *pid, struct init_report *r)
{
    char buf[4096] __attribute__((aligned(8))), path[64];
    cleanup_close int dir = -EBADF;
    int looked = 0;
    long n;

    safe_copy(path, pid, sizeof(path));
    safe_append(path, "/task", sizeof(path));
    dir = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (dir >= 0 && (n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
        for (long at = 0; at < n;) {
            const struct leaks_entry *e = (const struct leaks_entry *)(const void *)(buf + at);

            safe_copy(path, pid, sizeof(path));
            safe_append(path, "/task/", sizeof(path));
            safe_append(path, e->name, sizeof(path));
            if (e->name[0] != '.' && (look_at_thread(proc, path, r) || ++looked == THREADS_MAX))
                return true;
            at += e->reclen;
        }
    return false;
}

/* False for the dead. */
static bool read_process(int proc, const char *pid, struct init_report *r)
{
    char text[1024];
    struct stat_line line;

    if (read_below(proc, pid, "/stat", text, sizeof(text)) == 0 || !parse_stat(text, &line))
        return false;
    safe_copy(r->detail, line.name, sizeof(r->detail)); /* kept where there is no command line */
    r->at_ns = line.cpu_ns;
    return line.alive || (line.threads > 1 && has_living_thread(proc, pid, r));
}

/* What has been found so far: in memory that PID 1 shares with the process that looks, and is whole
 * up to `count` at any time. */
struct findings {
    _Atomic int count;
    _Atomic bool whole; /* nobody was left out */
    struct init_report list[SANDBOX_LEAKS_MAX];
};

/* Looks at one entry of /proc; counts it, and keeps it when there is room. The dead do not count:
 * nobody hides behind them. */
static void look_at(const struct init_context *ctx, const char *name, unsigned step,
                    struct findings *f)
{
    struct init_report r = {.kind = SANDBOX_LEFT_RUNNING, .step = step};
    const char *p = name;
    int count = atomic_load(&f->count);

    r.status = (int32_t)take_number(&p);
    if (p == name || *p != '\0' || r.status == 1 || r.status == getpid())
        return;
    if (!read_process(ctx->proc_mount, name, &r))
        return;
    if (count < SANDBOX_LEAKS_MAX) {
        read_command(ctx->proc_mount, name, &r);
        f->list[count] = r;
    }
    atomic_store(&f->count, count + 1);
}

static void look(const struct init_context *ctx, unsigned step, struct findings *f)
{
    char buf[8192] __attribute__((aligned(8)));
    cleanup_close int dir = openat(ctx->proc_mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long n = -1;

    while (dir >= 0 && (n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
        for (long at = 0; at < n;) {
            const struct leaks_entry *e = (const struct leaks_entry *)(const void *)(buf + at);

            look_at(ctx, e->name, step, f);
            if (atomic_load(&f->count) == LOOK_MAX)
                return;
            at += e->reclen;
        }
    atomic_store(&f->whole, n == 0);
}

/* Waits for the looking process, and ends it when its time is over. SIGCHLD is blocked in PID 1,
 * whose children all send it. */
static void await(pid_t pid)
{
    uint64_t end = clock_monotonic_ns() + LOOK_NS;
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        uint64_t now = clock_monotonic_ns(), left = end > now ? end - now : 0;
        const struct timespec wait = {(time_t)(left / NSEC_PER_SEC), (long)(left % NSEC_PER_SEC)};

        if (left == 0) {
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, NULL, 0);
            return;
        }
        (void)sigtimedwait(&set, NULL, &wait);
    }
}

/* A process of its own looks, one that can be ended: /proc is about memory that the job has
 * arranged, and reading it may take as long as a page fault of the job's does. */
static void look_in_time(const struct init_context *ctx, unsigned step, struct findings *f)
{
    pid_t pid = _Fork();

    if (pid == 0) {
        look(ctx, step, f);
        _exit(0);
    }
    if (pid > 0)
        await(pid);
}

/* Counts as one whatever was alive and could not be named, or that would be the way not to be
 * found. */
static int nobody_named(unsigned step, struct init_report *ret)
{
    *ret = (struct init_report){.kind = SANDBOX_LEFT_RUNNING, .step = step, .errnum = 1, .cut = 1};
    safe_copy(ret->detail, "(could not be looked at)", sizeof(ret->detail));
    return 1;
}

int leaks_find(struct init_context *ctx, unsigned step,
               struct init_report list[static SANDBOX_LEAKS_MAX])
{
    struct findings *f;
    int count, n;

    /* ESRCH: nobody else is here, which is the usual case and costs next to nothing. The others
     * stop, or a chain of forks could keep us reading for as long as there are new pids; they are
     * ended next in any case. */
    if (kill(-1, SIGSTOP) < 0)
        return 0;
    f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (f == MAP_FAILED)
        return nobody_named(step, &list[0]);
    look_in_time(ctx, step, f);
    count = atomic_load(&f->count);
    if (count == 0 && !atomic_load(&f->whole)) {
        (void)munmap(f, sizeof(*f));
        return nobody_named(step, &list[0]);
    }
    n = count < SANDBOX_LEAKS_MAX ? count : SANDBOX_LEAKS_MAX;
    for (int i = 0; i < n; i++) {
        list[i] = f->list[i];
        list[i].errnum = count;
        list[i].cut = !atomic_load(&f->whole);
    }
    (void)munmap(f, sizeof(*f));
    return n;
}
