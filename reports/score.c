/* SPDX-License-Identifier: Apache-2.0 */
/* score: see score.h. Not responsible for who may see it. */
#include "reports/reports.h"

bool reports_verdict_is_fair(unsigned verdict)
{
    switch ((enum reports_verdict)verdict) {
    case REPORTS_PASSED:
    case REPORTS_FAILED:
    case REPORTS_SIGNALED:
    case REPORTS_TIMEOUT:
    case REPORTS_CPU_LIMIT:
    case REPORTS_MEMORY_LIMIT:
    case REPORTS_PIDS_LIMIT:
    case REPORTS_DISK_LIMIT:
    case REPORTS_OUTPUT_LIMIT:
    case REPORTS_INVALID_SUBMISSION:
    case REPORTS_COMPILE_ERROR:
    case REPORTS_NOT_RUN:
        return true;
    case REPORTS_ERROR:
    case REPORTS_SKIPPED:
    case REPORTS_CANCELLED:
    case REPORTS_VERDICT_COUNT:
        break;
    }
    return false;
}

/* What is `part` of `whole`, rounded to the nearest; neither is so large that this overflows. */
static uint64_t share_of(uint64_t whole, uint64_t part, uint64_t of)
{
    return (uint64_t)(((unsigned __int128)whole * part + of / 2) / of);
}

uint64_t reports_score_of_case(const struct reports_score_case *c)
{
    return c->verdict == REPORTS_PASSED ? share_of(c->points, c->multiplier, REPORTS_SCORE_WHOLE)
                                        : 0;
}

/* Of what is in a group: what it gives together, and what the worst gives of its own, as a
 * fraction. */
struct score_within {
    uint64_t sum;
    uint64_t least, of;
    bool all; /* passes */
};

static void count_in(struct score_within *w, uint64_t score, uint64_t least, uint64_t of, bool all)
{
    w->sum += score;
    w->all &= all;
    if ((unsigned __int128)least * w->of < (unsigned __int128)w->least * of) {
        w->least = least;
        w->of = of;
    }
}

static void count_group(struct reports_score_group *g, const struct score_within *w)
{
    switch (g->mode) {
    case REPORTS_SCORE_SUM:
        g->score = w->sum;
        break;
    case REPORTS_SCORE_MIN:
        g->score = share_of(g->points, w->least, w->of);
        break;
    case REPORTS_SCORE_PASS:
        g->score = w->all ? g->points : 0;
        break;
    }
}

/* Each group is counted once all in it is: those in it stand behind it. */
static void count_groups(struct reports_score_group *groups, size_t n_groups,
                         const struct reports_score_case *cases, size_t n_cases)
{
    struct score_within *within = xcalloc(n_groups, sizeof(*within));

    for (size_t g = 0; g < n_groups; g++)
        within[g] = (struct score_within){.least = 1, .of = 1, .all = true};
    for (size_t i = 0; i < n_cases; i++) {
        const struct reports_score_case *c = &cases[i];
        bool passed = c->verdict == REPORTS_PASSED;

        count_in(&within[c->group], reports_score_of_case(c), passed ? c->multiplier : 0,
                 REPORTS_SCORE_WHOLE, passed);
    }
    for (size_t g = n_groups; g-- > 0;) {
        struct reports_score_group *of = &groups[g];

        count_group(of, &within[g]);
        if (g > 0 && of->points > 0)
            count_in(&within[of->parent], of->score, of->score, of->points, within[g].all);
        else if (g > 0) /* it gives nothing, and is as good as what is in it */
            count_in(&within[of->parent], of->score, within[g].least, within[g].of, within[g].all);
    }
    free(within);
}

void reports_score(struct reports_score_group *groups, size_t n_groups,
                   const struct reports_score_case *cases, size_t n_cases, unsigned before,
                   struct reports_score *ret)
{
    size_t not_run = REPORTS_SCORE_NOBODY;

    *ret = (struct reports_score){.verdict = before,
                                  .first_bad = REPORTS_SCORE_NOBODY,
                                  .graded = reports_verdict_is_fair(before)};
    for (size_t i = n_cases; i-- > 0;)
        if (cases[i].ended && cases[i].verdict == REPORTS_NOT_RUN)
            not_run = i;
    for (size_t i = 0; i < n_cases; i++) {
        const struct reports_score_case *c = &cases[i];

        ret->graded &= c->ended && reports_verdict_is_fair(c->verdict);
        /* what is not run stands behind what is wrong, but not always in the order of the file */
        if (c->ended && c->verdict != REPORTS_PASSED && c->verdict != REPORTS_NOT_RUN &&
            ret->verdict == REPORTS_PASSED) {
            ret->verdict = c->verdict;
            ret->first_bad = i;
        }
    }
    /* nothing is known to be wrong, and yet not all was run: it has not passed */
    if (ret->verdict == REPORTS_PASSED && not_run != REPORTS_SCORE_NOBODY) {
        ret->verdict = REPORTS_NOT_RUN;
        ret->first_bad = not_run;
    }
    /* whose doing it was comes first: of what was not the submission's there is no verdict of it */
    for (size_t i = 0; i < n_cases && !ret->graded && before == REPORTS_PASSED; i++)
        if (!cases[i].ended || !reports_verdict_is_fair(cases[i].verdict)) {
            ret->verdict = cases[i].ended ? cases[i].verdict : REPORTS_SKIPPED;
            ret->first_bad = i;
            break;
        }
    if (!ret->graded)
        return;
    count_groups(groups, n_groups, cases, n_cases);
    ret->score = groups[0].score;
}
