/* gc: what nobody needs any more goes, the longest unused first. What a run uses, an imported name stands for or a kept failure lies
 * over stays. */
#include "rootfs-cache/names.h"

#include <string.h>
#include <time.h>

struct gc {
    const struct cache_gc *want;
    uint64_t total, freed; /* bytes of all layers; removed */
    size_t removed;
};

static bool goes(const struct gc *g, const struct cache_entry *e, time_t now)
{
    bool too_much = g->want->keep_bytes != UINT64_MAX && g->total - g->freed > g->want->keep_bytes;
    bool too_old = g->want->older_seconds != UINT64_MAX && e->last_used <= now &&
                   (uint64_t)(now - e->last_used) >= g->want->older_seconds;

    return too_much || too_old;
}

static int refuse_needed(struct cache *cache, const char *key, void *data)
{
    int r = names_referrers(cache, key);

    (void)data;
    return r > 0 ? (r & ~NAMES_IMAGE) != 0 ? STORE_WANTED : 0 : r;
}

/* What is left of an image of which a layer is gone is no use: it is fetched again. */
static int forget_image(struct cache *cache, const char *name, void *data)
{
    cleanup_free char *path = xasprintf("images/%s", name);
    struct record record = RECORD_INIT;
    bool whole = record_read(cache, path, &record) == 0;

    (void)data;
    for (size_t i = 0; whole && i < record.n; i++) {
        cleanup_free char *layer = xasprintf("layers/%s", record.key[i]);

        whole = faccessat(cache->dir, layer, F_OK, 0) == 0;
    }
    record_free(&record);
    return !whole && unlinkat(cache->dir, path, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int collect(struct cache *cache, struct gc *g, const struct cache_entry *entries, size_t n)
{
    time_t now = time(NULL);

    for (size_t i = n; i-- > 0;) { /* the list has the most recently used first */
        int r;

        if (entries[i].name != NULL || entries[i].in_use || !goes(g, &entries[i], now))
            continue;
        r = store_remove_layer(cache, entries[i].key, refuse_needed, NULL);
        if (r == -EBUSY || r == STORE_WANTED || r == -ENOENT)
            continue;
        if (r < 0)
            return r;
        g->freed += entries[i].bytes;
        g->removed++;
    }
    return record_each(cache, "images", forget_image, NULL);
}

int cache_gc(struct cache *cache, const struct cache_gc *want, size_t *ret_removed, uint64_t *ret_freed,
             struct cupel_error *err)
{
    struct gc g = {.want = want};
    struct cache_entry *entries;
    size_t n;
    int r = cache_list(cache, &entries, &n, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) /* what names share is left out: none of it could go */
        g.total += entries[i].name != NULL ? entries[i].bytes - entries[i].shared_bytes : entries[i].bytes;
    r = collect(cache, &g, entries, n);
    cache_entries_free(entries, n);
    *ret_removed = g.removed;
    *ret_freed = g.freed;
    return r < 0 ? store_error(cache, err, r, "remove a layer") : 0;
}
