/* SPDX-License-Identifier: Apache-2.0 */
/* pair: private to attempt: a job whose standard input is what another one writes, which another
 * slot runs at the same time, and the other way round. Each slot carries what its own job writes:
 * so it is counted, bounded and in the job's log like any output. Nothing here ever waits. */
#pragma once

#include "base/base.h"
#include "harness/attempt/facts.h"

#include <poll.h>

/* When something came to one of the two for the last time, by CLOCK_MONOTONIC; 0: never. In memory
 * that both slots share, and written by the other's. */
struct pair_last {
    _Atomic uint64_t at_ns;
};

struct pair {
    int slot;                 /* a socket to the other's slot, until that has introduced it */
    int to;                   /* the other's standard input, once introduced, or -EBADF */
    bool gone;                /* nobody reads what our job writes, nor ever will */
    bool last;                /* nothing more will come to be written */
    struct pair_last *ours;   /* what has come to our job, or NULL */
    struct pair_last *theirs; /* to the other, once introduced, or NULL */
    size_t at, len;           /* what of `data` is still to be written */
    char *data;               /* PAIR_CHUNK bytes, or NULL */
};
#define PAIR_CHUNK ((size_t)64 * 1024)
#define PAIR_NONE                                                                                  \
    {                                                                                              \
        .slot = -EBADF, .to = -EBADF                                                               \
    }

/* Takes over `slot`, a socket whose other end the other job's slot has. */
void pair_begin(struct pair *p, int slot);
/* Hands our job's standard input (sandbox_job.in) over to the other's slot, and closes it here: it
 * ends with that slot, or when that one's job has. */
int pair_introduce(struct pair *p, int *in, struct cupel_error *err);
/* Lets go of all: the other job's input ends, unless there is something on its way still. */
void pair_end(struct pair *p);

/* ---- output, for capture.c ---- */

/* Says whether there is room: nothing waits to be written, or nobody reads. */
bool pair_is_free(const struct pair *p);
/* Takes at most PAIR_CHUNK bytes, when it is free. */
void pair_put(struct pair *p, const char *data, size_t n);
/* Says whether anything is still to be written, or may be: the other is not there yet. */
bool pair_is_pending(const struct pair *p);
/* Lets the other's input end once what was taken is written: nothing more will come. */
void pair_finish(struct pair *p);
/* Gives up what is still to be written. */
void pair_drop(struct pair *p);

/* ---- for the loop ---- */

enum { PAIR_SLOT, PAIR_TO, PAIR_POLLS };
void pair_poll(const struct pair *p, struct pollfd fds[static PAIR_POLLS]);
void pair_serve(struct pair *p, const struct pollfd fds[static PAIR_POLLS]);
/* Notes when each of the two wrote last. */
void pair_note(const struct pair *p, struct pair_facts *ret);
