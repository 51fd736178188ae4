/* SPDX-License-Identifier: Apache-2.0 */
/* join_namespaces: private to sandbox; which namespaces a job has, and how to get into them. */
#pragma once

#include "harness/sandbox/sandbox.h"

/* The first brings the rights over the others. */
struct join_namespace {
    const char *name; /* of /proc/PID/ns */
    int type;         /* CLONE_NEW... */
};
extern const struct join_namespace join_namespaces_table[SANDBOX_NAMESPACES];

/* Joins all of them; the PID namespace counts for the children of the calling process. */
int join_namespaces(const struct sandbox_entry *entry);
