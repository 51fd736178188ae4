/* SPDX-License-Identifier: Apache-2.0 */
/* tree: YAML as a tree whose every node knows where it stood. Private to jobs/. */
#pragma once

#include "jobs/source.h"

#include <string.h>

enum node_kind {
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAP,
    NODE_BAD, /* a problem was already reported here: say nothing more about it */
};

struct node {
    uint8_t kind;   /* enum node_kind */
    bool plain;     /* a scalar without quotes: null, booleans and numbers are only what is plain */
    bool lost;      /* a map of which a key was refused: what it lacks may be there */
    bool dollar;    /* there is "${{" in it or below it */
    bool reference; /* a list with GitLab's tag !reference */
    /* a scalar of which a part was replaced: text, but a boolean where one is asked for */
    bool replaced;
    bool shared; /* its children are those of another map, too, and stay as they are */
    /* a scalar with a path in it that a matrix has found: one more than the bytes before that which
     * the job file itself names; 0: there is none */
    uint32_t found;
    struct source_place place;
    const char *text;  /* scalar; NUL-terminated, no NUL inside */
    size_t n;          /* bytes of text, or number of children */
    struct node *key;  /* of a map's child */
    struct node *next; /* sibling */
    struct node *first;
};

#define TREE_DEPTH_MAX 32
#define TREE_NODES_MAX 500000
#define TREE_BYTES_MAX ((size_t)4 * 1024 * 1024) /* of text that aliases stand for */

/* Reads the one document of the text; nodes live in the arena, and the texts of values in `texts`,
 * which a plan keeps. NULL when there is no tree to go on
 * with; either way problems may have been noted. Aliases and merge keys are carried out: what comes
 * of them counts for the bounds of the file, and is counted before it is made. Tags are refused. */
struct node *tree_read(struct source *s, struct arena *arena, struct arena *texts);

/* Makes a node that nobody has written, at the place of what it comes from. */
struct node *node_new(struct arena *arena, enum node_kind kind, struct source_place place);
/* Makes a scalar; its text is not copied. */
struct node *node_new_text(struct arena *arena, const char *text, struct source_place place);

/* A plain scalar that YAML 1.1 reads as null, or as a boolean. */
bool node_is_null(const struct node *n);
bool node_is_bool(const struct node *n);
/* Returns a map's value, or NULL; of a key that stands twice, which is a problem of its own, the
 * last one, as keys_apply() leaves it. */
const struct node *node_child(const struct node *map, const char *key);
/* What it is, for "not ..." in a message: "a list", "'abc'". Returns buf. */
#define NODE_TEXT_SIZE 160
const char *node_describe(const struct node *n, char buf[static NODE_TEXT_SIZE]);

/* Returns the first value of a key that takes one value or a list of them: a list's first child, or
 * the node itself. */
static inline const struct node *items_first(const struct node *n)
{
    return n->kind == NODE_LIST ? n->first : n;
}
static inline const struct node *items_next(const struct node *n, const struct node *item)
{
    return n->kind == NODE_LIST ? item->next : NULL;
}
static inline size_t items_count(const struct node *n)
{
    return n->kind == NODE_LIST ? n->n : 1;
}
