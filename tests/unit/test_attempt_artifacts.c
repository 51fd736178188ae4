/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_artifacts: what patterns bring home from a finished root, and what a hostile root
 * cannot make them bring. */
#include "harness/attempt/artifact_names.h"
#include "harness/attempt/artifacts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

struct room {
    char path[64];
    int root;
    struct reports_out *out;
    struct strings copied, notes;
    struct cupel_error err;
};

static int setup(void **state)
{
    struct room *room = xcalloc(1, sizeof(*room));
    cleanup_free char *out = NULL, *root = NULL;

    /* thousands of files: in memory, where there is such a place */
    (void)snprintf(room->path, sizeof(room->path), "%s/cupel-test-artifacts-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(room->path) == NULL)
        return -1;
    out = xasprintf("%s/out", room->path);
    root = xasprintf("%s/root", room->path);
    if (reports_out_open(out, &room->out, &room->err) < 0)
        return -1;
    room->root = file_open_dir_p_at(AT_FDCWD, root, 0755);
    *state = room;
    return room->root < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    int r;

    strings_free(&room->copied);
    strings_free(&room->notes);
    (void)close(room->root);
    reports_out_close(room->out);
    r = file_remove_tree_at(AT_FDCWD, room->path);
    free(room);
    return r;
}

static void put(struct room *room, const char *path, const char *text)
{
    cleanup_free char *parent = xstrdup(path);
    char *slash = strrchr(parent, '/');

    if (slash != NULL) {
        *slash = '\0';
        assert_int_equal(file_mkdir_p_at(room->root, parent, 0755), 0);
    }
    assert_int_equal(file_write_atomic_at(room->root, path, text, strlen(text), 0644), 0);
}

static int collect_job(struct room *room, const struct jobs_job *job)
{
    const struct artifacts_target target = {.out = room->out, .name = "job"};

    return artifacts_collect(job, room->root, &target, &room->copied, &room->notes, &room->err);
}

static struct jobs_job job_with(const char **patterns, uint64_t max)
{
    return (struct jobs_job){
        .name = "job",
        .workdir = "/w",
        .artifacts = {.paths = {patterns, NULL}, .if_missing = JOBS_MISSING_DEFAULT, .max = max}};
}

static void forget(struct room *room)
{
    strings_free(&room->copied);
    strings_free(&room->notes);
    assert_int_equal(file_remove_tree_at(reports_out_dirfd(room->out), "artifacts/job"), 0);
}

static int collect(struct room *room, const char *pattern, uint64_t max)
{
    const char *patterns[] = {pattern, NULL};
    struct jobs_job job = job_with(patterns, max);

    forget(room);
    return collect_job(room, &job);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The list in order, joined by blanks, without what all have in common. */
static char *joined(struct strings *s)
{
    static const char prefix[] = "artifacts/job/";
    struct strbuf b = {0};

    strbuf_add(&b, "", 0);
    if (s->n != 0)
        qsort(s->items, s->n, sizeof(*s->items), by_name);
    for (size_t i = 0; i < s->n; i++)
        strbuf_addf(&b, "%s%s", i != 0 ? " " : "",
                    str_starts(s->items[i], prefix) ? s->items[i] + strlen(prefix) : s->items[i]);
    return b.data;
}

static void assert_copied(struct room *room, const char *expected)
{
    cleanup_free char *got = joined(&room->copied);

    assert_string_equal(got, expected);
}

static void assert_notes(struct room *room, const char *expected)
{
    cleanup_free char *got = joined(&room->notes);

    assert_string_equal(got, expected);
}

static void assert_content(struct room *room, const char *path, const char *expected)
{
    cleanup_free char *data = NULL;
    size_t len;

    assert_int_equal(file_read_at(reports_out_dirfd(room->out), path, 1 << 20, &data, &len), 0);
    assert_string_equal(data, expected);
}

static size_t entries_of(struct room *room, const char *path)
{
    struct artifact_names names;
    int dir = openat(reports_out_dirfd(room->out), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t n;

    assert_int_equal(artifact_names_read(dir, NULL, 16 << 20, &names), 0);
    n = names.n;
    artifact_names_free(&names);
    (void)close(dir);
    return n;
}

/* Makes `depth` directories of this name within one another below the directory `at`, and a file in
 * the last. */
static void put_deep(struct room *room, const char *at, const char *name, unsigned depth)
{
    int dir = file_open_dir_p_at(room->root, at, 0755);

    for (unsigned i = 0; i < depth; i++) {
        int next;

        assert_true(mkdirat(dir, name, 0755) == 0 || errno == EEXIST);
        next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(dir);
        dir = next;
    }
    assert_int_equal(file_write_atomic_at(dir, "file", "x", 1, 0644), 0);
    (void)close(dir);
}

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
    assert_int_equal(
        artifacts_collect(&job, room->root, &target, &room->copied, &room->notes, &room->err), 0);
    assert_copied(room, "");
    assert_notes(room, "interrupted while artifacts were copied: the rest was not copied");
}

static void test_trailing_slash(void **state)
{
    struct room *room = *state;
    put(room, "w/a", "x");
    assert_int_equal(collect(room, "/w/", UINT64_MAX), 0);
    assert_copied(room, "w/a");
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(test_only_regular_files),
        TEST(test_modes),
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
        cmocka_unit_test(test_strings),
        TEST(test_stopped),
        TEST(test_overlapping_patterns),
        TEST(test_trailing_slash),
        TEST(test_path_longer_than_path_max),
        TEST(test_stale_file_where_a_directory_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
