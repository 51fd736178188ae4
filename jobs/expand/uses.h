/* SPDX-License-Identifier: Apache-2.0 */
/* uses: services that stand beside the jobs, and which jobs have them. Private to jobs/expand/. */
#pragma once

#include "jobs/expand/replace.h"

struct uses {
    struct replacing *r;
    struct node **all; /* the file's services */
    bool *used;
    size_t n;
    struct name_index index;
    struct node *of_defaults; /* `use-services` there, or NULL */
};

/* Takes up the services of the file (NULL: it has none), and what `defaults` use of them (NULL: it
 * has none either). To be freed. */
void uses_read(struct uses *u, struct replacing *r, struct node *services, struct node *defaults);
/* Puts what a job uses, by itself or by `defaults`, among its own services; returns whether it uses
 * any. */
bool uses_resolve(struct uses *u, struct node *job);
/* Leaves under `services` those that no job has used. */
void uses_drop_used(struct uses *u, struct node *services);
void uses_free(struct uses *u);
