/* SPDX-License-Identifier: Apache-2.0 */
/* nat: private to sandbox; a network namespace whose traffic goes through a process of pasta's. */
#pragma once

#include "harness/sandbox/sandbox.h"

struct nat_order {
    const struct sandbox_nat *with;
    int user_ns, net_ns;
    bool forwards_names; /* the job's resolver is NAT_RESOLVER */
};

/* Starts pasta for the namespaces and waits until the job's interface is there. */
int nat_start(const struct nat_order *order, pid_t *ret_pid, struct cupel_error *err);

/* False when it had ended before. */
bool nat_stop(pid_t *pid);
