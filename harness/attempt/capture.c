/* SPDX-License-Identifier: Apache-2.0 */
/* capture: a job's output, from its pipes into its log files, counted and bounded. Never waits for
 * anyone: a descendant that holds a pipe open, or never reads, changes nothing. */
#include "harness/attempt/capture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK ((size_t)64 * 1024)
#define CHUNKS_A_TURN 8 /* then deadlines and orders have their turn, however fast a job writes */

void capture_init(struct capture *c, struct reports_out *out, const char *name, int out_pipe,
                  int err_pipe)
{
    *c = (struct capture){.out = out,
                          .name = name,
                          .pipe = {out_pipe, err_pipe},
                          .log = {-EBADF, -EBADF, -EBADF},
                          .raw = {-EBADF, -EBADF},
                          .limit = UINT64_MAX,
                          .each = {UINT64_MAX, UINT64_MAX}};
}

int capture_redact(struct capture *c, const struct redact *redact, const struct jobs_job *job,
                   struct cupel_error *err)
{
    bool compared[2] = {false, false};

    c->redact = redact;
    for (size_t i = 0; i < job->n_steps; i++) {
        const struct jobs_expect *e = &job->steps[i].expect;

        compared[0] |= e->stdout_text != NULL || e->stdout_file.path != NULL || e->regex != NULL ||
                       e->checker != NULL;
        compared[1] |= e->stderr_text != NULL || e->stderr_file.path != NULL;
    }
    for (int which = 0; which < 2; which++)
        redact_stream_begin(&c->stream[which], redact);
    for (int which = 0; which < 2; which++) {
        if (!compared[which])
            continue;
        c->raw[which] = memfd_create("output", MFD_CLOEXEC);
        if (c->raw[which] < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                                   "cannot keep the output of job '%s'", c->name);
    }
    return 0;
}

static int write_log(struct capture *c, enum reports_log log, const void *data, size_t n,
                     struct cupel_error *err)
{
    int r = file_write_all(c->log[log], data, n);

    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot write the log of job '%s' below %s", c->name,
                                   reports_out_path(c->out))
                 : 0;
}

/* Writes the lines that are complete now. */
static int merge(struct capture *c, int which, const void *data, size_t n, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf lines = {0};
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    merged_log_take(&c->merged, which, data, n, &now, c->limit, &lines);
    return lines.len > 0 ? write_log(c, REPORTS_LOG_MERGED, lines.data, lines.len, err) : 0;
}

static void put_head(struct capture_heads *h, int which, const void *data, size_t n)
{
    size_t room = CAPTURE_HEAD_MAX - h->n[which];

    memcpy(h->text[which] + h->n[which], data, n < room ? n : room);
    h->n[which] += n < room ? n : room;
}

static int put(struct capture *c, int which, const void *data, size_t n, struct cupel_error *err)
{
    int r = 0;

    if (c->heads != NULL) {
        put_head(c->heads, which, data, n);
        return 0;
    }
    if (c->forward != NULL) {
        forward_put(c->forward, which, data, n);
        return forward_check(c->forward, err);
    }
    if (c->log[0] < 0)
        r = reports_out_open_logs(c->out, c->name, c->log, err);
    if (r < 0)
        return r;
    if (c->ready != NULL)
        ready_remember(c->ready, data, n);
    if (c->pair != NULL && c->pair->ends == NULL && which == 0)
        pair_put(c->pair, data, n);
    r = write_log(c, (enum reports_log)which, data, n, err);
    return r < 0 ? r : merge(c, which, data, n, err);
}

static int keep(struct capture *c, int which, const void *data, size_t n, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf shown = {0};
    int r;

    c->written[which] += n;
    if (c->pair != NULL && c->pair->ends != NULL && which == 0) /* all of it, and at once */
        pair_put(c->pair, data, n);
    if (c->ready != NULL)
        ready_take(c->ready, which, data, n);
    if (c->redact == NULL)
        return put(c, which, data, n, err);
    if (c->raw[which] >= 0) {
        r = file_write_all(c->raw[which], data, n);
        if (r < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot keep the output of job '%s'", c->name);
    }
    redact_stream_take(&c->stream[which], data, n, &shown);
    return put(c, which, shown.data, shown.len, err);
}

void capture_mark(struct capture *c)
{
    for (int which = 0; c->redact != NULL && which < 2; which++)
        redact_stream_mark(&c->stream[which]);
}

/* Writes what is left of lines that were not complete. */
static int finish_merged(struct capture *c, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf lines = {0};
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    merged_log_finish(&c->merged, &now, c->limit, &lines);
    return lines.len > 0 ? write_log(c, REPORTS_LOG_MERGED, lines.data, lines.len, err) : 0;
}

int capture_finish(struct capture *c, struct cupel_error *err)
{
    int r = 0;

    for (int which = 0; r == 0 && c->redact != NULL && which < 2; which++) {
        cleanup_strbuf struct strbuf shown = {0};

        redact_stream_finish(&c->stream[which], c->over, &shown);
        if (shown.len > 0)
            r = put(c, which, shown.data, shown.len, err);
    }
    return r < 0 ? r : finish_merged(c, err);
}

uint64_t capture_where(const struct capture *c, int which, uint64_t written)
{
    return c->redact == NULL ? written : redact_stream_where(&c->stream[which], written);
}

bool capture_is_ready(const struct capture *c, int which)
{
    return !c->over && (c->forward == NULL || forward_is_free(c->forward, which)) &&
           (c->pair == NULL || which != 0 || pair_is_free(c->pair));
}

/* Takes the carriage returns before ends of lines away. `data` has one byte of room before its `n`
 * bytes, where what is left of them begins; one that comes last is kept until more comes. */
static size_t without_returns(struct capture *c, char *data, size_t n)
{
    size_t to = 0;

    for (size_t i = 1; i <= n; i++) {
        char byte = data[i];

        if (c->has_return && byte != '\n')
            data[to++] = '\r';
        c->has_return = byte == '\r';
        if (!c->has_return)
            data[to++] = byte;
    }
    return to;
}

static uint64_t less(uint64_t limit, uint64_t written)
{
    return limit > written ? limit - written : 0;
}

uint64_t capture_left(const struct capture *c, int which, enum jobs_limit *ret)
{
    uint64_t both = less(c->limit, c->written[0] + c->written[1]),
             alone = less(c->each[which], c->written[which]);

    *ret = alone >= both ? JOBS_LIMIT_OUTPUT : which == 0 ? JOBS_LIMIT_STDOUT : JOBS_LIMIT_STDERR;
    return alone < both ? alone : both;
}

/* Takes what was read, as far as the limits allow. */
static int take_chunk(struct capture *c, int which, char *chunk, size_t n, struct cupel_error *err)
{
    uint64_t left = capture_left(c, which, &c->over_limit);
    char *data = chunk + 1;

    c->taken += n;
    if (c->terminal && which == 0) {
        data = chunk;
        n = without_returns(c, chunk, n);
    }
    c->over = (uint64_t)n > left;
    return keep(c, which, data, c->over ? (size_t)left : n, err);
}

int capture_take(struct capture *c, int which, struct cupel_error *err)
{
    char chunk[1 + CHUNK];

    for (int i = 0; i < CHUNKS_A_TURN && !c->over; i++) {
        ssize_t n;
        int r;

        if (c->forward != NULL && forward_is_gone(c->forward, which))
            return 0;
        if (!capture_is_ready(c, which))
            return 1;
        n = read(c->pipe[which], chunk + 1, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 1;
        if (n <= 0)
            return 0;
        r = take_chunk(c, which, chunk, (size_t)n, err);
        if (r < 0)
            return r;
        if ((size_t)n < CHUNK)
            return 1; /* empty for now; poll tells when there is more */
    }
    return 1;
}

int capture_take_file(struct capture *c, int fd, struct cupel_error *err)
{
    char chunk[1 + CHUNK];
    off_t at = 0;

    while (!c->over) {
        ssize_t n = pread(fd, chunk + 1, CHUNK, at);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                                   "cannot read the output of job '%s'", c->name);
        if (n == 0)
            break;
        r = take_chunk(c, 0, chunk, (size_t)n, err);
        if (r < 0)
            return r;
        at += n;
    }
    return 0;
}

/* Takes the carriage return that nothing has followed. */
static int keep_return(struct capture *c, struct cupel_error *err)
{
    c->has_return = false;
    c->over = capture_left(c, 0, &c->over_limit) == 0;
    return c->over ? 0 : keep(c, 0, "\r", 1, err);
}

int capture_drain(struct capture *c, struct cupel_error *err)
{
    int r = 0;

    for (int which = 0; r >= 0 && which < 2; which++) {
        uint64_t before;

        do {
            before = c->taken;
            r = capture_take(c, which, err);
        } while (r > 0 && !c->over && c->taken != before);
    }
    if (r >= 0 && c->has_return && !c->over)
        r = keep_return(c, err);
    return r < 0 ? r : 0;
}

void capture_discard(struct capture *c)
{
    char chunk[CHUNK];

    for (int which = 0; which < 2; which++)
        while (read(c->pipe[which], chunk, sizeof(chunk)) > 0)
            ;
}

int capture_flush(const struct capture *c, struct cupel_error *err)
{
    int r = 0;

    for (int i = 0; r == 0 && i < REPORTS_LOG_COUNT; i++)
        r = c->log[i] < 0 ? 0 : file_flush(c->log[i]);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "the log of job '%s' below %s could not be written", c->name,
                                   reports_out_path(c->out))
                 : 0;
}

bool capture_has(const struct capture *c, const char *text)
{
    char path[32], head[4096] = "";
    cleanup_close int fd = -EBADF;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", c->log[0]); /* open for writing only */
    fd = c->log[0] < 0 ? -EBADF : open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && pread(fd, head, sizeof(head) - 1, 0) > 0 && strstr(head, text) != NULL;
}

void capture_close(struct capture *c)
{
    for (int i = 0; i < REPORTS_LOG_COUNT; i++) {
        base_closep(&c->log[i]);
        c->log[i] = -EBADF;
    }
    merged_log_end(&c->merged);
    for (int which = 0; c->redact != NULL && which < 2; which++) {
        base_closep(&c->raw[which]);
        redact_stream_end(&c->stream[which]);
    }
}
