/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs' groups on the real kernel: real children are billed, limited, killed in them. Needs root
 * and a writable cgroup tree; says so and skips where there is none. */
#include "test_cgroup.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#define MIB (UINT64_C(1) << 20)

static struct cgroup_job *make_job(struct fixture *f, const char *name,
                                   const struct cgroup_limits *limits)
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

static uint64_t figure(const struct cgroup_job *job, enum cgroup_figure which)
{
    struct cgroup_usage usage;
    uint64_t v = 0;

    cgroup_job_usage(job, &usage);
    if (!cgroup_usage_get(&usage, which, &v))
        fail_msg("figure %d is not known", (int)which);
    return v;
}

static uint64_t figure_now(const struct cgroup_job *job, enum cgroup_figure which)
{
    struct cgroup_usage usage;
    uint64_t v = 0;

    cgroup_job_figures(job, 1u << which, &usage);
    if (!cgroup_usage_get(&usage, which, &v))
        fail_msg("figure %d is not known", (int)which);
    return v;
}

#define NEED(f, feature)                                                                           \
    do {                                                                                           \
        if (!cgroup_host_has((f)->host, feature)) {                                                \
            struct cupel_error why;                                                                \
            cgroup_explain_missing((f)->host, feature, &why);                                      \
            print_message("SKIPPED: %s\n", why.message);                                           \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* ---- children ---- */

static uint64_t own_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static int spin(int out)
{
    uint64_t start = own_cpu_ns(), cpu;

    do
        cpu = own_cpu_ns() - start;
    while (cpu < 200 * NSEC_PER_MSEC);
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

/* A moving target: each lives only to fork the next, and tries again when it may not. Deaf to all
 * but SIGKILL. */
static int chain(int out)
{
    int born = 0;

    signal(SIGTERM, SIG_IGN);
    for (int tries = 0; tries < 200000; tries++) {
        pid_t pid = fork();

        if (pid > 0)
            _exit(0);
        if (pid == 0 && ++born == 100 && write(out, "x", 1) != 1)
            _exit(1);
    }
    return 0;
}

/* Past the page cache, so that the device sees it at once and on our account. */
static int write_directly(int out)
{
    char name[] = "/var/tmp/test-cgroup-XXXXXX";
    void *block = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = mkostemp(name, O_DIRECT | O_CLOEXEC);
    struct stat st;
    int r = 77; /* cannot be tried here */

    (void)out;
    if (fd < 0)
        return r;
    unlink(name);
    if (fstat(fd, &st) == 0 && major(st.st_dev) != 0 && block != MAP_FAILED)
        r = write(fd, block, MIB) == (ssize_t)MIB && pread(fd, block, MIB, 0) == (ssize_t)MIB ? 0
                                                                                              : 1;
    close(fd);
    return r;
}

/* What the kernel says of where we are. */
static int tell_cgroups(int out)
{
    char text[8192];
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text));

    return n > 0 && write(out, text, (size_t)n) == n ? 0 : 1;
}

/* ---- tests ---- */

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
    assert_int_equal(found, f->run->count);
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
        fail_msg("billed %ju ns, the child's own clock says %ju", (uintmax_t)billed,
                 (uintmax_t)own);
    assert_int_equal(cgroup_job_cpu_ns(job, &quick), 0);
    assert_true(quick == billed);
    assert_true(figure(job, CGROUP_USER_NS) + figure(job, CGROUP_SYSTEM_NS) <= billed);
    assert_true(figure(job, CGROUP_USER_NS) + figure(job, CGROUP_SYSTEM_NS) >=
                billed - NSEC_PER_MSEC);
    close(out);
    end_job(job);
}

/* A job's set-up enters from a user namespace of its own, where it is nobody. */
static int fork_into_userns(const struct cgroup_job *job)
{
    int fds[CGROUP_ENTER_MAX];
    size_t n = cgroup_job_enter_fds(job, fds);
    cleanup_close int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWUSER) < 0)
            _exit(77);
        for (size_t i = 0; i < n; i++) {
            if (write(fds[i], "0", 1) != 1)
                _exit(1);
        }
        _exit(spin(null));
    }
    return reap(pid);
}

static void test_entered_from_user_namespace(void **state)
{
    struct fixture *f = *state;
    struct cgroup_job *job;
    int status;

    NEED(f, CGROUP_CPU_USAGE);
    job = make_job(f, "j0-1", &CGROUP_LIMITS_NONE);
    status = fork_into_userns(job);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        end_job(job);
        print_message("SKIPPED: no user namespaces here\n");
        skip();
    }
    assert_int_equal(status, 0);
    assert_true(figure(job, CGROUP_CPU_NS) > 180 * NSEC_PER_MSEC);
    end_job(job);
}

static void test_bills_disk(void **state)
{
    struct fixture *f = *state;
    struct cgroup_usage usage;
    struct cgroup_job *job;
    int out, status;

    NEED(f, CGROUP_IO_USAGE);
    job = make_job(f, "j0-1", &CGROUP_LIMITS_NONE);
    status = reap(spawn(job, write_directly, &out));
    close(out);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        end_job(job);
        print_message(
            "SKIPPED: /var/tmp is not on a block device that can be written to directly\n");
        skip();
    }
    assert_int_equal(status, 0);
    cgroup_job_usage(job, &usage);
    if (!((usage.known >> CGROUP_WRITTEN_BYTES) & 1u)) {
        assert_false((usage.known >> CGROUP_READ_BYTES) & 1u);
        end_job(job);
        print_message(
            "SKIPPED: this kernel's v1 counts no disk traffic while nothing is throttled\n");
        skip();
    }
    assert_in_range(figure(job, CGROUP_WRITTEN_BYTES), MIB, 2 * MIB);
    assert_in_range(figure(job, CGROUP_READ_BYTES), MIB, 2 * MIB);
    assert_true(figure(job, CGROUP_WRITE_OPERATIONS) >= 1);
    assert_true(figure(job, CGROUP_READ_OPERATIONS) >= 1);
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
    cgroup_job_keep_open(job); /* what is read is as of the reading */
    assert_int_equal(reap(spawn(job, touch_16m, &out)), 0);
    peak = figure(job, CGROUP_MEMORY_PEAK_BYTES);
    if (peak < 16 * MIB || peak > 28 * MIB)
        fail_msg("16 MiB touched, peak is %ju", (uintmax_t)peak);
    assert_true(figure_now(job, CGROUP_MEMORY_BYTES) < peak);
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
    assert_true(figure_now(job, CGROUP_PIDS) == 9);
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
    /* 200 ms of CPU time, of which each period of 100 ms gives 20. On a machine that is too busy to
     * give that much, there is nothing to throttle: then it is tried again. */
    for (int tries = 0; tries < 10 && figure(job, CGROUP_THROTTLED_PERIODS) < 5; tries++) {
        uint64_t begin = clock_monotonic_ns();

        assert_int_equal(reap(spawn(job, spin, &out)), 0);
        assert_true(clock_monotonic_ns() - begin > 700 * NSEC_PER_MSEC);
        close(out);
    }
    if (figure(job, CGROUP_THROTTLED_PERIODS) < 5)
        print_message("SKIPPED: this machine is too busy for a quota to be reached: the figures of "
                      "throttling are NOT checked\n");
    else
        assert_true(figure(job, CGROUP_THROTTLED_NS) > 100 * NSEC_PER_MSEC);
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

static void test_destroy_catches_a_moving_target(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct cgroup_job *job;
    char x;
    int out;

    NEED(f, CGROUP_PIDS_LIMIT);
    limits.pids = 100;
    job = make_job(f, "j0-1", &limits);
    /* The dead go at once, whatever this machine's PID 1 does about them: zombies would fill the
     * pids limit. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    signal(SIGCHLD, SIG_IGN);
    spawn(job, chain, &out);
    assert_int_equal(read(out, &x, 1), 1);
    end_job(job);
    expect_end(out);
    signal(SIGCHLD, SIG_DFL);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
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
        _exit(cgroup_job_destroy(job, &err) == -EDEADLK && strstr(err.message, "itself") != NULL
                  ? 0
                  : 1);
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

static void test_cpu_parts_add_up(void **state)
{
    static const struct {
        uint64_t total, user, system, wanted_user;
    } rows[] = {
        {100, 60, 40, 60},
        {100, 30, 10, 75},
        {100, 300, 100, 75},
        {100, 0, 0, 100}, /* over before the first tick: as the kernel has it, the job's own */
        {100, 0, 4, 0},
        {0, 4, 4, 0},
        {UINT64_MAX / 2, UINT64_MAX / 4, UINT64_MAX / 4, UINT64_MAX / 4},
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

int main(void)
{
    const struct CMUnitTest anywhere[] = {
        cmocka_unit_test(test_cpu_parts_add_up),
    };
    const struct CMUnitTest on_kernel[] = {
        WITH_RUN(test_enters_every_hierarchy),
        WITH_RUN(test_bills_cpu),
        WITH_RUN(test_entered_from_user_namespace),
        WITH_RUN(test_bills_disk),
        WITH_RUN(test_memory_peak),
        WITH_RUN(test_oom_kill_is_heard),
        WITH_RUN(test_pids_refused_and_left_behind),
        WITH_RUN(test_quota_throttles),
        WITH_RUN(test_destroy_kills_what_is_left),
        WITH_RUN(test_destroy_catches_a_moving_target),
        WITH_RUN(test_refuses_to_kill_itself),
        WITH_RUN(test_init_leaf),
    };
    int failed = cmocka_run_group_tests_name("cgroup jobs, anywhere", anywhere, NULL, NULL);

    if (have_groups(ARRAY_SIZE(on_kernel)))
        failed += cmocka_run_group_tests_name("cgroup jobs, on this kernel", on_kernel, NULL, NULL);
    return failed;
}
