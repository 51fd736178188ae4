/* SPDX-License-Identifier: Apache-2.0 */
/* gitlab_include: files of the project that a pipeline includes are laid below it, map by map, as
 * GitLab does. Files from elsewhere (templates, other projects, the web) are not read. */
#include "jobs/convert/gitlab.h"
#include "jobs/expand/host.h"

#include <string.h>

#define INCLUDED_FILES_MAX 150 /* as many as GitLab takes */
#define INCLUDED_DEPTH_MAX 8

struct gitlab_including {
    struct gitlab *g;
    struct out *in; /* where what is left out is told */
    size_t n_files, bytes;
};

static const struct node *with_included(struct gitlab_including *x, const struct node *root,
                                        int depth);

/* Reads another file's tree; NULL: it has problems, or is no map. */
static const struct node *read_file(struct gitlab_including *x, const struct node *at,
                                    const char *path, const char *text, size_t len)
{
    struct converter *c = x->g->c;
    struct source *s = &c->source;
    const char *whole = s->text;
    size_t length = s->len, mark = load_mark_of(text, len);
    struct source_file file = {.name = path, .dir = "", .text = text + mark, .len = len - mark};
    const struct node *root;

    s->reading = source_add_origin(s, &(struct source_origin){.file = source_add_file(s, &file)});
    s->text = file.text;
    s->len = file.len;
    root = tree_read(s, c->arena, c->arena);
    s->text = whole;
    s->len = length;
    s->reading = 0;
    if (root != NULL && root->kind != NODE_MAP) {
        convert_left(c, x->in, at, "'%s', which is no map", path);
        return NULL;
    }
    return root;
}

/* The file of the project by its path, with what it includes itself. NULL, and said: there is none.
 */
static const struct node *include_local(struct gitlab_including *x, const struct node *at,
                                        const char *name, int depth)
{
    struct converter *c = x->g->c;
    char *path = arena_strdup(c->arena, name + strspn(name, "/"));
    const struct node *root;
    const char *text;
    size_t len;
    struct cupel_error err;

    if (path[0] == '\0' || strpbrk(path, "*?[$") != NULL || !path_normalise(path)) {
        convert_left(c, x->in, at, "'%s', which is no path of one file", name);
        return NULL;
    }
    if (c->asked->dir == NULL || depth > INCLUDED_DEPTH_MAX || x->n_files == INCLUDED_FILES_MAX) {
        convert_left(c, x->in, at, "'%s', which is not read", path);
        return NULL;
    }
    x->n_files++;
    if (expand_real_host.read(c->asked->dir, path, c->arena, &text, &len, &err) < 0) {
        convert_left(c, x->in, at, "'%s': %s", path, err.message);
        return NULL;
    }
    x->bytes += len;
    if (x->bytes > EXPAND_TEXT_MAX || !convert_charge(c, len / 8)) {
        convert_left(c, x->in, at, "'%s', since files that are included are too large", path);
        return NULL;
    }
    root = read_file(x, at, path, text, len);
    return root != NULL && source_is_good(&c->source) ? with_included(x, root, depth + 1) : NULL;
}

/* Whether an entry is included by its rules; says so where it is not. */
static bool is_wanted(struct gitlab_including *x, const struct node *entry)
{
    const struct node *rules = entry->kind == NODE_MAP ? node_child(entry, "rules") : NULL;
    enum truth t = rules != NULL ? gitlab_rules_hold(x->g, rules) : TRUTH_YES;

    if (t == TRUTH_NO)
        convert_note(x->g->c, x->in, entry, "'include' of what such a pipeline does not");
    else if (t == TRUTH_MAYBE && !x->g->c->asked->assume)
        convert_left(x->g->c, x->in, entry, "'include' under rules that are not evaluated");
    else
        return true;
    return false;
}

/* The tree of an entry of `include`, or NULL. */
static const struct node *included(struct gitlab_including *x, const struct node *entry, int depth)
{
    static const char *const taken[] = {"local", "rules"};
    const struct node *local = entry->kind == NODE_MAP ? node_child(entry, "local") : entry;
    const char *path = local != NULL ? convert_text(local) : NULL;

    if (path == NULL || strstr(path, "://") != NULL) {
        convert_left(x->g->c, x->in, entry, "'include' of a file that is not the project's");
        return NULL;
    }
    if (!is_wanted(x, entry))
        return NULL;
    for (const struct node *v = entry->kind == NODE_MAP ? entry->first : NULL; v != NULL;
         v = v->next)
        if (!convert_is_among(v->key->text, taken, ARRAY_SIZE(taken)))
            convert_left(x->g->c, x->in, v, "'%s' of 'include'", v->key->text);
    return include_local(x, entry, path, depth);
}

/* The map with what it includes below it: later files win over earlier ones, and it over all. */
static const struct node *with_included(struct gitlab_including *x, const struct node *root,
                                        int depth)
{
    const struct node *include = node_child(root, "include"), *below = NULL;

    for (const struct node *i = include != NULL ? items_first(include) : NULL; i != NULL;
         i = items_next(include, i)) {
        const struct node *one = convert_charge(x->g->c, 16) ? included(x, i, depth) : NULL;

        if (one != NULL)
            below = below == NULL ? one : gitlab_merge(x->g, below, one);
    }
    return below == NULL ? root : gitlab_merge(x->g, below, root);
}

const struct node *gitlab_include(struct gitlab *g, struct out *in)
{
    struct gitlab_including x = {.g = g, .in = in};

    return with_included(&x, g->root, 0);
}
