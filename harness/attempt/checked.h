/* SPDX-License-Identifier: Apache-2.0 */
/* checked: what a checker said of a job beside its verdict. */
#pragma once

#include "reports/reports.h"

#define CHECKED_PLACES 9 /* after the point: REPORTS_SCORE_SCALE */
#define CHECKED_SCORE_MAX (REPORTS_SCORE_SCALE * UINT64_C(1000000000))

struct checked {
    bool has_score, has_multiplier;
    uint64_t score, multiplier; /* in parts of REPORTS_SCORE_SCALE, at most CHECKED_SCORE_MAX, 1 */
    char *for_staff, *for_all;  /* or NULL */
};
