/* SPDX-License-Identifier: Apache-2.0 */
/* names: see names.h; and finding, showing and removing. A name is a record names/NAME. */
#include "rootfs-cache/store/names.h"

#include "rootfs-cache/confined/config.h"
#include "rootfs-cache/confined/hash.h"

#include <fcntl.h>
#include <string.h>

#define NAME_MAX_LENGTH 64
#define PREFIX_MIN 4
#define INFO_MAX ((size_t)1 << 20)
/* of its root and its caches */
#define KEPT_LAYERS_MAX ((size_t)(CACHE_STACK_MAX + 1024) * (CACHE_KEY_LEN + 1) + 1)

static const char hex_digits[] = "0123456789abcdef";

int names_check(const char *name, struct cupel_error *err)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);
    /* as file_write_atomic_at names what it has not finished */
    bool aside = n > 4 && str_eq(name + n - 4, ".tmp");

    if (n > 0 && n < NAME_MAX_LENGTH && name[0] != '.' && name[0] != '-' && strspn(name, ok) == n &&
        !aside)
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%.100s' cannot be the name of a root", name);
    cupel_error_hint(err,
                     "letters, digits, '.', '_' and '-', at most %d, not starting with '.' or '-'",
                     NAME_MAX_LENGTH - 1);
    return -EINVAL;
}

static int read_name(const struct cache *cache, const char *name, struct record *ret)
{
    cleanup_free char *path = xasprintf("names/%s", name);

    return record_read(cache, path, ret);
}

int names_layer_info(const struct cache *cache, const char *key, char **ret_text)
{
    cleanup_free char *path = xasprintf("layers/%s/layer.json", key);
    size_t length;

    return file_read_at(cache->dir, path, INFO_MAX, ret_text, &length);
}

/* ---- finding ---- */

struct names_search {
    const char *prefix;
    char key[CACHE_KEY_LEN + 1];
    size_t found;
};

static int match_layer(struct cache *cache, const char *key, void *data)
{
    struct names_search *s = data;

    (void)cache;
    if (hash_is_hex(key) && str_starts(key, s->prefix)) {
        memcpy(s->key, key, sizeof(s->key));
        s->found++;
    }
    return 0;
}

/* A list of keys, such as cache_root_keys makes; false when it is none. */
static bool split_keys(const char *keys, struct record *ret)
{
    ret->n = 0;
    for (const char *at = keys;; at++) {
        size_t n = strspn(at, hex_digits);

        if (n != CACHE_KEY_LEN || ret->n == CACHE_STACK_MAX)
            return false;
        memcpy(ret->key[ret->n], at, n);
        ret->key[ret->n++][n] = '\0';
        at += n;
        if (*at == '\0' || *at == '\n')
            return true;
        if (*at != CACHE_KEYS_SEPARATOR)
            return false;
    }
}

int names_resolve(struct cache *cache, const char *what, struct record *ret, bool *ret_named,
                  struct cupel_error *err)
{
    struct names_search search = {.prefix = what};
    struct cupel_error ignored;
    size_t n = strlen(what);
    int r;

    *ret_named = false;
    if (names_check(what, &ignored) == 0) {
        r = read_name(cache, what, ret);
        if (r == -EBADMSG) {
            (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                                  "the name '%s' in the root cache %s is damaged", what,
                                  cache->path);
            cupel_error_hint(err, "import it again");
        }
        *ret_named = r == 0;
        if (r == 0 || r == -EBADMSG)
            return r;
    }
    if (strchr(what, CACHE_KEYS_SEPARATOR) != NULL && split_keys(what, ret))
        return 0;
    if (n >= PREFIX_MIN && strspn(what, hex_digits) == n) {
        r = record_each(cache, "layers", match_layer, &search);
        if (r < 0)
            return store_error(cache, err, r, "list the layers");
    }
    if (search.found == 1) {
        memcpy(ret->key[0], search.key, sizeof(search.key));
        ret->n = 1;
        return 0;
    }
    (void)cupel_error_set(
        err, CUPEL_ERROR_INPUT, 0,
        search.found > 1 ? "'%.100s' fits several roots" : "no root is called '%.100s'", what);
    cupel_error_hint(
        err,
        "`cupel rootfs list` shows names and keys; `cupel rootfs import` and `pull` give names");
    return -ENOENT;
}

int cache_find(struct cache *cache, const char *what, char ret_key[65], struct cupel_error *err)
{
    struct record record = RECORD_INIT;
    bool named;
    int r = names_resolve(cache, what, &record, &named, err);

    if (r == 0)
        memcpy(ret_key, record.key[0], CACHE_KEY_LEN + 1);
    record_free(&record);
    return r;
}

int cache_find_keys(struct cache *cache, const char *what, char **ret_keys, struct cupel_error *err)
{
    struct record record = RECORD_INIT;
    struct strbuf b = {0};
    bool named;
    int r = names_resolve(cache, what, &record, &named, err);

    for (size_t i = 0; r == 0 && i < record.n; i++)
        strbuf_addf(&b, "%s%s", i > 0 ? (const char[]){CACHE_KEYS_SEPARATOR, '\0'} : "",
                    record.key[i]);
    record_free(&record);
    if (r == 0)
        *ret_keys = b.data;
    return r;
}

/* ---- showing ---- */

static json_t *show_layers(const struct cache *cache, const struct record *record,
                           json_int_t *ret_bytes)
{
    json_t *list = json_array();

    for (size_t i = 0; i < record->n; i++) {
        cleanup_free char *text = NULL;
        json_t *o =
            names_layer_info(cache, record->key[i], &text) == 0 ? json_loads(text, 0, NULL) : NULL;

        if (o == NULL)
            o = json_pack("{s:s, s:b}", "key", record->key[i], "missing", 1);
        *ret_bytes += json_integer_value(json_object_get(o, "bytes"));
        (void)json_array_append_new(list, o);
    }
    return list;
}

int cache_show(struct cache *cache, const char *what, char **ret_json, struct cupel_error *err)
{
    struct record record = RECORD_INIT;
    json_int_t bytes = 0;
    json_t *o, *layers;
    bool named;
    int r = names_resolve(cache, what, &record, &named, err);

    if (r < 0)
        return r;
    o = json_object();
    layers = show_layers(cache, &record, &bytes);
    if (named)
        (void)json_object_set_new(o, "name", json_string(what));
    if (record.kind != NULL)
        (void)json_object_set_new(o, "kind", json_string(record.kind));
    if (record.source != NULL)
        (void)json_object_set_new(o, "source", json_string(record.source));
    if (record.digest != NULL)
        (void)json_object_set_new(o, "digest", json_string(record.digest));
    (void)json_object_set_new(o, "bytes", json_integer(bytes));
    if (record.config != NULL)
        (void)json_object_set_new(o, "config", config_json(record.config));
    (void)json_object_set_new(o, "layers", layers);
    *ret_json = json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    record_free(&record);
    return *ret_json != NULL ? 0 : store_error(cache, err, ENOMEM, "read about a layer");
}

/* ---- who refers to a layer ---- */

struct referring {
    const char *key;
    const char *place;
    int bit, found;
};

static int ask_record(struct cache *cache, const char *name, void *data)
{
    struct referring *r = data;
    struct record record = RECORD_INIT;
    cleanup_free char *path = xasprintf("%s/%s", r->place, name);

    if (record_read(cache, path, &record) == 0 && record_has(&record, r->key))
        r->found |= r->bit;
    record_free(&record);
    return 0;
}

static int ask_kept(struct cache *cache, const char *name, void *data)
{
    struct referring *r = data;
    cleanup_free char *path = xasprintf(CACHE_KEPT "/%s/" CACHE_KEPT_LAYERS, name), *text = NULL;
    size_t length;

    /* keys have one length, and what stands between them is in none */
    if (file_read_at(cache->dir, path, KEPT_LAYERS_MAX, &text, &length) == 0 &&
        strstr(text, r->key) != NULL)
        r->found |= NAMES_KEPT;
    return 0;
}

int names_referrers(struct cache *cache, const char *key)
{
    struct referring names = {.key = key, .place = "names", .bit = NAMES_NAME},
                     images = {.key = key, .place = "images", .bit = NAMES_IMAGE},
                     saved = {.key = key, .place = STORE_SAVED, .bit = NAMES_SAVED},
                     kept = {.key = key};
    int r = record_each(cache, "names", ask_record, &names);

    if (r == 0)
        r = record_each(cache, "images", ask_record, &images);
    if (r == 0)
        r = record_each(cache, CACHE_KEPT, ask_kept, &kept);
    if (r == 0) /* by its own name, of which there is no other */
        r = ask_record(cache, key, &saved);
    return r < 0 ? r : names.found | images.found | saved.found | kept.found;
}

/* ---- removing ---- */

static int refuse_referred(struct cache *cache, const char *key, void *data)
{
    int r = names_referrers(cache, key);

    (void)data;
    return r > 0 ? STORE_WANTED : r;
}

int names_drop_keys(struct cache *cache, const char (*keys)[CACHE_KEY_LEN + 1], size_t n,
                    uint64_t *ret_bytes)
{
    for (size_t i = 0; i < n; i++) {
        cleanup_free char *text = NULL;
        json_t *o = names_layer_info(cache, keys[i], &text) == 0 ? json_loads(text, 0, NULL) : NULL;
        json_int_t bytes = json_integer_value(json_object_get(o, "bytes"));
        int r = store_remove_layer(cache, keys[i], refuse_referred, NULL);

        json_decref(o);
        if (r == 0 && ret_bytes != NULL)
            *ret_bytes += (uint64_t)bytes;
        if (r < 0 && r != -EBUSY && r != STORE_WANTED && r != -ENOENT)
            return r;
    }
    return 0;
}

int names_drop(struct cache *cache, const struct record *layers, uint64_t *ret_bytes)
{
    return names_drop_keys(cache, layers->key, layers->n, ret_bytes);
}

static int in_use(const char *what, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "root '%s' is in use", what);
    cupel_error_hint(err, "try again when who uses it has ended");
    return -EBUSY;
}

struct others {
    const char *name;
    const char *key;
    bool found;
};

static int ask_others(struct cache *cache, const char *name, void *data)
{
    struct others *o = data;
    struct record record = RECORD_INIT;

    o->found |= !str_eq(name, o->name) && read_name(cache, name, &record) == 0 &&
                record_has(&record, o->key);
    record_free(&record);
    return 0;
}

/* A name must not go while a run uses what would go with it: it could not be removed by anything
 * but its key then. */
static int check_unused(struct cache *cache, const char *name, const struct record *record,
                        struct cupel_error *err)
{
    for (size_t i = 0; i < record->n; i++) {
        struct others others = {.name = name, .key = record->key[i]};
        int r = record_each(cache, "names", ask_others, &others);

        if (r < 0)
            return store_error(cache, err, r, "list the names");
        if (!others.found && store_in_use(cache, record->key[i]))
            return in_use(name, err);
    }
    return 0;
}

static int remove_name(struct cache *cache, const char *name, const struct record *record,
                       struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("names/%s", name);
    int r = check_unused(cache, name, record, err);

    if (r < 0)
        return r;
    if (unlinkat(cache->dir, path, 0) < 0)
        return store_error(cache, err, errno, "remove a name");
    r = store_sync_place(cache, "names"); /* after a power cut, no name lacks a layer */
    if (r == 0)
        r = names_drop(cache, record, NULL);
    return r < 0 ? store_error(cache, err, r, "remove a layer") : 0;
}

struct referrers {
    const char *key;
    const char *place;
    char *of_several; /* a name of which it is one layer of several */
};

static int find_of_several(struct cache *cache, const char *name, void *data)
{
    struct referrers *f = data;
    struct record record = RECORD_INIT;

    if (f->of_several == NULL && read_name(cache, name, &record) == 0 && record.n > 1 &&
        record_has(&record, f->key))
        f->of_several = xstrdup(name);
    record_free(&record);
    return 0;
}

static int remove_record_of(struct cache *cache, const char *name, void *data)
{
    const struct referrers *f = data;
    struct record record = RECORD_INIT;
    cleanup_free char *path = xasprintf("%s/%s", f->place, name);
    int r = 0;

    if (record_read(cache, path, &record) == 0 && record_has(&record, f->key) &&
        unlinkat(cache->dir, path, 0) < 0 && errno != ENOENT)
        r = -errno;
    record_free(&record);
    return r;
}

int names_forget(struct cache *cache, const char *place, const char *key)
{
    struct referrers f = {.key = key, .place = place};
    int r = record_each(cache, place, remove_record_of, &f);

    return r < 0 ? r : store_sync_place(cache, place);
}

/* Removes a record without a layer. Somebody may save just that anew meanwhile, and take the record
 * for theirs: that layer is without one then until it is used (saved.c). */
int names_forget_lost(struct cache *cache, const char *name)
{
    cleanup_free char *layer = xasprintf("layers/%s", name),
                      *path = xasprintf(STORE_SAVED "/%s", name);

    if (faccessat(cache->dir, layer, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    if (errno != ENOENT)
        return -errno;
    if (unlinkat(cache->dir, path, 0) < 0)
        return errno == ENOENT ? 0 : -errno;
    return 1;
}

/* Makes those who refer to a layer forget it, before it goes: whenever this is cut short, every
 * record has its layers. */
static int forget_all(struct cache *cache, const char *key, void *data)
{
    int r = names_referrers(cache, key);

    (void)data;
    if (r < 0 || (r & NAMES_KEPT) != 0)
        return r < 0 ? r : STORE_WANTED;
    if ((r & NAMES_NAME) != 0)
        r = names_forget(cache, "names", key);
    if (r >= 0)
        r = names_forget(cache, "images", key);
    return r < 0 ? r : names_forget(cache, STORE_SAVED, key);
}

int names_remove_layer(struct cache *cache, const char *key)
{
    return store_remove_layer(cache, key, forget_all, NULL);
}

static int remove_key(struct cache *cache, const char *key, const char *what,
                      struct cupel_error *err)
{
    struct referrers names = {.key = key, .place = "names"};
    int r = record_each(cache, "names", find_of_several, &names);

    if (r == 0 && names.of_several != NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%s' is one of the layers of root '%s'",
                              what, names.of_several);
        cupel_error_hint(err, "remove that one, and all goes that nothing else needs");
        free(names.of_several);
        return -EBUSY;
    }
    if (r == 0)
        r = names_remove_layer(cache, key);
    if (r == -EBUSY)
        return in_use(what, err);
    if (r == STORE_WANTED) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "root '%s' belongs to what is kept of a failed job", what);
        cupel_error_hint(err, "`cupel clean --kept` removes what is kept of failed jobs");
        return -EBUSY;
    }
    if (r == -ENOENT) /* names of a layer that is not there */
        r = forget_all(cache, key, NULL);
    return r < 0 ? store_error(cache, err, r, "remove a layer") : 0;
}

int cache_remove(struct cache *cache, const char *what, struct cupel_error *err)
{
    struct record record = RECORD_INIT;
    bool named;
    int r = names_resolve(cache, what, &record, &named, err);

    if (r == 0 && named)
        r = remove_name(cache, what, &record, err);
    for (size_t i = 0; r == 0 && !named && i < record.n; i++)
        r = remove_key(cache, record.key[i], what, err);
    record_free(&record);
    return r;
}
