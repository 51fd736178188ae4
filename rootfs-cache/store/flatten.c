/* SPDX-License-Identifier: Apache-2.0 */
/* flatten: see flatten.h. One overlay takes 500 layers (OVL_MAX_STACK, fs/overlayfs), but kernels
 * before 6.8 take them in one option, which the mount API cuts off at 255 bytes (strndup_user in
 * fs/fsopen.c): some eighty layers by the short names that a job's have, and jobs add some. And
 * every name that is looked up for the first time is looked for in each of them. So there are never
 * more than CACHE_STACK_MAX. */
#include "rootfs-cache/store/flatten.h"

#include "rootfs-cache/confined/merge_copy.h"
#include "rootfs-cache/store/cache_root.h"
#include "rootfs-cache/store/digest.h"
#include "rootfs-cache/store/names.h"

#include <string.h>

/* Part of the key: raised when merging changes. */
#define FLAT_RECIPE "flat 1"
#define STEP                                                                                       \
    ((size_t)16) /* well below CACHE_STACK_MAX, so that of one more than that something is merged  \
                  */

size_t flatten_cut(size_t n)
{
    return n <= CACHE_STACK_MAX ? 0 : (n - STEP / 2) / STEP * STEP;
}

int flatten_key(const struct cache *cache, const char *const *keys, size_t n,
                char ret_key[CACHE_KEY_LEN + 1])
{
    cleanup_free const char **texts = xcalloc(n + 1, sizeof(*texts));

    texts[0] = FLAT_RECIPE;
    memcpy(texts + 1, keys, n * sizeof(*texts));
    return digest_layer(cache, texts, n + 1, ret_key);
}

/* The layers from `first` on. */
static int flatten_make(struct cache *cache, const struct cache_root *root, size_t first,
                        const char *key, const char *what, struct cupel_error *err)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    cleanup_free int *layers = xcalloc(root->n_layers - first, sizeof(*layers));
    cleanup_free char *source = xasprintf("%s, %zu layers as one", what, root->n_layers - first);
    struct merge_copy_layers flat = {.layer = layers, .n = root->n_layers - first};
    struct child_counts counts = {0};
    struct store_info info = {.kind = "flat", .source = source};
    int r = store_begin(cache, key, &draft, err);

    if (r != 0)
        return r < 0 ? r : 0;
    store_say(cache, "merging the lower %zu of %zu layers of %s", root->n_layers - first,
              root->n_layers, what);
    memcpy(layers, root->layer + first, flat.n * sizeof(*layers));
    r = merge_copy(&flat, draft.tree, draft.lock, &counts, err);
    if (r < 0)
        return r;
    info.entries = counts.entries;
    info.bytes = counts.bytes;
    return store_commit(&draft, &info, err);
}

/* The one takes the place of many. */
static int flatten_replace(struct cache *cache, struct cache_root *root, size_t first,
                           const char *key, struct cupel_error *err)
{
    size_t n = root->n_layers - first;
    cleanup_free char(*merged)[CACHE_KEY_LEN + 1] = xcalloc(n, sizeof(*merged));
    int r;

    for (size_t i = 0; i < n; i++) {
        memcpy(merged[i], root->key[first + i], sizeof(merged[i]));
        base_closep(&root->layer[first + i]);
        base_closep(&root->pin[first + i]);
    }
    root->n_layers = first;
    r = cache_root_add_layer(cache, key, root, err);
    if (r < 0)
        return r;
    r = names_drop_keys(cache, (const char(*)[CACHE_KEY_LEN + 1]) merged, n, NULL);
    return r < 0 ? store_error(cache, err, r, "remove a layer") : 0;
}

int flatten_root(struct cache *cache, struct cache_root *root, const char *what,
                 struct cupel_error *err)
{
    size_t n = flatten_cut(root->n_layers), first = root->n_layers - n;
    cleanup_free const char **keys = xcalloc(n + 1, sizeof(*keys));
    char key[CACHE_KEY_LEN + 1];
    int r;

    if (n == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        keys[i] = root->key[first + i];
    r = flatten_key(cache, keys, n, key);
    if (r < 0)
        return store_error(cache, err, r, "name a layer");
    r = flatten_make(cache, root, first, key, what, err);
    return r < 0 ? r : flatten_replace(cache, root, first, key, err);
}
