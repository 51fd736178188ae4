/* SPDX-License-Identifier: Apache-2.0 */
/* shape: see shape.h. A new key of a job is of its shape, and compared here, unless it comes with
 * GO (launch.c) or is held by the slot (attempt_limits.c, capture.c, expect.c, artifacts.c). */
#include "harness/attempt/shape.h"

#include "harness/attempt/limits_in_force.h"

#include <string.h>

#define BIT(limit) (1u << JOBS_LIMIT_##limit)
/* Limits that the disk is made with, and RLIMIT_NPROC, which the kernel looks at when the command
 * takes its ids. All others come with GO (launch.c), or are held by the slot. Whether there is one
 * of OF_GROUPS says which groups the command is in. */
#define OF_SHAPE (BIT(DISK) | BIT(INODES) | BIT(PROCESSES))
#define OF_GROUPS (BIT(CPUSET) | BIT(INSTRUCTIONS))

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && str_eq(a, b));
}

static bool same_limits(const struct jobs_limits *a, const struct jobs_limits *b)
{
    uint32_t set = a->set & OF_SHAPE;

    if (((a->set ^ b->set) & (OF_SHAPE | OF_GROUPS)) != 0)
        return false;
    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (((set >> i) & 1u) && a->value[i] != b->value[i])
            return false;
    return true;
}

static bool same_globs(const struct jobs_globs *a, const struct jobs_globs *b)
{
    const char **x = a->patterns, **y = b->patterns;

    if (x == NULL || y == NULL)
        return x == y;
    for (; *x != NULL && *y != NULL; x++, y++)
        if (!str_eq(*x, *y))
            return false;
    return *x == *y;
}

static bool same_inputs(const struct jobs_job *a, const struct jobs_job *b)
{
    if (a->n_inputs != b->n_inputs)
        return false;
    for (size_t i = 0; i < a->n_inputs; i++) {
        const struct jobs_input *x = &a->inputs[i], *y = &b->inputs[i];

        if (x->job != 0 || y->job != 0 || !str_eq(x->from, y->from) || !str_eq(x->to, y->to) ||
            x->mode != y->mode || x->owner != y->owner || x->git != y->git ||
            x->listed != y->listed || x->has_commit_time != y->has_commit_time ||
            x->depth != y->depth || x->host.trusted != y->host.trusted ||
            x->host.untrusted != y->host.untrusted || !same_globs(&x->exclude, &y->exclude) ||
            !same_globs(&x->required, &y->required) || !same_globs(&x->allowed, &y->allowed) ||
            x->max_size != y->max_size)
            return false;
    }
    return true;
}

static bool same_tmpfs(const struct jobs_job *a, const struct jobs_job *b)
{
    if (a->n_tmpfs != b->n_tmpfs)
        return false;
    for (size_t i = 0; i < a->n_tmpfs; i++)
        if (!str_eq(a->tmpfs[i].to, b->tmpfs[i].to) || a->tmpfs[i].size != b->tmpfs[i].size)
            return false;
    return true;
}

static bool says_home(const struct jobs_job *job)
{
    for (const char **entry = job->env; entry != NULL && *entry != NULL; entry++)
        if (str_starts(*entry, "HOME="))
            return true;
    return false;
}

static bool has_stdin(const struct jobs_job *job)
{
    return job->stdin_text != NULL || job->stdin_file.path != NULL;
}

bool shape_is_same(const struct instance *a, const struct instance *b)
{
    const struct jobs_job *x = a->job, *y = b->job;

    return a->root == b->root && jobs_seccomp_equal(&x->seccomp, &y->seccomp) &&
           x->network == y->network && (a->user != NULL) == (b->user != NULL) &&
           same_text(x->user, y->user) && same_text(x->image_user, y->image_user) &&
           same_text(x->workdir, y->workdir) && same_text(x->hostname, y->hostname) &&
           x->devices == y->devices && x->capabilities.given == y->capabilities.given &&
           x->capabilities.set == y->capabilities.set && same_limits(&x->limits, &y->limits) &&
           same_inputs(x, y) && same_tmpfs(x, y) && x->tty == y->tty &&
           x->cgroup_view == y->cgroup_view && x->time_offset_ns == y->time_offset_ns &&
           x->n_steps == y->n_steps && x->goes_on == y->goes_on &&
           same_limits(&x->steps[0].limits, &y->steps[0].limits) && says_home(x) == says_home(y) &&
           has_stdin(x) == has_stdin(y) && jobs_leaves_files(x) == jobs_leaves_files(y) &&
           limits_output_file(x) == limits_output_file(y);
}

/* ---- a mark ---- */

/* FNV-1a, of 64 bits. */
static void mark_bytes(uint64_t *mark, const void *data, size_t n)
{
    for (const unsigned char *p = data; n > 0; p++, n--)
        *mark = (*mark ^ *p) * UINT64_C(1099511628211);
}

static void mark_text(uint64_t *mark, const char *text)
{
    mark_bytes(mark, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 0);
}

static void mark_limits(uint64_t *mark, const struct jobs_limits *l)
{
    const uint32_t set = l->set & (OF_SHAPE | OF_GROUPS);

    mark_bytes(mark, &set, sizeof(set));
    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (((set & OF_SHAPE) >> i) & 1u)
            mark_bytes(mark, &l->value[i], sizeof(l->value[i]));
}

uint64_t shape_mark(const struct instance *in)
{
    const struct jobs_job *job = in->job;
    const uint64_t facts[] = {in->root,
                              job->network,
                              job->devices,
                              job->capabilities.set,
                              job->seccomp.profile,
                              job->n_steps,
                              job->tty,
                              job->cgroup_view,
                              job->goes_on,
                              says_home(job),
                              has_stdin(job),
                              jobs_leaves_files(job),
                              limits_output_file(job)};
    uint64_t mark = UINT64_C(14695981039346656037);

    mark_bytes(&mark, facts, sizeof(facts));
    mark_text(&mark, job->user);
    mark_text(&mark, job->workdir);
    mark_text(&mark, job->hostname);
    mark_limits(&mark, &job->limits);
    mark_limits(&mark, &job->steps[0].limits);
    for (size_t i = 0; i < job->n_inputs; i++) {
        mark_text(&mark, job->inputs[i].from);
        mark_text(&mark, job->inputs[i].to);
        mark_bytes(&mark, &job->inputs[i].mode, sizeof(job->inputs[i].mode));
    }
    for (size_t i = 0; i < job->n_tmpfs; i++) {
        mark_text(&mark, job->tmpfs[i].to);
        mark_bytes(&mark, &job->tmpfs[i].size, sizeof(job->tmpfs[i].size));
    }
    mark_bytes(&mark, &job->time_offset_ns, sizeof(job->time_offset_ns));
    return mark;
}

bool shape_can_wait(const struct instance *in, const char *fixed)
{
    const struct jobs_job *job = in->job;

    for (size_t i = 0; i < job->n_inputs; i++)
        if (!str_starts(job->inputs[i].from, fixed))
            return false;
    return job->n_steps == 1 && !job->goes_on && in->from == INSTANCE_NONE &&
           (job->pass_env == NULL || job->pass_env[0] == NULL) &&
           (job->network == JOBS_NETWORK_NONE || job->network == JOBS_NETWORK_LOOPBACK);
}
