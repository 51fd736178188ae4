/* SPDX-License-Identifier: Apache-2.0 */
/* services: private to attempt: a job's services, from the point of view of the job's slot. Each is
 * run by a process of its own, the slot's child, as a slot runs a job (service_process.c): in the
 * network namespace of the job, which is held meanwhile, everything done but the exec of its first
 * command. Once all are ready, the job goes; when it is over, they are told to end. */
#pragma once

#include "base/base.h"
#include "jobs/jobs.h"

#include <poll.h>

struct attempt;
struct services;

/* For how many descriptors services_poll may ask. */
#define SERVICES_POLLS ((size_t)2 * JOBS_SERVICES_MAX)

/* Takes those of the attempt's job; NULL: it has none. Nothing is started yet. */
struct services *services_new(const struct attempt *a);
void services_free(struct services *s);
/* A descriptor that can be read once they may be started, or -1. */
int services_wait_for(const struct attempt *a);
/* Starts them, once that descriptor has said `events` of poll(2). Where it fails, the attempt has.
 */
void services_begin(struct attempt *a, short events);
/* Asks for what comes from them; returns for how many descriptors. */
size_t services_poll(const struct attempt *a, struct pollfd *fds);
/* Acts on that: lets the job go when all are ready, and ends it when one is not going to be. */
void services_serve(struct attempt *a, const struct pollfd *fds);
/* Whether the job waits for them still: nothing of it has run. */
bool services_are_awaited(const struct attempt *a);
/* Whether what one of them runs may be anybody's: an input of it is what nobody vouches for. */
bool services_are_untrusted(const struct attempt *a);
/* Ends them, within the job's grace; at once where the attempt is to wait for nothing. Afterwards
 * the facts have what became of them while the job ran. */
void services_end(struct attempt *a);
