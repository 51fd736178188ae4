/* SPDX-License-Identifier: Apache-2.0 */
/* billing: private to attempt: the CPU time that a job costs: what its group is charged, and what
 * its PID 1 spends on it, which lives in a group of the run's. Reaping what a job leaves to PID 1
 * takes CPU time as its forks do (7 % of a core beside 50 % was seen), and nobody else is to pay
 * for it. */
#pragma once

#include "harness/attempt/facts.h"
#include "harness/sandbox/sandbox.h"

/* The first step starts: what PID 1 has used until now was set-up, and not the job's. */
void billing_begin(const struct sandbox_job *sandbox, struct attempt_facts *facts);
/* What PID 1 has used since then, or had when it was last there. */
uint64_t billing_init_ns(const struct sandbox_job *sandbox, struct attempt_facts *facts);
/* Both together; -ENODATA where the kernel does not tell. */
int billing_cpu_ns(const struct cgroup_job *cgroup, const struct sandbox_job *sandbox,
                   struct attempt_facts *facts, uint64_t *ret_ns);
/* Adds PID 1's to the figures of the group. It is the kernel's work, all but a little. */
void billing_add(struct attempt_facts *facts);
