/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_rootfs: private to cli: what the files of `cupel rootfs` share. */
#pragma once

#include "harness/cli/options.h"
#include "rootfs-cache/cache.h"

struct rootfs_arguments {
    const char *output, *tag, *platform;
    int strip;
    struct cache_gc gc;
    uint64_t older_ns;
    bool repair;
    struct cli_words words;
    bool locked, check, allow_host_network;
    struct reports_console *console; /* of a terminal; NULL: none */
    int exit;                        /* when nothing went wrong */
};

/* Actions: 0, or a negative errno and *err. */
int rootfs_build(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err);

int rootfs_list(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err);
int rootfs_show(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err);
int rootfs_remove(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err);

/* Sources are names that others chose: no control byte reaches the terminal. */
void rootfs_print_plain(const char *text);
int rootfs_lock(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err);
