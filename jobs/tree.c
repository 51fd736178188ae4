/* SPDX-License-Identifier: Apache-2.0 */
/* tree: libyaml's events become a bounded tree. Knows YAML, nothing of jobs. What aliases and merge
 * keys stand for: jobs/expand/anchors.c. */
#include "jobs/tree.h"

#include "jobs/expand/anchors.h"
#include "jobs/syntax.h"

#include <yaml.h>

struct tree_builder {
    struct source *source;
    struct arena *arena; /* of nodes and keys */
    struct arena *texts; /* of values */
    bool is_key;         /* what is read next */
    yaml_parser_t parser;
    struct anchors anchors;
};

#define cleanup_event _cleanup_(yaml_event_delete)

static struct source_place tree_place_of(yaml_mark_t mark)
{
    return source_at((uint32_t)mark.line + 1, (uint32_t)mark.column + 1);
}

static bool next_event(struct tree_builder *b, yaml_event_t *ret)
{
    if (yaml_parser_parse(&b->parser, ret) != 0)
        return true;
    syntax_problem(b->source, &b->parser);
    return false;
}

static struct node *new_node(struct tree_builder *b, enum node_kind kind, yaml_mark_t mark)
{
    struct node *n;

    if (b->anchors.n_nodes++ >= TREE_NODES_MAX) {
        source_problem(b->source, tree_place_of(mark), "the file has more than %d values; split it",
                       TREE_NODES_MAX);
        return NULL;
    }
    n = arena_alloc(b->arena, sizeof(*n));
    n->kind = (uint8_t)kind;
    n->place = tree_place_of(mark);
    n->place.origin = b->source->reading;
    return n;
}

/* Tags would let a value be something other than what is written in its place. */
static bool check_tag(struct tree_builder *b, const yaml_event_t *e, const yaml_char_t *tag)
{
    if (tag != NULL && !str_eq((const char *)tag, YAML_STR_TAG) &&
        !str_eq((const char *)tag, "!")) {
        source_problem(b->source, tree_place_of(e->start_mark),
                       "the YAML tag '%s' is not supported; %s", (const char *)tag,
                       tag[0] == '!' ? "text that begins with '!' must be put in quotes"
                                     : "leave it out");
        return false;
    }
    return true;
}

static struct node *build_scalar(struct tree_builder *b, const yaml_event_t *e)
{
    const char *value = (const char *)e->data.scalar.value;
    size_t length = e->data.scalar.length;
    struct node *n = new_node(b, NODE_SCALAR, e->start_mark);
    /* a key with an anchor may become a value */
    bool stays = !b->is_key || e->data.scalar.anchor != NULL;

    if (n == NULL)
        return NULL;
    b->is_key = false;
    if (e->data.scalar.anchor != NULL)
        anchors_add(&b->anchors, (const char *)e->data.scalar.anchor, n);
    if (!check_tag(b, e, e->data.scalar.tag)) {
        n->kind = NODE_BAD;
        return n;
    }
    if (memchr(value, '\0', length) != NULL) {
        source_problem(b->source, n->place,
                       "a NUL character (\\0) is not allowed; put binary content into a file");
        n->kind = NODE_BAD;
        return n;
    }
    n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && e->data.scalar.tag == NULL;
    n->text = arena_strndup(stays ? b->texts : b->arena, value, length);
    n->dollar = memchr(value, '$', length) != NULL && strstr(n->text, "${{") != NULL;
    n->n = length;
    b->anchors.bytes += length;
    return n;
}

static struct node *tree_build(struct tree_builder *b, const yaml_event_t *e, int depth);

static struct node *build_list(struct tree_builder *b, struct node *list, int depth)
{
    struct node **link = &list->first;

    for (;;) {
        cleanup_event yaml_event_t e = {0};

        if (!next_event(b, &e))
            return NULL;
        if (e.type == YAML_SEQUENCE_END_EVENT)
            return list;
        *link = tree_build(b, &e, depth + 1);
        if (*link == NULL)
            return NULL;
        list->dollar |= (*link)->dollar;
        link = &(*link)->next;
        list->n++;
    }
}

static int compare_keys(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
    int r = strcmp(x->text, y->text);

    if (r != 0)
        return r;
    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    return x->place.column < y->place.column ? -1 : 1;
}

static void check_duplicates(struct tree_builder *b, const struct node *map)
{
    cleanup_free struct node **keys = xcalloc(map->n, sizeof(*keys));
    size_t n = 0;

    for (const struct node *v = map->first; v != NULL; v = v->next)
        keys[n++] = v->key;
    qsort(keys, n, sizeof(*keys), compare_keys);
    for (size_t i = 1; i < n; i++)
        if (str_eq(keys[i]->text, keys[i - 1]->text))
            source_problem(b->source, keys[i]->place, "key '%s' is given twice; first on line %u",
                           keys[i]->text, keys[i - 1]->place.line);
}

struct numbered_child {
    struct node *node;
    size_t number;
};

static int compare_numbered(const void *a, const void *b)
{
    const struct numbered_child *x = a, *y = b;
    int r = strcmp(x->node->key->text, y->node->key->text);

    return r != 0 ? r : x->number < y->number ? -1 : 1;
}

/* Leaves, of several values of one key, the last in the place of the first: so Ruby reads them, and
 * with it GitLab. */
static void keep_last(struct node *map)
{
    cleanup_free struct numbered_child *all = xcalloc(map->n, sizeof(*all));
    cleanup_free struct node **kept = xcalloc(map->n, sizeof(struct node *));
    struct node **link = &map->first;
    size_t n = 0, total = map->n;

    for (struct node *v = map->first; v != NULL; v = v->next, n++)
        all[n] = (struct numbered_child){.node = v, .number = n};
    qsort(all, total, sizeof(*all), compare_numbered);
    for (size_t i = 0; i < total; i = n) {
        for (n = i + 1; n < total && str_eq(all[n].node->key->text, all[i].node->key->text);)
            n++;
        kept[all[i].number] = all[n - 1].node;
    }
    map->n = 0;
    for (size_t i = 0; i < total; i++)
        if (kept[i] != NULL) {
            *link = kept[i];
            link = &kept[i]->next;
            map->n++;
        }
    *link = NULL;
}

/* Whether a key may stand in the tree; says what is wrong with one that may not. */
static bool check_key(struct tree_builder *b, const struct node *key)
{
    if (key->kind == NODE_BAD)
        return false;
    if (key->kind != NODE_SCALAR) {
        source_problem(b->source, key->place, "a key must be text, not a %s",
                       key->kind == NODE_LIST ? "list" : "map");
        return false;
    }
    return true;
}

/* Keeps the value of a merge key until the map's own keys are known. */
static void keep_merged(struct tree_builder *b, struct node *map, struct node **merged,
                        struct node *key, struct node *value)
{
    if (*merged != NULL) {
        source_problem(b->source, key->place, "key '<<' is given twice; first on line %u",
                       (*merged)->key->place.line);
        map->lost = true;
    }
    value->key = key;
    *merged = value;
}

static struct node *build_map(struct tree_builder *b, struct node *map, int depth)
{
    struct node **link = &map->first, *merged = NULL;

    for (;;) {
        cleanup_event yaml_event_t key_event = {0}, value_event = {0};
        struct node *key, *value;

        if (!next_event(b, &key_event))
            return NULL;
        if (key_event.type == YAML_MAPPING_END_EVENT)
            break;
        b->is_key = true;
        key = tree_build(b, &key_event, depth + 1);
        b->is_key = false;
        if (key == NULL || !next_event(b, &value_event))
            return NULL;
        value = tree_build(b, &value_event, depth + 1);
        if (value == NULL)
            return NULL;
        if (!check_key(b, key)) {
            map->lost = true;
            continue;
        }
        if (key->plain && str_eq(key->text, "<<") && b->source->is_gitlab) {
            link = anchors_splice(&b->anchors, map, link, value);
            continue;
        }
        if (key->plain && str_eq(key->text, "<<")) {
            keep_merged(b, map, &merged, key, value);
            continue;
        }
        value->key = key;
        map->dollar |= value->dollar | key->dollar;
        *link = value;
        link = &value->next;
        map->n++;
    }
    if (map->n > 1 && b->source->is_gitlab)
        keep_last(map);
    else if (map->n > 1)
        check_duplicates(b, map);
    if (merged != NULL)
        anchors_merge(&b->anchors, map, merged);
    return map;
}

static struct node *build_alias(struct tree_builder *b, const yaml_event_t *e, int depth)
{
    struct source_place place = tree_place_of(e->start_mark);

    place.origin = b->source->reading;
    return anchors_copy(&b->anchors, (const char *)e->data.alias.anchor, place, depth);
}

/* Builds a list or a map whose node is there, and knows it by its anchor, if it has one. */
static struct node *build_collection(struct tree_builder *b, const yaml_event_t *e, int depth,
                                     enum node_kind kind, const yaml_char_t *anchor,
                                     const yaml_char_t *tag)
{
    struct node *n = new_node(b, kind, e->start_mark);
    struct anchor *a = NULL;

    if (n == NULL)
        return NULL;
    if (b->source->is_gitlab && kind == NODE_LIST && tag != NULL &&
        str_eq((const char *)tag, "!reference"))
        n->reference = true;
    else
        (void)check_tag(b, e, tag);
    if (anchor != NULL)
        a = anchors_open(&b->anchors, (const char *)anchor, n);
    n = kind == NODE_LIST ? build_list(b, n, depth) : build_map(b, n, depth);
    if (a != NULL)
        anchors_close(&b->anchors, a);
    return n;
}

static struct node *tree_build(struct tree_builder *b, const yaml_event_t *e, int depth)
{
    if (depth > TREE_DEPTH_MAX) {
        source_problem(b->source, tree_place_of(e->start_mark), "nested deeper than %d levels",
                       TREE_DEPTH_MAX);
        return NULL;
    }
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return build_scalar(b, e);
    case YAML_SEQUENCE_START_EVENT:
        return build_collection(b, e, depth, NODE_LIST, e->data.sequence_start.anchor,
                                e->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return build_collection(b, e, depth, NODE_MAP, e->data.mapping_start.anchor,
                                e->data.mapping_start.tag);
    case YAML_ALIAS_EVENT:
        return build_alias(b, e, depth);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        break;
    }
    source_problem(b->source, tree_place_of(e->start_mark), "YAML: a value expected");
    return NULL;
}

/* Goes to the next event that opens a document or ends the stream. */
static bool next_document(struct tree_builder *b, bool *ret_found, struct source_place *ret_place)
{
    for (;;) {
        cleanup_event yaml_event_t e = {0};

        if (!next_event(b, &e))
            return false;
        if (e.type != YAML_DOCUMENT_START_EVENT && e.type != YAML_STREAM_END_EVENT)
            continue;
        *ret_found = e.type == YAML_DOCUMENT_START_EVENT;
        *ret_place = tree_place_of(e.start_mark);
        return true;
    }
}

static struct node *tree_read_document(struct tree_builder *b)
{
    cleanup_event yaml_event_t e = {0};
    struct source_place place;
    struct node *root;
    bool found;

    if (!next_document(b, &found, &place))
        return NULL;
    if (!found) {
        source_problem(b->source, source_at(1, 1), "the file is empty%s",
                       b->source->reading == 0 ? "; it needs at least 'cupel: 1' and 'jobs'" : "");
        return NULL;
    }
    if (!next_event(b, &e))
        return NULL;
    root = tree_build(b, &e, 1);
    if (root == NULL || !next_document(b, &found, &place))
        return NULL;
    if (found)
        source_problem(
            b->source, place,
            "a second YAML document; a job file has only one: put it into a file of its own");
    return root;
}

struct node *tree_read(struct source *s, struct arena *arena, struct arena *texts)
{
    struct tree_builder b = {
        .source = s,
        .arena = arena,
        .texts = texts,
        .anchors = {.source = s, .arena = arena, .n_nodes = s->n_nodes, .copied = s->copied}};
    struct node *root;

    if (!source_check_encoding(s))
        return NULL;
    if (yaml_parser_initialize(&b.parser) == 0) {
        source_problem(s, source_at(1, 1), "out of memory while reading YAML");
        return NULL;
    }
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)s->text, s->len);
    root = tree_read_document(&b);
    yaml_parser_delete(&b.parser);
    s->n_nodes = b.anchors.n_nodes;
    s->copied = b.anchors.copied;
    anchors_free(&b.anchors);
    return root;
}

static bool plain_is_one_of(const struct node *n, const char *const *words, size_t n_words)
{
    if (n->kind != NODE_SCALAR || !n->plain)
        return false;
    for (size_t i = 0; i < n_words; i++)
        if (str_eq(n->text, words[i]))
            return true;
    return false;
}

struct node *node_new(struct arena *arena, enum node_kind kind, struct source_place place)
{
    struct node *n = arena_alloc(arena, sizeof(*n));

    *n = (struct node){.kind = (uint8_t)kind, .place = place};
    return n;
}

struct node *node_new_text(struct arena *arena, const char *text, struct source_place place)
{
    struct node *n = node_new(arena, NODE_SCALAR, place);

    n->text = text;
    n->n = strlen(text);
    return n;
}

bool node_is_null(const struct node *n)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    return plain_is_one_of(n, words, ARRAY_SIZE(words));
}

bool node_is_bool(const struct node *n)
{
    static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE",
                                        "yes",  "Yes",  "YES",  "no",    "No",    "NO",
                                        "on",   "On",   "ON",   "off",   "Off",   "OFF"};

    return plain_is_one_of(n, words, ARRAY_SIZE(words));
}

const struct node *node_child(const struct node *map, const char *key)
{
    const struct node *last = NULL;

    for (const struct node *v = map->first; v != NULL; v = v->next)
        if (v->key->text[0] == key[0] && str_eq(v->key->text, key))
            last = v;
    return last;
}

const char *node_describe(const struct node *n, char buf[static NODE_TEXT_SIZE])
{
    size_t cut = n->n;

    if (n->kind == NODE_LIST)
        (void)snprintf(buf, NODE_TEXT_SIZE, "a list");
    else if (n->kind != NODE_SCALAR)
        (void)snprintf(buf, NODE_TEXT_SIZE, "a map");
    else if (node_is_null(n))
        (void)snprintf(buf, NODE_TEXT_SIZE, "empty");
    else if (node_is_bool(n))
        (void)snprintf(buf, NODE_TEXT_SIZE, "the boolean %s (put it in quotes if it is text)",
                       n->text);
    else if (n->n <= 60)
        (void)snprintf(buf, NODE_TEXT_SIZE, "'%s'", n->text);
    else {
        for (cut = 60; cut > 0 && ((unsigned char)n->text[cut] & 0xc0) == 0x80;)
            cut--;
        (void)snprintf(buf, NODE_TEXT_SIZE, "'%.*s...'", (int)cut, n->text);
    }
    return buf;
}
