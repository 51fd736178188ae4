/* SPDX-License-Identifier: Apache-2.0 */
/* bases: how long what a job left is kept. */
#include "harness/run/run.h"
#include "harness/supervisor/snapshot_needs.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect_unneeded(const struct snapshot_needs *b, const size_t *list, size_t n)
{
    size_t instance;

    assert_int_equal(snapshot_needs_count_unneeded(b), n);
    for (size_t i = 0; i < n; i++) {
        assert_true(snapshot_needs_unneeded(b, i, &instance));
        assert_int_equal(instance, list[i]);
    }
    assert_false(snapshot_needs_unneeded(b, n, &instance));
}

/* 0 <- 1 <- 2, 0 <- 3, and 4 alone: what lies below is kept until the last above it has ended. */
static void test_until_the_last(void **state)
{
    const struct instance all[] = {
        {.from = INSTANCE_NONE}, {.from = 0}, {.from = 1}, {.from = 0}, {.from = INSTANCE_NONE}};
    struct snapshot_needs *b = snapshot_needs_new(all, 5);

    (void)state;
    snapshot_needs_ended(b, 0);
    snapshot_needs_ended(b, 4);
    snapshot_needs_ended(b, 1);
    expect_unneeded(b, NULL, 0);
    snapshot_needs_ended(b, 2);
    expect_unneeded(b, (size_t[]){1}, 1);
    snapshot_needs_ended(b, 3);
    expect_unneeded(b, (size_t[]){1, 0}, 2);
    snapshot_needs_free(b);
}

/* Skipped jobs end before those that they would have started from are anything. */
static void test_in_any_order(void **state)
{
    const struct instance all[] = {{.from = 1}, {.from = 2}, {.from = INSTANCE_NONE}};
    struct snapshot_needs *b = snapshot_needs_new(all, 3);

    (void)state;
    snapshot_needs_ended(b, 2);
    snapshot_needs_ended(b, 0);
    expect_unneeded(b, (size_t[]){1}, 1);
    snapshot_needs_ended(b, 1);
    expect_unneeded(b, (size_t[]){1, 2}, 2);
    snapshot_needs_free(b);
    snapshot_needs_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_until_the_last),
                                       cmocka_unit_test(test_in_any_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
