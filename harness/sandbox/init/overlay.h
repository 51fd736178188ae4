/* SPDX-License-Identifier: Apache-2.0 */
/* overlay: private to sandbox; overlays, as detached mounts. */
#pragma once

/* Makes a detached overlay over these layers ("/s/0/u:0:1", top first), writable or not. */
int overlay_make(const char *lowerdir, const char *upperdir, const char *workdir);
int overlay_make_readonly(const char *lowerdir);

/* Sets the options that every overlay of a job's has. */
int overlay_set_common(int fs);
