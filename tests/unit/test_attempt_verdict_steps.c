/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_verdict_steps: constructed facts of a job's steps, artifacts and leftovers, and the
 * verdicts that they must become. */
#include "test_attempt_verdict.h"

/* ---- steps ---- */

static void test_steps_all_pass(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 3);
    s.step[2].expect.exit = 3;
    s.ran[2].status = EXITED(3);
    assert_job(&s, REPORTS_PASSED, 3, 0, ""); /* the last step's exit code is the job's */
    for (size_t i = 0; i < 3; i++)
        assert_step(&s, i, REPORTS_PASSED, "");
}

static void test_failing_step_in_the_middle(void **state)
{
    struct judgement of_step;
    struct scene s;

    (void)state;
    scene_init(&s, 3);
    cut_short(&s, 1);
    s.ran[1].status = EXITED(2);
    assert_job(&s, REPORTS_FAILED, 2, 0, "step 'make': exit code 2, expected 0");
    assert_step(&s, 0, REPORTS_PASSED, "");
    assert_step(&s, 1, REPORTS_FAILED, "step 'make': exit code 2, expected 0");
    assert_step(&s, 2, REPORTS_SKIPPED, "an earlier step did not pass");
    verdict_of_step(&s.job, &s.facts, 0, &s.got, &of_step);
    assert_int_equal(of_step.exit, 0);
    verdict_of_step(&s.job, &s.facts, 1, &s.got, &of_step);
    assert_int_equal(of_step.exit, 2);
    verdict_of_step(&s.job, &s.facts, 2, &s.got, &of_step);
    assert_int_equal(of_step.exit, -1);
    assert_int_equal(of_step.signal, 0);
}

static void test_step_that_cannot_be_executed(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 3);
    cut_short(&s, 0);
    s.ran[1] = (struct step_facts){.not_executed = ENOEXEC};
    s.ran[0].status = EXITED(0);
    assert_job(&s, REPORTS_FAILED, 0, 0,
               "step 'make': cannot execute '/bin/prog': Exec format error");
    assert_step(&s, 0, REPORTS_PASSED, "");
    assert_step(&s, 1, REPORTS_FAILED,
                "step 'make': cannot execute '/bin/prog': Exec format error");
    assert_step(&s, 2, REPORTS_SKIPPED, "an earlier step did not pass");
}

static void test_steps_after_a_failure_have_verdicts_of_their_own(void **state)
{
    struct judgement of_step;
    struct scene s;

    (void)state;
    scene_init(&s, 3);
    s.step[2].when = JOBS_STEP_ALWAYS;
    s.ran[0].status = EXITED(2);
    s.ran[1] = (struct step_facts){.passed_over = true};
    s.ran[2].status = EXITED(4);
    assert_job(&s, REPORTS_FAILED, 2, 0, "step 'configure': exit code 2, expected 0");
    assert_step(&s, 0, REPORTS_FAILED, "step 'configure': exit code 2, expected 0");
    assert_step(&s, 1, REPORTS_SKIPPED, "an earlier step did not pass");
    assert_step(&s, 2, REPORTS_FAILED, "exit code 4, expected 0");
    verdict_of_step(&s.job, &s.facts, 2, &s.got, &of_step);
    assert_int_equal(of_step.exit, 4);
    s.ran[2].status = EXITED(0);
    assert_job(&s, REPORTS_FAILED, 2, 0, "step 'configure': exit code 2, expected 0");
    assert_step(&s, 2, REPORTS_PASSED, "");
}

static void test_a_step_for_failures_is_no_failure_where_it_did_not_run(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 2);
    s.step[1].when = JOBS_STEP_FAILURE;
    s.ran[1] = (struct step_facts){.passed_over = true};
    assert_job(&s, REPORTS_PASSED, 0, 0, "");
    assert_step(&s, 0, REPORTS_PASSED, "");
    assert_step(&s, 1, REPORTS_SKIPPED, "`when: failure`, and no earlier step has failed");
}

static void test_a_limit_after_a_failure_is_not_the_verdict(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 2);
    s.step[1].when = JOBS_STEP_ALWAYS;
    s.ran[0].status = EXITED(2);
    s.ran[1].status = KILLED(SIGKILL);
    limit(&s.job.limits, JOBS_LIMIT_WALL, 2 * NSEC_PER_SEC);
    strike(&s, CAUSE_WALL, 1, 2 * NSEC_PER_SEC);
    assert_job(&s, REPORTS_FAILED, 2, 0, "step 'configure': exit code 2, expected 0");
    assert_step(&s, 1, REPORTS_TIMEOUT, "wall limit 2 s reached: still running after 2 s");
    strike(&s, CAUSE_CANCELLED, 1, 2 * NSEC_PER_SEC);
    assert_job(&s, REPORTS_CANCELLED, -1, SIGKILL, "cancelled by the user after 2 s");
}

static void test_step_limit_is_the_steps_own(void **state)
{
    const char *evidence = "step 'make': wall limit 500 ms reached: still running after 600 ms";
    struct scene s;

    (void)state;
    scene_init(&s, 3);
    limit(&s.job.limits, JOBS_LIMIT_WALL, 100 * NSEC_PER_SEC);
    limit(&s.step[1].limits, JOBS_LIMIT_WALL, 500 * NSEC_PER_MSEC);
    strike(&s, CAUSE_WALL, 1, 1600 * NSEC_PER_MSEC); /* the step began at 1 s */
    s.facts.cause_is_step_limit = true;
    cut_short(&s, 1);
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL, evidence);
    assert_step(&s, 0, REPORTS_PASSED, "");
    assert_step(&s, 1, REPORTS_TIMEOUT, evidence);
    assert_step(&s, 2, REPORTS_SKIPPED, "an earlier step did not pass");
}

/* A limit that strikes a step which runs after one that had failed is not what the job failed by.
 */
static void test_limit_after_a_failure(void **state)
{
    static const enum attempt_cause limits[] = {CAUSE_WALL, CAUSE_CPU, CAUSE_INSTRUCTIONS,
                                                CAUSE_MEMORY, CAUSE_OUTPUT};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        struct scene s;

        scene_init(&s, 3);
        s.ran[1].status = EXITED(3);
        cut_short(&s, 2);
        strike(&s, limits[i], 2, NSEC_PER_SEC);
        assert_job(&s, REPORTS_FAILED, 3, 0, "step 'make': exit code 3, expected 0");
    }
}

static void test_job_limit_strikes_in_a_step(void **state)
{
    static const struct {
        enum attempt_cause cause;
        enum reports_verdict verdict;
    } table[] = {{CAUSE_WALL, REPORTS_TIMEOUT},           {CAUSE_CPU, REPORTS_CPU_LIMIT},
                 {CAUSE_INSTRUCTIONS, REPORTS_CPU_LIMIT}, {CAUSE_MEMORY, REPORTS_MEMORY_LIMIT},
                 {CAUSE_OUTPUT, REPORTS_OUTPUT_LIMIT},    {CAUSE_CANCELLED, REPORTS_CANCELLED}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        for (size_t at = 0; at < 3; at++) {
            struct judgement of_step;
            struct scene s;

            scene_init(&s, 3);
            for (int l = 0; l < JOBS_LIMIT_COUNT; l++)
                limit(&s.job.limits, (enum jobs_limit)l, 1000);
            strike(&s, table[i].cause, (unsigned)at, NSEC_PER_SEC);
            cut_short(&s, at);
            verdict_of_job(&s.job, &s.facts, &s.got);
            assert_int_equal(s.got.verdict, table[i].verdict);
            for (size_t k = 0; k < 3; k++) {
                verdict_of_step(&s.job, &s.facts, k, &s.got, &of_step);
                assert_int_equal(of_step.verdict, k < at    ? REPORTS_PASSED
                                                  : k == at ? table[i].verdict
                                                            : REPORTS_SKIPPED);
            }
        }
}

/* The limit was passed by what the last step left running after it had ended well. */
static void test_cause_after_the_last_step(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 2);
    limit(&s.job.limits, JOBS_LIMIT_CPU_TIME, NSEC_PER_SEC);
    strike(&s, CAUSE_CPU, 1, 2 * NSEC_PER_SEC);
    s.facts.cpu_at_cause_ns = NSEC_PER_SEC;
    assert_job(&s, REPORTS_CPU_LIMIT, 0, 0,
               "CPU limit 1 s reached: 1 s used by all its processes after 2 s");
    assert_step(&s, 0, REPORTS_PASSED, "");
    assert_step(&s, 1, REPORTS_CPU_LIMIT, s.got.evidence);
}

static void test_harness_failure_before_any_step(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 3);
    for (size_t i = 0; i < 3; i++)
        s.ran[i] = (struct step_facts){0};
    s.facts.started_ns = 0;
    strike(&s, CAUSE_HARNESS, 0, 0);
    (void)cupel_error_set(&s.facts.harness, CUPEL_ERROR_HARNESS, 0, "no luck");
    assert_job(&s, REPORTS_ERROR, -1, 0, "no luck");
    assert_step(&s, 0, REPORTS_ERROR, "no luck");
    assert_step(&s, 1, REPORTS_SKIPPED, "an earlier step did not pass");
    assert_step(&s, 2, REPORTS_SKIPPED, "an earlier step did not pass");
}

/* A step that ends well upon SIGTERM is still the one that the limit struck. */
static void test_step_that_exits_with_0_upon_sigterm(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 3);
    limit(&s.job.limits, JOBS_LIMIT_WALL, NSEC_PER_SEC);
    strike(&s, CAUSE_WALL, 1, NSEC_PER_SEC);
    cut_short(&s, 1);
    s.ran[1].status = EXITED(0);
    assert_job(&s, REPORTS_TIMEOUT, 0, 0, "wall limit 1 s reached: still running after 1 s");
    assert_step(&s, 0, REPORTS_PASSED, "");
    assert_step(&s, 1, REPORTS_TIMEOUT, s.got.evidence);
    assert_step(&s, 2, REPORTS_SKIPPED, "an earlier step did not pass");
}

/* ---- artifacts beyond their bounds ---- */

static void test_artifacts_lost(void **state)
{
    const char *why = "artifacts exceed their max of 1 MiB: the rest was not copied";
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    (void)snprintf(s.facts.artifacts_lost, sizeof(s.facts.artifacts_lost), "%s", why);
    assert_job(&s, REPORTS_FAILED, 0, 0, why);
    assert_step(&s, 0, REPORTS_FAILED, why);
    s.ran[0].status = EXITED(3); /* what the job did comes first */
    assert_job(&s, REPORTS_FAILED, 3, 0, "exit code 3, expected 0");
    scene_init(&s, 2);
    (void)snprintf(s.facts.artifacts_lost, sizeof(s.facts.artifacts_lost), "%s", why);
    assert_job(&s, REPORTS_FAILED, 0, 0, why);
    assert_step(&s, 0, REPORTS_PASSED, "");
    assert_step(&s, 1, REPORTS_PASSED, "");
}

/* ---- leaks: fail ---- */

static void leak(struct scene *s, struct leak *list, size_t n, unsigned step, unsigned in_all)
{
    for (size_t i = 0; i < n; i++)
        list[i] = (struct leak){.step = step,
                                .pid = (int)(10 + i),
                                .cpu_ns = i * 10 * NSEC_PER_MSEC,
                                .command = "sleep 9"};
    s->facts.leaks = list;
    s->facts.n_leaks = n;
    s->facts.leaks_in_all = in_all;
}

static void test_leaks_are_reported_only(void **state)
{
    struct leak list[1];
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    leak(&s, list, 1, 0, 1);
    assert_job(&s, REPORTS_PASSED, 0, 0, "");
    assert_true(verdict_step_passed(&s.job, &s.facts, 0));
    assert_step(&s, 0, REPORTS_PASSED, "");
}

static void test_leaks_fail(void **state)
{
    struct leak list[5];
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.job.leaks = JOBS_LEAKS_FAIL;
    assert_job(&s, REPORTS_PASSED, 0, 0, "");
    leak(&s, list, 1, 0, 1);
    assert_job(&s, REPORTS_FAILED, 0, 0,
               "1 process left running: pid 10 `sleep 9` (CPU 0.00 s); the job has `leaks: fail`");
    assert_false(verdict_step_passed(&s.job, &s.facts, 0));
    assert_step(&s, 0, REPORTS_FAILED, s.got.evidence);
    leak(&s, list, 5, 0, 700);
    assert_job(
        &s, REPORTS_FAILED, 0, 0,
        "700 processes left running: pid 10 `sleep 9` (CPU 0.00 s), pid 11 `sleep 9` (CPU 0.01 s), "
        "pid 12 `sleep 9` (CPU 0.02 s) and 697 more; the job has `leaks: fail`");
    s.facts.leaks_cut = true;
    leak(&s, list, 1, 0, 2);
    assert_job(&s, REPORTS_FAILED, 0, 0,
               "at least 2 processes left running: pid 10 `sleep 9` (CPU 0.00 s) and 1 more; the "
               "job has `leaks: fail`");
}

/* The command line is whatever the process made of it. */
static void test_leaks_with_hostile_names(void **state)
{
    struct leak list[3];
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.job.leaks = JOBS_LEAKS_FAIL;
    leak(&s, list, 1, 0, 1);
    (void)strcpy(list[0].command, "`; exit code 0\n\033[2J\xff\xe2\x80\xae]]>");
    assert_job(
        &s, REPORTS_FAILED, 0, 0,
        "1 process left running: pid 10 `'; exit code 0\\x0A\\x1B[2J\\xFF\\u202E]]>` (CPU 0.00 s); "
        "the job has `leaks: fail`");
    leak(&s, list, 3, 0, 3);
    for (size_t i = 0; i < 3; i++)
        memset(list[i].command, '\n', sizeof(list[i].command) - 1);
    /* the longest that there is still names all three and the reason */
    verdict_of_job(&s.job, &s.facts, &s.got);
    assert_non_null(strstr(s.got.evidence, "pid 12 `\\x0A"));
    assert_non_null(strstr(s.got.evidence, "; the job has `leaks: fail`"));
    assert_null(strchr(s.got.evidence, '\n'));
}

static void test_leaks_change_no_other_verdict(void **state)
{
    struct leak list[1];
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.job.leaks = JOBS_LEAKS_FAIL;
    leak(&s, list, 1, 0, 1);
    s.ran[0].status = EXITED(3);
    assert_job(&s, REPORTS_FAILED, 3, 0, "exit code 3, expected 0");
    limit(&s.job.limits, JOBS_LIMIT_WALL, NSEC_PER_SEC);
    strike(&s, CAUSE_WALL, 0, NSEC_PER_SEC);
    assert_job(&s, REPORTS_TIMEOUT, 3, 0, "wall limit 1 s reached: still running after 1 s");
}

/* A limit that refused something is not to blame for a leak. */
static void test_leaks_are_nobody_elses_fault(void **state)
{
    struct leak list[1];
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.job.leaks = JOBS_LEAKS_FAIL;
    leak(&s, list, 1, 0, 1);
    limit(&s.job.limits, JOBS_LIMIT_PIDS, 4);
    figure(&s, CGROUP_PIDS_REFUSED, 2);
    s.facts.disk_full = true;
    assert_job(&s, REPORTS_FAILED, 0, 0,
               "1 process left running: pid 10 `sleep 9` (CPU 0.00 s); the job has `leaks: fail`");
}

static void test_leaking_step_ends_the_job(void **state)
{
    struct leak list[1];
    struct scene s;

    (void)state;
    scene_init(&s, 3);
    s.job.leaks = JOBS_LEAKS_FAIL;
    leak(&s, list, 1, 1, 1);
    s.ran[2] = (struct step_facts){0};
    assert_true(verdict_step_passed(&s.job, &s.facts, 0));
    assert_false(verdict_step_passed(&s.job, &s.facts, 1));
    assert_job(&s, REPORTS_FAILED, 0, 0,
               "step 'make': 1 process left running: pid 10 `sleep 9` (CPU 0.00 s); the job has "
               "`leaks: fail`");
    assert_step(&s, 0, REPORTS_PASSED, "");
    assert_step(&s, 1, REPORTS_FAILED, s.got.evidence);
    assert_step(&s, 2, REPORTS_SKIPPED, "an earlier step did not pass");
}

/* ---- services ---- */

static void end_service(struct scene *s, bool is_fault)
{
    (void)snprintf(s->facts.service.text, sizeof(s->facts.service.text), "the service 'db' ended");
    s->facts.service.is_fault = is_fault;
}

static void test_service_that_ended_is_evidence(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    end_service(&s, false);
    assert_job(&s, REPORTS_PASSED, 0, 0, "");
    s.ran[0].status = EXITED(3);
    assert_job(&s, REPORTS_FAILED, 3, 0, "exit code 3, expected 0; the service 'db' ended");
    assert_step(&s, 0, REPORTS_FAILED, "exit code 3, expected 0; the service 'db' ended");
}

static void test_service_that_the_machine_failed_is_an_error(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    end_service(&s, true);
    assert_job(&s, REPORTS_PASSED, 0, 0, "");
    s.ran[0].status = EXITED(3);
    assert_job(&s, REPORTS_ERROR, 3, 0, "exit code 3, expected 0; the service 'db' ended");
    strike(&s, CAUSE_CANCELLED, 0, NSEC_PER_SEC);
    cut_short(&s, 0);
    assert_job(&s, REPORTS_CANCELLED, -1, SIGKILL,
               "cancelled by the user after 1 s; the service 'db' ended");
}

static void test_service_that_is_not_there(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.ran[0] = (struct step_facts){0};
    s.facts.started_ns = 0;
    end_service(&s, false);
    strike(&s, CAUSE_SERVICE, 0, 0);
    assert_job(&s, REPORTS_ERROR, -1, 0, "the service 'db' ended");
}

/* ---- what is compiled ---- */

static enum reports_verdict judged(struct scene *s)
{
    verdict_of_job(&s->job, &s->facts, &s->got);
    return s->got.verdict;
}

static void test_compiling(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 2);
    s.job.role = JOBS_ROLE_COMPILE;
    assert_job(&s, REPORTS_PASSED, 0, 0, "");
    s.ran[1].status = EXITED(3);
    assert_job(&s, REPORTS_COMPILE_ERROR, 3, 0, "step 'make': exit code 3, expected 0");
    assert_step(&s, 1, REPORTS_COMPILE_ERROR, "step 'make': exit code 3, expected 0");
    cut_short(&s, 1);
    strike(&s, CAUSE_WALL, 1, NSEC_PER_SEC);
    assert_int_equal(judged(&s), REPORTS_COMPILE_ERROR);
    strike(&s, CAUSE_SUBMISSION, 0, 0);
    assert_int_equal(judged(&s), REPORTS_INVALID_SUBMISSION);
    strike(&s, CAUSE_HARNESS, 0, 0);
    assert_int_equal(judged(&s), REPORTS_ERROR);
    strike(&s, CAUSE_CANCELLED, 0, 0);
    assert_int_equal(judged(&s), REPORTS_CANCELLED);
}

/* ---- what is tried again ---- */

static void test_is_retried(void **state)
{
    enum { F = 1u << JOBS_RETRY_FAILURE, T = 1u << JOBS_RETRY_TIMEOUT, E = 1u << JOBS_RETRY_ERROR };
    static const uint32_t kind[REPORTS_VERDICT_COUNT] = {
        [REPORTS_FAILED] = F,     [REPORTS_SIGNALED] = F,     [REPORTS_TIMEOUT] = T,
        [REPORTS_CPU_LIMIT] = T,  [REPORTS_MEMORY_LIMIT] = F, [REPORTS_PIDS_LIMIT] = F,
        [REPORTS_DISK_LIMIT] = F, [REPORTS_OUTPUT_LIMIT] = F, [REPORTS_COMPILE_ERROR] = F,
        [REPORTS_ERROR] = E}; /* passed, skipped, cancelled: never */

    (void)state;
    for (uint32_t on = 0; on <= (F | T | E); on++)
        for (enum reports_verdict v = 0; v < REPORTS_VERDICT_COUNT; v++)
            assert_int_equal(verdict_is_retried(&(struct jobs_job){.retry_on = on}, v, 1),
                             (on & kind[v]) != 0);
}

static void test_is_allowed(void **state)
{
    struct jobs_job all = {.allowed = {.verdicts = (1u << JOBS_END_COUNT) - 1}}, some = {0};

    (void)state;
    some.allowed.exits[77 / 64] |= UINT64_C(1) << (77 % 64);
    some.allowed.verdicts = 1u << JOBS_END_TIMEOUT;
    assert_true(verdict_is_allowed(&all, REPORTS_FAILED, 1));
    assert_true(verdict_is_allowed(&all, REPORTS_INVALID_SUBMISSION, -1));
    assert_false(verdict_is_allowed(&all, REPORTS_ERROR, -1));
    assert_false(verdict_is_allowed(&all, REPORTS_CANCELLED, -1));
    assert_false(verdict_is_allowed(&all, REPORTS_SKIPPED, -1));
    assert_false(verdict_is_allowed(&all, REPORTS_PASSED, 0));
    assert_true(verdict_is_allowed(&some, REPORTS_FAILED, 77));
    assert_false(verdict_is_allowed(&some, REPORTS_FAILED, 78));
    assert_false(verdict_is_allowed(&some, REPORTS_PIDS_LIMIT, 77));
    assert_true(verdict_is_allowed(&some, REPORTS_TIMEOUT, -1));
    assert_false(verdict_is_allowed(&some, REPORTS_SIGNALED, -1));
    some.retry_ends = some.allowed;
    assert_true(verdict_is_retried(&some, REPORTS_FAILED, 77));
    assert_false(verdict_is_retried(&some, REPORTS_FAILED, 78));
    assert_true(verdict_is_retried(&some, REPORTS_TIMEOUT, -1));
    assert_false(verdict_is_retried(&some, REPORTS_CPU_LIMIT, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step_that_exits_with_0_upon_sigterm),
        cmocka_unit_test(test_steps_all_pass),
        cmocka_unit_test(test_failing_step_in_the_middle),
        cmocka_unit_test(test_step_that_cannot_be_executed),
        cmocka_unit_test(test_step_limit_is_the_steps_own),
        cmocka_unit_test(test_limit_after_a_failure),
        cmocka_unit_test(test_job_limit_strikes_in_a_step),
        cmocka_unit_test(test_cause_after_the_last_step),
        cmocka_unit_test(test_harness_failure_before_any_step),
        cmocka_unit_test(test_compiling),
        cmocka_unit_test(test_artifacts_lost),
        cmocka_unit_test(test_leaks_are_reported_only),
        cmocka_unit_test(test_leaks_fail),
        cmocka_unit_test(test_leaks_with_hostile_names),
        cmocka_unit_test(test_leaks_change_no_other_verdict),
        cmocka_unit_test(test_leaks_are_nobody_elses_fault),
        cmocka_unit_test(test_leaking_step_ends_the_job),
        cmocka_unit_test(test_is_retried),
        cmocka_unit_test(test_service_that_ended_is_evidence),
        cmocka_unit_test(test_service_that_the_machine_failed_is_an_error),
        cmocka_unit_test(test_service_that_is_not_there),
        cmocka_unit_test(test_steps_after_a_failure_have_verdicts_of_their_own),
        cmocka_unit_test(test_a_step_for_failures_is_no_failure_where_it_did_not_run),
        cmocka_unit_test(test_a_limit_after_a_failure_is_not_the_verdict),
        cmocka_unit_test(test_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
