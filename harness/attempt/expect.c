/* SPDX-License-Identifier: Apache-2.0 */
/* expect: what a step wrote against what its file expects, and what of it differs, in words. Reads
 * the logs, judges nothing else. How it is compared: compare.c. */
#include "harness/attempt/expect.h"

#include "base/weaken.h"
#include "harness/attempt/compare.h"
#include "harness/attempt/first_aid.h"
#include "harness/sandbox/sandbox.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A short quotation of `len` bytes at data, control characters and quotes made visible. */
static void quote(struct strbuf *b, const char *data, size_t len)
{
    const size_t most = 40, most_shown = 100; /* so that two of them fit into evidence */
    size_t i = 0, from = b->len;

    strbuf_adds(b, "\"");
    for (; i < len && i < most && b->len - from < most_shown; i++) {
        unsigned char c = (unsigned char)data[i];

        if (c == '\n')
            strbuf_adds(b, "\\n");
        else if (c == '"' || c == '\\')
            strbuf_addf(b, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            strbuf_addf(b, "\\x%02x", c);
        else
            strbuf_add(b, &data[i], 1);
    }
    strbuf_adds(b, i < len ? "\"..." : "\"");
}

#define QUOTED_MAX 41 /* one more than a quotation shows */
/* What differs between larger ones is not looked into any further. */
#define FIRST_AID_MAX ((uint64_t)64 << 20)

static int quote_source(struct strbuf *b, const struct compare_source *s, uint64_t at, uint64_t len)
{
    char buf[QUOTED_MAX];
    size_t n;
    int r = compare_read(s, at, buf, sizeof(buf), &n);

    if (r == 0 && n == 0)
        strbuf_adds(b, "the end");
    else if (r == 0)
        quote(b, buf, len < n ? (size_t)len : n);
    return r;
}

/* How many of the n bytes are one token: what is shown of one may be longer or shorter than it is.
 */
static size_t token_length(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && !compare_is_space(text[i]))
        i++;
    return i;
}

/* The same with secrets taken out: of as much around the place as has to be read to know whether it
 * lies in one. */
static int quote_redacted(struct strbuf *b, const struct redact *redact,
                          const struct compare_source *s, uint64_t at, uint64_t len)
{
    size_t around = redact_longest(redact), want, n;
    uint64_t from = at > around ? at - around : 0;
    cleanup_free char *buf = NULL;
    cleanup_strbuf struct strbuf shown = {0};
    struct redact_stream stream;
    size_t where;
    int r;

    want = (size_t)(at - from) + QUOTED_MAX + around;
    buf = xmalloc(want);
    r = compare_read(s, from, buf, want, &n);
    if (r < 0)
        return r;
    if (n <= at - from) {
        strbuf_adds(b, "the end");
        return 0;
    }
    redact_stream_begin(&stream, redact);
    redact_stream_take(&stream, buf, (size_t)(at - from), &shown);
    redact_stream_mark(&stream);
    redact_stream_take(&stream, buf + (at - from), n - (size_t)(at - from), &shown);
    redact_stream_finish(&stream, true, &shown);
    where = (size_t)redact_stream_where(&stream, at - from);
    if (where >= strlen(REDACTED) &&
        strncmp(shown.data + where - strlen(REDACTED), REDACTED, strlen(REDACTED)) == 0)
        where -= strlen(REDACTED); /* the place lies in it */
    n = shown.len - where < QUOTED_MAX ? shown.len - where : QUOTED_MAX;
    quote(b, shown.data + where, len < UINT64_MAX ? token_length(shown.data + where, n) : n);
    redact_stream_end(&stream);
    explicit_bzero(buf, want);
    return 0;
}

static int quote_either(struct strbuf *b, const struct redact *redact,
                        const struct compare_source *s, uint64_t at, uint64_t len)
{
    return redact == NULL ? quote_source(b, s, at, len) : quote_redacted(b, redact, s, at, len);
}

/* "; only white space differs, line 3" */
static void say_only(struct strbuf *b, enum compare_only only, uint64_t line)
{
    static const char *const words[] = {
        [COMPARE_ONLY_LINE_ENDS] = "only line ends differ (CRLF)",
        [COMPARE_ONLY_SPACE] = "only white space differs",
        [COMPARE_ONLY_CASE] = "only case differs",
        [COMPARE_ONLY_SPACE_AND_CASE] = "only white space and case differ",
    };

    if (only != COMPARE_ONLY_NOTHING)
        strbuf_addf(b, "; %s, line %llu", words[only], (unsigned long long)line);
}

/* Says what may help whoever has to find out why. */
static int say_first_aid(struct strbuf *b, const struct compare_source *expected,
                         const struct compare_source *got, const struct jobs_compare *rules,
                         uint64_t line, const struct step_facts *facts)
{
    enum compare_only only = COMPARE_ONLY_NOTHING;
    int r = 0;

    if (got->len == 0)
        strbuf_adds(b, "; output was empty");
    else if (expected->len > 0 && expected->len <= FIRST_AID_MAX && got->len <= FIRST_AID_MAX)
        r = compare_why(expected, got, rules, &only);
    say_only(b, only, line);
    if (only == COMPARE_ONLY_NOTHING)
        first_aid_of_streams(facts, b);
    return r;
}

/* "stdout differs at byte 5 (line 2, column 3): expected "4\n", got "5\n"; only ..." */
int expect_compare(const char *what, const struct redact *redact, const struct jobs_expect *e,
                   const struct compare_source *expected, const struct compare_source *got,
                   struct step_facts *facts)
{
    struct jobs_compare rules = e->compare;
    cleanup_strbuf struct strbuf b = {0};
    struct compare_difference d;
    struct compare_place where;
    int r;

    rules.how = jobs_compare_resolved(e);
    r = compare_sources(expected, got, &rules, &d);
    if (r < 0 || !d.differ || (weakened("whole-output") && d.got_at >= got->len))
        return r;
    r = compare_locate(got, d.got_at, &where);
    if (r < 0)
        return r;
    strbuf_addf(&b, "%s differs at byte %llu (line %llu, column %llu): expected ", what,
                (unsigned long long)d.got_at + 1, (unsigned long long)where.line,
                (unsigned long long)where.column);
    r = quote_either(&b, redact, expected, d.expected_at, d.expected_len);
    strbuf_adds(&b, ", got ");
    if (r == 0)
        r = quote_either(&b, redact, got, d.got_at, d.got_len);
    if (r == 0 && d.is_number && redact == NULL)
        strbuf_addf(&b, ", off by %.3g", d.distance);
    if (r == 0)
        r = say_first_aid(&b, expected, got, &rules, where.line, facts);
    facts->output_differs = true;
    (void)snprintf(facts->difference, sizeof(facts->difference), "%s", b.data);
    return r;
}

/* The log is open for writing only. */
int expect_open_output(const struct capture *c, int which, const struct step_facts *facts,
                       int *ret_fd, uint64_t *ret_from, uint64_t *ret_len)
{
    uint64_t to = which == 0 ? facts->stdout_to : facts->stderr_to;
    char path[32];

    *ret_fd = -EBADF;
    *ret_from = which == 0 ? facts->stdout_from : facts->stderr_from;
    *ret_len = to - *ret_from;
    if (*ret_len == 0)
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d",
                   c->redact != NULL ? c->raw[which] : c->log[which]);
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

static int check_stream(const struct capture *c, int which, const struct jobs_expect *e,
                        const struct compare_source *expected, struct step_facts *facts,
                        struct cupel_error *err)
{
    struct compare_source got = {.fd = -EBADF};
    int r;

    if (facts->output_differs)
        return 0;
    r = expect_open_output(c, which, facts, &got.fd, &got.from, &got.len);
    if (r == 0)
        r = expect_compare(which == 0 ? "stdout" : "stderr", c->redact, e, expected, &got, facts);
    base_closep(&got.fd);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot compare the output of job '%s'", c->name)
                 : 0;
}

static int check_text(const struct capture *c, int which, const struct jobs_expect *e,
                      const char *text, size_t len, struct step_facts *facts,
                      struct cupel_error *err)
{
    const struct compare_source expected = {.text = text, .fd = -EBADF, .len = len};

    return text == NULL ? 0 : check_stream(c, which, e, &expected, facts, err);
}

int expect_open(const struct jobs_host_path *path, const char *key, struct compare_source *ret,
                struct cupel_error *err)
{
    cleanup_close int fd = -EBADF;
    struct stat st;
    int r = host_path_open(path, key, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, err);

    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                               "cannot read the expected output %s", path->path);
    if (!S_ISREG(st.st_mode))
        return host_path_refuse(path, key, path->path, "is not a regular file", err);
    *ret = (struct compare_source){.fd = steal_fd(&fd), .len = (uint64_t)st.st_size};
    return 0;
}

static int check_file(const struct capture *c, int which, const struct jobs_expect *e,
                      const struct jobs_host_path *path, struct step_facts *facts,
                      struct cupel_error *err)
{
    struct compare_source expected;
    int r;

    if (path->path == NULL)
        return 0;
    r = expect_open(path, which == 0 ? "stdout-file" : "stderr-file", &expected, err);
    if (r < 0)
        return r;
    r = check_stream(c, which, e, &expected, facts, err);
    base_closep(&expected.fd);
    return r;
}

int expect_check(const struct jobs_job *job, size_t step, const struct capture *capture,
                 struct step_facts *facts, struct cupel_error *err)
{
    const struct jobs_expect *e = &job->steps[step].expect;
    int r = 0;

    /* else: expect_left.c, or what a checker is given */
    if (e->checker == NULL && (job->output == NULL || step + 1 < job->n_steps)) {
        r = check_text(capture, 0, e, e->stdout_text, e->stdout_len, facts, err);
        if (r == 0)
            r = check_file(capture, 0, e, &e->stdout_file, facts, err);
    }
    if (r == 0)
        r = check_text(capture, 1, e, e->stderr_text, e->stderr_len, facts, err);
    if (r == 0)
        r = check_file(capture, 1, e, &e->stderr_file, facts, err);
    return r;
}
