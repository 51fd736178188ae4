/* SPDX-License-Identifier: Apache-2.0 */
/* The mask over the host: what it hides, what it leaves, seen in a made-up host and through a real
 * overlay. */
#include "test_cache.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

struct mask {
    int host, tree, pin;
    char key[CACHE_KEY_LEN + 1];
};

static void put(const char *dir, const char *path, mode_t mode, const char *text)
{
    cleanup_free char *full = xasprintf("%s/host/%s", dir, path);
    char *slash = strrchr(full, '/');
    cleanup_close int fd = -EBADF;

    *slash = '\0';
    assert_int_equal(file_mkdir_p_at(AT_FDCWD, full, 0755), 0);
    *slash = '/';
    if (text == NULL) {
        assert_int_equal(mkdir(full, 0755), 0);
        assert_int_equal(chmod(full, mode), 0);
        return;
    }
    fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
    assert_int_equal(fchmod(fd, mode), 0);
}

static void put_link(const char *dir, const char *path, const char *target)
{
    cleanup_free char *full = xasprintf("%s/host/%s", dir, path);

    assert_int_equal(symlink(target, full), 0);
}

static void make_host(const char *dir)
{
    put(dir, "usr/bin/tool", 0755, "tool");
    put(dir, "etc/passwd", 0644, "root");
    put(dir, "etc/shadow", 0640, "secret");
    put(dir, "etc/machine-id", 0444, "id");
    put(dir, "etc/app/token", 0600, "secret");
    put(dir, "etc/app/public", 0644, "public");
    put(dir, "etc/closed", 0750, NULL);
    put(dir, "etc/closed/in", 0644, "secret");
    put(dir, "etc/ssh/ssh_config", 0644, "x");
    put(dir, "home/me/.netrc", 0644, "secret");
    put(dir, "root/key", 0644, "secret");
    put(dir, "tmp/socket", 0644, "x");
    put(dir, "data/people/them/.netrc", 0644, "secret");
    put(dir, "vault", 0700, NULL);
    put(dir, "work/project", 0644, "x");
    put(dir, "autograder/source/tests/1.ans", 0644, "3");
    put(dir, "grade/results/results.json", 0644, "{}");
    put(dir, "var/lib/dpkg/status", 0644, "dpkg");
    put(dir, "var/lib/jenkins/secrets", 0644, "secret");
    put(dir, "var/backups/shadow.bak", 0644, "secret");
    put_link(dir, "var/run", "/run");
    put_link(dir, "srv", "data/people");
}

static struct mask make_mask(struct fixture *f)
{
    cleanup_free char *path = xasprintf("%s/host", f->dir);
    struct mask m = {.host = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    struct cupel_error err;

    assert_true(m.host >= 0);
    if (source_host_mask(f->cache, m.host, m.key, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(store_open_layer(f->cache, m.key, &m.tree, &m.pin), 0);
    return m;
}

static void close_mask(struct mask *m)
{
    base_closep(&m->host);
    base_closep(&m->tree);
    base_closep(&m->pin);
}

static bool is_whiteout(int tree, const char *path)
{
    struct stat st;

    return fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
           st.st_rdev == makedev(0, 0);
}

static bool is_opaque(int tree, const char *path, mode_t mode)
{
    char proc[128], value = 0;
    struct stat st;

    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d/%s", tree, path);
    return fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
           (st.st_mode & 07777) == mode && getxattr(proc, "user.overlay.opaque", &value, 1) == 1 &&
           value == 'y';
}

static bool is_absent(int tree, const char *path)
{
    return faccessat(tree, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static void test_what_is_masked(void **state)
{
    static const char *const hidden[] = {
        "etc/shadow", "etc/machine-id", "etc/app/token",   "etc/closed", "etc/ssh", "vault",
        "work",       "var/backups",    "var/lib/jenkins", "autograder", "grade"};
    static const char *const untouched[] = {"etc/passwd",   "etc/app/public",  "usr",
                                            "var/lib/dpkg", "var/run",         "srv",
                                            "home/me",      "data/people/them"};
    struct fixture *f = *state;
    struct mask m;
    struct stat st;

    make_host(f->dir);
    m = make_mask(f);
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
        if (!is_whiteout(m.tree, hidden[i]))
            fail_msg("%s is no whiteout", hidden[i]);
    for (size_t i = 0; i < ARRAY_SIZE(untouched); i++)
        if (!is_absent(m.tree, untouched[i]))
            fail_msg("the mask has an entry for %s", untouched[i]);
    assert_true(is_opaque(m.tree, "root", 0700));
    assert_true(is_opaque(m.tree, "tmp", 01777));
    assert_true(is_opaque(m.tree, "home", 0755));
    assert_true(is_opaque(m.tree, "mnt", 0755));         /* though the host has none */
    assert_true(is_opaque(m.tree, "data/people", 0755)); /* what /srv leads to */
    assert_int_equal(fstatat(m.tree, "etc", &st, 0), 0);
    assert_false(is_opaque(m.tree, "etc", st.st_mode & 07777));
    close_mask(&m);
}

/* Some hosts keep nothing below /var. Where /etc is a link, it is not known what to hide. */
static void test_host_with_little(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *host = xasprintf("%s/host", f->dir);
    struct cupel_error err;
    struct mask m;

    put(f->dir, "usr/etc/shadow", 0640, "secret");
    m = make_mask(f);
    assert_true(is_opaque(m.tree, "root", 0700));
    assert_true(is_absent(m.tree, "usr"));
    close_mask(&m);
    put_link(f->dir, "etc", "usr/etc");
    m.host = open(host, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(source_host_mask(f->cache, m.host, m.key, &err), -ELOOP);
    base_closep(&m.host);
}

/* Where mask and host merge, the mask's mode and owner are what a job sees. */
static void test_parents_keep_their_attributes(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *app = xasprintf("%s/host/etc/app", f->dir);
    struct mask m;
    struct stat st;

    make_host(f->dir);
    assert_int_equal(chmod(app, 02711), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(app, 12, 34), 0);
    assert_int_equal(chmod(app, 02711), 0);
    m = make_mask(f);
    assert_int_equal(fstatat(m.tree, "etc/app", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 02711);
    if (geteuid() == 0) {
        assert_int_equal(st.st_uid, 12);
        assert_int_equal(st.st_gid, 34);
    }
    close_mask(&m);
}

static void test_changed_host_gives_a_new_mask(void **state)
{
    struct fixture *f = *state;
    struct mask a, b, c;

    make_host(f->dir);
    a = make_mask(f);
    b = make_mask(f);
    assert_string_equal(a.key, b.key);
    put(f->dir, "etc/app/another", 0600, "secret");
    c = make_mask(f);
    assert_string_not_equal(a.key, c.key);
    assert_true(is_whiteout(c.tree, "etc/app/another"));
    close_mask(&a);
    close_mask(&b);
    close_mask(&c);
}

/* What a job would see: both layers through the kernel, in a user namespace as a job has. */
static int look_through_overlay(struct fixture *f, const struct mask *m)
{
    static const char *const gone[] = {"etc/shadow",  "etc/app/token",    "etc/closed",
                                       "home/me",     "root/key",         "tmp/socket",
                                       "var/backups", "data/people/them", "vault"};
    static const char *const there[] = {"etc/passwd",          "etc/app/public", "usr/bin/tool",
                                        "var/lib/dpkg/status", "home",           "tmp"};
    cleanup_free char *options = NULL, *at = xasprintf("%s/merged", f->dir);
    cleanup_close int merged = -EBADF;

    options = xasprintf("lowerdir=%s/layers/%s/fs:%s/host,userxattr", f->store, m->key, f->dir);
    if (mkdir(at, 0755) < 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return 77;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("overlay", at, "overlay", 0, options) < 0)
        return 77;
    merged = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
        if (!is_absent(merged, gone[i]))
            return 10 + (int)i;
    for (size_t i = 0; i < ARRAY_SIZE(there); i++)
        if (faccessat(merged, there[i], F_OK, 0) < 0)
            return 30 + (int)i;
    return 0;
}

static void test_through_overlay(void **state)
{
    struct fixture *f = *state;
    struct mask m;
    int status;
    pid_t pid;

    make_host(f->dir);
    m = make_mask(f);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(look_through_overlay(f, &m));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close_mask(&m);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: no overlay in a user namespace here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_real_host(void **state)
{
    struct fixture *f = *state;
    struct cache_source source = {.kind = CACHE_HOST, .name = "host"};
    struct cache_root root = CACHE_ROOT_INIT;
    struct cupel_error err;

    if (cache_prepare(f->cache, &source, &root, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(root.n_layers, 2);
    assert_true(is_opaque(root.layer[0], "tmp", 01777)); /* covers this test's store as well */
    assert_int_equal(faccessat(root.layer[1], "etc/passwd", F_OK, 0), 0);
    cache_root_release(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_masked, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_host_with_little, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_parents_keep_their_attributes, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_changed_host_gives_a_new_mask, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_through_overlay, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_real_host, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
