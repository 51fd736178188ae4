/* SPDX-License-Identifier: Apache-2.0 */
/* console: the run as people watch it. A bar and the running jobs on a terminal, one plain line a
 * job elsewhere; the words and the look of status lines. Not responsible for the terminal (live.c)
 * or for the end of the run (summary.c).
 */
#include "reports/console.h"

#include "base/redact.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>

/* A plain console names a job that has run for so long, and again each time that doubles. */
#define SLOW_NS (60 * NSEC_PER_SEC)

static bool env_given(const char *name)
{
    const char *v = getenv(name);

    return v != NULL && *v != '\0';
}

/* poll(2) calls a terminal writable as soon as it takes one byte; a write of more then blocks until
 * somebody reads (seen: a pty whose other side reads nothing). O_NONBLOCK is of the open file,
 * which we share with the shell; so it is a file of our own. */
static int open_again(int fd)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

struct reports_console *reports_console_new(int fd, size_t n_jobs, struct reports_out *out)
{
    struct reports_console *c = xcalloc(1, sizeof(*c));
    const char *term = getenv("TERM");
    bool able = term != NULL && *term != '\0' && !str_eq(term, "dumb");

    c->fd = fd;
    c->out = out;
    c->stop_fd = c->own_fd = -EBADF;
    c->tty = isatty(fd) == 1;
    if (c->tty)
        c->own_fd = open_again(fd);
    c->live = c->tty && able && !env_given("CI");
    c->colour = c->tty && able && !env_given("NO_COLOR"); /* https://no-color.org */
    c->n_jobs = n_jobs;
    c->started_ns = clock_monotonic_ns();
    return c;
}

void reports_console_free(struct reports_console *c)
{
    if (c == NULL)
        return;
    console_clear(c);
    console_flush(c, true);
    for (size_t i = 0; i < c->n_slow; i++)
        free(c->slow[i].id);
    free(c->slow);
    strbuf_free(&c->pending);
    base_closep(&c->own_fd);
    free(c);
}

void reports_console_stop_on(struct reports_console *c, int fd, bool (*stop)(void *data),
                             void *data)
{
    if (c == NULL)
        return;
    c->stop_fd = fd;
    c->stop = stop;
    c->stop_data = data;
}

bool reports_console_is_live(const struct reports_console *c)
{
    return c->live;
}

/* "TRY 2 FAIL": of an attempt. */
static const char *try_label(const struct reports_result *result,
                             char buf[static CONSOLE_LABEL_SIZE])
{
    const char *signal = result->verdict == REPORTS_SIGNALED ? sigabbrev_np(result->signal) : NULL;

    (void)snprintf(buf, CONSOLE_LABEL_SIZE, "TRY %u %s", result->attempts,
                   signal != NULL ? signal : verdict_info(result->verdict)->brief);
    return buf;
}

const char *console_label(const struct reports_result *result, char buf[static CONSOLE_LABEL_SIZE])
{
    const char *signal = result->verdict == REPORTS_SIGNALED ? sigabbrev_np(result->signal) : NULL;
    const struct verdict_info *verdict = verdict_info(result->verdict);

    if (model_is_flaky(result))
        (void)snprintf(buf, CONSOLE_LABEL_SIZE, "FLAKY %u/%u", result->attempts,
                       result->attempts_max);
    else if (result->verdict == REPORTS_PASSED && result->leaks_in_all > 0)
        return "LEAK";
    else if (result->verdict == REPORTS_PASSED && result->repeated)
        (void)snprintf(buf, CONSOLE_LABEL_SIZE, "%s x%u", verdict->label, result->attempts);
    else if (result->attempts > 1 && verdict->junit != JUNIT_SKIPPED &&
             result->verdict != REPORTS_CANCELLED)
        return try_label(result, buf);
    else if (signal != NULL)
        (void)snprintf(buf, CONSOLE_LABEL_SIZE, "SIG%s", signal);
    else
        return verdict->label;
    return buf;
}

const char *console_style(const struct reports_result *result)
{
    bool doubtful =
        model_is_allowed(result) ||
        (result->verdict == REPORTS_PASSED && (model_is_flaky(result) || result->leaks_in_all > 0));

    return doubtful ? WARNING_STYLE : verdict_info(result->verdict)->style;
}

void console_tally(struct console_tally *t, const struct reports_result *result)
{
    enum reports_verdict v =
        (unsigned)result->verdict < REPORTS_VERDICT_COUNT ? result->verdict : REPORTS_ERROR;

    t->verdict[v]++;
    t->cached[v] += result->cached_run != NULL;
    t->flaky += model_is_flaky(result);
    t->allowed += model_is_allowed(result);
    t->harmless += result->harmless;
    t->leaky += result->verdict == REPORTS_PASSED && result->leaks_in_all > 0;
}

/* " (3 cached, 1 flaky, 2 leaky)": of those with that verdict. */
static void add_doubts(struct console_line *l, const struct console_tally *t,
                       enum reports_verdict v)
{
    const size_t flaky = v == REPORTS_PASSED ? t->flaky : 0,
                 leaky = v == REPORTS_PASSED ? t->leaky : 0;

    if (flaky + leaky + t->cached[v] == 0)
        return;
    console_add(l, NULL, " (");
    if (t->cached[v] > 0)
        console_add(l, NULL, "%zu cached%s", t->cached[v], flaky + leaky > 0 ? ", " : "");
    if (flaky > 0)
        console_add(l, WARNING_STYLE, "%zu flaky", flaky);
    if (flaky > 0 && leaky > 0)
        console_add(l, NULL, ", ");
    if (leaky > 0)
        console_add(l, WARNING_STYLE, "%zu leaky", leaky);
    console_add(l, NULL, ")");
}

void console_add_counts(struct console_line *l, const struct console_tally *t)
{
    const char *between = "";

    for (enum reports_verdict v = 0; v < REPORTS_VERDICT_COUNT; v++) {
        if (t->verdict[v] == 0)
            continue;
        console_add(l, NULL, "%s", between);
        console_add(l, verdict_info(v)->style, "%zu %s", t->verdict[v], reports_verdict_name(v));
        add_doubts(l, t, v);
        between = ", ";
    }
    if (t->allowed > 0)
        console_add(l, WARNING_STYLE, " (%zu allowed to fail)", t->allowed);
}

/* ---- events ---- */

void reports_console_status(struct reports_console *c, const char *text)
{
    cleanup_line struct console_line l = console_line(c);
    cleanup_free char *own = NULL;

    console_add_label(&l, "cupel", "1;36", clock_monotonic_ns() - c->started_ns);
    console_add(&l, NULL, "%s", redact_remark(text, &own));
    console_print(c, &l);
    console_flush(c, false);
}

void reports_console_started(struct reports_console *c, const char *id)
{
    /* a live console shows it at the next tick; a plain one says something when it ends or is slow
     */
    (void)id;
    console_flush(c, false);
}

static struct slow_job *find_slow(struct reports_console *c, const char *id)
{
    for (size_t i = 0; i < c->n_slow; i++)
        if (str_eq(c->slow[i].id, id))
            return &c->slow[i];
    return NULL;
}

static void forget_slow(struct reports_console *c, const char *id)
{
    struct slow_job *s = find_slow(c, id);

    if (s == NULL)
        return;
    free(s->id);
    *s = c->slow[--c->n_slow];
}

/* Adds what of its caches the job has found; of several, how many. */
static void add_caches(struct console_line *l, const struct reports_result *result,
                       const char **between)
{
    cleanup_strbuf struct strbuf one = {0};
    size_t hits = 0;

    for (size_t i = 0; i < result->n_caches; i++)
        hits += result->caches[i].hit != REPORTS_HIT_MISS;
    if (result->n_caches == 1) {
        model_add_cache(&one, &result->caches[0]);
        console_add(l, NULL, "%scache: %s", *between, one.data);
    } else if (result->n_caches > 0) {
        console_add(l, NULL, "%scaches: %zu of %zu hit", *between, hits, result->n_caches);
    }
    if (result->n_caches > 0)
        *between = "; ";
}

static void print_status(struct reports_console *c, const struct reports_result *result,
                         const char *label)
{
    cleanup_line struct console_line l = console_line(c);
    cleanup_strbuf struct strbuf leaks = {0};
    bool ran =
        result->started.tv_sec != 0 || reports_usage_has(&result->usage, REPORTS_WALL_SECONDS);
    const char *between = *result->evidence != '\0' ? "; " : ": ";
    char number[MODEL_NUMBER_SIZE];

    forget_slow(c, result->id);
    console_add_label(&l, label, console_style(result), ran ? model_wall_ns(result) : UINT64_MAX);
    console_add(&l, "1", "%s", result->id);
    if (*result->evidence != '\0')
        console_add(&l, NULL, ": %s", result->evidence);
    if (result->has_coverage) {
        console_add(&l, NULL, "%scoverage %s %%", between,
                    model_number(result->coverage_milli, 1000, number));
        between = "; ";
    }
    add_caches(&l, result, &between);
    if (result->cached_run != NULL) {
        cleanup_strbuf struct strbuf cached = {0};

        model_add_cached(&cached, result);
        console_add(&l, NULL, "%s%s (cached): %s", between, reports_verdict_name(result->verdict),
                    cached.data);
        between = "; ";
    }
    if (model_is_allowed(result))
        console_add(&l, WARNING_STYLE, " (allowed to fail)");
    if (model_leaks(result, &leaks))
        console_add(&l, NULL, "%s%s", between, leaks.data);
    console_print(c, &l);
    console_flush(c, false);
}

void reports_console_finished(struct reports_console *c, const struct reports_result *result)
{
    char buf[CONSOLE_LABEL_SIZE];

    c->n_finished++;
    console_tally(&c->tally, result);
    if (c->by_submission && result->verdict != REPORTS_ERROR) {
        forget_slow(c, result->id);
        console_flush(c, false);
        return;
    }
    print_status(c, result, console_label(result, buf));
}

void reports_console_by_submission(struct reports_console *c)
{
    c->by_submission = true;
}

void reports_console_submission(struct reports_console *c, const struct reports_submission *s)
{
    const struct verdict_info *verdict = verdict_info(s->score.verdict);
    cleanup_line struct console_line l = {0};

    if (c == NULL || !c->by_submission)
        return;
    l = console_line(c);
    console_add(&l, verdict->style, "%*s", LABEL_COLUMNS, verdict->label);
    console_add(&l, NULL, " ");
    console_add_submission(&l, s);
    console_print(c, &l);
    console_flush(c, false);
}

void console_add_submission(struct console_line *l, const struct reports_submission *s)
{
    const struct verdict_info *verdict = verdict_info(s->score.verdict);
    char points[MODEL_NUMBER_SIZE], score[MODEL_NUMBER_SIZE];

    console_add(l, "1", "%s", s->id);
    console_add(l, verdict->style, ": %s%s",
                !s->score.graded                     ? "ungraded: "
                : s->score.verdict != REPORTS_PASSED ? "wrong: "
                                                     : "",
                verdict->name);
    if (s->first_bad != NULL)
        console_add(l, NULL, " at %s", s->first_bad);
    if (s->score.graded)
        console_add(l, NULL, ", %s of %s points", model_points(s->score.score, score),
                    model_points(s->groups[0].points, points));
}

void reports_console_retried(struct reports_console *c, const struct reports_result *result)
{
    char buf[CONSOLE_LABEL_SIZE];

    print_status(c, result, try_label(result, buf));
}

/* ---- what runs now ---- */

/* Says whether more than nine tenths are used. */
static bool is_near(uint64_t value, uint64_t limit)
{
    return limit != 0 && value > limit - limit / 10;
}

static void add_running(struct console_line *l, const struct reports_running *r)
{
    char a[UNIT_TEXT_SIZE], b[UNIT_TEXT_SIZE];
    bool memory = r->memory_bytes != UINT64_MAX;
    const char *warning = WARNING_STYLE;

    console_add(l, "1", "%s", r->id);
    if (r->attempt > 1 && r->attempts_max == 0)
        console_add(l, NULL, "  try %u", r->attempt);
    else if (r->attempt > 1)
        console_add(l, NULL, "  try %u of %u", r->attempt, r->attempts_max);
    if (r->wall_limit_ns != 0)
        console_add(l, is_near(r->wall_ns, r->wall_limit_ns) ? warning : NULL, "  of %s",
                    unit_format_duration(r->wall_limit_ns, a));
    if (memory && r->memory_limit != 0)
        console_add(l, is_near(r->memory_bytes, r->memory_limit) ? warning : NULL,
                    "  memory %s of %s", unit_format_size(r->memory_bytes, a),
                    unit_format_size(r->memory_limit, b));
    else if (memory)
        console_add(l, NULL, "  memory %s", unit_format_size(r->memory_bytes, a));
}

static void add_running_row(struct console_line *l, const char *label,
                            const struct reports_running *r)
{
    console_add_label(l, label, "1;36", r->wall_ns);
    add_running(l, r);
}

#define BAR_COLUMNS 24

/* "[======>      ] "; nothing on a narrow terminal. */
static void add_bar(struct console_line *l, uint64_t done, uint64_t total)
{
    size_t width = l->limit >= 76   ? BAR_COLUMNS
                   : l->limit >= 60 ? BAR_COLUMNS / 2
                                    : 0,
           full = width;
    char bar[BAR_COLUMNS + 1];

    if (done < total)
        full = (size_t)((double)width * ((double)done / (double)total));
    memset(bar, ' ', sizeof(bar));
    memset(bar, '=', full);
    if (full < width)
        bar[full] = '>';
    bar[width] = '\0';
    if (width > 0)
        console_add(l, NULL, "[%s] ", bar);
}

static void add_overall(const struct reports_console *c, struct console_line *l, size_t n_running)
{
    uint64_t seconds = (clock_monotonic_ns() - c->started_ns) / NSEC_PER_SEC;

    console_add(l, NULL, "%*s", LABEL_COLUMNS - 7, "");
    console_add(l, "1;36", "Running");
    console_add(l, NULL, " [ %02llu:%02u:%02u] ", (unsigned long long)(seconds / 3600),
                (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    add_bar(l, c->n_finished, c->n_jobs);
    console_add(l, "1", "%zu/%zu", c->n_finished, c->n_jobs);
    console_add(l, NULL, ": %zu running%s", n_running, c->n_finished > 0 ? ", " : "");
    console_add_counts(l, &c->tally);
}

static void draw_frame(struct reports_console *c, const struct reports_running *running, size_t n)
{
    struct console_line lines[LIVE_ROWS_MAX];
    size_t columns, rows, shown, used = 0;

    console_size(c, &columns, &rows);
    rows = rows > LIVE_ROWS_MAX ? LIVE_ROWS_MAX : rows;
    rows = rows > 2 ? rows - 2 : 1; /* the last finished job stays in sight */
    lines[used] = console_line(c);
    add_overall(c, &lines[used++], n);
    shown = n < rows ? n : rows > 1 ? rows - 2 : 0;
    for (size_t i = 0; i < shown; i++) {
        lines[used] = console_line(c);
        add_running_row(&lines[used++], "", &running[i]);
    }
    if (shown < n && used < rows) {
        lines[used] = console_line(c);
        console_add(&lines[used++], NULL, "%*s and %zu more", LABEL_COLUMNS, "", n - shown);
    }
    console_draw(c, lines, used);
    for (size_t i = 0; i < used; i++)
        console_line_free(&lines[i]);
}

static void name_slow(struct reports_console *c, const struct reports_running *r)
{
    struct slow_job *s = find_slow(c, r->id);
    cleanup_line struct console_line l = {0};

    if (r->wall_ns < (s != NULL ? s->next_ns : SLOW_NS))
        return;
    if (s == NULL) {
        c->slow = xrealloc(c->slow, (c->n_slow + 1) * sizeof(*c->slow));
        s = &c->slow[c->n_slow++];
        *s = (struct slow_job){.id = xstrdup(r->id), .next_ns = SLOW_NS};
    }
    while (s->next_ns <= r->wall_ns && s->next_ns <= UINT64_MAX / 2)
        s->next_ns *= 2;
    l = console_line(c);
    add_running_row(&l, "SLOW", r);
    console_print(c, &l);
}

void reports_console_tick(struct reports_console *c, const struct reports_running *running,
                          size_t n)
{
    if (c->live) {
        draw_frame(c, running, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        name_slow(c, &running[i]);
    console_flush(c, false);
}

void reports_console_dump(struct reports_console *c, const struct reports_running *running,
                          size_t n)
{
    cleanup_line struct console_line head = console_line(c);

    console_add_label(&head, "Status", "1;36", clock_monotonic_ns() - c->started_ns);
    console_add(&head, NULL, "%zu of %zu jobs finished, %zu running", c->n_finished, c->n_jobs, n);
    console_print(c, &head);
    for (size_t i = 0; i < n; i++) {
        cleanup_line struct console_line l = console_line(c);

        add_running_row(&l, "running", &running[i]);
        console_print(c, &l);
    }
    console_flush(c, false);
}

static void add_bytes(struct console_line *l, uint64_t done, uint64_t total)
{
    char a[UNIT_TEXT_SIZE], b[UNIT_TEXT_SIZE];

    if (total != UINT64_MAX)
        add_bar(l, done, total);
    console_add(l, "1", "%s", unit_format_size(done, a));
    if (total != UINT64_MAX)
        console_add(l, NULL, " of %s", unit_format_size(total, b));
}

static void console_add_part(struct console_line *l, const struct reports_part *part)
{
    char label[32];

    (void)snprintf(label, sizeof(label), "layer %zu", part->number);
    console_add_label(l, label, NULL, UINT64_MAX);
    add_bytes(l, part->done, part->total);
}

void reports_console_progress(struct reports_console *c, const struct reports_progress *progress)
{
    struct console_line lines[LIVE_ROWS_MAX];
    cleanup_free char *own = NULL;
    size_t columns, rows, n = 1;

    if (!c->live)
        return;
    c->cursor_stays = progress->done < progress->total;
    if (progress->done >= progress->total) {
        console_clear(c);
        console_flush(c, false);
        return;
    }
    console_size(c, &columns, &rows);
    rows = rows > LIVE_ROWS_MAX ? LIVE_ROWS_MAX : rows > 2 ? rows - 2 : 1;
    lines[0] = console_line(c);
    console_add_label(&lines[0], "cupel", "1;36", clock_monotonic_ns() - c->started_ns);
    add_bytes(&lines[0], progress->done, progress->total);
    if (progress->layers > 0)
        console_add(&lines[0], NULL, ", %zu of %zu layer%s", progress->layers_done,
                    progress->layers, progress->layers > 1 ? "s" : "");
    console_add(&lines[0], NULL, ": %s", redact_remark(progress->what, &own));
    for (size_t i = 0; i < progress->n_parts && n < rows; i++) {
        lines[n] = console_line(c);
        console_add_part(&lines[n++], &progress->parts[i]);
    }
    console_draw(c, lines, n);
    for (size_t i = 0; i < n; i++)
        console_line_free(&lines[i]);
}
