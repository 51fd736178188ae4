/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_near_limit: what the machine did (parsed from the kernel's text), and which results
 * that makes doubtful. */
#include "harness/attempt/facts.h"
#include "harness/attempt/limits_in_force.h"
#include "harness/attempt/near_limit.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SEC NSEC_PER_SEC

/* ---- the kernel's text ---- */

static void test_pressure_text(void **state)
{
    uint64_t ns = 77;

    (void)state;
    assert_true(pressure_parse_pressure(
        "some avg10=3.74 avg60=28.62 avg300=21.20 total=2808295958\nfull avg10=0.00 "
        "avg60=0.00 avg300=0.00 total=5\n",
        &ns));
    assert_int_equal(ns, UINT64_C(2808295958000));
    ns = 77;
    assert_false(pressure_parse_pressure("", &ns));
    assert_false(pressure_parse_pressure("full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n", &ns));
    assert_false(pressure_parse_pressure("some avg10=0.00\nfull avg10=0.00 total=5\n", &ns));
    assert_false(pressure_parse_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=\n", &ns));
    assert_int_equal(ns, 77);
}

static void test_stat_text(void **state)
{
    uint64_t busy = 77, stolen = 77;

    (void)state;
    assert_false(pressure_parse_stat("cpu  1 2 3", &busy, &stolen));
    assert_false(pressure_parse_stat("intr 1 2 3 4 5 6 7 8 9", &busy, &stolen));
    assert_int_equal(busy, 77);
    /* user nice system idle iowait irq softirq steal guest guest_nice, in hundredths of a second */
    assert_true(pressure_parse_stat(
        "cpu  100 20 3 90000 70000 4 5 600 50 50\ncpu0 1 1 1 1 1 1 1 1 1 1\n", &busy, &stolen));
    assert_int_equal(busy, 132 * (SEC / 100));
    assert_int_equal(stolen, 600 * (SEC / 100));
}

/* The real files of this machine: time passes, and a busy loop is seen. */
static void test_this_machine(void **state)
{
    struct pressure m;
    struct pressure_look before, now, between;
    uint64_t busy, until;

    (void)state;
    pressure_open(&m);
    pressure_look(&m, &before);
    until = clock_monotonic_ns() + 200 * NSEC_PER_MSEC;
    while (clock_monotonic_ns() < until)
        ;
    pressure_look(&m, &now);
    pressure_close(&m);
    pressure_since(&before, &now, &between);
    assert_true(between.at_ns >= 200 * NSEC_PER_MSEC);
    assert_true(m.cpus >= 1);
    assert_true(pressure_get(&between, MACHINE_BUSY_NS, &busy)); /* /proc/stat is everywhere */
    assert_true(busy > 0);
}

static void test_difference_of_what_both_know(void **state)
{
    struct pressure_look a = {.at_ns = 100,
                              .known = 1u << MACHINE_BUSY_NS | 1u << MACHINE_STOLEN_NS},
                         b = a, d;
    uint64_t v = 0;

    (void)state;
    a.value[MACHINE_BUSY_NS] = 50;
    a.value[MACHINE_STOLEN_NS] = 9;
    b.at_ns = 140;
    b.value[MACHINE_BUSY_NS] = 80;
    b.value[MACHINE_STOLEN_NS] = 8; /* it may step back by a tick */
    b.known |= 1u << MACHINE_IO_PRESSURE_NS;
    pressure_since(&a, &b, &d);
    assert_int_equal(d.at_ns, 40);
    assert_true(pressure_get(&d, MACHINE_BUSY_NS, &v));
    assert_int_equal(v, 30);
    assert_true(pressure_get(&d, MACHINE_STOLEN_NS, &v));
    assert_int_equal(v, 0);
    assert_false(pressure_get(&d, MACHINE_IO_PRESSURE_NS, &v));
}

/* ---- the judgement: a job of 2 s of wall time, ended at it, on a machine of 2 CPUs ---- */

struct scene {
    struct jobs_job job;
    struct attempt_facts facts;
};

static void known(struct scene *s, enum pressure_figure f, uint64_t v)
{
    s->facts.machine.known |= 1u << f;
    s->facts.machine.value[f] = v;
}

static void used(struct scene *s, enum cgroup_figure f, uint64_t v)
{
    s->facts.usage.known |= 1u << f;
    s->facts.usage.value[f] = v;
}

static void limit(struct scene *s, enum jobs_limit which, uint64_t v)
{
    s->job.limits.set |= 1u << which;
    s->job.limits.value[which] = v;
}

/* The job used 1 s of CPU and others 2 s; somebody waited half of the time. */
static void loaded(struct scene *s)
{
    *s = (struct scene){0};
    limit(s, JOBS_LIMIT_WALL, 2 * SEC);
    s->facts.started_ns = 10 * SEC;
    s->facts.ended_ns = 12 * SEC;
    s->facts.machine.at_ns = 2 * SEC;
    s->facts.machine_cpus = 2;
    used(s, CGROUP_CPU_NS, SEC);
    known(s, MACHINE_BUSY_NS, 3 * SEC);
    known(s, MACHINE_CPU_PRESSURE_NS, SEC);
    known(s, MACHINE_STOLEN_NS, 0);
}

static void assert_marked(const struct scene *s, enum reports_verdict verdict, const char *text)
{
    cleanup_strbuf struct strbuf b = {0};

    assert_true(near_limit_describe(&s->job, &s->facts, verdict, &b));
    assert_string_equal(b.data, text);
}

static void assert_not_marked(const struct scene *s, enum reports_verdict verdict)
{
    cleanup_strbuf struct strbuf b = {0};

    assert_false(near_limit_describe(&s->job, &s->facts, verdict, &b));
    assert_int_equal(b.len, 0);
}

static void test_time_verdict_on_a_loaded_machine(void **state)
{
    struct scene s;

    (void)state;
    loaded(&s);
    assert_marked(&s, REPORTS_TIMEOUT,
                  "near-limit, machine under pressure: some task waited for a CPU 50% of the time "
                  "while other "
                  "processes used 50% of the CPUs");
    assert_marked(&s, REPORTS_CPU_LIMIT,
                  "near-limit, machine under pressure: some task waited for a CPU 50% of the time "
                  "while other "
                  "processes used 50% of the CPUs");
    assert_not_marked(&s, REPORTS_FAILED);
    assert_not_marked(&s, REPORTS_MEMORY_LIMIT);
    assert_not_marked(&s, REPORTS_CANCELLED);
}

static void test_what_it_does_to_itself(void **state)
{
    struct scene s;

    (void)state;
    loaded(&s); /* four threads of its own on two CPUs, alone */
    used(&s, CGROUP_CPU_NS, 4 * SEC);
    known(&s, MACHINE_BUSY_NS, 4 * SEC);
    known(&s, MACHINE_CPU_PRESSURE_NS, 2 * SEC);
    assert_not_marked(&s, REPORTS_TIMEOUT);

    loaded(&s); /* asleep all the time */
    used(&s, CGROUP_CPU_NS, SEC / 1000);
    assert_not_marked(&s, REPORTS_TIMEOUT);
    s.facts.has_run_queue_wait = true; /* or ready all the time, and never let */
    s.facts.run_queue_wait_ns = SEC;
    assert_marked(&s, REPORTS_TIMEOUT,
                  "near-limit, machine under pressure: some task waited for a CPU 50% of the time "
                  "while other "
                  "processes used 74% of the CPUs");

    loaded(&s); /* others had their CPUs, and it had its own */
    known(&s, MACHINE_CPU_PRESSURE_NS, SEC / 10);
    assert_not_marked(&s, REPORTS_TIMEOUT);

    loaded(&s); /* thrashing at its own memory limit */
    known(&s, MACHINE_CPU_PRESSURE_NS, 0);
    known(&s, MACHINE_MEMORY_PRESSURE_NS, SEC);
    limit(&s, JOBS_LIMIT_MEMORY, 1000);
    used(&s, CGROUP_MEMORY_PEAK_BYTES, 990);
    assert_not_marked(&s, REPORTS_TIMEOUT);
    used(&s, CGROUP_MEMORY_PEAK_BYTES, 500);
    assert_marked(
        &s, REPORTS_TIMEOUT,
        "near-limit, machine under pressure: some task waited for memory 50% of the time");
}

static void test_other_pressure(void **state)
{
    struct scene s;

    (void)state;
    loaded(&s);
    known(&s, MACHINE_CPU_PRESSURE_NS, 0);
    known(&s, MACHINE_STOLEN_NS, SEC);
    assert_marked(&s, REPORTS_TIMEOUT,
                  "near-limit, machine under pressure: the hypervisor took 25% of the CPUs");
    known(&s, MACHINE_STOLEN_NS, 0);
    known(&s, MACHINE_IO_PRESSURE_NS, SEC);
    assert_marked(&s, REPORTS_TIMEOUT,
                  "near-limit, machine under pressure: some task, of this job or another, waited "
                  "for a disk 50% of the "
                  "time");
    known(&s, MACHINE_IO_PRESSURE_NS, SEC / 5);
    assert_not_marked(&s, REPORTS_TIMEOUT);
}

/* A kernel without PSI: how busy the CPUs were has to do. */
static void test_without_pressure_figures(void **state)
{
    struct scene s;

    (void)state;
    loaded(&s);
    s.facts.machine.known &= ~(1u << MACHINE_CPU_PRESSURE_NS);
    assert_not_marked(&s, REPORTS_TIMEOUT); /* 75 % busy */
    known(&s, MACHINE_BUSY_NS, 4 * SEC);
    assert_marked(
        &s, REPORTS_TIMEOUT,
        "near-limit, machine under pressure: the CPUs were 100% busy, 75% with other processes");
    s.facts.machine.known = 0;
    assert_not_marked(&s, REPORTS_TIMEOUT);
}

static void test_a_pass_that_was_close(void **state)
{
    struct scene s;

    (void)state;
    loaded(&s);
    s.facts.ended_ns = s.facts.started_ns + SEC * 19 / 10;
    assert_marked(&s, REPORTS_PASSED,
                  "near-limit, machine under pressure: 95% of its wall limit 2 s used, and some "
                  "task waited for a CPU "
                  "50% of the time while other processes used 50% of the CPUs");
    s.facts.ended_ns = s.facts.started_ns + SEC * 17 / 10;
    assert_not_marked(&s, REPORTS_PASSED);
    limit(&s, JOBS_LIMIT_CPU_TIME, SEC + SEC / 20);
    assert_marked(&s, REPORTS_PASSED,
                  "near-limit, machine under pressure: 95% of its cpu-time limit 1.05 s used, and "
                  "some task waited for "
                  "a CPU 50% of the time while other processes used 50% of the CPUs");
    known(&s, MACHINE_CPU_PRESSURE_NS, 0);
    assert_not_marked(&s, REPORTS_PASSED);
}

/* Which verdicts may be others with the machine for oneself. */
static void test_worth_again(void **state)
{
    struct scene s = {0};

    (void)state;
    assert_false(limits_are_worth_again(&s.job, JOBS_LIMIT_CPU_TIME, SEC, true));
    limit(&s, JOBS_LIMIT_CPU_TIME, SEC); /* it is ended there: only the machine can tell */
    assert_false(limits_are_worth_again(&s.job, JOBS_LIMIT_CPU_TIME, SEC, false));
    assert_true(limits_are_worth_again(&s.job, JOBS_LIMIT_CPU_TIME, SEC, true));
    assert_false(limits_are_worth_again(&s.job, JOBS_LIMIT_CPU_TIME, SEC - 1, true));
    limit(&s, JOBS_LIMIT_CPU_TIME_KILL, 2 * SEC); /* it ends by itself, with its true time */
    assert_true(limits_are_worth_again(&s.job, JOBS_LIMIT_CPU_TIME, SEC, false));
    assert_true(limits_are_worth_again(&s.job, JOBS_LIMIT_CPU_TIME, SEC + SEC / 10, false));
    assert_false(limits_are_worth_again(&s.job, JOBS_LIMIT_CPU_TIME, SEC + SEC / 9, true));
    assert_true(limits_are_worth_again(&s.job, JOBS_LIMIT_CPU_TIME, 2 * SEC, true));
    assert_false(limits_are_worth_again(&s.job, JOBS_LIMIT_CPU_TIME, 2 * SEC, false));
    assert_false(limits_are_worth_again(&s.job, JOBS_LIMIT_WALL, SEC, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pressure_text),
        cmocka_unit_test(test_stat_text),
        cmocka_unit_test(test_this_machine),
        cmocka_unit_test(test_difference_of_what_both_know),
        cmocka_unit_test(test_time_verdict_on_a_loaded_machine),
        cmocka_unit_test(test_what_it_does_to_itself),
        cmocka_unit_test(test_other_pressure),
        cmocka_unit_test(test_without_pressure_figures),
        cmocka_unit_test(test_a_pass_that_was_close),
        cmocka_unit_test(test_worth_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
