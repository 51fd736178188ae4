/* SPDX-License-Identifier: Apache-2.0 */
/* holders: which processes have a layer pinned, by the kernel's own list of locks, /proc/locks
 * (proc_locks(5)): a flock is listed under the process that took it, and as long as any process has
 * it. */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/store/record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct pin {
    dev_t dev;
    ino_t ino;
    char key[CACHE_KEY_LEN + 1];
};

struct pins {
    struct pin *list; /* sorted by inode */
    size_t n;
};

static int add_pin(struct cache *cache, const char *key, void *data)
{
    cleanup_free char *path = xasprintf("layers/%s/pin", key);
    struct pins *pins = data;
    struct stat st;

    if (!hash_is_hex(key) || fstatat(cache->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    pins->list = xrealloc(pins->list, (pins->n + 1) * sizeof(*pins->list));
    pins->list[pins->n] = (struct pin){.dev = st.st_dev, .ino = st.st_ino};
    (void)snprintf(pins->list[pins->n++].key, sizeof(pins->list[0].key), "%s", key);
    return 0;
}

static int by_inode(const void *a, const void *b)
{
    const struct pin *x = a, *y = b;

    return (x->ino > y->ino) - (x->ino < y->ino);
}

/* Some file systems (btrfs) show another device to stat(2) than to the list of locks, one without a
 * driver; their inodes have to do. */
static bool same_device(dev_t of_file, unsigned major_number, unsigned minor_number)
{
    return (major(of_file) == major_number && minor(of_file) == minor_number) ||
           major(of_file) == 0;
}

/* "3: FLOCK  ADVISORY  READ 1234 fe:00:1220660 0 EOF"; "->" before the word: somebody who waits for
 * it. */
static void take_line(const struct pins *pins, const char *line, cache_holder_fn *fn, void *data)
{
    unsigned major_number, minor_number;
    unsigned long inode;
    const struct pin *pin;
    struct pin wanted;
    int pid;

    if (sscanf(line, "%*u: FLOCK ADVISORY READ %d %x:%x:%lu", &pid, &major_number, &minor_number,
               &inode) != 4 ||
        pid <= 0)
        return;
    wanted.ino = inode;
    pin = bsearch(&wanted, pins->list, pins->n, sizeof(*pins->list), by_inode);
    if (pin != NULL && same_device(pin->dev, major_number, minor_number))
        fn(data, pin->key, pid);
}

int cache_each_pin_holder(struct cache *cache, cache_holder_fn *fn, void *data,
                          struct cupel_error *err)
{
    cleanup_fclose FILE *locks = fopen("/proc/locks", "re");
    struct pins pins = {0};
    char line[256];
    int r = record_each(cache, "layers", add_pin, &pins);

    if (pins.n > 0)
        qsort(pins.list, pins.n, sizeof(*pins.list), by_inode);
    while (pins.n > 0 && locks != NULL && fgets(line, sizeof(line), locks) != NULL)
        take_line(&pins, line, fn, data);
    free(pins.list);
    return r < 0 ? store_error(cache, err, r, "list the layers") : 0;
}
