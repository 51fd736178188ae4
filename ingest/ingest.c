/* SPDX-License-Identifier: Apache-2.0 */
/* ingest: see ingest.h. Which format has which reader, the child that it runs in, and what readers
 * share. Not responsible for any format. */
#include "ingest/ingest.h"

#include "ingest/libxml_sax.h"
#include "ingest/readers.h"
#include "rootfs-cache/confined/child.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* A file of 32 MiB takes a second; one that was made to take long ends the child. */
#define READER_SECONDS 10

static const struct {
    ingest_reader *read;
    int (*load)(struct cupel_error *err); /* or NULL */
} formats[INGEST_FORMAT_COUNT] = {
    [INGEST_JUNIT] = {ingest_junit, libxml_sax_load},
    [INGEST_TAP] = {ingest_tap, NULL},
    [INGEST_CTRF] = {ingest_ctrf, NULL},
};

int ingest_load(enum ingest_format format, struct cupel_error *err)
{
    return formats[format].load != NULL ? formats[format].load(err) : 0;
}

/* ---- what readers share ---- */

ssize_t ingest_take(struct ingest_source *s, char *buf, size_t size)
{
    ssize_t n;

    if (s->fd < 0) {
        n = (ssize_t)(s->left < size ? s->left : size);
        memcpy(buf, s->data, (size_t)n);
        s->data += n;
        s->left -= (size_t)n;
        return n;
    }
    do
        n = read(s->fd, buf, size);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

void ingest_broken(struct ingest_cases *to, uint64_t line, const char *fmt, ...)
{
    va_list ap;

    if (to->why[0] != '\0')
        return;
    va_start(ap, fmt);
    (void)vsnprintf(to->why, sizeof(to->why), fmt, ap);
    va_end(ap);
    to->line = line;
}

bool ingest_add(struct ingest_cases *to, const struct reports_test_case *c)
{
    struct reports_test_case counted = {.outcome = c->outcome, .flaky = c->flaky, .counted = true};
    size_t before = to->reply->len;

    if (to->why[0] != '\0')
        return false;
    if (to->n == REPORTS_TESTS_MAX) {
        ingest_broken(to, 0, "has more than %llu test cases",
                      (unsigned long long)REPORTS_TESTS_MAX);
        return false;
    }
    to->n++;
    if (!reports_tests_room(c->outcome, to->listed_bytes)) {
        reports_tests_put(to->reply, &counted);
        return true;
    }
    reports_tests_put(to->reply, c);
    to->listed_bytes += to->reply->len - before;
    return true;
}

/* A comma is the decimal point of some locales, and stands between thousands where there is a point
 * as well. */
uint64_t ingest_seconds(const char *text, size_t n)
{
    bool has_point = memchr(text, '.', n) != NULL;
    char number[40];
    size_t len = 0;
    double seconds;
    char *end;

    for (size_t i = 0; i < n; i++) {
        char c = text[i] == ',' && !has_point ? '.' : text[i];

        if (c == ',' || c == ' ')
            continue;
        if (len + 1 == sizeof(number) || strchr("0123456789.eE+-", c) == NULL || c == '\0')
            return REPORTS_TEST_NO_TIME;
        number[len++] = c;
    }
    number[len] = '\0';
    seconds = strtod(number, &end); /* LC_NUMERIC is never set */
    if (len == 0 || *end != '\0' || !isfinite(seconds) || seconds < 0 || seconds > 1e9)
        return REPORTS_TEST_NO_TIME;
    return (uint64_t)(seconds * (double)NSEC_PER_SEC + 0.5);
}

/* ---- the child ---- */

/* A child_reader_fn. */
static int ingest_in_child(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                           struct cupel_error *err)
{
    const enum ingest_format *format = arg;
    struct ingest_source from = {.fd = fd};
    struct ingest_cases to = {.reply = reply};

    (void)self;
    formats[*format].read(&from, &to);
    if (to.why[0] == '\0' && to.n == 0)
        ingest_broken(&to, 0, "has no test case");
    if (to.why[0] == '\0')
        return 0;
    if (to.line > 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s (line %llu)", to.why,
                               (unsigned long long)to.line);
    return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s", to.why);
}

static int read_in_child(child_reader_fn *reader, void *arg, int fd, int nowhere, char **ret_reply,
                         size_t *ret_length, struct cupel_error *err)
{
    const struct child_work work = {.reader = reader,
                                    .arg = arg,
                                    .what = "be read",
                                    .tree = nowhere,
                                    .fd = fd,
                                    .keep = -EBADF,
                                    .seconds = READER_SECONDS};

    return child_read(&work, ret_reply, ret_length, err);
}

int ingest_read(enum ingest_format format, int fd, int nowhere, char **ret_reply,
                size_t *ret_length, struct cupel_error *err)
{
    return read_in_child(ingest_in_child, &format, fd, nowhere, ret_reply, ret_length, err);
}

/* ---- coverage ---- */

struct coverage_work {
    enum ingest_coverage_kind kind;
    const char *pattern;
};

/* A child_reader_fn, which answers a number or nothing. */
static int coverage_in_child(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                             struct cupel_error *err)
{
    const struct coverage_work *work = arg;
    struct ingest_source from = {.fd = fd};
    struct ingest_coverage found = {0};
    struct ingest_cases wrong = {.reply = reply};

    (void)self;
    if (work->kind == INGEST_COVERAGE_OUTPUT)
        ingest_coverage_output(&from, work->pattern, &found);
    else
        ingest_coverage_cobertura(&from, &wrong, &found);
    if (wrong.why[0] != '\0')
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s", wrong.why);
    if (found.found)
        strbuf_addf(reply, "%u", (unsigned)found.milli);
    return 0;
}

int ingest_coverage_load(enum ingest_coverage_kind kind, struct cupel_error *err)
{
    return kind == INGEST_COVERAGE_COBERTURA ? libxml_sax_load(err) : 0;
}

int ingest_coverage_read(enum ingest_coverage_kind kind, int fd, const char *pattern, int nowhere,
                         uint32_t *ret_milli, struct cupel_error *err)
{
    struct coverage_work what = {kind, pattern};
    cleanup_free char *reply = NULL;
    size_t length;
    unsigned long n;
    int r = read_in_child(coverage_in_child, &what, fd, nowhere, &reply, &length, err);

    if (r < 0 || length == 0)
        return r < 0 ? r : 0;
    n = length <= 6 && strspn(reply, "0123456789") == length ? strtoul(reply, NULL, 10) : ULONG_MAX;
    if (n > 100000)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "what its reader says is not sound");
    *ret_milli = (uint32_t)n;
    return 1;
}
