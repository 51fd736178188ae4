/* SPDX-License-Identifier: Apache-2.0 */
/* score: how many points a submission has, by the verdicts of its cases. A part of the room's
 * public header. Pure. */
#pragma once

#include "base/base.h"

#define REPORTS_SCORE_WHOLE 1000000000u /* the multiplier of a case that gives all its points */

enum reports_score_mode {
    REPORTS_SCORE_SUM,  /* what is in it, together */
    REPORTS_SCORE_MIN,  /* as much of its points as the worst in it gives of its own */
    REPORTS_SCORE_PASS, /* all of them where all of it passes, else none */
};
/* Groups stand before those in them; the first is all of it. */
struct reports_score_group {
    const char *name;
    size_t parent;
    uint64_t points; /* thousandths */
    enum reports_score_mode mode;
    uint64_t score; /* thousandths, once it is known */
};
/* A case, in the order of the file. */
struct reports_score_case {
    size_t group;
    uint64_t points;     /* thousandths */
    unsigned verdict;    /* enum reports_verdict */
    uint32_t multiplier; /* of REPORTS_SCORE_WHOLE: what of its points it gives where it passes */
    bool ended;          /* false: it was no part of the run */
};
#define REPORTS_SCORE_NOBODY SIZE_MAX
struct reports_score {
    unsigned verdict; /* enum reports_verdict: the first bad one */
    size_t first_bad; /* the case that has it, or REPORTS_SCORE_NOBODY */
    bool graded;      /* it has a score */
    uint64_t score;   /* thousandths, of those of the first group */
};
/* Whether it is known what the submission is worth in a case that ended so. */
bool reports_verdict_is_fair(unsigned verdict);
/* How many of its points a case gives. */
uint64_t reports_score_of_case(const struct reports_score_case *c);
/* Counts a submission up. `before`: the verdict of what all cases start from: REPORTS_PASSED, or
 * why none was run. Whatever is not known to be the submission's own doing (`error`, `skipped`,
 * `cancelled`, a case that is missing) leaves it without a score. */
void reports_score(struct reports_score_group *groups, size_t n_groups,
                   const struct reports_score_case *cases, size_t n_cases, unsigned before,
                   struct reports_score *ret);

/* A submission, as it is reported. */
struct reports_submission {
    const char *id;   /* "grade/SUBMISSION=x" */
    const char *of;   /* the job: "grade" */
    const char *from; /* the id of the job that its cases start from, or NULL */
    /* what it is an instance by: NULL-terminated "KEY=VALUE", or NULL */
    const char *const *values;
    const char *file;      /* the job file */
    const char *first_bad; /* the case's name, or that of what its cases start from; or NULL */
    struct reports_score_group *groups;
    size_t n_groups;
    struct reports_score score;
};
