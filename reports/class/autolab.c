/* SPDX-License-Identifier: Apache-2.0 */
/* autolab: what Autolab takes from an autograder's standard output: a text for whoever has
 * submitted, and a last line with the scores (https://docs.autolabproject.com/lab/). The line is
 * ours alone: what others chose is a part of lines that begin otherwise, and nothing follows it.
 * Not responsible for the standard output of anything else. */
#include "reports/class/class.h"
#include "reports/json_build.h"
#include "reports/model.h"
#include "reports/report_text.h"

#include <string.h>

static void add_shown(struct strbuf *to, const char *before, const char *text)
{
    if (text == NULL || *text == '\0')
        return;
    strbuf_adds(to, before);
    text_escape(to, text, strlen(text), TEXT_LINE);
    strbuf_adds(to, "\n");
}

static void add_case(struct strbuf *to, const struct class_case *c)
{
    char score[MODEL_NUMBER_SIZE], points[MODEL_NUMBER_SIZE];

    strbuf_adds(to, "case ");
    text_escape(to, c->name, strlen(c->name), TEXT_LINE);
    strbuf_addf(to, ": %s", reports_verdict_name(c->verdict));
    if (c->score != CLASS_UNKNOWN)
        strbuf_addf(to, ", %s of %s points", model_points(c->score, score),
                    model_points(c->points, points));
    strbuf_adds(to, "\n");
    if (class_view_explains(c)) {
        add_shown(to, "    ", c->evidence);
        add_shown(to, "    ", c->for_all);
    }
    if (c->verdict != REPORTS_PASSED)
        add_shown(to, "    hint: ", c->hint);
}

/* Adds a score under a name of any bytes. */
static void put_problem(json_t *scores, const char *name, uint64_t score)
{
    cleanup_strbuf struct strbuf key = {0};

    text_escape(&key, name, strlen(name), TEXT_JSON);
    build_points(scores, key.data, score);
}

/* Adds the scores of what the site may call problems: groups that lie in no other, and cases that
 * lie in none. */
static void put_problems(json_t *scores, const struct class_submission *s)
{
    for (size_t i = 0; i < s->n_groups; i++)
        if (strchr(s->groups[i].name, '/') == NULL)
            put_problem(scores, s->groups[i].name, s->groups[i].score);
    for (size_t i = 0; i < s->n_cases; i++)
        if (s->cases[i].group == NULL)
            put_problem(scores, s->cases[i].name, s->cases[i].score);
}

/* Whether there is a case of which the student may see nothing, whatever became of it. */
static bool keeps_back(const struct class_view *v)
{
    for (size_t i = 0; i < v->of->n_cases; i++)
        if (!class_view_shows(v, &v->of->cases[i]))
            return true;
    return false;
}

int autolab_text(const struct class_view *v, const char *problem, struct strbuf *to)
{
    const struct class_submission *s = v->of;
    json_t *o, *scores, *scoreboard;

    if (problem == NULL && keeps_back(v))
        return -EACCES;
    add_shown(to, "reason: ", v->before_reason);
    for (size_t i = 0; i < s->n_cases; i++)
        if (class_view_shows(v, &s->cases[i]))
            add_case(to, &s->cases[i]);
    if (!class_is_graded(s)) {
        strbuf_adds(to, "It could not be judged, which is not the submission's doing.\n");
        return 0;
    }
    o = build_checked(json_object());
    scores = build_checked(json_object());
    scoreboard = build_checked(json_array());
    if (problem != NULL)
        put_problem(scores, problem, s->score);
    else
        put_problems(scores, s);
    build_put(o, "scores", scores);
    build_append(scoreboard, s->score % 1000 == 0 ? json_integer((json_int_t)(s->score / 1000))
                                                  : json_real((double)s->score / 1000));
    build_put(o, "scoreboard", scoreboard);
    return build_line(o, to);
}
