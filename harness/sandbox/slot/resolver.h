/* SPDX-License-Identifier: Apache-2.0 */
/* resolver: private to sandbox; what resolv.conf says in a job behind nat. */
#pragma once

#include <stdbool.h>

/* A resolv.conf of the host's as a job behind nat can use it: a resolver at a loopback address
 * becomes the one address that pasta forwards, to the host's first resolver. malloc'ed. */
char *resolver_behind_nat(const char *host);

/* Whether it says to ask there. */
bool resolver_is_forwarded(const char *text);
#define NAT_RESOLVER "10.0.2.3"
