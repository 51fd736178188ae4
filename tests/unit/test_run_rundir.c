/* SPDX-License-Identifier: Apache-2.0 */
/* test_run_rundir: a run's directory lives while its supervisor does and is removed once that is
 * dead; no two slots of the machine have the same ids. */
#include "harness/run/idrange.h"
#include "harness/run/rundir.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

struct room {
    char path[64];
    int store;
};

static int setup(void **state)
{
    struct room *room = xcalloc(1, sizeof(*room));

    (void)snprintf(room->path, sizeof(room->path), "/tmp/cupel-test-runs-XXXXXX");
    if (mkdtemp(room->path) == NULL)
        return -1;
    room->store = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = room;
    return room->store < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    int r = file_remove_tree_at(AT_FDCWD, room->path);

    (void)close(room->store);
    free(room);
    return r;
}

/* How many runs there are in the store. */
static size_t count_runs(const struct room *room)
{
    int fd = openat(room->store, "runs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    size_t n = 0;

    if (list == NULL)
        return 0;
    while ((e = readdir(list)) != NULL)
        n += e->d_name[0] != '.';
    (void)closedir(list);
    return n;
}

static void check(int r, const struct cupel_error *err)
{
    if (r < 0)
        fail_msg("%s", err->message);
}

static size_t recover(const struct room *room)
{
    struct cupel_error err = {0};
    size_t removed = 12345;

    check(rundirs_recover(room->store, &removed, &err), &err);
    return removed;
}

static void test_create_and_remove(void **state)
{
    struct room *room = *state;
    struct rundir *d = NULL;
    struct cupel_error err;
    struct stat st;
    cleanup_free char *path = NULL;

    check(rundir_create(room->store, &d, &err), &err);
    path = xasprintf("runs/%s", rundir_id(d));
    assert_int_equal(fstatat(room->store, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 077, 0); /* nobody else's business */
    assert_int_equal(file_write_atomic_at(rundir_fd(d), "image", "x", 1, 0600), 0);
    assert_int_equal(file_mkdir_p_at(rundir_fd(d), "a/b", 0), 0);
    rundir_remove(d);
    assert_int_equal(count_runs(room), 0);
    rundir_forget(NULL);
}

static void test_store_that_cannot_be_written(void **state)
{
    struct room *room = *state;
    struct rundir *d = NULL;
    struct cupel_error err = {0};
    size_t removed = 5;

    assert_int_equal(file_write_atomic_at(room->store, "runs", "a file", 6, 0600), 0);
    assert_true(rundir_create(room->store, &d, &err) < 0);
    assert_null(d);
    assert_int_equal(err.kind, CUPEL_ERROR_HARNESS);
    assert_true(rundirs_recover(room->store, &removed, &err) < 0);
    assert_int_equal(removed, 5);
}

static void test_live_run_is_untouched(void **state)
{
    struct room *room = *state;
    struct rundir *d = NULL;
    struct cupel_error err;

    check(rundir_create(room->store, &d, &err), &err);
    assert_int_equal(recover(room), 0);
    assert_int_equal(count_runs(room), 1);
    assert_int_equal(faccessat(rundir_fd(d), "lock", F_OK, 0), 0);
    rundir_remove(d);
}

/* A run of another process, which has told its id and waits to be killed. */
struct other {
    pid_t pid;
    char id[64];
};

static void start_other(const struct room *room, struct other *o)
{
    int p[2];
    ssize_t n;

    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    o->pid = fork();
    assert_true(o->pid >= 0);
    if (o->pid == 0) {
        struct rundir *d = NULL;
        struct cupel_error err;

        if (rundir_create(room->store, &d, &err) < 0 ||
            rundir_note_cgroup(d, "/no/such/cupel-group") < 0)
            _exit(1);
        if (file_mkdir_p_at(rundir_fd(d), "deep/tree", 0700) < 0)
            _exit(2);
        if (file_write_all(p[1], rundir_id(d), strlen(rundir_id(d)) + 1) < 0)
            _exit(3);
        for (;;)
            (void)pause();
    }
    (void)close(p[1]);
    n = read(p[0], o->id, sizeof(o->id));
    assert_true(n > 1);
    (void)close(p[0]);
}

static void kill_other(const struct other *o)
{
    int status;

    assert_int_equal(kill(o->pid, SIGKILL), 0);
    assert_int_equal(waitpid(o->pid, &status, 0), o->pid);
    assert_true(WIFSIGNALED(status));
}

static void test_killed_run_is_removed(void **state)
{
    struct room *room = *state;
    struct rundir *mine = NULL;
    struct cupel_error err;
    struct other dead, alive;
    cleanup_free char *path = NULL;

    start_other(room, &dead);
    start_other(room, &alive);
    check(rundir_create(room->store, &mine, &err), &err);
    assert_string_not_equal(dead.id, alive.id);
    assert_int_equal(count_runs(room), 3);
    assert_int_equal(recover(room), 0); /* all three live */
    kill_other(&dead);
    assert_int_equal(recover(room), 1);
    assert_int_equal(count_runs(room), 2);
    path = xasprintf("runs/%s", dead.id);
    assert_int_equal(faccessat(room->store, path, F_OK, 0), -1);
    kill_other(&alive);
    assert_int_equal(recover(room), 1);
    assert_int_equal(recover(room), 0);
    assert_int_equal(count_runs(room), 1);
    rundir_remove(mine);
}

/* A slot lets go of the run: as long as the supervisor lives the run does, whatever becomes of the
 * slot. */
static void test_forgetting_in_a_fork_does_not_unlock(void **state)
{
    struct room *room = *state;
    struct rundir *d = NULL;
    struct cupel_error err;
    int status;
    pid_t pid;

    check(rundir_create(room->store, &d, &err), &err);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        rundir_forget(d);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(recover(room), 0);
    rundir_forget(d); /* now nobody holds it */
    assert_int_equal(recover(room), 1);
    assert_int_equal(count_runs(room), 0);
}

/* What else may lie there: a run that died between mkdir and lock, a file, a link to elsewhere. */
static void test_odd_entries(void **state)
{
    struct room *room = *state;

    assert_int_equal(file_mkdir_p_at(room->store, "runs/unborn/x", 0700), 0);
    assert_int_equal(file_mkdir_p_at(room->store, "elsewhere/kept", 0700), 0);
    assert_int_equal(file_write_atomic_at(room->store, "runs/file", "x", 1, 0600), 0);
    assert_int_equal(symlinkat("../elsewhere", room->store, "runs/link"), 0);
    assert_int_equal(recover(room), 1);
    assert_int_equal(faccessat(room->store, "runs/unborn", F_OK, 0), -1);
    assert_int_equal(faccessat(room->store, "elsewhere/kept", F_OK, 0), 0);
    assert_int_equal(recover(room), 0);
}

/* Missing groups are fine, a line without its end was never acted upon, and a path that is no group
 * of ours is refused: the record is then kept, and the others are still seen to. */
static void test_records(void **state)
{
    static const struct {
        const char *text;
        bool refused;
    } table[] = {
        {"", false},
        {"/no/such/cupel-1\n/no/such/cupel-1/cupel-2\n", false},
        {"/no/such/cupel-1\n/etc", false},
        {"/etc", false},
        {"/etc\n", true},
        {"/no/such/cupel-1\n/etc\n/no/such/cupel-2\n", true},
    };
    struct room *room = *state;

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct cupel_error err = {0};
        size_t removed = 99;
        int r;

        assert_int_equal(file_mkdir_p_at(room->store, "runs/a", 0700), 0);
        assert_int_equal(file_mkdir_p_at(room->store, "runs/b", 0700), 0);
        assert_int_equal(file_write_atomic_at(room->store, "runs/a/cgroups", table[i].text,
                                              strlen(table[i].text), 0600),
                         0);
        r = rundirs_recover(room->store, &removed, &err);
        assert_int_equal(r < 0, table[i].refused);
        /* b is empty, as if its own supervisor were about to remove it: gone, and not counted */
        assert_int_equal(removed, table[i].refused ? 99 : 1);
        assert_int_equal(count_runs(room), table[i].refused ? 1 : 0);
        assert_int_equal(faccessat(AT_FDCWD, "/etc/passwd", F_OK, 0), 0);
        assert_int_equal(file_remove_tree_at(room->store, "runs"), 0);
    }
}

static void test_notes_are_whole_lines(void **state)
{
    struct room *room = *state;
    struct rundir *d = NULL;
    struct cupel_error err;
    cleanup_free char *text = NULL;
    size_t len;

    check(rundir_create(room->store, &d, &err), &err);
    assert_int_equal(rundir_note_cgroup(d, "/a/cupel-1"), 0);
    assert_int_equal(rundir_note_cgroup(d, "/b/cupel-1"), 0);
    assert_int_equal(file_read_at(rundir_fd(d), "cgroups", 1000, &text, &len), 0);
    assert_string_equal(text, "/a/cupel-1\n/b/cupel-1\n");
    rundir_remove(d);
}

/* Two runs of one process (or of two with the same PID, in two PID namespaces) within a
 * millisecond. */
static void test_taken_id(void **state)
{
    struct room *room = *state;

    for (int i = 0; i < 200; i++) {
        struct rundir *a = NULL, *b = NULL;
        struct cupel_error err;

        check(rundir_create(room->store, &a, &err), &err);
        if (rundir_create(room->store, &b, &err) == 0)
            rundir_remove(b);
        if (faccessat(rundir_fd(a), "lock", F_OK, 0) != 0)
            fail_msg("the first run's directory is gone; the second said: %s", err.message);
        rundir_remove(a);
    }
}

/* ---- id ranges ---- */

static void test_ranges_are_distinct(void **state)
{
    enum { N = 8 };
    struct cupel_error err;
    uint32_t base[N + 1];
    int lock[N], p[2], status;
    pid_t pid;

    (void)state;
    if (geteuid() != 0) {
        print_message("SKIPPED: only root has ranges\n");
        skip();
    }
    for (int i = 0; i < N; i++)
        check(idrange_claim(&base[i], &lock[i], &err), &err);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pid = fork(); /* another process meets the same locks */
    assert_true(pid >= 0);
    if (pid == 0) {
        uint32_t other;
        int other_lock;

        if (idrange_claim(&other, &other_lock, &err) < 0 ||
            file_write_all(p[1], &other, sizeof(other)) < 0)
            _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(read(p[0], &base[N], sizeof(base[N])), sizeof(base[N]));
    for (int i = 0; i <= N; i++) {
        assert_int_equal(base[i] % 65536, 0);
        assert_true(base[i] >= 0x70000000 && base[i] <= 0x7ffdffff - 0xffff);
        for (int k = 0; k < i; k++)
            assert_int_not_equal(base[i], base[k]);
    }
    for (int i = 0; i < N; i++)
        (void)close(lock[i]);
    (void)close(p[0]);
    (void)close(p[1]);
}

/* A range is free again once its holder is gone, however that ended. */
static void test_range_comes_back(void **state)
{
    struct cupel_error err;
    uint32_t base = 0;
    int lock = -EBADF, p[2], status, again;
    char name[64];
    pid_t pid;

    (void)state;
    if (geteuid() != 0) {
        print_message("SKIPPED: only root has ranges\n");
        skip();
    }
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (idrange_claim(&base, &lock, &err) < 0 || file_write_all(p[1], &base, sizeof(base)) < 0)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(p[0], &base, sizeof(base)), sizeof(base));
    (void)snprintf(name, sizeof(name), "/run/cupel/ids/%u", (base - 0x70000000) / 65536);
    again = open(name, O_RDWR | O_CLOEXEC);
    assert_true(again >= 0);
    assert_int_equal(flock(again, LOCK_EX | LOCK_NB), -1); /* held */
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    /* waits only if another slot of this machine was quicker */
    assert_int_equal(flock(again, LOCK_EX), 0);
    (void)close(again);
    (void)close(p[0]);
    (void)close(p[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create_and_remove),
        TEST(test_store_that_cannot_be_written),
        TEST(test_live_run_is_untouched),
        TEST(test_killed_run_is_removed),
        TEST(test_forgetting_in_a_fork_does_not_unlock),
        TEST(test_odd_entries),
        TEST(test_taken_id),
        TEST(test_records),
        TEST(test_notes_are_whole_lines),
        cmocka_unit_test(test_ranges_are_distinct),
        cmocka_unit_test(test_range_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
