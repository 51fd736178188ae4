/* sources: private to rootfs-cache. One function a kind of source; each leaves its layers in *root. */
#pragma once

#include "rootfs-cache/store.h"

int source_tar(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress, void *data,
               char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);
int source_debian(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress, void *data,
                  char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* The mask over the directory `host` ("/" but for tests). */
int source_mask(struct cache *cache, int host, cache_progress_fn *progress, void *data, char ret_key[CACHE_KEY_LEN + 1],
                struct cupel_error *err);

/* What the host's apt says, for the bootstrap: a deb822 text of the stanzas that offer `suite` (empty when none does),
 * and configuration lines (proxies, certificates, date checks). Reads beneath `etc_apt`. */
int apt_sources(int etc_apt, const char *suite, struct strbuf *sources);
int apt_settings(struct strbuf *settings);
