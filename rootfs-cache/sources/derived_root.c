/* SPDX-License-Identifier: Apache-2.0 */
/* derived_root: what somebody writes over a root becomes a layer of its own on top of it, addressed
 * by that root and all that decides what is written. Who writes it, and how, is not known here: the
 * tree is as hostile as any archive, and copied by a confined child. */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/confined/merge_copy.h"
#include "rootfs-cache/confined/treesum.h"
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/cache_root.h"
#include "rootfs-cache/store/digest.h"
#include "rootfs-cache/store/flatten.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Part of every key: raised when copying changes. */
#define DERIVED_RECIPE "derived 1"
/* A layer that is removed between being made and being opened is made again; this often is bad luck
 * no more. */
#define TRIES 5

static int derived_root_key(const struct cache *cache, const struct cache_recipe *recipe,
                            char ret_key[CACHE_KEY_LEN + 1])
{
    cleanup_free char *base = cache_root_describe(cache, recipe->base),
                      *config = cache_config_text(recipe->base->config);
    cleanup_free const char **texts = NULL;
    size_t n = 0;

    while (recipe->texts[n] != NULL)
        n++;
    texts = xcalloc(n + 3, sizeof(*texts));
    texts[0] = DERIVED_RECIPE;
    texts[1] = base;
    texts[2] = config != NULL ? config : ""; /* its variables are the command's */
    memcpy(texts + 3, recipe->texts, n * sizeof(*texts));
    return digest_layer(cache, texts, n + 3, ret_key);
}

static int derived_root_copy(const struct cache_recipe *recipe, int tree, struct store_draft *draft,
                             struct cupel_error *err)
{
    struct merge_copy_layers flat = {
        .layer = &tree, .n = 1, .partial = true, .without = recipe->without};
    struct child_counts counts = {0};
    char contents[CACHE_KEY_LEN + 1];
    struct store_info info = {.kind = "derived", .source = recipe->shown, .contents = contents};
    int r = merge_copy(&flat, draft->tree, draft->lock, &counts, err);

    if (r == 0) /* what lock files have: a command that is run again leaves other times */
        r = treesum_untimed(draft->tree, NULL, contents, err);
    if (r < 0)
        return r;
    info.entries = counts.entries;
    info.bytes = counts.bytes;
    return store_commit(draft, &info, err);
}

static int derived_root_make(struct cache *cache, const struct cache_recipe *recipe,
                             const char *key, struct cupel_error *err)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    cleanup_close int tree = -EBADF;
    int r = store_begin(cache, key, &draft, err);

    if (r != 0)
        return r < 0 ? r : 0;
    store_say(cache, "making root %s", recipe->name);
    r = recipe->build(recipe->data, &tree, err);
    return r < 0 ? r : derived_root_copy(recipe, tree, &draft, err);
}

/* The base's layers are held by it, and so cannot be gone. */
static int add_base(struct cache *cache, const struct cache_recipe *recipe, struct cache_root *root,
                    struct cupel_error *err)
{
    cleanup_free char *config = cache_config_text(recipe->base->config);
    int r = 0;

    for (size_t i = 0; r == 0 && i < recipe->base->n_layers; i++)
        r = cache_root_add_layer(cache, recipe->base->key[i], root, err);
    if (r == CACHE_ROOT_GONE)
        return store_error(cache, err, ENOENT, "open a layer");
    if (r == 0)
        r = flatten_root(cache, root, recipe->name, err);
    return r == 0 && config != NULL ? cache_root_take_config(config, root, err) : r;
}

int cache_derive(struct cache *cache, const struct cache_recipe *recipe,
                 struct cache_root *ret_root, struct cupel_error *err)
{
    struct cache_root root = CACHE_ROOT_INIT;
    char key[CACHE_KEY_LEN + 1];
    int r = derived_root_key(cache, recipe, key);

    if (r < 0)
        return store_error(cache, err, r, "name a layer");
    r = cache_root_add_layer(cache, key, &root, err);
    for (int i = 0; i < TRIES && r == CACHE_ROOT_GONE; i++) {
        if (recipe->build == NULL)
            return 1;
        r = derived_root_make(cache, recipe, key, err);
        if (r == 0)
            r = cache_root_add_layer(cache, key, &root, err);
    }
    if (r == CACHE_ROOT_GONE)
        r = store_error(cache, err, ENOENT, "open a layer");
    if (r == 0)
        r = add_base(cache, recipe, &root, err);
    if (r < 0)
        cache_root_release(&root);
    else
        *ret_root = root;
    return r;
}

static int open_users(const char *path, size_t trusted, int *ret_fd, struct stat *ret_st,
                      struct cupel_error *err)
{
    int fd = file_open_trusted(path, trusted, O_RDONLY | O_NOCTTY | O_NONBLOCK);

    *ret_fd = fd;
    if (fd < 0 || fstat(fd, ret_st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, fd < 0 ? fd : errno, "cannot read '%s'",
                               path);
    if (!S_ISREG(ret_st->st_mode) && !S_ISDIR(ret_st->st_mode)) /* some have no end */
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "'%s' is neither a regular file nor a directory", path);
    return 0;
}

int cache_digest_path(struct cache *cache, const char *path, size_t trusted, const char *without,
                      char ret_hex[65], struct cupel_error *err)
{
    cleanup_close int fd = -EBADF;
    char content[CACHE_KEY_LEN + 1], facts[64];
    struct stat st;
    int r = open_users(path, trusted, &fd, &st, err);

    if (r < 0)
        return r;
    if (S_ISDIR(st.st_mode))
        return treesum_untimed(fd, without, ret_hex, err);
    r = digest_file(cache, fd, content);
    (void)snprintf(facts, sizeof(facts), "%o %u %u", (unsigned)st.st_mode, st.st_uid, st.st_gid);
    if (r == 0)
        r = hash_texts((const char *[]){facts, content}, 2, ret_hex);
    if (r == -EINTR)
        return cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, 0, "interrupted before '%s' was read",
                               path);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read '%s'", path) : 0;
}

int cache_witness_path(const char *path, size_t trusted, const char *without, char ret_hex[65],
                       struct cupel_error *err)
{
    cleanup_close int fd = -EBADF;
    char facts[128];
    struct stat st;
    int r = open_users(path, trusted, &fd, &st, err);

    if (r < 0)
        return r;
    if (S_ISDIR(st.st_mode))
        return treesum_witness(fd, without, ret_hex, err);
    (void)snprintf(facts, sizeof(facts), "%llu %lld.%09ld", (unsigned long long)st.st_ino,
                   (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    r = hash_texts((const char *[]){facts}, 1, ret_hex);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read '%s'", path) : 0;
}
