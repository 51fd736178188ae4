/* SPDX-License-Identifier: Apache-2.0 */
/* jsonl: results.jsonl, one object a line. Fields and units: docs/results.md. Not responsible for
 * order or for when a result is final. */
#include "base/weaken.h"
#include "reports/jsonl_submission.h"
#include "reports/model.h"
#include "reports/out.h"
#include "reports/report_text.h"

#include <jansson.h>
#include <string.h>

/* Enough digits for nanoseconds of a run of days, and few enough that 1.2 does not
 * read 1.2000000000000000178. */
#define NUMBER_DIGITS 15

static void json_freep(json_t **j)
{
    json_decref(*j);
}
#define cleanup_json _cleanup_(json_freep)

/* jansson answers NULL only when memory is short; base ends the process for small objects then
 * (xmalloc), and so do we.
 */
static json_t *checked(json_t *j)
{
    if (j != NULL)
        return j;
    (void)fputs("cupel: error: out of memory\n", stderr);
    exit(CUPEL_ERROR_HARNESS);
}

static void jsonl_put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, checked(value)) < 0)
        (void)checked(NULL);
}

static json_t *text(const char *s)
{
    cleanup_strbuf struct strbuf b = {0};

    text_escape(&b, s, strlen(s), TEXT_JSON);
    return checked(json_stringn(b.data, b.len));
}

static void put_text(json_t *object, const char *key, const char *s)
{
    if (s != NULL && *s != '\0')
        jsonl_put(object, key, text(s));
}

static void put_list(json_t *object, const char *key, const char *const *list)
{
    json_t *array;

    if (list == NULL || *list == NULL)
        return;
    array = checked(json_array());
    for (; *list != NULL; list++)
        if (json_array_append_new(array, text(*list)) < 0)
            (void)checked(NULL);
    jsonl_put(object, key, array);
}

static json_t *number(uint64_t value, uint64_t scale)
{
    if (scale > 1)
        return checked(json_real((double)value / (double)scale));
    return checked(json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

static void put_usage(json_t *object, const struct reports_usage *u)
{
    json_t *usage = checked(json_object());

    for (enum reports_figure f = 0; f < REPORTS_FIGURE_COUNT; f++)
        if (reports_usage_has(u, f))
            jsonl_put(usage, reports_figure_name(f),
                      number(u->value[f], reports_figure_is_seconds(f) ? NSEC_PER_SEC : 1));
    if (json_object_size(usage) > 0)
        jsonl_put(object, "usage", json_incref(usage));
    json_decref(usage);
}

static void put_limits(json_t *object, const struct reports_result *result)
{
    json_t *limits;

    if (result->n_limits == 0)
        return;
    limits = checked(json_object());
    for (size_t i = 0; i < result->n_limits; i++) {
        const struct reports_limit *l = &result->limits[i];

        jsonl_put(limits, l->name, l->text != NULL ? text(l->text) : number(l->value, l->scale));
    }
    jsonl_put(object, "limits", limits);
}

static void put_time(json_t *object, const char *key, const struct timespec *t)
{
    char date[32], buf[48];
    struct tm tm;

    if (t->tv_sec == 0 || gmtime_r(&t->tv_sec, &tm) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return;
    (void)snprintf(buf, sizeof(buf), "%s.%03uZ", date,
                   (unsigned)((uint64_t)t->tv_nsec / NSEC_PER_MSEC % 1000));
    put_text(object, key, buf);
}

static void put_started(json_t *object, const struct timespec *t)
{
    put_time(object, "started", t);
}

/* Names the run in which the job has passed, where it was not run again. */
static void put_cached(json_t *object, const struct reports_result *result)
{
    json_t *o;

    if (result->cached_run == NULL)
        return;
    o = checked(json_object());
    put_text(o, "run", result->cached_run);
    put_time(o, "ended", &(struct timespec){.tv_sec = result->cached_at});
    jsonl_put(object, "cached", o);
}

static void put_outcome(json_t *object, enum reports_verdict verdict, const char *evidence,
                        int exit_code, int signal)
{
    put_text(object, "verdict", reports_verdict_name(verdict));
    put_text(object, "evidence", evidence);
    if (exit_code >= 0)
        jsonl_put(object, "exit", json_integer(exit_code));
    if (signal > 0)
        jsonl_put(object, "signal", json_integer(signal));
}

static void put_leaks(json_t *object, const struct reports_result *result)
{
    json_t *list;

    if (result->leaks_in_all == 0)
        return;
    list = checked(json_array());
    for (size_t i = 0; i < result->n_leaks; i++) {
        json_t *leak = checked(json_object());

        jsonl_put(leak, "pid", json_integer(result->leaks[i].pid));
        put_text(leak, "command", result->leaks[i].command);
        jsonl_put(leak, "cpu_seconds",
                  json_real((double)result->leaks[i].cpu_ns / (double)NSEC_PER_SEC));
        (void)json_array_append_new(list, leak);
    }
    jsonl_put(object, "leaks", list);
    jsonl_put(object, "leaks_in_all", json_integer((json_int_t)result->leaks_in_all));
    if (result->leaks_cut)
        jsonl_put(object, "leaks_cut", checked(json_true()));
}

static void put_column(json_t *object, const char *name, const struct reports_timeline *t,
                       size_t offset, bool seconds)
{
    json_t *list = checked(json_array());

    for (size_t i = 0; i < t->n; i++) {
        uint64_t v;

        memcpy(&v, (const char *)&t->points[i] + offset, sizeof(v));
        if (json_array_append_new(list, seconds ? number(v / NSEC_PER_MSEC, 1000) : number(v, 1)) <
            0)
            (void)checked(NULL);
    }
    jsonl_put(object, name, list);
}

/* Columns, not points: what reads them plots them, and a name costs more than a number.
 * Milliseconds will do. */
static void put_timeline(json_t *object, const struct reports_timeline *t)
{
    json_t *o;

    if (t->n == 0)
        return;
    o = checked(json_object());
    jsonl_put(o, "interval_seconds", number(t->interval_ns, NSEC_PER_SEC));
    put_column(o, "at_seconds", t, offsetof(struct reports_point, at_ns), true);
    if (t->has_cpu)
        put_column(o, "cpu_seconds", t, offsetof(struct reports_point, cpu_ns), true);
    if (t->has_memory)
        put_column(o, "memory_bytes", t, offsetof(struct reports_point, memory_bytes), false);
    if (t->has_pids)
        put_column(o, "pids", t, offsetof(struct reports_point, pids), false);
    jsonl_put(object, "timeline", o);
}

static void put_logs(json_t *object, const struct reports_result *result)
{
    json_t *logs;

    if (result->stdout_log == NULL && result->stderr_log == NULL)
        return;
    logs = checked(json_object());
    put_text(logs, "stdout", result->stdout_log);
    put_text(logs, "stderr", result->stderr_log);
    put_text(logs, "merged", result->merged_log);
    jsonl_put(object, "logs", logs);
}

static void put_step(json_t *object, const struct reports_case *c)
{
    struct reports_usage usage = {0};

    put_outcome(object, c->verdict, c->evidence, c->exit, c->signal);
    if (c->wall_ns > 0)
        reports_usage_set(&usage, REPORTS_WALL_SECONDS, c->wall_ns);
    put_usage(object, &usage);
}

/* The steps of an attempt that was not the last, which have no lines of their own. */
static void put_steps(json_t *object, const struct reports_result *result)
{
    json_t *list;

    if (!model_has_steps(result))
        return;
    list = checked(json_array());
    for (size_t i = 0; i < result->n_cases; i++) {
        json_t *o = checked(json_object());

        put_text(o, "step", result->cases[i].name);
        put_step(o, &result->cases[i]);
        if (json_array_append_new(list, o) < 0)
            (void)checked(NULL);
    }
    jsonl_put(object, "steps", list);
}

static void put_count(json_t *object, const char *key, uint64_t n)
{
    if (n > 0)
        jsonl_put(object, key, number(n, 1));
}

/* One case, as the job has reported it. */
static json_t *test_object(const struct reports_test_case *c, const char *source)
{
    json_t *o = checked(json_object());

    put_text(o, "outcome", reports_test_outcome_name(c->outcome));
    put_text(o, "class", c->group);
    put_text(o, "name", c->name);
    put_text(o, "file", c->file);
    put_count(o, "line", c->line);
    if (c->time_ns != REPORTS_TEST_NO_TIME)
        jsonl_put(o, "seconds", number(c->time_ns, NSEC_PER_SEC));
    if (c->flaky)
        jsonl_put(o, "flaky", json_true());
    put_text(o, "message", c->message);
    put_text(o, "details", c->details);
    put_text(o, "source", source);
    return o;
}

/* What the job says of its own tests: how many, and of an attempt whose records are at hand, which.
 */
static void put_tests(json_t *object, const struct reports_tests *t, bool with_cases)
{
    json_t *o, *list;
    struct reports_test_cursor cursor = {0};
    struct reports_test_case c;

    if (t == NULL)
        return;
    o = checked(json_object());
    put_text(o, "reported_by", "job");
    jsonl_put(o, "files", number(t->files, 1));
    for (enum reports_test_outcome i = 0; i < REPORTS_TEST_OUTCOME_COUNT; i++)
        jsonl_put(o, reports_test_outcome_name(i), number(t->all[i], 1));
    put_count(o, "flaky", t->flaky);
    if (with_cases && t->data != NULL) {
        put_count(o, "left_out", reports_tests_sum(t->all) - reports_tests_sum(t->listed));
        list = checked(json_array());
        cursor.at = t->data;
        cursor.end = t->data + t->length;
        while (reports_tests_next(&cursor, &c) > 0)
            if (json_array_append_new(list, test_object(&c, cursor.source)) < 0)
                (void)checked(NULL);
        jsonl_put(o, "cases", list);
    }
    jsonl_put(object, "tests", o);
}

static void put_caches(json_t *object, const struct reports_result *result)
{
    json_t *list;

    if (result->n_caches == 0)
        return;
    list = checked(json_array());
    for (size_t i = 0; i < result->n_caches; i++) {
        const struct reports_cache *c = &result->caches[i];
        json_t *o = checked(json_object());

        put_text(o, "key", c->key);
        put_text(o, "hit", reports_hit_name(c->hit));
        put_text(o, "restored", c->restored);
        if (c->saved)
            jsonl_put(o, "saved", json_true());
        if (json_array_append_new(list, o) < 0)
            (void)checked(NULL);
    }
    jsonl_put(object, "caches", list);
}

/* What its checker has said. */
static void put_checked(json_t *object, const struct reports_result *r)
{
    if (r->has_score)
        jsonl_put(object, "score", number(r->score, REPORTS_SCORE_SCALE));
    if (r->has_multiplier)
        jsonl_put(object, "score_multiplier", number(r->multiplier, REPORTS_SCORE_SCALE));
    put_text(object, "message_for_all", r->message_for_all);
    put_text(object, "message_for_staff", r->message_for_staff);
}

/* All that is known of an attempt that was not the last. Its artifacts gave way to those of the
 * next. */
static void put_previous(json_t *object, const struct reports_result *result)
{
    json_t *list;

    if (result->n_previous == 0)
        return;
    list = checked(json_array());
    for (size_t i = 0; i < result->n_previous; i++) {
        const struct reports_result *p = result->previous[i];
        json_t *o = checked(json_object());

        put_outcome(o, p->verdict, p->evidence, p->exit, p->signal);
        put_checked(o, p);
        put_text(o, "near_limit", p->near_limit);
        put_text(o, "kept", p->kept);
        put_started(o, &p->started);
        put_usage(o, &p->usage);
        put_list(o, "notes", p->notes);
        put_caches(o, p);
        put_tests(o, p->tests, false);
        put_leaks(o, p);
        put_timeline(o, &p->timeline);
        put_steps(o, p);
        put_logs(o, p);
        if (json_array_append_new(list, o) < 0)
            (void)checked(NULL);
    }
    jsonl_put(object, "previous_attempts", list);
}

static json_t *job_object(const struct reports_result *result)
{
    json_t *o = checked(json_object());

    put_text(o, "id", result->id);
    put_text(o, "job", result->job);
    put_text(o, "file", result->file);
    put_text(o, "description", result->description);
    put_outcome(o, result->verdict, result->evidence, result->exit, result->signal);
    jsonl_put_case(o, result);
    put_cached(o, result);
    if (model_is_allowed(result))
        jsonl_put(o, "allowed_failure", json_true());
    if (model_is_unneeded(result))
        jsonl_put(o, "not_needed", json_true());
    put_checked(o, result);
    put_text(o, "near_limit", result->near_limit);
    put_text(o, "kept", result->kept);
    if (result->attempts > 0)
        jsonl_put(o, "attempts", json_integer(result->attempts));
    if (result->repeated)
        jsonl_put(o, "repeated", json_true());
    if (model_is_flaky(result))
        jsonl_put(o, "flaky", json_true());
    put_previous(o, result);
    put_started(o, &result->started);
    put_limits(o, result);
    put_usage(o, &result->usage);
    put_list(o, "tags", result->tags);
    put_list(o, "notes", result->notes);
    put_list(o, "unenforced", result->unenforced);
    put_list(o, "artifacts", result->artifacts);
    if (result->artifacts_left_out > 0)
        jsonl_put(o, "artifacts_left_out", json_integer((json_int_t)result->artifacts_left_out));
    put_caches(o, result);
    put_tests(o, result->tests, true);
    if (result->has_coverage)
        jsonl_put(o, "coverage_percent", number(result->coverage_milli, 1000));
    put_leaks(o, result);
    put_timeline(o, &result->timeline);
    put_logs(o, result);
    return o;
}

static json_t *step_object(const struct reports_result *result, const struct reports_case *c)
{
    cleanup_free char *id =
        c->id != NULL ? xstrdup(c->id) : xasprintf("%s/%s", result->id, c->name);
    json_t *o = checked(json_object());

    put_text(o, "id", id);
    put_text(o, "job", result->job);
    put_text(o, "step", c->name);
    put_text(o, "file", result->file);
    put_step(o, c);
    return o;
}

/* Where that wall is away: quotes and ends of lines as they are. */
static void unescape(char *line)
{
    char *to = line;

    for (; *line != '\0'; line++)
        if (line[0] == '\\' && (line[1] == '"' || line[1] == 'n'))
            *to++ = *++line == 'n' ? '\n' : '"';
        else
            *to++ = *line;
    *to = '\0';
}

/* Returns the line that stands for it, ready to be written; NULL: memory is short. */
static char *line_of(json_t *object)
{
    cleanup_free char *dump =
        json_dumps(checked(object), JSON_COMPACT | JSON_REAL_PRECISION(NUMBER_DIGITS));
    struct strbuf text = {0};

    if (dump == NULL)
        return NULL;
    text_add_json(&text, dump);
    strbuf_adds(&text, "\n");
    if (weakened("escape-json"))
        unescape(text.data);
    return text.data;
}

/* Adds that line to a text; -ENOMEM where there is no room for it. */
static int add_line(json_t *object, struct strbuf *to)
{
    cleanup_free char *line = line_of(object);

    if (line == NULL)
        return -ENOMEM;
    strbuf_adds(to, line);
    return 0;
}

/* One write(2), so that a reader or a crash sees a line whole or not at all. A disk that fills up
 * in the middle of a line leaves a part of it: that is cut off again, so that the next line does
 * not grow out of it (nobody else writes: we hold the lock). */
static int append_line(struct reports_out *out, json_t *object, struct cupel_error *err)
{
    cleanup_free char *line = line_of(object); /* may be megabytes */
    off_t end = lseek(out->jsonlfd, 0, SEEK_END);
    size_t n;
    ssize_t w;

    if (line == NULL)
        return out_fail(out, "write " OUT_JSONL " in", ENOMEM, err);
    n = strlen(line);
    do {
        w = write(out->jsonlfd, line, n);
    } while (w < 0 && errno == EINTR);
    if (w >= 0 && (size_t)w == n)
        return 0;
    if (w >= 0) {
        errno = ENOSPC;
        if (end < 0 || ftruncate(out->jsonlfd, end) < 0)
            return out_fail(out, "take back half a line of " OUT_JSONL " in", errno, err);
        errno = ENOSPC;
    }
    return out_fail(out, "write " OUT_JSONL " in", errno, err);
}

/* The job's own line; the records of its tests may be in the out directory. */
static json_t *job_object_of(const struct reports_out *out, const struct reports_result *result)
{
    struct reports_result whole = *result;
    struct reports_tests tests;
    cleanup_strbuf struct strbuf records = {0};

    if (result->tests == NULL || result->tests->data != NULL)
        return job_object(result);
    tests = *result->tests;
    if (reports_out_read_tests(out, &tests, &records) == 0)
        tests.data = records.data;
    whole.tests = &tests;
    return job_object(&whole);
}

int reports_jsonl_append(struct reports_out *out, const struct reports_result *result,
                         struct cupel_error *err)
{
    cleanup_json json_t *job = job_object_of(out, result);
    int r = append_line(out, job, err);

    for (size_t i = 0; r == 0 && i < result->n_cases; i++) {
        cleanup_json json_t *step = NULL;

        if (result->cases[i].name == NULL)
            continue;
        step = step_object(result, &result->cases[i]);
        r = append_line(out, step, err);
    }
    return r;
}

int reports_jsonl_append_submission(struct reports_out *out,
                                    const struct reports_submission *submission,
                                    struct cupel_error *err)
{
    cleanup_json json_t *line = jsonl_submission(submission);

    return append_line(out, line, err);
}

int reports_jsonl_write(int fd, const struct reports_result *result, struct cupel_error *err)
{
    cleanup_json json_t *job = job_object(result);
    cleanup_free char *line = line_of(job);
    int r = line != NULL ? file_write_all(fd, line, strlen(line)) : -ENOMEM;

    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write the result") : 0;
}

int reports_jsonl_text(const struct reports_result *result, struct strbuf *to)
{
    cleanup_json json_t *job = job_object(result);
    int r = add_line(job, to);

    for (size_t i = 0; r == 0 && i < result->n_cases; i++) {
        cleanup_json json_t *step = NULL;

        if (result->cases[i].name == NULL)
            continue;
        step = step_object(result, &result->cases[i]);
        r = add_line(step, to);
    }
    return r;
}
