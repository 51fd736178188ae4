/* SPDX-License-Identifier: Apache-2.0 */
/* remote: see remote.h. */
#include "rootfs-cache/sources/remote.h"

#include "rootfs-cache/confined/hash.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define BLOBS "image/blobs/sha256"

/* Blobs that came whole have a name by their digest. What has none was being written; what is empty
 * stood for a layer that the store had then. */
static void keep_whole(int place)
{
    int fd = openat(place, BLOBS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;

    if (dir == NULL) {
        base_closep(&fd);
        return;
    }
    while ((e = readdir(dir)) != NULL) {
        struct stat st;

        if (e->d_name[0] != '.' &&
            (!hash_is_hex(e->d_name) || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
             !S_ISREG(st.st_mode) || st.st_size == 0))
            (void)file_remove_tree_at(fd, e->d_name);
    }
    (void)closedir(dir);
}

int remote_place(const struct cache *cache, const char *key)
{
    cleanup_free char *path = xasprintf(STORE_FETCHED "/%s", key);
    cleanup_close int place = file_open_dir_p_at(cache->dir, path, 0700);
    struct dirent **names = NULL;
    int n, r;

    if (place < 0)
        return place;
    keep_whole(place);
    n = scandirat(place, "image", &names, NULL, NULL);
    for (int i = 0; i < n; i++) { /* index and temporary files of the last time */
        cleanup_free char *name = xasprintf("image/%s", names[i]->d_name);

        if (names[i]->d_name[0] != '.' && !str_eq(names[i]->d_name, "blobs"))
            (void)file_remove_tree_at(place, name);
        free(names[i]);
    }
    free(names);
    r = file_mkdir_p_at(place, BLOBS, 0700);
    return r < 0 ? r : steal_fd(&place);
}

bool remote_is_worth_asking(const struct cache *cache)
{
    struct dirent **names = NULL;
    int n = scandirat(cache->dir, "layers", &names, NULL, NULL);

    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return n > 2;
}
