/* SPDX-License-Identifier: Apache-2.0 */
/* strings: a list of strings that grows. */
#include "base/base.h"

void strings_add(struct strings *s, char *item)
{
    /* room for the next power of two: it is full exactly when n is one */
    if ((s->n & (s->n - 1)) == 0)
        s->items = xrealloc(s->items, (s->n == 0 ? 1 : 2 * s->n) * sizeof(char *));
    s->items[s->n++] = item;
}

void strings_free(struct strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i]);
    free(s->items);
    *s = (struct strings){0};
}
