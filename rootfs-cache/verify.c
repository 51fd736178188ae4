/* verify: is the store as it was: every layer as when it was made, every name with all of its layers. Repairs nothing. */
#include "rootfs-cache/names.h"
#include "rootfs-cache/treesum.h"

#include <fcntl.h>
#include <jansson.h>

struct verify {
    cache_finding_fn *tell;
    void *data;
    size_t checked, bad;
    const char *place; /* whose records are looked at */
    struct cupel_error *err;
};

static int found(struct verify *v, const char *fmt, ...) BASE_PRINTF(2, 3);
static int found(struct verify *v, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf b = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    v->bad++;
    v->tell(v->data, b.data);
    return 0;
}

static int check_tree(struct verify *v, const char *key, const char *text, int tree, int pin)
{
    json_t *o = json_loads(text, 0, NULL);
    cleanup_free char *source = xstrdup(json_string_value(json_object_get(o, "source")) != NULL
                                            ? json_string_value(json_object_get(o, "source"))
                                            : "?");
    cleanup_free char *recorded = xstrdup(
        json_string_value(json_object_get(o, "tree")) != NULL ? json_string_value(json_object_get(o, "tree")) : "");
    char now[CACHE_KEY_LEN + 1];
    int r;

    json_decref(o);
    if (o == NULL)
        return found(v, "layer %s: its layer.json is damaged", key);
    if (recorded[0] == '\0') /* nothing to compare it with, which is no damage */
        return 0;
    r = treesum(tree, pin, now, v->err);
    if (r < 0)
        return found(v, "layer %s (%s): %s", key, source, v->err->message);
    return str_eq(now, recorded) ? 0 : found(v, "layer %s (%s) is not as it was when it was made", key, source);
}

static int check_layer(struct cache *cache, const char *key, void *data)
{
    cleanup_close int tree = -EBADF, pin = -EBADF;
    cleanup_free char *text = NULL;
    struct verify *v = data;
    int r;

    if (!record_is_key(key))
        return found(v, "layers/%s is no layer", key);
    v->checked++;
    r = store_open_layer(cache, key, &tree, &pin);
    if (r == -ENOENT) {
        cleanup_free char *path = xasprintf("layers/%s", key);

        return faccessat(cache->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? 0 /* removed meanwhile */
                                                                          : found(v, "layer %s is not whole", key);
    }
    if (r == 0)
        r = names_layer_info(cache, key, &text);
    return r < 0 ? found(v, "layer %s cannot be read", key) : check_tree(v, key, text, tree, pin);
}

static int check_record(struct cache *cache, const char *name, void *data)
{
    struct verify *v = data;
    struct record record = RECORD_INIT;
    cleanup_free char *path = xasprintf("%s/%s", v->place, name);
    int r = record_read(cache, path, &record);

    if (r < 0 && r != -ENOENT)
        (void)found(v, "%s is damaged", path);
    for (size_t i = 0; r == 0 && i < record.n; i++) {
        cleanup_free char *layer = xasprintf("layers/%s", record.key[i]);

        if (faccessat(cache->dir, layer, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            (void)found(v, "%s: its layer %s is missing", path, record.key[i]);
    }
    record_free(&record);
    return 0;
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
    return r < 0 ? store_error(cache, v->err, r, "list the layers") : 0;
}

int cache_verify(struct cache *cache, const char *what, cache_finding_fn *tell, void *data, size_t *ret_checked,
                 size_t *ret_bad, struct cupel_error *err)
{
    struct verify v = {.tell = tell, .data = data, .err = err};
    int r = what != NULL ? verify_one(cache, what, &v) : verify_all(cache, &v);

    *ret_checked = v.checked;
    *ret_bad = v.bad;
    return r;
}
