/* SPDX-License-Identifier: Apache-2.0 */
/* The lock file: what is noted is what is read again, and a root is that or refused; a file that is
 * damaged anywhere is refused whole. */
#include "test_cache.h"

static const struct item first[] = {{.name = "a", .data = "1"}, {0}},
                         second[] = {{.name = "a", .data = "2"}, {0}};

static struct cache_source tar_source(const struct fixture *f)
{
    return (struct cache_source){.kind = CACHE_TAR, .name = "r", .tar = f->tar};
}

static struct cache_lockfile *open_lock(const struct fixture *f, const char *job_file)
{
    struct cache_lockfile *lockfile = NULL;
    struct cupel_error err;

    if (cache_lockfile_open(f->dir, job_file, &lockfile, &err) < 0)
        fail_msg("%s", err.message);
    return lockfile;
}

static void lock_tar(const struct fixture *f, const char *job_file)
{
    struct cache_lockfile *lockfile = open_lock(f, job_file);
    struct cache_source source = tar_source(f);
    struct cache_root root = CACHE_ROOT_INIT;
    struct cupel_error err;

    assert_int_equal(cache_prepare(f->cache, &source, &root, &err), 0);
    assert_int_equal(cache_lockfile_note(lockfile, f->cache, "r", &source, &root, &err), 0);
    cache_root_release(&root);
    assert_int_equal(cache_lockfile_write(lockfile, &err), 0);
    cache_lockfile_close(lockfile);
}

static int prepare_locked(const struct fixture *f, const char *job_file,
                          const struct cache_source *source, struct cupel_error *err)
{
    struct cache_lockfile *lockfile = open_lock(f, job_file);
    struct cache_root root = CACHE_ROOT_INIT;
    int r = cache_prepare_locked(f->cache, lockfile, "r", source, &root, err);

    assert_true((r == 0) == (root.n_layers > 0)); /* untouched on failure */
    cache_root_release(&root);
    cache_lockfile_close(lockfile);
    return r;
}

static void read_lock(const struct fixture *f, char **ret_text)
{
    cleanup_free char *path = xasprintf("%s/cupel.lock", f->dir);
    size_t length;

    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, ret_text, &length), 0);
}

static void write_lock(const struct fixture *f, const char *text, size_t length)
{
    cleanup_free char *path = xasprintf("%s/cupel.lock", f->dir);

    assert_int_equal(file_write_atomic_at(AT_FDCWD, path, text, length, 0644), 0);
}

static void test_same_or_refused(void **state)
{
    struct fixture *f = *state;
    struct cache_source source = tar_source(f), other = {.kind = CACHE_SCRATCH, .name = "r"};
    struct cupel_error err;

    make_tar(f->tar, first, NULL);
    assert_true(prepare_locked(f, "x/job.yaml", &source, &err) < 0);
    assert_contains(err.message, "there is no lock file");
    assert_contains(err.hint, "cupel rootfs lock");
    lock_tar(f, "x/job.yaml");
    assert_int_equal(prepare_locked(f, "job.yaml", &source, &err), 0);
    assert_true(prepare_locked(f, "other.yaml", &source, &err) < 0);
    assert_contains(err.message, "says nothing about 'other.yaml'");
    assert_int_equal(prepare_locked(f, "other.yaml", &other, &err), 0); /* scratch */
    other.kind = CACHE_HOST;
    assert_true(prepare_locked(f, "job.yaml", &other, &err) < 0);
    assert_contains(err.message, "cannot be locked");
    make_tar(f->tar, second, NULL);
    assert_true(prepare_locked(f, "job.yaml", &source, &err) < 0);
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_contains(err.message, "is not what it was locked as");
    other = (struct cache_source){.kind = CACHE_NAMED, .name = "r"};
    assert_true(prepare_locked(f, "job.yaml", &other, &err) < 0);
    assert_contains(err.message, "was locked as another one");
    assert_contains(err.message, "imported is r, locked is nothing");
}

struct told {
    size_t same, different;
    char *last;
};

static void tell(void *data, const char *root, const char *difference)
{
    struct told *told = data;

    assert_string_equal(root, "r");
    if (difference == NULL) {
        told->same++;
        return;
    }
    told->different++;
    free(told->last);
    told->last = xstrdup(difference);
}

static void test_compare_and_write(void **state)
{
    struct fixture *f = *state;
    struct cache_source source = tar_source(f);
    struct cache_root root = CACHE_ROOT_INIT;
    struct cache_lockfile *lockfile;
    struct told told = {0};
    struct cupel_error err;
    cleanup_free char *before = NULL, *after = NULL;

    make_tar(f->tar, first, NULL);
    lock_tar(f, "b.yaml");
    lock_tar(f, "a.yaml");
    read_lock(f, &before);
    lock_tar(f, "b.yaml");
    read_lock(f, &after);
    assert_string_equal(after, before);
    assert_contains(strstr(before, "a.yaml"), "b.yaml"); /* sorted, and both there */
    assert_contains(before, "\"tar\": \"root.tar\"");    /* from the lock file's directory */

    make_tar(f->tar, second, NULL);
    lockfile = open_lock(f, "a.yaml");
    assert_int_equal(cache_lockfile_compare(lockfile, tell, &told), 1);
    assert_string_equal(told.last, "no root of the job file any more");
    assert_int_equal(cache_prepare(f->cache, &source, &root, &err), 0);
    assert_int_equal(cache_lockfile_note(lockfile, f->cache, "r", &source, &root, &err), 0);
    cache_root_release(&root);
    assert_int_equal(cache_lockfile_compare(lockfile, tell, &told), 1);
    assert_contains(told.last, "sha256 is ");
    assert_contains(told.last, ", locked is ");
    cache_lockfile_close(lockfile);
    assert_int_equal(told.same, 0);
    free(told.last);
}

/* Refuses a lock file that is damaged at any byte: cut off, or changed into a control character. */
static void test_damaged_anywhere(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *good = NULL;
    struct cache_lockfile *lockfile = NULL;
    struct cupel_error err;
    size_t n;

    make_tar(f->tar, first, NULL);
    lock_tar(f, "job.yaml");
    read_lock(f, &good);
    n = strlen(good);
    for (size_t i = 0; i + 1 < n; i++) { /* but for the last newline */
        char was = good[i];

        write_lock(f, good, i);
        assert_true(cache_lockfile_open(f->dir, "job.yaml", &lockfile, &err) < 0);
        assert_contains(err.message, "cupel.lock:");
        good[i] = '\x01';
        write_lock(f, good, n);
        good[i] = was;
        assert_true(cache_lockfile_open(f->dir, "job.yaml", &lockfile, &err) < 0);
        assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
        assert_contains(err.hint, "lock again");
    }
    assert_null(lockfile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_or_refused, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_compare_and_write, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_anywhere, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
