/* SPDX-License-Identifier: Apache-2.0 */
/* test_base_text: growing buffers, small string questions, and which name is near enough to
 * suggest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/base.h"

static void test_strbuf_grows_and_stays_terminated(void **state)
{
    struct strbuf b = {0};

    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        strbuf_addf(&b, "%d", (int)(i % 10));
        assert_int_equal(b.len, i + 1);
        assert_int_equal(b.data[b.len], '\0');
        assert_true(b.cap > b.len);
    }
    assert_memory_equal(b.data, "0123456789", 10);
    assert_memory_equal(b.data + 99990, "0123456789", 10);
    strbuf_free(&b);
    assert_null(b.data);
    assert_int_equal(b.len + b.cap, 0);
}

static void test_strbuf_takes_any_byte_and_none(void **state)
{
    cleanup_strbuf struct strbuf b = {0};

    (void)state;
    strbuf_add(&b, NULL, 0);
    assert_string_equal(b.data, "");
    strbuf_add(&b, "a\0b", 3);
    strbuf_adds(&b, "");
    strbuf_addf(&b, "%s", "");
    strbuf_adds(&b, "c");
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, "a\0bc", 5);
}

/* Lengths around the first capacity and its doublings: the terminator needs a byte as well. */
static void test_strbuf_exact_lengths(void **state)
{
    char text[520];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t n = 0; n < sizeof(text); n++) {
        cleanup_strbuf struct strbuf b = {0}, f = {0};

        strbuf_add(&b, text, n);
        strbuf_addf(&f, "%.*s", (int)n, text);
        assert_int_equal(strlen(b.data), n);
        assert_int_equal(f.len, n);
        assert_string_equal(b.data, f.data);
    }
}

static void test_str_eq_and_starts(void **state)
{
    (void)state;
    assert_true(str_eq("", ""));
    assert_false(str_eq("a", "ab"));
    assert_true(str_starts("abc", "ab"));
    assert_true(str_starts("abc", "abc"));
    assert_true(str_starts("abc", ""));
    assert_false(str_starts("ab", "abc"));
    assert_false(str_starts("", "a"));
}

static const char *const names[] = {"run",    "rootfs", "workdir", "env",   "pass-env",
                                    "memory", "needs",  "user",    "inputs"};

static void test_nearest(void **state)
{
    static const struct {
        const char *word;
        const char *nearest; /* NULL: nothing to suggest */
    } table[] = {
        {"memroy", "memory"}, /* a transposition counts once */
        {"memor", "memory"},     {"memoryy", "memory"},  {"nemory", "memory"}, {"enviroment", NULL},
        {"root-fs", "rootfs"},   {"wrokdri", "workdir"}, {"rnu", "run"},       {"Run", "run"},
        {"passenv", "pass-env"}, {"need", "needs"},      {"zzzzzz", NULL},     {"", NULL},
        {"xyz", NULL},           {"inptus", "inputs"},   {"run", "run"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *found = str_nearest(table[i].word, names, ARRAY_SIZE(names));

        if (table[i].nearest == NULL && found != NULL)
            fail_msg("'%s': suggested '%s'", table[i].word, found);
        if (table[i].nearest != NULL && (found == NULL || strcmp(found, table[i].nearest) != 0))
            fail_msg("'%s': suggested '%s', not '%s'", table[i].word,
                     found != NULL ? found : "nothing", table[i].nearest);
    }
}

static void test_nearest_of_hostile_words(void **state)
{
    static const char *const odd[] = {"", "a", "memory"};
    char longest[64], too_long[65];
    const char *one = longest;

    (void)state;
    memset(longest, 'm', sizeof(longest));
    longest[63] = '\0';
    memset(too_long, 'm', sizeof(too_long));
    too_long[64] = '\0';
    /* 63 bytes is the longest that is compared */
    assert_ptr_equal(str_nearest(longest, &one, 1), longest);
    assert_null(str_nearest(too_long, &one, 1));
    one = too_long;
    assert_null(str_nearest(longest, &one, 1));
    assert_null(str_nearest("memory", NULL, 0));
    /* replacing every letter is no likeness */
    assert_null(str_nearest("q", odd, ARRAY_SIZE(odd)));
    assert_ptr_equal(str_nearest("mem\xff"
                                 "ry",
                                 odd, ARRAY_SIZE(odd)),
                     odd[2]);
}

static void test_nearest_takes_the_first_of_equals(void **state)
{
    static const char *const twins[] = {"stdout", "stderr", "stdin", "stdim"};

    (void)state;
    assert_ptr_equal(str_nearest("stdix", twins, ARRAY_SIZE(twins)), twins[2]);
}

static void test_line_is_harmless(void **state)
{
    struct strbuf b = {0};

    (void)state;
    text_add_line(
        &b, "a\nb\tc\x1b[2J \xc2\x9b \xe2\x80\xae \xe2\x81\xa6 \x7f caf\xc3\xa9 \xe2\x82\xac \xe2");
    assert_string_equal(b.data, "a?b?c?[2J ? ? ? ? caf\xc3\xa9 \xe2\x82\xac \xe2");
    strbuf_free(&b);
    text_add_line(&b, "a\xe2\x80\x8b"
                      "b\xf3\xa0\x81\x81"
                      "c\xc2\xad\xef\xbb\xbf"
                      "d\x9b"
                      "e\xf0\x9f\x98\x80");
    assert_string_equal(b.data, "a?b?c??d?e\xf0\x9f\x98\x80");
    strbuf_free(&b);
    text_add_line(&b, "");
    assert_string_equal(b.data, "");
    strbuf_free(&b);
}

static void test_short_line_ends_between_characters(void **state)
{
    struct strbuf b = {0}, text = {0};

    (void)state;
    text_add_short_line(&b, "");
    assert_string_equal(b.data, "");
    strbuf_adds(&b, "in ");
    for (size_t i = 0; i < TEXT_SHORT_MAX - 1; i++)
        strbuf_adds(&text, "\n");
    text_add_short_line(&b, text.data);
    assert_int_equal(b.len, 3 + TEXT_SHORT_MAX - 1);
    b.len = 3;
    strbuf_adds(&text, "\xc3\xa9"); /* its second byte is one too many */
    text_add_short_line(&b, text.data);
    assert_int_equal(b.len, 3 + TEXT_SHORT_MAX - 1 + 3);
    assert_string_equal(b.data + b.len - 4, "?...");
    strbuf_free(&text);
    strbuf_free(&b);
}

static void test_json_reads_the_same(void **state)
{
    struct strbuf b = {0};

    (void)state;
    text_add_json(&b, "{\n  \"\xc2\x9b\": \"caf\xc3\xa9\xe2\x80\xae \x7f\xf3\xa0\x81\x81\"\n}");
    assert_string_equal(b.data,
                        "{\n  \"\\u009b\": \"caf\xc3\xa9\\u202e \\u007f\\udb40\\udc41\"\n}");
    strbuf_free(&b);
}

/* What Unicode says of each; what has a shape is sent as it is. */
static void test_hidden(void **state)
{
    static const uint32_t hidden[] = {0,      0x1b,   0x7f,   0x85,    0x9b,    0xad,    0x61c,
                                      0x200b, 0x200d, 0x200f, 0x2028,  0x202e,  0x2060,  0x2066,
                                      0x2069, 0x206f, 0x3164, 0xfeff,  0xfff9,  0xffff,  0x180e,
                                      0x115f, 0x034f, 0xffa0, 0xe0001, 0xe0041, 0xe007f, 0xe01ef};
    static const uint32_t shown[] = {0x20,   0x7e,   0xa0,   0xe9,    0x300,  0x600,
                                     0x200a, 0x2010, 0x2027, 0x202f,  0x205f, 0x2070,
                                     0x20ac, 0xfe0f, 0xfffd, 0x1f600, 0xe1000};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
        assert_true(text_is_hidden(hidden[i]));
    for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
        assert_false(text_is_hidden(shown[i]));
}

static void test_hex(void **state)
{
    char hex[9] = "????????";

    (void)state;
    text_hex("\x00\x1f\xa9\xff", 4, hex);
    assert_string_equal(hex, "001fa9ff");
    text_hex("", 0, hex);
    assert_string_equal(hex, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_reads_the_same),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_line_is_harmless),
        cmocka_unit_test(test_short_line_ends_between_characters),
        cmocka_unit_test(test_strbuf_grows_and_stays_terminated),
        cmocka_unit_test(test_strbuf_takes_any_byte_and_none),
        cmocka_unit_test(test_strbuf_exact_lengths),
        cmocka_unit_test(test_str_eq_and_starts),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_nearest_of_hostile_words),
        cmocka_unit_test(test_nearest_takes_the_first_of_equals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
