/* SPDX-License-Identifier: Apache-2.0 */
/* sources: private to rootfs-cache. One function a kind of source; each leaves its layers in *root.
 */
#pragma once

#include "rootfs-cache/store/store.h"

/* Returns the last part of a path, which is what people call a file. */
const char *source_base_name(const char *path);

int source_tarball(struct cache *cache, const struct cache_source *source,
                   char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* The same of an open file: source->tar is for messages. */
int source_open_tar(struct cache *cache, const struct cache_source *source, int fd,
                    const char *kind, char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);
int source_directory(struct cache *cache, const struct cache_source *source,
                     char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* An empty directory; `source` may be NULL. */
int source_scratch(struct cache *cache, const struct cache_source *source,
                   char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* All layers of an image, top first, and its configuration. CACHE_ROOT_GONE: somebody removed one
 * meanwhile; begin again. */
int source_oci(struct cache *cache, const struct cache_source *source, struct cache_root *root,
               struct cupel_error *err);
/* Which of an image's layers the store has, by their chain ids; they are in *ret_pins and stay
 * until it is released. */
struct image;
int source_oci_have(struct cache *cache, const struct image *image, bool *ret_have,
                    struct cache_root *ret_pins, struct cupel_error *err);
int source_image(struct cache *cache, const struct cache_source *source, struct cache_root *root,
                 struct cupel_error *err);
int source_debian(struct cache *cache, const struct cache_source *source,
                  char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* What is installed in such a layer. */
struct packages;
int source_debian_installed(const struct cache *cache, const char *key, struct packages *ret);
/* The mask over the host's own root. */
int source_host(struct cache *cache, const struct cache_source *source,
                char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* The same over the directory `host`, which tests make. */
int source_host_mask(struct cache *cache, int host, char ret_key[CACHE_KEY_LEN + 1],
                     struct cupel_error *err);

/* What the host's apt says, for the bootstrap: a deb822 text of the stanzas that offer `suite`
 * (empty when none does), and configuration lines (proxies, certificates, date checks). Reads
 * beneath `etc_apt`. */
int apt_sources(int etc_apt, const char *suite, struct strbuf *sources);
int apt_settings(struct strbuf *settings);
