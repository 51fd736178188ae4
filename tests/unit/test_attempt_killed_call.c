/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's log says of a process that seccomp ended. */
#include "harness/attempt/killed_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define RECORD(level, type, uid, comm, call)                                                       \
    level ",20,30,-;audit: type=" type " audit(1795977264.561:9): auid=4294967295 uid=" uid        \
          " gid=0 ses=4294967295 pid=7217 comm=" comm                                              \
          " exe=\"/usr/bin/x\" sig=31 arch=c000003e syscall=" call                                 \
          " compat=0 ip=0x7f0daeaf34f7 code=0x80000000"

static void assert_call(const char *record, const char *expected)
{
    char name[KILLED_CALL_SIZE] = "";

    assert_int_equal(killed_call_take(record, 65536, name), expected[0] != '\0');
    assert_string_equal(name, expected);
}

static void test_records(void **state)
{
    (void)state;
    assert_call(RECORD("5", "1326", "65536", "\"x\"", "110"), "getppid");
    assert_call(RECORD("5", "1326", "131071", "\"uid=0\"", "110"), "getppid");
    assert_call(RECORD("5", "1326", "65537", "\"x\"", "9999"),
                "number 9999 of architecture 0xc000003e");
    assert_call("5,1,2,-;audit: type=1326 audit(1:9): auid=1 uid=65536 gid=0 ses=1 pid=7 "
                "comm=\"x\" exe=\"x\" sig=31 "
                "arch=40000003 syscall=64 compat=1",
                "getppid");
    /* another job's; another record; written by a program (facility 1); another signal; cut short
     */
    assert_call(RECORD("5", "1326", "131072", "\"x\"", "110"), "");
    assert_call(RECORD("5", "1326", "0", "\"x\"", "110"), "");
    assert_call(RECORD("5", "1300", "65536", "\"x\"", "110"), "");
    assert_call(RECORD("13", "1326", "65536", "\"x\"", "110"), "");
    assert_call("5,1,2,-;audit: type=1326 audit(1:9): uid=65536 sig=0 arch=c000003e syscall=110",
                "");
    assert_call("5,1,2,-;audit: type=1326 audit(1:9): auid=1 uid=65536 gid=0", "");
    assert_call("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_records)};

    return cmocka_run_group_tests_name("killed_call", tests, NULL, NULL);
}
