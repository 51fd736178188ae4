/* SPDX-License-Identifier: Apache-2.0 */
/* github_actions: the few actions of GitHub's for which a word of the job file does the same. */
#include "jobs/convert/github.h"

#include <string.h>

void github_others(struct github_scope *s, struct out *in, const struct node *map,
                   const char *const *taken, size_t n, const char *of)
{
    for (const struct node *v = map != NULL && map->kind == NODE_MAP ? map->first : NULL; v != NULL;
         v = v->next)
        if (!convert_is_among(v->key->text, taken, n))
            convert_left(s->g->c, in, v, "'%s' of %s", v->key->text, of);
}

/* `if-missing` of what an `upload-artifact` says of it. */
static const char *write_missing(struct github_scope *s, const struct node *with)
{
    static const char *const words[][2] = {
        {"warn", "note"}, {"error", "fail"}, {"ignore", "ignore"}};
    const struct node *n = github_child(with, "if-no-files-found");

    for (size_t i = 0; convert_text(n) != NULL && i < ARRAY_SIZE(words); i++)
        if (str_eq(n->text, words[i][0]))
            return words[i][1];
    if (n != NULL)
        convert_left(s->g->c, s->out, n, "'if-no-files-found' of an artifact");
    return "note";
}

/* Artifacts of an `upload-artifact`: the lines of its `path`. */
static void write_upload(struct github_scope *s, const struct node *step)
{
    struct converter *c = s->g->c;
    const struct node *with = github_child(step, "with"), *path = github_child(with, "path");
    const char *text = convert_text(path) != NULL ? github_text(s, path->text) : NULL;
    /* of how it is stored, which is elsewhere */
    static const char *const taken[] = {"name",
                                        "path",
                                        "overwrite",
                                        "retention-days",
                                        "archive",
                                        "compression-level",
                                        "include-hidden-files",
                                        "if-no-files-found"};
    const struct node *condition = github_child(step, "if");
    const char *when = condition != NULL ? github_condition(condition) : NULL;
    struct out *artifacts, *paths, *before;
    const char *missing;

    github_others(s, s->out, with, taken, ARRAY_SIZE(taken), "an artifact");
    if (text == NULL) {
        convert_left(c, s->out, step, "an artifact whose path cannot be told");
        return;
    }
    artifacts = out_get_map(&c->out, s->out, "artifacts");
    paths = out_get_list(&c->out, artifacts, "paths");
    while (*text != '\0') {
        size_t n = strcspn(text, "\n"), blanks = strspn(text, " ");
        bool is_exclude = text[blanks] == '!';
        const char *line = arena_strndup(c->arena, text, n), *whole;

        line += blanks < n ? blanks + is_exclude : n;
        whole = line[0] != '\0' ? convert_pattern(c, line) : NULL;
        if (whole != NULL && strstr(whole, "${") == NULL)
            out_text(&c->out, is_exclude ? out_get_list(&c->out, artifacts, "exclude") : paths,
                     NULL, whole);
        else if (line[0] != '\0')
            convert_left(c, paths, path, "the path of an artifact '%s'", line);
        text += n + (text[n] != '\0');
    }
    if (paths->n == 0) {
        if (out_find(artifacts, "exclude") != NULL)
            convert_left(c, artifacts, path, "an artifact of nothing but what is left out of it");
        return;
    }
    missing = write_missing(s, with);
    before = out_find(artifacts, "if-missing");
    if (before == NULL)
        out_text(&c->out, artifacts, "if-missing", missing);
    else if (!str_eq(before->text, missing))
        before->text = "note";
    before = out_find(artifacts, "when");
    when = when != NULL ? when : "success";
    if (before == NULL)
        out_text(&c->out, artifacts, "when", when);
    else if (!str_eq(before->text, when))
        before->text = "always";
}

static void write_checkout(struct github_scope *s, const struct node *with)
{
    static const char *const here[] = {"."};
    static const char *const elsewhere[] = {"repository", "path", "ref"};
    /* of how it is fetched, which nobody does here */
    static const char *const taken[] = {
        "fetch-depth",   "fetch-tags", "clean", "token", "persist-credentials",
        "show-progress", "repository", "path",  "ref"};
    struct converter *c = s->g->c;

    github_others(s, s->out, with, taken, ARRAY_SIZE(taken), "a checkout");
    for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
        if (github_child(with, elsewhere[i]) != NULL) {
            convert_left(c, s->out, with, "a checkout of something else than the project as it is");
            return;
        }
    if (out_find(s->out, "inputs") == NULL)
        out_texts(&c->out, s->out, "inputs", 1, here);
}

/* Adds the keys that GitHub falls back on. */
static void add_restore(struct github_scope *s, struct out *cache, const struct node *keys)
{
    struct converter *c = s->g->c;
    const char *text = convert_text(keys) != NULL ? github_text(s, keys->text) : NULL;
    struct out *list = out_list(&c->out, cache, "restore");

    if (text == NULL)
        convert_left(c, list, keys, "'restore-keys' that cannot be told");
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "\n"), blanks = strspn(text, " ");
        const char *word = blanks < n ? arena_strndup(c->arena, text + blanks, n - blanks) : "";

        if (convert_cache_has_room(list, word))
            out_text(&c->out, list, NULL, word);
        else if (word[0] != '\0')
            convert_left(c, list, keys, "one of 'restore-keys'");
        text += n + (text[n] != '\0');
    }
}

/* A cache, with `save` where that is said. */
static void write_cache(struct github_scope *s, const struct node *step, const char *save)
{
    static const char *const taken[] = {"path", "key", "restore-keys", "upload-chunk-size",
                                        "enableCrossOsArchive"};
    struct converter *c = s->g->c;
    const struct node *with = github_child(step, "with"), *path = github_child(with, "path");
    const struct node *key = github_child(with, "key"), *keys = github_child(with, "restore-keys");
    const char *name = convert_text(key) != NULL ? github_text(s, key->text) : NULL;
    const char *text = convert_text(path) != NULL ? github_text(s, path->text) : NULL;
    struct out *cache = name != NULL && text != NULL ? convert_cache(c, s->out, name) : NULL;

    if (cache == NULL) {
        convert_left(c, s->out, step, "a cache whose key or path cannot be told");
        return;
    }
    while (*text != '\0') {
        size_t n = strcspn(text, "\n"), blanks = strspn(text, " ");
        const char *line = blanks < n ? arena_strndup(c->arena, text + blanks, n - blanks) : NULL;

        if (line != NULL && !convert_cache_path(c, s->out, cache, line))
            convert_left(c, cache, path, "'%s' is no directory that can be cached", line);
        text += n + (text[n] != '\0');
    }
    if (keys != NULL)
        add_restore(s, cache, keys);
    if (save != NULL)
        out_text(&c->out, cache, "save", save);
    github_others(s, cache, with, taken, ARRAY_SIZE(taken), "a cache");
    convert_cache_end(c, s->out, cache);
}

void github_action(struct github_scope *s, const struct node *step, const char *uses)
{
    struct converter *c = s->g->c;

    if (str_starts(uses, "actions/checkout@"))
        write_checkout(s, github_child(step, "with"));
    else if (str_starts(uses, "actions/upload-artifact@"))
        write_upload(s, step);
    else if (str_starts(uses, "actions/cache@"))
        write_cache(s, step, NULL);
    else if (str_starts(uses, "actions/cache/restore@"))
        write_cache(s, step, "never");
    else if (str_starts(uses, "actions/setup-"))
        convert_left(c, s->out, step, "'%s': the root has to have it", uses);
    else
        convert_left(c, s->out, step, "the action '%s'", uses);
}
