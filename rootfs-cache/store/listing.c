/* SPDX-License-Identifier: Apache-2.0 */
/* listing: everything in the store, with what it takes and who has it. Changes nothing. */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/store/names.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

struct layer_facts {
    char key[CACHE_KEY_LEN + 1];
    char *kind, *source;
    uint64_t bytes, entries;
    time_t created, last_used;
    bool in_use;
    size_t names; /* that have it */
};

struct named {
    char *name;
    struct record record;
};

struct listing_state {
    struct layer_facts *layers; /* sorted by key */
    size_t n_layers;
    struct named *names;
    size_t n_names;
};

static char *listing_text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return xstrdup(s != NULL ? s : "?");
}

static int add_layer(struct cache *cache, const char *key, void *data)
{
    cleanup_free char *text = NULL, *pin_path = xasprintf("layers/%s/pin", key);
    struct listing_state *l = data;
    struct layer_facts f = {0};
    struct stat st;
    json_t *o;

    if (!hash_is_hex(key) || fstatat(cache->dir, pin_path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        names_layer_info(cache, key, &text) < 0)
        return 0; /* removed meanwhile */
    o = json_loads(text, 0, NULL);
    (void)snprintf(f.key, sizeof(f.key), "%s", key);
    f.kind = listing_text_of(o, "kind");
    f.source = listing_text_of(o, "source");
    f.bytes = (uint64_t)json_integer_value(json_object_get(o, "bytes"));
    f.entries = (uint64_t)json_integer_value(json_object_get(o, "entries"));
    f.created = (time_t)json_integer_value(json_object_get(o, "created"));
    f.last_used = st.st_mtim.tv_sec;
    f.in_use = store_in_use(cache, key);
    json_decref(o);
    l->layers = xrealloc(l->layers, (l->n_layers + 1) * sizeof(*l->layers));
    l->layers[l->n_layers++] = f;
    return 0;
}

static struct layer_facts *find_layer(const struct listing_state *l, const char *key)
{
    size_t low = 0, high = l->n_layers;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = strcmp(l->layers[middle].key, key);

        if (c == 0)
            return &l->layers[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int listing_add_name(struct cache *cache, const char *name, void *data)
{
    struct listing_state *l = data;
    struct named n = {.record = RECORD_INIT};
    cleanup_free char *path = xasprintf("names/%s", name);

    if (record_read(cache, path, &n.record) < 0)
        return 0;
    for (size_t i = 0; i < n.record.n; i++) {
        struct layer_facts *f = find_layer(l, n.record.key[i]);

        if (f != NULL)
            f->names++;
    }
    n.name = xstrdup(name);
    l->names = xrealloc(l->names, (l->n_names + 1) * sizeof(*l->names));
    l->names[l->n_names++] = n;
    return 0;
}

static void listing_take_layer(struct cache_entry *e, const struct layer_facts *f)
{
    e->bytes += f->bytes;
    e->shared_bytes += f->names > 1 ? f->bytes : 0;
    e->entries += f->entries;
    e->created = f->created > e->created ? f->created : e->created;
    e->last_used = f->last_used > e->last_used ? f->last_used : e->last_used;
    e->n_layers++;
}

/* False: a name whose layers are not all there. */
static bool entry_of_name(const struct listing_state *l, const struct named *n,
                          struct cache_entry *e)
{
    const struct layer_facts *top = find_layer(l, n->record.key[0]);

    for (size_t i = 0; i < n->record.n; i++) {
        const struct layer_facts *f = find_layer(l, n->record.key[i]);

        if (f == NULL)
            return false;
        listing_take_layer(e, f);
    }
    e->name = xstrdup(n->name);
    e->in_use = top->in_use; /* those beneath may be another root's */
    e->kind = xstrdup(n->record.kind != NULL ? n->record.kind : top->kind);
    e->source = xstrdup(n->record.source != NULL ? n->record.source : top->source);
    (void)snprintf(e->key, sizeof(e->key), "%s", top->key);
    return true;
}

static void entry_of_layer(const struct layer_facts *f, struct cache_entry *e)
{
    listing_take_layer(e, f);
    e->in_use = f->in_use;
    e->kind = xstrdup(f->kind);
    e->source = xstrdup(f->source);
    (void)snprintf(e->key, sizeof(e->key), "%s", f->key);
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

static void listing_free(struct listing_state *l)
{
    for (size_t i = 0; i < l->n_layers; i++) {
        free(l->layers[i].kind);
        free(l->layers[i].source);
    }
    for (size_t i = 0; i < l->n_names; i++) {
        free(l->names[i].name);
        record_free(&l->names[i].record);
    }
    free(l->layers);
    free(l->names);
}

int cache_list(struct cache *cache, struct cache_entry **ret_entries, size_t *ret_n,
               struct cupel_error *err)
{
    struct listing_state l = {0};
    struct cache_entry *entries;
    size_t n = 0;
    int r = record_each(cache, "layers", add_layer, &l); /* in the order of keys */

    if (r == 0)
        r = record_each(cache, "names", listing_add_name, &l);
    if (r < 0) {
        listing_free(&l);
        return store_error(cache, err, r, "list the layers");
    }
    entries = xcalloc(l.n_names + l.n_layers + 1, sizeof(*entries));
    for (size_t i = 0; i < l.n_names; i++) {
        entries[n] = (struct cache_entry){0};
        if (entry_of_name(&l, &l.names[i], &entries[n]))
            n++;
    }
    for (size_t i = 0; i < l.n_layers; i++) {
        if (l.layers[i].names > 0)
            continue;
        entries[n] = (struct cache_entry){0};
        entry_of_layer(&l.layers[i], &entries[n++]);
    }
    listing_free(&l);
    qsort(entries, n, sizeof(*entries), by_use);
    *ret_entries = entries;
    *ret_n = n;
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
