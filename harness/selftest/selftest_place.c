/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_place: the self-test's directory on the host, below TMPDIR or /var/tmp: made, locked
 * while its process lives, and looked for by the next one, which removes those whose owner was
 * killed. What lies in it is selftest_scene.c's. */
#include "harness/selftest/selftest_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define PREFIX "cupel-selftest."
#define USUAL "/var/tmp"

const char *place_base(void)
{
    const char *base = getenv("TMPDIR");

    return base != NULL && base[0] == '/' ? base : USUAL;
}

/* The directory itself is the lock. Between its making and this, who looks for dead ones may have
 * taken it for one and removed it, or be at it: -EAGAIN, make another. A file system that cannot
 * lock it keeps it from being removed as well. */
static int lock_new(const char *dir, int *ret_lock)
{
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return -EAGAIN;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_nlink == 0)
        return -EAGAIN;
    *ret_lock = steal_fd(&fd);
    return 0;
}

int place_make(char **ret_dir, int *ret_lock)
{
    int r;

    do {
        cleanup_free char *dir = xasprintf("%s/" PREFIX "XXXXXX", place_base());

        if (mkdtemp(dir) == NULL)
            return -errno;
        r = lock_new(dir, ret_lock);
        if (r == 0)
            *ret_dir = steal_ptr(dir);
    } while (r == -EAGAIN);
    return r;
}

/* One that is ours and that nobody holds. Where everybody may make directories, others' are left
 * alone. */
static int remove_dead(int base, const char *name, size_t *removed)
{
    cleanup_close int dir = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    int r;

    if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid() ||
        flock(dir, LOCK_EX | LOCK_NB) < 0)
        return 0;
    r = file_remove_tree_at(base, name);
    *removed += r == 0;
    return r;
}

static int recover_in(const char *base, size_t *removed, struct cupel_error *err)
{
    int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;

    if (list == NULL) {
        base_closep(&fd);
        return 0; /* then nothing was made there either */
    }
    while ((e = readdir(list)) != NULL) {
        int one = str_starts(e->d_name, PREFIX) ? remove_dead(fd, e->d_name, removed) : 0;

        if (one < 0)
            r = cupel_error_set(err, CUPEL_ERROR_HARNESS, one,
                                "cannot remove %s/%s, which a killed self-test left", base,
                                e->d_name);
    }
    (void)closedir(list);
    return r;
}

int selftest_recover(size_t *ret_removed, struct cupel_error *err)
{
    const char *base = place_base();
    int r, usual = 0;

    *ret_removed = 0;
    r = recover_in(base, ret_removed, err);
    if (!str_eq(base, USUAL))
        usual = recover_in(USUAL, ret_removed, err);
    return r < 0 ? r : usual;
}
