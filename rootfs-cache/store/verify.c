/* SPDX-License-Identifier: Apache-2.0 */
/* verify: is the store as it was: every layer as when it was made, every name with all of its
 * layers. Repairing is taking out of the store what is not: whoever needs it makes it again. */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/confined/tampered.h"
#include "rootfs-cache/confined/treesum.h"
#include "rootfs-cache/store/names.h"
#include "rootfs-cache/store/verdict_log.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

struct verify {
    const struct cache_verify *want;
    struct cache_verified done;
    const char *place; /* whose records are looked at */
    struct cupel_error *err;
};

static int verify_found(struct verify *v, const char *fmt, ...) BASE_PRINTF(2, 3);
static int verify_found(struct verify *v, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf b = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    v->done.bad++;
    v->want->tell(v->want->data, b.data);
    return 0;
}

/* ---- what to do about a layer ---- */

struct names_of {
    const char *key;
    struct strbuf list;
};

static int add_name_of(struct cache *cache, const char *name, void *data)
{
    struct names_of *n = data;
    struct record record = RECORD_INIT;
    cleanup_free char *path = xasprintf("names/%s", name);

    if (record_read(cache, path, &record) == 0 && record_has(&record, n->key))
        strbuf_addf(&n->list, "%s%s", n->list.len > 0 ? ", " : "", name);
    record_free(&record);
    return 0;
}

/* What is wrong with the layer `key`, and which names have it. Repairing takes it away, with these
 * names. The caller holds no pin of it any more. */
static int verify_damaged(struct verify *v, struct cache *cache, const char *key, const char *what)
{
    struct names_of names = {.key = key};
    const char *of = "", *list = "";
    int r = record_each(cache, "names", add_name_of, &names);

    if (r == 0 && names.list.len > 0) {
        of = "; a layer of ";
        list = names.list.data;
    }
    if (!v->want->repair) {
        (void)verify_found(v, "layer %s%s%s%s", key, what, of, list);
    } else if ((r = names_remove_layer(cache, key)) == 0) {
        v->done.removed++;
        (void)verify_found(v, "layer %s%s%s%s: removed%s%s", key, what, of, list,
                           list[0] != '\0' ? "; import again: " : "", list);
    } else {
        (void)verify_found(v, "layer %s%s%s%s: it stays, %s", key, what, of, list,
                           r == -EBUSY ? "something uses it (`cupel rootfs list`)"
                           : r == STORE_WANTED
                               ? "a kept failure lies over it (`cupel clean --kept`)"
                               : strerror(-r));
    }
    strbuf_free(&names.list);
    return 0;
}

/* ---- layers ---- */

/* layer.json is written when all else is there. */
static char *is_other(struct cache *cache, const char *key, const char *source, int tree, int pin)
{
    cleanup_free char *path = xasprintf("layers/%s/layer.json", key), *changed = NULL;
    struct stat st;

    if (fstatat(cache->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        changed = tampered_since(tree, pin, &st.st_mtim);
    return xasprintf(" (%s) is not as it was when it was made%s%s%s", source,
                     changed != NULL ? " (changed since: " : "", changed != NULL ? changed : "",
                     changed != NULL ? ")" : "");
}

/* What is wrong with it, malloc'ed; NULL: nothing. */
static char *check_tree(struct verify *v, struct cache *cache, const char *key, const char *text,
                        int tree, int pin)
{
    json_t *o = json_loads(text, 0, NULL);
    const char *named = json_string_value(json_object_get(o, "source")),
               *sum = json_string_value(json_object_get(o, "tree"));
    cleanup_free char *source = xstrdup(named != NULL ? named : "?"),
                      *recorded = xstrdup(sum != NULL ? sum : "");
    bool same = true;

    json_decref(o);
    if (o == NULL)
        return xstrdup(": its layer.json is damaged");
    if (recorded[0] == '\0') /* nothing to compare it with, which is no damage */
        return NULL;
    if (treesum_compare(tree, pin, recorded, &same, v->err) < 0)
        return xasprintf(" (%s): %s", source, v->err->message);
    return same ? NULL : is_other(cache, key, source, tree, pin);
}

static char *check_opened(struct verify *v, struct cache *cache, const char *key)
{
    cleanup_close int tree = -EBADF, pin = -EBADF;
    cleanup_free char *text = NULL, *path = xasprintf("layers/%s", key);
    int r = store_open_layer(cache, key, &tree, &pin);

    if (r == -ENOENT)
        return faccessat(cache->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0
                   ? NULL /* removed meanwhile */
                   : xstrdup(" is not whole");
    if (r == 0)
        r = names_layer_info(cache, key, &text);
    return r < 0 ? xstrdup(" cannot be read") : check_tree(v, cache, key, text, tree, pin);
}

static int check_layer(struct cache *cache, const char *key, void *data)
{
    cleanup_free char *what = NULL;
    struct verify *v = data;

    if (!hash_is_hex(key))
        return verify_found(v, "layers/%s is no layer: remove it", key);
    v->done.checked++;
    what = check_opened(v, cache, key);
    return what != NULL ? verify_damaged(v, cache, key, what) : 0;
}

static int check_record(struct cache *cache, const char *name, void *data)
{
    struct verify *v = data;
    struct record record = RECORD_INIT;
    cleanup_free char *path = xasprintf("%s/%s", v->place, name);
    int r = record_read(cache, path, &record);

    if (r < 0 && r != -ENOENT)
        (void)verify_found(v, "%s is damaged: remove that file%s", path,
                           str_eq(v->place, STORE_SAVED) ? "" : ", and import again");
    for (size_t i = 0; r == 0 && i < record.n; i++) {
        cleanup_free char *layer = xasprintf("layers/%s", record.key[i]);

        if (faccessat(cache->dir, layer, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            (void)verify_found(v, "%s: its layer %s is missing%s", path, record.key[i],
                               str_eq(v->place, "names") ? ": import it again" : "");
    }
    record_free(&record);
    return 0;
}

/* Tells of a record whose layer is gone: to jobs and to `cupel cache list` there is no such cache.
 */
static int check_saved(struct cache *cache, const char *name, void *data)
{
    struct verify *v = data;
    cleanup_free char *layer = xasprintf("layers/%s", name);
    int r;

    if (faccessat(cache->dir, layer, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return check_record(cache, name, data);
    r = v->want->repair ? names_forget_lost(cache, name) : 0;
    if (r < 0)
        return r;
    return verify_found(v, "%s/%s: the cache that it is of is gone%s", v->place, name,
                        r > 0 ? ": removed" : " (`cupel cache gc` removes the record)");
}

/* Tells of verdicts that are not whole, and of what comes behind one: jobs just run again. */
static int check_verdicts(struct cache *cache, struct verify *v)
{
    size_t bad;
    int r = verdict_log_check(cache, &bad);

    if (r == 0 && bad > 0 && v->want->repair)
        r = verdict_log_rewrite(cache, NULL, NULL);
    if (r < 0 || bad == 0)
        return r;
    return verify_found(v, STORE_VERDICT_LOG ": %zu kept verdict%s not whole%s", bad,
                        bad == 1 ? " is" : "s are",
                        v->want->repair ? ": removed" : ": whatever they are of is run again");
}

static int verify_one(struct cache *cache, const char *what, struct verify *v)
{
    struct record record = RECORD_INIT;
    bool named;
    int r = names_resolve(cache, what, &record, &named, v->err);

    v->place = "names";
    if (r == 0 && named)
        r = check_record(cache, what, v);
    for (size_t i = 0; r == 0 && i < record.n; i++)
        r = check_layer(cache, record.key[i], v);
    record_free(&record);
    return r;
}

static int verify_all(struct cache *cache, struct verify *v)
{
    static const char *const places[] = {"names", "images"};
    int r = record_each(cache, "layers", check_layer, v);

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++) {
        v->place = places[i];
        r = record_each(cache, places[i], check_record, v);
    }
    v->place = STORE_SAVED;
    if (r == 0)
        r = record_each(cache, STORE_SAVED, check_saved, v);
    if (r == 0)
        r = check_verdicts(cache, v);
    return r < 0 ? store_error(cache, v->err, r, "list the layers") : 0;
}

int cache_verify(struct cache *cache, const struct cache_verify *want, struct cache_verified *ret,
                 struct cupel_error *err)
{
    struct verify v = {.want = want, .err = err};
    int r = want->what != NULL ? verify_one(cache, want->what, &v) : verify_all(cache, &v);

    *ret = v.done;
    return r;
}
