/* SPDX-License-Identifier: Apache-2.0 */
/* directory: a copy of a directory becomes a layer, addressed by the digest of the tar that
 * exporting it makes. What is mounted in it is left out, and sockets. */
#include "rootfs-cache/confined/export.h"
#include "rootfs-cache/sources/sources.h"

#include <fcntl.h>

int source_directory(struct cache *cache, const struct cache_source *source,
                     char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    cleanup_close int tree = open(source->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                      tar = -EBADF;
    struct cache_source as_tar = {
        .kind = CACHE_TAR, .name = source->name, .tar = source->directory};
    int r;

    if (tree < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot read '%s' for root '%s'",
                               source->directory, source->name);
    tar = openat(cache->dir, "tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (tar < 0)
        return store_error(cache, err, errno, "make a file");
    store_say(cache, "reading %s", source->directory);
    r = export_tree_to(tree, tar, -EBADF, source->directory, err);
    return r < 0 ? r : source_open_tar(cache, &as_tar, tar, "directory", ret_key, err);
}
