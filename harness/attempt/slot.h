/* SPDX-License-Identifier: Apache-2.0 */
/* slot: the long-lived process that does one job at a time. */
#pragma once

#include "harness/attempt/attempt.h"
#include "harness/run/run.h"

/* What the supervisor may say: ORDER_FORGET between two jobs, of an instance from which no job will
 * start any more; ORDER_PREPARE of the one that will be run here next, as far as anybody knows: in
 * place of the one before, and any other may be run all the same. */
enum slot_order {
    ORDER_RUN = 1,
    ORDER_CANCEL = 2,
    ORDER_KILL = 3,
    ORDER_FORGET = 4,
    ORDER_PREPARE = 5,
    ORDER_TIME_UP = 6 /* as ORDER_CANCEL, for --timeout */
};
struct slot_message {
    uint32_t order;
    uint32_t instance;
};

/* The supervisor's handle of a slot. */
struct slot {
    pid_t pid;
    int socket; /* orders go out, results come in */
    int pidfd;
    bool busy;
    size_t told;       /* how many of those that no job needs any more it was told to forget */
    uint32_t instance; /* while busy */
    size_t ahead;      /* the instance that it prepares or has prepared, or INSTANCE_NONE */
    uint64_t ended;    /* the how manieth result of the run its last one was */
};
#define SLOT_NONE                                                                                  \
    {                                                                                              \
        .pid = -1, .socket = -EBADF, .pidfd = -EBADF, .ahead = INSTANCE_NONE                       \
    }

/* Forks slot number `number` of slots[0..n-1] into slots[number]; the child never returns. It
 * closes its copies of the other slots' sockets, which would otherwise keep those from seeing their
 * end. */
int slot_start(const struct run *run, struct slot *slots, size_t n, size_t number,
               struct cupel_error *err);
/* Makes a process that was just forked one that may start jobs: it dies with its supervisor, has no
 * signal blocked, and none of the caller's resource limits and priorities, which jobs would
 * inherit. */
void slot_become(pid_t supervisor);
/* Lets whoever was sent an answer have this processor, if it is meant to run here: the kernel wakes
 * a reader where the writer is, since most writers wait next. */
void slot_make_way(void);
/* A range of ids, the place in the run's cgroups, and the stage. *ret_lock holds the range. */
int slot_open_stage(const struct run *run, unsigned number, struct sandbox_stage **ret_stage,
                    int *ret_lock, struct cupel_error *err);
int slot_order(const struct slot *s, enum slot_order order, uint32_t instance);
/* Orders a run whose standard input is what another slot's job writes, and the other way round:
 * each of the two is given one end of a pair of sockets (`other`, which remains the caller's to
 * close). */
int slot_order_pair(const struct slot *s, uint32_t instance, int other);
/* Closes the socket, which tells the slot to end; slot_stop waits for that. */
void slot_dismiss(struct slot *s);
/* Closes the socket, which tells the slot to end, waits for it, and returns its wait status. */
int slot_stop(struct slot *s);
/* Waits for an order, and listens meanwhile to what is set up ahead, if anything is; false: there
 * will be none. */
bool slot_next_order(struct attempt_context *ctx, struct attempt_ahead *ahead,
                     struct slot_message *ret);
