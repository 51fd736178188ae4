/* SPDX-License-Identifier: Apache-2.0 */
/* digest: the keys of layers, and the digests and forms of files, which the store remembers. Not
 * responsible for computing any (confined/hash.c, confined/recognise.c). */
#include "rootfs-cache/store/digest.h"

#include "rootfs-cache/confined/hash.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A file changed this recently could change again within the same time stamp: it is not remembered
 * yet. */
#define DIGEST_SETTLED_SECONDS 2
/* A derived root may have long texts, and is seldom the same again. */
#define DIGEST_TEXTS_MAX ((size_t)16 * 1024)
/* Raised when forms are told apart in another way. */
#define DIGEST_FORMS "forms 1"

/* Where the key of these texts is remembered: FNV-1a, whose collisions only make two of them take
 * turns. */
static char *key_place(const struct strbuf *texts)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < texts->len; i++)
        sum = (sum ^ (unsigned char)texts->data[i]) * UINT64_C(0x100000001b3);
    return xasprintf("digests/" STORE_KEY_PREFIX "%016llx", (unsigned long long)sum);
}

/* Reads "HEX STATE", where the state is as said: any bytes. */
static bool recall(const struct cache *cache, const char *path, const char *state, size_t n,
                   char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free char *text = NULL;
    size_t length;

    if (file_read_at(cache->dir, path, CACHE_KEY_LEN + 1 + n, &text, &length) < 0)
        return false;
    if (length != CACHE_KEY_LEN + 1 + n || text[CACHE_KEY_LEN] != ' ' ||
        memcmp(text + CACHE_KEY_LEN + 1, state, n) != 0)
        return false;
    text[CACHE_KEY_LEN] = '\0';
    if (!hash_is_hex(text))
        return false;
    memcpy(ret_hex, text, CACHE_KEY_LEN + 1);
    return true;
}

/* Only saves time; failing costs time. */
static void remember(const struct cache *cache, const char *path, const char *hex,
                     const char *state, size_t n)
{
    cleanup_strbuf struct strbuf text = {0};

    strbuf_addf(&text, "%s ", hex);
    strbuf_add(&text, state, n);
    (void)file_write_atomic_at(cache->dir, path, text.data, text.len, 0600);
}

/* A key is remembered with the texts that it is of. To look there takes 20 us; libcrypto, which
 * computes it, takes a hundred times as long to load. */
int digest_layer(const struct cache *cache, const char *const *texts, size_t n,
                 char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free const char **all = xcalloc(n + 1, sizeof(*all));
    cleanup_strbuf struct strbuf joined = {0};
    cleanup_free char *path = NULL;
    size_t n_all = cache->ids != NULL ? n + 1 : n;
    int r;

    for (size_t i = 0; i < n; i++)
        all[i] = texts[i];
    all[n] = cache->ids;
    for (size_t i = 0; i < n_all; i++)
        strbuf_addf(&joined, "%zu:%s,", strlen(all[i]), all[i]);
    path = key_place(&joined);
    if (recall(cache, path, joined.data, joined.len, ret_hex))
        return 0;
    r = hash_texts(all, n_all, ret_hex);
    if (r == 0 && joined.len < DIGEST_TEXTS_MAX)
        remember(cache, path, ret_hex, joined.data, joined.len);
    return r;
}

/* All that changes when the content does; ctime cannot be set back by the file's owner. */
static char *digest_describe(const struct stat *st)
{
    return xasprintf("%lld %lld.%09ld %lld.%09ld", (long long)st->st_size,
                     (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                     (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static bool settled(const struct stat *st)
{
    time_t now = time(NULL);

    return st->st_mtim.tv_sec + DIGEST_SETTLED_SECONDS < now &&
           st->st_ctim.tv_sec + DIGEST_SETTLED_SECONDS < now;
}

int digest_file(struct cache *cache, int fd, char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free char *state = NULL, *path = NULL;
    char hex[CACHE_KEY_LEN + 1];
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    state = digest_describe(&st);
    path = xasprintf("digests/%llx-%llx", (unsigned long long)st.st_dev,
                     (unsigned long long)st.st_ino);
    if (recall(cache, path, state, strlen(state), ret_hex))
        return 0;
    r = hash_file(fd, hex);
    if (r < 0)
        return r;
    if (settled(&st))
        remember(cache, path, hex, state, strlen(state));
    memcpy(ret_hex, hex, sizeof(hex));
    return 0;
}

/* ---- what a file is ---- */

static char *form_place(const struct stat *st)
{
    return xasprintf("digests/" STORE_KEY_PREFIX "form-%llx-%llx", (unsigned long long)st->st_dev,
                     (unsigned long long)st->st_ino);
}

/* Describes the file that the form is of, as it is now. */
static char *form_state(const struct stat *st)
{
    cleanup_free char *described = digest_describe(st);

    return xasprintf(DIGEST_FORMS " %s", described);
}

bool digest_recall_form(const struct cache *cache, const struct stat *st, char **ret_form)
{
    cleanup_free char *path = form_place(st), *state = form_state(st), *text = NULL;
    size_t length, n = strlen(state);

    if (file_read_at(cache->dir, path, n + 1 + DIGEST_FORM_MAX, &text, &length) < 0 ||
        length <= n + 1 || memcmp(text, state, n) != 0 || text[n] != ' ' ||
        memchr(text, '\0', length) != NULL)
        return false;
    *ret_form = xstrdup(text + n + 1);
    return true;
}

void digest_remember_form(const struct cache *cache, const struct stat *st, const char *form)
{
    cleanup_free char *path = NULL, *text = NULL, *state = NULL;

    if (!settled(st))
        return;
    path = form_place(st);
    state = form_state(st);
    text = xasprintf("%s %s", state, form);
    (void)file_write_passing_at(cache->dir, path, text, strlen(text), 0600);
}
