/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports_console: the console on a real pseudo-terminal, read by a small terminal emulator
 * that knows only the sequences which cupel may send, and on a pipe. */
#include "test_reports.h"
#include "test_terminal.h"
#include <stdarg.h>
#include <stddef.h>

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>

/* ---- scenarios ---- */

struct scenario {
    struct room *room;
    void (*play)(struct scenario *s, int fd);
    size_t columns;
    const char *env[4]; /* NAME, VALUE pairs */
};

static void scenario_environment(const struct scenario *s)
{
    /* cmocka's handler would run the other tests in this process too */
    (void)signal(SIGSEGV, SIG_DFL);
    (void)signal(SIGABRT, SIG_DFL);
    (void)unsetenv("CI");
    (void)unsetenv("NO_COLOR");
    (void)setenv("TERM", "xterm", 1);
    for (size_t i = 0; i + 1 < ARRAY_SIZE(s->env) && s->env[i] != NULL; i += 2)
        (void)setenv(s->env[i], s->env[i + 1], 1);
}

static void read_to_end(int fd, struct strbuf *b)
{
    char chunk[4096];
    ssize_t n;

    strbuf_add(b, "", 0);
    while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR))
        strbuf_add(b, chunk, n > 0 ? (size_t)n : 0);
}

static void wait_for(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Plays the scenario on a terminal of its own, in a process of its own. */
static struct terminal *on_terminal(struct scenario *s)
{
    struct winsize size = {.ws_row = 30, .ws_col = (unsigned short)s->columns};
    struct terminal *t = terminal_new(s->columns);
    cleanup_strbuf struct strbuf text = {0};
    int master;
    pid_t pid = forkpty(&master, NULL, NULL, &size);

    assert_true(pid >= 0);
    if (pid == 0) {
        scenario_environment(s);
        s->play(s, STDOUT_FILENO);
        (void)tcdrain(STDOUT_FILENO);
        exit(0);
    }
    read_to_end(master, &text);
    (void)close(master);
    wait_for(pid);
    terminal_feed(t, text.data, text.len);
    return t;
}

/* The same on a pipe: what was written; malloc'ed. */
static char *on_pipe(struct scenario *s)
{
    struct strbuf text = {0};
    int fds[2];
    pid_t pid;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(fds[0]);
        scenario_environment(s);
        s->play(s, fds[1]);
        exit(0);
    }
    (void)close(fds[1]);
    read_to_end(fds[0], &text);
    (void)close(fds[0]);
    wait_for(pid);
    return text.data;
}

static void snapshot(int fd)
{
    if (write(fd, SNAPSHOT, 1) != 1)
        abort();
}

static struct reports_result timed(struct reports_case *c, const char *id, enum reports_verdict v,
                                   const char *evidence, uint64_t wall_ms)
{
    struct reports_result result = result_of(c, v, evidence);

    result.id = result.job = id;
    reports_usage_set(&result.usage, REPORTS_WALL_SECONDS, wall_ms * NSEC_PER_MSEC);
    return result;
}

/* Five jobs, one of each common end. */
static void play_small_run(struct scenario *s, int fd)
{
    struct reports_case c[5];
    struct reports_result r[5] = {
        timed(&c[0], "build", REPORTS_PASSED, "", 12),
        timed(&c[1], "test", REPORTS_FAILED, "exit code 2, expected 0", 1204),
        timed(&c[2], "deploy", REPORTS_SKIPPED, "needs 'test', which failed", 0),
        timed(&c[3], "eat", REPORTS_MEMORY_LIMIT, "memory limit 64 MiB reached after 1.3 s", 1300),
        timed(&c[4], "crash", REPORTS_SIGNALED, "killed by SIGSEGV", 5),
    };
    struct reports_result *list[] = {&r[0], &r[1], &r[2], &r[3], &r[4]};
    const struct reports_running running[] = {
        {.id = "test",
         .wall_ns = 1204000000,
         .wall_limit_ns = 300 * NSEC_PER_SEC,
         .memory_bytes = 12 << 20,
         .memory_limit = 512 << 20},
        {.id = "eat", .wall_ns = NSEC_PER_SEC, .memory_bytes = UINT64_MAX},
    };
    struct reports_run run = {
        .name = "suite", .hostname = "h", .results = list, .n_results = 5, .wall_ns = 1234000000};
    const char *unenforced[] = {"memory", "cpu", NULL},
               *notes[] = {"artifact /work/x matched nothing", NULL};
    struct cupel_error err = {0};
    struct reports_console *console = reports_console_new(fd, 5, s->room->out);
    bool live = reports_console_is_live(console);

    put_log(s->room, "logs/test.stdout", "line one\nline two\n", 18);
    r[1].stdout_log = "logs/test.stdout";
    r[2].started = (struct timespec){0};
    r[2].usage.known = 0;
    r[4].signal = SIGSEGV;
    r[0].unenforced = r[1].unenforced = unenforced;
    r[0].notes = notes;
    reports_console_tick(console, running, 0);
    if (live)
        snapshot(fd);
    reports_console_finished(console, &r[0]);
    reports_console_tick(console, running, 2);
    if (live)
        snapshot(fd);
    reports_console_finished(console, &r[1]);
    reports_console_finished(console, &r[2]);
    if (live)
        snapshot(fd);
    reports_console_dump(console, running + 1, 1);
    reports_console_tick(console, running + 1, 1);
    reports_console_finished(console, &r[3]);
    reports_console_finished(console, &r[4]);
    if (reports_junit_write(s->room->out, &run, &err) < 0)
        exit(1);
    reports_console_summary(console, &run);
    reports_console_free(console);
}

static void expect_has(const char *text, const char *what)
{
    if (strstr(text, what) == NULL)
        fail_msg("'%s' is not in:\n%s", what, text);
}

static void expect_has_not(const char *text, const char *what)
{
    if (strstr(text, what) != NULL)
        fail_msg("'%s' is in:\n%s", what, text);
}

static void expect_starts(const char *text, const char *what)
{
    if (!str_starts(text, what))
        fail_msg("'%s' does not begin:\n%s", what, text);
}

/* Dump lines begin with a time that is not ours to know. */
static char *without_status_times(const char *text)
{
    char *copy = xstrdup(text);

    for (char *p = copy; (p = strstr(p, "Status [")) != NULL; p += 8)
        memset(p + 8, '-', 9);
    return copy;
}

static void test_plain(void **state)
{
    struct room *room = *state;
    struct scenario s = {.room = room, .play = play_small_run};
    cleanup_free char *raw = on_pipe(&s);
    cleanup_free char *text = without_status_times(raw);
    cleanup_free char *want =
        xasprintf("        PASS [   0.012s] build\n"
                  "        FAIL [   1.204s] test: exit code 2, expected 0\n"
                  "        SKIP [         ] deploy: needs 'test', which failed\n"
                  "      Status [---------] 3 of 5 jobs finished, 1 running\n"
                  "     running [   1.000s] eat\n"
                  "      MEMORY [   1.300s] eat: memory limit 64 MiB reached after 1.3 s\n"
                  "     SIGSEGV [   0.005s] crash: killed by SIGSEGV\n"
                  "\n"
                  "        FAIL [   1.204s] test\n"
                  "             exit code 2, expected 0\n"
                  "  standard output (%s/logs/test.stdout)\n"
                  "    | line one\n"
                  "    | line two\n"
                  "\n"
                  "      MEMORY [   1.300s] eat\n"
                  "             memory limit 64 MiB reached after 1.3 s\n"
                  "\n"
                  "     SIGSEGV [   0.005s] crash\n"
                  "             killed by SIGSEGV\n"
                  "\n"
                  "     Summary [   1.234s] 5 jobs: 1 passed, 1 failed, 1 signaled, 1 "
                  "memory-limit, 1 skipped\n"
                  "             Not enforced: memory (2 jobs), cpu (2 jobs)\n"
                  "             Note: build: artifact /work/x matched nothing\n"
                  "             Report: %s/junit.xml\n",
                  room->path, room->path);

    assert_string_equal(text, want);
}

static void test_terminal(void **state)
{
    struct room *room = *state;
    struct scenario s = {.room = room, .play = play_small_run, .columns = 120};
    struct terminal *t = on_terminal(&s);
    cleanup_free char *end = terminal_text(t);
    cleanup_free char *plain = NULL;
    cleanup_free char *end_text = NULL;

    assert_int_equal(t->n_snapshots, 3);
    expect_has(t->snapshots[0], "     Running [ 00:00:0");
    expect_has(t->snapshots[0], "] [>                       ] 0/5: 0 running\n");
    expect_starts(t->snapshots[1], "        PASS [   0.012s] build\n     Running [ ");
    expect_has(t->snapshots[1],
               "] [====>                   ] 1/5: 2 running, 1 passed\n"
               "             [   1.204s] test  of 5 min  memory 12 MiB of 512 MiB\n"
               "             [   1.000s] eat\n");
    /* what finished stands above the frame; the frame is there once, and last */
    expect_starts(t->snapshots[2], "        PASS [   0.012s] build\n"
                                   "        FAIL [   1.204s] test: exit code 2, expected 0\n"
                                   "        SKIP [         ] deploy: needs 'test', which failed\n"
                                   "     Running [ ");
    assert_ptr_equal(strstr(t->snapshots[2], "Running"), strrchr(t->snapshots[2], 'R'));
    /* and at the end no trace of it is left: the screen shows what a pipe gets */
    s.columns = 0;
    plain = on_pipe(&s);
    end_text = without_status_times(end);
    {
        cleanup_free char *plain_text = without_status_times(plain);

        assert_string_equal(end_text, plain_text);
    }
    assert_false(t->cursor_hidden);
    assert_true(t->colours);
    assert_int_equal(t->overflows, 0);
    assert_int_equal(t->unknown, 0);
    terminal_free(t);
}

static void test_environment(void **state)
{
    static const struct {
        const char *env[4];
        bool live, colours;
    } table[] = {
        {{"NO_COLOR", "1"}, true, false}, {{"NO_COLOR", ""}, true, true},
        {{"CI", "true"}, false, true},    {{"TERM", "dumb"}, false, false},
        {{"TERM", ""}, false, false},
    };
    struct room *room = *state;

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct scenario s = {.room = room, .play = play_small_run, .columns = 100};
        struct terminal *t;

        memcpy(s.env, table[i].env, sizeof(s.env));
        t = on_terminal(&s);
        assert_int_equal(t->n_snapshots > 0, table[i].live);
        assert_int_equal(t->colours, table[i].colours);
        assert_int_equal(t->unknown, 0);
        terminal_free(t);
    }
}

/* ---- attempts and leaks ---- */

static void play_attempts(struct scenario *s, int fd)
{
    struct attempts a;
    struct reports_case c;
    struct reports_result limit, stopped, *list[4];
    struct reports_running running = {.id = "job",
                                      .attempt = 2,
                                      .attempts_max = 4,
                                      .wall_ns = NSEC_PER_SEC,
                                      .memory_bytes = UINT64_MAX};
    struct reports_run run = {
        .name = "suite", .hostname = "h", .results = list, .n_results = 4, .wall_ns = NSEC_PER_SEC};
    struct reports_console *console = reports_console_new(fd, 4, s->room->out);

    attempts_init(&a);
    reports_console_retried(console, &a.result[0]);
    reports_console_dump(console, &running, 1);
    reports_console_retried(console, &a.result[1]);
    reports_console_finished(console, &a.result[2]);
    limit = a.result[2];
    limit.id = "tight";
    limit.verdict = REPORTS_CPU_LIMIT;
    limit.evidence = "CPU limit";
    reports_console_finished(console, &limit);
    a.result[0].verdict = REPORTS_PASSED; /* at once, and leaky */
    a.result[0].evidence = "";
    a.result[0].id = "daemon";
    reports_console_finished(console, &a.result[0]);
    stopped = result_of(&c, REPORTS_CANCELLED, "cancelled by the user");
    stopped.id = "stopped";
    stopped.attempts = 2;
    stopped.started.tv_sec = 0;
    reports_console_finished(console, &stopped);
    list[0] = &a.result[2];
    list[1] = &limit;
    list[2] = &a.result[0];
    list[3] = &stopped;
    a.result[2].n_previous = 1;
    a.list[0] = &a.result[1];
    limit.n_previous = 1;
    reports_console_summary(console, &run);
    reports_console_free(console);
}

static void test_attempts_and_leaks(void **state)
{
#define LEAKS                                                                                      \
    "5 processes left running: pid 7 `" LEAK_SHOWN                                                 \
    "` (CPU 0.01 s), pid 8 `sleep 60` (CPU 1.23 s) and 3 more\n"
    struct scenario s = {.room = *state, .play = play_attempts};
    cleanup_free char *raw = on_pipe(&s);
    cleanup_free char *text = without_status_times(raw);

    assert_string_equal(
        text,
        "  TRY 1 FAIL [   1.000s] job: exit code 2, expected 0\\x0Aattempt 9: passed; " LEAKS
        "      Status [---------] 0 of 4 jobs finished, 1 running\n"
        "     running [   1.000s] job  try 2 of 4\n"
        "  TRY 2 SEGV [   2.000s] job: killed by SIGSEGV\n"
        "   FLAKY 3/4 [   3.000s] job\n"
        "   TRY 3 CPU [   3.000s] tight: CPU limit\n"
        "        LEAK [   1.000s] daemon: " LEAKS
        "      CANCEL [         ] stopped: cancelled by the user\n"
        "\n"
        "   FLAKY 3/4 [   3.000s] job\n"
        "             attempt 1: signaled: killed by SIGSEGV\n"
        "\n"
        "   TRY 3 CPU [   3.000s] tight\n"
        "             CPU limit\n"
        "             attempt 1: signaled: killed by SIGSEGV\n"
        "\n"
        "     Summary [   1.000s] 4 jobs: 2 passed (1 flaky, 1 leaky), 1 cpu-limit, 1 cancelled\n");
}

/* ---- hostile text ---- */

#define HOSTILE                                                                                    \
    "\x1b[2J\x1b[H\x1b]0;owned\x07\x9b"                                                            \
    "2J\xc2\x9b"                                                                                   \
    "2J\r        PASS [   0.001s] forged\n        PASS [   0.001s] forged\x1b[1A"                  \
    "\xe2\x80\xae\xff\x7f\b\b\t\xe6\xbc\xa2\xe6\xbc\xa2\xf0\x9f\x98\x80\x00"

static void play_hostile_run(struct scenario *s, int fd)
{
    enum { N = 12, R = 44 };
    struct reports_console *console = reports_console_new(fd, N, s->room->out);
    cleanup_strbuf struct strbuf log = {0};
    struct reports_case c[N];
    struct reports_result results[N], *list[N];
    struct reports_running running[R];
    struct reports_run run = {
        .name = HOSTILE, .hostname = HOSTILE, .results = list, .n_results = N, .interrupted = true};
    const char *texts[] = {HOSTILE, NULL};
    struct reports_leak leak = {1, UINT64_MAX, HOSTILE};
    const struct reports_result *before = &results[0];

    for (int i = 0; i < 40; i++) {
        strbuf_add(&log, HOSTILE, sizeof(HOSTILE) - 1);
        for (int k = 0; k < i; k++) /* a long line whose fold would look like a verdict */
            strbuf_adds(&log, "        PASS [   0.001s] forged");
    }
    strbuf_adds(&log, "the end");
    put_log(s->room, "logs/hostile", log.data, log.len);
    for (int i = 0; i < R; i++)
        running[i] = (struct reports_running){.id = HOSTILE,
                                              .wall_ns = UINT64_MAX - 1,
                                              .wall_limit_ns = 1,
                                              .memory_bytes = (uint64_t)1 << 62,
                                              .memory_limit = 1};
    reports_console_status(console, HOSTILE);
    for (int i = 0; i < N; i++) {
        results[i] = timed(&c[i], HOSTILE, (enum reports_verdict)i, HOSTILE, 1);
        results[i].signal = 250;
        results[i].stdout_log = results[i].stderr_log = "logs/hostile";
        results[i].notes = results[i].unenforced = texts;
        results[i].leaks = &leak;
        results[i].n_leaks = results[i].leaks_in_all = 1;
        results[i].attempts = 1 + (unsigned)i % 2;
        results[i].previous = &before;
        results[i].n_previous = (size_t)i % 2;
        list[i] = &results[i];
        reports_console_retried(console, &results[i]);
        reports_console_started(console, HOSTILE);
        reports_console_tick(console, running, (size_t)(i * 4));
        reports_console_finished(console, &results[i]);
    }
    reports_console_tick(console, running, R);
    reports_console_dump(console, running, R);
    reports_console_tick(console, running, R);
    reports_console_summary(console, &run);
    reports_console_free(console);
}

static void test_hostile_at_every_width(void **state)
{
    struct room *room = *state;

    for (size_t columns = 20; columns <= COLUMNS_MAX; columns += columns < 90 ? 1 : 10) {
        struct scenario s = {.room = room, .play = play_hostile_run, .columns = columns};
        struct terminal *t = on_terminal(&s);
        cleanup_free char *end = terminal_text(t);

        assert_int_equal(t->overflows, 0);
        assert_int_equal(t->unknown, 0);
        assert_false(t->cursor_hidden);
        expect_has_not(end, "\n        PASS [   0.001s] forged");
        terminal_free(t);
    }
}

static void test_hostile_on_a_pipe(void **state)
{
    struct room *room = *state;
    struct scenario s = {.room = room, .play = play_hostile_run};
    cleanup_free char *text = on_pipe(&s);
    size_t forged = 0;

    for (const char *line = text, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        for (const char *p = line; p < end; p++)
            assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
        if (strncmp(line, "        PASS", 12) == 0 && ++forged > 1) /* the one that did pass */
            fail_msg("looks like a verdict: %.*s", (int)(end - line), line);
    }
    expect_has(text, "forgedthe end\n");
    expect_has(text, "standard output, the end of it (");
    expect_has(text, "] interrupted; 12 jobs: 1 passed (1 leaky), ");
}

/* ---- readers that do not read ---- */

static void test_a_reader_that_stops_does_not_stop_us(void **state)
{
    enum { N = 5000 };
    struct room *room = *state;
    struct reports_case c;
    struct reports_result result = timed(&c, "job", REPORTS_PASSED, "", 1), *list[] = {&result};
    struct reports_run run = {.name = "s", .hostname = "h", .results = list, .n_results = 1};
    cleanup_strbuf struct strbuf text = {0};
    struct reports_console *console;
    char id[16];
    int fds[2];
    pid_t pid;
    const char *p;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    console = reports_console_new(fds[1], N, room->out);
    /* more than a pipe holds; blocking here would be the test's time limit */
    for (int i = 0; i < N; i++) {
        (void)snprintf(id, sizeof(id), "job%d", i);
        result.id = id;
        reports_console_finished(console, &result);
    }
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { /* the summary waits for the reader, so it has a process of its own */
        (void)close(fds[0]);
        reports_console_summary(console, &run);
        _exit(0);
    }
    (void)close(fds[1]);
    read_to_end(fds[0], &text);
    wait_for(pid);
    p = text.data;
    for (int i = 0; i < N; i++) { /* all of it, in order */
        (void)snprintf(id, sizeof(id), "job%d\n", i);
        p = strstr(p, id);
        assert_non_null(p);
    }
    expect_has(p, "Summary");
    (void)close(fds[0]);
    (void)signal(SIGPIPE, SIG_IGN);
    reports_console_free(console); /* its descriptor is closed: gives up, does not hang */
}

static void test_a_reader_that_went_away(void **state)
{
    struct room *room = *state;
    struct reports_case c;
    struct reports_result result = timed(&c, "job", REPORTS_FAILED, "no", 1), *list[] = {&result};
    struct reports_run run = {.name = "s", .hostname = "h", .results = list, .n_results = 1};
    struct reports_console *console;
    int fds[2];

    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    (void)close(fds[0]);
    console = reports_console_new(fds[1], 1, room->out);
    reports_console_finished(console, &result);
    reports_console_tick(console, NULL, 0);
    reports_console_summary(console, &run);
    reports_console_free(console);
    (void)close(fds[1]);
}

/* ---- slow jobs, many failures ---- */

static void play_slow_job(struct scenario *s, int fd)
{
    struct reports_console *console = reports_console_new(fd, 1, s->room->out);
    static const unsigned seconds[] = {1, 59, 60, 61, 119, 120, 200, 500};

    for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
        const struct reports_running r = {
            .id = "long", .wall_ns = seconds[i] * NSEC_PER_SEC, .memory_bytes = UINT64_MAX};

        reports_console_tick(console, &r, 1);
    }
    reports_console_free(console);
}

static void test_slow_jobs_are_named_on_a_pipe(void **state)
{
    struct scenario s = {.room = *state, .play = play_slow_job};
    cleanup_free char *text = on_pipe(&s);

    assert_string_equal(text, "        SLOW [  60.000s] long\n"
                              "        SLOW [ 120.000s] long\n"
                              "        SLOW [ 500.000s] long\n");
}

static void play_many_failures(struct scenario *s, int fd)
{
    enum { N = 150 };
    struct reports_console *console = reports_console_new(fd, N, s->room->out);
    struct reports_case c;
    struct reports_result result = timed(&c, "job", REPORTS_FAILED, "no", 1), *list[N];
    struct reports_run run = {.name = "s", .hostname = "h", .results = list, .n_results = N};

    for (int i = 0; i < N; i++)
        list[i] = i == 0 ? NULL : &result;
    reports_console_summary(console, &run);
    reports_console_free(console);
}

static void test_many_failures_are_bounded(void **state)
{
    struct scenario s = {.room = *state, .play = play_many_failures};
    cleanup_free char *text = on_pipe(&s);
    size_t shown = 0;

    for (const char *at = text; (at = strstr(at, "] job\n             no\n")) != NULL; at++)
        shown++;
    assert_int_equal(shown, 100);
    expect_has(text, "             and 49 more that did not pass\n");
    expect_has(text, " 150 jobs: 149 failed, 1 not run\n");
    expect_has_not(text, "Report:"); /* none was written */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_terminal, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_environment, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_attempts_and_leaks, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_hostile_at_every_width, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_hostile_on_a_pipe, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_a_reader_that_stops_does_not_stop_us, room_setup,
                                        room_teardown),
        cmocka_unit_test_setup_teardown(test_a_reader_that_went_away, room_setup, room_teardown),
        cmocka_unit_test_setup_teardown(test_slow_jobs_are_named_on_a_pipe, room_setup,
                                        room_teardown),
        cmocka_unit_test_setup_teardown(test_many_failures_are_bounded, room_setup, room_teardown),
    };

    return cmocka_run_group_tests_name("reports_console", tests, NULL, NULL);
}
