/* SPDX-License-Identifier: Apache-2.0 */
/* console: what the parts of the console share. Private to reports/. */
#pragma once

#include "reports/model.h"
#include "reports/out.h"

#define LIVE_ROWS_MAX 24
#define LABEL_COLUMNS 12 /* verdicts are right-aligned to this, as in nextest */

#define WARNING_STYLE "1;33"

/* How many there are of each kind. */
struct console_tally {
    size_t verdict[REPORTS_VERDICT_COUNT];
    size_t cached[REPORTS_VERDICT_COUNT]; /* of them, those that were not run, by verdict */
    size_t flaky, leaky;                  /* of those that passed */
    size_t allowed;                       /* to fail, and did */
    size_t harmless;                      /* those, and who was skipped since nothing failed */
};

/* A job that a plain console said is slow, and when it will say so again. */
struct slow_job {
    char *id;
    uint64_t next_ns;
};

struct reports_console {
    int fd;
    /* of a terminal: the same, opened anew so that no write blocks; -EBADF where it cannot be */
    int own_fd;
    struct reports_out *out;
    bool tty;
    bool live;
    bool colour;
    bool by_submission; /* tells what came of submissions, not of each of their cases */
    bool broken; /* writing failed: nobody is reading any more, or nobody wants to wait for it */
    int stop_fd; /* readable: `stop` is asked whether to wait any longer; -EBADF: nobody is */
    bool (*stop)(void *data);
    void *stop_data;
    size_t n_jobs;
    uint64_t started_ns;
    size_t n_finished;
    struct console_tally tally;
    struct strbuf pending; /* written as far as the reader takes it */
    /* the frame that stands on the screen */
    char *rows[LIVE_ROWS_MAX];
    size_t row_columns[LIVE_ROWS_MAX];
    size_t n_rows;
    size_t drawn_columns; /* the terminal's width then */
    bool cursor_hidden;
    /* while roots are made, a signal just ends the process: nobody would bring the cursor back */
    bool cursor_stays;
    struct slow_job *slow;
    size_t n_slow;
};

/* One line being put together. Whatever is added is escaped and cut at the width, so that no caller
 * can forget it. */
struct console_line {
    struct strbuf text;
    size_t columns;
    size_t limit; /* SIZE_MAX: as long as it likes */
    bool colour;
    bool full;
};
#define cleanup_line _cleanup_(console_line_free)
void console_line_free(struct console_line *l);

/* live.c: lines, the frame, and getting bytes out. */
void console_size(const struct reports_console *c, size_t *ret_columns, size_t *ret_rows);
struct console_line console_line(const struct reports_console *c);
/* `style` is SGR parameters or NULL. */
void console_add(struct console_line *l, const char *style, const char *fmt, ...) BASE_PRINTF(3, 4);
/* The label and the time in brackets that status lines begin with; wall_ns UINT64_MAX: an empty
 * bracket. */
void console_add_label(struct console_line *l, const char *label, const char *style,
                       uint64_t wall_ns);
/* Prints the line above the frame. */
void console_print(struct reports_console *c, const struct console_line *l);
/* Prints text of any length and content, broken into lines that each begin with the prefix. */
void console_print_wrapped(struct reports_console *c, const char *prefix, const char *text,
                           size_t n);
/* Replaces the frame; takes the lines' texts. */
void console_draw(struct reports_console *c, struct console_line *lines, size_t n);
/* Takes the frame off the screen and gives the cursor back. */
void console_clear(struct reports_console *c);
/* Writes what is pending, as far as that does not block; with `wait`, all of it. */
void console_flush(struct reports_console *c, bool wait);

/* console.c: shared with summary.c. */
/* The label of a result, in buf where it has to be made up. */
#define CONSOLE_LABEL_SIZE 32
const char *console_label(const struct reports_result *result, char buf[static CONSOLE_LABEL_SIZE]);
const char *console_style(const struct reports_result *result);
void console_tally(struct console_tally *t, const struct reports_result *result);
/* Adds "x: wrong: failed at small, 10 of 100 points". */
void console_add_submission(struct console_line *l, const struct reports_submission *s);
/* "3 passed (1 flaky), 1 failed, 1 skipped". */
void console_add_counts(struct console_line *l, const struct console_tally *t);
