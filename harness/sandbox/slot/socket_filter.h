/* SPDX-License-Identifier: Apache-2.0 */
/* socket_filter: private to sandbox; the part of a filter that is about socket and socketpair. */
#pragma once

#include "jobs/jobs.h"

#include <linux/filter.h>

#define SOCKET_FILTER_MAX 256

/* Writes that part and returns how many instructions it has. What it allows goes on to the next
 * part.
 */
size_t socket_filter(const struct jobs_seccomp *what,
                     struct sock_filter to[static SOCKET_FILTER_MAX]);
