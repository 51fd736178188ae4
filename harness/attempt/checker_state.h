/* SPDX-License-Identifier: Apache-2.0 */
/* checker_state: private to attempt: a slot's process for checkers, as those share it who have it
 * judge (checker.c) or talk with a job (interactor.c). */
#pragma once

#include "harness/attempt/attempt_state.h"
#include "harness/attempt/wire.h"

struct checker {
    pid_t pid;
    int socket; /* orders go out, results come in; -EBADF: it is gone */
    int dir;    /* where what is judged is put */
    const struct run *run;
    unsigned slot;
    int orders;             /* the slot's; borrowed */
    struct pair_ends *ends; /* shared with that process; NULL: no job of the run is interactive */
    int transcript;         /* the same; or -EBADF */
};

/* Puts what is to be judged into its directory, `output` only of a job that has ended. */
int checker_give(const struct checker *c, const struct attempt *a, struct cupel_error *err);
/* Removes that. */
void checker_take_back(const struct checker *c);
/* Notes that the job cannot be judged, and why. */
void checker_fail(struct attempt *a, const struct cupel_error *err);
/* Takes what the supervisor says: whoever ends the job ends what judges it. */
void checker_take_order(struct attempt *a, const struct checker *c);
/* Ends the check that runs. */
void checker_end_check(const struct checker *c);
/* The process has died. */
void checker_lose(struct checker *c);
/* Takes what was said besides the verdict, and blames who gives more than there is. */
void checker_take_words(struct attempt *a, const struct reports_result *r,
                        struct attempt_result *ret);
