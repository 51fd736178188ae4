/* SPDX-License-Identifier: Apache-2.0 */
/* replace: `${{ NAME }}` in texts: parameters, keys of a matrix, and what the host is asked. Never
 * in keys: a key means the same in each instance. Not responsible for where the names come from. */
#include "jobs/expand/replace.h"

#include <search.h>

#define HASH_PATHS_MAX 64
#define NAMES_SHOWN_MAX 64

/* ---- where a "${{" stands ---- */

static const char *text_of_file(const struct source *s, struct source_place place, size_t *ret_len)
{
    uint32_t file = source_file_of(s, place);

    *ret_len = file != 0 ? s->inclusions[file - 1].len : s->len;
    return file != 0 ? s->inclusions[file - 1].text : s->text;
}

/* Finds the `number`th "${{" from the place on: text may be folded and escaped, but that is written
 * as it is. Where it cannot be found, the place itself. */
static struct source_place place_of_dollar(const struct source *s, struct source_place place,
                                           size_t number)
{
    size_t len;
    const char *text = text_of_file(s, place, &len), *end = text + len, *at = text;
    struct source_place found = place;

    if (place.line >= SOURCE_OPTIONS)
        return place;
    for (uint32_t line = 1; line < place.line && at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        at = newline != NULL ? newline + 1 : end;
    }
    found.column = 1;
    for (; at < end; at++) {
        bool begun = found.line > place.line || found.column >= place.column;

        if (begun && end - at >= 3 && memcmp(at, "${{", 3) == 0 && number-- == 0)
            return found;
        if (*at == '\n') {
            found.line++;
            found.column = 1;
        } else if (((unsigned char)*at & 0xc0) != 0x80) {
            found.column++;
        }
    }
    return place;
}

/* The text that is being replaced, and how far. */
struct walk {
    struct replacing *r;
    const struct node *node;
    size_t number;  /* of the "${{" that is looked at */
    const char *at; /* what is between it and its "}}" */
    size_t n;
    uint32_t found; /* of what stands for that, as in struct node */
};

static struct source_place walk_place(const struct walk *w)
{
    const struct source *s = &w->r->l->source;

    return s->n_problems < SOURCE_PRINT_MAX ? place_of_dollar(s, w->node->place, w->number)
                                            : w->node->place;
}

#define walk_problem(w, ...) source_problem(&(w)->r->l->source, walk_place(w), __VA_ARGS__)

/* ---- what the host is asked ---- */

struct asked {
    const char *what, *dir;
    const char *answer; /* NULL: there was a problem */
};

static int compare_asked(const void *a, const void *b)
{
    const struct asked *x = a, *y = b;
    int r = strcmp(x->what, y->what);

    return r != 0 ? r : strcmp(x->dir, y->dir);
}

/* The paths of hash('a', 'b'); false where they are not written so. */
static bool read_paths(struct walk *w, const char *text, const char **paths, size_t *ret_n)
{
    size_t n = 0;

    for (;;) {
        const char *quote;

        text += strspn(text, " \t");
        quote = *text == '\'' ? strchr(text + 1, '\'') : NULL;
        if (quote == NULL || quote == text + 1 || n == HASH_PATHS_MAX)
            return false;
        paths[n++] = arena_strndup(w->r->l->tree, text + 1, (size_t)(quote - text - 1));
        text = quote + 1 + strspn(quote + 1, " \t");
        if (*text == ')' && text[1] == '\0') {
            *ret_n = n;
            return true;
        }
        if (*text++ != ',')
            return false;
    }
}

static const char *ask(struct walk *w, const char *what, const char *dir)
{
    const struct expand_host *host = w->r->l->host;
    const struct expand_where where = load_where(w->r->l, dir);
    struct arena *arena = w->r->l->tree;
    const char *paths[HASH_PATHS_MAX], *answer = NULL;
    struct cupel_error err;
    size_t n;
    int r;

    if (str_starts(what, "git.")) {
        if (!str_eq(what, "git.commit") && !str_eq(what, "git.branch")) {
            walk_problem(w, "'${{ %s }}': of git there is git.commit and git.branch", what);
            return NULL;
        }
        r = host->git(dir, what + strlen("git."), arena, &answer, &err);
    } else if (!read_paths(w, what + strlen("hash("), paths, &n)) {
        walk_problem(
            w,
            "'${{ %s }}': a hash is written hash('PATH', 'GLOB'), with at most %d paths in "
            "single quotes",
            what, HASH_PATHS_MAX);
        return NULL;
    } else {
        r = host->hash(&where, paths, n, arena, &answer, &err);
        for (size_t i = 0; i < n; i++)
            load_note_reading(w->r->l, dir, paths[i], false);
    }
    if (r < 0)
        walk_problem(w, "'${{ %s }}': %s", what, err.message);
    return r < 0 ? NULL : answer;
}

/* Asks once for each question and directory; a problem is said where it is asked first. */
static const char *ask_once(struct walk *w, const char *what)
{
    const char *dir = load_dir_of(w->r->l, w->node);
    struct asked wanted = {.what = what, .dir = dir}, *made, **found;

    found = (struct asked **)tfind(&wanted, &w->r->asked, compare_asked);
    if (found != NULL)
        return (*found)->answer;
    made = arena_alloc(w->r->l->tree, sizeof(*made));
    *made = wanted;
    made->answer = ask(w, what, dir);
    (void)tsearch(made, &w->r->asked, compare_asked);
    return made->answer;
}

/* ---- names ---- */

static const struct binding *find_binding(const struct binding *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i].name, name))
            return &list[i];
    return NULL;
}

/* The words with the text in place of their "%s", where they have one. */
static const char *replaced_once(struct arena *arena, const char *words, const char *text)
{
    const char *at = strstr(words, "%s");

    return at == NULL ? words
                      : arena_printf(arena, "%.*s%s%s", (int)(at - words), words, text, at + 2);
}

/* What a workflow of GitHub's says by a name with a dot, or calls; NULL: nothing that is known. */
static const char *say_instead(const struct walk *w, const char *name)
{
    static const struct {
        const char *begin, *words; /* with the name behind the dot for %s */
    } foreign[] = {
        {"case.",
         "the cases of a job know it, but for their 'name', 'files' and 'answer', and so do "
         "those of the job's own keys that a case may have, but for 'env'"},
        {"matrix.", "write '${{ %s }}' for a key of the job's 'matrix'"},
        {"inputs.", "write '${{ params.%s }}'"},
        {"vars.", "write '${{ params.%s }}'"},
        {"env.", "it is in the job's environment, $%s"},
        {"secrets.", "a job that lists it under 'secrets' has it in its environment, $%s"},
        {"hashFiles(", "write hash('PATH', 'GLOB')"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
        if (str_starts(name, foreign[i].begin))
            return replaced_once(w->r->l->tree, foreign[i].words, name + strlen(foreign[i].begin));
    return NULL;
}

static void unknown_name(struct walk *w, const char *name)
{
    const struct replacing *r = w->r;
    const char *names[NAMES_SHOWN_MAX + 2], *near, *instead = say_instead(w, name);
    size_t n = 0;

    if (instead != NULL) {
        walk_problem(w, "'${{ %s }}' stands for nothing: %s", name, instead);
        return;
    }
    for (size_t i = 0; i < r->n_matrix && n < NAMES_SHOWN_MAX; i++)
        names[n++] = r->matrix[i].name;
    for (size_t i = 0; i < r->n_params && n < NAMES_SHOWN_MAX; i++)
        names[n++] = arena_printf(r->l->tree, "params.%s", r->params[i].name);
    names[n++] = "git.commit";
    names[n++] = "git.branch";
    near = str_nearest(name, names, n);
    walk_problem(
        w, "'${{ %s }}' stands for nothing%s%s%s%s%s%s%s%s; a literal '${{' is written '$${{'",
        name, r->job != NULL ? " in job '" : "", r->job != NULL ? r->job : "",
        r->job != NULL ? "'" : "", near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
        near != NULL ? "'?" : "", near == NULL && r->where != NULL ? ": " : "",
        near == NULL && r->where != NULL ? r->where : "");
}

/* Returns what stands for the name between "${{" and "}}", or NULL after a problem. */
static const char *meaning_of(struct walk *w)
{
    const struct replacing *r = w->r;
    size_t n = w->n, blank = strspn(w->at, " \t");
    const struct binding *b;
    const char *name;

    blank = blank < n ? blank : n;
    n -= blank;
    while (n > 0 && strchr(" \t", w->at[blank + n - 1]) != NULL)
        n--;
    name = arena_strndup(r->l->tree, w->at + blank, n);
    w->found = 0;
    if (str_starts(name, "git.") || str_starts(name, "hash("))
        return ask_once(w, name);
    b = find_binding(r->matrix, r->n_matrix, name);
    if (b == NULL && str_starts(name, "params."))
        b = find_binding(r->params, r->n_params, name + strlen("params."));
    if (b == NULL) {
        unknown_name(w, name);
        return NULL;
    }
    w->found = b->found;
    return b->text;
}

/* ---- texts ---- */

bool replace_charge(struct replacing *r, const struct node *n, size_t bytes)
{
    r->bytes += bytes;
    if (r->bytes <= REPLACE_BYTES_MAX)
        return true;
    if (!r->full)
        problem_at(
            r->l, n,
            "with this, 'extends', 'matrix' and '${{ }}' make more than %zu MiB; split the file",
            REPLACE_BYTES_MAX >> 20);
    r->full = true;
    return false;
}

/* Replaces what is in the text; false after a problem. *ret_found: as in struct node. */
static bool replace_text(struct replacing *r, const struct node *n, struct strbuf *out,
                         uint32_t *ret_found)
{
    struct walk w = {.r = r, .node = n};
    const char *from = n->text, *found;
    bool good = true;

    for (; (found = strstr(from, "${{")) != NULL; w.number++) {
        const char *end = strstr(found + 3, "}}"), *text;

        strbuf_add(out, from, (size_t)(found - from));
        if (found > n->text && found[-1] == '$') { /* one of the two is in `out` */
            strbuf_adds(out, "{{");
            from = found + 3;
            continue;
        }
        w.at = found + 3;
        w.n = end != NULL ? (size_t)(end - w.at) : 0;
        if (end == NULL) {
            walk_problem(&w, "this '${{' is never closed by '}}'; a literal one is written '$${{'");
            return false;
        }
        text = meaning_of(&w);
        good = good && text != NULL;
        if (text != NULL && w.found > 0 && *ret_found == 0)
            *ret_found = (uint32_t)out->len + w.found;
        if (text != NULL)
            strbuf_adds(out, text);
        from = end + 2;
    }
    strbuf_adds(out, from);
    return good;
}

static struct node *copy_of(struct replacing *r, const struct node *n)
{
    struct node *copy = arena_alloc(r->l->tree, sizeof(*copy));

    *copy = *n;
    return copy;
}

static void replace_scalar(struct replacing *r, struct node *n)
{
    cleanup_strbuf struct strbuf out = {0};
    uint32_t found = 0;

    if (!replace_text(r, n, &out, &found) || !replace_charge(r, n, sizeof(*n) + out.len)) {
        n->kind = NODE_BAD;
        return;
    }
    n->text = arena_strndup(r->l->plan->arena, out.data, out.len);
    n->n = out.len;
    n->plain = false; /* an empty text is text, and a number is read from text too */
    n->replaced = true;
    n->found = found;
}

static void check_keys(struct replacing *r, const struct node *map)
{
    for (const struct node *v = map->first; v != NULL; v = v->next)
        if (v->key != NULL && v->key->dollar)
            problem_at(r->l, v->key, "'%s': nothing is replaced in a key, only in values",
                       v->key->text);
}

/* Up to the last child in which something is replaced, children are copied; the rest is shared. */
static void replace_children(struct replacing *r, struct node *n)
{
    struct node **link = &n->first;
    struct node *last = NULL;

    for (struct node *v = n->first; v != NULL; v = v->next)
        if (v->dollar)
            last = v;
    for (struct node *v = n->first, *next; last != NULL && v != NULL; v = next) {
        bool is_last = v == last;

        next = v->next;
        if (!replace_charge(r, v, sizeof(*v))) {
            n->kind = NODE_BAD;
            return;
        }
        *link = v->dollar ? replace_in(r, v) : copy_of(r, v);
        (*link)->next = next;
        link = &(*link)->next;
        if (is_last)
            return;
    }
}

struct node *replace_in(struct replacing *r, struct node *n)
{
    struct node *copy;

    if (!n->dollar)
        return n;
    copy = copy_of(r, n);
    if (r->full) {
        copy->kind = NODE_BAD;
        return copy;
    }
    copy->dollar = false;
    if (n->kind == NODE_SCALAR) {
        replace_scalar(r, copy);
    } else {
        check_keys(r, n);
        replace_children(r, copy);
    }
    return copy;
}

static void forget(void *asked)
{
    (void)asked; /* which lives in the arena */
}

void replace_free(struct replacing *r)
{
    tdestroy(r->asked, forget);
    r->asked = NULL;
}
