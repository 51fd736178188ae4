/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports_out: the out directory: lock, names, logs, and that nothing old is left to be
 * mistaken for new. */
#include "test_reports.h"
#include <stdarg.h>
#include <stddef.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static void test_verdict_and_figure_names(void **state)
{
    (void)state;
    assert_string_equal(reports_verdict_name(REPORTS_PASSED), "passed");
    assert_string_equal(reports_verdict_name(REPORTS_CPU_LIMIT), "cpu-limit");
    assert_string_equal(reports_verdict_name(REPORTS_CANCELLED), "cancelled");
    assert_string_equal(reports_verdict_name((enum reports_verdict)99), "error");
    for (enum reports_figure f = 0; f < REPORTS_FIGURE_COUNT; f++) {
        const char *name = reports_figure_name(f);

        assert_non_null(name);
        assert_int_equal(reports_figure_is_seconds(f), strstr(name, "_seconds") != NULL);
    }
}

static void test_file_names(void **state)
{
    static const struct {
        const char *id;
        const char *name;
    } table[] = {
        {"build", "build"},         {"a.b_c=d,e+f@g-h", "a.b_c=d,e+f@g-h"},
        {"job/step", "job%2Fstep"}, {"..", "%2E."},
        {".hidden", "%2Ehidden"},   {"a b%", "a%20b%25"},
        {"\xff\n", "%FF%0A"},       {"", "%"},
    };
    char buf[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        reports_file_name(table[i].id, buf, sizeof(buf));
        assert_string_equal(buf, table[i].name);
    }
}

static void test_long_file_names_differ(void **state)
{
    char id[600], a[100], b[100];

    (void)state;
    memset(id, '/', sizeof(id));
    id[sizeof(id) - 1] = '\0';
    reports_file_name(id, a, sizeof(a));
    id[sizeof(id) - 2] = 'x';
    reports_file_name(id, b, sizeof(b));
    assert_true(strlen(a) < sizeof(a));
    assert_string_not_equal(a, b);
    assert_memory_equal(a, b, 60);
    assert_null(strchr(a, '/'));
    /* one byte less than fits is cut, what fits just is not */
    id[99] = '\0';
    memset(id, 'x', 99);
    reports_file_name(id, a, 100);
    assert_string_equal(a, id);
    reports_file_name(id, a, 99);
    assert_string_not_equal(a, id);
    for (size_t size = 1; size < 30; size++) { /* any size is safe */
        a[size] = '#';
        reports_file_name(id, a, size);
        assert_int_equal(a[size], '#');
        assert_true(strlen(a) < size);
    }
}

static void test_lock(void **state)
{
    struct room *room = *state;
    struct reports_out *second = NULL;
    struct cupel_error err = {0};

    assert_true(reports_out_open(room->path, &second, &err) < 0);
    assert_null(second);
    assert_int_equal(err.kind, CUPEL_ERROR_HARNESS);
    assert_non_null(strstr(err.message, "another run is writing to"));
    assert_non_null(strstr(err.message, room->path));
    assert_non_null(strstr(err.hint, "--out"));
    reports_out_close(room->out);
    room->out = NULL;
    assert_int_equal(reports_out_open(room->path, &room->out, &err), 0);
}

static void test_lock_ends_with_its_process(void **state)
{
    struct room *room = *state;
    struct cupel_error err = {0};
    int ready[2], status;
    char c;
    pid_t pid;

    reports_out_close(room->out);
    room->out = NULL;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct reports_out *out;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        if (reports_out_open(room->path, &out, &err) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_true(reports_out_open(room->path, &room->out, &err) < 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(reports_out_open(room->path, &room->out, &err), 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* What a run has forked may end a moment after it. */
static void test_lock_ends_with_its_run(void **state)
{
    struct room *room = *state;
    struct cupel_error err;
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) { /* has the lock's descriptor as well */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            (void)pause();
    }
    reports_out_close(steal_ptr(room->out));
    assert_int_equal(reports_out_open(room->path, &room->out, &err), 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
}

static void test_old_reports_go_at_once(void **state)
{
    struct room *room = *state;
    struct cupel_error err = {0};
    cleanup_free char *text = NULL;
    size_t n = 1;

    put_log(room, "junit.xml", "old", 3);
    put_log(room, "results.jsonl", "old\n", 4);
    put_log(room, "kept.txt", "x", 1);
    for (unsigned attempt = 1; attempt <= REPORTS_ATTEMPTS_MAX; attempt++) {
        put_log(room, "logs/job.stdout", "old", 3);
        assert_int_equal(reports_out_keep_logs(room->out, "job", attempt, &err), 0);
    }
    put_log(room, "logs/job.stdout", "old", 3);
    reports_out_close(room->out);
    room->out = NULL;
    assert_int_equal(reports_out_open(room->path, &room->out, &err), 0);
    assert_false(exists(room, "junit.xml"));
    text = get_file(room, "results.jsonl", &n);
    assert_int_equal(n, 0);
    assert_true(exists(room, "kept.txt"));
    assert_true(exists(room, "logs/job.stdout")); /* it goes when the job starts */
    assert_false(exists(room, "logs/attempt-1"));
    assert_false(exists(room, "logs/attempt-11"));
    assert_true(exists(room, "logs"));
}

static void expect_open_fails(const char *path, enum cupel_error_kind kind, int errnum)
{
    struct reports_out *out = NULL;
    struct cupel_error err = {0};

    assert_int_equal(reports_out_open(path, &out, &err), -errnum);
    assert_null(out);
    assert_int_equal(err.kind, kind);
    assert_non_null(strstr(err.message, path));
    assert_true(strlen(err.hint) > 0);
}

static void test_unwritable(void **state)
{
    struct room *room = *state;
    char path[160];

    put_log(room, "file", "x", 1);
    (void)snprintf(path, sizeof(path), "%s/file", room->path);
    expect_open_fails(path, CUPEL_ERROR_INPUT, ENOTDIR);
    (void)snprintf(path, sizeof(path), "%s/file/below", room->path);
    expect_open_fails(path, CUPEL_ERROR_INPUT, ENOTDIR);
    /* not even root can make a directory there */
    expect_open_fails("/proc/nowhere", CUPEL_ERROR_HARNESS, ENOENT);
    expect_open_fails("", CUPEL_ERROR_HARNESS, ENOENT);
    expect_open_fails(room->dir, CUPEL_ERROR_INPUT, EEXIST); /* it has the out directory in it */
    expect_open_fails("/", CUPEL_ERROR_INPUT, EEXIST);
}

/* A link where a report should be is not followed: what it points to stays as it is. */
static void test_links_are_not_followed(void **state)
{
    struct room *room = *state;
    struct cupel_error err = {0};
    int dirfd = reports_out_dirfd(room->out), logs[REPORTS_LOG_COUNT];
    cleanup_free char *text = NULL;

    put_log(room, "victim", "precious", 8);
    assert_int_equal(unlinkat(dirfd, "results.jsonl", 0), 0);
    assert_int_equal(symlinkat("victim", dirfd, "results.jsonl"), 0);
    assert_int_equal(symlinkat("../victim", dirfd, "logs/evil.stdout"), 0);
    assert_int_equal(linkat(dirfd, "victim", dirfd, "logs/evil.stderr", 0), 0);
    assert_int_equal(symlinkat("../victim", dirfd, "logs/evil.log"), 0);
    assert_int_equal(reports_out_open_logs(room->out, "evil", logs, &err), 0);
    for (int i = 0; i < REPORTS_LOG_COUNT; i++) {
        assert_int_equal(write(logs[i], "out\n", 4), 4);
        (void)close(logs[i]);
    }
    reports_out_close(room->out);
    room->out = NULL;
    assert_int_equal(reports_out_open(room->path, &room->out, &err), 0);
    text = get_file(room, "victim", NULL);
    assert_string_equal(text, "precious");
}

static void test_logs(void **state)
{
    struct room *room = *state;
    struct cupel_error err = {0};
    int dirfd = reports_out_dirfd(room->out);

    for (int round = 0; round < 2; round++) {
        int logs[REPORTS_LOG_COUNT];

        assert_int_equal(mkdirat(dirfd, "artifacts", 0755) < 0 && errno != EEXIST, 0);
        assert_int_equal(mkdirat(dirfd, "artifacts/a%2Fb", 0755), 0);
        put_log(room, "artifacts/a%2Fb/lib.a", "x", 1);
        assert_int_equal(reports_out_open_logs(room->out, "a/b", logs, &err), 0);
        assert_false(exists(room, "artifacts/a%2Fb"));
        for (int i = 0; i < REPORTS_LOG_COUNT; i++) {
            assert_int_equal(lseek(logs[i], 0, SEEK_END), 0); /* an earlier run's text is gone */
            assert_int_equal(write(logs[i], "out\n", 4), 4);
            assert_int_equal(fcntl(logs[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
            (void)close(logs[i]);
        }
        assert_true(exists(room, "logs/a%2Fb.stdout"));
        assert_true(exists(room, "logs/a%2Fb.stderr"));
        assert_true(exists(room, "logs/a%2Fb.log"));
    }
}

static void test_logs_of_attempts(void **state)
{
    struct room *room = *state;
    struct cupel_error err = {0};
    cleanup_free char *first = NULL, *second = NULL;

    put_log(room, "logs/a%2Fb.stdout", "one", 3);
    put_log(room, "logs/other.stdout", "x", 1);
    assert_int_equal(reports_out_keep_logs(room->out, "a/b", 1, &err), 0); /* nothing on stderr */
    assert_false(exists(room, "logs/a%2Fb.stdout"));
    put_log(room, "logs/a%2Fb.stdout", "two", 3);
    put_log(room, "logs/a%2Fb.stderr", "", 0);
    assert_int_equal(reports_out_keep_logs(room->out, "a/b", 2, &err), 0);
    assert_int_equal(reports_out_keep_logs(room->out, "a/b", 3, &err), 0);
    first = get_file(room, "logs/attempt-1/a%2Fb.stdout", NULL);
    second = get_file(room, "logs/attempt-2/a%2Fb.stdout", NULL);
    assert_string_equal(first, "one");
    assert_string_equal(second, "two");
    assert_true(exists(room, "logs/attempt-2/a%2Fb.stderr"));
    assert_true(exists(room, "logs/other.stdout"));
    put_log(room, "logs/attempt-4", "a file in the way", 17);
    assert_true(reports_out_keep_logs(room->out, "other", 4, &err) < 0);
    assert_true(exists(room, "logs/other.stdout"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdict_and_figure_names),
        cmocka_unit_test(test_file_names),
        cmocka_unit_test(test_long_file_names_differ),
        cmocka_unit_test_setup_teardown(test_lock, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_lock_ends_with_its_process, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_lock_ends_with_its_run, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_old_reports_go_at_once, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_unwritable, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_links_are_not_followed, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_logs, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_logs_of_attempts, room_setup, room_teardown),
    };

    return cmocka_run_group_tests_name("reports_out", tests, NULL, NULL);
}
