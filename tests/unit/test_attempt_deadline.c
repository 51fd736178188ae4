/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_deadline: there is no moment between the order and the end without a deadline. */
#include "harness/attempt/deadline.h"
#include "harness/attempt/facts.h"
#include "harness/sandbox/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S NSEC_PER_SEC

/* Two steps; the job may take 10 s, its second step 2 s. */
struct room {
    struct jobs_step steps[2];
    struct jobs_job job;
    struct step_facts step_facts[2];
    struct attempt_facts facts;
    uint64_t heard_ns;
};

static void limit_wall(struct jobs_limits *l, uint64_t value)
{
    l->set |= 1u << JOBS_LIMIT_WALL;
    l->value[JOBS_LIMIT_WALL] = value;
}

static void prepare(struct room *r)
{
    *r = (struct room){.job = {.steps = r->steps, .n_steps = 2},
                       .facts = {.steps = r->step_facts, .n_steps = 2}};
    limit_wall(&r->job.limits, 10 * S);
    limit_wall(&r->steps[1].limits, 2 * S);
}

static void start(struct room *r, unsigned step, uint64_t at)
{
    r->step_facts[step].started = true;
    r->step_facts[step].started_ns = at;
    if (step == 0)
        r->facts.started_ns = at;
}

static void end(struct room *r, unsigned step, uint64_t at)
{
    r->step_facts[step].ended = true;
    r->step_facts[step].ended_ns = at;
}

static void expect(const struct room *r, unsigned step, uint64_t at, enum deadline_kind kind,
                   bool of_step, bool set_up)
{
    struct deadline d = deadline_next(&r->job, &r->facts, 0, step, 5 * S, 7 * S, r->heard_ns);

    assert_int_equal(d.at, at);
    assert_int_equal(d.kind, kind);
    assert_int_equal(d.of_step, of_step);
    assert_int_equal(d.set_up, set_up);
}

static void test_from_the_order_to_the_end(void **state)
{
    struct room r;

    (void)state;
    prepare(&r);
    expect(&r, 0, 22 * S + SANDBOX_SET_UP_NS, DEADLINE_SET_UP, false, true);
    start(&r, 0, 100 * S);
    expect(&r, 0, 110 * S, DEADLINE_WALL, false, false);
    end(&r, 0, 103 * S);
    /* the next step's own, from the end of this one */
    expect(&r, 0, 105 * S, DEADLINE_WALL, true, true);
    start(&r, 1, 104 * S);
    expect(&r, 1, 106 * S, DEADLINE_WALL, true, false);
    end(&r, 1, 105 * S);
    expect(&r, 1, 105 * S + DEADLINE_LINGER_NS, DEADLINE_LINGER, false, false);
}

static void test_the_jobs_goes_on_between_steps(void **state)
{
    struct room r;

    (void)state;
    prepare(&r);
    start(&r, 0, 100 * S);
    end(&r, 0, 109 * S);
    expect(&r, 0, 110 * S, DEADLINE_WALL, false, true);
    assert_int_equal(deadline_next(&r.job, &r.facts, 0, 0, 5 * S, 0, 0).step, 1);
}

/* Silence ends a command that runs, and nothing that is being set up. */
static void test_silence(void **state)
{
    struct room r;

    (void)state;
    prepare(&r);
    r.job.limits.set |= 1u << JOBS_LIMIT_IDLE;
    r.job.limits.value[JOBS_LIMIT_IDLE] = S;
    expect(&r, 0, 22 * S + SANDBOX_SET_UP_NS, DEADLINE_SET_UP, false, true);
    start(&r, 0, 100 * S);
    expect(&r, 0, 101 * S, DEADLINE_IDLE, false, false);
    r.heard_ns = 108 * S;
    expect(&r, 0, 109 * S, DEADLINE_IDLE, false, false);
    r.heard_ns = 109 * S;
    expect(&r, 0, 110 * S, DEADLINE_WALL, false, false);
    end(&r, 0, 103 * S);
    expect(&r, 0, 105 * S, DEADLINE_WALL, true, true);
    r.heard_ns = 103 * S;
    start(&r, 1, 104 * S);
    expect(&r, 1, 105 * S, DEADLINE_IDLE, false, false);
}

static void test_without_limits(void **state)
{
    struct room r;

    (void)state;
    prepare(&r);
    r.job.limits.set = r.steps[1].limits.set = 0;
    expect(&r, 0, LIMITS_NEVER, DEADLINE_NONE, false, true);
    start(&r, 0, 100 * S);
    expect(&r, 0, LIMITS_NEVER, DEADLINE_NONE, false, false);
    end(&r, 0, 101 * S);
    expect(&r, 0, LIMITS_NEVER, DEADLINE_NONE, false, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_the_order_to_the_end),
        cmocka_unit_test(test_the_jobs_goes_on_between_steps),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_without_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
