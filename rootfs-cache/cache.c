/* cache: dispatch. A source's kind decides who makes the layer; what happens then is the same for all. */
#include "rootfs-cache/cache.h"

#include "rootfs-cache/config.h"
#include "rootfs-cache/digest.h"
#include "rootfs-cache/sources.h"

#include <fcntl.h>
#include <string.h>

/* A layer that is removed between being made and being opened is made again; this often is bad luck no more. */
#define PREPARE_TRIES 5

#define KEYS_SEPARATOR '+'

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
    [CACHE_HOST] = source_host,   [CACHE_SCRATCH] = source_scratch,
    [CACHE_TAR] = source_tar,     [CACHE_DEBIAN] = source_debian,
    [CACHE_NAMED] = source_named, [CACHE_OCI] = NULL, /* several layers: see prepare_one */
};

/* The layers of a root as cache_root_keys names them. */
static int source_keys(struct cache *cache, const char *keys, struct cache_root *root, struct cupel_error *err)
{
    for (const char *at = keys; *at != '\0';) {
        size_t n = strcspn(at, (const char[]){KEYS_SEPARATOR, '\0'});
        char key[CACHE_KEY_LEN + 1] = "";
        int r = -ENOENT;

        if (n == CACHE_KEY_LEN && strspn(at, "0123456789abcdef") >= n && root->n_layers < CACHE_LAYERS_MAX) {
            memcpy(key, at, n);
            r = source_add_layer(cache, key, root, err);
        }
        if (r == SOURCE_GONE || r == -ENOENT) {
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "the layers '%.140s...' are not all in the root cache",
                                  keys);
            cupel_error_hint(err, "`cupel rootfs list` shows what is there");
            return -ENOENT;
        }
        if (r < 0)
            return r;
        at += n + (at[n] != '\0');
    }
    return 0;
}

char *cache_root_keys(const struct cache_root *root)
{
    struct strbuf b = {0};

    strbuf_adds(&b, "");
    for (size_t i = 0; i < root->n_layers; i++)
        if (root->key[i][0] != '\0')
            strbuf_addf(&b, "%s%s", b.len > 0 ? (const char[]){KEYS_SEPARATOR, '\0'} : "", root->key[i]);
    return b.data;
}

static int take_config(const char *text, struct cache_root *root, struct cupel_error *err)
{
    json_t *config = json_loads(text, 0, NULL);
    cleanup_free char *wrong = NULL;

    if (root->config != NULL)
        arena_free(root->config->arena);
    root->config = NULL;
    wrong = config != NULL ? config_read(config, &root->config) : xstrdup("it is no JSON");
    json_decref(config);
    return wrong != NULL
               ? cupel_error_set(err, CUPEL_ERROR_HARNESS, EBADMSG, "cannot read what was kept of an image: %s", wrong)
               : 0;
}

static int prepare_one(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress, void *data,
                       struct cache_root *root, struct cupel_error *err)
{
    char key[CACHE_KEY_LEN + 1];
    int r;

    if (source->kind == CACHE_OCI)
        return source_oci(cache, source, progress, data, root, err);
    if (source->kind == CACHE_NAMED && strchr(source->name, KEYS_SEPARATOR) != NULL)
        return source_keys(cache, source->name, root, err);
    r = source_table[source->kind](cache, source, progress, data, key, err);
    return r < 0 ? r : source_add_layer(cache, key, root, err);
}

int source_add_layer(struct cache *cache, const char *key, struct cache_root *root, struct cupel_error *err)
{
    int r = store_open_layer(cache, key, &root->layer[root->n_layers], &root->pin[root->n_layers]);

    if (r == -ENOENT)
        return SOURCE_GONE;
    if (r < 0)
        return store_error(cache, err, r, "open a layer");
    (void)snprintf(root->key[root->n_layers], sizeof(root->key[0]), "%s", key);
    root->n_layers++;
    return 0;
}

int cache_prepare(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress, void *data,
                  struct cache_root *ret_root, struct cupel_error *err)
{
    struct cache_root root = CACHE_ROOT_INIT;
    int r = SOURCE_GONE;

    for (int i = 0; i < PREPARE_TRIES && r == SOURCE_GONE; i++) {
        cache_root_release(&root);
        r = prepare_one(cache, source, progress, data, &root, err);
    }
    if (r == SOURCE_GONE)
        r = store_error(cache, err, ENOENT, "open a layer");
    if (r == 0 && source->config != NULL)
        r = take_config(source->config, &root, err);
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

void cache_root_release(struct cache_root *root)
{
    for (size_t i = 0; i < root->n_layers; i++) {
        base_closep(&root->layer[i]);
        base_closep(&root->pin[i]);
    }
    if (root->config != NULL)
        arena_free(root->config->arena);
    *root = (struct cache_root)CACHE_ROOT_INIT;
}
