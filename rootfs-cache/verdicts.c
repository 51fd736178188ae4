/* SPDX-License-Identifier: Apache-2.0 */
/* verdicts: what jobs have come to, by all that they depend on: verdicts/KEY says of which job and
 * run it is, and has the caller's record. A digest of all of it tells what was cut short or has
 * changed. Its last use is its time. Not responsible for what a key is made of, nor for what a
 * record says (harness/prepare/kept_verdicts.c). */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/store/record.h"
#include "rootfs-cache/store/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A file is this, the digest of all that follows it, and then texts that each end in NUL: key, job,
 * file, run, verdict, time. Behind them comes the record. */
#define VERDICT_MAGIC "cupel verdict 1\n"
#define VERDICT_MAGIC_LEN (sizeof(VERDICT_MAGIC) - 1)
#define VERDICT_HEAD_LEN (VERDICT_MAGIC_LEN + CACHE_KEY_LEN)
#define VERDICT_TEXTS_MAX ((size_t)64 * 1024)
#define VERDICT_FILE_MAX (VERDICT_HEAD_LEN + VERDICT_TEXTS_MAX + CACHE_VERDICT_MAX)
#define VERDICT_PREFIX_MIN 4
/* Its time tells when it was last used, so exactly; to set it at each use would cost more than the
 * use. */
#define VERDICT_USE_SECONDS 3600

int cache_bytes_key(const void *data, size_t n, char ret_key[CACHE_KEY_LEN + 1])
{
    return hash_bytes(data, n, ret_key);
}

void cache_verdict_release(struct cache_verdict *v)
{
    free(v->job);
    free(v->file);
    free(v->run);
    free(v->verdict);
    *v = (struct cache_verdict){.job = NULL};
}

/* ---- one of them ---- */

static char *verdict_path(const char *key)
{
    return xasprintf(STORE_VERDICTS "/%s", key);
}

/* Takes the next text; NULL: there is none. */
static const char *verdict_text(const char **at, const char *end)
{
    const char *text = *at, *nul = text != NULL ? memchr(text, '\0', (size_t)(end - text)) : NULL;

    *at = nul != NULL ? nul + 1 : NULL;
    return nul != NULL ? text : NULL;
}

/* Reads the texts; returns where the record begins, or NULL: they are not what they should be. */
static const char *verdict_parse(const char *data, size_t n, const char *key,
                                 struct cache_verdict *ret)
{
    enum { KEY, JOB, OF_FILE, RUN, VERDICT, ENDED, TEXTS };
    const char *at = data + VERDICT_HEAD_LEN, *texts[TEXTS];

    if (n < VERDICT_HEAD_LEN || memcmp(data, VERDICT_MAGIC, VERDICT_MAGIC_LEN) != 0)
        return NULL;
    for (size_t i = 0; i < TEXTS; i++) {
        texts[i] = verdict_text(&at, data + n);
        if (texts[i] == NULL)
            return NULL;
    }
    if (!str_eq(texts[KEY], key))
        return NULL;
    *ret = (struct cache_verdict){.job = xstrdup(texts[JOB]),
                                  .file = xstrdup(texts[OF_FILE]),
                                  .run = xstrdup(texts[RUN]),
                                  .verdict = xstrdup(texts[VERDICT]),
                                  .ended = (time_t)strtoll(texts[ENDED], NULL, 10)};
    (void)snprintf(ret->key, sizeof(ret->key), "%s", key);
    return at;
}

/* Whether the digest is that of what follows it. */
static bool verdict_is_whole(const char *data, size_t n)
{
    char hex[CACHE_KEY_LEN + 1];

    return n >= VERDICT_HEAD_LEN &&
           hash_bytes(data + VERDICT_HEAD_LEN, n - VERDICT_HEAD_LEN, hex) == 0 &&
           memcmp(hex, data + VERDICT_MAGIC_LEN, CACHE_KEY_LEN) == 0;
}

/* Marks a use where the last mark is old; a store that is read-only just lacks it. */
static void verdict_mark_use(struct cache *cache, const char *path)
{
    struct stat st;

    if (fstatat(cache->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_mtim.tv_sec + VERDICT_USE_SECONDS < time(NULL))
        (void)utimensat(cache->dir, path, NULL, AT_SYMLINK_NOFOLLOW);
}

bool cache_verdict_find(struct cache *cache, const char *key, struct cache_verdict *ret,
                        char **ret_record, size_t *ret_n)
{
    cleanup_free char *path = verdict_path(key), *data = NULL;
    struct cache_verdict v;
    const char *record;
    size_t n;

    if (!hash_is_hex(key) || file_read_at(cache->dir, path, VERDICT_FILE_MAX, &data, &n) < 0 ||
        !verdict_is_whole(data, n))
        return false;
    record = verdict_parse(data, n, key, &v);
    if (record == NULL)
        return false;
    v.bytes = n;
    *ret_n = n - (size_t)(record - data);
    *ret_record = xmalloc(*ret_n + 1);
    memcpy(*ret_record, record, *ret_n);
    verdict_mark_use(cache, path);
    *ret = v;
    return true;
}

int cache_verdict_keep(struct cache *cache, const struct cache_verdict *v, const char *record,
                       size_t n, struct cupel_error *err)
{
    cleanup_free char *path = verdict_path(v->key), *ended = xasprintf("%lld", (long long)v->ended);
    const char *const texts[] = {v->key, v->job, v->file, v->run, v->verdict, ended};
    cleanup_strbuf struct strbuf b = {0};
    char hex[CACHE_KEY_LEN + 1];
    int r;

    strbuf_add(&b, VERDICT_MAGIC, VERDICT_MAGIC_LEN);
    for (size_t i = 0; i < CACHE_KEY_LEN; i++)
        strbuf_add(&b, "-", 1);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        strbuf_add(&b, texts[i], strlen(texts[i]) + 1);
    strbuf_add(&b, record, n);
    r = b.len > VERDICT_FILE_MAX
            ? -EFBIG
            : hash_bytes(b.data + VERDICT_HEAD_LEN, b.len - VERDICT_HEAD_LEN, hex);
    if (r == 0) {
        memcpy(b.data + VERDICT_MAGIC_LEN, hex, CACHE_KEY_LEN);
        r = file_write_passing_at(cache->dir, path, b.data, b.len, 0600);
    }
    return r < 0 ? store_error(cache, err, r, "keep a verdict") : 0;
}

/* ---- looking after them ---- */

/* Reads what it is of; false: it is none. */
static bool verdict_describe(const struct cache *cache, const char *key, struct cache_verdict *ret)
{
    cleanup_free char *path = verdict_path(key), *data = NULL;
    cleanup_close int fd =
        openat(cache->dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    ssize_t n;

    if (!hash_is_hex(key) || fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    data = xmalloc(VERDICT_HEAD_LEN + VERDICT_TEXTS_MAX);
    n = pread(fd, data, VERDICT_HEAD_LEN + VERDICT_TEXTS_MAX, 0);
    if (n < 0 || verdict_parse(data, (size_t)n, key, ret) == NULL)
        return false;
    ret->last_used = st.st_mtim.tv_sec;
    ret->bytes =
        ((uint64_t)st.st_size + STORE_RESULT_BYTES - 1) / STORE_RESULT_BYTES * STORE_RESULT_BYTES;
    return true;
}

static int verdict_remove(struct cache *cache, const char *key)
{
    cleanup_free char *path = verdict_path(key);

    return unlinkat(cache->dir, path, 0) < 0 && errno != ENOENT ? -errno : 0;
}

struct verdict_list {
    struct cache_verdict *list;
    size_t n, room;
    bool tidies; /* what is no verdict is removed: nobody finds it */
};

static int verdict_list_one(struct cache *cache, const char *name, void *data)
{
    struct verdict_list *l = data;
    struct cache_verdict v;

    if (!verdict_describe(cache, name, &v))
        return l->tidies ? verdict_remove(cache, name) : 0;
    if (l->n == l->room) {
        l->room = 2 * l->room + 64;
        l->list = xrealloc(l->list, l->room * sizeof(*l->list));
    }
    l->list[l->n++] = v;
    return 0;
}

static int verdicts_by_use(const void *a, const void *b)
{
    const struct cache_verdict *x = a, *y = b;

    if (x->last_used != y->last_used)
        return x->last_used > y->last_used ? -1 : 1;
    return strcmp(x->key, y->key);
}

static int verdicts_read(struct cache *cache, struct verdict_list *l)
{
    int r = record_each(cache, STORE_VERDICTS, verdict_list_one, l);

    if (r < 0)
        cache_verdicts_free(l->list, l->n);
    else if (l->n > 0)
        qsort(l->list, l->n, sizeof(*l->list), verdicts_by_use);
    return r;
}

int cache_verdicts_list(struct cache *cache, struct cache_verdict **ret, size_t *ret_n,
                        struct cupel_error *err)
{
    struct verdict_list l = {.list = NULL};
    int r = verdicts_read(cache, &l);

    if (r < 0)
        return store_error(cache, err, r, "list the verdicts");
    *ret = l.list;
    *ret_n = l.n;
    return 0;
}

void cache_verdicts_free(struct cache_verdict *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cache_verdict_release(&list[i]);
    free(list);
}

int cache_verdicts_remove(struct cache *cache, const char *what, size_t *ret_n,
                          struct cupel_error *err)
{
    bool is_prefix =
        strlen(what) >= VERDICT_PREFIX_MIN && strspn(what, "0123456789abcdef") == strlen(what);
    struct cache_verdict *list = NULL;
    size_t n = 0;
    int r = cache_verdicts_list(cache, &list, &n, err);

    if (r < 0)
        return r;
    *ret_n = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        if (str_eq(list[i].job, what) || str_eq(list[i].file, what) ||
            (is_prefix && str_starts(list[i].key, what))) {
            r = verdict_remove(cache, list[i].key);
            *ret_n += r == 0;
        }
    cache_verdicts_free(list, n);
    return r < 0 ? store_error(cache, err, r, "remove a verdict") : 0;
}

int verdicts_collect(struct cache *cache, const struct cache_gc *want, uint64_t *left,
                     size_t *ret_removed)
{
    struct verdict_list l = {.tidies = true};
    time_t now = time(NULL);
    int r = verdicts_read(cache, &l);

    if (r < 0)
        return r;
    for (size_t i = 0; i < l.n; i++)
        *left += l.list[i].bytes;
    for (size_t i = l.n; r == 0 && i-- > 0;) { /* the most recently used come first */
        const struct cache_verdict *v = &l.list[i];
        bool too_old = want->older_seconds != UINT64_MAX && v->last_used <= now &&
                       (uint64_t)(now - v->last_used) >= want->older_seconds;

        if (!too_old && (want->keep_bytes == UINT64_MAX || *left <= want->keep_bytes))
            continue;
        r = verdict_remove(cache, v->key);
        *left -= v->bytes;
        ++*ret_removed;
    }
    cache_verdicts_free(l.list, l.n);
    return r;
}
