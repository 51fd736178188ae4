/* SPDX-License-Identifier: Apache-2.0 */
/* github_text: what `${{ }}` stands for, and what `if` says, as far as a file alone can tell. */
#include "jobs/convert/github.h"

#include <string.h>

#define TEXT_MAX ((size_t)1024 * 1024) /* of one text with all that stands in it */

const struct node *github_child(const struct node *map, const char *key)
{
    return map != NULL && map->kind == NODE_MAP ? node_child(map, key) : NULL;
}

const char *github_axis(struct converter *c, const char *name)
{
    char *copy = arena_strdup(c->arena, name);

    for (char *p = copy; *p != '\0'; p++)
        if (*p == '-' || *p == '.')
            *p = '_';
    return copy;
}

bool github_has(const struct github_scope *s, const char *map, const char *name)
{
    const struct out *maps[] = {out_find(s->out, map),
                                s->g->defaults != NULL ? out_find(s->g->defaults, map) : NULL};

    for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
        for (const struct out *o = maps[i] != NULL ? maps[i]->first : NULL; o != NULL; o = o->next)
            if (o->kind == OUT_TEXT && str_eq(o->key != NULL ? o->key : o->text, name))
                return true;
    return false;
}

void github_use_secret(struct github_scope *s, const char *name)
{
    struct out_writing *w = &s->g->c->out;
    const struct out *below = s->g->defaults != NULL ? out_find(s->g->defaults, "secrets") : NULL;
    struct out *list = out_find(s->out, "secrets");

    if (list == NULL) {
        list = out_list(w, s->out, "secrets");
        /* a job's own list stands in place of the one of `defaults` */
        for (const struct out *o = below != NULL && s->out != s->g->defaults ? below->first : NULL;
             o != NULL; o = o->next)
            if (o->kind == OUT_TEXT)
                out_text(w, list, NULL, o->text);
    }

    for (const struct out *o = list->first; o != NULL; o = o->next)
        if (o->kind == OUT_TEXT && str_eq(o->text, name))
            return;
    out_text(w, list, NULL, name);
}

bool github_matrix_has(const struct node *matrix, const char *name)
{
    const struct node *include = github_child(matrix, "include");

    if (github_child(matrix, name) != NULL)
        return true;
    for (const struct node *i = include != NULL && include->kind == NODE_LIST ? include->first
                                                                              : NULL;
         i != NULL; i = i->next)
        if (github_child(i, name) != NULL)
            return true;
    return false;
}

/* ---- expressions ---- */

/* A text as it grows, and what of it is not known. */
struct replaced {
    struct strbuf text;
    const char *unknown; /* the first expression that is not known, or NULL */
};

static void replace(struct github_scope *s, const char *text, int depth, struct replaced *r);

/* The text with its expressions replaced, all of them known; NULL: one is not. */
static const char *known_text(struct github_scope *s, const char *text, int depth)
{
    struct replaced r = {0};
    const char *whole;

    replace(s, text, depth, &r);
    whole = r.unknown == NULL ? arena_strdup(s->g->c->arena, r.text.data) : NULL;
    strbuf_free(&r.text);
    return whole;
}

/* The value of a variable where `env` of the step, the job or the workflow says it. */
static const char *env_value(struct github_scope *s, const char *name, int depth)
{
    const struct node *maps[] = {github_child(s->step, "env"), github_child(s->job, "env"),
                                 github_child(s->g->root, "env")};

    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
        const struct node *v = github_child(maps[i], name);

        if (v != NULL)
            return v->kind == NODE_SCALAR && depth < 8 ? known_text(s, v->text, depth + 1) : NULL;
    }
    return NULL;
}

/* What hashFiles is, of the rest of a call of it; NULL: of more than texts. */
static const char *hash_of(struct converter *c, const char *text)
{
    const char *files[16];
    size_t n = 0;

    for (;;) {
        const char *quote;

        text += strspn(text, " ");
        quote = *text == '\'' ? strchr(text + 1, '\'') : NULL;
        if (quote == NULL || n == ARRAY_SIZE(files))
            return NULL;
        files[n++] = arena_strndup(c->arena, text + 1, (size_t)(quote - text - 1));
        text = quote + 1 + strspn(quote + 1, " ");
        if (str_eq(text, ")"))
            return convert_hash(c, files, n);
        if (*text++ != ',')
            return NULL;
    }
}

/* What an expression is in a job file, or NULL. */
static const char *expression(struct github_scope *s, const char *e, int depth)
{
    struct converter *c = s->g->c;
    static const char *const known[][2] = {
        {"github.sha", "${{ git.commit }}"},
        {"github.ref_name", "${{ git.branch }}"},
        {"github.workspace", CONVERT_WORKDIR},
        {"runner.os", "Linux"},
        {"runner.temp", "/tmp"},
    };

    if (str_starts(e, "matrix.") && s->matrix != NULL && github_matrix_has(s->matrix, e + 7) &&
        convert_is_variable(github_axis(c, e + 7))) {
        (void)strset_add(&s->used, github_axis(c, e + 7));
        return arena_printf(c->arena, "${{ %s }}", github_axis(c, e + 7));
    }
    if (str_starts(e, "hashFiles("))
        return hash_of(c, e + strlen("hashFiles("));
    if (str_starts(e, "env."))
        return env_value(s, e + 4, depth);
    if (s->in_script && str_starts(e, "secrets.") && convert_is_variable(e + 8) &&
        !str_eq(e, "secrets.GITHUB_TOKEN") && !github_has(s, "env", e + 8)) {
        github_use_secret(s, e + 8);
        return arena_printf(c->arena, "${%s}", e + 8);
    }
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (str_eq(known[i][0], e)) {
            c->uses_git |= i < 2;
            return known[i][1];
        }
    return NULL;
}

/* The expression that begins at "${{", without blanks around it; NULL: it has no end. *ret_end is
 * behind it. */
static const char *expression_at(struct arena *arena, const char *p, const char **ret_end)
{
    const char *end = strstr(p, "}}"), *begin = p + 3;
    size_t n;

    if (end == NULL)
        return NULL;
    begin += strspn(begin, " \t\n");
    n = begin < end ? (size_t)(end - begin) : 0;
    while (n > 0 && strchr(" \t\n", begin[n - 1]) != NULL)
        n--;
    *ret_end = end + 2;
    return arena_strndup(arena, begin, n);
}

static void replace(struct github_scope *s, const char *text, int depth, struct replaced *r)
{
    struct converter *c = s->g->c;
    const char *p;

    strbuf_add(&r->text, "", 0);
    if (!convert_charge(c, 1 + strlen(text) / 8)) {
        r->unknown = "";
        return;
    }
    while ((p = strstr(text, "${{")) != NULL) {
        const char *end = p + 3, *e = expression_at(c->arena, p, &end);
        const char *value = e != NULL && r->text.len < TEXT_MAX ? expression(s, e, depth) : NULL;

        strbuf_add(&r->text, text, (size_t)(p - text));
        if (value != NULL) {
            strbuf_adds(&r->text, value);
        } else {
            if (r->unknown == NULL)
                r->unknown = e != NULL ? e : "";
            strbuf_adds(&r->text,
                        convert_literal(c, arena_strndup(c->arena, p, (size_t)(end - p))));
        }
        text = end;
    }
    strbuf_adds(&r->text, text);
}

const char *github_text(struct github_scope *s, const char *text)
{
    return known_text(s, text, 0);
}

const char *github_text_or_say(struct github_scope *s, struct out *in, const struct node *n)
{
    struct replaced r = {0};
    const char *whole;

    replace(s, n->text, 0, &r);
    if (r.unknown != NULL)
        convert_left(s->g->c, in, n, "what is not known here stands as it was: ${{ %s }}",
                     r.unknown);
    whole = arena_strdup(s->g->c->arena, r.text.data);
    strbuf_free(&r.text);
    return whole;
}

const char *github_secret_of(struct converter *c, const char *text)
{
    const char *end = text,
               *e = str_starts(text, "${{") ? expression_at(c->arena, text, &end) : NULL;

    if (e == NULL || end[strspn(end, " \n")] != '\0' || !str_starts(e, "secrets.") ||
        !convert_is_variable(e + 8) || str_eq(e + 8, "GITHUB_TOKEN"))
        return NULL;
    return e + 8;
}

/* ---- conditions ---- */

const char *github_condition(const struct node *n)
{
    static const char *const words[][2] = {
        {"success()", "success"},
        {"failure()", "failure"},
        {"always()", "always"},
        {"!cancelled()", "always"},
        {"true", "success"},
        {"false", "never"},
        {"runner.os == 'Linux'", "success"},
        {"runner.os != 'Linux'", "never"},
        {"runner.os == 'Windows'", "never"},
        {"runner.os != 'Windows'", "success"},
        {"runner.os == 'macOS'", "never"},
        {"runner.os != 'macOS'", "success"},
    };
    const char *text = convert_text(n);
    size_t length;

    if (text == NULL)
        return NULL;
    length = strlen(text);
    if (str_starts(text, "${{") && length >= 5 && str_eq(text + length - 2, "}}")) {
        text += 3;
        length -= 5;
    }
    while (length > 0 && strchr(" \t\n", text[length - 1]) != NULL)
        length--;
    for (; length > 0 && strchr(" \t\n", text[0]) != NULL; length--)
        text++;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i][0]) == length && strncmp(text, words[i][0], length) == 0)
            return words[i][1];
    return NULL;
}

bool github_is_other_system(const char *label)
{
    return str_starts(label, "windows") || str_starts(label, "macos");
}

const char *github_system_axis(struct converter *c, const struct node *job)
{
    const struct node *on = github_child(job, "runs-on");
    const char *text = on != NULL && items_count(on) == 1 ? convert_text(items_first(on)) : NULL;
    const char *end = text;
    const char *e =
        text != NULL && str_starts(text, "${{") ? expression_at(c->arena, text, &end) : NULL;

    return e != NULL && *end == '\0' && str_starts(e, "matrix.") ? e + 7 : NULL;
}
