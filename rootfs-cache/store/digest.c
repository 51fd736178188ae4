/* SPDX-License-Identifier: Apache-2.0 */
/* digest: the keys of layers, and the digests of files, which the store remembers. Not responsible
 * for computing any (confined/hash.c). */
#include "rootfs-cache/store/digest.h"

#include "rootfs-cache/confined/hash.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A file changed this recently could change again within the same time stamp: it is not remembered
 * yet. */
#define DIGEST_SETTLED_SECONDS 2

int digest_layer(const struct cache *cache, const char *const *texts, size_t n,
                 char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free const char **all = xcalloc(n + 1, sizeof(*all));

    for (size_t i = 0; i < n; i++)
        all[i] = texts[i];
    all[n] = cache->ids;
    return hash_texts(all, cache->ids != NULL ? n + 1 : n, ret_hex);
}

/* All that changes when the content does; ctime cannot be set back by the file's owner. */
static char *digest_describe(const struct stat *st)
{
    return xasprintf("%lld %lld.%09ld %lld.%09ld", (long long)st->st_size,
                     (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                     (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static bool recall(const struct cache *cache, const char *path, const char *state,
                   char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free char *text = NULL;
    size_t length, n = strlen(state);

    if (file_read_at(cache->dir, path, 4096, &text, &length) < 0)
        return false;
    if (length != CACHE_KEY_LEN + 1 + n || text[CACHE_KEY_LEN] != ' ' ||
        !str_eq(text + CACHE_KEY_LEN + 1, state))
        return false;
    memcpy(ret_hex, text, CACHE_KEY_LEN);
    ret_hex[CACHE_KEY_LEN] = '\0';
    return true;
}

static bool settled(const struct stat *st)
{
    time_t now = time(NULL);

    return st->st_mtim.tv_sec + DIGEST_SETTLED_SECONDS < now &&
           st->st_ctim.tv_sec + DIGEST_SETTLED_SECONDS < now;
}

int digest_file(struct cache *cache, int fd, char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free char *state = NULL, *path = NULL, *text = NULL;
    char hex[CACHE_KEY_LEN + 1];
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    state = digest_describe(&st);
    path = xasprintf("digests/%llx-%llx", (unsigned long long)st.st_dev,
                     (unsigned long long)st.st_ino);
    if (recall(cache, path, state, ret_hex))
        return 0;
    r = hash_file(fd, hex);
    if (r < 0)
        return r;
    text = xasprintf("%s %s", hex, state);
    if (settled(&st))
        (void)file_write_atomic_at(cache->dir, path, text, strlen(text),
                                   0600); /* only saves time; failing costs time */
    memcpy(ret_hex, hex, sizeof(hex));
    return 0;
}
