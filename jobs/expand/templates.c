/* SPDX-License-Identifier: Apache-2.0 */
/* templates: `extends`: a job starts from others that do not run. Of what both say the job's own
 * wins; maps merge key by key, so that each has the keys of both. A template is written out once,
 * however many jobs use it. Not responsible for `defaults`, which are laid below later (load.c). */
#include "jobs/expand/templates.h"

#define DEPTH_MAX 64 /* of templates that extend others */

enum template_state { TEMPLATE_NEW, TEMPLATE_OPEN, TEMPLATE_DONE };

struct template
{
    struct node *map;
    enum template_state state;
    bool used; /* by a job, if only by way of others */
};

/* ---- merging ---- */

/* Of two keys that say the same in two ways, the one that a job says itself replaces the other. */
static const struct {
    const struct key_table *table;
    const char *keys[2];
} exclusives[] = {
    {&keys_job, {"stdin", "stdin-file"}},      {&keys_job, {"rootfs", "from"}},
    {&keys_expect, {"exit", "signal"}},        {&keys_expect, {"stdout", "stdout-file"}},
    {&keys_expect, {"stderr", "stderr-file"}}, {&keys_secret, {"file", "command"}},
};

/* A map's children, to be found by their keys. */
struct own_keys {
    struct node **nodes;
    bool *taken;
    size_t n;
    struct name_index index;
};

static const char *own_key_at(const void *data, size_t i)
{
    return ((struct node *const *)data)[i]->key->text;
}

static void own_keys_free(struct own_keys *own)
{
    free(own->nodes);
    free(own->taken);
    name_index_free(&own->index);
}

static bool is_excluded(const struct own_keys *own, const struct key_table *table, const char *key)
{
    size_t i;

    for (size_t e = 0; e < ARRAY_SIZE(exclusives); e++)
        for (size_t k = 0; k < 2 && exclusives[e].table == table; k++)
            if (str_eq(exclusives[e].keys[k], key) &&
                name_index_find(&own->index, exclusives[e].keys[1 - k], &i))
                return true;
    return false;
}

/* Whether the value is a map for its own sake: what may be one item of a list is replaced as such.
 */
static bool merges(const struct key *k, const struct node *own)
{
    return k != NULL && own->kind == NODE_MAP &&
           (k->forms & (FORM_OBJECT | FORM_MAP | FORM_NAMED)) != 0 &&
           (k->forms & FORM_OBJECTS) == 0;
}

/* Whether what the map itself says makes the key of its base pointless. */
static bool is_dropped(const struct own_keys *own, const struct key_table *table, const char *key)
{
    size_t i;

    return table == &keys_expect && name_index_find(&own->index, "compare", &i) &&
           compare_drops(own->nodes[i], key);
}

static struct node *copy_of(struct templates *t, const struct node *n)
{
    struct node *copy = arena_alloc(t->r->l->tree, sizeof(*copy));

    *copy = *n;
    copy->next = NULL;
    copy->shared = n->kind == NODE_MAP;
    return copy;
}

static void own_keys_take(struct templates *t, struct own_keys *own, struct node *map)
{
    *own = (struct own_keys){.nodes = xcalloc(map->n, sizeof(*own->nodes)),
                             .taken = xcalloc(map->n, sizeof(*own->taken))};
    for (struct node *v = map->first; v != NULL; v = v->next)
        own->nodes[own->n++] = map->shared ? copy_of(t, v) : v;
    map->shared = false;
    name_index_build(&own->index, own->n, own_key_at, own->nodes);
}

/* Returns `artifacts`, or files of tests, that are a list as the map that they stand for. */
static const struct node *as_map(struct templates *t, const struct key *k, const struct node *base)
{
    struct node *map, *key;

    if (base->kind == NODE_MAP || base->kind == NODE_BAD ||
        !(str_eq(k->name, "artifacts") || k->sub == &keys_tests))
        return base;
    key = arena_alloc(t->r->l->tree, sizeof(*key));
    *key = (struct node){.kind = NODE_SCALAR, .place = base->place, .text = "paths", .n = 5};
    map = copy_of(t, base);
    *map = (struct node){.kind = NODE_MAP,
                         .dollar = base->dollar,
                         .place = base->place,
                         .key = base->key,
                         .n = 1,
                         .first = copy_of(t, base)};
    map->first->key = key;
    return map;
}

/* Lays the base under the map, which is changed in place; nothing of the base is. */
static void merge(struct templates *t, const struct key_table *table, struct node *map,
                  const struct node *base)
{
    _cleanup_(own_keys_free) struct own_keys own;
    struct node **link = &map->first;

    own_keys_take(t, &own, map);
    map->n = 0;
    map->lost |= base->lost;
    for (const struct node *b = base->first; b != NULL; b = b->next) {
        const struct key *k = table != NULL ? key_find(table, b->key->text) : NULL;
        struct node *o;
        size_t i;

        if (is_excluded(&own, table, b->key->text) || is_dropped(&own, table, b->key->text))
            continue;
        if (name_index_find(&own.index, b->key->text, &i)) {
            o = own.nodes[i];
            own.taken[i] = true;
            if (merges(k, o)) {
                const struct node *below = as_map(t, k, b);

                if (below->kind == NODE_MAP)
                    merge(t, (k->forms & FORM_NAMED) != 0 ? NULL : k->sub, o, below);
            }
        } else if (replace_charge(t->r, b, 2 * sizeof(*b))) { /* a later merge may copy it again */
            o = copy_of(t, b);
        } else {
            map->lost = true;
            break;
        }
        map->dollar |= o->dollar | o->key->dollar;
        *link = o;
        link = &o->next;
        map->n++;
    }
    for (size_t i = 0; i < own.n; i++) {
        if (own.taken[i])
            continue;
        *link = own.nodes[i];
        link = &own.nodes[i]->next;
        map->n++;
    }
    *link = NULL;
}

struct node *templates_lay(struct replacing *r, const struct key *k, const struct node *own,
                           const struct node *base)
{
    struct templates t = {.r = r};
    struct node *copy = copy_of(&t, own);
    const struct node *below = as_map(&t, k, base);

    if (merges(k, copy) && below->kind == NODE_MAP)
        merge(&t, k->sub, copy, below);
    return copy;
}

/* ---- extending ---- */

static void unknown_template(struct templates *t, const struct node *item)
{
    struct loader *l = t->r->l;
    const char *near =
        l->source.n_problems < 100 ? str_nearest(item->text, t->index.names, t->index.n) : NULL;

    problem_at(l, item, "there is no template '%s'%s%s%s", item->text,
               near != NULL ? ", did you mean '"
                            : "; what jobs may extend stands under 'templates'",
               near != NULL ? near : "", near != NULL ? "'?" : "");
}

static void extend(struct templates *t, struct node *map, unsigned depth, bool by_job);

static void write_out(struct templates *t, struct template *one, unsigned depth, bool by_job)
{
    if (one->state != TEMPLATE_NEW)
        return;
    one->state = TEMPLATE_OPEN;
    extend(t, one->map, depth, by_job);
    one->state = TEMPLATE_DONE;
}

/* Finds a template and writes it out; NULL after a problem. */
static struct template *template_of(struct templates *t, const struct node *item, unsigned depth,
                                    bool by_job)
{
    struct loader *l = t->r->l;
    struct template *found;
    size_t i;

    if (!value_is_text(l, item, "extends", "names of templates"))
        return NULL;
    if (!name_index_find(&t->index, item->text, &i)) {
        if (!l->names_lost)
            unknown_template(t, item);
        return NULL;
    }
    found = &t->all[i];
    found->used |= by_job;
    if (found->state == TEMPLATE_OPEN) {
        problem_at(l, item, "'extends' leads in a circle, back to the template '%s'", item->text);
        return NULL;
    }
    write_out(t, found, depth + 1, by_job);
    return found;
}

/* Takes `extends` out of the map; NULL: it has none. */
static struct node *take_extends(struct node *map)
{
    struct node **link = &map->first, *found = NULL;

    while (*link != NULL) {
        if (!str_eq((*link)->key->text, "extends")) {
            link = &(*link)->next;
            continue;
        }
        found = *link; /* the last, of a key that stands twice */
        *link = found->next;
        map->n--;
    }
    return found;
}

static void extend(struct templates *t, struct node *map, unsigned depth, bool by_job)
{
    struct loader *l = t->r->l;
    struct node *list = map->kind == NODE_MAP ? take_extends(map) : NULL;
    cleanup_free const struct node **items = NULL;
    size_t n = 0;

    if (list == NULL)
        return;
    t->r->where = "the keys of a matrix are not known in 'extends'";
    list = replace_in(t->r, list);
    t->r->where = NULL;
    if (list->kind == NODE_MAP || depth > DEPTH_MAX) {
        if (list->kind == NODE_MAP)
            (void)value_unexpected(l, list, "extends", "names of templates");
        else
            problem_at(l, list, "more than %d templates extend one another", DEPTH_MAX);
        map->lost = true;
        return;
    }
    items = xcalloc(items_count(list), sizeof(*items));
    for (const struct node *item = items_first(list); item != NULL; item = items_next(list, item))
        items[n++] = item;
    while (n-- > 0) { /* the last is nearest */
        struct template *found = template_of(t, items[n], depth, by_job);

        if (found == NULL || found->map->kind != NODE_MAP)
            map->lost = true;
        else
            merge(t, &keys_job, map, found->map);
    }
}

void templates_extend(struct templates *t, struct node *job)
{
    extend(t, job, 0, true);
}

/* ---- all of them ---- */

static const char *template_name(const void *data, size_t i)
{
    return ((const struct template *)data)[i].map->key->text;
}

void templates_read(struct templates *t, struct replacing *r, struct node *map)
{
    *t = (struct templates){.r = r};
    if (map == NULL || map->kind != NODE_MAP)
        return; /* which is said when its key is read */
    t->all = xcalloc(map->n, sizeof(*t->all));
    for (struct node *v = map->first; v != NULL; v = v->next) {
        template_name_check(r->l, v->key);
        if (v->kind != NODE_MAP)
            (void)value_unexpected(r->l, v, v->key->text, "a map of job keys");
        t->all[t->n++].map = v;
    }
    name_index_build(&t->index, t->n, template_name, t->all);
}

void templates_drop_used(struct templates *t, struct node *map)
{
    struct node **link;

    if (t->n == 0)
        return;
    link = &map->first;
    map->n = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (t->all[i].used || t->all[i].map->kind != NODE_MAP)
            continue;
        write_out(t, &t->all[i], 1, false);
        *link = t->all[i].map;
        link = &(*link)->next;
        map->n++;
    }
    *link = NULL;
}

void templates_free(struct templates *t)
{
    free(t->all);
    name_index_free(&t->index);
}
