/* SPDX-License-Identifier: Apache-2.0 */
/* convert_caches: what both converters make of a cache: an entry of the job's `cache` with
 * directories that can be kept. Not responsible for what a pipeline calls them. */
#include "jobs/convert/convert.h"

#include <string.h>

#define CACHE_KEY_MAX 300 /* with room for what a hash stands for */

bool convert_cache_has_room(const struct out *list, const char *key)
{
    size_t n = strlen(key);

    return list->n < JOBS_CACHES_MAX && n > 0 && n <= CACHE_KEY_MAX && cache_key_is_line(key, n);
}

struct out *convert_cache(struct converter *c, struct out *job, const char *key)
{
    struct out *list = out_get_list(&c->out, job, "cache"), *cache;

    if (!convert_cache_has_room(list, key))
        return NULL;
    cache = out_map(&c->out, list, NULL);
    out_text(&c->out, cache, "key", key);
    (void)out_list(&c->out, cache, "paths");
    return cache;
}

static bool lies_in(const char *path, const char *directory)
{
    size_t n = strlen(directory);

    return strncmp(path, directory, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* Whether a cached directory of the job is in the way of another at that path. */
static bool is_taken(struct converter *c, const struct out *job, const char *path)
{
    for (const struct out *cache = out_find(job, "cache")->first; cache != NULL;
         cache = cache->next) {
        const struct out *paths = cache->kind == OUT_MAP ? out_find(cache, "paths") : NULL;

        for (const struct out *o = paths != NULL ? paths->first : NULL; o != NULL; o = o->next)
            if (!convert_charge(c, 1) ||
                (o->kind == OUT_TEXT && (lies_in(path, o->text) || lies_in(o->text, path))))
                return true;
    }
    return false;
}

bool convert_cache_path(struct converter *c, struct out *job, struct out *cache, const char *path)
{
    const char *whole =
        str_starts(path, "~/") ? arena_printf(c->arena, "/root/%s", path + 2) : path;
    struct out *paths = out_find(cache, "paths");

    whole = convert_path(c, whole);
    if (whole == NULL || strpbrk(whole, "*?[]{}$\\") != NULL || strlen(whole) >= 4096 ||
        input_belongs_to_sandbox(whole) || lies_in(whole, "/run/secrets") ||
        lies_in(CONVERT_WORKDIR, whole) || paths->n >= JOBS_CACHE_PATHS_MAX / JOBS_CACHES_MAX ||
        is_taken(c, job, whole))
        return false;
    out_text(&c->out, paths, NULL, whole);
    return true;
}

void convert_cache_end(struct converter *c, struct out *job, struct out *cache)
{
    if (out_find(cache, "paths")->n == 0)
        out_drop(&c->out, out_find(job, "cache"), cache);
}

const char *convert_hash(struct converter *c, const char *const *files, size_t n)
{
    cleanup_strbuf struct strbuf text = {0};

    strbuf_adds(&text, "${{ hash(");
    for (size_t i = 0; i < n; i++) {
        if (files[i][0] == '\0' || files[i][0] == '/' || strlen(files[i]) > 200 ||
            strpbrk(files[i], "'{}$\\\n\t") != NULL || strstr(files[i], "..") != NULL ||
            !str_eq(convert_shown(c, files[i]), files[i]))
            return NULL;
        strbuf_addf(&text, "%s'%s'", i > 0 ? ", " : "", files[i]);
    }
    strbuf_adds(&text, ") }}");
    return n > 0 ? arena_strdup(c->arena, text.data) : NULL;
}
