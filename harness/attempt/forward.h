/* SPDX-License-Identifier: Apache-2.0 */
/* forward: private to attempt: a command's streams between its pipes (or terminal) and the caller's
 * descriptors. Nothing here ever waits: a reader that does not read holds up who writes, and nobody
 * else. */
#pragma once

#include "base/base.h"
#include "harness/run/run.h"

#include <poll.h>

/* One direction of one stream. */
struct forward_flow {
    int from, to; /* -EBADF once closed */
    bool own_to;  /* `to` is ours to close */
    bool waits;   /* a write to it may block: no more than is sure not to */
    bool socket;
    int failed; /* errno of a write that lost something, or 0: that nobody reads is no loss */
    size_t at, len;
    char *data; /* FORWARD_CHUNK bytes, or NULL */
};
#define FORWARD_CHUNK ((size_t)64 * 1024)

struct forward {
    const struct run_streams *caller;
    struct forward_flow in;
    struct forward_flow out[2];
    int winch;    /* signalfd of SIGWINCH, with a terminal */
    int terminal; /* borrowed: master of the command's, once there is one */
};

void forward_begin(struct forward *f, const struct run_streams *caller);
void forward_end(struct forward *f);
/* Whether the command's standard input is more than an empty one. */
bool forward_has_input(const struct run_streams *caller);
/* Whether the caller's standard output and error are one file, which the command's are then too. */
bool forward_has_one_output(const struct run_streams *caller);
/* Where the caller's input goes: the command's pipe or terminal; borrowed. */
void forward_input_to(struct forward *f, int *to, bool terminal);

/* ---- output, for capture.c ---- */

/* Whether stream `which` has room: nothing waits to be written. */
bool forward_is_free(const struct forward *f, int which);
/* Whether nobody reads it any more. */
bool forward_is_gone(const struct forward *f, int which);
/* Takes some bytes, when it is free: FORWARD_CHUNK of them, and what a secret is long. */
void forward_put(struct forward *f, int which, const char *data, size_t n);
/* Whether anything taken is still to be written. */
bool forward_is_pending(const struct forward *f);
/* Whether the caller's file took less than it was given; *err says so. */
int forward_check(const struct forward *f, struct cupel_error *err);
/* What is still to be written is given up. */
void forward_drop(struct forward *f);

/* ---- for the loop ---- */

enum { FORWARD_FROM, FORWARD_TO, FORWARD_OUT, FORWARD_ERR, FORWARD_WINCH, FORWARD_POLLS };
void forward_poll(const struct forward *f, struct pollfd fds[static FORWARD_POLLS]);
void forward_serve(struct forward *f, const struct pollfd fds[static FORWARD_POLLS]);
