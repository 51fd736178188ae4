/* SPDX-License-Identifier: Apache-2.0 */
/* cache: dispatch. A source's kind decides who makes the layer; what happens then is the same for
 * all. */
#include "rootfs-cache/cache.h"

#include "rootfs-cache/confined/export.h"
#include "rootfs-cache/import.h"
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/cache_root.h"
#include "rootfs-cache/store/flatten.h"
#include "rootfs-cache/store/merge.h"
#include "rootfs-cache/store/names.h"

#include <fcntl.h>
#include <string.h>

/* A layer that is removed between being made and being opened is made again; this often is bad luck
 * no more. */
#define PREPARE_TRIES 5

typedef int source_fn(struct cache *cache, const struct cache_source *source,
                      char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);

static source_fn *const source_table[] = {
    [CACHE_HOST] = source_host,
    [CACHE_SCRATCH] = source_scratch,
    [CACHE_TAR] = source_tarball,
    /* the others have several layers: see prepare_one */
    [CACHE_DEBIAN] = source_debian,
    [CACHE_DIRECTORY] = source_directory,
};

/* All layers that a name or a list of keys stands for. */
static int source_named(struct cache *cache, const char *what, struct cache_root *root,
                        struct cupel_error *err)
{
    struct record record = RECORD_INIT;
    bool named;
    int r = names_resolve(cache, what, &record, &named, err);

    for (size_t i = 0; r == 0 && i < record.n; i++)
        r = cache_root_add_layer(cache, record.key[i], root, err);
    if (r == CACHE_ROOT_GONE) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "the layers of root '%.140s' are not all in the root cache", what);
        cupel_error_hint(err, "import it again; `cupel rootfs list` shows what is there");
        r = -ENOENT;
    }
    if (r == 0)
        root->config = steal_ptr(record.config);
    if (r == 0 && record.digest != NULL && strlen(record.digest) == 7 + CACHE_KEY_LEN)
        (void)snprintf(root->digest, sizeof(root->digest), "%s", record.digest + 7);
    record_free(&record);
    return r;
}

static int prepare_one(struct cache *cache, const struct cache_source *source,
                       struct cache_root *root, struct cupel_error *err)
{
    char key[CACHE_KEY_LEN + 1];
    int r;

    if (source->kind == CACHE_OCI)
        return source_oci(cache, source, root, err);
    if (source->kind == CACHE_IMAGE)
        return source_image(cache, source, root, err);
    if (source->kind == CACHE_NAMED)
        return source_named(cache, source->name, root, err);
    r = source_table[source->kind](cache, source, key, err);
    return r < 0 ? r : cache_root_add_layer(cache, key, root, err);
}

int cache_prepare(struct cache *cache, const struct cache_source *source,
                  struct cache_root *ret_root, struct cupel_error *err)
{
    struct cache_root root = CACHE_ROOT_INIT;
    int r = CACHE_ROOT_GONE;

    if (source->kind == CACHE_PATH)
        return import_prepare(cache, source, ret_root, err);
    for (int i = 0; i < PREPARE_TRIES && r == CACHE_ROOT_GONE; i++) {
        cache_root_release(&root);
        r = prepare_one(cache, source, &root, err);
        if (r == 0)
            r = flatten_root(cache, &root, source->name, err);
    }
    if (r == CACHE_ROOT_GONE)
        r = store_error(cache, err, ENOENT, "open a layer");
    if (r == 0 && source->config != NULL)
        r = cache_root_take_config(source->config, &root, err);
    if (r == 0 && source->kind == CACHE_HOST) {
        root.layer[1] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        root.pin[1] = -EBADF;
        root.key[1][0] = '\0';
        root.n_layers = 2;
        if (root.layer[1] < 0)
            r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open /");
    }
    if (r < 0)
        cache_root_release(&root);
    else
        *ret_root = root;
    return r;
}

int cache_export(struct cache *cache, const char *what, int fd, struct cupel_error *err)
{
    struct cache_source source = {.kind = CACHE_NAMED, .name = what};
    struct cache_root root = CACHE_ROOT_INIT;
    cleanup_close int tree = -EBADF;
    int r = cache_prepare(cache, &source, &root, err);

    if (r == 0) {
        tree = r = merge_layers(&root, what, err);
        if (r >= 0)
            r = export_tree_to(tree, fd, root.pin[0], what, err);
    }
    cache_root_release(&root);
    return r;
}
