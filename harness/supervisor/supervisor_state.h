/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor_state: private to supervisor: a run that is under way, as the event loop and
 * outcomes.c share it. */
#pragma once

#include "harness/attempt/goods.h"
#include "harness/attempt/slot.h"
#include "harness/prepare/prepare.h"
#include "harness/supervisor/schedule.h"
#include "harness/supervisor/snapshot_needs.h"

#include <termios.h>

struct supervisor {
    const struct run_options *options;
    struct prepared p;
    struct schedule *schedule;
    struct goods_stock stock; /* of the machine */
    uint64_t *room;           /* by slot: the memory that there was when its job started */
    bool crowded;             /* it was said that others hold memory */
    struct slot *slots;       /* as many as the run has */
    size_t running;           /* how many of them run a job */
    uint64_t n_ended;         /* results so far */
    bool prepares;            /* slots that are left over prepare jobs ahead */
    size_t *upcoming;         /* room for those that would be next */
    /* by instance: its last attempt so far; NULL until one ended */
    struct reports_result **results;
    /* what they and the attempts before them live in, until they are final; then NULL, or, where
     * there were several, still that */
    struct arena **arenas;
    struct arena *kept; /* what is final lives in this */
    const struct reports_result *last_kept;
    struct arena *names;
    struct snapshot_needs *bases;
    struct submissions *submissions; /* NULL: there are none */
    int epoll, signals, tick;
    struct termios terminal;
    bool terminal_changed;
    unsigned cancelled; /* how often the user has said so */
    bool time_up;       /* --timeout */
    int timeout;        /* a timer for it, or -EBADF */
    int retries;        /* a timer for what waits to be run again, or -EBADF */
    struct delayed {
        size_t instance;
        uint64_t at_ns;
    } * delayed; /* in no order */
    size_t n_delayed;
    unsigned n_failed; /* final results of jobs that did not pass and had to */
    bool stopping;     /* no new job starts */
    uint64_t started_ns;
    int report_failed;
    struct cupel_error report_error;
};
