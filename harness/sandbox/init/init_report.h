/* SPDX-License-Identifier: Apache-2.0 */
/* init_report: private to sandbox; what goes over the control socket between PID 1 and the slot:
 * SOCK_SEQPACKET, one struct a packet. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct init_report {
    uint32_t kind; /* enum sandbox_event_kind */
    uint32_t step; /* the job's step, or the enum setup_step that failed */
    int32_t status;
    int32_t errnum;
    uint64_t at_ns;
    /* in use on the upper file system when the first step starts */
    uint64_t disk_bytes, disk_inodes;
    uint32_t uid, gid;   /* of the command that starts, in the job */
    uint32_t cut;        /* of SANDBOX_LEFT_RUNNING: not all could be looked at */
    uint64_t unmappable; /* of SANDBOX_STEP_ENDED, see explain_exec.c */
    /* most memory that a process had in its pages, as getrusage(2) tells: when a step has started,
     * PID 1 itself; when it has ended and all is quiet, the largest that it has waited for */
    uint64_t max_rss;
    char detail[SANDBOX_DETAIL_SIZE];
};
/* With what PID 1 ends; what else it has to say it has sent before. */
enum init_exit {
    INIT_EXIT_DONE = 0,
    INIT_EXIT_TOLD = 1,
    INIT_EXIT_NO_ORDER = 2,   /* the slot is gone, or does not talk as we do */
    INIT_EXIT_NO_SIGNALS = 3, /* signalfd(2) failed */
    INIT_EXIT_UNHEARD = 100,  /* with the errno added: a report could not be sent */
};
#define INIT_ORDER_GO                                                                              \
    'g' /* id maps are written; the disk is trimmed; later: start the next step                    \
         */
/* In place of GO between steps: which one comes next. The number of steps is that of `after`, with
 * the verdict that it is told; a larger one is the end. */
#define INIT_ORDER_STEP 's'
#define INIT_VERDICT_SIZE 32
struct init_order {
    char order; /* first: GO is this byte alone */
    char verdict[INIT_VERDICT_SIZE];
    uint32_t step;
};
/* While a step of a job with `after` runs: ends the commands, and PID 1 goes on. No signal: one of
 * the job's own that is pending would swallow it (signal(7)). */
#define INIT_ORDER_END 'e'
#define INIT_ENTERED                                                                               \
    1001u /* the same, of enter.c: the descriptor is the session's first process                   \
           */
#define INIT_WANTS_TRIM                                                                            \
    1000u /* a kind between init and slot: now the disk may get its size, then GO */
