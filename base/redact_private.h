/* SPDX-License-Identifier: Apache-2.0 */
/* redact_private: between redact.c, which looks for texts, and redact_forms.c, which makes them. */
#pragma once

#include "base/redact.h"

/* Adds one text as it is; one that is shorter than REDACT_LEAST is left out. */
void redact_add_text(struct redact *r, const char *text, size_t n);
