/* SPDX-License-Identifier: Apache-2.0 */
/* bridge: private to sandbox; a network namespace that holds a bridge, and a cable from it to each
 * job. */
#pragma once

#include "base/base.h"
#include "jobs/jobs.h"

int bridge_attach(int bridge_ns, int net_ns, const struct jobs_job *job, size_t n_members,
                  struct cupel_error *err);

/* What every job's /etc/hosts begins with. */
#define HOSTS_LOCAL "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

/* Writes what /etc/hosts says in every job of the bridge; malloc'ed. */
char *bridge_hosts(const struct jobs_plan *plan, const struct jobs_bridge *bridge);
