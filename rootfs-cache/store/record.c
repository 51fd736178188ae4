/* SPDX-License-Identifier: Apache-2.0 */
/* record: see record.h. Not responsible for whether its layers are there. */
#include "rootfs-cache/store/record.h"

#include "rootfs-cache/confined/config.h"
#include "rootfs-cache/confined/hash.h"

#include <dirent.h>
#include <string.h>

#define RECORD_MAX ((size_t)16 << 20)

void record_free(struct record *record)
{
    free(record->kind);
    free(record->source);
    free(record->digest);
    free(record->reference);
    free(record->platform);
    if (record->config != NULL)
        arena_free(record->config->arena);
    *record = (struct record)RECORD_INIT;
}

static char *word(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text != NULL ? xstrdup(text) : NULL;
}

static int from_json(const json_t *o, struct record *record)
{
    const json_t *layers = json_object_get(o, "layers"), *config = json_object_get(o, "config"),
                 *layer;
    cleanup_free char *wrong = NULL;
    size_t i;

    if (json_array_size(layers) == 0 || json_array_size(layers) > CACHE_STACK_MAX)
        return -EBADMSG;
    json_array_foreach(layers, i, layer)
    {
        const char *key = json_string_value(layer);

        if (key == NULL || !hash_is_hex(key))
            return -EBADMSG;
        memcpy(record->key[record->n++], key, CACHE_KEY_LEN + 1);
    }
    record->kind = word(o, "kind");
    record->source = word(o, "source");
    record->digest = word(o, "digest");
    record->reference = word(o, "reference");
    record->platform = word(o, "platform");
    wrong = config != NULL ? config_read(config, NULL, &record->config) : NULL;
    return wrong != NULL ? -EBADMSG : 0;
}

int record_read(const struct cache *cache, const char *path, struct record *ret)
{
    struct record record = RECORD_INIT;
    cleanup_free char *text = NULL;
    size_t length;
    json_t *o;
    int r = file_read_at(cache->dir, path, RECORD_MAX, &text, &length);

    if (r < 0)
        return r;
    if (text[0] == '{') {
        o = json_loads(text, 0, NULL);
        r = from_json(o, &record);
        json_decref(o);
    } else { /* of cupel before images: the key of the only layer */
        text[strcspn(text, "\n")] = '\0';
        r = hash_is_hex(text) ? 0 : -EBADMSG;
        if (r == 0)
            memcpy(record.key[record.n++], text, CACHE_KEY_LEN + 1);
    }
    if (r < 0)
        record_free(&record);
    else
        *ret = record;
    return r;
}

/* A name may be in bytes that JSON cannot carry. */
static void record_set_text(json_t *o, const char *key, const char *text)
{
    json_t *value = text != NULL ? json_string(text) : NULL;

    if (text != NULL)
        (void)json_object_set_new(o, key, value != NULL ? value : json_string("(not UTF-8)"));
}

int record_write(const struct cache *cache, const char *path, const struct record *record)
{
    json_t *o = json_object(), *layers = json_array();
    cleanup_free char *text = NULL;

    (void)json_object_set_new(o, "format", json_integer(2));
    for (size_t i = 0; i < record->n; i++)
        (void)json_array_append_new(layers, json_string(record->key[i]));
    (void)json_object_set_new(o, "layers", layers);
    record_set_text(o, "kind", record->kind);
    record_set_text(o, "source", record->source);
    record_set_text(o, "digest", record->digest);
    record_set_text(o, "reference", record->reference);
    record_set_text(o, "platform", record->platform);
    if (record->config != NULL)
        (void)json_object_set_new(o, "config", config_json(record->config));
    text = json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    return text == NULL ? -ENOMEM
                        : file_write_atomic_at(cache->dir, path, text, strlen(text), 0600);
}

void record_of_root(const struct cache_root *root, struct record *ret)
{
    for (size_t i = 0; i < root->n_layers; i++)
        if (root->key[i][0] != '\0' && ret->n < CACHE_STACK_MAX)
            memcpy(ret->key[ret->n++], root->key[i], CACHE_KEY_LEN + 1);
    ret->config = root->config;
    ret->digest = root->digest[0] != '\0' ? xasprintf("sha256:%s", root->digest) : NULL;
}

bool record_has(const struct record *record, const char *key)
{
    for (size_t i = 0; i < record->n; i++)
        if (str_eq(record->key[i], key))
            return true;
    return false;
}

/* A file that was being written aside when its writer died. */
static bool is_aside(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && str_eq(name + n - 4, ".tmp");
}

int record_each(struct cache *cache, const char *place, place_fn *fn, void *data)
{
    struct dirent **names = NULL;
    int n = scandirat(cache->dir, place, &names, NULL, alphasort), r = 0;

    if (n < 0)
        return errno == ENOENT ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        if (r == 0 && names[i]->d_name[0] != '.' && !is_aside(names[i]->d_name))
            r = fn(cache, names[i]->d_name, data);
        free(names[i]);
    }
    free(names);
    return r;
}
