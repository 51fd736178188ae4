/* SPDX-License-Identifier: Apache-2.0 */
/* spared: see spared.h. What will run is found out by going through the schedule without running
 * anything: what is known ends as it is known to, and what waits for it for nothing is skipped. So
 * what could not be compiled is not compiled again for cases that will not be run. */
#include "harness/supervisor/spared.h"

#include "harness/attempt/verdict.h"
#include "harness/run/instances.h"
#include "harness/supervisor/schedule_make.h"

static void note_skipped(void *data, size_t job, size_t because_of)
{
    bool *skipped = data;

    (void)because_of;
    skipped[job] = true;
}

static enum schedule_outcome outcome_of(const struct run *run, size_t instance)
{
    const struct run_cached *c = &run->cached[instance];

    if (c->verdict == REPORTS_PASSED)
        return SCHEDULE_PASSED;
    return verdict_is_allowed(run->instances[instance].job, c->verdict, c->exit) ? SCHEDULE_ALLOWED
                                                                                 : SCHEDULE_FAILED;
}

/* Marks what is skipped by what is known. Of what is not, nothing follows. */
static void find_skipped(const struct run *run, bool *skipped)
{
    struct schedule *schedule = schedule_of_needs(run);
    size_t instance;

    while (schedule_next(schedule, SIZE_MAX, &instance))
        if (run->cached[instance].found)
            schedule_ended(schedule, instance, outcome_of(run, instance), note_skipped, skipped);
    schedule_free(schedule);
}

/* Adds what the files of this one are made of; those of which it has not been told yet. */
static void need_sources(struct run *run, size_t instance, size_t *list, size_t *n)
{
    size_t reads[JOBS_READS_MAX];
    size_t n_reads = instances_read(run->instances, run->n_instances, instance, reads);

    for (size_t i = 0; i < n_reads; i++) {
        if (run->cached[reads[i]].needed)
            continue;
        run->cached[reads[i]].needed = true;
        list[(*n)++] = reads[i];
    }
}

void spared_settle(struct supervisor *s)
{
    struct run *run = &s->p.run;
    cleanup_free bool *skipped = NULL;
    cleanup_free size_t *list = NULL;
    size_t n = 0, n_found = 0;

    if (run->cached == NULL)
        return;
    skipped = xcalloc(run->n_instances, sizeof(*skipped));
    list = xcalloc(run->n_instances, sizeof(*list));
    find_skipped(run, skipped);
    for (size_t i = 0; i < run->n_instances; i++)
        if (!run->cached[i].found && !skipped[i])
            need_sources(run, i, list, &n);
    while (n > 0)
        need_sources(run, list[--n], list, &n);
    for (size_t i = 0; i < run->n_instances; i++) {
        run->cached[i].found &= !run->cached[i].needed;
        n_found += run->cached[i].found;
    }
    if (n_found > 0 && s->options->tell_known != NULL)
        s->options->tell_known(s->options->tell_known_data, n_found);
}
