/* SPDX-License-Identifier: Apache-2.0 */
/* wire: an attempt's result as bytes, from a slot to the supervisor. */
#pragma once

#include "harness/attempt/attempt.h"

/* What a result can be at most, whatever its job did. A slot sends no more (it cuts, and says how
 * much it left out where a note can), and the supervisor takes no more. */
#define WIRE_TEXT_MAX ((size_t)REPORTS_EVIDENCE_SIZE) /* evidence and the like, NUL included */
#define WIRE_NOTES_MAX 400u
#define WIRE_NOTE_MAX ((size_t)1024)
#define WIRE_LEAKS_MAX 128u
int wire_send(int socket, uint32_t instance, const struct attempt_result *result);
/* Blocks until the whole of it is there; -EBADMSG when it does not add up, or is more than a result
 * can be. Everything lives in `arena`, but for the names of artifacts, which are in `lists` with
 * the records of `tests` (or NULL). */
struct wire_result {
    uint32_t instance;
    /* verdict, evidence, exit, signal, started, usage, cases, notes, artifacts are filled */
    struct reports_result result;
    bool has_stdout, has_stderr;
    struct arena *arena, *lists;
};
void wire_result_free(struct wire_result *w);
int wire_receive(int socket, struct wire_result *ret);
