/* remote: private to skopeo.c. What can be known of an image before it is fetched, and where it is
 * fetched to. */
#pragma once

#include "rootfs-cache/confined/image.h"

/* The layers of an image, of what `skopeo inspect` says of it (JSON) and its configuration: blob,
 * diff id, chain id. Read by a confined child, and not to be trusted. */
int remote_layers(struct cache *cache, const char *name, int summary, int config, struct image *ret,
                  struct cupel_error *err);
/* A directory for what is fetched, with what came whole the last time: image/blobs/sha256 in it.
 * Its fd, or a negative errno. */
int remote_place(const struct cache *cache, const char *key);
bool remote_is_worth_asking(const struct cache *cache);
