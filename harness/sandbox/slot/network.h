/* SPDX-License-Identifier: Apache-2.0 */
/* network: private to sandbox; the slot's side of a job's network, between the clone and the order
 * to go on. */
#pragma once

#include "harness/sandbox/sandbox.h"

#define NETWORK_INTERFACE "eth0" /* what a job with nat or a bridge has beside lo */

/* Connects the network namespace of the cloned PID 1 (which waits) to what its job asks for;
 * `resolver` is what network_resolver said. */
int network_connect(struct sandbox_stage *stage, const struct sandbox_request *request,
                    const char *resolver, struct sandbox_job *job, struct cupel_error *err);

/* The job is gone: so is what served its network. */
void network_disconnect(struct sandbox_job *job);

/* What the job's /etc/resolv.conf is replaced with; NULL: the root's own stays. malloc'ed. */
char *network_resolver(const struct jobs_job *job);

/* The same of /etc/hosts. */
char *network_hosts(const struct sandbox_request *request);

/* A namespace ("net", "user") of an unreaped child, whose pid nobody else can have; negative errno.
 */
int network_open_namespace(pid_t pid, const char *name);
