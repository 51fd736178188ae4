/* SPDX-License-Identifier: Apache-2.0 */
/* test_jobs_matrix_found: instances for what is found in directories, whatever lies there, and
 * hash(). */
#include "test_jobs.h"

#include "jobs/expand/host.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char *scratch(void)
{
    char *dir = xstrdup("/tmp/test-matrix-XXXXXX");

    assert_non_null(mkdtemp(dir));
    return dir;
}

static void put(int dir, const char *path, const char *text)
{
    cleanup_close int fd = openat(dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static struct loaded load_in(const char *dir, const char *text)
{
    struct loaded r = {0};

    (void)load_text("f.yaml", dir, text, strlen(text), &r.plan, &r.problems, &r.err);
    return r;
}

static void expect_found(const char *dir, const char *values, const char *names)
{
    cleanup_free char *text = xasprintf("cupel: 1\njobs: {a: {run: x, matrix: {P: %s}}}\n", values);
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r = load_in(dir, text);

    if (r.plan == NULL)
        fail_msg("%s: %s", values, r.problems.data);
    for (size_t i = 0; i < r.plan->n_jobs; i++)
        strbuf_addf(&b, "%s %s|", r.plan->jobs[i].name + strlen("a/P="),
                    r.plan->jobs[i].matrix[0] + strlen("P="));
    assert_string_equal(b.data, names);
    unload(&r);
}

/* Whatever lies there: nothing is followed, and nobody waits. */
static void test_found(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_int_equal(mkdirat(fd, "subs", 0755) + mkdirat(fd, "subs/anna", 0755) +
                         mkdirat(fd, "subs/b,b%", 0755) + mkdirat(fd, "subs/.hidden", 0755) +
                         mkdirat(fd, "subs/new\nline", 0755) + mkdirat(fd, "subs/anna/deep", 0755),
                     0);
    put(fd, "subs/anna/sum.c", "a");
    put(fd, "subs/b,b%/sum.c", "b");
    put(fd, "subs/anna/deep/x.h", "");
    put(fd, "subs/readme", "");
    put(fd, "lines", "b\r\n\na\nb\nc");
    assert_int_equal(mkfifoat(fd, "subs/fifo", 0644) + mkfifoat(fd, "subs/anna/fifo.c", 0644), 0);
    assert_int_equal(symlinkat("/", fd, "subs/out"), 0);
    assert_int_equal(symlinkat("/etc/passwd", fd, "subs/anna/link.c"), 0);
    /* a link is an instance by its name; who uses it says what is wrong with it */
    expect_found(dir, "{dirs: 'subs/*'}",
                 "anna subs/anna|b%2Cb%25 subs/b,b%|new%0Aline subs/new\nline|out subs/out|");
    expect_found(dir, "{files: 'subs/*/*.c'}",
                 "link.c subs/anna/link.c|subs/anna/sum.c subs/anna/sum.c|"
                 "subs/b%2Cb%25/sum.c subs/b,b%/sum.c|");
    expect_found(dir, "{files: 'subs/**/*.h'}", "x.h subs/anna/deep/x.h|");
    expect_found(dir, "{files: './subs/anna/**/**/x.h'}", "x.h ./subs/anna/deep/x.h|");
    expect_found(dir, "{dirs: '**'}",
                 "subs subs|anna subs/anna|deep subs/anna/deep|link.c subs/anna/link.c|b%2Cb%25 "
                 "subs/b,b%|new%0Aline "
                 "subs/new\nline|out subs/out|");
    expect_found(dir, "{lines: lines}", "a a|b b|c c|");
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

static void expect_refused(const char *dir, const char *values, const char *words)
{
    cleanup_free char *text = xasprintf("cupel: 1\njobs: {a: {run: x, matrix: {P: %s}}}\n", values);
    struct loaded r = load_in(dir, text);

    if (r.plan != NULL || strstr(r.problems.data, words) == NULL)
        fail_msg("%s: %s", values, r.plan != NULL ? "loaded" : r.problems.data);
    unload(&r);
}

static void test_not_found(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_int_equal(symlinkat("/etc", fd, "etc") + symlinkat("/etc/passwd", fd, "passwd") +
                         mkfifoat(fd, "fifo", 0644),
                     0);
    expect_refused(dir, "{files: 'etc/*'}", "leads through a symbolic link, which is not followed");
    expect_refused(dir, "{lines: passwd}", "leads through a symbolic link, which is not followed");
    expect_refused(dir, "{lines: fifo}", "fifo is not a regular file");
    expect_refused(dir, "{lines: none}", "cannot read none: No such file");
    expect_refused(dir, "{files: '*/../../etc/*'}", "is no pattern");
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

/* What is found, and what is refused of it, with the reason: after '!' where nobody is to blame. */
static void expect_unfit(const char *dir, const char *values, const char *expected)
{
    cleanup_free char *text = xasprintf("cupel: 1\njobs: {a: {run: x, matrix: {P: %s}}}\n", values);
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r = load_in(dir, text);

    if (r.plan == NULL)
        fail_msg("%s: %s", values, r.problems.data);
    for (size_t i = 0; i < r.plan->n_jobs; i++)
        strbuf_addf(&b, "%s%s%s|", r.plan->jobs[i].matrix[0] + strlen("P="),
                    r.plan->jobs[i].unread            ? "! "
                    : r.plan->jobs[i].refused != NULL ? ": "
                                                      : "",
                    r.plan->jobs[i].refused != NULL ? r.plan->jobs[i].refused : "");
    assert_string_equal(b.data, expected);
    unload(&r);
}

static void expect_tests(const char *dir, const char *pattern, const char *problem)
{
    cleanup_free char *text =
        xasprintf("cupel: 1\njobs: {a: {run: x, cases: [{files: '%s'}]}}\n", pattern);
    struct loaded r = load_in(dir, text);

    if (problem == NULL ? r.plan == NULL
                        : r.plan != NULL || strstr(r.problems.data, problem) == NULL)
        fail_msg("%s: %s", pattern, r.plan != NULL ? "loaded" : r.problems.data);
    unload(&r);
}

/* A case that is dropped is one less to be judged by: whoever wrote the file is told, and of what
 * lies in a submission its author. A link is told by what uses it. */
static void test_tests_that_are_no_files(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct loaded r;

    (void)state;
    assert_int_equal(mkdirat(fd, "tests", 0755) + mkdirat(fd, "tests/d.in", 0755) +
                         mkdirat(fd, "subs", 0755) + mkdirat(fd, "subs/anna", 0755),
                     0);
    put(fd, "tests/1.in", "");
    assert_int_equal(symlinkat("1.in", fd, "tests/2.in"), 0);
    expect_tests(dir, "tests/*.in", NULL);
    assert_int_equal(mkfifoat(fd, "tests/3.in", 0644) + mkfifoat(fd, "subs/anna/x.in", 0644) +
                         mknodat(fd, "tests/4.in", S_IFSOCK | 0644, 0),
                     0);
    expect_tests(dir, "tests/*.in",
                 "f.yaml:2:36: 'files': tests/3.in is a FIFO and no file: remove it, or write the "
                 "pattern so that it does not match\n");
    expect_tests(dir, "**/*.in", "tests/4.in is a socket and no file");
    expect_tests(dir, "tests/3.in", "tests/3.in is a FIFO");
    expect_tests(dir, "tests/[12].in", NULL);
    r = load_in(dir, "cupel: 1\njobs: {a: {run: x, matrix: {P: {dirs: 'subs/*'}}, cases: [{files: "
                     "'${{ P }}/*.in'}]}}\n");
    if (r.plan == NULL)
        fail_msg("%s", r.problems.data);
    assert_int_equal(r.plan->n_jobs, 1);
    assert_non_null(r.plan->jobs[0].refused);
    assert_non_null(strstr(r.plan->jobs[0].refused, "subs/anna/x.in is a FIFO"));
    unload(&r);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

/* Returns the innermost of directories of one name in each other. */
static int make_nested(int dir, const char *name, unsigned levels)
{
    int fd = dup(dir);

    for (unsigned i = 0; i < levels; i++) {
        int below;

        assert_int_equal(mkdirat(fd, name, 0755), 0);
        below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(below >= 0);
        (void)close(fd);
        fd = below;
    }
    return fd;
}

static void make_deep(int dir, unsigned levels)
{
    assert_int_equal(close(make_nested(dir, "d", levels)), 0);
}

/* A path is as long as whoever makes it likes; an id is not. */
static void test_too_long_for_an_id(void **state)
{
    cleanup_free char *dir = scratch(), *name = xcalloc(1, 251);
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), deep = -EBADF;
    const struct jobs_job *jobs;
    struct loaded r;

    (void)state;
    memset(name, 'n', 250);
    assert_int_equal(mkdirat(fd, "subs", 0755) + mkdirat(fd, "subs/anna", 0755), 0);
    deep = make_nested(fd, name, 5);
    assert_int_equal(renameat(fd, name, fd, "subs/bert"), 0);
    put(deep, "x", "");
    put(fd, "subs/anna/x", "");
    r = load_in(dir, "cupel: 1\njobs: {a: {run: x, matrix: {P: {files: 'subs/**/x'}, Q: [1, "
                     "2]}}}\n");
    if (r.plan == NULL)
        fail_msg("%s", r.problems.data);
    jobs = r.plan->jobs;
    assert_int_equal(r.plan->n_jobs, 4);
    assert_string_equal(jobs[1].name, "a/P=subs/anna/x,Q=2");
    assert_null(jobs[1].refused);
    assert_string_equal(jobs[3].name, "a/P=subs/bert/nnnnnnnnnnnnnnnnnnnn%~2,Q=2");
    assert_non_null(strstr(jobs[3].refused, "too long for the name of an instance"));
    unload(&r);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

/* How many names there are is for whoever fills a directory to say, as far as it is his own. */
static void test_too_many_of_one(void **state)
{
    enum { TOPS = 11, MOST = 9500, MORE = 10001 };
    cleanup_free char *in_memory =
                          xstrdup("/dev/shm/test-matrix-XXXXXX"), /* or it takes a minute */
        *dir = mkdtemp(in_memory) != NULL ? xstrdup(in_memory) : scratch();
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct expand_where where = {.dir = dir};
    struct arena *arena = arena_new();
    struct expand_match *found;
    struct cupel_error err;
    char path[40];
    size_t n;

    (void)state;
    for (int top = 0; top < TOPS; top++) {
        (void)snprintf(path, sizeof(path), "t%02d", top);
        assert_int_equal(mkdirat(fd, path, 0755), 0);
        for (int i = 0; i < (top == 1 ? MORE : MOST); i++) {
            (void)snprintf(path, sizeof(path), "t%02d/%d", top, i);
            assert_int_equal(mknodat(fd, path, S_IFREG | 0644, 0), 0);
        }
    }
    assert_int_equal(
        expand_real_host.match(&where, "t0[12]/*", EXPAND_FILES, arena, &found, &n, &err), 0);
    assert_int_equal(n, 1 + MOST);
    assert_string_equal(found[0].path, "t01");
    assert_string_equal(found[0].refused,
                        "t01 has 10000 paths or more that match, which are too many");
    assert_string_equal(found[1].path, "t02/0");
    assert_null(found[1].refused);
    assert_int_equal(expand_real_host.match(&where, "*/*", EXPAND_FILES, arena, &found, &n, &err),
                     0);
    assert_true(n <= EXPAND_MATCHES_MAX && n >= (size_t)(TOPS - 2) * MOST);
    for (size_t i = 0; i < n; i++)
        assert_true(strlen(found[i].path) == 3 ? found[i].refused != NULL
                                               : found[i].refused == NULL);
    arena_free(arena);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

/* What one of many has made of its own directory is nobody else's matter. */
static void test_unfit(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), bert = -EBADF;
    bool is_root = geteuid() == 0;
    struct loaded r;

    (void)state;
    assert_int_equal(fchmod(fd, 0755) + mkdirat(fd, "subs", 0755) + mkdirat(fd, "subs/anna", 0755) +
                         mkdirat(fd, "subs/bert", 0755) + mkdirat(fd, "subs/carl", 0755),
                     0);
    put(fd, "subs/anna/x.c", "");
    put(fd, "subs/bert/x.c", "");
    put(fd, "subs/carl/x.c", "");
    bert = openat(fd, "subs/bert", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_deep(bert, 70);
    assert_int_equal(fchmodat(fd, "subs/carl", 0, 0), 0);
    if (is_root) /* who may read anything */
        assert_int_equal(seteuid(65534), 0);
    expect_unfit(dir, "{files: 'subs/*/x.c'}",
                 "subs/anna/x.c|subs/bert/x.c|subs/carl/x.c: subs/carl cannot be read|");
    expect_unfit(dir, "{files: 'subs/**/*.c'}",
                 "subs/anna/x.c|subs/bert: subs/bert has directories nested deeper than 64|"
                 "subs/bert/x.c|subs/carl: subs/carl cannot be read|");
    expect_unfit(dir, "{dirs: 'subs/*'}", "subs/anna|subs/bert|subs/carl|");
    /* what the job file names itself is a problem of it, and a digest is of all or of nothing */
    expect_refused(dir, "{files: 'subs/carl/*'}",
                   "cannot look for 'subs/carl/*': Permission denied");
    r = load_in(dir, "cupel: 1\njobs: {a: {run: \"${{ hash('subs/**') }}\"}}\n");
    assert_null(r.plan);
    assert_non_null(strstr(r.problems.data, "subs/bert has directories nested deeper than 64"));
    unload(&r);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(fchmodat(fd, "subs/carl", 0755, 0), 0);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

/* Tells closed by whom, which an owner chooses: what the one who runs cupel has closed is no
 * doing of a submission's author. What cannot be read is never left out. */
static void test_closed(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_root = geteuid() == 0;

    (void)state;
    assert_int_equal(fchmod(fd, 0755) + mkdirat(fd, "subs", 0755) + mkdirat(fd, "subs/anna", 0755) +
                         mkdirat(fd, "subs/bert", 0755),
                     0);
    put(fd, "subs/anna/x.c", "");
    put(fd, "subs/bert/x.c", "");
    assert_int_equal(fchmodat(fd, "subs/anna", 0, 0) + fchmodat(fd, "subs/bert", 0444, 0), 0);
    if (is_root)
        assert_int_equal(fchownat(fd, "subs/anna", 65534, 65534, 0) +
                             fchownat(fd, "subs/bert", 65534, 65534, 0) + seteuid(65534),
                         0);
    expect_unfit(dir, "{files: 'subs/*/x.c'}",
                 "subs/anna/x.c! subs/anna cannot be read|"
                 "subs/bert/x.c! subs/bert/x.c cannot be read|");
    if (is_root) {
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(fchownat(fd, "subs/anna", 0, 0, 0) + fchownat(fd, "subs/bert", 0, 0, 0) +
                             seteuid(65534),
                         0);
        expect_unfit(dir, "{files: 'subs/*/x.c'}",
                     "subs/anna/x.c: subs/anna cannot be read|"
                     "subs/bert/x.c: subs/bert/x.c cannot be read|");
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(fchmodat(fd, "subs/anna", 0755, 0) + fchmodat(fd, "subs/bert", 0755, 0), 0);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

/* Descriptors that run out, as what no owner can choose: nothing is left out, and nobody blamed. */
static void test_unreadable_by_nobody(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct expand_where where = {.dir = dir};
    struct rlimit before, few;
    size_t unread = 0;
    bool found = false;

    (void)state;
    assert_int_equal(mkdirat(fd, "subs", 0755) + mkdirat(fd, "subs/anna", 0755), 0);
    put(fd, "subs/anna/x.c", "");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    for (few.rlim_cur = 0; !found && few.rlim_cur < 100; few.rlim_cur++) {
        struct arena *arena = arena_new();
        struct expand_match *matches = NULL;
        struct cupel_error err;
        size_t n = 0;
        int r;

        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        r = expand_real_host.match(&where, "subs/*/*.c", EXPAND_FILES, arena, &matches, &n, &err);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        if (r == 0 && (n != 1 || (matches[0].refused != NULL) != matches[0].unread))
            fail_msg("%d descriptors: %zu matches, %s", (int)few.rlim_cur, n,
                     n > 0 ? matches[0].refused : "");
        unread += r == 0 && matches[0].unread;
        found = r == 0 && !matches[0].unread;
        arena_free(arena);
    }
    assert_true(found && unread > 0);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

static void test_hash_and_git(void **state)
{
    cleanup_free char *dir = scratch(), *first = NULL;
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const char text[] =
        "cupel: 1\njobs: {a: {run: [\"${{ hash('*.txt', 'd/**') }}\", '${{ git.commit }}', '${{ "
        "git.branch }}']}}\n";
    struct loaded r;

    (void)state;
    assert_int_equal(mkdirat(fd, ".git", 0755) + mkdirat(fd, ".git/refs", 0755) +
                         mkdirat(fd, ".git/refs/heads", 0755) + mkdirat(fd, "d", 0755),
                     0);
    put(fd, ".git/HEAD", "ref: refs/heads/a/b\n");
    put(fd, ".git/packed-refs",
        "# pack-refs with: peeled\n0123456789012345678901234567890123456789 refs/heads/a/bc\n"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa refs/heads/a/b\n^bbbb\n");
    put(fd, "one.txt", "1");
    put(fd, "d/two", "2");
    r = load_in(dir, text);
    assert_non_null(r.plan);
    first = xstrdup(r.plan->jobs[0].steps[0].argv[0]);
    assert_int_equal(strlen(first), 64);
    assert_string_equal(r.plan->jobs[0].steps[0].argv[1],
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_string_equal(r.plan->jobs[0].steps[0].argv[2], "a/b");
    unload(&r);
    put(fd, "d/three", "");
    r = load_in(dir, text);
    assert_string_not_equal(r.plan->jobs[0].steps[0].argv[0], first);
    unload(&r);
    assert_int_equal(unlinkat(fd, "d/three", 0) + unlinkat(fd, ".git/HEAD", 0), 0);
    put(fd, ".git/HEAD", "cccccccccccccccccccccccccccccccccccccccc\n");
    r = load_in(dir, text);
    assert_string_equal(r.plan->jobs[0].steps[0].argv[0], first);
    assert_string_equal(r.plan->jobs[0].steps[0].argv[1],
                        "cccccccccccccccccccccccccccccccccccccccc");
    assert_string_equal(r.plan->jobs[0].steps[0].argv[2], "");
    unload(&r);
    assert_int_equal(unlinkat(fd, ".git/HEAD", 0), 0);
    put(fd, ".git/HEAD", "ref: refs/../../../etc/passwd\n");
    r = load_in(dir, text);
    assert_null(r.plan);
    assert_non_null(strstr(r.problems.data, "no commit is checked out in"));
    unload(&r);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_tests_that_are_no_files),
        cmocka_unit_test(test_unfit),
        cmocka_unit_test(test_too_long_for_an_id),
        cmocka_unit_test(test_too_many_of_one),
        cmocka_unit_test(test_hash_and_git),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_unreadable_by_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
