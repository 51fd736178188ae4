/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts in the store, found whole or not at all; and looks at what they depend on, which see
 * every change, also one that is taken back. */
#include "rootfs-cache/store/verdict_log.h"
#include "test_cache.h"

#include <sys/file.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static bool keeps(struct fixture *f, const char *key, const char *job, const char *record, size_t n)
{
    struct cache_verdict v = {.job = (char *)(uintptr_t)job,
                              .file = (char *)(uintptr_t) "class.yaml",
                              .run = (char *)(uintptr_t) "run-1",
                              .verdict = (char *)(uintptr_t) "failed",
                              .ended = 1700000000};
    struct cupel_error err;

    (void)snprintf(v.key, sizeof(v.key), "%s", key);
    return cache_verdict_keep(f->cache, &v, record, n, &err) == 0;
}

static void keep(struct fixture *f, const char *key, const char *job, const char *record, size_t n)
{
    assert_true(keeps(f, key, job, record, n));
}

static bool is_found(struct fixture *f, const char *key)
{
    struct cache_verdict v;
    char *record;
    size_t n;
    bool found = cache_verdict_find(f->cache, key, &v, &record, &n);

    if (found) {
        cache_verdict_release(&v);
        free(record);
    }
    return found;
}

static size_t count(struct fixture *f)
{
    struct cache_verdict *list;
    struct cupel_error err;
    size_t n;

    assert_int_equal(cache_verdicts_list(f->cache, &list, &n, &err), 0);
    cache_verdicts_free(list, n);
    return n;
}

static void test_kept(void **state)
{
    struct fixture *f = *state;
    struct cache_verdict v;
    cleanup_free char *record = NULL;
    size_t n;

    assert_false(is_found(f, KEY_A));
    assert_false(is_found(f, "../runs"));
    keep(f, KEY_A, "grade/x", "re\0cord", 7);
    assert_true(cache_verdict_find(f->cache, KEY_A, &v, &record, &n));
    assert_int_equal(n, 7);
    assert_memory_equal(record, "re\0cord", 7);
    assert_string_equal(v.job, "grade/x");
    assert_string_equal(v.run, "run-1");
    assert_string_equal(v.verdict, "failed");
    assert_int_equal(v.ended, 1700000000);
    cache_verdict_release(&v);
    assert_false(is_found(f, KEY_B));
}

static int open_verdicts(struct fixture *f)
{
    return openat(cache_dirfd(f->cache), "verdicts", O_RDONLY | O_DIRECTORY);
}

/* Puts bytes in the place of the log, as a power cut or a bad disk would. */
static void put_log(struct fixture *f, const char *data, size_t n)
{
    cleanup_close int dir = open_verdicts(f);

    assert_int_equal(file_write_passing_at(dir, "log", data, n, 0600), 0);
}

static char *get_log(struct fixture *f, size_t *ret_n)
{
    cleanup_close int dir = open_verdicts(f);
    char *data = NULL;

    assert_int_equal(file_read_at(dir, "log", 1 << 20, &data, ret_n), 0);
    return data;
}

static bool finds(struct fixture *f, const char *key, const char *expected)
{
    struct cache_verdict v;
    cleanup_free char *record = NULL;
    size_t n;

    if (!cache_verdict_find(f->cache, key, &v, &record, &n))
        return false;
    cache_verdict_release(&v);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(record, expected, n);
    return true;
}

static size_t damaged(struct fixture *f)
{
    size_t bad;

    assert_int_equal(verdict_log_check(f->cache, &bad), 0);
    return bad;
}

/* A record that is cut short at any byte is none; those before it are whole, the next writer goes
 * on behind them, and what it writes is found. */
static void test_cut_short(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *data = NULL;
    size_t n, first;

    keep(f, KEY_A, "job", "first", 5);
    free(get_log(f, &first));
    keep(f, KEY_B, "job", "second", 6);
    data = get_log(f, &n);
    for (size_t cut = first; cut < n; cut++) {
        put_log(f, data, cut);
        assert_true(finds(f, KEY_A, "first"));
        assert_false(is_found(f, KEY_B));
        assert_int_equal(damaged(f), cut > first);
        keep(f, KEY_C, "job", "third", 5);
        assert_true(finds(f, KEY_A, "first"));
        assert_true(finds(f, KEY_C, "third"));
        assert_false(is_found(f, KEY_B));
        assert_int_equal(count(f), 2);
        assert_int_equal(damaged(f), 0);
    }
}

/* One that has changed in a byte is none, but for the time of its use, which is no part of it. */
static void test_damaged(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *data = NULL;
    size_t n, first, lost = 0;

    keep(f, KEY_A, "job", "first", 5);
    free(get_log(f, &first));
    keep(f, KEY_B, "job", "second", 6);
    data = get_log(f, &n);
    for (size_t i = first; i < n; i++) {
        bool is_used = i >= first + 8 && i < first + 16;

        data[i] ^= 1;
        put_log(f, data, n);
        assert_true(finds(f, KEY_A, "first"));
        assert_true(is_found(f, KEY_B) == is_used);
        assert_int_equal(damaged(f), !is_used);
        data[i] ^= 1;
    }
    /* behind one of which the length cannot be believed nothing is read */
    for (size_t i = 0; i < first; i++) {
        data[i] ^= 1;
        put_log(f, data, n);
        lost += !is_found(f, KEY_B);
        assert_true(is_found(f, KEY_A) == (i >= 8 && i < 16));
        data[i] ^= 1;
    }
    assert_true(lost > 0);
    put_log(f, data, n);
    assert_true(finds(f, KEY_B, "second"));
}

/* What a job has written into its record is never taken for a record. */
static void test_record_within(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *inner = NULL, *data = NULL;
    size_t n_inner, n;

    keep(f, KEY_B, "job", "forged", 6);
    inner = get_log(f, &n_inner);
    put_log(f, "", 0);
    keep(f, KEY_A, "job", inner, n_inner);
    assert_false(is_found(f, KEY_B));
    data = get_log(f, &n);
    for (size_t i = 0; i < n - n_inner; i++) { /* neither where what is around it is damaged */
        data[i] ^= 1;
        put_log(f, data, n);
        assert_false(is_found(f, KEY_B));
        keep(f, KEY_C, "job", "x", 1);
        assert_false(is_found(f, KEY_B));
        data[i] ^= 1;
    }
}

/* Two who have the store open see what the other one has kept, replaced and removed. */
static void test_two(void **state)
{
    struct fixture *f = *state;
    struct fixture other = *f;
    struct cupel_error err;
    size_t n;

    assert_int_equal(cache_open(&other.cache, &err), 0);
    keep(f, KEY_A, "one", "old", 3);
    assert_true(finds(&other, KEY_A, "old"));
    keep(&other, KEY_A, "one", "new", 3);
    assert_true(finds(f, KEY_A, "new"));
    assert_int_equal(count(f), 1);
    assert_int_equal(cache_verdicts_remove(other.cache, "one", &n, &err), 0);
    assert_false(is_found(f, KEY_A));
    keep(f, KEY_B, "two", "b", 1);
    assert_true(finds(&other, KEY_B, "b"));
    cache_close(other.cache);
}

#define WRITERS 3
#define WRITER_KEYS 60
#define WRITER_BYTES ((size_t)40 << 10)

static char *key_of(int writer, int i)
{
    return xasprintf("%08x%08x%048x", (unsigned)i, (unsigned)writer, 1u);
}

/* Keeps each key twice, and one that it removes, so that the file is replaced again and again;
 * false: something of it is not there. */
static bool writes_all(struct fixture *f, int writer)
{
    cleanup_free char *data = xcalloc(1, WRITER_BYTES), *gone = key_of(writer, WRITER_KEYS),
                      *job = xasprintf("gone-%d", writer);
    struct cupel_error err;
    bool good = cache_open(&f->cache, &err) == 0;

    for (int i = 0; good && i < 2 * WRITER_KEYS; i++) {
        cleanup_free char *key = key_of(writer, i / 2);
        size_t n = 0;

        good = keeps(f, key, "stays", data, WRITER_BYTES) && is_found(f, key);
        if (i % 10 == 9)
            good = good && keeps(f, gone, job, "x", 1) &&
                   cache_verdicts_remove(f->cache, job, &n, &err) == 0 && n == 1;
    }
    cache_close(f->cache);
    return good;
}

/* Expects that of several who keep and replace at once nobody loses what another has kept. */
static void test_at_once(void **state)
{
    struct fixture *f = *state;
    pid_t pids[WRITERS];
    int status;

    for (int w = 0; w < WRITERS; w++) {
        struct fixture own = *f;

        pids[w] = fork();
        assert_true(pids[w] >= 0);
        if (pids[w] == 0)
            _exit(writes_all(&own, w) ? 0 : 1);
    }
    for (int w = 0; w < WRITERS; w++) {
        assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < WRITERS * WRITER_KEYS; i++) {
        cleanup_free char *key = key_of(i % WRITERS, i / WRITERS);

        assert_true(is_found(f, key));
    }
    assert_int_equal(count(f), WRITERS * WRITER_KEYS);
    assert_int_equal(damaged(f), 0);
}

/* What was replaced does not pile up; what is too large is not kept, and nothing of it is left. */
static void test_replaced(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *large = xcalloc(1, CACHE_VERDICT_MAX), *key = NULL;
    cleanup_close int dir = open_verdicts(f);
    struct stat st;

    keep(f, KEY_A, "job", "stays", 5);
    for (int i = 0; i < 40; i++) {
        large[0] = (char)i;
        keep(f, KEY_B, "job", large, CACHE_VERDICT_MAX);
        assert_int_equal(fstatat(dir, "log", &st, 0), 0);
        assert_true(st.st_size < (off_t)10 * (off_t)CACHE_VERDICT_MAX);
    }
    assert_true(finds(f, KEY_A, "stays"));
    for (int i = 0; i < 300; i++) { /* more than there is room for at first */
        free(key);
        key = xasprintf("%016x%048x", i, i);
        keep(f, key, "many", "x", 1);
    }
    assert_int_equal(count(f), 302);
    assert_int_equal(damaged(f), 0);
}

/* What a run has found it reports later, whatever was removed meanwhile. */
static void test_held(void **state)
{
    struct fixture *f = *state;
    struct cupel_error err;
    size_t n;

    keep(f, KEY_A, "grade/x", "one", 3);
    assert_true(is_found(f, KEY_A));
    cache_verdicts_hold(f->cache);
    keep(f, KEY_B, "grade/y", "two", 3);
    assert_int_equal(cache_verdicts_remove(f->cache, "class.yaml", &n, &err), 0);
    assert_int_equal(n, 2);
    assert_true(is_found(f, KEY_A));
    assert_false(is_found(f, KEY_B));
    assert_int_equal(count(f), 0);
    keep(f, KEY_C, "grade/z", "three", 5);
    assert_true(is_found(f, KEY_C));
    assert_true(is_found(f, KEY_A));
}

/* A file that cannot be written anew is still written to. */
static void test_untidy(void **state)
{
    enum { BIG = 200 * 1024 };
    struct fixture *f = *state;
    cleanup_free char *record = xcalloc(1, BIG);
    cleanup_close int verdicts = -EBADF;

    keep(f, KEY_B, "grade/y", "two", 3);
    verdicts = open_verdicts(f);
    assert_int_equal(mkdirat(verdicts, "log.tmp", 0700), 0); /* where the new one would be made */
    for (size_t i = 0; i < 14; i++) {
        record[0] = (char)i;
        keep(f, KEY_A, "grade/x", record, BIG);
    }
    assert_true(is_found(f, KEY_A));
    assert_true(is_found(f, KEY_B));
    assert_int_equal(unlinkat(verdicts, "log.tmp", AT_REMOVEDIR), 0);
}

/* A writer that was stopped in its turn does not stop all others. */
static void test_stopped_writer(void **state)
{
    struct fixture *f = *state;
    cleanup_close int verdicts = -EBADF, lock = -EBADF;

    keep(f, KEY_A, "grade/x", "one", 3);
    verdicts = open_verdicts(f);
    lock = openat(verdicts, ".lock", O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_false(keeps(f, KEY_B, "grade/y", "two", 3));
    assert_true(is_found(f, KEY_A));
    assert_int_equal(flock(lock, LOCK_UN), 0);
    keep(f, KEY_B, "grade/y", "two", 3);
    assert_true(is_found(f, KEY_B));
}

static void test_looked_after(void **state)
{
    struct fixture *f = *state;
    struct cache_gc all = {.keep_bytes = UINT64_MAX, .older_seconds = 0},
                    some = {.keep_bytes = 400, .older_seconds = UINT64_MAX};
    cleanup_close int dir = open_verdicts(f), log = -EBADF;
    struct cache_collected done;
    struct cupel_error err;
    const uint64_t old = 1600000000;
    size_t n, first;

    keep(f, KEY_A, "one", "x", 1);
    keep(f, KEY_B, "two", "x", 1);
    assert_int_equal(count(f), 2);
    assert_int_equal(cache_verdicts_remove(f->cache, "nobody", &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(cache_verdicts_remove(f->cache, "one", &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(cache_verdicts_remove(f->cache, "class.yaml", &n, &err), 0);
    assert_int_equal(n, 1);
    /* of two, the one that was used longest ago goes; a use is noted, if not every one */
    keep(f, KEY_A, "one", "x", 1);
    free(get_log(f, &first));
    keep(f, KEY_B, "two", "x", 1);
    log = openat(dir, "log", O_WRONLY);
    assert_int_equal(pwrite(log, &old, sizeof(old), 8), sizeof(old));
    assert_int_equal(pwrite(log, &old, sizeof(old), (off_t)first + 8), sizeof(old));
    assert_true(is_found(f, KEY_B));
    assert_int_equal(cache_gc(f->cache, &some, &done, &err), 0);
    assert_int_equal(done.verdicts, 1);
    assert_false(is_found(f, KEY_A));
    assert_true(is_found(f, KEY_B));
    /* what is no verdict goes with the first collection */
    assert_int_equal(file_write_passing_at(dir, KEY_A, "{}", 2, 0600), 0);
    assert_int_equal(cache_gc(f->cache, &some, &done, &err), 0);
    assert_int_equal(faccessat(dir, KEY_A, F_OK, 0), -1);
    assert_int_equal(cache_gc(f->cache, &all, &done, &err), 0);
    assert_int_equal(count(f), 0);
}

/* ---- looks ---- */

static struct cache_looked look_at(struct fixture *f, const char *path, size_t trusted)
{
    struct cache_look_at at = {.path = path, .trusted = trusted};
    struct cache_looked looked;

    assert_int_equal(cache_look(f->cache, &at, true, &looked), 0);
    return looked;
}

static void put(const char *path, const char *text)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

/* Lets the time of files go on, as the kernel counts it. */
static void let_time_pass(const char *path)
{
    struct stat st, now;

    assert_int_equal(stat(path, &st), 0);
    do {
        assert_int_equal(chmod(path, st.st_mode), 0);
        assert_int_equal(stat(path, &now), 0);
    } while (now.st_ctim.tv_sec == st.st_ctim.tv_sec && now.st_ctim.tv_nsec == st.st_ctim.tv_nsec);
}

static void test_look(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *dir = xasprintf("%s/in", f->dir), *a = xasprintf("%s/a", dir),
                      *b = xasprintf("%s/sub/b", dir), *sub = xasprintf("%s/sub", dir),
                      *c = xasprintf("%s/sub/c", dir);
    struct cache_looked first, now;

    assert_int_equal(mkdir(dir, 0755), 0);
    assert_int_equal(mkdir(sub, 0755), 0);
    put(a, "one");
    put(b, "two");
    first = look_at(f, dir, strlen(dir));
    now = look_at(f, dir, strlen(dir));
    assert_memory_equal(first.content, now.content, sizeof(first.content));
    assert_memory_equal(first.witness, now.witness, sizeof(first.witness));
    /* there and back: the content is the same, and that it was another is seen */
    let_time_pass(b);
    put(b, "too");
    now = look_at(f, dir, strlen(dir));
    assert_string_not_equal(first.content, now.content);
    put(b, "two");
    now = look_at(f, dir, strlen(dir));
    assert_string_equal(first.content, now.content);
    assert_string_not_equal(first.witness, now.witness);
    /* names, modes, attributes */
    assert_int_equal(chmod(a, 0755), 0);
    assert_string_not_equal(first.content, look_at(f, dir, strlen(dir)).content);
    assert_int_equal(chmod(a, 0644), 0);
    assert_string_equal(first.content, look_at(f, dir, strlen(dir)).content);
    if (setxattr(a, "user.x", "v", 1, 0) == 0) {
        assert_string_not_equal(first.content, look_at(f, dir, strlen(dir)).content);
        assert_int_equal(removexattr(a, "user.x"), 0);
    }
    assert_int_equal(rename(b, c), 0);
    assert_string_not_equal(first.content, look_at(f, dir, strlen(dir)).content);
}

/* What is no file is looked at as such, nothing is waited for, and nothing is followed. */
static void test_look_hostile(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *link = xasprintf("%s/link", f->dir), *fifo = xasprintf("%s/fifo", f->dir),
                      *big = xasprintf("%s/big", f->dir);
    struct cache_look_at at = {
        .path = big, .trusted = strlen(big), .max_bytes = 1 << 20, .max_entries = 2};
    struct cache_looked nothing, looked;
    cleanup_close int fd = -EBADF;

    nothing = look_at(f, link, strlen(f->dir));
    put(big, "secret");
    assert_int_equal(symlink("big", link), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    looked = look_at(f, link, strlen(f->dir));
    assert_string_not_equal(nothing.content, looked.content);
    put(big, "another");
    assert_string_equal(look_at(f, link, strlen(f->dir)).content, looked.content);
    assert_string_not_equal(look_at(f, fifo, strlen(fifo)).content, looked.content);
    /* a terabyte of nothing is read at once; what is too much is not read at all */
    fd = open(big, O_WRONLY | O_TRUNC);
    assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
    assert_int_equal(cache_look(f->cache, &at, true, &looked), 0);
    at.max_bytes = 16;
    put(big, "longer than this is allowed to be");
    assert_int_equal(cache_look(f->cache, &at, true, &looked), -EFBIG);
    at.path = f->dir;
    at.trusted = strlen(f->dir);
    assert_int_equal(cache_look(f->cache, &at, true, &looked), -EFBIG);
}

/* What lies at a path in it is left out, and when it is made is not noticed. */
static void test_look_without(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *out = xasprintf("%s/store/out", f->dir), *x = xasprintf("%s/x", out);
    cleanup_free char *in = xasprintf("%s/store", f->dir);
    struct cache_look_at at = {.path = in, .trusted = strlen(in), .without = "out"};
    struct cache_looked before, after;

    assert_int_equal(cache_look(f->cache, &at, true, &before), 0);
    assert_int_equal(mkdir(out, 0755), 0);
    put(x, "x");
    assert_int_equal(cache_look(f->cache, &at, true, &after), 0);
    assert_string_equal(before.content, after.content);
    assert_string_equal(before.witness, after.witness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_cut_short, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damaged, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_record_within, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_two, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_at_once, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_replaced, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_held, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_untidy, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_stopped_writer, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_looked_after, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_look, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_look_hostile, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_look_without, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
