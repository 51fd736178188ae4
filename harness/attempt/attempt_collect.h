/* SPDX-License-Identifier: Apache-2.0 */
/* attempt_collect: private to attempt: what an attempt has left when its sandbox has ended: the
 * last facts, artifacts, a snapshot, the result. Not responsible for the verdict (verdict.h), nor
 * for what --keep-failed keeps (keep_failed.h). */
#pragma once

#include "harness/attempt/attempt_state.h"

/* Reaps PID 1 and completes the facts. */
void attempt_collect_facts(struct attempt *a);
/* Has the facts judged, and collects what the verdict calls for. */
void attempt_judge(struct attempt *a, struct attempt_result *ret);
