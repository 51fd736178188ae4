/* SPDX-License-Identifier: Apache-2.0 */
/* schedule: see schedule.h. Each job counts its unmet needs; who reaches zero is ready. Ready jobs
 * wait in a binary heap by rank, so that the next one costs log n however many there are. */
#include "harness/supervisor/schedule_private.h"

#include <string.h>

/* How many that are not to be listed are passed over, as what was abandoned and what starts
 * together.
 */
#define UPCOMING_LOOKS 16

struct schedule *schedule_new(size_t n)
{
    struct schedule *s = xcalloc(1, sizeof(*s));

    s->nodes = xcalloc(n, sizeof(*s->nodes));
    s->ready = xcalloc(n, sizeof(*s->ready)); /* nobody is ready twice: again comes after next */
    s->n = s->waiting = n;
    s->lone = NOBODY;
    for (size_t i = 0; i < n; i++)
        s->nodes[i].rank = i;
    for (size_t i = 0; i < SCHEDULE_GOODS; i++)
        s->stock[i] = UINT64_MAX;
    return s;
}

void schedule_free(struct schedule *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n + s->n_gates; i++) {
        free(s->nodes[i].dependents);
        free(s->nodes[i].claims);
    }
    while (s->groups != NULL) {
        struct schedule_group *g = s->groups;

        s->groups = g->next;
        free(g->jobs);
        free(g);
    }
    while (s->pools != NULL) {
        struct schedule_pool *p = s->pools;

        s->pools = p->next;
        free(p->jobs);
        free(p->parked);
        free(p);
    }
    free(s->places);
    free(s->nodes);
    free(s->ready);
    free(s);
}

void schedule_add_need(struct schedule *s, size_t job, size_t need, enum schedule_need when)
{
    struct schedule_node *n = &s->nodes[need];

    if ((n->n_dependents & (n->n_dependents - 1)) == 0) /* full at every power of two */
        n->dependents = xrealloc(n->dependents, (n->n_dependents != 0 ? n->n_dependents * 2 : 1) *
                                                    sizeof(*n->dependents));
    n->dependents[n->n_dependents++] = (struct schedule_dependent){job, when};
    s->nodes[job].unmet++;
}

size_t schedule_add_gate(struct schedule *s)
{
    size_t n = s->n + s->n_gates;

    if ((s->n_gates & (s->n_gates - 1)) == 0) /* full at every power of two */
        s->nodes =
            xrealloc(s->nodes, (s->n + (s->n_gates != 0 ? 2 * s->n_gates : 1)) * sizeof(*s->nodes));
    s->nodes[n] = (struct schedule_node){.is_gate = true};
    s->n_gates++;
    return n;
}

void schedule_add_group(struct schedule *s, const size_t *jobs, size_t n)
{
    struct schedule_group *g = xcalloc(1, sizeof(*g));

    *g = (struct schedule_group){
        .next = s->groups, .jobs = xcalloc(n, sizeof(*jobs)), .n = n, .unready = n};
    memcpy(g->jobs, jobs, n * sizeof(*jobs));
    s->groups = g;
    for (size_t i = 0; i < n; i++)
        s->nodes[jobs[i]].group = g;
}

void schedule_set_stock(struct schedule *s, const uint64_t stock[static SCHEDULE_GOODS])
{
    memcpy(s->stock, stock, sizeof(s->stock));
}

void schedule_set_cost(struct schedule *s, size_t job, const uint64_t cost[static SCHEDULE_GOODS])
{
    /* no sum of them all can overflow */
    for (size_t i = 0; i < SCHEDULE_GOODS; i++)
        s->nodes[job].cost[i] =
            cost[i] < UINT64_MAX / (s->n + 1) ? cost[i] : UINT64_MAX / (s->n + 1);
}

void schedule_set_ranks(struct schedule *s, const size_t *ranks)
{
    for (size_t i = 0; i < s->n; i++)
        s->nodes[i].rank = ranks[i];
}

/* ---- what is shared ---- */

static void schedule_take(struct schedule *s, size_t job)
{
    s->running++;
    if (s->nodes[job].alone)
        s->lone = job;
    if (s->nodes[job].pool != NULL)
        s->nodes[job].pool->running++;
    for (size_t i = 0; i < SCHEDULE_GOODS; i++)
        s->taken[i] += s->nodes[job].cost[i];
}

static void give_back(struct schedule *s, size_t job)
{
    s->running--;
    if (s->lone == job)
        s->lone = NOBODY;
    if (s->nodes[job].pool != NULL)
        s->nodes[job].pool->running--;
    schedule_unpark(s, job);
    for (size_t i = 0; i < SCHEDULE_GOODS; i++)
        s->taken[i] -= s->nodes[job].cost[i];
    schedule_return_places(s, job);
}

/* Returns how much would be taken with this job, or all of its group, beside those that run. */
static uint64_t taken_with(const struct schedule *s, size_t job, size_t good)
{
    const struct schedule_group *g = s->nodes[job].group;
    uint64_t sum = s->taken[good];

    for (size_t k = 0; g != NULL && k < g->n; k++)
        sum += s->nodes[g->jobs[k]].cost[good];
    return g == NULL ? sum + s->nodes[job].cost[good] : sum;
}

/* The job, or all of its group. Where nothing runs there is nothing to wait for. */
static bool is_admitted(const struct schedule *s, size_t job)
{
    if (s->running > 0 && (s->nodes[job].alone || s->lone != NOBODY))
        return false;
    for (size_t i = 0; s->running > 0 && i < SCHEDULE_GOODS; i++)
        if (taken_with(s, job, i) > s->stock[i])
            return false;
    return true;
}

uint64_t schedule_next_wants(const struct schedule *s, size_t good)
{
    return s->running > 0 && s->n_ready > 0 && s->nodes[s->ready[0]].state == WAITING
               ? taken_with(s, s->ready[0], good)
               : 0;
}

/* ---- the heap ---- */

static bool is_before(const struct schedule *s, size_t a, size_t b)
{
    const struct schedule_node *x = &s->nodes[a], *y = &s->nodes[b];

    return x->first != y->first ? x->first : x->rank < y->rank;
}

void schedule_push(struct schedule *s, size_t job)
{
    size_t at = s->n_ready++;

    for (; at > 0 && is_before(s, job, s->ready[(at - 1) / 2]); at = (at - 1) / 2)
        s->ready[at] = s->ready[(at - 1) / 2];
    s->ready[at] = job;
}

static size_t pop(struct schedule *s)
{
    size_t lowest = s->ready[0], last = s->ready[--s->n_ready], at = 0;

    for (size_t child; (child = 2 * at + 1) < s->n_ready; at = child) {
        if (child + 1 < s->n_ready && is_before(s, s->ready[child + 1], s->ready[child]))
            child++;
        if (!is_before(s, s->ready[child], last))
            break;
        s->ready[at] = s->ready[child];
    }
    s->ready[at] = last;
    return lowest;
}

/* The job's own needs are met. A group is in the heap once, as its first job. */
static void ready(struct schedule *s, size_t job)
{
    struct schedule_group *g = s->nodes[job].group;

    if (g == NULL)
        schedule_push(s, job);
    else if (--g->unready == 0)
        schedule_push(s, g->jobs[0]);
}

static void schedule_begin(struct schedule *s)
{
    if (s->begun)
        return;
    s->begun = true;
    for (size_t i = 0; i < s->n; i++)
        if (s->nodes[i].state == WAITING && s->nodes[i].unmet == 0)
            ready(s, i);
}

/* Takes the lowest of the heap's positions out of `list`, and puts those below it in. */
static size_t next_position(const struct schedule *s, size_t *list, size_t *n)
{
    size_t best = 0, at;

    for (size_t i = 1; i < *n; i++)
        if (is_before(s, s->ready[list[i]], s->ready[list[best]]))
            best = i;
    at = list[best];
    list[best] = list[--*n];
    for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < s->n_ready; child++)
        list[(*n)++] = child;
    return at;
}

size_t schedule_upcoming(struct schedule *s, size_t *ret_list, size_t max)
{
    size_t looks = 2 * max + UPCOMING_LOOKS, n_positions = 0, found = 0;
    size_t *positions = xcalloc(looks + 2, sizeof(*positions));

    schedule_begin(s);
    if (s->n_ready > 0)
        positions[n_positions++] = 0;
    for (; looks > 0 && found < max && n_positions > 0; looks--) {
        size_t job = s->ready[next_position(s, positions, &n_positions)];

        if (s->nodes[job].state == WAITING && s->nodes[job].group == NULL &&
            !schedule_is_full(s, job) && !schedule_lacks_places(s, job))
            ret_list[found++] = job;
    }
    free(positions);
    return found;
}

size_t schedule_waiting(const struct schedule *s)
{
    return s->waiting;
}

/* ---- jobs start and end ---- */

static void end_job(struct schedule *s, size_t job)
{
    bool waited = s->nodes[job].state == WAITING;

    s->nodes[job].state = ENDED;
    s->ended++;
    if (waited) {
        s->waiting--;
        schedule_unpark(s, job);
        schedule_return_places(s, job);
    } else {
        give_back(s, job);
    }
}

static void schedule_start(struct schedule *s, size_t job)
{
    s->nodes[job].state = STARTED;
    s->nodes[job].tried = true;
    s->nodes[job].first = false;
    s->waiting--;
    schedule_take(s, job);
}

/* The next of a group that is being started; false when there is none. */
static bool next_of_group(struct schedule *s, size_t *ret_job)
{
    struct schedule_group *g = s->starting;

    while (g != NULL && g->started < g->n) {
        size_t job = g->jobs[g->started++];

        if (s->nodes[job].state != WAITING) /* abandoned meanwhile */
            continue;
        schedule_start(s, job);
        *ret_job = job;
        return true;
    }
    s->starting = NULL;
    return false;
}

/* Says whether the job that is the next has to wait elsewhere than among those that are ready. */
static bool has_to_wait(struct schedule *s, size_t job)
{
    if (schedule_is_full(s, job)) {
        (void)pop(s);
        schedule_park(s, job);
        return true;
    }
    if (schedule_take_places(s, job))
        return false;
    (void)pop(s);
    schedule_unpark(s, job); /* whose turn it was may have what this one lacks */
    return true;
}

bool schedule_next(struct schedule *s, size_t idle, size_t *ret_job)
{
    schedule_begin(s);
    if (next_of_group(s, ret_job))
        return true;
    while (s->n_ready > 0) {
        size_t job = s->ready[0];
        struct schedule_node *node = &s->nodes[job];
        struct schedule_group *g = node->group;

        if (node->state == WAITING && has_to_wait(s, job))
            continue;
        if (node->state == WAITING && ((g != NULL && g->n > idle) || !is_admitted(s, job))) {
            node->first = true;
            return false;
        }
        (void)pop(s);
        if (node->state != WAITING)
            continue;
        if (g != NULL) {
            s->starting = g;
            return next_of_group(s, ret_job);
        }
        schedule_start(s, job);
        *ret_job = job;
        return true;
    }
    return false;
}

void schedule_hold(struct schedule *s, size_t job)
{
    give_back(s, job);
    s->nodes[job].state = WAITING;
    s->waiting++;
}

void schedule_release(struct schedule *s, size_t job)
{
    if (s->nodes[job].state == WAITING) /* not abandoned meanwhile */
        schedule_push(s, job);
}

void schedule_again(struct schedule *s, size_t job)
{
    schedule_hold(s, job);
    schedule_release(s, job);
}

/* What runs is not in the heap, so its rank may change. */
void schedule_repeat(struct schedule *s, size_t job)
{
    s->nodes[job].rank = s->n + s->repeated++;
    schedule_again(s, job);
}

void schedule_set_alone(struct schedule *s, size_t job)
{
    s->nodes[job].alone = true;
}

bool schedule_is_lone(const struct schedule *s)
{
    return s->lone != NOBODY;
}

bool schedule_is_needed(const struct schedule *s, size_t job)
{
    return s->nodes[job].n_dependents > 0;
}

static bool is_met(const struct schedule_node *need, enum schedule_need when)
{
    switch (when) {
    case SCHEDULE_NEED_SUCCESS:
        return need->succeeded;
    case SCHEDULE_NEED_FAILURE:
        return need->failed;
    case SCHEDULE_NEED_PASS:
        return need->passed;
    case SCHEDULE_NEED_ALWAYS:
        break;
    }
    return true;
}

/* Who is skipped, gates that are passed, and those that hear of it in turn. */
struct schedule_skips {
    schedule_skip_fn *skip;
    void *data;
    size_t *queue;
    size_t head, tail;
};

static void enqueue(const struct schedule *s, struct schedule_skips *k, size_t node)
{
    if (k->queue == NULL) /* each is in it once at most */
        k->queue = xmalloc((s->n + s->n_gates) * sizeof(size_t));
    k->queue[k->tail++] = node;
}

/* All that a job or a gate needs has ended as it should. */
static void meet(struct schedule *s, struct schedule_skips *k, size_t node)
{
    struct schedule_node *n = &s->nodes[node];

    if (!n->is_gate) {
        ready(s, node);
        return;
    }
    n->state = ENDED;
    n->succeeded = n->passed = true;
    enqueue(s, k, node);
}

/* Skips what waits, and appends it to the queue. */
static void skip_one(struct schedule *s, struct schedule_skips *k, size_t job, size_t because_of)
{
    if (s->nodes[job].state != WAITING)
        return;
    s->nodes[job].failed = s->nodes[because_of].failed;
    if (s->nodes[because_of].is_gate)
        because_of = s->nodes[because_of].at_fault;
    if (s->nodes[job].is_gate) {
        s->nodes[job].state = ENDED;
        s->nodes[job].at_fault = because_of;
    } else {
        end_job(s, job);
        k->skip(k->data, job, because_of);
    }
    enqueue(s, k, job);
}

/* Skips those of a pool that have never started, as one of them has not passed. */
static void skip_untried(struct schedule *s, struct schedule_skips *k, size_t because_of)
{
    const struct schedule_pool *p = s->nodes[because_of].pool;

    for (size_t i = 0; p != NULL && p->fail_fast && i < p->n; i++)
        if (!s->nodes[p->jobs[i]].tried)
            skip_one(s, k, p->jobs[i], because_of);
}

/* Tells those that need the job how it has ended. */
static void tell_dependents(struct schedule *s, struct schedule_skips *k, size_t job)
{
    const struct schedule_node *n = &s->nodes[job];

    for (size_t i = 0; i < n->n_dependents; i++) {
        size_t next = n->dependents[i].job;

        if (!is_met(n, n->dependents[i].when))
            skip_one(s, k, next, job);
        else if (--s->nodes[next].unmet == 0 && s->nodes[next].state == WAITING)
            meet(s, k, next);
    }
}

/* Breadth first over a list, so that a chain of thousands of needs costs no stack. */
void schedule_ended(struct schedule *s, size_t job, enum schedule_outcome outcome,
                    schedule_skip_fn *skip, void *data)
{
    struct schedule_skips k = {.skip = skip, .data = data};
    struct schedule_node *n = &s->nodes[job];

    end_job(s, job);
    n->passed = outcome == SCHEDULE_PASSED;
    n->succeeded = outcome != SCHEDULE_FAILED;
    n->failed = outcome == SCHEDULE_FAILED;
    if (n->failed)
        skip_untried(s, &k, job);
    tell_dependents(s, &k, job);
    while (k.head < k.tail) {
        size_t at = k.queue[k.head++];
        const struct schedule_group *g = s->nodes[at].group;

        tell_dependents(s, &k, at);
        for (size_t i = 0; g != NULL && i < g->n; i++)
            skip_one(s, &k, g->jobs[i], at);
    }
    free(k.queue);
}

void schedule_abandon(struct schedule *s, void (*each)(void *data, size_t job), void *data)
{
    for (size_t i = 0; i < s->n && s->waiting > 0; i++) {
        if (s->nodes[i].state != WAITING)
            continue;
        end_job(s, i);
        each(data, i);
    }
}

bool schedule_done(const struct schedule *s)
{
    return s->ended == s->n;
}
