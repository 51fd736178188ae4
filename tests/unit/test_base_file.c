/* SPDX-License-Identifier: Apache-2.0 */
/* test_base_file: fd-relative files against real directories: what must not be followed, read or
 * left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/base.h"

struct room {
    char path[64];
    int fd;
};

static int setup(void **state)
{
    struct room *room = xcalloc(1, sizeof(*room));

    (void)snprintf(room->path, sizeof(room->path), "/tmp/cupel-test-file-XXXXXX");
    if (mkdtemp(room->path) == NULL)
        return -1;
    room->fd = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = room;
    return room->fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    /* not with what is tested here */
    cleanup_free char *command = xasprintf("rm -rf %s", room->path);
    int r = system(command);

    (void)close(room->fd);
    free(room);
    return r;
}

static void put(int dir, const char *path, const char *text)
{
    cleanup_close int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static void assert_content(int dir, const char *path, const char *text)
{
    cleanup_free char *data = NULL;
    size_t len;

    assert_int_equal(file_read_at(dir, path, 1 << 20, &data, &len), 0);
    assert_string_equal(data, text);
    assert_int_equal(len, strlen(text));
}

static bool exists(int dir, const char *path)
{
    return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- opening ---- */

static void test_open_beneath(void **state)
{
    static const struct {
        const char *path;
        int result; /* 0: opens */
    } table[] = {
        {"in/file", 0},
        {"in/./file", 0},
        {"in//file", 0},
        {"in/../in/file", 0}, /* goes up, but not out */
        {"missing", -ENOENT},
        {"in/file/x", -ENOTDIR},
        {"link", -ELOOP},
        {"inner", -ELOOP}, /* no link at all, wherever it leads */
        {"dirlink/file", -ELOOP},
        {"in/up/file", -ELOOP},
        {"..", -EXDEV},
        {"../x", -EXDEV},
        {"in/../../x", -EXDEV},
        {"/etc/passwd", -EXDEV},
        {"/", -EXDEV},
        {"", -ENOENT},
    };
    struct room *room = *state;

    assert_int_equal(mkdirat(room->fd, "in", 0755), 0);
    put(room->fd, "in/file", "x");
    assert_int_equal(symlinkat("/etc/passwd", room->fd, "link"), 0);
    assert_int_equal(symlinkat("in/file", room->fd, "inner"), 0);
    assert_int_equal(symlinkat("in", room->fd, "dirlink"), 0);
    assert_int_equal(symlinkat("..", room->fd, "in/up"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_close int fd = file_open_beneath(room->fd, table[i].path, O_RDONLY, 0);

        if ((fd >= 0 ? 0 : fd) != table[i].result)
            fail_msg("'%s': %d, not %d", table[i].path, fd, table[i].result);
        if (fd >= 0)
            assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
}

static void test_open_beneath_creates(void **state)
{
    struct room *room = *state;
    cleanup_close int fd = file_open_beneath(room->fd, "new", O_WRONLY | O_CREAT | O_EXCL, 0640);
    struct stat st;
    mode_t mask = umask(0);

    (void)umask(mask);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640 & ~mask);
    assert_int_equal(file_open_beneath(room->fd, "new", O_WRONLY | O_CREAT | O_EXCL, 0640),
                     -EEXIST);
    assert_int_equal(symlinkat("/tmp/cupel-test-must-not-be-made", room->fd, "dangling"), 0);
    assert_int_equal(file_open_beneath(room->fd, "dangling", O_WRONLY | O_CREAT, 0640), -ELOOP);
    assert_false(exists(AT_FDCWD, "/tmp/cupel-test-must-not-be-made"));
    assert_int_equal(file_open_beneath(-1, "new", O_RDONLY, 0), -EBADF);
}

static void test_magic_links_are_refused(void **state)
{
    cleanup_close int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_true(proc >= 0);
    assert_int_equal(file_open_in_root(proc, "self/root/etc/passwd", O_RDONLY, 0), -ELOOP);
    assert_int_equal(file_open_in_root(proc, "self/cwd", O_RDONLY, 0), -ELOOP);
    assert_int_equal(file_open_beneath(proc, "self/fd/0", O_RDONLY, 0), -ELOOP);
}

static void test_open_in_root(void **state)
{
    static const struct {
        const char *link;
        const char *to;
        const char *content; /* NULL: cannot be opened */
    } table[] = {
        {"absolute", "/etc/passwd", "the root's own"},
        {"up", "../../../../../../etc/passwd", "the root's own"},
        {"relative", "etc/passwd", "the root's own"},
        {"twice", "absolute", "the root's own"},
        {"out", "/etc/shadow", NULL}, /* the host has one, the root has not */
        {"loop", "loop", NULL},
        {"proc", "/proc/self/status", NULL},
    };
    struct room *room = *state;

    assert_int_equal(mkdirat(room->fd, "etc", 0755), 0);
    put(room->fd, "etc/passwd", "the root's own");
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        assert_int_equal(symlinkat(table[i].to, room->fd, table[i].link), 0);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_close int fd = file_open_in_root(room->fd, table[i].link, O_RDONLY, 0);
        cleanup_free char *data = NULL;
        size_t len;

        assert_int_equal(fd >= 0, table[i].content != NULL);
        if (fd < 0)
            continue;
        assert_int_equal(file_read_fd(fd, 100, &data, &len), 0);
        assert_string_equal(data, table[i].content);
    }
    assert_int_equal(file_open_in_root(room->fd, "loop", O_RDONLY, 0), -ELOOP);
}

/* ---- reading ---- */

static void test_read_bounds(void **state)
{
    struct room *room = *state;
    char *data = NULL;
    size_t len = 77;

    put(room->fd, "ten", "0123456789");
    put(room->fd, "empty", "");
    assert_int_equal(file_read_at(room->fd, "ten", 9, &data, &len), -EFBIG);
    assert_null(data); /* untouched on failure */
    assert_int_equal(len, 77);
    assert_int_equal(file_read_at(room->fd, "ten", 10, &data, &len), 0);
    assert_int_equal(len, 10);
    assert_string_equal(data, "0123456789");
    free(data);
    assert_int_equal(file_read_at(room->fd, "empty", 0, &data, &len), 0);
    assert_int_equal(len, 0);
    assert_string_equal(data, "");
    free(data);
}

static void test_read_refuses_what_is_no_file(void **state)
{
    struct room *room = *state;
    char *data = NULL;
    size_t len = 0;

    assert_int_equal(mkfifoat(room->fd, "fifo", 0644), 0);
    assert_int_equal(mkdirat(room->fd, "dir", 0755), 0);
    /* and does not hang */
    assert_int_equal(file_read_at(room->fd, "fifo", 100, &data, &len), -EINVAL);
    assert_int_equal(file_read_at(room->fd, "dir", 100, &data, &len), -EISDIR);
    assert_int_equal(file_read_at(room->fd, "none", 100, &data, &len), -ENOENT);
    assert_int_equal(file_read_at(AT_FDCWD, "/dev/zero", 100, &data, &len), -EINVAL);
    assert_null(data);
}

/* Files of the kernel say that their size is 0; a bound holds for them as well. */
static void test_read_kernel_files(void **state)
{
    cleanup_free char *data = NULL;
    char *none = NULL;
    size_t len;

    (void)state;
    assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/status", 1 << 20, &data, &len), 0);
    assert_true(len > 100);
    assert_int_equal(strlen(data), len);
    assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/status", 100, &none, &len), -EFBIG);
    assert_null(none);
}

static void test_read_fd_of_a_pipe(void **state)
{
    cleanup_free char *data = NULL;
    char big[40000], *none = NULL;
    size_t len;
    int p[2];

    (void)state;
    memset(big, 'b', sizeof(big));
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_int_equal(file_write_all(p[1], big, sizeof(big)), 0);
    (void)close(p[1]);
    assert_int_equal(file_read_fd(p[0], sizeof(big), &data, &len), 0);
    assert_int_equal(len, sizeof(big));
    assert_memory_equal(data, big, len);
    (void)close(p[0]);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    assert_int_equal(file_write_all(p[1], big, 10), 0);
    (void)close(p[1]);
    /* no size is known before: the bound holds here */
    assert_int_equal(file_read_fd(p[0], 9, &none, &len), -EFBIG);
    assert_null(none);
    (void)close(p[0]);
    assert_int_equal(file_read_fd(-1, 1, &data, &len), -EBADF);
}

/* ---- writing ---- */

static size_t count_entries(int dir)
{
    DIR *list = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    size_t n = 0;

    assert_non_null(list);
    while (readdir(list) != NULL)
        n++;
    (void)closedir(list);
    return n - 2;
}

static void test_write_atomic(void **state)
{
    struct room *room = *state;
    cleanup_close int old = -EBADF;
    char text[16];

    put(room->fd, "f", "old");
    old = openat(room->fd, "f", O_RDONLY | O_CLOEXEC);
    assert_int_equal(file_write_atomic_at(room->fd, "f", "new", 3, 0600), 0);
    assert_content(room->fd, "f", "new");
    /* who had it open goes on with the old content */
    assert_int_equal(read(old, text, sizeof(text)), 3);
    assert_memory_equal(text, "old", 3);
    assert_int_equal(file_write_atomic_at(room->fd, "made", "", 0, 0600), 0);
    assert_content(room->fd, "made", "");
    assert_int_equal(count_entries(room->fd), 2); /* nothing is left aside */
}

static void test_write_atomic_failures_leave_nothing(void **state)
{
    struct room *room = *state;

    assert_int_equal(mkdirat(room->fd, "dir", 0755), 0);
    put(room->fd, "dir/full", "");
    assert_int_equal(file_write_atomic_at(room->fd, "dir", "x", 1, 0600), -EISDIR);
    assert_int_equal(file_write_atomic_at(room->fd, "no/such", "x", 1, 0600), -ENOENT);
    assert_int_equal(count_entries(room->fd), 1);
}

/* The link itself is replaced; what it led to stays as it was. */
static void test_write_atomic_replaces_a_link(void **state)
{
    struct room *room = *state;
    struct stat st;

    put(room->fd, "target", "target");
    assert_int_equal(symlinkat("target", room->fd, "link"), 0);
    assert_int_equal(file_write_atomic_at(room->fd, "link", "x", 1, 0600), 0);
    assert_content(room->fd, "target", "target");
    assert_int_equal(fstatat(room->fd, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void test_write_all_reports(void **state)
{
    cleanup_close int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(file_write_all(full, "x", 1), -ENOSPC);
    assert_int_equal(file_write_all(full, "", 0), 0);
    assert_int_equal(file_write_all(-1, "x", 1), -EBADF);
}

static void test_put(void **state)
{
    struct room *room = *state;

    put(room->fd, "control", "");
    assert_int_equal(file_put_at(room->fd, "control", "42"), 0);
    assert_content(room->fd, "control", "42");
    assert_int_equal(file_put_at(room->fd, "none", "42"), -ENOENT);
    assert_false(exists(room->fd, "none")); /* control files are never made */
    assert_int_equal(symlinkat("control", room->fd, "link"), 0);
    assert_int_equal(file_put_at(room->fd, "link", "43"), -ELOOP);
}

/* ---- directories ---- */

static void test_mkdir_p(void **state)
{
    struct room *room = *state;
    cleanup_free char *absolute = xasprintf("%s/abs/x", room->path);
    struct stat st;

    assert_int_equal(file_mkdir_p_at(room->fd, "a/b/c", 0700), 0);
    assert_int_equal(file_mkdir_p_at(room->fd, "a/b/c", 0700), 0);
    assert_int_equal(file_mkdir_p_at(room->fd, "a//b/d/", 0700), 0);
    assert_int_equal(file_mkdir_p_at(AT_FDCWD, absolute, 0700), 0);
    assert_int_equal(file_mkdir_p_at(AT_FDCWD, "/", 0700), 0);
    assert_true(exists(room->fd, "a/b/d"));
    assert_true(exists(room->fd, "abs/x"));
    assert_int_equal(fstatat(room->fd, "a/b", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(symlinkat("a", room->fd, "link"), 0);
    assert_int_equal(file_mkdir_p_at(room->fd, "link", 0700), 0);
    assert_int_equal(file_mkdir_p_at(room->fd, "link/e", 0700), 0);
    assert_true(exists(room->fd, "a/e"));
}

static void test_mkdir_p_where_there_is_a_file(void **state)
{
    struct room *room = *state;

    put(room->fd, "file", "");
    assert_int_equal(symlinkat("nowhere", room->fd, "dangling"), 0);
    assert_int_equal(file_mkdir_p_at(room->fd, "file/x", 0700), -ENOTDIR);
    assert_int_equal(file_mkdir_p_at(room->fd, "file", 0700), -ENOTDIR);
    assert_true(file_mkdir_p_at(room->fd, "dangling", 0700) < 0);
    assert_int_equal(file_open_dir_p_at(room->fd, "file", 0700), -ENOTDIR);
}

static void test_open_dir_p(void **state)
{
    struct room *room = *state;
    cleanup_close int fd = file_open_dir_p_at(room->fd, "x/y", 0755),
                      again = file_open_dir_p_at(room->fd, "x/y", 0755);

    assert_true(fd >= 0 && again >= 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    put(fd, "here", "");
    assert_true(exists(room->fd, "x/y/here"));
}

/* ---- removing ---- */

/* A chain of `depth` directories with a file and a link in each; built with one descriptor at a
 * time. */
static void make_chain(int at, const char *name, unsigned depth)
{
    int dir = fcntl(at, F_DUPFD_CLOEXEC, 0);

    for (unsigned i = 0; i < depth; i++) {
        int next;

        assert_int_equal(mkdirat(dir, name, 0700), 0);
        next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        (void)close(dir);
        dir = next;
        if (i % 16 == 0) {
            put(dir, "file", "x");
            assert_int_equal(symlinkat("/etc", dir, "link"), 0);
        }
    }
    (void)close(dir);
}

static void test_remove_very_deep_trees(void **state)
{
    struct room *room = *state;
    struct rlimit before, few;
    char name[201];

    memset(name, 'n', 200);
    name[200] = '\0';
    assert_int_equal(mkdirat(room->fd, "t", 0700), 0);
    {
        cleanup_close int top = openat(room->fd, "t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        make_chain(top, name, 60);  /* 12,000 bytes of path: PATH_MAX is 4096 */
        make_chain(top, "d", 3000); /* many more levels than descriptors below */
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = 32, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(file_remove_tree_at(room->fd, "t"), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(exists(room->fd, "t"));
    assert_true(exists(AT_FDCWD, "/etc/passwd"));
}

static void test_remove_wide_tree_with_odd_names(void **state)
{
    static const char *const odd[] = {"new\nline", "\xff\xfe\x80", "-rf",         " ",
                                      "*",         ".cupel-rm-0",  ".cupel-rm-1", "..."};
    struct room *room = *state;
    cleanup_close int top = file_open_dir_p_at(room->fd, "t", 0700);

    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        cleanup_close int sub = file_open_dir_p_at(top, odd[i], 0700);

        for (size_t k = 0; k < ARRAY_SIZE(odd); k++) {
            cleanup_close int deeper = file_open_dir_p_at(sub, odd[k], 0700);

            put(deeper, odd[k], "x");
        }
    }
    for (int i = 0; i < 2000; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "f%d", i);
        put(top, name, "");
        (void)snprintf(name, sizeof(name), "d%d/e/f", i);
        if (i % 10 == 0)
            assert_int_equal(file_mkdir_p_at(top, name, 0700), 0);
    }
    assert_int_equal(file_remove_tree_at(room->fd, "t"), 0);
    assert_int_equal(count_entries(room->fd), 0);
}

static void test_remove_follows_no_link(void **state)
{
    struct room *room = *state;

    assert_int_equal(file_mkdir_p_at(room->fd, "outside/dir", 0700), 0);
    put(room->fd, "outside/dir/kept", "kept");
    assert_int_equal(file_mkdir_p_at(room->fd, "t/sub", 0700), 0);
    assert_int_equal(symlinkat("../outside/dir", room->fd, "t/link"), 0);
    assert_int_equal(symlinkat("../../outside/dir", room->fd, "t/sub/link"), 0);
    assert_int_equal(symlinkat("outside/dir", room->fd, "top"), 0);
    assert_int_equal(file_remove_tree_at(room->fd, "t"), 0);
    assert_int_equal(file_remove_tree_at(room->fd, "top"), 0); /* the link itself */
    assert_false(exists(room->fd, "top"));
    assert_content(room->fd, "outside/dir/kept", "kept");
}

static void test_remove_what_is_no_directory(void **state)
{
    struct room *room = *state;

    assert_int_equal(file_remove_tree_at(room->fd, "none"), 0);
    put(room->fd, "file", "");
    assert_int_equal(mkfifoat(room->fd, "fifo", 0600), 0);
    assert_int_equal(mkdirat(room->fd, "empty", 0), 0);
    assert_int_equal(file_remove_tree_at(room->fd, "file"), 0);
    assert_int_equal(file_remove_tree_at(room->fd, "fifo"), 0);
    assert_int_equal(file_remove_tree_at(room->fd, "empty"), 0);
    assert_int_equal(count_entries(room->fd), 0);
    assert_int_equal(file_remove_tree_at(-1, "x"), -EBADF);
}

static void test_remove_directories_without_permissions(void **state)
{
    struct room *room = *state;

    assert_int_equal(file_mkdir_p_at(room->fd, "t/closed/inner/deep", 0700), 0);
    put(room->fd, "t/closed/inner/file", "");
    assert_int_equal(mkfifoat(room->fd, "t/closed/fifo", 0), 0);
    assert_int_equal(fchmodat(room->fd, "t/closed/inner", 0, 0), 0);
    assert_int_equal(fchmodat(room->fd, "t/closed", 0, 0), 0);
    assert_int_equal(fchmodat(room->fd, "t", 0, 0), 0);
    if (geteuid() != 0) {
        print_message("SKIPPED: a directory of mode 000 can be opened by root only\n");
        skip();
    }
    assert_int_equal(file_remove_tree_at(room->fd, "t"), 0);
    assert_int_equal(count_entries(room->fd), 0);
}

/* Removes a tree with a mount in it, in a mount namespace of its own: the host's mounts stay as
 * they are. */
static int remove_around_a_mount(const struct room *room)
{
    cleanup_free char *to = xasprintf("%s/t/a/mount", room->path);

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 77;
    if (mount("tmpfs", to, "tmpfs", 0, "size=64k") < 0)
        return 77;
    {
        cleanup_close int fd = openat(AT_FDCWD, to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || file_write_atomic_at(fd, "kept", "kept", 4, 0600) < 0)
            return 2;
        if (file_remove_tree_at(room->fd, "t") == 0)
            return 3;
        if (!exists(fd, "kept"))
            return 4;
        if (file_remove_tree_at(room->fd, "t/a/mount") == 0)
            return 5;
    }
    return umount2(to, MNT_DETACH) < 0 ? 6 : file_remove_tree_at(room->fd, "t") < 0 ? 7 : 0;
}

static void test_remove_stops_at_mounts(void **state)
{
    struct room *room = *state;
    int status;
    pid_t pid;

    assert_int_equal(file_mkdir_p_at(room->fd, "t/a/mount", 0700), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(remove_around_a_mount(room));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("SKIPPED: no mount namespace or no right to mount\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_false(exists(room->fd, "t"));
}

/* ---- copying ---- */

static void assert_copies(const struct room *room, int from)
{
    cleanup_close int to = openat(room->fd, "to", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(from >= 0 && to >= 0);
    assert_int_equal(file_copy_part(from, 3, 5, to), 0);
    assert_int_equal(file_copy_part(from, 0, 0, to), 0);
    assert_int_equal(file_copy_part(from, 9, 1, to), 0);
    assert_content(room->fd, "to", "345679");
    assert_int_equal(file_copy_part(from, 9, 2, to), -EIO);
    assert_int_equal(file_copy_part(from, 10, 1, to), -EIO);
}

static void test_copy_part(void **state)
{
    const struct room *room = *state;
    cleanup_close int beside = -EBADF, elsewhere = memfd_create("from", MFD_CLOEXEC);

    put(room->fd, "from", "0123456789");
    beside = openat(room->fd, "from", O_RDONLY | O_CLOEXEC);
    assert_copies(room, beside);
    assert_int_equal(file_write_all(elsewhere, "0123456789", 10), 0);
    assert_copies(room, elsewhere);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open_beneath),
        TEST(test_open_beneath_creates),
        TEST(test_magic_links_are_refused),
        TEST(test_open_in_root),
        TEST(test_read_bounds),
        TEST(test_read_refuses_what_is_no_file),
        TEST(test_read_kernel_files),
        TEST(test_read_fd_of_a_pipe),
        TEST(test_write_atomic),
        TEST(test_write_atomic_failures_leave_nothing),
        TEST(test_write_atomic_replaces_a_link),
        TEST(test_write_all_reports),
        TEST(test_put),
        TEST(test_mkdir_p),
        TEST(test_mkdir_p_where_there_is_a_file),
        TEST(test_open_dir_p),
        TEST(test_remove_very_deep_trees),
        TEST(test_remove_wide_tree_with_odd_names),
        TEST(test_remove_follows_no_link),
        TEST(test_remove_what_is_no_directory),
        TEST(test_remove_directories_without_permissions),
        TEST(test_remove_stops_at_mounts),
        TEST(test_copy_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
