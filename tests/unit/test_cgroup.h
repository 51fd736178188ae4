/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the cgroup room share: a run on the real kernel, children in its groups. Every
 * bomb is bounded three times: by the limit under test, by a count of its own, and by an alarm. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness/cgroup/cgroup_private.h"

struct fixture {
    struct cgroup_host *host;
    struct cgroup_run *run;
    char *before; /* the groups that were in ours */
};

static inline void check(int r, const struct cupel_error *err)
{
    if (r < 0)
        fail_msg("%s (%s)", err->message, err->hint);
}

static inline int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static inline int is_ours(const struct dirent *e)
{
    return e->d_type == DT_DIR && str_starts(e->d_name, "cupel-");
}

/* Every group of cupel's in every one of our own groups, as one text. */
static inline char *list_groups(const struct cgroup_host *host)
{
    struct strbuf b = {0};

    for (size_t i = 0; i < host->count; i++) {
        struct dirent **list;
        int n = scandir(host->hierarchy[i].own, &list, is_ours, by_name);

        assert_true(n >= 0);
        for (int k = 0; k < n; k++) {
            /* Another test run may be beside us: only our own process's groups count. */
            char mine[32];

            snprintf(mine, sizeof(mine), "cupel-t%d.", (int)getpid());
            if (str_starts(list[k]->d_name, mine))
                strbuf_addf(&b, "%s/%s\n", host->hierarchy[i].own, list[k]->d_name);
            free(list[k]);
        }
        free(list);
    }
    strbuf_adds(&b, "");
    return b.data;
}

static inline char *run_id(const char *suffix)
{
    return xasprintf("t%d.%s", (int)getpid(), suffix);
}

static inline int note_nothing_there(void *data, const char *path)
{
    size_t *count = data;

    assert_int_equal(access(path, F_OK), -1);
    (*count)++;
    return 0;
}

static inline int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    cleanup_free char *id = run_id("");
    struct cupel_error err;
    size_t notes = 0, on_demand = 0;

    check(cgroup_detect(&f->host, &err), &err);
    f->before = list_groups(f->host);
    assert_string_equal(f->before, "");
    check(cgroup_run_create(f->host, id, note_nothing_there, &notes, &f->run, &err), &err);
    for (size_t i = 0; i < f->host->count;
         i++) /* what is there for jobs that ask for it is not made */
        on_demand += (f->host->hierarchy[i].controllers & ~CTL_ON_DEMAND) == 0;
    assert_int_equal(notes, f->host->count - on_demand);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *after = NULL;
    struct cupel_error err;

    check(cgroup_run_destroy(f->run, &err), &err);
    after = list_groups(f->host);
    assert_string_equal(after, f->before);
    cgroup_host_free(f->host);
    free(f->before);
    free(f);
    return 0;
}

typedef int child_fn(int out);

/* Runs fn in the payload; *ret_out is the read end of its pipe, which is at its end when all that
 * inherited it are dead. */
static inline pid_t spawn(const struct cgroup_job *job, child_fn *fn, int *ret_out)
{
    int fds[CGROUP_ENTER_MAX], out[2];
    size_t n = cgroup_job_enter_fds(job, fds);
    pid_t pid;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(30);
        close(out[0]);
        for (size_t i = 0; i < n; i++) {
            if (write(fds[i], "0", 1) != 1)
                _exit(120);
        }
        _exit(fn(out[1]));
    }
    close(out[1]);
    *ret_out = out[0];
    return pid;
}

static inline int reap(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* All holders of the other end are dead. */
static inline void expect_end(int out)
{
    struct pollfd p = {.fd = out, .events = POLLIN};
    char rest[4096];

    do
        assert_int_equal(poll(&p, 1, 10000), 1);
    while (read(out, rest, sizeof(rest)) > 0);
    close(out);
}

/* Leaves two behind: one that is stopped, one that is its grandchild's orphan and deaf. */
static inline int leave_two(int out)
{
    if (fork() == 0) {
        alarm(30);
        raise(SIGSTOP);
        _exit(0);
    }
    if (fork() == 0) {
        if (fork() == 0) {
            setsid();
            signal(SIGTERM, SIG_IGN);
            signal(SIGHUP, SIG_IGN);
            alarm(30);
            if (write(out, "x", 1) != 1)
                _exit(1);
            for (;;)
                pause();
        }
        _exit(0);
    }
    return 0;
}

/* Whether this host has a hierarchy to test on; says so if not. */
static inline bool have_groups(size_t test_count)
{
    struct cgroup_host *host = NULL;
    struct cupel_error err;
    bool usable;

    if (cgroup_detect(&host, &err) < 0) {
        cupel_error_print(&err, stderr);
        exit(1);
    }
    usable = host->count > 0;
    fprintf(stderr, "this host: %s\n", cgroup_host_describe(host));
    if (!usable) {
        cgroup_explain_missing(host, CGROUP_CPU_USAGE, &err);
        fprintf(stderr, "SKIPPED: %zu tests on the kernel's cgroups: %s\n", test_count,
                err.message);
    }
    cgroup_host_free(host);
    return usable;
}

#define WITH_RUN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
