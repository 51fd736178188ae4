/* SPDX-License-Identifier: Apache-2.0 */
/* saved: what a job leaves to later ones is a layer of the store like any other, with a record that
 * says under which key. Not responsible for when that is done, nor for what a job sees of it
 * (harness/attempt/caches.c).
 *
 * A layer's key is made of whose it is (root, user, paths) and of the key that the job file says:
 * who asks for another root does not find it, whatever the key. The first one that is saved stays.
 * The record is written when the layer is there; without it, the layer is found by its whole key
 * alone, and gets one then.
 */
#include "base/weaken.h"
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/confined/merge_copy.h"
#include "rootfs-cache/store/cache_root.h"
#include "rootfs-cache/store/digest.h"
#include "rootfs-cache/store/names.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* Raised when layers are made in another way. */
#define SAVED_RECIPE "saved 1"
#define EMPTY STORE_SAVED "/.empty"
#define RECORD_SIZE_MAX ((size_t)1 << 20)
#define PREFIX_MIN 4

/* ---- what it is called ---- */

static size_t count_texts(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

/* The host's root is this host's, whatever it has in it today. */
static char *describe_root(const struct cache *cache, const struct cache_root *root)
{
    bool host = root->n_layers == 2 && root->key[1][0] == '\0';

    return host ? xstrdup("host") : cache_root_describe(cache, root);
}

/* The number that all have who share what they save. */
static int domain_of(const struct cache *cache, const struct cache_saved_of *of,
                     char ret[CACHE_KEY_LEN + 1])
{
    cleanup_free char *root = describe_root(cache, of->root), *count = NULL;
    cleanup_free const char **texts = NULL;
    size_t n = count_texts(of->paths);

    texts = xcalloc(n + 4, sizeof(*texts));
    count = xasprintf("%zu", n);
    texts[0] = SAVED_RECIPE;
    texts[1] = weakened("cache-domain") ? "" : root;
    texts[2] = weakened("cache-domain") ? "" : of->user;
    texts[3] = count;
    if (n > 0)
        memcpy(texts + 4, of->paths, n * sizeof(*texts));
    return digest_layer(cache, texts, n + 4, ret);
}

static int layer_of(const struct cache *cache, const char *domain, const char *key,
                    char ret[CACHE_KEY_LEN + 1])
{
    return digest_layer(cache, (const char *[]){SAVED_RECIPE " layer", domain, key}, 3, ret);
}

int cache_saved_name(struct cache *cache, const struct cache_saved_of *of, const char *key,
                     char ret_layer[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    char domain[CACHE_KEY_LEN + 1];
    int r = domain_of(cache, of, domain);

    if (r == 0)
        r = layer_of(cache, domain, key, ret_layer);
    return r < 0 ? store_error(cache, err, r, "name a layer") : 0;
}

/* ---- taking turns ---- */

/* Takes another lock than the layer's own, which is held while it is written and no longer. */
int cache_saved_turn(struct cache *cache, const char *layer, int *turn)
{
    char name[CACHE_KEY_LEN + 1];
    cleanup_free char *path = NULL;
    int r =
        *turn < 0 ? digest_layer(cache, (const char *[]){SAVED_RECIPE " turn", layer}, 2, name) : 0;

    if (r < 0)
        return r;
    if (*turn < 0) {
        path = xasprintf("locks/%s", name);
        *turn = openat(cache->dir, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    return *turn < 0 || flock(*turn, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* Said, not only closed: processes that were forked meanwhile have copies of the descriptor. */
void cache_saved_yield(int *turn)
{
    if (*turn >= 0)
        (void)flock(*turn, LOCK_UN);
    base_closep(turn);
    *turn = -EBADF;
}

/* ---- records ---- */

static json_t *read_record(const struct cache *cache, const char *layer)
{
    cleanup_free char *path = xasprintf(STORE_SAVED "/%s", layer), *text = NULL;
    size_t length;

    return hash_is_hex(layer) &&
                   file_read_at(cache->dir, path, RECORD_SIZE_MAX, &text, &length) == 0
               ? json_loads(text, 0, NULL)
               : NULL;
}

static const char *text_in(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));

    return text != NULL ? text : "";
}

/* Writes it in the form of an imported name's (store/record.c), which says who has a layer. */
static int write_record(const struct cache *cache, const struct cache_saved_of *of,
                        const char *domain, const char *key, const char *layer)
{
    cleanup_free char *path = xasprintf(STORE_SAVED "/%s", layer), *text = NULL;
    json_t *o = json_pack("{s:i, s:[s], s:s, s:s, s:s}", "format", 2, "layers", layer, "kind",
                          CACHE_SAVED_KIND, "domain", domain, "user", of->user);
    json_t *paths = json_array(), *source = json_string(key);

    for (size_t i = 0; of->paths[i] != NULL; i++)
        (void)json_array_append_new(paths, json_string(of->paths[i]));
    (void)json_object_set_new(o, "paths", paths);
    (void)json_object_set_new(o, "source", source);
    (void)json_object_set_new(o, "root", json_string(of->root->key[0]));
    text = source != NULL ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    return text == NULL ? -EINVAL
                        : file_write_atomic_at(cache->dir, path, text, strlen(text), 0600);
}

/* A record is missing where somebody was killed before it was written. */
static int complete(const struct cache *cache, const struct cache_saved_of *of, const char *domain,
                    const char *key, const char *layer)
{
    cleanup_free char *path = xasprintf(STORE_SAVED "/%s", layer);

    return faccessat(cache->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0
               ? 0
               : write_record(cache, of, domain, key, layer);
}

/* ---- restoring ---- */

void cache_saved_close(struct cache_saved *saved)
{
    base_closep(&saved->tree);
    base_closep(&saved->pin);
    free(saved->key);
    *saved = (struct cache_saved)CACHE_SAVED_NONE;
}

static int open_saved(const struct cache *cache, const char *layer, struct cache_saved *ret)
{
    int r = store_open_layer(cache, layer, &ret->tree, &ret->pin);

    if (r == 0)
        (void)snprintf(ret->layer, sizeof(ret->layer), "%s", layer);
    return r;
}

/* The newest that begins so, but for those that are at least as new as the last one tried. */
struct newest {
    const char *domain, *prefix;
    struct timespec before; /* with the name, so that of two at one moment each has its turn */
    char before_layer[CACHE_KEY_LEN + 1];
    struct timespec at;
    char layer[CACHE_KEY_LEN + 1];
    char *key; /* malloc'ed */
};

static int compare_age(const struct timespec *a, const char *a_name, const struct timespec *b,
                       const char *b_name)
{
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    if (a->tv_nsec != b->tv_nsec)
        return a->tv_nsec < b->tv_nsec ? -1 : 1;
    return strcmp(a_name, b_name);
}

static int ask_record(struct cache *cache, const char *name, void *data)
{
    struct newest *s = data;
    cleanup_free char *path = xasprintf(STORE_SAVED "/%s", name);
    struct stat st;
    json_t *record;

    if (fstatat(cache->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || strlen(name) != CACHE_KEY_LEN)
        return 0;
    if (s->before_layer[0] != '\0' &&
        compare_age(&st.st_mtim, name, &s->before, s->before_layer) >= 0)
        return 0;
    if (s->layer[0] != '\0' && compare_age(&st.st_mtim, name, &s->at, s->layer) < 0)
        return 0;
    record = read_record(cache, name);
    if (record != NULL && str_eq(text_in(record, "domain"), s->domain) &&
        str_starts(text_in(record, "source"), s->prefix)) {
        s->at = st.st_mtim;
        free(s->key);
        s->key = xstrdup(text_in(record, "source"));
        (void)snprintf(s->layer, sizeof(s->layer), "%s", name);
    }
    json_decref(record);
    return 0;
}

static int open_newest(struct cache *cache, const char *domain, const char *prefix,
                       struct cache_saved *ret)
{
    struct newest s = {.domain = domain, .prefix = prefix};

    for (;;) {
        int r = record_each(cache, STORE_SAVED, ask_record, &s);

        if (r == 0)
            r = s.layer[0] == '\0' ? -ENOENT : open_saved(cache, s.layer, ret);
        if (r == 0)
            ret->key = steal_ptr(s.key);
        if (r != -ENOENT || s.layer[0] == '\0') {
            free(s.key);
            return r;
        }
        s.before = s.at; /* it was removed meanwhile: the next one */
        memcpy(s.before_layer, s.layer, sizeof(s.layer));
        s.layer[0] = '\0';
    }
}

int cache_saved_open(struct cache *cache, const struct cache_saved_of *of, const char *key,
                     const char *const *restore, struct cache_saved *ret, struct cupel_error *err)
{
    struct cache_saved saved = CACHE_SAVED_NONE;
    char domain[CACHE_KEY_LEN + 1], layer[CACHE_KEY_LEN + 1];
    int r = domain_of(cache, of, domain);

    if (r == 0)
        r = layer_of(cache, domain, key, layer);
    if (r == 0)
        r = open_saved(cache, layer, &saved);
    saved.exact = r == 0;
    if (saved.exact) { /* else it is not found by a beginning; on a read-only disk it just is not */
        (void)complete(cache, of, domain, key, layer);
        saved.key = xstrdup(key);
    }
    for (size_t i = 0; r == -ENOENT && restore != NULL && restore[i] != NULL; i++)
        r = open_newest(cache, domain, restore[i], &saved);
    if (r < 0 && r != -ENOENT)
        return store_error(cache, err, r, "look for a cache");
    *ret = saved;
    return r == 0 ? 0 : 1;
}

int cache_saved_again(struct cache *cache, const char *layer, struct cache_saved *ret,
                      struct cupel_error *err)
{
    int r = hash_is_hex(layer) ? open_saved(cache, layer, ret) : -EBADMSG;

    return r < 0 ? store_error(cache, err, r, "open a cache") : 0;
}

int cache_saved_empty(struct cache *cache, struct cupel_error *err)
{
    int fd = file_open_dir_p_at(cache->dir, EMPTY, 0755);

    return fd < 0 ? store_error(cache, err, fd, "make a directory") : fd;
}

/* ---- saving ---- */

static int copy_part(const struct cache_saving *saving, size_t i, struct store_draft *draft,
                     struct store_info *info, struct cupel_error *err)
{
    struct cache_saved_part part = saving->parts[i];
    struct merge_copy_layers layers = {.layer = part.layer, .n = part.n, .plain = true};
    struct child_counts counts = {0};
    cleanup_close int to = -EBADF;
    char name[16];
    int r;

    (void)snprintf(name, sizeof(name), "%zu", i);
    if (mkdirat(draft->tree, name, 0755) < 0)
        return store_error(draft->cache, err, errno, "make a directory");
    to = openat(draft->tree, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return store_error(draft->cache, err, errno, "open a directory");
    r = merge_copy_stoppable(&layers, to, draft->lock, saving->stop, saving->data, &counts, err);
    info->entries += counts.entries + 1;
    info->bytes += counts.bytes;
    return r;
}

static int fill(const struct cache_saved_of *of, const struct cache_saving *saving,
                struct store_draft *draft, struct cupel_error *err)
{
    struct store_info info = {.kind = CACHE_SAVED_KIND, .source = saving->key};
    int r = 0;

    for (size_t i = 0; r == 0 && of->paths[i] != NULL; i++)
        r = copy_part(saving, i, draft, &info, err);
    if (r == 0 && saving->check != NULL)
        r = saving->check(saving->data, err);
    return r < 0 ? r : store_commit(draft, &info, err);
}

int cache_save(struct cache *cache, const struct cache_saved_of *of,
               const struct cache_saving *saving, struct cupel_error *err)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    char domain[CACHE_KEY_LEN + 1], layer[CACHE_KEY_LEN + 1];
    bool there = false;
    int r = domain_of(cache, of, domain);

    if (r == 0)
        r = layer_of(cache, domain, saving->key, layer);
    if (r < 0)
        return store_error(cache, err, r, "name a layer");
    there = store_has_layer(cache, layer);
    r = there ? 0 : store_try_begin(cache, layer, &draft, err);
    if (r == -EWOULDBLOCK)
        return 1;
    there |= r == 1;
    if (r == 0 && !there)
        r = fill(of, saving, &draft, err);
    if (r < 0)
        return r;
    r = complete(cache, of, domain, saving->key, layer);
    return r < 0 ? store_error(cache, err, r, "write down a cache") : there;
}

/* ---- looking after them ---- */

struct saved_list {
    struct cache_saved_entry *entries;
    size_t n;
};

static char **copy_paths(const json_t *paths)
{
    char **list = xcalloc(json_array_size(paths) + 1, sizeof(*list));
    const json_t *path;
    size_t i;

    json_array_foreach(paths, i, path)
    {
        const char *text = json_string_value(path);

        list[i] = xstrdup(text != NULL ? text : "?");
    }
    return list;
}

static int list_record(struct cache *cache, const char *name, void *data)
{
    struct saved_list *l = data;
    cleanup_free char *pin = xasprintf("layers/%s/pin", name), *text = NULL;
    json_t *record = read_record(cache, name), *info = NULL;
    struct stat st;

    if (record != NULL && fstatat(cache->dir, pin, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        names_layer_info(cache, name, &text) == 0)
        info = json_loads(text, 0, NULL);
    if (info != NULL) {
        struct cache_saved_entry e = {
            .key = xstrdup(text_in(record, "source")),
            .paths = copy_paths(json_object_get(record, "paths")),
            .user = xstrdup(text_in(record, "user")),
            .root = xstrdup(text_in(record, "root")),
            .bytes = (uint64_t)json_integer_value(json_object_get(info, "bytes")),
            .entries = (uint64_t)json_integer_value(json_object_get(info, "entries")),
            .created = (time_t)json_integer_value(json_object_get(info, "created")),
            .last_used = st.st_mtim.tv_sec,
            .in_use = store_in_use(cache, name),
        };

        (void)snprintf(e.layer, sizeof(e.layer), "%s", name);
        l->entries = xrealloc(l->entries, (l->n + 1) * sizeof(*l->entries));
        l->entries[l->n++] = e;
    }
    json_decref(info);
    json_decref(record);
    return 0;
}

static int saved_by_use(const void *a, const void *b)
{
    const struct cache_saved_entry *x = a, *y = b;

    if (x->last_used != y->last_used)
        return x->last_used > y->last_used ? -1 : 1;
    return strcmp(x->layer, y->layer);
}

int cache_saved_list(struct cache *cache, struct cache_saved_entry **ret_entries, size_t *ret_n,
                     struct cupel_error *err)
{
    struct saved_list l = {0};
    int r = record_each(cache, STORE_SAVED, list_record, &l);

    if (r < 0) {
        cache_saved_entries_free(l.entries, l.n);
        return store_error(cache, err, r, "list the caches");
    }
    if (l.n > 0)
        qsort(l.entries, l.n, sizeof(*l.entries), saved_by_use);
    *ret_entries = l.entries;
    *ret_n = l.n;
    return 0;
}

void cache_saved_entries_free(struct cache_saved_entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(entries[i].key);
        for (char **path = entries[i].paths; *path != NULL; path++)
            free(*path);
        free(entries[i].paths);
        free(entries[i].user);
        free(entries[i].root);
    }
    free(entries);
}

static int remove_saved(struct cache *cache, const struct cache_saved_entry *e,
                        struct cupel_error *err)
{
    int r = names_remove_layer(cache, e->layer);

    if (r == -EBUSY || r == STORE_WANTED) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "the cache '%.200s' (%.12s) is in use",
                              e->key, e->layer);
        cupel_error_hint(err, r == -EBUSY ? "try again when the runs that use it have ended"
                                          : "`cupel clean --kept` removes the failed job over it");
        return -EBUSY;
    }
    return r < 0 && r != -ENOENT ? store_error(cache, err, r, "remove a layer") : 0;
}

int cache_saved_remove(struct cache *cache, const char *what, size_t *ret_n,
                       struct cupel_error *err)
{
    struct cache_saved_entry *entries = NULL;
    bool is_prefix = strlen(what) >= PREFIX_MIN && strspn(what, "0123456789abcdef") == strlen(what);
    size_t n = 0, found = 0;
    int r = cache_saved_list(cache, &entries, &n, err);

    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < n; i++)
        if (str_eq(entries[i].key, what) || (is_prefix && str_starts(entries[i].layer, what))) {
            r = remove_saved(cache, &entries[i], err);
            found++;
        }
    cache_saved_entries_free(entries, n);
    if (r < 0)
        return r;
    if (found == 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "nothing is saved as '%.200s'", what);
        cupel_error_hint(err, "`cupel cache list` shows what is");
        return -ENOENT;
    }
    *ret_n = found;
    return 0;
}
