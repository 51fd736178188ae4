/* SPDX-License-Identifier: Apache-2.0 */
/* gitlab_cache: `cache` of a job of GitLab's. */
#include "jobs/convert/gitlab.h"

#include <string.h>

#define CACHE_FILES_MAX 2 /* as many as GitLab takes */

/* The key of `files` and `prefix`; NULL: it cannot be told. */
static const char *key_of_files(struct gitlab *g, struct gitlab_job *j, const struct node *key)
{
    const struct node *list = node_child(key, "files"), *prefix = node_child(key, "prefix");
    const char *files[CACHE_FILES_MAX], *hash, *text = "";
    size_t n = 0;

    for (const struct node *i = list != NULL ? items_first(list) : NULL; i != NULL;
         i = items_next(list, i)) {
        if (convert_text(i) == NULL || n == CACHE_FILES_MAX)
            return NULL;
        files[n++] = i->text;
    }
    hash = convert_hash(g->c, files, n);
    if (prefix != NULL)
        text = convert_text(prefix) != NULL ? gitlab_expand(g, j->node, prefix->text, 0) : NULL;
    if (hash == NULL || text == NULL)
        return NULL;
    return arena_printf(g->c->arena, "%s%s%s", text, prefix != NULL ? "-" : "", hash);
}

/* The text with the branch's name for its slug, which tells branches apart as well. */
static const char *without_slug(struct converter *c, const char *text)
{
    static const char slug[] = "CI_COMMIT_REF_SLUG", name[] = "CI_COMMIT_REF_NAME";
    char *copy = arena_strdup(c->arena, text);

    for (char *p = strstr(copy, slug); p != NULL; p = strstr(p, slug))
        memcpy(p, name, sizeof(name) - 1);
    return copy;
}

/* What the cache is saved under; NULL: it cannot be told. */
static const char *cache_key(struct gitlab *g, struct gitlab_job *j, const struct node *key)
{
    if (key == NULL)
        return "default";
    if (key->kind == NODE_MAP)
        return key_of_files(g, j, key);
    return convert_text(key) != NULL ? gitlab_expand(g, j->node, without_slug(g->c, key->text), 0)
                                     : NULL;
}

static void add_paths(struct gitlab *g, struct gitlab_job *j, struct out *job, struct out *cache,
                      const struct node *paths)
{
    for (const struct node *i = paths != NULL ? items_first(paths) : NULL; i != NULL;
         i = items_next(paths, i)) {
        const char *text = convert_text(i) != NULL ? gitlab_expand(g, j->node, i->text, 0) : NULL;

        if (text == NULL || !convert_charge(g->c, 16) ||
            !convert_cache_path(g->c, job, cache, text))
            convert_left(g->c, cache, i, "'%s' is no directory that can be cached",
                         i->kind == NODE_SCALAR ? i->text : "");
    }
}

/* Adds `restore`, of the keys that GitLab falls back on. */
static void add_fallback(struct gitlab *g, struct gitlab_job *j, struct out *cache,
                         const struct node *keys)
{
    struct out *list = out_list(&g->c->out, cache, "restore");

    for (const struct node *i = items_first(keys); i != NULL; i = items_next(keys, i)) {
        const char *text = convert_text(i) != NULL ? gitlab_expand(g, j->node, i->text, 0) : NULL;

        if (text == NULL || !convert_cache_has_room(list, text))
            convert_left(g->c, list, i, "a fallback key that cannot be told");
        else
            out_text(&g->c->out, list, NULL, text);
    }
}

/* Adds `save`, by `policy` and `when`. */
static void add_save(struct gitlab *g, struct out *cache, const struct node *policy,
                     const struct node *when)
{
    const char *save = NULL;

    if (when != NULL && convert_text(when) != NULL && str_eq(when->text, "always"))
        save = "always";
    else if (when != NULL && !(convert_text(when) != NULL && str_eq(when->text, "on_success")))
        convert_left(g->c, cache, when, "'when' of a cache: it is saved after success");
    if (policy != NULL && convert_text(policy) != NULL && str_eq(policy->text, "pull"))
        save = "never";
    else if (policy != NULL && convert_text(policy) != NULL && str_eq(policy->text, "push"))
        convert_note(g->c, cache, policy, "'policy: push': what is there is restored, too");
    else if (policy != NULL && !(convert_text(policy) != NULL && str_eq(policy->text, "pull-push")))
        convert_left(g->c, cache, policy, "'policy' of a cache");
    if (save != NULL)
        out_text(&g->c->out, cache, "save", save);
}

static void add_cache(struct gitlab *g, struct gitlab_job *j, struct out *job,
                      const struct node *of)
{
    static const char *const taken[] = {"key", "paths", "policy", "when", "fallback_keys"};
    const struct node *key = of->kind == NODE_MAP ? node_child(of, "key") : NULL;
    const struct node *keys = of->kind == NODE_MAP ? node_child(of, "fallback_keys") : NULL;
    const char *text;
    struct out *cache;

    if (of->kind != NODE_MAP) {
        convert_left(g->c, job, of, "a cache is a map");
        return;
    }
    text = cache_key(g, j, key);
    cache = text != NULL ? convert_cache(g->c, job, text) : NULL;
    if (cache == NULL) {
        convert_left(g->c, job, key != NULL ? key : of, "a cache whose key cannot be told");
        return;
    }
    add_paths(g, j, job, cache, node_child(of, "paths"));
    if (keys != NULL)
        add_fallback(g, j, cache, keys);
    add_save(g, cache, node_child(of, "policy"), node_child(of, "when"));
    for (const struct node *v = of->first; v != NULL; v = v->next)
        if (!convert_is_among(v->key->text, taken, ARRAY_SIZE(taken)))
            convert_left(g->c, cache, v, "'%s' of a cache", v->key->text);
    if (strstr(text, "hash(") == NULL)
        convert_note(g->c, cache, key != NULL ? key : of,
                     "what a key has is not saved again: let it change, as by ${{ hash('FILE') }}");
    convert_cache_end(g->c, job, cache);
}

void gitlab_cache(struct gitlab *g, struct gitlab_job *j, struct out *job, const struct node *value)
{
    for (const struct node *i = items_first(value); i != NULL; i = items_next(value, i))
        if (convert_charge(g->c, 16))
            add_cache(g, j, job, i);
}
