/* cache: dispatch. A source's kind decides who makes the layer; what happens then is the same for all. */
#include "rootfs-cache/cache.h"

#include "rootfs-cache/digest.h"
#include "rootfs-cache/sources.h"

#include <fcntl.h>
#include <string.h>

/* A layer that is removed between being made and being opened is made again; this often is bad luck no more. */
#define PREPARE_TRIES 5

static int source_scratch(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress,
                          void *data, char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    struct store_info info = {.kind = "scratch", .source = "empty", .entries = 0};
    cleanup_close int tree = -EBADF, pin = -EBADF;
    int r = digest_layer(cache, (const char *[]){"scratch 1"}, 1, ret_key);

    (void)source;
    if (r < 0)
        return store_error(cache, err, r, "name a layer");
    if (store_open_layer(cache, ret_key, &tree, &pin) == 0)
        return 0;
    r = store_begin(cache, ret_key, progress, data, &draft, err);
    if (r != 0)
        return r < 0 ? r : 0;
    return store_commit(&draft, &info, err);
}

static int source_host(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress, void *data,
                       char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    cleanup_close int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)source;
    if (host < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open /");
    return source_mask(cache, host, progress, data, ret_key, err);
}

static int source_named(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress, void *data,
                        char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    (void)progress;
    (void)data;
    return cache_find(cache, source->name, ret_key, err);
}

typedef int source_fn(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress, void *data,
                      char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);

static source_fn *const source_table[] = {
    [CACHE_HOST] = source_host,     [CACHE_SCRATCH] = source_scratch, [CACHE_TAR] = source_tar,
    [CACHE_DEBIAN] = source_debian, [CACHE_NAMED] = source_named,
};

int cache_prepare(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress, void *data,
                  struct cache_root *ret_root, struct cupel_error *err)
{
    struct cache_root root = CACHE_ROOT_INIT;
    char key[CACHE_KEY_LEN + 1];
    int r = -ENOENT;

    for (int i = 0; i < PREPARE_TRIES && r == -ENOENT; i++) {
        r = source_table[source->kind](cache, source, progress, data, key, err);
        if (r < 0)
            return r;
        r = store_open_layer(cache, key, &root.layer[0], &root.pin);
    }
    if (r < 0)
        return store_error(cache, err, r, "open a layer");
    root.n_layers = 1;
    memcpy(root.key, key, sizeof(root.key));
    if (source->kind == CACHE_HOST) {
        root.layer[1] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root.layer[1] < 0) {
            r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open /");
            cache_root_release(&root);
            return r;
        }
        root.n_layers = 2;
    }
    *ret_root = root;
    return 0;
}

void cache_root_release(struct cache_root *root)
{
    for (size_t i = 0; i < root->n_layers; i++)
        base_closep(&root->layer[i]);
    base_closep(&root->pin);
    *root = (struct cache_root)CACHE_ROOT_INIT;
}
