/* SPDX-License-Identifier: Apache-2.0 */
/* from: what a job takes over from the job whose finished file system it starts from: the root
 * under all of it, and the inputs, which are part of what that job saw. Not responsible for the
 * order of the jobs (needs.c), nor for any layer. */
#include "jobs/load.h"

static bool is_at(const struct jobs_input *inputs, size_t n, const char *to, size_t *ret)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(inputs[i].to, to)) {
            *ret = i;
            return true;
        }
    return false;
}

/* A cache is attached after what was taken over, and would hide what lies in it. */
static void check_room(struct loader *l, const struct job_refs *d, const struct jobs_input *cache,
                       const struct jobs_job *base)
{
    size_t length = strlen(cache->to);

    for (size_t i = 0; i < base->n_inputs; i++)
        if (strncmp(base->inputs[i].to, cache->to, length) == 0 &&
            base->inputs[i].to[length] == '/')
            problem_at(l, d->name, "the cache at %s would hide what job '%s' has at %s", cache->to,
                       base->name, base->inputs[i].to);
}

/* What was taken over keeps its index, under which the jobs below have its layer. What the job
 * itself places there takes the place's; what only `defaults` places there does not: all that is
 * wanted then is that every job has it. */
static void take_inputs(struct loader *l, size_t self)
{
    const struct job_refs *d = &l->refs[self];
    struct jobs_job *job = &l->plan->jobs[self];
    const struct jobs_job *base = &l->plan->jobs[job->from];
    struct jobs_input *inputs;
    size_t n = base->n_inputs, at;

    if (job->n_inputs == 0) { /* shared: nothing in it is about who has it */
        job->inputs = base->inputs;
        job->n_inputs = n;
        return;
    }
    if (!budget_charge(l, d->name, 4 * (n + job->n_inputs)))
        return;
    inputs = arena_alloc(l->plan->arena, (n + job->n_inputs) * sizeof(*inputs));
    if (n > 0)
        memcpy(inputs, base->inputs, n * sizeof(*inputs));
    for (size_t i = 0; i < job->n_inputs; i++) {
        struct jobs_input in = job->inputs[i];

        in.depth = job->depth;
        if (!is_at(inputs, base->n_inputs, in.to, &at))
            inputs[n++] = in;
        else if (in.cache > 0 ? d->own_cache : d->own_inputs)
            inputs[at] = in;
        if (in.cache > 0)
            check_room(l, d, &in, base);
    }
    if (n > LOAD_ITEMS_MAX)
        problem_at(l, d->name,
                   "job '%s' has %zu inputs with those of '%s'; at most %d are possible", job->name,
                   n, base->name, LOAD_ITEMS_MAX);
    job->inputs = inputs;
    job->n_inputs = n;
}

static void take_over(struct loader *l, size_t self)
{
    struct jobs_job *job = &l->plan->jobs[self];
    const struct jobs_job *base = &l->plan->jobs[job->from];

    job->root = base->root;
    job->depth = base->depth + 1;
    if (job->depth == JOBS_FROM_DEPTH_MAX + 1)
        problem_at(l, l->refs[self].from,
                   "more than %u jobs start one from another: each is a layer, and overlayfs takes "
                   "no more",
                   JOBS_FROM_DEPTH_MAX);
    take_inputs(l, self);
}

/* The lowest first: down the jobs that are not done yet, then up again. A chain may be as long as
 * the file. */
void from_resolve(struct loader *l)
{
    const struct jobs_plan *plan = l->plan;
    cleanup_free size_t *chain = xcalloc(plan->n_jobs, sizeof(*chain));
    cleanup_free bool *done = xcalloc(plan->n_jobs, sizeof(*done));

    if (!source_is_good(&l->source)) /* there may be cycles, and inputs without a place */
        return;
    for (size_t i = 0; i < plan->n_jobs; i++) {
        size_t n = 0;

        for (size_t at = i; at != JOBS_FROM_NOTHING && !done[at]; at = plan->jobs[at].from) {
            chain[n++] = at;
            done[at] = true;
        }
        while (n-- > 0)
            if (plan->jobs[chain[n]].from != JOBS_FROM_NOTHING)
                take_over(l, chain[n]);
    }
}
