/* SPDX-License-Identifier: Apache-2.0 */
/* Tars that are not as they should be: refused with one clear error, with nothing left in the store
 * and nothing touched outside. */
#include "rootfs-cache/confined/unpack.h"
#include "test_cache.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static void expect_refused(struct fixture *f, const char *part)
{
    struct cache_root root = CACHE_ROOT_INIT;
    struct cupel_error err = {0};

    if (prepare_tar(f, NULL, &root, &err) >= 0) {
        cache_root_release(&root);
        fail_msg("not refused: expected '%s'", part);
    }
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_contains(err.message, part);
    assert_contains(err.message, f->tar);
    assert_nothing_left(f);
}

static void test_climbing_out(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *outside = xasprintf("%s/outside", f->dir);
    const struct {
        const char *message;
        struct item items[4];
    } cases[] = {
        {"'../x' climbs out with '..'", {{.name = "../x", .data = "x"}}},
        {"'a/../../x' climbs out", {{.name = "a/../../x", .data = "x"}}},
        {"'a/../' climbs out", {{.name = "a/..", .type = AE_IFDIR}}},
        {"'/../x' climbs out with '..'", {{.name = "/../x", .data = "x"}}},
        {"'l/x' lies beneath a symbolic link",
         {{.name = "l", .type = AE_IFLNK, .data = outside}, {.name = "l/x", .data = "x"}}},
        {"'l/x' lies beneath a symbolic link",
         {{.name = "d", .type = AE_IFDIR},
          {.name = "l", .type = AE_IFLNK, .data = "d"},
          {.name = "l/x", .data = "x"}}},
        {"'l/x' lies beneath a symbolic link",
         {{.name = "l", .type = AE_IFLNK, .data = ".."}, {.name = "./l//x", .data = "x"}}},
        {"'l' is a directory, but an earlier entry",
         {{.name = "l", .type = AE_IFLNK, .data = outside},
          {.name = "l", .type = AE_IFDIR, .mode = 0777}}},
        {"'f/x' lies beneath something that is no directory",
         {{.name = "f", .data = "x"}, {.name = "f/x", .data = "x"}}},
        {"'h' is a hard link to something that is not in the archive",
         {{.name = "h", .hardlink = "/etc/passwd"}}},
        {"'h' is a hard link to outside", {{.name = "h", .hardlink = "../../etc/passwd"}}},
        {"'h' is a hard link to something beneath a symbolic link",
         {{.name = "l", .type = AE_IFLNK, .data = "/etc"}, {.name = "h", .hardlink = "l/passwd"}}},
        {"'h' is a hard link to something that is not in the archive",
         {{.name = "h", .hardlink = "nothing"}}},
        {"'h' is a hard link to a directory",
         {{.name = "d", .type = AE_IFDIR}, {.name = "h", .hardlink = "d"}}},
        {"'.' would replace the root", {{.name = ".", .data = "x"}}},
        {"'d?[31m/../x' climbs out", {{.name = "d\033[31m/../x", .data = "x"}}},
    };

    assert_int_equal(mkdir(outside, 0755), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        make_tar(f->tar, cases[i].items, NULL);
        expect_refused(f, cases[i].message);
    }
    assert_int_equal(rmdir(outside), 0); /* still empty */
}

static void test_long_symbolic_link(void **state)
{
    struct fixture *f = *state;
    char to[PATH_MAX + 1] = "";
    const struct item items[] = {{.name = "l", .type = AE_IFLNK, .data = to}, {0}};
    struct cache_root root;

    memset(to, 'x', PATH_MAX);
    make_tar(f->tar, items, NULL);
    expect_refused(f, "entry 'l' is a symbolic link to a name longer than 4095 bytes");
    to[PATH_MAX - 1] = '\0';
    make_tar(f->tar, items, NULL);
    root = must_prepare(f);
    cache_root_release(&root);
}

/* Imports as many hard links as the file system takes, and one more. */
static void test_too_many_hard_links(void **state)
{
    struct fixture *f = *state;
    long most = pathconf(f->dir, _PC_LINK_MAX);
    cleanup_free struct item *items = NULL;
    cleanup_free char(*names)[24] = NULL;
    struct cupel_error err = {0};
    struct cache_root root = CACHE_ROOT_INIT;

    if (most < 2 || most > 100000) /* others than ext4 */
        skip();
    items = xcalloc((size_t)most + 2, sizeof(*items));
    names = xcalloc((size_t)most + 1, sizeof(*names));
    for (long i = 0; i <= most; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "h%ld", i);
        items[i].name = names[i];
        items[i].hardlink = i > 0 ? names[0] : NULL;
        items[i].data = i > 0 ? NULL : "x";
    }
    make_tar(f->tar, items, NULL);
    assert_true(prepare_tar(f, NULL, &root, &err) < 0);
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_contains(err.message, names[most]);
    assert_contains(err.message,
                    "it is one hard link more than the store's file system takes for a file");
    assert_contains(err.hint, "--hard-dereference");
    assert_nothing_left(f);
}

/* A leading slash is the tree's own, as every tar has it, of hard links' targets too. */
static void test_absolute_names(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *victim = xasprintf("%s/victim", f->dir);
    const struct item items[] = {{.name = "/", .type = AE_IFDIR, .mtime = 77},
                                 {.name = victim, .data = "x"},
                                 {.name = "//etc/h", .hardlink = victim},
                                 {0}};
    struct cache_root root;
    struct stat st;

    make_tar(f->tar, items, NULL);
    root = must_prepare(f);
    assert_content(root.layer[0], victim + 1, "x");
    assert_content(root.layer[0], "etc/h", "x");
    assert_int_equal(fstatat(root.layer[0], "", &st, AT_EMPTY_PATH), 0);
    assert_int_equal(st.st_mtim.tv_sec, 77);
    cache_root_release(&root);
    assert_int_equal(access(victim, F_OK), -1);
}

/* What follows the end of a tar is none of it, as tar(1) has it; of a compressed one it is read, so
 * that a damaged end shows. */
static void test_behind_the_end(void **state)
{
    static const char *const rests[] = {"garbage", "cat two.tar", "head -c 100000 /dev/zero",
                                        "head -c 5000 /dev/urandom"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2 * ARRAY_SIZE(rests); i++) {
        cleanup_free char *command = xasprintf(
            "cd %s && rm -rf t && mkdir t && echo one >t/a && tar -C t -cf one.tar a && echo %zu "
            ">t/b && tar -C t -cf two.tar b && "
            "{ cat one.tar; %s%s; } %s >root.tar",
            f->dir, i, i / 2 == 0 ? "echo " : "", rests[i / 2], i % 2 != 0 ? "| gzip" : "");
        struct cache_root root;

        assert_int_equal(system(command), 0);
        root = must_prepare(f);
        assert_content(root.layer[0], "a", "one\n");
        assert_int_equal(faccessat(root.layer[0], "b", F_OK, 0), -1);
        cache_root_release(&root);
    }
}

/* A hard link to a symbolic link is one; writing to it must not go through. */
static void test_write_through_hard_linked_symlink(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *victim = xasprintf("%s/victim", f->dir);
    const struct item items[] = {
        {.name = "l", .type = AE_IFLNK, .data = victim},
        {.name = "h", .hardlink = "l"},
        {.name = "h", .data = "written"},
        {0},
    };
    struct cache_root root;

    make_tar(f->tar, items, NULL);
    root = must_prepare(f);
    assert_content(root.layer[0], "h", "written");
    assert_int_equal(access(victim, F_OK), -1);
    cache_root_release(&root);
}

static void write_file(const char *path, const void *data, size_t length)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, data, length), 0);
}

static void test_not_a_tar(void **state)
{
    struct fixture *f = *state;
    static const struct item nothing[] = {{0}};
    static const char elf[2048] = "\177ELF", zeros[10240];
    char noise[20000];
    unsigned seed = 1;

    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)(seed = seed * 1103515245u + 12345u, seed >> 16);
    write_file(f->tar, "", 0);
    expect_refused(f, "cannot unpack");
    write_file(f->tar, "cupel: 1\n", 9);
    expect_refused(f, "cannot unpack");
    write_file(f->tar, elf, sizeof(elf));
    expect_refused(f, "cannot unpack");
    write_file(f->tar, zeros, sizeof(zeros));
    expect_refused(f, "is empty");
    write_file(f->tar, noise, sizeof(noise));
    expect_refused(f, "cannot unpack");
    make_tar(f->tar, nothing, "gzip");
    expect_refused(f, "cannot unpack");
}

/* Cut anywhere, also just between two entries, it must not look whole. */
static void cut_everywhere(struct fixture *f, const char *filter, size_t step)
{
    static const struct item items[] = {
        {.name = "d", .type = AE_IFDIR},
        {.name = "d/one", .data = "some content"},
        {.name = "d/empty"},
        {.name = "two", .data = "more"},
        {.name = "l", .type = AE_IFLNK, .data = "two"},
        {0},
    };
    cleanup_free char *whole = NULL;
    size_t length;

    make_tar(f->tar, items, filter);
    assert_int_equal(file_read_at(AT_FDCWD, f->tar, 1 << 20, &whole, &length), 0);
    if (filter == NULL)
        length -= 512; /* one block of zeros is an end as well */
    for (size_t n = step; n < length; n += step) {
        write_file(f->tar, whole, n);
        expect_refused(f, "cannot unpack");
    }
}

static void test_truncated(void **state)
{
    cut_everywhere(*state, NULL, 256);
}

static void test_truncated_compressed(void **state)
{
    static const char *const filters[] = {"gzip", "xz", "zstd", "bzip2"};

    for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
        cut_everywhere(*state, filters[i], 1);
}

/* Refused, or what was packed: zeros that are copied from elsewhere are the same zeros. */
static void expect_whole_or_refused(struct fixture *f)
{
    struct cache_root root = CACHE_ROOT_INIT;
    struct cupel_error err = {0};

    if (prepare_tar(f, NULL, &root, &err) < 0) {
        assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
        assert_contains(err.message, "cannot unpack");
        return;
    }
    assert_content(root.layer[0], "d/one", "some content");
    cache_root_release(&root);
}

/* Whichever byte behind gzip's header is another one, even where what is unpacked still is a tar.
 */
static void test_flipped_compressed(void **state)
{
    static const struct item items[] = {
        {.name = "d", .type = AE_IFDIR}, {.name = "d/one", .data = "some content"}, {0}};
    const size_t header = 10, trailer = 8;
    struct fixture *f = *state;
    cleanup_free char *whole = NULL;
    size_t length;

    make_tar(f->tar, items, "gzip");
    assert_int_equal(file_read_at(AT_FDCWD, f->tar, 1 << 20, &whole, &length), 0);
    for (size_t at = length - 1; at >= header; at--) {
        whole[at] ^= 1;
        write_file(f->tar, whole, length);
        if (at >= length - trailer)
            expect_refused(f, "does not match what was unpacked");
        else
            expect_whole_or_refused(f);
        whole[at] ^= 1;
    }
}

static int unpack_limited(struct fixture *f, const struct unpack_limits *limits,
                          struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("%s/tree", f->dir);
    cleanup_close int fd = open(f->tar, O_RDONLY | O_CLOEXEC),
                      tree = file_open_dir_p_at(AT_FDCWD, path, 0755);
    struct child_counts counts;
    int r = unpack_tar(fd, f->tar, tree, -EBADF, limits, &counts, err);

    assert_int_equal(file_remove_tree_at(AT_FDCWD, path), 0);
    return r;
}

static int unpack_bounded(struct fixture *f, uint64_t entries, uint64_t bytes,
                          struct cupel_error *err)
{
    const struct unpack_limits limits = {.entries = entries, .bytes = bytes};

    return unpack_limited(f, &limits, err);
}

static void test_bombs(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *zeros = xcalloc(1, 4 << 20);
    const struct item items[] = {{.name = "a", .data = memset(zeros, 'z', (4 << 20) - 1)},
                                 {.name = "b"},
                                 {.name = "c"},
                                 {0}};
    struct cupel_error err;

    make_tar(f->tar, items, "zstd");
    assert_int_equal(unpack_bounded(f, 3, 4 << 20, &err), 0);
    assert_int_equal(unpack_bounded(f, 2, 4 << 20, &err), -EFBIG);
    assert_contains(err.message, "more than 2 entries");
    assert_int_equal(unpack_bounded(f, 3, 1 << 20, &err), -EFBIG);
    assert_contains(err.message, "more than 1 MiB");
}

/* What compresses this well is zeros, or made to fill a disk. */
static void test_ratio(void **state)
{
    struct fixture *f = *state;
    static const char *const filters[] = {"gzip", "xz", "zstd", "bzip2"};
    cleanup_free char *zeros = xmalloc((8 << 20) + 1);
    const struct item items[] = {{.name = "a", .data = memset(zeros, '0', 8 << 20)}, {0}};
    const struct unpack_limits limits = {
        .entries = 9, .bytes = 1 << 30, .ratio = 500, .ratio_from = 1 << 20};

    zeros[8 << 20] = '\0';
    for (size_t i = 0; i <= ARRAY_SIZE(filters); i++) {
        const char *filter = i < ARRAY_SIZE(filters) ? filters[i] : NULL;
        struct cupel_error err;

        make_tar(f->tar, items, filter);
        assert_int_equal(unpack_limited(f, &limits, &err), filter != NULL ? -EFBIG : 0);
        if (filter != NULL)
            assert_contains(err.message, "more than 1 MiB, 500 times its own size");
    }
}

static void test_no_file(void **state)
{
    struct fixture *f = *state;

    expect_refused(f, "cannot read");
    assert_int_equal(mkfifo(f->tar, 0600), 0); /* must not hang */
    expect_refused(f, "no regular file");
    assert_int_equal(unlink(f->tar), 0);
    assert_int_equal(mkdir(f->tar, 0700), 0);
    expect_refused(f, "no regular file");
}

/* The store on a small tmpfs, in a mount namespace of its own. */
static int fill_disk(struct fixture *f)
{
    struct cache_root root = CACHE_ROOT_INIT;
    struct cupel_error err = {0};
    struct cache *cache;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", f->store, "tmpfs", 0, "size=1m,mode=700") < 0)
        return 77;
    if (cache_open(&cache, &err) < 0)
        return 1;
    cache_close(f->cache);
    f->cache = cache;
    if (prepare_tar(f, NULL, &root, &err) != -ENOSPC ||
        strstr(err.message, "disk is full") == NULL || strstr(err.hint, "CUPEL_CACHE") == NULL ||
        err.kind != CUPEL_ERROR_HARNESS)
        return 2;
    return count_in(f, "layers") == 0 && count_in(f, "tmp") == 0 ? 0 : 3;
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    char *big = xcalloc(1, 4 << 20);
    const struct item items[] = {{.name = "big", .data = memset(big, 'z', (4 << 20) - 1)}, {0}};
    int status;
    pid_t pid;

    make_tar(f->tar, items, NULL);
    free(big); /* now: skip() jumps past every cleanup */
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fill_disk(f));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: cannot mount a tmpfs here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_climbing_out, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_long_symbolic_link, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_too_many_hard_links, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_absolute_names, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_behind_the_end, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_write_through_hard_linked_symlink, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_not_a_tar, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_truncated, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_truncated_compressed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_flipped_compressed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_bombs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ratio, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_no_file, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
