/* SPDX-License-Identifier: Apache-2.0 */
/* test_sandbox_keep_copy: a job's tree, copied as it is and within bounds. What takes other owners
 * and overlays is for the end-to-end tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "harness/sandbox/slot/keep_copy.h"

#include "base/base.h"

struct room {
    char path[64];
    int from, to; /* directories; what is copied is from/job */
};

static const struct keep_copy_bounds enough = {.bytes = 1 << 20, .files = 1000};

static int setup(void **state)
{
    struct room *room = xcalloc(1, sizeof(*room));
    cleanup_close int dir = -EBADF;

    (void)snprintf(room->path, sizeof(room->path), "/var/tmp/cupel-test-copy-XXXXXX");
    if (mkdtemp(room->path) == NULL)
        return -1;
    dir = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || mkdirat(dir, "from", 0755) < 0 || mkdirat(dir, "to", 0755) < 0)
        return -1;
    room->from = openat(dir, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    room->to = openat(dir, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = room;
    return mkdirat(room->from, "job", 0750);
}

static int teardown(void **state)
{
    struct room *room = *state;
    int r = file_remove_tree_at(AT_FDCWD, room->path);

    (void)close(room->from);
    (void)close(room->to);
    free(room);
    return r;
}

static void put(const struct room *room, const char *path, const void *data, size_t n, off_t at)
{
    cleanup_close int fd = openat(room->from, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, n, at), n);
}

static struct stat stat_of(int dir, const char *path)
{
    struct stat st;

    assert_int_equal(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st;
}

static void test_whole(void **state)
{
    const struct room *room = *state;
    const struct timespec times[] = {{1000, 7}, {2000, 9}};
    char text[8] = "";
    struct stat st;
    int fd;

    put(room, "job/file", "text", 4, 0);
    put(room, "job/sparse", "end", 3, 4 << 20);
    put(room, "job/empty", "", 0, 0);
    assert_int_equal(mkdirat(room->from, "job/sub", 0), 0);
    assert_int_equal(linkat(room->from, "job/file", room->from, "job/sub/hard", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", room->from, "job/link"), 0);
    assert_int_equal(mkfifoat(room->from, "job/fifo", 0600), 0);
    assert_int_equal(fchmodat(room->from, "job/file", 04751, 0), 0);
    assert_int_equal(utimensat(room->from, "job/file", times, 0), 0);
    assert_int_equal(utimensat(room->from, "job/sub", times, 0), 0);
    fd = openat(room->from, "job/file", O_RDONLY | O_CLOEXEC);
    (void)fsetxattr(fd, "user.overlay.test", "y", 1, 0); /* not every file system has them */
    (void)close(fd);

    assert_int_equal(keep_copy_into(room->from, room->to, "job", &enough), 0);
    st = stat_of(room->to, "job/file");
    assert_int_equal(st.st_mode, S_IFREG | 04751);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(st.st_mtim.tv_sec, 2000);
    assert_int_equal(st.st_ino, stat_of(room->to, "job/sub/hard").st_ino);
    st = stat_of(room->to, "job/sparse");
    assert_int_equal(st.st_size, (4 << 20) + 3);
    assert_true(st.st_blocks * 512 < 1 << 20);
    assert_int_equal(stat_of(room->to, "job/empty").st_size, 0);
    st = stat_of(room->to, "job/sub");
    assert_int_equal(st.st_mode, S_IFDIR);
    assert_int_equal(st.st_mtim.tv_sec, 2000);
    assert_true(S_ISLNK(stat_of(room->to, "job/link").st_mode));
    assert_true(S_ISFIFO(stat_of(room->to, "job/fifo").st_mode));
    assert_int_equal(stat_of(room->to, "job").st_mode, S_IFDIR | 0750);
    assert_int_equal(faccessat(room->to, "links", F_OK, 0), -1);
    fd = openat(room->to, "job/file", O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof(text)), 4);
    assert_string_equal(text, "text");
    (void)close(fd);
    assert_true(keep_copy_measure(room->to, "job") >= 8192);
    assert_true(keep_copy_measure(room->to, "job") < 1 << 20);
}

static bool say_stop(void *data)
{
    return ++*(int *)data > 2;
}

static void expect_failure(struct room *room, const struct keep_copy_bounds *bounds, int r)
{
    assert_int_equal(keep_copy_into(room->from, room->to, "job", bounds), r);
    assert_int_equal(file_remove_tree_at(room->to, "job"), 0);
    assert_int_equal(file_remove_tree_at(room->to, "links"), 0);
}

static void test_bounds(void **state)
{
    struct room *room = *state;
    static char data[20000];
    int asked = 0;

    put(room, "job/a", data, sizeof(data), 0);
    put(room, "job/b", data, sizeof(data), 0);
    put(room, "job/c", data, sizeof(data), 0);
    expect_failure(room, &(struct keep_copy_bounds){.bytes = 59999, .files = 3}, -EFBIG);
    expect_failure(room, &(struct keep_copy_bounds){.bytes = 60000, .files = 2}, -EFBIG);
    expect_failure(
        room,
        &(struct keep_copy_bounds){.bytes = 60000, .files = 3, .stopped = say_stop, .data = &asked},
        -ECANCELED);
    assert_int_equal(asked, 3);
    expect_failure(room, &(struct keep_copy_bounds){.bytes = 60000, .files = 3}, 0);
}

static void test_depth(void **state)
{
    struct room *room = *state;
    int fd = openat(room->from, "job", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; i < 150; i++) {
        int next;

        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(fd);
        fd = next;
    }
    (void)close(fd);
    expect_failure(room, &enough, -ELOOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
    };

    return cmocka_run_group_tests_name("sandbox copy", tests, NULL, NULL);
}
