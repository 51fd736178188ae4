/* SPDX-License-Identifier: Apache-2.0 */
/* test_doctor_timing: what makes times differ, of machines that are made up. */
#include "harness/cgroup/cgroup.h"
#include "harness/doctor/doctor_private.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static int setup(void **state)
{
    char *path = xstrdup("/var/tmp/cupel-test-timing-XXXXXX");

    if (mkdtemp(path) == NULL)
        return -1;
    *state = path;
    return 0;
}

static int teardown(void **state)
{
    int r = file_remove_tree_at(AT_FDCWD, *state);

    free(*state);
    return r;
}

static void says(int root, const char *path, const char *text)
{
    cleanup_free char *copy = xstrdup(path);
    cleanup_close int fd = -EBADF;

    for (char *slash = strchr(copy, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdirat(root, copy, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static void assert_timing(int root, enum doctor_timing which, enum doctor_state state,
                          const char *detail)
{
    struct doctor_finding f = {0};

    doctor_timing_look(root, which, &f);
    assert_string_equal(f.detail, detail);
    assert_int_equal(f.state, state);
}

static void test_timing_of_a_machine_that_tells_nothing(void **state)
{
    cleanup_close int root = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (enum doctor_timing i = TIMING_GOVERNOR; i <= TIMING_STEAL; i++) {
        struct doctor_finding f = {0};

        doctor_timing_look(root, i, &f);
        assert_int_equal(f.state, DOCTOR_WORKS);
        assert_true(str_starts(f.detail, "not known here: "));
    }
}

#define CPU(n) "sys/devices/system/cpu/cpu" #n "/"

/* Asserts which group is the root of the partition around us, NULL for none, and whether it is one.
 */
static void assert_partition(int root, const char *group, bool valid)
{
    struct cgroup_partition p = {0};

    assert_int_equal(cgroup_partition_find(root, &p), group != NULL);
    if (group != NULL) {
        assert_string_equal(p.group, group);
        assert_int_equal(p.valid, valid);
    }
    free(p.group);
}

static void test_timing_of_a_laptop_and_of_a_bench(void **state)
{
    cleanup_close int root = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    says(root, CPU(0) "cpufreq/scaling_governor", "performance\n");
    says(root, CPU(1) "cpufreq/scaling_governor", "powersave\n");
    assert_timing(root, TIMING_GOVERNOR, DOCTOR_DEGRADED,
                  "powersave: a CPU that was idle is slow at first");
    says(root, CPU(1) "cpufreq/scaling_governor", "performance\n");
    assert_timing(root, TIMING_GOVERNOR, DOCTOR_WORKS, "performance");
    says(root, "sys/devices/system/cpu/cpufreq/boost", "1\n");
    assert_timing(root, TIMING_BOOST, DOCTOR_DEGRADED,
                  "on: a CPU is the faster, the fewer others are busy");
    says(root, "sys/devices/system/cpu/cpufreq/boost", "0\n");
    assert_timing(root, TIMING_BOOST, DOCTOR_WORKS, "off");
    says(root, "sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
    assert_timing(root, TIMING_BOOST, DOCTOR_DEGRADED,
                  "on: a CPU is the faster, the fewer others are busy");
    says(root, "sys/devices/system/cpu/smt/active", "1\n");
    assert_timing(root, TIMING_SMT, DOCTOR_DEGRADED,
                  "on: two programs on one core slow each other down");
    says(root, "sys/devices/system/cpu/smt/active", "0\n");
    assert_timing(root, TIMING_SMT, DOCTOR_WORKS, "off");
    says(root, "proc/sys/kernel/randomize_va_space", "0\n");
    assert_timing(root, TIMING_ASLR, DOCTOR_WORKS, "off");
    says(root, "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    assert_timing(root, TIMING_PAGES, DOCTOR_WORKS, "only for programs that ask, or never");
    says(root, "sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
    assert_timing(root, TIMING_PAGES, DOCTOR_DEGRADED,
                  "always: memory comes in huge pages or not, as there are any left");
    says(root, "proc/swaps", "Filename\n");
    assert_timing(root, TIMING_SWAP, DOCTOR_WORKS, "none");
    says(root, "proc/swaps", "Filename\n/swap file\n");
    assert_timing(root, TIMING_SWAP, DOCTOR_DEGRADED,
                  "in use where memory is short: who waits for a page of it waits for a disk");
    says(root, CPU(0) "cpu_capacity", "1024\n");
    says(root, CPU(1) "cpu_capacity", "1024\n");
    assert_timing(root, TIMING_CORES, DOCTOR_WORKS, "all are as fast");
    says(root, CPU(1) "cpu_capacity", "446\n");
    assert_timing(root, TIMING_CORES, DOCTOR_DEGRADED,
                  "some are faster: cpu_capacity is 1024 of one and 446 of another");
    says(root, "proc/self/cgroup", "4:cpuset:/\n0::/grading/run\n");
    says(root, "sys/fs/cgroup/unified/grading/run/cgroup.controllers", "");
    assert_timing(root, TIMING_PARTITION, DOCTOR_WORKS, "not known here: no cpuset of cgroup v2");
    says(root, "sys/fs/cgroup/grading/run/cgroup.controllers", "cpuset\n");
    says(root, "sys/fs/cgroup/grading/run/cpuset.cpus.partition", "member\n");
    says(root, "sys/fs/cgroup/grading/cpuset.cpus.partition", "member\n");
    assert_timing(root, TIMING_PARTITION, DOCTOR_DEGRADED,
                  "none: whatever runs on this machine runs on the cores of jobs as well");
    assert_partition(root, NULL, false);
    says(root, "sys/fs/cgroup/grading/cpuset.cpus.partition", "isolated\n");
    says(root, "sys/fs/cgroup/grading/cpuset.cpus.effective", "2-7\n");
    assert_timing(root, TIMING_PARTITION, DOCTOR_WORKS,
                  "an isolated partition around cupel has CPUs 2-7");
    assert_partition(root, "/grading", true);
    says(root, "sys/fs/cgroup/grading/cpuset.cpus.partition",
         "isolated invalid (Parent is not a partition root)\n");
    assert_timing(root, TIMING_PARTITION, DOCTOR_DEGRADED,
                  "the partition around cupel is not isolated: isolated invalid (Parent is not a "
                  "partition root)");
    assert_partition(root, "/grading", false);
    says(root, "sys/fs/cgroup/grading/run/cpuset.cpus.partition", "root\n");
    assert_partition(root, "/grading/run", true);
    says(root, "proc/stat", "cpu  900 0 0 900 0 0 0 5 0 0\ncpu0 1\n");
    assert_timing(root, TIMING_STEAL, DOCTOR_WORKS, "less than 1 % of all CPU time since boot");
    says(root, "proc/stat", "cpu  500 0 0 1400 0 0 0 100 0 0\ncpu0 1\n");
    assert_timing(root, TIMING_STEAL, DOCTOR_DEGRADED,
                  "the hypervisor has taken 5 % of all CPU time since boot");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_timing_of_a_machine_that_tells_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_timing_of_a_laptop_and_of_a_bench, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
