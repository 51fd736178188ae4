/* SPDX-License-Identifier: Apache-2.0 */
/* redact_reference: what has to come of a text, by trying every place: what base/redact.c is
 * compared with, in unit tests and in the fuzz target. */
#pragma once

#include "base/redact_private.h"

#include <string.h>

struct reference_text {
    const char *data;
    size_t n;
};

/* Appends the text with each run of bytes of any of the secrets replaced. `cut` as in redact.h. */
static inline void reference_redact(const struct reference_text *secrets, size_t n_secrets,
                                    const char *text, size_t n, bool cut, struct strbuf *out)
{
    cleanup_free char *secret = xcalloc(n + 1, 1);

    for (size_t at = 0; at < n; at++)
        for (size_t s = 0; s < n_secrets; s++) {
            size_t len = secrets[s].n, left = n - at;

            if (len < REDACT_LEAST)
                continue;
            if (len <= left && memcmp(text + at, secrets[s].data, len) == 0)
                memset(secret + at, 1, len);
            else if (cut && left >= REDACT_LEAST && left < len &&
                     memcmp(text + at, secrets[s].data, left) == 0)
                memset(secret + at, 1, left);
        }
    for (size_t at = 0; at < n; at++)
        if (!secret[at])
            strbuf_add(out, text + at, 1);
        else if (at == 0 || !secret[at - 1])
            strbuf_adds(out, REDACTED);
}
