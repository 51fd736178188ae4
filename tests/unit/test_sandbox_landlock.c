/* SPDX-License-Identifier: Apache-2.0 */
/* test_sandbox_landlock: the domain alone, around a child of this test that has every other right:
 * root of the host, all capabilities, no filter. What it denies, what it must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/landlock.h"

#include "base/base.h"

#define NO_DOMAIN 200 /* exit codes of a child that could not begin */
#define NO_SCENE 201

struct scene {
    char dir[32]; /* the root that the domain is told of, with "dev", "a" and "b" */
    char socket[64];
    int listener; /* abstract */
};

static int setup(void **state)
{
    struct scene *s = xcalloc(1, sizeof(*s));
    char path[64];

    (void)snprintf(s->dir, sizeof(s->dir), "/tmp/landlock.XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    for (const char *const *name = (const char *const[]){"dev", "a", "b", NULL}; *name != NULL;
         name++) {
        (void)snprintf(path, sizeof(path), "%s/%s", s->dir, *name);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    (void)snprintf(s->socket, sizeof(s->socket), "cupel-landlock-%d", (int)getpid());
    s->listener = -EBADF;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    (void)file_remove_tree_at(AT_FDCWD, s->dir);
    base_closep(&s->listener);
    free(s);
    return 0;
}

static void skip_below(int abi)
{
    if (landlock_abi() >= abi && geteuid() == 0)
        return;
    print_message("SKIPPED: needs root and Landlock's ABI %d\n", abi);
    skip();
}

/* Runs body in a child in a domain; what it returns is the exit code. */
static int in_domain(const struct scene *s, int (*body)(const struct scene *s))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct init_context ctx = {.given.landlock_abi = landlock_abi(),
                                   .root = open(s->dir, O_PATH | O_CLOEXEC)};

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            chdir(s->dir) < 0)
            _exit(NO_SCENE);
        ctx.given.dev_mount = open("dev", O_PATH | O_CLOEXEC);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || landlock_restrict(&ctx) < 0)
            _exit(NO_DOMAIN);
        _exit(body(s));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int result(long r)
{
    return r < 0 ? errno : 0;
}

static int mount_something(const struct scene *s)
{
    (void)s;
    return result(mount("none", "a", "tmpfs", 0, NULL));
}

static int unmount_proc(const struct scene *s)
{
    (void)s;
    return result(umount2("/proc", MNT_DETACH));
}

static int make_block_device(const struct scene *s)
{
    (void)s;
    return result(mknod("a/block", S_IFBLK | 0600, makedev(7, 0)));
}

static void test_mounts_and_block_devices(void **state)
{
    skip_below(2);
    assert_int_equal(in_domain(*state, mount_something), EPERM);
    assert_int_equal(in_domain(*state, unmount_proc), EPERM);
    assert_int_equal(in_domain(*state, make_block_device), EACCES);
}

/* Builds move and link files from anywhere to anywhere. */
static int move_files(const struct scene *s)
{
    int fd = open("a/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    (void)s;
    if (fd < 0 || link("a/file", "b/link") < 0 || rename("a/file", "b/file") < 0 ||
        mkdir("a/dir", 0755) < 0 || rename("a/dir", "b/dir") < 0 || mkfifo("a/fifo", 0600) < 0 ||
        unlink("b/link") < 0)
        return errno;
    return 0;
}

static void test_files_are_moved(void **state)
{
    skip_below(2);
    assert_int_equal(in_domain(*state, move_files), 0);
}

static int ioctl_of_loop_control(const struct scene *s)
{
    int fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC); /* not beneath the job's /dev */

    (void)s;
    return fd < 0 ? NO_SCENE : result(ioctl(fd, LOOP_CTL_GET_FREE));
}

/* The same beneath what is the job's /dev in this scene. */
static int ioctl_of_own_device(const struct scene *s)
{
    int fd = open("dev/control", O_RDWR | O_CLOEXEC);

    (void)s;
    return fd < 0 ? NO_SCENE : result(ioctl(fd, LOOP_CTL_GET_FREE));
}

static void test_ioctls_of_devices(void **state)
{
    const struct scene *s = *state;
    struct stat st;
    char path[64];
    int got;

    skip_below(5);
    if (stat("/dev/loop-control", &st) < 0) {
        print_message("SKIPPED: this machine has no /dev/loop-control\n");
        skip();
    }
    (void)snprintf(path, sizeof(path), "%s/dev/control", s->dir);
    assert_int_equal(mknod(path, S_IFCHR | 0600, st.st_rdev), 0);
    assert_int_equal(in_domain(s, ioctl_of_loop_control), EACCES);
    got = in_domain(s, ioctl_of_own_device);
    if (got != NO_SCENE) /* /tmp is mounted nodev here */
        assert_int_equal(got, 0);
}

static int signal_parent(const struct scene *s)
{
    (void)s;
    return result(kill(getppid(), 0));
}

static socklen_t abstract_address(const struct scene *s, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path + 1, s->socket, strlen(s->socket));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(s->socket));
}

static int connect_abstract(const struct scene *s)
{
    struct sockaddr_un address;
    socklen_t len = abstract_address(s, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return result(connect(fd, (struct sockaddr *)&address, len));
}

static void test_signals_and_abstract_sockets(void **state)
{
    struct scene *s = *state;
    struct sockaddr_un address;
    socklen_t len = abstract_address(s, &address);

    skip_below(6);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(connect_abstract(s), 0); /* outside of a domain it is there */
    assert_int_equal(in_domain(s, connect_abstract), EPERM);
    assert_int_equal(in_domain(s, signal_parent), EPERM);
}

/* gdb and strace within a job. */
static int trace_own_child(const struct scene *s)
{
    int status;
    pid_t pid = fork();

    (void)s;
    if (pid == 0)
        for (;;)
            (void)pause();
    if (pid < 0 || ptrace(PTRACE_ATTACH, pid, 0, 0) < 0 || waitpid(pid, &status, 0) != pid ||
        ptrace(PTRACE_DETACH, pid, 0, 0) < 0)
        return errno;
    return result(kill(pid, SIGKILL));
}

static int trace_parent(const struct scene *s)
{
    (void)s;
    return result(ptrace(PTRACE_ATTACH, getppid(), 0, 0));
}

static void test_tracing(void **state)
{
    skip_below(2);
    assert_int_equal(in_domain(*state, trace_own_child), 0);
    assert_int_equal(in_domain(*state, trace_parent), EPERM);
}

static void test_nothing_without_landlock(void **state)
{
    const struct init_context ctx = {.given.landlock_abi = 0};

    (void)state;
    assert_int_equal(landlock_restrict(&ctx), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mounts_and_block_devices),
        cmocka_unit_test(test_files_are_moved),
        cmocka_unit_test(test_ioctls_of_devices),
        cmocka_unit_test(test_signals_and_abstract_sockets),
        cmocka_unit_test(test_tracing),
        cmocka_unit_test(test_nothing_without_landlock),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
