/* SPDX-License-Identifier: Apache-2.0 */
/* test_reports: what the tests of reports/ share: a directory of their own, a result to start from,
 * whole files. */
#pragma once

#include "reports/reports.h"

#include <fcntl.h>
#include <setjmp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

struct room {
    char dir[64];  /* a directory under /tmp */
    char path[96]; /* the out directory below it */
    struct reports_out *out;
};

static inline int room_setup(void **state)
{
    struct room *room = xcalloc(1, sizeof(*room));
    struct cupel_error err = {0};

    (void)snprintf(room->dir, sizeof(room->dir), "/tmp/cupel-test-reports-XXXXXX");
    if (mkdtemp(room->dir) == NULL)
        return -1;
    (void)snprintf(room->path, sizeof(room->path), "%s/out", room->dir);
    if (reports_out_open(room->path, &room->out, &err) < 0) {
        cupel_error_print(&err, stderr);
        return -1;
    }
    *state = room;
    return 0;
}

static inline int room_teardown(void **state)
{
    struct room *room = *state;
    int r;

    reports_out_close(room->out);
    r = file_remove_tree_at(AT_FDCWD, room->dir);
    free(room);
    return r;
}

/* A job "job" that passed, without logs. */
static inline struct reports_result plain_result(struct reports_case *c)
{
    *c = (struct reports_case){.verdict = REPORTS_PASSED, .evidence = "", .exit = 0};
    return (struct reports_result){
        .id = "job",
        .job = "job",
        .file = "cupel.yaml",
        .verdict = REPORTS_PASSED,
        .evidence = "",
        .exit = 0,
        .attempts = 1,
        .started = {1700000000, 123456789},
        .cases = c,
        .n_cases = 1,
    };
}

static inline struct reports_result result_of(struct reports_case *c, enum reports_verdict v,
                                              const char *evidence)
{
    struct reports_result r = plain_result(c);

    r.verdict = c->verdict = v;
    r.evidence = c->evidence = evidence;
    return r;
}

/* A job that failed, left something running that has a nasty name, and passed at its third attempt
 * of four. */
struct attempts {
    struct reports_case c[3];
    struct reports_result result[3];
    const struct reports_result *list[2];
    struct reports_leak leaks[2];
};
#define LEAK_NAME "`]]>\n\033[2J\xff&<a b='c'>"
#define LEAK_SHOWN "']]>\\x0A\\x1B[2J\\xFF&<a b='c'>" /* on one line */

static inline void attempts_init(struct attempts *a)
{
    a->result[0] =
        result_of(&a->c[0], REPORTS_FAILED, "exit code 2, expected 0\nattempt 9: passed");
    a->result[0].exit = 2;
    a->result[0].stdout_log = "logs/attempt-1/job.stdout";
    a->leaks[0] = (struct reports_leak){7, 10 * NSEC_PER_MSEC, LEAK_NAME};
    a->leaks[1] = (struct reports_leak){8, 1230 * NSEC_PER_MSEC, "sleep 60"};
    a->result[0].leaks = a->leaks;
    a->result[0].n_leaks = 2;
    a->result[0].leaks_in_all = 5;
    a->result[1] = result_of(&a->c[1], REPORTS_SIGNALED, "killed by SIGSEGV");
    a->result[1].exit = -1;
    a->result[1].signal = 11;
    a->result[1].attempts = 2;
    a->result[2] = plain_result(&a->c[2]);
    a->list[0] = &a->result[0];
    a->list[1] = &a->result[1];
    a->result[2].attempts = 3;
    a->result[2].previous = a->list;
    a->result[2].n_previous = 2;
    for (size_t i = 0; i < 3; i++) {
        a->result[i].attempts_max = 4;
        reports_usage_set(&a->result[i].usage, REPORTS_WALL_SECONDS, (i + 1) * NSEC_PER_SEC);
    }
}

static inline void put_log(struct room *room, const char *path, const void *data, size_t n)
{
    assert_int_equal(file_write_atomic_at(reports_out_dirfd(room->out), path, data, n, 0644), 0);
}

static inline char *get_file(struct room *room, const char *path, size_t *ret_len)
{
    char *data = NULL;
    size_t len;

    assert_int_equal(
        file_read_at(reports_out_dirfd(room->out), path, (size_t)64 << 20, &data, &len), 0);
    if (ret_len != NULL)
        *ret_len = len;
    return data;
}

static inline bool exists(struct room *room, const char *path)
{
    return faccessat(reports_out_dirfd(room->out), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
