/* SPDX-License-Identifier: Apache-2.0 */
/* github_matrix: `strategy` of a job: its combinations as GitHub makes them. Values of a system
 * that is no Linux are left out. */
#include "jobs/convert/github.h"

static bool scalars_only(const struct node *list)
{
    if (list->kind != NODE_LIST || list->n == 0)
        return false;
    for (const struct node *i = list->first; i != NULL; i = i->next)
        if (i->kind != NODE_SCALAR || i->dollar)
            return false;
    return true;
}

static bool maps_of_scalars(struct converter *c, const struct node *list)
{
    if (list == NULL)
        return true;
    if (list->kind != NODE_LIST)
        return false;
    for (const struct node *i = list->first; i != NULL; i = i->next) {
        if (i->kind != NODE_MAP || i->n == 0)
            return false;
        for (const struct node *v = i->first; v != NULL; v = v->next)
            if (v->kind != NODE_SCALAR || v->dollar ||
                !convert_is_axis(github_axis(c, v->key->text)))
                return false;
    }
    return true;
}

static bool is_axis(const struct node *v)
{
    return !str_eq(v->key->text, "include") && !str_eq(v->key->text, "exclude");
}

bool github_matrix_is_known(struct converter *c, const struct node *matrix)
{
    if (matrix->kind != NODE_MAP || matrix->n == 0 ||
        !maps_of_scalars(c, node_child(matrix, "include")) ||
        !maps_of_scalars(c, node_child(matrix, "exclude")))
        return false;
    for (const struct node *v = matrix->first; v != NULL; v = v->next)
        if (is_axis(v) && (!scalars_only(v) || !convert_is_axis(github_axis(c, v->key->text))))
            return false;
    return true;
}

/* Whether a value makes its combination one for another system than Linux; it is said once. */
static bool is_elsewhere(struct github_scope *s, struct out *in, const char *key,
                         const struct node *value)
{
    if (s->system_axis == NULL || !str_eq(s->system_axis, key) ||
        !github_is_other_system(value->text))
        return false;
    convert_left(s->g->c, in, value, "'%s' of the matrix, which is no Linux", value->text);
    return true;
}

static void write_axes(struct github_scope *s, struct out *matrix)
{
    for (const struct node *v = s->matrix->first; v != NULL; v = v->next) {
        struct out *list;

        if (!is_axis(v))
            continue;
        list = out_list(&s->g->c->out, matrix, github_axis(s->g->c, v->key->text));
        for (const struct node *i = v->first; i != NULL; i = i->next)
            if (convert_charge(s->g->c, 16 + list->n) && !out_has_text(list, i->text) &&
                !is_elsewhere(s, matrix, v->key->text, i))
                out_text(&s->g->c->out, list, NULL, i->text);
    }
}

/* Whether each key is an axis that is written, and each value one of it. */
static bool excludes_some(struct github_scope *s, const struct out *matrix,
                          const struct node *entry)
{
    for (const struct node *v = entry->first; v != NULL; v = v->next) {
        const struct out *axis = out_find(matrix, github_axis(s->g->c, v->key->text));

        if (!convert_charge(s->g->c, 16) || axis == NULL || axis->kind != OUT_LIST ||
            !convert_charge(s->g->c, axis->n) || !out_has_text(axis, v->text))
            return false;
    }
    return true;
}

static void write_maps(struct github_scope *s, struct out *matrix, const char *key)
{
    const struct node *list = node_child(s->matrix, key);

    if (list == NULL || list->n == 0)
        return;
    for (const struct node *i = list->first; i != NULL; i = i->next) {
        struct out *map;

        /* what agrees with nothing, also since that is left out, is a mistake in a job file */
        if (!excludes_some(s, matrix, i))
            continue;
        map = out_map(&s->g->c->out, out_get_list(&s->g->c->out, matrix, key), NULL);
        for (const struct node *v = i->first; v != NULL; v = v->next)
            if (convert_charge(s->g->c, 16))
                out_text(&s->g->c->out, map, github_axis(s->g->c, v->key->text), v->text);
    }
}

/* One of the combinations of a matrix, as GitHub makes them. */
#define COMBINATIONS_MAX 256 /* as many as GitHub makes of one */
struct github_combination {
    const struct node **values; /* of the axes */
    const struct node **extra;  /* entries of include that were added to it */
    size_t n_extra;
};

static bool agrees(const struct github_combination *one, const struct node *const *axes,
                   size_t n_axes, const struct node *entry)
{
    for (size_t i = 0; i < n_axes; i++) {
        const struct node *v = node_child(entry, axes[i]->key->text);

        if (v != NULL && !str_eq(v->text, one->values[i]->text))
            return false;
    }
    return true;
}

/* Whether `exclude` leaves it out: an entry of nothing but axes that agrees. */
static bool is_excluded(const struct github_combination *one, const struct node *const *axes,
                        size_t n_axes, const struct node *exclude)
{
    for (const struct node *e = exclude != NULL ? exclude->first : NULL; e != NULL; e = e->next)
        if (agrees(one, axes, n_axes, e))
            return true;
    return false;
}

static void write_combination(struct github_scope *s, struct out *list,
                              const struct github_combination *one, const struct node *const *axes,
                              size_t n_axes)
{
    struct out *map;

    for (size_t i = 0; i < n_axes; i++)
        if (is_elsewhere(s, list, axes[i]->key->text, one->values[i]))
            return;
    for (size_t i = 0; i < one->n_extra; i++)
        for (const struct node *v = one->extra[i]->first; v != NULL; v = v->next)
            if (is_elsewhere(s, list, v->key->text, v))
                return;
    map = out_map(&s->g->c->out, list, NULL);
    for (size_t i = 0; i < n_axes; i++)
        out_text(&s->g->c->out, map, github_axis(s->g->c, axes[i]->key->text),
                 one->values[i]->text);
    for (size_t i = one->n_extra; i-- > 0;) /* later entries win over earlier ones */
        for (const struct node *v = one->extra[i]->first; v != NULL; v = v->next) {
            const char *key = github_axis(s->g->c, v->key->text);

            if (convert_charge(s->g->c, 16) && out_find(map, key) == NULL)
                out_text(&s->g->c->out, map, key, v->text);
        }
}

/* Writes each combination: an entry of `include` is added to those that it agrees with, and is one
 * of its own where there is none. False: they are too many. */
static bool write_combinations(struct github_scope *s, struct out *matrix)
{
    struct arena *arena = s->g->c->arena;
    const struct node *include = node_child(s->matrix, "include"), *axes[64];
    size_t n_axes = 0, total = 1, n_include = include->n;
    struct out *list = out_list(&s->g->c->out, matrix, "include");
    bool *added = arena_alloc(arena, (n_include + 1) * sizeof(*added));
    size_t k;

    for (const struct node *v = s->matrix->first; v != NULL; v = v->next) {
        if (!is_axis(v))
            continue;
        if (n_axes == ARRAY_SIZE(axes) || (total *= v->n) > COMBINATIONS_MAX)
            return false;
        axes[n_axes++] = v;
    }
    for (size_t i = 0; n_axes > 0 && i < total; i++) {
        struct github_combination one = {
            .values = arena_alloc(arena, n_axes * sizeof(*one.values)),
            .extra = arena_alloc(arena, (n_include + 1) * sizeof(*one.extra))};
        size_t rest = i, below = total;

        if (!convert_charge(s->g->c, 16 + n_include))
            return false;
        for (size_t a = 0; a < n_axes; a++) {
            below /= axes[a]->n;
            one.values[a] = axes[a]->first;
            for (size_t step = rest / below; step > 0; step--)
                one.values[a] = one.values[a]->next;
            rest %= below;
        }
        if (is_excluded(&one, axes, n_axes, node_child(s->matrix, "exclude")))
            continue;
        k = 0;
        for (const struct node *e = include->first; e != NULL; e = e->next, k++)
            if (agrees(&one, axes, n_axes, e)) {
                one.extra[one.n_extra++] = e;
                added[k] = true;
            }
        write_combination(s, list, &one, axes, n_axes);
    }
    k = 0;
    for (const struct node *e = include->first; e != NULL; e = e->next, k++)
        if (!added[k])
            write_combination(s, list, &(struct github_combination){.extra = &e, .n_extra = 1},
                              axes, 0);
    return true;
}

/* Gives each combination that lacks the key an empty value, where a text uses it. */
static void fill_key(struct github_scope *s, struct out *list, struct strset *seen,
                     const struct node *v)
{
    const char *key = github_axis(s->g->c, v->key->text);

    if (!strset_has(&s->used, key) || !strset_add(seen, key))
        return;
    for (struct out *to = list->first; to != NULL; to = to->next)
        if (to->kind == OUT_MAP && convert_charge(s->g->c, 16 + to->n) && out_find(to, key) == NULL)
            out_text(&s->g->c->out, to, key, "");
}

void github_fill_combinations(struct github_scope *s)
{
    struct out *matrix = out_find(s->out, "matrix");
    struct out *list = matrix != NULL ? out_find(matrix, "include") : NULL;
    const struct node *include = github_child(s->matrix, "include");
    _cleanup_(strset_free) struct strset seen = {0};

    if (list == NULL || include == NULL)
        return;
    for (const struct node *v = s->matrix->first; v != NULL; v = v->next)
        if (is_axis(v))
            fill_key(s, list, &seen, v);
    for (const struct node *e = include->first; e != NULL; e = e->next)
        for (const struct node *v = e->kind == NODE_MAP ? e->first : NULL; v != NULL; v = v->next)
            fill_key(s, list, &seen, v);
}

bool github_strategy(struct github_scope *s, const struct node *strategy)
{
    struct converter *c = s->g->c;
    const struct node *max = github_child(strategy, "max-parallel");
    const struct node *fast = github_child(strategy, "fail-fast");
    const struct node *include = node_child(s->matrix, "include");
    struct out *matrix = out_map(&c->out, s->out, "matrix");
    static const char *const taken[] = {"matrix", "max-parallel", "fail-fast"};
    bool some = true;

    if (include != NULL && include->n > 0) {
        if (!write_combinations(s, matrix))
            convert_left(c, matrix, include, "combinations above %d", COMBINATIONS_MAX);
    } else {
        write_axes(s, matrix);
        write_maps(s, matrix, "exclude");
    }
    if (max != NULL && max->kind == NODE_SCALAR && max->n > 0 && max->n < 4 &&
        strspn(max->text, "0123456789") == max->n && max->text[0] != '0')
        out_bare(&c->out, s->out, "max-parallel", max->text);
    else if (max != NULL)
        convert_left(c, s->out, max, "'max-parallel' is no number");
    if (fast == NULL || convert_is_true(fast))
        out_bare(&c->out, s->out, "fail-fast", "true");
    else if (!convert_is_false(fast))
        convert_left(c, s->out, fast, "'fail-fast' is neither true nor false");
    for (const struct node *v = strategy->first; v != NULL; v = v->next)
        if (!convert_is_among(v->key->text, taken, ARRAY_SIZE(taken)))
            convert_left(c, s->out, v, "'%s' of a strategy", v->key->text);
    for (const struct out *o = matrix->first; o != NULL; o = o->next)
        some &= o->kind == OUT_COMMENT || o->n > 0;
    return some && matrix->n > 0;
}
