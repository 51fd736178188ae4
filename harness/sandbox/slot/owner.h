/* SPDX-License-Identifier: Apache-2.0 */
/* owner: private to sandbox; whose a job's user namespace is. */
#pragma once

#include <linux/capability.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct sandbox_stage;

/* Between the two calls, the namespaces that are made belong to an id of the next job's own, where
 * there is one. What has begun has to end, whatever it returned; a slot that cannot become itself
 * again has to end. */
#define OWNER_LIMITS 3

struct owner {
    uint32_t id; /* 0: the slot's own */
    pid_t parent;
    int dumpable, death_signal;
    struct __user_cap_data_struct capabilities[2];
    struct rlimit limits[OWNER_LIMITS];
};
int owner_become(const struct sandbox_stage *s, struct owner *ret);
int owner_leave(const struct owner *o);
