/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_compare: two texts by every rule. What is the same by a stricter rule is so by the others; a
 * text is the same as itself; and which of the two is expected changes nothing, but for what is a
 * part of the expected number. */
#include "fuzz.h"

#include "harness/attempt/compare.h"

static struct compare_difference compared(const struct compare_source *expected,
                                          const struct compare_source *got,
                                          const struct jobs_compare *rules)
{
    struct compare_difference d;
    struct compare_place where;

    FUZZ_EXPECT(compare_sources(expected, got, rules, &d) == 0);
    FUZZ_EXPECT(!d.differ || (d.expected_at <= expected->len && d.got_at <= got->len));
    FUZZ_EXPECT(compare_locate(got, d.got_at, &where) == 0);
    FUZZ_EXPECT(where.line >= 1 && where.line <= got->len + 1);
    FUZZ_EXPECT(where.column >= 1 && where.column <= got->len + 1);
    return d;
}

/* Takes the white space at the ends of lines and of the text away, the long way. */
static char *trimmed(const char *text, size_t n, size_t *ret_n)
{
    char *out = xmalloc(n + 1);
    size_t to = 0, kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            to = kept; /* blanks before it */
        out[to++] = text[i];
        if (text[i] == '\n' || !compare_is_space((unsigned char)text[i]))
            kept = to;
    }
    while (to > 0 && compare_is_space((unsigned char)out[to - 1]))
        to--;
    *ret_n = to;
    return out;
}

static void check_exactly(const struct compare_source *a, const struct compare_source *b,
                          const struct compare_difference *d)
{
    size_t i = 0;

    while (i < a->len && i < b->len && a->text[i] == b->text[i])
        i++;
    FUZZ_EXPECT(d->differ == (i < a->len || i < b->len));
    FUZZ_EXPECT(!d->differ || (d->expected_at == i && d->got_at == i));
}

static void check_trimmed(const struct compare_source *a, const struct compare_source *b,
                          const struct compare_difference *d)
{
    size_t n_a, n_b;
    cleanup_free char *x = trimmed(a->text, a->len, &n_a), *y = trimmed(b->text, b->len, &n_b);

    FUZZ_EXPECT(d->differ == (n_a != n_b || memcmp(x, y, n_a) != 0));
}

static void check_pair(const struct compare_source *a, const struct compare_source *b,
                       bool ignore_case, double tolerance)
{
    bool same_by_stricter = false;

    for (unsigned how = JOBS_COMPARE_EXACT; how <= JOBS_COMPARE_NUMBERS; how++) {
        const struct jobs_compare rules = {.how = (enum jobs_compare_how)how,
                                           .letter_case =
                                               ignore_case ? JOBS_CASE_IGNORE : JOBS_CASE_MATCH,
                                           .absolute = how == JOBS_COMPARE_NUMBERS ? tolerance : 0};
        struct compare_difference d = compared(a, b, &rules);
        enum compare_only only;

        FUZZ_EXPECT(!compared(a, a, &rules).differ && !compared(b, b, &rules).differ);
        FUZZ_EXPECT(compared(b, a, &rules).differ == d.differ);
        FUZZ_EXPECT(!same_by_stricter || !d.differ);
        FUZZ_EXPECT(compare_why(a, b, &rules, &only) == 0);
        same_by_stricter = !d.differ;
        if (how == JOBS_COMPARE_EXACT && !ignore_case)
            check_exactly(a, b, &d);
        if (how == JOBS_COMPARE_TRIM && !ignore_case)
            check_trimmed(a, b, &d);
    }
}

/* A byte of choices, then both texts with a NUL between. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    uint8_t choices = fuzz_byte(&in);
    cleanup_free char *first = fuzz_text(&in);
    struct compare_source a = {.text = first, .fd = -EBADF, .len = strlen(first)};
    struct compare_source b = {.text = (const char *)in.data, .fd = -EBADF, .len = in.left};

    if (b.len == 0)
        b.text = "";
    check_pair(&a, &b, (choices & 1u) != 0, (choices & 2u) != 0 ? 0.5 : 0);
    return 0;
}
