/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_merged_log: two streams as one text of lines, each with its time, whatever pieces
 * they come in, and however much there is of them. */
#include "harness/attempt/merged_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define AT(seconds) (&(struct timespec){.tv_sec = 1700000000 + (seconds), .tv_nsec = 123999999})
#define HEAD0 "2023-11-14T22:13:20.123Z "
#define HEAD1 "2023-11-14T22:13:21.123Z "
#define PIECE 16384

struct room {
    struct merged_log m;
    struct strbuf out;
};

static void say_bytes(struct room *r, int which, int at, const char *data, size_t n)
{
    merged_log_take(&r->m, which, data, n, AT(at), UINT64_MAX, &r->out);
}

static void say(struct room *r, int which, int at, const char *text)
{
    say_bytes(r, which, at, text, strlen(text));
}

/* Compares all that has gone out, and empties the room. */
static void assert_log(struct room *r, const char *expected)
{
    merged_log_finish(&r->m, AT(1), UINT64_MAX, &r->out);
    assert_string_equal(r->out.data != NULL ? r->out.data : "", expected);
    merged_log_end(&r->m);
    strbuf_free(&r->out);
    *r = (struct room){0};
}

static void test_lines_in_the_order_in_which_they_are_complete(void **state)
{
    struct room r = {0};

    (void)state;
    say(&r, 0, 0, "be");
    say(&r, 1, 0, "trouble\n\nmore");
    say(&r, 0, 1, "gin\nend\n");
    assert_log(&r, HEAD0 "stderr trouble\n" HEAD0 "stderr \n" HEAD1 "stdout begin\n" HEAD1
                         "stdout end\n" HEAD1 "stderr more\n");
    assert_log(&r, "");
}

/* Leaves of a line what stands there at its end. */
static void test_carriage_returns(void **state)
{
    static const struct {
        const char *said, *line;
    } table[] = {
        {"10%\r20%\r100%\n", "100%"},
        {"text\r\n", "text"},
        {"text\r\r\n", "text"},
        {"\rtext\n", "text"},
        {"long line\rshort\n", "short"},
        {"a\rb", "b"},
        {"a\rb\r", "b"},
        {"a\r\x1b[K\n", "\x1b[K"},
        {"\r\n", ""},
    };
    struct room r = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_free char *expected = xasprintf(HEAD1 "stdout %s\n", table[i].line);

        for (const char *p = table[i].said; *p != '\0'; p++)
            say_bytes(&r, 0, 1, p, 1);
        assert_log(&r, expected);
        say(&r, 0, 1, table[i].said);
        assert_log(&r, expected);
    }
}

/* Goes on with a line that is longer than is kept; of what has gone out nothing is overwritten. */
static void test_long_lines(void **state)
{
    static char text[2 * PIECE + 10];
    cleanup_free char *expected = NULL;
    struct room r = {0};

    (void)state;
    memset(text, 'x', sizeof(text));
    say_bytes(&r, 0, 1, text, PIECE);
    say(&r, 1, 1, "between\n");
    say(&r, 0, 1, "\n");
    expected = xasprintf(HEAD1 "stderr between\n" HEAD1 "stdout %.*s\n", PIECE, text);
    assert_log(&r, expected);
    free(expected);
    say_bytes(&r, 0, 1, text, sizeof(text));
    say(&r, 0, 1, "\ry\nz\n");
    expected =
        xasprintf(HEAD1 "stdout %.*s\n" HEAD1 "stdout+%.*s\n" HEAD1 "stdout+y\n" HEAD1 "stdout z\n",
                  PIECE, text, PIECE, text);
    assert_log(&r, expected);
}

/* Ends with a line of its own where empty lines would make it many times as long. */
static void test_bound(void **state)
{
    static char text[1 << 20];
    struct room r = {0};
    const char *last;

    (void)state;
    memset(text, '\n', sizeof(text));
    for (int i = 0; i < 3; i++)
        merged_log_take(&r.m, 0, text, sizeof(text), AT(1), 1000, &r.out);
    merged_log_finish(&r.m, AT(1), 1000, &r.out);
    assert_int_equal(merged_log_bound(1000), 2000 + 65536);
    assert_in_range(r.out.len, 67000, 67700);
    last = r.out.data + r.out.len -
           strlen("cupel  the rest is in the logs of the two streams alone\n");
    assert_string_equal(last, "cupel  the rest is in the logs of the two streams alone\n");
    assert_int_equal(r.m.written, r.out.len);
    assert_int_equal(merged_log_bound(UINT64_MAX), UINT64_MAX);
    assert_int_equal(merged_log_bound((uint64_t)1 << 30),
                     ((uint64_t)1 << 30) + ((uint64_t)64 << 20) + 65536);
    merged_log_end(&r.m);
    strbuf_free(&r.out);
}

/* Says the same however it comes, and keeps no more than it may. */
static void test_in_pieces(void **state)
{
    enum { N = 200000 };
    static char text[N];
    struct room whole = {0}, pieces = {0};
    uint64_t seed = 1;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        text[i] = "ab\n\r\0c"[(seed >> 33) % ((seed >> 60) == 0 ? 6 : 2)];
    }
    say_bytes(&whole, 0, 1, text, N);
    for (size_t at = 0; at < N;) {
        size_t n = 1 + (size_t)(seed >> 40) % 3000;

        n = n < N - at ? n : N - at;
        say_bytes(&pieces, 0, 1, text + at, n);
        assert_true(pieces.m.line[0].text.len <= PIECE);
        at += n;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
    }
    assert_int_equal(whole.out.len, pieces.out.len);
    assert_memory_equal(whole.out.data, pieces.out.data, whole.out.len);
    merged_log_end(&whole.m);
    merged_log_end(&pieces.m);
    strbuf_free(&whole.out);
    strbuf_free(&pieces.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_in_the_order_in_which_they_are_complete),
        cmocka_unit_test(test_carriage_returns),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
