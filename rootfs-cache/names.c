/* names: imported names, and what people do with the store: list, find, show, remove. A name is a file names/NAME that
 * holds the key of its layer. */
#include "rootfs-cache/sources.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define NAME_MAX_LENGTH 64
#define PREFIX_MIN 4
#define INFO_MAX ((size_t)1 << 20)

static const char hex_digits[] = "0123456789abcdef";

static bool is_key(const char *s)
{
    return strlen(s) == CACHE_KEY_LEN && strspn(s, hex_digits) == CACHE_KEY_LEN;
}

/* A file that was being written aside when its writer died. */
static bool is_aside(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && str_eq(name + n - 4, ".tmp");
}

/* A name goes into a path, and must not look like a key. */
static int check_name(const char *name, struct cupel_error *err)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);

    if (n > 0 && n < NAME_MAX_LENGTH && name[0] != '.' && name[0] != '-' && strspn(name, ok) == n && !is_aside(name))
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%.100s' cannot be the name of a root", name);
    cupel_error_hint(err, "letters, digits, '.', '_' and '-', at most %d, not starting with '.' or '-'",
                     NAME_MAX_LENGTH - 1);
    return -EINVAL;
}

static int read_name(const struct cache *cache, const char *name, char ret_key[CACHE_KEY_LEN + 1])
{
    cleanup_free char *path = xasprintf("names/%s", name), *text = NULL;
    size_t length;
    int r = file_read_at(cache->dir, path, 4096, &text, &length);

    if (r < 0)
        return r;
    text[strcspn(text, "\n")] = '\0';
    if (!is_key(text))
        return -EBADMSG;
    memcpy(ret_key, text, CACHE_KEY_LEN + 1);
    return 0;
}

/* Calls fn for each entry of a place of the store, sorted. */
typedef int place_fn(struct cache *cache, const char *name, void *data);

static int each_in(struct cache *cache, const char *place, place_fn *fn, void *data)
{
    struct dirent **names = NULL;
    int n = scandirat(cache->dir, place, &names, NULL, alphasort), r = 0;

    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        if (r == 0 && names[i]->d_name[0] != '.' && !is_aside(names[i]->d_name))
            r = fn(cache, names[i]->d_name, data);
        free(names[i]);
    }
    free(names);
    return r;
}

/* ---- listing -------------------------------------------------------------------------------------------------------
 */

struct listing {
    struct cache_entry *entries;
    size_t n, capacity;
};

static struct cache_entry *listing_add(struct listing *l)
{
    if (l->n == l->capacity) {
        l->capacity = l->capacity != 0 ? l->capacity * 2 : 16;
        l->entries = xrealloc(l->entries, l->capacity * sizeof(*l->entries));
    }
    l->entries[l->n] = (struct cache_entry){0};
    return &l->entries[l->n++];
}

static char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return xstrdup(s != NULL ? s : "?");
}

static int read_info(const struct cache *cache, const char *key, char **ret_text)
{
    cleanup_free char *path = xasprintf("layers/%s/layer.json", key);
    size_t length;

    return file_read_at(cache->dir, path, INFO_MAX, ret_text, &length);
}

static bool fill_entry(const struct cache *cache, const char *key, struct cache_entry *e)
{
    cleanup_free char *text = NULL, *pin_path = xasprintf("layers/%s/pin", key);
    cleanup_close int pin = openat(cache->dir, pin_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    json_t *o;

    if (pin < 0 || fstat(pin, &st) < 0 || read_info(cache, key, &text) < 0)
        return false; /* removed meanwhile */
    o = json_loads(text, 0, NULL);
    (void)snprintf(e->key, sizeof(e->key), "%s", key);
    e->kind = text_of(o, "kind");
    e->source = text_of(o, "source");
    e->bytes = (uint64_t)json_integer_value(json_object_get(o, "bytes"));
    e->entries = (uint64_t)json_integer_value(json_object_get(o, "entries"));
    e->created = (time_t)json_integer_value(json_object_get(o, "created"));
    e->last_used = st.st_mtim.tv_sec;
    e->in_use = flock(pin, LOCK_EX | LOCK_NB) < 0;
    json_decref(o);
    return true;
}

static int list_name(struct cache *cache, const char *name, void *data)
{
    struct listing *l = data;
    struct cache_entry e = {0};
    char key[CACHE_KEY_LEN + 1];

    if (read_name(cache, name, key) < 0 || !fill_entry(cache, key, &e))
        return 0;
    e.name = xstrdup(name);
    *listing_add(l) = e;
    return 0;
}

static int list_layer(struct cache *cache, const char *key, void *data)
{
    struct listing *l = data;
    struct cache_entry e = {0};

    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->entries[i].key, key))
            return 0; /* already there by name */
    if (is_key(key) && fill_entry(cache, key, &e))
        *listing_add(l) = e;
    return 0;
}

static int by_use(const void *a, const void *b)
{
    const struct cache_entry *x = a, *y = b;

    if ((x->name != NULL) != (y->name != NULL))
        return x->name != NULL ? -1 : 1;
    if (x->name != NULL)
        return strcmp(x->name, y->name);
    return (x->last_used < y->last_used) - (x->last_used > y->last_used);
}

int cache_list(struct cache *cache, struct cache_entry **ret_entries, size_t *ret_n, struct cupel_error *err)
{
    struct listing l = {0};
    int r = each_in(cache, "names", list_name, &l);

    if (r == 0)
        r = each_in(cache, "layers", list_layer, &l);
    if (r < 0) {
        cache_entries_free(l.entries, l.n);
        return store_error(cache, err, r, "list the layers");
    }
    if (l.n > 0)
        qsort(l.entries, l.n, sizeof(*l.entries), by_use);
    *ret_entries = l.entries;
    *ret_n = l.n;
    return 0;
}

void cache_entries_free(struct cache_entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(entries[i].name);
        free(entries[i].kind);
        free(entries[i].source);
    }
    free(entries);
}

/* ---- finding -------------------------------------------------------------------------------------------------------
 */

struct search {
    const char *prefix;
    char key[CACHE_KEY_LEN + 1];
    size_t found;
};

static int match_layer(struct cache *cache, const char *key, void *data)
{
    struct search *s = data;

    (void)cache;
    if (is_key(key) && str_starts(key, s->prefix)) {
        memcpy(s->key, key, sizeof(s->key));
        s->found++;
    }
    return 0;
}

int cache_find(struct cache *cache, const char *what, char ret_key[65], struct cupel_error *err)
{
    struct search search = {.prefix = what};
    struct cupel_error ignored;
    size_t n = strlen(what);
    int r;

    if (check_name(what, &ignored) == 0 && read_name(cache, what, ret_key) == 0)
        return 0;
    if (n >= PREFIX_MIN && strspn(what, hex_digits) == n) {
        r = each_in(cache, "layers", match_layer, &search);
        if (r < 0)
            return store_error(cache, err, r, "list the layers");
    }
    if (search.found == 1) {
        memcpy(ret_key, search.key, sizeof(search.key));
        return 0;
    }
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          search.found > 1 ? "'%.100s' fits several roots" : "no root is called '%.100s'", what);
    cupel_error_hint(err, "`cupel rootfs list` shows names and keys");
    return -ENOENT;
}

int cache_show(struct cache *cache, const char *what, char **ret_json, struct cupel_error *err)
{
    char key[CACHE_KEY_LEN + 1];
    int r = cache_find(cache, what, key, err);

    if (r < 0)
        return r;
    r = read_info(cache, key, ret_json);
    return r < 0 ? store_error(cache, err, r, "read about a layer") : 0;
}

/* ---- importing and removing ----------------------------------------------------------------------------------------
 */

int cache_import(struct cache *cache, const char *name, const char *path, cache_progress_fn *progress, void *data,
                 struct cupel_error *err)
{
    cleanup_free char *absolute = NULL, *name_path = NULL, *text = NULL;
    struct cache_source source = {.kind = CACHE_TAR, .name = name};
    struct cache_root root = CACHE_ROOT_INIT;
    char key[CACHE_KEY_LEN + 1];
    int r = check_name(name, err);

    if (r < 0)
        return r;
    absolute = realpath(path, NULL);
    source.tar = absolute != NULL ? absolute : path;
    r = cache_prepare(cache, &source, progress, data, &root, err); /* pinned until the name stands */
    if (r < 0)
        return r;
    r = source_tar(cache, &source, NULL, NULL, key, err);
    if (r == 0) {
        name_path = xasprintf("names/%s", name);
        text = xasprintf("%s\n", key);
        r = file_write_atomic_at(cache->dir, name_path, text, strlen(text), 0600);
        if (r < 0)
            r = store_error(cache, err, r, "write a name");
    }
    cache_root_release(&root);
    return r;
}

static int count_name(struct cache *cache, const char *name, void *data)
{
    struct search *s = data;
    char key[CACHE_KEY_LEN + 1];

    if (read_name(cache, name, key) == 0 && str_eq(key, s->prefix))
        s->found++;
    return 0;
}

static int remove_layer(struct cache *cache, const char *key, const char *what, struct cupel_error *err)
{
    int r = store_remove_layer(cache, key);

    if (r == -EBUSY) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "root '%s' is in use by a run", what);
        cupel_error_hint(err, "try again when the run has ended");
        return r;
    }
    return r < 0 && r != -ENOENT ? store_error(cache, err, r, "remove a layer") : 0;
}

static int remove_names_of(struct cache *cache, const char *name, void *data)
{
    cleanup_free char *path = xasprintf("names/%s", name);
    char key[CACHE_KEY_LEN + 1];

    if (read_name(cache, name, key) == 0 && str_eq(key, data) && unlinkat(cache->dir, path, 0) < 0 && errno != ENOENT)
        return -errno;
    return 0;
}

int cache_remove(struct cache *cache, const char *what, struct cupel_error *err)
{
    char key[CACHE_KEY_LEN + 1], by_name[CACHE_KEY_LEN + 1];
    struct search names = {.prefix = key};
    struct cupel_error ignored;
    int r = cache_find(cache, what, key, err);

    if (r < 0)
        return r;
    r = each_in(cache, "names", count_name, &names);
    if (r < 0)
        return store_error(cache, err, r, "list the names");
    if (check_name(what, &ignored) == 0 && read_name(cache, what, by_name) == 0 && names.found > 1) {
        cleanup_free char *path = xasprintf("names/%s", what);

        return unlinkat(cache->dir, path, 0) < 0 ? store_error(cache, err, errno, "remove a name") : 0;
    }
    r = remove_layer(cache, key, what, err); /* first: a name must not go when its layer cannot */
    if (r < 0)
        return r;
    r = each_in(cache, "names", remove_names_of, key);
    return r < 0 ? store_error(cache, err, r, "remove a name") : 0;
}
