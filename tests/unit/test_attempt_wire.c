/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_wire: a result goes through a socket and comes out the same, small, large or cut
 * short. */
#include "harness/attempt/artifacts.h"
#include "harness/attempt/attempt.h"
#include "harness/attempt/facts.h"
#include "harness/attempt/verdict.h"
#include "harness/attempt/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

/* Two cases that are listed, of nine. */
static void add_tests(struct attempt_result *r)
{
    const struct reports_test_case failed = {.outcome = REPORTS_TEST_FAILED,
                                             .time_ns = 12,
                                             .line = 7,
                                             .group = "group",
                                             .name = "name \xff",
                                             .file = "file",
                                             .message = "message",
                                             .details = "de\ntails"},
                                   passed = {.outcome = REPORTS_TEST_PASSED,
                                             .flaky = true,
                                             .time_ns = REPORTS_TEST_NO_TIME,
                                             .name = "other"};
    struct strbuf records = {0};

    reports_tests_put_source(&records, "/work/results.xml");
    reports_tests_put(&records, &failed);
    reports_tests_put(&records, &passed);
    r->tests = xcalloc(1, sizeof(*r->tests));
    *r->tests = (struct reports_tests){
        .all = {4, 3, 0, 2}, .flaky = 1, .files = 1, .data = records.data, .length = records.len};
}

static void assert_tests(const struct reports_tests *t, const struct attempt_result *sent)
{
    struct reports_test_cursor cursor;
    struct reports_test_case c;

    if (sent->tests == NULL) {
        assert_null(t);
        return;
    }
    assert_memory_equal(t->all, sent->tests->all, sizeof(t->all));
    assert_int_equal(t->listed[REPORTS_TEST_FAILED], 1);
    assert_int_equal(t->listed[REPORTS_TEST_PASSED], 1);
    assert_int_equal(t->flaky, 1);
    assert_int_equal(t->files, 1);
    cursor = (struct reports_test_cursor){.at = t->data, .end = t->data + t->length};
    assert_int_equal(reports_tests_next(&cursor, &c), 1);
    assert_string_equal(cursor.source, "/work/results.xml");
    assert_int_equal(c.outcome, REPORTS_TEST_FAILED);
    assert_int_equal(c.time_ns, 12);
    assert_int_equal(c.line, 7);
    assert_string_equal(c.group, "group");
    assert_string_equal(c.name, "name \xff");
    assert_string_equal(c.file, "file");
    assert_string_equal(c.message, "message");
    assert_string_equal(c.details, "de\ntails");
    assert_int_equal(reports_tests_next(&cursor, &c), 1);
    assert_true(c.flaky);
    assert_true(c.time_ns == REPORTS_TEST_NO_TIME);
    assert_int_equal(reports_tests_next(&cursor, &c), 0);
}

/* One of each kind. */
static void add_caches(struct attempt_result *r)
{
    r->n_caches = 3;
    r->caches = xcalloc(r->n_caches, sizeof(*r->caches));
    r->caches[0].hit = REPORTS_HIT_EXACT;
    r->caches[1] = (struct reports_cache){
        .hit = REPORTS_HIT_PARTIAL, .restored = xstrdup("pip-1"), .saved = true};
    r->caches[2].saved = true;
}

static void assert_caches(const struct reports_result *r, const struct attempt_result *sent)
{
    assert_int_equal(r->n_caches, sent->n_caches);
    for (size_t i = 0; i < r->n_caches; i++) {
        assert_int_equal(r->caches[i].hit, sent->caches[i].hit);
        assert_int_equal(r->caches[i].saved, sent->caches[i].saved);
        assert_int_equal(r->caches[i].restored != NULL, i == 1);
    }
    if (r->n_caches > 1)
        assert_string_equal(r->caches[1].restored, "pip-1");
}

static void assert_files(const struct reports_file *got, const struct attempt_result *sent)
{
    assert_int_equal(got == NULL, sent->files == NULL);
    for (size_t i = 0; i < sent->artifacts.n; i++) {
        assert_int_equal(got[i].size, sent->files[i].size);
        assert_int_equal(got[i].has_size, sent->files[i].has_size);
        assert_int_equal(got[i].has_sha256, sent->files[i].has_sha256);
        assert_memory_equal(got[i].sha256, sent->files[i].sha256, sizeof(got[i].sha256));
    }
}

/* A result with n steps, notes and artifacts, every value of which can be told from every other. */
static void make_result(struct attempt_result *r, size_t n_steps, size_t n_lists)
{
    *r = (struct attempt_result){
        .facts = {.n_steps = n_steps,
                  .started = {1700000000, 123456789},
                  .started_ns = 1000,
                  .ended_ns = 900000,
                  .has_disk = true,
                  .disk_peak = 11,
                  .inodes_peak = 12,
                  .output_bytes = 13},
        .job = {.verdict = REPORTS_FAILED,
                .evidence = "evidence of\nthe job \xff",
                .exit = -1,
                .signal = 64},
        .has_stderr = true,
    };
    for (int i = 0; i < CGROUP_FIGURE_COUNT; i++) {
        r->facts.usage.known |= 1u << i;
        r->facts.usage.value[i] = UINT64_MAX - (uint64_t)i;
    }
    r->facts.usage.known &= ~(1u << CGROUP_THROTTLED_NS);
    r->facts.steps = xcalloc(n_steps, sizeof(*r->facts.steps));
    r->steps = xcalloc(n_steps, sizeof(*r->steps));
    for (size_t i = 0; i < n_steps; i++) {
        r->facts.steps[i] = (struct step_facts){.started = i % 3 != 2,
                                                .ended = i % 3 == 0,
                                                .started_ns = 1000 + i,
                                                .ended_ns = 5000 + 3 * i,
                                                .stdout_from = i,
                                                .stdout_to = i + (UINT64_C(1) << 40),
                                                .stderr_from = 7 * i,
                                                .stderr_to = 8 * i};
        r->steps[i] =
            (struct judgement){.verdict = (enum reports_verdict)(i % REPORTS_VERDICT_COUNT),
                               .exit = (int)i - 1,
                               .signal = (int)i};
        if (i % 2 == 0)
            memset(r->steps[i].evidence, 'a' + (int)(i % 26), sizeof(r->steps[i].evidence) - 1);
    }
    if (n_lists > 0)
        add_tests(r);
    if (n_lists > 0)
        add_caches(r);
    for (size_t i = 0; i < n_lists; i++) {
        strings_add(&r->notes, xasprintf("note %zu", i));
        strings_add(&r->artifacts,
                    i % 1000 == 0 ? xstrdup("") : xasprintf("artifacts/job/new\nline %zu", i));
        r->files = xrealloc(r->files, (i + 1) * sizeof(*r->files));
        r->files[i] = (struct reports_file){.size = i << 33,
                                            .has_size = i % 3 > 0,
                                            .has_sha256 = i % 2 > 0,
                                            .sha256 = {(uint8_t)i}};
    }
}

static void assert_list(const char **got, const struct strings *sent)
{
    if (sent->n == 0) {
        assert_null(got);
        return;
    }
    for (size_t i = 0; i < sent->n; i++)
        assert_string_equal(got[i], sent->items[i]);
    assert_null(got[sent->n]);
}

static void assert_case(const struct reports_case *c, const struct attempt_result *sent, size_t i)
{
    const struct step_facts *s = &sent->facts.steps[i];
    uint64_t wall = i % 3 == 0 ? 4000 + 2 * i : i % 3 == 1 ? 899000 - i : 0;

    assert_int_equal(c->verdict, sent->steps[i].verdict);
    assert_string_equal(c->evidence, sent->steps[i].evidence);
    assert_int_equal(c->exit, sent->steps[i].exit);
    assert_int_equal(c->signal, sent->steps[i].signal);
    /* up to the job's end when the step has none, 0 when it never started */
    assert_int_equal(c->wall_ns, wall);
    assert_int_equal(c->stdout_from, s->stdout_from);
    assert_int_equal(c->stdout_to, s->stdout_to);
    assert_int_equal(c->stderr_from, s->stderr_from);
    assert_int_equal(c->stderr_to, s->stderr_to);
}

static void assert_usage(const struct reports_usage *u)
{
    static const struct {
        enum reports_figure figure;
        uint64_t value;
    } table[] = {
        {REPORTS_WALL_SECONDS, 899000},
        {REPORTS_OUTPUT_BYTES, 13},
        {REPORTS_DISK_PEAK_BYTES, 11},
        {REPORTS_INODES_PEAK, 12},
        {REPORTS_CPU_SECONDS, UINT64_MAX - CGROUP_CPU_NS},
        {REPORTS_USER_SECONDS, UINT64_MAX - CGROUP_USER_NS},
        {REPORTS_SYSTEM_SECONDS, UINT64_MAX - CGROUP_SYSTEM_NS},
        {REPORTS_THROTTLED_PERIODS, UINT64_MAX - CGROUP_THROTTLED_PERIODS},
        {REPORTS_MEMORY_PEAK_BYTES, UINT64_MAX - CGROUP_MEMORY_PEAK_BYTES},
        {REPORTS_OOM_KILLS, UINT64_MAX - CGROUP_OOM_KILLS},
        {REPORTS_PIDS_PEAK, UINT64_MAX - CGROUP_PIDS_PEAK},
        {REPORTS_PIDS_REFUSED, UINT64_MAX - CGROUP_PIDS_REFUSED},
        {REPORTS_READ_BYTES, UINT64_MAX - CGROUP_READ_BYTES},
        {REPORTS_WRITTEN_BYTES, UINT64_MAX - CGROUP_WRITTEN_BYTES},
        {REPORTS_READ_OPERATIONS, UINT64_MAX - CGROUP_READ_OPERATIONS},
        {REPORTS_WRITE_OPERATIONS, UINT64_MAX - CGROUP_WRITE_OPERATIONS},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        assert_true(reports_usage_has(u, table[i].figure));
        assert_int_equal(u->value[table[i].figure], table[i].value);
    }
    /* not known: appears nowhere */
    assert_false(reports_usage_has(u, REPORTS_THROTTLED_SECONDS));
}

/* Sends from a child, since a large result does not fit into the socket's buffer. */
static pid_t send_from_child(int sockets[2], uint32_t instance, const struct attempt_result *r,
                             int times)
{
    pid_t pid;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(sockets[0]);
        for (int i = 0; i < times; i++)
            if (wire_send(sockets[1], instance + (uint32_t)i, r) != 0)
                _exit(1);
        _exit(0);
    }
    (void)close(sockets[1]);
    return pid;
}

static void assert_sent_well(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void round_trip(size_t n_steps, size_t n_lists)
{
    struct attempt_result r;
    struct wire_result w;
    int sockets[2];
    pid_t pid;

    make_result(&r, n_steps, n_lists);
    pid = send_from_child(sockets, 4000000000u, &r, 2);
    for (uint32_t k = 0; k < 2; k++) { /* one after the other: each takes exactly its own bytes */
        assert_int_equal(wire_receive(sockets[0], &w), 0);
        assert_int_equal(w.instance, 4000000000u + k);
        assert_int_equal(w.result.verdict, REPORTS_FAILED);
        assert_string_equal(w.result.evidence, r.job.evidence);
        assert_int_equal(w.result.exit, -1);
        assert_int_equal(w.result.signal, 64);
        assert_int_equal(w.result.started.tv_sec, 1700000000);
        assert_int_equal(w.result.started.tv_nsec, 123456789);
        assert_false(w.has_stdout);
        assert_true(w.has_stderr);
        assert_usage(&w.result.usage);
        assert_int_equal(w.result.n_cases, n_steps);
        for (size_t i = 0; i < n_steps; i++)
            assert_case(&w.result.cases[i], &r, i);
        assert_list(w.result.notes, &r.notes);
        assert_list(w.result.artifacts, &r.artifacts);
        assert_files(w.result.files, &r);
        assert_tests(w.result.tests, &r);
        assert_caches(&w.result, &r);
        wire_result_free(&w);
    }
    assert_sent_well(pid);
    assert_int_equal(wire_receive(sockets[0], &w), -EPIPE); /* the end */
    (void)close(sockets[0]);
    attempt_result_free(&r);
}

static void test_round_trip_small(void **state)
{
    (void)state;
    round_trip(1, 0);
    round_trip(1, 1);
}

static void test_round_trip_large(void **state)
{
    (void)state;
    round_trip(JOBS_STEPS_MAX, WIRE_NOTES_MAX);
}

/* Nothing is known of a job that never started. */
static void test_never_started(void **state)
{
    struct attempt_result r;
    struct wire_result w;
    int sockets[2];
    pid_t pid;

    (void)state;
    make_result(&r, 1, 0);
    r.facts.started_ns = 0;
    r.facts.steps[0] = (struct step_facts){0};
    r.facts.usage.known = 0;
    pid = send_from_child(sockets, 1, &r, 1);
    assert_int_equal(wire_receive(sockets[0], &w), 0);
    assert_int_equal(w.result.usage.known, 0);
    assert_int_equal(w.result.cases[0].wall_ns, 0);
    wire_result_free(&w);
    assert_sent_well(pid);
    (void)close(sockets[0]);
    attempt_result_free(&r);
}

/* A slot that dies in the middle of a result: wherever the cut is, an error and no result. */
static void test_cut_short(void **state)
{
    struct attempt_result r;
    struct wire_result w;
    char bytes[65536];
    int sockets[2];
    ssize_t total;
    pid_t pid;

    (void)state;
    make_result(&r, 2, 2);
    pid = send_from_child(sockets, 1, &r, 1);
    assert_sent_well(pid);
    total = recv(sockets[0], bytes, sizeof(bytes), 0);
    assert_true(total > 0 && total < (ssize_t)sizeof(bytes));
    (void)close(sockets[0]);
    for (ssize_t n = 0; n < total; n += n < 300 ? 1 : 97) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
        assert_int_equal(file_write_all(sockets[1], bytes, (size_t)n), 0);
        (void)close(sockets[1]);
        assert_int_equal(wire_receive(sockets[0], &w), -EPIPE);
        (void)close(sockets[0]);
    }
    attempt_result_free(&r);
}

/* A slot that says more than it lists, or what is no record. */
static void test_tests_that_do_not_add_up(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 3; wrong++) {
        struct attempt_result r;
        struct wire_result w;
        int sockets[2];
        pid_t pid;

        make_result(&r, 1, 1);
        if (wrong == 0)
            r.tests->all[REPORTS_TEST_FAILED] = 0;
        else if (wrong == 1)
            r.tests->length--;
        else
            ((char *)(uintptr_t)r.tests->data)[0] = 'Q';
        pid = send_from_child(sockets, 1, &r, 1);
        assert_int_equal(wire_receive(sockets[0], &w), -EBADMSG);
        assert_sent_well(pid);
        (void)close(sockets[0]);
        attempt_result_free(&r);
    }
}

/* Whatever an attempt has brought together, what is sent is what will be taken. */
static void test_more_than_there_is_room_for(void **state)
{
    struct attempt_result r;
    struct wire_result w;
    char *text = xmalloc(5000);
    int sockets[2];
    pid_t pid;

    (void)state;
    memset(text, 'x', 4999);
    text[4999] = '\0';
    make_result(&r, 1, 0);
    r.near_limit = text;
    r.checked = (struct checked){.has_multiplier = true,
                                 .multiplier = REPORTS_SCORE_SCALE,
                                 .for_staff = xstrdup(text),
                                 .for_all = xstrdup("well done")};
    r.facts.n_leaks = r.facts.leaks_in_all = 1000;
    r.facts.leaks = xcalloc(1000, sizeof(*r.facts.leaks));
    for (size_t i = 0; i < 1000; i++)
        strings_add(&r.notes, xstrdup(text));
    for (size_t i = 0; i < ARTIFACTS_LISTED_MAX + 5; i++)
        strings_add(&r.artifacts, xstrdup(""));
    pid = send_from_child(sockets, 1, &r, 1);
    assert_int_equal(wire_receive(sockets[0], &w), 0);
    assert_sent_well(pid);
    (void)close(sockets[0]);
    assert_int_equal(strlen(w.result.near_limit), WIRE_TEXT_MAX - 1);
    assert_string_equal(w.result.near_limit + WIRE_TEXT_MAX - 5, "x...");
    assert_int_equal(strlen(w.result.message_for_staff), REPORTS_MESSAGE_SIZE - 1);
    assert_string_equal(w.result.message_for_all, "well done");
    assert_true(w.result.has_multiplier && !w.result.has_score);
    assert_int_equal(w.result.multiplier, REPORTS_SCORE_SCALE);
    assert_int_equal(w.result.n_leaks, WIRE_LEAKS_MAX);
    assert_int_equal(w.result.leaks_in_all, 1000);
    assert_int_equal(strlen(w.result.notes[0]), WIRE_NOTE_MAX - 1);
    assert_string_equal(w.result.notes[WIRE_NOTES_MAX - 1], "601 more notes are left out here");
    assert_null(w.result.notes[WIRE_NOTES_MAX]);
    assert_string_equal(w.result.artifacts[ARTIFACTS_LISTED_MAX - 1], "");
    assert_null(w.result.artifacts[ARTIFACTS_LISTED_MAX]);
    wire_result_free(&w);
    /* few that are long */
    strings_free(&r.artifacts);
    for (size_t i = 0; i < 400; i++)
        strings_add(&r.artifacts, xstrdup(text));
    pid = send_from_child(sockets, 1, &r, 1);
    assert_int_equal(wire_receive(sockets[0], &w), 0);
    assert_sent_well(pid);
    (void)close(sockets[0]);
    assert_non_null(w.result.artifacts[ARTIFACTS_LISTED_BYTES / 5000 - 1]);
    assert_null(w.result.artifacts[ARTIFACTS_LISTED_BYTES / 5000]);
    wire_result_free(&w);
    /* no score is more than it can be */
    r.checked.multiplier++;
    pid = send_from_child(sockets, 1, &r, 1);
    assert_int_equal(wire_receive(sockets[0], &w), -EBADMSG);
    assert_sent_well(pid);
    (void)close(sockets[0]);
    attempt_result_free(&r);
}

/* A count beyond its bound is refused, though all that is counted is there. */
static void test_too_much_is_refused(void **state)
{
    struct attempt_result r;
    struct wire_result w;
    char *bytes = xmalloc(1 << 20);
    int sockets[2];
    ssize_t total;
    pid_t pid;

    (void)state;
    make_result(&r, 1, 0);
    r.facts.n_leaks = WIRE_LEAKS_MAX;
    r.facts.leaks = xcalloc(WIRE_LEAKS_MAX, sizeof(*r.facts.leaks));
    pid = send_from_child(sockets, 1, &r, 1);
    assert_sent_well(pid);
    total = recv(sockets[0], bytes, 1 << 20, MSG_DONTWAIT);
    (void)close(sockets[0]);
    assert_true(total > 4);
    /* as it is; and with a leak more, in the count, the size and the bytes */
    for (int more = 0; more < 2; more++) {
        uint32_t size = (uint32_t)total + (more != 0 ? (uint32_t)sizeof(struct leak) : 0),
                 n = WIRE_LEAKS_MAX;

        memcpy(bytes, &size, sizeof(size));
        for (size_t i = 4; more != 0 && i + 4 <= 128; i += 4)
            if (memcmp(bytes + i, &n, sizeof(n)) == 0)
                bytes[i]++;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
        pid = fork();
        if (pid == 0)
            _exit(file_write_all(sockets[1], bytes, size) != 0);
        (void)close(sockets[1]);
        assert_int_equal(wire_receive(sockets[0], &w), more != 0 ? -EBADMSG : 0);
        if (more == 0)
            wire_result_free(&w);
        (void)close(sockets[0]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    free(bytes);
    attempt_result_free(&r);
}

static void test_no_socket(void **state)
{
    struct attempt_result r;
    struct wire_result w;

    (void)state;
    make_result(&r, 1, 0);
    assert_int_equal(wire_send(-1, 1, &r), -EBADF);
    assert_int_equal(wire_receive(-1, &w), -EBADF);
    attempt_result_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_small),
        cmocka_unit_test(test_round_trip_large),
        cmocka_unit_test(test_never_started),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_tests_that_do_not_add_up),
        cmocka_unit_test(test_no_socket),
        cmocka_unit_test(test_more_than_there_is_room_for),
        cmocka_unit_test(test_too_much_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
