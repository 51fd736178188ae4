/* SPDX-License-Identifier: Apache-2.0 */
/* relay: private to session: a session's two halves. The front is the process that the user
 * started: it has the caller's streams, and none of the job's processes is its child. The slot half
 * holds the sandbox, and passes the session's ends of the streams to the front, which carries the
 * bytes. */
#pragma once

#include "base/base.h"

enum relay_kind {
    /* to the front, with descriptors: the terminal's master, or in, out and err */
    RELAY_STREAMS = 1,
    /* to the front: `value` is the exit code; err.message, where there is one, a remark */
    RELAY_ENDED,
    RELAY_FAILED,    /* to the front: the harness could not do it: `err` */
    RELAY_TERMINATE, /* to the slot half */
    RELAY_KILL,
};
struct relay_message {
    uint32_t kind;
    int32_t value;
    struct cupel_error err;
};

struct relay_end {
    bool failed;
    int signal; /* that we were asked to end by, or 0 */
    int exit;
    struct cupel_error err; /* failed; else a remark, or empty */
};

/* Carries bytes and signals between the caller's 0, 1 and 2 and the session until the other half
 * says that it is over and its output is all written. `signals` is a signalfd of relay_signals().
 */
void relay_run(int socket, bool terminal, int signals, struct relay_end *ret);
/* Blocks the signals that relay_run takes, before anything is forked; their signalfd or a negative
 * errno. */
int relay_signals(void);
