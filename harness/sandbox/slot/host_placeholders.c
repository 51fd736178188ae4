/* SPDX-License-Identifier: Apache-2.0 */
/* host_placeholders: room for a job's inputs and tmpfs in the directories of the host that
 * hostroot.c shows read-only. Nothing can be made in those, but an overlay may have one more layer
 * on top: a tree on the job's own disk that has just what is missing, and this job sees that
 * overlay instead of the slot's. */
#include "harness/sandbox/slot/host_placeholders.h"
#include "harness/sandbox/init/copy_data.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/upper.h"

#include "base/base.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

struct placer {
    const struct sandbox_stage *stage;
    const struct host_views *views;
    struct init_context *ctx;
    const char *job_dir;
};

/* Where `path` of the job leads to, seen from the host's "/": the part that is there, as it is
 * without links, and the rest. */
static char *real_path(const char *path)
{
    cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *there = xstrdup(path);

    for (;;) {
        cleanup_close int fd = file_open_in_root(root, there[0] != '\0' ? there : "/", O_PATH, 0);
        char proc[64], real[PATH_MAX];
        ssize_t n;

        if (fd >= 0) {
            (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
            n = readlink(proc, real, sizeof(real) - 1);
            if (n <= 0)
                return NULL;
            real[n] = '\0';
            return xasprintf("%s%s", str_eq(real, "/") ? "" : real, path + strlen(there));
        }
        if (there[0] == '\0')
            return NULL;
        *strrchr(there, '/') = '\0';
    }
}

/* The view that it is in: index, or -1; *ret_rest is the path in it. */
static int view_of(const struct host_views *views, const char *path, const char **ret_rest)
{
    for (size_t i = 0; i < views->n; i++) {
        size_t n = strlen(views->path[i]);

        if (strncmp(path, views->path[i], n) == 0 && path[n] == '/' && path[n + 1] != '\0') {
            *ret_rest = path + n + 1;
            return (int)i;
        }
    }
    return -1;
}

/* Opens the tree of a view, and once a view lists the overlay's layers with that on top. */
static int open_tree_of(struct placer *p, size_t view)
{
    cleanup_free char *name = xasprintf("%s/v%zu", p->job_dir, view);

    if (p->ctx->given.view_lowers[view] == NULL)
        p->ctx->given.view_lowers[view] = xasprintf("/upper/%s:%s", name, p->views->lowers[view]);
    return file_open_dir_p_at(upper_fd(p->stage->upper), name, 0755);
}

static int place_directory(int tree, const char *rest)
{
    return file_mkdir_p_at(tree, rest, 0755);
}

static int place_file(int tree, const char *rest, struct init_input *in)
{
    cleanup_free char *parent = xstrdup(rest);
    char *slash = strrchr(parent, '/');
    cleanup_close int to = -EBADF;
    int r = 0;

    if (slash != NULL) {
        *slash = '\0';
        r = file_mkdir_p_at(tree, parent, 0755);
    }
    if (r < 0)
        return r;
    to = openat(tree, rest, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (to < 0)
        return -errno;
    if (!in->cow)
        return 0; /* the file itself is attached to this one */
    r = copy_data_of(in->file, to);
    if (r < 0)
        return r;
    if (fchown(to, in->uid, in->gid) < 0 || fchmod(to, in->mode) < 0)
        return -errno;
    in->placed = true;
    return 0;
}

static int place(struct placer *p, const char *path, struct init_input *in)
{
    cleanup_free char *real = real_path(path);
    cleanup_close int tree = -EBADF;
    const char *rest;
    int view = real != NULL ? view_of(p->views, real + 1, &rest) : -1;

    if (view < 0)
        return 0; /* the job can make that itself */
    tree = open_tree_of(p, (size_t)view);
    if (tree < 0)
        return tree;
    return in == NULL || in->directory ? place_directory(tree, rest) : place_file(tree, rest, in);
}

int place_inputs(struct sandbox_stage *s, const struct jobs_job *job, const char *job_dir,
                 struct init_context *ctx, const char **ret_path)
{
    struct placer p = {.stage = s, .views = ctx->given.views, .ctx = ctx, .job_dir = job_dir};
    int r = 0;

    for (size_t i = 0; ctx->given.views != NULL && r == 0 && i < ctx->given.n_inputs; i++) {
        *ret_path = ctx->given.inputs[i].to;
        r = place(&p, ctx->given.inputs[i].to, &ctx->given.inputs[i]);
    }
    for (size_t i = 0; ctx->given.views != NULL && r == 0 && i < job->n_tmpfs; i++) {
        *ret_path = job->tmpfs[i].to;
        r = place(&p, job->tmpfs[i].to, NULL);
    }
    if (ctx->given.views != NULL && r == 0) {
        *ret_path = job->workdir;
        r = place(&p, job->workdir, NULL);
    }
    return r;
}
