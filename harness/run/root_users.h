/* SPDX-License-Identifier: Apache-2.0 */
/* root_users: who uses a root of the store, or needs it to stay: a run that lives, a session,
 * another process, a kept failure. For people: what protects a layer are its pin and the kept
 * failure's list, not what is said here. */
#pragma once

#include "rootfs-cache/cache.h"

struct root_user {
    char *keys; /* of the root's layers, top first (cache_root_keys) */
    char *run;  /* its name, or NULL: no run, but a process */
    char *jobs; /* over this root, "a, b and 3 more"; NULL: unknown */
    pid_t pid;  /* of the supervisor or the process; 0: unknown, or a kept failure's */
    bool kept;  /* what is kept of a failed job, `jobs` */
};

/* Everybody: runs by their locks, kept failures by their records. */
int root_users_list(struct cache *cache, struct root_user **ret_list, size_t *ret_n,
                    struct cupel_error *err);
void root_users_free(struct root_user *list, size_t n);
/* Whether this one has the layer `key`. */
bool root_user_has(const struct root_user *user, const char *key);
/* "run R (pid 12), jobs a, b", "what is kept of job J of run R", "process 12"; malloc'ed. */
char *root_user_text(const struct root_user *user);
