/* SPDX-License-Identifier: Apache-2.0 */
/* Detection from texts: where our own group is in each hierarchy, on every kind of host that is
 * met. No kernel needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "harness/cgroup/cgroup_private.h"

struct expected {
    int version;
    unsigned controllers;
    const char *own; /* NULL: no mount shows it */
};

struct fixture {
    const char *name;
    const char *cgroup;
    const char *mountinfo;
    size_t count;
    struct expected expected[HIERARCHY_MAX];
};

#define ALL_V1 "devices,pids,memory,cpu,cpuacct,blkio,cpuset,perf_event"

static const struct fixture fixtures[] = {
    {
        .name = "v1, co-mounted cpu,cpuacct, and what is not used",
        .cgroup =
            "11:freezer:/\n10:net_cls,net_prio:/\n9:pids:/user.slice/user-0.slice/session-1.scope\n"
            "8:memory:/user.slice\n7:blkio:/user.slice\n6:cpuset:/\n5:cpu,cpuacct:/"
            "user.slice\n1:name=systemd:/"
            "user.slice\n",
        .mountinfo =
            "25 30 0:22 / /proc rw - proc proc rw\n"
            "32 31 0:27 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup "
            "rw,xattr,name=systemd\n"
            "35 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct\n"
            "36 31 0:31 / /sys/fs/cgroup/memory rw shared:16 - cgroup cgroup rw,memory\n"
            "37 31 0:32 / /sys/fs/cgroup/blkio rw shared:17 - cgroup cgroup rw,blkio\n"
            "38 31 0:33 / /sys/fs/cgroup/pids rw shared:18 - cgroup cgroup rw,pids\n"
            "39 31 0:34 / /sys/fs/cgroup/cpuset rw shared:19 - cgroup cgroup rw,cpuset\n",
        .count = 5,
        .expected = {{1, CTL_BIT(CTL_PIDS),
                      "/sys/fs/cgroup/pids/user.slice/user-0.slice/session-1.scope"},
                     {1, CTL_BIT(CTL_MEMORY), "/sys/fs/cgroup/memory/user.slice"},
                     {1, CTL_BIT(CTL_CPU) | CTL_BIT(CTL_CPUACCT),
                      "/sys/fs/cgroup/cpu,cpuacct/user.slice"},
                     {1, CTL_BIT(CTL_IO), "/sys/fs/cgroup/blkio/user.slice"},
                     {1, CTL_BIT(CTL_CPUSET), "/sys/fs/cgroup/cpuset"}},
    },
    {
        .name = "v2 alone",
        .cgroup = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope\n",
        .mountinfo =
            "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
        .count = 1,
        .expected = {{2, 0,
                      "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/"
                      "run-r1.scope"}},
    },
    {
        .name = "hybrid",
        .cgroup = "4:memory:/a\n1:name=systemd:/\n0::/\n",
        .mountinfo = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                     "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        .count = 2,
        .expected = {{1, CTL_BIT(CTL_MEMORY), "/sys/fs/cgroup/memory/a"},
                     {2, 0, "/sys/fs/cgroup/unified"}},
    },
    {
        .name = "docker on v1 without a cgroup namespace: the mount shows our subtree",
        .cgroup = "5:memory:/docker/0123abc\n4:cpu,cpuacct:/docker/0123abc\n",
        .mountinfo =
            "1 0 0:50 /docker/0123abc /sys/fs/cgroup/memory ro master:9 - cgroup cgroup rw,memory\n"
            "2 0 0:51 /docker/0123abc /sys/fs/cgroup/cpu,cpuacct ro master:9 - cgroup cgroup "
            "rw,cpu,cpuacct\n",
        .count = 2,
        .expected = {{1, CTL_BIT(CTL_MEMORY), "/sys/fs/cgroup/memory"},
                     {1, CTL_BIT(CTL_CPU) | CTL_BIT(CTL_CPUACCT), "/sys/fs/cgroup/cpu,cpuacct"}},
    },
    {
        .name = "a group within the container's subtree",
        .cgroup = "5:memory:/docker/0123abc/ci/job\n",
        .mountinfo =
            "1 0 0:50 /docker/0123abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        .count = 1,
        .expected = {{1, CTL_BIT(CTL_MEMORY), "/sys/fs/cgroup/memory/ci/job"}},
    },
    {
        .name = "a name that only begins alike is not beneath",
        .cgroup = "5:memory:/docker/0123abcdef\n",
        .mountinfo =
            "1 0 0:50 /docker/0123abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        .count = 1,
        .expected = {{1, CTL_BIT(CTL_MEMORY), NULL}},
    },
    {
        .name = "container with a cgroup namespace on v2",
        .cgroup = "0::/\n",
        .mountinfo = "7 1 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n",
        .count = 1,
        .expected = {{2, 0, "/sys/fs/cgroup"}},
    },
    {
        .name = "outside of the cgroup namespace that the mount was made in",
        .cgroup = "0::/../other\n",
        .mountinfo = "7 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
        .count = 1,
        .expected = {{2, 0, NULL}},
    },
    {
        .name = "no mount at all, and lines that make no sense",
        .cgroup = "nonsense\n3:pids\n5:memory:/a:b\n",
        .mountinfo = "garbage\n1 2 3\n4 5 6 / - cgroup\n\n",
        .count = 1,
        .expected = {{1, CTL_BIT(CTL_MEMORY), NULL}},
    },
    {
        .name = "blanks and colons in paths; a mount on top of a mount",
        .cgroup = "5:memory:/a:b\n",
        .mountinfo = "1 0 0:50 / /mnt/my\\040groups rw - cgroup cgroup rw,memory\n"
                     "2 0 0:50 /a:b /elsewhere rw - cgroup cgroup rw,memory\n"
                     "3 1 0:50 /a:b /mnt/my\\040groups rw - cgroup cgroup rw,memory\n",
        .count = 1,
        .expected = {{1, CTL_BIT(CTL_MEMORY), "/mnt/my groups"}},
    },
    {
        .name = "everything on one hierarchy",
        .cgroup = "2:" ALL_V1 ":/x\n",
        .mountinfo = "1 0 0:50 / /cg rw - cgroup cgroup rw," ALL_V1 "\n",
        .count = 1,
        .expected = {{1, (CTL_BIT(CTL_COUNT) - 1) & ~CTL_BIT(CTL_PRESSURE), "/cg/x"}},
    },
    {.name = "a kernel without cgroups",
     .cgroup = "",
     .mountinfo = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n",
     .count = 0},
};

static void check_fixture(const struct fixture *f)
{
    struct cgroup_host host = {0};

    detect_parse(&host, f->cgroup, f->mountinfo);
    if (host.count != f->count)
        fail_msg("%s: %zu hierarchies, not %zu", f->name, host.count, f->count);
    for (size_t i = 0; i < host.count; i++) {
        const struct hierarchy *h = &host.hierarchy[i];
        const struct expected *e = &f->expected[i];

        if (h->version != e->version || h->controllers != e->controllers)
            fail_msg("%s: [%zu] is v%d with controllers %#x", f->name, i, h->version,
                     h->controllers);
        if ((h->own == NULL) != (e->own == NULL) || (h->own != NULL && strcmp(h->own, e->own) != 0))
            fail_msg("%s: [%zu] own group is %s", f->name, i, h->own != NULL ? h->own : "(none)");
        free(h->own);
    }
}

static void test_fixtures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(fixtures); i++)
        check_fixture(&fixtures[i]);
}

/* More v1 hierarchies than there are controllers cannot be, but a text may say so. */
static void test_too_many_hierarchies(void **state)
{
    struct cgroup_host host = {0};

    (void)state;
    detect_parse(&host,
                 "1:pids:/\n2:pids:/\n3:pids:/\n4:pids:/\n5:pids:/\n6:pids:/\n7:pids:/\n8:pids:/"
                 "\n9:pids:/\n10:pids:/\n",
                 "");
    assert_int_equal(host.count, HIERARCHY_MAX);
}

static void test_numbers(void **state)
{
    uint64_t v = 7;

    (void)state;
    assert_true(text_number("nr_periods 3\nnr_throttled 12\n", "nr_throttled", &v));
    assert_int_equal(v, 12);
    assert_true(text_number("18446744073709551615\n", NULL, &v));
    assert_true(v == UINT64_MAX);
    v = 7;
    assert_false(text_number("18446744073709551616\n", NULL, &v));
    /* here it is the multiplication that overflows */
    assert_false(text_number("99999999999999999999\n", NULL, &v));
    assert_false(text_number("max\n", NULL, &v));
    assert_false(text_number("oom 4\noom_kill_disable 0\n", "oom_kill", &v));
    assert_false(text_number("", "oom_kill", &v));
    assert_int_equal(v, 7);
    assert_true(text_has_word("cpu io memory\n", "memory"));
    assert_true(text_has_word("rw,cpu,cpuacct", "cpu"));
    assert_false(text_has_word("rw,cpuacct", "cpu"));
    assert_false(text_has_word("", "cpu"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_too_many_hierarchies),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests_name("cgroup detection", tests, NULL, NULL);
}
