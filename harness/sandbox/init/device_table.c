/* SPDX-License-Identifier: Apache-2.0 */
/* device_table: the nodes of /dev that a job may have: what the slot makes (slot/dev_nodes.c), or
 * the host lends (slot/lend.c) and PID 1 borrows (borrow.c). */
#include "harness/sandbox/init/device_table.h"

const struct device devices_table[DEVICES_COUNT] = {
    {JOBS_DEVICE_NULL, "null", 1, 3},       {JOBS_DEVICE_ZERO, "zero", 1, 5},
    {JOBS_DEVICE_FULL, "full", 1, 7},       {JOBS_DEVICE_RANDOM, "random", 1, 8},
    {JOBS_DEVICE_URANDOM, "urandom", 1, 9}, {JOBS_DEVICE_TTY, "tty", 5, 0},
    {JOBS_DEVICE_KVM, "kvm", 10, 232},
};
