/* SPDX-License-Identifier: Apache-2.0 */
/* device_table: private to sandbox; the nodes of /dev that a job may have. */
#pragma once

#include "jobs/jobs.h"

/* The nodes of /dev. */
#define DEVICES_COUNT 7

struct device {
    enum jobs_device id;
    const char *name;
    unsigned major, minor;
};
extern const struct device devices_table[DEVICES_COUNT];
static inline bool devices_has(uint32_t set, enum jobs_device id)
{
    return ((set >> id) & 1u) != 0;
}
