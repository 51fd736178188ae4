/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_run: the groups of one run: cupel-RUN and `init` in every hierarchy that is used, their
 * making, their end, and the removal of what a dead run left. Jobs are cgroup_job.c's; how v1 and
 * v2 differ is v1.c's and v2.c's. */
#include "harness/cgroup/cgroup_private.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* ---- making ---- */

static int tree_open(struct tree *tree, const struct hierarchy *h, unsigned controllers,
                     const char *name, struct cupel_error *err)
{
    *tree = (struct tree){.ops = h->ops,
                          .controllers = controllers,
                          .move = h->move && (controllers & h->absent) != 0,
                          .own_fd = -EBADF,
                          .run_fd = -EBADF,
                          .devices_enter = -EBADF};
    tree->path = xasprintf("%s/%s", str_eq(h->own, "/") ? "" : h->own, name);
    tree->own_fd = open(h->own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree->own_fd < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open cgroup %s", h->own);
    return 0;
}

static int tree_make(struct tree *tree, const char *name, cgroup_note_fn *note, void *data,
                     struct cupel_error *err)
{
    cleanup_close int lock = sweep_lock(tree->own_fd);
    struct sweep sweep = {.n = 0};
    int r = note != NULL ? note(data, tree->path) : 0;

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot record cgroup %s for recovery",
                               tree->path);
    if (lock >= 0)
        sweep_children(tree->own_fd, &sweep);
    if (mkdirat(tree->own_fd, name, 0755) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make cgroup %s",
                               tree->path);
    tree->made = true;
    tree->run_fd = openat(tree->own_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (tree->run_fd < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open cgroup %s",
                               tree->path);
    sweep_mark(tree->run_fd);
    base_closep(&lock);
    r = tree->ops->prepare(tree, err);
    if (r < 0)
        return r;
    if (mkdirat(tree->run_fd, INIT_LEAF, 0755) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make cgroup %s/%s",
                               tree->path, INIT_LEAF);
    return 0;
}

/* The wall around devices. It is a second one: a host that has no use for our rules after all (an
 * outer container, a program above ours that wants to be alone) costs the wall, not the run, and
 * `cupel doctor` tells. */
static void bound_devices(struct cgroup_run *run)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < run->count; i++) {
        struct tree *tree = &run->tree[i];

        if (!(tree->controllers & CTL_BIT(CTL_DEVICES)))
            continue;
        if (tree->ops->version == 1) {
            r = devices_make_shared(tree, run->devices, run->n_devices);
        } else {
            run->device_program = devices_load(run->devices, run->n_devices);
            r = run->device_program < 0 ? run->device_program
                                        : devices_try(run->device_program, tree, INIT_LEAF);
        }
        if (r < 0) {
            run->device_error = r;
            tree->controllers &= ~CTL_BIT(CTL_DEVICES);
            run->features &= ~(1u << CGROUP_DEVICES);
        }
    }
}

int cgroup_run_bounds_devices(const struct cgroup_run *run, struct cupel_error *err)
{
    if ((run->features >> CGROUP_DEVICES) & 1u)
        return 0;
    return cupel_error_set(err, CUPEL_ERROR_HARNESS,
                           run->device_error != 0 ? run->device_error : EOPNOTSUPP,
                           "the devices of jobs cannot be bounded by cgroup");
}

/* Returns the host's features except those of controllers that this run has no use for. */
static unsigned wanted_features(const struct cgroup_host *host)
{
    unsigned features = host->features;

    if (!(host->wanted & CTL_BIT(CTL_CPUSET)))
        features &= ~(1u << CGROUP_CPUSET);
    if (!(host->wanted & CTL_BIT(CTL_DEVICES)))
        features &= ~(1u << CGROUP_DEVICES);
    if (!(host->wanted & CTL_BIT(CTL_PERF)))
        features &= ~(1u << CGROUP_INSTRUCTIONS);
    return features;
}

int cgroup_run_create(const struct cgroup_host *host, const char *run_id, cgroup_note_fn *note,
                      void *data, struct cgroup_run **ret_run, struct cupel_error *err)
{
    struct cgroup_run *run;
    int r = 0;

    if (run_id[0] == '\0' || strpbrk(run_id, "/\n") != NULL ||
        strlen(run_id) > NAME_MAX - sizeof(RUN_PREFIX))
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EINVAL,
                               "cannot name a cgroup after run '%s'", run_id);
    run = xcalloc(1, sizeof(*run));
    run->name = xasprintf("%s%s", RUN_PREFIX, run_id);
    run->features = wanted_features(host);
    run->host_swaps = host->host_swaps;
    run->device_program = -EBADF;
    run->n_devices = host->n_devices;
    memcpy(run->devices, host->devices, sizeof(run->devices));
    for (size_t i = 0; i < host->count && r == 0; i++) {
        unsigned controllers = host->hierarchy[i].controllers & ~(CTL_ON_DEMAND & ~host->wanted);
        struct tree *tree = &run->tree[run->count];

        if (controllers == 0)
            continue;
        run->count++;
        r = tree_open(tree, &host->hierarchy[i], controllers, run->name, err);
        if (r == 0)
            r = tree_make(tree, run->name, note, data, err);
    }
    if (r < 0) {
        /* the first error is the one to tell; what remains is on record for recovery */
        struct cupel_error ignored;

        cgroup_run_destroy(run, &ignored);
        return r;
    }
    bound_devices(run);
    around_find(run);
    *ret_run = run;
    return 0;
}

/* ---- ending ---- */

void cgroup_run_release(struct cgroup_run *run)
{
    if (run == NULL)
        return;
    for (size_t i = 0; i < run->count; i++) {
        base_closep(&run->tree[i].own_fd);
        base_closep(&run->tree[i].run_fd);
        base_closep(&run->tree[i].devices_enter);
        free(run->tree[i].path);
    }
    base_closep(&run->device_program);
    around_forget(run);
    free(run->name);
    free(run);
}

int cgroup_run_destroy(struct cgroup_run *run, struct cupel_error *err)
{
    struct cupel_error later;
    int first = 0;

    if (run == NULL)
        return 0;
    for (size_t i = 0; i < run->count; i++) {
        struct tree *tree = &run->tree[i];
        struct cupel_error *e = first == 0 ? err : &later;
        int r = 0;

        if (!tree->made)
            continue;
        if (tree->run_fd >= 0)
            r = tree->ops->retire(tree, e);
        if (r == 0) {
            r = group_remove(tree->own_fd, run->name);
            if (r < 0)
                group_remove_error(r, tree->path, e);
        }
        if (r < 0 && first == 0)
            first = r;
    }
    cgroup_run_release(run);
    return first;
}

int cgroup_run_enter_init(struct cgroup_run *run, struct cupel_error *err)
{
    for (size_t i = 0; i < run->count; i++) {
        struct tree *tree = &run->tree[i];
        int r = group_write(tree->run_fd, INIT_LEAF, tree->ops->enter_file, "0");

        if (r < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot move into cgroup %s/%s",
                                   tree->path, INIT_LEAF);
    }
    return 0;
}

/* ---- recovery ---- */

/* Absolute, every component a plain name, and the last or the last but one ours. Sets *ret_last to
 * the last component.
 */
static bool is_recorded_path(const char *path, const char **ret_last)
{
    const char *last = NULL, *before = NULL;

    if (path[0] != '/' || strlen(path) >= PATH_MAX)
        return false;
    for (const char *p = path; *p == '/';) {
        size_t n = strcspn(++p, "/");

        if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        before = last;
        last = p;
        p += n;
    }
    if (!str_starts(last, RUN_PREFIX) && (before == NULL || !str_starts(before, RUN_PREFIX)))
        return false;
    *ret_last = last;
    return true;
}

bool is_cgroup_fd(int fd)
{
    struct statfs fs;

    return fd >= 0 && fstatfs(fd, &fs) == 0 &&
           (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
}

int cgroup_recover(const char *absolute_path, struct cupel_error *err)
{
    cleanup_close int root = -EBADF, parent = -EBADF, group = -EBADF;
    cleanup_free char *above = NULL;
    const char *last;
    int r;

    if (!is_recorded_path(absolute_path, &last))
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EPERM,
                               "will not remove %s: not a cgroup of cupel's", absolute_path);
    above = xstrdup(absolute_path);
    above[last - absolute_path - 1] = '\0';
    root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open /");
    parent = file_open_beneath(root, above[0] != '\0' ? above + 1 : ".", O_RDONLY | O_DIRECTORY, 0);
    if (parent == -ENOENT)
        return 0;
    if (parent < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, parent, "cannot open %s to recover %s",
                               above, absolute_path);
    group = file_open_beneath(parent, last, O_RDONLY | O_DIRECTORY, 0);
    if (group == -ENOENT)
        return 0;
    if (group < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, group, "cannot open %s to recover it",
                               absolute_path);
    /* Both: a group is a child of a group, never a hierarchy's root (a mount point that happens to
     * have our prefix). */
    if (!is_cgroup_fd(parent) || !is_cgroup_fd(group))
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EPERM,
                               "will not remove %s: not in a cgroup file system", absolute_path);
    r = group_remove(parent, last);
    return r < 0 ? group_remove_error(r, absolute_path, err) : 0;
}
