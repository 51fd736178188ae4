/* SPDX-License-Identifier: Apache-2.0 */
/* netns: private to sandbox; what has to be done inside of another namespace. */
#pragma once

/* Runs in a child, on the caller's memory as it is: may change namespaces. Returns a descriptor,
 * which the caller gets, or a negative errno; and a number. Only libc, no malloc, no stdio. */
typedef int netns_fn(const void *data, unsigned *ret_number);
int netns_fetch(netns_fn *fetch, const void *data, int *ret_fd, unsigned *ret_number);
