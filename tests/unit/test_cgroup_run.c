/* SPDX-License-Identifier: Apache-2.0 */
/* Runs' groups: making them, failing to, finding a host without them, and removing what a dead run
 * left, on the real kernel. Needs root and a writable cgroup tree; says so and skips where there is
 * none. */
#include "test_cgroup.h"

#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>

#define MIB (UINT64_C(1) << 20)

/* A name that is taken is an error, and the group that has it goes on. */
static void test_taken_and_bad_names(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits none = CGROUP_LIMITS_NONE;
    struct cgroup_job *job = NULL, *second = NULL;
    static const char *const bad[] = {"", ".", "..", "a/b", "../x", "a\nb"};
    struct cgroup_run *run = NULL;
    struct cupel_error err;

    check(cgroup_job_create(f->run, "j0-1", &none, &job, &err), &err);
    assert_int_equal(cgroup_job_create(f->run, "j0-1", &none, &second, &err), -EEXIST);
    assert_null(second);
    assert_int_equal(access(cgroup_job_path(job), F_OK), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(cgroup_job_create(f->run, bad[i], &none, &second, &err), -EINVAL);
    assert_int_equal(cgroup_run_create(f->host, "a/../b", NULL, NULL, &run, &err), -EINVAL);
    assert_null(run);
    check(cgroup_job_destroy(job, &err), &err);
}

static int refuse_second(void *data, const char *path)
{
    int *count = data;

    (void)path;
    return ++*count == 2 ? -ENOSPC : 0;
}

static void test_failed_creation_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *id = NULL, *before = NULL, *after = NULL;
    struct cgroup_run *run = NULL;
    struct cupel_error err;
    int count = 0;

    if (f->host->count < 2) {
        print_message("SKIPPED: only one hierarchy, nothing can be half made\n");
        skip();
    }
    id = run_id("-half");
    before = list_groups(f->host);
    assert_int_equal(cgroup_run_create(f->host, id, refuse_second, &count, &run, &err), -ENOSPC);
    assert_null(run);
    after = list_groups(f->host);
    assert_string_equal(before, after);
}

/* ---- entering ---- */

/* Has the notifier tell which files of the group are written to. */
static void watch(int notify, const struct tree *tree, const char *group)
{
    cleanup_free char *path = xasprintf("%s/%s", tree->path, group);

    if (inotify_add_watch(notify, path, IN_MODIFY) < 0)
        fail_msg("cannot watch %s: %s", path, strerror(errno));
}

/* Which writes to cgroup.procs and to tasks there were; anything else is not of interest. */
static void read_watch(int notify, size_t *ret_procs, size_t *ret_tasks)
{
    char buf[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;

    *ret_procs = *ret_tasks = 0;
    while ((n = read(notify, buf, sizeof(buf))) > 0) {
        for (const char *p = buf; p < buf + n;) {
            const struct inotify_event *e = (const void *)p;

            *ret_procs += e->len > 0 && str_eq(e->name, "cgroup.procs");
            *ret_tasks += e->len > 0 && str_eq(e->name, "tasks");
            p += sizeof(*e) + e->len;
        }
    }
}

static int do_nothing(int out)
{
    (void)out;
    return 0;
}

/* A write to cgroup.procs may wait for milliseconds; on v1 nobody needs one to move itself. */
static void test_enters_without_a_wait(void **state)
{
    static const struct cgroup_device null = {.major = 1, .minor = 3};
    struct fixture *f = *state;
    cleanup_free char *id = run_id("-enter");
    cleanup_close int notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    const struct cgroup_limits none = CGROUP_LIMITS_NONE;
    struct cgroup_run *run = NULL;
    struct cgroup_job *job = NULL;
    struct cupel_error err;
    size_t v1 = 0, procs, tasks, job_procs, job_tasks;
    pid_t pid;
    int out;

    for (size_t i = 0; i < f->host->count; i++)
        v1 += f->host->hierarchy[i].ops->version == 1;
    if (v1 == 0) { /* where a second run would not find its place either */
        print_message("SKIPPED: no hierarchy of v1 here\n");
        skip();
    }
    assert_true(notify >= 0);
    cgroup_host_want_devices(f->host, &null, 1);
    check(cgroup_run_create(f->host, id, NULL, NULL, &run, &err), &err);
    check(cgroup_job_create(run, "j0-1", &none, &job, &err), &err);
    for (size_t i = 0; i < run->count; i++) {
        if (run->tree[i].ops->version != 1)
            continue;
        watch(notify, &run->tree[i], "init");
        if (tree_serves(&run->tree[i], &none))
            watch(notify, &run->tree[i], "j0-1");
        if (run->tree[i].devices_enter >= 0)
            watch(notify, &run->tree[i], DEVICES_GROUP);
    }
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        _exit(cgroup_run_enter_init(run, &err) == 0 ? 0 : 1);
    assert_int_equal(reap(pid), 0);
    read_watch(notify, &procs, &tasks);
    assert_int_equal(reap(spawn(job, do_nothing, &out)), 0);
    expect_end(out);
    read_watch(notify, &job_procs, &job_tasks);
    check(cgroup_job_destroy(job, &err), &err);
    check(cgroup_run_destroy(run, &err), &err);
    assert_true(procs == 0 && tasks > 0);
    assert_true(job_procs == 0 && job_tasks > 0);
}

/* ---- recovery ---- */

struct noted {
    char *path[HIERARCHY_MAX];
    size_t count;
};

static int note_record(void *data, const char *path)
{
    struct noted *r = data;

    r->path[r->count++] = xstrdup(path);
    return 0;
}

static void test_recovers_a_dead_run(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *id = NULL, *before = NULL, *after = NULL;
    struct cgroup_limits none = CGROUP_LIMITS_NONE;
    struct cgroup_job *job = NULL;
    struct cgroup_run *run = NULL;
    struct noted record = {0};
    struct cupel_error err;
    char x;
    int out;

    for (size_t i = 0; i < f->host->count; i++) {
        if (f->host->hierarchy[i].move) {
            print_message("SKIPPED: on v2 this process itself sits in the run's supervisor leaf\n");
            skip();
        }
    }
    id = run_id("-dead");
    before = list_groups(f->host);
    check(cgroup_run_create(f->host, id, note_record, &record, &run, &err), &err);
    check(cgroup_job_create(run, "j0-1", &none, &job, &err), &err);
    assert_int_equal(reap(spawn(job, leave_two, &out)), 0);
    assert_int_equal(read(out, &x, 1), 1);
    assert_int_equal(record.count, f->run->count);
    for (size_t i = 0; i < record.count; i++)
        check(cgroup_recover(record.path[i], &err), &err);
    expect_end(out);
    after = list_groups(f->host);
    assert_string_equal(before, after);
    for (size_t i = 0; i < record.count; i++) {
        check(cgroup_recover(record.path[i], &err), &err); /* what is gone already is fine */
        free(record.path[i]);
    }
    check(cgroup_job_destroy(job, &err), &err);
    cgroup_run_release(run);
}

static void expect_refused(const char *path)
{
    struct cupel_error err;

    if (cgroup_recover(path, &err) >= 0)
        fail_msg("cgroup_recover(\"%s\") was not refused", path);
    assert_true(err.message[0] != '\0');
}

static void test_refuses_foreign_paths(void **state)
{
    struct fixture *f = *state;
    static const char *const foreign[] = {
        "",
        "/",
        "//",
        "relative",
        "cupel-x",
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/memory",
        "/cupel-x/a/b",
        "/cupel-x/../etc",
        "/cupel-x/.",
        "/sys//cupel-x",
        "/sys/fs/cgroup/cupel-x/",
    };
    cleanup_free char *group = xasprintf("%s/other-%d", f->host->hierarchy[0].own, (int)getpid());
    char dir[] = "/tmp/test-cgroup-XXXXXX";
    cleanup_free char *plain = NULL, *inner = NULL, *link = NULL, *through = NULL;
    struct cupel_error err;

    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
        expect_refused(foreign[i]);
    /* A real group that is not ours stays. */
    assert_int_equal(mkdir(group, 0755), 0);
    expect_refused(group);
    assert_int_equal(rmdir(group), 0);
    /* Our name, but not in a cgroup file system: stays, as does what is in it. */
    assert_non_null(mkdtemp(dir));
    plain = xasprintf("%s/cupel-x", dir);
    inner = xasprintf("%s/cupel-x/j1", dir);
    assert_int_equal(mkdir(plain, 0755), 0);
    expect_refused(plain);
    assert_int_equal(mkdir(inner, 0755), 0);
    expect_refused(inner);
    assert_int_equal(rmdir(inner), 0);
    assert_int_equal(rmdir(plain), 0);
    /* Our name is a link to a real group, or a link is on the way. */
    link = xasprintf("%s/cupel-x", dir);
    assert_int_equal(symlink(f->run->tree[0].path, link), 0);
    expect_refused(link);
    through = xasprintf("%s/cupel-x/init", dir);
    expect_refused(through);
    assert_int_equal(access(f->run->tree[0].path, F_OK), 0);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rmdir(dir), 0);
    /* Not there at all is fine. */
    check(cgroup_recover("/sys/fs/cgroup/no-such-hierarchy/cupel-x", &err), &err);
}

/* ---- no cgroups ---- */

/* --best-effort on a host that gives us nothing: a run without hierarchies is a run. */
static void test_host_without_cgroups(void **state)
{
    struct cgroup_host host = {0};
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct cgroup_run *run = NULL;
    struct cgroup_job *job = NULL;
    struct cgroup_usage usage;
    struct cupel_error err;
    int fds[CGROUP_ENTER_MAX];
    uint64_t cpu;
    short events;

    (void)state;
    check(cgroup_run_create(&host, "none", NULL, NULL, &run, &err), &err);
    check(cgroup_run_enter_init(run, &err), &err);
    check(cgroup_job_create(run, "j", &limits, &job, &err), &err);
    assert_int_equal(cgroup_job_enter_fds(job, fds), 0);
    assert_int_equal(cgroup_job_oom_fd(job, &events), -EBADF);
    assert_false(cgroup_job_oom_ack(job));
    cgroup_job_usage(job, &usage);
    assert_int_equal(usage.known, 0);
    assert_int_equal(cgroup_job_cpu_ns(job, &cpu), -ENODATA);
    assert_string_equal(cgroup_job_path(job), "");
    check(cgroup_job_destroy(job, &err), &err);
    job = NULL;
    limits.memory_bytes = MIB;
    assert_int_equal(cgroup_job_create(run, "j", &limits, &job, &err), -EOPNOTSUPP);
    assert_null(job);
    check(cgroup_run_destroy(run, &err), &err);
}

/* ---- other people's mounts and groups ---- */

/* Detects after `change` was made to a mount namespace of the child's own; tells what the message
 * about memory says. */
static void detect_after(int (*change)(void), char *text, size_t size)
{
    int out[2], status;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct cgroup_host *host = NULL;
        struct cupel_error err;

        if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ||
            change() < 0)
            _exit(1);
        if (cgroup_detect(&host, &err) < 0)
            _exit(2);
        dprintf(out[1], "%s|", cgroup_host_describe(host));
        cgroup_explain_missing(host, CGROUP_MEMORY_LIMIT, &err);
        dprintf(out[1], "%s|%s", err.message, err.hint);
        cgroup_host_free(host);
        _exit(0);
    }
    close(out[1]);
    status = reap(pid);
    n = read(out[0], text, size - 1);
    close(out[0]);
    assert_int_equal(status, 0);
    assert_true(n > 0);
    text[n] = '\0';
}

static int hide_groups(void)
{
    return mount("none", "/sys/fs", "tmpfs", 0, NULL);
}

static int make_readonly(void)
{
    struct cgroup_host *host = NULL;
    struct cupel_error err;
    int r = cgroup_detect(&host, &err);

    for (size_t i = 0; r == 0 && i < host->count; i++) {
        const char *own = host->hierarchy[i].own;

        r = mount(own, own, NULL, MS_BIND, NULL);
        if (r == 0)
            r = mount(NULL, own, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    }
    cgroup_host_free(host);
    return r;
}

static void test_hidden_tree(void **state)
{
    char text[4096];

    (void)state;
    detect_after(hide_groups, text, sizeof(text));
    if (!str_starts(text, "none|") || strstr(text, "no mounted cgroup") == NULL)
        fail_msg("%s", text);
}

static void test_readonly_tree(void **state)
{
    struct cgroup_host *host = NULL;
    struct cupel_error err;
    char text[4096];
    bool limits_memory;

    (void)state;
    check(cgroup_detect(&host, &err), &err);
    limits_memory = cgroup_host_has(host, CGROUP_MEMORY_LIMIT);
    cgroup_host_free(host);
    if (!limits_memory) {
        print_message("SKIPPED: memory cannot be limited here anyway\n");
        skip();
    }
    detect_after(make_readonly, text, sizeof(text));
    if (strstr(text, "not writable: Read-only file system|") == NULL)
        fail_msg("%s", text);
}

/* Whatever is missing, the message names it and the hint says what to do. */
static void test_explains_what_is_missing(void **state)
{
    static char path[] = "/sys/fs/cgroup/here";

    (void)state;
    for (int what = LACK_CONTROLLER; what <= LACK_DELEGATION; what++) {
        for (int version = 0; version <= 2; version++) {
            for (size_t f = 0; f < CGROUP_FEATURE_COUNT; f++) {
                struct cgroup_host host = {0};
                struct cupel_error err = {0};

                host.lacking[f] = (struct lacking){(enum lack)what, version, EROFS, path};
                assert_true(cgroup_explain_missing(&host, (enum cgroup_feature)f, &err) < 0);
                assert_int_equal(err.kind, CUPEL_ERROR_HARNESS);
                assert_true(what == LACK_CONTROLLER || what == LACK_V2 || what == LACK_PROGRAM ||
                            strstr(err.message, path) != NULL);
                assert_true(strncmp(err.message, "cannot ", 7) == 0);
                if (what != LACK_FILE || f == CGROUP_SWAP_LIMIT)
                    assert_true(err.hint[0] != '\0');
                assert_null(strstr(err.message, "(null)"));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest anywhere[] = {
        cmocka_unit_test(test_host_without_cgroups),
        cmocka_unit_test(test_explains_what_is_missing),
    };
    const struct CMUnitTest on_kernel[] = {
        cmocka_unit_test(test_hidden_tree),   cmocka_unit_test(test_readonly_tree),
        WITH_RUN(test_taken_and_bad_names),   WITH_RUN(test_failed_creation_leaves_nothing),
        WITH_RUN(test_enters_without_a_wait), WITH_RUN(test_recovers_a_dead_run),
        WITH_RUN(test_refuses_foreign_paths),
    };
    int failed = cmocka_run_group_tests_name("cgroup runs, anywhere", anywhere, NULL, NULL);

    if (have_groups(ARRAY_SIZE(on_kernel)))
        failed += cmocka_run_group_tests_name("cgroup runs, on this kernel", on_kernel, NULL, NULL);
    return failed;
}
