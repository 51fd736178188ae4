/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports_earlier: what an out directory says of earlier runs, also one that somebody else has
 * filled. */
#include "test_reports.h"

#include <errno.h>
#include <unistd.h>

#define RECORD "{\"file\":\"a.yaml\",\"path\":\"/x/a.yaml\"}\n"

static void put(const struct room *room, const char *name, const char *text)
{
    cleanup_free char *path = xasprintf("%s/%s", room->path, name);
    FILE *f;

    (void)unlink(path);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* What the reader says; where it reads, the state of a job. */
static int state_of(const struct room *room, const char *job)
{
    struct reports_earlier *e = NULL;
    struct cupel_error err = {0};
    int r = reports_earlier_read(room->path, &e, &err);

    if (r < 0) {
        assert_null(e);
        assert_true(err.message[0] != '\0');
        return r;
    }
    r = (int)reports_earlier_find(e, "/x/a.yaml", job);
    reports_earlier_free(e);
    return r;
}

static void test_the_last_run_counts(void **state)
{
    const struct room *room = *state;

    assert_int_equal(state_of(room, "a"), -ENOENT); /* nothing was noted */
    put(room, "earlier.jsonl",
        RECORD "{\"path\":\"/x/a.yaml\",\"job\":\"a\",\"state\":\"outstanding\"}\n"
               "{\"path\":\"/x/a.yaml\",\"job\":\"c\",\"state\":\"passed\"}\n");
    put(room, "results.jsonl",
        "{\"file\":\"a.yaml\",\"job\":\"a\",\"verdict\":\"passed\"}\n"
        "not an object\n[]\n"
        "{\"file\":\"a.yaml\",\"job\":\"a\",\"step\":\"s\",\"verdict\":\"failed\"}\n"
        "{\"file\":\"other.yaml\",\"job\":\"d\",\"verdict\":\"passed\"}\n"
        "{\"file\":\"a.yaml\",\"job\":\"b\",\"verdict\":\"failed\"}"); /* cut off: no newline */
    assert_int_equal(state_of(room, "a"), REPORTS_EARLIER_PASSED);
    assert_int_equal(state_of(room, "b"), REPORTS_EARLIER_OUTSTANDING);
    assert_int_equal(state_of(room, "c"), REPORTS_EARLIER_PASSED);
    assert_int_equal(state_of(room, "d"), REPORTS_EARLIER_UNKNOWN);
}

/* The run's own line has its command line, and names of files: it says nothing of a job, however
 * long it is. */
static void test_a_long_line_of_the_run_is_passed_over(void **state)
{
    static const char *const begin[] = {"{\"type\":\"run\",\"command\":[\"",
                                        "{\"type\":\"job\",\"job\":[\""};
    const struct room *room = *state;

    put(room, "earlier.jsonl", RECORD);
    for (size_t i = 0; i < ARRAY_SIZE(begin); i++) {
        struct strbuf text = {0};

        strbuf_adds(&text, begin[i]);
        for (size_t k = 0; k < 5 * 1024; k++)
            strbuf_addf(&text, "%01024d", 0);
        strbuf_adds(&text, "\"]}\n{\"file\":\"a.yaml\",\"job\":\"a\",\"verdict\":\"passed\"}\n");
        put(room, "results.jsonl", text.data);
        strbuf_free(&text);
        assert_int_equal(state_of(room, "a"), i == 0 ? REPORTS_EARLIER_PASSED : -EFBIG);
    }
}

static void test_links_and_pipes_are_not_read(void **state)
{
    const struct room *room = *state;
    cleanup_free char *results = xasprintf("%s/results.jsonl", room->path);
    cleanup_free char *elsewhere = xasprintf("%s/elsewhere", room->dir);

    put(room, "earlier.jsonl", RECORD);
    put(room, "../elsewhere", "{\"file\":\"a.yaml\",\"job\":\"a\",\"verdict\":\"passed\"}\n");
    assert_int_equal(unlink(results), 0);
    assert_int_equal(symlink(elsewhere, results), 0);
    assert_int_equal(state_of(room, "a"), -ELOOP);
    assert_int_equal(unlink(results), 0);
    assert_int_equal(mkfifo(results, 0600), 0);
    assert_int_equal(state_of(room, "a"), -EINVAL);
}

/* A sparse file: what it holds is one line, of as many zeroes as it is long. */
static void test_size_has_a_bound(void **state)
{
    const struct room *room = *state;
    cleanup_free char *results = xasprintf("%s/results.jsonl", room->path);

    put(room, "earlier.jsonl", RECORD);
    put(room, "results.jsonl", "");
    assert_int_equal(truncate(results, 4 * 1024 * 1024), 0);
    assert_int_equal(state_of(room, "a"), REPORTS_EARLIER_UNKNOWN);
    assert_int_equal(truncate(results, 4 * 1024 * 1024 + 1), 0);
    assert_int_equal(state_of(room, "a"), -EFBIG);
    assert_int_equal(truncate(results, (off_t)8 * 1024 * 1024 * 1024), 0);
    assert_int_equal(state_of(room, "a"), -EFBIG);
}

static void test_files_have_a_bound(void **state)
{
    const struct room *room = *state;
    _cleanup_(strbuf_free) struct strbuf b = {0};

    put(room, "results.jsonl", "{\"file\":\"a.yaml\",\"job\":\"a\",\"verdict\":\"passed\"}\n");
    for (int i = 0; i < 4096; i++)
        strbuf_adds(&b, RECORD);
    put(room, "earlier.jsonl", b.data);
    assert_int_equal(state_of(room, "a"), REPORTS_EARLIER_PASSED);
    strbuf_adds(&b, RECORD);
    put(room, "earlier.jsonl", b.data);
    assert_int_equal(state_of(room, "a"), -EFBIG);
}

/* A long path that many lines of results stand for: a small directory, and little that is read. */
static void test_names_have_a_bound(void **state)
{
    const struct room *room = *state;
    _cleanup_(strbuf_free) struct strbuf record = {0}, results = {0};

    strbuf_adds(&record, RECORD "{\"file\":\"b.yaml\",\"path\":\"/");
    for (size_t i = 0; i < 4000000; i++)
        strbuf_adds(&record, "b");
    strbuf_adds(&record, "\"}\n");
    put(room, "earlier.jsonl", record.data);
    strbuf_adds(&results, "{\"file\":\"a.yaml\",\"job\":\"a\",\"verdict\":\"passed\"}\n");
    for (int i = 0; i < 67; i++) /* the 68th is beyond 256 MiB */
        strbuf_adds(&results, "{\"file\":\"b.yaml\",\"job\":\"b\",\"verdict\":\"failed\"}\n");
    put(room, "results.jsonl", results.data);
    assert_int_equal(state_of(room, "a"), REPORTS_EARLIER_PASSED);
    strbuf_adds(&results, "{\"file\":\"b.yaml\",\"job\":\"b\",\"verdict\":\"failed\"}\n");
    put(room, "results.jsonl", results.data);
    assert_int_equal(state_of(room, "a"), -EFBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_last_run_counts, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_a_long_line_of_the_run_is_passed_over, room_setup,
                                        room_teardown),
        cmocka_unit_test_setup_teardown(test_links_and_pipes_are_not_read, room_setup,
                                        room_teardown),
        cmocka_unit_test_setup_teardown(test_size_has_a_bound, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_files_have_a_bound, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_names_have_a_bound, room_setup, room_teardown),
    };

    return cmocka_run_group_tests_name("reports_earlier", tests, NULL, NULL);
}
