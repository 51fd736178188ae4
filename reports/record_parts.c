/* SPDX-License-Identifier: Apache-2.0 */
/* record_parts: see record_parts.h. Not responsible for the lines themselves (record_job.c). */
#include "reports/record_parts.h"

#include "reports/json_build.h"
#include "reports/record_figures.h"

#include <string.h>

/* ---- usage ---- */

static json_t *parts_figure(const void *of, const struct record_field *f)
{
    const struct reports_usage *u = of;

    return reports_usage_has(u, (enum reports_figure)f->arg)
               ? record_json_number(u->value[f->arg], f->kind == RECORD_NUMBER ? NSEC_PER_SEC : 1)
               : NULL;
}

#define FIGURE(id, name_, seconds, text_)                                                          \
    {.name = (name_),                                                                              \
     .kind = (seconds) ? RECORD_NUMBER : RECORD_INTEGER,                                           \
     .text = (text_),                                                                              \
     .value = parts_figure,                                                                        \
     .arg = REPORTS_##id},
static const struct record_field usage_fields[] = {REPORTS_FIGURES(FIGURE)};
RECORD_TABLE(usage, "usage", usage_fields);

/* ---- timeline ---- */

static json_t *parts_interval(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_number(((const struct reports_timeline *)of)->interval_ns, NSEC_PER_SEC);
}

/* Makes an array of the column at that offset; milliseconds will do. Columns, not points: what
 * reads them plots them, and a name costs more than a number. */
static json_t *parts_column(const void *of, const struct record_field *f)
{
    const struct reports_timeline *t = of;
    const bool known[] = {[offsetof(struct reports_point, at_ns) / sizeof(uint64_t)] = true,
                          [offsetof(struct reports_point, cpu_ns) / sizeof(uint64_t)] = t->has_cpu,
                          [offsetof(struct reports_point, memory_bytes) / sizeof(uint64_t)] =
                              t->has_memory,
                          [offsetof(struct reports_point, pids) / sizeof(uint64_t)] = t->has_pids};
    json_t *list;

    if (!known[f->arg / sizeof(uint64_t)])
        return NULL;
    list = build_checked(json_array());
    for (size_t i = 0; i < t->n; i++) {
        uint64_t v;

        memcpy(&v, (const char *)&t->points[i] + f->arg, sizeof(v));
        build_append(list, f->kind == RECORD_NUMBERS ? record_json_number(v / NSEC_PER_MSEC, 1000)
                                                     : record_json_number(v, 1));
    }
    return list;
}

static const struct record_field timeline_fields[] = {
    RECORD_FIELD("interval_seconds", NUMBER, .always = RECORD_ONLY, .value = parts_interval,
                 .text = "how far apart the points are"),
    RECORD_FIELD("at_seconds", NUMBERS, .always = RECORD_ONLY, .value = parts_column,
                 .arg = offsetof(struct reports_point, at_ns),
                 .text = "when, since the first command was started"),
    RECORD_FIELD("cpu_seconds", NUMBERS, .value = parts_column,
                 .arg = offsetof(struct reports_point, cpu_ns), .text = "CPU time used so far"),
    RECORD_FIELD("memory_bytes", INTEGERS, .value = parts_column,
                 .arg = offsetof(struct reports_point, memory_bytes),
                 .text = "memory of that moment"),
    RECORD_FIELD("pids", INTEGERS, .value = parts_column,
                 .arg = offsetof(struct reports_point, pids),
                 .text = "processes and threads of that moment"),
};
RECORD_TABLE(timeline, "timeline", timeline_fields);

/* ---- leaks ---- */

static json_t *parts_leak_pid(const void *of, const struct record_field *f)
{
    (void)f;
    return json_integer(((const struct reports_leak *)of)->pid);
}

static json_t *parts_leak_cpu(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_number(((const struct reports_leak *)of)->cpu_ns, NSEC_PER_SEC);
}

static const struct record_field leak_fields[] = {
    RECORD_FIELD("pid", INTEGER, .always = RECORD_ONLY, .value = parts_leak_pid,
                 .text = "its number in the job"),
    RECORD_FIELD("command", TEXT, RECORD_AT(struct reports_leak, command),
                 .text = "its command line"),
    RECORD_FIELD("cpu_seconds", NUMBER, .always = RECORD_ONLY, .value = parts_leak_cpu,
                 .text = "CPU time that it had used"),
};
RECORD_TABLE(leak, "leaks", leak_fields);

/* ---- caches ---- */

static json_t *parts_cache_hit(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_text(reports_hit_name(((const struct reports_cache *)of)->hit));
}

static json_t *parts_cache_saved(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_true(((const struct reports_cache *)of)->saved);
}

static const char *parts_hit_word(size_t i)
{
    return i < REPORTS_HIT_COUNT ? reports_hit_name((enum reports_hit)i) : NULL;
}

static const struct record_field cache_fields[] = {
    RECORD_FIELD("key", TEXT, RECORD_AT(struct reports_cache, key), .text = "its key"),
    RECORD_FIELD("hit", WORD, .always = RECORD_ONLY, .word = parts_hit_word,
                 .value = parts_cache_hit,
                 .text = "what it found: `partial` was saved under another key"),
    RECORD_FIELD("restored", TEXT, RECORD_AT(struct reports_cache, restored),
                 .text = "of `partial`: that key"),
    RECORD_FIELD("saved", TRUE, .value = parts_cache_saved, .text = "this attempt has saved it"),
};
RECORD_TABLE(cache, "caches", cache_fields);

/* ---- cached ---- */

static json_t *parts_cached_ended(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;

    (void)f;
    return record_json_time(&(struct timespec){.tv_sec = r->cached_at});
}

static const struct record_field cached_fields[] = {
    RECORD_FIELD("run", TEXT, .always = RECORD_ONLY, RECORD_AT(struct reports_result, cached_run),
                 .text = "the id of the run in which it ended so"),
    RECORD_FIELD("ended", TIME, .value = parts_cached_ended, .text = "when that was"),
};
RECORD_TABLE(cached, "cached", cached_fields);

/* ---- logs ---- */

static const struct record_field logs_fields[] = {
    RECORD_FIELD("stdout", TEXT, RECORD_AT(struct reports_result, stdout_log),
                 .text = "path below `DIR` of its standard output"),
    RECORD_FIELD("stderr", TEXT, RECORD_AT(struct reports_result, stderr_log),
                 .text = "path below `DIR` of its standard error"),
    RECORD_FIELD("merged", TEXT, RECORD_AT(struct reports_result, merged_log),
                 .text = "path below `DIR` of both as one log with times"),
};
RECORD_TABLE(logs, "logs", logs_fields);

/* ---- tests of the job's own ---- */

/* A case, and the file that it was read in. */
struct record_test_of {
    struct reports_test_case c;
    const char *source;
};

static json_t *parts_test_outcome(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_text(
        reports_test_outcome_name(((const struct record_test_of *)of)->c.outcome));
}

static json_t *parts_test_line(const void *of, const struct record_field *f)
{
    uint32_t line = ((const struct record_test_of *)of)->c.line;

    (void)f;
    return line > 0 ? record_json_number(line, 1) : NULL;
}

static json_t *parts_test_seconds(const void *of, const struct record_field *f)
{
    uint64_t ns = ((const struct record_test_of *)of)->c.time_ns;

    (void)f;
    return ns != REPORTS_TEST_NO_TIME ? record_json_number(ns, NSEC_PER_SEC) : NULL;
}

static json_t *parts_test_flaky(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_true(((const struct record_test_of *)of)->c.flaky);
}

static const char *parts_outcome_word(size_t i)
{
    return i < REPORTS_TEST_OUTCOME_COUNT ? reports_test_outcome_name((enum reports_test_outcome)i)
                                          : NULL;
}

#define TEST_TEXT(name_, member, text_)                                                            \
    RECORD_FIELD(name_, TEXT, RECORD_AT(struct record_test_of, member), .text = (text_))
static const struct record_field test_fields[] = {
    RECORD_FIELD("outcome", WORD, .always = RECORD_ONLY, .word = parts_outcome_word,
                 .value = parts_test_outcome, .text = "what became of it"),
    TEST_TEXT("class", c.group, "its class, or its suite"),
    TEST_TEXT("name", c.name, "its name"),
    TEST_TEXT("file", c.file, "the file that it stands in"),
    RECORD_FIELD("line", INTEGER, .value = parts_test_line, .text = "and the line"),
    RECORD_FIELD("seconds", NUMBER, .value = parts_test_seconds, .text = "how long it took"),
    RECORD_FIELD("flaky", TRUE, .value = parts_test_flaky, .text = "it passed after a failure"),
    TEST_TEXT("message", c.message, "why it did not pass"),
    TEST_TEXT("details", c.details, "more about that"),
    TEST_TEXT("source", source, "the file that was read"),
};
RECORD_TABLE(test, "tests.cases", test_fields);

static json_t *parts_tests_by(const void *of, const struct record_field *f)
{
    (void)of;
    (void)f;
    return json_string("job");
}

static json_t *parts_tests_files(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_number(((const struct reports_tests *)of)->files, 1);
}

static json_t *parts_tests_count(const void *of, const struct record_field *f)
{
    return record_json_number(((const struct reports_tests *)of)->all[f->arg], 1);
}

static json_t *parts_tests_flaky(const void *of, const struct record_field *f)
{
    uint64_t n = ((const struct reports_tests *)of)->flaky;

    (void)f;
    return n > 0 ? record_json_number(n, 1) : NULL;
}

static json_t *parts_tests_left_out(const void *of, const struct record_field *f)
{
    const struct reports_tests *t = of;
    uint64_t n = reports_tests_sum(t->all) - reports_tests_sum(t->listed);

    (void)f;
    return t->data != NULL && n > 0 ? record_json_number(n, 1) : NULL;
}

static json_t *parts_tests_cases(const void *of, const struct record_field *f)
{
    const struct reports_tests *t = of;
    struct reports_test_cursor cursor = {.at = t->data, .end = t->data + t->length};
    struct record_test_of one;
    json_t *list;

    (void)f;
    if (t->data == NULL)
        return NULL;
    list = build_checked(json_array());
    while (reports_tests_next(&cursor, &one.c) > 0) {
        one.source = cursor.source;
        build_append(list, record_object(&record_test, &one, RECORD_ONLY));
    }
    return list;
}

static const char *parts_tests_word(size_t i)
{
    return i == 0 ? "job" : NULL;
}

#define TESTS_BOTH (RECORD_TESTS_ALL | RECORD_TESTS_COUNTED)
#define TESTS_COUNT(name_, id)                                                                     \
    RECORD_FIELD(name_, INTEGER, .where = TESTS_BOTH, .always = TESTS_BOTH,                        \
                 .value = parts_tests_count, .arg = REPORTS_TEST_##id, .text = "how many cases")
static const struct record_field tests_fields[] = {
    RECORD_FIELD("reported_by", WORD, .where = TESTS_BOTH, .always = TESTS_BOTH,
                 .word = parts_tests_word, .value = parts_tests_by, .text = "whose word it is"),
    RECORD_FIELD("files", INTEGER, .where = TESTS_BOTH, .always = TESTS_BOTH,
                 .value = parts_tests_files, .text = "how many were read"),
    TESTS_COUNT("passed", PASSED),
    TESTS_COUNT("failed", FAILED),
    TESTS_COUNT("error", ERROR),
    TESTS_COUNT("skipped", SKIPPED),
    RECORD_FIELD("flaky", INTEGER, .where = TESTS_BOTH, .value = parts_tests_flaky,
                 .text =
                     "how many of those that passed did so after a failure; absent where none did"),
    RECORD_FIELD("left_out", INTEGER, .where = RECORD_TESTS_ALL, .value = parts_tests_left_out,
                 .text = "how many are counted and not listed; absent where all are"),
    RECORD_FIELD("cases", OBJECTS, .where = RECORD_TESTS_ALL, .value = parts_tests_cases,
                 .sub = &record_test, .text = "each of those that are listed"),
};
static const struct record_variant tests_variants[] = {{"tests", RECORD_TESTS_ALL},
                                                       {"tests_before", RECORD_TESTS_COUNTED}};
const struct record_table record_tests = {.title = "tests",
                                          .fields = tests_fields,
                                          .n = ARRAY_SIZE(tests_fields),
                                          .variants = tests_variants,
                                          .n_variants = ARRAY_SIZE(tests_variants)};
