/* SPDX-License-Identifier: Apache-2.0 */
/* gradescope: results.json of a Gradescope autograder
 * (https://gradescope-autograders.readthedocs.io/en/latest/specs/). It has all cases, since
 * Gradescope keeps from students what it is told to, the total among it; what stands outside of
 * cases is seen by all. Not responsible for images (packaging/gradescope/). */
#include "reports/class/case_text.h"
#include "reports/json_build.h"

static const char *const visibilities[CLASS_VISIBILITY_COUNT] = {
    [CLASS_VISIBLE] = "visible",
    [CLASS_AFTER_DUE] = "after_due_date",
    [CLASS_AFTER_PUBLISHED] = "after_published",
    [CLASS_HIDDEN] = "hidden"};

static json_t *test_object(const struct class_case *c, size_t number, int logs)
{
    cleanup_strbuf struct strbuf output = {0};
    json_t *o = build_checked(json_object());
    char text[32];

    (void)snprintf(text, sizeof(text), "%zu", number);
    build_text(o, "number", text);
    build_text(o, "name", c->name);
    build_put(o, "name_format", json_string("text"));
    build_points(o, "score", c->score);
    build_points(o, "max_score", c->points);
    build_text(o, "status", c->verdict == REPORTS_PASSED ? "passed" : "failed");
    case_text_add(&output, c);
    case_text_add_printed(&output, c, logs);
    build_text(o, "output", output.data);
    build_put(o, "output_format", json_string("text"));
    build_text(o, "visibility", visibilities[c->visibility]);
    return o;
}

/* What is ungraded has neither a score nor cases: Gradescope takes that for an autograder that
 * failed, and asks staff to see to it, where a score of 0 would be one. */
int gradescope_json(const struct class_submission *s, int logs, struct strbuf *to)
{
    cleanup_view struct class_view v = {0};
    cleanup_strbuf struct strbuf output = {0};
    json_t *o = build_checked(json_object()), *tests;

    class_view_make(s, CLASS_BEFORE_DUE, &v);
    build_put(o, "output_format", json_string("text"));
    build_put(o, "stdout_visibility", json_string("hidden"));
    if (!class_is_graded(s)) {
        build_text(o, "output", "It could not be judged, which is not the submission's doing.");
        return build_line(o, to);
    }
    build_points(o, "score", s->score);
    case_text_add_before(&output, &v, logs);
    build_text(o, "output", output.data);
    tests = build_checked(json_array());
    for (size_t i = 0; i < s->n_cases; i++)
        build_append(tests, test_object(&s->cases[i], i + 1, logs));
    build_put(o, "tests", tests);
    return build_line(o, to);
}
