/* SPDX-License-Identifier: Apache-2.0 */
/* prairielearn: results.json of an external grader of PrairieLearn
 * (https://docs.prairielearn.com/externalGrading/). Whoever has submitted sees all of it, so it has
 * what the view has and the score, without which there is none. Not responsible for where it lies.
 */
#include "reports/class/case_text.h"
#include "reports/json_build.h"

#include <string.h>

/* How much of it there is: less, until it is small enough. */
enum detail { WITH_OUTPUT, WITH_MESSAGES, WITH_TESTS, WITH_SCORE, DETAIL_COUNT };

static json_t *test_of(const struct class_case *c, int logs, enum detail detail)
{
    cleanup_strbuf struct strbuf message = {0}, output = {0};
    json_t *o = build_checked(json_object());

    build_text(o, "name", c->name);
    build_points(o, "points", c->score);
    build_points(o, "max_points", c->points);
    if (detail <= WITH_MESSAGES) {
        build_text(o, "description", c->description);
        case_text_add(&message, c);
        build_text(o, "message", message.data);
    }
    if (detail <= WITH_OUTPUT)
        case_text_add_printed(&output, c, logs);
    build_text(o, "output", output.data);
    return o;
}

/* What is not the program's to be judged costs whoever has submitted it no attempt. */
static bool is_gradable(const struct class_submission *s)
{
    return class_is_graded(s) && s->verdict != REPORTS_COMPILE_ERROR &&
           s->verdict != REPORTS_INVALID_SUBMISSION;
}

static void put_why(json_t *o, const struct class_view *v, int logs)
{
    cleanup_strbuf struct strbuf text = {0};
    json_t *errors = build_checked(json_array());

    if (v->ungraded || !class_is_graded(v->of))
        strbuf_adds(&text, "It could not be judged, which is not the submission's doing.");
    else
        case_text_add_before(&text, v, logs);
    if (text.len == 0)
        strbuf_adds(&text, reports_verdict_name(v->of->verdict));
    build_text(o, "message", text.data);
    build_append(errors, json_string(class_is_graded(v->of) ? reports_verdict_name(v->of->verdict)
                                                            : "ungraded"));
    build_put(o, "format_errors", errors);
}

static int make_results(const struct class_view *v, int logs, enum detail detail, struct strbuf *to)
{
    const struct class_submission *s = v->of;
    json_t *o = build_checked(json_object()), *tests = build_checked(json_array());
    bool gradable = is_gradable(s);

    build_put(o, "gradable", json_boolean(gradable));
    if (gradable)
        build_put(o, "score",
                  json_real(s->points > 0                  ? (double)s->score / (double)s->points
                            : s->verdict == REPORTS_PASSED ? 1.0
                                                           : 0.0));
    else
        put_why(o, v, logs);
    for (size_t i = 0; gradable && detail <= WITH_TESTS && i < s->n_cases; i++)
        if (class_view_shows(v, &s->cases[i]))
            build_append(tests, test_of(&s->cases[i], logs, detail));
    if (gradable && detail > WITH_OUTPUT)
        build_text(o, "message", "There is too much to be shown: some is left out.");
    build_put(o, "tests", tests);
    return build_line(o, to);
}

int prairielearn_json(const struct class_view *v, int logs, struct strbuf *to)
{
    int r = 0;

    for (enum detail detail = WITH_OUTPUT; detail < DETAIL_COUNT; detail++) {
        cleanup_strbuf struct strbuf made = {0};

        r = make_results(v, logs, detail, &made);
        if (r < 0 || made.len <= PRAIRIELEARN_SIZE_MAX) {
            strbuf_add(to, made.data != NULL ? made.data : "", made.len);
            return r;
        }
    }
    return -EFBIG;
}
