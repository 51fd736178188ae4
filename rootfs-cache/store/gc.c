/* SPDX-License-Identifier: Apache-2.0 */
/* gc: what nobody needs any more goes, the longest unused first. What a run uses, an imported name
 * stands for or a kept failure lies over stays. */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/store/names.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

struct gc {
    const struct cache_gc *want;
    uint64_t left; /* bytes of all layers */
    struct cache_collected done;
};

static bool goes(const struct gc *g, const struct cache_entry *e, time_t now)
{
    bool too_much = g->want->keep_bytes != UINT64_MAX && g->left > g->want->keep_bytes;
    bool too_old = g->want->older_seconds != UINT64_MAX && e->last_used <= now &&
                   (uint64_t)(now - e->last_used) >= g->want->older_seconds;

    return too_much || too_old;
}

/* An image of which a layer goes, or what a job saved, is forgotten first: whenever this is cut
 * short, every record has its layers. It is fetched again. */
static int forget_or_refuse(struct cache *cache, const char *key, void *data)
{
    int r = names_referrers(cache, key);

    (void)data;
    if (r < 0 || (r & ~(NAMES_IMAGE | NAMES_SAVED)) != 0)
        return r < 0 ? r : STORE_WANTED;
    if ((r & NAMES_SAVED) != 0) {
        int forgotten = names_forget(cache, STORE_SAVED, key);

        if (forgotten < 0)
            return forgotten;
    }
    return (r & NAMES_IMAGE) != 0 ? names_forget(cache, "images", key) : 0;
}

static int gc_collect(struct cache *cache, struct gc *g, const struct cache_entry *entries,
                      size_t n)
{
    time_t now = time(NULL);

    for (size_t i = n; i-- > 0;) { /* the list has the most recently used first */
        int r;

        if (entries[i].name != NULL || entries[i].in_use || !goes(g, &entries[i], now) ||
            (g->want->saved_only && !str_eq(entries[i].kind, CACHE_SAVED_KIND)))
            continue;
        r = store_remove_layer(cache, entries[i].key, forget_or_refuse, NULL);
        if (r == -EBUSY || r == STORE_WANTED)
            continue;
        if (r < 0 && r != -ENOENT)
            return r;
        g->left -= entries[i].bytes < g->left ? entries[i].bytes : g->left;
        if (r == -ENOENT) /* somebody else was quicker */
            continue;
        g->done.freed += entries[i].bytes;
        g->done.removed++;
    }
    return 0;
}

static int gc_add_bytes(struct cache *cache, const char *key, void *data)
{
    cleanup_free char *text = NULL;
    struct gc *g = data;
    json_t *o = hash_is_hex(key) && names_layer_info(cache, key, &text) == 0
                    ? json_loads(text, 0, NULL)
                    : NULL;
    json_t *kind = json_string(CACHE_SAVED_KIND);

    if (!g->want->saved_only || json_equal(json_object_get(o, "kind"), kind))
        g->left += (uint64_t)json_integer_value(json_object_get(o, "bytes"));
    json_decref(kind);
    json_decref(o);
    return 0;
}

static int gc_forget_lost(struct cache *cache, const char *name, void *data)
{
    struct gc *g = data;
    int r = names_forget_lost(cache, name);

    g->done.lost += r > 0;
    return r < 0 ? r : 0;
}

int cache_gc(struct cache *cache, const struct cache_gc *want, struct cache_collected *ret,
             struct cupel_error *err)
{
    struct gc g = {.want = want};
    struct cache_entry *entries;
    size_t n;
    int r = cache_list(cache, &entries, &n, err);

    if (r < 0)
        return r;
    if (want->older_seconds != UINT64_MAX)
        store_sweep_fetched(cache, want->older_seconds);
    if (want->older_seconds != UINT64_MAX || want->keep_bytes == 0)
        store_sweep_savers(cache, want->older_seconds != UINT64_MAX ? want->older_seconds : 0);
    r = record_each(cache, "layers", gc_add_bytes, &g);
    if (r == 0)
        r = gc_collect(cache, &g, entries, n);
    if (r == 0)
        r = record_each(cache, STORE_SAVED, gc_forget_lost, &g);
    if (r == 0)
        r = verdicts_collect(cache, want, &g.left, &g.done.verdicts);
    if (r == 0)
        r = results_collect(cache, want, &g.left, &g.done.results);
    cache_entries_free(entries, n);
    g.done.left = g.left;
    *ret = g.done;
    return r < 0 ? store_error(cache, err, r, "remove a layer") : 0;
}
