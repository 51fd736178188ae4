/* SPDX-License-Identifier: Apache-2.0 */
/* transcript: see transcript.h. A line of it is the time since the job's command began, who wrote,
 * and what; each part as it came, so that a line may be in two. */
#include "harness/attempt/transcript.h"

#include "base/redact.h"
#include "harness/attempt/attempt_state.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define CHUNK ((size_t)64 * 1024)

/* What stands before each part. */
struct transcript_part {
    uint64_t at_ns;
    uint32_t side, len;
};

void transcript_add(int fd, uint64_t max, unsigned side, const char *data, size_t n)
{
    struct transcript_part head = {clock_monotonic_ns(), side, (uint32_t)n};
    const struct iovec iov[] = {{&head, sizeof(head)}, {(void *)(uintptr_t)data, n}};
    struct stat st;

    if (fd < 0 || max == 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_size >= max)
        return;
    if (writev(fd, iov, (int)ARRAY_SIZE(iov)) < 0)
        log_warning("cannot keep a transcript: %s", strerror(errno));
}

/* ---- as a log ---- */

struct transcript_writing {
    int fd;
    uint64_t left; /* of what the file asks for */
    uint64_t from_ns;
    const struct redact *redact;
};

static int write_text(struct transcript_writing *w, const struct strbuf *text)
{
    cleanup_strbuf struct strbuf shown = {0};
    size_t n;

    if (w->redact != NULL)
        redact_put(w->redact, text->data, text->len, true, &shown);
    else
        strbuf_add(&shown, text->data, text->len);
    n = shown.len < w->left ? shown.len : (size_t)w->left;
    w->left -= n;
    return n > 0 ? file_write_all(w->fd, shown.data, n) : 0;
}

static int write_part(struct transcript_writing *w, const struct transcript_part *p,
                      const char *data)
{
    static const char *const names[] = {[PAIR_JOB] = "job", [PAIR_JUDGE] = "interactor"};
    uint64_t ago = p->at_ns > w->from_ns ? p->at_ns - w->from_ns : 0;
    int r = 0;

    for (size_t at = 0; at < p->len && r == 0 && w->left > 0;) {
        cleanup_strbuf struct strbuf line = {0};
        const char *end = memchr(data + at, '\n', p->len - at);
        size_t n = end != NULL ? (size_t)(end - data) - at : p->len - at;

        strbuf_addf(&line, "%llu.%06u %s: ", (unsigned long long)(ago / NSEC_PER_SEC),
                    (unsigned)(ago % NSEC_PER_SEC / 1000), names[p->side == PAIR_JUDGE]);
        strbuf_add(&line, data + at, n);
        strbuf_adds(&line, end != NULL ? "\n" : " (no line end)\n");
        r = write_text(w, &line);
        at += n + (end != NULL);
    }
    return r;
}

static int write_parts(struct transcript_writing *w, int fd)
{
    cleanup_free char *data = xmalloc(CHUNK);
    off_t at = 0;
    int r = 0;

    while (r == 0 && w->left > 0) {
        struct transcript_part p;
        ssize_t n = pread(fd, &p, sizeof(p), at);

        if (n != (ssize_t)sizeof(p) || p.len > CHUNK)
            return n < 0 ? -errno : 0;
        at += (off_t)sizeof(p);
        if (pread(fd, data, p.len, at) != (ssize_t)p.len)
            return -EIO;
        at += (off_t)p.len;
        r = write_part(w, &p, data);
    }
    return r;
}

int transcript_keep(int fd, const struct attempt *a, struct cupel_error *err)
{
    cleanup_close int log = -EBADF;
    struct transcript_writing w = {.left = a->job->checker->transcript,
                                   .from_ns = a->facts->started_ns,
                                   .redact = a->ctx->run->redact};
    int r = reports_out_open_transcript(a->ctx->run->out, a->instance->log_name, &log, err);

    if (r < 0)
        return r;
    w.fd = log;
    r = write_parts(&w, fd);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot keep the transcript of job '%s'", a->job->name)
                 : 0;
}
