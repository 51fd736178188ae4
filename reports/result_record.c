/* SPDX-License-Identifier: Apache-2.0 */
/* result_record: see result_record.h. Numbers stand as the machine has them: a record is read where
 * it was made, by the version that made it. What does not add up is refused as a whole. Not
 * responsible for where records are, nor for which result is worth one
 * (harness/prepare/kept_verdicts.c). */
#include "reports/result_record.h"

#include <string.h>

/* Raised with every change of what follows. */
#define RECORD_FORMAT UINT64_C(0x6375707265633032)
#define NO_TEXT UINT64_MAX
#define PREVIOUS_MAX REPORTS_ATTEMPTS_MAX

/* ---- writing ---- */

static void put_number(struct strbuf *to, uint64_t n)
{
    strbuf_add(to, &n, sizeof(n));
}

static void put_signed(struct strbuf *to, int n)
{
    put_number(to, (uint64_t)(int64_t)n);
}

static void record_put_text(struct strbuf *to, const char *text)
{
    size_t n = text != NULL ? strlen(text) : 0;

    put_number(to, text != NULL ? n : NO_TEXT);
    strbuf_add(to, text != NULL ? text : "", n);
}

static void record_put_list(struct strbuf *to, const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    put_number(to, n);
    for (size_t i = 0; i < n; i++)
        record_put_text(to, list[i]);
}

static void record_put_cases(struct strbuf *to, const struct reports_result *r)
{
    put_number(to, r->n_cases);
    for (size_t i = 0; i < r->n_cases; i++) {
        const struct reports_case *c = &r->cases[i];

        put_number(to, c->verdict);
        record_put_text(to, c->evidence);
        put_signed(to, c->exit);
        put_signed(to, c->signal);
        put_number(to, c->wall_ns);
        put_number(to, c->stdout_from);
        put_number(to, c->stdout_to);
        put_number(to, c->stderr_from);
        put_number(to, c->stderr_to);
    }
}

static void record_put_leaks(struct strbuf *to, const struct reports_result *r)
{
    put_number(to, r->leaks_in_all);
    put_number(to, r->leaks_cut);
    put_number(to, r->n_leaks);
    for (size_t i = 0; i < r->n_leaks; i++) {
        put_signed(to, r->leaks[i].pid);
        put_number(to, r->leaks[i].cpu_ns);
        record_put_text(to, r->leaks[i].command);
    }
}

static void record_put_caches(struct strbuf *to, const struct reports_result *r)
{
    put_number(to, r->n_caches);
    for (size_t i = 0; i < r->n_caches; i++) {
        put_number(to, r->caches[i].hit);
        put_number(to, r->caches[i].saved);
        record_put_text(to, r->caches[i].restored);
    }
}

static void record_put_timeline(struct strbuf *to, const struct reports_timeline *t)
{
    put_number(to, t->interval_ns);
    put_number(to, t->has_cpu * 1u + t->has_memory * 2u + t->has_pids * 4u);
    put_number(to, t->n);
    if (t->n > 0)
        strbuf_add(to, t->points, t->n * sizeof(t->points[0]));
}

static void put_attempt(struct strbuf *to, const struct reports_result *r)
{
    put_number(to, r->verdict);
    record_put_text(to, r->evidence);
    put_signed(to, r->exit);
    put_signed(to, r->signal);
    put_signed(to, r->not_executed);
    put_number(to, r->attempts);
    put_number(to, r->slot);
    put_number(to, (uint64_t)r->started.tv_sec);
    put_number(to, (uint64_t)r->started.tv_nsec);
    put_number(to, r->usage.known);
    put_number(to, REPORTS_FIGURE_COUNT);
    strbuf_add(to, r->usage.value, sizeof(r->usage.value));
    record_put_cases(to, r);
    record_put_leaks(to, r);
    record_put_text(to, r->near_limit);
    record_put_timeline(to, &r->timeline);
    record_put_text(to, r->message_for_staff);
    record_put_text(to, r->message_for_all);
    put_number(to, r->has_score);
    put_number(to, r->score);
    put_number(to, r->has_multiplier);
    put_number(to, r->multiplier);
    put_number(to, r->has_coverage);
    put_number(to, r->coverage_milli);
    record_put_caches(to, r);
    record_put_list(to, (const char *const *)r->notes);
}

void reports_record_add(struct strbuf *to, const struct reports_result *result)
{
    put_number(to, RECORD_FORMAT);
    put_attempt(to, result);
    put_number(to, result->n_previous);
    for (size_t i = 0; i < result->n_previous; i++)
        put_attempt(to, result->previous[i]);
}

/* ---- reading ---- */

/* What is left of it. The first thing that is not there makes everything after it missing, too. */
struct record_left {
    const char *at;
    size_t n;
    bool bad;
    struct arena *arena;
};

/* Returns n structures, wherever they lie: to be copied out; NULL: they are not all there. */
static const char *record_take(struct record_left *l, uint64_t n, size_t size)
{
    const char *at = l->at;

    if (l->bad || n > l->n / size) {
        l->bad = true;
        return NULL;
    }
    l->at += n * size;
    l->n -= n * size;
    return at;
}

static uint64_t take_number(struct record_left *l)
{
    const char *at = record_take(l, 1, sizeof(uint64_t));
    uint64_t n = 0;

    if (at != NULL)
        memcpy(&n, at, sizeof(n));
    return n;
}

/* Takes a number that is less than `end`. */
static uint64_t take_below(struct record_left *l, uint64_t end)
{
    uint64_t n = take_number(l);

    l->bad |= n >= end;
    return n < end ? n : 0;
}

static bool take_flag(struct record_left *l)
{
    return take_below(l, 2) == 1;
}

static int take_signed(struct record_left *l)
{
    return (int)(int64_t)take_number(l);
}

/* Takes how many follow, of which each takes so many bytes at least. */
static size_t take_count(struct record_left *l, size_t size)
{
    uint64_t n = take_number(l);

    l->bad |= n > l->n / size;
    return l->bad ? 0 : (size_t)n;
}

static const char *record_take_text(struct record_left *l)
{
    uint64_t n = take_number(l);
    const char *at = n != NO_TEXT ? record_take(l, n, 1) : NULL;

    if (at != NULL && memchr(at, '\0', n) != NULL)
        l->bad = true;
    return at != NULL ? arena_strndup(l->arena, at, n) : NULL;
}

/* Takes a text that cannot be none. */
static const char *take_said(struct record_left *l)
{
    const char *text = record_take_text(l);

    l->bad |= text == NULL;
    return text != NULL ? text : "";
}

static const char **record_take_list(struct record_left *l)
{
    size_t n = take_count(l, sizeof(uint64_t));
    const char **list = n > 0 ? arena_alloc(l->arena, (n + 1) * sizeof(*list)) : NULL;

    for (size_t i = 0; i < n; i++)
        list[i] = take_said(l);
    return list;
}

static void record_take_cases(struct record_left *l, struct reports_result *r)
{
    r->n_cases = take_count(l, 9 * sizeof(uint64_t));
    r->cases = arena_alloc(l->arena, (r->n_cases + 1) * sizeof(*r->cases));
    for (size_t i = 0; i < r->n_cases; i++) {
        struct reports_case *c = &r->cases[i];

        c->verdict = (enum reports_verdict)take_below(l, REPORTS_VERDICT_COUNT);
        c->evidence = take_said(l);
        c->exit = take_signed(l);
        c->signal = take_signed(l);
        c->wall_ns = take_number(l);
        c->stdout_from = take_number(l);
        c->stdout_to = take_number(l);
        c->stderr_from = take_number(l);
        c->stderr_to = take_number(l);
    }
}

static void record_take_leaks(struct record_left *l, struct reports_result *r)
{
    struct reports_leak *list;

    r->leaks_in_all = take_number(l);
    r->leaks_cut = take_flag(l);
    r->n_leaks = take_count(l, 3 * sizeof(uint64_t));
    list = arena_alloc(l->arena, (r->n_leaks + 1) * sizeof(*list));
    for (size_t i = 0; i < r->n_leaks; i++) {
        list[i].pid = take_signed(l);
        list[i].cpu_ns = take_number(l);
        list[i].command = take_said(l);
    }
    r->leaks = list;
}

static void record_take_caches(struct record_left *l, struct reports_result *r)
{
    r->n_caches = take_count(l, 3 * sizeof(uint64_t));
    r->caches = arena_alloc(l->arena, (r->n_caches + 1) * sizeof(*r->caches));
    for (size_t i = 0; i < r->n_caches; i++) {
        r->caches[i].key = "";
        r->caches[i].hit = (enum reports_hit)take_below(l, REPORTS_HIT_COUNT);
        r->caches[i].saved = take_flag(l);
        r->caches[i].restored = record_take_text(l);
    }
}

static void record_take_timeline(struct record_left *l, struct reports_timeline *t)
{
    uint64_t columns, n;
    struct reports_point *points;
    const char *at;

    t->interval_ns = take_number(l);
    columns = take_below(l, 8);
    n = take_number(l);
    at = record_take(l, n, sizeof(*points));
    if (at == NULL || n == 0)
        return;
    points = arena_alloc(l->arena, n * sizeof(*points));
    memcpy(points, at, n * sizeof(*points));
    t->points = points;
    t->n = n;
    t->has_cpu = columns & 1u;
    t->has_memory = columns & 2u;
    t->has_pids = columns & 4u;
}

static void take_attempt(struct record_left *l, struct reports_result *r)
{
    const char *values;

    *r = (struct reports_result){.verdict =
                                     (enum reports_verdict)take_below(l, REPORTS_VERDICT_COUNT)};
    r->evidence = take_said(l);
    r->exit = take_signed(l);
    r->signal = take_signed(l);
    r->not_executed = take_signed(l);
    r->attempts = (unsigned)take_below(l, UINT32_MAX);
    r->slot = (unsigned)take_below(l, UINT32_MAX);
    r->started.tv_sec = (time_t)take_number(l);
    r->started.tv_nsec = (long)take_below(l, NSEC_PER_SEC);
    r->usage.known = take_number(l);
    l->bad |= take_number(l) != REPORTS_FIGURE_COUNT;
    values = record_take(l, 1, sizeof(r->usage.value));
    if (values != NULL)
        memcpy(r->usage.value, values, sizeof(r->usage.value));
    record_take_cases(l, r);
    record_take_leaks(l, r);
    r->near_limit = record_take_text(l);
    record_take_timeline(l, &r->timeline);
    r->message_for_staff = record_take_text(l);
    r->message_for_all = record_take_text(l);
    r->has_score = take_flag(l);
    r->score = take_number(l);
    r->has_multiplier = take_flag(l);
    r->multiplier = take_below(l, REPORTS_SCORE_SCALE + 1);
    r->has_coverage = take_flag(l);
    r->coverage_milli = (uint32_t)take_below(l, 100001);
    record_take_caches(l, r);
    r->notes = record_take_list(l);
}

int reports_record_read(const char *data, size_t n, struct arena *arena, struct reports_result *ret)
{
    struct record_left l = {.at = data, .n = n, .arena = arena};
    const struct reports_result **list;
    struct reports_result r;
    size_t previous;

    if (take_number(&l) != RECORD_FORMAT)
        return -EBADMSG;
    take_attempt(&l, &r);
    previous = take_below(&l, PREVIOUS_MAX + 1);
    list = arena_alloc(arena, (previous + 1) * sizeof(*list));
    for (size_t i = 0; i < previous && !l.bad; i++) {
        struct reports_result *p = arena_alloc(arena, sizeof(*p));

        take_attempt(&l, p);
        list[i] = p;
    }
    if (l.bad || l.n != 0 || r.n_cases == 0)
        return -EBADMSG;
    r.previous = list;
    r.n_previous = previous;
    *ret = r;
    return 0;
}
