/* copy: private to sandbox; a tree that a job wrote, copied as it is. */
#pragma once

#include "base/base.h"

struct copy_bounds {
    uint64_t bytes, files;
    bool (*stopped)(void *data); /* asked now and then; NULL: never */
    void *data;
};
/* Copies the directory `name` of from_dir into to_dir, where it must not be yet. -EFBIG beyond the bounds, -ELOOP for what is nested
 * too deep, -ECANCELED when stopped; what there is by then is for the caller to remove. */
int copy_into(int from_dir, int to_dir, const char *name, const struct copy_bounds *bounds);
/* What the directory takes of its disk, hard links counted once; what is too deep to look at is left out. */
uint64_t copy_measure(int dir, const char *name);
