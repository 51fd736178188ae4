/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_verdict: constructed facts of how a command ends, and the verdict, exit code and
 * evidence that they must become. What a limit or the slot ended: test_attempt_verdict_limits.c. */
#include "test_attempt_verdict.h"

/* ---- how a command ends ---- */

static void test_command_endings(void **state)
{
    static const struct {
        struct jobs_expect expect;
        int status;
        enum reports_verdict verdict;
        int exit, signal;
        const char *evidence;
    } table[] = {
        {{.exit = 0}, EXITED(0), REPORTS_PASSED, 0, 0, ""},
        {{.exit = 0}, EXITED(2), REPORTS_FAILED, 2, 0, "exit code 2, expected 0"},
        {{.exit = 2}, EXITED(2), REPORTS_PASSED, 2, 0, ""},
        {{.exit = 2}, EXITED(0), REPORTS_FAILED, 0, 0, "exit code 0, expected 2"},
        {{.exit = -1}, EXITED(255), REPORTS_PASSED, 255, 0, ""},
        /* what a shell says of a killed child is an exit code like any other */
        {{.exit = 0}, EXITED(137), REPORTS_FAILED, 137, 0, "exit code 137, expected 0"},
        {{.exit = 137}, EXITED(137), REPORTS_PASSED, 137, 0, ""},
        {{.exit = 137},
         KILLED(9),
         REPORTS_SIGNALED,
         -1,
         9,
         "killed by signal 9 (SIGKILL), expected exit code 137"},
        {{.exit = 0},
         KILLED(SIGSEGV),
         REPORTS_SIGNALED,
         -1,
         SIGSEGV,
         "killed by signal 11 (SIGSEGV)"},
        {{.exit = 0},
         DUMPED(SIGABRT),
         REPORTS_SIGNALED,
         -1,
         SIGABRT,
         "killed by signal 6 (SIGABRT)"},
        {{.exit = 0}, KILLED(64), REPORTS_SIGNALED, -1, 64, "killed by signal 64"},
        {{.exit = -1, .signal = SIGSEGV}, KILLED(SIGSEGV), REPORTS_PASSED, -1, SIGSEGV, ""},
        {{.exit = -1, .signal = SIGSEGV}, DUMPED(SIGSEGV), REPORTS_PASSED, -1, SIGSEGV, ""},
        {{.exit = -1, .signal = SIGSEGV},
         KILLED(SIGBUS),
         REPORTS_SIGNALED,
         -1,
         SIGBUS,
         "killed by signal 7 (SIGBUS), expected signal 11 (SIGSEGV)"},
        {{.exit = -1, .signal = SIGSEGV},
         EXITED(0),
         REPORTS_FAILED,
         0,
         0,
         "exit code 0, expected signal 11 (SIGSEGV)"},
        {{.exit = -1, .signal = SIGKILL},
         EXITED(137),
         REPORTS_FAILED,
         137,
         0,
         "exit code 137, expected signal 9 (SIGKILL)"},
        {{.exit = -1},
         KILLED(SIGTERM),
         REPORTS_SIGNALED,
         -1,
         SIGTERM,
         "killed by signal 15 (SIGTERM)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *evidence = table[i].evidence;
        struct scene s;

        scene_init(&s, 1);
        s.step[0].expect = table[i].expect;
        s.ran[0].status = table[i].status;
        assert_job(&s, table[i].verdict, table[i].exit, table[i].signal, evidence);
        assert_int_equal(verdict_step_passed(&s.job, &s.facts, 0),
                         table[i].verdict == REPORTS_PASSED);
        assert_step(&s, 0, table[i].verdict, evidence);
    }
}

static void test_not_executed(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.ran[0] = (struct step_facts){.not_executed = ENOENT};
    s.facts.started_ns = 0;
    assert_job(&s, REPORTS_FAILED, -1, 0, "cannot execute '/bin/prog': No such file or directory");
    assert_false(verdict_step_passed(&s.job, &s.facts, 0));
    assert_step(&s, 0, REPORTS_FAILED, "cannot execute '/bin/prog': No such file or directory");
}

static void test_output_differs(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.ran[0].output_differs = true;
    (void)snprintf(s.ran[0].difference, sizeof(s.ran[0].difference), "stdout differs at 100%%d");
    assert_job(&s, REPORTS_FAILED, 0, 0, "stdout differs at 100%d");
    /* a wrong exit code says more than wrong output */
    s.ran[0].status = EXITED(1);
    assert_job(&s, REPORTS_FAILED, 1, 0, "exit code 1, expected 0");
}

/* Says it of a step that a limit or a signal ended, and only of that one. */
static void test_input_never_read(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 2);
    limit(&s.job.limits, JOBS_LIMIT_WALL, NSEC_PER_SEC);
    s.ran[0].input = SANDBOX_INPUT_UNREAD;
    s.ran[1].input = SANDBOX_INPUT_READ;
    s.ran[1].status = KILLED(SIGSEGV);
    assert_job(&s, REPORTS_SIGNALED, -1, SIGSEGV, "step 'make': killed by signal 11 (SIGSEGV)");
    s.ran[1].input = SANDBOX_INPUT_UNREAD;
    assert_job(&s, REPORTS_SIGNALED, -1, SIGSEGV,
               "step 'make': killed by signal 11 (SIGSEGV); the program never read its input");
    s.ran[1].status = EXITED(1);
    assert_job(&s, REPORTS_FAILED, 1, 0, "step 'make': exit code 1, expected 0");
    cut_short(&s, 1);
    strike(&s, CAUSE_WALL, 1, NSEC_PER_SEC);
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL,
               "wall limit 1 s reached: still running after 1 s; the program never read its input");
    s.ran[1].input = SANDBOX_INPUT_UNKNOWN;
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL, "wall limit 1 s reached: still running after 1 s");
}

static void test_first_aid(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.facts.stack_default = 8 * MIB;
    s.ran[0].status = KILLED(SIGSEGV);
    assert_job(&s, REPORTS_SIGNALED, -1, SIGSEGV,
               "killed by signal 11 (SIGSEGV), and the stack limit is 8 MiB");
    limit(&s.job.limits, JOBS_LIMIT_STACK, MIB);
    assert_job(&s, REPORTS_SIGNALED, -1, SIGSEGV,
               "killed by signal 11 (SIGSEGV), with the limit stack 1 MiB");
    s.job.limits.set = 0;
    s.ran[0].status = KILLED(SIGABRT);
    assert_job(&s, REPORTS_SIGNALED, -1, SIGABRT, "killed by signal 6 (SIGABRT)");
    /* nothing came of what is waited for */
    s.step[0].expect.stdout_text = "3\n";
    s.step[0].expect.stdout_len = 2;
    assert_job(&s, REPORTS_SIGNALED, -1, SIGABRT,
               "killed by signal 6 (SIGABRT); no output: was it flushed?");
    s.ran[0].stdout_to = 1;
    assert_job(&s, REPORTS_SIGNALED, -1, SIGABRT, "killed by signal 6 (SIGABRT)");
    s.ran[0].stdout_to = 0;
    s.job.tty = true;
    assert_job(&s, REPORTS_SIGNALED, -1, SIGABRT, "killed by signal 6 (SIGABRT)");
    s.job.tty = false;
    limit(&s.job.limits, JOBS_LIMIT_WALL, NSEC_PER_SEC);
    cut_short(&s, 0);
    strike(&s, CAUSE_WALL, 0, NSEC_PER_SEC);
    s.ran[0].input = SANDBOX_INPUT_UNREAD;
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL,
               "wall limit 1 s reached: still running after 1 s; the program never read its input; "
               "no output: was it flushed?");
}

static void test_full_memory(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_WALL, 10 * NSEC_PER_SEC);
    cut_short(&s, 0);
    strike(&s, CAUSE_WALL, 0, 10 * NSEC_PER_SEC);
    s.facts.memory_full_ns = 3100 * NSEC_PER_MSEC;
    s.facts.memory_reclaims = 17;
    s.facts.memory_refaults = 9;
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL,
               "wall limit 10 s reached: still running after 10 s; at its memory limit for 3.1 s "
               "(17 reclaims)");
    s.facts.memory_reclaims = 0;
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL,
               "wall limit 10 s reached: still running after 10 s; at its memory limit for 3.1 s "
               "(9 pages read again)");
    s.facts.memory_full_ns = 900 * NSEC_PER_MSEC; /* less than a tenth of its time */
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL,
               "wall limit 10 s reached: still running after 10 s");
    s.facts.cause = CAUSE_NONE;
    s.facts.ended_ns = s.facts.started_ns + 2 * NSEC_PER_SEC;
    s.ran[0].status = EXITED(1);
    assert_job(&s, REPORTS_FAILED, 1, 0,
               "exit code 1, expected 0; at its memory limit for 900 ms (9 pages read again)");
    /* and forks that its process limit refused, of a job that memory ended */
    limit(&s.job.limits, JOBS_LIMIT_MEMORY, MIB);
    limit(&s.job.limits, JOBS_LIMIT_PIDS, 20);
    s.facts.memory_full_ns = 0;
    figure(&s, CGROUP_PIDS_REFUSED, 5);
    strike(&s, CAUSE_MEMORY, 0, NSEC_PER_SEC);
    assert_job(&s, REPORTS_MEMORY_LIMIT, 1, 0,
               "memory limit 1 MiB reached after 1 s; 5 forks refused at pids: 20");
}

static void test_vanished(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.ran[0] = (struct step_facts){.started = true};
    assert_job(&s, REPORTS_ERROR, -1, 0, "the job's PID 1 vanished");
    s.facts.has_init_end = true;
    s.facts.init_end = KILLED(SIGKILL);
    s.facts.init_at = "exec";
    assert_job(&s, REPORTS_ERROR, -1, 0,
               "the job's PID 1 vanished: killed by signal 9 (SIGKILL), while a command ran");
    s.ran[0].started = false;
    assert_job(&s, REPORTS_ERROR, -1, 0,
               "the job's PID 1 vanished: killed by signal 9 (SIGKILL), at 'exec'");
    s.facts.init_end = EXITED(100 + ENOBUFS);
    assert_job(&s, REPORTS_ERROR, -1, 0,
               "the job's PID 1 vanished: exit code 205, No buffer space available, at 'exec'");
    s.facts.init_end = EXITED(2);
    assert_job(&s, REPORTS_ERROR, -1, 0,
               "the job's PID 1 vanished: exit code 2, without an order that it knows, at 'exec'");
}

static void test_evidence_is_cut_to_its_size(void **state)
{
    char text[2000];
    const char *argv[] = {text, NULL};
    struct scene s;

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    scene_init(&s, 1);
    s.step[0].argv = argv;
    s.ran[0] = (struct step_facts){.not_executed = EACCES};
    verdict_of_job(&s.job, &s.facts, &s.got);
    assert_int_equal(strlen(s.got.evidence), sizeof(s.got.evidence) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_endings), cmocka_unit_test(test_not_executed),
        cmocka_unit_test(test_output_differs),  cmocka_unit_test(test_input_never_read),
        cmocka_unit_test(test_first_aid),       cmocka_unit_test(test_full_memory),
        cmocka_unit_test(test_vanished),        cmocka_unit_test(test_evidence_is_cut_to_its_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
