/* SPDX-License-Identifier: Apache-2.0 */
/* expect: what a step wrote against what its file expects. */
#pragma once

#include "harness/attempt/capture.h"
#include "harness/attempt/compare.h"
#include "harness/attempt/facts.h"
#include "jobs/jobs.h"

/* Opens what the step wrote, for reading; *ret_len bytes from *ret_from on. -EBADF in *ret_fd:
 * nothing. */
int expect_open_output(const struct capture *capture, int which, const struct step_facts *facts,
                       int *ret_fd, uint64_t *ret_from, uint64_t *ret_len);
/* Compares what a step of the job wrote (in the logs) with what is expected; fills
 * facts->output_differs and ->difference. */
int expect_check(const struct jobs_job *job, size_t step, const struct capture *capture,
                 struct step_facts *facts, struct cupel_error *err);
/* Compares the two, and fills these facts where they differ; `what` is that of the job, in words.
 */
int expect_compare(const char *what, const struct redact *redact, const struct jobs_expect *e,
                   const struct compare_source *expected, const struct compare_source *got,
                   struct step_facts *facts);
/* Opens a file of the host that something is compared with; ret->fd is to be closed. */
int expect_open(const struct jobs_host_path *path, const char *key, struct compare_source *ret,
                struct cupel_error *err);
