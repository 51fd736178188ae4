/* SPDX-License-Identifier: Apache-2.0 */
/* setup_step: private to sandbox; the set-up sequence: its steps in order, and where PID 1 is in
 * it. slot/steps.c has their names. */
#pragma once

#include "base/base.h"

#include <stdatomic.h>
#include <stdint.h>

enum setup_step {
    /* in the slot */
    SETUP_ID_MAP_LAYERS,
    SETUP_UPPER,
    SETUP_DEVICES,
    SETUP_INPUTS,
    SETUP_PIPES,
    SETUP_CLONE,
    SETUP_ID_MAP,
    SETUP_NETWORK,
    /* in PID 1 */
    SETUP_DESCRIPTORS,
    SETUP_IDENTITY,
    SETUP_SESSION,
    SETUP_HOSTNAME,
    SETUP_OVERLAY,
    SETUP_INPUT_OVERLAYS,
    SETUP_KERNEL_MOUNTS,
    SETUP_TIME,
    SETUP_BORROW,
    SETUP_PIVOT,
    SETUP_VIEWS,
    SETUP_DEV,
    SETUP_PROC,
    SETUP_PROC_MASKS,
    SETUP_SYS,
    SETUP_USER,
    SETUP_ATTACH_INPUTS,
    SETUP_SECRET_FILES,
    SETUP_ETC,
    SETUP_HOME,
    SETUP_WORKDIR,
    SETUP_LOOPBACK,
    SETUP_TERMINAL,
    SETUP_DISK,
    /* in each command */
    SETUP_CONTROLLING_TERMINAL,
    SETUP_STDIO,
    SETUP_PAYLOAD,
    SETUP_CGROUP_NAMESPACE,
    SETUP_LANDLOCK,
    SETUP_CLOSE_FDS,
    SETUP_RESOURCE_LIMITS,
    SETUP_BOUNDING_SET,
    SETUP_IDS,
    SETUP_CAPABILITIES,
    SETUP_NO_NEW_PRIVS,
    SETUP_CHDIR,
    SETUP_SECCOMP,
    SETUP_EXEC,
    SETUP_STEP_COUNT,
};

/* Where PID 1 is in it, or the command that it starts: in memory that the slot shares, for the one
 * that is stuck and cannot say so. */
struct setup_progress {
    _Atomic uint32_t at; /* enum setup_step */
    bool traced;         /* set once by the slot: when each began is noted as well */
    uint64_t at_ns[SETUP_STEP_COUNT + 3]; /* of the first command and before it; 0: not yet */
};
#define PROGRESS_LEFTOVERS SETUP_STEP_COUNT /* ending what a step left running */
#define PROGRESS_SLOT_DONE (SETUP_STEP_COUNT + 1)
#define PROGRESS_INIT_DONE (SETUP_STEP_COUNT + 2) /* PID 1 starts the first command */

/* `ahead`: how far the caller's clock is ahead of the machine's. */
static inline void progress_note(struct setup_progress *p, uint32_t at, uint64_t ahead)
{
    if (p != NULL && p->traced && p->at_ns[at] == 0)
        p->at_ns[at] = clock_monotonic_ns() - ahead;
}
