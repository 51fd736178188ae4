/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: `devices`: what there is, what no job may have, and what was meant. */
#include "test_jobs.h"

#define JOB(keys) "cupel: 1\njobs:\n  a: {run: x, " keys "}\n"
#define BIT(device) (1u << JOBS_DEVICE_##device)

static void test_sets(void **state)
{
    static const struct {
        const char *text;
        uint32_t set;
    } rows[] = {
        {JOB("user: root"), JOBS_DEVICES_USUAL},
        {JOB("devices: []"), BIT(NULL)},
        {JOB("devices: zero"), BIT(NULL) | BIT(ZERO)},
        {JOB("devices: [kvm, 'null', pts, ptmx]"), BIT(NULL) | BIT(KVM) | BIT(PTS) | BIT(PTMX)},
        {JOB("devices: [full, random, urandom, tty, shm, mqueue]"),
         BIT(NULL) | BIT(FULL) | BIT(RANDOM) | BIT(URANDOM) | BIT(TTY) | BIT(SHM) | BIT(MQUEUE)},
        {"cupel: 1\ndefaults: {devices: [kvm]}\njobs: {a: {run: x}}\n", BIT(NULL) | BIT(KVM)},
        {"cupel: 1\ndefaults: {devices: [kvm]}\njobs: {a: {run: x, devices: [zero]}}\n",
         BIT(NULL) | BIT(ZERO)},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct loaded r = load_good(rows[i].text);

        assert_int_equal(r.plan->jobs[0].devices, rows[i].set);
        unload(&r);
    }
}

static void test_mistakes(void **state)
{
    static const struct mistake rows[] = {
        {JOB("devices: [kmv, /dev/zero, xyzzy]"),
         "3:25: there is no device 'kmv' for jobs, did you mean 'kvm'?\n"
         "3:30: there is no device '/dev/zero' for jobs, did you mean 'zero'?\n"
         "3:41: there is no device 'xyzzy' for jobs\n"},
        {JOB("devices: [fuse, net/tun, loop0, sda, fd]"),
         "3:25: 'devices' cannot have 'fuse': what it is for is mounting, which no job may do\n"
         "3:31: 'devices' cannot have 'net/tun': what it is for takes the right over a network, "
         "which no job has\n"
         "3:40: 'devices' cannot have 'loop0': what it is for is mounting, which no job may do\n"
         "3:47: 'devices' cannot have 'sda': it is a disk of the machine's\n"
         "3:52: 'devices' cannot have 'fd': it is there anyway\n"},
        {JOB("devices: [ptmx]"),
         "3:24: 'ptmx' is a link into 'pts', which this list does not have\n"},
        {JOB("devices: {kvm: yes}"),
         "3:24: 'devices' must be names in /dev: null, zero, full, random, urandom, tty, "
         "pts, ptmx, shm, mqueue, kvm, not a map\n"},
    };

    (void)state;
    check_mistakes(rows, ARRAY_SIZE(rows));
}

/* The schema's choices and the table are the same names in the same order. */
static void test_names(void **state)
{
    (void)state;
    for (enum jobs_device d = 0; d < JOBS_DEVICE_COUNT; d++) {
        enum jobs_device found = JOBS_DEVICE_COUNT;

        assert_non_null(jobs_device_names[d]);
        assert_true(jobs_device_find(jobs_device_names[d], &found));
        assert_int_equal(found, d);
    }
    assert_false(jobs_device_find("null0", &(enum jobs_device){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("jobs devices", tests, NULL, NULL);
}
