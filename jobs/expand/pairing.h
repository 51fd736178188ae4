/* SPDX-License-Identifier: Apache-2.0 */
/* pairing: which instances of one job go with an instance of another. Private to jobs/. */
#pragma once

#include "jobs/load.h"

/* What was found out so far. Zero-initialise. */
struct pairings {
    void *known;
    size_t *jobs; /* of the last answer */
    size_t room;
};
/* Indices into plan->jobs, good until the next call. */
struct pairing_matches {
    const size_t *jobs;
    size_t n;
};

/* Finds the instances of the group that have the same value as the job for each key that both have;
 * all of them where there is no such key. False where that costs more than the file may ask for,
 * which is said at the node. */
bool pairings_find(struct loader *l, struct pairings *p, const struct node *at, size_t job,
                   size_t group, struct pairing_matches *ret);
void pairings_free(struct pairings *p);
