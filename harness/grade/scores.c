/* SPDX-License-Identifier: Apache-2.0 */
/* scores: what one grading leaves to the next: the score of each submission, and how long a run
 * took. It is written when a grading has come to its end, and so is the last one that has, whatever
 * ended those after it. Not responsible for tables that people read (reports/class/). */
#include "harness/grade/grade_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_NAME "grading.json"
#define RECORD_MAX ((size_t)64 << 20)

static int compare_scores(const void *a_, const void *b_)
{
    const struct grade_score *a = a_, *b = b_;

    return strcmp(a->id, b->id);
}

static const struct grade_score *find_score(const struct grade_record *r, const char *id)
{
    const struct grade_score wanted = {.id = id};

    return r->n > 0 ? bsearch(&wanted, r->list, r->n, sizeof(*r->list), compare_scores) : NULL;
}

/* ---- reading ---- */

static const char *take_text(struct grade_record *r, const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text != NULL ? arena_strdup(r->arena, text) : NULL;
}

static uint64_t take_number(const json_t *o, const char *key)
{
    const json_t *number = json_object_get(o, key);
    json_int_t value = json_integer_value(number);

    return json_is_integer(number) && value >= 0 ? (uint64_t)value : CLASS_UNKNOWN;
}

static void take_score(struct grade_record *r, const json_t *o)
{
    struct grade_score s = {.id = take_text(r, o, "id"),
                            .student = take_text(r, o, "student"),
                            .verdict = take_text(r, o, "verdict"),
                            .first_bad = take_text(r, o, "first_bad"),
                            .score = take_number(o, "score_thousandths"),
                            .points = take_number(o, "points_thousandths")};

    if (s.id != NULL && s.student != NULL && s.verdict != NULL)
        r->list[r->n++] = s;
}

/* Leaves the last of each that stands there twice. */
static void sort_scores(struct grade_record *r)
{
    size_t n = 0;

    if (r->n > 0)
        qsort(r->list, r->n, sizeof(*r->list), compare_scores);
    for (size_t i = 0; i < r->n; i++) {
        n -= n > 0 && str_eq(r->list[n - 1].id, r->list[i].id);
        r->list[n++] = r->list[i];
    }
    r->n = n;
}

void grade_record_read(const char *out, struct grade_record *ret)
{
    cleanup_free char *text = NULL;
    json_t *root, *list;
    size_t len = 0;

    *ret = (struct grade_record){.arena = arena_new(), .run_ns = GRADE_UNKNOWN};
    if (reports_out_get(out, RECORD_NAME, RECORD_MAX, &text, &len) < 0)
        return;
    root = json_loadb(text, len, 0, NULL);
    list = json_object_get(root, "submissions");
    ret->run_ns = take_number(root, "run_nanoseconds");
    ret->list = arena_alloc(ret->arena, json_array_size(list) * sizeof(*ret->list));
    for (size_t i = 0; i < json_array_size(list); i++)
        take_score(ret, json_array_get(list, i));
    sort_scores(ret);
    json_decref(root);
}

/* ---- writing ---- */

void grade_record_make(const struct class_table *t, const struct grade_record *before,
                       bool keep_others, struct grade_record *ret)
{
    *ret = (struct grade_record){.arena = arena_new(), .run_ns = before->run_ns};
    ret->list = arena_alloc(ret->arena, (t->n + before->n) * sizeof(*ret->list));
    for (size_t i = 0; i < t->n; i++) {
        const struct class_submission *s = &t->submissions[i];

        if (s->id != NULL)
            ret->list[ret->n++] = (struct grade_score){.id = s->id,
                                                       .student = s->student,
                                                       .verdict = reports_verdict_name(s->verdict),
                                                       .first_bad = s->first_bad,
                                                       .score = s->score,
                                                       .points = s->points};
    }
    sort_scores(ret);
    for (size_t i = 0, n = ret->n; keep_others && i < before->n; i++) {
        const struct grade_record found = {.list = ret->list, .n = n};

        if (find_score(&found, before->list[i].id) == NULL)
            ret->list[ret->n++] = before->list[i];
    }
    sort_scores(ret);
}

static json_t *score_object(const struct grade_score *s)
{
    json_t *o =
        json_pack("{s:s,s:s,s:s}", "id", s->id, "student", s->student, "verdict", s->verdict);

    if (o != NULL && s->first_bad != NULL)
        (void)json_object_set_new(o, "first_bad", json_string(s->first_bad));
    if (o != NULL && s->score != CLASS_UNKNOWN)
        (void)json_object_set_new(o, "score_thousandths", json_integer((json_int_t)s->score));
    if (o != NULL && s->points != CLASS_UNKNOWN)
        (void)json_object_set_new(o, "points_thousandths", json_integer((json_int_t)s->points));
    return o;
}

int grade_record_write(const char *out, const struct grade_record *r, struct cupel_error *err)
{
    json_t *root = json_object(), *list = json_array();
    cleanup_free char *text = NULL;

    for (size_t i = 0; i < r->n; i++)
        (void)json_array_append_new(list, score_object(&r->list[i]));
    (void)json_object_set_new(root, "submissions", list);
    if (r->run_ns != GRADE_UNKNOWN)
        (void)json_object_set_new(root, "run_nanoseconds", json_integer((json_int_t)r->run_ns));
    text = json_dumps(root, JSON_INDENT(1));
    json_decref(root);
    if (text == NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot write %s/" RECORD_NAME,
                               out);
    return reports_out_put(out, RECORD_NAME, text, strlen(text), err);
}

void grade_record_free(struct grade_record *r)
{
    if (r->arena != NULL)
        arena_free(r->arena);
    *r = (struct grade_record){0};
}

/* ---- what has changed ---- */

/* Adds points as people write them: "12.5". */
static void add_points(struct strbuf *to, uint64_t thousandths)
{
    char digits[8];
    size_t n;

    if (thousandths == CLASS_UNKNOWN) {
        strbuf_adds(to, "ungraded");
        return;
    }
    strbuf_addf(to, "%llu", (unsigned long long)(thousandths / 1000));
    (void)snprintf(digits, sizeof(digits), "%03u", (unsigned)(thousandths % 1000));
    for (n = 3; n > 0 && digits[n - 1] == '0';)
        digits[--n] = '\0';
    if (n > 0)
        strbuf_addf(to, ".%s", digits);
}

/* Adds how a submission did: "40 of 100 (failed at large)". */
static void add_score(struct strbuf *to, uint64_t score, uint64_t points, const char *verdict,
                      const char *first_bad)
{
    add_points(to, score);
    if (score != CLASS_UNKNOWN && points != CLASS_UNKNOWN) {
        strbuf_adds(to, " of ");
        add_points(to, points);
    }
    strbuf_addf(to, " (%s%s%s)", verdict, first_bad != NULL ? " at " : "",
                first_bad != NULL ? first_bad : "");
}

void grade_changes_say(const struct grade_record *before, const struct class_table *now,
                       struct strbuf *to, size_t *ret_changed, size_t *ret_new)
{
    *ret_changed = *ret_new = 0;
    for (size_t i = 0; i < now->n; i++) {
        const struct class_submission *s = &now->submissions[i];
        const struct grade_score *old = s->id != NULL ? find_score(before, s->id) : NULL;
        cleanup_strbuf struct strbuf line = {0};

        *ret_new += s->id != NULL && old == NULL;
        if (old == NULL || (old->score == s->score && old->points == s->points))
            continue;
        ++*ret_changed;
        strbuf_addf(&line, "%s: ", s->student);
        add_score(&line, old->score, old->points, old->verdict, old->first_bad);
        strbuf_adds(&line, " -> ");
        add_score(&line, s->score, s->points, reports_verdict_name(s->verdict), s->first_bad);
        text_add_line(to, line.data);
        strbuf_adds(to, "\n");
    }
}
