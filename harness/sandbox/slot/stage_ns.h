/* SPDX-License-Identifier: Apache-2.0 */
/* stage_ns: private to sandbox; in and out of the stage, and mounts that may be attached there. */
#pragma once

#include <stdint.h>

struct sandbox_stage;

/* The slot lives in the host's mount namespace, where host paths and store fds mean something, and
 * steps into the stage only to change it or to clone from it. A slot that cannot return ends. */
int stage_enter(struct sandbox_stage *s);
void stage_leave(struct sandbox_stage *s);

/* Makes the caller's mount namespace a new one of nothing but this mount. */
int stage_become_root(int tmpfs);
int stage_make_tmpfs(int *ret_mount);

/* Opens a user namespace that exists only to carry an id mapping for mount_setattr
 * (MOUNT_ATTR_IDMAP): ids on_disk.. of the file system are id_base.. of the mount. */
int stage_open_id_map(uint32_t on_disk, uint32_t id_base, int *ret_fd);

/* Makes a detached clone of what `fd` names (a file or directory), read-only and, where that takes
 * no right that we lack, id-mapped into this stage's range. -EINVAL: without the right, the kernel
 * shows nothing of a directory that has other mounts in it. */
int stage_clone_mapped(const struct sandbox_stage *s, int fd, uint64_t attributes, int *ret_mount);

/* Does the same, by another map (of id_maps_get); nothing is mapped without the right. */
int stage_clone_owned(const struct sandbox_stage *s, int fd, uint64_t attributes, int id_map,
                      int *ret_mount);
