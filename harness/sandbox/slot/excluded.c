/* SPDX-License-Identifier: Apache-2.0 */
/* excluded: the whiteouts of an input's `exclude`, in the layer over it that hides the out
 * directory as well (hidden.c). The tree is walked when a job starts, no further than patterns
 * lead: a name that comes up later is seen. Whoever filled the tree chose its names and its depth,
 * so nothing is opened by a path or through a link, and what is nested too deep is an error: it
 * would be seen otherwise. In the slot.
 *
 * Not responsible for inputs that are copied: keep_copy.c leaves out the same. */
#include "harness/sandbox/slot/excluded.h"
#include "harness/sandbox/slot/hidden.h"
#include "harness/sandbox/slot/stage.h"

#include "base/patterns.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define DEPTH_MAX 128

struct excluding {
    struct sandbox_stage *stage;
    size_t input;
    struct patterns *patterns;
    bool *hides;
};

/* A directory on the way, and its counterpart in the layer, which is made when it is needed. */
struct excluded_place {
    struct excluded_place *above; /* NULL: the input itself */
    const char *name;
    int dir, layer;
    bool touched; /* in the layer: it has to be made like `dir` again */
    unsigned depth;
};

static int open_in(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* Returns the layer's directory for this place. */
static int layer_of(struct excluding *e, struct excluded_place *p)
{
    int above;

    p->touched = true;
    if (p->layer >= 0)
        return p->layer;
    if (p->above == NULL) {
        p->layer = hidden_open_layer(e->stage, e->input, *e->hides);
        *e->hides |= p->layer >= 0;
        return p->layer;
    }
    above = layer_of(e, p->above);
    if (above < 0)
        return above;
    if (mkdirat(above, p->name, 0700) < 0 && errno != EEXIST)
        return -errno;
    p->layer = open_in(above, p->name);
    return p->layer;
}

static int whiteout(struct excluding *e, struct excluded_place *p, const char *name)
{
    int layer = layer_of(e, p), r;

    if (layer < 0)
        return layer;
    if (mknodat(layer, name, S_IFCHR, 0) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    r = file_remove_tree_at(layer, name); /* the way to the out directory, which goes with it */
    return r < 0 ? r : mknodat(layer, name, S_IFCHR, 0) < 0 ? -errno : 0;
}

static int walk(struct excluding *e, struct excluded_place *p, const struct pattern_states *states);

static int enter(struct excluding *e, struct excluded_place *p, const struct pattern_states *states,
                 const char *name)
{
    struct excluded_place below = {
        .above = p, .name = name, .dir = -EBADF, .layer = -EBADF, .depth = p->depth + 1};
    struct pattern_states next;
    int r;

    if (!patterns_enter(e->patterns, states, name, &next))
        return 0;
    below.dir = open_in(p->dir, name);
    r = below.dir >= 0          ? walk(e, &below, &next)
        : below.dir == -ENOTDIR ? 0 /* a file */
        : below.dir == -ELOOP   ? 0 /* a link, which leads to nothing of its own */
        : below.dir == -ENOENT  ? 0 /* no longer */
        : below.dir == -EACCES  ? 0 /* nor may the job */
                                : below.dir;
    base_closep(&below.layer);
    base_closep(&below.dir);
    pattern_states_free(&next);
    return r;
}

static int walk(struct excluding *e, struct excluded_place *p, const struct pattern_states *states)
{
    int fd = p->depth == DEPTH_MAX ? -ELOOP : open_in(p->dir, "."), r = 0;
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (list == NULL) {
        r = fd < 0 ? fd : -errno;
        base_closep(&fd);
        return r;
    }
    while (r == 0 && (errno = 0, entry = readdir(list)) != NULL)
        if (!file_is_dot(entry->d_name))
            r = patterns_match(e->patterns, states, entry->d_name, false)
                    ? whiteout(e, p, entry->d_name)
                    : enter(e, p, states, entry->d_name);
    if (r == 0 && errno != 0)
        r = -errno;
    (void)closedir(list);
    /* after what was made in it, which changes its times */
    return r == 0 && p->touched ? hidden_be_like(p->layer, p->dir) : r;
}

int excluded_lay_over_input(struct sandbox_stage *s, size_t input, const struct jobs_globs *exclude,
                            int mount, bool *hides)
{
    struct excluding e = {.stage = s, .input = input, .hides = hides};
    struct excluded_place top = {.dir = -EBADF, .layer = -EBADF};
    struct pattern_states states;
    int r;

    if (exclude->patterns == NULL)
        return 0;
    top.dir = open_in(mount, ".");
    if (top.dir < 0)
        return top.dir;
    e.patterns = patterns_new(exclude->patterns, "/");
    patterns_begin(e.patterns, &states);
    r = walk(&e, &top, &states);
    base_closep(&top.layer);
    base_closep(&top.dir);
    pattern_states_free(&states);
    patterns_free(e.patterns);
    return r;
}
