/* SPDX-License-Identifier: Apache-2.0 */
/* record_submission: the table of the line of a submission. Not responsible for how many points
 * there are (score.c). */
#include "reports/json_build.h"
#include "reports/record_job.h"
#include "reports/report_text.h"

#include <string.h>

#define AT(member) RECORD_AT(struct reports_submission, member)

static const char *submission_type_word(size_t i)
{
    return i == 0 ? "submission" : NULL;
}

static json_t *submission_type(const void *of, const struct record_field *f)
{
    (void)of;
    return json_string(f->word(0));
}

/* Returns what a submission is an instance by. */
static json_t *submission_values(const void *of, const struct record_field *f)
{
    const char *const *values = ((const struct reports_submission *)of)->values;
    json_t *o;

    (void)f;
    if (values == NULL || *values == NULL)
        return NULL;
    o = build_checked(json_object());
    for (; *values != NULL; values++) {
        const char *equals = strchr(*values, '=');
        cleanup_strbuf struct strbuf key = {0};

        if (equals == NULL)
            continue;
        text_escape(&key, *values, (size_t)(equals - *values), TEXT_JSON);
        build_text(o, key.data, equals + 1);
    }
    return o;
}

static const char *submission_verdict_word(size_t i)
{
    return i < REPORTS_VERDICT_COUNT ? reports_verdict_name((enum reports_verdict)i) : NULL;
}

static json_t *submission_verdict(const void *of, const struct record_field *f)
{
    const struct reports_submission *s = of;

    (void)f;
    return json_string(reports_verdict_name((enum reports_verdict)s->score.verdict));
}

static json_t *submission_points(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_points(((const struct reports_submission *)of)->groups[0].points);
}

static json_t *submission_score(const void *of, const struct record_field *f)
{
    const struct reports_submission *s = of;

    (void)f;
    return s->score.graded ? record_json_points(s->score.score) : NULL;
}

/* ---- its groups ---- */

static json_t *group_points(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_points(((const struct reports_score_group *)of)->points);
}

static json_t *group_score(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_points(((const struct reports_score_group *)of)->score);
}

static const struct record_field group_fields[] = {
    RECORD_FIELD("name", TEXT, RECORD_AT(struct reports_score_group, name), .text = "its name"),
    RECORD_FIELD("points", NUMBER, .value = group_points, .text = "how many there are"),
    RECORD_FIELD("score", NUMBER, .value = group_score,
                 .text = "how many it has; absent where the submission is ungraded"),
};
RECORD_TABLE(group, "groups", group_fields);

static json_t *submission_groups(const void *of, const struct record_field *f)
{
    const struct reports_submission *s = of;
    json_t *groups = s->n_groups > 1 ? build_checked(json_array()) : NULL;

    for (size_t i = 1; i < s->n_groups; i++) {
        struct reports_score_group group = s->groups[i];

        if (!s->score.graded)
            group.score = UINT64_MAX;
        build_append(groups, record_object(f->sub, &group, RECORD_ONLY));
    }
    return groups;
}

static const struct record_field submission_fields[] = {
    RECORD_FIELD("type", WORD, .always = RECORD_ONLY, .word = submission_type_word,
                 .value = submission_type, .text = "what the line is about"),
    RECORD_FIELD("submission", TEXT, .always = RECORD_ONLY, AT(id),
                 .text = "its cases' `id`, without their names"),
    RECORD_FIELD("of", TEXT, .always = RECORD_ONLY, AT(of), .text = "the job that judges"),
    RECORD_FIELD("matrix", MAP, .value = submission_values,
                 .text = "the values by which it is one of several; absent where the job has no "
                         "`matrix`"),
    RECORD_FIELD("from", TEXT, AT(from),
                 .text = "the `id` of the job that its cases start from; absent where they start "
                         "from none"),
    RECORD_FIELD("file", TEXT, .always = RECORD_ONLY, AT(file), .text = "the job file"),
    RECORD_FIELD("verdict", WORD, .always = RECORD_ONLY, .word = submission_verdict_word,
                 .value = submission_verdict,
                 .text = "`passed`, or the first that is not in the order of the file; what its "
                         "cases start from comes before them. Of one that is ungraded: why"),
    RECORD_FIELD("first_bad", TEXT, AT(first_bad),
                 .text = "the name of the case that has that verdict, or the `id` of the job that "
                         "its cases start from; absent for `passed`"),
    RECORD_FIELD("points", NUMBER, .value = submission_points, .text = "how many there are"),
    RECORD_FIELD("score", NUMBER, .value = submission_score,
                 .text = "how many it has; absent where it is ungraded: never 0 for what was not "
                         "its own doing"),
    RECORD_FIELD("groups", OBJECTS, .sub = &record_group, .value = submission_groups,
                 .text = "of each group, where there are any"),
};
RECORD_TABLE(submission, "Submissions", submission_fields);
