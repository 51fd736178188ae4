/* SPDX-License-Identifier: Apache-2.0 */
/* The store: its place, one importer a key, nothing visible that is not whole, pins, names, export.
 */
#include "test_cache.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const struct item small[] = {
    {.name = "a", .type = AE_IFDIR, .mtime = 5},
    {.name = "a/f", .data = "x", .uid = 3, .mode = 0600, .mtime = 6},
    {.name = "b", .hardlink = "a/f"},
    {.name = "s", .type = AE_IFLNK, .data = "a/f", .mtime = 7},
    {.name = "x", .data = "y", .mtime = 8, .xattr = "user.kept"},
    {0},
};

static void test_place(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *xdg = xasprintf("%s/xdg", f->dir),
                      *expected = xasprintf("%s/xdg/cupel", f->dir), *tag = NULL;
    struct cache *cache;
    struct cupel_error err;
    struct stat st;
    size_t length;

    assert_string_equal(cache_path(f->cache), f->store);
    assert_int_equal(fstat(cache_dirfd(f->cache), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(file_read_at(cache_dirfd(f->cache), "CACHEDIR.TAG", 4096, &tag, &length), 0);
    assert_true(str_starts(tag, "Signature: 8a477f597d28d172789f06886806bc55\n"));
    assert_int_equal(unsetenv("CUPEL_CACHE"), 0);
    assert_int_equal(setenv("XDG_CACHE_HOME", xdg, 1), 0);
    assert_int_equal(cache_open(&cache, &err), 0);
    assert_string_equal(cache_path(cache), expected);
    cache_close(cache);
    assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
}

static void test_impossible_place(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *beneath_file = xasprintf("%s/CACHEDIR.TAG/store", f->store);
    struct cache *cache = NULL;
    struct cupel_error err;

    assert_int_equal(setenv("CUPEL_CACHE", beneath_file, 1), 0);
    assert_true(cache_open(&cache, &err) < 0);
    assert_null(cache);
    assert_contains(err.message, beneath_file);
    assert_int_equal(err.kind, CUPEL_ERROR_HARNESS);
}

static void test_scratch(void **state)
{
    struct fixture *f = *state;
    struct cache_source source = {.kind = CACHE_SCRATCH, .name = "scratch"};

    for (int i = 0; i < 2; i++) {
        struct cache_root root = CACHE_ROOT_INIT;
        struct cupel_error err;
        struct stat st;

        assert_int_equal(cache_prepare(f->cache, &source, &root, &err), 0);
        assert_int_equal(root.n_layers, 1);
        assert_int_equal(fstat(root.layer[0], &st), 0);
        assert_int_equal(st.st_mode, S_IFDIR | 0755);
        assert_int_equal(st.st_nlink, 2);
        cache_root_release(&root);
    }
    assert_int_equal(count_in(f, "layers"), 1);
}

/* ---- many at once, and killed ---- */

static void count_unpacking(void *data, const struct cache_progress *progress)
{
    if (progress->total == 0 && str_starts(progress->what, "unpacking"))
        (void)__atomic_add_fetch((int *)data, 1, __ATOMIC_SEQ_CST);
}

static int prepare_in_process(struct fixture *f, int start, int *unpacked)
{
    struct cache_source source = {.kind = CACHE_TAR, .name = "r", .tar = f->tar};
    struct cache_root root = CACHE_ROOT_INIT;
    cleanup_free char *text = NULL;
    struct cupel_error err;
    struct cache *cache;
    size_t length;
    char byte;

    if (read(start, &byte, 1) != 0 || cache_open(&cache, &err) < 0)
        return 1;
    cache_watch(cache, count_unpacking, unpacked);
    if (cache_prepare(cache, &source, &root, &err) < 0)
        return 2;
    return file_read_at(root.layer[0], "a/f", 64, &text, &length) == 0 && str_eq(text, "x") ? 0 : 3;
}

#define IMPORTERS 10

static void test_ten_at_once(void **state)
{
    struct fixture *f = *state;
    int *unpacked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int start[2], status;
    pid_t pids[IMPORTERS];

    assert_ptr_not_equal(unpacked, MAP_FAILED);
    make_tar(f->tar, small, "xz");
    assert_int_equal(pipe2(start, O_CLOEXEC), 0);
    for (int i = 0; i < IMPORTERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            (void)close(start[1]);
            _exit(prepare_in_process(f, start[0], unpacked));
        }
    }
    (void)close(start[0]);
    (void)close(start[1]); /* all begin now */
    for (int i = 0; i < IMPORTERS; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(*unpacked, 1);
    assert_int_equal(count_in(f, "layers"), 1);
    assert_int_equal(count_in(f, "tmp"), 0);
    (void)munmap(unpacked, 4096);
}

/* Reports the moment of unpacking through a pipe, and stays in it for ever. */
static void stop_at_unpacking(void *data, const struct cache_progress *progress)
{
    if (!str_starts(progress->what, "unpacking"))
        return;
    (void)!write(*(int *)data, "x", 1);
    for (;;)
        (void)pause();
}

/* What a killed importer had unpacked so far. */
static void leave_something(struct fixture *f)
{
    cleanup_free char *command =
        xasprintf("for d in %s/tmp/*/fs; do echo x >$d/half; done", f->store);

    assert_int_equal(system(command), 0);
}

static void test_killed_import(void **state)
{
    struct fixture *f = *state;
    struct cache_root root;
    int reached[2], status;
    char byte;
    pid_t pid;

    make_tar(f->tar, small, NULL);
    assert_int_equal(pipe2(reached, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct cache_source source = {.kind = CACHE_TAR, .name = "r", .tar = f->tar};
        struct cupel_error err;

        cache_watch(f->cache, stop_at_unpacking, &reached[1]);
        _exit(cache_prepare(f->cache, &source, &root, &err) < 0);
    }
    assert_int_equal(read(reached[0], &byte, 1), 1);
    assert_int_equal(count_in(f, "layers"), 0);
    assert_int_equal(count_in(f, "tmp"), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    leave_something(f);
    root = must_prepare(f);
    assert_content(root.layer[0], "a/f", "x");
    assert_int_equal(faccessat(root.layer[0], "half", F_OK, 0), -1);
    cache_root_release(&root);
    assert_int_equal(count_in(f, "tmp"), 0);
    (void)close(reached[0]);
    (void)close(reached[1]);
}

/* Opening the store clears what dead importers left, and leaves alone what living ones make. */
static void test_sweep(void **state)
{
    static const char dead[] = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
    struct fixture *f = *state;
    cleanup_free char *leftover = xasprintf("tmp/%s/fs/deep", dead);
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    struct cupel_error err;
    struct cache *cache;
    char living[CACHE_KEY_LEN + 1];

    memset(living, 'a', CACHE_KEY_LEN);
    living[CACHE_KEY_LEN] = '\0';
    assert_int_equal(file_mkdir_p_at(cache_dirfd(f->cache), leftover, 0700), 0);
    assert_int_equal(file_write_atomic_at(cache_dirfd(f->cache), "names/a.12.tmp", "x", 1, 0600),
                     0);
    assert_int_equal(file_write_atomic_at(cache_dirfd(f->cache), "names/b.12.tmp", "x", 1, 0600),
                     0);
    assert_int_equal(
        utimensat(cache_dirfd(f->cache), "names/b.12.tmp", (struct timespec[2]){{1, 0}, {1, 0}}, 0),
        0);
    assert_int_equal(store_begin(f->cache, living, &draft, &err), 0);
    assert_int_equal(count_in(f, "tmp"), 2);
    assert_int_equal(cache_open(&cache, &err), 0);
    assert_int_equal(count_in(f, "tmp"), 1);
    assert_int_equal(count_in(f, "names"), 1); /* the other's writer may live */
    assert_true(faccessat(draft.dir, "fs", F_OK, 0) == 0);
    cache_close(cache);
}

/* ---- names, pins, removal, export ---- */

static void import(struct fixture *f, const char *name)
{
    struct cupel_error err;

    if (cache_import(f->cache, &(struct cache_import){.name = name, .path = f->tar}, &err) < 0)
        fail_msg("%s", err.message);
}

static void test_pin_holds_off_remove(void **state)
{
    struct fixture *f = *state;
    struct cache_root root;
    struct cupel_error err;
    char key[65];

    make_tar(f->tar, small, NULL);
    import(f, "one");
    root = must_prepare(f);
    assert_int_equal(cache_remove(f->cache, "one", &err), -EBUSY);
    assert_contains(err.message, "in use");
    assert_int_equal(cache_find(f->cache, "one", key, &err), 0);
    assert_content(root.layer[0], "a/f", "x");
    cache_root_release(&root);
    assert_int_equal(cache_remove(f->cache, "one", &err), 0);
    assert_nothing_left(f);
    assert_int_equal(cache_find(f->cache, "one", key, &err), -ENOENT);
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
}

/* Asks whether a layer is in use while another process asks as well: who asks tries to take its
 * pin, and that is no use of it. */
static void test_asking_is_no_use(void **state)
{
    struct fixture *f = *state;
    struct cupel_error err;
    char key[65];
    size_t wrong = 0;
    pid_t other;

    make_tar(f->tar, small, NULL);
    import(f, "one");
    assert_int_equal(cache_find(f->cache, "one", key, &err), 0);
    other = fork();
    if (other == 0)
        for (;;)
            (void)store_in_use(f->cache, key);
    for (int i = 0; i < 20000; i++)
        wrong += store_in_use(f->cache, key);
    assert_int_equal(kill(other, SIGKILL), 0);
    assert_int_equal(waitpid(other, NULL, 0), other);
    assert_int_equal(wrong, 0);
}

static void test_names(void **state)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "-o", "a b", "x.tmp", "\xff"};
    struct fixture *f = *state;
    struct cache_entry *entries;
    struct cupel_error err;
    char key[65], prefix[65];
    size_t n;

    make_tar(f->tar, small, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(cache_import(f->cache, &(struct cache_import){.name = bad[i], .path = f->tar},
                                 &err) < 0);
    assert_nothing_left(f);
    import(f, "one");
    import(f, "two");
    assert_int_equal(cache_find(f->cache, "two", key, &err), 0);
    (void)snprintf(prefix, sizeof(prefix), "%.6s", key);
    assert_int_equal(cache_find(f->cache, prefix, key, &err), 0);
    assert_int_equal(cache_list(f->cache, &entries, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_string_equal(entries[0].name, "one");
    assert_string_equal(entries[0].kind, "tar");
    assert_string_equal(entries[0].source, "root.tar");
    assert_int_equal(entries[0].entries, 5);
    assert_string_equal(entries[1].name, "two");
    cache_entries_free(entries, n);
    /* the name only: two still has the layer */
    assert_int_equal(cache_remove(f->cache, "one", &err), 0);
    assert_int_equal(count_in(f, "layers"), 1);
    assert_int_equal(cache_remove(f->cache, prefix, &err), 0); /* the layer, with all its names */
    assert_nothing_left(f);
    assert_int_equal(count_in(f, "names"), 0);
}

static void export(struct fixture *f, const char *name, const char *path)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    struct cupel_error err;

    if (cache_export(f->cache, name, fd, &err) < 0)
        fail_msg("%s", err.message);
}

/* What comes out goes in again, and comes out the same to the byte. */
static void test_export(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *first = xasprintf("%s/first.tar", f->dir),
                      *second = xasprintf("%s/second.tar", f->dir);
    cleanup_free char *a = NULL, *b = NULL;
    struct cupel_error err;
    struct stat st;
    struct cache_root root;
    size_t n, m;

    make_tar(f->tar, small, NULL);
    import(f, "one");
    export(f, "one", first);
    free(f->tar);
    f->tar = xstrdup(first);
    import(f, "two");
    export(f, "two", second);
    assert_int_equal(file_read_at(AT_FDCWD, first, 1 << 20, &a, &n), 0);
    assert_int_equal(file_read_at(AT_FDCWD, second, 1 << 20, &b, &m), 0);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    root = must_prepare(f);
    assert_content(root.layer[0], "b", "x");
    assert_int_equal(fstatat(root.layer[0], "b", &st, 0), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(st.st_mtim.tv_sec, 6);
    cache_root_release(&root);
    assert_true(cache_export(f->cache, "nobody", STDOUT_FILENO, &err) < 0);
    assert_contains(err.message, "no root is called 'nobody'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_place, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_impossible_place, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_scratch, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ten_at_once, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_killed_import, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_sweep, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_pin_holds_off_remove, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_asking_is_no_use, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_names, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_export, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
