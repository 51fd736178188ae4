/* The cgroup room on the real kernel: groups are made beneath our own, real children live and die in them. Needs root
 * and a writable cgroup tree; says so and skips where there is none. Every bomb is bounded three times: by the limit
 * under test, by a count of its own, and by an alarm. */
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness/cgroup/private.h"

#define MIB (UINT64_C(1) << 20)

struct fixture {
    struct cgroup_host *host;
    struct cgroup_run *run;
    char *before; /* the groups that were in ours */
};

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static void check(int r, const struct cupel_error *err)
{
    if (r < 0)
        fail_msg("%s (%s)", err->message, err->hint);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_ours(const struct dirent *e)
{
    return e->d_type == DT_DIR && str_starts(e->d_name, "cupel-");
}

/* Every group of cupel's in every one of our own groups, as one text. */
static char *list_groups(const struct cgroup_host *host)
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

static int note_nothing_there(void *data, const char *path)
{
    size_t *count = data;

    assert_int_equal(access(path, F_OK), -1);
    (*count)++;
    return 0;
}

static char *run_id(const char *suffix)
{
    return xasprintf("t%d.%s", (int)getpid(), suffix);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    cleanup_free char *id = run_id("");
    struct cupel_error err;
    size_t notes = 0;

    check(cgroup_detect(&f->host, &err), &err);
    f->before = list_groups(f->host);
    assert_string_equal(f->before, "");
    check(cgroup_run_create(f->host, id, note_nothing_there, &notes, &f->run, &err), &err);
    assert_int_equal(notes, f->host->count);
    *state = f;
    return 0;
}

static int teardown(void **state)
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

static struct cgroup_job *make_job(struct fixture *f, const char *name, const struct cgroup_limits *limits)
{
    struct cgroup_job *job = NULL;
    struct cupel_error err;

    check(cgroup_job_create(f->run, name, limits, &job, &err), &err);
    return job;
}

static void end_job(struct cgroup_job *job)
{
    struct cupel_error err;

    check(cgroup_job_destroy(job, &err), &err);
}

typedef int child_fn(int out);

/* Runs fn in the payload; *ret_out is the read end of its pipe, which is at its end when all that inherited it are
 * dead. */
static pid_t spawn(const struct cgroup_job *job, child_fn *fn, int *ret_out)
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

static int reap(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* All holders of the other end are dead. */
static void expect_end(int out)
{
    struct pollfd p = {.fd = out, .events = POLLIN};
    char rest[4096];

    do
        assert_int_equal(poll(&p, 1, 10000), 1);
    while (read(out, rest, sizeof(rest)) > 0);
    close(out);
}

static uint64_t figure(const struct cgroup_job *job, enum cgroup_figure which)
{
    struct cgroup_usage usage;
    uint64_t v = 0;

    cgroup_job_usage(job, &usage);
    if (!cgroup_usage_get(&usage, which, &v))
        fail_msg("figure %d is not known", (int)which);
    return v;
}

#define NEED(f, feature)                                                                                               \
    do {                                                                                                               \
        if (!cgroup_host_has((f)->host, feature)) {                                                                    \
            struct cupel_error why;                                                                                    \
            cgroup_explain_missing((f)->host, feature, &why);                                                          \
            print_message("SKIPPED: %s\n", why.message);                                                               \
            skip();                                                                                                    \
        }                                                                                                              \
    } while (0)

/* ---- children --------------------------------------------------------------------------------------------------- */

static uint64_t own_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static int spin(int out)
{
    uint64_t cpu;

    while (own_cpu_ns() < 200 * NSEC_PER_MSEC) {
    }
    cpu = own_cpu_ns();
    return write(out, &cpu, sizeof(cpu)) == sizeof(cpu) ? 0 : 1;
}

static int touch(size_t bytes)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < bytes; i += 4096)
        ((volatile char *)p)[i] = 1;
    return 0;
}

static int touch_16m(int out)
{
    (void)out;
    return touch(16 * MIB);
}

static int touch_64m(int out)
{
    (void)out;
    return touch(64 * MIB);
}

static int fork_30(int out)
{
    unsigned char born = 0;

    for (int i = 0; i < 30; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            alarm(30);
            for (;;)
                pause();
        }
        born = (unsigned char)(born + (pid > 0));
    }
    return write(out, &born, 1) == 1 ? 0 : 1;
}

/* Leaves two behind: one that is stopped, one that is its grandchild's orphan and deaf. */
static int leave_two(int out)
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

/* What the kernel says of where we are. */
static int tell_cgroups(int out)
{
    char text[8192];
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text));

    return n > 0 && write(out, text, (size_t)n) == n ? 0 : 1;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void test_enters_every_hierarchy(void **state)
{
    struct fixture *f = *state;
    struct cgroup_job *job = make_job(f, "j0-1", &CGROUP_LIMITS_NONE);
    cleanup_free char *wanted = xasprintf("/%s/j0-1", f->run->name);
    char text[8192];
    size_t found = 0;
    ssize_t n;
    int out;
    pid_t pid = spawn(job, tell_cgroups, &out);

    assert_int_equal(reap(pid), 0);
    n = read(out, text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    for (const char *p = strstr(text, wanted); p != NULL; p = strstr(p + 1, wanted))
        found++;
    assert_int_equal(found, f->host->count);
    assert_non_null(strstr(cgroup_job_path(job), wanted));
    assert_int_equal(access(cgroup_job_path(job), F_OK), 0);
    close(out);
    end_job(job);
}

static void test_bills_cpu(void **state)
{
    struct fixture *f = *state;
    struct cgroup_job *job;
    uint64_t own = 0, billed, quick = 0;
    int out;
    pid_t pid;

    NEED(f, CGROUP_CPU_USAGE);
    job = make_job(f, "j0-1", &CGROUP_LIMITS_NONE);
    pid = spawn(job, spin, &out);
    assert_int_equal(read(out, &own, sizeof(own)), sizeof(own));
    assert_int_equal(reap(pid), 0);
    billed = figure(job, CGROUP_CPU_NS);
    if (billed < own * 9 / 10 || billed > own * 15 / 10)
        fail_msg("billed %ju ns, the child's own clock says %ju", (uintmax_t)billed, (uintmax_t)own);
    assert_int_equal(cgroup_job_cpu_ns(job, &quick), 0);
    assert_true(quick == billed);
    assert_true(figure(job, CGROUP_USER_NS) + figure(job, CGROUP_SYSTEM_NS) <= billed);
    assert_true(figure(job, CGROUP_USER_NS) + figure(job, CGROUP_SYSTEM_NS) >= billed - NSEC_PER_MSEC);
    close(out);
    end_job(job);
}

static void test_memory_peak(void **state)
{
    struct fixture *f = *state;
    struct cgroup_job *job;
    uint64_t peak;
    int out;

    NEED(f, CGROUP_MEMORY_LIMIT);
    job = make_job(f, "j0-1", &CGROUP_LIMITS_NONE);
    assert_int_equal(reap(spawn(job, touch_16m, &out)), 0);
    peak = figure(job, CGROUP_MEMORY_PEAK_BYTES);
    if (peak < 16 * MIB || peak > 28 * MIB)
        fail_msg("16 MiB touched, peak is %ju", (uintmax_t)peak);
    assert_true(figure(job, CGROUP_MEMORY_BYTES) < peak);
    assert_true(figure(job, CGROUP_OOM_KILLS) == 0);
    close(out);
    end_job(job);
}

static void test_oom_kill_is_heard(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct pollfd p = {.fd = -1};
    struct cgroup_job *job;
    bool heard = false;
    int out, status;
    pid_t pid;

    NEED(f, CGROUP_MEMORY_LIMIT);
    NEED(f, CGROUP_SWAP_LIMIT);
    limits.memory_bytes = 32 * MIB;
    limits.swap_bytes = 0;
    job = make_job(f, "j0-1", &limits);
    p.fd = cgroup_job_oom_fd(job, &p.events);
    assert_true(p.fd >= 0);
    assert_false(cgroup_job_oom_ack(job));
    assert_int_equal(poll(&p, 1, 0), 0);
    pid = spawn(job, touch_64m, &out);
    while (!heard && poll(&p, 1, 10000) == 1)
        heard = cgroup_job_oom_ack(job);
    assert_true(heard);
    status = reap(pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    /* v2 with memory.oom.group counts its first victim once more when it kills the rest. */
    assert_in_range(figure(job, CGROUP_OOM_KILLS), 1, job->oom_tree->ops->version == 2 ? 2 : 1);
    assert_true(figure(job, CGROUP_MEMORY_PEAK_BYTES) <= 32 * MIB);
    assert_true(figure(job, CGROUP_MEMORY_PEAK_BYTES) >= 31 * MIB);
    close(out);
    end_job(job);
}

static void test_pids_refused_and_left_behind(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    unsigned char born = 0;
    struct cgroup_job *job;
    int out;

    NEED(f, CGROUP_PIDS_LIMIT);
    limits.pids = 10;
    job = make_job(f, "j0-1", &limits);
    assert_int_equal(reap(spawn(job, fork_30, &out)), 0);
    assert_int_equal(read(out, &born, 1), 1);
    assert_int_equal(born, 9);
    assert_true(figure(job, CGROUP_PIDS) == 9);
    assert_true(figure(job, CGROUP_PIDS_REFUSED) >= 1);
    end_job(job);
    expect_end(out);
}

static void test_quota_throttles(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct cgroup_job *job;
    int out;

    NEED(f, CGROUP_CPU_QUOTA);
    limits.cpu_millicores = 200;
    job = make_job(f, "j0-1", &limits);
    assert_int_equal(reap(spawn(job, spin, &out)), 0);
    /* 200 ms of CPU time, of which each period of 100 ms gives 20. */
    assert_true(figure(job, CGROUP_THROTTLED_PERIODS) >= 5);
    assert_true(figure(job, CGROUP_THROTTLED_NS) > 100 * NSEC_PER_MSEC);
    close(out);
    end_job(job);
}

static void test_destroy_kills_what_is_left(void **state)
{
    struct fixture *f = *state;
    struct cgroup_job *job = make_job(f, "j0-1", &CGROUP_LIMITS_NONE);
    char x;
    int out;

    assert_int_equal(reap(spawn(job, leave_two, &out)), 0);
    assert_int_equal(read(out, &x, 1), 1);
    end_job(job);
    expect_end(out);
}

static int wait_for_ever(int out)
{
    (void)out;
    return pause();
}

/* Never kills itself: who sits in the group cannot remove it. */
static void test_refuses_to_kill_itself(void **state)
{
    struct fixture *f = *state;
    struct cgroup_job *job = make_job(f, "j0-1", &CGROUP_LIMITS_NONE);
    int out, status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        int fds[CGROUP_ENTER_MAX];
        size_t n = cgroup_job_enter_fds(job, fds);
        struct cupel_error err;

        alarm(30);
        for (size_t i = 0; i < n; i++) {
            if (write(fds[i], "0", 1) != 1)
                _exit(120);
        }
        _exit(cgroup_job_destroy(job, &err) == -EDEADLK && strstr(err.message, "itself") != NULL ? 0 : 1);
    }
    status = reap(pid);
    assert_int_equal(status, 0);
    pid = spawn(job, wait_for_ever, &out); /* and the group still works */
    assert_int_equal(kill(pid, SIGKILL), 0);
    reap(pid);
    close(out);
    end_job(job);
}

static void test_init_leaf(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *wanted = xasprintf("/%s/init", f->run->name);
    char text[8192];
    int out[2];
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct cupel_error err;

        _exit(cgroup_run_enter_init(f->run, &err) == 0 ? tell_cgroups(out[1]) : 1);
    }
    assert_int_equal(reap(pid), 0);
    n = read(out[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_true(f->host->count == 0 || strstr(text, wanted) != NULL);
    close(out[0]);
    close(out[1]);
}

/* A name that is taken is an error, and the group that has it goes on. */
static void test_taken_and_bad_names(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits none = CGROUP_LIMITS_NONE;
    struct cgroup_job *job = make_job(f, "j0-1", &none), *second = NULL;
    static const char *const bad[] = {"", ".", "..", "a/b", "../x", "a\nb"};
    struct cgroup_run *run = NULL;
    struct cupel_error err;

    assert_int_equal(cgroup_job_create(f->run, "j0-1", &none, &second, &err), -EEXIST);
    assert_null(second);
    assert_int_equal(access(cgroup_job_path(job), F_OK), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(cgroup_job_create(f->run, bad[i], &none, &second, &err), -EINVAL);
    assert_int_equal(cgroup_run_create(f->host, "a/../b", NULL, NULL, &run, &err), -EINVAL);
    assert_null(run);
    end_job(job);
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
    cleanup_free char *id = run_id("-half"), *before = list_groups(f->host), *after = NULL;
    struct cgroup_run *run = NULL;
    struct cupel_error err;
    int count = 0;

    if (f->host->count < 2) {
        print_message("SKIPPED: only one hierarchy, nothing can be half made\n");
        skip();
    }
    assert_int_equal(cgroup_run_create(f->host, id, refuse_second, &count, &run, &err), -ENOSPC);
    assert_null(run);
    after = list_groups(f->host);
    assert_string_equal(before, after);
}

/* ---- recovery --------------------------------------------------------------------------------------------------- */

struct record {
    char *path[HIERARCHY_MAX];
    size_t count;
};

static int note_record(void *data, const char *path)
{
    struct record *r = data;

    r->path[r->count++] = xstrdup(path);
    return 0;
}

static void test_recovers_a_dead_run(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *id = run_id("-dead"), *before = list_groups(f->host), *after = NULL;
    struct cgroup_limits none = CGROUP_LIMITS_NONE;
    struct cgroup_job *job = NULL;
    struct cgroup_run *run = NULL;
    struct record record = {0};
    struct cupel_error err;
    char x;
    int out;

    for (size_t i = 0; i < f->host->count; i++) {
        if (f->host->hierarchy[i].move) {
            print_message("SKIPPED: on v2 this process itself sits in the run's supervisor leaf\n");
            skip();
        }
    }
    check(cgroup_run_create(f->host, id, note_record, &record, &run, &err), &err);
    check(cgroup_job_create(run, "j0-1", &none, &job, &err), &err);
    assert_int_equal(reap(spawn(job, leave_two, &out)), 0);
    assert_int_equal(read(out, &x, 1), 1);
    assert_int_equal(record.count, f->host->count);
    for (size_t i = 0; i < record.count; i++)
        check(cgroup_recover(record.path[i], &err), &err);
    expect_end(out);
    after = list_groups(f->host);
    assert_string_equal(before, after);
    for (size_t i = 0; i < record.count; i++) {
        check(cgroup_recover(record.path[i], &err), &err); /* what is gone already is fine */
        free(record.path[i]);
    }
    end_job(job);
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

/* ---- no cgroups ------------------------------------------------------------------------------------------------- */

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

static void test_cpu_parts_add_up(void **state)
{
    static const struct {
        uint64_t total, user, system, wanted_user;
    } rows[] = {
        {100, 60, 40, 60}, {100, 30, 10, 75}, {100, 300, 100, 75},
        {100, 0, 0, 100}, /* over before the first tick: as the kernel has it, the job's own */
        {100, 0, 4, 0},    {0, 4, 4, 0},      {UINT64_MAX / 2, UINT64_MAX / 4, UINT64_MAX / 4, UINT64_MAX / 4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cgroup_usage u = {.known = 7};

        u.value[CGROUP_CPU_NS] = rows[i].total;
        u.value[CGROUP_USER_NS] = rows[i].user;
        u.value[CGROUP_SYSTEM_NS] = rows[i].system;
        usage_scale_cpu_parts(&u);
        assert_true(u.value[CGROUP_USER_NS] == rows[i].wanted_user);
        assert_true(u.value[CGROUP_USER_NS] + u.value[CGROUP_SYSTEM_NS] == rows[i].total);
    }
}

/* Whatever is missing, the message names it and the hint says what to do. */
static void test_explains_what_is_missing(void **state)
{
    static char path[] = "/sys/fs/cgroup/here";

    (void)state;
    for (int what = LACK_CONTROLLER; what <= LACK_FILE; what++) {
        for (int version = 0; version <= 2; version++) {
            for (size_t f = 0; f < CGROUP_FEATURE_COUNT; f++) {
                struct cgroup_host host = {0};
                struct cupel_error err = {0};

                host.lacking[f] = (struct lacking){(enum lack)what, version, EROFS, path};
                assert_true(cgroup_explain_missing(&host, (enum cgroup_feature)f, &err) < 0);
                assert_int_equal(err.kind, CUPEL_ERROR_HARNESS);
                assert_true(what == LACK_CONTROLLER || strstr(err.message, path) != NULL);
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
#define WITH_RUN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest anywhere[] = {
        cmocka_unit_test(test_host_without_cgroups),
        cmocka_unit_test(test_cpu_parts_add_up),
        cmocka_unit_test(test_explains_what_is_missing),
    };
    const struct CMUnitTest on_kernel[] = {
        WITH_RUN(test_enters_every_hierarchy),
        WITH_RUN(test_bills_cpu),
        WITH_RUN(test_memory_peak),
        WITH_RUN(test_oom_kill_is_heard),
        WITH_RUN(test_pids_refused_and_left_behind),
        WITH_RUN(test_quota_throttles),
        WITH_RUN(test_destroy_kills_what_is_left),
        WITH_RUN(test_refuses_to_kill_itself),
        WITH_RUN(test_init_leaf),
        WITH_RUN(test_taken_and_bad_names),
        WITH_RUN(test_failed_creation_leaves_nothing),
        WITH_RUN(test_recovers_a_dead_run),
        WITH_RUN(test_refuses_foreign_paths),
    };
    struct cgroup_host *host = NULL;
    struct cupel_error err;
    int failed = cmocka_run_group_tests_name("cgroup, anywhere", anywhere, NULL, NULL);
    size_t usable;

    if (cgroup_detect(&host, &err) < 0) {
        cupel_error_print(&err, stderr);
        return 1;
    }
    usable = host->count;
    fprintf(stderr, "this host: %s\n", cgroup_host_describe(host));
    if (usable == 0) {
        cgroup_explain_missing(host, CGROUP_CPU_USAGE, &err);
        fprintf(stderr, "SKIPPED: %zu tests on the kernel's cgroups: %s\n", ARRAY_SIZE(on_kernel), err.message);
    }
    cgroup_host_free(host);
    if (usable > 0)
        failed += cmocka_run_group_tests_name("cgroup, on this kernel", on_kernel, NULL, NULL);
    return failed;
}
