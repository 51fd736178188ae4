/* SPDX-License-Identifier: Apache-2.0 */
/* test_results: see test_results.h. The files are found (test_files.c) and opened beneath the
 * finished root, read by a confined child (ingest/), and what that says is checked, masked and
 * bounded here. It is the job's word: it can make a job fail that did what was expected of it, and
 * nothing else. */
#include "harness/attempt/test_results.h"

#include "base/redact.h"
#include "harness/attempt/artifact_place.h"
#include "harness/attempt/attempt_end.h"
#include "harness/attempt/test_files.h"
#include "ingest/ingest.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Of all files of a job: their bytes, and the time that reading them may take. */
#define TESTS_FILES_BYTES ((uint64_t)128 << 20)
#define TESTS_READ_NS (60 * NSEC_PER_SEC)

static const struct {
    const char *key;
    enum ingest_format format;
} test_formats[JOBS_TESTS_FORMAT_COUNT] = {
    [JOBS_TESTS_JUNIT] = {"junit", INGEST_JUNIT},
    [JOBS_TESTS_TAP] = {"tap", INGEST_TAP},
    [JOBS_TESTS_CTRF] = {"ctrf", INGEST_CTRF},
};

struct test_reading {
    struct attempt *a;
    struct attempt_result *ret;
    enum jobs_tests_format which;
    const struct jobs_tests *wanted;
    int root;
    uint64_t bytes, end_ns;
    struct strbuf records;
    struct reports_tests *tests;
    uint64_t bad;           /* cases that fail the job */
    struct strbuf first;    /* what the first of them says */
    struct strbuf problem;  /* the first file that fails the job */
    struct cupel_error err; /* the harness's own failure */
    bool failed;
};

/* ---- what is wrong with a file ---- */

/* A file that is missing or broken: a note where the job may do without. */
static void tests_problem(struct test_reading *t, const char *fmt, ...) BASE_PRINTF(2, 3);

static void tests_problem(struct test_reading *t, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf raw = {0}, text = {0};
    va_list ap;

    strbuf_addf(&raw, "%s: ", test_formats[t->which].key);
    va_start(ap, fmt);
    strbuf_vaddf(&raw, fmt, ap);
    va_end(ap);
    text_add_line(&text, raw.data); /* names are the job's */
    if (!t->wanted->optional && t->problem.len == 0)
        strbuf_adds(&t->problem, text.data);
    if (t->wanted->optional || t->ret->job.verdict != REPORTS_PASSED)
        strings_add(&t->ret->notes, xstrdup(text.data));
}

/* ---- cases ---- */

/* Masks a text of a case; the masked one lives in `own`. */
static const char *mask(const struct test_reading *t, const char *text, char **own)
{
    *own = redact_string(t->a->ctx->run->redact, text, true);
    return *own != NULL ? *own : text;
}

static void describe_first(struct test_reading *t, const struct reports_test_case *c)
{
    cleanup_strbuf struct strbuf raw = {0};

    strbuf_addf(&raw, "%s%s%s%s%.160s", c->group, *c->group != '\0' ? "." : "", c->name,
                *c->message != '\0' ? ": " : "", c->message);
    text_add_line(&t->first, raw.data);
}

static void take_case(struct test_reading *t, const struct reports_test_case *said)
{
    struct reports_test_case c = *said;
    char *own[5] = {NULL};
    bool bad = c.outcome == REPORTS_TEST_FAILED || c.outcome == REPORTS_TEST_ERROR;

    t->tests->all[c.outcome]++;
    t->tests->flaky += c.flaky;
    t->bad += bad && t->wanted->failures == JOBS_TESTS_FAIL;
    if (c.counted || !reports_tests_room(c.outcome, t->records.len))
        return;
    c.group = mask(t, c.group, &own[0]);
    c.name = mask(t, c.name, &own[1]);
    c.file = mask(t, c.file, &own[2]);
    c.message = mask(t, c.message, &own[3]);
    c.details = mask(t, c.details, &own[4]);
    if (bad && t->first.len == 0 && t->wanted->failures == JOBS_TESTS_FAIL)
        describe_first(t, &c);
    reports_tests_put(&t->records, &c);
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        free(own[i]);
}

/* Says whether the child's answer is what it should be; nothing is taken of one that is not. */
static bool is_sound(const char *data, size_t length)
{
    struct reports_test_cursor cursor = {.at = data, .end = data + length};
    struct reports_test_case c;
    uint64_t n = 0;
    int r;

    while ((r = reports_tests_next(&cursor, &c)) > 0)
        n++;
    return r == 0 && n > 0 && n <= REPORTS_TESTS_MAX;
}

static void take_cases_of(struct test_reading *t, const char *path, const char *data, size_t length)
{
    struct reports_test_cursor cursor = {.at = data, .end = data + length};
    cleanup_free char *whole = xasprintf("/%s", path);
    struct reports_test_case c;
    char *own;

    reports_tests_put_source(&t->records, mask(t, whole, &own));
    free(own);
    while (reports_tests_next(&cursor, &c) > 0)
        take_case(t, &c);
    t->tests->files++;
}

/* ---- files ---- */

/* Opens a file that was found; -EBADF, and it is told, where it is not to be read. */
static int open_results(struct test_reading *t, const char *path)
{
    int fd = file_open_beneath(t->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0);
    char size[UNIT_TEXT_SIZE];
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || artifact_is_kernels(fd)) {
        tests_problem(t, "/%s cannot be opened as a regular file of the job", path);
    } else if ((uint64_t)st.st_size > INGEST_FILE_MAX) {
        tests_problem(t, "/%s is larger than %s", path, unit_format_size(INGEST_FILE_MAX, size));
    } else if ((uint64_t)st.st_size > TESTS_FILES_BYTES - t->bytes) {
        tests_problem(t, "/%s and the files before it are larger than %s", path,
                      unit_format_size(TESTS_FILES_BYTES, size));
    } else if (clock_monotonic_ns() > t->end_ns) {
        tests_problem(t, "/%s was not read: reading the files before it took too long", path);
    } else {
        t->bytes += (uint64_t)st.st_size;
        return fd;
    }
    base_closep(&fd);
    return -EBADF;
}

static void read_results(struct test_reading *t, const char *path)
{
    cleanup_close int fd = open_results(t, path);
    cleanup_free char *reply = NULL;
    struct cupel_error err;
    size_t length;
    int r;

    if (fd < 0)
        return;
    sandbox_stage_libraries(true);
    r = ingest_read(test_formats[t->which].format, fd, t->a->ctx->run->dirfd, &reply, &length,
                    &err);
    sandbox_stage_libraries(false);
    if (r == 0 && is_sound(reply, length))
        take_cases_of(t, path, reply, length);
    else if (r == 0)
        tests_problem(t, "/%s: what its reader says of it is not sound", path);
    else if (err.kind != CUPEL_ERROR_HARNESS)
        tests_problem(t, "/%s %s", path, err.message);
    else if (!t->failed) {
        t->err = err;
        t->failed = true;
    }
}

static void read_format(struct test_reading *t)
{
    struct strings paths = {0};
    const char *unmatched;
    int r = test_files_find(t->root, t->a->job->workdir, t->wanted->patterns, &paths, &unmatched);

    if (r == -E2BIG)
        tests_problem(t, "more than %d files match", TEST_FILES_MAX);
    else if (r == -ELOOP)
        tests_problem(t, "directories where files may match are nested deeper than %d",
                      TEST_FILES_DEPTH_MAX);
    else if (r < 0)
        tests_problem(t, "files cannot be looked for: %s", strerror(-r));
    else if (unmatched != NULL)
        tests_problem(t, "no file matches %s", unmatched);
    for (size_t i = 0; r == 0 && i < paths.n && !t->failed; i++)
        read_results(t, paths.items[i]);
    strings_free(&paths);
}

/* ---- the whole ---- */

static void read_all(struct test_reading *t)
{
    for (t->which = 0; t->which < JOBS_TESTS_FORMAT_COUNT && !t->failed; t->which++) {
        t->wanted = &t->a->job->tests[t->which];
        if (t->wanted->patterns == NULL)
            continue;
        t->failed = ingest_load(test_formats[t->which].format, &t->err) < 0;
        if (!t->failed)
            read_format(t);
    }
}

/* Says why the job has failed, or remarks upon what does not fail it. */
static void tests_judge(struct test_reading *t)
{
    uint64_t sum = reports_tests_sum(t->tests->all),
             bad = t->tests->all[REPORTS_TEST_FAILED] + t->tests->all[REPORTS_TEST_ERROR];
    cleanup_strbuf struct strbuf b = {0};

    if (t->bad > 0)
        strbuf_addf(&b, "%llu of the %llu test cases that the job reports failed%s%s",
                    (unsigned long long)t->bad, (unsigned long long)sum,
                    t->first.len > 0 ? ", first " : "", t->first.len > 0 ? t->first.data : "");
    else if (bad > 0)
        strings_add(&t->ret->notes, xasprintf("%llu of the %llu test cases that the job reports "
                                              "failed, and its verdict is not theirs to change",
                                              (unsigned long long)bad, (unsigned long long)sum));
    if (t->problem.len > 0)
        strbuf_addf(&b, "%s%s", b.len > 0 ? "; " : "", t->problem.data);
    if (b.len > 0)
        (void)snprintf(t->a->facts->tests_failed, sizeof(t->a->facts->tests_failed), "%s", b.data);
}

void test_results_collect(struct attempt *a, struct attempt_result *ret)
{
    struct test_reading t = {
        .a = a, .ret = ret, .root = -EBADF, .end_ns = clock_monotonic_ns() + TESTS_READ_NS};
    bool wanted = false, passed = ret->job.verdict == REPORTS_PASSED;

    for (size_t i = 0; i < JOBS_TESTS_FORMAT_COUNT; i++)
        wanted |= a->job->tests[i].patterns != NULL;
    if (!wanted || a->facts->started_ns == 0)
        return;
    t.tests = ret->tests = xcalloc(1, sizeof(*t.tests));
    t.root = sandbox_open_root(a->ctx->stage, &a->sandbox);
    t.failed = t.root < 0;
    if (t.failed)
        (void)cupel_error_set(&t.err, CUPEL_ERROR_HARNESS, t.root,
                              "cannot open the finished root for the results of its tests");
    else
        read_all(&t);
    tests_judge(&t);
    t.tests->length = t.records.len;
    t.tests->data = steal_ptr(t.records.data);
    /* what could not be read is never a pass; any other verdict stands */
    if (t.failed && passed)
        attempt_fail(a, &t.err);
    else if (t.failed)
        strings_add(&ret->notes,
                    xasprintf("the results of its tests are incomplete: %s", t.err.message));
    if (passed)
        verdict_of_job(a->job, a->facts, &ret->job);
    base_closep(&t.root);
    strbuf_free(&t.first);
    strbuf_free(&t.problem);
}
