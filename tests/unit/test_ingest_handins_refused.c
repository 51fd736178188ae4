/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of submissions, as some make them who want to see what happens: what becomes of each,
 * and that nobody else's result is. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "test_handins.h"

/* ---- what is refused, and whom it concerns ---- */

static void test_hostile_members(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "good/sum.c", .data = "good"},
        {.name = "symlink/sum.c", .data = "/etc/shadow", .type = AE_IFLNK},
        {.name = "hardlink/sum.c", .hardlink = "good/sum.c"},
        {.name = "fifo/sum.c", .type = AE_IFIFO},
        {.name = "device/sum.c", .type = AE_IFBLK},
        {.name = "climbs/../../../sum.c", .data = "x"},
        {.name = "climbs/ok.c", .data = "ok"},
        {.name = "sparse/sum.c", .size = (int64_t)1 << 40},
        {.name = "holed/sum.c", .size = 5000},
        {.name = "twice/sum.c", .data = "1"},
        {.name = "twice/sum.c", .data = "2"},
        {.name = "case/Sum.c", .data = "1"},
        {.name = "case/sum.C", .data = "2"},
        {.name = "casedir/A/x", .data = "1"},
        {.name = "casedir/a/y", .data = "2"},
        {.name = "beneath/a", .data = "1"},
        {.name = "beneath/a/b", .data = "2"},
        {.name = "control/a\nb.c", .data = "1"},
        {.name = "through/l", .data = "../good", .type = AE_IFLNK},
        {.name = "through/l/sum.c", .data = "theirs"},
        {0},
    };

    make(f, "class.tar", items);
    unpack(f, HANDINS_DIRECTORIES);
    assert_has(f, "good", "sum.c", "good");
    assert_refused(f, "symlink", "'sum.c' is a symbolic link, to '/etc/shadow'");
    assert_refused(f, "hardlink", "'sum.c' is a hard link, to 'good/sum.c'");
    assert_refused(f, "fifo", "'sum.c' is a FIFO");
    assert_refused(f, "device", "'sum.c' is a device");
    assert_refused(f, "climbs", "'climbs/../../../sum.c' climbs out");
    assert_refused(f, "sparse", "'sum.c' is too large: a submission may have 64 MiB");
    /* what it reads as, with the hole at its end */
    assert_has_size(f, "holed", "sum.c", 5000);
    assert_refused(f, "twice", "'sum.c' is there twice");
    assert_refused(f, "case", "'sum.C' differs from another name in capital letters alone");
    assert_refused(f, "casedir", "'a/y' differs from another name in capital letters alone");
    assert_refused(f, "beneath", "'a/b' lies beneath a file");
    assert_refused(f, "control", "has a name with control characters");
    assert_null(strchr(of(f, "control")->refused, '\n'));
    assert_refused(f, "through", "'l' is a symbolic link");
    assert_has(f, "good", "sum.c", "good");
}

static void test_nobodys(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "ann/sum.c", .data = "ann"},
        {.name = "bob/sum.c", .data = "bob"},
        {.name = "../bob/sum.c", .data = "not bob's"},
        {.name = "/bob/x", .data = "not bob's"},
        {.name = "../../../../tmp/cupel-test-escaped", .data = "x"},
        {0},
    };

    make(f, "class.tar", items);
    unpack(f, HANDINS_DIRECTORIES);
    assert_int_equal(f->found.n, 2);
    assert_has(f, "bob", "sum.c", "bob");
    assert_null(content(f, "bob", "x"));
    assert_true(access("/tmp/cupel-test-escaped", F_OK) < 0);
}

static void test_sizes(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "ann/sum.c", .data = "ann"},      {.name = "big/x", .size = 200000},
        {.name = "bomb/x", .data = "", .size = 0}, {.name = "many/a", .size = 50000},
        {.name = "many/b", .size = 50000},         {0},
    };

    make(f, "class.zip", items);
    assert_int_equal(unpack_with(f, (struct handins_request){.bytes_max = 16 * 65536}), 0);
    assert_has(f, "ann", "sum.c", "ann");
    assert_refused(f, "big", "'x' is too large: a submission may have 64 KiB");
    assert_refused(f, "many", "'b' is too large");
}

/* No submission is too large, and all are too much: nobody can say whose fault that is. */
static void test_all_sizes(void **state)
{
    struct fixture *f = *state;
    char names[20][16];
    struct item items[21] = {{0}};

    for (size_t i = 0; i < 20; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "s%zu/x", i);
        items[i] = (struct item){.name = names[i], .size = 100};
    }
    make(f, "class.zip", items);
    assert_true(unpack_with(f, (struct handins_request){.bytes_max = 1700}) < 0);
    assert_string_equal(f->err.message, "cannot unpack 'class.zip': it holds more than 1.7 KiB");
    assert_non_null(strstr(f->err.hint, "--unpack-max"));
    assert_int_equal(unpack_with(f, (struct handins_request){.bytes_max = 2000}), 0);
    assert_int_equal(f->found.n, 20);
}

/* The same where it is only seen when archives in submissions are unpacked. */
static void test_all_nested_sizes(void **state)
{
    struct fixture *f = *state;
    char names[20][16];
    struct item items[21] = {{0}};
    struct item inner =
        packed(f, "", "x.zip", (const struct item[]){{.name = "x", .size = 10000}, {0}});

    for (size_t i = 0; i < 20; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "s%zu/x.zip", i);
        items[i] = inner;
        items[i].name = names[i];
    }
    make(f, "class.zip", items);
    assert_true(unpack_with(f, (struct handins_request){.bytes_max = 170000}) < 0);
    assert_non_null(strstr(f->err.message, "it holds more than may be"));
    assert_int_equal(unpack_with(f, (struct handins_request){.bytes_max = 220000}), 0);
    assert_null(of(f, "s7")->refused);
    free((char *)inner.data);
}

static void test_bomb(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "ann/sum.c", .data = "ann"}, {.name = "bomb/x", .size = 60 << 20}, {0}};

    make(f, "class.zip", items);
    unpack(f, HANDINS_DIRECTORIES);
    assert_has(f, "ann", "sum.c", "ann");
    assert_refused(f, "bomb", "'x' is a bomb");
}

/* What is in an archive in a submission is that submission's, as is the archive's being none. */
static void test_nested(void **state)
{
    struct fixture *f = *state;
    struct item items[] = {
        {.name = "ann/sum.c", .data = "ann"},
        packed(f, "links/x.tar", "x.tar",
               (const struct item[]){{.name = "sum.c", .data = "/etc/shadow", .type = AE_IFLNK},
                                     {.name = "/etc/cupel-test", .data = "x"},
                                     {0}}),
        packed(f, "bomb/x.zip", "x.zip",
               (const struct item[]){{.name = "x", .size = 70 << 20}, {0}}),
        {.name = "broken/x.zip", .data = "PK\003\004 and no more"},
        {.name = "broken/ok.c", .data = "x"},
        packed(f, "clash/x.tar.gz", "y.tar.gz",
               (const struct item[]){{.name = "sum.c", .data = "1"}, {0}}),
        {.name = "clash/sum.c", .data = "2"},
        packed(f, "cut/x.tar.gz", "z.tar.gz",
               (const struct item[]){{.name = "sum.c", .data = "1"}, {0}}),
        packed(f, "deep/x.zip", "w.zip",
               (const struct item[]){{.name = "y.zip", .data = "not looked into"}, {0}}),
        {0},
    };

    items[7].length -= 20;
    make(f, "class.zip", items);
    unpack(f, HANDINS_DIRECTORIES);
    assert_has(f, "ann", "sum.c", "ann");
    assert_refused(f, "links", "is a symbolic link, to '/etc/shadow' (and 1 more)");
    assert_refused(f, "bomb", "'x' is");
    assert_refused(f, "broken", "cannot unpack 'x.zip'");
    assert_refused(f, "clash", "'sum.c' is there twice");
    assert_refused(f, "cut", "cannot unpack 'x.tar.gz': it is cut short");
    assert_has(f, "deep", "y.zip", "not looked into");
    for (size_t i = 0; i < ARRAY_SIZE(items); i++)
        if (items[i].length > 0)
            free((char *)items[i].data);
}

static void put_file(struct fixture *f, const char *name, const char *data, size_t n)
{
    free(f->archive);
    f->archive = xasprintf("%s/%s", f->dir, name);
    assert_int_equal(file_write_atomic_at(AT_FDCWD, f->archive, data, n, 0600), 0);
}

static void test_damaged(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "ann/sum.c", .data = "ann"}, {.name = "bob/sum.c", .data = "bob"}, {0}};
    cleanup_free char *data = NULL;
    size_t n;

    make(f, "class.zip", items);
    assert_int_equal(file_read_at(AT_FDCWD, f->archive, 1 << 20, &data, &n), 0);
    put_file(f, "cut.zip", data, n / 2);
    assert_refused_archive(f, "cannot unpack 'cut.zip'");
    assert_int_equal(unpack_with(f, (struct handins_request){.one_of_many = true}), 0);
    assert_int_equal(f->found.n, 1);
    assert_refused(f, "cut", "was refused: cannot unpack 'cut.zip'");
    assert_true(unpack_with(f, (struct handins_request){.one_of_many = true,
                                                        .layout = HANDINS_MOODLE}) < 0);
    put_file(f, "text.tar", "hello\n", 6);
    assert_refused_archive(f, "cannot unpack 'text.tar'");
    put_file(f, "empty.zip", "", 0);
    assert_refused_archive(f, "cannot unpack 'empty.zip'");
    free(f->archive);
    f->archive = xstrdup(f->dir);
    assert_refused_archive(f, "it is no regular file");
}

/* A download with a broken byte is nobody's fault who handed something in. */
static void test_broken_byte(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "ann/sum.c", .data = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {.name = "bob/sum.c", .data = "a text in which a byte can be another one"},
        {0}};
    cleanup_free char *data = NULL;
    char *text;
    size_t n;

    make(f, "class.tar", items);
    assert_int_equal(file_read_at(AT_FDCWD, f->archive, 1 << 20, &data, &n), 0);
    make(f, "class.zip", items);
    free(steal_ptr(data));
    assert_int_equal(file_read_at(AT_FDCWD, f->archive, 1 << 20, &data, &n), 0);
    text = memmem(data, n, "bob/sum.c", 9);
    assert_non_null(text);
    text[9 + 30] = (char)(text[9 + 30] ^ 0x55);
    put_file(f, "class.zip", data, n);
    assert_refused_archive(f, "cannot unpack 'class.zip'");
}

/* Sets a bit, or a whole number, in each header of a zip: `local` bytes into those before the
 * files, `central` into those at the end. */
static void patch_zip(char *data, size_t n, size_t local, size_t central, uint32_t value,
                      size_t size)
{
    for (size_t at = 0; at + 46 < n; at++) {
        bool is_local = memcmp(data + at, "PK\003\004", 4) == 0;

        if (is_local || memcmp(data + at, "PK\001\002", 4) == 0)
            memcpy(data + at + (is_local ? local : central), &value, size);
    }
}

static void test_encrypted(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "ann/sum.c", .data = "ann"}, {.name = "bob/sum.c", .data = "bob"}, {0}};
    cleanup_free char *data = NULL;
    struct item inner[] = {{.name = "ann/sum.c", .data = "ann"}, {.name = "bob/hw.zip"}, {0}};
    size_t n;

    make(f, "class.zip", items);
    assert_int_equal(file_read_at(AT_FDCWD, f->archive, 1 << 20, &data, &n), 0);
    patch_zip(data, n, 6, 8, 1, 2);
    put_file(f, "class.zip", data, n);
    assert_refused_archive(f, "cannot unpack 'class.zip': it is encrypted");
    inner[1].data = data;
    inner[1].length = n;
    make(f, "nested.zip", inner);
    unpack(f, HANDINS_DIRECTORIES);
    assert_has(f, "ann", "sum.c", "ann");
    assert_refused(f, "bob", "'ann/sum.c' is encrypted (and 1 more)");
}

/* A header that says less than what comes. */
static void test_lying_size(void **state)
{
    struct fixture *f = *state;
    struct item items[] = {
        packed(f, "liar/x.zip", "x.zip", (const struct item[]){{.name = "x", .size = 300000}, {0}}),
        {.name = "ann/sum.c", .data = "ann"},
        {0}};

    patch_zip((char *)items[0].data, items[0].length, 22, 24, 10, 4);
    make(f, "class.zip", items);
    assert_int_equal(unpack_with(f, (struct handins_request){.bytes_max = 16 * 65536}), 0);
    assert_has(f, "ann", "sum.c", "ann");
    assert_non_null(of(f, "liar")->refused);
    assert_null(content(f, "liar", "x"));
    free((char *)items[0].data);
}

/* A tar that was cut between two of its files looks like a whole one. */
static void test_cut_between(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "ann/sum.c", .data = "ann"}, {.name = "bob/sum.c", .data = "bob"}, {0}};
    cleanup_free char *data = NULL;
    size_t n;

    make(f, "class.tar", items);
    assert_int_equal(file_read_at(AT_FDCWD, f->archive, 1 << 20, &data, &n), 0);
    put_file(f, "class.tar", data, 2 * 1024);
    assert_refused_archive(f, "it is cut short");
}

/* All of one name: a directory may be named again, and is made once. */
static void test_many_files(void **state)
{
    struct fixture *f = *state;
    struct item *many = xcalloc(20002, sizeof(*many)), packed_many;
    struct item items[3] = {{.name = "ann/sum.c", .data = "ann"}};

    for (size_t i = 0; i < 20001; i++)
        many[i] = (struct item){.name = "many/d/", .type = AE_IFDIR};
    packed_many = packed(f, "many/x.tgz", "x.tgz", many);
    items[1] = packed_many;
    make(f, "class.zip", items);
    unpack(f, HANDINS_DIRECTORIES);
    assert_has(f, "ann", "sum.c", "ann");
    assert_refused(f, "many", "it holds too many files");
    /* in a class's own tar they are among all others */
    many[20000] = items[0];
    make(f, "class.tar", many);
    unpack(f, HANDINS_DIRECTORIES);
    assert_null(of(f, "many")->refused);
    many[20000] = many[0];
    make(f, "all.tar", many);
    assert_int_equal(unpack_with(f, (struct handins_request){.layout = HANDINS_SINGLE}), 0);
    assert_refused(f, "all", "it holds more than 20000 files");
    free((char *)packed_many.data);
    free(many);
}

/* Archives that are small, right and slow to read: those in one submission have their time
 * together. */
static void test_slow(void **state)
{
    struct fixture *f = *state;
    const size_t n = (size_t)96 << 20;
    cleanup_free char *zeros = xcalloc(1, n);
    struct item items[102] = {{.name = "ann/sum.c", .data = "ann"}},
                junk = packed(
                    f, "", "slow.tgz",
                    (const struct item[]){{.name = ".DS_Store", .data = zeros, .length = n}, {0}});
    char names[100][16];

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        (void)snprintf(names[i], sizeof(names[i]), "slow/%zu.tgz", i);
        items[i + 1] = (struct item){.name = names[i], .data = junk.data, .length = junk.length};
    }
    make(f, "class.zip", items);
    assert_int_equal(unpack_with(f, (struct handins_request){.nested_seconds = 1}), 0);
    assert_has(f, "ann", "sum.c", "ann");
    assert_refused(f, "slow", "too long");
    free((char *)junk.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_slow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_members, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobodys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_nested_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bomb, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nested, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_encrypted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lying_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_between, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_byte, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
