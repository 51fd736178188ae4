/* SPDX-License-Identifier: Apache-2.0 */
/* test_class_read: a class from what a run has written, in whatever order jobs ended, and what is
 * written of it below a directory. */
#include "test_class.h"
#include "test_reports.h"

#include <dirent.h>
#include <unistd.h>

#include "base/weaken.h"

#define CASE(of, name, number, rest)                                                               \
    "{\"id\":\"" of "/" name "\",\"job\":\"" of "/" name "\",\"file\":\"c.yaml\",\"case\":\"" name \
    "\",\"number\":" number ",\"points\":10,\"usage\":{\"cpu_seconds\":0.25,"                      \
    "\"memory_anonymous_peak_bytes\":4096}," rest "}\n"
#define PASSED "\"visibility\":\"visible\",\"score\":10,\"verdict\":\"passed\""
#define WRONG                                                                                      \
    "\"visibility\":\"hidden\",\"score\":0,\"verdict\":\"failed\",\"evidence\":\"SECRET\","        \
    "\"group\":\"g\",\"hint\":\"h\",\"message_for_all\":\"m\""
#define SUBMISSION(of, values, rest)                                                               \
    "{\"submission\":\"" of "\",\"of\":\"grade\",\"matrix\":" values ",\"from\":\"compile\","      \
    "\"file\":\"c.yaml\",\"points\":20," rest "}\n"
#define FAILED                                                                                     \
    "\"verdict\":\"failed\",\"first_bad\":\"b\",\"score\":10,"                                     \
    "\"groups\":[{\"name\":\"g\",\"points\":10,\"score\":0}]"
#define COMPILE                                                                                    \
    "{\"id\":\"compile\",\"job\":\"compile\",\"file\":\"c.yaml\",\"verdict\":\"passed\"}\n"

/* Two students, whose cases end in no order. */
#define TWO                                                                                        \
    CASE("grade/S=ann", "b", "2", WRONG)                                                           \
    COMPILE CASE("grade/S=bob", "b", "2", WRONG)                                                   \
        CASE("grade/S=ann", "a", "1",                                                              \
             PASSED) "{\"id\":\"grade/S=ann/a/"                                                    \
                     "step\",\"case\":\"a\",\"step\":\"step\",\"verdict\":\"passed\"}"             \
                     "\n" SUBMISSION("grade/S=ann", "{\"S\":\"subs/ann\"}", FAILED)                \
                         CASE("grade/S=bob", "a", "1", PASSED)                                     \
                             SUBMISSION("grade/S=bob", "{\"S\":\"subs/bob.c\"}", FAILED)

static void put(const struct room *room, const char *text)
{
    cleanup_close int dir = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(dir >= 0);
    assert_int_equal(file_write_passing_at(dir, "results.jsonl", text, strlen(text), 0600), 0);
}

/* Ends the run of the room: its lock goes. */
static int ended_setup(void **state)
{
    struct room *room;

    if (room_setup(state) < 0)
        return -1;
    room = *state;
    reports_out_close(room->out);
    room->out = NULL;
    return 0;
}

static struct class_table *read_class(const struct room *room, const struct class_wanted *wanted)
{
    cleanup_close int dir = -EBADF;
    struct class_table *t = NULL;
    struct cupel_error err = {0};

    if (class_read(room->path, wanted, &t, &dir, &err) < 0)
        fail_msg("%s", err.message);
    return t;
}

static void expect_refused(const struct room *room, const struct class_wanted *wanted,
                           const char *message)
{
    cleanup_close int dir = -EBADF;
    struct class_table *t = NULL;
    struct cupel_error err = {0};

    assert_true(class_read(room->path, wanted, &t, &dir, &err) < 0);
    assert_null(t);
    assert_true(dir < 0);
    if (strstr(err.message, message) == NULL)
        fail_msg("%s", err.message);
}

static void test_lines_are_put_in_order(void **state)
{
    const struct room *room = *state;
    struct class_table *t;
    const struct class_submission *ann;

    put(room, TWO);
    t = read_class(room, &(struct class_wanted){0});
    assert_int_equal(t->n, 2);
    assert_string_equal(t->title, "grade");
    assert_string_equal(t->submissions[1].student, "bob.c");
    ann = class_find(t, "ann");
    assert_ptr_equal(ann, &t->submissions[0]);
    assert_null(class_find(t, "bob"));
    assert_string_equal(ann->id, "grade/S=ann");
    assert_int_equal(ann->score, 10 * P);
    assert_int_equal(ann->points, 20 * P);
    assert_string_equal(ann->before->id, "compile");
    assert_int_equal(ann->n_groups, 1);
    assert_int_equal(ann->n_cases, 2);
    assert_string_equal(ann->cases[0].name, "a");
    assert_int_equal(ann->cases[0].visibility, CLASS_VISIBLE);
    assert_int_equal(ann->cases[0].cpu_ns, NSEC_PER_SEC / 4);
    assert_string_equal(ann->cases[1].name, "b");
    assert_int_equal(ann->cases[1].visibility, CLASS_HIDDEN);
    assert_string_equal(ann->cases[1].hint, "h");
    assert_string_equal(ann->cases[1].for_all, "m");
    assert_string_equal(ann->cases[1].evidence, "SECRET");
    class_free(t);
}

static struct roster *roster_of(const char *text)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct roster *r = NULL;
    struct cupel_error err = {0};

    if (roster_parse("r.csv", text, strlen(text), &r, &problems, &err) < 0)
        fail_msg("%s", problems.data);
    return r;
}

/* Where the submissions lie on this machine is in no page. */
static void test_paths_are_the_last_component(void **state)
{
    const struct room *room = *state;
    struct class_table *t;

    put(room,
        "{\"id\":\"compile\",\"job\":\"compile\",\"file\":\"c.yaml\",\"verdict\":"
        "\"invalid-submission\",\"evidence\":\"input /srv/our course/subs/ann: 'a' is a link, "
        "'subs/ann' lacks 'b'\"}\n" CASE("grade/S=ann", "a", "1",
                                         "\"visibility\":\"visible\",\"score\":0,\"verdict\":"
                                         "\"failed\",\"evidence\":\"/srv/subs/ann, /work\"")
            SUBMISSION("grade/S=ann", "{\"S\":\"subs/ann\"}", FAILED));
    t = read_class(room, &(struct class_wanted){0});
    assert_string_equal(t->submissions[0].before->evidence,
                        "input ann: 'a' is a link, 'ann' lacks 'b'");
    assert_string_equal(t->submissions[0].cases[0].evidence, "ann, /work");
    class_free(t);
}

static void test_a_roster_is_joined(void **state)
{
    const struct room *room = *state;
    struct roster *r = roster_of("id,name\nbob,Bob\ncy,Cy\n");
    struct class_table *t;

    put(room, TWO);
    t = read_class(room, &(struct class_wanted){.roster = r});
    assert_int_equal(t->n, 3);
    assert_int_equal(t->n_unknown, 1);
    assert_null(t->submissions[0].entry); /* ann */
    assert_string_equal(t->submissions[1].student, "bob");
    assert_string_equal(t->submissions[1].entry->name, "Bob");
    assert_string_equal(t->submissions[2].student, "cy");
    assert_null(t->submissions[2].id);
    assert_false(class_is_graded(&t->submissions[2]));
    class_free(t);
    roster_free(r);
}

/* Returns what is said of n submissions, of which `known` are in a roster with one more row. */
static char *remarks_on(size_t n, size_t known)
{
    struct class_submission list[30] = {0};
    const struct roster_entry entry = {.id = "eve"};
    const struct class_table t = {.submissions = list, .n = n + 1, .n_unknown = n - known};
    char names[30][8];
    struct strbuf said = {0};

    assert_true(n < ARRAY_SIZE(list));
    list[0] = (struct class_submission){.student = "eve", .entry = &entry};
    for (size_t i = 1; i <= n; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "s%zu", i);
        list[i] = (struct class_submission){
            .id = names[i], .student = names[i], .entry = i <= known ? &entry : NULL};
    }
    strbuf_adds(&said, "");
    class_remark_unknown(&t, "r.csv", &said);
    return said.data;
}

static void test_who_is_not_in_the_roster(void **state)
{
    cleanup_free char *one = remarks_on(1, 0), *none = remarks_on(2, 2), *all = remarks_on(29, 0),
                      *some = remarks_on(29, 4);

    (void)state;
    assert_string_equal(one, "r.csv: there is no row of 's1'\n");
    assert_string_equal(none, "");
    assert_string_equal(
        all, "r.csv: there is no row of any submission: 'eve' is an id here, 's1' is one of "
             "theirs\n");
    assert_non_null(strstr(some, "of 's5'\n"));
    assert_non_null(strstr(some, "of 's24'\nr.csv: there is no row of 5 more\n"));
    assert_null(strstr(some, "s25"));
}

#define NAMED(name) SUBMISSION("grade/S=" name, "{\"S\":\"subs/" name "\"}", FAILED)

/* Takes nobody for another who is called so but for what nobody sees. */
static void test_names_that_look_the_same(void **state)
{
    static const char *const names[] = {"%1B[31mann", "%1B[31mann#2", "%E2%80%8Bann", "a%0Ab",
                                        "ann"};
    const struct room *room = *state;
    struct class_table *t;

    put(room,
        NAMED("ann") NAMED("\\u001b[31mann") NAMED("%1B[31mann") NAMED("a\\nb") NAMED("\xe2\x80\x8b"
                                                                                      "ann"));
    t = read_class(room, &(struct class_wanted){0});
    assert_int_equal(t->n, ARRAY_SIZE(names));
    for (size_t i = 0; i < t->n; i++)
        assert_string_equal(t->submissions[i].student, names[i]);
    assert_string_equal(class_find(t, "%1B[31mann")->id, "grade/S=%1B[31mann");
    class_free(t);
}

static void test_what_cannot_be_one_table(void **state)
{
    const struct room *room = *state;
    const struct class_wanted any = {0};

    put(room, "");
    expect_refused(room, &any, "have no submissions");
    put(room, COMPILE "no object\n");
    expect_refused(room, &any, "have no submissions");
    put(room, TWO);
    expect_refused(room, &(struct class_wanted){.job = "style"}, "no submissions of a job 'style'");
    expect_refused(room, &(struct class_wanted){.by = "T"}, "has no key 'T'");
    put(room, TWO "{\"submission\":\"style\",\"of\":\"style\",\"file\":\"c.yaml\"}\n");
    expect_refused(room, &any, "submissions of 'grade' (c.yaml) and of 'style' (c.yaml)");
    put(room, TWO SUBMISSION("grade/S=ann", "{}", FAILED));
    expect_refused(room, &any, "two submissions 'grade/S=ann'");
    put(room, SUBMISSION("grade/S=x,T=1", "{\"S\":\"x\",\"T\":\"1\"}", FAILED)
                  SUBMISSION("grade/S=x,T=2", "{\"S\":\"x\",\"T\":\"2\"}", FAILED));
    expect_refused(room, &(struct class_wanted){.by = "S"}, "are both of student 'x'");
    class_free(read_class(room, &any)); /* each is a student of its own */
    put(room, SUBMISSION("grade/S=a/x", "{\"S\":\"a/x\"}", FAILED)
                  SUBMISSION("grade/S=b/x", "{\"S\":\"b/x\"}", FAILED));
    class_free(read_class(room, &any));
    /* one has a byte that is no text, and the other a backslash: they only read the same */
    put(room, SUBMISSION("grade/S=%FF", "{\"S\":\"in/\\\\xFF\"}", FAILED)
                  SUBMISSION("grade/S=\\\\xFF", "{\"S\":\"in/\\\\xFF\"}", FAILED));
    class_free(read_class(room, &any));
}

static void test_a_run_that_goes_on_is_left_alone(void **state)
{
    expect_refused(*state, &(struct class_wanted){0}, "a run is writing to");
}

/* ---- files ---- */

static char *list_of(int dir)
{
    struct strbuf b = {0};
    struct dirent **names;
    int fd = openat(dir, "students", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
    cleanup_free char *path = xasprintf("/proc/self/fd/%d", fd);

    assert_true(fd >= 0);
    n = scandir(path, &names, NULL, alphasort);
    strbuf_adds(&b, "");
    for (int i = 0; i < n; i++) {
        if (!file_is_dot(names[i]->d_name))
            strbuf_addf(&b, "%s ", names[i]->d_name);
        free(names[i]);
    }
    free(names);
    (void)close(fd);
    return b.data;
}

static void write_class(const struct room *room, enum class_moment now)
{
    struct class_table *t = read_class(room, &(struct class_wanted){0});
    struct cupel_error err = {0};

    if (class_write(room->path, t, (1u << CLASS_FORMAT_COUNT) - 1, now, -EBADF, &err) < 0)
        fail_msg("%s", err.message);
    class_free(t);
}

static void test_files_are_written(void **state)
{
    const struct room *room = *state;
    cleanup_close int dir = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *names = NULL, *fewer = NULL, *csv = NULL;
    struct stat st;
    size_t n;

    put(room, TWO);
    assert_int_equal(mkdirat(dir, "students", 0755), 0);
    assert_int_equal(symlinkat("/etc/passwd", dir, "students/ann.json"), 0);
    assert_int_equal(symlinkat("/etc/passwd", dir, "class.csv"), 0);
    assert_int_equal(file_write_passing_at(dir, "students/old.html", "x", 1, 0600), 0);
    assert_int_equal(file_write_passing_at(dir, "students/note.txt", "x", 1, 0600), 0);
    write_class(room, CLASS_BEFORE_DUE);
    names = list_of(dir);
    assert_string_equal(names, "ann.html ann.json bob.c.html bob.c.json note.txt ");
    assert_int_equal(fstatat(dir, "students/ann.json", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(st.st_mode) && (st.st_mode & 077) == 0);
    assert_int_equal(file_read_at(dir, "class.csv", 10000, &csv, &n), 0);
    assert_true(str_starts(csv, "id,name,email,score,max,verdict,\"g\",\"a\",\"b\",late,"));
    put(room, SUBMISSION("grade/S=A/.x", "{\"S\":\"A/.x\"}", FAILED)
                  SUBMISSION("grade/S=B/.x", "{\"S\":\"a/.x\"}", FAILED)
                      SUBMISSION("grade/S=..", "{\"S\":\"..\"}", FAILED));
    write_class(room, CLASS_BEFORE_DUE);
    fewer = list_of(dir);
    assert_string_equal(fewer, "%2E..html %2E..json A%2F.x.html A%2F.x.json a%2F.x%232.html "
                               "a%2F.x%232.json note.txt ");
}

static void test_a_place_that_leads_elsewhere(void **state)
{
    const struct room *room = *state;
    cleanup_close int dir = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct class_table *t;
    struct cupel_error err = {0};

    put(room, TWO);
    assert_int_equal(symlinkat(room->dir, dir, "students"), 0);
    t = read_class(room, &(struct class_wanted){0});
    assert_true(class_write(room->path, t, 1u << CLASS_STUDENTS, CLASS_BEFORE_DUE, -EBADF, &err) <
                0);
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_true(class_write("/", t, 1u << CLASS_CSV, CLASS_BEFORE_DUE, -EBADF, &err) < 0);
    class_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_put_in_order, ended_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_paths_are_the_last_component, ended_setup,
                                        room_teardown),
        cmocka_unit_test_setup_teardown(test_a_roster_is_joined, ended_setup, room_teardown),
        cmocka_unit_test(test_who_is_not_in_the_roster),
        cmocka_unit_test_setup_teardown(test_names_that_look_the_same, ended_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_one_table, ended_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_a_run_that_goes_on_is_left_alone, room_setup,
                                        room_teardown),
        cmocka_unit_test_setup_teardown(test_files_are_written, ended_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_a_place_that_leads_elsewhere, ended_setup,
                                        room_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
