/* SPDX-License-Identifier: Apache-2.0 */
/* test_sandbox_resolver: a resolv.conf of the host's as a job behind nat gets it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/sandbox/slot/resolver.h"

#include "base/base.h"

static void check(const char *host, const char *expected)
{
    cleanup_free char *got = resolver_behind_nat(host);

    assert_string_equal(got, expected);
}

static void test_reachable_resolvers_stay(void **state)
{
    (void)state;
    check("nameserver 192.0.2.53\n", "nameserver 192.0.2.53\n");
    check("nameserver 192.0.2.53", "nameserver 192.0.2.53\n");
    check("# by hand\nnameserver\t2001:db8::53  # this one\n\nnameserver 10.0.0.1\n",
          "nameserver 2001:db8::53\nnameserver 10.0.0.1\n");
    check("nameserver 192.0.2.53\r\n", "nameserver 192.0.2.53\n");
    check("", "");
}

static void test_loopback_is_forwarded(void **state)
{
    (void)state;
    check("nameserver 127.0.0.53\n", "nameserver 10.0.2.3\n");
    check("nameserver 0.0.0.0\n", "nameserver 10.0.2.3\n");
    check("nameserver 127.0.0.1\nnameserver 127.0.0.53\nnameserver 192.0.2.53\n",
          "nameserver 10.0.2.3\nnameserver 192.0.2.53\n");
}

/* pasta forwards to the first of them, and only to that. */
static void test_loopback_after_another_is_left_out(void **state)
{
    (void)state;
    check("nameserver 192.0.2.53\nnameserver 127.0.0.53\n", "nameserver 192.0.2.53\n");
    check("nameserver 2001:db8::53\nnameserver 127.0.0.53\n",
          "nameserver 2001:db8::53\nnameserver 10.0.2.3\n");
    check("nameserver ::1\nnameserver 127.0.0.53\n", "nameserver 10.0.2.3\n");
}

static void test_forwarding_is_for_who_asks_there(void **state)
{
    cleanup_free char *direct = resolver_behind_nat("nameserver 192.0.2.53\n"),
                      *forwarded = resolver_behind_nat("nameserver 127.0.0.53\n");

    (void)state;
    assert_false(resolver_is_forwarded(direct));
    assert_true(resolver_is_forwarded(forwarded));
}

static void test_what_no_job_can_reach(void **state)
{
    (void)state;
    check("nameserver ::1\nnameserver fe80::1%eth0\nnameserver fe80::1\nnameserver ::\nnameserver "
          "nonsense\nnameserver\n",
          "");
}

static void test_other_lines(void **state)
{
    (void)state;
    check("search example.test\noptions edns0 trust-ad\nnameserver 192.0.2.53\nsortlist "
          "10.0.0.0\ndomain a.test\n",
          "search example.test\noptions edns0 trust-ad\nnameserver 192.0.2.53\nsortlist "
          "10.0.0.0\ndomain a.test\n");
    check("searching x\nnameservers 192.0.2.53\nlookup file\n", "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reachable_resolvers_stay),
        cmocka_unit_test(test_loopback_is_forwarded),
        cmocka_unit_test(test_loopback_after_another_is_left_out),
        cmocka_unit_test(test_forwarding_is_for_who_asks_there),
        cmocka_unit_test(test_what_no_job_can_reach),
        cmocka_unit_test(test_other_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
