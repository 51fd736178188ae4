/* SPDX-License-Identifier: Apache-2.0 */
/* blame: private to attempt: whose doing a set-up step is that failed. What a job has made of its
 * own files, those of jobs that start from it, or its input, is never an error of the harness.
 * Pure. */
#pragma once

#include "harness/run/run.h"

enum blame {
    BLAME_NOBODY,     /* of the job */
    BLAME_JOB,        /* which has failed therefore */
    BLAME_SUBMISSION, /* an input that others have filled is none that the job can work on */
};
/* Says whose doing a set-up step is that failed; unless nobody's, `ret_evidence` says of what. */
enum blame blame_set_up(const struct run *run, const struct instance *instance,
                        const struct sandbox_event *event, char *ret_evidence, size_t size);
