/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: private to rootfs-cache. What is known of a source before anything of it is unpacked. */
#pragma once

#include "rootfs-cache/confined/blobs.h"
#include "rootfs-cache/confined/image.h"
#include "rootfs-cache/confined/recognise.h"

/* Opens the image `path`, a compressed one decompressed; `root` is whose source it is. */
int inspect_open(struct cache *cache, const char *path, const char *root, struct blobs **ret,
                 struct cupel_error *err);
/* What the image says of itself. */
int inspect_image(struct cache *cache, const struct blobs *blobs, const struct image_wanted *wanted,
                  struct image *ret, struct cupel_error *err);
/* The layers of an image that is not here: blob, diff id, chain id. Of what `skopeo inspect` says
 * of it (JSON) and its configuration; not to be trusted. */
int inspect_remote(struct cache *cache, const char *name, int summary, int config,
                   struct image *ret, struct cupel_error *err);
/* Which kind of source the path is. */
int inspect_source(struct cache *cache, const char *path, struct recognised *ret,
                   struct cupel_error *err);
