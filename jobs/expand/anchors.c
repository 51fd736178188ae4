/* SPDX-License-Identifier: Apache-2.0 */
/* anchors: aliases become copies of what they stand for, each node of which knows the place where
 * it is written and the alias through which it came. How large a copy will be is known before it is
 * made. Knows YAML, nothing of jobs. */
#include "jobs/expand/anchors.h"

#include <search.h>

struct anchor {
    const char *name;
    struct node *node;
    bool open;           /* its node is still being read */
    size_t nodes, bytes; /* of what it names; while it is open, of the tree before it */
};

static int compare_anchors(const void *a, const void *b)
{
    return strcmp(((const struct anchor *)a)->name, ((const struct anchor *)b)->name);
}

/* The same name may be given again: from there on it is the later node's. */
static struct anchor *find_or_make(struct anchors *a, const char *name)
{
    struct anchor wanted = {.name = name}, *made, **found;

    found = (struct anchor **)tfind(&wanted, &a->names, compare_anchors);
    if (found != NULL)
        return *found;
    made = arena_alloc(a->arena, sizeof(*made));
    made->name = arena_strdup(a->arena, name);
    (void)tsearch(made, &a->names, compare_anchors);
    return made;
}

void anchors_add(struct anchors *a, const char *name, struct node *node)
{
    *find_or_make(a, name) = (struct anchor){
        .name = arena_strdup(a->arena, name), .node = node, .nodes = 1, .bytes = SIZE_MAX};
}

struct anchor *anchors_open(struct anchors *a, const char *name, struct node *node)
{
    struct anchor *anchor = find_or_make(a, name);

    anchor->node = node;
    anchor->open = true;
    anchor->nodes = a->n_nodes - 1; /* without its own node, which is there already */
    anchor->bytes = a->bytes;
    return anchor;
}

void anchors_close(struct anchors *a, struct anchor *anchor)
{
    anchor->open = false;
    anchor->nodes = a->n_nodes - anchor->nodes;
    anchor->bytes = a->bytes - anchor->bytes;
}

/* ---- copies ---- */

/* Where the copied node is from: a chain of aliases may lead to it. */
static uint32_t origin_of(struct anchors *a, const struct node *n, struct source_place alias,
                          const char *word)
{
    if (a->origin == 0 || a->origin_before != n->place.origin) {
        a->origin_before = n->place.origin;
        a->origin = source_add_origin(a->source, &(struct source_origin){
                                                     .file = source_file_of(a->source, n->place),
                                                     .at = alias,
                                                     .word = word,
                                                     .before = n->place.origin,
                                                 });
    }
    return a->origin;
}

static struct node *copy_node(struct anchors *a, const struct node *n, struct source_place alias,
                              const char *word, int depth)
{
    struct node *copy, **link;

    if (depth > TREE_DEPTH_MAX) {
        source_problem(a->source, alias, "nested deeper than %d levels, with what %s stands for",
                       TREE_DEPTH_MAX, word);
        return NULL;
    }
    copy = arena_alloc(a->arena, sizeof(*copy));
    *copy = *n;
    copy->next = copy->first = NULL;
    copy->place.origin = origin_of(a, n, alias, word);
    link = &copy->first;
    for (const struct node *v = n->first; v != NULL; v = v->next, link = &(*link)->next) {
        *link = copy_node(a, v, alias, word, depth + 1);
        if (*link == NULL)
            return NULL;
        if (v->key != NULL) {
            (*link)->key = copy_node(a, v->key, alias, word, depth + 1);
            if ((*link)->key == NULL)
                return NULL;
        }
    }
    return copy;
}

static struct node *bad_node(struct anchors *a, struct source_place place)
{
    struct node *n = arena_alloc(a->arena, sizeof(*n));

    n->kind = NODE_BAD;
    n->place = place;
    return n;
}

static bool charge(struct anchors *a, const struct anchor *anchor, struct source_place place)
{
    size_t bytes = anchor->node->kind == NODE_SCALAR ? anchor->node->n : anchor->bytes;
    size_t nodes = a->n_nodes + anchor->nodes;

    if (nodes > TREE_NODES_MAX) {
        source_problem(a->source, place,
                       "with what *%s stands for, the file has more than %d values: &%s on line %u "
                       "has %zu",
                       anchor->name, TREE_NODES_MAX, anchor->name, anchor->node->place.line,
                       anchor->nodes);
        return false;
    }
    if (a->copied + bytes > TREE_BYTES_MAX) {
        source_problem(a->source, place,
                       "with what *%s stands for, aliases make more than %zu MiB of text: &%s on "
                       "line %u has %zu bytes",
                       anchor->name, TREE_BYTES_MAX >> 20, anchor->name, anchor->node->place.line,
                       bytes);
        return false;
    }
    a->n_nodes = nodes;
    a->bytes += bytes;
    a->copied += bytes;
    return true;
}

struct node *anchors_copy(struct anchors *a, const char *name, struct source_place place, int depth)
{
    struct anchor wanted = {.name = name}, **found;
    struct node *copy;

    found = (struct anchor **)tfind(&wanted, &a->names, compare_anchors);
    if (found == NULL || (*found)->open) {
        if (found == NULL)
            source_problem(a->source, place,
                           "*%s stands for nothing: there is no &%s before it; text that begins "
                           "with '*' must be put in quotes",
                           name, name);
        else
            source_problem(a->source, place, "*%s stands within what it stands for: &%s on line %u",
                           name, name, (*found)->node->place.line);
        return bad_node(a, place);
    }
    if (!charge(a, *found, place))
        return NULL;
    a->origin = 0;
    copy = copy_node(a, (*found)->node, place, arena_printf(a->arena, "*%s", name), depth);
    if (copy != NULL)
        copy->key = NULL;
    return copy;
}

/* ---- merge keys ---- */

static void take_children(struct node *map, struct node ***link, struct strset *seen,
                          struct node *from)
{
    for (struct node *v = from->first, *next; v != NULL; v = next) {
        next = v->next;
        v->next = NULL;
        if (!strset_add(seen, v->key->text))
            continue;
        map->dollar |= v->dollar | v->key->dollar;
        **link = v;
        *link = &v->next;
        map->n++;
    }
    map->lost |= from->lost;
}

static bool can_merge(struct anchors *a, const struct node *value)
{
    char buf[NODE_TEXT_SIZE];

    if (value->kind != NODE_MAP && value->kind != NODE_BAD)
        source_problem(a->source, value->place,
                       "'<<' takes in a map, or a list of maps (<<: *base, <<: [*one, *other]), "
                       "not %s",
                       node_describe(value, buf));
    return value->kind == NODE_MAP;
}

void anchors_merge(struct anchors *a, struct node *map, struct node *merged)
{
    _cleanup_(strset_free) struct strset seen = {0};
    struct node **link = &map->first;

    for (; *link != NULL; link = &(*link)->next)
        (void)strset_add(&seen, (*link)->key->text);
    if (merged->kind == NODE_LIST) {
        for (struct node *item = merged->first; item != NULL; item = item->next) {
            if (can_merge(a, item))
                take_children(map, &link, &seen, item);
            map->lost |= item->kind != NODE_MAP;
        }
        return;
    }
    if (can_merge(a, merged))
        take_children(map, &link, &seen, merged);
    map->lost |= merged->kind != NODE_MAP;
}

/* Moves a map's children behind the link. */
static struct node **splice_children(struct node *map, struct node **link, struct node *from)
{
    *link = from->first;
    for (; *link != NULL; link = &(*link)->next) {
        map->dollar |= (*link)->dollar | (*link)->key->dollar;
        map->n++;
    }
    map->lost |= from->lost;
    return link;
}

struct node **anchors_splice(struct anchors *a, struct node *map, struct node **link,
                             struct node *merged)
{
    struct node *reversed = NULL, *next;

    if (merged->kind != NODE_LIST)
        return can_merge(a, merged) ? splice_children(map, link, merged) : link;
    for (struct node *i = merged->first; i != NULL; i = next) {
        next = i->next;
        i->next = reversed;
        reversed = i;
    }
    for (struct node *i = reversed; i != NULL; i = i->next)
        if (can_merge(a, i))
            link = splice_children(map, link, i);
    return link;
}

static void forget(void *anchor)
{
    (void)anchor; /* which lives in the arena */
}

void anchors_free(struct anchors *a)
{
    tdestroy(a->names, forget);
    a->names = NULL;
}
