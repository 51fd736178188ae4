/* SPDX-License-Identifier: Apache-2.0 */
/* config: private to rootfs-cache. What an image wants its processes to be like, from and to JSON,
 * in the words of the OCI image specification (config.md: "Env", "User", "WorkingDir",
 * "Entrypoint", "Cmd"). */
#pragma once

#include "rootfs-cache/cache.h"

#include <jansson.h>

/* NULL and *ret, or what is wrong with it (malloc'ed). `config` may be NULL: then it wants nothing.
 */
char *config_read(const json_t *config, struct strbuf *notes, struct cache_config **ret);
/* A new reference; NULL for NULL. */
json_t *config_json(const struct cache_config *config);
#define CONFIG_LIST_MAX 10000 /* of each list: far above any real one */
/* A word that goes into a path or a message: one line, not too long. */
bool config_is_plain(const char *text);
/* NAME=VALUE. */
bool config_is_env(const char *entry);
