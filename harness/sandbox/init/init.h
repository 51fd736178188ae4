/* SPDX-License-Identifier: Apache-2.0 */
/* init: private to sandbox; PID 1 of a job, and what who enters a job shares with it. */
#pragma once

#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/setup_step.h"

#include <stdatomic.h>

struct init_report;

/* Runs as PID 1 and never returns. */
_Noreturn void init_main(struct init_context *ctx);

/* Set-up steps that who enters a job takes as well. */
setup_fn setup_descriptors;
setup_fn setup_session;

/* Makes the caller root of the user namespace, not dumpable, and one that dies with its parent. */
int identity_become_root(const struct init_context *ctx);

/* Sends it to the slot; a slot that is gone ends the caller. */
void send_report(struct init_context *ctx, const struct init_report *report);

/* Runs one step, as PID 1 does, and never returns. */
_Noreturn void init_session(struct init_context *ctx);

/* Makes a time namespace with the job's offset, for the processes that the caller forks from now
 * on; `offsets` is the caller's own /proc/self/timens_offsets, for writing. Without an offset does
 * nothing. time_offset.c */
int time_offset_set(const struct init_context *ctx, int offsets);
/* Says that the caller has become one of these, and that its clock is another. */
void time_offset_joined(struct init_context *ctx);

/* Notes in the memory that the slot shares which step is next. */
static inline void progress_to(const struct init_context *ctx, uint32_t at)
{
    if (ctx->given.progress != NULL)
        atomic_store_explicit(&ctx->given.progress->at, at, memory_order_relaxed);
    progress_note(ctx->given.progress, at, ctx->ahead_ns);
}
