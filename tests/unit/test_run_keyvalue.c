/* SPDX-License-Identifier: Apache-2.0 */
/* test_run_keyvalue: what the writer of records writes is what the reader finds, whatever bytes are
 * in a value and however a file was cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "harness/run/keyvalue.h"

static struct keyvalue record_of(const struct strbuf *b)
{
    return (struct keyvalue){.text = b->data, .len = b->len};
}

static void test_form(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    static const char expected[] = "job=0 1\ta b\tc\0env=A=1\n2\0env=B=";

    (void)state;
    keyvalue_addf(&b, "job", "%d %d\t%s\t%s", 0, 1, "a b", "c");
    keyvalue_add(&b, "env", "A=1\n2");
    keyvalue_add(&b, "env", "B=");
    assert_int_equal(b.len, sizeof(expected));
    assert_memory_equal(b.data, expected, sizeof(expected));
}

static void test_values(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    struct keyvalue r;
    char **all;

    (void)state;
    keyvalue_add(&b, "file", "/a");
    keyvalue_add(&b, "file", "");
    keyvalue_add(&b, "files", "/b");
    keyvalue_add(&b, "file", "job=x");
    r = record_of(&b);
    assert_string_equal(keyvalue_nth(&r, "file", 0), "/a");
    assert_string_equal(keyvalue_nth(&r, "file", 1), "");
    assert_string_equal(keyvalue_nth(&r, "file", 2), "job=x");
    assert_null(keyvalue_nth(&r, "file", 3));
    assert_string_equal(keyvalue_nth(&r, "files", 0), "/b");
    assert_null(keyvalue_nth(&r, "job", 0));
    all = keyvalue_all(&r, "file");
    assert_string_equal(all[0], "/a");
    assert_string_equal(all[1], "");
    assert_string_equal(all[2], "job=x");
    assert_null(all[3]);
    keyvalue_free_all(all);
    all = keyvalue_all(&r, "job");
    assert_null(all[0]);
    keyvalue_free_all(all);
}

/* The last entry of a file that was cut off ends where the text does. */
static void test_cut_off(void **state)
{
    char text[] = "a=1\0b=2";
    struct keyvalue r = {.text = text, .len = sizeof(text) - 1}, none = {0};
    const char *e = keyvalue_next(&r, NULL);

    (void)state;
    assert_string_equal(e, "a=1");
    e = keyvalue_next(&r, e);
    assert_string_equal(keyvalue_of(e, "b"), "2");
    assert_null(keyvalue_next(&r, e));
    assert_null(keyvalue_next(&none, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
