/* oci: an image becomes layers, one for each of its own, addressed by ChainID: what two images have in common from the bottom up is
 * unpacked once. */
#include "rootfs-cache/digest.h"
#include "rootfs-cache/flatten.h"
#include "rootfs-cache/image.h"
#include "rootfs-cache/likeness.h"
#include "rootfs-cache/sources.h"
#include "rootfs-cache/unpack.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

/* Part of every key: raised when unpacking changes. */
#define LAYER_RECIPE "layer 1"

struct import {
    struct cache *cache;
    const struct cache_source *source;
    const struct blobs *blobs;
    const struct image *image;
    cache_progress_fn *progress;
    void *data;
    struct cache_root made; /* bottom first, while they are made */
    struct cupel_error *err;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static int find_blob(const struct import *im, size_t i, struct blob *ret)
{
    const struct image_layer *l = &im->image->layers[i];
    int r = blobs_find(im->blobs, l->blob, l->offset, l->stored, ret);

    if (r < 0)
        return cupel_error_set(im->err, CUPEL_ERROR_INPUT, r, "cannot use the image '%s' for root '%s': layer %zu, %s",
                               blobs_path(im->blobs), im->source->name, i + 1, l->blob);
    if (l->size == UINT64_MAX || l->size == ret->size)
        return 0;
    (void)cupel_error_set(
        im->err, CUPEL_ERROR_INPUT, 0,
        "cannot use the image '%s' for root '%s': layer %zu has %llu bytes, and its descriptor says %llu",
        blobs_path(im->blobs), im->source->name, i + 1, (unsigned long long)ret->size, (unsigned long long)l->size);
    return -EBADMSG;
}

static int unpack(const struct import *im, size_t i, struct store_draft *draft, const char *name,
                  struct child_counts *counts)
{
    static const struct unpack_limits limits = UNPACK_LIMITS;
    const struct image_layer *l = &im->image->layers[i];
    _cleanup_(blob_close) struct blob blob = BLOB_INIT;
    int lowers[CACHE_LAYERS_MAX], r = find_blob(im, i, &blob);
    struct unpack_layer layer = {
        .blob = &blob, .digest = l->digest, .diff_id = l->diff_id, .lowers = lowers, .n_lowers = im->made.n_layers};

    if (r < 0)
        return r;
    for (size_t k = 0; k < im->made.n_layers; k++)
        lowers[k] = im->made.layer[im->made.n_layers - 1 - k];
    return unpack_layer(&layer, name, draft->tree, draft->lock, &limits, counts, im->err);
}

static int make_layer(const struct import *im, size_t i, const char *key)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    cleanup_free char *name =
        xasprintf("%s, layer %zu of %zu", base_name(im->source->shown != NULL ? im->source->shown : im->source->oci),
                  i + 1, im->image->n_layers);
    struct child_counts counts;
    struct store_info info;
    int r = store_begin(im->cache, key, im->progress, im->data, &draft, im->err);

    if (r != 0)
        return r < 0 ? r : 0;
    if (im->progress != NULL) {
        cleanup_free char *what = xasprintf("unpacking %s", name);

        im->progress(im->data, what);
    }
    r = unpack(im, i, &draft, name, &counts);
    if (r < 0)
        return r;
    if (counts.remapped_owners > 0)
        log_warning("'%s': %llu entries have an owner beyond those that a job can have and now belong to another", name,
                    (unsigned long long)counts.remapped_owners);
    info = (struct store_info){.kind = "layer",
                               .source = name,
                               .sha256 = im->image->layers[i].digest[0] != '\0' ? im->image->layers[i].digest : NULL,
                               .entries = counts.entries - counts.skipped_devices,
                               .bytes = counts.bytes,
                               .remapped_owners = counts.remapped_owners};
    return store_commit(&draft, &info, im->err);
}

static int key_of(const struct import *im, size_t i, char ret_key[CACHE_KEY_LEN + 1])
{
    int r = digest_layer(im->cache, (const char *[]){LAYER_RECIPE, im->image->layers[i].chain_id}, 2, ret_key);

    return r < 0 ? store_error(im->cache, im->err, r, "name a layer") : 0;
}

/* Of an image with too many layers the lower ones may be there as one. *ret_next: the first that is not in it. */
static int find_flat(struct import *im, size_t *ret_next)
{
    size_t n = flatten_cut(im->image->n_layers);
    cleanup_free char(*keys)[CACHE_KEY_LEN + 1] = xcalloc(n + 1, sizeof(*keys));
    cleanup_free const char **list = xcalloc(n + 1, sizeof(*list));
    char key[CACHE_KEY_LEN + 1];
    int r = 0;

    if (n == 0)
        return 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = key_of(im, i, keys[i]);
        list[n - 1 - i] = keys[i];
    }
    if (r == 0 && flatten_key(im->cache, list, n, key) == 0)
        r = source_add_layer(im->cache, key, &im->made, im->err);
    if (r == 0)
        *ret_next = n;
    return r == SOURCE_GONE ? 0 : r;
}

static int make_layers(struct import *im)
{
    size_t next = 0;
    int first = find_flat(im, &next);

    if (first < 0)
        return first;
    for (size_t i = next; i < im->image->n_layers; i++) {
        char key[CACHE_KEY_LEN + 1];
        int r = key_of(im, i, key);

        if (r < 0)
            return r;
        r = source_add_layer(im->cache, key, &im->made, im->err);
        if (r == SOURCE_GONE) {
            r = make_layer(im, i, key);
            if (r == 0)
                r = source_add_layer(im->cache, key, &im->made, im->err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int source_oci_have(struct cache *cache, const struct image *image, bool *ret_have, struct cache_root *ret_pins,
                    struct cupel_error *err)
{
    struct import im = {.cache = cache, .image = image, .err = err};
    size_t flat = 0;
    int r = find_flat(&im, &flat);

    for (size_t i = 0; r == 0 && i < image->n_layers; i++) {
        char key[CACHE_KEY_LEN + 1];

        ret_have[i] = i < flat;
        if (i < flat)
            continue;
        r = key_of(&im, i, key);
        if (r == 0)
            r = source_add_layer(cache, key, &im.made, err);
        ret_have[i] = r == 0;
        r = r == SOURCE_GONE ? 0 : r;
    }
    *ret_pins = im.made;
    return r;
}

/* Overlayfs merges the roots of its layers, opaque or not. */
static bool has_opaque_root(int layer)
{
    cleanup_close int root = openat(layer, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return root >= 0 && likeness_is_opaque(root);
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

/* Each layer is open twice while others are made over it; a process may usually have 1024 files open and no more. Jobs have a limit
 * of their own. */
static void want_descriptors(size_t layers)
{
    rlim_t wanted = (rlim_t)(3 * layers + 256);
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= wanted)
        return;
    files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

int source_oci(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress, void *data,
               struct cache_root *root, struct cupel_error *err)
{
    struct image_wanted wanted = {
        .root = source->name, .path = source->oci, .reference = source->tag, .platform = source->platform};
    struct image image = {0};
    struct blobs *blobs = NULL;
    struct import im = {
        .cache = cache, .source = source, .image = &image, .progress = progress, .data = data, .err = err};
    int r = blobs_open(cache, source->oci, source->name, &blobs, err);

    if (r == 0)
        r = image_inspect(cache, blobs, &wanted, &image, err);
    im.blobs = blobs;
    want_descriptors(image.n_layers);
    if (r == 0)
        r = make_layers(&im);
    if (r == 0) {
        turn(&im.made, root);
        r = flatten_root(cache, root, base_name(source->shown != NULL ? source->shown : source->oci), progress, data,
                         err);
    } else {
        cache_root_release(&im.made);
    }
    if (r == 0) {
        root->config = steal_ptr(image.config);
        memcpy(root->digest, image.digest, sizeof(root->digest));
    }
    image_free(&image);
    blobs_close(blobs);
    return r;
}
