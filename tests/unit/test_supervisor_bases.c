/* bases: how long what a job left is kept. */
#include "harness/run/run.h"
#include "harness/supervisor/snapshot_needs.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect_unneeded(const struct bases *b, const size_t *list, size_t n)
{
    size_t instance;

    assert_int_equal(bases_count_unneeded(b), n);
    for (size_t i = 0; i < n; i++) {
        assert_true(bases_unneeded(b, i, &instance));
        assert_int_equal(instance, list[i]);
    }
    assert_false(bases_unneeded(b, n, &instance));
}

/* 0 <- 1 <- 2, 0 <- 3, and 4 alone: what lies below is kept until the last above it has ended. */
static void test_until_the_last(void **state)
{
    const struct instance all[] = {
        {.from = INSTANCE_NONE}, {.from = 0}, {.from = 1}, {.from = 0}, {.from = INSTANCE_NONE}};
    struct bases *b = bases_new(all, 5);

    (void)state;
    bases_ended(b, 0);
    bases_ended(b, 4);
    bases_ended(b, 1);
    expect_unneeded(b, NULL, 0);
    bases_ended(b, 2);
    expect_unneeded(b, (size_t[]){1}, 1);
    bases_ended(b, 3);
    expect_unneeded(b, (size_t[]){1, 0}, 2);
    bases_free(b);
}

/* Skipped jobs end before those that they would have started from are anything. */
static void test_in_any_order(void **state)
{
    const struct instance all[] = {{.from = 1}, {.from = 2}, {.from = INSTANCE_NONE}};
    struct bases *b = bases_new(all, 3);

    (void)state;
    bases_ended(b, 2);
    bases_ended(b, 0);
    expect_unneeded(b, (size_t[]){1}, 1);
    bases_ended(b, 1);
    expect_unneeded(b, (size_t[]){1, 2}, 2);
    bases_free(b);
    bases_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_until_the_last), cmocka_unit_test(test_in_any_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
