/* SPDX-License-Identifier: Apache-2.0 */
/* test_terminal: a small terminal emulator: what a screen shows of what was written to it. */
#pragma once

#include "test_reports.h"

#include "reports/report_text.h"

#define ROWS 60
#define COLUMNS_MAX 200
#define SNAPSHOTS_MAX 8
#define SNAPSHOT "\x05" /* ENQ: what a scenario sends for "keep what the screen shows now" */

struct terminal {
    size_t columns;
    char cells[ROWS][COLUMNS_MAX + 1]; /* '?' stands for anything that is not ASCII */
    size_t row, column;
    bool cursor_hidden;
    bool colours;     /* any colour was asked for */
    size_t overflows; /* characters beyond the right edge */
    size_t unknown;   /* bytes or sequences that cupel has no business to send */
    char *snapshots[SNAPSHOTS_MAX];
    size_t n_snapshots;
};

static inline void terminal_clear_from(struct terminal *t, size_t row, size_t column)
{
    memset(&t->cells[row][column], ' ', t->columns - column);
}

static inline struct terminal *terminal_new(size_t columns)
{
    struct terminal *t = xcalloc(1, sizeof(*t));

    t->columns = columns;
    for (size_t i = 0; i < ROWS; i++)
        terminal_clear_from(t, i, 0);
    return t;
}

static inline void terminal_free(struct terminal *t)
{
    for (size_t i = 0; i < t->n_snapshots; i++)
        free(t->snapshots[i]);
    free(t);
}

/* The rows down to the last that is not empty, without trailing spaces. */
static inline char *terminal_text(const struct terminal *t)
{
    struct strbuf b = {0};
    size_t end = 0;

    strbuf_add(&b, "", 0);
    for (size_t i = 0; i < ROWS; i++) {
        size_t n = t->columns;

        while (n > 0 && t->cells[i][n - 1] == ' ')
            n--;
        strbuf_add(&b, t->cells[i], n);
        strbuf_adds(&b, "\n");
        if (n > 0)
            end = b.len;
    }
    b.data[end] = '\0';
    return b.data;
}

static inline void line_feed(struct terminal *t)
{
    if (++t->row < ROWS)
        return;
    t->row = ROWS - 1;
    memmove(t->cells[0], t->cells[1], sizeof(t->cells[0]) * (ROWS - 1));
    terminal_clear_from(t, ROWS - 1, 0);
}

/* ESC [ ... ; returns its length. */
static inline size_t control_sequence(struct terminal *t, const char *p, size_t n)
{
    size_t i = 2, number = 0;
    bool private = n > 2 && p[2] == '?';

    if (n < 3 || p[1] != '[') {
        t->unknown++;
        return 1;
    }
    for (i += private; i < n && ((p[i] >= '0' && p[i] <= '9') || p[i] == ';'); i++)
        number = p[i] == ';' ? 0 : number * 10 + (size_t)(p[i] - '0');
    if (i == n)
        t->unknown++;
    else if (private && number == 25 && (p[i] == 'l' || p[i] == 'h'))
        t->cursor_hidden = p[i] == 'l';
    else if (!private && p[i] == 'm')
        t->colours = true;
    else if (!private && p[i] == 'A' && number <= t->row)
        t->row -= number;
    else if (!private && (p[i] == 'K' || p[i] == 'J') && t->column < t->columns)
        terminal_clear_from(t, t->row, t->column);
    else
        t->unknown++;
    if (i < n && p[i] == 'J')
        for (size_t row = t->row + 1; row < ROWS; row++)
            terminal_clear_from(t, row, 0);
    return i + 1;
}

static inline void terminal_feed(struct terminal *t, const char *p, size_t n)
{
    for (size_t i = 0, length = 1; i < n; i += length) {
        uint32_t c = 0;

        length = text_decode((const unsigned char *)p + i, n - i, &c);
        if (length == 0) {
            length = 1;
            t->unknown++;
        } else if (c == '\033') {
            length = control_sequence(t, p + i, n - i);
        } else if (c == '\n') {
            line_feed(t);
        } else if (c == '\r') {
            t->column = 0;
        } else if (c == 0x05 && t->n_snapshots < SNAPSHOTS_MAX) {
            t->snapshots[t->n_snapshots++] = terminal_text(t);
        } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            t->unknown++;
        } else {
            size_t w = text_columns(p + i, length);

            if (t->column + w > t->columns)
                t->overflows++;
            else
                memset(&t->cells[t->row][t->column], c < 0x80 ? (int)c : '?', w);
            t->column += w;
        }
    }
}
