/* SPDX-License-Identifier: Apache-2.0 */
/* oci_layers: private to rootfs-cache. An image's layers come into the store. */
#pragma once

#include "rootfs-cache/confined/blobs.h"
#include "rootfs-cache/confined/image.h"
#include "rootfs-cache/store/store.h"

struct oci_layers_import {
    struct cache *cache;
    const char *name;  /* of the root, for messages */
    const char *shown; /* of the image: what its layers are called after */
    const struct blobs *blobs;
    const struct image *image;
};

/* The key of layer i (0 is the bottom). */
int oci_layers_key(const struct oci_layers_import *im, size_t i, char ret_key[CACHE_KEY_LEN + 1],
                   struct cupel_error *err);
/* Adds the layers from `next` on to `made`, whose layers stand bottom first and lie beneath them:
 * opens those that the store has, makes the others, as many at once as there are processors for.
 * What is done of a large image stays when it is interrupted. */
int oci_layers_make(const struct oci_layers_import *im, size_t next, struct cache_root *made,
                    struct cupel_error *err);
