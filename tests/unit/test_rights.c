/* SPDX-License-Identifier: Apache-2.0 */
/* test_rights: which subordinate ids a user has by /etc/subuid's text, what ids a namespace has,
 * the namespace that is made, and where a scope of systemd's would be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "harness/rights/rights_private.h"

#define UID 54321 /* no passwd file has it: only its number counts */

static char path[] = "/tmp/cupel-subids.XXXXXX";

static int find(const char *text, struct subids *ret)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
    (void)close(fd);
    return subids_find(path, UID, ret);
}

static void test_a_range_by_number_is_found(void **state)
{
    struct subids range = {0};

    (void)state;
    assert_int_equal(find("else:100000:65536\n54321:200000:65536\n", &range), 0);
    assert_int_equal(range.start, 200000);
    assert_int_equal(range.count, 65536);
}

static void test_the_first_that_is_large_enough_is_taken(void **state)
{
    struct subids range = {0};

    (void)state;
    assert_int_equal(find("54321:100000:1000\n54321:300000:65535\n54321:400000:65536", &range), 0);
    assert_int_equal(range.start, 300000);
}

static void test_too_small_and_none_are_told_apart(void **state)
{
    struct subids range = {.start = 7};

    (void)state;
    assert_int_equal(find("54321:100000:65534\n", &range), -ERANGE);
    assert_int_equal(find("5432:100000:65536\n543210:100000:65536\n", &range), -ENOENT);
    assert_int_equal(find("", &range), -ENOENT);
    assert_int_equal(find("54321\n54321:\n54321:x:y\n:::\n", &range), -ENOENT);
    assert_int_equal(range.start, 7);
    assert_int_equal(subids_find("/nonexistent/subuid", UID, &range), -ENOENT);
}

/* Runs `body` in a child: the namespace stays with it. Who is root has to give up the right to
 * mount first. */
static int take_in_child(int (*body)(void))
{
    pid_t pid = fork();
    int status = -1;

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body());
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int become_ordinary(void)
{
    struct cupel_error err;
    char *lack = NULL;

    if (geteuid() == 0 && (setresgid(UID, UID, UID) < 0 || setresuid(UID, UID, UID) < 0))
        return 10;
    /* a change of ids clears it, and the maps of a process that is not dumpable are not its own to
       write; a program that was started by a user is */
    if (prctl(PR_SET_DUMPABLE, 1) < 0)
        return 10;
    if (rights_have())
        return 11;
    if (rights_take(&lack, &err) < 0)
        return 12;
    if (!rights_have() || geteuid() != 0)
        return 13;
    if (ids_mapped() != 1 && ids_mapped() < RIGHTS_IDS)
        return 14;
    if ((ids_mapped() == 1) != (lack != NULL)) /* one id, and only that, is a lack that is named */
        return 15;
    free(lack);
    /* a mount namespace of its own, in which it may mount */
    return unshare(CLONE_NEWNS) < 0 ? 16 : 0;
}

static void test_an_ordinary_user_becomes_root_of_a_namespace(void **state)
{
    int code = take_in_child(become_ordinary);

    (void)state;
    if (code == 12) {
        print_message("skip: this machine gives ordinary users no user namespaces\n");
        skip();
    }
    assert_int_equal(code, 0);
}

static int keep_rights(void)
{
    struct cupel_error err;
    char *lack = NULL, before[64] = "", after[64] = "";

    if (readlink("/proc/self/ns/user", before, sizeof(before) - 1) < 0 ||
        rights_take(&lack, &err) < 0 ||
        readlink("/proc/self/ns/user", after, sizeof(after) - 1) < 0)
        return 1;
    return lack == NULL && str_eq(before, after) ? 0 : 2;
}

static void test_who_has_the_rights_is_left_alone(void **state)
{
    (void)state;
    if (!rights_have()) {
        print_message("skip: needs root\n");
        skip();
    }
    assert_int_equal(take_in_child(keep_rights), 0);
}

static void test_an_identity_map_has_a_line_for_each_extent(void **state)
{
    cleanup_free char *map = ids_identity_map("uid_map", 1000),
                      *none = ids_identity_map("nonsense", 1000);

    (void)state;
    assert_string_equal(none, "");
    if (geteuid() == 0 && ids_mapped() == UINT32_MAX) {
        assert_string_equal(map, "0 0 1000\n");
        assert_null(ids_describe());
    }
}

static void test_a_scope_is_within_the_partition_of_its_slice_only(void **state)
{
    (void)state;
    assert_true(scope_is_outside("/run-r1.scope", "/run-r1.scope", true));
    assert_true(scope_is_outside("/a.slice/b.service/group", "/a.slice/b.service", true));
    assert_true(scope_is_outside("/grading/run", "/grading", true));
    assert_false(scope_is_outside("/a.slice/b.service/group", "/a.slice", true));
    assert_false(scope_is_outside("/a.slice/a-b.slice/c.service", "/a.slice/a-b.slice", true));
    assert_false(scope_is_outside("/user.slice/user-1.slice/user@1.service/app.slice/c.scope",
                                  "/user.slice/user-1.slice/user@1.service/app.slice", false));
    assert_true(scope_is_outside("/user.slice/user-1.slice/user@1.service/app.slice/c.scope",
                                 "/user.slice/user-1.slice/user@1.service/app.slice/c.scope",
                                 false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_range_by_number_is_found),
        cmocka_unit_test(test_the_first_that_is_large_enough_is_taken),
        cmocka_unit_test(test_too_small_and_none_are_told_apart),
        cmocka_unit_test(test_an_ordinary_user_becomes_root_of_a_namespace),
        cmocka_unit_test(test_who_has_the_rights_is_left_alone),
        cmocka_unit_test(test_an_identity_map_has_a_line_for_each_extent),
        cmocka_unit_test(test_a_scope_is_within_the_partition_of_its_slice_only),
    };
    int fd = mkstemp(path), r;

    if (fd < 0)
        return 1;
    (void)close(fd);
    r = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return r;
}
