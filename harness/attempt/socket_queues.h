/* SPDX-License-Identifier: Apache-2.0 */
/* socket_queues: private to attempt: the memory that the queues of a job's internet sockets hold. A
 * control group has what a socket queues on its account only once accept(2) has given the socket to
 * somebody, on v1 in part even then. */
#pragma once

#include "harness/attempt/socket_errors.h"

#include <sys/types.h>

/* Returns how much the sockets in the network namespace of process `init` hold, up to about
 * `enough`. */
uint64_t socket_queues(pid_t init, struct socket_errors *errors, uint64_t enough);
