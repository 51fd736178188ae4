/* SPDX-License-Identifier: Apache-2.0 */
/* remote: private to skopeo.c. Where an image is fetched to. */
#pragma once

#include "rootfs-cache/store/store.h"

/* A directory for what is fetched, with what came whole the last time: image/blobs/sha256 in it.
 * Its fd, or a negative errno. */
int remote_place(const struct cache *cache, const char *key);
bool remote_is_worth_asking(const struct cache *cache);
