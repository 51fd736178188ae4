/* SPDX-License-Identifier: Apache-2.0 */
/* service_process: private to attempt: the process that runs one service of a job. */
#pragma once

#include "harness/run/run.h"

struct service_order {
    const struct instance *instance;
    unsigned number; /* no two slots and services of a run have the same at one time */
    int network;     /* the job's namespace; borrowed */
    int orders;      /* as a slot's: orders come in, the result goes out */
    int tell;        /* a byte goes out when it is ready */
    pid_t slot;      /* whose child this is */
};
/* Runs it to its end, in a process that was just forked for it by _Fork. */
_Noreturn void service_process(const struct run *run, const struct service_order *order);
