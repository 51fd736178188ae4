/* SPDX-License-Identifier: Apache-2.0 */
/* Whose limit it was that made a line of groups run out of memory, by how often each was told. */
#include "test_cgroup.h"

#include "harness/cgroup/oom_levels.h"

enum { JOB, RUN, OUTSIDE, LEVELS };

struct line {
    uint64_t told[LEVELS], own[LEVELS];
};

static int find(struct line *l)
{
    return oom_levels_find(l->told, l->own, LEVELS);
}

/* The group is out of memory: it and all within are told, except the `late` innermost ones. */
static void out_of_memory(struct line *l, int group, int late)
{
    for (int i = late; i <= group; i++)
        l->told[i]++;
}

static void test_each_level_is_told_from_the_others(void **state)
{
    struct line l = {0};

    (void)state;
    assert_int_equal(find(&l), -1);
    for (int group = 0; group < LEVELS; group++) {
        out_of_memory(&l, group, 0);
        assert_int_equal(find(&l), group);
        assert_int_equal(find(&l), -1);
    }
    out_of_memory(&l, JOB, 0);
    assert_int_equal(find(&l), JOB);
}

/* The kernel has told the outer groups, and not yet the inner ones. */
static void test_an_inner_one_that_is_told_late_is_not_its_own(void **state)
{
    (void)state;
    for (int group = RUN; group < LEVELS; group++)
        for (int late = 1; late <= group; late++) {
            struct line l = {0};

            out_of_memory(&l, group, late);
            assert_int_equal(find(&l), group);
            for (int i = 0; i < late; i++)
                l.told[i]++;
            assert_int_equal(find(&l), -1);
            out_of_memory(&l, JOB, 0);
            assert_int_equal(find(&l), JOB);
        }
}

static void test_several_at_once_are_the_outermost(void **state)
{
    struct line l = {0};

    (void)state;
    out_of_memory(&l, JOB, 0);
    out_of_memory(&l, RUN, 0);
    out_of_memory(&l, JOB, 0);
    assert_int_equal(find(&l), RUN);
    assert_int_equal(find(&l), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_level_is_told_from_the_others),
        cmocka_unit_test(test_an_inner_one_that_is_told_late_is_not_its_own),
        cmocka_unit_test(test_several_at_once_are_the_outermost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
