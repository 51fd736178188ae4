/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of submissions, as Moodle, Canvas, Gradescope and students make them, and as some make
 * them who want to see what happens: what becomes of each, and that nobody else's result is. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "ingest/handins.h"

#include "ingest/member_names.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
    char dir[64];
    char *below;
    char *archive; /* the last that was made */
    struct handins found;
    struct cupel_error err;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/cupel-test-submissions.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->below = xasprintf("%s/out/submissions", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int r = file_remove_tree_at(AT_FDCWD, f->dir);

    handins_free(&f->found);
    free(f->below);
    free(f->archive);
    free(f);
    return r;
}

/* ---- making archives ---- */

struct item {
    const char *name;
    const char *data; /* content, or where a link leads */
    mode_t type;      /* AE_IFREG when 0 */
    mode_t mode;
    const char *hardlink;
    int64_t size;  /* instead of data: so many zeros, which are a hole in a tar */
    size_t length; /* of data, where that is no text */
};

static void add(struct archive *a, const struct item *item, bool tar)
{
    struct archive_entry *e = archive_entry_new();
    size_t n = item->length > 0 ? item->length : item->data != NULL ? strlen(item->data) : 0;
    mode_t type = item->type != 0 ? item->type : AE_IFREG;

    archive_entry_copy_pathname(e, item->name);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, item->mode != 0 ? item->mode : 0644);
    if (type == AE_IFLNK)
        archive_entry_copy_symlink(e, item->data);
    if (item->hardlink != NULL)
        archive_entry_copy_hardlink(e, item->hardlink);
    archive_entry_set_size(e, type != AE_IFREG ? 0
                              : item->size > 0 ? item->size
                              : item->hardlink ? 0
                                               : (int64_t)n);
    if (item->size > 0 && tar)
        archive_entry_sparse_add_entry(e, 0, 512);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    if (type == AE_IFREG && item->hardlink == NULL && item->size == 0 && n > 0)
        assert_int_equal(archive_write_data(a, item->data, n), n);
    for (int64_t left = tar && item->size > 0 ? 512 : item->size; left > 0; left -= 65536) {
        static const char zeros[65536];

        assert_true(archive_write_data(a, zeros, left < 65536 ? (size_t)left : 65536) > 0);
    }
    archive_entry_free(e);
}

/* Writes a zip or a tar, compressed as its name says; items end with one without a name. */
static void write_archive(const char *path, const struct item *items)
{
    struct archive *a = archive_write_new();
    bool tar = strstr(path, ".zip") == NULL;

    assert_int_equal(tar ? archive_write_set_format_pax(a) : archive_write_set_format_zip(a),
                     ARCHIVE_OK);
    if (strstr(path, "gz") != NULL)
        (void)archive_write_add_filter_gzip(a);
    else if (strstr(path, ".xz") != NULL)
        (void)archive_write_add_filter_xz(a);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (; items->name != NULL; items++)
        add(a, items, tar);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

static void make(struct fixture *f, const char *name, const struct item *items)
{
    free(f->archive);
    f->archive = xasprintf("%s/%s", f->dir, name);
    write_archive(f->archive, items);
}

/* What an archive is, as the content of a member of another. */
static struct item packed(struct fixture *f, const char *name, const char *file,
                          const struct item *items)
{
    cleanup_free char *path = xasprintf("%s/%s", f->dir, file);
    char *data;
    size_t n;

    write_archive(path, items);
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 24, &data, &n), 0);
    return (struct item){.name = name, .data = data, .length = n};
}

/* ---- looking ---- */

static int unpack_with(struct fixture *f, struct handins_request request)
{
    handins_free(&f->found);
    request.archive = f->archive;
    request.below = f->below;
    f->err = (struct cupel_error){0};
    return handins_unpack(&request, &f->found, &f->err);
}

static void unpack(struct fixture *f, enum handins_layout layout)
{
    if (unpack_with(f, (struct handins_request){0}) < 0)
        fail_msg("%s", f->err.message);
    assert_string_equal(handins_layout_name(f->found.layout), handins_layout_name(layout));
}

static void assert_refused_archive(struct fixture *f, const char *why)
{
    assert_true(unpack_with(f, (struct handins_request){0}) < 0);
    assert_int_equal(f->err.kind, CUPEL_ERROR_INPUT);
    if (strstr(f->err.message, why) == NULL)
        fail_msg("'%s' does not say '%s'", f->err.message, why);
}

static const struct handin *of(struct fixture *f, const char *id)
{
    for (size_t i = 0; i < f->found.n; i++)
        if (str_eq(f->found.list[i].id, id))
            return &f->found.list[i];
    fail_msg("there is no submission '%s'", id);
    return NULL;
}

static char *content(struct fixture *f, const char *id, const char *file)
{
    cleanup_free char *path = xasprintf("%s/%s", of(f, id)->path, file);
    char *data;
    size_t n;

    return file_read_at(AT_FDCWD, path, 1 << 20, &data, &n) < 0 ? NULL : data;
}

static void assert_has(struct fixture *f, const char *id, const char *file, const char *text)
{
    cleanup_free char *data = content(f, id, file);

    if (of(f, id)->refused != NULL)
        fail_msg("'%s' %s", id, of(f, id)->refused);
    if (data == NULL)
        fail_msg("'%s' has no '%s'", id, file);
    assert_string_equal(data, text);
}

static void assert_has_size(struct fixture *f, const char *id, const char *file, off_t size)
{
    cleanup_free char *path = xasprintf("%s/%s", of(f, id)->path, file);
    struct stat st;

    assert_null(of(f, id)->refused);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_size, size);
}

/* Nothing but regular files and directories, of modes of our own. */
static void check_tree(int dir)
{
    cleanup_close int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY);
    struct dirent *e;
    DIR *d = fdopendir(steal_fd(&copy));
    struct stat st;

    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        if (file_is_dot(e->d_name))
            continue;
        assert_int_equal(fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_true(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
        assert_int_equal(st.st_mode & 07022, 0);
        if (S_ISDIR(st.st_mode)) {
            cleanup_close int sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY);

            check_tree(sub);
        } else {
            assert_int_equal(st.st_nlink, 1);
        }
    }
    (void)closedir(d);
}

static void assert_refused(struct fixture *f, const char *id, const char *why)
{
    const struct handin *s = of(f, id);
    cleanup_close int dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(dir >= 0);
    check_tree(dir);
    if (s->refused == NULL)
        fail_msg("'%s' is not refused", id);
    if (strstr(s->refused, why) == NULL)
        fail_msg("'%s' does not say '%s'", s->refused, why);
}

/* ---- exports ---- */

static void test_moodle(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "Ann M\xc3\xbcller_11_assignsubmission_file_/sum.c", .data = "ann"},
        {.name = "Ann M\xc3\xbcller_11_assignsubmission_file_/.DS_Store", .data = "x"},
        {.name = "Ann M\xc3\xbcller_11_assignfeedback_comments_/note.html", .data = "x"},
        {.name = "Bob O'Neil_12_assignsubmission_file_/src/a.c", .data = "bob"},
        {.name = "Bob O'Neil_12_assignsubmission_onlinetext_/onlinetext.html", .data = "text"},
        {.name = "Cy_13_assignsubmission_file_sum.c", .data = "flat"},
        {.name = "Cy_13_assignsubmission_onlinetext_onlinetext.html", .data = "t"},
        /* a file's name is a student's choice */
        {.name = "Dan_14_assignsubmission_file_Ann_11_assignsubmission_file_sum.c", .data = "d"},
        {.name = "J\x81rgen_15_assignsubmission_file_/sum.c", .data = "437"},
        /* as may be a person's */
        {.name = "Cy_13_assignsubmission_file__17_assignsubmission_file_/sum.h", .data = "g"},
        {.name = "Cy_13_assignsubmission_file__17_assignfeedback_file_/note.h", .data = "x"},
        packed(f, "Eve_16_assignsubmission_file_/hw1.zip", "hw1.zip",
               (const struct item[]){{.name = "hw1/", .type = AE_IFDIR},
                                     {.name = "hw1/sum.c", .data = "eve"},
                                     {.name = "__MACOSX/hw1/._sum.c", .data = "x"},
                                     {0}}),
        {0},
    };

    make(f, "class.zip", items);
    unpack(f, HANDINS_MOODLE);
    assert_int_equal(f->found.n, 7);
    assert_has(f, "11", "sum.c", "ann");
    assert_null(content(f, "11", ".DS_Store"));
    assert_null(content(f, "11", "note.html"));
    assert_string_equal(of(f, "11")->name, "Ann M\xc3\xbcller");
    assert_has(f, "12", "src/a.c", "bob");
    assert_has(f, "12", "onlinetext.html", "text");
    assert_string_equal(of(f, "12")->name, "Bob O'Neil");
    assert_has(f, "13", "sum.c", "flat");
    assert_has(f, "13", "onlinetext.html", "t");
    assert_has(f, "14", "Ann_11_assignsubmission_file_sum.c", "d");
    assert_has(f, "15", "sum.c", "437");
    assert_string_equal(of(f, "15")->name, "J\xc3\xbcrgen");
    assert_has(f, "16", "sum.c", "eve");
    assert_null(content(f, "16", "hw1.zip"));
    assert_has(f, "17", "sum.h", "g");
    assert_null(content(f, "13", "note.h"));
    free((char *)items[11].data);
}

static void test_canvas(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "doejane_101_9001_sum.c", .data = "jane"},
        {.name = "doejane_101_9002_sum.h", .data = "h"},
        {.name = "poejoe_LATE_102_9003_sum-1.c", .data = "joe"},
        {.name = "roe_103_text.html", .data = "text"},
        {.name = "zed_104_9004_101_1_x.c", .data = "zed"},
        {.name = "yan_105_9005_sum-2.c", .data = "two"},
        {.name = "yan_105_9006_sum.c", .data = "one"},
        {.name = "xen_106_9007_part-1.c", .data = "named so"},
        {0},
    };

    make(f, "submissions.zip", items);
    unpack(f, HANDINS_CANVAS);
    assert_int_equal(f->found.n, 6);
    assert_has(f, "101", "sum.c", "jane");
    assert_has(f, "101", "sum.h", "h");
    assert_false(of(f, "101")->late);
    assert_has(f, "102", "sum.c", "joe");
    assert_true(of(f, "102")->late);
    assert_has(f, "103", "text.html", "text");
    assert_has(f, "104", "101_1_x.c", "zed");
    assert_has(f, "105", "sum.c", "one");
    assert_has(f, "105", "sum-2.c", "two");
    assert_has(f, "106", "part-1.c", "named so");
}

static void test_gradescope(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "assignment_7_export/submission_metadata.yml",
         .data = "---\nsubmission_1:\n  :submitters:\n  - :name: Ann \xc3\x84rger\n    :sid: 's0'\n"
                 "    :email: ann@example.org\n  :created_at: 2021-09-17 04:21:21 Z\n"
                 "  :results:\n    tests:\n    - :name: Ann\n      :sid: s2\n"
                 "submission_2:\n  :submitters:\n  - :name: Bob\n    :sid: s2\n"
                 "  - :name: Cy\n    :sid: s3\n"
                 "submission_3:\n  :submitters:\n  - :name: '../../x'\n    :sid: '../../x'\n"
                 "submission_4:\n  :submitters:\n  - :name: Copy\n    :sid: 's1'\n"
                 "submission_5:\n  :submitters:\n  - :name: Dee\n    :sid: 's1'\n"
                 "submission_6:\n  :submitters:\n  - :name: Eve\n    :sid: submission_2\n"},
        {.name = "assignment_7_export/submission_1/sum.c", .data = "ann"},
        {.name = "assignment_7_export/submission_2/src/sum.c", .data = "two"},
        {.name = "assignment_7_export/submission_3/sum.c", .data = "x"},
        {.name = "assignment_7_export/submission_4/sum.c", .data = "y"},
        {.name = "assignment_7_export/submission_5/sum.c", .data = "z"},
        {.name = "assignment_7_export/submission_6/sum.c", .data = "six"},
        {0},
    };

    make(f, "export.zip", items);
    unpack(f, HANDINS_GRADESCOPE);
    assert_int_equal(f->found.n, 6);
    assert_has(f, "s0", "sum.c", "ann");
    assert_string_equal(of(f, "s0")->name, "Ann \xc3\x84rger");
    assert_string_equal(of(f, "s0")->email, "ann@example.org");
    assert_has(f, "submission_2", "src/sum.c", "two");
    assert_string_equal(of(f, "submission_2")->name, "Bob, Cy");
    assert_has(f, "_._.._x", "sum.c", "x");
    /* whoever is first in the list has no more right to it */
    assert_has(f, "submission_4", "sum.c", "y");
    assert_has(f, "submission_5", "sum.c", "z");
    assert_has(f, "submission_6", "sum.c", "six");
}

static void test_directories(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {
        {.name = "class/", .type = AE_IFDIR},
        {.name = "class/ann b/sum.c", .data = "ann", .mode = 04777},
        {.name = "class/bob/", .type = AE_IFDIR, .mode = 02755},
        packed(f, "class/cy.tgz", "cy.tgz",
               (const struct item[]){{.name = "./sum.c", .data = "cy"}, {0}}),
        {0},
    };
    const struct item clash[] = {{.name = "ann/sum.c", .data = "1"}, items[3], {0}};
    struct item twice[] = {{.name = "cy/sum.c", .data = "1"}, items[3], {0}};

    make(f, "class.tar.gz", items);
    unpack(f, HANDINS_DIRECTORIES);
    assert_int_equal(f->found.n, 3);
    assert_has(f, "ann b", "sum.c", "ann");
    assert_has(f, "cy", "sum.c", "cy");
    assert_null(of(f, "bob")->refused);
    assert_false(f->found.reused);
    unpack(f, HANDINS_DIRECTORIES);
    assert_true(f->found.reused);
    assert_has(f, "cy", "sum.c", "cy");

    (void)clash;
    twice[1].name = "cy.tgz";
    make(f, "twice.tar", twice);
    assert_refused_archive(f, "have the id 'cy': 'cy' and 'cy.tgz'");
    free((char *)items[3].data);
}

static void test_single(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {{.name = "ann/sum.c", .data = "ann"},
                                 {.name = "ann/src/x.c", .data = "x"},
                                 {.name = "ann/.git/config", .data = "x"},
                                 {0}};
    const struct item two[] = {
        {.name = "src/x.c", .data = "x"}, {.name = "t/y.c", .data = "y"}, {0}};

    make(f, "ann.tar.xz", items);
    unpack(f, HANDINS_SINGLE);
    assert_int_equal(f->found.n, 1);
    assert_has(f, "ann", "sum.c", "ann");
    assert_has(f, "ann", "src/x.c", "x");
    assert_null(content(f, "ann", ".git/config"));

    make(f, "bob.zip", two);
    unpack(f, HANDINS_DIRECTORIES);
    assert_int_equal(unpack_with(f, (struct handins_request){.one_of_many = true}), 0);
    assert_int_equal(f->found.layout, HANDINS_SINGLE);
    assert_has(f, "bob", "t/y.c", "y");
    assert_int_equal(unpack_with(f, (struct handins_request){.layout = HANDINS_SINGLE}), 0);
    assert_has(f, "bob", "src/x.c", "x");
    assert_true(unpack_with(f, (struct handins_request){.layout = HANDINS_MOODLE}) < 0);
    assert_int_equal(f->err.kind, CUPEL_ERROR_INPUT);
}

/* What one of many has in it makes it nobody else's, nor several. */
static void test_one_of_many(void **state)
{
    struct fixture *f = *state;
    const struct item export[] = {
        {.name = "submission_metadata.yml",
         .data = "submission_1:\n  :submitters:\n  - :name: Ann\n    :sid: ann\n"},
        {.name = "submission_1/sum.c", .data = "bob"},
        {0}};
    const struct handins_request many = {.one_of_many = true};

    make(f, "bob.zip", export);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(unpack_with(f, many), 0);
        assert_int_equal(f->found.n, 1);
        assert_int_equal(f->found.layout, HANDINS_SINGLE);
        assert_int_equal(f->found.resembles, HANDINS_GRADESCOPE);
        assert_int_equal(f->found.reused, again);
        assert_has(f, "bob", "submission_1/sum.c", "bob");
    }
    assert_int_equal(
        unpack_with(f, (struct handins_request){.one_of_many = true, .layout = HANDINS_GRADESCOPE}),
        0);
    assert_has(f, "ann", "sum.c", "bob");
    unpack(f, HANDINS_GRADESCOPE);
    assert_int_equal(f->found.resembles, HANDINS_ANY);
}

/* No link is followed: none in the archive's place, nor in that of the directory. */
static void test_links(void **state)
{
    struct fixture *f = *state;
    const struct item items[] = {{.name = "sum.c", .data = "x"}, {0}};
    cleanup_free char *link = xasprintf("%s/link.zip", f->dir), *out = xasprintf("%s/out", f->dir),
                      *victim = xasprintf("%s/victim", f->dir),
                      *aside = xasprintf("%s/victim/.aside", f->dir);

    make(f, "ann.zip", items);
    assert_int_equal(mkdir(out, 0755), 0);
    assert_int_equal(mkdir(victim, 0755), 0);
    assert_int_equal(mkdir(aside, 0755), 0);
    assert_int_equal(symlink("../victim", f->below), 0);
    assert_refused_archive(f, "out/submissions is no directory");
    assert_int_equal(rmdir(aside), 0);
    assert_int_equal(rmdir(victim), 0); /* which is empty */
    assert_int_equal(unlink(f->below), 0);
    unpack(f, HANDINS_SINGLE);

    assert_int_equal(symlink("ann.zip", link), 0);
    free(f->archive);
    f->archive = steal_ptr(link);
    assert_refused_archive(f, "cannot read the archive");
}

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

static void test_ids(void **state)
{
    static const char *const ids[][2] = {
        {"ann", "ann"}, {" ann", "_ann"}, {"ann ", "ann_"}, {"  ", "__"}, {"a b", "a b"},
        {"=a", "_a"},   {"+a", "_a"},     {"@a", "_a"},     {"-a", "_a"}, {".a", "_a"},
        {"a=b", "a=b"}, {"a/b", "a_b"},   {"a\tb", "a_b"},  {"", "_"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        cleanup_strbuf struct strbuf id = {0};

        member_names_add_id(&id, ids[i][0], strlen(ids[i][0]));
        assert_string_equal(id.data, ids[i][1]);
    }
}

static void test_is_archive(void **state)
{
    (void)state;
    assert_true(handins_is_archive("a/b.zip"));
    assert_true(handins_is_archive("b.TAR.GZ"));
    assert_true(handins_is_archive("b.tgz"));
    assert_false(handins_is_archive(".zip"));
    assert_false(handins_is_archive("a/.zip"));
    assert_false(handins_is_archive("sum.c"));
    assert_false(handins_is_archive("zip"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_archive),
        cmocka_unit_test(test_ids),
        cmocka_unit_test_setup_teardown(test_one_of_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moodle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_canvas, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gradescope, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
        cmocka_unit_test_setup_teardown(test_single, setup, teardown),
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
