/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of Debian packages: read and written as text and as JSON, put together of what dpkg and apt
 * say, compared. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "rootfs-cache/sources/packages.h"

#define SUM_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUM_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char two[] =
    "adduser:all 3.134 " SUM_A "\ngcc-12:amd64 1:12.2.0~rc1-14+b1 " SUM_B "\n";

static struct packages parsed(const char *text)
{
    struct packages p;

    assert_int_equal(packages_parse(text, &p), 0);
    return p;
}

static void test_text(void **state)
{
    _cleanup_(packages_free) struct packages p = parsed(two),
                                             sorted =
                                                 parsed("z:all 1 " SUM_A "\na:all 2 " SUM_B "\n");
    cleanup_free char *text = packages_text(&p), *wanted = packages_wanted(&p),
                      *preferences = packages_preferences(&p);

    (void)state;
    assert_string_equal(text, two);
    assert_string_equal(wanted, "adduser:all=3.134\ngcc-12:amd64=1:12.2.0~rc1-14+b1\n");
    assert_string_equal(preferences,
                        "Package: adduser\nPin: version 3.134\nPin-Priority: 1001\n\n"
                        "Package: gcc-12\nPin: version 1:12.2.0~rc1-14+b1\nPin-Priority: 1001\n\n");
    assert_string_equal(sorted.list[0].name, "a:all");
}

/* All of them would mean something else in a command line or in apt's preferences. */
static void test_refused(void **state)
{
    static const char *const bad[] = {
        "gcc 1 " SUM_A,
        "gcc: 1 " SUM_A,
        ":amd64 1 " SUM_A,
        "-o:amd64 1 " SUM_A,
        "gcc:-o 1 " SUM_A,
        "gcc:amd64 -1 " SUM_A,
        "gcc:amd64  " SUM_A,
        "gcc:amd64 1*  " SUM_A,
        "gcc:amd64 1* " SUM_A,
        "gcc:amd64 /1/ " SUM_A,
        "GCC:amd64 1 " SUM_A,
        "g*:amd64 1 " SUM_A,
        "gcc:amd64 1 " SUM_A "a",
        "gcc:amd64 1 AAAA",
        "gcc:amd64 1",
        "gcc:amd64",
        "gcc:amd64 1 " SUM_A "\ngcc:amd64 2 " SUM_A,
        "gcc:amd64\t1 " SUM_A,
    };
    struct packages p = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (packages_parse(bad[i], &p) != -EBADMSG)
            fail_msg("taken: %s", bad[i]);
    assert_null(p.list);
}

static void test_json(void **state)
{
    _cleanup_(packages_free) struct packages p = parsed(two), again = {0};
    cleanup_free char *wrong = NULL, *text = NULL;
    json_t *o = packages_json(&p), *bad;

    (void)state;
    assert_string_equal(json_string_value(json_object_get(o, "adduser:all")), "3.134 " SUM_A);
    assert_int_equal(packages_of_json(o, &again, &wrong), 0);
    text = packages_text(&again);
    assert_string_equal(text, two);
    json_decref(o);
    bad = json_pack("{s:s, s:i}", "a:all", "1 " SUM_A, "b:\x1b[2J", 5);
    assert_int_equal(packages_of_json(bad, &p, &wrong), -EBADMSG);
    assert_string_equal(wrong, "b:?[2J");
    json_decref(bad);
    free(steal_ptr(wrong));
    bad = json_pack("{s:s%}", "a:all", "1 " SUM_A "\0 and more", (size_t)(2 + 64 + 10));
    assert_int_equal(packages_of_json(bad, &p, &wrong), -EBADMSG);
    json_decref(bad);
}

static const char offered[] =
    "Package: adduser\nPriority: important\nVersion: 3.134\nArchitecture: all\nDescription: x\n "
    "Version: 9\n"
    "SHA256: " SUM_A "\n\n"
    "Package: gcc-12\nArchitecture: amd64\nVersion: 1:12.1\nSHA256: " SUM_A "\n\n"
    "Package: broken\nArchitecture: amd64\nVersion: 1\n\n"
    "Package: gcc-12\nArchitecture: amd64\nVersion: 1:12.2.0~rc1-14+b1\nSHA256: " SUM_B;

static void test_of_apt(void **state)
{
    _cleanup_(packages_free) struct packages p = {0}, none = {0};
    cleanup_free char *wrong = NULL, *text = NULL;

    (void)state;
    assert_int_equal(packages_of_apt("gcc-12:amd64=1:12.2.0~rc1-14+b1\nadduser:all=3.134\n",
                                     offered, &p, &wrong),
                     0);
    text = packages_text(&p);
    assert_string_equal(text, two);
    assert_int_equal(packages_of_apt("adduser:all=3.134\nbroken:amd64=1\n", offered, &none, &wrong),
                     -ENOENT);
    assert_string_equal(wrong, "broken:amd64=1");
    assert_null(none.list);
    free(steal_ptr(wrong));
    assert_int_equal(packages_of_apt("adduser:amd64=3.134\n", offered, &none, &wrong), -ENOENT);
    free(steal_ptr(wrong));
    assert_int_equal(packages_of_apt("", "", &none, &wrong), 0);
    assert_int_equal(none.n, 0);
}

static void test_difference(void **state)
{
    _cleanup_(packages_free) struct packages a = parsed("a:all 1 " SUM_A "\nb:all 1 " SUM_A
                                                        "\nc:all 1 " SUM_A "\n"),
                                             b = parsed("b:all 1 " SUM_B "\nc:all 2 " SUM_A
                                                        "\nd:all 1 " SUM_A "\ne:all 1 " SUM_A "\n");
    cleanup_strbuf struct strbuf same = {0}, other = {0}, missing = {0};

    (void)state;
    packages_difference(&a, &a, &same);
    assert_int_equal(same.len, 0);
    packages_difference(&a, &b, &other);
    assert_string_equal(
        other.data,
        "a:all is missing, b:all 1 is bbbbbbbbbbbb... instead of aaaaaaaaaaaa..., c:all is 2 "
        "instead of 1 and 2 more");
    assert_int_equal(
        packages_missing(&a, "Package: b\nArchitecture: all\nVersion: 1\nSHA256: " SUM_A "\n",
                         &missing),
        2);
    assert_string_equal(missing.data, "a:all=1, c:all=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_json),       cmocka_unit_test(test_of_apt),
        cmocka_unit_test(test_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
