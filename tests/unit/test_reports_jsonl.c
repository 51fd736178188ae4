/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports_jsonl: results.jsonl read back with jansson: fields, units, absence, one write a
 * line, full disks. */
#include "test_reports.h"
#include <stdarg.h>
#include <stddef.h>

#include <jansson.h>
#include <sched.h>
#include <sys/mount.h>

#define LINES_MAX 16

/* All lines of results.jsonl, each parsed strictly. */
static size_t read_lines(struct room *room, json_t *ret[LINES_MAX])
{
    cleanup_free char *text = get_file(room, "results.jsonl", NULL);
    size_t n = 0;

    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        json_error_t error;

        assert_non_null(end); /* every line is whole */
        *end = '\0';
        assert_true(n < LINES_MAX);
        ret[n] = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        assert_non_null(ret[n]);
        n++;
        line = end + 1;
    }
    return n;
}

static void free_lines(json_t *lines[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_decref(lines[i]);
}

static const char *string_at(json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static void expect_number(json_t *o, const char *key, double want)
{
    json_t *v = json_object_get(o, key);

    assert_true(json_is_number(v));
    assert_true(json_number_value(v) - want < 1e-9 && want - json_number_value(v) < 1e-9);
}

/* Returns the first line of results.jsonl, and how many bytes it has with its end. */
static json_t *first_line(struct room *room, size_t *ret_len)
{
    cleanup_free char *text = get_file(room, "results.jsonl", NULL);
    json_t *line;

    *ret_len = strcspn(text, "\n") + 1;
    line = json_loadb(text, *ret_len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    return line;
}

static void put_run(struct reports_out *out, const struct reports_run_record *record, int want)
{
    struct cupel_error err = {0};

    assert_int_equal(reports_jsonl_put_run(out, record, &err), want);
}

/* The run's line may grow until others follow; then it keeps its place, whatever is known at the
 * end, and the others theirs. */
static void test_run_line(void **state)
{
    struct room *room = *state;
    struct reports_out *out = room->out;
    struct cupel_error err = {0};
    const char *const command[] = {"cupel", "run", "a\xff\x1b[2J.yaml", NULL};
    struct reports_run_file files[] = {{.file = "a.yaml"}, {.file = "/b.yaml", .included = true}};
    const struct reports_run_root root = {.root = "r", .file = "a.yaml", .digest = "0123"};
    struct reports_run_record record = {.run = "1-2",
                                        .command = command,
                                        .jobs = 120,
                                        .started = {.tv_sec = 1000000000},
                                        .files = files,
                                        .n_files = 2};
    struct reports_case c;
    const struct reports_result result = result_of(&c, REPORTS_PASSED, "");
    size_t began, grown, ended, n;
    json_t *lines[LINES_MAX], *line;

    put_run(out, &record, 0);
    line = first_line(room, &began);
    assert_string_equal(json_string_value(json_array_get(json_object_get(line, "command"), 2)),
                        "a\\xFF\x1b[2J.yaml");
    assert_null(json_object_get(line, "outcome"));
    assert_null(json_object_get(line, "verdicts"));
    json_decref(line);

    record.roots = &root;
    record.n_roots = 1;
    put_run(out, &record, 0);
    json_decref(first_line(room, &grown));
    assert_true(grown > began);

    assert_int_equal(reports_jsonl_append(out, &result, &err), 0);
    record.outcome = REPORTS_INTERRUPTED;
    record.wall_ms = UINT64_C(123456789012);
    record.preparing_ms = UINT64_C(12345678901);
    record.ended.tv_sec = 1100000000;
    for (int v = 0; v < REPORTS_VERDICT_COUNT; v++)
        record.verdicts[v] = 100 + (size_t)v;
    files[0].has_sha256 = files[1].has_sha256 = true;
    put_run(out, &record, 0);
    line = first_line(room, &ended);
    assert_int_equal(ended, grown);
    assert_string_equal(string_at(line, "outcome"), "interrupted");
    expect_number(line, "wall_seconds", 123456789.012);
    expect_number(json_object_get(line, "verdicts"), "failed", 101);
    json_decref(line);

    record.cpu = "a processor whose name was not known before";
    put_run(out, &record, -EOVERFLOW);
    assert_int_equal(reports_jsonl_append(out, &result, &err), 0); /* still at the end */
    n = read_lines(room, lines);
    assert_int_equal(n, 3);
    assert_string_equal(string_at(lines[0], "type"), "run");
    assert_string_equal(string_at(lines[1], "type"), "job");
    assert_string_equal(string_at(lines[2], "type"), "job");
    free_lines(lines, n);
}

static void test_full_result(void **state)
{
    struct room *room = *state;
    struct cupel_error err = {0};
    struct reports_case c;
    struct reports_result result =
        result_of(&c, REPORTS_MEMORY_LIMIT, "memory limit 64 MiB reached");
    struct reports_limit limits[] = {{"memory_bytes", 67108864, 1, NULL},
                                     {"wall_seconds", 1500000000, NSEC_PER_SEC, NULL},
                                     {"cpu_cores", 500, 1000, NULL},
                                     {"cpuset", 3, 1, "0-1,3"},
                                     {"pids", 10, 1, NULL}};
    const char *tags[] = {"slow", "net", NULL}, *notes[] = {"a note", NULL},
               *artifacts[] = {"artifacts/job/a", "artifacts/job/link", NULL};
    const struct reports_file files[] = {
        {.size = 5, .has_size = true, .has_sha256 = true, .sha256 = {0xab, [31] = 0x0c}}, {0}};
    const char *unenforced[] = {"cpu", NULL}, *none[] = {NULL};
    json_t *lines[LINES_MAX], *usage, *object;
    cleanup_free char *text = NULL;

    result.exit = -1;
    result.signal = 9;
    result.attempts = 2;
    result.description = "eats memory";
    result.limits = limits;
    result.n_limits = ARRAY_SIZE(limits);
    result.tags = tags;
    result.notes = notes;
    result.artifacts = artifacts;
    result.files = files;
    result.suite = "suite";
    result.line = 12;
    result.slot = 3;
    result.root_digest = "sha256:0123";
    result.unenforced = unenforced;
    result.stdout_log = "logs/job.stdout";
    result.stderr_log = "logs/job.stderr";
    for (enum reports_figure f = 0; f < REPORTS_FIGURE_COUNT; f++)
        reports_usage_set(&result.usage, f, reports_figure_is_seconds(f) ? 1100000000 : 1000 + f);
    assert_int_equal(reports_jsonl_append(room->out, &result, &err), 0);
    assert_int_equal(read_lines(room, lines), 1);
    assert_string_equal(string_at(lines[0], "id"), "job");
    assert_string_equal(string_at(lines[0], "job"), "job");
    assert_string_equal(string_at(lines[0], "file"), "cupel.yaml");
    assert_string_equal(string_at(lines[0], "description"), "eats memory");
    assert_string_equal(string_at(lines[0], "verdict"), "memory-limit");
    assert_string_equal(string_at(lines[0], "evidence"), "memory limit 64 MiB reached");
    assert_string_equal(string_at(lines[0], "started"), "2023-11-14T22:13:20.123Z");
    assert_null(json_object_get(lines[0], "exit"));
    expect_number(lines[0], "signal", 9);
    expect_number(lines[0], "attempts", 2);
    usage = json_object_get(lines[0], "usage");
    assert_int_equal(json_object_size(usage), REPORTS_FIGURE_COUNT);
    for (enum reports_figure f = 0; f < REPORTS_FIGURE_COUNT; f++) {
        bool seconds = reports_figure_is_seconds(f);

        expect_number(usage, reports_figure_name(f), seconds ? 1.1 : 1000 + (double)f);
        assert_int_equal(json_is_integer(json_object_get(usage, reports_figure_name(f))), !seconds);
    }
    object = json_object_get(lines[0], "limits");
    assert_int_equal(json_object_size(object), 5);
    assert_string_equal(json_string_value(json_object_get(object, "cpuset")), "0-1,3");
    assert_true(json_is_integer(json_object_get(object, "memory_bytes")));
    expect_number(object, "memory_bytes", 67108864);
    expect_number(object, "wall_seconds", 1.5);
    expect_number(object, "cpu_cores", 0.5);
    assert_int_equal(json_array_size(json_object_get(lines[0], "tags")), 2);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(lines[0], "unenforced"), 0)), "cpu");
    assert_string_equal(json_string_value(json_array_get(json_object_get(lines[0], "notes"), 0)),
                        "a note");
    object = json_array_get(json_object_get(lines[0], "artifacts"), 0);
    assert_string_equal(string_at(object, "path"), "artifacts/job/a");
    assert_string_equal(string_at(object, "sha256"),
                        "ab0000000000000000000000000000000000000000000000000000000000000c");
    expect_number(object, "size_bytes", 5);
    object = json_array_get(json_object_get(lines[0], "artifacts"), 1);
    assert_string_equal(string_at(object, "path"), "artifacts/job/link");
    assert_int_equal(json_object_size(object), 1); /* nothing else is known of a link */
    assert_string_equal(string_at(lines[0], "type"), "job");
    assert_string_equal(string_at(lines[0], "suite"), "suite");
    assert_string_equal(string_at(lines[0], "root_digest"), "sha256:0123");
    expect_number(lines[0], "line", 12);
    expect_number(lines[0], "slot", 3);
    assert_string_equal(string_at(json_object_get(lines[0], "logs"), "stdout"), "logs/job.stdout");
    assert_string_equal(string_at(json_object_get(lines[0], "logs"), "stderr"), "logs/job.stderr");
    free_lines(lines, 1);
    text = get_file(room, "results.jsonl", NULL);
    /* for people and for grep: not 1.1000000000000001 */
    assert_non_null(strstr(text, "\"wall_seconds\":1.1,"));
    result.tags = none;
    assert_int_equal(reports_jsonl_append(room->out, &result, &err), 0);
    assert_int_equal(read_lines(room, lines), 2);
    assert_null(json_object_get(lines[1], "tags"));
    free_lines(lines, 2);
}

static void test_absent_is_absent(void **state)
{
    static const char *const absent[] = {"flaky",     "previous_attempts",
                                         "exit",      "signal",
                                         "attempts",  "started",
                                         "usage",     "limits",
                                         "tags",      "notes",
                                         "logs",      "artifacts",
                                         "step",      "description",
                                         "unenforced"};
    struct room *room = *state;
    struct cupel_error err = {0};
    struct reports_case c;
    struct reports_result result = result_of(&c, REPORTS_SKIPPED, "needs 'build', which failed");
    json_t *lines[LINES_MAX];

    result.exit = -1;
    result.attempts = 0;
    result.started = (struct timespec){0};
    assert_int_equal(reports_jsonl_append(room->out, &result, &err), 0);
    assert_int_equal(read_lines(room, lines), 1);
    for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
        assert_null(json_object_get(lines[0], absent[i]));
    assert_int_equal(json_object_size(lines[0]), 6); /* type, id, job, file, verdict, evidence */
    free_lines(lines, 1);
    result.exit = 0; /* zero is a value, not a placeholder */
    reports_usage_set(&result.usage, REPORTS_OOM_KILLS, 0);
    assert_int_equal(reports_jsonl_append(room->out, &result, &err), 0);
    assert_int_equal(read_lines(room, lines), 2);
    expect_number(lines[1], "exit", 0);
    expect_number(json_object_get(lines[1], "usage"), "oom_kills", 0);
    free_lines(lines, 2);
}

/* Writes of this process so far, as the kernel counts them. */
static unsigned long long writes(void)
{
    cleanup_close int fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    size_t n;
    const char *p;

    if (fd < 0 || file_read_fd(fd, 4096, &text, &n) < 0)
        return 0;
    p = strstr(text, "syscw: ");
    return p != NULL ? strtoull(p + 7, NULL, 10) : 0;
}

static void test_steps(void **state)
{
    struct room *room = *state;
    struct cupel_error err = {0};
    struct reports_case c,
        cases[3] = {
            {.name = "configure",
             .verdict = REPORTS_PASSED,
             .evidence = "",
             .exit = 0,
             .wall_ns = 250000000},
            {.name = "make",
             .verdict = REPORTS_FAILED,
             .evidence = "exit code 2, expected 0",
             .exit = 2,
             .wall_ns = 1},
            {.name = "check", .verdict = REPORTS_SKIPPED, .evidence = "'make' failed", .exit = -1},
        };
    struct reports_result result =
        result_of(&c, REPORTS_FAILED, "step 'make': exit code 2, expected 0");
    unsigned long long before = writes();
    json_t *lines[LINES_MAX];

    result.cases = cases;
    result.n_cases = 3;
    assert_int_equal(reports_jsonl_append(room->out, &result, &err), 0);
    if (before != 0)
        assert_int_equal(writes() - before, 4); /* a line is one write */
    else
        print_message(
            "SKIPPED a part: /proc/self/io is not readable here, so writes are not counted\n");
    assert_int_equal(read_lines(room, lines), 4);
    assert_string_equal(string_at(lines[0], "id"), "job");
    assert_string_equal(string_at(lines[1], "id"), "job/configure");
    assert_string_equal(string_at(lines[1], "step"), "configure");
    assert_string_equal(string_at(lines[1], "verdict"), "passed");
    assert_null(json_object_get(lines[1], "evidence"));
    expect_number(json_object_get(lines[1], "usage"), "wall_seconds", 0.25);
    assert_int_equal(json_object_size(json_object_get(lines[1], "usage")), 1);
    assert_string_equal(string_at(lines[2], "evidence"), "exit code 2, expected 0");
    expect_number(lines[2], "exit", 2);
    assert_string_equal(string_at(lines[3], "verdict"), "skipped");
    assert_null(json_object_get(lines[3], "exit"));
    assert_null(json_object_get(lines[3], "usage"));
    free_lines(lines, 4);
}

static void test_nasty_bytes(void **state)
{
    struct room *room = *state;
    struct cupel_error err = {0};
    struct reports_case c;
    struct reports_result result =
        result_of(&c, REPORTS_FAILED, "got \"\xff\x01\n{\"verdict\":\"passed\"}\xc3\xa9");
    json_t *lines[LINES_MAX];

    assert_int_equal(reports_jsonl_append(room->out, &result, &err), 0);
    assert_int_equal(read_lines(room, lines), 1);
    assert_string_equal(string_at(lines[0], "evidence"),
                        "got \"\\xFF\x01\n{\"verdict\":\"passed\"}\xc3\xa9");
    assert_string_equal(string_at(lines[0], "verdict"), "failed");
    free_lines(lines, 1);
}

/* Fills a small tmpfs in a mount namespace of its own; exit code 0: errors came, and no half line
 * stayed. */
static int on_full_disk(const char *path)
{
    struct cupel_error err = {0};
    struct reports_out *out;
    struct reports_case c;
    struct reports_result result = result_of(&c, REPORTS_PASSED, "");
    struct reports_run run = {.name = "s",
                              .hostname = "h",
                              .results = (struct reports_result *[]){&result},
                              .n_results = 1};
    cleanup_free char *text = NULL;
    cleanup_free char *long_text = xcalloc(1, 3001);
    size_t n;
    int r = 0;

    memset(long_text, 'x', 3000);
    result.description = long_text;
    if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", path, "tmpfs", 0, "size=64k") < 0)
        return 77;
    if (reports_out_open(path, &out, &err) < 0)
        return 1;
    for (int i = 0; i < 100 && r == 0; i++)
        r = reports_jsonl_append(out, &result, &err);
    if (r != -ENOSPC || err.kind != CUPEL_ERROR_HARNESS || strlen(err.hint) == 0)
        return 2;
    if (file_read_at(reports_out_dirfd(out), "results.jsonl", 1 << 20, &text, &n) < 0 || n == 0 ||
        text[n - 1] != '\n')
        return 3;
    if (reports_junit_write(out, &run, &err) != -ENOSPC)
        return 4;
    if (faccessat(reports_out_dirfd(out), "junit.xml", F_OK, 0) == 0 ||
        faccessat(reports_out_dirfd(out), "junit.xml.tmp", F_OK, 0) == 0)
        return 5;
    return 0;
}

static void test_full_disk(void **state)
{
    struct room *room = *state;
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(on_full_disk(room->dir));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message(
            "SKIPPED: no mount namespace of our own here (needs root): full disk not tried\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_attempts(void **state)
{
    struct room *room = *state;
    struct cupel_error err = {0};
    struct attempts a;
    json_t *lines[LINES_MAX], *previous, *one, *leak;

    attempts_init(&a);
    assert_int_equal(reports_jsonl_append(room->out, &a.result[2], &err), 0);
    a.result[2].verdict = REPORTS_FAILED; /* then it is no flaky one */
    assert_int_equal(reports_jsonl_append(room->out, &a.result[2], &err), 0);
    a.result[2].verdict = REPORTS_PASSED; /* nor is one that had passed before */
    a.result[2].repeated = true;
    assert_int_equal(reports_jsonl_append(room->out, &a.result[2], &err), 0);
    assert_int_equal(read_lines(room, lines), 3);
    assert_true(json_is_true(json_object_get(lines[0], "flaky")));
    assert_null(json_object_get(lines[0], "repeated"));
    assert_null(json_object_get(lines[1], "flaky"));
    assert_null(json_object_get(lines[2], "flaky"));
    assert_true(json_is_true(json_object_get(lines[2], "repeated")));
    expect_number(lines[0], "attempts", 3);
    previous = json_object_get(lines[0], "previous_attempts");
    assert_int_equal(json_array_size(previous), 2);
    one = json_array_get(previous, 0);
    assert_string_equal(string_at(one, "verdict"), "failed");
    assert_string_equal(string_at(one, "evidence"), "exit code 2, expected 0\nattempt 9: passed");
    assert_string_equal(string_at(one, "started"), "2023-11-14T22:13:20.123Z");
    assert_string_equal(string_at(json_object_get(one, "logs"), "stdout"),
                        "logs/attempt-1/job.stdout");
    expect_number(one, "exit", 2);
    expect_number(one, "leaks_in_all", 5);
    expect_number(json_object_get(one, "usage"), "wall_seconds", 1);
    leak = json_array_get(json_object_get(one, "leaks"), 0);
    assert_string_equal(string_at(leak, "command"), "`]]>\n\033[2J\\xFF&<a b='c'>");
    one = json_array_get(previous, 1);
    assert_null(json_object_get(one, "exit"));
    expect_number(one, "signal", 11);
    expect_number(json_object_get(one, "usage"), "wall_seconds", 2);
    assert_null(json_object_get(one, "leaks"));
    free_lines(lines, 3);
}

static void test_submissions(void **state)
{
    static const char *const values[] = {"SUB=subs/x\xff", "N=1=2", NULL};
    struct room *room = *state;
    struct cupel_error err = {0};
    struct reports_case c;
    struct reports_result result = result_of(&c, REPORTS_FAILED, "wrong");
    const struct reports_judged_case of_case = {.name = "a",
                                                .group = "g",
                                                .hint = "look",
                                                .shown = "after-due",
                                                .number = 3,
                                                .points = 2500,
                                                .multiplier = REPORTS_SCORE_WHOLE};
    struct reports_score_group groups[] = {{.name = "", .points = 10000},
                                           {.name = "g", .points = 4000, .score = 500}};
    struct reports_submission s = {
        .id = "grade/SUB=x",
        .file = "c.yaml",
        .of = "grade",
        .from = "compile/SUB=x",
        .values = values,
        .first_bad = "a",
        .groups = groups,
        .n_groups = 2,
        .score = {.verdict = REPORTS_FAILED, .graded = true, .score = 500}};
    json_t *lines[LINES_MAX], *matrix;

    result.of_case = &of_case;
    assert_int_equal(reports_jsonl_append(room->out, &result, &err), 0);
    assert_int_equal(reports_jsonl_append_submission(room->out, &s, &err), 0);
    s.score.graded = false;
    s.from = NULL;
    s.values = NULL;
    s.n_groups = 1;
    assert_int_equal(reports_jsonl_append_submission(room->out, &s, &err), 0);
    assert_int_equal(read_lines(room, lines), 3);
    assert_string_equal(string_at(lines[0], "case"), "a");
    assert_string_equal(string_at(lines[0], "group"), "g");
    assert_string_equal(string_at(lines[0], "hint"), "look");
    assert_string_equal(string_at(lines[0], "visibility"), "after-due");
    expect_number(lines[0], "number", 3);
    expect_number(lines[0], "points", 2.5);
    expect_number(lines[0], "score", 0);
    matrix = json_object_get(lines[1], "matrix");
    assert_string_equal(string_at(lines[1], "submission"), "grade/SUB=x");
    assert_string_equal(string_at(lines[1], "of"), "grade");
    assert_string_equal(string_at(lines[1], "from"), "compile/SUB=x");
    assert_string_equal(string_at(matrix, "SUB"), "subs/x\\xFF");
    assert_string_equal(string_at(matrix, "N"), "1=2");
    expect_number(lines[1], "score", 0.5);
    expect_number(json_array_get(json_object_get(lines[1], "groups"), 0), "score", 0.5);
    assert_null(json_object_get(lines[1], "id"));
    assert_null(json_object_get(lines[2], "score"));
    assert_null(json_object_get(lines[2], "matrix"));
    assert_null(json_object_get(lines[2], "from"));
    assert_null(json_object_get(lines[2], "groups"));
    free_lines(lines, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_run_line, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_full_result, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_attempts, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_absent_is_absent, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_steps, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_nasty_bytes, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_submissions, room_setup, room_teardown),
    };

    return cmocka_run_group_tests_name("reports_jsonl", tests, NULL, NULL);
}
