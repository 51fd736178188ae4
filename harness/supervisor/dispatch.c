/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: see dispatch.h.
 *
 * As many jobs run at once as -j says. There are up to twice as many slots, so that while a job
 * runs in one, another takes down what the job before left, and sets up the next: what a job waits
 * for when its turn comes is one message. A prepared job is as good as one that has not started: it
 * is not shown, holds nothing that jobs share, and goes to nobody else's cost where it is not run
 * after all. */
#include "harness/supervisor/dispatch.h"

#include "harness/run/views.h"
#include "harness/supervisor/outcomes.h"
#include "harness/supervisor/schedule_make.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* A slot costs as much to open as some jobs: one more than run at once is worth it for so many that
 * wait. */
#define WAITING_FOR_A_SLOT 8

static int watch_slot(struct supervisor *s, size_t number)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = number};

    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->slots[number].socket, &e) < 0 ? -errno : 0;
}

static int open_slot(struct supervisor *s, size_t number, struct cupel_error *err)
{
    int r = slot_start(&s->p.run, s->slots, s->p.run.n_slots, number, err);

    s->slots[number].told = snapshot_needs_count_unneeded(s->bases); /* it has none of them */
    if (r == 0)
        r = watch_slot(s, number);
    return r;
}

/* What no job will start from any more is let go of, by slots that have nothing else to do at the
 * moment. */
static void tell_unneeded(struct supervisor *s, struct slot *slot)
{
    size_t instance;

    while (slot->pid > 0 && !slot->busy &&
           snapshot_needs_unneeded(s->bases, slot->told, &instance)) {
        slot->told++;
        /* a slot that is gone is noticed */
        (void)slot_order(slot, ORDER_FORGET, (uint32_t)instance);
    }
}

/* ---- dead slots ---- */

/* How, where it was a signal, and what a signal of the kernel's is for. */
static char *describe_death(int status)
{
    struct rlimit cpu;
    bool limited = getrlimit(RLIMIT_CPU, &cpu) == 0 && cpu.rlim_max != RLIM_INFINITY;

    if (!WIFSIGNALED(status))
        return xstrdup("the slot that ran this job died");
    return xasprintf("the slot that ran this job died of signal %d (SIG%s)%s", WTERMSIG(status),
                     sigabbrev_np(WTERMSIG(status)) != NULL ? sigabbrev_np(WTERMSIG(status)) : "?",
                     limited ? "; whoever started cupel has limited its CPU time (ulimit -t)" : "");
}

/* A slot is never expected to die, or to answer what it was not asked; what it had in hand is an
 * error, and another takes its place. */
void dispatch_bury(struct supervisor *s, size_t number)
{
    struct slot *slot = &s->slots[number];
    bool busy = slot->busy, ahead = slot->ahead != INSTANCE_NONE;
    size_t instance = slot->instance;
    cleanup_free char *evidence = NULL;

    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, slot->socket, NULL);
    evidence = describe_death(slot_stop(slot));
    atomic_store(&s->p.run.views[number].started_ns, 0);
    views_withdraw(&s->p.run.views[number]);
    s->running -= busy;
    s->prepares = s->prepares && !ahead;
    if (busy)
        outcomes_unrun(s, instance, evidence, 1);
}

/* ---- to run ---- */

static struct slot *slot_ahead_of(struct supervisor *s, size_t instance)
{
    for (size_t i = 0; i < s->p.run.n_slots; i++)
        if (!s->slots[i].busy && s->slots[i].ahead == instance)
            return &s->slots[i];
    return NULL;
}

/* How welcome a job that is not prepared is to an idle slot, less is more: the one that is open and
 * has done nothing for longest has taken down its last job; what is prepared stays so. */
static uint64_t reluctance(const struct slot *slot)
{
    if (slot->ahead != INSTANCE_NONE)
        return UINT64_MAX;
    return slot->pid > 0 ? slot->ended : UINT64_MAX - 1;
}

static struct slot *idle_slot(struct supervisor *s)
{
    struct slot *best = NULL;

    for (size_t i = 0; i < s->p.run.n_slots; i++)
        if (!s->slots[i].busy && (best == NULL || reluctance(&s->slots[i]) < reluctance(best)))
            best = &s->slots[i];
    return best;
}

/* Opens the slot where it is not. One that does not take orders has died meanwhile: a new one takes
 * its place. */
static int give(struct supervisor *s, struct slot *slot, uint32_t instance, struct cupel_error *err)
{
    size_t number = (size_t)(slot - s->slots);
    int r = slot->pid > 0 ? slot_order(slot, ORDER_RUN, instance) : -EPIPE;

    if (r == 0)
        return 0;
    if (slot->pid > 0)
        dispatch_bury(s, number);
    r = open_slot(s, number, err);
    if (r == 0 && slot_order(slot, ORDER_RUN, instance) < 0)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "it does not take orders");
    return r;
}

/* Reports a job that nothing can compile, which is no fault of who handed it in. */
static void report_lack(struct supervisor *s, size_t instance)
{
    cleanup_free char *evidence = xasprintf(
        "its root has no program '%s', which was to compile it: nothing was run; put it into the "
        "root",
        s->p.run.instances[instance].lacks);

    outcomes_unrun(s, instance, evidence, 0);
}

static void run_job(struct supervisor *s, size_t instance)
{
    struct slot *slot = slot_ahead_of(s, instance);
    struct cupel_error err;

    if (s->p.run.instances[instance].lacks != NULL) {
        report_lack(s, instance);
        return;
    }
    if (s->p.run.cached != NULL && s->p.run.cached[instance].found) {
        outcomes_cached(s, instance);
        return;
    }
    if (slot == NULL)
        slot = idle_slot(s);
    outcomes_make_room(s, instance);
    if (give(s, slot, (uint32_t)instance, &err) < 0) {
        cleanup_free char *evidence = xasprintf("no slot could be started: %s", err.message);

        outcomes_unrun(s, instance, evidence, 0);
        return;
    }
    slot->busy = true;
    slot->instance = (uint32_t)instance;
    slot->ahead = INSTANCE_NONE;
    s->room[slot - s->slots] = s->running == 0 ? s->stock.now[GOODS_MEMORY] : UINT64_MAX;
    s->running++;
    reports_console_started(s->p.console, s->p.run.instances[instance].id);
}

/* ---- to prepare ---- */

/* Jobs of a bridge start together. What is copied for a job is not copied while another one runs,
 * which would pay for it; nor when an order may come that ends it. What waits for a cache would
 * keep its slot, and then the cache, from others. */
static bool can_be_prepared(const struct instance *in)
{
    if (in->job->network == JOBS_NETWORK_BRIDGE || in->lacks != NULL)
        return false;
    for (size_t i = 0; i < in->job->n_inputs; i++)
        if (in->job->inputs[i].mode == JOBS_INPUT_COPY)
            return false;
    for (size_t i = 0; i < in->job->n_caches; i++)
        if (in->job->caches[i].sharing == JOBS_CACHE_LOCKED)
            return false;
    return true;
}

static bool is_in(const size_t *list, size_t n, size_t instance)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == instance)
            return true;
    return false;
}

/* An idle slot that has none of these prepared; else one that may be opened; else NULL. */
static struct slot *slot_to_prepare(struct supervisor *s, const size_t *wanted, size_t n)
{
    struct slot *best = NULL, *closed = NULL;
    size_t open = 0;

    for (size_t i = 0; i < s->p.run.n_slots; i++) {
        struct slot *slot = &s->slots[i];

        open += slot->pid > 0;
        if (slot->pid <= 0 && closed == NULL)
            closed = slot;
        if (slot->pid > 0 && !slot->busy && !is_in(wanted, n, slot->ahead) &&
            (best == NULL || reluctance(slot) < reluctance(best)))
            best = slot;
    }
    if (best != NULL || closed == NULL ||
        schedule_waiting(s->schedule) < WAITING_FOR_A_SLOT * (open - s->running + 1))
        return best;
    return closed;
}

/* Lets slots prepare as many jobs as may run at once, since so many may be next. */
static void prepare_next(struct supervisor *s)
{
    size_t *wanted = s->upcoming, n = 0;
    size_t n_upcoming = schedule_upcoming(s->schedule, wanted, s->options->slots);

    for (size_t i = 0; i < n_upcoming; i++)
        if ((s->p.run.cached == NULL || !s->p.run.cached[wanted[i]].found) &&
            can_be_prepared(&s->p.run.instances[wanted[i]]))
            wanted[n++] = wanted[i];
    for (size_t i = 0; i < n; i++) {
        struct slot *slot;
        struct cupel_error ignored;

        if (slot_ahead_of(s, wanted[i]) != NULL)
            continue;
        slot = slot_to_prepare(s, wanted, n);
        if (slot == NULL ||
            (slot->pid <= 0 && open_slot(s, (size_t)(slot - s->slots), &ignored) < 0))
            return;
        /* a slot that is gone is noticed */
        if (slot_order(slot, ORDER_PREPARE, (uint32_t)wanted[i]) == 0)
            slot->ahead = wanted[i];
    }
}

/* ---- admission ---- */

/* Says once that fewer jobs run at a time than would on this machine without its other programs. */
static void tell_crowded(struct supervisor *s)
{
    const uint64_t wants = schedule_next_wants(s->schedule, GOODS_MEMORY);
    cleanup_free char *text = NULL;
    char left[UNIT_TEXT_SIZE];

    if (s->crowded || s->running >= s->options->slots || wants <= s->stock.now[GOODS_MEMORY] ||
        wants > s->stock.whole[GOODS_MEMORY])
        return;
    s->crowded = true;
    unit_format_size(s->stock.now[GOODS_MEMORY] & ~UINT64_C(0xfffff), left);
    text = xasprintf("others on this machine leave %s of memory for jobs: fewer run at once, by "
                     "their limits (--overcommit starts them all the same)",
                     left);
    reports_console_status(s->p.console, text);
}

/* Looks at what others hold, except with one slot: there, each job runs alone anyhow. */
static void look_at_goods(struct supervisor *s)
{
    if (s->options->overcommit || s->options->slots == 1 || s->stopping ||
        schedule_waiting(s->schedule) == 0)
        return;
    goods_look_again(&s->p.run, &s->stock);
    schedule_set_goods(s);
}

void dispatch(struct supervisor *s)
{
    size_t instance;

    look_at_goods(s);

    for (size_t i = 0; i < s->p.run.n_slots; i++)
        tell_unneeded(s, &s->slots[i]);
    while (!s->stopping && s->running < s->options->slots &&
           schedule_next(s->schedule, s->options->slots - s->running, &instance))
        run_job(s, instance);
    if (!s->stopping)
        tell_crowded(s);
    if (s->stopping)
        schedule_abandon(s->schedule, outcomes_abandon, s);
    else if (s->prepares && !schedule_is_lone(s->schedule))
        prepare_next(s);
}
