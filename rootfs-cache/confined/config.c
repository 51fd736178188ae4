/* SPDX-License-Identifier: Apache-2.0 */
/* config: see config.h. Not responsible for where the JSON comes from: it is taken to be hostile.
 */
#include "rootfs-cache/confined/config.h"

#include "rootfs-cache/confined/document.h"

#include <string.h>

#define WORD_MAX 65536 /* longer than any real one */

/* A value of another type is none that could be passed over: the job would have another user, or
 * run something else. */
static char *of_wrong_type(const char *key, const char *wanted)
{
    return xasprintf("%s in its configuration is no %s", key, wanted);
}

/* A word that goes into an environment or a path: one line. */
bool config_is_plain(const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return n < WORD_MAX;
}

bool config_is_env(const char *entry)
{
    const char *equals = strchr(entry, '=');

    return equals != NULL && equals != entry;
}

static char *take_word(const json_t *config, const char *key, struct arena *arena, const char **ret)
{
    const json_t *value = document_member(config, key);
    const char *text = json_string_value(value);

    if (value != NULL && !json_is_null(value) && text == NULL)
        return of_wrong_type(key, "text");
    if (text == NULL || *text == '\0')
        return NULL;
    if (!config_is_plain(text) || strlen(text) != json_string_length(value))
        return xasprintf("%s in its configuration is no plain text", key);
    *ret = arena_strdup(arena, text);
    return NULL;
}

static char *config_take_env(const json_t *list, struct cache_config *c, struct strbuf *notes)
{
    size_t n = json_array_size(list), kept = 0;

    if (list != NULL && !json_is_null(list) && !json_is_array(list))
        return of_wrong_type("Env", "list");
    if (n > CONFIG_LIST_MAX)
        return xasprintf("Env in its configuration has more than %d entries", CONFIG_LIST_MAX);

    c->env = arena_alloc(c->arena, (n + 1) * sizeof(*c->env));
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(list, i);
        const char *entry = json_string_value(value);

        if (entry == NULL || !config_is_env(entry) || strlen(entry) != json_string_length(value)) {
            document_note(notes,
                          "entry %zu of Env in its configuration is no NAME=VALUE and is left out",
                          i + 1);
            continue;
        }
        if (str_starts(entry, "CUPEL_")) /* ours alone */
            continue;
        c->env[kept++] = arena_strdup(c->arena, entry);
    }
    c->env[kept] = NULL;
    return NULL;
}

static char *config_take_list(const json_t *config, const char *key, struct arena *arena,
                              const char ***ret)
{
    const json_t *list = document_member(config, key);
    bool one = json_is_string(list); /* as Docker reads it: a list of one */
    size_t n = one ? json_string_length(list) > 0 : json_array_size(list);

    if (list != NULL && !one && !json_is_null(list) && !json_is_array(list))
        return of_wrong_type(key, "list");
    *ret = arena_alloc(arena, (n + 1) * sizeof(**ret));
    if (n > CONFIG_LIST_MAX)
        return xasprintf("%s in its configuration has more than %d words", key, CONFIG_LIST_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = one ? list : json_array_get(list, i);
        const char *word = json_string_value(value);

        if (word == NULL || (i == 0 && *word == '\0') || strlen(word) != json_string_length(value))
            return xasprintf("entry %zu of %s in its configuration is no text", i + 1, key);
        (*ret)[i] = arena_strdup(arena, word);
    }
    return NULL;
}

char *config_read(const json_t *config, struct strbuf *notes, struct cache_config **ret)
{
    struct arena *arena = arena_new();
    struct cache_config *c = arena_alloc(arena, sizeof(*c));
    char *wrong;

    *c = (struct cache_config){.arena = arena};
    if (config != NULL && !json_is_null(config) && !json_is_object(config)) {
        arena_free(arena);
        return of_wrong_type("config", "object");
    }
    wrong = config_take_env(document_member(config, "Env"), c, notes);
    if (wrong == NULL)
        wrong = take_word(config, "User", arena, &c->user);
    if (wrong == NULL)
        wrong = take_word(config, "WorkingDir", arena, &c->workdir);
    if (wrong == NULL)
        wrong = config_take_list(config, "Entrypoint", arena, &c->entrypoint);
    if (wrong == NULL)
        wrong = config_take_list(config, "Cmd", arena, &c->command);
    if (wrong != NULL)
        arena_free(arena);
    else
        *ret = c;
    return wrong;
}

static void set_list(json_t *o, const char *key, const char *const *list)
{
    json_t *array;

    if (*list == NULL)
        return;
    array = json_array();
    for (; *list != NULL; list++)
        (void)json_array_append_new(array, json_string(*list));
    (void)json_object_set_new(o, key, array);
}

json_t *config_json(const struct cache_config *config)
{
    json_t *o, *env;

    if (config == NULL)
        return NULL;
    o = json_object();
    env = json_array();
    for (const char **e = config->env; *e != NULL; e++)
        (void)json_array_append_new(env, json_string(*e));
    (void)json_object_set_new(o, "Env", env);
    if (config->user != NULL)
        (void)json_object_set_new(o, "User", json_string(config->user));
    if (config->workdir != NULL)
        (void)json_object_set_new(o, "WorkingDir", json_string(config->workdir));
    set_list(o, "Entrypoint", config->entrypoint);
    set_list(o, "Cmd", config->command);
    return o;
}

char *cache_config_text(const struct cache_config *config)
{
    json_t *o = config_json(config);
    char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;

    json_decref(o);
    return text;
}
