/* SPDX-License-Identifier: Apache-2.0 */
/* Children that handle hostile bytes: what they cannot do any more, and what their parent makes of
 * one that lies, hangs on to nothing, eats memory or dies. */
#include "rootfs-cache/confined/child.h"
#include "test_cache.h"

#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* Where a child's descriptors are (child.c: keep_only). */
#define CHILD_FD 3
#define CHILD_SOCKET 4
#define PACKET_ASK 0u
#define PACKET_PART 1u
#define PACKET_RESULT 2u

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "line %d: %s", __LINE__,       \
                                   #condition);                                                    \
    } while (0)
#define REFUSED(call) MUST((call) < 0 && errno == EPERM)

static int open_it(void *data, const char *name)
{
    const struct fixture *f = data;
    cleanup_free char *path = xasprintf("%s/%s", f->dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* `seconds`: of CPU that the reader has; 0: what is usual. */
static int ask(struct fixture *f, child_reader_fn *reader, unsigned seconds, char **ret_reply,
               size_t *ret_length, struct cupel_error *err)
{
    cleanup_close int place = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct child_work work = {.reader = reader,
                              .arg = f,
                              .what = "read 'it'",
                              .tree = place,
                              .fd = -EBADF,
                              .keep = -EBADF,
                              .seconds = seconds,
                              .open = open_it,
                              .open_data = f};

    return child_read(&work, ret_reply, ret_length, err);
}

static void expect_no_answer_within(struct fixture *f, child_reader_fn *reader, unsigned seconds,
                                    const char *part)
{
    char *reply = NULL;
    size_t length;
    struct cupel_error err = {0};

    if (ask(f, reader, seconds, &reply, &length, &err) >= 0)
        fail_msg("not refused: expected '%s'", part);
    assert_null(reply);
    assert_contains(err.message, part);
    for (const char *p = err.message; *p != '\0'; p++)
        assert_true((unsigned char)*p >= 0x20);
}

static void expect_no_answer(struct fixture *f, child_reader_fn *reader, const char *part)
{
    expect_no_answer_within(f, reader, 0, part);
}

/* ---- what a reader cannot do ---- */

static int try_everything(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                          struct cupel_error *err)
{
    char buffer[16];
    struct stat st;

    (void)arg;
    (void)self;
    (void)fd;
    REFUSED(open("/etc/passwd", O_RDONLY));
    REFUSED(openat(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY));
    REFUSED(creat("x", 0600));
    REFUSED(mkdir("x", 0700));
    REFUSED(unlink("root.tar"));
    REFUSED(rename("store", "other"));
    REFUSED(readlink("/proc/self/exe", buffer, sizeof(buffer)));
    REFUSED(chroot("."));
    REFUSED(chdir(".."));
    REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
    REFUSED(fork());
    REFUSED(kill(getppid(), 0)); /* getppid is not among the few: -1, all processes */
    REFUSED(syscall(SYS_execve, "/bin/true", NULL, NULL));
    REFUSED(syscall(SYS_ptrace, 0, 0, 0, 0));
    REFUSED(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0));
    REFUSED(unshare(CLONE_NEWUSER));
    REFUSED(mount("none", ".", "tmpfs", 0, NULL));
    REFUSED(setuid(1000));
    REFUSED(ioctl(0, 0x5413 /* TIOCGWINSZ */, buffer));
    REFUSED(syscall(SYS_write, 0x100000001L, "x", 1L)); /* the same to the kernel */
    REFUSED(write(1, "x", 1));                          /* the terminal */
    MUST(fstat(CHILD_SOCKET, &st) == 0);
    MUST(fstat(CHILD_SOCKET + 1, &st) < 0 && errno == EBADF); /* nothing of the harness is open */
    strbuf_adds(reply, "done");
    return 0;
}

static void test_reader_has_nothing(void **state)
{
    cleanup_free char *reply = NULL;
    size_t length;
    struct cupel_error err = {0};

    if (ask(*state, try_everything, 0, &reply, &length, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(reply, "done");
    assert_int_equal(length, 4);
}

static int try_from_tree(void *arg, int fd, struct child_counts *counts, struct cupel_error *err)
{
    struct {
        struct file_handle handle;
        char space[128];
    } handle = {.handle = {.handle_bytes = 128}};
    int id;

    (void)arg;
    (void)fd;
    REFUSED(name_to_handle_at(AT_FDCWD, ".", &handle.handle, &id, 0));
    REFUSED(open_by_handle_at(AT_FDCWD, &handle.handle, O_RDONLY));
    REFUSED(socket(AF_INET, SOCK_STREAM, 0));
    REFUSED(fork());
    REFUSED(execl("/bin/true", "true", NULL));
    REFUSED(chroot("."));
    REFUSED(mount("none", ".", "tmpfs", 0, NULL));
    REFUSED(unshare(CLONE_NEWNS));
    MUST(mkdir("made", 0700) == 0);
    MUST(access("/made", F_OK) == 0); /* the tree is the root */
    counts->entries = 42;
    return 0;
}

static void test_tree_is_all_there_is(void **state)
{
    struct fixture *f = *state;
    cleanup_close int tree = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct child_work work = {
        .fn = try_from_tree, .what = "work", .tree = tree, .fd = -EBADF, .keep = -EBADF};
    struct child_counts counts = {0};
    struct cupel_error err = {0};

    if (geteuid() != 0) {
        print_message("skipped: only root makes the tree the root directory\n");
        skip();
    }
    if (child_run(&work, &counts, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(counts.entries, 42);
}

/* ---- asking ---- */

static int ask_for_files(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                         struct cupel_error *err)
{
    cleanup_close int one = child_ask(self, "one");
    char text[8] = "";

    (void)arg;
    (void)fd;
    MUST(one >= 0);
    MUST(read(one, text, sizeof(text) - 1) == 3);
    MUST(child_ask(self, "nothing") == -ENOENT);
    strbuf_adds(reply, text);
    return 0;
}

static int ask_for_ever(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                        struct cupel_error *err)
{
    (void)arg;
    (void)fd;
    (void)reply;
    (void)err;
    while (arg != NULL) {
        int one = child_ask(self, "one");

        base_closep(&one);
    }
    return 0;
}

static void test_asking(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *path = xasprintf("%s/one", f->dir), *reply = NULL;
    size_t length;
    struct cupel_error err = {0};

    assert_int_equal(file_write_atomic_at(AT_FDCWD, path, "abc", 3, 0600), 0);
    if (ask(f, ask_for_files, 0, &reply, &length, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(reply, "abc");
    expect_no_answer(f, ask_for_ever, "did not do its work");
}

/* ---- lies ---- */

static int say(unsigned kind, const void *data, size_t length)
{
    char packet[20000];

    memcpy(packet, &kind, sizeof(kind));
    memcpy(packet + 8, data, length);
    return socket_send(CHILD_SOCKET, packet, 8 + length, NULL, 0);
}

static int say_nonsense(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                        struct cupel_error *err)
{
    (void)arg, (void)self, (void)fd, (void)reply, (void)err;
    (void)say(77, "x", 1);
    while (arg != NULL)
        (void)sched_yield();
    return 0;
}

static int say_short_result(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                            struct cupel_error *err)
{
    (void)arg, (void)self, (void)fd, (void)reply, (void)err;
    (void)say(PACKET_RESULT, "x", 1);
    while (arg != NULL)
        (void)sched_yield();
    return 0;
}

static int say_no_end(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                      struct cupel_error *err)
{
    static char block[16384];

    (void)arg, (void)self, (void)fd, (void)reply, (void)err;
    while (arg != NULL)
        (void)say(PACKET_PART, block, sizeof(block));
    return 0;
}

static int reply_too_much(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                          struct cupel_error *err)
{
    cleanup_free char *much = xcalloc(1, CHILD_REPLY_MAX + 1);

    (void)arg, (void)self, (void)fd, (void)err;
    strbuf_add(reply, much, CHILD_REPLY_MAX + 1);
    return 0;
}

static int err_with_escapes(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                            struct cupel_error *err)
{
    (void)arg, (void)self, (void)fd, (void)reply;
    memset(err, 'z', sizeof(*err)); /* no NUL anywhere, and a kind that there is not */
    memcpy(err->message, "\033[31mred\n\x9b", 10);
    return -EINVAL;
}

static int die(void *arg, struct child_self *self, int fd, struct strbuf *reply,
               struct cupel_error *err)
{
    (void)arg, (void)self, (void)fd, (void)reply, (void)err;
    _exit(0);
}

static int send_descriptors(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                            struct cupel_error *err)
{
    int fds[] = {CHILD_SOCKET, CHILD_SOCKET, CHILD_SOCKET};
    unsigned kind[3] = {77, 0, 0};

    (void)arg, (void)self, (void)fd, (void)reply, (void)err;
    (void)socket_send(CHILD_SOCKET, kind, sizeof(kind), fds, 3);
    while (arg != NULL)
        (void)sched_yield();
    return 0;
}

static size_t open_files(void)
{
    struct dirent **names;
    int n = scandir("/proc/self/fd", &names, NULL, NULL);

    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return (size_t)n;
}

static void test_lies(void **state)
{
    struct fixture *f = *state;
    size_t before = open_files();

    expect_no_answer(f, say_nonsense, "did not do its work");
    expect_no_answer(f, say_short_result, "did not do its work");
    expect_no_answer(f, say_no_end, "did not do its work");
    expect_no_answer(f, reply_too_much, "Argument list too long");
    expect_no_answer(f, err_with_escapes, "?[31mred?");
    expect_no_answer(f, die, "gave no result");
    expect_no_answer(f, send_descriptors, "did not do its work");
    assert_int_equal(open_files(), before);
}

/* ---- memory ---- */

static int eat(void *arg, struct child_self *self, int fd, struct strbuf *reply,
               struct cupel_error *err)
{
    (void)arg, (void)self, (void)fd, (void)reply, (void)err;
    while (arg != NULL) {
        char *p = xmalloc(1 << 20);

        memset(p, 1, 1 << 20);
    }
    return 0;
}

static void test_memory(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    print_message("skipped: memory is not bounded under AddressSanitizer\n");
    skip();
#endif
    expect_no_answer(*state, eat, "ran out of the 256 MiB that it may have");
}

/* ---- time ---- */

static int compute(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                   struct cupel_error *err)
{
    (void)self, (void)fd, (void)reply, (void)err;
    for (volatile unsigned n = 0; arg != NULL; n++)
        ;
    return 0;
}

static void test_time(void **state)
{
    expect_no_answer_within(*state, compute, 1, "took too long: it may compute for 1 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reader_has_nothing, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_tree_is_all_there_is, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_asking, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_lies, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_memory, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_time, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
