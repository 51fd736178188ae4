/* SPDX-License-Identifier: Apache-2.0 */
/* jsonl_submission: what results.jsonl says of submissions and their cases. Private to
 * reports/ and the rooms in it. */
#pragma once

#include "reports/reports.h"

#include <jansson.h>

/* Adds what a result is as a case of a submission; nothing where it is none. */
void jsonl_put_case(json_t *object, const struct reports_result *result);
/* Returns the object of a submission's own line. */
json_t *jsonl_submission(const struct reports_submission *s);
