/* SPDX-License-Identifier: Apache-2.0 */
/* schedule_make: see schedule_make.h. */
#include "harness/supervisor/schedule_make.h"

#include "harness/run/instances.h"
#include "harness/supervisor/shuffle.h"

#include <string.h>

/* Adds the jobs of each bridge as a group, since they start together. */
static void add_groups(struct schedule *schedule, const struct jobs_plan *plan,
                       const size_t *instance_of)
{
    for (size_t i = 0; i < plan->n_bridges; i++) {
        const struct jobs_bridge *b = &plan->bridges[i];
        size_t group[JOBS_BRIDGE_MEMBERS_MAX], n = 0;

        for (size_t k = 0; k < b->n_members; k++)
            if (instance_of[b->members[k]] != INSTANCE_NONE)
                group[n++] = instance_of[b->members[k]];
        if (n > 0)
            schedule_add_group(schedule, group, n);
    }
}

/* Adds the instances of each job with a matrix as a pool, where the job says so. */
static void add_pools(struct schedule *schedule, const struct jobs_plan *plan,
                      const size_t *instance_of)
{
    for (size_t i = 0; i < plan->n_groups; i++) {
        const struct jobs_group *g = &plan->groups[i];
        const struct jobs_job *job = &plan->jobs[g->first];
        cleanup_free size_t *pool = NULL;
        size_t n = 0;

        if (g->n == 0 || (job->max_parallel == 0 && !job->fail_fast))
            continue;
        pool = xcalloc(g->n, sizeof(*pool));
        for (size_t k = 0; k < g->n; k++)
            if (instance_of[g->first + k] != INSTANCE_NONE)
                pool[n++] = instance_of[g->first + k];
        if (n > 0)
            schedule_add_pool(schedule, pool, n, job->max_parallel, job->fail_fast);
    }
}

/* The gates of one submission's groups: before a group, what it needs has passed; behind it, all
 * its cases have. */
struct judged_gates {
    struct schedule *schedule;
    const struct jobs_plan *plan;
    const struct jobs_judged *judged;
    const size_t *instance_of;
    size_t *before, *behind; /* of each group, or INSTANCE_NONE */
};

static size_t group_of(const struct judged_gates *g, size_t i)
{
    return g->plan->jobs[g->judged->first + i].of_case->group;
}

/* Makes gates behind groups that others need: every case in one is needed there. */
static void add_gates_behind(struct judged_gates *g)
{
    const struct jobs_judged *j = g->judged;
    cleanup_free bool *needed = xcalloc(j->n_groups, sizeof(*needed));

    for (size_t i = 0; i < j->n_groups; i++)
        for (size_t k = 0; k < j->groups[i].n_needs; k++)
            needed[j->groups[i].needs[k]] = true;
    for (size_t i = 0; i < j->n; i++) {
        size_t instance = g->instance_of[j->first + i];

        for (size_t at = group_of(g, i); at != 0 && instance != INSTANCE_NONE;
             at = j->groups[at].parent) {
            if (!needed[at])
                continue;
            if (g->behind[at] == INSTANCE_NONE)
                g->behind[at] = schedule_add_gate(g->schedule);
            schedule_add_need(g->schedule, g->behind[at], instance, SCHEDULE_NEED_PASS);
        }
    }
}

/* Makes gates before groups that need others, or are in a group that does. */
static void add_gates_before(struct judged_gates *g)
{
    const struct jobs_judged *j = g->judged;

    for (size_t i = 1; i < j->n_groups; i++) {
        const struct jobs_case_group *of = &j->groups[i];

        g->before[i] = g->before[of->parent];
        for (size_t k = 0; k < of->n_needs; k++) {
            if (g->behind[of->needs[k]] == INSTANCE_NONE)
                continue; /* none of its cases is part of the run */
            if (g->before[i] == g->before[of->parent]) {
                g->before[i] = schedule_add_gate(g->schedule);
                if (g->before[of->parent] != INSTANCE_NONE)
                    schedule_add_need(g->schedule, g->before[i], g->before[of->parent],
                                      SCHEDULE_NEED_PASS);
            }
            schedule_add_need(g->schedule, g->before[i], g->behind[of->needs[k]],
                              SCHEDULE_NEED_PASS);
        }
    }
}

/* Lets each case wait for the gate before its group, and where the job says `stop` for the case
 * before it. */
static void add_case_needs(struct judged_gates *g)
{
    const struct jobs_judged *j = g->judged;
    cleanup_free size_t *last = xcalloc(j->n_groups, sizeof(*last));

    for (size_t i = 0; i < j->n_groups; i++)
        last[i] = INSTANCE_NONE;
    for (size_t i = 0; i < j->n; i++) {
        size_t instance = g->instance_of[j->first + i], group = group_of(g, i);
        size_t chain = j->stop == JOBS_STOP_ALL ? 0 : group;

        if (instance == INSTANCE_NONE)
            continue;
        if (g->before[group] != INSTANCE_NONE)
            schedule_add_need(g->schedule, instance, g->before[group], SCHEDULE_NEED_PASS);
        if (j->stop != JOBS_STOP_NEVER && last[chain] != INSTANCE_NONE)
            schedule_add_need(g->schedule, instance, last[chain], SCHEDULE_NEED_PASS);
        last[chain] = instance;
    }
}

/* Adds what the cases of submissions wait for. */
static void add_judged(struct schedule *schedule, const struct jobs_plan *plan,
                       const size_t *instance_of)
{
    for (size_t i = 0; i < plan->n_judged; i++) {
        const struct jobs_judged *j = &plan->judged[i];
        struct judged_gates g = {schedule, plan, j, instance_of, NULL, NULL};

        if (j->stop == JOBS_STOP_NEVER && j->n_groups == 1)
            continue;
        g.before = xcalloc(j->n_groups, sizeof(*g.before));
        g.behind = xcalloc(j->n_groups, sizeof(*g.behind));
        for (size_t k = 0; k < j->n_groups; k++)
            g.before[k] = g.behind[k] = INSTANCE_NONE;
        add_gates_behind(&g);
        add_gates_before(&g);
        add_case_needs(&g);
        free(g.before);
        free(g.behind);
    }
}

/* What jobs share by name, whichever file says it. */
struct shared_names {
    const struct jobs_pool **list; /* one of those that have the name: by its number */
    size_t n;
};

static size_t number_of(const struct shared_names *names, const char *name)
{
    size_t i = 0;

    while (i < names->n && !str_eq(names->list[i]->name, name))
        i++;
    return i;
}

/* Notes what a file says of them: without `pools` it says nothing of how many places there are, and
 * what several say is the same (jobs_pools_agree). */
static void add_names(struct shared_names *names, const struct jobs_plan *plan)
{
    for (size_t i = 0; i < plan->n_pools; i++) {
        const struct jobs_pool *pool = &plan->pools[i];
        size_t number = number_of(names, pool->name);

        if (number == names->n) {
            names->list = xrealloc(names->list, (names->n + 1) * sizeof(*names->list));
            names->list[names->n++] = pool;
        } else if (names->list[number]->line == 0) {
            names->list[number] = pool;
        }
    }
}

/* Adds what jobs have for themselves while they run. */
static void add_claims(struct schedule *schedule, const struct run *run)
{
    struct shared_names names = {0};
    const struct jobs_plan *plan = NULL;

    for (size_t i = 0; i < run->n_instances; i++) {
        if (run->instances[i].plan != plan)
            add_names(&names, run->instances[i].plan);
        plan = run->instances[i].plan;
    }
    for (size_t i = 0; i < names.n; i++)
        (void)schedule_add_places(schedule, names.list[i]->places);
    for (size_t i = 0; i < run->n_instances; i++) {
        const struct instance *in = &run->instances[i];

        for (size_t k = 0; k < in->job->n_claims; k++) {
            const struct jobs_claim *c = &in->job->claims[k];
            size_t number = number_of(&names, in->plan->pools[c->pool].name);

            schedule_add_claim(schedule, i, number,
                               c->whole ? names.list[number]->places : c->places);
        }
    }
    free(names.list);
}

/* Jobs that have cores for themselves share them as places of one thing. */
static void add_cores(struct schedule *schedule, const struct run *run)
{
    size_t number = run->cores.n > 0 ? schedule_add_places(schedule, run->cores.n) : 0;

    for (size_t i = 0; run->cores.n > 0 && i < run->n_instances; i++)
        if (cores_granted(&run->cores, &run->instances[i].job->limits) > 0)
            schedule_add_claim(schedule, i, number,
                               cores_granted(&run->cores, &run->instances[i].job->limits));
}

static void tell_cores(const struct supervisor *s)
{
    const struct cores *cores = &s->p.run.cores;
    cleanup_strbuf struct strbuf b = {0};

    for (size_t i = 0; i < cores->n; i++) {
        strbuf_adds(&b, i == 0 ? "pinned: jobs have the cores " : " | ");
        jobs_cpus_format(&cores->each[i], &b);
    }
    if (cores->n == 0)
        return;
    strbuf_addf(&b,
                ", one job each, and all else of the run has %s; other programs of this machine "
                "are not kept off them",
                cores->rest);
    reports_console_status(s->p.console, b.data);
}

/* Tells the schedule what each job may take: slots, and of CPUs and memory what its limits say,
 * unless it is told not to (--overcommit). */
static void set_costs(struct supervisor *s)
{
    const struct run *run = &s->p.run;

    for (size_t i = 0; i < run->n_instances; i++) {
        uint64_t cost[SCHEDULE_GOODS] = {[GOODS_COUNT] = run->instances[i].job->slots};

        for (enum goods g = 0; !s->options->overcommit && g < GOODS_COUNT; g++)
            cost[g] = run->cached != NULL && run->cached[i].found
                          ? 0
                          : goods_wanted(&run->instances[i], g);
        schedule_set_cost(s->schedule, i, cost);
    }
}

void schedule_set_goods(struct supervisor *s)
{
    _Static_assert(SCHEDULE_GOODS == GOODS_COUNT + 1, "a schedule counts what goods.h names");
    uint64_t stock[SCHEDULE_GOODS];

    memcpy(stock, s->stock.now, sizeof(s->stock.now));
    stock[GOODS_COUNT] = s->options->slots;
    schedule_set_stock(s->schedule, stock);
}

/* Gives the jobs another order, and says how to have it again. */
static void shuffle_jobs(struct supervisor *s)
{
    cleanup_free size_t *ranks = xcalloc(s->p.run.n_instances, sizeof(*ranks));
    cleanup_free char *text = xasprintf("shuffled: --shuffle=%llu gives this order again",
                                        (unsigned long long)s->options->seed);

    shuffle_ranks(s->options->seed, ranks, s->p.run.n_instances);
    schedule_set_ranks(s->schedule, ranks);
    reports_console_status(s->p.console, text);
}

/* Adds what jobs wait for of one another; with `places`, also what they share. */
static struct schedule *schedule_new_of(const struct run *run, bool places)
{
    const struct jobs_plan *plan = NULL;
    struct schedule *schedule = schedule_new(run->n_instances);
    cleanup_free size_t *instance_of = NULL;
    static const enum schedule_need need_kinds[] = {
        [JOBS_NEED_SUCCESS] = SCHEDULE_NEED_SUCCESS,
        [JOBS_NEED_FAILURE] = SCHEDULE_NEED_FAILURE,
        [JOBS_NEED_ALWAYS] = SCHEDULE_NEED_ALWAYS,
        [JOBS_NEED_FILES] = SCHEDULE_NEED_PASS,
    };

    for (size_t i = 0; i < run->n_instances; i++) {
        const struct instance *in = &run->instances[i];

        if (in->plan != plan) {
            plan = in->plan;
            instance_of = xrealloc(instance_of, plan->n_jobs * sizeof(*instance_of));
            instances_of_plan(run, i, instance_of);
            add_groups(schedule, plan, instance_of);
            if (places)
                add_pools(schedule, plan, instance_of);
            add_judged(schedule, plan, instance_of);
        }
        for (size_t k = 0; k < in->job->n_needs; k++)
            if (instance_of[in->job->needs[k]] != INSTANCE_NONE)
                schedule_add_need(schedule, i, instance_of[in->job->needs[k]],
                                  need_kinds[in->job->needs_when[k]]);
    }
    return schedule;
}

struct schedule *schedule_of_needs(const struct run *run)
{
    return schedule_new_of(run, false);
}

void schedule_make(struct supervisor *s)
{
    s->schedule = schedule_new_of(&s->p.run, true);
    add_claims(s->schedule, &s->p.run);
    add_cores(s->schedule, &s->p.run);
    if (s->options->pins)
        tell_cores(s);
    goods_find_stock(&s->p.run, &s->stock);
    set_costs(s);
    schedule_set_goods(s);
    if (s->options->shuffles)
        shuffle_jobs(s);
}
