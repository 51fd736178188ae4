/* SPDX-License-Identifier: Apache-2.0 */
/* page: HTML that nothing a student chose can break, and what a program printed. Private to
 * reports/class/. */
#pragma once

#include "reports/class/class.h"

/* Begins and ends a page that needs nothing but itself: no script, no other file. */
void page_begin(struct strbuf *to, const char *title);
void page_end(struct strbuf *to);
/* Adds a text, of any bytes, as text. */
void page_text(struct strbuf *to, const char *text);
/* Adds a paragraph, "before TEXT"; nothing where there is no text. */
void page_paragraph(struct strbuf *to, const char *before, const char *text);
/* How a verdict looks: a class of the page's style. */
const char *page_kind(enum reports_verdict verdict);
/* Adds points, or nothing for CLASS_UNKNOWN. */
void page_points(struct strbuf *to, uint64_t points);

/* Adds the beginning of a log below the out directory, in whole letters, and how much is left out.
 * False: there is nothing. */
#define PRINTED_OF_CASE ((size_t)4 * 1024)
#define PRINTED_OF_COMPILER ((size_t)16 * 1024)
bool printed_read(int logs, const char *path, size_t max, struct strbuf *to);
