/* SPDX-License-Identifier: Apache-2.0 */
/* index: finding one of many names. */
#include "jobs/load.h"

struct name_number {
    const char *name;
    size_t number;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name_number *)a)->name, ((const struct name_number *)b)->name);
}

void name_index_build(struct name_index *index, size_t n,
                      const char *(*get)(const void *data, size_t i), const void *data)
{
    cleanup_free struct name_number *pairs = xcalloc(n, sizeof(*pairs));

    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct name_number){get(data, i), i};
    qsort(pairs, n, sizeof(*pairs), compare_names);
    index->names = xcalloc(n, sizeof(*index->names));
    index->indices = xcalloc(n, sizeof(*index->indices));
    index->n = n;
    for (size_t i = 0; i < n; i++) {
        index->names[i] = pairs[i].name;
        index->indices[i] = pairs[i].number;
    }
}

void name_index_free(struct name_index *index)
{
    free(index->names);
    free(index->indices);
    *index = (struct name_index){0};
}

bool name_index_find(const struct name_index *index, const char *name, size_t *ret)
{
    size_t low = 0, high = index->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int r = strcmp(name, index->names[middle]);

        if (r == 0) {
            *ret = index->indices[middle];
            return true;
        }
        if (r < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}
