/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports_text: escaping, one table a mode, and the width of text. */
#include "test_reports.h"
#include <stdarg.h>
#include <stddef.h>

#include "reports/model.h"
#include "reports/report_text.h"

struct row {
    const char *in;
    size_t n;
    const char *xml;
    const char *token;
    const char *line;
};
#define IN(s) s, sizeof(s) - 1

static const struct row table[] = {
    {IN("plain"), "plain", "plain", "plain"},
    {IN("a\tb\n"), "a\tb\n", "a\\x09b\\x0A", "a       b\\x0A"},
    {IN("a\r\nb\rc"), "a\nb\\x0Dc", "a\\x0D\\x0Ab\\x0Dc", "a\\x0D\\x0Ab\\x0Dc"},
    {IN("\0\x01\x1f\x7f"), "\\x00\\x01\\x1F\\x7F", "\\x00\\x01\\x1F\\x7F", "\\x00\\x01\\x1F\\x7F"},
    {IN("\x1b[1;31mred\x1b[0m\x1b[K"), "red", "red", "red"},
    {IN("\x1b[2J\x1b[3A"), "\\x1B[2J\\x1B[3A", "\\x1B[2J\\x1B[3A", "\\x1B[2J\\x1B[3A"},
    {IN("\x1b["), "\\x1B[", "\\x1B[", "\\x1B["},
    {IN("\x1b]0;title\x07"), "\\x1B]0;title\\x07", "\\x1B]0;title\\x07", "\\x1B]0;title\\x07"},
    {IN("\xc2\x9b"), "\\u009B", "\\u009B", "\\u009B"}, /* CSI in one character */
    {IN("\xc3\xa9\xf0\x9f\x98\x80"), "\xc3\xa9\xf0\x9f\x98\x80", "\xc3\xa9\xf0\x9f\x98\x80",
     "\xc3\xa9\xf0\x9f\x98\x80"},
    {IN("\xff\xc3"), "\\xFF\\xC3", "\\xFF\\xC3", "\\xFF\\xC3"},
    {IN("\xc0\xaf"), "\\xC0\\xAF", "\\xC0\\xAF", "\\xC0\\xAF"},                    /* overlong */
    {IN("\xed\xa0\x80"), "\\xED\\xA0\\x80", "\\xED\\xA0\\x80", "\\xED\\xA0\\x80"}, /* surrogate */
    {IN("\xf4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80", "\\xF4\\x90\\x80\\x80",
     "\\xF4\\x90\\x80\\x80"},
    {IN("\xef\xbf\xbe\xef\xbf\xbf"), "\\uFFFE\\uFFFF", "\\uFFFE\\uFFFF", "\\uFFFE\\uFFFF"},
    {IN("\xe2\x80\xae"), "\\u202E", "\\u202E", "\\u202E"},        /* right-to-left override */
    {IN("\xe2\x80\x8b"), "\\u200B", "\\u200B", "\\u200B"},        /* zero width space */
    {IN("\xf3\xa0\x81\x81"), "\\uE0041", "\\uE0041", "\\uE0041"}, /* a tag character */
    {IN(" a  b "), " a  b ", "\\x20a \\x20b\\x20", " a  b "},
};

static void expect(const struct row *row, enum text_mode mode, const char *want)
{
    cleanup_strbuf struct strbuf b = {0};

    text_escape(&b, row->in, row->n, mode);
    assert_string_equal(b.data, want);
}

static void test_escape(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        expect(&table[i], TEXT_XML, table[i].xml);
        expect(&table[i], TEXT_TOKEN, table[i].token);
        expect(&table[i], TEXT_LINE, table[i].line);
    }
}

static void test_json_keeps_all_that_is_utf8(void **state)
{
    cleanup_strbuf struct strbuf b = {0};

    (void)state;
    text_escape(&b, IN("a\tb\n\x1b[1m\xc3\xa9\xff\xef\xbf\xbe"), TEXT_JSON);
    assert_string_equal(b.data, "a\tb\n\x1b[1m\xc3\xa9\\xFF\xef\xbf\xbe");
}

/* Every pair of bytes in every mode: valid UTF-8 comes out, without controls where none may be. */
static void test_all_pairs(void **state)
{
    (void)state;
    for (enum text_mode mode = 0; mode < TEXT_MODE_COUNT; mode++) {
        for (unsigned v = 0; v < 0x10000; v++) {
            const unsigned char in[2] = {(unsigned char)(v >> 8), (unsigned char)v};
            cleanup_strbuf struct strbuf b = {0};

            text_escape(&b, in, 2, mode);
            for (size_t i = 0, length; i < b.len; i += length) {
                uint32_t c = 0;

                length = text_decode((unsigned char *)b.data + i, b.len - i, &c);
                assert_true(length > 0);
                if (mode != TEXT_JSON)
                    assert_true((c >= 0x20 && c < 0x7f) || c > 0x9f ||
                                (mode == TEXT_XML && (c == '\n' || c == '\t')));
            }
        }
    }
}

static void test_columns(void **state)
{
    (void)state;
    assert_int_equal(text_columns("abc", 3), 3);
    assert_int_equal(text_columns("\xc3\xa9", 2), 1);
    assert_int_equal(text_columns("\xe6\xbc\xa2", 3), 2);
    assert_int_equal(text_columns("\xf0\x9f\x98\x80", 4), 2);
    assert_int_equal(text_fit("abc", 3, 2), 2);
    assert_int_equal(text_fit("\xe6\xbc\xa2\xe6\xbc\xa2", 6, 3), 3);
    assert_int_equal(text_fit("\xe6\xbc\xa2", 3, 1), 0);
    assert_int_equal(text_fit("abc", 3, SIZE_MAX), 3);
}

static void test_numbers(void **state)
{
    char buf[MODEL_NUMBER_SIZE];

    (void)state;
    assert_string_equal(model_number(67108864, 1, buf), "67108864");
    assert_string_equal(model_number(UINT64_MAX, 1, buf), "18446744073709551615");
    assert_string_equal(model_number(1500, 1000, buf), "1.5");
    assert_string_equal(model_number(2000, 1000, buf), "2.0");
    assert_string_equal(model_number(1000000001, NSEC_PER_SEC, buf), "1.000000001");
    assert_string_equal(model_seconds(1204499999, buf), "1.204");
    assert_string_equal(model_seconds(1999500000, buf), "2.000");
    assert_string_equal(model_seconds(0, buf), "0.000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),    cmocka_unit_test(test_json_keeps_all_that_is_utf8),
        cmocka_unit_test(test_all_pairs), cmocka_unit_test(test_columns),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests_name("reports_text", tests, NULL, NULL);
}
