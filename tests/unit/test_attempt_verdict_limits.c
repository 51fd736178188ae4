/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_verdict_limits: constructed facts of limits that struck or refused, of what the
 * slot ended, and the verdict and evidence that they must become. */
#include "test_attempt_verdict.h"

/* ---- what the slot ended ---- */

static void test_timeout(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_WALL, NSEC_PER_SEC);
    strike(&s, CAUSE_WALL, 0, 1002 * NSEC_PER_MSEC);
    s.facts.cpu_at_cause_ns = 12 * NSEC_PER_MSEC;
    s.ran[0].status = KILLED(SIGTERM);
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGTERM,
               "wall limit 1 s reached: still running after 1.002 s (CPU used: 12 ms)");
    s.facts.grace_used_up = true;
    s.ran[0].status = KILLED(SIGKILL);
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL,
               "wall limit 1 s reached: still running after 1.002 s (CPU used: 12 ms); SIGTERM did "
               "not end it within 2 s, "
               "SIGKILL did");
    /* ending well after the limit is no pass */
    s.facts.grace_used_up = false;
    s.ran[0].status = EXITED(0);
    assert_job(&s, REPORTS_TIMEOUT, 0, 0,
               "wall limit 1 s reached: still running after 1.002 s (CPU used: 12 ms)");
    assert_step(&s, 0, REPORTS_TIMEOUT,
                "wall limit 1 s reached: still running after 1.002 s (CPU used: 12 ms)");
}

static void test_silence(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_WALL, 10 * NSEC_PER_SEC);
    limit(&s.job.limits, JOBS_LIMIT_IDLE, NSEC_PER_SEC);
    strike(&s, CAUSE_WALL, 0, 3 * NSEC_PER_SEC);
    s.facts.silent_from_ns = s.facts.cause_ns - 1002 * NSEC_PER_MSEC;
    s.ran[0].status = KILLED(SIGTERM);
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGTERM,
               "idle limit 1 s reached: no output for 1.002 s, still running after 3 s");
    s.facts.cause = CAUSE_STOOD_STILL;
    s.facts.stood_still_ns = NSEC_PER_SEC;
    verdict_of_job(&s.job, &s.facts, &s.got);
    assert_int_equal(s.got.verdict, REPORTS_ERROR);
    assert_non_null(strstr(s.got.evidence, "its idle limit 1 s passed meanwhile"));
}

static void test_cpu_limit(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_CPU_TIME, NSEC_PER_SEC);
    strike(&s, CAUSE_CPU, 0, 600 * NSEC_PER_MSEC);
    s.facts.cpu_at_cause_ns = 1001 * NSEC_PER_MSEC;
    s.ran[0].status = KILLED(SIGKILL);
    assert_job(&s, REPORTS_CPU_LIMIT, -1, SIGKILL,
               "CPU limit 1 s reached: 1.001 s used by all its processes after 600 ms");
}

static void test_memory_limit(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_MEMORY, 64 * MIB);
    strike(&s, CAUSE_MEMORY, 0, 2 * NSEC_PER_SEC);
    s.facts.ended_ns = s.facts.cause_ns + 1;
    figure(&s, CGROUP_OOM_KILLS, 1);
    figure(&s, CGROUP_MEMORY_PEAK_BYTES, 64 * MIB);
    s.ran[0].status = KILLED(SIGKILL);
    assert_job(&s, REPORTS_MEMORY_LIMIT, -1, SIGKILL,
               "memory limit 64 MiB reached after 2 s: 1 OOM kill, peak 64 MiB");
    figure(&s, CGROUP_OOM_KILLS, 3);
    assert_job(&s, REPORTS_MEMORY_LIMIT, -1, SIGKILL,
               "memory limit 64 MiB reached after 2 s: 3 OOM kills, peak 64 MiB");
    s.facts.usage.known &= ~(1u << CGROUP_OOM_KILLS);
    assert_job(&s, REPORTS_MEMORY_LIMIT, -1, SIGKILL,
               "memory limit 64 MiB reached after 2 s: peak 64 MiB");
    s.facts.usage.known = 0;
    assert_job(&s, REPORTS_MEMORY_LIMIT, -1, SIGKILL, "memory limit 64 MiB reached after 2 s");
    /* the slot only noticed when all was over */
    s.facts.ended_ns = s.facts.started_ns + NSEC_PER_SEC;
    assert_job(&s, REPORTS_MEMORY_LIMIT, -1, SIGKILL, "memory limit 64 MiB reached after 1 s");
}

/* The kernel counted a kill of which nobody was told: it is the cause, even of a pass, and nothing
 * else is. */
static void test_unnoticed_oom_kill(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_MEMORY, 64 * MIB);
    figure(&s, CGROUP_OOM_KILLS, 1);
    assert_job(&s, REPORTS_MEMORY_LIMIT, 0, 0, "memory limit 64 MiB reached after 1 s: 1 OOM kill");
    assert_step(&s, 0, REPORTS_MEMORY_LIMIT, "memory limit 64 MiB reached after 1 s: 1 OOM kill");
    figure(&s, CGROUP_OOM_KILLS, 0); /* known to be none */
    assert_job(&s, REPORTS_PASSED, 0, 0, "");
    /* SIGKILL alone is no memory limit */
    limit(&s.job.limits, JOBS_LIMIT_MEMORY, 64 * MIB);
    s.ran[0].status = KILLED(SIGKILL);
    assert_job(&s, REPORTS_SIGNALED, -1, SIGKILL, "killed by signal 9 (SIGKILL)");
}

/* The memory that ran out was not the job's: the kernel killed it all the same, which is nothing
 * that it did. */
static void test_memory_around(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_MEMORY, 400 * MIB);
    figure(&s, CGROUP_OOM_KILLS, 1);
    figure(&s, CGROUP_MEMORY_PEAK_BYTES, 100 * MIB);
    strike(&s, CAUSE_AROUND, 0, NSEC_PER_SEC);
    s.facts.oom =
        (struct cgroup_oom){.origin = CGROUP_OOM_AROUND, .group = "/g/outer", .limit = 120 * MIB};
    s.ran[0].status = KILLED(SIGKILL);
    assert_job(
        &s, REPORTS_ERROR, -1, SIGKILL,
        "not the job's own limit: the group around cupel, /g/outer, reached its memory limit 120 "
        "MiB after 1 s, "
        "and the kernel killed 1 process of the job; the job's limit is 400 MiB, its peak was 100 "
        "MiB (give "
        "cupel more memory, run fewer jobs at once with -j, or give jobs a lower memory limit)");
    /* found at the end only, of the whole machine, in a job without a limit */
    s.facts.cause = CAUSE_NONE;
    s.facts.oom = (struct cgroup_oom){.origin = CGROUP_OOM_MACHINE};
    s.job.limits.set = 0;
    assert_job(&s, REPORTS_ERROR, -1, SIGKILL,
               "not the job's own limit: the machine ran out of memory, and the kernel killed 1 "
               "process of the job; the "
               "job has no memory limit, its peak was 100 MiB (give cupel more memory, run fewer "
               "jobs at once with -j, "
               "or give jobs a memory limit)");
}

static void test_time_has_reasons(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_WALL, NSEC_PER_SEC);
    limit(&s.job.limits, JOBS_LIMIT_PIDS, 20);
    figure(&s, CGROUP_PIDS_REFUSED, 5642);
    s.facts.around = (struct cgroup_around_figures){
        .throttled_ns = 600 * NSEC_PER_MSEC, .cpu_millicores = 500, .throttled_by = "/g/outer"};
    strike(&s, CAUSE_WALL, 0, NSEC_PER_SEC);
    s.ran[0].status = KILLED(SIGKILL);
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL,
               "wall limit 1 s reached: still running after 1 s; 5642 forks refused at pids: 20; "
               "the group around cupel, "
               "/g/outer, was held back for 600 ms by its CPU quota of 0.500 cores");
}

static void test_thrashing(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_WALL, 5 * NSEC_PER_SEC);
    limit(&s.job.limits, JOBS_LIMIT_MEMORY, MIB);
    strike(&s, CAUSE_WALL, 0, 5 * NSEC_PER_SEC);
    s.ran[0].status = KILLED(SIGKILL);
    s.facts.has_major_faults = true;
    s.facts.major_faults = 1026;
    s.facts.thrashing_ns = 4900 * NSEC_PER_MSEC;
    assert_job(&s, REPORTS_MEMORY_LIMIT, -1, SIGKILL,
               "memory limit 1 MiB reached: thrashing at it for 4.9 s of 5 s, 1026 major faults, "
               "until its wall limit "
               "5 s struck");
    /* less than half: the time is what was too short, and why is said */
    s.facts.thrashing_ns = 2400 * NSEC_PER_MSEC;
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL,
               "wall limit 5 s reached: still running after 5 s; thrashing at its memory limit for "
               "2.4 s, 1026 major "
               "faults");
    strike(&s, CAUSE_CANCELLED, 0, 5 * NSEC_PER_SEC);
    s.facts.thrashing_ns = 4900 * NSEC_PER_MSEC;
    assert_job(&s, REPORTS_CANCELLED, -1, SIGKILL, "cancelled by the user after 5 s");
}

static void test_stood_still(void **state)
{
    struct scene s;

    (void)state;
    assert_int_equal(standstill_unexplained(8 * NSEC_PER_SEC, NSEC_PER_SEC, 0), 7 * NSEC_PER_SEC);
    /* a busy machine */
    assert_int_equal(standstill_unexplained(8 * NSEC_PER_SEC, 7600 * NSEC_PER_MSEC, 0), 0);
    assert_int_equal(standstill_unexplained(2 * NSEC_PER_SEC, NSEC_PER_SEC, 2 * NSEC_PER_SEC), 0);
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_WALL, 3 * NSEC_PER_SEC);
    strike(&s, CAUSE_STOOD_STILL, 0, 8 * NSEC_PER_SEC);
    s.ran[0].status = KILLED(SIGKILL);
    s.facts.stood_still_ns = 7 * NSEC_PER_SEC;
    assert_job(&s, REPORTS_ERROR, -1, SIGKILL,
               "cupel itself stood still for 7 s while this job ran (stopped by a signal, its "
               "container frozen, "
               "or its machine paused), and its wall limit 3 s passed meanwhile: the job has not "
               "had its time");
    s.facts.cause = CAUSE_WALL; /* it had its time all the same */
    s.facts.suspended_ns = NSEC_PER_SEC;
    assert_job(&s, REPORTS_TIMEOUT, -1, SIGKILL,
               "wall limit 3 s reached: still running after 8 s; cupel itself stood still for 7 s "
               "while this job ran "
               "(stopped by a signal, its container frozen, or its machine paused); the machine "
               "was suspended for 1 s "
               "while this job ran");
}

static void test_output_limit(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_OUTPUT, MIB);
    strike(&s, CAUSE_OUTPUT, 0, 10 * NSEC_PER_MSEC);
    s.facts.output_bytes = MIB;
    s.ran[0].status = KILLED(SIGKILL);
    assert_job(&s, REPORTS_OUTPUT_LIMIT, -1, SIGKILL,
               "output limit 1 MiB reached after 10 ms: the first 1048576 bytes are kept");
    limit(&s.job.limits, JOBS_LIMIT_OUTPUT, 1);
    s.facts.output_bytes = 1;
    assert_job(&s, REPORTS_OUTPUT_LIMIT, -1, SIGKILL,
               "output limit 1 B reached after 10 ms: the first 1 byte is kept");
    limit(&s.job.limits, JOBS_LIMIT_STDERR, 2);
    s.facts.output_limit = JOBS_LIMIT_STDERR;
    s.ran[0].stderr_to = 2;
    assert_job(&s, REPORTS_OUTPUT_LIMIT, -1, SIGKILL,
               "stderr limit 2 B reached after 10 ms: the first 2 bytes of it are kept");
}

static void test_cancelled(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    strike(&s, CAUSE_CANCELLED, 0, 3 * NSEC_PER_SEC);
    s.ran[0].status = KILLED(SIGTERM);
    assert_job(&s, REPORTS_CANCELLED, -1, SIGTERM, "cancelled by the user after 3 s");
    s.facts.started_ns = 0; /* before its command ran */
    s.ran[0] = (struct step_facts){0};
    assert_job(&s, REPORTS_CANCELLED, -1, 0, "cancelled by the user");
}

static void test_harness_error(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    strike(&s, CAUSE_HARNESS, 0, 0);
    (void)cupel_error_set(&s.facts.harness, CUPEL_ERROR_HARNESS, EROFS, "cannot write %%s");
    assert_job(&s, REPORTS_ERROR, 0, 0, "cannot write %s: Read-only file system");
    cupel_error_hint(&s.facts.harness, "free some space");
    assert_job(&s, REPORTS_ERROR, 0, 0, "cannot write %s: Read-only file system (free some space)");
}

/* The facts hold the first cause; neither a later kill by the OOM killer nor refused forks nor a
 * full disk changes it. */
static void test_first_cause_wins(void **state)
{
    static const struct {
        enum attempt_cause cause;
        enum reports_verdict verdict;
    } table[] = {
        {CAUSE_WALL, REPORTS_TIMEOUT},        {CAUSE_CPU, REPORTS_CPU_LIMIT},
        {CAUSE_MEMORY, REPORTS_MEMORY_LIMIT}, {CAUSE_OUTPUT, REPORTS_OUTPUT_LIMIT},
        {CAUSE_CANCELLED, REPORTS_CANCELLED}, {CAUSE_HARNESS, REPORTS_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct scene s;

        scene_init(&s, 1);
        for (int l = 0; l < JOBS_LIMIT_COUNT; l++)
            limit(&s.job.limits, (enum jobs_limit)l, 1000);
        strike(&s, table[i].cause, 0, NSEC_PER_SEC);
        figure(&s, CGROUP_OOM_KILLS, 2);
        figure(&s, CGROUP_PIDS_REFUSED, 5);
        s.facts.disk_full = s.facts.inodes_full = true;
        s.ran[0].status = KILLED(SIGSEGV);
        s.ran[0].output_differs = true;
        verdict_of_job(&s.job, &s.facts, &s.got);
        assert_int_equal(s.got.verdict, table[i].verdict);
        /* a verdict about time has the refused forks as a remark */
        assert_null(strstr(s.got.evidence, "process limit"));
        assert_null(strstr(s.got.evidence, "disk"));
    }
}

/* ---- limits of a single process ---- */

static void test_limits_that_the_kernel_answers_with_a_signal_are_named(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_FILE_SIZE, 65536);
    s.ran[0].status = KILLED(SIGXFSZ);
    verdict_of_job(&s.job, &s.facts, &s.got);
    assert_int_equal(s.got.verdict, REPORTS_SIGNALED);
    assert_string_equal(s.got.evidence,
                        "killed by signal 25 (SIGXFSZ), with the limit file-size 64 KiB");
    s.ran[0].status = KILLED(SIGSEGV); /* the limit `stack` is not set */
    verdict_of_job(&s.job, &s.facts, &s.got);
    assert_string_equal(s.got.evidence, "killed by signal 11 (SIGSEGV)");
}

/* ---- limits that refuse instead of killing ---- */

static void test_pids_limit_is_blamed_for_failures_only(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_PIDS, 8);
    figure(&s, CGROUP_PIDS_REFUSED, 2);
    assert_job(&s, REPORTS_PASSED, 0, 0, "");
    s.ran[0].status = EXITED(1);
    assert_job(&s, REPORTS_PIDS_LIMIT, 1, 0,
               "exit code 1, expected 0, after the process limit 8 refused 2 forks");
    figure(&s, CGROUP_PIDS_REFUSED, 1);
    s.ran[0].status = KILLED(SIGABRT);
    assert_job(&s, REPORTS_PIDS_LIMIT, -1, SIGABRT,
               "killed by signal 6 (SIGABRT), after the process limit 8 refused 1 fork");
    figure(&s, CGROUP_PIDS_REFUSED, 0);
    assert_job(&s, REPORTS_SIGNALED, -1, SIGABRT, "killed by signal 6 (SIGABRT)");
    /* someone else's limit further up refused: not this job's */
    figure(&s, CGROUP_PIDS_REFUSED, 1);
    s.job.limits.set = 0;
    assert_job(&s, REPORTS_ERROR, -1, SIGABRT,
               "killed by signal 6 (SIGABRT); 1 fork was refused, not by the job's own limit");
    /* nor where the job has a limit, and never had so many processes */
    limit(&s.job.limits, JOBS_LIMIT_PIDS, 8);
    figure(&s, CGROUP_PIDS_PEAK, 5);
    s.facts.around = (struct cgroup_around_figures){.pids_max = 6, .pids_by = "/g/outer"};
    assert_job(&s, REPORTS_ERROR, -1, SIGABRT,
               "killed by signal 6 (SIGABRT); 1 fork was refused, not by the job's own limit: the "
               "group around cupel, "
               "/g/outer, has a limit of 6 processes; the job had 5 at most of its 8");
    figure(&s, CGROUP_PIDS_PEAK, 8);
    assert_job(&s, REPORTS_PIDS_LIMIT, -1, SIGABRT,
               "killed by signal 6 (SIGABRT), after the process limit 8 refused 1 fork");
}

static void test_disk_limit_is_blamed_for_failures_only(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    limit(&s.job.limits, JOBS_LIMIT_DISK, 16 * MIB);
    s.facts.disk_full = true;
    s.facts.disk_peak = 15 * MIB;
    assert_job(&s, REPORTS_PASSED, 0, 0, "");
    s.ran[0].status = EXITED(1);
    assert_job(&s, REPORTS_DISK_LIMIT, 1, 0,
               "exit code 1, expected 0, with its disk full: 15 MiB written of 16 MiB");
    s.ran[0] = (struct step_facts){
        .started = true, .ended = true, .output_differs = true, .difference = "stdout differs"};
    assert_job(&s, REPORTS_DISK_LIMIT, 0, 0,
               "stdout differs, with its disk full: 15 MiB written of 16 MiB");
    s.facts.disk_full = false;
    assert_job(&s, REPORTS_FAILED, 0, 0, "stdout differs");
    s.ran[0] = (struct step_facts){.started = true, .ended = true, .status = SIGBUS};
    assert_job(&s, REPORTS_SIGNALED, -1, SIGBUS,
               "killed by signal 7 (SIGBUS), with the limit disk 16 MiB");
    s.facts.disk_full = true;
    assert_job(&s, REPORTS_DISK_LIMIT, -1, SIGBUS,
               "killed by signal 7 (SIGBUS), with its disk full: 15 MiB written of 16 MiB");
}

static void test_a_full_store_is_blamed_for_failures_only(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.facts.store_full = true;
    assert_job(&s, REPORTS_PASSED, 0, 0, "");
    s.ran[0].status = EXITED(1);
    assert_job(&s, REPORTS_ERROR, 1, 0,
               "exit code 1, expected 0, while the store's file system was full (free more, or put "
               "the store on another disk "
               "with CUPEL_CACHE; a job with a limit 'disk' has a disk of its own)");
}

static void test_inode_limit(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s, 1);
    s.facts.inodes_full = true;
    s.facts.inodes_peak = 99;
    s.ran[0].status = EXITED(1);
    assert_job(&s, REPORTS_DISK_LIMIT, 1, 0,
               "exit code 1, expected 0, with no inode left: 99 made of 262144, which holds where "
               "none is given "
               "(`inodes` under `limits` sets another)");
    limit(&s.job.limits, JOBS_LIMIT_DISK, 5 * MIB);
    s.facts.inodes_refused = 1;
    assert_job(&s, REPORTS_DISK_LIMIT, 1, 0,
               "exit code 1, expected 0, after 1 file that the kernel refused at the inode limit "
               "1024, which goes with "
               "its disk of 5 MiB (`inodes` under `limits` sets another)");
    s.facts.inodes_refused = 0;
    limit(&s.job.limits, JOBS_LIMIT_INODES, 100);
    assert_job(&s, REPORTS_DISK_LIMIT, 1, 0,
               "exit code 1, expected 0, with no inode left: 99 made of 100");
    /* refused forks come first in time or matter more; one verdict only */
    limit(&s.job.limits, JOBS_LIMIT_PIDS, 8);
    figure(&s, CGROUP_PIDS_REFUSED, 1);
    verdict_of_job(&s.job, &s.facts, &s.got);
    assert_int_equal(s.got.verdict, REPORTS_PIDS_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_cpu_limit),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_unnoticed_oom_kill),
        cmocka_unit_test(test_memory_around),
        cmocka_unit_test(test_time_has_reasons),
        cmocka_unit_test(test_thrashing),
        cmocka_unit_test(test_stood_still),
        cmocka_unit_test(test_output_limit),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_harness_error),
        cmocka_unit_test(test_first_cause_wins),
        cmocka_unit_test(test_limits_that_the_kernel_answers_with_a_signal_are_named),
        cmocka_unit_test(test_pids_limit_is_blamed_for_failures_only),
        cmocka_unit_test(test_disk_limit_is_blamed_for_failures_only),
        cmocka_unit_test(test_a_full_store_is_blamed_for_failures_only),
        cmocka_unit_test(test_inode_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
