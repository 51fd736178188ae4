/* SPDX-License-Identifier: Apache-2.0 */
/* anchors: what the aliases and merge keys of YAML stand for, while a tree is read. Private to
 * jobs/. */
#pragma once

#include "jobs/tree.h"

/* The anchors of one file, and how large its tree is so far. Zero-initialise, but for the first
 * two. */
struct anchors {
    struct source *source;
    struct arena *arena; /* of the nodes */
    size_t n_nodes;      /* of the tree, with what aliases stand for */
    size_t bytes;        /* of its scalars */
    size_t copied;       /* bytes of scalars that aliases stand for */
    void *names;
    /* the last origin that was made, of copies for one alias from one origin */
    uint32_t origin, origin_before;
};
struct anchor;

/* Names a scalar that is about to be read. */
void anchors_add(struct anchors *a, const char *name, struct node *node);
/* Names a list or map whose children come next; until anchors_close it cannot be used. */
struct anchor *anchors_open(struct anchors *a, const char *name, struct node *node);
void anchors_close(struct anchors *a, struct anchor *anchor);
/* Returns a copy of what the alias at the place stands for. NODE_BAD where it stands for nothing;
 * NULL where the tree would become too large, so that reading ends. Both are said. */
struct node *anchors_copy(struct anchors *a, const char *name, struct source_place place,
                          int depth);
/* Puts what a merge key says behind the map's own keys: those win, and of several maps the earlier.
 */
void anchors_merge(struct anchors *a, struct node *map, struct node *merged);
/* Puts what a merge key says where it stands, behind `link`, also where the map has such keys. Of
 * several maps the earlier come last. Returns where the map goes on. */
struct node **anchors_splice(struct anchors *a, struct node *map, struct node **link,
                             struct node *merged);
void anchors_free(struct anchors *a);
