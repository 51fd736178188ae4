/* SPDX-License-Identifier: Apache-2.0 */
/* mount: private to sandbox; the kernel's mount API (fsopen(2), open_tree(2), move_mount(2)) as
 * calls that return a descriptor or a negative errno. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>

struct mount_option {
    const char *key;
    const char *value; /* NULL: a flag */
};

/* Makes a file system of this type: a detached mount with these attributes (MOUNT_ATTR_...), or a
 * negative errno. */
int mount_make(const char *type, const struct mount_option *options, size_t n, unsigned attributes);
/* Does the same one by one, for who has more to say of the options or of what failed: begins,
 * sets an option (NULL: a flag), creates the file system, and makes a detached mount of it. */
int mount_begin(const char *type);
int mount_set(int fs, const char *key, const char *value);
int mount_create(int fs);
int mount_finish(int fs, unsigned attributes);
/* Sets other options of the mounted file system that `fd` is the root of. */
int mount_reconfigure(int fd, const struct mount_option *options, size_t n);

/* Clones the mount of `path`, as a detached one. Flags are open_tree(2)'s, such as AT_EMPTY_PATH;
 * without AT_SYMLINK_NOFOLLOW, a link that `path` ends in is followed. */
int mount_clone(int dir, const char *path, unsigned flags);
/* Clones what is open as `fd`. */
int mount_clone_fd(int fd);
/* Changes a detached mount, with nothing below it. */
int mount_change(int mount, const struct mount_attr *attr);

/* Attaches a detached mount: over the path `path`, seen from the directory `dir` where there is
 * one; or over what is open as `target`. */
int mount_attach(int mount, const char *path);
int mount_attach_at(int mount, int dir, const char *path);
int mount_attach_to(int mount, int target);
