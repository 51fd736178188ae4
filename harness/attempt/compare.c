/* SPDX-License-Identifier: Apache-2.0 */
/* compare: see compare.h. Each rule walks along both sides at once, reads each byte once (blanks of
 * more than a few hundred bytes twice), and stops at the first difference. */
#include "harness/attempt/compare.h"

#include "base/decimal.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define CHUNK ((size_t)64 * 1024)
#define END (-1)
#define TAIL_KEPT ((size_t)256)
#define TOKEN_SHOWN 32 /* a difference further into a token is quoted from there */

int compare_read(const struct compare_source *s, uint64_t at, char *buf, size_t want, size_t *ret_n)
{
    size_t done = 0;

    if (at >= s->len)
        want = 0;
    else if (want > s->len - at)
        want = (size_t)(s->len - at);
    if (s->text != NULL && want > 0) {
        memcpy(buf, s->text + at, want);
        done = want;
    }
    while (done < want) {
        ssize_t n = pread(s->fd, buf + done, want - done, (off_t)(s->from + at + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    *ret_n = done;
    return 0;
}

/* ---- one side ---- */

struct reader {
    const struct compare_source *source;
    char *buf;
    size_t n, i;
    uint64_t at; /* of the buffer's first byte */
    int error;
};

static bool refill(struct reader *r)
{
    r->at += r->n;
    r->i = r->n = 0;
    if (r->error == 0)
        r->error = compare_read(r->source, r->at, r->buf, CHUNK, &r->n);
    if (r->error < 0)
        r->n = 0;
    return r->n > 0;
}

static inline int peek(struct reader *r)
{
    if (r->i == r->n && !refill(r))
        return END;
    return (unsigned char)r->buf[r->i];
}

static inline uint64_t place(const struct reader *r)
{
    return r->at + r->i;
}

bool compare_is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline int fold(int c, bool ignore_case)
{
    return ignore_case && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* ---- both ---- */

struct compare_pair {
    struct reader expected, got;
    const struct jobs_compare *rules;
    bool ignore_case;
    struct compare_difference *difference;
};

/* Notes a difference, and returns false. */
static bool differ_at(struct compare_pair *p, uint64_t expected, uint64_t got)
{
    *p->difference = (struct compare_difference){.differ = true,
                                                 .expected_at = expected,
                                                 .got_at = got,
                                                 .expected_len = UINT64_MAX,
                                                 .got_len = UINT64_MAX};
    return false;
}

static bool differ_here(struct compare_pair *p)
{
    return differ_at(p, place(&p->expected), place(&p->got));
}

/* Passes over buffers that begin alike; both have just been filled. */
static void skip_same(struct compare_pair *p)
{
    struct reader *e = &p->expected, *g = &p->got;
    size_t n = e->n < g->n ? e->n : g->n;

    if (memcmp(e->buf, g->buf, n) == 0)
        e->i = g->i = n;
}

static bool walk_exact(struct compare_pair *p)
{
    for (;;) {
        int e = peek(&p->expected), g = peek(&p->got);

        if (fold(e, p->ignore_case) != fold(g, p->ignore_case))
            return differ_here(p);
        if (e == END)
            return true;
        p->expected.i++;
        p->got.i++;
        if (p->expected.i == 1 && p->got.i == 1)
            skip_same(p);
    }
}

/* ---- trim ---- */

/* White space between two bytes that are none. */
struct blank {
    uint64_t at;
    uint64_t newlines;
    uint64_t tail_at, tail_len; /* behind the last newline */
    char tail[TAIL_KEPT];       /* the beginning of it */
};

static void take_blank(struct reader *r, struct blank *b)
{
    int c;

    b->at = b->tail_at = place(r);
    b->newlines = b->tail_len = 0;
    while (compare_is_space(c = peek(r))) {
        r->i++;
        if (c == '\n') {
            b->newlines++;
            b->tail_at = place(r);
            b->tail_len = 0;
        } else {
            if (b->tail_len < TAIL_KEPT)
                b->tail[b->tail_len] = (char)c;
            b->tail_len++;
        }
    }
}

/* Compares what is behind the last newlines and was too long to keep. */
static bool same_long_tails(struct compare_pair *p, const struct blank *e, const struct blank *g)
{
    char left[4096], right[sizeof(left)];

    for (uint64_t done = TAIL_KEPT; done < e->tail_len; done += sizeof(left)) {
        uint64_t rest = e->tail_len - done;
        size_t want = rest < sizeof(left) ? (size_t)rest : sizeof(left), n_left = 0, n_right = 0;
        int r = compare_read(p->expected.source, e->tail_at + done, left, want, &n_left);

        if (r == 0)
            r = compare_read(p->got.source, g->tail_at + done, right, want, &n_right);
        if (r < 0)
            p->got.error = r;
        if (r < 0 || n_left != n_right || memcmp(left, right, n_left) != 0)
            return false;
    }
    return true;
}

static bool same_blanks(struct compare_pair *p, const struct blank *e, const struct blank *g)
{
    size_t kept = e->tail_len < TAIL_KEPT ? (size_t)e->tail_len : TAIL_KEPT;

    return e->newlines == g->newlines && e->tail_len == g->tail_len &&
           memcmp(e->tail, g->tail, kept) == 0 && same_long_tails(p, e, g);
}

static bool walk_trimmed(struct compare_pair *p)
{
    struct blank e_blank, g_blank;

    for (;;) {
        int e = peek(&p->expected), g = peek(&p->got);

        if (compare_is_space(e) || compare_is_space(g)) {
            take_blank(&p->expected, &e_blank);
            take_blank(&p->got, &g_blank);
            e = peek(&p->expected);
            g = peek(&p->got);
            if (e == END && g == END)
                return true;
            if (e == END || g == END)
                return differ_here(p);
            if (!same_blanks(p, &e_blank, &g_blank))
                return differ_at(p, e_blank.at, g_blank.at);
        }
        if (fold(e, p->ignore_case) != fold(g, p->ignore_case))
            return differ_here(p);
        if (e == END)
            return true;
        p->expected.i++;
        p->got.i++;
    }
}

/* ---- tokens ---- */

static inline bool is_token(int c)
{
    return c != END && !compare_is_space(c);
}

static void skip_space(struct reader *r)
{
    while (compare_is_space(peek(r)))
        r->i++;
}

/* Notes that tokens differ which begin at these places, and where the readers are. */
static bool differ_in_token(struct compare_pair *p, uint64_t expected, uint64_t got)
{
    uint64_t into = place(&p->got) - got;

    return into <= TOKEN_SHOWN ? differ_at(p, expected, got)
                               : differ_at(p, expected + into, got + into);
}

/* Goes to the end of both tokens, as long as they are the same. */
static bool walk_token(struct compare_pair *p)
{
    for (;;) {
        int e = peek(&p->expected), g = peek(&p->got);

        if (!is_token(e) || !is_token(g))
            return !is_token(e) && !is_token(g);
        if (fold(e, p->ignore_case) != fold(g, p->ignore_case))
            return false;
        p->expected.i++;
        p->got.i++;
    }
}

static bool walk_tokens(struct compare_pair *p)
{
    for (;;) {
        uint64_t expected, got;

        skip_space(&p->expected);
        skip_space(&p->got);
        expected = place(&p->expected);
        got = place(&p->got);
        if (peek(&p->expected) == END || peek(&p->got) == END)
            return peek(&p->expected) == peek(&p->got) ? true : differ_here(p);
        if (!walk_token(p))
            return differ_in_token(p, expected, got);
    }
}

/* ---- what else differs ---- */

typedef void skip_fn(struct compare_pair *p);

/* Compares what is left where some bytes do not count. */
static bool walk_without(struct compare_pair *p, skip_fn *skip)
{
    for (;;) {
        int e, g;

        skip(p);
        e = peek(&p->expected);
        g = peek(&p->got);
        if (fold(e, p->ignore_case) != fold(g, p->ignore_case))
            return differ_here(p);
        if (e == END)
            return true;
        p->expected.i++;
        p->got.i++;
    }
}

/* Passes over a carriage return before the end of a line where the other side has none. */
static void skip_return(struct compare_pair *p)
{
    int e = peek(&p->expected), g = peek(&p->got);

    if (e == '\r' && g == '\n')
        p->expected.i++;
    else if (e == '\n' && g == '\r')
        p->got.i++;
}

static bool walk_line_ends(struct compare_pair *p)
{
    return walk_without(p, skip_return);
}

static void skip_spaces(struct compare_pair *p)
{
    skip_space(&p->expected);
    skip_space(&p->got);
}

static bool walk_spaceless(struct compare_pair *p)
{
    return walk_without(p, skip_spaces);
}

/* ---- numbers ---- */

/* Up to as much of a token as a number can be long. */
struct compare_word {
    char text[DECIMAL_MAX];
    size_t n;
    bool whole;
};

static void take_word(struct reader *r, struct compare_word *w)
{
    w->n = 0;
    while (is_token(peek(r)) && w->n < sizeof(w->text))
        w->text[w->n++] = r->buf[r->i++];
    w->whole = !is_token(peek(r));
}

static bool same_words(const struct compare_word *e, const struct compare_word *g, bool ignore_case,
                       size_t *ret_at)
{
    size_t i = 0;

    while (i < e->n && i < g->n && fold(e->text[i], ignore_case) == fold(g->text[i], ignore_case))
        i++;
    *ret_at = i;
    return i == e->n && i == g->n;
}

/* Whether so far apart is near enough; both are rounded alike, so that what is as far apart as the
 * rules say, digit by digit, is. */
static bool is_within(long double distance, long double limit)
{
    return distance <= limit ||
           (limit <= (long double)DBL_MAX && (double)distance <= (double)limit);
}

/* Whether both are numbers, near enough to one another; else notes how far they are. */
static bool near_enough(struct compare_pair *p, const struct compare_word *e,
                        const struct compare_word *g)
{
    const struct jobs_compare *rules = p->rules;
    long double x, y, distance, limit, unsure;

    if (!e->whole || !g->whole || !decimal_parse(e->text, e->n, &x) ||
        !decimal_parse(g->text, g->n, &y))
        return false;
    if (decimal_same(e->text, e->n, g->text, g->n))
        return true;
    limit = (long double)rules->relative * fabsl(x);
    if (limit < (long double)rules->absolute)
        limit = (long double)rules->absolute;
    distance = fabsl(x - y);
    /* both were rounded: of long numbers little or nothing may be left of what they differ in */
    unsure = LDBL_EPSILON * (fabsl(x) + fabsl(y)) + 2 * (long double)DBL_EPSILON * limit;
    if (fabsl(distance - limit) <= unsure)
        distance = decimal_distance(e->text, e->n, g->text, g->n);
    p->difference->is_number = true;
    p->difference->distance = (double)distance;
    return limit > 0 && is_within(distance, limit);
}

static bool differ_in_words(struct compare_pair *p, const struct compare_word *e,
                            const struct compare_word *g, size_t at)
{
    uint64_t expected = place(&p->expected) - e->n, got = place(&p->got) - g->n;
    struct compare_difference number = *p->difference;

    if (number.is_number || at <= TOKEN_SHOWN)
        at = 0;
    (void)differ_at(p, expected + at, got + at);
    p->difference->is_number = number.is_number;
    p->difference->distance = number.distance;
    return false;
}

static bool walk_numbers(struct compare_pair *p)
{
    struct compare_word e, g;

    for (;;) {
        size_t at;

        skip_space(&p->expected);
        skip_space(&p->got);
        if (peek(&p->expected) == END || peek(&p->got) == END)
            return peek(&p->expected) == peek(&p->got) ? true : differ_here(p);
        take_word(&p->expected, &e);
        take_word(&p->got, &g);
        p->difference->is_number = false;
        if (!same_words(&e, &g, p->ignore_case, &at)) {
            if (!near_enough(p, &e, &g))
                return differ_in_words(p, &e, &g, at);
        } else if (e.whole != g.whole || !walk_token(p)) {
            return differ_here(p);
        }
    }
}

/* ---- what others ask ---- */

typedef bool walk_fn(struct compare_pair *p);

static walk_fn *const walks[] = {
    [JOBS_COMPARE_DEFAULT] = walk_exact,   [JOBS_COMPARE_EXACT] = walk_exact,
    [JOBS_COMPARE_TRIM] = walk_trimmed,    [JOBS_COMPARE_TOKENS] = walk_tokens,
    [JOBS_COMPARE_NUMBERS] = walk_numbers,
};

static int walk_both(walk_fn *walk, const struct compare_source *expected,
                     const struct compare_source *got, const struct jobs_compare *rules,
                     struct compare_difference *ret)
{
    char *buf = xmalloc(2 * CHUNK);
    struct compare_pair p = {.expected = {.source = expected, .buf = buf},
                             .got = {.source = got, .buf = buf + CHUNK},
                             .rules = rules,
                             .ignore_case = rules->letter_case == JOBS_CASE_IGNORE,
                             .difference = ret};

    *ret = (struct compare_difference){.differ = false};
    if (walk(&p))
        *ret = (struct compare_difference){.differ = false};
    free(buf);
    return p.expected.error < 0 ? p.expected.error : p.got.error;
}

/* A token is quoted to its end. */
static int measure_token(const struct compare_source *s, uint64_t at, uint64_t *ret_len)
{
    char text[64];
    size_t n = 0, i = 0;
    int r = compare_read(s, at, text, sizeof(text), &n);

    while (i < n && !compare_is_space(text[i]))
        i++;
    if (r == 0 && i < n)
        *ret_len = i;
    return r;
}

int compare_sources(const struct compare_source *expected, const struct compare_source *got,
                    const struct jobs_compare *rules, struct compare_difference *ret)
{
    int r = walk_both(walks[rules->how], expected, got, rules, ret);

    if (r == 0 && ret->differ &&
        (rules->how == JOBS_COMPARE_TOKENS || rules->how == JOBS_COMPARE_NUMBERS)) {
        r = measure_token(expected, ret->expected_at, &ret->expected_len);
        if (r == 0)
            r = measure_token(got, ret->got_at, &ret->got_len);
    }
    return r;
}

int compare_why(const struct compare_source *expected, const struct compare_source *got,
                const struct jobs_compare *rules, enum compare_only *ret)
{
    struct jobs_compare caseless = *rules;
    struct compare_difference d;
    const struct {
        walk_fn *walk;
        const struct jobs_compare *rules;
        enum compare_only only;
    } tries[] = {
        {walk_line_ends, rules, COMPARE_ONLY_LINE_ENDS},
        {walk_spaceless, rules, COMPARE_ONLY_SPACE},
        {walks[rules->how], &caseless, COMPARE_ONLY_CASE},
        {walk_spaceless, &caseless, COMPARE_ONLY_SPACE_AND_CASE},
    };

    caseless.letter_case = JOBS_CASE_IGNORE;
    *ret = COMPARE_ONLY_NOTHING;
    for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
        int r = walk_both(tries[i].walk, expected, got, tries[i].rules, &d);

        if (r < 0)
            return r;
        if (!d.differ) {
            *ret = tries[i].only;
            break;
        }
    }
    return 0;
}

int compare_locate(const struct compare_source *s, uint64_t at, struct compare_place *ret)
{
    cleanup_free char *buf = xmalloc(CHUNK);
    uint64_t done = 0;
    size_t n = 1;

    *ret = (struct compare_place){1, 1};
    while (done < at && n > 0) {
        size_t want = at - done < CHUNK ? (size_t)(at - done) : CHUNK;
        int r = compare_read(s, done, buf, want, &n);

        if (r < 0)
            return r;
        for (size_t i = 0; i < n; i++) {
            ret->line += buf[i] == '\n';
            if (buf[i] == '\n')
                ret->column = 1;
            else if (((unsigned char)buf[i] & 0xc0) != 0x80) /* the first byte of a character */
                ret->column++;
        }
        done += n;
    }
    return 0;
}
