/* SPDX-License-Identifier: Apache-2.0 */
/* rundir: see rundir.h. Everything else of a run needs no record: processes die with their
 * supervisor, mounts with the last process of their namespace, loop devices and their unlinked
 * files with the mounts. (Where a job has made the kernel hold on to its files, the loop device
 * stays; sandbox/slot/upper.c then gives its space back.) */
#include "harness/run/rundir.h"

#include "harness/cgroup/cgroup.h"
#include "harness/sandbox/sandbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct rundir {
    int runs;
    int fd;
    int lock;
    int cgroups; /* append-only list of absolute paths, a line each */
    char id[40];
};

/* Creates and locks `name`/lock before anyone else can see it as stale: under a shared name lock of
 * the whole directory. */
static int rundir_make(struct rundir *d)
{
    struct timespec now;

    do { /* another run, in another PID namespace, may have the same pid at the same moment */
        (void)clock_gettime(CLOCK_REALTIME, &now);
        (void)snprintf(d->id, sizeof(d->id), "%llx-%x",
                       (unsigned long long)now.tv_sec * NSEC_PER_SEC +
                           (unsigned long long)now.tv_nsec,
                       (unsigned)getpid());
    } while (mkdirat(d->runs, d->id, 0700) < 0 && errno == EEXIST);
    d->fd = openat(d->runs, d->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (d->fd < 0)
        return -errno;
    d->lock = openat(d->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (d->lock < 0 || flock(d->lock, LOCK_EX | LOCK_NB) < 0)
        return -errno;
    if (dprintf(d->lock, "%d\n", (int)getpid()) < 0)
        return -errno;
    d->cgroups = openat(d->fd, "cgroups", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return d->cgroups < 0 ? -errno : 0;
}

/* Held while a run directory is made or the stale ones are looked for, so that the two never meet.
 */
static int lock_runs(int runs)
{
    int fd = openat(runs, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR) {
            int r = -errno;

            (void)close(fd);
            return r;
        }
    return fd;
}

int rundir_create(int store_dirfd, struct rundir **ret, struct cupel_error *err)
{
    struct rundir *d = xcalloc(1, sizeof(*d));
    cleanup_close int all = -EBADF;
    int r;

    *d = (struct rundir){.fd = -EBADF, .lock = -EBADF, .cgroups = -EBADF};
    d->runs = file_open_dir_p_at(store_dirfd, "runs", 0700);
    r = d->runs < 0 ? d->runs : 0;
    if (r == 0) {
        all = lock_runs(d->runs);
        r = all < 0 ? all : rundir_make(d);
    }
    if (r < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                              "cannot make a directory for this run in the store");
        if (r == -EROFS || r == -EACCES || r == -EPERM)
            cupel_error_hint(err, "set CUPEL_CACHE to a directory that you can write to");
        else if (r == -ENOSPC || r == -EDQUOT)
            cupel_error_hint(
                err,
                "free space there, remove layers with `cupel rootfs gc`, or set CUPEL_CACHE to a "
                "directory on a bigger disk");
        if (d->fd >= 0) /* made by this call */
            (void)file_remove_tree_at(d->runs, d->id);
        rundir_forget(d);
        return r;
    }
    *ret = d;
    return 0;
}

int rundir_fd(const struct rundir *d)
{
    return d->fd;
}

const char *rundir_id(const struct rundir *d)
{
    return d->id;
}

int rundir_note_cgroup(void *run_dir, const char *absolute_path)
{
    struct rundir *d = run_dir;
    cleanup_free char *line = xasprintf("%s\n", absolute_path);

    return file_write_all(d->cgroups, line, strlen(line));
}

void rundir_forget(struct rundir *d)
{
    if (d == NULL)
        return;
    base_closep(&d->cgroups);
    base_closep(&d->lock);
    base_closep(&d->fd);
    base_closep(&d->runs);
    free(d);
}

/* The lock goes last: until then nobody takes the run for a dead one. */
static int remove_contents(int fd)
{
    cleanup_close int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = dir < 0 ? NULL : fdopendir(dir);
    struct dirent *e;
    int r = 0;

    if (list == NULL)
        return -errno;
    (void)steal_fd(&dir);
    while (r == 0 && (e = readdir(list)) != NULL)
        if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, "..") && !str_eq(e->d_name, "lock"))
            r = file_remove_tree_at(fd, e->d_name);
    (void)closedir(list);
    return r;
}

void rundir_remove(struct rundir *d)
{
    int r = remove_contents(d->fd);

    if (r == 0)
        r = file_remove_tree_at(d->runs, d->id);
    if (r < 0)
        log_warning("cannot remove the run's directory %s: %s", d->id, strerror(-r));
    rundir_forget(d);
}

/* ---- recovery ---- */

#define RECORD_MAX ((size_t)16 << 20)

/* Removes the cgroups of the list, which is in the order of making: removing goes backwards,
 * children first. */
static int remove_cgroups(int dir, struct cupel_error *err)
{
    cleanup_free char *text = NULL;
    size_t len;
    int r = file_read_at(dir, "cgroups", RECORD_MAX, &text, &len), result = 0;

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot read a dead run's list of cgroups");
    while (len > 0) {
        size_t end = len;

        while (len > 0 && text[len - 1] != '\n')
            len--;
        /* a last line without its end was never acted upon */
        if (end > len && text[end] == '\n') {
            text[end] = '\0';
            r = cgroup_recover(text + len, err);
            if (r < 0)
                result = r;
        }
        if (len > 0)
            len--;
    }
    return result;
}

/* A process that has ended but was not yet waited for counts as dead: its pidfd is readable
 * (pidfd_open(2)). */
static bool is_alive(pid_t pid)
{
    cleanup_close int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return fd >= 0 && poll(&p, 1, 0) == 0;
}

#define DYING_TRIES 100
#define DYING_WAIT_NS (20 * NSEC_PER_MSEC)

/* Takes the lock of a run whose supervisor is dead. Its slots and jobs inherited the lock and die
 * with it, but not in the same instant: they are waited for, since a new run has to find nothing of
 * an old one. A living supervisor's lock is left alone. */
static bool lock_of_dead(int lock)
{
    char text[16] = "";

    for (int tries = 0; flock(lock, LOCK_EX | LOCK_NB) < 0; tries++) {
        const struct timespec wait = {0, (long)DYING_WAIT_NS};
        pid_t supervisor;

        if (pread(lock, text, sizeof(text) - 1, 0) <= 0)
            return false;
        supervisor = (pid_t)atoi(text);
        if (supervisor <= 0 || is_alive(supervisor) || tries == DYING_TRIES)
            return false;
        (void)nanosleep(&wait, NULL);
    }
    return true;
}

static int recover_one(int runs, const char *name, size_t *removed, struct cupel_error *err)
{
    cleanup_close int dir = openat(runs, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_close int lock = dir < 0 ? -EBADF : openat(dir, "lock", O_RDWR | O_CLOEXEC);
    int r;

    if (dir < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open runs/%s", name);
    if (lock < 0 && errno != ENOENT)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open runs/%s/lock", name);
    if (lock >= 0 && !lock_of_dead(lock))
        return 0;
    /* nothing but its name is left: its own supervisor is about to remove that */
    if (unlinkat(runs, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    r = remove_cgroups(dir, err);
    if (r < 0)
        return r;
    r = file_remove_tree_at(runs, name);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot remove the dead run runs/%s",
                               name);
    (*removed)++;
    return 0;
}

int rundirs_recover(int store_dirfd, size_t *ret_removed, struct cupel_error *err)
{
    int fd = file_open_dir_p_at(store_dirfd, "runs", 0700), r = 0;
    cleanup_close int all = fd < 0 ? -EBADF : lock_runs(fd);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    size_t removed = 0;
    struct dirent *e;

    if (list == NULL || all < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, fd < 0 ? fd : errno,
                              "cannot look for dead runs in the store");
        if (list != NULL)
            (void)closedir(list);
        return -EIO;
    }
    while ((e = readdir(list)) != NULL) {
        struct cupel_error one;

        if (e->d_name[0] == '.')
            continue;
        if (recover_one(fd, e->d_name, &removed, &one) < 0) {
            *err = one;
            r = -EIO; /* go on with the others; the last error is told */
        }
    }
    (void)closedir(list);
    if (r == 0)
        *ret_removed = removed;
    return r;
}

/* ---- who lives ---- */

static void tell_if_alive(int runs, const char *name, rundir_alive_fn *fn, void *data)
{
    cleanup_close int dir = openat(runs, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_close int lock =
        dir < 0 ? -EBADF : openat(dir, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[16] = "";

    if (lock < 0 || flock(lock, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return;
    fn(data, dir, name, pread(lock, text, sizeof(text) - 1, 0) > 0 ? (pid_t)atoi(text) : 0);
}

int rundirs_each_alive(int store_dirfd, rundir_alive_fn *fn, void *data)
{
    int fd = openat(store_dirfd, "runs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* a run being made must not meet our trial of its lock */
    cleanup_close int all = fd < 0 ? -errno : lock_runs(fd);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (list == NULL || all < 0) {
        int r = all < 0 ? all : -errno;

        if (list != NULL)
            (void)closedir(list);
        else
            base_closep(&fd);
        return r;
    }
    while ((e = readdir(list)) != NULL)
        if (e->d_name[0] != '.')
            tell_if_alive(fd, e->d_name, fn, data);
    (void)closedir(list);
    return 0;
}
