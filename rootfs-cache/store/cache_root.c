/* SPDX-License-Identifier: Apache-2.0 */
/* cache_root: the layers of a root that is being made ready, one opened after the other. Not
 * responsible for where any of them comes from. */
#include "rootfs-cache/store/cache_root.h"

#include "rootfs-cache/confined/config.h"
#include "rootfs-cache/store/names.h"

#include <jansson.h>

int cache_root_add_layer(struct cache *cache, const char *key, struct cache_root *root,
                         struct cupel_error *err)
{
    int r = store_open_layer(cache, key, &root->layer[root->n_layers], &root->pin[root->n_layers]);

    if (r == -ENOENT)
        return CACHE_ROOT_GONE;
    if (r < 0)
        return store_error(cache, err, r, "open a layer");
    (void)snprintf(root->key[root->n_layers], sizeof(root->key[0]), "%s", key);
    root->n_layers++;
    return 0;
}

int cache_root_take_config(const char *text, struct cache_root *root, struct cupel_error *err)
{
    json_t *config = json_loads(text, 0, NULL);
    cleanup_free char *wrong = NULL;

    if (root->config != NULL)
        arena_free(root->config->arena);
    root->config = NULL;
    wrong = config != NULL ? config_read(config, NULL, &root->config) : xstrdup("it is no JSON");
    json_decref(config);
    return wrong != NULL ? cupel_error_set(err, CUPEL_ERROR_HARNESS, EBADMSG,
                                           "cannot read what was kept of an image: %s", wrong)
                         : 0;
}

char *cache_root_keys(const struct cache_root *root)
{
    struct strbuf b = {0};

    strbuf_adds(&b, "");
    for (size_t i = 0; i < root->n_layers; i++)
        if (root->key[i][0] != '\0')
            strbuf_addf(&b, "%s%s", b.len > 0 ? (const char[]){CACHE_KEYS_SEPARATOR, '\0'} : "",
                        root->key[i]);
    return b.data;
}

char *cache_root_describe(const struct cache *cache, const struct cache_root *root)
{
    struct strbuf b = {0};

    strbuf_adds(&b, "");
    for (size_t i = 0; i < root->n_layers; i++) {
        cleanup_free char *text = NULL;
        json_t *info =
            names_layer_info(cache, root->key[i], &text) == 0 ? json_loads(text, 0, NULL) : NULL;
        const char *tree = json_string_value(json_object_get(info, "tree"));

        strbuf_addf(&b, "%s %s\n", root->key[i], tree != NULL ? tree : "");
        json_decref(info);
    }
    return b.data;
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
