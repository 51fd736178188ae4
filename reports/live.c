/* SPDX-License-Identifier: Apache-2.0 */
/* live: the part of the console that is redrawn in place, and the one place where bytes go to the
 * terminal. Everything is put together in memory and goes out in one piece, so that nothing
 * flickers. A reader that stops reading (Ctrl-S, a pager) never stops the run: what it has not
 * taken is kept. Knows nothing of verdicts. */
#include "reports/console.h"
#include "reports/report_text.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

/* What poll(2) promises to take without blocking: PIPE_BUF of a pipe. Of a terminal it promises one
 * byte. */
#define WRITE_PIECE 512

void console_size(const struct reports_console *c, size_t *ret_columns, size_t *ret_rows)
{
    struct winsize size = {0};

    if (!c->tty) {
        *ret_columns = SIZE_MAX;
        *ret_rows = SIZE_MAX;
        return;
    }
    (void)ioctl(c->fd, TIOCGWINSZ, &size); /* unknown stays 0 */
    *ret_columns = size.ws_col == 0 ? 80 : size.ws_col < 20 ? 20 : size.ws_col;
    *ret_rows = size.ws_row == 0 ? 24 : size.ws_row;
}

/* ---- lines ---- */

struct console_line console_line(const struct reports_console *c)
{
    struct console_line l = {.colour = c->colour};
    size_t columns, rows;

    console_size(c, &columns, &rows);
    /* a full row leaves the cursor in a state that terminals disagree on */
    l.limit = c->tty ? columns - 1 : SIZE_MAX;
    strbuf_add(&l.text, "", 0);
    return l;
}

void console_line_free(struct console_line *l)
{
    strbuf_free(&l->text);
}

void console_add(struct console_line *l, const char *style, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf raw = {0};
    cleanup_strbuf struct strbuf shown = {0};
    size_t columns, fit;
    va_list ap;

    if (l->full)
        return;
    strbuf_add(&raw, "", 0);
    va_start(ap, fmt);
    strbuf_vaddf(&raw, fmt, ap);
    va_end(ap);
    text_escape(&shown, raw.data, raw.len, TEXT_LINE);
    columns = text_columns(shown.data, shown.len);
    fit = shown.len;
    if (columns > l->limit - l->columns) {
        size_t room = l->limit - l->columns;

        l->full = true;
        fit = text_fit(shown.data, shown.len, room > 3 ? room - 3 : 0);
        columns = text_columns(shown.data, fit) + (room > 3 ? 3 : 0);
    }
    if (shown.len == 0)
        return;
    if (style != NULL && l->colour)
        strbuf_addf(&l->text, "\033[%sm", style);
    strbuf_add(&l->text, shown.data, fit);
    if (fit < shown.len && columns > 0)
        strbuf_adds(&l->text, "...");
    if (style != NULL && l->colour)
        strbuf_adds(&l->text, "\033[0m");
    l->columns += columns;
}

void console_add_label(struct console_line *l, const char *label, const char *style,
                       uint64_t wall_ns)
{
    char seconds[MODEL_NUMBER_SIZE] = "";
    size_t n = strlen(label);

    console_add(l, NULL, "%*s", n < LABEL_COLUMNS ? (int)(LABEL_COLUMNS - n) : 0, "");
    console_add(l, style, "%s", label);
    if (wall_ns == UINT64_MAX)
        console_add(l, NULL, " [         ] ");
    else
        console_add(l, NULL, " [%8ss] ", model_seconds(wall_ns, seconds));
}

/* ---- the frame ---- */

/* Moves the cursor to the beginning of the frame's first row. A terminal that was made narrower has
 * folded the rows: their number is worked out again, and what is there is erased at once. */
static void go_home(struct reports_console *c, size_t columns, struct strbuf *o)
{
    size_t up = 0;

    for (size_t i = 0; i < c->n_rows; i++)
        up += c->row_columns[i] > columns ? (c->row_columns[i] + columns - 1) / columns : 1;
    if (c->n_rows == 0)
        return;
    strbuf_adds(o, "\r");
    if (up > 1)
        strbuf_addf(o, "\033[%zuA", up - 1);
    if (columns != c->drawn_columns)
        strbuf_adds(o, "\033[J");
}

static void forget_frame(struct reports_console *c)
{
    for (size_t i = 0; i < c->n_rows; i++)
        free(c->rows[i]);
    c->n_rows = 0;
}

static void put_frame(struct reports_console *c, size_t columns, struct strbuf *o)
{
    if (c->n_rows == 0)
        return;
    if (!c->cursor_hidden && !c->cursor_stays) {
        strbuf_adds(o, "\033[?25l");
        c->cursor_hidden = true;
    }
    for (size_t i = 0; i < c->n_rows; i++)
        strbuf_addf(o, "%s%s\033[K", i > 0 ? "\n" : "", c->rows[i]);
    strbuf_adds(o, "\033[J");
    c->drawn_columns = columns;
}

void console_print(struct reports_console *c, const struct console_line *l)
{
    size_t columns, rows;
    /* a reader that has stopped must not make us keep frame after frame */
    bool behind = c->pending.len > 0;

    if (c->broken)
        return;
    if (!c->live) {
        strbuf_addf(&c->pending, "%s\n", l->text.data);
        return;
    }
    console_size(c, &columns, &rows);
    go_home(c, columns, &c->pending);
    strbuf_addf(&c->pending, "%s\033[K\n", l->text.data);
    if (columns < c->drawn_columns ||
        behind) { /* drawn for a wider terminal, or not worth sending: the next tick draws it */
        strbuf_adds(&c->pending, "\033[J");
        forget_frame(c);
    }
    put_frame(c, columns, &c->pending);
}

void console_draw(struct reports_console *c, struct console_line *lines, size_t n)
{
    size_t columns, rows;

    console_flush(c, false);
    if (c->pending.len > 0 || c->broken)
        return; /* the reader is behind: the next frame is soon enough */
    console_size(c, &columns, &rows);
    go_home(c, columns, &c->pending);
    forget_frame(c);
    for (size_t i = 0; i < n && i < LIVE_ROWS_MAX; i++) {
        c->rows[i] = steal_ptr(lines[i].text.data);
        c->row_columns[i] = lines[i].columns;
        lines[i].text = (struct strbuf){0};
        c->n_rows++;
    }
    put_frame(c, columns, &c->pending);
    console_flush(c, false);
}

void console_clear(struct reports_console *c)
{
    size_t columns, rows;

    if (c->broken)
        return;
    console_size(c, &columns, &rows);
    go_home(c, columns, &c->pending);
    if (c->n_rows > 0)
        strbuf_adds(&c->pending, "\033[J");
    if (c->cursor_hidden)
        strbuf_adds(&c->pending, "\033[?25h");
    c->cursor_hidden = false;
    forget_frame(c);
}

/* ---- wrapped text ---- */

/* One line of someone else's text. It is folded here, not by the terminal, whose continuation rows
 * would begin without the prefix and could then look like ours. */
static void print_folded(struct reports_console *c, const char *prefix, const char *line, size_t n)
{
    cleanup_strbuf struct strbuf shown = {0};
    size_t at = 0;

    if (n > 0 && line[n - 1] == '\r')
        n--;
    text_escape(&shown, line, n, TEXT_LINE);
    do {
        cleanup_line struct console_line l = console_line(c);
        size_t fit;

        console_add(&l, NULL, "%s", prefix);
        fit = text_fit(shown.data + at, shown.len - at, l.limit - l.columns);
        strbuf_add(&l.text, shown.data + at, fit);
        console_print(c, &l);
        if (fit == 0)
            break;
        at += fit;
    } while (at < shown.len);
}

void console_print_wrapped(struct reports_console *c, const char *prefix, const char *text,
                           size_t n)
{
    const char *end = text + n;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline != NULL ? newline : end;

        print_folded(c, prefix, text, (size_t)(stop - text));
        text = stop + 1;
    }
}

/* ---- output ---- */

/* 1: the reader takes more; 0: not now; -ECANCELED: the user waits no longer; another -errno. */
static int writable(struct reports_console *c, bool wait)
{
    struct pollfd p[] = {{.fd = c->fd, .events = POLLOUT},
                         {.fd = wait ? c->stop_fd : -EBADF, .events = POLLIN}};

    for (;;) {
        int r = poll(p, ARRAY_SIZE(p), wait ? -1 : 0);

        if (r < 0 && errno == EINTR && wait)
            continue;
        if (r < 0)
            return errno == EINTR ? 0 : -errno;
        if (p[1].revents != 0 &&
            c->stop(c->stop_data)) /* first: a terminal may be ready and take nothing */
            return -ECANCELED;
        if (p[0].revents != 0)
            return 1; /* a reader that is gone counts as ready: write(2) then says so */
        if (!wait)
            return 0;
    }
}

/* A terminal may be writable and still take nothing: it has room for one byte, and the end of a
 * line is two. */
static void pause_briefly(void)
{
    (void)poll(NULL, 0, 10);
}

void console_flush(struct reports_console *c, bool wait)
{
    size_t done = 0, piece = c->tty && c->own_fd < 0 ? 1 : WRITE_PIECE;
    int r = 0;

    while (!c->broken && done < c->pending.len && (r = writable(c, wait)) > 0) {
        size_t left = c->pending.len - done;
        ssize_t n = write(c->own_fd >= 0 ? c->own_fd : c->fd, c->pending.data + done,
                          left < piece ? left : piece);

        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && errno != EINTR && errno != EAGAIN)
            c->broken = true;
        else if (n < 0 && errno == EAGAIN && !wait)
            break;
        else if (n < 0 && errno == EAGAIN)
            pause_briefly();
    }
    if (r < 0 || c->broken) {
        c->broken = true;
        done = c->pending.len;
    }
    if (done > 0) {
        memmove(c->pending.data, c->pending.data + done, c->pending.len - done);
        c->pending.len -= done;
        c->pending.data[c->pending.len] = '\0';
    }
}
