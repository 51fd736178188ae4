/* SPDX-License-Identifier: Apache-2.0 */
/* links: see links.h. */
#include "rootfs-cache/confined/links.h"

struct link {
    ino_t ino;
    size_t layer;
    char *first; /* NULL: a free place */
};

static struct link *links_place_of(const struct links *l, size_t layer, ino_t ino)
{
    size_t at = (size_t)((ino + layer) * UINT64_C(0x9e3779b97f4a7c15)) & (l->capacity - 1);

    while (l->table[at].first != NULL && (l->table[at].ino != ino || l->table[at].layer != layer))
        at = (at + 1) & (l->capacity - 1);
    return &l->table[at];
}

static void links_make_room(struct links *l)
{
    struct link *old = l->table;
    size_t n = l->capacity;

    if (l->n * 2 < n)
        return;
    l->capacity = n != 0 ? 2 * n : 256;
    l->table = xcalloc(l->capacity, sizeof(*l->table));
    for (size_t i = 0; i < n; i++)
        if (old[i].first != NULL)
            *links_place_of(l, old[i].layer, old[i].ino) = old[i];
    free(old);
}

const char *links_seen(struct links *l, size_t layer, const struct stat *st, const char *path)
{
    struct link *place;

    if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
        return NULL;
    links_make_room(l);
    place = links_place_of(l, layer, st->st_ino);
    if (place->first != NULL)
        return place->first;
    *place = (struct link){.ino = st->st_ino, .layer = layer, .first = xstrdup(path)};
    l->n++;
    return NULL;
}

void links_free(struct links *l)
{
    for (size_t i = 0; i < l->capacity; i++)
        free(l->table[i].first);
    free(l->table);
    *l = (struct links){0};
}
