/* SPDX-License-Identifier: Apache-2.0 */
/* report_text: bytes that anyone may have chosen become text that is safe where it is put. Private
 * to reports/. */
#pragma once

#include "base/base.h"

enum text_mode {
    TEXT_JSON,  /* valid UTF-8; everything else is the JSON writer's to escape */
    TEXT_XML,   /* an XML text node or attribute: newline and tab stay */
    TEXT_TOKEN, /* an xs:token: one line, no space that whitespace collapsing would take */
    TEXT_LINE,  /* one line on a terminal: nothing that moves the cursor; tabs become spaces */
    TEXT_MODE_COUNT,
};

/* Appends n bytes as valid UTF-8 without what the mode cannot carry: bytes that are not UTF-8 and
 * control characters are shown as \xNN, other forbidden code points as \uNNNN. But for TEXT_JSON,
 * ANSI colour sequences are left out. */
void text_escape(struct strbuf *out, const void *data, size_t n, enum text_mode mode);

/* Columns that escaped text takes on a terminal: never fewer than it really does. */
size_t text_columns(const char *s, size_t n);
/* How many bytes of escaped text fit into so many columns, ending between code points. */
size_t text_fit(const char *s, size_t n, size_t columns);
