/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports_junit_text: properties of junit.xml, byte by byte. What readers make of the whole
 * file: test_reports_junit.c. */
#include "reports/junit_text.h"
#include "test_reports.h"

struct laid_out {
    const char *values[4]; /* of "a", "b" and so on */
    const char *text;      /* between the suite's tags */
};

/* What is written in one piece and what libxml2 writes are laid out alike, in any order, and the
 * markup of no value gets into the report. */
static void test_properties_are_laid_out(void **state)
{
#define PLAIN(name, value) "      <property name=\"g." name "\" value=\"" value "\"/>\n"
#define BLOCK(...) "    <properties>\n" __VA_ARGS__ "    </properties>\n"
    static const struct laid_out each[] = {
        {{NULL}, "    <properties/>\n"},
        {{"", "1"}, BLOCK(PLAIN("b", "1"))},
        {{"1", "x y's"}, BLOCK(PLAIN("a", "1") PLAIN("b", "x y's"))},
        {{"\n"}, BLOCK(PLAIN("a", "&#10;"))},
        {{"1", "&", "2"}, BLOCK(PLAIN("a", "1") PLAIN("b", "&amp;") PLAIN("c", "2"))},
        {{"\"/>", "1", "<", ">"},
         BLOCK(PLAIN("a", "&quot;/&gt;") PLAIN("b", "1") PLAIN("c", "&lt;") PLAIN("d", "&gt;"))},
        {{"1", "\x1b[7mq", "\xc3\xa9\x7f", "2"},
         BLOCK(PLAIN("a", "1") PLAIN("b", "q") PLAIN("c", "\xc3\xa9\\x7F") PLAIN("d", "2"))},
    };
    struct room *room = *state;

    for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
        int fd = openat(reports_out_dirfd(room->out), "laid", O_RDWR | O_CREAT | O_TRUNC, 0600);
        char name[2] = "a", got[600], wanted[600];
        struct junit_writer w;
        ssize_t n;

        assert_int_equal(junit_open(&w, room->out, fd), 0);
        junit_start(&w, "testsuites");
        junit_start(&w, "testsuite");
        junit_properties_start(&w);
        for (size_t k = 0; k < ARRAY_SIZE(each[i].values); k++, name[0]++)
            junit_property(&w, "g.", name, each[i].values[k]);
        junit_properties_end(&w);
        junit_end(&w);
        junit_end(&w);
        assert_int_equal(junit_close(&w), 0);
        n = pread(fd, got, sizeof(got) - 1, 0);
        assert_true(n > 0);
        got[n] = '\0';
        (void)snprintf(wanted, sizeof(wanted),
                       "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                       "  <testsuite>\n%s  </testsuite>\n</testsuites>\n",
                       each[i].text);
        assert_string_equal(got, wanted);
        (void)close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_properties_are_laid_out, room_setup, room_teardown),
    };

    return cmocka_run_group_tests_name("reports_junit_text", tests, NULL, NULL);
}
