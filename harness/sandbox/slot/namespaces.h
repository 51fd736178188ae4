/* SPDX-License-Identifier: Apache-2.0 */
/* namespaces: private to sandbox; a job's namespaces, held for who enters it. */
#pragma once

#include "harness/sandbox/sandbox.h"

/* Holds those of a cloned PID 1 in *job; -errno and the name of the one that cannot be had. */
int namespaces_hold(struct sandbox_job *job, bool own_network, const char **ret_which);

/* Returns the network or the mount one of those that are held, or -EBADF. */
int namespaces_network(const struct sandbox_job *job);
int namespaces_mount(const struct sandbox_job *job);
void namespaces_release(struct sandbox_job *job);
