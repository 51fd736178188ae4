/* SPDX-License-Identifier: Apache-2.0 */
/* points: how many points a group of test cases has, and how a job file says that. The format's
 * scores are sums, minima and all-or-nothing over numbers that cases have; what of that a job file
 * cannot say is refused, with the file that asks for it. */
#include "jobs/packages/package.h"

/* Refuses what the group's configuration says of scores. */
static void refuse(struct problem_package *p, const struct test_group *g, const char *why)
{
    if (g->yaml != NULL && g->place != NULL)
        package_problem(g->yaml, g->place, "%s", why);
    else
        package_refuse(p, arena_printf(p->arena, "data/%s", g->name), "%s", why);
}

/* ---- without scores ---- */

/* A submission is right or not, which is one point. */
static void deal_one_point(struct problem_package *p)
{
    for (struct test_group *g = p->root.first; g != NULL; g = g->next) {
        bool counts = str_eq(g->name, "secret");

        g->points = counts ? 1000 : 0;
        g->score = counts ? AGGREGATION_PASS : AGGREGATION_UNSAID;
        for (struct test_group *in = g->first; in != NULL; in = in->next)
            in->is_merged = true;
        if (counts && g != p->root.first && p->root.first->n_cases > 0)
            package_add_text(p, &g->needs, p->root.first->name);
    }
}

/* ---- 2025-09 ---- */

/* Decides what `secret` has, in which are cases, or groups with points of their own. */
static void deal_new(struct problem_package *p, struct test_group *secret)
{
    uint64_t sum = 0;

    if (!secret->has_max_score)
        secret->max_score = 100000;
    secret->points = secret->max_score;
    secret->score =
        secret->aggregation != AGGREGATION_UNSAID ? secret->aggregation : AGGREGATION_SUM;
    for (struct test_group *g = secret->first; g != NULL; g = g->next) {
        g->score = g->aggregation != AGGREGATION_UNSAID ? g->aggregation : AGGREGATION_PASS;
        g->points = g->max_score;
        if (!g->has_max_score)
            refuse(p, g, "the group has no 'max_score', and that of 'secret' has an end");
        if (secret->score == AGGREGATION_PASS && g->score != AGGREGATION_PASS)
            refuse(p, g, "'secret' is pass-fail, and so has to be what is in it");
        if (secret->score == AGGREGATION_MIN && g->points != secret->points)
            refuse(p, g, "of a minimum, each group has as many points as 'secret'");
        sum += g->points;
    }
    if (secret->score == AGGREGATION_PASS)
        for (struct test_group *g = secret->first; g != NULL; g = g->next)
            g->is_merged = true;
    else if (secret->first != NULL && secret->score == AGGREGATION_SUM && sum != secret->points) {
        package_note(p, NULL, NULL, "data/secret",
                     "its groups have other points in all than its 'max_score': theirs count");
        secret->points = sum;
    }
}

/* ---- legacy ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What the group's sub-results come to if all is right, by the default grader; whether they all
 * have the same. */
struct graded {
    uint64_t sum, smallest, largest;
    size_t n;
};

static void add_graded(struct graded *s, uint64_t points)
{
    s->sum += points;
    s->smallest = s->n == 0 ? points : least(s->smallest, points);
    s->largest = points > s->largest ? points : s->largest;
    s->n++;
}

static void merge_inner(struct test_group *g)
{
    for (struct test_group *in = g->first; in != NULL; in = in->next) {
        in->is_merged = true;
        merge_inner(in);
    }
}

static void deal_old(struct problem_package *p, struct test_group *g, unsigned depth)
{
    struct graded s = {0};
    bool is_even;

    for (struct test_group *in = g->first; in != NULL; in = in->next) {
        deal_old(p, in, depth + 1);
        add_graded(&s, in->points);
    }
    for (size_t i = 0; i < g->n_cases; i++)
        add_graded(&s, g->accept_score);
    is_even = s.n == 0 || s.smallest == s.largest;
    g->points = g->grader == GRADER_SUM   ? s.sum
                : g->grader == GRADER_MIN ? s.smallest
                : g->grader == GRADER_MAX ? s.largest
                                          : (s.n > 0 ? s.sum / s.n : 0);
    if (!g->lenient) {
        g->score = AGGREGATION_PASS;
        merge_inner(g);
    } else if (g->grader == GRADER_SUM) {
        g->score = AGGREGATION_SUM;
    } else if (g->grader == GRADER_MIN && is_even) {
        g->score = AGGREGATION_MIN;
    } else if (g->grader == GRADER_AVG && is_even && g->first == NULL) {
        g->score = AGGREGATION_SUM;
    } else {
        refuse(p, g,
               g->grader == GRADER_MAX
                   ? "of what a grader accepts though something in it is wrong, the maximum "
                     "is not counted here"
                   : "what is in the group has to give the same points for a minimum or an "
                     "average of it");
    }
    if (g->has_range && g->range_end != g->points)
        package_note(p, NULL, NULL, arena_printf(p->arena, "data/%s", g->name),
                     "what is in it comes to other points than the end of its 'range'");
    if (g->points > 1000 * (uint64_t)PACKAGE_POINTS_MAX)
        refuse(p, g, "the group has more than a million points");
}

/* The grader of all test data is given two results, of which it may ignore the first. */
static void deal_old_root(struct problem_package *p)
{
    struct test_group *root = &p->root, *sample = NULL, *secret = NULL;

    for (struct test_group *g = root->first; g != NULL; g = g->next) {
        deal_old(p, g, 1);
        *(str_eq(g->name, "sample") ? &sample : &secret) = g;
    }
    if (root->grader != GRADER_SUM && !root->ignores_sample && sample != NULL)
        refuse(p, root, "the grader of all test data has to give a sum, or to ignore the sample");
    if (sample != NULL && root->ignores_sample) {
        sample->points = 0;
        sample->score = AGGREGATION_UNSAID;
        merge_inner(sample);
    } else if (sample != NULL && secret != NULL && !root->lenient) {
        package_add_text(p, &secret->needs, "sample");
    }
}

void package_deal_points(struct problem_package *p)
{
    if (!p->problem.scoring) {
        deal_one_point(p);
        return;
    }
    if (p->problem.format == FORMAT_LEGACY) {
        deal_old_root(p);
        return;
    }
    for (struct test_group *g = p->root.first; g != NULL; g = g->next)
        if (str_eq(g->name, "secret"))
            deal_new(p, g);
}
