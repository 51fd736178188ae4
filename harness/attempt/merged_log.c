/* SPDX-License-Identifier: Apache-2.0 */
/* merged_log: see merged_log.h. A line is looked at once, byte by byte, whatever is in it, so that
 * no output costs more than its length. */
#include "harness/attempt/merged_log.h"

#include <string.h>

#define PIECE ((size_t)16 * 1024) /* of a line that is kept until it is complete */
#define MORE_MAX ((uint64_t)64 << 20)
#define MORE_MIN ((uint64_t)64 << 10)
#define TIME_SIZE 32
#define TIME_LEN 24 /* of "2026-11-30T08:30:00.123Z" */
#define HEAD_SIZE (TIME_SIZE + 16)

/* What is the same for all lines of a moment and a stream. */
struct merged_head {
    char text[HEAD_SIZE];
    size_t len;
    uint64_t bound;
};

static const char *const streams[2] = {"stdout", "stderr"};

uint64_t merged_log_bound(uint64_t limit)
{
    uint64_t more = (limit < MORE_MAX ? limit : MORE_MAX) + MORE_MIN;

    return limit < UINT64_MAX - more ? limit + more : UINT64_MAX;
}

/* Writes the moment in whole milliseconds, as results.jsonl has it. */
static void write_time(const struct timespec *now, char buf[static TIME_SIZE])
{
    struct tm tm;
    size_t n;

    (void)gmtime_r(&now->tv_sec, &tm);
    n = strftime(buf, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(buf + n, TIME_SIZE - n, ".%03uZ", (unsigned)(now->tv_nsec / 1000000) % 1000);
}

/* Writes what stands before a line's text, as "TIME stdout ". */
static size_t write_head(const struct timespec *now, int which, char buf[static HEAD_SIZE])
{
    char time[TIME_SIZE];

    write_time(now, time);
    return (size_t)snprintf(buf, HEAD_SIZE, "%s %s ", time, streams[which]);
}

/* Costs little for a short line, of which there may be very many. */
static void put_line(struct merged_log *m, struct merged_line *line, const struct merged_head *head,
                     struct strbuf *out)
{
    size_t need = head->len + line->text.len + 1;

    if (!m->full && m->written + need > head->bound) {
        size_t before = out->len;

        strbuf_addf(out, "%.*s cupel  the rest is in the logs of the two streams alone\n", TIME_LEN,
                    head->text);
        m->written += out->len - before;
        m->full = true;
    } else if (!m->full) {
        strbuf_add(out, head->text, head->len);
        if (line->goes_on)
            out->data[out->len - 1] = '+';
        strbuf_add(out, line->text.data, line->text.len);
        strbuf_add(out, "\n", 1);
        m->written += need;
    }
    line->text.len = 0;
    line->returned = false;
}

/* Returns how many bytes are neither a line's end nor lead back to its beginning. */
static size_t plain_length(const char *data, size_t n)
{
    size_t i = 0;

    while (i < n && data[i] != '\n' && data[i] != '\r')
        i++;
    return i;
}

void merged_log_take(struct merged_log *m, int which, const char *data, size_t n,
                     const struct timespec *now, uint64_t limit, struct strbuf *out)
{
    struct merged_line *line = &m->line[which];
    struct merged_head head = {.bound = merged_log_bound(limit)};
    const char *end = data + n;

    head.len = write_head(now, which, head.text);
    while (data < end && !m->full) {
        size_t left = (size_t)(end - data), plain;

        if (*data == '\n') {
            put_line(m, line, &head, out);
            line->goes_on = false;
            data++;
            continue;
        }
        if (*data == '\r') {
            line->returned = true;
            data++;
            continue;
        }
        if (line->returned)
            line->text.len = 0;
        line->returned = false;
        if (line->text.len == PIECE) {
            put_line(m, line, &head, out);
            line->goes_on = true;
        }
        plain = plain_length(data, left < PIECE - line->text.len ? left : PIECE - line->text.len);
        strbuf_add(&line->text, data, plain);
        data += plain;
    }
}

void merged_log_finish(struct merged_log *m, const struct timespec *now, uint64_t limit,
                       struct strbuf *out)
{
    struct merged_head head = {.bound = merged_log_bound(limit)};

    for (int which = 0; which < 2; which++) {
        head.len = write_head(now, which, head.text);
        if (m->line[which].text.len > 0)
            put_line(m, &m->line[which], &head, out);
        m->line[which].goes_on = false;
    }
}

void merged_log_end(struct merged_log *m)
{
    for (int which = 0; which < 2; which++)
        strbuf_free(&m->line[which].text);
}
