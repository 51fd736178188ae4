/* SPDX-License-Identifier: Apache-2.0 */
/* job_mounts: a job's `mounts`. An empty tmpfs is a mount of its own in the model; what is of the
 * host is an input that the job may not write, and has all that holds for one. Not responsible for
 * mounting either. */
#include "jobs/load.h"

#include <string.h>

struct mount_draft {
    struct jobs_tmpfs tmpfs; /* first: the table's offsets count from here */
    struct jobs_host_path host;
    const struct node *from;
};

void key_set_mount_from(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    struct mount_draft *m = object;

    if (value_named_path(l, value, k->name, &m->host))
        m->from = value;
}

void key_set_mount_mode(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    size_t only;

    (void)object;
    (void)value_choice(l, value, k, &only);
}

static bool is_taken(const struct draft *d, const char *to)
{
    for (size_t i = 0; i < d->job.n_inputs; i++)
        if (d->job.inputs[i].to != NULL && str_eq(d->job.inputs[i].to, to))
            return true;
    for (size_t i = 0; i < d->job.n_tmpfs; i++)
        if (str_eq(d->job.tmpfs[i].to, to))
            return true;
    return false;
}

static void add_input(struct loader *l, struct draft *d, const struct node *n,
                      struct mount_draft *m)
{
    m->host.to_follow = "name it under `inputs` and say `untrusted: false`";
    if (m->from == NULL || !value_host_path_exists(l, m->from, "from", true, &m->host))
        return;
    d->job.inputs[d->job.n_inputs++] =
        (struct jobs_input){.host = m->host,
                            .from = m->host.path,
                            .to = m->tmpfs.to,
                            .mode = JOBS_INPUT_RO,
                            .line = source_line_of(&l->source, n->place)};
}

static void mount_read(struct loader *l, struct draft *d, const struct node *n)
{
    struct mount_draft m = {.from = NULL};
    bool of_host, empty;

    if (!keys_apply(l, &keys_mount, n, &m)) {
        (void)value_unexpected(l, n, "mounts", "a list of maps such as {to: /scratch, tmpfs: 1G}");
        return;
    }
    of_host = node_child(n, "from") != NULL;
    empty = node_child(n, "tmpfs") != NULL;
    refuse_both(l, n, "from", "tmpfs");
    refuse_both(l, n, "mode", "tmpfs");
    if (!of_host && !empty)
        problem_at(l, n, "a mount needs 'tmpfs' or 'from'");
    if (m.tmpfs.to == NULL || of_host == empty)
        return;
    if (input_belongs_to_sandbox(m.tmpfs.to) || str_eq(m.tmpfs.to, "/etc") ||
        path_lies_in(m.tmpfs.to, SECRETS_DIR))
        problem_at(l, n, "a mount cannot be placed at %s, which belongs to the sandbox",
                   m.tmpfs.to);
    else if (is_taken(d, m.tmpfs.to))
        problem_at(l, n, "something else is placed at %s already", m.tmpfs.to);
    else if (of_host)
        add_input(l, d, n, &m);
    else if (d->job.n_tmpfs == JOBS_TMPFS_MAX)
        problem_at(l, n, "a job has at most %d mounts of 'tmpfs'", JOBS_TMPFS_MAX);
    else
        d->job.tmpfs[d->job.n_tmpfs++] = m.tmpfs;
}

void mounts_read(struct loader *l, struct draft *d)
{
    const struct node *value = d->mounts;
    size_t n = items_count(value);
    struct jobs_input *inputs;

    d->job.n_tmpfs = 0;
    if (n + d->job.n_inputs > LOAD_ITEMS_MAX) {
        problem_at(l, value, "'mounts' and 'inputs' have more than %d entries", LOAD_ITEMS_MAX);
        return;
    }
    if (!budget_charge(l, value, 4 * (n + d->job.n_inputs)))
        return;
    inputs = arena_alloc(l->plan->arena, (n + d->job.n_inputs) * sizeof(*inputs));
    if (d->job.n_inputs > 0)
        memcpy(inputs, d->job.inputs, d->job.n_inputs * sizeof(*inputs));
    d->job.inputs = inputs;
    d->job.tmpfs = arena_alloc(l->plan->arena, JOBS_TMPFS_MAX * sizeof(*d->job.tmpfs));
    l->workdir = d->job.workdir;
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        mount_read(l, d, item);
    l->workdir = NULL;
}

static bool lies_in_tmpfs(const struct jobs_job *job, const char *path, const char **ret_to)
{
    for (size_t i = 0; i < job->n_tmpfs; i++)
        if (path_lies_in(path, job->tmpfs[i].to)) {
            *ret_to = job->tmpfs[i].to;
            return true;
        }
    return false;
}

/* Checks a path of a file that is to be there when the job has ended. */
static void mounts_check_left(struct loader *l, const struct draft *d, const char *key,
                              const char *left)
{
    cleanup_free char *path =
        left[0] == '/' ? xstrdup(left) : xasprintf("%s/%s", d->job.workdir, left);
    const char *to;

    if (lies_in_tmpfs(&d->job, path, &to))
        problem_at(l, d->mounts, "'%s' has %s, but the tmpfs at %s goes with the job", key, left,
                   to);
}

void mounts_check(struct loader *l, const struct draft *d)
{
    const char *const *pattern = (const char *const *)d->job.artifacts.paths.patterns;
    const char *to;

    for (; pattern != NULL && *pattern != NULL; pattern++)
        mounts_check_left(l, d, "artifacts", *pattern);
    for (size_t i = 0; i < d->expect.n_files; i++)
        mounts_check_left(l, d, "files", d->expect.files[i].path);
    if (d->job.output != NULL)
        mounts_check_left(l, d, "output", d->job.output);
    for (size_t i = 0; i < d->job.n_inputs; i++)
        if (d->job.inputs[i].cache > 0 && lies_in_tmpfs(&d->job, d->job.inputs[i].to, &to) &&
            str_eq(d->job.inputs[i].to, to))
            problem_at(l, d->mounts, "the tmpfs at %s is where a cache is", to);
}
