/* SPDX-License-Identifier: Apache-2.0 */
/* uses: `use-services`: a service that stands beside the jobs is put among those of each job that
 * names it, as if it stood there: each has one of its own, with the values of its instance. Not
 * responsible for what a service says, nor for what `defaults` have under `services`. */
#include "jobs/expand/uses.h"

static const char words[] = "names of services";

static const char *service_name(const void *data, size_t i)
{
    return ((struct node *const *)data)[i]->key->text;
}

/* Takes `use-services` out of the map; NULL: it has none. */
static struct node *take_uses(struct node *map)
{
    struct node **link = &map->first, *found = NULL;

    while (*link != NULL) {
        if (!str_eq((*link)->key->text, "use-services")) {
            link = &(*link)->next;
            continue;
        }
        found = *link; /* the last, of a key that stands twice */
        *link = found->next;
        map->n--;
    }
    return found;
}

/* ---- what a job has ---- */

static struct node *copy_of(struct uses *u, const struct node *n)
{
    struct node *copy = arena_alloc(u->r->l->tree, sizeof(*copy));

    *copy = *n;
    copy->next = NULL;
    copy->shared = n->kind == NODE_MAP;
    return copy;
}

/* Returns the job's map of services, whose children are its own alone; NULL: it has something else
 * there, which is said when that is read. */
static struct node *own_services(struct uses *u, struct node *job, const struct node *list)
{
    struct arena *tree = u->r->l->tree;
    struct node **link = &job->first, **at = NULL, *map, *old;

    for (; *link != NULL; link = &(*link)->next)
        if (str_eq((*link)->key->text, "services"))
            at = link; /* the last, of a key that stands twice */
    map = arena_alloc(tree, sizeof(*map));
    if (at == NULL) {
        struct node *key = arena_alloc(tree, sizeof(*key));

        *key = *list->key;
        key->text = "services";
        key->n = strlen(key->text);
        *map = (struct node){.kind = NODE_MAP, .place = list->place, .key = key};
        *link = map;
        job->n++;
        return map;
    }
    old = *at;
    if (old->kind != NODE_MAP || !replace_charge(u->r, old, old->n * sizeof(*map)))
        return NULL;
    *map = *old;
    map->shared = false;
    *at = map;
    link = &map->first;
    for (const struct node *v = old->first; v != NULL; v = v->next, link = &(*link)->next)
        *link = copy_of(u, v);
    *link = NULL;
    return map;
}

static void unknown_service(struct uses *u, const struct node *item)
{
    struct loader *l = u->r->l;
    const char *near =
        l->source.n_problems < 100 ? str_nearest(item->text, u->index.names, u->index.n) : NULL;

    problem_at(l, item, "there is no service '%s'%s%s%s", item->text,
               near != NULL ? ", did you mean '"
                            : "; what jobs may use stands under 'services' at top level",
               near != NULL ? near : "", near != NULL ? "'?" : "");
}

static bool stands_before(const struct node *list, const struct node *item)
{
    for (const struct node *v = items_first(list); v != item; v = items_next(list, v))
        if (v->kind == NODE_SCALAR && str_eq(v->text, item->text))
            return true;
    return false;
}

/* Finds the service that an item names; false after a problem. */
static bool find_service(struct uses *u, const struct node *list, const struct node *item,
                         size_t *ret)
{
    struct loader *l = u->r->l;

    if (!value_is_text(l, item, "use-services", words))
        return false;
    if (!name_index_find(&u->index, item->text, ret)) {
        if (!l->names_lost)
            unknown_service(u, item);
        return false;
    }
    if (!stands_before(list, item))
        return true;
    problem_at(l, item, "'use-services' names '%s' twice", item->text);
    return false;
}

static void add_services(struct uses *u, struct node *job, const struct node *list, bool is_own)
{
    struct loader *l = u->r->l;
    struct node *map = own_services(u, job, list), **link;
    size_t i;

    if (map == NULL)
        return;
    for (link = &map->first; *link != NULL;)
        link = &(*link)->next;
    for (const struct node *item = items_first(list); item != NULL; item = items_next(list, item)) {
        if (!find_service(u, list, item, &i)) {
            map->lost = job->lost = true;
            continue;
        }
        u->used[i] = true;
        if (node_child(map, item->text) != NULL) {
            if (is_own) /* else the job's own takes the place of that of `defaults` */
                problem_at(l, item, "'%s' stands under 'services' of the same job, too",
                           item->text);
            continue;
        }
        if (!replace_charge(u->r, item, sizeof(*map)))
            return;
        *link = copy_of(u, u->all[i]);
        map->dollar |= (*link)->dollar;
        link = &(*link)->next;
        map->n++;
    }
    job->dollar |= map->dollar;
}

static struct node *read_list(struct uses *u, struct node *list)
{
    if (list == NULL || list->kind == NODE_BAD)
        return NULL;
    u->r->where = "the keys of a matrix are not known in 'use-services'";
    list = replace_in(u->r, list);
    u->r->where = NULL;
    if (list->kind == NODE_MAP)
        (void)value_unexpected(u->r->l, list, "use-services", words);
    else if (items_count(list) > JOBS_SERVICES_MAX)
        problem_at(u->r->l, list, "a job has at most %d services", JOBS_SERVICES_MAX);
    else
        return list;
    return NULL;
}

bool uses_resolve(struct uses *u, struct node *job)
{
    struct node *own = job->kind == NODE_MAP ? take_uses(job) : NULL, *list;

    if (job->kind != NODE_MAP || (own == NULL && u->of_defaults == NULL))
        return false;
    list = own != NULL ? read_list(u, own) : u->of_defaults;
    if (list == NULL)
        job->lost = true;
    else if (items_first(list) != NULL)
        add_services(u, job, list, own != NULL);
    return true;
}

/* ---- all of them ---- */

static void read_defaults(struct uses *u, struct node *defaults)
{
    const struct node *services;
    size_t i;

    u->of_defaults = read_list(u, take_uses(defaults));
    services = node_child(defaults, "services");
    if (u->of_defaults == NULL || services == NULL || services->kind != NODE_MAP)
        return;
    for (const struct node *item = items_first(u->of_defaults); item != NULL;
         item = items_next(u->of_defaults, item))
        if (item->kind == NODE_SCALAR && name_index_find(&u->index, item->text, &i) &&
            node_child(services, item->text) != NULL)
            problem_at(u->r->l, item, "'%s' stands under 'services' of 'defaults', too",
                       item->text);
}

void uses_read(struct uses *u, struct replacing *r, struct node *services, struct node *defaults)
{
    *u = (struct uses){.r = r};
    if (services != NULL && services->kind == NODE_MAP) {
        u->all = xcalloc(services->n, sizeof(struct node *));
        u->used = xcalloc(services->n, sizeof(*u->used));
        for (struct node *v = services->first; v != NULL; v = v->next)
            u->all[u->n++] = v;
        name_index_build(&u->index, u->n, service_name, u->all);
    }
    if (defaults != NULL && defaults->kind == NODE_MAP)
        read_defaults(u, defaults);
}

void uses_drop_used(struct uses *u, struct node *services)
{
    struct node **link;

    if (u->n == 0)
        return;
    link = &services->first;
    services->n = 0;
    for (size_t i = 0; i < u->n; i++) {
        if (u->used[i])
            continue;
        *link = u->all[i];
        link = &u->all[i]->next;
        services->n++;
    }
    *link = NULL;
}

void uses_free(struct uses *u)
{
    free(u->all);
    free(u->used);
    name_index_free(&u->index);
}
