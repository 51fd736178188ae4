/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's log says of an OOM kill, also where the victim has chosen its name with care.
 */
#include "harness/attempt/oom_victim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KILL(path, name)                                                                           \
    "6,10,20,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"      \
    "oom_memcg=" path ",task_memcg=" path ",task=" name ",pid=123,uid=5"

static void assert_victim(const char *record, const char *name, int pid)
{
    struct oom_victim v = {0};

    assert_false(oom_victim_take(record, "/cupel-a/j1-2", &v));
    assert_string_equal(v.command, name);
    assert_int_equal(v.host_pid, pid);
}

static void test_names(void **state)
{
    (void)state;
    assert_victim(KILL("/x/cupel-a/j1-2", "python3"), "python3", 123);
    assert_victim(KILL("/cupel-a/j1-2", "a,pid=9,uid=0"), "a,pid=9,uid=0", 123);
    assert_victim(KILL("/cupel-a/j1-2", "\\x1b[2J,task=b"), "\\x1b[2J,task=b", 123);
    assert_victim(KILL("/cupel-a/j1-2", ""), "", 123);
    /* another job's, or one whose name only ends so */
    assert_victim(KILL("/cupel-a/j1-3", "python3"), "", 0);
    assert_victim(KILL("/x/cupel-a/j1-2/more", "python3"), "", 0);
    assert_victim(KILL("/other", ",task_memcg=/cupel-a/j1-2,task=x"), "", 0);
    /* too long for a name; cut short; written by a program (facility 1) */
    assert_victim(KILL("/cupel-a/j1-2", "0123456789012345678901234567890123456789"), "", 0);
    assert_victim("6,10,20,-;oom-kill:task_memcg=/cupel-a/j1-2,task=x", "", 0);
    assert_victim("14,10,20,-;oom-kill:c=,task_memcg=/cupel-a/j1-2,task=x,pid=1,uid=0", "", 0);
    assert_victim("", "", 0);
}

static void test_size(void **state)
{
    static const char other[] =
        "3,11,21,-;Memory cgroup out of memory: Killed process 12 (x) total-vm:1kB, "
        "anon-rss:7kB, file-rss:1kB";
    static const char killed[] =
        "3,11,21,-;Memory cgroup out of memory: Killed process 123 (a, anon-rss:1) "
        "total-vm:47352kB, anon-rss:37484kB, file-rss:6576kB, UID:5";
    struct oom_victim v = {0};

    (void)state;
    assert_false(oom_victim_take(killed, "/cupel-a/j1-2", &v)); /* of nobody that was named */
    assert_false(oom_victim_take(KILL("/cupel-a/j1-2", "a"), "/cupel-a/j1-2", &v));
    assert_false(oom_victim_take(other, "/cupel-a/j1-2", &v));
    assert_true(oom_victim_take(killed, "/cupel-a/j1-2", &v));
    assert_int_equal(v.anonymous_bytes, 37484 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
