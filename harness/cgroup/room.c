/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/room: how much memory the jobs of a run could have at this moment: what is left in the
 * groups around them, and what they hold of it already. Not responsible for who is admitted
 * (attempt/goods.c). Documents: cgroup-v2.rst (memory.stat), cgroup-v1/memory.rst (5.2 stat file).
 */
#include "harness/cgroup/cgroup_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define STAT_MAX 8192

/* The files of each version; of its statistics, those of a group with all below it. */
static const struct memory_files {
    const char *usage, *limit, *cache[2];
} file_table[] = {
    {"memory.usage_in_bytes",
     "memory.limit_in_bytes",
     {"total_inactive_file", "total_active_file"}},
    {"memory.current", "memory.max", {"inactive_file", "active_file"}},
};

static const struct memory_files *files_of(const struct hierarchy_ops *ops)
{
    return &file_table[ops->version == 2];
}

/* Returns what a group holds that the kernel cannot simply drop; 0 where that is not told. */
static uint64_t held_by(const struct memory_files *f, int dirfd, const char *group)
{
    uint64_t used = group_read_limit(dirfd, group, f->usage), part;
    char stat[STAT_MAX];

    if (used == UINT64_MAX || group_read(dirfd, group, "memory.stat", stat, sizeof(stat)) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(f->cache); i++)
        if (text_number(stat, f->cache[i], &part))
            used -= part < used ? part : used;
    return used;
}

/* Returns what jobs with a limit hold together. Others count as nothing when they are admitted, so
 * what they hold is not theirs to have again. */
static uint64_t held_by_jobs(const struct tree *tree)
{
    const struct memory_files *f = files_of(tree->ops);
    int fd = openat(tree->run_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    uint64_t sum = 0;

    if (list == NULL) {
        base_closep(&fd);
        return 0;
    }
    for (const struct dirent *e; (e = readdir(list)) != NULL;)
        if (e->d_name[0] == 'j' && group_read_limit(fd, e->d_name, f->limit) != UINT64_MAX)
            sum += held_by(f, fd, e->d_name);
    (void)closedir(list);
    return sum;
}

uint64_t cgroup_run_memory_room(const struct cgroup_run *run, uint64_t machine)
{
    const struct tree *tree = run != NULL ? memory_tree(run) : NULL;
    uint64_t left = machine, ours;

    for (size_t i = 0; run != NULL && i < run->n_around; i++) {
        const struct around_group *g = &run->around[i];
        uint64_t limit = g->limit[CGROUP_AROUND_MEMORY], held;

        if (limit == UINT64_MAX)
            continue;
        held = held_by(files_of(g->ops), g->fd, NULL);
        left = limit - (held < limit ? held : limit) < left ? limit - (held < limit ? held : limit)
                                                            : left;
    }
    ours = tree != NULL && left != UINT64_MAX ? held_by_jobs(tree) : 0;
    return __builtin_add_overflow(left, ours, &left) ? UINT64_MAX : left;
}
