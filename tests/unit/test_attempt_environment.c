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

/* Plain numbers, and one of the two about CPUs. */
static void test_limits(void **state)
{
    static const char *const expected[] = {DEFAULT_PATH,
                                           "LANG=C.UTF-8",
                                           "TZ=UTC",
                                           "TMPDIR=/tmp",
                                           "CI=true",
                                           "SHELL=/bin/sh",
                                           "CUPEL_SUITE=suite",
                                           "CUPEL_JOB=job",
                                           "CUPEL_LIMIT_CPUS=1.5",
                                           "CUPEL_LIMIT_CPU_TIME=0.25",
                                           "CUPEL_LIMIT_WALL=3600",
                                           "CUPEL_LIMIT_MEMORY=1152921504606846976",
                                           "CUPEL_LIMIT_OUTPUT=0",
                                           "CUPEL_LIMIT_OPEN_FILES=64",
                                           "CUPEL_LIMIT_IO_READ_BPS=4096",
                                           NULL};
    struct jobs_job job = {.name = "job"};
    const struct {
        enum jobs_limit limit;
        uint64_t value;
    } given[] = {{JOBS_LIMIT_CPU, 1500},
                 {JOBS_LIMIT_CPUSET, 2},
                 {JOBS_LIMIT_CPU_TIME, NSEC_PER_SEC / 4},
                 {JOBS_LIMIT_WALL, 3600 * NSEC_PER_SEC},
                 {JOBS_LIMIT_MEMORY, UINT64_C(1) << 60},
                 {JOBS_LIMIT_OUTPUT, 0},
                 {JOBS_LIMIT_OPEN_FILES, 64},
                 {JOBS_LIMIT_IO_READ_BPS, 4096}};
    cleanup_free const char **env = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
        job.limits.set |= 1u << given[i].limit;
        job.limits.value[given[i].limit] = given[i].value;
    }
    assert_environment(&job, expected);
    job.limits.value[JOBS_LIMIT_CPUSET] = 1;
    env = environment_make(&plan, &job, NULL);
    assert_string_equal(env[8], "CUPEL_LIMIT_CPUS=1");
    job.limits.set &= ~(1u << JOBS_LIMIT_CPU);
    free((void *)env);
    env = environment_make(&plan, &job, NULL);
    assert_string_equal(env[8], "CUPEL_LIMIT_CPUS=1");
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
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_later_ones_take_the_place),
        cmocka_unit_test(test_prefixes), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
