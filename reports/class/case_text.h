/* SPDX-License-Identifier: Apache-2.0 */
/* case_text: what is said of a case where there is one text for it. Private to reports/class/. */
#pragma once

#include "reports/class/class.h"

/* Adds verdict, evidence, message and hint, a line each; no output of a program. */
void case_text_add(struct strbuf *to, const struct class_case *c);
/* Adds what its program printed, where it did not pass. */
void case_text_add_printed(struct strbuf *to, const struct class_case *c, int logs);
/* Adds why nothing was run, and what the compiler said; nothing where something was. */
void case_text_add_before(struct strbuf *to, const struct class_view *v, int logs);
