/* SPDX-License-Identifier: Apache-2.0 */
/* taken: inputs that are another job's files: of whose snapshots they are made; and in which jobs'
 * files somebody may have put what they like. Not responsible for which job is meant (needs.c), nor
 * for any layer (harness/sandbox/slot/taken_layers.c). */
#include "jobs/load.h"

/* ---- for who runs it ---- */

void jobs_taken_find(const struct jobs_job *job, const char *path, struct jobs_taken *ret)
{
    size_t longest = 0;

    *ret = (struct jobs_taken){
        .input = JOBS_NO_INPUT, .snapshots = job->depth + 1, .rest = path + (path[0] == '/')};
    for (size_t i = 0; i < job->n_inputs; i++) {
        const struct jobs_input *in = &job->inputs[i];
        size_t n = strlen(in->to);

        if (n <= longest || !path_lies_in(path, in->to))
            continue;
        longest = n;
        *ret = (struct jobs_taken){.input = i,
                                   .snapshots =
                                       in->mode == JOBS_INPUT_RO ? 0 : job->depth - in->depth + 1,
                                   .rest = path + n + (path[n] == '/')};
    }
}

struct reads {
    const struct jobs_plan *plan;
    size_t *list, n;
};

static void reads_add(struct reads *r, size_t job, unsigned how_many)
{
    for (; how_many > 0 && job != JOBS_FROM_NOTHING; job = r->plan->jobs[job].from, how_many--) {
        bool has = false;

        for (size_t i = 0; i < r->n && i < JOBS_READS_MAX; i++)
            has |= r->list[i] == job;
        if (has)
            continue;
        if (r->n < JOBS_READS_MAX)
            r->list[r->n] = job;
        r->n += r->n <= JOBS_READS_MAX;
    }
}

/* Adds those of which this input is made. What lies in an input of that job's is in part what that
 * one took of others. */
static void reads_of_input(struct reads *r, const struct jobs_input *in)
{
    unsigned steps = 0; /* bounded as well, since each costs the sandbox a look */

    while (in->job > 0 && r->n <= JOBS_READS_MAX) {
        const struct jobs_job *job = &r->plan->jobs[in->job - 1];
        struct jobs_taken taken;

        jobs_taken_find(job, in->from, &taken);
        reads_add(r, in->job - 1, taken.snapshots);
        if (taken.input == JOBS_NO_INPUT)
            return;
        if (++steps > JOBS_READS_MAX)
            r->n = JOBS_READS_MAX + 1;
        /* a single file that the job could write lies beside its inputs */
        if (taken.rest[0] == '\0' && job->inputs[taken.input].mode != JOBS_INPUT_RO)
            reads_add(r, in->job - 1, job->depth + 1);
        in = &job->inputs[taken.input];
    }
}

size_t jobs_reads(const struct jobs_plan *plan, size_t job, size_t ret[static JOBS_READS_MAX])
{
    struct reads r = {.plan = plan, .list = ret};
    const struct jobs_job *of = &plan->jobs[job];

    reads_add(&r, of->from, of->depth);
    for (size_t i = 0; i < of->n_inputs; i++)
        reads_of_input(&r, &of->inputs[i]);
    return r.n;
}

/* ---- when it is loaded ---- */

static bool lies_below(const char *path, const char *dir)
{
    return path_lies_in(path, dir) && !str_eq(path, dir);
}

/* Says what of the job's is not to be had at this path, or NULL. */
static const char *why_not(struct loader *l, const struct jobs_job *job, const char *path)
{
    const struct jobs_input *in;
    struct jobs_taken taken;

    for (size_t i = 0; i < job->n_inputs; i++)
        if (lies_below(job->inputs[i].to, path))
            return arena_printf(l->tree, "has an input at %s: take what is beside it, or in it",
                                job->inputs[i].to);
    for (size_t i = 0; i < job->n_tmpfs; i++)
        if (path_lies_in(job->tmpfs[i].to, path) || path_lies_in(path, job->tmpfs[i].to))
            return arena_printf(l->tree, "has memory at %s, which goes when it has ended",
                                job->tmpfs[i].to);
    jobs_taken_find(job, path, &taken);
    if (taken.input == JOBS_NO_INPUT)
        return NULL;
    in = &job->inputs[taken.input];
    if (in->cache > 0)
        return arena_printf(l->tree, "has a cache at %s, which is no file of its own", in->to);
    if (in->exclude.patterns != NULL && in->mode != JOBS_INPUT_COPY)
        return arena_printf(l->tree, "has an input with 'exclude' at %s", in->to);
    return NULL;
}

static void check_taken(struct loader *l, size_t self)
{
    const struct job_refs *d = &l->refs[self];
    const struct jobs_job *job = &l->plan->jobs[self];
    size_t reads[JOBS_READS_MAX];

    for (const struct node *item = items_first(d->inputs); item != NULL;
         item = items_next(d->inputs, item)) {
        size_t at = input_of_item(l->tree, job, item);
        const struct jobs_job *of = at != JOBS_NO_INPUT && job->inputs[at].job > 0
                                        ? &l->plan->jobs[job->inputs[at].job - 1]
                                        : NULL;
        const char *why = of != NULL ? why_not(l, of, job->inputs[at].from) : NULL;

        if (why != NULL)
            problem_at(l, node_child(item, "from"), "'%s' cannot be taken: job '%s' %s",
                       job->inputs[at].from, of->name, why);
    }
    if (jobs_reads(l->plan, self, reads) > JOBS_READS_MAX)
        problem_at(l, d->inputs, "job '%s' is made of the files of more than %d jobs", job->name,
                   JOBS_READS_MAX);
}

static bool has_untrusted(const struct jobs_job *job)
{
    bool is = job->stdin_file.path != NULL && job->stdin_file.untrusted;

    for (size_t i = 0; i < job->n_inputs; i++)
        is |= job->inputs[i].host.untrusted;
    for (size_t i = 0; i < jobs_services_count(job); i++)
        is |= has_untrusted(job->services->list[i].job);
    return is;
}

/* Marks the job where what it works on or starts from is others'. */
static void distrust(const struct jobs_plan *plan, struct jobs_job *job)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        if (job->inputs[i].job > 0)
            job->inputs[i].host.untrusted = plan->jobs[job->inputs[i].job - 1].untrusted;
    job->untrusted |=
        has_untrusted(job) || (job->from != JOBS_FROM_NOTHING && plan->jobs[job->from].untrusted);
}

/* What is on the same bridge is as close to a job as its services. Returns whether any bridge was
 * trusted until now, and is not any more. */
static bool distrust_bridges(const struct jobs_plan *plan)
{
    bool any = false;

    for (size_t i = 0; i < plan->n_bridges; i++) {
        const struct jobs_bridge *b = &plan->bridges[i];
        size_t n = 0;

        for (size_t k = 0; k < b->n_members; k++)
            n += plan->jobs[b->members[k]].untrusted;
        for (size_t k = 0; n > 0 && k < b->n_members; k++)
            plan->jobs[b->members[k]].untrusted = true;
        any |= n > 0 && n < b->n_members;
    }
    return any;
}

/* What a job left who worked on what others had chosen is theirs, and what others make of it. Jobs
 * on a bridge need not stand together in the order; there are few bridges. */
static void spread_distrust(struct loader *l)
{
    const struct jobs_plan *plan = l->plan;
    cleanup_free size_t *order = xcalloc(plan->n_jobs, sizeof(*order));

    jobs_order(plan, order);
    do {
        for (size_t k = 0; k < plan->n_jobs; k++)
            distrust(plan, &plan->jobs[order[k]]);
    } while (distrust_bridges(plan));
}

void taken_resolve(struct loader *l)
{
    bool any = false;

    if (!source_is_good(&l->source)) /* there may be cycles */
        return;
    for (size_t i = 0; i < l->plan->n_jobs; i++) {
        if (l->refs[i].takes_files)
            check_taken(l, i);
        any |= has_untrusted(&l->plan->jobs[i]);
    }
    if (any)
        spread_distrust(l);
}
