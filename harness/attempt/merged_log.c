/* SPDX-License-Identifier: Apache-2.0 */
/* merged_log: see merged_log.h. A line is looked at once, byte by byte, whatever is in it, so that
 * no output costs more than its length. */
#include "harness/attempt/merged_log.h"

#include <string.h>

#define PIECE ((size_t)16 * 1024) /* of a line that is kept until it is complete */
#define MORE_MAX ((uint64_t)64 << 20)
#define MORE_MIN ((uint64_t)64 << 10)
#define TIME_SIZE 32

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

static void put_line(struct merged_log *m, int which, const char *time, uint64_t limit,
                     struct strbuf *out)
{
    struct merged_line *line = &m->line[which];
    size_t before = out->len;

    if (!m->full) {
        strbuf_addf(out, "%s %s%c", time, streams[which], line->goes_on ? '+' : ' ');
        strbuf_add(out, line->text.data, line->text.len);
        strbuf_adds(out, "\n");
        m->full = m->written + (out->len - before) > merged_log_bound(limit);
    }
    if (m->full && out->len > before) { /* the first that has no room */
        out->len = before;
        strbuf_addf(out, "%s cupel  the rest is in the logs of the two streams alone\n", time);
    }
    m->written += out->len - before;
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
    const char *end = data + n;
    char time[TIME_SIZE];

    write_time(now, time);
    while (data < end && !m->full) {
        size_t left = (size_t)(end - data), plain;

        if (*data == '\n') {
            put_line(m, which, time, limit, out);
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
            put_line(m, which, time, limit, out);
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
    char time[TIME_SIZE];

    write_time(now, time);
    for (int which = 0; which < 2; which++) {
        if (m->line[which].text.len > 0)
            put_line(m, which, time, limit, out);
        m->line[which].goes_on = false;
    }
}

void merged_log_end(struct merged_log *m)
{
    for (int which = 0; which < 2; which++)
        strbuf_free(&m->line[which].text);
}
