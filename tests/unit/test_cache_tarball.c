/* SPDX-License-Identifier: Apache-2.0 */
/* Tars that are as they should be: everything in them arrives, in every compression. */
#include "rootfs-cache/sources/inspect.h"
#include "rootfs-cache/store/digest.h"
#include "test_cache.h"

#include <locale.h>
#include <sys/xattr.h>

static const struct item plain[] = {
    {.name = "./", .type = AE_IFDIR, .mode = 0755, .mtime = 1000},
    {.name = "./etc/", .type = AE_IFDIR, .mode = 0750, .uid = 7, .gid = 8, .mtime = 1000000},
    {.name = "./etc/motd", .data = "hello\n", .mode = 0640, .uid = 42, .gid = 43, .mtime = 1234567},
    {.name = "./bin/su", .data = "x", .mode = 04755, .mtime = 99},
    {.name = "./etc/link", .type = AE_IFLNK, .data = "/etc/motd"},
    {.name = "./etc/same", .hardlink = "./etc/motd"},
    {.name = "./fifo", .type = AE_IFIFO, .mode = 0600},
    {0},
};

static void check_plain(int layer)
{
    struct stat st, other;
    char target[64] = "";

    assert_content(layer, "etc/motd", "hello\n");
    assert_int_equal(fstatat(layer, "etc/motd", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_mtim.tv_sec, 1234567);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(fstatat(layer, "etc/same", &other, 0), 0);
    assert_int_equal(st.st_ino, other.st_ino);
    if (geteuid() == 0) {
        assert_int_equal(st.st_uid, 42);
        assert_int_equal(st.st_gid, 43);
    }
    assert_int_equal(fstatat(layer, "etc", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(st.st_mtim.tv_sec, 1000000);
    assert_int_equal(fstatat(layer, "bin", &st, 0), 0); /* only implied */
    assert_int_equal(st.st_mtim.tv_sec, 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(fstatat(layer, "bin/su", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 04755);
    assert_int_equal(readlinkat(layer, "etc/link", target, sizeof(target)), 9);
    assert_string_equal(target, "/etc/motd");
    assert_int_equal(fstatat(layer, "fifo", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(fstatat(layer, "", &st, AT_EMPTY_PATH), 0);
    assert_int_equal(st.st_mtim.tv_sec, 1000);
}

static void test_every_compression(void **state)
{
    static const char *const filters[] = {NULL,   "gzip", "bzip2", "xz",
                                          "zstd", "lz4",  "lzma",  "compress"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
        struct cache_root root;

        make_tar(f->tar, plain, filters[i]);
        root = must_prepare(f);
        check_plain(root.layer[0]);
        cache_root_release(&root);
    }
    assert_int_equal(count_in(f, "layers"), ARRAY_SIZE(filters));
    assert_int_equal(count_in(f, "tmp"), 0);
}

static void test_made_by_tar(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *command = xasprintf(
        "cd %s && mkdir -p t/a/b && echo one >t/a/b/c && ln t/a/b/c t/hard && ln -s a/b t/soft && "
        "truncate -s 1M t/sparse && echo end >>t/sparse && tar -C t -S -cf %s .",
        f->dir, f->tar);
    struct cache_root root;
    struct stat st;

    assert_int_equal(system(command), 0);
    root = must_prepare(f);
    assert_content(root.layer[0], "a/b/c", "one\n");
    assert_content(root.layer[0], "hard", "one\n");
    assert_int_equal(fstatat(root.layer[0], "sparse", &st, 0), 0);
    assert_int_equal(st.st_size, (1 << 20) + 4);
    assert_true(st.st_blocks * 512 < 64 * 1024);
    cache_root_release(&root);
}

static void test_unusual_names(void **state)
{
    static const char long_part[] = "123456789012345678901234567890123456789012345678901234567890";
    cleanup_free char *deep =
        xasprintf("%s/%s/%s/%s/file", long_part, long_part, long_part, long_part);
    const struct item items[] = {
        {.name = "with space and\nnewline", .data = "1"},
        {.name = "-rf", .data = "2"},
        {.name = "gr\xc3\xbc\xc3\x9f", .data = "3"}, /* UTF-8 */
        {.name = "latin-\xfc-\xff", .data = "4"},    /* not UTF-8 */
        {.name = "...", .data = "5"},                /* no climbing */
        {.name = "..data/..x", .data = "6"},
        {.name = ".//a/.//./b", .data = "7"},
        {.name = ".wh.kept", .data = "8"}, /* no OCI layer: just a name */
        {.name = deep, .data = "9"},
        {0},
    };
    static const char *const names[] = {"with space and\nnewline",
                                        "-rf",
                                        "gr\xc3\xbc\xc3\x9f",
                                        "latin-\xfc-\xff",
                                        "...",
                                        "..data/..x",
                                        "a/b",
                                        ".wh.kept"};
    struct fixture *f = *state;
    struct cache_root root;

    make_tar(f->tar, items, NULL);
    root = must_prepare(f);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_content(root.layer[0], names[i], (char[]){(char)('1' + i), '\0'});
    assert_content(root.layer[0], deep, "9");
    cache_root_release(&root);
}

static void test_attributes(void **state)
{
    static const struct item items[] = {
        {.name = "kept", .data = "x", .xattr = "user.kept"},
        {.name = "opaque", .type = AE_IFDIR, .xattr = "user.overlay.opaque"},
        {.name = "trusted", .type = AE_IFDIR, .xattr = "trusted.overlay.opaque"},
        {.name = "selinux", .data = "x", .xattr = "security.selinux"},
        {0},
    };
    struct fixture *f = *state;
    struct cache_root root;
    char path[128], value[8];

    make_tar(f->tar, items, NULL);
    root = must_prepare(f);
    for (size_t i = 0; i + 1 < ARRAY_SIZE(items); i++) {
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", root.layer[0], items[i].name);
        if (i == 0)
            assert_int_equal(getxattr(path, items[i].xattr, value, sizeof(value)), 1);
        else
            assert_int_equal(getxattr(path, items[i].xattr, value, sizeof(value)), -1);
    }
    cache_root_release(&root);
}

static void test_devices_are_left_out(void **state)
{
    static const struct item items[] = {
        {.name = "dev/null", .type = AE_IFCHR},
        {.name = "dev/sda", .type = AE_IFBLK},
        {.name = "dev/file", .data = "x"},
        {0},
    };
    struct fixture *f = *state;
    struct cache_root root;

    make_tar(f->tar, items, NULL);
    root = must_prepare(f);
    assert_int_equal(faccessat(root.layer[0], "dev/null", F_OK, 0), -1);
    assert_int_equal(faccessat(root.layer[0], "dev/sda", F_OK, 0), -1);
    assert_content(root.layer[0], "dev/file", "x");
    cache_root_release(&root);
}

static void test_owners_are_bounded(void **state)
{
    static const struct item items[] = {{.name = "big", .data = "x", .uid = 100000, .gid = 65535},
                                        {0}};
    struct fixture *f = *state;
    cleanup_free char *json = NULL;
    struct cache_root root;
    struct cupel_error err;
    struct stat st;

    if (geteuid() != 0) {
        print_message("skipped: only root can give files away\n");
        skip();
    }
    make_tar(f->tar, items, NULL);
    assert_int_equal(
        cache_import(f->cache, &(struct cache_import){.name = "big", .path = f->tar}, &err), 0);
    root = must_prepare(f);
    assert_int_equal(fstatat(root.layer[0], "big", &st, 0), 0);
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(st.st_gid, 65535);
    assert_int_equal(cache_show(f->cache, "big", &json, &err), 0);
    assert_contains(json, "\"remapped_owners\": 1");
    cache_root_release(&root);
}

static void test_later_entries_replace_earlier(void **state)
{
    static const struct item items[] = {
        {.name = "a", .data = "old"},
        {.name = "l", .type = AE_IFLNK, .data = "/etc/passwd"},
        {.name = "a", .data = "new"},
        {.name = "l", .data = "file"},
        {0},
    };
    struct fixture *f = *state;
    struct cache_root root;
    struct stat st;

    make_tar(f->tar, items, NULL);
    root = must_prepare(f);
    assert_content(root.layer[0], "a", "new");
    assert_int_equal(fstatat(root.layer[0], "l", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_content(root.layer[0], "l", "file");
    cache_root_release(&root);
}

static void test_digest(void **state)
{
    static const char wrong[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct fixture *f = *state;
    struct cache_root root = CACHE_ROOT_INIT;
    char right[CACHE_KEY_LEN + 1];
    struct cupel_error err;
    cleanup_close int fd = -EBADF;

    make_tar(f->tar, plain, NULL);
    fd = open(f->tar, O_RDONLY | O_CLOEXEC);
    assert_int_equal(digest_file(f->cache, fd, right), 0);
    assert_true(prepare_tar(f, wrong, &root, &err) < 0);
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_contains(err.message, wrong);
    assert_contains(err.message, right);
    assert_nothing_left(f);
    assert_int_equal(prepare_tar(f, right, &root, &err), 0);
    cache_root_release(&root);
}

/* The remembered digest is of the file as it is now, also when size and mtime are made to look the
 * same. */
static void test_digest_follows_the_file(void **state)
{
    struct fixture *f = *state;
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    char first[CACHE_KEY_LEN + 1], again[CACHE_KEY_LEN + 1], changed[CACHE_KEY_LEN + 1];
    cleanup_close int fd = open(f->tar, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    assert_int_equal(pwrite(fd, "one", 3, 0), 3);
    assert_int_equal(futimens(fd, old), 0);
    assert_int_equal(digest_file(f->cache, fd, first), 0);
    assert_int_equal(digest_file(f->cache, fd, again), 0);
    assert_string_equal(first, again);
    assert_string_equal(first, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
    assert_int_equal(pwrite(fd, "two", 3, 0), 3);
    assert_int_equal(futimens(fd, old), 0);
    assert_int_equal(digest_file(f->cache, fd, changed), 0);
    assert_string_not_equal(first, changed);
}

static enum recognised_form form_of(struct fixture *f)
{
    struct recognised found = {0};
    struct cupel_error err;

    assert_int_equal(inspect_source(f->cache, f->tar, &found, &err), 0);
    return found.form;
}

/* What the store remembers of a file holds for that file alone, and only while it is as it was. A
 * wrong record tells whether it was asked. */
static void test_form_follows_the_file(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *place = NULL, *record = NULL, *form = NULL;
    struct stat st, old;

    make_tar(f->tar, (const struct item[]){{.name = "a", .data = "x"}, {0}}, NULL);
    assert_int_equal(stat(f->tar, &st), 0);
    assert_int_equal(form_of(f), FORM_TAR);
    assert_false(digest_recall_form(f->cache, &st, &form)); /* it could change within its time */
    place = xasprintf("digests/key-form-%llx-%llx", (unsigned long long)st.st_dev,
                      (unsigned long long)st.st_ino);
    record = xasprintf("forms 1 %lld %lld.%09ld %lld.%09ld image", (long long)st.st_size,
                       (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                       (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    assert_int_equal(
        file_write_atomic_at(cache_dirfd(f->cache), place, record, strlen(record), 0600), 0);
    assert_int_equal(form_of(f), FORM_IMAGE);
    record[strlen(record) - 1] = 'z';
    assert_int_equal(
        file_write_atomic_at(cache_dirfd(f->cache), place, record, strlen(record), 0600), 0);
    assert_int_equal(form_of(f), FORM_TAR);
    old = st;
    old.st_mtim.tv_sec = old.st_ctim.tv_sec = 1000;
    digest_remember_form(f->cache, &old, "image");
    assert_int_equal(form_of(f), FORM_TAR);
    assert_true(digest_recall_form(f->cache, &old, &form));
    assert_string_equal(form, "image");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_compression, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_made_by_tar, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_unusual_names, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_attributes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_devices_are_left_out, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_owners_are_bounded, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_later_entries_replace_earlier, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_digest, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_digest_follows_the_file, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_form_follows_the_file, fixture_setup,
                                        fixture_teardown),
    };

    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* for libarchive, which makes the tars */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
