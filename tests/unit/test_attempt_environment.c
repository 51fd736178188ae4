/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_environment: a job finds exactly what is documented in its environment. */
#include "harness/attempt/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct jobs_plan plan = {.name = "suite"};

static void assert_environment(const struct jobs_job *job, const char *const *expected)
{
    cleanup_free const char **env = environment_make(&plan, job, NULL);
    size_t i;

    for (i = 0; expected[i] != NULL; i++) {
        assert_non_null(env[i]);
        assert_string_equal(env[i], expected[i]);
    }
    assert_null(env[i]);
}

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void test_defaults(void **state)
{
    static const char *const expected[] = {DEFAULT_PATH,        "LANG=C.UTF-8",  "TZ=UTC",
                                           "TMPDIR=/tmp",       "CI=true",       "SHELL=/bin/sh",
                                           "CUPEL_SUITE=suite", "CUPEL_JOB=job", NULL};
    struct jobs_job job = {.name = "job"};

    (void)state;
    assert_int_equal(setenv("CUPEL_TEST_SECRET", "of the caller", 1), 0);
    assert_environment(&job, expected);
}

static void test_later_ones_take_the_place(void **state)
{
    static const char *pass[] = {"CUPEL_TEST_A", "CUPEL_TEST_NOT_SET", "TZ", "CUPEL_TEST_B", NULL};
    static const char *env[] = {"PATH=/bin",    "CUPEL_TEST_A=own", "EMPTY=", "LANG=C",
                                "EQUALS=a=b=c", "LANG=D",           NULL};
    static const char *const expected[] = {"PATH=/bin",
                                           "LANG=D",
                                           "TZ=Here",
                                           "TMPDIR=/tmp",
                                           "CI=true",
                                           "SHELL=/usr/bin/bash",
                                           "CUPEL_SUITE=suite",
                                           "CUPEL_JOB=job",
                                           "CUPEL_TEST_A=own",
                                           "CUPEL_TEST_B=",
                                           "EMPTY=",
                                           "EQUALS=a=b=c",
                                           NULL};
    struct jobs_job job = {.name = "job", .shell = "/usr/bin/bash", .env = env, .pass_env = pass};

    (void)state;
    assert_int_equal(setenv("CUPEL_TEST_A", "of the caller", 1), 0);
    assert_int_equal(setenv("CUPEL_TEST_B", "", 1), 0);
    assert_int_equal(setenv("TZ", "Here", 1), 0);
    assert_int_equal(unsetenv("CUPEL_TEST_NOT_SET"), 0);
    assert_environment(&job, expected);
}

/* Names that begin alike are different names. */
static void test_prefixes(void **state)
{
    static const char *env[] = {"PAT=1", "PATHS=2", "P=3", "PAT=4", NULL};
    static const char *const expected[] = {
        DEFAULT_PATH,        "LANG=C.UTF-8",  "TZ=UTC", "TMPDIR=/tmp", "CI=true", "SHELL=/bin/sh",
        "CUPEL_SUITE=suite", "CUPEL_JOB=job", "PAT=4",  "PATHS=2",     "P=3",     NULL};
    struct jobs_job job = {.name = "job", .env = env};

    (void)state;
    assert_environment(&job, expected);
}

static void test_large(void **state)
{
    enum { N = 400 };
    static char text[N][2048];
    static const char *env[N + 1];
    struct jobs_job job = {.name = "job", .env = env};
    cleanup_free const char **got = NULL;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        memset(text[i], 'v', sizeof(text[i]) - 1);
        text[i][snprintf(text[i], sizeof(text[i]), "N%zu=", i)] = 'v';
        env[i] = text[i];
    }
    got = environment_make(&plan, &job, NULL);
    for (size_t i = 0; i < N; i++)
        assert_string_equal(got[8 + i], text[i]);
    assert_null(got[8 + N]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_later_ones_take_the_place),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
