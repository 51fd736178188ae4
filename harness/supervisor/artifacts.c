/* artifacts: copies what a finished job's patterns name out of its root. Everything of the job is dead by now, so
 * nothing moves under our feet, but every name is hostile: directories are opened beneath the root without following
 * any link, only regular files are copied, and what is skipped is remarked upon (go-judge #176). Nothing of the root is
 * ever run. */
#include "harness/supervisor/attempt.h"

#include "base/weaken.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define FILES_MAX 100000
#define DEPTH_MAX 64
#define NOTES_MAX 20

void strings_add(struct strings *s, char *item)
{
    /* room for the next power of two: it is full exactly when n is one */
    if ((s->n & (s->n - 1)) == 0)
        s->items = xrealloc(s->items, (s->n == 0 ? 1 : 2 * s->n) * sizeof(char *));
    s->items[s->n++] = item;
}

void strings_free(struct strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i]);
    free(s->items);
    *s = (struct strings){0};
}

struct collector {
    int out;            /* directory that the copies go below */
    const char *prefix; /* its path in the reports: "artifacts/NAME" */
    uint64_t left;      /* bytes that may still be copied */
    bool over;          /* the job file's max was reached */
    bool too_many;      /* FILES_MAX was */
    bool stopped;       /* the user wants no more */
    const struct artifacts_target *target;
    size_t matched;
    struct strings *copied, *notes;
    size_t unsaid; /* notes beyond NOTES_MAX */
    struct cupel_error *err;
};

static void note(struct collector *c, const char *path, const char *why)
{
    if (c->notes->n < NOTES_MAX)
        strings_add(c->notes, xasprintf("artifact %s %s", path, why));
    else
        c->unsaid++;
}

/* Copies the bytes from `at` to `end` to the same place. */
static int copy_extent(int from, int to, off_t at, off_t end)
{
    if (lseek(to, at, SEEK_SET) < 0)
        return -errno;
    while (at < end) {
        ssize_t n = sendfile(to, from, &at, end - at < (1 << 30) ? (size_t)(end - at) : (size_t)1 << 30);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
    }
    return 0;
}

/* Holes stay holes: a sparse file of a terabyte costs its data only. */
static int copy_bytes(int from, int to, off_t size, uint64_t *left)
{
    off_t at = 0;

    if (weakened("artifact-holes"))
        return copy_extent(from, to, 0, size);
    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA), hole;
        int r;

        if (data < 0 && errno == ENXIO)
            break; /* nothing but a hole up to the end */
        hole = data < 0 ? data : lseek(from, data, SEEK_HOLE);
        if (hole < 0)
            return -errno;
        if ((uint64_t)(hole - data) > *left)
            return -EFBIG;
        r = copy_extent(from, to, data, hole);
        if (r < 0)
            return r;
        *left -= (uint64_t)(hole - data);
        at = hole;
    }
    return ftruncate(to, size) < 0 ? -errno : 0;
}

static bool is_done(struct collector *c)
{
    if (!c->stopped && c->target->stopped != NULL && c->target->stopped(c->target->data))
        c->stopped = true;
    return c->over || c->too_many || c->stopped;
}

/* Creates the directories of `path` below c->out, one by one since the whole may be longer than a path can be, and the file
 * itself. -EEXIST: an earlier pattern has it already. */
static int create_copy(struct collector *c, const char *path)
{
    cleanup_close int dir = fcntl(c->out, F_DUPFD_CLOEXEC, 3);
    const char *name = path, *slash;

    while (dir >= 0 && (slash = strchr(name, '/')) != NULL) {
        cleanup_free char *part = strndup(name, (size_t)(slash - name));
        bool made;
        int next;

        if (part == NULL)
            return -ENOMEM;
        made = mkdirat(dir, part, 0755) == 0;
        if (!made && errno != EEXIST)
            return -errno;
        next = file_open_beneath(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (made && next >= 0)
            (void)reports_out_give(c->target->out, next);
        (void)close(dir);
        dir = next;
        name = slash + 1;
    }
    return dir < 0 ? dir : file_open_beneath(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
}

/* The kernel's own file systems show the host, and to the harness more than to the job. */
static bool is_kernels(int fd)
{
    static const long magic[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                 DEVPTS_SUPER_MAGIC};
    struct statfs fs;

    if (weakened("artifact-links"))
        return false;
    if (fstatfs(fd, &fs) < 0)
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(magic); i++)
        if (fs.f_type == magic[i])
            return true;
    return false;
}

/* Never through a link: it leads to wherever the job says, on the host. */
static int open_entry(int dir, const char *name, int flags)
{
    int fd;

    if (!weakened("artifact-links"))
        return file_open_beneath(dir, name, flags | O_NOFOLLOW, 0);
    fd = openat(dir, name, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* What of an error is the out directory's: everything else is about the job's file, and no more than a remark. */
static bool is_ours(int r)
{
    return r == -ENOSPC || r == -EDQUOT || r == -EIO || r == -EROFS || r == -EACCES || r == -EPERM || r == -EMFILE ||
           r == -ENOMEM;
}

/* Where that wall is away: another name of the copy before. */
static bool link_copy(struct collector *c, const char *path)
{
    const char *last = c->copied->n > 0 ? c->copied->items[c->copied->n - 1] + strlen(c->prefix) + 1 : NULL;

    if (last == NULL || linkat(c->out, last, c->out, path, 0) < 0)
        return false;
    strings_add(c->copied, xasprintf("%s/%s", c->prefix, path));
    return true;
}

/* `name` in `dir` is a regular file when it is opened; `path` is where it is in the job, without the first slash. */
static int copy_file(struct collector *c, int dir, const char *name, const char *path)
{
    cleanup_close int from = open_entry(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY), to = -EBADF;
    struct stat st;
    int r;

    if (from < 0 || fstat(from, &st) < 0 || (!S_ISREG(st.st_mode) && !weakened("artifact-links")) || is_kernels(from)) {
        note(c, path, "cannot be opened as a regular file of the job; not copied");
        return 0;
    }
    if (c->copied->n >= FILES_MAX) {
        c->too_many = true;
        return 0;
    }
    if (weakened("artifact-copies") && st.st_nlink > 1 && link_copy(c, path))
        return 0;
    to = create_copy(c, path);
    if (to == -EEXIST)
        return 0;
    r = to < 0 ? to : reports_out_give(c->target->out, to);
    if (r == 0)
        r = copy_bytes(from, to, st.st_size, &c->left);
    if (r == 0 && fchmod(to, st.st_mode & 0755) < 0)
        r = -errno;
    if (r == 0) {
        strings_add(c->copied, xasprintf("%s/%s", c->prefix, path));
        return 0;
    }
    /* half a file is none; one whose path is too long to name is at least emptied */
    if (to >= 0 && unlinkat(c->out, path, 0) < 0 && ftruncate(to, 0) < 0)
        note(c, path, "is incomplete in the out directory");
    if (r == -EFBIG)
        c->over = true;
    else if (is_ours(r))
        return cupel_error_set(c->err, CUPEL_ERROR_HARNESS, r, "cannot copy the artifact %.200s to %s", path,
                               c->prefix);
    else
        note(c, path, strerror(-r));
    return 0;
}

static int visit(struct collector *c, int dir, const char *path, const char *pattern, unsigned depth);

/* One entry of a directory that the pattern's next part matches. `rest` is what comes after that part: NULL for the
 * last. */
static int visit_entry(struct collector *c, int dir, const char *path, const char *name, const char *rest,
                       unsigned depth)
{
    cleanup_free char *child = *path != '\0' ? xasprintf("%s/%s", path, name) : xstrdup(name);
    cleanup_close int sub = -EBADF;
    struct stat st;

    if (fstatat(dir, name, &st, weakened("artifact-links") ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISDIR(st.st_mode)) {
        sub = open_entry(dir, name, O_RDONLY | O_DIRECTORY);
        if (sub < 0) {
            note(c, child, "cannot be opened; not copied");
            return 0;
        }
        return visit(c, sub, child, rest != NULL ? rest : "**", depth + 1);
    }
    if (rest != NULL && !str_eq(rest, "**"))
        return 0;
    c->matched++;
    if (S_ISREG(st.st_mode) || weakened("artifact-links"))
        return copy_file(c, dir, name, child);
    note(c, child,
         S_ISLNK(st.st_mode) ? "is a symbolic link; not followed, not copied" : "is no regular file; not copied");
    return 0;
}

/* Matches the pattern's first part against the entries of `dir`. "**" matches any number of directories, and as the
 * last part everything below. */
static int visit(struct collector *c, int dir, const char *path, const char *pattern, unsigned depth)
{
    size_t n = strcspn(pattern, "/");
    const char *rest = pattern[n] == '/' && pattern[n + 1] != '\0' ? pattern + n + 1 : NULL;
    cleanup_free char *part = strndup(pattern, n);
    bool any_depth = part != NULL && str_eq(part, "**");
    int fd = is_kernels(dir) ? -EXDEV : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    int r = 0;

    if (list == NULL || part == NULL || depth > DEPTH_MAX) {
        if (list != NULL)
            (void)closedir(list);
        else
            base_closep(&fd);
        note(c, path, depth > DEPTH_MAX ? "is too deep; not copied" : "cannot be listed; not copied");
        return 0;
    }
    if (any_depth && rest != NULL) /* "**" may also stand for nothing */
        r = visit(c, dir, path, rest, depth);
    while (r == 0 && !is_done(c) && (e = readdir(list)) != NULL) {
        if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
            continue;
        if (any_depth) {
            struct stat st;
            bool is_dir = fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);

            if (rest == NULL || is_dir)
                r = visit_entry(c, dir, path, e->d_name, pattern, depth);
        } else if (fnmatch(part, e->d_name, FNM_PERIOD) == 0) {
            r = visit_entry(c, dir, path, e->d_name, rest, depth);
        }
    }
    (void)closedir(list);
    return r;
}

/* What was not copied, and why, in words. */
static void note_end(struct collector *c, uint64_t max)
{
    char text[UNIT_TEXT_SIZE];

    if (c->unsaid > 0)
        strings_add(c->notes, xasprintf("%zu more remarks on artifacts are left out here", c->unsaid));
    if (c->over)
        strings_add(c->notes, xasprintf("artifacts exceed their max of %s: the rest was not copied",
                                        unit_format_size(max, text)));
    if (c->too_many)
        strings_add(c->notes, xasprintf("more than %d artifacts: the rest was not copied", FILES_MAX));
    if (c->stopped)
        strings_add(c->notes, xstrdup("interrupted while artifacts were copied: the rest was not copied"));
}

int artifacts_collect(const struct jobs_job *job, int root, const struct artifacts_target *target,
                      struct strings *copied, struct strings *notes, struct cupel_error *err)
{
    int r;
    char file_name[REPORTS_FILE_NAME_SIZE];
    cleanup_free char *prefix = NULL;
    cleanup_close int dir = -EBADF;
    struct collector c = {.left = job->artifacts.max, .target = target, .copied = copied, .notes = notes, .err = err};

    reports_file_name(target->name, file_name, sizeof(file_name));
    prefix = xasprintf("artifacts/%s", file_name);
    r = reports_out_open_artifacts(target->out, target->name, &dir, err);
    if (r < 0)
        return r;
    c.out = dir;
    c.prefix = prefix;
    r = 0;
    for (const char **pattern = job->artifacts.patterns; r == 0 && *pattern != NULL && !is_done(&c); pattern++) {
        c.matched = 0;
        r = visit(&c, root, "", *pattern + strspn(*pattern, "/"), 0);
        if (r == 0 && c.matched == 0 && !is_done(&c))
            strings_add(notes, xasprintf("artifact pattern %s matched nothing", *pattern));
    }
    note_end(&c, job->artifacts.max);
    return r;
}
