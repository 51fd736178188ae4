/* SPDX-License-Identifier: Apache-2.0 */
/* verdicts: what jobs have come to, by all that they depend on: of each, of which job and run it
 * is, and the caller's record. Not responsible for where they lie, and whether they are whole
 * (store/verdict_log.c), for what a key is made of, nor for what a record says
 * (harness/prepare/kept_verdicts.c). */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/store/record.h"
#include "rootfs-cache/store/verdict_log.h"

#include <string.h>

#define VERDICT_PREFIX_MIN 4

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

/* Takes the next text; NULL: there is none. */
static const char *verdict_text(const char **at, const char *end)
{
    const char *text = *at, *nul = text != NULL ? memchr(text, '\0', (size_t)(end - text)) : NULL;

    *at = nul != NULL ? nul + 1 : NULL;
    return nul != NULL ? text : NULL;
}

/* Reads the texts, which each end in NUL; returns where the caller's record begins, or NULL: they
 * are not what they should be. */
static const char *verdict_parse(const struct verdict_record *r, struct cache_verdict *ret)
{
    enum { JOB, OF_FILE, RUN, VERDICT, ENDED, TEXTS };
    const char *at = r->data, *texts[TEXTS];

    for (size_t i = 0; i < TEXTS; i++) {
        texts[i] = verdict_text(&at, r->data + r->n);
        if (texts[i] == NULL)
            return NULL;
    }
    *ret = (struct cache_verdict){.job = xstrdup(texts[JOB]),
                                  .file = xstrdup(texts[OF_FILE]),
                                  .run = xstrdup(texts[RUN]),
                                  .verdict = xstrdup(texts[VERDICT]),
                                  .ended = (time_t)strtoll(texts[ENDED], NULL, 10),
                                  .last_used = r->used,
                                  .bytes = r->bytes};
    memcpy(ret->key, r->key, sizeof(ret->key));
    return at;
}

bool cache_verdict_find(struct cache *cache, const char *key, struct cache_verdict *ret,
                        char **ret_record, size_t *ret_n)
{
    struct verdict_record found;
    const char *record;

    if (verdict_log_find(cache, key, &found) < 0)
        return false;
    record = verdict_parse(&found, ret);
    if (record != NULL) {
        *ret_n = found.n - (size_t)(record - found.data);
        *ret_record = xmalloc(*ret_n + 1);
        memcpy(*ret_record, record, *ret_n);
    }
    verdict_record_release(&found);
    return record != NULL;
}

void cache_verdicts_hold(struct cache *cache)
{
    verdict_log_hold(cache);
}

int cache_verdict_keep(struct cache *cache, const struct cache_verdict *v, const char *record,
                       size_t n, struct cupel_error *err)
{
    cleanup_free char *ended = xasprintf("%lld", (long long)v->ended);
    const char *const texts[] = {v->job, v->file, v->run, v->verdict, ended};
    cleanup_strbuf struct strbuf b = {0};
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        strbuf_add(&b, texts[i], strlen(texts[i]) + 1);
    strbuf_add(&b, record, n);
    r = verdict_log_add(cache, v->key, b.data, b.len);
    if (r == -EBUSY)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                               "another cupel writes verdicts into the root cache %s for seconds "
                               "(is it stopped?): none is kept of this run any more",
                               cache->path);
    return r < 0 ? store_error(cache, err, r, "keep a verdict") : 0;
}

/* ---- looking after them ---- */

struct verdict_list {
    struct cache_verdict *list;
    size_t n, room;
};

static int verdict_list_one(const struct verdict_record *record, void *data)
{
    struct verdict_list *l = data;
    struct cache_verdict v;

    if (verdict_parse(record, &v) == NULL)
        return 0;
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
    int r = verdict_log_each(cache, verdict_list_one, l);

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

/* Keys that go, in the order of keys. */
struct verdict_keys_gone {
    const char **key;
    size_t n;
};

static int verdicts_compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool verdict_stays(const char *key, void *data)
{
    const struct verdict_keys_gone *gone = data;

    return bsearch(&key, gone->key, gone->n, sizeof(*gone->key), verdicts_compare_keys) == NULL;
}

static int verdicts_remove(struct cache *cache, struct verdict_keys_gone *gone)
{
    if (gone->n == 0)
        return 0;
    qsort(gone->key, gone->n, sizeof(*gone->key), verdicts_compare_keys);
    return verdict_log_rewrite(cache, verdict_stays, gone);
}

int cache_verdicts_remove(struct cache *cache, const char *what, size_t *ret_n,
                          struct cupel_error *err)
{
    bool is_prefix =
        strlen(what) >= VERDICT_PREFIX_MIN && strspn(what, "0123456789abcdef") == strlen(what);
    struct cache_verdict *list = NULL;
    struct verdict_keys_gone gone = {.n = 0};
    size_t n = 0;
    int r = cache_verdicts_list(cache, &list, &n, err);

    if (r < 0)
        return r;
    gone.key = xcalloc(n + 1, sizeof(*gone.key));
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i].job, what) || str_eq(list[i].file, what) ||
            (is_prefix && str_starts(list[i].key, what)))
            gone.key[gone.n++] = list[i].key;
    *ret_n = gone.n;
    r = verdicts_remove(cache, &gone);
    free(gone.key);
    cache_verdicts_free(list, n);
    return r < 0 ? store_error(cache, err, r, "remove a verdict") : 0;
}

/* Removes what is not the log: nobody looks for it. */
static int verdicts_tidy(struct cache *cache, const char *name, void *data)
{
    cleanup_free char *path = xasprintf(STORE_VERDICTS "/%s", name);

    (void)data;
    if (str_eq(path, STORE_VERDICT_LOG))
        return 0;
    return unlinkat(cache->dir, path, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int verdicts_collect(struct cache *cache, const struct cache_gc *want, uint64_t *left,
                     size_t *ret_removed)
{
    struct verdict_list l = {.list = NULL};
    struct verdict_keys_gone gone = {.n = 0};
    time_t now = time(NULL);
    int r = record_each(cache, STORE_VERDICTS, verdicts_tidy, NULL);

    if (r == 0)
        r = verdicts_read(cache, &l);
    if (r < 0)
        return r;
    for (size_t i = 0; i < l.n; i++)
        *left += l.list[i].bytes;
    gone.key = xcalloc(l.n + 1, sizeof(*gone.key));
    for (size_t i = l.n; i-- > 0;) { /* the most recently used come first */
        const struct cache_verdict *v = &l.list[i];
        bool too_old = want->older_seconds != UINT64_MAX && v->last_used <= now &&
                       (uint64_t)(now - v->last_used) >= want->older_seconds;

        if (!too_old && (want->keep_bytes == UINT64_MAX || *left <= want->keep_bytes))
            continue;
        gone.key[gone.n++] = v->key;
        *left -= v->bytes;
    }
    r = verdicts_remove(cache, &gone);
    if (r == 0)
        *ret_removed += gone.n;
    free(gone.key);
    cache_verdicts_free(l.list, l.n);
    return r;
}
