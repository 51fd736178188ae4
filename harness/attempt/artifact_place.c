/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_place: see artifact_place.h. */
#include "harness/attempt/artifact_place.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

void artifact_path_push(struct artifact_path *p, const char *name)
{
    if (p->depth > 0)
        strbuf_adds(&p->text, "/");
    strbuf_adds(&p->text, name);
    p->end[++p->depth] = (uint32_t)p->text.len;
}

void artifact_path_pop(struct artifact_path *p)
{
    p->text.len = p->end[--p->depth];
    p->text.data[p->text.len] = '\0';
}

const char *artifact_path_name(const struct artifact_path *p, size_t i,
                               char buf[static ARTIFACT_NAME_SIZE])
{
    size_t from = p->end[i] + (i > 0), n = p->end[i + 1] - from;

    memcpy(buf, p->text.data + from, n);
    buf[n] = '\0';
    return buf;
}

static int *slot_of(struct artifact_place *p, size_t depth)
{
    return &p->fd[depth % ARTIFACT_PLACE_HELD];
}

/* Takes the descriptor of the next depth; the one that had its place is no longer held. */
static void hold(struct artifact_place *p, size_t depth, int fd)
{
    base_closep(slot_of(p, depth));
    *slot_of(p, depth) = fd;
    p->depth = depth;
    if (p->held < ARTIFACT_PLACE_HELD)
        p->held++;
}

int artifact_place_begin(struct artifact_place *p, int top, int (*open)(int dir, const char *name))
{
    int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *p = (struct artifact_place){.top = top, .open = open};
    for (size_t i = 0; i < ARTIFACT_PLACE_HELD; i++)
        p->fd[i] = -EBADF;
    if (fd < 0)
        return -errno;
    hold(p, 0, fd);
    return 0;
}

void artifact_place_end(struct artifact_place *p)
{
    for (size_t i = 0; i < ARTIFACT_PLACE_HELD; i++)
        base_closep(&p->fd[i]);
    p->held = 0;
}

int artifact_place_fd(const struct artifact_place *p)
{
    return p->fd[p->depth % ARTIFACT_PLACE_HELD];
}

int artifact_place_down(struct artifact_place *p, const char *name)
{
    int fd = p->open(artifact_place_fd(p), name);

    if (fd < 0)
        return fd;
    hold(p, p->depth + 1, fd);
    return 0;
}

/* Opens the way from the top down to `depth` again, and holds the last directories of it. */
static int open_again(struct artifact_place *p, const struct artifact_path *path, size_t depth)
{
    char name[ARTIFACT_NAME_SIZE];
    int r;

    artifact_place_end(p);
    r = artifact_place_begin(p, p->top, p->open);
    while (r == 0 && p->depth < depth)
        r = artifact_place_down(p, artifact_path_name(path, p->depth, name));
    return r;
}

int artifact_place_up(struct artifact_place *p, const struct artifact_path *path)
{
    size_t depth = p->depth - 1;

    base_closep(slot_of(p, p->depth));
    p->held--;
    p->depth = depth;
    return p->held > 0 ? 0 : open_again(p, path, depth);
}

bool artifact_is_kernels(int fd)
{
    static const long magic[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC,
                                 CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC};
    struct statfs fs;

    if (weakened("artifact-links"))
        return false;
    if (fstatfs(fd, &fs) < 0)
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(magic); i++)
        if (fs.f_type == magic[i])
            return true;
    /* what no job wrote: /run/secrets */
    return fs.f_type == TMPFS_MAGIC && (fs.f_flags & ST_RDONLY) && !weakened("secrets");
}
