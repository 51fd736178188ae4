/* expect: what a step wrote against what its file expects, byte for byte. Reads the logs, judges nothing else. */
#include "harness/supervisor/attempt.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define EXPECTED_MAX (UINT64_C(256) << 20)

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

/* "stdout differs at byte 5 (line 2): expected "4\n", got "5\n"" */
static void describe(const char *stream, const char *expected, size_t n_expected, const char *got, size_t n_got,
                     struct step_facts *facts)
{
    cleanup_strbuf struct strbuf b = {0};
    size_t at = 0, line = 1;

    while (at < n_expected && at < n_got && expected[at] == got[at])
        line += expected[at++] == '\n';
    strbuf_addf(&b, "%s differs at byte %zu (line %zu): expected ", stream, at + 1, line);
    if (at < n_expected)
        quote(&b, expected + at, n_expected - at);
    else
        strbuf_adds(&b, "the end");
    strbuf_adds(&b, ", got ");
    if (at < n_got)
        quote(&b, got + at, n_got - at);
    else
        strbuf_adds(&b, "the end");
    facts->output_differs = true;
    (void)snprintf(facts->difference, sizeof(facts->difference), "%s", b.data);
}

static int read_log(const struct capture *c, int which, uint64_t from, uint64_t to, char **ret, struct cupel_error *err)
{
    cleanup_free char *data = xmalloc((size_t)(to - from) + 1);
    char path[32];
    cleanup_close int fd = -EBADF;
    size_t done = 0;

    if (to > from) {
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", c->log[which]); /* it is open for writing only */
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot read back the log of job '%s'", c->name);
    }
    while (done < to - from) {
        ssize_t n = pread(fd, data + done, (size_t)(to - from) - done, (off_t)(from + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, n < 0 ? errno : EIO,
                                   "cannot read back the log of job '%s'", c->name);
        done += (size_t)n;
    }
    *ret = steal_ptr(data);
    return 0;
}

static int check_stream(const struct capture *c, int which, const char *expected, size_t n, struct step_facts *facts,
                        struct cupel_error *err)
{
    uint64_t from = which == 0 ? facts->stdout_from : facts->stderr_from;
    uint64_t to = which == 0 ? facts->stdout_to : facts->stderr_to;
    cleanup_free char *got = NULL;
    int r = read_log(c, which, from, to, &got, err);

    if (r < 0)
        return r;
    if (to - from != n || memcmp(got, expected, n) != 0)
        describe(which == 0 ? "stdout" : "stderr", expected, n, got, (size_t)(to - from), facts);
    return 0;
}

int expect_check(const struct jobs_step *step, const struct capture *capture, struct step_facts *facts,
                 struct cupel_error *err)
{
    const struct jobs_expect *e = &step->expect;
    cleanup_free char *file = NULL;
    size_t len;
    int r = 0;

    if (e->stdout_text != NULL)
        r = check_stream(capture, 0, e->stdout_text, e->stdout_len, facts, err);
    if (r == 0 && !facts->output_differs && e->stdout_file != NULL) {
        r = file_read_at(AT_FDCWD, e->stdout_file, EXPECTED_MAX, &file, &len);
        if (r < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read the expected output %s", e->stdout_file);
        r = check_stream(capture, 0, file, len, facts, err);
    }
    if (r == 0 && !facts->output_differs && e->stderr_text != NULL)
        r = check_stream(capture, 1, e->stderr_text, e->stderr_len, facts, err);
    return r;
}
