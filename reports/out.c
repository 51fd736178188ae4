/* SPDX-License-Identifier: Apache-2.0 */
/* out: the out directory of a run: its lock, its logs, and that nothing of an earlier run can be
 * taken for this run's. Not responsible for what the files say. */
#include "reports/out.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

int out_fail(const struct reports_out *out, const char *what, int errnum, struct cupel_error *err)
{
    return outdir_fail(out->path, what, errnum, err);
}

static void out_freep(struct reports_out **out)
{
    reports_out_close(*out);
}

/* flock, not a file that exists: the kernel lets go of it whatever kills us. The file itself stays,
 * since removing it would let two runs hold "the" lock on two files. */
static int lock(struct reports_out *out, struct cupel_error *err)
{
    out->lockfd = openat(out->dirfd, OUTDIR_LOCK,
                         O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (out->lockfd < 0 || outdir_give(&out->owner, out->lockfd) < 0)
        return out_fail(out, "create a lock file in", errno, err);
    if (flock(out->lockfd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return out_fail(out, "lock", errno, err);
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "another run is writing to '%s'", out->path);
    cupel_error_hint(err,
                     "wait until it ends, or give this run a directory of its own with --out DIR");
    return -EWOULDBLOCK;
}

#define ATTEMPT_NAME_SIZE 24

/* A directory of its own, because no suffix is safe: a job may have any name. */
static const char *attempt_name(unsigned attempt, char buf[static ATTEMPT_NAME_SIZE])
{
    (void)snprintf(buf, ATTEMPT_NAME_SIZE, "attempt-%u", attempt);
    return buf;
}

static int open_directories(struct reports_out *out, struct cupel_error *err)
{
    out->logsfd = outdir_open_sub(out->dirfd, OUTDIR_LOGS, &out->owner);
    if (out->logsfd < 0)
        return out_fail(out, "create logs/ in", out->logsfd, err);
    out->artifactsfd = outdir_open_sub(out->dirfd, OUTDIR_ARTIFACTS, &out->owner);
    if (out->artifactsfd < 0)
        return out_fail(out, "create artifacts/ in", out->artifactsfd, err);
    return 0;
}

/* Writes it aside first: no moment is without one. */
static int note_earlier(struct reports_out *out, const struct strbuf *text, struct cupel_error *err)
{
    cleanup_close int fd =
        outdir_make_file(out->dirfd, OUTDIR_EARLIER_ASIDE, O_WRONLY, &out->owner);
    int r = fd < 0 ? fd : file_write_all(fd, text->data, text->len);

    if (r == 0 && renameat(out->dirfd, OUTDIR_EARLIER_ASIDE, out->dirfd, OUTDIR_EARLIER) < 0)
        r = -errno;
    return r < 0 ? out_fail(out, "write " OUTDIR_EARLIER " in", r, err) : 0;
}

void reports_out_forget_earlier(const struct reports_out *out)
{
    (void)unlinkat(out->dirfd, OUTDIR_EARLIER, 0);
}

/* An earlier run's reports go at once: from here on there is this run's report or none. */
static int start_afresh(struct reports_out *out, struct cupel_error *err)
{
    static const char *const stale[] = {OUT_JUNIT, OUTDIR_JUNIT_ASIDE, OUTDIR_EARLIER_ASIDE};

    for (size_t i = 0; i < ARRAY_SIZE(stale); i++)
        if (unlinkat(out->dirfd, stale[i], 0) < 0 && errno != ENOENT)
            return out_fail(out, "remove an earlier run's reports from", errno, err);
    out->jsonlfd = outdir_make_file(out->dirfd, OUT_JSONL, O_WRONLY | O_APPEND, &out->owner);
    if (out->jsonlfd < 0)
        return out_fail(out, "create " OUT_JSONL " in", out->jsonlfd, err);
    for (unsigned attempt = 1; attempt <= REPORTS_ATTEMPTS_MAX; attempt++) {
        char name[ATTEMPT_NAME_SIZE];
        int r = file_remove_tree_at(out->logsfd, attempt_name(attempt, name));

        if (r < 0)
            return out_fail(out, "remove the logs of an earlier run's attempts from", r, err);
    }
    return 0;
}

int reports_out_open(const char *path, struct reports_out **ret_out, struct cupel_error *err)
{
    return reports_out_open_noting(path, NULL, ret_out, err);
}

int reports_out_open_noting(const char *path, const struct strbuf *earlier,
                            struct reports_out **ret_out, struct cupel_error *err)
{
    _cleanup_(out_freep) struct reports_out *out = xmalloc(sizeof(*out));
    int r;

    *out = (struct reports_out){.path = xstrdup(path),
                                .dirfd = -EBADF,
                                .logsfd = -EBADF,
                                .artifactsfd = -EBADF,
                                .lockfd = -EBADF,
                                .testsfd = -EBADF,
                                .jsonlfd = -EBADF};
    r = outdir_open(path, &out->dirfd, &out->owner, err);
    if (r < 0)
        return r;
    r = lock(out, err);
    if (r == 0)
        r = open_directories(out, err);
    if (r == 0 && earlier != NULL)
        r = note_earlier(out, earlier, err);
    if (r == 0)
        r = start_afresh(out, err);
    if (r < 0)
        return r;
    *ret_out = steal_ptr(out);
    return 0;
}

int reports_out_open_files(const char *path, struct reports_out **ret_out, struct cupel_error *err)
{
    _cleanup_(out_freep) struct reports_out *out = xmalloc(sizeof(*out));
    int r;

    *out = (struct reports_out){.path = xstrdup(path),
                                .dirfd = -EBADF,
                                .logsfd = -EBADF,
                                .artifactsfd = -EBADF,
                                .lockfd = -EBADF,
                                .testsfd = -EBADF,
                                .jsonlfd = -EBADF,
                                .only_files = true};
    r = outdir_open_empty(path, &out->dirfd, &out->owner, err);
    if (r < 0)
        return r;
    *ret_out = steal_ptr(out);
    return 0;
}

bool reports_out_has_only_files(const struct reports_out *out)
{
    return out->only_files;
}

void reports_out_close(struct reports_out *out)
{
    if (out == NULL)
        return;
    base_closep(&out->jsonlfd);
    base_closep(&out->testsfd);
    base_closep(&out->artifactsfd);
    base_closep(&out->logsfd);
    /* a process that the run has forked may have it for a moment longer */
    if (out->lockfd >= 0)
        (void)flock(out->lockfd, LOCK_UN);
    base_closep(&out->lockfd);
    base_closep(&out->dirfd);
    free(out->path);
    free(out);
}

static bool is_same(int fd, int dirfd, const char *name, int flags)
{
    struct stat ours, found;

    return fstat(fd, &ours) == 0 && fstatat(dirfd, name, &found, flags) == 0 &&
           ours.st_dev == found.st_dev && ours.st_ino == found.st_ino;
}

/* ---- what is missed at the end ---- */

#define LOST_NAMED 3 /* of what was lost; the rest is a number */

struct losses {
    const struct reports_out *out;
    struct strbuf names;
    size_t n;
};

static void add_loss(struct losses *l, const char *path)
{
    if (l->n++ < LOST_NAMED)
        strbuf_addf(&l->names, "%s%s", l->n > 1 ? ", " : "", path);
}

/* Notes a loss where `path` is not the regular file that the run made; where it may have made a
 * link, that will do. Of a path that is too long for one look nobody can say. */
static void look_for(struct losses *l, const char *path, bool or_link)
{
    struct stat st;

    if (fstatat(l->out->dirfd, path, &st, weakened("out-links") ? 0 : AT_SYMLINK_NOFOLLOW) < 0
            ? errno != ENAMETOOLONG
            : !S_ISREG(st.st_mode) && !(or_link && S_ISLNK(st.st_mode)))
        add_loss(l, path);
}

static void look_for_log(struct losses *l, const char *path)
{
    if (path != NULL)
        look_for(l, path, false);
}

static void look_for_logs(struct losses *l, const struct reports_result *result)
{
    look_for_log(l, result->stdout_log);
    look_for_log(l, result->stderr_log);
    look_for_log(l, result->merged_log);
}

static void look_for_files(struct losses *l, const struct reports_result *result)
{
    look_for_logs(l, result);
    for (size_t i = 0; i < result->n_previous; i++)
        look_for_logs(l, result->previous[i]);
    for (const char **a = result->artifacts; a != NULL && *a != NULL; a++)
        look_for(l, *a, true);
}

static void look_for_parts(struct losses *l)
{
    const struct reports_out *out = l->out;
    const struct {
        const char *name;
        int fd;
    } parts[] = {{OUT_JSONL, out->jsonlfd},
                 {OUTDIR_LOGS, out->logsfd},
                 {OUTDIR_ARTIFACTS, out->artifactsfd}};

    if (!is_same(out->dirfd, AT_FDCWD, out->path, 0)) {
        add_loss(l, "the out directory itself");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (parts[i].fd >= 0 &&
            !is_same(parts[i].fd, out->dirfd, parts[i].name, AT_SYMLINK_NOFOLLOW))
            add_loss(l, parts[i].name);
}

int reports_out_check(const struct reports_out *out, const struct reports_run *run,
                      struct cupel_error *err)
{
    cleanup_strbuf struct strbuf shown = {0};
    struct losses l = {.out = out};

    look_for_parts(&l);
    for (size_t i = 0, parts = l.n; parts == 0 && i < run->n_results; i++)
        look_for_files(&l, run->results[i]);
    if (l.n == 0)
        return 0;
    text_add_line(&shown, l.names.data);
    strbuf_free(&l.names);
    if (l.n > LOST_NAMED)
        strbuf_addf(&shown, " and %zu more", l.n - LOST_NAMED);
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0,
        "%s %s removed or replaced in %s while the run went on: what was written there is lost",
        shown.data, l.n > 1 ? "were" : "was", out->path);
    cupel_error_hint(err,
                     "run it again, and let nothing else write to the out directory meanwhile");
    return -ENOENT;
}

const char *reports_out_path(const struct reports_out *out)
{
    return out->path;
}

bool reports_out_is_one(int fd)
{
    return outdir_is_marked(fd);
}

int reports_out_dirfd(const struct reports_out *out)
{
    return out->dirfd;
}

int reports_out_give(const struct reports_out *out, int fd)
{
    return outdir_give(&out->owner, fd);
}

static bool is_plain(char c, bool first)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr("._=,+@-", c) != NULL && !(first && c == '.');
}

/* FNV-1a: tells apart what was cut alike; nothing relies on it against an attacker. */
static uint64_t hash(const char *s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
    return h;
}

void reports_file_name(const char *id, char *buf, size_t size)
{
    /* "%-" and sixteen digits: no name that was not cut contains "%-" */
    static const char tail_size = 18;
    size_t n = 0, cut = 0;

    if (size == 0)
        return;
    for (const char *p = id; *p != '\0'; p++) {
        bool plain = is_plain(*p, p == id);
        size_t need = plain ? 1 : 3;

        if (n + need + 1 > size) {
            n = cut;
            (void)snprintf(buf + n, size - n, "%%-%016llx", (unsigned long long)hash(id));
            return;
        }
        if (plain)
            buf[n] = *p;
        else
            (void)snprintf(buf + n, 4, "%%%02X", (unsigned char)*p);
        n += need;
        if (n + (size_t)tail_size + 1 <= size)
            cut = n;
    }
    buf[n] = '\0';
    if (n == 0)
        (void)snprintf(buf, size, "%%");
}

const char *const out_log_suffixes[REPORTS_LOGS_KEPT] = {".stdout", ".stderr", ".log",
                                                         ".transcript"};

static int remove_earlier(int dir, const char *name)
{
    return weakened("out-links") ? 0 : file_remove_tree_at(dir, name);
}

int reports_out_open_logs(struct reports_out *out, const char *id,
                          int ret_fds[static REPORTS_LOG_COUNT], struct cupel_error *err)
{
    int fds[REPORTS_LOG_COUNT], n = 0, r = 0;
    char base[REPORTS_FILE_NAME_SIZE], name[256];

    reports_file_name(id, base, sizeof(base));
    for (; n < REPORTS_LOG_COUNT && r == 0; n += r == 0) {
        (void)snprintf(name, sizeof(name), "%s%s", base, out_log_suffixes[n]);
        fds[n] = outdir_make_file(out->logsfd, name, O_WRONLY, &out->owner);
        if (fds[n] < 0)
            r = out_fail(out, "create a log file in logs/ of", fds[n], err);
    }
    if (r == 0) {
        r = remove_earlier(out->artifactsfd, base);
        if (r < 0)
            r = out_fail(out, "remove an earlier run's artifacts from", r, err);
    }
    for (int i = 0; i < n; i++)
        if (r < 0)
            (void)close(fds[i]);
        else
            ret_fds[i] = fds[i];
    return r;
}

int reports_out_open_transcript(struct reports_out *out, const char *id, int *ret_fd,
                                struct cupel_error *err)
{
    char base[REPORTS_FILE_NAME_SIZE], name[256];
    int fd;

    reports_file_name(id, base, sizeof(base));
    (void)snprintf(name, sizeof(name), "%s%s", base, out_log_suffixes[REPORTS_LOG_COUNT]);
    fd = outdir_make_file(out->logsfd, name, O_WRONLY, &out->owner);
    if (fd < 0)
        return out_fail(out, "create a transcript in logs/ of", fd, err);
    *ret_fd = fd;
    return 0;
}

int reports_out_open_artifacts(struct reports_out *out, const char *id, int *ret_dir,
                               struct cupel_error *err)
{
    char name[REPORTS_FILE_NAME_SIZE];
    int r, dir;

    if (out->only_files) {
        dir = openat(out->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
            return out_fail(out, "open", errno, err);
        *ret_dir = dir;
        return 0;
    }
    reports_file_name(id, name, sizeof(name));
    r = remove_earlier(out->artifactsfd, name);
    dir = r < 0 ? r : outdir_open_sub(out->artifactsfd, name, &out->owner);
    if (dir < 0)
        return out_fail(out, "make a directory for artifacts in", dir, err);
    *ret_dir = dir;
    return 0;
}

void reports_out_forget(struct reports_out *out, const char *id)
{
    char base[REPORTS_FILE_NAME_SIZE], name[256];

    reports_file_name(id, base, sizeof(base));
    for (size_t i = 0; i < REPORTS_LOGS_KEPT; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", base, out_log_suffixes[i]);
        (void)remove_earlier(out->logsfd, name);
    }
    (void)remove_earlier(out->artifactsfd, base);
}

int reports_out_keep_logs(struct reports_out *out, const char *id, unsigned attempt,
                          struct cupel_error *err)
{
    cleanup_close int dir = -EBADF;
    char base[REPORTS_FILE_NAME_SIZE], name[256], sub[ATTEMPT_NAME_SIZE];

    dir = outdir_open_sub(out->logsfd, attempt_name(attempt, sub), &out->owner);
    if (dir < 0)
        return out_fail(out, "make a directory for the logs of an attempt in", dir, err);
    reports_file_name(id, base, sizeof(base));
    for (size_t i = 0; i < REPORTS_LOGS_KEPT; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", base, out_log_suffixes[i]);
        if (renameat(out->logsfd, name, dir, name) < 0 && errno != ENOENT)
            return out_fail(out, "keep the logs of an attempt in", errno, err);
    }
    return 0;
}

/* ---- records of tests ---- */

/* Some file systems (NFS) have no files without a name. */
static int open_unnamed(int dir)
{
    int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0)
        return fd;
    fd = openat(dir, ".tests", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    (void)unlinkat(dir, ".tests", 0);
    return fd;
}

int reports_out_keep_tests(struct reports_out *out, struct reports_tests *tests,
                           struct cupel_error *err)
{
    off_t end;
    int r = 0;

    if (out->testsfd < 0)
        out->testsfd = open_unnamed(out->dirfd);
    end = out->testsfd >= 0 ? lseek(out->testsfd, 0, SEEK_END) : -1;
    if (out->testsfd >= 0 && end >= 0)
        r = file_write_all(out->testsfd, tests->data, tests->length);
    if (out->testsfd < 0 || end < 0 || r < 0) {
        memset(tests->listed, 0, sizeof(tests->listed));
        tests->length = 0;
        return out_fail(out, "keep the results of tests in", r < 0 ? -r : EIO, err);
    }
    tests->at = (uint64_t)end;
    return 0;
}

int reports_out_read_tests(const struct reports_out *out, const struct reports_tests *tests,
                           struct strbuf *to)
{
    char buf[16384];

    strbuf_add(to, tests->data != NULL ? tests->data : "", tests->data != NULL ? tests->length : 0);
    while (to->len < tests->length) {
        size_t left = tests->length - to->len;
        ssize_t n = pread(out->testsfd, buf, left < sizeof(buf) ? left : sizeof(buf),
                          (off_t)(tests->at + to->len));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        strbuf_add(to, buf, (size_t)n);
    }
    return 0;
}
