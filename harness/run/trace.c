/* SPDX-License-Identifier: Apache-2.0 */
/* trace: see trace.h. */
#include "harness/run/trace.h"

#include "reports/reports.h"

#include <fcntl.h>

int trace_open(const struct reports_out *out, int *ret_fd, struct cupel_error *err)
{
    int dir = reports_out_dirfd(out);
    cleanup_close int fd = -EBADF;

    (void)unlinkat(dir, TRACE_NAME, 0); /* whatever it was */
    fd = openat(dir, TRACE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                0644);
    if (fd < 0 || reports_out_give(out, fd) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make %s/%s",
                               reports_out_path(out), TRACE_NAME);
    *ret_fd = steal_fd(&fd);
    return 0;
}

static void add_string(struct strbuf *b, const char *s)
{
    strbuf_add(b, "\"", 1);
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            strbuf_add(b, "\\", 1);
        if ((unsigned char)*s < 0x20)
            strbuf_addf(b, "\\u%04x", (unsigned)*s);
        else
            strbuf_add(b, s, 1);
    }
    strbuf_add(b, "\"", 1);
}

static void add_us(struct strbuf *b, const char *key, uint64_t ns)
{
    strbuf_addf(b, ", \"%s\": %.1f", key, (double)ns / (double)NSEC_PER_USEC);
}

static void add_steps(struct strbuf *b, const struct trace_step *list, size_t n)
{
    strbuf_addf(b, "\"steps\": [");
    for (size_t i = 0; i < n; i++) {
        strbuf_addf(b, "%s{\"step\": \"%s\", \"in\": \"%s\"", i > 0 ? ", " : "", list[i].name,
                    list[i].where);
        add_us(b, "us", list[i].took_ns);
        strbuf_addf(b, ", \"ahead\": %s}", list[i].ahead ? "true" : "false");
    }
    strbuf_addf(b, "]");
}

/* One write a line: processes share the file. */
static void end_line(int fd, struct strbuf *b)
{
    strbuf_addf(b, "}\n");
    (void)file_write_all(fd, b->data, b->len);
}

void trace_run(int fd, const struct trace_step *list, size_t n)
{
    cleanup_strbuf struct strbuf b = {0};

    strbuf_addf(&b, "{\"run\": true, ");
    add_steps(&b, list, n);
    end_line(fd, &b);
}

static void add_span(struct strbuf *b, const char *key, uint64_t from, uint64_t to)
{
    if (from != 0 && to >= from)
        add_us(b, key, to - from);
}

void trace_attempt(int fd, const struct trace_attempt *a, const struct trace_step *list, size_t n)
{
    cleanup_strbuf struct strbuf b = {0};

    strbuf_addf(&b, "{\"id\": ");
    add_string(&b, a->id);
    strbuf_addf(&b, ", \"slot\": %d, \"prepared\": %s", (int)getpid(),
                a->prepared ? "true" : "false");
    add_span(&b, "order_to_begin_us", a->ordered_ns, a->began_ns);
    add_span(&b, "begin_to_end_us", a->began_ns, a->ended_ns);
    add_span(&b, "end_to_answer_us", a->ended_ns, a->answered_ns);
    add_span(&b, "order_to_answer_us", a->ordered_ns, a->answered_ns);
    add_span(&b, "take_down_us", a->answered_ns, a->done_ns);
    strbuf_addf(&b, ", ");
    add_steps(&b, list, n);
    end_line(fd, &b);
}
