/* SPDX-License-Identifier: Apache-2.0 */
/* id_map: private to sandbox: which ids of a file system are which of a job, as maps for id-mapped
 * mounts. */
#pragma once

#include "harness/sandbox/sandbox.h"

/* The file system's owner `from` is the job's `to`; who `to` was there is `from` here. Both count
 * from 0. */
struct id_change {
    uint32_t from, to;
};
struct owner_change {
    struct id_change uid, gid;
};
static inline bool owner_change_is_none(const struct owner_change *c)
{
    return c->uid.from == c->uid.to && c->gid.from == c->gid.to;
}

/* A map (user_namespaces(7)) of the file system's ids on_disk .. on_disk+65535 to id_base .., but
 * for this change. `from` may lie beyond 65535: then who `to` was is nobody (65534), since a map
 * has to be one to one. Malloc'ed. */
char *id_map_text(uint32_t on_disk, uint32_t id_base, struct id_change change);
/* A user namespace that exists only to carry these two maps for mount_setattr(MOUNT_ATTR_IDMAP). */
int id_map_open(const char *uid_map, const char *gid_map, int *ret_fd);

/* What was opened last, since jobs after one another often want the same. */
#define ID_MAPS_MAX 16
struct id_maps {
    struct {
        struct owner_change change;
        uint32_t on_disk;
        int fd; /* 0: a place that is free */
    } kept[ID_MAPS_MAX];
    size_t next; /* to be given up */
};
/* The map of this change; borrowed until ID_MAPS_MAX others were asked for. */
int id_maps_get(struct id_maps *maps, uint32_t on_disk, uint32_t id_base,
                const struct owner_change *change, int *ret_fd);
void id_maps_close(struct id_maps *maps);
