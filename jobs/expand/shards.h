/* SPDX-License-Identifier: Apache-2.0 */
/* shards: `parallel: N`: instances that share one job's work. Private to jobs/expand/. */
#pragma once

#include "jobs/expand/expand.h"
#include "jobs/expand/matrix.h"

#define SHARDS_MAX 1000

/* What each of a job's shards is told. */
struct shards {
    size_t n; /* 0: the job has none */
    struct matrix_value *from_one, *from_zero, total;
};

/* Reads a job's `parallel`; false after a problem. */
bool shards_read(struct loader *l, const struct node *value, struct shards *s);
/* Adds what shard i, from 0 on, has to a combination that has room for it. */
void shards_add(const struct shards *s, size_t i, struct combination *c);
