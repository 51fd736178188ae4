/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_artifacts: what patterns bring home from a finished root, and what a hostile root
 * cannot make them bring. */
#include "test_artifacts.h"

static void test_patterns(void **state)
{
    static const struct {
        const char *pattern;
        const char *copied;
    } table[] = {
        {"/w/a.log", "w/a.log"},
        {"/w/*.log", "w/a.log w/b.log"},
        {"/w/?.log", "w/a.log w/b.log"},
        {"/w/[b-z].log", "w/b.log"},
        {"/*/a.log", "w/a.log"},
        {"/w/d", "w/d/.hidden w/d/deep/x.log w/d/e.txt"}, /* a directory is all that it holds */
        {"/w/d/*", "w/d/deep/x.log w/d/e.txt"},           /* a star names no hidden file */
        {"/w/d/.*", "w/d/.hidden"},
        {"/w/d/**", "w/d/.hidden w/d/deep/x.log w/d/e.txt"},
        {"/w/**/x.log", "w/d/deep/x.log"},
        {"/w/**/a.log", "w/a.log"}, /* also no directory at all */
        {"/**/*.log", "w/a.log w/b.log w/d/deep/x.log"},
        {"/w/*/*/*.log", "w/d/deep/x.log"},
        {"/w/d/deep/x.log", "w/d/deep/x.log"},
        {"/**", "w/a.log w/b.log w/d/.hidden w/d/deep/x.log w/d/e.txt"},
        {"a.log", "w/a.log"}, /* below the workdir */
        {"*/e.txt", "w/d/e.txt"},
        {"**/*.log", "w/a.log w/b.log w/d/deep/x.log"},
        {"", "w/a.log w/b.log w/d/.hidden w/d/deep/x.log w/d/e.txt"},
    };
    struct room *room = *state;

    put(room, "w/a.log", "a");
    put(room, "w/b.log", "b");
    put(room, "w/d/e.txt", "e");
    put(room, "w/d/.hidden", "h");
    put(room, "w/d/deep/x.log", "x");
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        assert_int_equal(collect(room, table[i].pattern, UINT64_MAX), 0);
        assert_copied(room, table[i].copied);
        assert_notes(room, "");
    }
    assert_content(room, "artifacts/job/w/d/deep/x.log", "x");
}

static void test_patterns_that_match_nothing(void **state)
{
    static const char *const table[] = {"/none*", "/w/*.log", "/w/a.txt/?", "/w/**/none", "/*.txt"};
    struct room *room = *state;

    put(room, "w/a.txt", "a");
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_free char *expected = xasprintf("artifact pattern %s matched nothing", table[i]);

        assert_int_equal(collect(room, table[i], UINT64_MAX), 0);
        assert_copied(room, "");
        assert_notes(room, expected);
    }
}

static void test_links_are_not_followed(void **state)
{
    struct room *room = *state;

    put(room, "w/real/file", "file");
    assert_int_equal(symlinkat("/etc/passwd", room->root, "w/absolute"), 0);
    assert_int_equal(symlinkat("../../../../../../etc", room->root, "w/dir"), 0);
    assert_int_equal(symlinkat("real", room->root, "w/inner"), 0);
    assert_int_equal(symlinkat("loop", room->root, "w/loop"), 0);
    assert_int_equal(collect(room, "/w/**", UINT64_MAX), 0);
    assert_copied(room, "w/inner w/loop w/real/file");
    assert_notes(room, "artifact w/absolute is a symbolic link that leads out of the artifacts; "
                       "not followed, not copied "
                       "artifact w/dir is a symbolic link that leads out of the artifacts; not "
                       "followed, not copied");
    assert_int_equal(collect(room, "/w/dir/passwd", UINT64_MAX), 1);
    assert_copied(room, "");
    assert_notes(room, "artifact /w/dir/passwd is missing");
    assert_int_equal(collect(room, "/w/*/passwd", UINT64_MAX), 0);
    assert_copied(room, "");
    assert_int_equal(collect(room, "/w/inner/file", UINT64_MAX), 1);
    assert_copied(room, "");
}

/* What a link says is kept as it is where it leads to nothing above the artifacts. */
static void test_links(void **state)
{
    static const struct {
        const char *name, *target;
        bool kept;
    } table[] = {
        {"w/a", "real/file", true},
        {"w/b", "./real/./file", true},
        {"w/c", "../w/real/file", true}, /* up to the top, and no further */
        {"w/d", "../../w/real/file", false},
        {"w/e", "real/../real/file", false}, /* "real" may be a link by then */
        {"w/f", "none", true},
        {"w/g", "/w/real/file", false},
        {"w/real/h", "../../w", true},
        {"w/real/i", "../../..", false},
        {"w/real/j", ".././../w", true},
        {"w/real/k", "..", true},
        {"w/l", "real/..", false},
    };
    struct room *room = *state;
    char target[64];
    struct stat st;

    put(room, "w/real/file", "file");
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000, .tv_nsec = 3}};

        assert_int_equal(symlinkat(table[i].target, room->root, table[i].name), 0);
        assert_int_equal(utimensat(room->root, table[i].name, times, AT_SYMLINK_NOFOLLOW), 0);
    }
    assert_int_equal(collect(room, "", UINT64_MAX), 0);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_free char *path = xasprintf("artifacts/job/%s", table[i].name);
        ssize_t n = readlinkat(reports_out_dirfd(room->out), path, target, sizeof(target) - 1);

        assert_int_equal(n >= 0, table[i].kept);
        if (n < 0)
            continue;
        target[n] = '\0';
        assert_string_equal(target, table[i].target);
        assert_int_equal(fstatat(reports_out_dirfd(room->out), path, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mtim.tv_sec, 2000);
        assert_int_equal(st.st_mtim.tv_nsec, 3);
    }
    /* what it says counts as a file's bytes do */
    assert_int_equal(collect(room, "/w/a", 9), 0);
    assert_copied(room, "w/a");
    assert_int_equal(collect(room, "/w/a", 8), 1);
    assert_copied(room, "");
    assert_notes(room, "artifacts exceed their max of 8 B: the rest was not copied");
}

/* What a list of patterns with this rule brings. */
static int collect_with(struct room *room, const char *const *patterns, const char *exclude,
                        enum jobs_missing missing)
{
    const char *excluded[] = {exclude, NULL};
    struct jobs_job job = job_with((const char **)patterns, UINT64_MAX);

    forget(room);
    job.artifacts.if_missing = missing;
    if (exclude != NULL)
        job.artifacts.exclude.patterns = excluded;
    return collect_job(room, &job);
}

static void test_exclude(void **state)
{
    static const struct {
        const char *exclude, *copied;
    } table[] = {
        {"d", "w/a.log w/b.txt"}, /* with all that it holds */
        {"d/**", "w/a.log w/b.txt"},
        {"**/*.log", "w/b.txt w/d/y.txt"},
        {"/w/a.log", "w/b.txt w/d/x.log w/d/y.txt"},
        {"none", "w/a.log w/b.txt w/d/x.log w/d/y.txt"},
    };
    static const char *const patterns[] = {"/w/**", NULL};
    struct room *room = *state;

    put(room, "w/a.log", "a");
    put(room, "w/b.txt", "b");
    put(room, "w/d/x.log", "x");
    put(room, "w/d/y.txt", "y");
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        assert_int_equal(collect_with(room, patterns, table[i].exclude, JOBS_MISSING_DEFAULT), 0);
        assert_copied(room, table[i].copied);
        assert_notes(room, "");
    }
    /* a directory of which all is left out is there as an empty one, or not at all */
    assert_int_equal(collect_with(room, patterns, "d/**", JOBS_MISSING_DEFAULT), 0);
    assert_int_equal(entries_of(room, "artifacts/job/w/d"), 0);
    assert_int_equal(collect_with(room, patterns, "d", JOBS_MISSING_DEFAULT), 0);
    assert_int_equal(
        faccessat(reports_out_dirfd(room->out), "artifacts/job/w/d", F_OK, AT_SYMLINK_NOFOLLOW),
        -1);
}

static void test_if_missing(void **state)
{
    static const char *const plain[] = {"/w/there", "/w/none", "x\\*y", NULL},
                             *const globs[] = {"/w/the*", "n*", NULL},
                             *const pipes[] = {"/w/fifo", NULL};
    struct room *room = *state;

    put(room, "w/there", "x");
    assert_int_equal(mkfifoat(room->root, "w/fifo", 0644), 0);
    assert_int_equal(collect_with(room, plain, NULL, JOBS_MISSING_DEFAULT), 1);
    assert_copied(room, "w/there");
    assert_notes(room, "artifact /w/none is missing, and 1 more of them");
    assert_int_equal(collect_with(room, plain, NULL, JOBS_MISSING_NOTE), 0);
    assert_notes(room, "artifact /w/none is missing artifact x\\*y is missing");
    assert_int_equal(collect_with(room, plain, NULL, JOBS_MISSING_IGNORE), 0);
    assert_notes(room, "");
    assert_int_equal(collect_with(room, globs, NULL, JOBS_MISSING_DEFAULT), 0);
    assert_notes(room, "artifact pattern n* matched nothing");
    assert_int_equal(collect_with(room, globs, NULL, JOBS_MISSING_FAIL), 1);
    assert_notes(room, "artifact pattern n* matched nothing");
    /* what is there and cannot be copied is missing, too; the last note says why the job failed */
    assert_int_equal(collect_with(room, pipes, NULL, JOBS_MISSING_DEFAULT), 1);
    assert_int_equal(room->notes.n, 2);
    assert_string_equal(room->notes.items[0], "artifact w/fifo is no regular file; not copied");
    assert_string_equal(room->notes.items[1], "artifact /w/fifo cannot be copied");
}

/* Braces are served by any of what they stand for. */
static void test_missing_of_braces(void **state)
{
    static const char written[] = "/w/{a,b}", other[] = "/w/{c,d}";
    const char *patterns[] = {"/w/a", "/w/b", "/w/c", "/w/d", NULL},
               *from[] = {written, written, other, other};
    struct room *room = *state;
    struct jobs_job job = job_with(patterns, UINT64_MAX);

    put(room, "w/b", "x");
    job.artifacts.paths.written = from;
    assert_int_equal(collect_job(room, &job), 0);
    assert_copied(room, "w/b");
    assert_notes(room, "artifact pattern /w/{c,d} matched nothing");
}

/* Relative patterns are below the workdir as the root's links lead to it, never out of the root. */
static void test_workdir_behind_links(void **state)
{
    static const struct {
        const char *workdir, *copied;
    } table[] = {
        {"/real/dir", "real/dir/f"},
        {"/link", "real/dir/f"},
        {"/absolute/dir", "real/dir/f"},
        {"/out", ""},
        {"/loop", ""},
        {"/up/real/./dir", "real/dir/f"},
        {"/none", ""},
        {"/link/../dir", "real/dir/f"},
        {"/w[1]", "w[1]/f"},
    };
    static const char *const patterns[] = {"f*", NULL};
    struct room *room = *state;

    put(room, "real/dir/f", "x");
    put(room, "w[1]/f", "x");
    assert_int_equal(symlinkat("real/dir", room->root, "link"), 0);
    assert_int_equal(symlinkat("/real", room->root, "absolute"), 0);
    assert_int_equal(symlinkat("../../../../../../etc", room->root, "out"), 0);
    assert_int_equal(symlinkat("loop", room->root, "loop"), 0);
    assert_int_equal(symlinkat("../..", room->root, "up"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct jobs_job job = job_with((const char **)patterns, UINT64_MAX);

        forget(room);
        job.workdir = table[i].workdir;
        assert_int_equal(collect_job(room, &job), 0);
        assert_copied(room, table[i].copied);
    }
}

static void put_sparse(struct room *room, const char *path, off_t at)
{
    int fd = openat(room->root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "x", 1, at), 1);
    (void)close(fd);
}

/* Says of each file how long it is, and its digest; holes are zeros, a second name is the same
 * file, and more holes than anybody would wait for are not hashed. */
static void test_digests(void **state)
{
    static const unsigned char abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                          0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                          0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                          0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    static char zeros[65537];
    struct room *room = *state;
    int fd;

    put(room, "w/a", "abc");
    put_sparse(room, "w/b", 65536);
    fd = openat(room->root, "w/c", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    zeros[65536] = 'x';
    assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
    (void)close(fd);
    put_sparse(room, "w/d", (off_t)1 << 32);
    assert_int_equal(linkat(room->root, "w/a", room->root, "w/e", 0), 0);
    assert_int_equal(symlinkat("a", room->root, "w/f"), 0);
    assert_int_equal(collect(room, "/w/*", UINT64_MAX), 0);
    assert_notes(room, "");
    assert_int_equal(room->copied.n, 6);
    for (size_t i = 0; i < 5; i++)
        assert_true(room->files[i].has_size);
    assert_int_equal(room->files[0].size, 3);
    assert_memory_equal(room->files[0].sha256, abc, sizeof(abc));
    assert_int_equal(room->files[1].size, 65537);
    assert_true(room->files[1].has_sha256);
    assert_memory_equal(room->files[1].sha256, room->files[2].sha256, sizeof(abc));
    assert_int_equal(room->files[3].size, (UINT64_C(1) << 32) + 1);
    assert_false(room->files[3].has_sha256);
    assert_true(room->files[4].has_sha256);
    assert_memory_equal(room->files[4].sha256, abc, sizeof(abc));
    assert_false(room->files[5].has_size || room->files[5].has_sha256);
}

static void put_times(struct room *room, const char *path, mode_t mode, time_t at)
{
    const struct timespec times[2] = {{.tv_sec = at}, {.tv_sec = at, .tv_nsec = 7}};

    assert_int_equal(fchmodat(room->root, path, mode, 0), 0);
    assert_int_equal(utimensat(room->root, path, times, 0), 0);
}

/* Modes and times of files and directories come along, and so do directories that hold nothing. */
static void test_directories_and_times(void **state)
{
    static const struct {
        const char *path;
        mode_t mode, copied;
        time_t at; /* 0: a directory that only leads to what is asked for */
    } table[] = {
        {"w/d/f", 0640, 0640, 1000},        {"w/d/empty", 0750, 0750, 2000},
        {"w/d/writable", 0777, 0755, 3000}, {"w/d/sticky", 01711, 0711, 4000},
        {"w/d", 0700, 0700, 5000},
    };
    struct room *room = *state;
    struct stat st;

    put(room, "w/d/f", "x");
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(file_mkdir_p_at(room->root, table[i].path, 0755), 0);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        put_times(room, table[i].path, table[i].mode, table[i].at);
    assert_int_equal(collect(room, "d", UINT64_MAX), 0);
    assert_copied(room, "w/d/f");
    assert_notes(room, "");
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_free char *path = xasprintf("artifacts/job/%s", table[i].path);

        assert_int_equal(fstatat(reports_out_dirfd(room->out), path, &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, table[i].copied);
        assert_int_equal(st.st_mtim.tv_sec, table[i].at);
        assert_int_equal(st.st_mtim.tv_nsec, 7);
    }
    assert_int_equal(collect(room, "/w/d/empty", UINT64_MAX), 0);
    assert_int_equal(entries_of(room, "artifacts/job/w/d"), 1);
}

static void test_only_regular_files(void **state)
{
    struct room *room = *state;
    bool device;

    put(room, "w/file", "file");
    assert_int_equal(mkfifoat(room->root, "w/fifo", 0644), 0); /* and nothing hangs */
    assert_int_equal(mknodat(room->root, "w/socket", S_IFSOCK | 0644, 0), 0);
    device = mknodat(room->root, "w/zero", S_IFCHR | 0666, makedev(1, 5)) == 0;
    if (!device)
        print_message("no right to make a device node: tried without\n");
    assert_int_equal(collect(room, "/w/*", UINT64_MAX), 0);
    assert_copied(room, "w/file");
    assert_int_equal(room->notes.n, device ? 3 : 2);
    for (size_t i = 0; i < room->notes.n; i++)
        assert_non_null(strstr(room->notes.items[i], "is no regular file; not copied"));
}

/* Setuid bits and write bits of others stay behind; the executable bit comes along. */
static void test_modes(void **state)
{
    static const struct {
        const char *name;
        mode_t mode, copied;
    } table[] = {
        {"w/suid", 06777, 0755}, {"w/plain", 0644, 0644}, {"w/closed", 0, 0}, {"w/x", 0700, 0700}};
    struct room *room = *state;

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        put(room, table[i].name, "x");
        assert_int_equal(fchmodat(room->root, table[i].name, table[i].mode, 0), 0);
    }
    if (geteuid() != 0) {
        print_message("SKIPPED: a file of mode 000 can be read by root only\n");
        skip();
    }
    assert_int_equal(collect(room, "/w", UINT64_MAX), 0);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_free char *path = xasprintf("artifacts/job/%s", table[i].name);
        struct stat st;

        assert_int_equal(fstatat(reports_out_dirfd(room->out), path, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode & 07777, table[i].copied);
        assert_int_equal(st.st_uid, geteuid());
    }
}

static void test_strings(void **state)
{
    struct strings s = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        strings_add(&s, xasprintf("%d", i));
    assert_int_equal(s.n, 1000);
    assert_string_equal(s.items[999], "999");
    strings_free(&s);
    assert_int_equal(s.n, 0);
    assert_null(s.items);
    strings_free(&s);
}

/* Overlapping patterns name a file once and count it once. */
static void test_overlapping_patterns(void **state)
{
    struct room *room = *state;
    const char *patterns[] = {"/w/*", "/w/a", NULL};
    struct jobs_job job = job_with(patterns, UINT64_MAX);

    put(room, "w/a", "x");
    assert_int_equal(collect_job(room, &job), 0);
    assert_copied(room, "w/a");
}

static void test_trailing_slash(void **state)
{
    struct room *room = *state;
    put(room, "w/a", "x");
    assert_int_equal(collect(room, "/w/", UINT64_MAX), 0);
    assert_copied(room, "w/a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_patterns),
        TEST(test_patterns_that_match_nothing),
        TEST(test_links_are_not_followed),
        TEST(test_links),
        TEST(test_exclude),
        TEST(test_if_missing),
        TEST(test_missing_of_braces),
        TEST(test_workdir_behind_links),
        TEST(test_directories_and_times),
        TEST(test_digests),
        TEST(test_only_regular_files),
        TEST(test_modes),
        cmocka_unit_test(test_strings),
        TEST(test_overlapping_patterns),
        TEST(test_trailing_slash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
