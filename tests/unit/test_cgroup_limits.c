/* SPDX-License-Identifier: Apache-2.0 */
/* The limits that only some jobs pay for, cpuset and disk I/O, and the figures that come from text
 * with more than a number in it. The real kernel, in the harness's own groups; time is only ever
 * compared from below. */
#include "test_cgroup.h"

#include <linux/magic.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#define MIB (UINT64_C(1) << 20)

/* A run in which cpuset is wanted. */
static int setup_cpuset(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    cleanup_free char *id = run_id("s");
    struct cupel_error err;

    check(cgroup_detect(&f->host, &err), &err);
    f->before = list_groups(f->host);
    cgroup_host_want(f->host, CGROUP_CPUSET);
    check(cgroup_run_create(f->host, id, NULL, NULL, &f->run, &err), &err);
    *state = f;
    return 0;
}

static struct cgroup_job *make_job(struct fixture *f, const char *name,
                                   const struct cgroup_limits *limits)
{
    struct cgroup_job *job;
    struct cupel_error err;

    check(cgroup_job_create(f->run, name, limits, &job, &err), &err);
    return job;
}

static void end_job(struct cgroup_job *job)
{
    struct cupel_error err;

    check(cgroup_job_destroy(job, &err), &err);
}

/* Skips with the reason that a user would be told. */
static void need(const struct fixture *f, enum cgroup_feature feature)
{
    struct cupel_error err;

    if (cgroup_host_has(f->host, feature))
        return;
    cgroup_explain_missing(f->host, feature, &err);
    fprintf(stderr, "SKIPPED: %s\n", err.message);
    skip();
}

/* ---- cpuset ---- */

static int tell_cpus(int out)
{
    cpu_set_t set, all;

    memset(&all, 0xff, sizeof(all));
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    if (write(out, &set, sizeof(set)) != (ssize_t)sizeof(set))
        return 2;
    /* all that there are: the kernel takes the allowed ones of them */
    (void)sched_setaffinity(0, sizeof(all), &all);
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 3;
    return write(out, &set, sizeof(set)) == (ssize_t)sizeof(set) ? 0 : 4;
}

static void test_cpuset_holds(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct cgroup_job *kept, *free_job;
    char last[32];
    const char *from;
    int out, fds[CGROUP_ENTER_MAX];
    size_t entered;

    need(f, CGROUP_CPUSET);
    from = strrchr(cgroup_host_cpus(f->host), ',');
    from = from != NULL ? from + 1 : cgroup_host_cpus(f->host);
    snprintf(last, sizeof(last), "%s", strchr(from, '-') != NULL ? strchr(from, '-') + 1 : from);
    limits.cpus = last;
    kept = make_job(f, "j0-1", &limits);
    assert_int_equal(reap(spawn(kept, tell_cpus, &out)), 0);
    for (int i = 0; i < 2; i++) {
        cpu_set_t set;

        assert_int_equal(read(out, &set, sizeof(set)), sizeof(set));
        assert_int_equal(CPU_COUNT(&set), 1);
        assert_true(CPU_ISSET((size_t)atoi(last), &set));
    }
    close(out);
    entered = cgroup_job_enter_fds(kept, fds);
    free_job = make_job(f, "j0-2", &CGROUP_LIMITS_NONE);
    /* v1: a hierarchy of its own, which the other job has no part in; v2: a file of the one group
     */
    assert_int_equal(cgroup_job_enter_fds(free_job, fds),
                     entered -
                         (f->run->tree[f->run->count - 1].controllers == CTL_BIT(CTL_CPUSET)));
    end_job(free_job);
    end_job(kept);
}

static void test_cpuset_that_nobody_wanted(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct cgroup_job *job;
    struct cupel_error err;

    for (size_t i = 0; i < f->run->count; i++)
        assert_int_equal(f->run->tree[i].controllers & CTL_BIT(CTL_CPUSET), 0);
    limits.cpus = "0";
    assert_int_equal(cgroup_job_create(f->run, "j0-1", &limits, &job, &err), -EOPNOTSUPP);
}

static void test_no_such_cpu(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct cgroup_job *job;
    struct cupel_error err;

    need(f, CGROUP_CPUSET);
    limits.cpus = "8191";
    if (f->run->tree[f->run->count - 1].ops->version == 2) {
        fprintf(stderr, "SKIPPED: v2 takes CPUs that are not there and ignores them\n");
        skip();
    }
    assert_true(cgroup_job_create(f->run, "j0-1", &limits, &job, &err) < 0);
    assert_non_null(strstr(err.message, "cpuset.cpus"));
}

/* ---- disk I/O ---- */

struct file {
    char dir[64];
    int fd;
};

/* 2 MiB on a disk, to be read past the page cache. */
static struct file make_file(struct cgroup_limits *limits)
{
    struct file file = {.dir = "/var/tmp/cupel-test-limits-XXXXXX"};
    cleanup_free char *path = NULL, *zeros = xcalloc(1, 2 * MIB);
    int r;

    assert_non_null(mkdtemp(file.dir));
    path = xasprintf("%s/f", file.dir);
    file.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file.fd >= 0);
    assert_int_equal(write(file.fd, zeros, 2 * MIB), 2 * MIB);
    assert_int_equal(fsync(file.fd), 0);
    r = cgroup_disk_of(file.fd, &limits->disk[0]);
    close(file.fd);
    file.fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(file.dir), 0);
    if (r < 0 || file.fd < 0) {
        fprintf(stderr, "SKIPPED: /var/tmp is not on one disk (%s)\n",
                strerror(r < 0 ? -r : errno));
        skip();
    }
    limits->n_disks = 1;
    return file;
}

static int read_fd; /* for the children only */
static int read_mib(int out)
{
    void *buffer = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (write(out, "x", 1) != 1)
        return 2;
    return buffer != MAP_FAILED && pread(read_fd, buffer, MIB, 0) == (ssize_t)MIB ? 0 : 1;
}

static void test_reads_are_held_back(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct file file;
    struct cgroup_job *job;
    struct cgroup_usage usage;
    uint64_t before, bytes;
    int out;

    need(f, CGROUP_IO_LIMIT);
    file = make_file(&limits);
    limits.io[CGROUP_READ_BPS] = 2 * MIB;
    job = make_job(f, "j0-1", &limits);
    read_fd = file.fd;
    before = clock_monotonic_ns();
    assert_int_equal(reap(spawn(job, read_mib, &out)), 0);
    assert_true(clock_monotonic_ns() - before > 300 * NSEC_PER_MSEC);
    cgroup_job_usage(job, &usage);
    assert_true(cgroup_usage_get(&usage, CGROUP_READ_BYTES, &bytes));
    assert_int_equal(bytes, MIB);
    close(out);
    close(file.fd);
    end_job(job);
}

/* One read of 1 MiB at 4 KiB a second would take four minutes, and no signal would end it. */
static void test_lifting_lets_go(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct file file;
    struct cgroup_job *job;
    char byte;
    int out;
    pid_t pid;

    need(f, CGROUP_IO_LIMIT);
    file = make_file(&limits);
    limits.io[CGROUP_READ_BPS] = 4096;
    job = make_job(f, "j0-1", &limits);
    read_fd = file.fd;
    pid = spawn(job, read_mib, &out);
    assert_int_equal(read(out, &byte, 1), 1);
    kill(pid, SIGKILL);
    cgroup_job_lift_brakes(job);
    assert_int_equal(reap(pid), SIGKILL);
    expect_end(out);
    close(file.fd);
    end_job(job);
}

/* What the files that hold the job back say, joined. */
static char *brakes(const struct fixture *f, const char *name)
{
    static const char *const files[] = {"cpu.cfs_quota_us", "cpu.max",
                                        "blkio.throttle.read_bps_device",
                                        "blkio.throttle.read_iops_device", "io.max"};
    struct strbuf b = {0};

    for (size_t i = 0; i < f->run->count; i++)
        for (size_t k = 0; k < ARRAY_SIZE(files); k++) {
            char text[1024];

            if (group_read(f->run->tree[i].run_fd, name, files[k], text, sizeof(text)) >= 0)
                strbuf_addf(&b, "%s: %s", files[k], text);
        }
    return b.data != NULL ? b.data : xstrdup("");
}

/* Off for what a step has left, on again as they were for the next one. */
static void test_brakes(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct cgroup_job *job;
    struct file file;
    struct cupel_error err;
    cleanup_free char *on = NULL, *off = NULL, *again = NULL;

    need(f, CGROUP_IO_LIMIT);
    need(f, CGROUP_CPU_QUOTA);
    file = make_file(&limits);
    limits.io[CGROUP_READ_BPS] = 4096;
    limits.io[CGROUP_READ_IOPS] = 5;
    limits.cpu_millicores = 120;
    job = make_job(f, "j0-1", &limits);
    on = brakes(f, "j0-1");
    assert_non_null(strstr(on, "12000"));
    assert_non_null(strstr(on, "4096"));
    cgroup_job_lift_brakes(job);
    cgroup_job_lift_brakes(job);
    off = brakes(f, "j0-1");
    assert_null(strstr(off, "12000"));
    assert_null(strstr(off, "4096"));
    check(cgroup_job_set_brakes(job, &err), &err);
    again = brakes(f, "j0-1");
    assert_string_equal(again, on);
    close(file.fd);
    end_job(job);
}

static void test_writes_take_v2(void **state)
{
    struct fixture *f = *state;
    struct cgroup_limits limits = CGROUP_LIMITS_NONE;
    struct cgroup_job *job;
    struct cupel_error err;
    unsigned both = CTL_BIT(CTL_IO) | CTL_BIT(CTL_MEMORY);
    bool together = false;

    for (size_t i = 0; i < f->host->count; i++)
        together |= f->host->hierarchy[i].version == 2 &&
                    (f->host->hierarchy[i].controllers & both) == both;
    assert_int_equal(cgroup_host_has(f->host, CGROUP_IO_WRITE_LIMIT), together);
    limits.io[CGROUP_WRITE_BPS] = MIB;
    /* without a disk it is refused in any case */
    assert_int_equal(cgroup_job_create(f->run, "j0-1", &limits, &job, &err),
                     together ? -EINVAL : -EOPNOTSUPP);
}

static void test_disk_of_files(void **state)
{
    cleanup_close int memory = memfd_create("x", MFD_CLOEXEC),
                      proc = open("/proc", O_PATH | O_CLOEXEC);
    dev_t disk;

    (void)state;
    assert_int_equal(cgroup_disk_of(memory, &disk), -ENOTBLK);
    assert_int_equal(cgroup_disk_of(proc, &disk), -ENOTBLK);
    assert_int_equal(cgroup_disk_of(-1, &disk), -EBADF);
}

/* ---- figures ---- */

static void put_file(int dir, const char *name, const char *text)
{
    cleanup_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_figures_from_text(void **state)
{
    static const char *const files[] = {"io.stat", "cpu.pressure", "memory.pressure",
                                        "io.pressure"};
    char dir[] = "/tmp/cupel-test-limits-XXXXXX";
    struct tree tree = {.ops = &v2_ops, .controllers = CTL_BIT(CTL_IO) | CTL_BIT(CTL_PRESSURE)};
    struct cgroup_usage usage = {0};
    uint64_t v;

    (void)state;
    assert_non_null(mkdtemp(dir));
    tree.run_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* what a loop device does is done again by the disk under it */
    put_file(tree.run_fd, files[0],
             "7:3 rbytes=1 wbytes=2 rios=4 wios=8 dbytes=0 dios=0\n"
             "254:0 rbytes=16 wbytes=32 rios=64 wios=128 dbytes=0 dios=0\n"
             "17:7 rbytes=256 wbytes=512 rios=1024 wios=2048 dbytes=0 dios=0\n");
    put_file(tree.run_fd, files[1],
             "some avg10=1.53 avg60=0.87 avg300=0.24 total=7134\n"
             "full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n");
    put_file(tree.run_fd, files[2], "full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n");
    put_file(tree.run_fd, files[3], "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    group_read_figures(&tree, ".", NULL, UINT32_MAX, &usage);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        assert_int_equal(unlinkat(tree.run_fd, files[i], 0), 0);
    close(tree.run_fd);
    assert_int_equal(rmdir(dir), 0);
    assert_true(cgroup_usage_get(&usage, CGROUP_READ_BYTES, &v) && v == 272);
    assert_true(cgroup_usage_get(&usage, CGROUP_WRITTEN_BYTES, &v) && v == 544);
    assert_true(cgroup_usage_get(&usage, CGROUP_READ_OPERATIONS, &v) && v == 1088);
    assert_true(cgroup_usage_get(&usage, CGROUP_WRITE_OPERATIONS, &v) && v == 2176);
    assert_true(cgroup_usage_get(&usage, CGROUP_CPU_PRESSURE_NS, &v) && v == 7134000);
    assert_false(cgroup_usage_get(&usage, CGROUP_MEMORY_PRESSURE_NS, &v));
    assert_true(cgroup_usage_get(&usage, CGROUP_IO_PRESSURE_NS, &v) && v == 0);
}

/* What is open stays readable when its name is gone, and no fallback is opened beside it. */
static void test_files_kept_open(void **state)
{
    static const char *const files[] = {"pids.current", "pids.peak",
                                        "blkio.throttle.io_service_bytes_recursive",
                                        "blkio.throttle.io_service_bytes"};
    char dir[] = "/tmp/cupel-test-limits-XXXXXX";
    struct tree tree = {.ops = &v1_ops, .controllers = CTL_BIT(CTL_IO) | CTL_BIT(CTL_PIDS)};
    struct kept_files kept = {.n = 0};
    struct cgroup_usage usage = {0};
    uint64_t v;

    (void)state;
    assert_non_null(mkdtemp(dir));
    tree.run_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put_file(tree.run_fd, files[0], "1\n");
    put_file(tree.run_fd, files[1], "9\n");
    put_file(tree.run_fd, files[2], "254:0 Read 16\n254:0 Write 32\n254:0 Total 48\nTotal 48\n");
    put_file(tree.run_fd, files[3], "254:0 Read 1\n254:0 Write 2\n254:0 Total 3\nTotal 3\n");
    group_keep_figures(&tree, ".", ~(1u << CGROUP_PIDS), &kept);
    assert_int_equal(kept.n, 2);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        assert_int_equal(unlinkat(tree.run_fd, files[i], 0), 0);
    group_read_figures(&tree, ".", &kept, UINT32_MAX, &usage);
    for (size_t i = 0; i < kept.n; i++)
        close(kept.file[i].fd);
    close(tree.run_fd);
    assert_int_equal(rmdir(dir), 0);
    assert_false(cgroup_usage_get(&usage, CGROUP_PIDS, &v)); /* not asked for */
    assert_true(cgroup_usage_get(&usage, CGROUP_PIDS_PEAK, &v) && v == 9);
    assert_true(cgroup_usage_get(&usage, CGROUP_READ_BYTES, &v) && v == 16);
    assert_true(cgroup_usage_get(&usage, CGROUP_WRITTEN_BYTES, &v) && v == 32);
}

/* The second file is for kernels that do not have the first one, and costs nobody else a look. */
static void test_fallback_file(void **state)
{
    static const char *const files[] = {"blkio.throttle.io_service_bytes_recursive",
                                        "blkio.throttle.io_service_bytes"};
    char dir[] = "/tmp/cupel-test-limits-XXXXXX";
    struct tree tree = {.ops = &v1_ops, .controllers = CTL_BIT(CTL_IO)};
    struct cgroup_usage both = {0}, second = {0};
    uint64_t v;

    (void)state;
    assert_non_null(mkdtemp(dir));
    tree.run_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put_file(tree.run_fd, files[0], "Total 0\n");
    put_file(tree.run_fd, files[1], "254:0 Read 16\n254:0 Write 32\n254:0 Total 48\nTotal 48\n");
    group_read_figures(&tree, ".", NULL, UINT32_MAX, &both);
    assert_int_equal(unlinkat(tree.run_fd, files[0], 0), 0);
    group_read_figures(&tree, ".", NULL, UINT32_MAX, &second);
    assert_int_equal(unlinkat(tree.run_fd, files[1], 0), 0);
    close(tree.run_fd);
    assert_int_equal(rmdir(dir), 0);
    assert_false(cgroup_usage_get(&both, CGROUP_READ_BYTES, &v));
    assert_true(cgroup_usage_get(&second, CGROUP_READ_BYTES, &v) && v == 16);
    assert_true(cgroup_usage_get(&second, CGROUP_WRITTEN_BYTES, &v) && v == 32);
}

static void test_pressure_where_it_is(void **state)
{
    struct fixture *f = *state;
    struct cgroup_job *job = make_job(f, "j0-1", &CGROUP_LIMITS_NONE);
    struct cgroup_usage usage;
    uint64_t v;

    cgroup_job_usage(job, &usage);
    assert_int_equal(cgroup_usage_get(&usage, CGROUP_CPU_PRESSURE_NS, &v),
                     cgroup_host_has(f->host, CGROUP_PRESSURE));
    end_job(job);
}

int main(void)
{
    const struct CMUnitTest anywhere[] = {
        cmocka_unit_test(test_disk_of_files),
        cmocka_unit_test(test_figures_from_text),
        cmocka_unit_test(test_fallback_file),
        cmocka_unit_test(test_files_kept_open),
    };
    const struct CMUnitTest on_kernel[] = {
        cmocka_unit_test_setup_teardown(test_cpuset_holds, setup_cpuset, teardown),
        cmocka_unit_test_setup_teardown(test_no_such_cpu, setup_cpuset, teardown),
        WITH_RUN(test_cpuset_that_nobody_wanted),
        WITH_RUN(test_reads_are_held_back),
        WITH_RUN(test_lifting_lets_go),
        WITH_RUN(test_brakes),
        WITH_RUN(test_writes_take_v2),
        WITH_RUN(test_pressure_where_it_is),
    };
    int failed = cmocka_run_group_tests_name("cgroup limits, anywhere", anywhere, NULL, NULL);

    if (have_groups(ARRAY_SIZE(on_kernel)))
        failed +=
            cmocka_run_group_tests_name("cgroup limits, on this kernel", on_kernel, NULL, NULL);
    return failed;
}
