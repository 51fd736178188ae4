/* SPDX-License-Identifier: Apache-2.0 */
/* document: private to rootfs-cache. JSON as an image's builders write it: their readers take what
 * jansson refuses. In the confined child. */
#pragma once

#include "base/base.h"

#include <jansson.h>

/* Reads it strictly; else with bytes that are no UTF-8 replaced and NULs allowed in texts, of which
 * a line is added to `notes` (may be NULL): document_text gives no text that has one. NULL: `where`
 * says why. */
json_t *document_parse(const char *text, size_t n, const char *name, struct strbuf *notes,
                       json_error_t *ret_where);
/* A member, whatever the case of its name where there is none of just that name: so Go's decoder
 * has it, for which all of them write. */
json_t *document_member(const json_t *object, const char *key);
const char *document_text(const json_t *object, const char *key);
/* A line for who imports. */
void document_note(struct strbuf *notes, const char *fmt, ...) BASE_PRINTF(2, 3);
