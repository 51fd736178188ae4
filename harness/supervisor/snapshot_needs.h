/* snapshot_needs: private to supervisor: how long what a job left is needed by jobs that start from it. Pure. */
#pragma once

#include "harness/run/run.h"

struct bases;
struct bases *bases_new(const struct instance *instances, size_t n);
void bases_free(struct bases *b);
/* The job has ended for good, or never will start: whatever lies below it is needed by one job less. Once for each. */
void bases_ended(struct bases *b, size_t instance);
/* Those that no job will start from any more, directly or not, in the order in which they became so: number i, or false. */
bool bases_unneeded(const struct bases *b, size_t i, size_t *ret_instance);
size_t bases_count_unneeded(const struct bases *b);
