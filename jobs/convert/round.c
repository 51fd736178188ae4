/* SPDX-License-Identifier: Apache-2.0 */
/* round: finds jobs that need each other in a circle, of which a job file can have none. */
#include "jobs/convert/convert.h"

#include <string.h>

/* The jobs, and of each how many it waits for, and who waits for it. */
struct round_of_jobs {
    const struct out **jobs;
    size_t n;
    struct name_index index;
    size_t *for_others; /* of each */
    struct round_waiter {
        size_t who;
        struct round_waiter *next;
    } * *waiters;
};

static const char *waiting_name(const void *data, size_t i)
{
    return ((const struct out *const *)data)[i]->key;
}

/* The job of a need, by its name or an instance's id. */
static bool find_needed(const struct round_of_jobs *w, struct converter *c, const char *name,
                        size_t *ret_of)
{
    const char *slash = name;

    if (name_index_find(&w->index, name, ret_of))
        return true;
    while ((slash = strchr(slash, '/')) != NULL) {
        if (convert_charge(c, 16) &&
            name_index_find(&w->index, arena_strndup(c->arena, name, (size_t)(slash - name)),
                            ret_of))
            return true;
        slash++;
    }
    return false;
}

static void wait_for(struct round_of_jobs *w, struct converter *c, size_t who, const char *name)
{
    struct round_waiter *waiter;
    size_t of;

    if (!convert_charge(c, 16) || !find_needed(w, c, name, &of))
        return;
    waiter = arena_alloc(c->arena, sizeof(*waiter));
    *waiter = (struct round_waiter){.who = who, .next = w->waiters[of]};
    w->waiters[of] = waiter;
    w->for_others[who]++;
}

static void read_needs(struct round_of_jobs *w, struct converter *c, size_t who)
{
    const struct out *needs = out_find(w->jobs[who], "needs");
    const struct out *from = out_find(w->jobs[who], "from");

    if (from != NULL)
        wait_for(w, c, who, from->text);
    for (const struct out *o = needs != NULL ? needs->first : NULL; o != NULL; o = o->next) {
        const struct out *job = o->kind == OUT_MAP ? out_find(o, "job") : o;

        if (o->kind != OUT_COMMENT && job != NULL)
            wait_for(w, c, who, job->text);
    }
}

void convert_refuse_round(struct converter *c, const struct out *jobs)
{
    struct round_of_jobs w = {.jobs = arena_alloc(c->arena, (jobs->n + 1) * sizeof(*w.jobs)),
                              .for_others = arena_alloc(c->arena, (jobs->n + 1) * sizeof(size_t)),
                              .waiters = arena_alloc(c->arena, (jobs->n + 1) * sizeof(*w.waiters))};
    size_t *ready = arena_alloc(c->arena, (jobs->n + 1) * sizeof(*ready)), n_ready = 0;

    for (const struct out *o = jobs->first; o != NULL; o = o->next)
        if (o->kind == OUT_MAP && !o->held)
            w.jobs[w.n++] = o;
    name_index_build(&w.index, w.n, waiting_name, w.jobs);
    for (size_t i = 0; i < w.n; i++)
        read_needs(&w, c, i);
    for (size_t i = 0; i < w.n; i++)
        if (w.for_others[i] == 0)
            ready[n_ready++] = i;
    for (size_t i = 0; i < n_ready; i++)
        for (const struct round_waiter *k = w.waiters[ready[i]]; k != NULL; k = k->next)
            if (--w.for_others[k->who] == 0)
                ready[n_ready++] = k->who;
    for (size_t i = 0; i < w.n && n_ready < w.n; i++)
        if (w.for_others[i] > 0) {
            source_problem(&c->source, source_at(1, 1),
                           "jobs wait for each other in a circle; '%s' is in it, or waits for it",
                           w.jobs[i]->key);
            break;
        }
    name_index_free(&w.index);
}
