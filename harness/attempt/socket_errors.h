/* SPDX-License-Identifier: Apache-2.0 */
/* socket_errors: private to attempt: what lies in the error queues of a job's internet sockets:
 * ICMP errors, and with SO_TIMESTAMPING a copy of each packet that was sent. It is on no control
 * group's account, and neither in the kernel's sums for TCP and UDP nor, for TCP, in the lists of
 * sockets in /proc. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sandbox_job;

struct socket_errors {
    const struct sandbox_job *job;
    int diag; /* asks for TCP's; -EBADF: not yet, or there is no way */
    bool tried;
    uint64_t per_socket; /* what one can hold, in bytes; 0: not asked yet */
    /* traffic at the last look, and how much more could still not be too much */
    uint64_t seen, left;
};

void socket_errors_begin(struct socket_errors *e, const struct sandbox_job *job);
void socket_errors_end(struct socket_errors *e);
/* Whether so many sockets could hold more than `enough`, by all that has gone through the network
 * since the last look. */
bool socket_errors_possible(struct socket_errors *e, uint64_t sockets, uint64_t enough);
/* A look, after which that much of `enough` is left. */
void socket_errors_looked(struct socket_errors *e, uint64_t left);
/* All that TCP sockets hold, `family` AF_INET or AF_INET6, with `per_orphan` for each that no
 * process has; negative errno: ask otherwise. */
int socket_errors_tcp(struct socket_errors *e, int family, uint64_t per_orphan, uint64_t *ret);
