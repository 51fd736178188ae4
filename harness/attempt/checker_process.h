/* SPDX-License-Identifier: Apache-2.0 */
/* checker_process: private to attempt: the process that runs the checkers of a slot's jobs. */
#pragma once

#include "harness/attempt/pair.h"
#include "harness/run/run.h"

/* In the directory of a check. */
#define CHECKER_INPUT_FILE "input"
#define CHECKER_OUTPUT_FILE "output"
#define CHECKER_ANSWER_FILE "answer"
#define CHECKER_FEEDBACK_DIR "feedback"

struct checker_process {
    unsigned number; /* no two slots, services and checkers of a run have the same at one time */
    int orders;      /* as a slot's: orders come in, results go out */
    pid_t slot;      /* whose child this is */
    const char *dir; /* absolute: where what is to be judged lies when an order comes */
    struct pair_ends *ends; /* of those that talk with a job; or NULL */
    int transcript;         /* or -EBADF */
};
/* Runs one after the other, in a process that was just forked for it by _Fork. */
_Noreturn void checker_process(const struct run *run, const struct checker_process *p);
