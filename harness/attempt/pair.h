/* SPDX-License-Identifier: Apache-2.0 */
/* pair: private to attempt: a job whose standard input is what another one writes, which another
 * slot runs at the same time, and the other way round. Each slot carries what its own job writes:
 * so it is counted, bounded and in the job's log like any output. Nothing here ever waits. Also of
 * a job and the program that talks with it and judges it, which the slot's checker process runs. */
#pragma once

#include "base/base.h"
#include "harness/attempt/facts.h"

#include <poll.h>

/* When something came to one of the two for the last time, by CLOCK_MONOTONIC; 0: never. In memory
 * that both slots share, and written by the other's. */
struct pair_last {
    _Atomic uint64_t at_ns;
};

/* What is known of the two sides of a job with `interactive`, in memory that both processes share
 * (interactor.h); moments of CLOCK_MONOTONIC, 0: never. */
enum pair_side { PAIR_JOB, PAIR_JUDGE, PAIR_SIDES };
struct pair_ends {
    /* the first sign of its end: it has closed its standard output, or its input. Whoever sees it
     * notes it before it tells the other side, so that what the other does then comes later */
    _Atomic uint64_t sign_ns[PAIR_SIDES];
    _Atomic uint64_t judge_ended_ns; /* the end of the command, as its PID 1 has seen it */
    /* what came to the other, as far as that has it in its pipe */
    _Atomic uint64_t wrote_ns[PAIR_SIDES], wrote[PAIR_SIDES];
    _Atomic char last_byte[PAIR_SIDES];
    _Atomic bool lost[PAIR_SIDES]; /* it wrote to a side that was gone */
};

struct pair {
    int slot;                 /* a socket to the other's slot, until that has introduced it */
    int to;                   /* the other's standard input, once introduced, or -EBADF */
    bool gone;                /* nobody reads what our job writes, nor ever will */
    bool last;                /* nothing more will come to be written */
    struct pair_last *ours;   /* what has come to our job, or NULL */
    struct pair_last *theirs; /* to the other, once introduced, or NULL */
    struct pair_ends *ends;   /* of a job and what judges it, borrowed; or NULL */
    enum pair_side side;      /* which of the two is ours */
    size_t lost;              /* so much came for one that is gone */
    int transcript;           /* borrowed: where both keep what comes; or -EBADF */
    uint64_t transcript_max;
    size_t at, len; /* what of `data` is still to be written */
    char *data;     /* PAIR_CHUNK bytes, or NULL */
};
#define PAIR_CHUNK ((size_t)64 * 1024)
#define PAIR_NONE                                                                                  \
    {                                                                                              \
        .slot = -EBADF, .to = -EBADF, .transcript = -EBADF                                         \
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
/* Whether who writes is to be told that nobody reads. Of a job and what judges it, each may write
 * as much as a pipe holds to one that has just ended, as if it still lay in the pipe: else it would
 * be by chance who is killed for a last word. */
bool pair_is_closed(const struct pair *p);
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
