/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_place: private to attempt: a directory somewhere below another, reached step by step, by
 * descriptor. Holds a handful of descriptors however deep it is; a way up that is longer is opened
 * again from the top. */
#pragma once

#include "base/base.h"

#define ARTIFACT_DEPTH_MAX 256
#define ARTIFACT_PLACE_HELD 16

/* The names from the top to a directory, joined by slashes. */
struct artifact_path {
    struct strbuf text;
    size_t depth;
    uint32_t end[ARTIFACT_DEPTH_MAX + 1]; /* of the first so many names, in the text */
};
void artifact_path_push(struct artifact_path *p, const char *name);
void artifact_path_pop(struct artifact_path *p);
#define ARTIFACT_NAME_SIZE 256
/* The name that leads from depth i to i + 1. */
const char *artifact_path_name(const struct artifact_path *p, size_t i,
                               char buf[static ARTIFACT_NAME_SIZE]);

struct artifact_place {
    int top;                                /* borrowed */
    int (*open)(int dir, const char *name); /* one step: fd or -errno */
    size_t depth;
    /* how many descriptors of the way are open, this one's included */
    size_t held;
    int fd[ARTIFACT_PLACE_HELD]; /* of depth d at d % ARTIFACT_PLACE_HELD */
};
int artifact_place_begin(struct artifact_place *p, int top, int (*open)(int dir, const char *name));
void artifact_place_end(struct artifact_place *p);
int artifact_place_fd(const struct artifact_place *p);
int artifact_place_down(struct artifact_place *p, const char *name);
/* One up; `path` leads to where it is now, or further. */
int artifact_place_up(struct artifact_place *p, const struct artifact_path *path);

/* Whether it lies on a file system of the kernel's own, which shows the host, and to the harness
 * more than to the job. */
bool artifact_is_kernels(int fd);
