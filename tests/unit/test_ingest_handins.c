/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of submissions, as Moodle, Canvas, Gradescope and students make them. Of those that are
 * made to do harm: test_ingest_handins_refused.c. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "test_handins.h"

#include "ingest/member_names.h"

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
        cmocka_unit_test_setup_teardown(test_moodle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_canvas, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gradescope, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
        cmocka_unit_test_setup_teardown(test_single, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
