/* SPDX-License-Identifier: Apache-2.0 */
/* What is loaded late is what the library has; what is missing is an error; and a process that is
 * about to leave the host's "/" loads nothing any more. */
#include "base/late.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

struct functions {
    __typeof__(cos) *cos;
    __typeof__(floor) *floor;
};

static const char *const names[] = {"cos", "floor"};

static struct late_library library(const char *file, const char *const *of, struct functions *f)
{
    return (struct late_library){.file = file, .names = of, .n = 2, .functions = f};
}

static void test_functions_are_those_of_the_library(void **state)
{
    struct functions f = {0};
    struct late_library l = library("libm.so.6", names, &f);
    struct cupel_error err;

    (void)state;
    assert_int_equal(late_load(&l, &err), 0);
    assert_true(l.loaded);
    assert_true(f.cos(0.0) == 1.0); /* NOLINT */
    assert_true(f.floor(2.5) == 2.0);
    assert_int_equal(late_load(&l, &err), 0);
}

static void test_missing_is_said(void **state)
{
    static const char *const other[] = {"cos", "no_such_function"};
    struct functions f = {0};
    struct late_library none = library("libcupel-is-not-there.so.1", names, &f),
                        less = library("libm.so.6", other, &f);
    struct cupel_error err;

    (void)state;
    assert_int_equal(late_load(&none, &err), -ELIBACC);
    assert_non_null(strstr(err.message, "cannot load libcupel-is-not-there.so.1"));
    assert_int_equal(late_load(&less, &err), -ELIBACC);
    assert_non_null(strstr(err.message, "no_such_function"));
    assert_false(none.loaded || less.loaded);
}

/* Runs it in a child, where it is for good. */
static int status_of(void (*what)(struct late_library *l), struct late_library *l)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        late_forbid();
        what(l);
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void load(struct late_library *l)
{
    struct cupel_error err;

    _exit(late_load(l, &err) == 0 ? 0 : 1);
}

static void test_forbidden_loads_nothing(void **state)
{
    struct functions f = {0};
    struct late_library l = library("libm.so.6", names, &f);
    struct cupel_error err;

    (void)state;
    assert_int_equal(status_of(load, &l), 1);
    assert_int_equal(status_of(late_need, &l), CUPEL_ERROR_HARNESS);
    assert_int_equal(late_load(&l, &err), 0);
    assert_int_equal(status_of(load, &l), 0);
    assert_int_equal(status_of(late_need, &l), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_are_those_of_the_library),
        cmocka_unit_test(test_missing_is_said),
        cmocka_unit_test(test_forbidden_loads_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
