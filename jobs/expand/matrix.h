/* SPDX-License-Identifier: Apache-2.0 */
/* matrix: the combinations that a job's `matrix` asks for. Private to jobs/expand/. */
#pragma once

#include "jobs/expand/host.h"
#include "jobs/load.h"

#define MATRIX_KEYS_MAX 16
#define COMBINATION_SHARDS 4 /* further keys that shards are told by (shards.c) */
/* with those of a submission's language (submission_languages.c) */
#define COMBINATION_MAX (MATRIX_KEYS_MAX + COMBINATION_SHARDS + 2)

/* One value of a key, as whatever is made of it wants it. */
struct matrix_value {
    const struct node *node; /* a scalar */
    const char *word;        /* in an id */
    const char *pair;        /* "KEY=VALUE", the plan's */
    const char *refused;     /* why what was found is not run, the plan's; or NULL */
    bool unread;             /* jobs_job.unread */
    const char *short_word;  /* of a path that was found: for an id that would be too long */
};
struct matrix_axis {
    const struct node *key;
    struct matrix_value *values;
    size_t n;
    bool found;              /* its values were found by the host */
    struct name_index index; /* of the values' texts */
};
struct matrix_exclusion;
struct matrix {
    struct matrix_axis axes[MATRIX_KEYS_MAX];
    size_t n_axes;
    const struct node *include, *exclude;
    bool bad; /* some of it was a problem, which may have been told already */
    struct matrix_exclusion *exclusions;
    size_t n_exclusions;
};

/* One combination: what each key is. */
struct combination {
    const struct node *key[COMBINATION_MAX];
    const struct matrix_value *value[COMBINATION_MAX];
    size_t n;
    size_t n_named; /* of these, that are in the id and tell instances apart: the first ones */
};
typedef void combination_fn(void *data, const struct combination *c);

/* Returns a text as it stands in an id; `of_others`: whoever named it is not the file's author. */
const char *matrix_word(struct loader *l, const char *text, size_t n, bool of_others);
/* Reads a job's `matrix`; false after a problem. To be freed either way. */
bool matrix_read(struct loader *l, const struct node *map, struct matrix *m);
/* How many combinations there are at most, SIZE_MAX for more than can be counted. */
size_t matrix_size(const struct matrix *m);
/* Calls `each` for each combination, in the order of the file: the last key changes fastest, and
 * those of `include` come at the end. */
void matrix_each(struct loader *l, const struct matrix *m, combination_fn *each, void *data);
void matrix_free(struct matrix *m);
