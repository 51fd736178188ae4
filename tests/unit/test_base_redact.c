/* SPDX-License-Identifier: Apache-2.0 */
/* test_base_redact: secrets in what passes: whatever it is cut into, in whatever form a program
 * prints them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "tests/unit/redact_reference.h"

static struct redact *redact_of(const char *value, size_t n)
{
    struct redact *r = redact_new();

    redact_add(r, value, n);
    redact_seal(r);
    return r;
}

/* Passes the text in two pieces, cut at every byte, and byte by byte. */
static void assert_redacted(const struct redact *r, const char *text, size_t n,
                            const char *expected)
{
    for (size_t cut = 0; cut <= n + 1; cut++) {
        cleanup_strbuf struct strbuf out = {0};
        struct redact_stream s;

        redact_stream_begin(&s, r);
        for (size_t i = 0; cut > n && i < n; i++)
            redact_stream_take(&s, text + i, 1, &out);
        if (cut <= n) {
            redact_stream_take(&s, text, cut, &out);
            redact_stream_take(&s, text + cut, n - cut, &out);
        }
        redact_stream_finish(&s, false, &out);
        assert_int_equal(s.written, out.len);
        assert_int_equal(s.taken, n);
        redact_stream_end(&s);
        assert_string_equal(out.data != NULL ? out.data : "", expected);
    }
}

static void test_every_form(void **state)
{
    static const char pem[] = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n}\nAbCd\n";
    static const struct {
        const char *value, *text, *expected;
    } cases[] = {
        {"hunter22", "a hunter22 b", "a *** b"},
        {"hunter22", "hunter2 hunter", "hunter2 hunter"},
        {"hunter22", "hunterhunter22", "hunter***"},
        {"hunter22", "hunter22hunter22", "***"},
        {"aabaa", "aabaabaa aabaaaabaa", "*** ***"},
        /* base64 of "hunter22", "xhunter22y", "xxhunter22z" and "hunter22\n" */
        {"hunter22", "aHVudGVyMjI=", "***"},
        {"hunter22", "aHVudGVyMjI.", "***."},
        {"hunter22", "eGh1bnRlcjIyeQ==", "eG***eQ=="},
        {"hunter22", "eHhodW50ZXIyMno=", "eHh***no="},
        {"hunter22", "aHVudGVyMjIK", "***K"},
        {"\xff\xfe\xff\xfe", "//7//g== __7__g", "*** ***"},
        /* URLs */
        {"a/b c+d", "a%2Fb%20c%2Bd a%2fb%20c%2bd a%2Fb+c%2Bd a/b%20c+d", "*** *** *** ***"},
        {"p@ss w0rd!", "p%40ss%20w0rd! p%40ss+w0rd%21 %70%40%73%73%20%77%30%72%64%21",
         "*** *** ***"},
        /* JSON */
        {"say \"hi\"\\", "{\"a\":\"say \\\"hi\\\"\\\\\"}", "{\"a\":\"***\"}"},
        {"a<b>&/c", "a\\u003cb\\u003e\\u0026/c a\\u003Cb\\u003E\\u0026/c a<b>&\\/c", "*** *** ***"},
        {"tést💥", "t\\u00e9st\\ud83d\\udca5 t\\u00E9st\\uD83D\\uDCA5 tést💥", "*** *** ***"},
        {"a\tb\nc\x01", "a\\tb\\nc\\u0001", "***"},
        /* XML */
        {"<a&b>\"", "&lt;a&amp;b&gt;&quot; &lt;a&amp;b&gt;\"", "*** &lt;a&amp;b&gt;\""},
        /* where characters cannot be told, and in the kernel's log */
        {"p\xc3\xa4ss\tw\\\x1b", "p??ss?w\\? p\\xc3\\xa4ss\\x09w\\x5c\\x1b", "*** ***"},
        {"\xc3\xa4\xc3\xb6", "????", "????"},
        /* several lines: as a whole, with a terminal's line ends, and each of four bytes or more */
        {pem, "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n}\nAbCd\n", "***\n"},
        {pem, "-----BEGIN KEY-----\r\nMIIEvQIBADANBgkqhkiG9w0B\r\n}\r\nAbCd\r\n", "***\r\n"},
        {pem, "x MIIEvQIBADANBgkqhkiG9w0B } y AbCd", "x *** } y ***"},
        {pem, "-----BEGIN KEY-----\\nMIIEvQIBADANBgkqhkiG9w0B\\n}\\nAbCd", "***"},
        {"token\n", "<token>", "<***>"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct redact *r = redact_of(cases[i].value, strlen(cases[i].value));

        assert_redacted(r, cases[i].text, strlen(cases[i].text), cases[i].expected);
        redact_free(r);
    }
}

/* base64(1) puts 76 characters in a line, PEM 64. */
static void test_base64_in_lines(void **state)
{
    static const size_t widths[] = {76, 64};
    char value[200], line[80];

    (void)state;
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (char)('!' + i * 7 % 90);
    for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
        struct redact *r = redact_of(value, sizeof(value));
        cleanup_strbuf struct strbuf all = {0};
        static const char of[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t column = 0;

        for (size_t i = 0; i < sizeof(value) * 8; i += 6) {
            unsigned bits = 0;

            for (size_t k = 0; k < 6; k++) {
                size_t bit = i + k;

                bits = bits << 1 | (bit < sizeof(value) * 8 &&
                                    ((unsigned char)value[bit / 8] >> (7 - bit % 8) & 1));
            }
            if (column == widths[w]) {
                if (all.len == column) /* the first line, for itself */
                    memcpy(line, all.data, column);
                strbuf_adds(&all, "\n");
                column = 0;
            }
            strbuf_add(&all, &of[bits], 1);
            column++;
        }
        strbuf_adds(&all, "=");
        assert_redacted(r, all.data, all.len, "***");
        assert_redacted(r, line, widths[w], "***");
        redact_free(r);
    }
}

/* Encodes in lines of so many characters. */
static void put_base64(struct strbuf *out, const char *data, size_t n, size_t width)
{
    static const char of[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t column = 0;

    for (size_t i = 0; i < n * 8; i += 6) {
        unsigned bits = 0;

        for (size_t bit = i; bit < i + 6; bit++)
            bits = bits << 1 | (bit < n * 8 && ((unsigned char)data[bit / 8] >> (7 - bit % 8) & 1));
        if (column == width)
            strbuf_adds(out, "\n");
        column = column == width ? 1 : column + 1;
        strbuf_add(out, &of[bits], 1);
    }
}

/* Puts the value anywhere in a longer text, so that a line ends anywhere in it: what is left are
 * the characters that have nothing of it, or not all of their bits. */
static void test_base64_in_lines_of_a_longer_text(void **state)
{
    static const char value[] = "correct-horse-battery-staple-9", more[] = "~ and more";
    static const size_t widths[] = {76, 64};
    const size_t n = sizeof(value) - 1;
    struct redact *r = redact_of(value, n);

    (void)state;
    for (size_t w = 0; w < ARRAY_SIZE(widths); w++)
        for (size_t before = 0; before < 160; before++) {
            cleanup_strbuf struct strbuf text = {0}, encoded = {0}, out = {0};
            size_t hidden = (before + n) * 8 / 6 - (before * 8 + 5) / 6, left = 0, whole = 0;

            for (size_t i = 0; i < before; i++)
                strbuf_adds(&text, "x");
            strbuf_adds(&text, value);
            strbuf_adds(&text, more);
            put_base64(&encoded, text.data, text.len, widths[w]);
            redact_put(r, encoded.data, encoded.len, false, &out);
            assert_non_null(strstr(out.data, REDACTED));
            for (size_t i = 0; i < out.len; i++)
                left += out.data[i] != '*' && out.data[i] != '\n';
            for (size_t i = 0; i < encoded.len; i++)
                whole += encoded.data[i] != '\n';
            assert_int_equal(left, whole - hidden);
        }
    redact_free(r);
}

static void test_what_is_short_is_let_be(void **state)
{
    struct redact *r = redact_of("a\nbc\nlong enough", 16);

    (void)state;
    assert_redacted(r, "a bc def", 8, "a bc def");
    assert_redacted(r, "bc long enough", 14, "bc ***");
    redact_free(r);
}

/* A secret that ends shows at once, and so does the beginning of none: somebody waits for it at a
 * terminal. */
static void test_nothing_is_held_back_for_long(void **state)
{
    struct redact *r = redact_of("hunter22", 8);
    cleanup_strbuf struct strbuf out = {0};
    struct redact_stream s;

    (void)state;
    redact_stream_begin(&s, r);
    redact_stream_take(&s, "$ hunter22", 10, &out);
    assert_string_equal(out.data, "$ ***");
    redact_stream_take(&s, "\nhunt", 5, &out);
    assert_string_equal(out.data, "$ ***\n");
    redact_stream_take(&s, "ing", 3, &out);
    assert_string_equal(out.data, "$ ***\nhunting");
    redact_stream_take(&s, " hunter2", 8, &out);
    assert_string_equal(out.data, "$ ***\nhunting ");
    redact_stream_finish(&s, false, &out);
    assert_string_equal(out.data, "$ ***\nhunting hunter2");
    redact_stream_end(&s);
    redact_free(r);
}

static void test_what_was_cut(void **state)
{
    struct redact *r = redact_of("hunter22", 8);
    cleanup_free char *one = redact_string(r, "is hunter2", true);
    cleanup_free char *two = redact_string(r, "is hun", true);
    cleanup_free char *three = redact_string(r, "is hunter2", false);
    char small[12] = "hunter22 abc";

    (void)state;
    assert_string_equal(one, "is ***");
    assert_null(two);
    assert_null(three);
    small[11] = '\0';
    redact_in_place(r, small, sizeof(small));
    assert_string_equal(small, "*** ab");
    redact_in_place(NULL, small, sizeof(small));
    assert_string_equal(small, "*** ab");
    assert_false(redact_has(NULL, "hunter22", 8));
    assert_true(redact_has(r, "xhunter22", 9));
    redact_free(r);
}

static void test_marks_are_found_again(void **state)
{
    static const char text[] = "one hunter22 hunt er22 hunter22";
    struct redact *r = redact_of("hunter22", 8);

    (void)state;
    for (size_t mark = 0; mark < sizeof(text); mark++) {
        cleanup_strbuf struct strbuf out = {0};
        cleanup_strbuf struct strbuf before = {0};
        struct redact_stream s;

        redact_stream_begin(&s, r);
        redact_stream_take(&s, text, mark, &out);
        redact_stream_mark(&s);
        redact_stream_take(&s, text + mark, sizeof(text) - 1 - mark, &out);
        redact_stream_mark(&s);
        redact_stream_finish(&s, false, &out);
        assert_string_equal(out.data, "one *** hunt er22 ***");
        assert_int_equal(redact_stream_where(&s, sizeof(text) - 1), out.len);
        /* within a secret, what stands for it is before the mark */
        if (mark <= 4)
            strbuf_add(&before, text, mark);
        else
            strbuf_addf(&before, "one ***%.*s",
                        mark <= 12   ? 0
                        : mark <= 23 ? (int)mark - 12
                                     : 11,
                        text + 12);
        strbuf_adds(&before, mark > 23 ? "***" : "");
        assert_int_equal(redact_stream_where(&s, mark), before.len);
        redact_stream_end(&s);
    }
    redact_free(r);
}

/* Against the naive way, with few letters, so that secrets overlap, contain and begin one another.
 */
static void test_as_the_naive_way(void **state)
{
    unsigned seed = 1;

    (void)state;
    for (size_t round = 0; round < 3000; round++) {
        char texts[6][12], text[120];
        struct reference_text secrets[6];
        size_t n = 1 + (size_t)rand_r(&seed) % 6, len = (size_t)rand_r(&seed) % sizeof(text);
        unsigned letters = 1 + (unsigned)rand_r(&seed) % 3;
        bool cut = rand_r(&seed) % 2;
        cleanup_strbuf struct strbuf got = {0};
        cleanup_strbuf struct strbuf expected = {0};
        struct redact *r = redact_new();
        struct redact_stream s;

        for (size_t i = 0; i < n; i++) {
            secrets[i] = (struct reference_text){texts[i], 2 + (size_t)rand_r(&seed) % 10};
            for (size_t k = 0; k < secrets[i].n; k++)
                texts[i][k] = (char)('a' + (unsigned)rand_r(&seed) % letters);
            redact_add_text(r, texts[i], secrets[i].n);
        }
        redact_seal(r);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)('a' + (unsigned)rand_r(&seed) % (letters + 1));
        redact_stream_begin(&s, r);
        for (size_t at = 0; at < len;) {
            size_t piece = 1 + (size_t)rand_r(&seed) % 20;

            piece = piece < len - at ? piece : len - at;
            redact_stream_take(&s, text + at, piece, &got);
            at += piece;
        }
        redact_stream_finish(&s, cut, &got);
        redact_stream_end(&s);
        redact_free(r);
        reference_redact(secrets, n, text, len, cut, &expected);
        assert_int_equal(got.len, expected.len);
        if (got.len > 0)
            assert_memory_equal(got.data, expected.data, got.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form),
        cmocka_unit_test(test_base64_in_lines),
        cmocka_unit_test(test_base64_in_lines_of_a_longer_text),
        cmocka_unit_test(test_what_is_short_is_let_be),
        cmocka_unit_test(test_nothing_is_held_back_for_long),
        cmocka_unit_test(test_what_was_cut),
        cmocka_unit_test(test_marks_are_found_again),
        cmocka_unit_test(test_as_the_naive_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
