/* SPDX-License-Identifier: Apache-2.0 */
/* excluded: the whiteouts of an input's `exclude` and `git`, in the layer over it that hides the
 * out directory as well (hidden.c). The tree is walked when a job starts, no further than patterns
 * and list lead: a name that comes up later is seen. Whoever filled the tree chose its names and
 * its depth, so nothing is opened by a path or through a link, and what is nested too deep is an
 * error: it would be seen otherwise. In the slot.
 *
 * Not responsible for inputs that are copied: keep_copy.c leaves out the same. */
#include "harness/sandbox/slot/excluded.h"
#include "harness/sandbox/slot/hidden.h"
#include "harness/sandbox/slot/seen.h"
#include "harness/sandbox/slot/stage.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 128

struct excluding {
    struct sandbox_stage *stage;
    size_t input;
    struct seen seen;
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

static int walk(struct excluding *e, struct excluded_place *p, const struct seen_at *at);

static int enter(struct excluding *e, struct excluded_place *p, const struct seen_at *at,
                 const char *name)
{
    struct excluded_place below = {
        .above = p, .name = name, .dir = -EBADF, .layer = -EBADF, .depth = p->depth + 1};
    int r;

    below.dir = open_in(p->dir, name);
    r = below.dir >= 0          ? walk(e, &below, at)
        : below.dir == -ENOTDIR ? 0 /* a file */
        : below.dir == -ELOOP   ? 0 /* a link, which leads to nothing of its own */
        : below.dir == -ENOENT  ? 0 /* no longer */
        : below.dir == -EACCES  ? 0 /* nor may the job */
                                : below.dir;
    base_closep(&below.layer);
    base_closep(&below.dir);
    return r;
}

static bool is_directory(const struct excluded_place *p, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(p->dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int take_entry(struct excluding *e, struct excluded_place *p, const struct seen_at *at,
                      const struct dirent *entry)
{
    struct seen_at below;
    int r = 0;

    switch (seen_look(&e->seen, at, entry->d_name, is_directory(p, entry), &below)) {
    case SEEN_NOT:
        r = whiteout(e, p, entry->d_name);
        break;
    case SEEN_PARTLY:
        r = enter(e, p, &below, entry->d_name);
        break;
    case SEEN_ALL:
        break;
    }
    seen_at_free(&below);
    return r;
}

static int walk(struct excluding *e, struct excluded_place *p, const struct seen_at *at)
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
            r = take_entry(e, p, at, entry);
    if (r == 0 && errno != 0)
        r = -errno;
    (void)closedir(list);
    /* after what was made in it, which changes its times */
    return r == 0 && p->touched ? hidden_be_like(p->layer, p->dir) : r;
}

int excluded_lay_over_input(struct sandbox_stage *s, size_t input, const struct jobs_input *in,
                            int mount, bool *hides)
{
    struct excluding e = {.stage = s, .input = input, .hides = hides};
    struct excluded_place top = {.dir = -EBADF, .layer = -EBADF};
    struct seen_at at;
    int r;

    if (in->git != JOBS_GIT_NOT_ASKED && in->listed == NULL)
        return -ENODATA;
    if (!seen_begin(&e.seen, in))
        return 0;
    seen_at_top(&e.seen, &at);
    top.dir = open_in(mount, ".");
    r = top.dir < 0 ? top.dir : walk(&e, &top, &at);
    base_closep(&top.layer);
    base_closep(&top.dir);
    seen_at_free(&at);
    seen_end(&e.seen);
    return r;
}
