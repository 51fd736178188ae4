/* SPDX-License-Identifier: Apache-2.0 */
/* gitlab_needs: after which others GitLab's jobs are run, how often, and whose files they find.
 * Whether they are run: gitlab_rules.c. */
#include "jobs/convert/gitlab.h"
#include "jobs/expand/expand.h"

#include <string.h>

/* ---- parallel ---- */

/* Whether a map of a matrix has nothing but texts, and names that variables may have. */
static bool axes_are_good(const struct node *map)
{
    if (map->kind != NODE_MAP || map->n == 0)
        return false;
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        if (!convert_is_axis(v->key->text) || items_count(v) == 0)
            return false;
        for (const struct node *i = items_first(v); i != NULL; i = items_next(v, i))
            if (i->kind != NODE_SCALAR)
                return false;
    }
    return true;
}

static bool matrix_is_good(const struct node *matrix)
{
    for (const struct node *m = items_first(matrix); m != NULL; m = items_next(matrix, m))
        if (!axes_are_good(m))
            return false;
    return items_count(matrix) > 0;
}

/* Adds each combination of one map's values to `include`. */
static void add_combinations(struct gitlab *g, struct out *include, const struct node *map)
{
    size_t total = 1;

    for (const struct node *v = map->first; v != NULL; v = v->next) {
        total *= items_count(v);
        if (!convert_charge(g->c, total * 16))
            return;
    }
    for (size_t i = 0; i < total; i++) {
        struct out *one = out_map(&g->c->out, include, NULL);
        size_t rest = i, below = total;

        if (!convert_charge(g->c, 16 * map->n))
            return;
        for (const struct node *v = map->first; v != NULL; v = v->next) {
            const struct node *item = items_first(v);

            below /= items_count(v);
            for (size_t k = rest / below; k > 0; k--)
                item = items_next(v, item);
            rest %= below;
            out_text(&g->c->out, one, v->key->text, convert_literal(g->c, item->text));
        }
    }
}

static void write_matrix(struct gitlab *g, struct gitlab_job *j, struct out *job)
{
    struct out *matrix = out_map(&g->c->out, job, "matrix");
    const struct node *first = items_first(j->matrix);

    if (items_count(j->matrix) == 1) {
        for (const struct node *v = first->first; v != NULL; v = v->next) {
            struct out *axis = out_list(&g->c->out, matrix, v->key->text);

            for (const struct node *i = items_first(v); i != NULL; i = items_next(v, i))
                if (convert_charge(g->c, 16 + axis->n) && !out_has_text(axis, i->text))
                    out_text(&g->c->out, axis, NULL, convert_literal(g->c, i->text));
        }
        return;
    }
    matrix = out_list(&g->c->out, matrix, "include");
    for (const struct node *m = first; m != NULL; m = items_next(j->matrix, m))
        add_combinations(g, matrix, m);
}

bool gitlab_is_parallel(const struct gitlab_job *j, const char *name)
{
    if (j->matrix == NULL)
        return node_child(j->node, "parallel") != NULL && shards_have(name);
    for (const struct node *m = items_first(j->matrix); m != NULL; m = items_next(j->matrix, m))
        if (m->kind == NODE_MAP && node_child(m, name) != NULL)
            return true;
    return false;
}

void gitlab_parallel(struct gitlab *g, struct gitlab_job *j, struct out *job,
                     const struct node *value)
{
    const char *n = convert_text(value);

    if (j->matrix != NULL && matrix_is_good(j->matrix)) {
        write_matrix(g, j, job);
    } else if (n != NULL && strlen(n) < 4 && strspn(n, "0123456789") == strlen(n) && n[0] > '0') {
        out_bare(&g->c->out, job, "parallel", n);
    } else {
        j->matrix = NULL;
        convert_left(g->c, job, value, "'parallel' says no matrix that is known here");
    }
}

/* ---- needs ---- */

/* One that a job comes after. */
struct need {
    const struct gitlab_job *of;
    const char *name; /* its own, or an instance's */
    const struct node *at;
    bool optional, files;
};

struct gitlab_need_list {
    struct need *items;
    size_t n;
};

static void need_add(struct gitlab *g, struct gitlab_need_list *list, const struct need *need)
{
    if (!convert_charge(g->c, 16 + list->n / 64))
        return;
    for (size_t i = 0; list->n < 256 && i < list->n; i++)
        if (str_eq(list->items[i].name, need->name))
            return;
    list->items = xrealloc(list->items, (list->n + 1) * sizeof(*list->items));
    list->items[list->n++] = *need;
}

/* The next value in "NAME: [a, b]", between brackets. NULL: the key has none such. */
static const char *instance_value(struct gitlab *g, const struct node *key, const char **list)
{
    const char *begin = *list + strspn(*list, " ");
    size_t n = strcspn(begin, ",]");

    *list = begin + n + (begin[n] != '\0');
    for (const struct node *i = items_first(key); i != NULL; i = items_next(key, i))
        if (convert_charge(g->c, 1) && i->n == n && strncmp(i->text, begin, n) == 0)
            return i->text;
    return NULL;
}

/* "test: [gcc, 1]", as GitLab calls one instance: its id here, and the job's index. */
static const char *instance_id(struct gitlab *g, const char *text, size_t *ret_index)
{
    cleanup_strbuf struct strbuf id = {0};
    const char *bracket = strstr(text, ": ["), *list;
    const struct node *map;

    if (bracket == NULL ||
        !name_index_find(&g->index, arena_strndup(g->c->arena, text, (size_t)(bracket - text)),
                         ret_index))
        return NULL;
    map = g->jobs[*ret_index].matrix;
    if (map == NULL || !matrix_is_good(map) || items_count(map) != 1)
        return NULL;
    list = bracket + 3;
    strbuf_addf(&id, "%s/", g->jobs[*ret_index].name);
    for (const struct node *v = items_first(map)->first; v != NULL; v = v->next) {
        const char *value = instance_value(g, v, &list);

        if (value == NULL)
            return NULL;
        strbuf_addf(&id, "%s%s=%s", v == items_first(map)->first ? "" : ",", v->key->text, value);
    }
    return arena_strdup(g->c->arena, id.data);
}

static void add_need(struct gitlab *g, struct gitlab_job *j, struct out *job,
                     struct gitlab_need_list *list, const struct node *item)
{
    const struct node *name = item->kind == NODE_MAP ? node_child(item, "job") : item;
    const struct node *artifacts = item->kind == NODE_MAP ? node_child(item, "artifacts") : NULL;
    const struct node *optional = item->kind == NODE_MAP ? node_child(item, "optional") : NULL;
    struct need need = {.at = item, .files = artifacts == NULL || !convert_is_false(artifacts)};
    size_t of;

    if (name == NULL || name->kind != NODE_SCALAR) {
        convert_left(g->c, job, item, "a need of another pipeline or project");
        return;
    }
    need.name = name->text;
    need.optional = optional != NULL && convert_is_true(optional);
    if (!name_index_find(&g->index, name->text, &of)) {
        need.name = instance_id(g, name->text, &of);
        if (need.name == NULL && need.optional)
            return;
        if (need.name == NULL) {
            convert_left(g->c, job, item, "'%s' needs '%s', which is not in this file", j->name,
                         name->text);
            return;
        }
    }
    need.of = &g->jobs[of];
    if (need.of == j || !(need.of->is_written || (j->is_held && need.of->is_held))) {
        convert_left(g->c, job, item, "'%s' needs '%s', which is left out", j->name, need.name);
        return;
    }
    if (item->kind == NODE_MAP && node_child(item, "parallel") != NULL)
        convert_left(g->c, job, item, "single instances of '%s': all of them are needed",
                     need.name);
    need_add(g, list, &need);
}

/* Adds those of the stages before, down to one in which a job waits for the stages below. */
static void add_stages(struct gitlab *g, struct gitlab_job *j, struct gitlab_need_list *list)
{
    for (size_t stage = j->stage; stage-- > 0;) {
        bool all = false;

        for (size_t i = 0; i < g->n_jobs; i++) {
            const struct gitlab_job *o = &g->jobs[i];

            if (!convert_charge(g->c, 1))
                return;
            if (!o->is_written || o->stage != stage)
                continue;
            need_add(g, list,
                     &(struct need){.of = o, .name = o->name, .at = j->node, .files = true});
            all |= !o->own_needs;
        }
        if (all)
            return;
    }
}

/* A need, not optional, of one that does not run for sure; NULL: there is none. */
static const struct node *unsure_need(struct gitlab *g, const struct gitlab_job *j)
{
    const struct node *needs = node_child(j->node, "needs");

    for (const struct node *i = needs != NULL ? items_first(needs) : NULL; i != NULL;
         i = items_next(needs, i)) {
        const struct node *name = i->kind == NODE_MAP ? node_child(i, "job") : i;
        const struct node *optional = i->kind == NODE_MAP ? node_child(i, "optional") : NULL;
        size_t of;

        if (!convert_charge(g->c, 1))
            return NULL;
        if (name == NULL || name->kind != NODE_SCALAR ||
            (i->kind == NODE_MAP && (node_child(i, "pipeline") || node_child(i, "project"))) ||
            (optional != NULL && convert_is_true(optional)))
            continue;
        if (!name_index_find(&g->index, name->text, &of) && instance_id(g, name->text, &of) == NULL)
            return i;
        if (!g->jobs[of].is_written)
            return i;
    }
    return NULL;
}

/* Whether the job is run after a failure, and not after that of one job alone: which of several
 * failed makes no difference to GitLab, while all of them would have to here. */
static bool failure_is_unsure(struct gitlab *g, struct gitlab_job *j)
{
    const struct node *needs = node_child(j->node, "needs");
    const char *when = j->when;
    struct gitlab_need_list list = {0};
    size_t n = needs != NULL ? items_count(needs) : 0;

    if (when == NULL || !str_eq(when, "on_failure"))
        return false;
    if (needs == NULL) {
        add_stages(g, j, &list);
        n = list.n;
        free(list.items);
    }
    return n != 1;
}

void gitlab_hold_needing(struct gitlab *g, struct out *jobs)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < g->n_jobs && convert_charge(g->c, 1); i++) {
            struct gitlab_job *j = &g->jobs[i];
            const struct node *need = j->is_written ? unsure_need(g, j) : NULL;

            if (need == NULL && j->is_written && failure_is_unsure(g, j))
                need = j->node;
            if (need == NULL)
                continue;
            j->is_written = false;
            j->is_held = changed = true;
            convert_left(g->c, jobs, need,
                         need == j->node
                             ? "the job '%s', which is run when one of several, or none, failed: "
                               "it is a comment"
                             : "the job '%s', which needs one that is not run for "
                               "sure: it is a comment",
                         j->name);
        }
    }
}

/* Whether `dependencies` lets the job have that one's files. */
static bool wants_files(const struct gitlab_job *j, const struct need *need)
{
    const struct node *of = node_child(j->node, "dependencies");

    if (!need->files || of == NULL)
        return need->files;
    for (const struct node *i = items_first(of); i != NULL; i = items_next(of, i))
        if (i->kind == NODE_SCALAR && str_eq(i->text, need->of->name))
            return true;
    return false;
}

/* The one whose files the job starts from, where that is what its artifacts come to; the others
 * that it should have files of are told. */
static const struct need *choose_from(struct gitlab *g, struct gitlab_job *j, struct out *job,
                                      const struct gitlab_need_list *list)
{
    const struct need *from = NULL;
    const struct node *allowed;
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].of->keeps && wants_files(j, &list->items[i])) {
            from = &list->items[i];
            n++;
        }
    if (n == 0)
        return NULL;
    allowed = node_child(from->of->node, "allow_failure");
    /* a source that was allowed to fail may have left nothing to start from */
    if (n == 1 && !from->optional && from->of->image == j->image && from->of < j &&
        (allowed == NULL || convert_is_false(allowed)) &&
        node_child(from->of->node, "parallel") == NULL)
        return from;
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].of->keeps && wants_files(j, &list->items[i]))
            convert_left(g->c, job, list->items[i].at, "'%s' does not find the artifacts of '%s'",
                         j->name, list->items[i].name);
    return NULL;
}

static void write_need(struct gitlab *g, struct out *needs, const struct need *need,
                       const char *when)
{
    struct out *map;

    if (when == NULL && !need->optional) {
        out_text(&g->c->out, needs, NULL, need->name);
        return;
    }
    map = out_map(&g->c->out, needs, NULL);
    out_text(&g->c->out, map, "job", need->name);
    if (when != NULL)
        out_text(&g->c->out, map, "when", when);
    if (need->optional)
        out_bare(&g->c->out, map, "optional", "true");
}

void gitlab_needs(struct gitlab *g, struct gitlab_job *j, struct out *job)
{
    const struct node *own = node_child(j->node, "needs");
    const char *word = j->when;
    const char *when = word == NULL                 ? NULL
                       : str_eq(word, "on_failure") ? "failure"
                       : str_eq(word, "always")     ? "always"
                                                    : NULL;
    const struct need *from;
    struct gitlab_need_list list = {0};
    struct out *needs;

    if (own == NULL)
        add_stages(g, j, &list);
    for (const struct node *i = own != NULL ? items_first(own) : NULL; i != NULL;
         i = items_next(own, i))
        add_need(g, j, job, &list, i);
    from = when == NULL ? choose_from(g, j, job, &list) : NULL;
    if (from != NULL) {
        struct out *rootfs = out_find(job, "rootfs");

        if (rootfs != NULL) {
            rootfs->key = "from";
            rootfs->text = from->name;
        } else {
            out_text(&g->c->out, job, "from", from->name);
        }
    }
    needs = out_list(&g->c->out, job, "needs");
    for (size_t i = 0; i < list.n; i++)
        if (&list.items[i] != from)
            write_need(g, needs, &list.items[i], when);
    free(list.items);
}
