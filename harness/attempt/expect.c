/* SPDX-License-Identifier: Apache-2.0 */
/* expect: what a step wrote against what its file expects, byte for byte. Reads the logs, judges
 * nothing else. */
#include "harness/attempt/expect.h"
#include "harness/sandbox/sandbox.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A short quotation of `len` bytes at data, control characters and quotes made visible. */
static void quote(struct strbuf *b, const char *data, size_t len)
{
    const size_t most = 40;

    strbuf_adds(b, "\"");
    for (size_t i = 0; i < len && i < most; i++) {
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
    strbuf_adds(b, len > most ? "\"..." : "\"");
}

/* Either side of a comparison: bytes in memory, or a range of a file. Neither is ever held in
 * memory as a whole: a job may print as much as its disk and limits allow. */
struct expected_source {
    const char *text; /* or NULL: a file */
    int fd;
    uint64_t from;
    uint64_t len;
};

#define CHUNK ((size_t)64 * 1024)
#define QUOTED_MAX 41 /* one more than a quotation shows */

/* Reads up to `want` bytes at `at`; less at the end. */
static int source_read(const struct expected_source *s, uint64_t at, char *buf, size_t want,
                       size_t *ret_n)
{
    size_t done = 0;

    if (at >= s->len)
        want = 0;
    else if (want > s->len - at)
        want = (size_t)(s->len - at);
    if (s->text != NULL && want > 0) {
        memcpy(buf, s->text + at, want);
        done = want;
    }
    while (done < want) {
        ssize_t n = pread(s->fd, buf + done, want - done, (off_t)(s->from + at + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    *ret_n = done;
    return 0;
}

/* Where the two differ first, and in which line; `differ` stays false when they do not. */
struct difference {
    bool differ;
    uint64_t at;
    uint64_t line;
};

static int find_difference(const struct expected_source *a, const struct expected_source *b,
                           struct difference *d)
{
    char *left = xmalloc(2 * CHUNK), *right = left + CHUNK;
    size_t n_left = 1, n_right = 1;
    int r = 0;

    *d = (struct difference){.line = 1};
    while (r == 0 && !d->differ && n_left > 0 && n_right > 0) {
        size_t i = 0;

        r = source_read(a, d->at, left, CHUNK, &n_left);
        if (r == 0)
            r = source_read(b, d->at, right, CHUNK, &n_right);
        while (r == 0 && i < n_left && i < n_right && left[i] == right[i])
            d->line += left[i++] == '\n';
        d->at += i;
        d->differ = r == 0 && (i < n_left || i < n_right);
    }
    free(left);
    return r;
}

static int quote_source(struct strbuf *b, const struct expected_source *s, uint64_t at)
{
    char buf[QUOTED_MAX];
    size_t n;
    int r = source_read(s, at, buf, sizeof(buf), &n);

    if (r == 0 && n == 0)
        strbuf_adds(b, "the end");
    else if (r == 0)
        quote(b, buf, n);
    return r;
}

/* The same with secrets taken out: of as much around the place as has to be read to know whether it
 * lies in one. */
static int quote_redacted(struct strbuf *b, const struct redact *redact,
                          const struct expected_source *s, uint64_t at)
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
    r = source_read(s, from, buf, want, &n);
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
    quote(b, shown.data + where, shown.len - where < QUOTED_MAX ? shown.len - where : QUOTED_MAX);
    redact_stream_end(&stream);
    explicit_bzero(buf, want);
    return 0;
}

/* "stdout differs at byte 5 (line 2): expected "4\n", got "5\n"" */
static int expect_compare(const char *stream, const struct redact *redact,
                          const struct expected_source *expected, const struct expected_source *got,
                          struct step_facts *facts)
{
    cleanup_strbuf struct strbuf b = {0};
    struct difference d;
    int r = find_difference(expected, got, &d);

    if (r < 0 || !d.differ)
        return r;
    strbuf_addf(&b, "%s differs at byte %llu (line %llu): expected ", stream,
                (unsigned long long)d.at + 1, (unsigned long long)d.line);
    r = redact == NULL ? quote_source(&b, expected, d.at)
                       : quote_redacted(&b, redact, expected, d.at);
    strbuf_adds(&b, ", got ");
    if (r == 0)
        r = redact == NULL ? quote_source(&b, got, d.at) : quote_redacted(&b, redact, got, d.at);
    facts->output_differs = true;
    (void)snprintf(facts->difference, sizeof(facts->difference), "%s", b.data);
    return r;
}

/* The step's part of a log, which is open for writing only. */
static int open_log(const struct capture *c, int which, const struct step_facts *facts,
                    struct expected_source *ret)
{
    uint64_t from = which == 0 ? facts->stdout_from : facts->stderr_from;
    uint64_t to = which == 0 ? facts->stdout_to : facts->stderr_to;
    char path[32];

    *ret = (struct expected_source){.fd = -EBADF, .from = from, .len = to - from};
    if (ret->len == 0)
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d",
                   c->redact != NULL ? c->raw[which] : c->log[which]);
    ret->fd = open(path, O_RDONLY | O_CLOEXEC);
    return ret->fd < 0 ? -errno : 0;
}

static int check_stream(const struct capture *c, int which, const struct expected_source *expected,
                        struct step_facts *facts, struct cupel_error *err)
{
    struct expected_source got;
    int r;

    if (facts->output_differs)
        return 0;
    r = open_log(c, which, facts, &got);
    if (r == 0)
        r = expect_compare(which == 0 ? "stdout" : "stderr", c->redact, expected, &got, facts);
    base_closep(&got.fd);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot compare the output of job '%s'", c->name)
                 : 0;
}

static int check_file(const struct capture *c, const struct jobs_host_path *path,
                      struct step_facts *facts, struct cupel_error *err)
{
    cleanup_close int fd = -EBADF;
    struct expected_source expected = {.fd = -EBADF};
    struct stat st;
    int r = host_path_open(path, "stdout-file", O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, err);

    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                               "cannot read the expected output %s", path->path);
    if (!S_ISREG(st.st_mode))
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                               "the expected output %s is no regular file", path->path);
    expected.fd = fd;
    expected.len = (uint64_t)st.st_size;
    return check_stream(c, 0, &expected, facts, err);
}

int expect_check(const struct jobs_step *step, const struct capture *capture,
                 struct step_facts *facts, struct cupel_error *err)
{
    const struct jobs_expect *e = &step->expect;
    int r = 0;

    if (e->stdout_text != NULL) {
        struct expected_source text = {.text = e->stdout_text, .fd = -EBADF, .len = e->stdout_len};

        r = check_stream(capture, 0, &text, facts, err);
    }
    if (r == 0 && e->stdout_file.path != NULL)
        r = check_file(capture, &e->stdout_file, facts, err);
    if (r == 0 && e->stderr_text != NULL) {
        struct expected_source text = {.text = e->stderr_text, .fd = -EBADF, .len = e->stderr_len};

        r = check_stream(capture, 1, &text, facts, err);
    }
    return r;
}
