/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/kill: makes a group go away, whatever lives in it. Signals only processes that the kernel
 * lists in that very group, through pidfds, so that a recycled pid is never hit. Does not decide
 * which groups go (cgroup_run.c, cgroup_job.c). */
#include "harness/cgroup/cgroup_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#define GIVE_UP_AFTER_NS (10 * NSEC_PER_SEC)
#define DEPTH_MAX 32
/* How many processes a pass deals with; the next pass sees the rest. */
#define PASS_MAX 64

static int remove_at_depth(int parent_fd, const char *name, unsigned depth);

/* ---- who is in it ---- */

struct members {
    pid_t pid[PASS_MAX];
    size_t count;
    bool self;      /* the calling process is among them */
    bool invisible; /* a process of a pid namespace that we do not see: listed as 0 */
};

/* Reads cgroup.procs, as far as it fits. */
static int read_members(int dirfd, struct members *m)
{
    cleanup_close int fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char buf[4096];
    uint64_t number = 0;
    bool in_number = false;
    ssize_t n;

    *m = (struct members){0};
    if (fd < 0)
        return -errno;
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] >= '0' && buf[i] <= '9') {
                number = number * 10 + (uint64_t)(buf[i] - '0');
                in_number = true;
                continue;
            }
            if (!in_number)
                continue;
            m->self |= (pid_t)number == getpid();
            m->invisible |= number == 0;
            if (number != 0 && m->count < PASS_MAX)
                m->pid[m->count++] = (pid_t)number;
            number = 0;
            in_number = false;
        }
    }
    return n < 0 ? -errno : 0;
}

static bool is_member(const struct members *m, pid_t pid)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->pid[i] == pid)
            return true;
    }
    return false;
}

/* ---- killing ---- */

static int ms_left(uint64_t deadline)
{
    uint64_t now = clock_monotonic_ns();

    return now >= deadline ? 0 : (int)((deadline - now) / NSEC_PER_MSEC) + 1;
}

/* SIGKILL to those listed, then waits for them. A pid may have been recycled between being listed
 * and being opened: one that is still listed after the pidfd was opened is the process that the
 * pidfd is of, or that one is dead and the signal goes nowhere. */
static int kill_members(int dirfd, const struct members *listed, uint64_t deadline)
{
    struct pollfd fds[PASS_MAX];
    struct members still;
    size_t count = 0;
    int r;

    for (size_t i = 0; i < listed->count; i++)
        fds[i] = (struct pollfd){.fd = (int)syscall(SYS_pidfd_open, listed->pid[i], 0),
                                 .events = POLLIN};
    r = read_members(dirfd, &still);
    for (size_t i = 0; i < listed->count; i++) {
        if (fds[i].fd < 0)
            continue;
        if (r < 0 || !is_member(&still, listed->pid[i]) ||
            syscall(SYS_pidfd_send_signal, fds[i].fd, SIGKILL, NULL, 0) < 0) {
            close(fds[i].fd);
            fds[i].fd = -EBADF;
            continue;
        }
        count++;
    }
    /* One after the other: all have got their signal, so that the last one's end is the end of all.
     */
    for (size_t i = 0; i < listed->count; i++) {
        if (fds[i].fd >= 0) {
            poll(&fds[i], 1, ms_left(deadline));
            close(fds[i].fd);
        }
    }
    return r < 0 ? r : (int)count;
}

/* v2: waits for "populated 0", which the kernel announces. */
static int wait_unpopulated(int dirfd, uint64_t deadline)
{
    cleanup_close int fd = openat(dirfd, "cgroup.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return -errno;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLPRI};
        char text[256];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
        uint64_t populated;
        int left = ms_left(deadline);

        if (n < 0)
            return -errno;
        text[n] = '\0';
        if (text_number(text, "populated", &populated) && populated == 0)
            return 0;
        if (left == 0)
            return -ETIMEDOUT;
        if (poll(&p, 1, left) < 0 && errno != EINTR)
            return -errno;
    }
}

/* Makes one attempt at emptying the group itself. */
static int kill_pass(int dirfd, uint64_t deadline)
{
    struct members m;
    int r = read_members(dirfd, &m);

    if (r < 0)
        return r;
    if (m.self)
        return -EDEADLK;
    r = group_write(dirfd, NULL, "cgroup.kill", "1"); /* v2 since 5.14: at once, whatever forks */
    if (r == 0)
        return wait_unpopulated(dirfd, deadline);
    if (r != -ENOENT)
        return r;
    if (m.invisible && m.count == 0)
        return -EXDEV;
    /* In the pids hierarchy (or on an older v2): no more forks, so that the killing ends. Elsewhere
     * there is no such file. */
    r = group_write(dirfd, NULL, "pids.max", "0");
    if (r < 0 && r != -ENOENT)
        return r;
    r = kill_members(dirfd, &m, deadline);
    if (r == 0) {
        /* None listed, yet not empty: the last one is between being listed and being gone, which
         * takes it microseconds and which nothing announces on v1. */
        struct timespec ms = {.tv_nsec = (long)NSEC_PER_MSEC};

        nanosleep(&ms, NULL);
    }
    return r < 0 ? r : 0;
}

/* ---- removing ---- */

static int remove_children_at_depth(int dirfd, const char *keep, unsigned depth)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int first = 0;
    DIR *dir;

    if (fd < 0)
        return -errno;
    dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return -ENOMEM;
    }
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        int r;

        if (e->d_type != DT_DIR || file_is_dot(e->d_name))
            continue;
        if (keep != NULL && str_eq(e->d_name, keep))
            continue;
        r = remove_at_depth(dirfd, e->d_name, depth + 1);
        if (r < 0 && first == 0)
            first = r;
    }
    closedir(dir);
    return first;
}

static int remove_at_depth(int parent_fd, const char *name, unsigned depth)
{
    uint64_t deadline = clock_monotonic_ns() + GIVE_UP_AFTER_NS;
    cleanup_close int fd = -EBADF;
    int r;

    if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno != EBUSY)
        return -errno;
    if (depth >= DEPTH_MAX)
        return -ELOOP;
    fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    brakes_lift_all(fd); /* who is in it must be able to die */
    r = remove_children_at_depth(fd, NULL, depth);
    while (r == 0) {
        if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY)
            return -errno;
        if (ms_left(deadline) == 0)
            return -ETIMEDOUT;
        r = kill_pass(fd, deadline);
    }
    return r;
}

int group_remove(int parent_fd, const char *name)
{
    return remove_at_depth(parent_fd, name, 0);
}

int group_remove_children(int dirfd, const char *keep)
{
    return remove_children_at_depth(dirfd, keep, 0);
}

int group_remove_error(int r, const char *path, struct cupel_error *err)
{
    switch (r) {
    case -EDEADLK:
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EDEADLK,
                               "cannot remove cgroup %s: cupel itself is in it", path);
    case -ETIMEDOUT:
        cupel_error_set(err, CUPEL_ERROR_HARNESS, ETIMEDOUT,
                        "cannot empty cgroup %s: a process in it did not die of SIGKILL", path);
        cupel_error_hint(err,
                         "see which: cat %s/cgroup.procs; one in state D waits for a device or a "
                         "network file system",
                         path);
        return r;
    case -EXDEV:
        cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                        "cannot empty cgroup %s: processes of another pid namespace are in it",
                        path);
        return r;
    default:
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot remove cgroup %s", path);
    }
}
