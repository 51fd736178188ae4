/* SPDX-License-Identifier: Apache-2.0 */
/* schedule_places: what jobs wait for beside their needs: that fewer of their pool run, and places
 * that they have for themselves. Not responsible for what there is of CPUs, memory and slots, nor
 * for who is the first of those that wait for nothing (schedule.c). */
#include "harness/supervisor/schedule_private.h"

#include <string.h>

/* ---- what is told ---- */

void schedule_add_pool(struct schedule *s, const size_t *jobs, size_t n, size_t max, bool fail_fast)
{
    struct schedule_pool *p = xcalloc(1, sizeof(*p));

    *p = (struct schedule_pool){.next = s->pools,
                                .jobs = xcalloc(n, sizeof(*jobs)),
                                .parked = xcalloc(n, sizeof(*jobs)),
                                .n = n,
                                .max = max,
                                .fail_fast = fail_fast};
    memcpy(p->jobs, jobs, n * sizeof(*jobs));
    s->pools = p;
    for (size_t i = 0; i < n; i++)
        s->nodes[jobs[i]].pool = p;
}

size_t schedule_add_places(struct schedule *s, uint64_t n)
{
    s->places = xrealloc(s->places, (s->n_places + 1) * sizeof(*s->places));
    s->places[s->n_places] = (struct schedule_places){.n = n, .first = NOBODY};
    return s->n_places++;
}

/* The order in which a job takes its places is the same for all. */
void schedule_add_claim(struct schedule *s, size_t job, size_t places, uint64_t n)
{
    struct schedule_node *node = &s->nodes[job];
    size_t at = node->n_claims++;

    node->claims = xrealloc(node->claims, node->n_claims * sizeof(*node->claims));
    for (; at > 0 && node->claims[at - 1].places > places; at--)
        node->claims[at] = node->claims[at - 1];
    node->claims[at] = (struct schedule_claim){places, n};
}

/* ---- pools ---- */

bool schedule_is_full(const struct schedule *s, size_t job)
{
    const struct schedule_pool *p = s->nodes[job].pool;

    return p != NULL && p->max > 0 && p->running >= p->max;
}

void schedule_park(struct schedule *s, size_t job)
{
    struct schedule_pool *p = s->nodes[job].pool;

    p->parked[(p->first_parked + p->n_parked++) % p->n] = job;
}

void schedule_unpark(struct schedule *s, size_t job)
{
    struct schedule_pool *p = s->nodes[job].pool;

    while (p != NULL && p->n_parked > 0 && !schedule_is_full(s, job)) {
        size_t first = p->parked[p->first_parked];

        p->first_parked = (p->first_parked + 1) % p->n;
        p->n_parked--;
        if (s->nodes[first].state == WAITING) {
            schedule_push(s, first);
            return;
        }
    }
}

/* ---- places ---- */

static bool has_room(const struct schedule_places *p, uint64_t n)
{
    return n <= p->n - p->taken;
}

static void queue_up(struct schedule *s, struct schedule_places *p, size_t job)
{
    if (p->first == NOBODY)
        p->first = job;
    else
        s->nodes[p->last].behind = job;
    p->last = job;
    s->nodes[job].behind = NOBODY;
    s->nodes[job].queued = true;
}

/* Takes them in their order, so that no two jobs wait for one another. Who waits stands behind who
 * came before, however few it wants: one that wants many has its turn. */
bool schedule_take_places(struct schedule *s, size_t job)
{
    struct schedule_node *node = &s->nodes[job];

    for (; node->n_held < node->n_claims; node->n_held++) {
        const struct schedule_claim *c = &node->claims[node->n_held];
        struct schedule_places *p = &s->places[c->places];

        if (p->first != NOBODY || !has_room(p, c->n)) {
            queue_up(s, p, job);
            return false;
        }
        p->taken += c->n;
    }
    return true;
}

bool schedule_lacks_places(const struct schedule *s, size_t job)
{
    const struct schedule_node *node = &s->nodes[job];

    for (size_t i = node->n_held; i < node->n_claims; i++) {
        const struct schedule_places *p = &s->places[node->claims[i].places];

        if (p->first != NOBODY || !has_room(p, node->claims[i].n))
            return true;
    }
    return false;
}

/* Gives what there is to who waits, the first one first, who has it from then on. */
static void serve_queue(struct schedule *s, struct schedule_places *p)
{
    while (p->first != NOBODY) {
        size_t job = p->first;
        struct schedule_node *node = &s->nodes[job];

        if (node->state == WAITING) {
            uint64_t n = node->claims[node->n_held].n;

            if (!has_room(p, n))
                return;
            p->taken += n;
            node->n_held++;
        }
        p->first = node->behind;
        node->queued = false;
        if (node->state == WAITING) /* else it was skipped or abandoned meanwhile */
            schedule_push(s, job);
    }
}

void schedule_return_places(struct schedule *s, size_t job)
{
    struct schedule_node *node = &s->nodes[job];
    size_t n = node->n_held + node->queued;

    for (size_t i = 0; i < node->n_held; i++)
        s->places[node->claims[i].places].taken -= node->claims[i].n;
    node->n_held = 0;
    for (size_t i = 0; i < n; i++)
        serve_queue(s, &s->places[node->claims[i].places]);
}
