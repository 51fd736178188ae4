/* SPDX-License-Identifier: Apache-2.0 */
/* test_sandbox_leaks: what PID 1 says of who is left, where /proc says a lot, nothing, or takes for
 * ever to say it: a directory of ours stands in for it. Each case in a PID namespace of its own,
 * since leaks_find stops everybody in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/init/leaks.h"
#include "harness/sandbox/sandbox.h"

struct room {
    char path[64];
    int fd;
    struct said {
        int n;
        struct init_report list[SANDBOX_LEAKS_MAX];
    } * said;
};

static int setup(void **state)
{
    struct room *room = xcalloc(1, sizeof(*room));

    (void)snprintf(room->path, sizeof(room->path), "/tmp/cupel-test-leaks-XXXXXX");
    if (mkdtemp(room->path) == NULL)
        return -1;
    room->fd = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    room->said =
        mmap(NULL, sizeof(*room->said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *state = room;
    return room->fd < 0 || room->said == MAP_FAILED ? -1 : 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    int r = file_remove_tree_at(AT_FDCWD, room->path);

    (void)munmap(room->said, sizeof(*room->said));
    (void)close(room->fd);
    free(room);
    return r;
}

/* Writes a file without file_write_atomic_at, which waits for the disk. */
static void put(const struct room *room, const char *path, const char *text)
{
    int fd = openat(room->fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static void add_process(const struct room *room, int pid, char state, const char *command)
{
    char dir[16], path[64], text[128];

    (void)snprintf(dir, sizeof(dir), "%d", pid);
    assert_int_equal(mkdirat(room->fd, dir, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/stat", dir);
    (void)snprintf(text, sizeof(text),
                   "%d (x) %c 1 1 1 0 -1 0 0 0 0 0 3 4 0 0 20 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0", pid,
                   state);
    put(room, path, text);
    (void)snprintf(path, sizeof(path), "%s/cmdline", dir);
    put(room, path, command);
}

/* A thread of one whose first thread is dead. */
static void add_thread(const struct room *room, int pid, int thread, char state,
                       const char *command)
{
    char dir[32], path[64], text[128];

    (void)snprintf(path, sizeof(path), "%d/stat", pid);
    (void)snprintf(text, sizeof(text),
                   "%d (x) Z 1 1 1 0 -1 4 0 0 0 0 3 4 0 0 20 0 2 0 0 0 0 0 0 0 0 0 0 0 0 0", pid);
    put(room, path, text);
    (void)snprintf(dir, sizeof(dir), "%d/task", pid);
    (void)mkdirat(room->fd, dir, 0755);
    (void)snprintf(dir, sizeof(dir), "%d/task/%d", pid, thread);
    assert_int_equal(mkdirat(room->fd, dir, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/stat", dir);
    (void)snprintf(text, sizeof(text),
                   "%d (x) %c 1 1 1 0 -1 0 0 0 0 0 3 4 0 0 20 0 2 0 0 0 0 0 0 0 0 0 0 0 0 0",
                   thread, state);
    put(room, path, text);
    (void)snprintf(path, sizeof(path), "%s/cmdline", dir);
    put(room, path, command);
}

/* Adds a process that is as process 100, which is quicker made. */
static void add_same(const struct room *room, int pid)
{
    char name[16];

    (void)snprintf(name, sizeof(name), "%d", pid);
    assert_int_equal(symlinkat("100", room->fd, name), 0);
}

/* Is PID 1 of the namespace, with somebody else in it unless `alone`, so that there is a reason to
 * look. */
_Noreturn static void be_init(const struct room *room, bool alone)
{
    struct init_context ctx = {.proc_mount = room->fd};
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    if (!alone && fork() == 0)
        for (;;)
            (void)pause();
    room->said->n = leaks_find(&ctx, 3, room->said->list);
    _exit(0);
}

static void find(const struct room *room, bool alone)
{
    struct clone_args args = {.flags = CLONE_NEWPID, .exit_signal = SIGCHLD};
    int status = -1;
    pid_t pid;

    if (geteuid() != 0)
        args.flags |= CLONE_NEWUSER;
    room->said->n = -1;
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        be_init(room, alone);
    if (pid < 0) {
        print_message("skipped: no PID namespace can be made here: %s\n", strerror(errno));
        skip();
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_alone(void **state)
{
    const struct room *room = *state;

    add_process(room, 100, 'T', "never looked at");
    find(room, true);
    assert_int_equal(room->said->n, 0);
}

static void test_some(void **state)
{
    const struct room *room = *state;

    add_process(room, 1, 'T', "init itself");
    add_process(room, 100, 'T', "one");
    add_process(room, 4194304, 'T', "two");
    assert_int_equal(mkdirat(room->fd, "sys", 0755), 0);
    find(room, false);
    assert_int_equal(room->said->n, 2);
    for (int i = 0; i < 2; i++) {
        const struct init_report *r = &room->said->list[i];

        assert_int_equal(r->kind, SANDBOX_LEFT_RUNNING);
        assert_int_equal(r->step, 3);
        assert_int_equal(r->errnum, 2);
        assert_int_equal(r->cut, 0);
        assert_int_equal(r->at_ns, 7 * (NSEC_PER_SEC / 100));
        assert_string_equal(r->detail, r->status == 100 ? "one" : "two");
    }
}

static void test_too_many(void **state)
{
    const struct room *room = *state;

    add_process(room, 100, 'T', "x");
    for (int i = 101; i < 2200; i++)
        add_same(room, i);
    find(room, false);
    assert_int_equal(room->said->n, SANDBOX_LEAKS_MAX);
    assert_int_equal(room->said->list[0].errnum, 2048);
    assert_int_equal(room->said->list[SANDBOX_LEAKS_MAX - 1].cut, 1);
}

static void test_behind_the_dead(void **state)
{
    const struct room *room = *state;

    add_process(room, 100, 'Z', "");
    for (int i = 101; i < 2200; i++)
        add_same(room, i);
    add_process(room, 4194304, 'S', "there");
    find(room, false);
    assert_int_equal(room->said->n, 1);
    assert_int_equal(room->said->list[0].cut, 0);
    assert_string_equal(room->said->list[0].detail, "there");
}

/* A process is as alive as its threads are, whatever has become of the first one. */
static void test_by_threads(void **state)
{
    const struct room *room = *state;

    add_process(room, 100, 'Z', "");
    add_thread(room, 100, 100, 'Z', "");
    add_thread(room, 100, 101, 'T', "second");
    add_process(room, 200, 'Z', "");
    add_thread(room, 200, 200, 'Z', "");
    add_thread(room, 200, 201, 'Z', "");
    find(room, false);
    assert_int_equal(room->said->n, 1);
    assert_int_equal(room->said->list[0].status, 100);
    assert_string_equal(room->said->list[0].detail, "second");
    assert_int_equal(room->said->list[0].at_ns, 7 * (NSEC_PER_SEC / 100));
    /* nobody hides behind threads that are dead */
    for (int i = 202; i < 600; i++)
        add_thread(room, 200, i, 'Z', "");
    find(room, false);
    assert_int_equal(room->said->n, 2);
}

/* A FIFO that nobody writes to: as a page fault that nobody serves. */
static void test_for_ever(void **state)
{
    const struct room *room = *state;

    assert_int_equal(mkdirat(room->fd, "101", 0755), 0);
    assert_int_equal(mkfifoat(room->fd, "101/stat", 0644), 0);
    find(room, false);
    assert_int_equal(room->said->n, 1);
    assert_int_equal(room->said->list[0].errnum, 1);
    assert_int_equal(room->said->list[0].cut, 1);
    assert_string_equal(room->said->list[0].detail, "(could not be looked at)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_some, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_behind_the_dead, setup, teardown),
        cmocka_unit_test_setup_teardown(test_by_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_for_ever, setup, teardown),
    };

    return cmocka_run_group_tests_name("sandbox leaks", tests, NULL, NULL);
}
