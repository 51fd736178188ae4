/* SPDX-License-Identifier: Apache-2.0 */
/* path_list: see path_list.h. The order is that of the bytes, but that the end of a path comes
 * first and a '/' next: so all that lies below a directory stands together. */
#include "base/path_list.h"

#include <string.h>

struct path_list {
    char *text;
    const char **paths;
    size_t n;
};

static unsigned rank(char c)
{
    return c == '\0' ? 0 : c == '/' ? 1 : 1 + (unsigned)(unsigned char)c;
}

static int path_order(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;

    while (*x == *y && *x != '\0') {
        x++;
        y++;
    }
    return (int)rank(*x) - (int)rank(*y);
}

struct path_list *path_list_new(char *text, size_t len)
{
    struct path_list *l = xcalloc(1, sizeof(*l));
    size_t n = 0;

    for (size_t at = 0; at < len; at += strlen(text + at) + 1)
        n++;
    l->text = text;
    l->paths = xcalloc(n + 1, sizeof(*l->paths));
    for (size_t at = 0; at < len; at += strlen(text + at) + 1)
        l->paths[l->n++] = text + at;
    qsort(l->paths, l->n, sizeof(*l->paths), path_order);
    return l;
}

void path_list_free(struct path_list *l)
{
    if (l == NULL)
        return;
    free(l->paths);
    free(l->text);
    free(l);
}

const char *const *path_list_paths(const struct path_list *l)
{
    return l->paths;
}

struct path_list_part path_list_all(const struct path_list *l)
{
    return (struct path_list_part){.end = l->n};
}

/* Compares the part of a path that begins here with a name. */
static int part_order(const char *at, const char *name)
{
    while (*at == *name && *name != '\0') {
        at++;
        name++;
    }
    return (*at == '/' ? 0 : (int)rank(*at)) - (int)rank(*name);
}

/* The first path of the part that does not come before `name`; or, with `after`, behind it. */
static size_t find_name(const struct path_list *l, const struct path_list_part *part, size_t first,
                        const char *name, bool after)
{
    size_t end = part->end;

    while (first < end) {
        size_t mid = first + (end - first) / 2;
        int order = part_order(l->paths[mid] + part->at, name);

        if (order < 0 || (after && order == 0))
            first = mid + 1;
        else
            end = mid;
    }
    return first;
}

bool path_list_enter(const struct path_list *l, const struct path_list_part *part, const char *name,
                     struct path_list_part *ret_below, bool *ret_itself)
{
    size_t n = strlen(name), first = find_name(l, part, part->first, name, false);
    size_t end = find_name(l, part, first, name, true);

    *ret_itself = false;
    *ret_below = (struct path_list_part){.first = first, .end = end, .at = part->at + n + 1};
    /* the entry itself comes first; more than once where git has several versions of it */
    while (ret_below->first < end && l->paths[ret_below->first][part->at + n] == '\0') {
        *ret_itself = true;
        ret_below->first++;
    }
    return first < end;
}
