/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_capture: real pipes into real log files, counted and cut to the byte; and what was
 * written against what was expected (expect.c reads the same logs). */
#include "harness/attempt/capture.h"
#include "harness/attempt/expect.h"
#include "harness/attempt/facts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>
#undef expect_check

struct room {
    char path[64];
    struct reports_out *out;
    int write_end[2];
    int read_end[2];
    struct capture c;
    struct cupel_error err;
};

static int setup(void **state)
{
    struct room *room = xcalloc(1, sizeof(*room));

    (void)snprintf(room->path, sizeof(room->path), "/tmp/cupel-test-capture-XXXXXX");
    if (mkdtemp(room->path) == NULL || reports_out_open(room->path, &room->out, &room->err) < 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        int p[2];

        if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0 || fcntl(p[1], F_SETPIPE_SZ, 1 << 20) < 0)
            return -1;
        room->read_end[i] = p[0];
        room->write_end[i] = p[1];
    }
    *state = room;
    return 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    int r;

    capture_close(&room->c);
    capture_close(&room->c); /* twice is fine */
    for (int i = 0; i < 2; i++) {
        base_closep(&room->read_end[i]);
        base_closep(&room->write_end[i]);
    }
    reports_out_close(room->out);
    r = file_remove_tree_at(AT_FDCWD, room->path);
    free(room);
    return r;
}

static void begin(struct room *room, uint64_t limit)
{
    capture_init(&room->c, room->out, "job", room->read_end[0], room->read_end[1]);
    room->c.limit = limit;
}

static void say(struct room *room, int which, const char *data, size_t n)
{
    assert_int_equal(file_write_all(room->write_end[which], data, n), 0);
}

static void hang_up(struct room *room, int which)
{
    base_closep(&room->write_end[which]);
    room->write_end[which] = -EBADF;
}

static void assert_log(struct room *room, const char *name, const char *expected, size_t n)
{
    cleanup_free char *data = NULL;
    size_t len;

    assert_int_equal(file_read_at(reports_out_dirfd(room->out), name, 1 << 24, &data, &len), 0);
    assert_int_equal(len, n);
    assert_memory_equal(data, expected, n);
}

/* Compares the merged log without its times, which have one length, and what follows a NUL. */
static void assert_merged(struct room *room, const char *expected)
{
    const size_t time = strlen("2026-11-30T08:30:00.123Z ");
    cleanup_strbuf struct strbuf lines = {0};
    cleanup_free char *data = NULL;
    size_t len;

    assert_int_equal(
        file_read_at(reports_out_dirfd(room->out), "logs/job.log", 1 << 24, &data, &len), 0);
    for (char *line = data, *end; line < data + len; line = end + 1) {
        end = memchr(line, '\n', len - (size_t)(line - data));
        assert_non_null(end);
        assert_true((size_t)(end - line) > time);
        *end = '\0';
        strbuf_addf(&lines, "%s\n", line + time);
    }
    assert_string_equal(lines.data, expected);
}

static void assert_no_log(struct room *room, const char *name)
{
    assert_int_equal(faccessat(reports_out_dirfd(room->out), name, F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

static void test_both_streams(void **state)
{
    struct room *room = *state;

    begin(room, UINT64_MAX);
    /* nothing there yet: does not block */
    assert_int_equal(capture_take(&room->c, 0, &room->err), 1);
    assert_no_log(room, "logs/job.stdout");
    say(room, 0, "out\0\xff", 5);
    say(room, 1, "err", 3);
    assert_int_equal(capture_take(&room->c, 0, &room->err), 1);
    assert_int_equal(capture_take(&room->c, 1, &room->err), 1);
    say(room, 1, "more", 4);
    hang_up(room, 0);
    hang_up(room, 1);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_int_equal(capture_take(&room->c, 0, &room->err), 0); /* the end */
    assert_int_equal(capture_take(&room->c, 1, &room->err), 0);
    assert_int_equal(room->c.written[0], 5);
    assert_int_equal(room->c.written[1], 7);
    assert_false(room->c.over);
    assert_log(room, "logs/job.stdout", "out\0\xff", 5);
    assert_log(room, "logs/job.stderr", "errmore", 7);
    assert_log(room, "logs/job.log", "", 0);
    assert_int_equal(capture_finish(&room->c, &room->err), 0);
    assert_merged(room, "stdout out\nstderr errmore\n");
}

static void test_silence_leaves_no_logs(void **state)
{
    struct room *room = *state;

    begin(room, 0);
    hang_up(room, 0);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_int_equal(capture_take(&room->c, 0, &room->err), 0);
    assert_int_equal(capture_take(&room->c, 1, &room->err), 1); /* open, and silent */
    assert_no_log(room, "logs/job.stdout");
    assert_false(room->c.over);
}

/* Sizes around the pipe's and the chunk's, limits around the sizes: to the byte. */
static void test_limit_is_exact(void **state)
{
    static const size_t sizes[] = {1, 2, 4096, 65535, 65536, 65537, 131072, 200000};
    static char text[200001];
    struct room *room = *state;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 23);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        for (int off = -1; off <= 1; off++) {
            uint64_t limit = (uint64_t)((int64_t)sizes[i] + off), kept = off < 0 ? limit : sizes[i];
            char rest[65536];

            begin(room, limit);
            say(room, 0, text, sizes[i]);
            assert_int_equal(capture_drain(&room->c, &room->err), 0);
            assert_int_equal(room->c.over, off < 0); /* exactly the limit is within it */
            assert_int_equal(room->c.written[0], kept);
            assert_log(room, "logs/job.stdout", text, kept);
            capture_close(&room->c);
            while (read(room->read_end[0], rest, sizeof(rest)) > 0)
                ;
        }
}

static void test_limit_of_each(void **state)
{
    struct room *room = *state;

    begin(room, 10);
    room->c.each[0] = 3;
    room->c.each[1] = 7;
    say(room, 0, "123", 3);
    say(room, 1, "abcdefg", 7);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_false(room->c.over); /* exactly the limits */
    say(room, 0, "4", 1);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_true(room->c.over);
    assert_int_equal(room->c.over_limit, JOBS_LIMIT_OUTPUT);
    room->c.over = false;
    room->c.limit = 11;
    say(room, 0, "4", 1);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_true(room->c.over);
    assert_int_equal(room->c.over_limit, JOBS_LIMIT_STDOUT);
    room->c.over = false;
    say(room, 1, "h", 1);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_true(room->c.over);
    assert_int_equal(room->c.over_limit, JOBS_LIMIT_STDERR);
    assert_log(room, "logs/job.stdout", "123", 3);
    assert_log(room, "logs/job.stderr", "abcdefg", 7);
}

static void test_limit_is_of_both_together(void **state)
{
    struct room *room = *state;

    begin(room, 10);
    say(room, 1, "12345", 5);
    assert_int_equal(capture_take(&room->c, 1, &room->err), 1);
    say(room, 0, "abcdefgh", 8);
    assert_int_equal(capture_take(&room->c, 0, &room->err), 1);
    assert_true(room->c.over);
    say(room, 0, "never", 5);
    say(room, 1, "never", 5);
    assert_int_equal(capture_take(&room->c, 0, &room->err), 1); /* nothing more is taken */
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_int_equal(room->c.written[0] + room->c.written[1], 10);
    assert_log(room, "logs/job.stdout", "abcde", 5);
    assert_log(room, "logs/job.stderr", "12345", 5);
}

static void test_limit_of_nothing(void **state)
{
    struct room *room = *state;

    begin(room, 0);
    say(room, 1, "x", 1);
    assert_int_equal(capture_take(&room->c, 1, &room->err), 1);
    assert_true(room->c.over);
    assert_int_equal(room->c.written[1], 0);
    assert_log(room, "logs/job.stderr", "", 0);
}

static void test_log_that_cannot_be_made(void **state)
{
    struct room *room = *state;

    assert_int_equal(file_remove_tree_at(reports_out_dirfd(room->out), "logs/job.stdout"), 0);
    assert_int_equal(file_mkdir_p_at(reports_out_dirfd(room->out), "logs/job.stdout", 0755), 0);
    begin(room, 100);
    say(room, 0, "x", 1);
    assert_true(capture_take(&room->c, 0, &room->err) < 0);
    assert_int_equal(room->err.kind, CUPEL_ERROR_HARNESS);
    say(room, 0, "x", 1);
    assert_true(capture_drain(&room->c, &room->err) < 0);
}

/* ---- expect.c ---- */

static bool unread; /* nobody has read the input */

/* Says `out` and `err` after a first step's "earlier", and checks the second step against `expect`.
 */
static int check(struct room *room, const struct jobs_expect *expect, const char *out,
                 const char *err, struct step_facts *facts)
{
    struct jobs_step step = {.expect = *expect};
    const struct jobs_job job = {.steps = &step, .n_steps = 1};

    begin(room, UINT64_MAX);
    say(room, 0, "earlier", 7);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    *facts = (struct step_facts){.stdout_from = room->c.written[0],
                                 .stderr_from = room->c.written[1],
                                 .started = true,
                                 .input = unread ? SANDBOX_INPUT_UNREAD : SANDBOX_INPUT_READ};
    say(room, 0, out, strlen(out));
    say(room, 1, err, strlen(err));
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    facts->stdout_to = room->c.written[0];
    facts->stderr_to = room->c.written[1];
    return expect_check(&job, 0, &room->c, facts, &room->err);
}

static struct jobs_expect texts(const char *out, const char *err)
{
    return (struct jobs_expect){.stdout_text = out,
                                .stdout_len = out != NULL ? strlen(out) : 0,
                                .stderr_text = err,
                                .stderr_len = err != NULL ? strlen(err) : 0};
}

static void test_expected_output(void **state)
{
    static const struct {
        const char *expected_out, *expected_err, *out, *err;
        const char *difference; /* NULL: none */
    } table[] = {
        {NULL, NULL, "anything", "at all", NULL},
        {"a\nb\n", NULL, "a\nb\n", "not looked at", NULL},
        {"", "", "", "", NULL},
        {"a\n4\n", NULL, "a\n5\n", "",
         "stdout differs at byte 3 (line 2, column 1): expected \"4\\n\", got \"5\\n\""},
        {"abc", NULL, "ab", "",
         "stdout differs at byte 3 (line 1, column 3): expected \"c\", got the end"},
        {"ab", NULL, "abc\n", "",
         "stdout differs at byte 3 (line 1, column 3): expected the end, got \"c\\n\""},
        {"", NULL, "x", "",
         "stdout differs at byte 1 (line 1, column 1): expected the end, got \"x\""},
        {"x", NULL, "", "",
         "stdout differs at byte 1 (line 1, column 1): expected \"x\", got the end; output was "
         "empty"},
        {NULL, "e", "", "f",
         "stderr differs at byte 1 (line 1, column 1): expected \"e\", got \"f\""},
        /* the first one tells */
        {"o", "e", "p", "f",
         "stdout differs at byte 1 (line 1, column 1): expected \"o\", got \"p\""},
        {"x", NULL, "\x1b[31m\"\\\t\x80", "",
         "stdout differs at byte 1 (line 1, column 1): expected \"x\", got "
         "\"\\x1b[31m\\\"\\\\\\x09\\x80\""},
        {"a\n", NULL, "a\r\n", "",
         "stdout differs at byte 2 (line 1, column 2): expected \"\\n\", got \"\\x0d\\n\"; only "
         "line ends "
         "differ (CRLF), line 1"},
        {"Yes\n", NULL, "YES\n", "",
         "stdout differs at byte 2 (line 1, column 2): expected \"es\\n\", got \"ES\\n\"; only "
         "case differs, "
         "line 1"},
        {"a\nb c\n", NULL, "a\nb  c\n", "",
         "stdout differs at byte 5 (line 2, column 3): expected \"c\\n\", got \" c\\n\"; only "
         "white space "
         "differs, line 2"},
        {"x", NULL, "0123456789012345678901234567890123456789", "",
         "stdout differs at byte 1 (line 1, column 1): expected \"x\", got "
         "\"0123456789012345678901234567890123456789\""},
        {"x", NULL, "0123456789012345678901234567890123456789+", "",
         "stdout differs at byte 1 (line 1, column 1): expected \"x\", got "
         "\"0123456789012345678901234567890123456789\"..."},
    };
    struct room *room = *state;

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct jobs_expect expect = texts(table[i].expected_out, table[i].expected_err);
        struct step_facts facts;

        assert_int_equal(check(room, &expect, table[i].out, table[i].err, &facts), 0);
        assert_string_equal(facts.difference,
                            table[i].difference != NULL ? table[i].difference : "");
        assert_int_equal(facts.output_differs, table[i].difference != NULL);
        capture_close(&room->c);
    }
}

static void test_expected_file(void **state)
{
    struct room *room = *state;
    cleanup_free char *path = xasprintf("%s/expected", room->path);
    struct jobs_expect expect = {.stdout_file = {.path = path, .trusted = strlen(path)}};
    struct step_facts facts;

    assert_int_equal(file_write_atomic_at(AT_FDCWD, path, "42\n", 3, 0600), 0);
    assert_int_equal(check(room, &expect, "42\n", "", &facts), 0);
    assert_false(facts.output_differs);
    capture_close(&room->c);
    assert_int_equal(check(room, &expect, "43\n", "", &facts), 0);
    assert_true(facts.output_differs);
    assert_string_equal(
        facts.difference,
        "stdout differs at byte 2 (line 1, column 2): expected \"2\\n\", got \"3\\n\"");
    capture_close(&room->c);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(check(room, &expect, "42\n", "", &facts), -ENOENT);
    assert_int_equal(room->err.kind, CUPEL_ERROR_HARNESS);
    assert_non_null(strstr(room->err.message, path));
}

/* All that can be quoted, far into the output: the evidence is cut to its size. */
static void test_difference_fits(void **state)
{
    struct room *room = *state;
    struct step_facts facts;
    struct jobs_expect expect;
    char out[1000], expected[1000];

    memset(out, '\n', sizeof(out));
    memset(expected, '\n', sizeof(expected));
    memset(out + 900, '\x01', 99);
    memset(expected + 900, '\x02', 99);
    out[999] = expected[999] = '\0';
    expect = texts(expected, NULL);
    unread = true;
    assert_int_equal(check(room, &expect, out, "", &facts), 0);
    unread = false;
    assert_true(facts.output_differs);
    assert_true(strlen(facts.difference) < sizeof(facts.difference));
    assert_memory_equal(facts.difference,
                        "stdout differs at byte 901 (line 901, column 1): expected \"\\x02", 62);
    assert_non_null(strstr(facts.difference, "\"..., got \"\\x01"));
    assert_non_null(strstr(facts.difference, "the program never read its input"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- a terminal ---- */

/* Reads from a terminal's master; returns the side that the job has. */
static int begin_terminal(struct room *room, uint64_t limit)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), slave;

    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    begin(room, limit);
    base_closep(&room->read_end[0]);
    room->read_end[0] = room->c.pipe[0] = master;
    room->c.terminal = true;
    return slave;
}

/* Has what the job wrote, all of it as soon as it has written, and no end of file before its end.
 */
static void test_terminal(void **state)
{
    struct room *room = *state;
    cleanup_close int slave = begin_terminal(room, UINT64_MAX);

    assert_int_equal(capture_take(&room->c, 0, &room->err), 1);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(write(slave, "a line\n", 7), 7);
        assert_int_equal(capture_drain(&room->c, &room->err), 0);
        assert_int_equal(room->c.written[0], 7 * (i + 1));
    }
    assert_int_equal(write(slave, "10%\r", 4), 4);
    assert_int_equal(capture_take(&room->c, 0, &room->err), 1);
    assert_int_equal(write(slave, "100%\n\r\n\rend\r", 13), 13);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_int_equal(room->c.written[0], 7000 + 17);
    base_closep(&slave);
    slave = -EBADF;
    assert_int_equal(capture_take(&room->c, 0, &room->err), 0);
    assert_int_equal(capture_finish(&room->c, &room->err), 0);
    {
        cleanup_free char *data = NULL;
        size_t len;

        assert_int_equal(
            file_read_at(reports_out_dirfd(room->out), "logs/job.stdout", 1 << 24, &data, &len), 0);
        assert_int_equal(len, 7017);
        assert_string_equal(data + 7000, "10%\r100%\n\r\n\rend\r");
    }
}

/* Counts what the job wrote, not what its terminal makes of it, and stops at the byte. */
static void test_terminal_and_limit(void **state)
{
    struct room *room = *state;
    cleanup_close int slave = begin_terminal(room, 4);

    assert_int_equal(write(slave, "\n\n\n", 3), 3);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_false(room->c.over);
    assert_int_equal(write(slave, "\r", 1), 1);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_false(room->c.over);
    assert_int_equal(write(slave, "\r", 1), 1);
    assert_int_equal(capture_drain(&room->c, &room->err), 0);
    assert_true(room->c.over);
    assert_log(room, "logs/job.stdout", "\n\n\n\r", 4);
}

/* Takes away what the terminal adds wherever a read ends. */
static void test_returns_in_pieces(void **state)
{
    static const char said[] = "a\r\nb\r\r\n\rc\n\r\r\r\n", kept[] = "a\nb\r\n\rc\n\r\r\n";
    struct room *room = *state;

    for (size_t piece = 1; piece < sizeof(said); piece++) {
        begin(room, UINT64_MAX);
        room->c.terminal = true;
        for (size_t at = 0; at < strlen(said); at += piece) {
            say(room, 0, said + at, piece < strlen(said) - at ? piece : strlen(said) - at);
            assert_int_equal(capture_take(&room->c, 0, &room->err), 1);
        }
        assert_int_equal(capture_drain(&room->c, &room->err), 0);
        assert_log(room, "logs/job.stdout", kept, strlen(kept));
        capture_close(&room->c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_both_streams),
        TEST(test_silence_leaves_no_logs),
        TEST(test_limit_is_exact),
        TEST(test_limit_is_of_both_together),
        TEST(test_limit_of_each),
        TEST(test_limit_of_nothing),
        TEST(test_log_that_cannot_be_made),
        TEST(test_expected_output),
        TEST(test_expected_file),
        TEST(test_difference_fits),
        TEST(test_terminal),
        TEST(test_terminal_and_limit),
        TEST(test_returns_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
