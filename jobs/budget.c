/* SPDX-License-Identifier: Apache-2.0 */
/* budget: how much a job file may ask for. What `defaults` gives is repeated in every job, so that
 * a small file could ask for much memory. */
#include "jobs/load.h"

bool budget_charge(struct loader *l, const struct node *at, size_t values)
{
    if (l->charged > LOAD_CHARGE_MAX)
        return false; /* said already */
    l->charged += values;
    if (l->charged <= LOAD_CHARGE_MAX)
        return true;
    problem_at(l, at, "'defaults' and 'jobs' together make more than %d values; split the file",
               LOAD_CHARGE_MAX);
    return false;
}
