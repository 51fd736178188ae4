/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/sweep: finds the groups of dead runs on the machine itself: the record of a run lies in
 * its store, and that may be gone, or another one by now. Whether a run lives is noted on its
 * group's directory: its processes share a lock on it (flock), which the kernel lets go of with the
 * last of them. Removes only what is empty: kills nobody (kill.c). */
#include "harness/cgroup/cgroup_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define DEPTH_MAX 24
#define GROUPS_MAX 100000 /* looked at in one sweep */
#define LOCK_TRIES 100
#define LOCK_WAIT_NS (10 * (long)NSEC_PER_MSEC)

/* Says whether a name is that of a run's group: "cupel-NANOSECONDS-PID", both in hexadecimal
 * (run/rundir.c). */
static bool is_run_name(const char *name, pid_t *ret_pid)
{
    const char *time = name + strlen(RUN_PREFIX);
    size_t n;
    char *end;

    if (!str_starts(name, RUN_PREFIX) || (n = strspn(time, "0123456789abcdef")) < 12 ||
        time[n] != '-')
        return false;
    *ret_pid = (pid_t)strtoul(time + n + 1, &end, 16);
    return end != time + n + 1 && *end == '\0' && *ret_pid > 0;
}

/* A process that has ended but was not yet waited for counts as dead: its pidfd is readable. */
static bool is_alive(pid_t pid)
{
    cleanup_close int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return fd >= 0 ? poll(&p, 1, 0) == 0 : errno != ESRCH;
}

static DIR *open_list(int dirfd)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);

    if (list == NULL && fd >= 0)
        (void)close(fd);
    return list;
}

static bool is_group(const struct dirent *e)
{
    return e->d_type == DT_DIR && e->d_name[0] != '.';
}

static int open_group(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Calls fn for each group directly within; stops at the first that says false. */
static bool each_within(int dirfd, bool (*fn)(int parent, const char *name, unsigned depth),
                        unsigned depth)
{
    DIR *list = open_list(dirfd);
    bool all = list != NULL && depth < DEPTH_MAX;
    const struct dirent *e;

    while (all && (e = readdir(list)) != NULL)
        if (is_group(e))
            all = fn(dirfd, e->d_name, depth);
    if (list != NULL)
        (void)closedir(list);
    return all;
}

/* Says whether no process is in a group, nor in any group within. */
static bool is_empty(int parent, const char *name, unsigned depth)
{
    cleanup_close int fd = open_group(parent, name);
    char text[16];

    return fd >= 0 && group_read(fd, NULL, "cgroup.procs", text, sizeof(text)) == 0 &&
           each_within(fd, is_empty, depth + 1);
}

static bool remove_empty(int parent, const char *name, unsigned depth)
{
    cleanup_close int fd = open_group(parent, name);

    return fd >= 0 && each_within(fd, remove_empty, depth + 1) &&
           unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

/* A run of an older cupel holds no lock, but it has processes in its groups, or its supervisor
 * lives. */
static bool is_dead(int parent, const char *name, pid_t supervisor)
{
    cleanup_close int fd = open_group(parent, name);
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && !is_alive(supervisor) &&
           flock(fd, LOCK_EX | LOCK_NB) == 0 && is_empty(parent, name, 0);
}

int sweep_lock(int dirfd)
{
    const struct timespec wait = {0, LOCK_WAIT_NS};
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
        if (i == LOCK_TRIES) { /* whoever holds it: it only makes a moment safer */
            (void)close(fd);
            return -EBUSY;
        }
        (void)nanosleep(&wait, NULL);
    }
    return fd < 0 ? -errno : fd;
}

void sweep_mark(int run_fd)
{
    (void)flock(run_fd, LOCK_EX | LOCK_NB);
}

/* Each run counts once, though it has a group in every hierarchy. */
static void sweep_count(struct sweep *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->names[i], name))
            return;
    if (s->n < ARRAY_SIZE(s->names) && strlen(name) < sizeof(s->names[0]))
        memcpy(s->names[s->n++], name, strlen(name) + 1);
}

void sweep_children(int dirfd, struct sweep *s)
{
    DIR *list = open_list(dirfd);
    const struct dirent *e;

    while (list != NULL && (e = readdir(list)) != NULL) {
        pid_t supervisor;

        if (is_group(e) && is_run_name(e->d_name, &supervisor) &&
            is_dead(dirfd, e->d_name, supervisor) && remove_empty(dirfd, e->d_name, 0))
            sweep_count(s, e->d_name);
    }
    if (list != NULL)
        (void)closedir(list);
}

static void sweep_below(int dirfd, struct sweep *s, unsigned depth)
{
    cleanup_close int lock = sweep_lock(dirfd);
    DIR *list = open_list(dirfd);
    const struct dirent *e;

    if (lock >= 0)
        sweep_children(dirfd, s);
    while (list != NULL && depth < DEPTH_MAX && (e = readdir(list)) != NULL) {
        cleanup_close int fd = -EBADF;
        pid_t ignored;

        if (!is_group(e) || is_run_name(e->d_name, &ignored) || s->looked++ >= GROUPS_MAX)
            continue;
        fd = open_group(dirfd, e->d_name);
        if (fd >= 0)
            sweep_below(fd, s, depth + 1);
    }
    if (list != NULL)
        (void)closedir(list);
}

/* Opens the top of what is mounted of the hierarchy: the dead run may have been started anywhere.
 */
static int open_top(const char *own)
{
    cleanup_free char *dir = xstrdup(own);
    int top = -EBADF;

    for (char *slash = dir + strlen(dir); slash != NULL && slash != dir;
         slash = strrchr(dir, '/')) {
        int fd;

        *slash = '\0';
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (!is_cgroup_fd(fd)) {
            base_closep(&fd);
            break;
        }
        base_closep(&top);
        top = fd;
    }
    return top;
}

size_t cgroup_sweep(const struct cgroup_host *host)
{
    struct sweep *s = xcalloc(1, sizeof(*s));
    size_t n;

    for (size_t i = 0; i < host->count; i++) {
        cleanup_close int top =
            host->hierarchy[i].own != NULL ? open_top(host->hierarchy[i].own) : -EBADF;

        if (top >= 0)
            sweep_below(top, s, 0);
    }
    n = s->n;
    free(s);
    return n;
}
