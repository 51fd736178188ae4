/* SPDX-License-Identifier: Apache-2.0 */
/* first_aid: private to attempt: phrases for evidence that say to whoever wrote the program what is
 * likely the matter with it. Pure: facts become text, and nothing that was not seen. Decides no
 * verdict (verdict.c); what the job's surroundings did to it is told by evidence.c. */
#pragma once

#include "harness/attempt/facts.h"

/* Says what a step that a limit or a signal ended did with its streams; each phrase after "; ".
 */
void first_aid_of_streams(const struct step_facts *step, struct strbuf *b);
