/* artifacts: copies what a finished job's patterns name out of its root. Everything of the job is dead by now, so
 * nothing moves under our feet, but every name is hostile: directories are opened beneath the root without following
 * any link, only regular files are copied, and what is skipped is remarked upon (go-judge #176). Nothing of the root is
 * ever run. */
#include "harness/supervisor/attempt.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define FILES_MAX 100000
#define DEPTH_MAX 64
#define NOTES_MAX 20

void strings_add(struct strings *s, char *item)
{
    s->items = xrealloc(s->items, (s->n + 1) * sizeof(char *));
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
    bool over;
    size_t matched;
    struct strings *copied, *notes;
    struct cupel_error *err;
};

static void note(struct collector *c, const char *path, const char *why)
{
    if (c->notes->n < NOTES_MAX)
        strings_add(c->notes, xasprintf("artifact %s %s", path, why));
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

/* Creates the directories of `path` below c->out and the file itself, fresh. */
static int create_copy(struct collector *c, const char *path)
{
    cleanup_free char *copy = xstrdup(path);
    char *slash = strrchr(copy, '/');
    int r;

    if (slash != NULL) {
        *slash = '\0';
        r = file_mkdir_p_at(c->out, copy, 0755);
        if (r < 0)
            return r;
    }
    (void)unlinkat(c->out, path, 0);
    return file_open_beneath(c->out, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
}

/* `name` in `dir` is a regular file when it is opened; `path` is where it is in the job, without the first slash. */
static int copy_file(struct collector *c, int dir, const char *name, const char *path)
{
    cleanup_close int from = file_open_beneath(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0),
                      to = -EBADF;
    struct stat st;
    int r;

    if (from < 0 || fstat(from, &st) < 0 || !S_ISREG(st.st_mode)) {
        note(c, path, "cannot be opened as a regular file; not copied");
        return 0;
    }
    if (c->copied->n >= FILES_MAX) {
        c->over = true;
        return 0;
    }
    to = create_copy(c, path);
    r = to < 0 ? to : copy_bytes(from, to, st.st_size, &c->left);
    if (r == -EFBIG) {
        (void)unlinkat(c->out, path, 0);
        c->over = true;
        return 0;
    }
    if (r == 0 && fchmod(to, st.st_mode & 0755) < 0)
        r = -errno;
    if (r < 0)
        return cupel_error_set(c->err, CUPEL_ERROR_HARNESS, r, "cannot copy the artifact %s to %s", path, c->prefix);
    strings_add(c->copied, xasprintf("%s/%s", c->prefix, path));
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

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISDIR(st.st_mode)) {
        sub = file_open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (sub < 0) {
            note(c, child, "cannot be opened; not copied");
            return 0;
        }
        return visit(c, sub, child, rest != NULL ? rest : "**", depth + 1);
    }
    if (rest != NULL && !str_eq(rest, "**"))
        return 0;
    c->matched++;
    if (S_ISREG(st.st_mode))
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
    const char *rest = pattern[n] == '/' ? pattern + n + 1 : NULL;
    cleanup_free char *part = strndup(pattern, n);
    bool any_depth = part != NULL && str_eq(part, "**");
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
    while (r == 0 && !c->over && (e = readdir(list)) != NULL) {
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

int artifacts_collect(const struct jobs_job *job, int root, struct reports_out *out, const char *name,
                      struct strings *copied, struct strings *notes, struct cupel_error *err)
{
    char file_name[256];
    cleanup_free char *prefix = NULL;
    cleanup_close int dir = -EBADF;
    struct collector c = {.left = job->artifacts.max, .copied = copied, .notes = notes, .err = err};
    int r = 0;

    reports_file_name(name, file_name, sizeof(file_name));
    prefix = xasprintf("artifacts/%s", file_name);
    dir = file_open_dir_p_at(reports_out_dirfd(out), prefix, 0755);
    if (dir < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, dir, "cannot make %s/%s", reports_out_path(out), prefix);
    c.out = dir;
    c.prefix = prefix;
    for (const char **pattern = job->artifacts.patterns; r == 0 && *pattern != NULL && !c.over; pattern++) {
        c.matched = 0;
        r = visit(&c, root, "", *pattern + strspn(*pattern, "/"), 0);
        if (r == 0 && c.matched == 0 && !c.over)
            strings_add(notes, xasprintf("artifact pattern %s matched nothing", *pattern));
    }
    if (r == 0 && c.over) {
        char text[UNIT_TEXT_SIZE];

        if (job->artifacts.max == UINT64_MAX)
            strings_add(notes, xasprintf("more than %d artifacts: the rest was not copied", FILES_MAX));
        else
            strings_add(notes, xasprintf("artifacts exceed their max of %s: the rest was not copied",
                                         unit_format_size(job->artifacts.max, text)));
    }
    return r;
}
