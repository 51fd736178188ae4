/* SPDX-License-Identifier: Apache-2.0 */
/* mounts: private to sandbox; the set-up steps that give PID 1 its file system. */
#pragma once

#include "harness/sandbox/init/init_context.h"

#include <stdbool.h>

setup_fn setup_overlay;
setup_fn setup_input_overlays;
setup_fn setup_kernel_mounts;
setup_fn setup_time; /* time_offset.c */
setup_fn setup_pivot;
setup_fn setup_dev;
setup_fn setup_proc;
setup_fn setup_sys;
setup_fn setup_attach_inputs;
setup_fn setup_secret_files; /* secret_files.c */
setup_fn setup_workdir;
setup_fn setup_loopback;

/* Makes a file system in memory, and attaches it; tmpfs.c */
int tmpfs_attach(struct init_context *ctx, const struct jobs_tmpfs *t);

/* Opens `path` as a directory below the job's root, making what is missing; *ret_made tells whether
 * the last part was made. Links in the root are followed within it, magic links never. */
int mounts_make_dir(struct init_context *ctx, const char *path, bool *ret_made);
