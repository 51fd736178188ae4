/* SPDX-License-Identifier: Apache-2.0 */
/* first_aid: see first_aid.h. */
#include "harness/attempt/first_aid.h"

void first_aid_of_streams(const struct step_facts *s, struct strbuf *b)
{
    if (s->started && s->input == SANDBOX_INPUT_UNREAD)
        strbuf_adds(b, "; the program never read its input");
}
