/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the host's new mounts a self-test calls its own. */
#include "harness/selftest/selftest_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char before[] = "proc /proc proc rw 0 0\n"
                             "/dev/vda / ext4 rw 0 0\n";
static const char *const places[] = {"/var/tmp/cupel-selftest.x", "/cupel/", NULL};

/* Expects that of the mounts before and this line the line is found, or nothing. */
static void expect(const char *line, bool found)
{
    cleanup_free char *now = xasprintf("%s%s\n", before, line), *left = NULL;

    left = mounts_left(before, now, places);
    if (found)
        assert_string_equal(left, line);
    else
        assert_null(left);
}

static void test_what_is_ours_or_hides_something_is_left(void **state)
{
    (void)state;
    expect("tmpfs /var/tmp/cupel-selftest.x/a tmpfs rw 0 0", true);
    expect("/dev/loop7 /var/cache/cupel/runs/1/disk ext4 rw 0 0", true);
    expect("overlay /mnt overlay rw,upperdir=/var/cache/cupel/runs/1/u 0 0", true);
    expect("proc /proc proc rw,hidepid=2 0 0", true);
    expect("tmpfs / tmpfs rw 0 0", true);
}

static void test_what_others_do_meanwhile_is_not(void **state)
{
    (void)state;
    expect("tmpfs /home/somebody tmpfs rw 0 0", false);
    expect("tmpfs /proc/x tmpfs rw 0 0", false);
    assert_null(mounts_left(before, before, places));
    assert_null(mounts_left(before, "", places));
    assert_null(mounts_left("", "", places));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_ours_or_hides_something_is_left),
        cmocka_unit_test(test_what_others_do_meanwhile_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
