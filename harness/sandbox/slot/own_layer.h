/* SPDX-License-Identifier: Apache-2.0 */
/* own_layer: private to sandbox; what a job has of its own in its root, as a layer of it. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct etc_like;

/* Finds what the root of these layers, top first, has at /etc; of a masked one, layer 0 is a mount
 * of mask_mount's. */
void own_layer_find_etc(const int *layers, size_t n, bool masked, struct etc_like *ret);

/* What a job has of its own in its root, whatever it does. */
struct own_files {
    const char *hosts, *resolver; /* NULL: the root's */
    const char *home;             /* is its user's where the root has none; NULL: not known yet */
    uint32_t uid, gid;
};

/* Makes that a layer over the request's root, and over what earlier jobs left of it: both are
 * attached, the latter in these places of the stage's snapshots, as many as job->depth. Its path in
 * the stage. False: it is to be laid over the root in the job. */
#define OWN_LAYER_SIZE 32
bool own_layer_lay(struct sandbox_stage *s, const struct sandbox_request *request,
                   const size_t *below, const struct own_files *own,
                   char ret_path[static OWN_LAYER_SIZE]);
