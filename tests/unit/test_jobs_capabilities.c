/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: `capabilities`: names in the ways that people write them, and those that no job may have.
 */
#include "test_jobs.h"

#include <linux/capability.h>

#define JOB(keys) "cupel: 1\njobs:\n  a: {run: x, " keys "}\n"
#define BIT(cap) (UINT64_C(1) << (cap))

static void test_sets(void **state)
{
    static const struct {
        const char *text;
        bool given;
        uint64_t set;
    } rows[] = {
        {JOB("user: root"), false, 0},
        {JOB("capabilities: []"), true, 0},
        {JOB("capabilities: NET_RAW"), true, BIT(CAP_NET_RAW)},
        {JOB("capabilities: [CAP_NET_RAW, chown, cap_kill, CHOWN]"), true,
         BIT(CAP_NET_RAW) | BIT(CAP_CHOWN) | BIT(CAP_KILL)},
        {"cupel: 1\ndefaults: {capabilities: [KILL]}\njobs: {a: {run: x}}\n", true, BIT(CAP_KILL)},
        {"cupel: 1\ndefaults: {capabilities: [KILL]}\njobs: {a: {run: x, capabilities: "
         "[SETUID]}}\n",
         true, BIT(CAP_SETUID)},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct loaded r = load_good(rows[i].text);

        assert_int_equal(r.plan->jobs[0].capabilities.given, rows[i].given);
        assert_int_equal(r.plan->jobs[0].capabilities.set, rows[i].set);
        unload(&r);
    }
}

static void test_mistakes(void **state)
{
    static const struct mistake rows[] = {
        {JOB("capabilities: [NET_RWA, cap_chwon]"),
         "3:30: there is no capability 'NET_RWA', did you mean 'NET_RAW'?\n"
         "3:39: there is no capability 'cap_chwon', did you mean 'CHOWN'?\n"},
        {JOB("capabilities: everything"), "3:29: there is no capability 'everything'\n"},
        {JOB("capabilities: {KILL: yes}"),
         "3:29: 'capabilities' must be names of capabilities, not a map\n"},
        {JOB("capabilities: [SYS_ADMIN, CAP_MKNOD]"),
         "3:30: no job may have the capability 'SYS_ADMIN': it changes mounts and namespaces, and "
         "so undoes the "
         "sandbox\n"
         "3:41: no job may have the capability 'CAP_MKNOD': the kernel asks for it on the host, so "
         "a job would gain "
         "nothing\n"},
    };

    (void)state;
    check_mistakes(rows, ARRAY_SIZE(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
