/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports_junit: junit.xml for every outcome and every nasty byte, checked against the public
 * schemas by libxml2 and read back. Where the schemas are not at hand the schema checks are
 * skipped, aloud; everything else is still checked. */
#include "reports/junit_text.h"
#include "test_reports.h"
#include <stdarg.h>
#include <stddef.h>

#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <libxml/xmlschemastypes.h>
#include <libxml/xpath.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char *const schemas[] = {"windyroad-JUnit.xsd", "jenkins-junit-10.xsd"};

/* ---- reading back ---- */

static void quiet(void *context, const char *fmt, ...)
{
    (void)context;
    (void)fmt;
}

static char *schema_path(const char *name)
{
    const char *dir = getenv("CUPEL_JUNIT_XSD");

    return xasprintf("%s/%s", dir != NULL ? dir : "../../../shared/junit-xsd", name);
}

static bool have_schemas(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(schemas); i++) {
        cleanup_free char *path = schema_path(schemas[i]);

        if (access(path, R_OK) < 0)
            return false;
    }
    return true;
}

static int validate_against(xmlDocPtr doc, const char *name)
{
    cleanup_free char *path = schema_path(name);
    xmlSchemaParserCtxtPtr parser = xmlSchemaNewParserCtxt(path);
    xmlSchemaPtr schema;
    xmlSchemaValidCtxtPtr valid;
    int r;

    assert_non_null(parser);
    schema = xmlSchemaParse(parser);
    xmlSchemaFreeParserCtxt(parser);
    assert_non_null(schema);
    valid = xmlSchemaNewValidCtxt(schema);
    assert_non_null(valid);
    r = xmlSchemaValidateDoc(valid, doc);
    xmlSchemaFreeValidCtxt(valid);
    xmlSchemaFree(schema);
    return r;
}

static void validate(xmlDocPtr doc)
{
    if (!have_schemas())
        return; /* said once, by test_schemas_at_hand */
    for (size_t i = 0; i < ARRAY_SIZE(schemas); i++)
        assert_int_equal(validate_against(doc, schemas[i]), 0);
}

/* Writes the run, reads the file strictly, validates it. */
static xmlDocPtr write_and_read(struct room *room, struct reports_result *const *results, size_t n)
{
    struct reports_run run = {
        .name = "suite", .hostname = "host", .results = results, .n_results = n};
    struct cupel_error err = {0};
    cleanup_free char *text = NULL;
    size_t length;
    xmlDocPtr doc;

    if (reports_junit_write(room->out, &run, &err) < 0)
        fail_msg("%s", err.message);
    assert_false(exists(room, "junit.xml.tmp"));
    text = get_file(room, "junit.xml", &length);
    doc = xmlReadMemory(text, (int)length, "junit.xml", NULL, XML_PARSE_NONET);
    assert_non_null(doc);
    validate(doc);
    return doc;
}

static xmlDocPtr write_one(struct room *room, struct reports_result *result)
{
    return write_and_read(room, &result, 1);
}

/* The string value of an XPath expression; malloc'ed. */
static char *at(xmlDocPtr doc, const char *xpath)
{
    xmlXPathContextPtr context = xmlXPathNewContext(doc);
    xmlXPathObjectPtr object = xmlXPathEvalExpression(BAD_CAST xpath, context);
    xmlChar *value;
    char *copy;

    assert_non_null(object);
    value = xmlXPathCastToString(object);
    copy = xstrdup((const char *)value);
    xmlFree(value);
    xmlXPathFreeObject(object);
    xmlXPathFreeContext(context);
    return copy;
}

static void expect_at(xmlDocPtr doc, const char *xpath, const char *want)
{
    cleanup_free char *got = at(doc, xpath);

    assert_string_equal(got, want);
}

#define SUITE "/testsuites/testsuite"

/* ---- tests ---- */

static void test_schemas_at_hand(void **state)
{
    char *path = schema_path("");

    (void)state;
    if (!have_schemas())
        print_message("SKIPPED: no %s and %s in %s: reports are NOT checked against the schemas "
                      "(set CUPEL_JUNIT_XSD)\n",
                      schemas[0], schemas[1], path);
    free(path); /* skip() jumps out of this function, past every cleanup */
    if (!have_schemas())
        skip();
}

/* The judge itself must be able to say no. */
static void test_schemas_refuse(void **state)
{
    static const char bad[] = "<testsuites><testsuite name='x'/></testsuites>";
    xmlDocPtr doc;

    (void)state;
    if (!have_schemas()) {
        print_message("SKIPPED: the schemas are not at hand\n");
        skip();
    }
    xmlSetGenericErrorFunc(NULL, quiet);
    doc = xmlReadMemory(bad, sizeof(bad) - 1, "bad.xml", NULL, XML_PARSE_NONET);
    for (size_t i = 0; i < ARRAY_SIZE(schemas); i++)
        assert_true(validate_against(doc, schemas[i]) > 0);
    xmlFreeDoc(doc);
    xmlSetGenericErrorFunc(NULL, NULL);
}

static const char *expected_element(enum reports_verdict v)
{
    switch (v) {
    case REPORTS_PASSED:
        return NULL;
    case REPORTS_ERROR:
    case REPORTS_CANCELLED:
        return "error";
    case REPORTS_SKIPPED:
    case REPORTS_NOT_RUN:
        return "skipped";
    default:
        return "failure";
    }
}

static void test_every_verdict(void **state)
{
    struct room *room = *state;

    for (enum reports_verdict v = 0; v < REPORTS_VERDICT_COUNT; v++) {
        struct reports_case c;
        struct reports_result result =
            result_of(&c, v, v == REPORTS_PASSED ? "" : "it is so because");
        const char *element = expected_element(v);
        xmlDocPtr doc = write_one(room, &result);

        expect_at(doc, "count(" SUITE "/testcase)", "1");
        expect_at(doc, "string(" SUITE "/@tests)", "1");
        expect_at(doc, "string(" SUITE "/@failures)",
                  element != NULL && str_eq(element, "failure") ? "1" : "0");
        expect_at(doc, "string(" SUITE "/@errors)",
                  element != NULL && str_eq(element, "error") ? "1" : "0");
        expect_at(doc, "string(" SUITE "/@skipped)",
                  element != NULL && str_eq(element, "skipped") ? "1" : "0");
        expect_at(doc, "string(" SUITE "/properties/property[@name='verdict']/@value)",
                  reports_verdict_name(v));
        expect_at(doc, "count(" SUITE "/testcase/*)", element != NULL ? "1" : "0");
        if (element != NULL) {
            expect_at(doc, "name(" SUITE "/testcase/*)", element);
            expect_at(doc, "string(" SUITE "/testcase/*/@message)", "it is so because");
            expect_at(doc, "string(" SUITE "/testcase/*)", "it is so because");
        }
        if (element != NULL && !str_eq(element, "skipped"))
            expect_at(doc, "string(" SUITE "/testcase/*/@type)", reports_verdict_name(v));
        xmlFreeDoc(doc);
    }
}

static void test_a_suite_in_full(void **state)
{
    struct room *room = *state;
    struct reports_case c;
    struct reports_result result = result_of(&c, REPORTS_FAILED, "exit code 2, expected 0");
    struct reports_limit limits[] = {{"memory_bytes", 67108864, 1, NULL},
                                     {"wall_seconds", 1500000000, NSEC_PER_SEC, NULL},
                                     {"cpuset", 3, 1, "0-1,3"}};
    const char *notes[] = {"one", "two", NULL}, *unenforced[] = {"cpu", NULL};
    xmlDocPtr doc;

    put_log(room, "logs/job.stdout", "to stdout\n", 10);
    put_log(room, "logs/job.stderr", "to stderr\n", 10);
    result.exit = 2;
    result.attempts = 3;
    result.description = "what it is";
    result.stdout_log = "logs/job.stdout";
    result.stderr_log = "logs/job.stderr";
    result.limits = limits;
    result.n_limits = 3;
    result.notes = notes;
    result.unenforced = unenforced;
    reports_usage_set(&result.usage, REPORTS_WALL_SECONDS, 1204499999);
    reports_usage_set(&result.usage, REPORTS_MEMORY_PEAK_BYTES, 123);
    doc = write_one(room, &result);
    expect_at(doc, "count(/testsuites/@*)", "0");
    expect_at(doc, "string(" SUITE "/@name)", "job");
    expect_at(doc, "string(" SUITE "/@package)", "");
    expect_at(doc, "count(" SUITE "/@package)", "1");
    expect_at(doc, "string(" SUITE "/@id)", "0");
    expect_at(doc, "string(" SUITE "/@timestamp)", "2023-11-14T22:13:20");
    expect_at(doc, "string(" SUITE "/@hostname)", "host");
    expect_at(doc, "string(" SUITE "/@time)", "1.204");
    expect_at(doc, "string(" SUITE "/testcase/@time)", "1.204");
    expect_at(doc, "string(" SUITE "/testcase/@name)", "job");
    expect_at(doc, "string(" SUITE "/testcase/@classname)", "suite.job");
    expect_at(doc, "string(//property[@name='exit']/@value)", "2");
    expect_at(doc, "string(//property[@name='attempts']/@value)", "3");
    expect_at(doc, "string(//property[@name='description']/@value)", "what it is");
    expect_at(doc, "string(//property[@name='usage.wall_seconds']/@value)", "1.204499999");
    expect_at(doc, "string(//property[@name='usage.memory_peak_bytes']/@value)", "123");
    expect_at(doc, "string(//property[@name='limits.memory_bytes']/@value)", "67108864");
    expect_at(doc, "string(//property[@name='limits.wall_seconds']/@value)", "1.5");
    expect_at(doc, "string(//property[@name='limits.cpuset']/@value)", "0-1,3");
    expect_at(doc, "string(//property[@name='notes']/@value)", "one\ntwo");
    expect_at(doc, "string(//property[@name='unenforced']/@value)", "cpu");
    expect_at(doc, "count(//property[@name='usage.cpu_seconds'])", "0");
    expect_at(doc, "count(//property[@name='signal'])", "0");
    expect_at(doc, "string(" SUITE "/system-out)", "to stdout\n");
    expect_at(doc, "string(" SUITE "/system-err)", "to stderr\n");
    expect_at(doc, "string(//failure)",
              "exit code 2, expected 0\n--- standard output ---\nto stdout\n"
              "\n--- standard error ---\nto stderr\n");
    xmlFreeDoc(doc);
}

static void test_attempts(void **state)
{
    struct room *room = *state;
    struct attempts a;
    xmlDocPtr doc;

    attempts_init(&a);
    doc = write_one(room, &a.result[2]);
    expect_at(doc, "string(//property[@name='attempts']/@value)", "3");
    expect_at(doc, "string(//property[@name='flaky']/@value)", "true");
    expect_at(doc, "string(//property[@name='previous_attempts']/@value)",
              "attempt 1: failed: exit code 2, expected 0\\x0Aattempt 9: passed\nattempt 2: "
              "signaled: killed by SIGSEGV");
    expect_at(doc, "count(//property[@name='leaks'])", "0");
    expect_at(doc, "count(//testcase/*)", "0");
    xmlFreeDoc(doc);

    a.result[2].verdict = a.c[2].verdict = REPORTS_TIMEOUT;
    a.result[2].evidence = a.c[2].evidence = "wall limit";
    doc = write_one(room, &a.result[2]);
    expect_at(doc, "count(//property[@name='flaky'])", "0");
    expect_at(doc, "string(//failure/@message)", "wall limit");
    expect_at(doc, "string(//failure)",
              "wall limit\nattempt 1: failed: exit code 2, expected 0\\x0Aattempt 9: passed\n"
              "attempt 2: signaled: killed by SIGSEGV");
    xmlFreeDoc(doc);
}

/* Named with any verdict; a newline in a name starts no line, and nothing in it ends the element.
 */
static void test_leaks(void **state)
{
#define LEAKS "pid 7 `" LEAK_SHOWN "` (CPU 0.01 s)"
    struct room *room = *state;
    struct attempts a;
    struct reports_case c = {.verdict = REPORTS_PASSED, .evidence = ""};
    xmlDocPtr doc;

    attempts_init(&a);
    a.result[0].stdout_log = NULL;
    doc = write_one(room, &a.result[0]);
    expect_at(doc, "string(//property[@name='leaks']/@value)",
              LEAKS "\npid 8 `sleep 60` (CPU 1.23 s)");
    expect_at(doc, "string(//property[@name='leaks_in_all']/@value)", "5");
    expect_at(doc, "string(//failure)",
              "exit code 2, expected 0\nattempt 9: passed\n5 processes left running: " LEAKS
              ", pid 8 `sleep 60` (CPU 1.23 s) and 3 more");
    xmlFreeDoc(doc);

    a.result[0].verdict = REPORTS_PASSED;
    a.result[0].evidence = "";
    a.result[0].cases = &c;
    doc = write_one(room, &a.result[0]);
    expect_at(doc, "string(//property[@name='leaks_in_all']/@value)", "5");
    expect_at(doc, "count(//testcase/*)", "0");
    xmlFreeDoc(doc);
}

/* `leaks: fail` makes them the evidence: then they are not told twice. */
static void test_leaks_in_the_evidence(void **state)
{
    struct room *room = *state;
    struct reports_leak leak = {9, 0, "sleep 1"};
    struct reports_case c;
    struct reports_result result = result_of(
        &c, REPORTS_FAILED,
        "1 process left running: pid 9 `sleep 1` (CPU 0.00 s); the job has `leaks: fail`");
    xmlDocPtr doc;

    result.leaks = &leak;
    result.n_leaks = result.leaks_in_all = 1;
    doc = write_one(room, &result);
    expect_at(doc, "string(//failure)", result.evidence);
    xmlFreeDoc(doc);
}

static void test_steps(void **state)
{
    struct room *room = *state;
    struct reports_case cases[] = {
        {.name = "make",
         .verdict = REPORTS_PASSED,
         .evidence = "",
         .exit = 0,
         .wall_ns = NSEC_PER_SEC,
         .stdout_to = 6},
        {.name = "check",
         .verdict = REPORTS_TIMEOUT,
         .evidence = "5 s",
         .exit = -1,
         .stdout_from = 6,
         .stdout_to = 13},
        {.name = "check", .verdict = REPORTS_SKIPPED, .evidence = "'check' failed", .exit = -1},
        {.name = "after", .verdict = REPORTS_ERROR, .evidence = "no disk", .exit = -1},
    };
    struct reports_case c;
    struct reports_result result = result_of(&c, REPORTS_TIMEOUT, "step 'check': 5 s");
    xmlDocPtr doc;

    put_log(room, "logs/job.stdout", "first\nsecond\nthird\n", 19);
    result.stdout_log = "logs/job.stdout";
    result.cases = cases;
    result.n_cases = 4;
    doc = write_one(room, &result);
    expect_at(doc, "string(" SUITE "/@tests)", "4");
    expect_at(doc, "string(" SUITE "/@failures)", "1");
    expect_at(doc, "string(" SUITE "/@errors)", "1");
    expect_at(doc, "string(" SUITE "/@skipped)", "1");
    expect_at(doc, "string(" SUITE "/@time)", "1.000");
    expect_at(doc, "string(//testcase[1]/@name)", "make");
    expect_at(doc, "string(//testcase[2]/@name)", "check");
    expect_at(doc, "string(//testcase[3]/@name)", "check (2)"); /* GitLab drops equal names */
    expect_at(doc, "string(//testcase[2]/failure)", "5 s\n--- standard output ---\nsecond\n");
    xmlFreeDoc(doc);
}

/* Thousands of one name, which would never end if each was looked for from the first on. */
static void test_many_of_one_name(void **state)
{
    enum { N = 30000 };
    _cleanup_(strset_free) struct strset taken = {0};
    char expected[40];

    (void)state;
    free(junit_new_name(&taken, "c", "n (3)"));
    for (unsigned i = 0; i < N; i++) {
        cleanup_free char *name = junit_new_name(&taken, "c", "n");

        (void)snprintf(expected, sizeof(expected), "n (%u)", i < 2 ? 2 : i + 2);
        assert_string_equal(name, i == 0 ? "n" : expected);
    }
}

/* Steps passed, the job did not: the report must not read as a pass. */
static void test_the_job_itself_is_a_case(void **state)
{
    struct room *room = *state;
    struct reports_case cases[] =
        {{.name = "make", .verdict = REPORTS_PASSED, .evidence = "", .exit = 0}},
                        c;
    struct reports_result result = result_of(&c, REPORTS_ERROR, "cannot copy artifacts");
    xmlDocPtr doc;

    result.cases = cases;
    result.n_cases = 1;
    doc = write_one(room, &result);
    expect_at(doc, "string(" SUITE "/@tests)", "2");
    expect_at(doc, "string(" SUITE "/@errors)", "1");
    expect_at(doc, "string(//testcase[@name='job']/error/@message)", "cannot copy artifacts");
    xmlFreeDoc(doc);
    result.n_cases = 0; /* not allowed by the contract, and still no pass */
    doc = write_one(room, &result);
    expect_at(doc, "string(" SUITE "/@errors)", "1");
    xmlFreeDoc(doc);
}

#define NASTY                                                                                      \
    "]]></failure><testcase/>&lt;&#27; \x01\x02\x1b[31mred\x1b[0m \x1b[2J\x07 \xff\xfe "           \
    "\xef\xbf\xbe \xef\xbf\xbf "                                                                   \
    "\xc0\x80 "                                                                                    \
    "\xed\xa0\x80 \r\n\r \"' \xc3\xa9\xf0\x9f\x98\x80"
#define NASTY_SHOWN                                                                                \
    "]]></failure><testcase/>&lt;&#27; \\x01\\x02red \\x1B[2J\\x07 \\xFF\\xFE \\uFFFE \\uFFFF "    \
    "\\xC0\\x80 "                                                                                  \
    "\\xED\\xA0\\x80 \n\\x0D \"' \xc3\xa9\xf0\x9f\x98\x80"

static void test_nasty_bytes(void **state)
{
    struct room *room = *state;
    struct reports_case cases[] = {{.name = " a  b\n" NASTY,
                                    .verdict = REPORTS_FAILED,
                                    .evidence = NASTY,
                                    .exit = 1,
                                    .stdout_to = 1000}};
    struct reports_case c;
    struct reports_result result = result_of(&c, REPORTS_FAILED, NASTY);
    struct reports_run run = {.name = NASTY,
                              .hostname = " \t\n",
                              .results = (struct reports_result *[]){&result},
                              .n_results = 1};
    const char *list[] = {NASTY, NASTY, NULL};
    struct reports_limit limit = {"x\x01", 1, 1, NULL};
    struct cupel_error err = {0};
    cleanup_free char *text = NULL, *out = NULL;
    size_t n;
    xmlDocPtr doc;

    put_log(room, "logs/job.stdout", NASTY "\0", sizeof(NASTY));
    result.id = result.job = result.file = result.description = NASTY;
    result.cases = cases;
    result.notes = result.tags = result.artifacts = result.unenforced = list;
    result.limits = &limit;
    result.n_limits = 1;
    result.stdout_log = "logs/job.stdout";
    result.stderr_log = "logs/missing\x01";
    assert_int_equal(reports_junit_write(room->out, &run, &err), 0);
    text = get_file(room, "junit.xml", &n);
    doc = xmlReadMemory(text, (int)n, "junit.xml", NULL, XML_PARSE_NONET);
    assert_non_null(doc);
    validate(doc);
    expect_at(doc, "string(//failure/@message)", NASTY_SHOWN);
    expect_at(doc, "string(" SUITE "/system-out)", NASTY_SHOWN "\\x00");
    expect_at(doc, "count(//testcase)", "1");
    expect_at(doc, "count(//failure)", "1");
    out = at(doc, "string(" SUITE "/system-err)");
    assert_non_null(strstr(out, "cannot read logs/missing\\x01"));
    assert_null(memchr(text, '\x1b', n));
    xmlFreeDoc(doc);
}

/* Long logs of the worst kinds: markup (each byte becomes five), binary (four), no line ends, real
 * lines. */
static void test_long_logs(void **state)
{
    static const struct {
        char byte;
        size_t line;
    } kinds[] = {{'&', 0}, {'\x01', 0}, {'\xff', 100}, {'x', 80}, {'\xa9', 0}};
    const size_t size = (size_t)12 << 20;
    cleanup_free char *data = xmalloc(size);
    struct room *room = *state;

    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        struct reports_case c;
        struct reports_result result =
            result_of(&c, REPORTS_OUTPUT_LIMIT, "output limit 12 MiB reached");
        cleanup_free char *out = NULL;
        xmlDocPtr doc;

        memset(data, kinds[k].byte, size);
        for (size_t i = kinds[k].line; kinds[k].line != 0 && i < size; i += kinds[k].line)
            data[i] = '\n';
        memcpy(data, "BEGIN", 5);
        memcpy(data + size - 5, "FINAL", 5);
        put_log(room, "logs/job.stdout", data, size);
        result.stdout_log = result.stderr_log = "logs/job.stdout";
        doc = write_one(room, &result);
        out = at(doc, "string(" SUITE "/system-out)");
        assert_true(strlen(out) < 1024 * 1024);
        assert_memory_equal(out, "BEGIN", 5);
        assert_string_equal(out + strlen(out) - 5, "FINAL");
        assert_non_null(strstr(out, " bytes left out here; the whole log is logs/job.stdout]\n"));
        xmlFreeDoc(doc);
    }
}

/* A log is never loaded as a whole: writing the report of one of 64 MiB takes less than 8 MiB. */
static void test_long_logs_are_not_loaded(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    (void)state;
    print_message("SKIPPED: a sanitizer's memory (shadow, quarantine) is not the program's\n");
    skip();
#else
    const size_t size = (size_t)64 << 20;
    struct room *room = *state;
    struct reports_case c;
    struct reports_result result =
        result_of(&c, REPORTS_OUTPUT_LIMIT, "output limit 64 MiB reached");
    struct rusage before, after;
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) { /* the peak of this process must not know of the log */
        char *data = xmalloc(size);

        memset(data, '&', size);
        put_log(room, "logs/job.stdout", data, size);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    result.stdout_log = "logs/job.stdout";
    (void)getrusage(RUSAGE_SELF, &before);
    /* or a loaded log would hide below an earlier peak */
    assert_true(before.ru_maxrss < 56 * 1024);
    xmlFreeDoc(write_one(room, &result));
    (void)getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 8 * 1024); /* KiB */
#endif
}

/* What is said to be left out is exactly what is missing. */
static void test_left_out_is_exact(void **state)
{
    struct room *room = *state;
    cleanup_strbuf struct strbuf log = {0};
    cleanup_free char *out = NULL;
    struct reports_case c;
    struct reports_result result = result_of(&c, REPORTS_PASSED, "");
    char *note, *end;
    unsigned long long left_out;
    xmlDocPtr doc;

    for (int i = 0; log.len < 200000; i++)
        strbuf_addf(&log, "line %d \xc3\xa9\n", i);
    put_log(room, "logs/job.stdout", log.data, log.len);
    result.stdout_log = "logs/job.stdout";
    doc = write_one(room, &result);
    out = at(doc, "string(" SUITE "/system-out)");
    note = strstr(out, "[cupel: ");
    assert_non_null(note);
    left_out = strtoull(note + 8, NULL, 10);
    end = strchr(note, '\n') + 1;
    assert_int_equal((size_t)(note - out) + left_out + strlen(end), log.len);
    assert_int_equal(note[-1], '\n');
    assert_int_equal(strncmp(end, "line ", 5), 0);
    assert_string_equal(log.data + log.len - strlen(end), end);
    xmlFreeDoc(doc);
}

static void test_empty_and_never_started(void **state)
{
    struct room *room = *state;
    struct reports_case c;
    struct reports_result result = result_of(&c, REPORTS_SKIPPED, "needs 'build', which failed");
    struct reports_result *results[] = {&result, NULL, &result};
    xmlDocPtr doc = write_and_read(room, NULL, 0);

    expect_at(doc, "count(/testsuites)", "1");
    expect_at(doc, "count(/testsuites/*)", "0");
    xmlFreeDoc(doc);
    result.started = (struct timespec){0};
    result.exit = -1;
    result.attempts = 0;
    doc = write_and_read(room, results, 3);
    expect_at(doc, "count(" SUITE ")", "2");
    expect_at(doc, "string(" SUITE "[2]/@id)", "1");
    expect_at(doc, "string(" SUITE "[1]/@time)", "0.000");
    xmlFreeDoc(doc);
}

static void test_many_suites_stay_below_gitlabs_limit(void **state)
{
    enum { N = 1000 };
    struct room *room = *state;
    cleanup_free char *data = xmalloc(100000);
    static struct reports_case cases[N];
    static struct reports_result results[N];
    static struct reports_result *list[N];
    static char ids[N][16];
    struct stat st;
    xmlDocPtr doc;

    memset(data, 'x', 100000);
    put_log(room, "logs/job.stdout", data, 100000);
    for (int i = 0; i < N; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "job%d", i);
        results[i] = result_of(&cases[i], REPORTS_FAILED, "no");
        results[i].id = results[i].job = ids[i];
        results[i].stdout_log = results[i].stderr_log = "logs/job.stdout";
        list[i] = &results[i];
    }
    doc = write_and_read(room, list, N);
    expect_at(doc, "count(" SUITE ")", "1000");
    xmlFreeDoc(doc);
    assert_int_equal(fstatat(reports_out_dirfd(room->out), "junit.xml", &st, 0), 0);
    assert_true(st.st_size < 30 * 1000 * 1000);
}

static void test_failure_leaves_nothing(void **state)
{
    struct room *room = *state;
    struct cupel_error err = {0};
    struct reports_case c;
    struct reports_result result = result_of(&c, REPORTS_PASSED, "");
    struct reports_run run = {.name = "s",
                              .hostname = "h",
                              .results = (struct reports_result *[]){&result},
                              .n_results = 1};

    assert_int_equal(mkdirat(reports_out_dirfd(room->out), "junit.xml", 0755), 0);
    assert_true(reports_junit_write(room->out, &run, &err) < 0);
    assert_int_equal(err.kind, CUPEL_ERROR_HARNESS);
    assert_non_null(strstr(err.message, "junit.xml"));
    assert_non_null(strstr(err.message, room->path));
    assert_false(exists(room, "junit.xml.tmp"));
}

/* A log that was swapped for something else is not followed, and does not hang the report. */
static void test_logs_that_are_not_files(void **state)
{
    struct room *room = *state;
    struct reports_case c;
    struct reports_result result = result_of(&c, REPORTS_PASSED, "");
    cleanup_free char *out = NULL, *error = NULL;
    xmlDocPtr doc;

    assert_int_equal(symlinkat("/etc/passwd", reports_out_dirfd(room->out), "logs/link"), 0);
    assert_int_equal(mkfifoat(reports_out_dirfd(room->out), "logs/fifo", 0600), 0);
    result.stdout_log = "logs/link";
    result.stderr_log = "logs/fifo";
    doc = write_one(room, &result);
    out = at(doc, "string(" SUITE "/system-out)");
    error = at(doc, "string(" SUITE "/system-err)");
    assert_non_null(strstr(out, "[cupel: cannot read logs/link"));
    assert_non_null(strstr(error, "[cupel: cannot read logs/fifo"));
    xmlFreeDoc(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemas_at_hand),
        cmocka_unit_test(test_schemas_refuse),
        cmocka_unit_test_setup_teardown(test_every_verdict, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_a_suite_in_full, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_attempts, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_leaks, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_leaks_in_the_evidence, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_steps, room_setup, room_teardown),
        cmocka_unit_test(test_many_of_one_name),
        cmocka_unit_test_setup_teardown(test_the_job_itself_is_a_case, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_nasty_bytes, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_long_logs, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_long_logs_are_not_loaded, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_left_out_is_exact, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_empty_and_never_started, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_many_suites_stay_below_gitlabs_limit, room_setup,
                                        room_teardown),
        cmocka_unit_test_setup_teardown(test_failure_leaves_nothing, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_logs_that_are_not_files, room_setup, room_teardown),
    };
    int r = cmocka_run_group_tests_name("reports_junit", tests, NULL, NULL);

    xmlSchemaCleanupTypes();
    xmlCleanupParser();
    return r;
}
