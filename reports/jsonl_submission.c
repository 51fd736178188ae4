/* SPDX-License-Identifier: Apache-2.0 */
/* jsonl_submission: see jsonl_submission.h. Not responsible for how many points there are
 * (score.c). */
#include "reports/jsonl_submission.h"

#include "reports/json_build.h"
#include "reports/report_text.h"

#include <string.h>

/* What came of it is the score of this case alone: what it is worth in its group is said in the
 * submission's line. */
void jsonl_put_case(json_t *object, const struct reports_result *result)
{
    const struct reports_judged_case *c = result->of_case;

    if (c == NULL)
        return;
    build_text(object, "case", c->name);
    build_text(object, "group", c->group);
    build_text(object, "hint", c->hint);
    build_text(object, "visibility", c->shown);
    build_put(object, "number", json_integer((json_int_t)c->number));
    build_points(object, "points", c->points);
    if (reports_verdict_is_fair(result->verdict))
        build_points(
            object, "score",
            reports_score_of_case(&(struct reports_score_case){
                .points = c->points, .verdict = result->verdict, .multiplier = c->multiplier}));
}

/* Adds what a submission is an instance by. */
static void put_values(json_t *object, const char *const *values)
{
    json_t *o;

    if (values == NULL || *values == NULL)
        return;
    o = build_checked(json_object());
    for (; *values != NULL; values++) {
        const char *equals = strchr(*values, '=');
        cleanup_strbuf struct strbuf key = {0};

        if (equals == NULL)
            continue;
        text_escape(&key, *values, (size_t)(equals - *values), TEXT_JSON);
        build_text(o, key.data, equals + 1);
    }
    build_put(object, "matrix", o);
}

static json_t *groups_of(const struct reports_submission *s)
{
    json_t *groups = build_checked(json_array());

    for (size_t i = 1; i < s->n_groups; i++) {
        json_t *g = build_checked(json_object());

        build_text(g, "name", s->groups[i].name);
        build_points(g, "points", s->groups[i].points);
        if (s->score.graded)
            build_points(g, "score", s->groups[i].score);
        build_append(groups, g);
    }
    return groups;
}

json_t *jsonl_submission(const struct reports_submission *s)
{
    json_t *o = build_checked(json_object());

    build_text(o, "submission", s->id);
    build_text(o, "of", s->of);
    put_values(o, s->values);
    build_text(o, "from", s->from);
    build_text(o, "file", s->file);
    build_text(o, "verdict", reports_verdict_name(s->score.verdict));
    build_text(o, "first_bad", s->first_bad);
    build_points(o, "points", s->groups[0].points);
    if (s->score.graded)
        build_points(o, "score", s->score.score);
    if (s->n_groups > 1)
        build_put(o, "groups", groups_of(s));
    return o;
}
