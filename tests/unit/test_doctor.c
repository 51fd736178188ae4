/* SPDX-License-Identifier: Apache-2.0 */
/* test_doctor: the table and the bounds of a probe; on the real kernel,
 * that a probe says "missing" where the kernel refuses the thing, and that nothing is left behind.
 */
#include "harness/doctor/doctor_private.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

/* ---- a store of one's own ---- */

static int setup(void **state)
{
    char *path = xstrdup("/var/tmp/cupel-test-doctor-XXXXXX");

    if (mkdtemp(path) == NULL)
        return -1;
    *state = path;
    return setenv("CUPEL_CACHE", path, 1);
}

static int teardown(void **state)
{
    int r = file_remove_tree_at(AT_FDCWD, *state);

    free(*state);
    return r;
}

static const struct doctor_row *find_row(const struct doctor_report *report, const char *id)
{
    for (size_t i = 0; i < report->n; i++)
        if (str_eq(report->rows[i].id, id))
            return &report->rows[i];
    fail_msg("no row %s", id);
    return NULL;
}

static const struct doctor_probe *find_probe(const char *id)
{
    for (size_t i = 0; i < doctor_table_count; i++)
        if (str_eq(doctor_table[i].id, id))
            return &doctor_table[i];
    fail_msg("no probe %s", id);
    return NULL;
}

/* ---- the table ---- */

static void check_id(const char *id)
{
    assert_true(id[0] != '\0');
    for (const char *p = id; *p != '\0'; p++)
        assert_true(islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '-');
}

static void test_table_is_complete(void **state)
{
    (void)state;
    assert_true(doctor_table_count > 40);
    for (size_t i = 0; i < doctor_table_count; i++) {
        const struct doctor_probe *p = &doctor_table[i];

        check_id(p->id);
        assert_non_null(p->run);
        assert_true(p->name[0] != '\0' && p->needed_by[0] != '\0' && p->remedy[0] != '\0');
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(p->id, doctor_table[j].id);
            assert_string_not_equal(p->name, doctor_table[j].name);
        }
    }
}

/* What the text calls root's or a user's is told of in the last line to nobody else. */
static void test_table_knows_whose_a_row_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < doctor_table_count; i++) {
        const struct doctor_probe *p = &doctor_table[i];
        bool of_root = p->need == REQUIRED_OF_ROOT || p->need == OPTIONAL_OF_ROOT;
        bool of_user = p->need == REQUIRED_OF_USER || p->need == OPTIONAL_OF_USER;

        if (of_root != (strstr(p->needed_by, "of root's") != NULL) ||
            of_user != (strstr(p->needed_by, "of a user's") != NULL))
            fail_msg("%s: is it root's or a user's?", p->id);
    }
}

/* Each feature of the cgroup room has a row, so that a new one is not forgotten. */
static void test_table_has_all_cgroup_features(void **state)
{
    (void)state;
    for (int feature = 0; feature < CGROUP_FEATURE_COUNT; feature++) {
        size_t n = 0;

        for (size_t i = 0; i < doctor_table_count; i++)
            n += feature == CGROUP_INSTRUCTIONS /* counted, not written to a group's file */
                     ? doctor_table[i].run == probe_instructions
                     : doctor_table[i].run == probe_group_feature &&
                           doctor_table[i].number == feature;
        assert_int_equal(n, 1);
    }
}

/* ---- the bounds of a probe ---- */

static int told[2]; /* what a probe of these tests tells the test */

static void hang(const struct doctor_context *ctx, const struct doctor_probe *probe,
                 struct doctor_finding *f)
{
    pid_t pid = fork();

    (void)ctx;
    (void)probe;
    (void)f;
    if (pid > 0 && write(told[1], &pid, sizeof(pid)) != sizeof(pid))
        _exit(1);
    for (;;)
        (void)pause();
}

static void crash(const struct doctor_context *ctx, const struct doctor_probe *probe,
                  struct doctor_finding *f)
{
    (void)ctx;
    (void)probe;
    doctor_works(f, "about to crash");
    (void)signal(SIGTRAP, SIG_DFL);
    (void)raise(SIGTRAP);
}

static void leave(const struct doctor_context *ctx, const struct doctor_probe *probe,
                  struct doctor_finding *f)
{
    (void)ctx;
    (void)probe;
    doctor_works(f, "never seen");
    _exit(0);
}

static void change_everything(const struct doctor_context *ctx, const struct doctor_probe *probe,
                              struct doctor_finding *f)
{
    (void)ctx;
    (void)probe;
    if (chdir("/") < 0 || setenv("PATH", "/nowhere", 1) < 0)
        _exit(1);
    (void)umask(0777);
    doctor_degraded(f, "changed");
}

static struct doctor_finding run_probe(doctor_probe_fn *fn, unsigned seconds)
{
    const struct doctor_probe probe = {.id = "x", .remedy = "ask the table", .run = fn};
    const struct doctor_context ctx = {0};
    struct doctor_finding f = {0};

    doctor_probe_bounded(&ctx, &probe, seconds, &f);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left, dead or alive */
    assert_int_equal(errno, ECHILD);
    return f;
}

static bool is_gone(pid_t pid)
{
    const struct timespec pause_time = {.tv_nsec = 10 * 1000 * 1000};
    char path[32], state[256];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    for (int i = 0; i < 1000; i++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, state, sizeof(state) - 1);

        if (fd >= 0)
            (void)close(fd);
        state[n > 0 ? n : 0] = '\0';
        if (n <= 0 ||
            strstr(state, ") Z ") != NULL) /* whoever adopted it may be slow to wait for it */
            return true;
        (void)nanosleep(&pause_time, NULL);
    }
    return false;
}

static void test_hanging_probe_is_ended(void **state)
{
    struct doctor_finding f;
    pid_t grandchild = 0;

    (void)state;
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    f = run_probe(hang, 1);
    assert_int_equal(f.state, DOCTOR_MISSING);
    assert_string_equal(f.detail, "no answer within 1 s");
    assert_string_equal(f.remedy, "ask the table");
    assert_int_equal(read(told[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
    assert_true(is_gone(grandchild));
    (void)close(told[0]);
    (void)close(told[1]);
}

static void test_crashing_probe_is_missing(void **state)
{
    struct doctor_finding f = run_probe(crash, 10);

    (void)state;
    assert_int_equal(f.state, DOCTOR_MISSING);
    assert_string_equal(f.detail, "the trial ended by signal 5");
    f = run_probe(leave, 10);
    assert_int_equal(f.state, DOCTOR_MISSING);
}

static void test_probe_changes_only_its_child(void **state)
{
    cleanup_free char *before = getcwd(NULL, 0), *path = xstrdup(getenv("PATH"));
    cleanup_free char *after = NULL;
    mode_t mask = umask(022);
    struct doctor_finding f = run_probe(change_everything, 10);

    (void)state;
    assert_int_equal(f.state, DOCTOR_DEGRADED);
    assert_string_equal(f.detail, "changed");
    after = getcwd(NULL, 0);
    assert_string_equal(before, after);
    assert_string_equal(getenv("PATH"), path);
    assert_int_equal(umask(mask), 022);
}

/* ---- a kernel that refuses ---- */

/* The calling process and its children: this system call fails with ENOSYS. */
static int forbid(int call)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog fprog = {.len = ARRAY_SIZE(program), .filter = program};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog) < 0 ? -errno : 0;
}

static const struct {
    int call;
    const char *id;
} refusals[] = {
    {SYS_close_range, "close-range"},
    {SYS_openat2, "openat2"},
    {SYS_pidfd_open, "pidfd"},
    {SYS_pidfd_send_signal, "pidfd"},
    {SYS_clone3, "clone3"},
    {SYS_fsopen, "mount-api"},
    {SYS_open_tree, "mount-api"},
    {SYS_mount_setattr, "mount-api"},
    {SYS_move_mount, "mount-api"},
    {SYS_fsmount, "overlay"},
    {SYS_mount_setattr, "idmap-store"},
    {SYS_mount_setattr, "idmap-root"},
    {SYS_mount_setattr, "idmap-overlay"},
    {SYS_seccomp, "seccomp"},
    {SYS_landlock_create_ruleset, "landlock"},
    {SYS_unshare, "namespace-user"},
    {SYS_unshare, "namespace-time"},
    {SYS_unshare, "unprivileged-namespaces"},
    {SYS_fsetxattr, "store-attributes"},
    {SYS_fsopen, "job-disk"},
};

/* Runs the probe in a child, whose exit code is the state that it finds under the refusal. */
static int state_without(int call, const char *id)
{
    struct doctor_context ctx = {0};
    struct cupel_error err;
    int status;
    pid_t pid;

    assert_int_equal(cache_open(&ctx.cache, &err), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct doctor_finding f = {0};

        if (call >= 0 && forbid(call) < 0)
            _exit(100);
        doctor_probe_bounded(&ctx, find_probe(id), 20, &f);
        _exit((int)f.state);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    cache_close(ctx.cache);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_refused_calls_are_missing(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root, without whom these probes find nothing to work\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        if (state_without(-1, refusals[i].id) != DOCTOR_WORKS) {
            print_message("# %s does not work on this host: nothing to refuse\n", refusals[i].id);
            continue;
        }
        if (state_without(refusals[i].call, refusals[i].id) != DOCTOR_MISSING)
            fail_msg("%s is found without system call %d", refusals[i].id, refusals[i].call);
    }
    assert_int_equal(state_without(SYS_keyctl, "session-keyring"), DOCTOR_DEGRADED);
    assert_int_equal(state_without(-1, "close-range"), DOCTOR_WORKS); /* something did work */
}

static void test_programs(void **state)
{
    const struct doctor_context ctx = {0};
    cleanup_free char *dir = xasprintf("%s/bin", (char *)*state);
    cleanup_free char *program = xasprintf("%s/skopeo", dir);
    static const char fine[] = "#!/bin/sh\n[ \"$1\" = --version ] && echo version 9\n";
    static const char broken[] = "#!/bin/sh\necho no library >&2; exit 3\n";
    struct doctor_finding f;

    assert_int_equal(mkdir(dir, 0755), 0);
    assert_int_equal(setenv("CUPEL_PROGRAMS", dir, 1), 0);
    doctor_probe_bounded(&ctx, find_probe("skopeo"), 20, &f);
    assert_int_equal(f.state, DOCTOR_MISSING);
    assert_string_equal(f.remedy, "install the package skopeo");
    assert_int_equal(file_write_atomic_at(AT_FDCWD, program, fine, sizeof(fine) - 1, 0755), 0);
    doctor_probe_bounded(&ctx, find_probe("skopeo"), 20, &f);
    assert_int_equal(f.state, DOCTOR_WORKS);
    assert_non_null(strstr(f.detail, "version 9"));
    assert_int_equal(file_write_atomic_at(AT_FDCWD, program, broken, sizeof(broken) - 1, 0755), 0);
    doctor_probe_bounded(&ctx, find_probe("skopeo"), 20, &f);
    assert_int_equal(f.state, DOCTOR_DEGRADED);
    assert_non_null(strstr(f.detail, "exit code 3: no library"));
    assert_int_equal(unsetenv("CUPEL_PROGRAMS"), 0);
}

/* ---- nobody, and nothing left ---- */

/* Examines in a child without any right: 0 when the report is as it has to be. */
static int examine_as_nobody(const char *store)
{
    struct doctor_report report;
    int code = 0;

    if (chown(store, 65534, 65534) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
        return 90;
    doctor_examine(&report);
    if (doctor_can_run(&report))
        code = 1;
    else if (find_row(&report, "root")->finding.state != DOCTOR_MISSING)
        code = 2;
    else if (find_row(&report, "idmap-store")->finding.state != DOCTOR_MISSING)
        code = 3;
    else if (find_row(&report, "hard-rlimits")->finding.state != DOCTOR_MISSING)
        code = 4;
    else if (find_row(&report, "openat2")->finding.state != DOCTOR_WORKS)
        code = 5;
    for (size_t i = 0; i < report.n; i++)
        if (strstr(report.rows[i].finding.detail, "ended by signal") != NULL)
            code = 6;
    doctor_report_free(&report);
    return code;
}

static void test_as_nobody(void **state)
{
    int status;
    pid_t pid;

    if (geteuid() != 0) {
        print_message("skipped: needs root to become nobody\n");
        skip();
    }
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(examine_as_nobody(*state));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(chown(*state, 0, 0), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static char *read_proc(const char *path)
{
    char *text = NULL;
    size_t len;

    assert_int_equal(file_read_at(AT_FDCWD, path, 1u << 22, &text, &len), 0);
    return text;
}

static size_t count_fds(void)
{
    DIR *list = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(list);
    while (readdir(list) != NULL)
        n++;
    (void)closedir(list);
    return n;
}

/* Fails unless the findings are as every report's have to be. */
static void check_report(const struct doctor_report *report)
{
    assert_int_equal(report->n, doctor_table_count);
    assert_int_equal(find_row(report, "root")->finding.state,
                     geteuid() == 0 ? DOCTOR_WORKS : DOCTOR_MISSING);
    for (size_t i = 0; i < report->n; i++) {
        const struct doctor_finding *f = &report->rows[i].finding;

        assert_true((f->state == DOCTOR_WORKS) == (f->remedy[0] == '\0'));
        assert_true(f->state == DOCTOR_WORKS || f->detail[0] != '\0');
    }
}

/* Examines as root in a mount namespace of its own, which nobody else changes meanwhile. */
static void test_examine_leaves_nothing(void **state)
{
    cleanup_free char *mounts = NULL, *mounts_after = NULL,
                      *groups = read_proc("/proc/self/cgroup");
    cleanup_free char *groups_after = NULL;
    size_t fds = count_fds();
    struct doctor_report report;

    (void)state;
    if (geteuid() == 0 &&
        (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
        fail_msg("cannot make a mount namespace: %s", strerror(errno));
    mounts = read_proc("/proc/self/mountinfo");
    doctor_examine(&report);
    check_report(&report);
    doctor_report_free(&report);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(count_fds(), fds);
    groups_after = read_proc("/proc/self/cgroup");
    mounts_after = read_proc("/proc/self/mountinfo");
    assert_string_equal(groups, groups_after);
    if (geteuid() == 0)
        assert_string_equal(mounts, mounts_after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_complete),
        cmocka_unit_test(test_table_knows_whose_a_row_is),
        cmocka_unit_test(test_table_has_all_cgroup_features),
        cmocka_unit_test(test_hanging_probe_is_ended),
        cmocka_unit_test(test_crashing_probe_is_missing),
        cmocka_unit_test(test_probe_changes_only_its_child),
        cmocka_unit_test(test_refused_calls_are_missing),
        cmocka_unit_test(test_programs),
        cmocka_unit_test(test_as_nobody),
        cmocka_unit_test(test_examine_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
