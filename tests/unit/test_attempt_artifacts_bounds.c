/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_artifacts_bounds: how much comes home from a finished root, whatever it holds:
 * bytes, names, depth, holes, and what is in the way. */
#include "test_artifacts.h"

/* A terabyte of nothing with a few bytes in it: holes stay holes and do not count. */
static void test_sparse_file(void **state)
{
    struct room *room = *state;
    cleanup_close int fd = -EBADF, copy = -EBADF;
    struct stat st;
    char text[6];

    put(room, "w/sparse", "begin");
    fd = openat(room->root, "w/sparse", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "middle", 6, (off_t)1 << 39), 6);
    assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
    assert_int_equal(collect(room, "/w/sparse", MIB), 0);
    assert_copied(room, "w/sparse");
    assert_notes(room, "");
    copy = openat(reports_out_dirfd(room->out), "artifacts/job/w/sparse", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(copy, &st), 0);
    assert_true(st.st_size == (off_t)1 << 40);
    assert_true((uint64_t)st.st_blocks * 512 < MIB);
    assert_int_equal(pread(copy, text, 6, (off_t)1 << 39), 6);
    assert_memory_equal(text, "middle", 6);
    assert_int_equal(pread(copy, text, 5, 0), 5);
    assert_memory_equal(text, "begin", 5);
    /* nothing but a hole */
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
    assert_int_equal(collect(room, "/w/sparse", 0), 0);
    assert_copied(room, "w/sparse");
}

static void test_max(void **state)
{
    struct room *room = *state;
    char text[4097];

    memset(text, 't', 4096); /* whole blocks, so that a file's data is as long as the file */
    text[4096] = '\0';
    put(room, "w/a", text);
    put(room, "w/b", text);
    put(room, "w/c", text);
    put(room, "w/empty", "");
    assert_int_equal(collect(room, "/w/[abc]", 3 * 4096), 0); /* exactly max is within it */
    assert_copied(room, "w/a w/b w/c");
    assert_notes(room, "");
    /* more than that is a bound reached, and those that come first by name are the ones that are
     * there */
    assert_int_equal(collect(room, "/w/[abc]", 3 * 4096 - 1), 1);
    assert_copied(room, "w/a w/b");
    assert_notes(room, "artifacts exceed their max of 12 KiB: the rest was not copied");
    assert_int_equal(collect(room, "/w/a", 4095), 1);
    assert_copied(room, "");
    /* no half file */
    assert_int_equal(faccessat(reports_out_dirfd(room->out), "artifacts/job/w/a", F_OK, 0), -1);
    assert_int_equal(collect(room, "/w/empty", 0), 0);
    assert_copied(room, "w/empty");
}

static ino_t inode_of_copy(struct room *room, const char *name)
{
    cleanup_free char *path = xasprintf("artifacts/job/%s", name);
    struct stat st;

    assert_int_equal(fstatat(reports_out_dirfd(room->out), path, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_ino;
}

/* Names of one file stay names of one file: its bytes are copied once, and count once. */
static void test_hard_links(void **state)
{
    struct room *room = *state;
    char text[4097];
    struct stat st;

    memset(text, 't', 4096);
    text[4096] = '\0';
    put(room, "w/a", text);
    put(room, "w/d/b", text);
    put(room, "elsewhere", "x");
    for (int i = 0; i < 500; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "w/%sl%d", i % 2 == 0 ? "d/" : "", i);
        assert_int_equal(linkat(room->root, i % 3 == 0 ? "w/a" : "w/d/b", room->root, name, 0), 0);
    }
    assert_int_equal(linkat(room->root, "elsewhere", room->root, "w/one-of-two", 0), 0);
    assert_int_equal(collect(room, "/w/**", 2 * 4096 + 1), 0);
    assert_notes(room, "");
    assert_int_equal(room->copied.n, 503);
    assert_true(inode_of_copy(room, "w/a") == inode_of_copy(room, "w/d/l0"));
    assert_true(inode_of_copy(room, "w/a") == inode_of_copy(room, "w/l3"));
    assert_true(inode_of_copy(room, "w/d/b") == inode_of_copy(room, "w/d/l4"));
    assert_true(inode_of_copy(room, "w/a") != inode_of_copy(room, "w/d/b"));
    assert_content(room, "artifacts/job/w/d/l4", text);
    /* names of the copies alone: none is the job's own file, and what was laid aside is gone */
    assert_int_equal(fstatat(reports_out_dirfd(room->out), "artifacts/job/w/a", &st, 0), 0);
    assert_int_equal(st.st_nlink, 168);
    assert_int_equal(fstatat(reports_out_dirfd(room->out), "artifacts/job/w/one-of-two", &st, 0),
                     0);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(entries_of(room, "artifacts/job"), 1);
}

/* A bound is met at the same file each time, in whatever order the directory has them. */
static void test_order(void **state)
{
    struct room *room = *state;
    const char *const names[] = {"w/b/x", "w/c", "w/a/y", "w/a/x", "w/ab"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        put(room, names[i], "x");
    assert_int_equal(collect(room, "/w", UINT64_MAX), 0);
    for (size_t i = 0; i < 5; i++) {
        static const char *const expected[] = {"w/a/x", "w/a/y", "w/ab", "w/b/x", "w/c"};

        assert_string_equal(room->copied.items[i] + strlen("artifacts/job/"), expected[i]);
    }
}

static void put_names(int dir, int n, int step)
{
    char name[256];

    memset(name, '\1', 255);
    name[255] = '\0';
    for (int i = 0; i < n; i++) {
        int fd;

        (void)snprintf(name, sizeof(name), "%05d", i * step % n);
        name[5] = '\1';
        fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        (void)close(fd);
    }
}

/* A list that does not fit is read in parts, each name once and in order. */
static void test_names_in_parts(void **state)
{
    struct room *room = *state;
    cleanup_close int dir = file_open_dir_p_at(room->root, "w", 0755);
    char after[256] = "";
    struct artifact_names names = {.more = true};
    unsigned char type;
    int n = 0, parts = 0;

    put_names(dir, 600, 7);
    for (; names.more; parts++) {
        const char *name;

        assert_int_equal(artifact_names_read(dir, parts > 0 ? after : NULL, 4096, &names), 0);
        assert_true(artifact_names_bytes(&names) <= 4096);
        for (; (name = artifact_names_next(&names, &type)) != NULL; n++) {
            assert_int_equal(atoi(name), n);
            (void)snprintf(after, sizeof(after), "%s", name);
        }
        artifact_names_free(&names);
        names.more = n < 600;
    }
    assert_int_equal(n, 600);
    assert_true(parts >= 600 / (4096 / 262));
}

/* More names than a collection holds at a time: one list does not fit, and others give way to those
 * below them. */
static void test_many_long_names(void **state)
{
    static const struct {
        const char *at;
        int n;
    } dirs[] = {{"5", 5500}, {"5/5", 5500}, {"5/5/5", 6000}, {"5/5/5/5", 100}};
    struct room *room = *state;
    char text[128];
    size_t bytes = 0;

    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        cleanup_close int dir = file_open_dir_p_at(room->root, dirs[i].at, 0755);

        put_names(dir, dirs[i].n, 7919);
    }
    assert_int_equal(collect(room, "/**", UINT64_MAX), 0);
    for (size_t i = 0; i < room->copied.n; i++)
        bytes += strlen(room->copied.items[i]) + 1;
    assert_true(bytes <= ARTIFACTS_LISTED_BYTES && bytes > ARTIFACTS_LISTED_BYTES - 2048);
    (void)snprintf(text, sizeof(text), "%zu more artifacts were copied, and are not listed",
                   17100 - room->copied.n);
    assert_notes(room, text);
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        cleanup_free char *path = xasprintf("artifacts/job/%s", dirs[i].at);

        assert_int_equal(entries_of(room, path), dirs[i].n + (i + 1 < ARRAY_SIZE(dirs)));
    }
}

/* What once took minutes: several "**" in a pattern, over directories that all have the same name.
 */
static void test_patterns_take_no_time(void **state)
{
    struct room *room = *state;
    uint64_t before = clock_monotonic_ns();

    put_deep(room, "w", "d", 200);
    assert_int_equal(collect(room, "/**/d/**/d/**/d/**/d/**/d/**/d/**/d/**/none", UINT64_MAX), 0);
    assert_copied(room, "");
    assert_int_equal(collect(room, "/**/d/**/d/**/d/**/d/**/d/**/d/**/d/**/file", UINT64_MAX), 0);
    assert_int_equal(room->copied.n, 1);
    assert_true(clock_monotonic_ns() - before < 60 * NSEC_PER_SEC);
}

static void test_hostile_names(void **state)
{
    static const char *const names[] = {"w/new\nline", "w/\xff\xfe", "w/-rf", "w/ ",
                                        "w/%s%n",      "w/...",      "w/*"};
    struct room *room = *state;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        put(room, names[i], "x");
    assert_int_equal(collect(room, "/w", UINT64_MAX), 0);
    assert_int_equal(room->copied.n, ARRAY_SIZE(names));
    assert_notes(room, "");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        cleanup_free char *path = xasprintf("artifacts/job/%s", names[i]);

        assert_content(room, path, "x");
    }
}

/* Deeper than anyone looks, and hundreds of things to remark upon. */
static void test_depth_and_notes_are_bounded(void **state)
{
    struct room *room = *state;

    put_deep(room, "w", "d", 2000);
    put(room, "w/e/file", "x");
    assert_int_equal(collect(room, "/w/**", UINT64_MAX), 0);
    /* what is beside it is found all the same, on the way back */
    assert_copied(room, "w/e/file");
    assert_int_equal(room->notes.n, 1);
    assert_non_null(strstr(room->notes.items[0], "is too deep; not copied"));
    put_deep(room, "v", "d", 250);
    assert_int_equal(collect(room, "/v", UINT64_MAX), 0);
    assert_int_equal(room->copied.n, 1);
    assert_int_equal(room->notes.n, 0);
    for (int i = 0; i < 200; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "w/l%d", i);
        assert_int_equal(symlinkat("/x", room->root, name), 0);
    }
    assert_int_equal(collect(room, "/w/l*", UINT64_MAX), 0);
    assert_int_equal(room->notes.n, 21); /* twenty, and how many more there were */
    assert_string_equal(room->notes.items[20], "180 more remarks on artifacts are left out here");
}

/* The out directory is the user's: a name in it that leads elsewhere is replaced or refused, never
 * followed. */
static void test_link_in_the_out_directory(void **state)
{
    struct room *room = *state;
    const char *patterns[] = {"/w/f", NULL};
    struct jobs_job job = job_with(patterns, UINT64_MAX);
    cleanup_free char *victim = xasprintf("%s/victim", room->path);
    int out = reports_out_dirfd(room->out);

    put(room, "w/f", "new");
    assert_int_equal(file_write_atomic_at(AT_FDCWD, victim, "kept", 4, 0644), 0);
    assert_int_equal(file_mkdir_p_at(out, "artifacts/job/w", 0755), 0);
    assert_int_equal(symlinkat(victim, out, "artifacts/job/w/f"), 0);
    assert_int_equal(collect_job(room, &job), 0);
    assert_content(room, "artifacts/job/w/f", "new");
    assert_content(room, "../victim", "kept");
}

static bool always(void *data)
{
    (void)data;
    return true;
}

/* A user who wants no more gets no more, and is told so. */
static void test_stopped(void **state)
{
    struct room *room = *state;
    const char *patterns[] = {"/w/*", NULL};
    struct jobs_job job = job_with(patterns, UINT64_MAX);
    const struct artifacts_target target = {.out = room->out, .name = "job", .stopped = always};

    put(room, "w/a", "x");
    assert_int_equal(artifacts_collect(&job, room->root, &target, &room->copied, &room->files,
                                       &room->notes, &room->err),
                     0);
    assert_copied(room, "");
    assert_notes(room, "interrupted while artifacts were copied: the rest was not copied");
}

static void test_path_longer_than_path_max(void **state)
{
    struct room *room = *state;
    char name[201];
    int dir = fcntl(room->root, F_DUPFD_CLOEXEC, 0);
    memset(name, 'n', 200);
    name[200] = 0;
    for (int i = 0; i < 25; i++) {
        int next;
        assert_int_equal(mkdirat(dir, name, 0755), 0);
        next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(dir);
        dir = next;
    }
    assert_int_equal(file_write_atomic_at(dir, "f", "x", 1, 0644), 0);
    (void)close(dir);
    assert_int_equal(collect(room, "/**", UINT64_MAX), 0);
}

static void test_stale_file_where_a_directory_is_needed(void **state)
{
    struct room *room = *state;
    const char *patterns[] = {"/w/**", NULL};
    struct jobs_job job = job_with(patterns, UINT64_MAX);
    int out = reports_out_dirfd(room->out);
    put(room, "w/x/f", "new");
    assert_int_equal(file_mkdir_p_at(out, "artifacts/job/w", 0755), 0);
    assert_int_equal(file_write_atomic_at(out, "artifacts/job/w/x", "old", 3, 0644), 0);
    assert_int_equal(collect_job(room, &job), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sparse_file),
        TEST(test_max),
        TEST(test_hard_links),
        TEST(test_order),
        TEST(test_names_in_parts),
        TEST(test_many_long_names),
        TEST(test_patterns_take_no_time),
        TEST(test_hostile_names),
        TEST(test_depth_and_notes_are_bounded),
        TEST(test_link_in_the_out_directory),
        TEST(test_stopped),
        TEST(test_path_longer_than_path_max),
        TEST(test_stale_file_where_a_directory_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
