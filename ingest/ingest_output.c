/* SPDX-License-Identifier: Apache-2.0 */
/* ingest_output: whether what a job printed matches a regular expression. The expression is the job
 * file's, and the output was made to go with it: it may take any time, and any memory. So there are
 * bounds (base/pcre.h), and around them those of a confined child. Not responsible for the verdict.
 */
#include "ingest/ingest.h"

#include "base/pcre.h"
#include "rootfs-cache/confined/child.h"

#include <string.h>

struct match_work {
    const char *pattern;
    size_t n;
    uint64_t length;
};

/* What a child answers: one letter. */
static const char answers[INGEST_MATCH_COUNT] = {[INGEST_MATCH] = 'm',
                                                 [INGEST_MATCH_NOT] = 'n',
                                                 [INGEST_MATCH_STEPS] = 's',
                                                 [INGEST_MATCH_MEMORY] = 'd'};

static int read_output(int fd, uint64_t length, char *buf, size_t *ret_n)
{
    size_t n = 0;

    while (n < length) {
        ssize_t got = read(fd, buf + n, length - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *ret_n = n;
    return 0;
}

static int match_outcome(const struct match_work *work, const char *text, size_t n,
                         enum ingest_match *ret, struct cupel_error *err)
{
    char why[PCRE_WHY_SIZE];
    size_t at;
    struct pcre *p = pcre_compile(work->pattern, work->n, why, &at);
    enum pcre_result r;

    if (p == NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "the pattern is none any more: %s",
                               why);
    r = pcre_search(p, text, n);
    pcre_free(p);
    switch (r) {
    case PCRE_MATCHES:
        *ret = INGEST_MATCH;
        return 0;
    case PCRE_DIFFERS:
        *ret = INGEST_MATCH_NOT;
        return 0;
    case PCRE_STEPS:
        *ret = INGEST_MATCH_STEPS;
        return 0;
    case PCRE_MEMORY:
        *ret = INGEST_MATCH_MEMORY;
        return 0;
    case PCRE_FAILED:
        break;
    }
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "PCRE2 cannot match it");
}

/* A child_reader_fn. */
static int match_in_child(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                          struct cupel_error *err)
{
    const struct match_work *work = arg;
    char *text = xmalloc((size_t)work->length + 1);
    enum ingest_match outcome = INGEST_MATCH_NOT;
    size_t n = 0;
    int r = read_output(fd, work->length, text, &n);

    (void)self;
    if (r == 0)
        r = match_outcome(work, text, n, &outcome, err);
    else
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read it");
    free(text);
    if (r == 0)
        strbuf_add(reply, &answers[outcome], 1);
    return r;
}

int ingest_match_load(struct cupel_error *err)
{
    return pcre_load(err);
}

int ingest_match_output(int fd, uint64_t length, const char *pattern, size_t pattern_length,
                        int nowhere, enum ingest_match *ret, struct cupel_error *err)
{
    struct match_work what = {pattern, pattern_length, length};
    const struct child_work work = {.reader = match_in_child,
                                    .arg = &what,
                                    .what = "match the output",
                                    .tree = nowhere,
                                    .fd = fd,
                                    .keep = -EBADF,
                                    .seconds = INGEST_MATCH_SECONDS};
    cleanup_free char *reply = NULL;
    size_t n;
    int r = child_read(&work, &reply, &n, err);

    if (r < 0 && err->kind != CUPEL_ERROR_INPUT)
        return r;
    if (r < 0) { /* it was ended at one of its bounds */
        *ret = INGEST_MATCH_ENDED;
        return 0;
    }
    for (size_t i = 0; i < INGEST_MATCH_COUNT; i++)
        if (n == 1 && answers[i] != '\0' && reply[0] == answers[i]) {
            *ret = (enum ingest_match)i;
            return 0;
        }
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                           "what the process that matches the output says is not sound");
}
