/* SPDX-License-Identifier: Apache-2.0 */
/* store_sweep: removes from the store what died in the making, and what only saves time. Not
 * responsible for finished layers (gc.c). */
#include "rootfs-cache/store/store.h"

#include "rootfs-cache/confined/hash.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* A kind of leftover: where it lies, and which names it has. */
struct leftover {
    const char *place;
    bool (*is_one)(const char *name);
    uint64_t seconds; /* since it was last written, for it to count as left */
    /* A tree is named by its key, and whoever makes it holds the key's lock; else it is a file. */
    bool tree;
};

#define DAY (UINT64_C(24) * 60 * 60)
#define HOUR (UINT64_C(60) * 60)

static bool is_key(const char *name)
{
    return hash_is_hex(name);
}

/* Says whether this is a record that was being written aside; a living writer takes no hour. */
static bool is_aside(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && str_eq(name + n - 4, ".tmp");
}

static bool is_key_record(const char *name)
{
    return str_starts(name, STORE_KEY_PREFIX);
}

static bool is_any(const char *name)
{
    (void)name;
    return true;
}

static bool is_left(int fd, const char *name, const struct leftover *what, time_t now)
{
    struct stat st;

    return !file_is_dot(name) && what->is_one(name) &&
           fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (what->seconds == 0 ||
            (now >= st.st_mtim.tv_sec && (uint64_t)(now - st.st_mtim.tv_sec) >= what->seconds));
}

static void remove_tree(const struct cache *cache, int fd, const char *place, const char *name)
{
    cleanup_close int lock = store_lock_key(cache, name, LOCK_EX | LOCK_NB);

    if (lock >= 0 && file_remove_tree_at(fd, name) < 0)
        log_warning("cannot remove the leftover %s/%s/%s", cache->path, place, name);
}

static void sweep(const struct cache *cache, const struct leftover *what)
{
    int fd = openat(cache->dir, what->place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    time_t now = time(NULL);
    struct dirent *e;

    if (dir == NULL) {
        base_closep(&fd);
        return;
    }
    while ((e = readdir(dir)) != NULL) {
        if (!is_left(fd, e->d_name, what, now))
            continue;
        if (what->tree)
            remove_tree(cache, fd, what->place, e->d_name);
        else
            (void)unlinkat(fd, e->d_name, 0);
    }
    (void)closedir(dir);
}

void store_sweep_fetched(const struct cache *cache, uint64_t older_seconds)
{
    sweep(cache, &(struct leftover){STORE_FETCHED, is_key, older_seconds, true});
}

void store_sweep_savers(const struct cache *cache, uint64_t older_seconds)
{
    sweep(cache, &(struct leftover){STORE_DISKS, is_any, older_seconds, false});
    sweep(cache, &(struct leftover){"digests", is_key_record, older_seconds, false});
}

void store_sweep(const struct cache *cache)
{
    static const struct leftover left[] = {
        {"tmp", is_key, 0, true},
        {"names", is_aside, HOUR, false},
        {"images", is_aside, HOUR, false},
        {"digests", is_aside, HOUR, false},
        {STORE_SAVED, is_aside, HOUR, false},
        {STORE_RESULTS, is_aside, HOUR, false},
        {STORE_VERDICTS, is_aside, HOUR, false},
        /* what was fetched before a fetch was cut short waits a day for the next one */
        {STORE_FETCHED, is_key, DAY, true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(left); i++)
        sweep(cache, &left[i]);
}
