/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports_result_record: a result becomes bytes and is the same again; what is not whole is
 * refused.
 */
#include "test_reports.h"

#include "reports/result_record.h"

static const struct reports_point points[] = {{1, 2, 3, 4}, {11, 12, 13, 14}};
static const struct reports_leak leaks[] = {{7, 5000000, "sleep \xff 60"}, {8, 0, ""}};
static struct reports_cache caches[] = {
    {.key = "", .hit = REPORTS_HIT_PARTIAL, .restored = "pip-", .saved = true},
    {.key = "", .hit = REPORTS_HIT_MISS}};
static const char *notes[] = {"one", "", "three\nlines", NULL};
static struct reports_case cases[] = {
    {.verdict = REPORTS_PASSED, .evidence = "", .exit = 0, .wall_ns = 12, .stdout_to = 6},
    {.verdict = REPORTS_CPU_LIMIT,
     .evidence = "ran for 1.2 s",
     .exit = -1,
     .signal = 9,
     .wall_ns = UINT64_MAX,
     .stdout_from = 6,
     .stdout_to = 70,
     .stderr_from = 1,
     .stderr_to = 3}};

/* Everything that a record is to have, and nothing else. */
static struct reports_result full_result(void)
{
    struct reports_result r = {.verdict = REPORTS_CPU_LIMIT,
                               .evidence = "ran for 1.2 s, and more",
                               .exit = -1,
                               .signal = 9,
                               .not_executed = 2,
                               .attempts = 3,
                               .slot = 7,
                               .started = {1700000000, 123456789},
                               .cases = cases,
                               .n_cases = ARRAY_SIZE(cases),
                               .leaks = leaks,
                               .n_leaks = ARRAY_SIZE(leaks),
                               .leaks_in_all = 2048,
                               .leaks_cut = true,
                               .near_limit = "the machine was busy",
                               .timeline = {.interval_ns = 100,
                                            .points = points,
                                            .n = ARRAY_SIZE(points),
                                            .has_cpu = true,
                                            .has_pids = true},
                               .message_for_staff = "line 3",
                               .message_for_all = "",
                               .has_score = true,
                               .score = 7 * REPORTS_SCORE_SCALE,
                               .has_multiplier = true,
                               .multiplier = REPORTS_SCORE_SCALE / 3,
                               .has_coverage = true,
                               .coverage_milli = 99999,
                               .caches = caches,
                               .n_caches = ARRAY_SIZE(caches),
                               .notes = notes};

    for (enum reports_figure f = 0; f < REPORTS_FIGURE_COUNT; f += 2)
        reports_usage_set(&r.usage, f, UINT64_MAX / (f + 1));
    return r;
}

static void assert_same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL)
        assert_string_equal(a, b);
}

/* Compares what lines of results.jsonl say, and what they do not. */
static void assert_same(struct reports_result *a, struct reports_result *b)
{
    cleanup_strbuf struct strbuf x = {0}, y = {0};

    a->id = b->id = a->job = b->job = "job";
    a->file = b->file = "file";
    assert_int_equal(reports_jsonl_text(a, &x), 0);
    assert_int_equal(reports_jsonl_text(b, &y), 0);
    assert_string_equal(x.data, y.data);
    assert_int_equal(a->not_executed, b->not_executed);
    assert_int_equal(a->started.tv_nsec, b->started.tv_nsec);
    assert_memory_equal(&a->usage, &b->usage, sizeof(a->usage));
    assert_same_text(a->message_for_all, b->message_for_all);
    for (size_t i = 0; i < a->n_cases; i++) {
        assert_int_equal(a->cases[i].wall_ns, b->cases[i].wall_ns);
        assert_int_equal(a->cases[i].stdout_from, b->cases[i].stdout_from);
        assert_int_equal(a->cases[i].stdout_to, b->cases[i].stdout_to);
        assert_int_equal(a->cases[i].stderr_from, b->cases[i].stderr_from);
        assert_int_equal(a->cases[i].stderr_to, b->cases[i].stderr_to);
    }
    assert_int_equal(a->n_previous, b->n_previous);
}

static int read_back(const struct strbuf *b, struct arena *arena, struct reports_result *ret)
{
    /* of exactly its size, so that a sanitizer sees what is read behind it */
    cleanup_free char *copy = xmalloc(b->len + (b->len == 0));

    memcpy(copy, b->data, b->len);
    return reports_record_read(copy, b->len, arena, ret);
}

static void test_full(void **state)
{
    struct reports_result first = full_result(), second = full_result(), r = full_result(), back;
    const struct reports_result *previous[] = {&first, &second};
    cleanup_strbuf struct strbuf b = {0};
    struct arena *arena = arena_new();

    (void)state;
    first.verdict = REPORTS_ERROR;
    first.notes = NULL;
    second.message_for_staff = NULL;
    r.previous = previous;
    r.n_previous = ARRAY_SIZE(previous);
    reports_record_add(&b, &r);
    assert_int_equal(read_back(&b, arena, &back), 0);
    assert_same(&r, &back);
    assert_int_equal(back.previous[0]->verdict, REPORTS_ERROR);
    assert_null(back.previous[1]->message_for_staff);
    arena_free(arena);
}

static void test_plain(void **state)
{
    struct reports_result r = {.verdict = REPORTS_PASSED,
                               .evidence = "",
                               .attempts = 1,
                               .cases = cases,
                               .n_cases = 1},
                          back;
    cleanup_strbuf struct strbuf b = {0};
    struct arena *arena = arena_new();

    (void)state;
    reports_record_add(&b, &r);
    assert_int_equal(read_back(&b, arena, &back), 0);
    assert_same(&r, &back);
    assert_null(back.notes);
    assert_null(back.near_limit);
    assert_int_equal(back.timeline.n, 0);
    arena_free(arena);
}

static void test_cut(void **state)
{
    struct reports_result r = full_result(), back;
    cleanup_strbuf struct strbuf b = {0};
    struct arena *arena = arena_new();
    size_t whole;

    (void)state;
    reports_record_add(&b, &r);
    whole = b.len;
    for (b.len = 0; b.len < whole; b.len++)
        assert_int_equal(read_back(&b, arena, &back), -EBADMSG);
    strbuf_add(&b, "\0", 1); /* where its last byte was, and then one more */
    strbuf_add(&b, "\0", 1);
    assert_int_equal(read_back(&b, arena, &back), -EBADMSG);
    arena_free(arena);
}

/* Whatever the bytes are, nothing is read that is not there, and no verdict is none. */
static void test_damaged(void **state)
{
    struct reports_result r = full_result();
    cleanup_strbuf struct strbuf b = {0};

    (void)state;
    reports_record_add(&b, &r);
    for (size_t i = 0; i < b.len; i++) {
        static const char values[] = {0, 1, 0x7f, (char)0xff};
        char before = b.data[i];

        for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
            struct arena *arena = arena_new();
            struct reports_result back;

            b.data[i] = values[k];
            if (read_back(&b, arena, &back) == 0)
                assert_true(back.verdict < REPORTS_VERDICT_COUNT && back.evidence != NULL &&
                            back.n_cases > 0);
            arena_free(arena);
        }
        b.data[i] = before;
    }
    b.data[0] ^= 1; /* another format */
    assert_int_equal(reports_record_read(b.data, b.len, NULL, &r), -EBADMSG);
}

/* ---- logs ---- */

static void put(int dir, const char *name, const char *text)
{
    cleanup_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static void test_logs(void **state)
{
    struct room *room = *state;
    cleanup_close int logs = openat(reports_out_dirfd(room->out), "logs", O_RDONLY | O_DIRECTORY);
    const struct reports_result r = {.stdout_log = "logs/a.stdout", .merged_log = "logs/a.log"};
    struct reports_logs read = {.data = {NULL}};
    struct cupel_error err;
    struct stat before, after;
    cleanup_free char *text = NULL;
    size_t n;

    put(logs, "a.stdout", "out");
    put(logs, "a.stderr", "not named");
    put(logs, "a.log", "merged");
    assert_int_equal(reports_out_read_logs(room->out, "a", &r, false, 8, &read), -EFBIG);
    assert_int_equal(reports_out_read_logs(room->out, "a", &r, false, 9, &read), 0);
    assert_int_equal(read.len[REPORTS_LOG_MERGED], 6);
    assert_null(read.data[REPORTS_LOG_STDERR]);
    /* what is right stays, what is not there comes, what is not named goes */
    assert_int_equal(fstatat(logs, "a.log", &before, 0), 0);
    assert_int_equal(unlinkat(logs, "a.stdout", 0), 0);
    assert_int_equal(reports_out_put_logs(room->out, "a", &read, &err), 0);
    assert_int_equal(fstatat(logs, "a.log", &after, 0), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(file_read_at(logs, "a.stdout", 99, &text, &n), 0);
    assert_string_equal(text, "out");
    assert_int_equal(faccessat(logs, "a.stderr", F_OK, 0), -1);
    /* a link is no log, and another's file is not written into */
    put(logs, "other", "mine");
    assert_int_equal(unlinkat(logs, "a.log", 0), 0);
    assert_int_equal(symlinkat("other", logs, "a.log"), 0);
    assert_int_equal(unlinkat(logs, "a.stdout", 0), 0);
    assert_int_equal(linkat(logs, "other", logs, "a.stdout", 0), 0);
    assert_int_equal(reports_out_put_logs(room->out, "a", &read, &err), 0);
    assert_int_equal(fstatat(logs, "a.log", &after, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISREG(after.st_mode));
    free(text);
    assert_int_equal(file_read_at(logs, "other", 99, &text, &n), 0);
    assert_string_equal(text, "mine");
    reports_logs_free(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test_setup_teardown(test_logs, room_setup, room_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
