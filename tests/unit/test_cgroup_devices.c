/* SPDX-License-Identifier: Apache-2.0 */
/* The wall around devices on the real kernel: children of this test, which are root of the host and
 * find every node there is, in a payload. Needs root and the devices controller (v1) or device
 * programs (v2). */
#include "test_cgroup.h"

#include <sys/sysmacros.h>

static const struct cgroup_device allowed[] = {{1, 3}, {1, 5}, {136, CGROUP_ALL_MINORS}};

struct bounded {
    struct cgroup_host *host;
    struct cgroup_run *run;
};

static int begin(void **state)
{
    struct bounded *b = xcalloc(1, sizeof(*b));
    cleanup_free char *id = run_id("d");
    struct cupel_error err;

    check(cgroup_detect(&b->host, &err), &err);
    *state = b;
    if (!cgroup_host_has(b->host, CGROUP_DEVICES)) {
        cgroup_explain_missing(b->host, CGROUP_DEVICES, &err);
        print_message("SKIPPED: %s\n", err.message);
        return 0;
    }
    cgroup_host_want_devices(b->host, allowed, ARRAY_SIZE(allowed));
    check(cgroup_run_create(b->host, id, NULL, NULL, &b->run, &err), &err);
    check(cgroup_run_bounds_devices(b->run, &err), &err);
    return 0;
}

static int end(void **state)
{
    struct bounded *b = *state;
    cleanup_free char *after = NULL;
    struct cupel_error err;

    check(cgroup_run_destroy(b->run, &err), &err);
    after = list_groups(b->host);
    assert_string_equal(after, "");
    cgroup_host_free(b->host);
    free(b);
    return 0;
}

static int result(int fd)
{
    return fd < 0 ? errno : 0;
}

/* A node at a path of this test's own, so that it does not matter what /dev has. */
static int open_node(mode_t type, unsigned major, unsigned minor)
{
    cleanup_free char *path = xasprintf("/dev/cupel-test-%d", (int)getpid());
    int r = mknod(path, type | 0600, makedev(major, minor)) < 0 ? -errno : 0;

    if (r == 0)
        r = result(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    (void)unlink(path);
    return r;
}

static int open_path(const char *path, int flags)
{
    return result(open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

/* Exit codes say which expectation did not hold. */
static int in_payload(int out)
{
    (void)out;
    if (open_path("/dev/null", O_RDWR) != 0 || open_path("/dev/zero", O_RDONLY) != 0)
        return 1;
    if (open_path("/dev/full", O_RDWR) != EPERM || open_path("/dev/urandom", O_RDONLY) != EPERM)
        return 2;
    if (open_path("/dev/tty", O_RDWR) != EPERM || open_path("/dev/ptmx", O_RDWR) != EPERM)
        return 3;
    if (open_node(S_IFCHR, 1, 3) != -EPERM || open_node(S_IFCHR, 1, 7) != -EPERM ||
        open_node(S_IFBLK, 7, 0) != -EPERM)
        return 4; /* not even what may be opened may be made */
    return 0;
}

/* A block device with the numbers of an allowed character device. */
static int open_block(int out)
{
    const char *path = getenv("CUPEL_TEST_BLOCK");

    (void)out;
    return open_path(path, O_RDONLY) == EPERM ? 0 : 1;
}

static int status_in(struct bounded *b, const char *name, child_fn *body)
{
    const struct cgroup_limits none = CGROUP_LIMITS_NONE;
    struct cgroup_job *job;
    struct cupel_error err;
    int out, status;

    check(cgroup_job_create(b->run, name, &none, &job, &err), &err);
    status = reap(spawn(job, body, &out));
    close(out);
    check(cgroup_job_destroy(job, &err), &err);
    return status;
}

static void test_only_the_devices_of_the_list(void **state)
{
    struct bounded *b = *state;

    if (b->run == NULL)
        skip();
    assert_int_equal(open_path("/dev/full", O_RDWR), 0); /* outside there is no wall */
    assert_int_equal(status_in(b, "j0-1", in_payload), 0);
    assert_int_equal(status_in(b, "j0-2", in_payload), 0);
    assert_int_equal(open_path("/dev/full", O_RDWR), 0);
}

static void test_no_block_device(void **state)
{
    struct bounded *b = *state;
    char path[] = "/dev/cupel-test-block";

    if (b->run == NULL)
        skip();
    (void)unlink(path);
    if (mknod(path, S_IFBLK | 0600, makedev(1, 3)) < 0) {
        print_message("SKIPPED: no node can be made in /dev: %s\n", strerror(errno));
        skip();
    }
    (void)setenv("CUPEL_TEST_BLOCK", path, 1);
    assert_int_equal(status_in(b, "j0-1", open_block), 0);
    (void)unlink(path);
}

/* The harness's own processes, the slots, need loop devices. */
static void test_init_is_free(void **state)
{
    struct bounded *b = *state;
    struct cupel_error err;
    int status;
    pid_t pid;

    if (b->run == NULL)
        skip();
    pid = fork();
    if (pid == 0)
        _exit(cgroup_run_enter_init(b->run, &err) < 0 ? 1
              : open_path("/dev/full", O_RDWR) != 0   ? 2
                                                      : 0);
    status = reap(pid);
    assert_int_equal(status, 0);
}

/* One that did not ask for it has none, and no group for it. */
static void test_without_the_wish(void **state)
{
    struct bounded *b = *state;
    cleanup_free char *id = NULL;
    struct cgroup_host *host;
    struct cupel_error err;
    struct bounded free_run;

    if (b->run == NULL)
        skip(); /* jumps past every cleanup */
    id = run_id("w");
    check(cgroup_detect(&host, &err), &err);
    check(cgroup_run_create(host, id, NULL, NULL, &free_run.run, &err), &err);
    assert_true(cgroup_run_bounds_devices(free_run.run, &err) < 0);
    for (size_t i = 0; i < free_run.run->count; i++)
        assert_true(free_run.run->tree[i].controllers != CTL_BIT(CTL_DEVICES));
    assert_int_not_equal(status_in(&free_run, "j0-1", in_payload), 0);
    check(cgroup_run_destroy(free_run.run, &err), &err);
    cgroup_host_free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_the_devices_of_the_list, begin, end),
        cmocka_unit_test_setup_teardown(test_no_block_device, begin, end),
        cmocka_unit_test_setup_teardown(test_init_is_free, begin, end),
        cmocka_unit_test_setup_teardown(test_without_the_wish, begin, end),
    };

    if (!have_groups(ARRAY_SIZE(tests)))
        return 0;
    return cmocka_run_group_tests_name("devices of jobs", tests, NULL, NULL);
}
