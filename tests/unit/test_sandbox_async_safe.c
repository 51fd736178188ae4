/* SPDX-License-Identifier: Apache-2.0 */
/* test_sandbox_async_safe: text and reading without malloc, at every length; and the names of the
 * set-up steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>

#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/sandbox.h"

static void test_copy(void **state)
{
    char buf[8];

    (void)state;
    for (size_t size = 0; size <= 6; size++) {
        memset(buf, 'z', sizeof(buf));
        assert_int_equal(safe_copy(buf, "abcd", size), 4); /* what it would have been */
        if (size > 0)
            assert_int_equal(strlen(buf), size - 1 < 4 ? size - 1 : 4);
        assert_memory_equal(buf, "abcd", size > 4 ? 4 : size > 0 ? size - 1 : 0);
        for (size_t i = size; i < sizeof(buf); i++)
            if (i > 4 || size < 5)
                assert_int_equal(buf[i], 'z');
    }
    assert_int_equal(safe_copy(buf, "", sizeof(buf)), 0);
    assert_string_equal(buf, "");
}

static void test_append(void **state)
{
    char buf[8] = "abc", full[4] = {'f', 'u', 'l', 'l'};

    (void)state;
    assert_int_equal(safe_append(buf, "de", sizeof(buf)), 5);
    assert_string_equal(buf, "abcde");
    assert_int_equal(safe_append(buf, "fghi", sizeof(buf)), 9);
    assert_string_equal(buf, "abcdefg");
    assert_int_equal(safe_append(buf, "", sizeof(buf)), 7);
    /* no terminator in it: nothing is written */
    assert_int_equal(safe_append(full, "x", sizeof(full)), 5);
    assert_memory_equal(full, "full", 4);
}

static void test_append_number(void **state)
{
    static const struct {
        uint64_t n;
        const char *text;
    } table[] = {{0, "n=0"},
                 {9, "n=9"},
                 {10, "n=10"},
                 {65535, "n=65535"},
                 {UINT64_MAX, "n=18446744073709551615"}};
    char buf[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        (void)safe_copy(buf, "n=", sizeof(buf));
        assert_int_equal(safe_append_number(buf, table[i].n, sizeof(buf)), strlen(table[i].text));
        assert_string_equal(buf, table[i].text);
    }
    (void)safe_copy(buf, "n=", 5);
    assert_int_equal(safe_append_number(buf, 1234, 5), 6);
    assert_string_equal(buf, "n=12");
}

static void test_read_all(void **state)
{
    char buf[8];
    int p[2];

    (void)state;
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_int_equal(write(p[1], "1234567", 7), 7);
    (void)close(p[1]);
    /* a byte of room tells that this was all */
    assert_int_equal(safe_read_all(p[0], buf, sizeof(buf)), 7);
    assert_memory_equal(buf, "1234567", 7);
    assert_int_equal(safe_read_all(p[0], buf, sizeof(buf)), 0);
    (void)close(p[0]);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_int_equal(write(p[1], "12345678", 8), 8);
    assert_int_equal(safe_read_all(p[0], buf, sizeof(buf)), -EFBIG);
    (void)close(p[0]);
    (void)close(p[1]);
    assert_int_equal(safe_read_all(-1, buf, sizeof(buf)), -EBADF);
    p[0] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(safe_read_all(p[0], buf, sizeof(buf)), -EISDIR);
    (void)close(p[0]);
}

static void test_step_names_are_unique_and_complete(void **state)
{
    (void)state;
    assert_int_equal(sandbox_step_count(), SETUP_STEP_COUNT);
    for (size_t i = 0; i < sandbox_step_count(); i++) {
        const char *name = sandbox_step_name(i);

        assert_non_null(name);
        assert_true(strlen(name) > 0);
        /* fit for CUPEL_FAULT */
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
        assert_string_not_equal(name, "unknown");
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(name, sandbox_step_name(k));
    }
    assert_string_equal(sandbox_step_name(SETUP_STEP_COUNT), "unknown");
    assert_string_equal(sandbox_step_name(SIZE_MAX), "unknown");
    assert_string_equal(sandbox_step_name(SETUP_EXEC), "exec");
    assert_string_equal(sandbox_step_name(SETUP_ID_MAP_LAYERS), "id-map-layers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_append_number),
        cmocka_unit_test(test_read_all),
        cmocka_unit_test(test_step_names_are_unique_and_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
