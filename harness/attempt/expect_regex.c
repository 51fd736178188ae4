/* SPDX-License-Identifier: Apache-2.0 */
/* expect_regex: a step's standard output against the regular expression that its file expects. The
 * matching itself is a confined child's (ingest/): whatever it takes, it is the job that has failed
 * then, never the harness, since who writes the output chooses that. */
#include "harness/attempt/expect_regex.h"

#include "harness/attempt/expect.h"
#include "ingest/ingest.h"

#include <fcntl.h>

#define PATTERN_SHOWN ((size_t)80)

/* Shows the pattern on one line, cut where it is long. */
static void add_pattern(struct strbuf *b, const struct jobs_expect *e)
{
    cleanup_strbuf struct strbuf shown = {0};
    size_t fit;

    text_add_line(&shown, e->regex);
    fit = shown.len < PATTERN_SHOWN ? shown.len : PATTERN_SHOWN;
    while (fit < shown.len && ((unsigned char)shown.data[fit] & 0xc0) == 0x80)
        fit--; /* whole characters */
    strbuf_add(b, shown.data, fit);
    strbuf_adds(b, fit < shown.len ? "..." : "");
}

static void differs(struct step_facts *s, const struct strbuf *b)
{
    s->output_differs = true;
    (void)snprintf(s->difference, sizeof(s->difference), "%s", b->data);
}

static void say(const struct jobs_expect *e, enum ingest_match outcome, uint64_t length,
                struct step_facts *s)
{
    cleanup_strbuf struct strbuf b = {0};
    char size[UNIT_TEXT_SIZE];

    if (outcome == INGEST_MATCH)
        return;
    if (outcome == INGEST_MATCH_NOT) {
        if (length == 0)
            strbuf_adds(&b, "stdout is empty, and");
        else
            strbuf_addf(&b, "stdout (%llu byte%s)", (unsigned long long)length,
                        length == 1 ? "" : "s");
        strbuf_adds(&b, " does not match the regular expression `");
        add_pattern(&b, e);
        strbuf_adds(&b, "`");
        differs(s, &b);
        return;
    }
    strbuf_adds(&b, "the regular expression gave up on stdout");
    if (outcome == INGEST_MATCH_STEPS)
        strbuf_addf(&b, " after %u steps", INGEST_MATCH_STEPS_MAX);
    else if (outcome == INGEST_MATCH_MEMORY)
        strbuf_addf(&b, ": what it would have to go back to is more than %s",
                    unit_format_size(INGEST_MATCH_MEMORY_MAX, size));
    else
        strbuf_addf(&b, " after %d s of CPU time, or for want of memory", INGEST_MATCH_SECONDS);
    strbuf_adds(&b, ": `");
    add_pattern(&b, e);
    strbuf_adds(&b, "`");
    differs(s, &b);
}

/* The log is open for writing only; where secrets are taken out of it, what was written is kept
 * beside. */
static int open_output(const struct capture *c, uint64_t from, int *ret_fd)
{
    cleanup_close int fd = -EBADF;
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d",
                   c->redact != NULL ? c->raw[0] : c->log[0]);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || lseek(fd, (off_t)from, SEEK_SET) < 0)
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

static int match_output(struct attempt *a, const struct jobs_expect *e, struct step_facts *s,
                        uint64_t length, enum ingest_match *ret, struct cupel_error *err)
{
    cleanup_close int fd = -EBADF;
    int r = length > 0 ? open_output(&a->capture, s->stdout_from, &fd)
            : (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0 ? -errno
                                                                 : 0;

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read the output of job '%s'",
                               a->capture.name);
    r = ingest_match_load(err);
    if (r < 0)
        return r;
    sandbox_stage_libraries(true);
    r = ingest_match_output(fd, length, e->regex, e->regex_len, a->ctx->run->dirfd, ret, err);
    sandbox_stage_libraries(false);
    return r;
}

static int check_regex(struct attempt *a, const struct jobs_expect *e, struct step_facts *s,
                       struct cupel_error *err)
{
    enum ingest_match outcome = INGEST_MATCH_NOT;
    uint64_t length = s->stdout_to - s->stdout_from;
    cleanup_strbuf struct strbuf b = {0};
    char size[UNIT_TEXT_SIZE];
    int r;

    if (length > INGEST_MATCH_MAX) {
        strbuf_addf(&b,
                    "stdout has %llu bytes, and a regular expression is matched with %s at most",
                    (unsigned long long)length, unit_format_size(INGEST_MATCH_MAX, size));
        differs(s, &b);
        return 0;
    }
    r = match_output(a, e, s, length, &outcome, err);
    if (r == 0)
        say(e, outcome, length, s);
    return r;
}

int attempt_expect(struct attempt *a, size_t step, struct cupel_error *err)
{
    const struct jobs_step *of = &a->job->steps[step];
    struct step_facts *s = &a->facts->steps[step];
    int r = expect_check(a->job, step, &a->capture, s, err);

    if (r == 0 && of->expect.regex != NULL && !s->output_differs)
        r = check_regex(a, &of->expect, s, err);
    return r;
}
