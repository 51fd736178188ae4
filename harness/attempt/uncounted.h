/* SPDX-License-Identifier: Apache-2.0 */
/* uncounted: private to attempt: the memory that a job's netlink and internet sockets hold, which
 * the kernel puts on no control group's account, or bounds by none. It is looked at while the job
 * runs, and bounded by the job's own memory limit, beside what the group counts. */
#pragma once

#include "harness/attempt/socket_errors.h"
#include "harness/sandbox/sandbox.h"
#include "jobs/jobs.h"

struct uncounted {
    pid_t init;                 /* whose network namespace it is */
    uint64_t limit;             /* bytes */
    uint64_t next_ns;           /* when to look (CLOCK_MONOTONIC); UINT64_MAX: never */
    uint64_t netlink, internet; /* bytes, of the last look */
    struct socket_errors errors;
};

/* Begins to look; from here on the job may run. A job without a memory limit may take what the
 * machine has, by sockets as by any other way; in the host's network, its sockets cannot be told
 * from the host's. */
void uncounted_begin(struct uncounted *u, const struct jobs_job *job, bool enforced,
                     const struct sandbox_job *sandbox);
void uncounted_end(struct uncounted *u);
/* True when the queues hold more than the limit. A look takes at most a small part of
 * the time until the next. */
bool uncounted_exceeds(struct uncounted *u, uint64_t now);
/* The receive queues in the text of /proc/PID/net/netlink, up to `enough`; exposed for the tests.
 */
uint64_t uncounted_netlink(int fd, uint64_t enough);
