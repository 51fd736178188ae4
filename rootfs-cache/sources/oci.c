/* SPDX-License-Identifier: Apache-2.0 */
/* oci: an image becomes layers, one for each of its own, addressed by ChainID: what two images have
 * in common from the bottom up is unpacked once. */
#include "rootfs-cache/confined/replicate.h"
#include "rootfs-cache/sources/inspect.h"
#include "rootfs-cache/sources/oci_layers.h"
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/cache_root.h"
#include "rootfs-cache/store/flatten.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

/* Looks whether the lower layers of an image with too many are there as one. *ret_next: the first
 * that is not in it. */
static int find_flat(const struct oci_layers_import *im, struct cache_root *made, size_t *ret_next,
                     struct cupel_error *err)
{
    size_t n = flatten_cut(im->image->n_layers);
    cleanup_free char(*keys)[CACHE_KEY_LEN + 1] = xcalloc(n + 1, sizeof(*keys));
    cleanup_free const char **list = xcalloc(n + 1, sizeof(*list));
    char key[CACHE_KEY_LEN + 1];
    int r = 0;

    if (n == 0)
        return 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = oci_layers_key(im, i, keys[i], err);
        list[n - 1 - i] = keys[i];
    }
    if (r == 0 && flatten_key(im->cache, list, n, key) == 0)
        r = cache_root_add_layer(im->cache, key, made, err);
    if (r == 0)
        *ret_next = n;
    return r == CACHE_ROOT_GONE ? 0 : r;
}

int source_oci_have(struct cache *cache, const struct image *image, bool *ret_have,
                    struct cache_root *ret_pins, struct cupel_error *err)
{
    const struct oci_layers_import im = {.cache = cache, .image = image};
    struct cache_root made = CACHE_ROOT_INIT;
    size_t flat = 0;
    int r = find_flat(&im, &made, &flat, err);

    for (size_t i = 0; r == 0 && i < image->n_layers; i++) {
        char key[CACHE_KEY_LEN + 1];

        ret_have[i] = i < flat;
        if (i < flat)
            continue;
        r = oci_layers_key(&im, i, key, err);
        if (r == 0)
            r = cache_root_add_layer(cache, key, &made, err);
        ret_have[i] = r == 0;
        r = r == CACHE_ROOT_GONE ? 0 : r;
    }
    *ret_pins = made;
    return r;
}

/* Overlayfs merges the roots of its layers, opaque or not. */
static bool has_opaque_root(int layer)
{
    cleanup_close int root = openat(layer, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return root >= 0 && replicate_is_opaque(root);
}

/* Top first is what an overlay wants. What lies beneath an opaque root is no part of it. */
static void turn(struct cache_root *made, struct cache_root *ret)
{
    bool hidden = false;

    for (size_t i = made->n_layers; i-- > 0; made->n_layers--) {
        if (hidden) {
            base_closep(&made->layer[i]);
            base_closep(&made->pin[i]);
            continue;
        }
        ret->layer[ret->n_layers] = made->layer[i];
        ret->pin[ret->n_layers] = made->pin[i];
        memcpy(ret->key[ret->n_layers], made->key[i], sizeof(ret->key[0]));
        hidden = has_opaque_root(ret->layer[ret->n_layers++]);
    }
}

/* Each layer is open twice while others are made over it; a process may usually have 1024 files
 * open and no more. Jobs have a limit of their own. */
static void want_descriptors(size_t layers)
{
    rlim_t wanted = (rlim_t)(4 * layers + 256);
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= wanted)
        return;
    files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

static int add_empty(const struct oci_layers_import *im, struct cache_root *root,
                     struct cupel_error *err)
{
    char key[CACHE_KEY_LEN + 1];
    int r = source_scratch(im->cache, NULL, key, err);

    return r < 0 ? r : cache_root_add_layer(im->cache, key, root, err);
}

static int oci_make(const struct oci_layers_import *im, struct cache_root *root,
                    struct cupel_error *err)
{
    struct cache_root made = CACHE_ROOT_INIT; /* bottom first */
    size_t next = 0;
    int r = find_flat(im, &made, &next, err);

    if (r == 0)
        r = oci_layers_make(im, next, &made, err);
    if (r < 0) {
        cache_root_release(&made);
        return r;
    }
    turn(&made, root);
    if (root->n_layers == 0) /* an image may have no layer: an empty root */
        return add_empty(im, root, err);
    return flatten_root(im->cache, root, im->shown, err);
}

int source_oci(struct cache *cache, const struct cache_source *source, struct cache_root *root,
               struct cupel_error *err)
{
    struct image_wanted wanted = {.root = source->name,
                                  .path = source->oci,
                                  .reference = source->tag,
                                  .platform = source->platform};
    struct image image = {0};
    struct blobs *blobs = NULL;
    struct oci_layers_import im = {
        .cache = cache,
        .name = source->name,
        .shown = source_base_name(source->shown != NULL ? source->shown : source->oci),
        .image = &image};
    int r = inspect_open(cache, source->oci, source->name, &blobs, err);

    if (r == 0)
        r = inspect_image(cache, blobs, &wanted, &image, err);
    im.blobs = blobs;
    want_descriptors(image.n_layers);
    if (r == 0)
        r = oci_make(&im, root, err);
    if (r == 0) {
        root->config = steal_ptr(image.config);
        memcpy(root->digest, image.digest, sizeof(root->digest));
    }
    image_free(&image);
    blobs_close(blobs);
    return r;
}
