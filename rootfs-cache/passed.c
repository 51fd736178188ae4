/* SPDX-License-Identifier: Apache-2.0 */
/* passed: which jobs have passed, by all that they depend on: results/KEY is a record that says
 * when that was, and in which run. Its last use is its time. Not responsible for what a key is made
 * of beside the root and this store's mapping of ids (harness/prepare/cached_results.c). */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/store/cache_root.h"
#include "rootfs-cache/store/record.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

/* Raised when a key is made in another way. */
#define RESULT_RECIPE "result 1"
#define RESULT_SIZE_MAX ((size_t)64 * 1024)
#define RESULT_PREFIX_MIN 4

int cache_result_key(struct cache *cache, const struct cache_root *root, const char *const *texts,
                     size_t n, char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    cleanup_free const char **all = xcalloc(n + 4, sizeof(*all));
    cleanup_free char *base = cache_root_describe(cache, root),
                      *config = cache_config_text(root->config);
    int r;

    all[0] = RESULT_RECIPE;
    all[1] = cache->ids != NULL ? cache->ids : "";
    all[2] = base;
    all[3] = config != NULL ? config : "";
    memcpy(all + 4, texts, n * sizeof(*texts));
    r = hash_texts(all, n + 4, ret_key);
    return r < 0 ? store_error(cache, err, r, "name a result") : 0;
}

static const char *result_text(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));

    return text != NULL ? text : "";
}

void cache_result_release(struct cache_result *result)
{
    free(result->job);
    free(result->file);
    free(result->run);
    *result = (struct cache_result){.job = NULL};
}

/* Reads a record; false where there is none, or none that says what it should. */
static bool result_read(const struct cache *cache, const char *key, struct cache_result *ret)
{
    cleanup_free char *path = xasprintf(STORE_RESULTS "/%s", key), *text = NULL;
    struct stat st;
    size_t length;
    json_t *record;

    if (!hash_is_hex(key) || fstatat(cache->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        file_read_at(cache->dir, path, RESULT_SIZE_MAX, &text, &length) < 0)
        return false;
    record = json_loads(text, 0, NULL);
    if (record == NULL || !str_eq(result_text(record, "key"), key)) {
        json_decref(record);
        return false;
    }
    *ret = (struct cache_result){
        .job = xstrdup(result_text(record, "job")),
        .file = xstrdup(result_text(record, "file")),
        .run = xstrdup(result_text(record, "run")),
        .ended = (time_t)json_integer_value(json_object_get(record, "ended")),
        .last_used = st.st_mtim.tv_sec,
    };
    (void)snprintf(ret->key, sizeof(ret->key), "%s", key);
    json_decref(record);
    return true;
}

bool cache_result_find(struct cache *cache, const char *key, struct cache_result *ret)
{
    cleanup_free char *path = xasprintf(STORE_RESULTS "/%s", key);

    if (!result_read(cache, key, ret))
        return false;
    (void)utimensat(cache->dir, path, NULL,
                    AT_SYMLINK_NOFOLLOW); /* a read-only store just lacks it */
    return true;
}

/* What is not UTF-8 is not told. */
static void result_add(json_t *record, const char *key, const char *text)
{
    json_t *s = json_string(text);

    (void)json_object_set_new(record, key, s != NULL ? s : json_string("?"));
}

int cache_result_keep(struct cache *cache, const struct cache_result *result,
                      struct cupel_error *err)
{
    cleanup_free char *path = xasprintf(STORE_RESULTS "/%s", result->key), *text = NULL;
    json_t *record = json_pack("{s:i, s:s, s:s, s:I}", "format", 1, "key", result->key, "run",
                               result->run, "ended", (json_int_t)result->ended);
    int r;

    result_add(record, "job", result->job);
    result_add(record, "file", result->file);
    text = json_dumps(record, JSON_INDENT(2));
    json_decref(record);
    r = text == NULL ? -ENOMEM : file_write_passing_at(cache->dir, path, text, strlen(text), 0600);
    return r < 0 ? store_error(cache, err, r, "write down a result") : 0;
}

/* ---- looking after them ---- */

struct result_list {
    struct cache_result *results;
    size_t n;
};

static int result_list_one(struct cache *cache, const char *name, void *data)
{
    struct result_list *l = data;
    struct cache_result result;

    if (result_read(cache, name, &result)) {
        l->results = xrealloc(l->results, (l->n + 1) * sizeof(*l->results));
        l->results[l->n++] = result;
    }
    return 0;
}

static int results_by_use(const void *a, const void *b)
{
    const struct cache_result *x = a, *y = b;

    if (x->last_used != y->last_used)
        return x->last_used > y->last_used ? -1 : 1;
    return strcmp(x->key, y->key);
}

int cache_results_list(struct cache *cache, struct cache_result **ret_results, size_t *ret_n,
                       struct cupel_error *err)
{
    struct result_list l = {0};
    int r = record_each(cache, STORE_RESULTS, result_list_one, &l);

    if (r < 0) {
        cache_results_free(l.results, l.n);
        return store_error(cache, err, r, "list the results");
    }
    if (l.n > 0)
        qsort(l.results, l.n, sizeof(*l.results), results_by_use);
    *ret_results = l.results;
    *ret_n = l.n;
    return 0;
}

void cache_results_free(struct cache_result *results, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cache_result_release(&results[i]);
    free(results);
}

static int result_remove(struct cache *cache, const char *key)
{
    cleanup_free char *path = xasprintf(STORE_RESULTS "/%s", key);

    return unlinkat(cache->dir, path, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int cache_results_remove(struct cache *cache, const char *what, size_t *ret_n,
                         struct cupel_error *err)
{
    bool is_prefix =
        strlen(what) >= RESULT_PREFIX_MIN && strspn(what, "0123456789abcdef") == strlen(what);
    struct cache_result *results;
    size_t n;
    int r = cache_results_list(cache, &results, &n, err);

    if (r < 0)
        return r;
    *ret_n = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        if (str_eq(results[i].job, what) || (is_prefix && str_starts(results[i].key, what))) {
            r = result_remove(cache, results[i].key);
            *ret_n += r == 0;
        }
    cache_results_free(results, n);
    return r < 0 ? store_error(cache, err, r, "remove a result") : 0;
}

/* Removes what is no record: nobody finds it. */
static int result_remove_broken(struct cache *cache, const char *name, void *data)
{
    struct cache_result result;

    (void)data;
    if (!result_read(cache, name, &result))
        return result_remove(cache, name);
    cache_result_release(&result);
    return 0;
}

int results_collect(struct cache *cache, const struct cache_gc *want, uint64_t *left,
                    size_t *ret_removed)
{
    struct cupel_error ignored;
    struct cache_result *results = NULL;
    time_t now = time(NULL);
    size_t n = 0;
    int r = record_each(cache, STORE_RESULTS, result_remove_broken, NULL);

    if (r == 0)
        r = cache_results_list(cache, &results, &n, &ignored);
    if (r < 0)
        return r;
    *left += n * STORE_RESULT_BYTES;
    for (size_t i = n; r == 0 && i-- > 0;) { /* the most recently used come first */
        bool too_old = want->older_seconds != UINT64_MAX && results[i].last_used <= now &&
                       (uint64_t)(now - results[i].last_used) >= want->older_seconds;

        if (!too_old && (want->keep_bytes == UINT64_MAX || *left <= want->keep_bytes))
            continue;
        r = result_remove(cache, results[i].key);
        *left -= STORE_RESULT_BYTES;
        ++*ret_removed;
    }
    cache_results_free(results, n);
    return r;
}
