/* SPDX-License-Identifier: Apache-2.0 */
/* schedule_private: what schedule.c (needs, order, admission) and schedule_places.c (pools, places)
 * share. Nothing else includes it. */
#pragma once

#include "harness/supervisor/schedule.h"

#define NOBODY SIZE_MAX
enum schedule_state { WAITING, STARTED, ENDED };

struct schedule_dependent {
    size_t job;
    enum schedule_need when;
};

struct schedule_node {
    enum schedule_state state;
    bool is_gate;
    size_t at_fault;                /* of a gate that is not passed: the job that did not end so */
    size_t rank;                    /* among those that are ready */
    bool succeeded, passed, failed; /* once ended: skipped after a failure is failed, too */
    size_t unmet;
    struct schedule_dependent *dependents;
    size_t n_dependents;
    struct schedule_group *group; /* or NULL */
    struct schedule_pool *pool;   /* or NULL */
    bool tried;                   /* has started once */
    bool first;                   /* was the next, and waits for slots or goods: before all ranks */
    struct schedule_claim *claims;
    size_t n_claims, n_held; /* it has the first of them, while it runs or is to */
    bool queued;             /* for the one after those */
    bool alone;              /* it starts when nothing else runs, and nothing else while it does */
    size_t behind;           /* the next of that queue, or NOBODY */
    uint64_t cost[SCHEDULE_GOODS];
};

struct schedule_group {
    struct schedule_group *next; /* of all */
    size_t *jobs;
    size_t n;
    size_t unready; /* those with unmet needs */
    size_t started; /* how many were given to the caller */
};

/* Jobs of which some at a time may run. */
struct schedule_pool {
    struct schedule_pool *next; /* of all */
    size_t *jobs;
    size_t n;
    size_t max, running;
    bool fail_fast;
    size_t *parked; /* those that were ready when as many ran as may, in that order */
    size_t first_parked, n_parked;
};

/* Places of which jobs have some for themselves, and who waits for them, first come first served.
 */
struct schedule_places {
    uint64_t n, taken;
    size_t first, last;
};

struct schedule_claim {
    size_t places;
    uint64_t n;
};

struct schedule {
    struct schedule_node *nodes; /* jobs, then gates */
    size_t n, n_gates;
    size_t waiting, ended;
    size_t repeated; /* how often a job was put behind all others */
    size_t *ready;   /* the heap; what is in it and no longer WAITING was abandoned */
    size_t n_ready;
    struct schedule_group *groups;
    struct schedule_pool *pools;
    struct schedule_places *places;
    size_t n_places;
    struct schedule_group *starting; /* one whose jobs are being given to the caller; NULL: none */
    bool begun;                      /* all needs are known: who has none is in the heap */
    size_t running;
    size_t lone; /* the one of them that runs alone, or NOBODY */
    uint64_t stock[SCHEDULE_GOODS];
    uint64_t taken[SCHEDULE_GOODS]; /* by those that run */
};

/* Puts a job among those that are ready. schedule.c */
void schedule_push(struct schedule *s, size_t job);

/* Whether as many of its pool run as may. */
bool schedule_is_full(const struct schedule *s, size_t job);
/* Keeps a job of a full pool until another of it has ended: no more than all of them wait so. */
void schedule_park(struct schedule *s, size_t job);
/* Lets the first that is kept so of the job's pool, if it has one, be ready again where it is not
 * full. */
void schedule_unpark(struct schedule *s, size_t job);
/* Whether a job has all of its places. It takes what it can of them; else it waits for the rest,
 * and is ready again when it has its turn. */
bool schedule_take_places(struct schedule *s, size_t job);
/* Whether it would have to wait. */
bool schedule_lacks_places(const struct schedule *s, size_t job);
/* The job runs no more, or will not. */
void schedule_return_places(struct schedule *s, size_t job);
