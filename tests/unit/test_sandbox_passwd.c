/* SPDX-License-Identifier: Apache-2.0 */
/* test_sandbox_passwd: who a job's user is, by a passwd file that may be anything at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/passwd.h"
#include "harness/sandbox/sandbox.h"

struct room {
    char path[64];
    int fd; /* the root */
};

static int setup(void **state)
{
    struct room *room = xcalloc(1, sizeof(*room));

    (void)snprintf(room->path, sizeof(room->path), "/tmp/cupel-test-passwd-XXXXXX");
    if (mkdtemp(room->path) == NULL)
        return -1;
    room->fd = open(room->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = room;
    return room->fd < 0 ? -1 : mkdirat(room->fd, "etc", 0755);
}

static int teardown(void **state)
{
    struct room *room = *state;
    int r = file_remove_tree_at(AT_FDCWD, room->path);

    (void)close(room->fd);
    free(room);
    return r;
}

static void write_passwd(const struct room *room, const void *data, size_t len)
{
    assert_int_equal(file_write_atomic_at(room->fd, "etc/passwd", data, len, 0644), 0);
}

struct who {
    uint32_t uid, gid;
    char home[HOME_SIZE];
    char name[USER_SIZE];
};

static int resolve(const struct room *room, const char *spec, struct who *w)
{
    memset(w, 0x5a, sizeof(*w));
    return passwd_resolve(room->fd, spec, &w->uid, &w->gid, w->home, sizeof(w->home), w->name,
                          sizeof(w->name));
}

static void assert_user(const struct room *room, const char *spec, uint32_t uid, uint32_t gid,
                        const char *home, const char *name)
{
    struct who w;

    assert_int_equal(resolve(room, spec, &w), 0);
    assert_int_equal(w.uid, uid);
    assert_int_equal(w.gid, gid);
    assert_string_equal(w.home, home);
    assert_string_equal(w.name, name);
}

static void assert_refused(const struct room *room, const char *spec, int error)
{
    struct who w;

    assert_int_equal(resolve(room, spec, &w), error);
}

static const char ordinary[] = "root:x:0:0:root:/root:/bin/bash\n"
                               "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
                               "build:x:1000:100:Build,,,:/home/build:/bin/sh\n"
                               "last:x:7:8::/last:";

static void test_ordinary_file(void **state)
{
    struct room *room = *state;

    write_passwd(room, ordinary, strlen(ordinary));
    assert_user(room, "root", 0, 0, "/root", "root");
    assert_user(room, "0", 0, 0, "/root", "root");
    assert_user(room, "nobody", 65534, 65534, "/nonexistent", "nobody");
    assert_user(room, "build", 1000, 100, "/home/build", "build");
    assert_user(room, "1000", 1000, 100, "/home/build", "build");
    assert_user(room, "1000:5", 1000, 5, "/home/build", "build");
    assert_user(room, "1000:0", 1000, 0, "/home/build", "build");
    assert_user(room, "last", 7, 8, "/last", "last"); /* without a line's end */
    assert_user(room, "007", 7, 8, "/last", "last");
    assert_user(room, "4242", 4242, 4242, "/", "4242");
    assert_user(room, "4242:1", 4242, 1, "/", "4242");
    assert_user(room, "65535", 65535, 65535, "/", "65535");
    assert_refused(room, "buil", -ENOENT);
    assert_refused(room, "builder", -ENOENT);
}

static void test_specifications_that_are_no_users(void **state)
{
    static const struct {
        const char *spec;
        int error;
    } table[] = {
        {"65536", -ERANGE}, /* outside of the map */
        {"4294967296", -ERANGE}, {"4294967295", -ERANGE},
        {"-1", -ENOENT},         {"+1", -ENOENT},
        {" 1", -ENOENT},         {"0x0", -ENOENT},
        {"1000 ", -ENOENT},      {"1000:", -ENOENT},
        {"1000:x", -ENOENT},     {"1000:65536", -ERANGE},
        {"1000:1:1", -ENOENT},   {"build:100", -ENOENT},
        {"1e3", -ENOENT},        {"99999999999999999999", -ERANGE},
        {"build:x", -ENOENT},    {"", -ENOENT},
    };
    struct room *room = *state;

    write_passwd(room, ordinary, strlen(ordinary));
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        assert_refused(room, table[i].spec, table[i].error);
}

static void test_without_a_file(void **state)
{
    struct room *room = *state;

    assert_user(room, "root", 0, 0, "/root", "root");
    assert_user(room, "1000:5", 1000, 5, "/", "1000");
    assert_refused(room, "nobody", -ENOENT);
    assert_int_equal(unlinkat(room->fd, "etc", AT_REMOVEDIR), 0);
    assert_user(room, "root", 0, 0, "/root", "root");
    assert_int_equal(file_write_atomic_at(room->fd, "etc", "x", 1, 0644), 0); /* /etc is a file */
    assert_user(room, "0", 0, 0, "/root", "root");
}

/* Lines that are no entries are passed over; the first that is one counts. */
static void test_malformed_lines(void **state)
{
    static const char text[] = "\n"
                               ":::::::\n"
                               "u\n"
                               "u:x\n"
                               "u:x:1:1:g:/h\n"     /* six fields */
                               "u:x::1:g:/h:/s\n"   /* no uid */
                               "u:x:-1:1:g:/h:/s\n" /* signs, blanks, bases */
                               "u:x:+1:1:g:/h:/s\n"
                               "u:x: 1:1:g:/h:/s\n"
                               "u:x:0x1:1:g:/h:/s\n"
                               "u:x:1a:1:g:/h:/s\n"
                               "u:x:65536:1:g:/h:/s\n" /* outside of the map */
                               "u:x:4294967297:1:g:/h:/s\n"
                               "u:x:18446744073709551617:1:g:/h:/s\n"
                               "u:x:1:65536:g:/h:/s\n"
                               "u:x:1::g:/h:/s\n"
                               "+u::::::\n"
                               "\xff\xfe:x:1:1:g:/h:/s\n"
                               "u:x:9:10:g:/home/u:/s:more:fields\n"
                               "u:x:11:12:g:/second:/s\n";
    struct room *room = *state;

    write_passwd(room, text, strlen(text));
    assert_user(room, "u", 9, 10, "/home/u", "u");
    assert_user(room, "11", 11, 12, "/second", "u");
    assert_user(room, "1", 1, 1, "/h", "\xff\xfe");
}

/* What goes into HOME and USER is short and holds no control characters, whatever the file says. */
static void test_homes_and_names_that_are_not_clean(void **state)
{
    struct room *room = *state;
    struct strbuf b = {0};
    struct who w;

    strbuf_adds(
        &b,
        "tab:x:1:1::/ho\tme:/s\nesc:x:2:2::/\x1b[31m:/s\ndel:x:3:3::/\x7f:/s\nnone:x:4:4:::/s\n");
    strbuf_adds(
        &b,
        "cr:x:5:5::/x\r:/s\nbad\tname:x:6:6::/ok:/s\nroot:x:0:0::\x01:/s\n:x:12:12::/empty:/s\n");
    strbuf_adds(&b, "long:x:7:7::/");
    for (size_t i = 0; i < HOME_SIZE; i++)
        strbuf_adds(&b, "h");
    strbuf_adds(&b, ":/s\nfits:x:8:8::/");
    for (size_t i = 0; i < HOME_SIZE - 2; i++)
        strbuf_adds(&b, "h");
    strbuf_adds(&b, ":/s\n");
    for (size_t i = 0; i < USER_SIZE; i++)
        strbuf_adds(&b, "n");
    strbuf_adds(&b, ":x:9:9::/nine:/s\n");
    write_passwd(room, b.data, b.len);
    strbuf_free(&b);
    assert_user(room, "tab", 1, 1, "/", "tab");
    assert_user(room, "esc", 2, 2, "/", "esc");
    assert_user(room, "del", 3, 3, "/", "del");
    assert_user(room, "none", 4, 4, "/", "none");
    assert_user(room, "cr", 5, 5, "/", "cr");
    assert_user(room, "6", 6, 6, "/ok", "6");
    assert_user(room, "root", 0, 0, "/root", "root");
    assert_user(room, "12", 12, 12, "/empty", "12");
    assert_user(room, "long", 7, 7, "/", "long");
    assert_user(room, "9", 9, 9, "/nine", "9");
    assert_int_equal(resolve(room, "fits", &w), 0);
    assert_int_equal(strlen(w.home), HOME_SIZE - 1);
}

static void test_nul_ends_the_file(void **state)
{
    static const char text[] = "a:x:1:1::/a:/s\nb:x:2:2::/b\0c:/s\nd:x:4:4::/d:/s\n";
    struct room *room = *state;

    write_passwd(room, text, sizeof(text) - 1);
    assert_user(room, "a", 1, 1, "/a", "a");
    assert_refused(room, "b", -ENOENT);
    assert_refused(room, "d", -ENOENT);
    write_passwd(room, "\0root:x:5:5::/:/s\n", 18);
    assert_user(room, "root", 0, 0, "/root", "root");
}

static void test_huge_files(void **state)
{
    struct room *room = *state;
    struct strbuf b = {0};

    while (b.len < 250 * 1024)
        strbuf_addf(&b, "u%zu:x:1:1::/:/s\n", b.len);
    strbuf_adds(&b, "last:x:77:78::/last:/s\n");
    write_passwd(room, b.data, b.len);
    assert_user(room, "last", 77, 78, "/last", "last");
    while (b.len < 256 * 1024 + 10)
        strbuf_adds(&b, "x");
    write_passwd(room, b.data, b.len);
    strbuf_free(&b);
    assert_refused(room, "last", -EFBIG);
    assert_refused(room, "0", -EFBIG);
    {
        cleanup_close int fd = openat(room->fd, "etc/passwd", O_WRONLY | O_TRUNC | O_CLOEXEC);

        /* a terabyte of nothing is not read either */
        assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
    }
    assert_refused(room, "last", -EFBIG);
}

static void test_no_regular_file(void **state)
{
    struct room *room = *state;

    assert_int_equal(mkfifoat(room->fd, "etc/passwd", 0644), 0);
    assert_refused(room, "root", -EINVAL); /* and does not hang */
    assert_int_equal(unlinkat(room->fd, "etc/passwd", 0), 0);
    assert_int_equal(mkdirat(room->fd, "etc/passwd", 0755), 0);
    assert_refused(room, "root", -EINVAL);
    assert_int_equal(unlinkat(room->fd, "etc/passwd", AT_REMOVEDIR), 0);
    if (mknodat(room->fd, "etc/passwd", S_IFCHR | 0666, makedev(1, 5)) < 0) {
        print_message("SKIPPED: no right to make a device node\n");
        skip();
    }
    assert_refused(room, "root", -EINVAL);
}

/* The host's file is never read: its users are unknown to the root. */
static void test_links_stay_in_the_root(void **state)
{
    static const char *const targets[] = {"/etc/shadow", "../../../../../../../../etc/group",
                                          "/proc/self/root/etc/group"};
    struct room *room = *state;

    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        assert_int_equal(symlinkat(targets[i], room->fd, "etc/passwd"), 0);
        assert_refused(room, "nobody", -ENOENT);
        assert_user(room, "root", 0, 0, "/root", "root");
        assert_int_equal(unlinkat(room->fd, "etc/passwd", 0), 0);
    }
    assert_int_equal(file_write_atomic_at(room->fd, "users", "u:x:5:6::/u:/s\n", 15, 0644), 0);
    assert_int_equal(symlinkat("/users", room->fd, "etc/passwd"), 0);
    assert_user(room, "u", 5, 6, "/u", "u");
    assert_int_equal(unlinkat(room->fd, "etc/passwd", 0), 0);
    assert_int_equal(symlinkat("passwd", room->fd, "etc/passwd"), 0);
    assert_refused(room, "u", -ELOOP);
    assert_int_equal(file_remove_tree_at(room->fd, "etc"), 0);
    /* a loop in the root, the host's /etc outside of it */
    assert_int_equal(symlinkat("/etc", room->fd, "etc"), 0);
    assert_refused(room, "nobody", -ELOOP);
}

/* ---- the passwd file of a root's layers ---- */

/* Three layers, top first, beneath the room; the lowest has `u`. */
static void make_layers(const struct room *room, int layers[static 3])
{
    for (int i = 0; i < 3; i++) {
        char path[16];

        (void)snprintf(path, sizeof(path), "l%d/etc", i);
        assert_int_equal(file_mkdir_p_at(room->fd, path, 0755), 0);
        path[2] = '\0';
        layers[i] = openat(room->fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(layers[i] >= 0);
    }
    assert_int_equal(file_write_atomic_at(layers[2], "etc/passwd", "u:x:5:6::/u:/s\n", 15, 0644),
                     0);
}

static int find_in_layers(const int layers[static 3], const char *spec, struct sandbox_user *ret)
{
    return sandbox_user_find(layers, 3, spec, ret);
}

static void close_layers(const struct room *room, int layers[static 3])
{
    for (int i = 0; i < 3; i++) {
        char name[8];

        (void)close(layers[i]);
        (void)snprintf(name, sizeof(name), "l%d", i);
        assert_int_equal(file_remove_tree_at(room->fd, name), 0);
    }
}

static void test_topmost_layer_counts(void **state)
{
    const struct room *room = *state;
    struct sandbox_user u;
    int layers[3];

    make_layers(room, layers);
    assert_int_equal(find_in_layers(layers, "u", &u), 0);
    assert_int_equal(u.uid, 5);
    assert_int_equal(u.gid, 6);
    assert_string_equal(u.home, "/u");
    assert_int_equal(file_write_atomic_at(layers[1], "etc/passwd", "u:x:7:8::/v:/s\n", 15, 0644),
                     0);
    assert_int_equal(find_in_layers(layers, "u", &u), 0);
    assert_int_equal(u.uid, 7);
    assert_int_equal(find_in_layers(layers, "v", &u), -ENOENT);
    assert_int_equal(find_in_layers(layers, "9:10", &u), 0);
    assert_int_equal(u.gid, 10);
    close_layers(room, layers);
}

/* What an upper layer deletes, a lower one no longer has. */
static void test_whiteouts_of_layers(void **state)
{
    const struct room *room = *state;
    struct sandbox_user u;
    int layers[3], fd;

    make_layers(room, layers);
    if (mknodat(layers[1], "etc/passwd", S_IFCHR, makedev(0, 0)) < 0) {
        print_message("SKIP: cannot make whiteouts here: %s\n", strerror(errno));
        close_layers(room, layers);
        skip();
    }
    assert_int_equal(find_in_layers(layers, "u", &u), -ENOENT);
    assert_int_equal(unlinkat(layers[1], "etc/passwd", 0), 0);
    fd = openat(layers[1], "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) <
        0) /* tmpfs has had such attributes since Linux 6.6 */
        assert_int_equal(fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0), 0);
    (void)close(fd);
    assert_int_equal(find_in_layers(layers, "u", &u), -ENOENT);
    assert_int_equal(unlinkat(layers[1], "etc", AT_REMOVEDIR), 0);
    assert_int_equal(find_in_layers(layers, "u", &u), 0);
    assert_int_equal(mknodat(layers[1], "etc", S_IFCHR, makedev(0, 0)), 0);
    assert_int_equal(find_in_layers(layers, "u", &u), -ENOENT);
    close_layers(room, layers);
}

/* Links are not followed: what they lead to is not known before the layers are one. */
static void test_links_in_layers(void **state)
{
    const struct room *room = *state;
    struct sandbox_user u;
    int layers[3];

    make_layers(room, layers);
    assert_int_equal(symlinkat("/etc/passwd", layers[0], "etc/passwd"), 0);
    assert_int_equal(find_in_layers(layers, "nobody", &u), -ELOOP);
    assert_int_equal(unlinkat(layers[0], "etc/passwd", 0), 0);
    assert_int_equal(unlinkat(layers[0], "etc", AT_REMOVEDIR), 0);
    assert_int_equal(symlinkat("/etc", layers[0], "etc"), 0);
    assert_int_equal(find_in_layers(layers, "nobody", &u), -ELOOP);
    assert_int_equal(unlinkat(layers[0], "etc", 0), 0);
    assert_int_equal(mkdirat(layers[0], "etc", 0755), 0);
    assert_int_equal(mkfifoat(layers[0], "etc/passwd", 0644), 0);
    assert_int_equal(find_in_layers(layers, "u", &u), -EINVAL);
    close_layers(room, layers);
}

static void test_names_of_layers(void **state)
{
    const struct room *room = *state;
    cleanup_strbuf struct strbuf names = {0};
    cleanup_free char *nearest = NULL;
    int layers[3];

    make_layers(room, layers);
    assert_int_equal(file_write_atomic_at(layers[0], "etc/passwd",
                                          "root:x:0:0\n:\nalice:x:1\nbob:x:2\nno colon\n", 41,
                                          0644),
                     0);
    sandbox_user_names(layers, 3, "alcie", 2, &names, &nearest);
    assert_string_equal(names.data, "root, alice, ...");
    assert_string_equal(nearest, "alice");
    close_layers(room, layers);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ordinary_file),
        TEST(test_specifications_that_are_no_users),
        TEST(test_without_a_file),
        TEST(test_malformed_lines),
        TEST(test_homes_and_names_that_are_not_clean),
        TEST(test_nul_ends_the_file),
        TEST(test_huge_files),
        TEST(test_no_regular_file),
        TEST(test_links_stay_in_the_root),
        TEST(test_topmost_layer_counts),
        TEST(test_whiteouts_of_layers),
        TEST(test_links_in_layers),
        TEST(test_names_of_layers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
