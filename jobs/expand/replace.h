/* SPDX-License-Identifier: Apache-2.0 */
/* replace: `${{ NAME }}` in texts. Private to jobs/expand/. */
#pragma once

#include "jobs/expand/host.h"
#include "jobs/load.h"

/* A name, and what stands for it. */
struct binding {
    const char *name;
    const char *text;
    uint32_t found; /* as in struct node */
};

/* What is known where a text stands, and what all replacing together may cost. */
struct replacing {
    struct loader *l;
    const struct binding *params;
    size_t n_params;
    const struct binding *matrix; /* of the instance that the text is of */
    size_t n_matrix;
    const char *where; /* of an unknown name: why it may be unknown, or NULL */
    const char *job;   /* that has the text of a template, or NULL */
    size_t bytes;      /* of text made so far */
    bool full;         /* too many, which was said */
    void *asked;       /* what the host was asked and has answered */
};

/* How much text all `${{ }}` of a file may make, and how many values may be copied for it. */
#define REPLACE_BYTES_MAX ((size_t)128 * 1024 * 1024)

/* Returns the node with everything in it replaced: itself where there is nothing to replace, else a
 * new one, which shares with it what is the same. */
struct node *replace_in(struct replacing *r, struct node *n);
/* Pays for what is made; false (with a problem at the node, once) where that is too much. */
bool replace_charge(struct replacing *r, const struct node *n, size_t bytes);
void replace_free(struct replacing *r);
