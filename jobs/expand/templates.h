/* SPDX-License-Identifier: Apache-2.0 */
/* templates: jobs that do not run, and what jobs start from. Private to jobs/expand/. */
#pragma once

#include "jobs/expand/replace.h"

struct template;
struct templates {
    struct replacing *r;
    struct template *all;
    size_t n;
    struct name_index index;
};

/* Takes up the templates of the file (NULL: it has none). To be freed. */
void templates_read(struct templates *t, struct replacing *r, struct node *map);
/* Lays under the job, in place, what it extends. Problems are noted; it is lost then. */
void templates_extend(struct templates *t, struct node *job);
/* Leaves under `templates` those that no job has used. */
void templates_drop_used(struct templates *t, struct node *map);
void templates_free(struct templates *t);
/* Returns a value of that key with another one laid below it, as `extends` does; neither is
 * changed. */
struct node *templates_lay(struct replacing *r, const struct key *k, const struct node *own,
                           const struct node *base);
