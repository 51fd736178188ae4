/* SPDX-License-Identifier: Apache-2.0 */
/* ingest_junit: JUnit's XML as tools write it, which is no standard: suites in suites, attributes
 * that are missing, several words for what became of a case.
 *
 *   failure, error      the case failed, whatever else it says
 *   skipped, disabled   it was not run; so too status="notrun" or "disabled" (GoogleTest, CTest)
 *   flakyFailure, flakyError, and no failure    it passed at a later attempt (Surefire, nextest)
 *
 * A suite that counts failures of its own, and has no case that failed, counts as one that did; so
 * does a failure or error that stands in a suite and in no case: what a tool knows to be wrong must
 * not look as if it had passed. */
#include "ingest/libxml_sax.h"
#include "ingest/readers.h"

#include <string.h>

#define SUITES_KEPT 16 /* whose names are known, of those in one another */

struct junit_suite {
    char name[REPORTS_TEST_NAME_MAX + 1];
    char file[REPORTS_TEST_NAME_MAX + 1];
    uint64_t bad_said;  /* by its attributes */
    uint64_t bad_found; /* in it */
};

struct junit_reading {
    struct ingest_cases *to;
    struct junit_suite suites[SUITES_KEPT];
    size_t n_suites; /* open now; those beyond the ones kept have no names */
    bool has_root;
    bool in_case, in_outcome; /* in a case; in one of its failures, whose text is taken */
    bool of_suite;            /* the case is a failure that no case has, of the suite itself */
    struct reports_test_case c;
    char group[REPORTS_TEST_NAME_MAX + 1], name[REPORTS_TEST_NAME_MAX + 1],
        file[REPORTS_TEST_NAME_MAX + 1], message[REPORTS_TEST_MESSAGE_MAX + 1];
    struct strbuf details;
};

/* What a child of a case says of it; of several, the worst holds. */
static const struct junit_word {
    const char *element;
    enum reports_test_outcome outcome;
    bool flaky;
} junit_words[] = {
    {"failure", REPORTS_TEST_FAILED, false},     {"error", REPORTS_TEST_ERROR, false},
    {"skipped", REPORTS_TEST_SKIPPED, false},    {"disabled", REPORTS_TEST_SKIPPED, false},
    {"flakyFailure", REPORTS_TEST_PASSED, true}, {"flakyError", REPORTS_TEST_PASSED, true},
};

static const struct junit_word *find_word(const char *element)
{
    for (size_t i = 0; i < ARRAY_SIZE(junit_words); i++)
        if (str_eq(junit_words[i].element, element))
            return &junit_words[i];
    return NULL;
}

/* Copies an attribute, cut at a character where it is longer; "" where there is none. */
static void copy_attribute(const struct sax_attributes *attributes, const char *name, char *buf,
                           size_t size)
{
    const char *value = "";
    size_t n = 0;

    (void)sax_attribute(attributes, name, &value, &n);
    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)value[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(buf, value, n);
    buf[n] = '\0';
}

static uint64_t number_attribute(const struct sax_attributes *attributes, const char *name)
{
    char text[16];

    copy_attribute(attributes, name, text, sizeof(text));
    return text[strspn(text, "0123456789")] == '\0' ? strtoull(text, NULL, 10) : 0;
}

/* Counts as tools write them (" 1", "+1", "1e3"): whatever is more than none is not to be missed.
 */
static uint64_t count_attribute(const struct sax_attributes *attributes, const char *name)
{
    char text[40];
    double n;

    copy_attribute(attributes, name, text, sizeof(text));
    n = strtod(text, NULL); /* LC_NUMERIC is never set */
    return !(n > 0) ? 0 : n < 1 ? 1 : n < 1e15 ? (uint64_t)n : (uint64_t)1e15;
}

/* ---- suites ---- */

static struct junit_suite *inner_suite(struct junit_reading *j)
{
    return j->n_suites > 0 && j->n_suites <= SUITES_KEPT ? &j->suites[j->n_suites - 1] : NULL;
}

static void start_suite(struct junit_reading *j, const struct sax_attributes *attributes)
{
    struct junit_suite *s;

    j->n_suites++;
    s = inner_suite(j);
    if (s == NULL)
        return;
    copy_attribute(attributes, "name", s->name, sizeof(s->name));
    copy_attribute(attributes, "file", s->file, sizeof(s->file));
    s->bad_said = count_attribute(attributes, "failures") + count_attribute(attributes, "errors");
    s->bad_found = 0;
}

static void count_bad(struct junit_reading *j, uint64_t n)
{
    struct junit_suite *s = inner_suite(j);

    if (s != NULL)
        s->bad_found += n;
    else if (j->n_suites > SUITES_KEPT)
        j->suites[SUITES_KEPT - 1].bad_found += n;
}

static void end_suite(struct junit_reading *j)
{
    struct junit_suite *s = inner_suite(j);
    uint64_t bad = 1;
    char message[160];

    if (s != NULL && s->bad_found == 0 && s->bad_said > 0) {
        const struct reports_test_case c = {.outcome = REPORTS_TEST_FAILED,
                                            .time_ns = REPORTS_TEST_NO_TIME,
                                            .group = s->name,
                                            .name = "(the suite)",
                                            .file = s->file,
                                            .message = message,
                                            .details = ""};

        (void)snprintf(message, sizeof(message),
                       "the suite counts %llu failures and errors, and none of its cases has one",
                       (unsigned long long)s->bad_said);
        (void)ingest_add(j->to, &c);
    } else {
        bad = s != NULL ? s->bad_found : 0;
    }
    j->n_suites--;
    count_bad(j, bad);
}

/* ---- cases ---- */

/* The name of the innermost suite that has one. */
static const char *suite_name(const struct junit_reading *j)
{
    for (size_t i = j->n_suites < SUITES_KEPT ? j->n_suites : SUITES_KEPT; i > 0; i--)
        if (j->suites[i - 1].name[0] != '\0')
            return j->suites[i - 1].name;
    return "";
}

static void start_case(struct junit_reading *j, const struct sax_attributes *attributes)
{
    struct junit_suite *s = inner_suite(j);
    char status[16], result[16];
    const char *time;
    size_t n;

    copy_attribute(attributes, "classname", j->group, sizeof(j->group));
    copy_attribute(attributes, "name", j->name, sizeof(j->name));
    copy_attribute(attributes, "file", j->file, sizeof(j->file));
    copy_attribute(attributes, "status", status, sizeof(status));
    copy_attribute(attributes, "result", result, sizeof(result));
    if (j->file[0] == '\0' && s != NULL)
        memcpy(j->file, s->file, sizeof(j->file));
    j->message[0] = '\0';
    j->details.len = 0;
    j->c = (struct reports_test_case){
        .time_ns = REPORTS_TEST_NO_TIME,
        .line = (uint32_t)(number_attribute(attributes, "line") & INT32_MAX)};
    if (sax_attribute(attributes, "time", &time, &n))
        j->c.time_ns = ingest_seconds(time, n);
    if (str_eq(status, "notrun") || str_eq(status, "disabled") || str_eq(status, "skipped") ||
        str_eq(result, "suppressed") || str_eq(result, "skipped"))
        j->c.outcome = REPORTS_TEST_SKIPPED;
    else if (str_eq(status, "fail") || str_eq(status, "failed"))
        j->c.outcome = REPORTS_TEST_FAILED;
    j->in_case = true;
}

/* How bad an outcome is: the order in which one gives way to another. */
static int badness(enum reports_test_outcome o)
{
    return o == REPORTS_TEST_FAILED ? 3 : o == REPORTS_TEST_ERROR ? 2 : o == REPORTS_TEST_SKIPPED;
}

static void start_outcome(struct junit_reading *j, const struct junit_word *word,
                          const struct sax_attributes *attributes)
{
    bool first = j->message[0] == '\0' && j->details.len == 0;

    j->c.flaky |= word->flaky;
    if (badness(word->outcome) > badness(j->c.outcome)) {
        j->c.outcome = word->outcome;
        j->details.len = 0;
        first = true;
    }
    j->in_outcome = first;
    if (first)
        copy_attribute(attributes, "message", j->message, sizeof(j->message));
}

/* What stands in a suite and in no case, a set-up that failed for one, is a case of its own. */
static void start_suite_outcome(struct junit_reading *j, const struct junit_word *word,
                                const struct sax_attributes *attributes)
{
    static const char name[] = "(the suite)";

    memcpy(j->name, name, sizeof(name));
    j->group[0] = j->file[0] = j->message[0] = '\0';
    j->details.len = 0;
    j->c = (struct reports_test_case){.time_ns = REPORTS_TEST_NO_TIME};
    j->in_case = j->of_suite = true;
    start_outcome(j, word, attributes);
}

/* Takes the first line of a failure as its message where no attribute has one. */
static void take_message(struct junit_reading *j)
{
    const char *text = j->details.data;
    size_t n, most = sizeof(j->message) - 1;

    if (j->message[0] != '\0' || j->details.len == 0)
        return;
    text += strspn(text, " \t\r\n");
    n = strcspn(text, "\r\n");
    if (n > most)
        for (n = most; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    memcpy(j->message, text, n);
    j->message[n] = '\0';
}

static void end_case(struct junit_reading *j)
{
    bool bad = j->c.outcome == REPORTS_TEST_FAILED || j->c.outcome == REPORTS_TEST_ERROR;

    take_message(j);
    j->c.flaky &= j->c.outcome == REPORTS_TEST_PASSED;
    j->c.group = j->group[0] != '\0' ? j->group : suite_name(j);
    j->c.name = j->name[0] != '\0' ? j->name : "(no name)";
    j->c.file = j->file;
    j->c.message = j->message;
    j->c.details = j->details.len > 0 ? j->details.data : "";
    (void)ingest_add(j->to, &j->c);
    count_bad(j, bad);
    j->in_case = j->of_suite = false;
}

/* ---- the document ---- */

static void on_element(void *data, const char *element, const struct sax_attributes *attributes)
{
    struct junit_reading *j = data;
    bool suite = str_eq(element, "testsuite") || str_eq(element, "testsuites");
    const struct junit_word *word = find_word(element);

    if (!j->has_root && !suite) {
        ingest_broken(j->to, 0, "is no JUnit file: it begins with <%.60s>", element);
        return;
    }
    j->has_root = true;
    if (j->in_case && (suite || str_eq(element, "testcase")))
        ingest_broken(j->to, 0, "has a <%s> in a <testcase>", element);
    else if (suite)
        start_suite(j, attributes);
    else if (str_eq(element, "testcase"))
        start_case(j, attributes);
    else if (word != NULL && j->in_case)
        start_outcome(j, word, attributes);
    else if (word != NULL && badness(word->outcome) > badness(REPORTS_TEST_SKIPPED))
        start_suite_outcome(j, word, attributes);
}

static void on_element_end(void *data, const char *element)
{
    struct junit_reading *j = data;

    if (str_eq(element, "testcase") && j->in_case)
        end_case(j);
    else if (str_eq(element, "testsuite") || str_eq(element, "testsuites"))
        end_suite(j);
    else if (find_word(element) != NULL && j->of_suite)
        end_case(j);
    else if (find_word(element) != NULL)
        j->in_outcome = false;
}

static void on_element_text(void *data, const char *text, size_t n)
{
    struct junit_reading *j = data;
    /* one more than is kept: who cuts it sees that it is longer */
    size_t left = REPORTS_TEST_DETAILS_MAX + 1 - j->details.len;

    if (j->in_outcome)
        strbuf_add(&j->details, text, n < left ? n : left);
}

void ingest_junit(struct ingest_source *from, struct ingest_cases *to)
{
    struct junit_reading *j = xcalloc(1, sizeof(*j));
    const struct sax_reader reader = {
        .start = on_element, .end = on_element_end, .text = on_element_text, .data = j};

    j->to = to;
    sax_read(from, &reader, to);
    strbuf_free(&j->details);
    free(j);
}
