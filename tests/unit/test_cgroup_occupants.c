/* SPDX-License-Identifier: Apache-2.0 */
/* Who is in a group that has to be empty, on the real kernel: who stays is in the way, and named;
 * who is ending is not. Needs root and a hierarchy of v2; says so and skips where there is none. */
#include "test_cgroup.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Detects a host where a run moves us out of our own group; elsewhere the test is skipped. */
static struct cgroup_host *detect_own_group(void)
{
    struct cgroup_host *host = NULL;
    struct cupel_error err;
    bool move = false;

    check(cgroup_detect(&host, &err), &err);
    for (size_t i = 0; i < host->count; i++)
        move |= host->hierarchy[i].move;
    if (move)
        return host;
    cgroup_host_free(host);
    print_message("SKIPPED: only on v2, in a group of our own\n");
    skip();
    return NULL;
}

/* v2: somebody comes into our group between detection and the run's start. Everything is undone,
 * nobody is harmed. */
static void test_group_gets_occupied(void **state)
{
    cleanup_free char *id = NULL, *after = NULL, *named = NULL;
    struct cgroup_host *host = detect_own_group();
    struct cgroup_run *run = NULL;
    struct cupel_error err;
    pid_t pid;

    (void)state;
    id = run_id("-occupied");
    pid = fork();
    if (pid == 0) {
        alarm(30);
        _exit(pause());
    }
    assert_int_equal(cgroup_run_create(host, id, NULL, NULL, &run, &err), -EBUSY);
    assert_non_null(strstr(err.hint, "systemd-run"));
    named = xasprintf("other processes are in that group: %d (%.15s): ", (int)pid,
                      program_invocation_short_name);
    if (strstr(err.message, named) == NULL)
        fail_msg("%s", err.message);
    after = list_groups(host);
    assert_string_equal(after, "");
    assert_int_equal(kill(pid, SIGKILL), 0); /* it was alive, and is the only other */
    reap(pid);
    check(cgroup_run_create(host, id, NULL, NULL, &run, &err), &err);
    check(cgroup_run_destroy(run, &err), &err);
    cgroup_host_free(host);
}

/* So many files take a while to be closed, and a thread's last are closed while it ends. */
#define FILES 20000

static void open_many_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    for (int i = 0; i < FILES && eventfd(0, EFD_CLOEXEC) >= 0; i++)
        ;
}

static void *end_slowly(void *tid)
{
    assert_int_equal(unshare(CLONE_FILES), 0);
    open_many_files();
    atomic_store((_Atomic pid_t *)tid, gettid());
    return NULL;
}

/* Waits until a thread is ending (PF_EXITING of its flags, proc_pid_stat(5)), or gone. */
static void wait_ending(pid_t tid)
{
    char path[64], text[1024];
    unsigned flags = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d", (int)tid);
    while (group_read(AT_FDCWD, path, "stat", text, sizeof(text)) > 0) {
        assert_int_equal(sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %u", &flags), 1);
        if ((flags & 0x4) != 0)
            return;
    }
}

static pthread_t start_ending_thread(void)
{
    _Atomic pid_t tid = 0;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, end_slowly, &tid), 0);
    while (atomic_load(&tid) == 0)
        (void)sched_yield();
    wait_ending(atomic_load(&tid));
    return thread;
}

/* v2: a thread of ours that is ending cannot move with us, and stays in our group until its files
 * are closed. It is nobody who would be in the way. */
static void test_own_thread_is_ending(void **state)
{
    struct cgroup_host *host = detect_own_group();
    cleanup_free char *id = run_id("-ending");
    struct cgroup_run *run = NULL;
    struct cupel_error err;

    (void)state;
    for (int i = 0; i < 5; i++) {
        pthread_t thread = start_ending_thread();

        check(cgroup_run_create(host, id, NULL, NULL, &run, &err), &err);
        assert_int_equal(pthread_join(thread, NULL), 0);
        check(cgroup_run_destroy(run, &err), &err);
    }
    cgroup_host_free(host);
}

static char *read_proc(const char *path)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    size_t length;

    assert_int_equal(file_read_fd(fd, 4u << 20, &text, &length), 0);
    return text;
}

/* Makes a group of v2, which need have no controllers: "" where none can be made. */
static char *make_v2_group(void)
{
    cleanup_free char *cgroups = read_proc("/proc/self/cgroup");
    cleanup_free char *mounts = read_proc("/proc/self/mountinfo");
    struct cgroup_host host = {0};
    char *dir = NULL;

    detect_parse(&host, cgroups, mounts);
    for (size_t i = 0; i < host.count; i++) {
        const struct hierarchy *h = &host.hierarchy[i];

        if (dir == NULL && h->version == 2 && h->own != NULL)
            dir = xasprintf("%s/cupel-others-%d", h->own, (int)getpid());
        free(h->own);
    }
    if (dir != NULL && mkdir(dir, 0755) == 0)
        return dir;
    free(dir);
    return xstrdup("");
}

/* Starts a process in the group: one that stays, or one that is ending. */
static pid_t start_in(int dirfd, bool ending)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(30);
        if (group_write(dirfd, NULL, "cgroup.procs", "0") < 0)
            _exit(1);
        (void)prctl(PR_SET_NAME, "a\033[2J (b)");
        if (!ending)
            _exit(pause());
        open_many_files();
        _exit(0);
    }
    return pid;
}

static bool has_member(int dirfd)
{
    char text[64];

    return group_read(dirfd, NULL, "cgroup.procs", text, sizeof(text)) > 0;
}

/* Others are who stays: not who is ending, whoever's it is. They are named. */
static void test_others_of_a_group(void **state)
{
    cleanup_free char *dir = NULL, *named = NULL, *nobody = NULL, *wanted = NULL;
    cleanup_close int fd = -EBADF;
    pid_t pid;

    (void)state;
    dir = make_v2_group();
    if (dir[0] == '\0') {
        print_message("SKIPPED: no hierarchy of v2 that groups can be made in\n");
        skip();
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_false(group_has_others(fd));
    assert_true(group_has_others(-EBADF)); /* who cannot tell says yes */
    pid = start_in(fd, true);
    while (!has_member(fd))
        (void)sched_yield();
    wait_ending(pid);
    assert_false(group_has_others(fd));
    nobody = group_name_others(fd);
    assert_string_equal(nobody, "");
    reap(pid);
    pid = start_in(fd, false);
    wanted = xasprintf("%d (a?[2J (b))", (int)pid);
    while (named == NULL || strcmp(named, wanted) != 0) { /* until it has its name */
        free(named);
        named = group_name_others(fd);
    }
    assert_true(group_has_others(fd));
    assert_int_equal(kill(pid, SIGKILL), 0);
    reap(pid);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest on_kernel[] = {
        cmocka_unit_test(test_group_gets_occupied),
        cmocka_unit_test(test_own_thread_is_ending),
        cmocka_unit_test(test_others_of_a_group),
    };

    if (!have_groups(ARRAY_SIZE(on_kernel)))
        return 0;
    return cmocka_run_group_tests_name("who is in a group", on_kernel, NULL, NULL);
}
