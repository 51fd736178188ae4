/* SPDX-License-Identifier: Apache-2.0 */
/* submission_files: what files there are in a submission, which whoever handed it in has made: it
 * is opened beneath what the job file names, no link is followed, nothing is waited for, and names,
 * depth and number are bounded. Not responsible for what the files mean (submission_languages.c),
 * nor for whether the submission may hold them (harness/sandbox/slot/submission.c). */
#include "jobs/expand/submission_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 16
#define LOOKS_MAX 10000 /* entries of its directories */
#define NAMED_MAX 200   /* bytes of the file that names the language */
#define LANGUAGE_FILE "language"

struct submission_looking {
    const struct submission_asked *asked;
    struct submission_seen *seen;
    size_t looks, bytes;
    struct strbuf path; /* of the directory, below the submission */
};

bool submission_is_unread(int dirfd, const char *name, int r)
{
    struct stat st;

    if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -ENAMETOOLONG ||
        r == -EAGAIN) /* a lease, which its owner may take */
        return false;
    if (r != -EACCES && r != -EPERM)
        return true;
    /* where even that is not told, it is the directory that lets nobody through */
    if (name == NULL || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fstat(dirfd, &st) == 0 && st.st_uid == geteuid();
    return st.st_uid == geteuid();
}

BASE_PRINTF(2, 3)
static void submission_refuse(struct submission_looking *k, const char *format, ...)
{
    cleanup_strbuf struct strbuf text = {0};
    va_list args;

    if (k->seen->refused != NULL)
        return;
    text_add_line(&text, k->asked->path);
    strbuf_adds(&text, " ");
    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    k->seen->refused = arena_strdup(k->asked->arena, text.data);
}

/* Refuses the submission for what could not be read of it; false where that is nothing: it is gone
 * again, or closed by its author, who may keep there what is no part of the program. */
static bool refuse_unread(struct submission_looking *k, int dirfd, const char *name, int r)
{
    if (!submission_is_unread(dirfd, name, r))
        return false;
    k->seen->unread |= k->seen->refused == NULL;
    submission_refuse(k, "cannot be read%s%s: %s", k->path.len > 0 ? " at " : "",
                      k->path.len > 0 ? k->path.data : "", strerror(-r));
    return true;
}

static void add_file(struct submission_looking *k, const char *path)
{
    struct submission_seen *seen = k->seen;

    k->bytes += strlen(path) + sizeof("./");
    if (seen->n == SUBMISSION_FILES_MAX || k->bytes > SUBMISSION_BYTES_MAX) {
        submission_refuse(
            k, "has too many files of a language: %d are possible, with %d bytes of names",
            SUBMISSION_FILES_MAX, SUBMISSION_BYTES_MAX);
        return;
    }
    if (seen->files == NULL)
        seen->files = arena_alloc(k->asked->arena, SUBMISSION_FILES_MAX * sizeof(*seen->files));
    seen->files[seen->n++] = arena_printf(k->asked->arena, "./%s", path);
}

static void look_in(struct submission_looking *k, int fd, unsigned depth);

static void look_at(struct submission_looking *k, int dirfd, const char *name, unsigned depth)
{
    cleanup_close int fd = -EBADF;
    struct stat st;

    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        (void)refuse_unread(k, dirfd, name, -errno);
        return;
    }
    if (S_ISREG(st.st_mode) && k->asked->wants(k->asked->data, name))
        add_file(k, k->path.data);
    if (!S_ISDIR(st.st_mode))
        return;
    if (depth == DEPTH_MAX) {
        submission_refuse(k, "has directories nested deeper than %d", DEPTH_MAX);
        return;
    }
    fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        look_in(k, fd, depth + 1);
    else
        (void)refuse_unread(k, dirfd, name, -errno);
}

/* Looks at all names in a directory but those that are hidden: those are no programs, and systems
 * leave some beside what was packed. */
static void look_in(struct submission_looking *k, int fd, unsigned depth)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    const size_t length = k->path.len;

    if (dir == NULL) {
        (void)refuse_unread(k, fd, NULL, -errno); /* its owner may have taken it away */
        base_closep(&own);
        return;
    }
    while (k->seen->refused == NULL) {
        const struct dirent *e;

        errno = 0;
        e = readdir(dir);
        if (e == NULL && errno != 0)
            (void)refuse_unread(k, fd, NULL, -errno);
        if (e == NULL)
            break;
        if (e->d_name[0] == '.')
            continue;
        if (++k->looks > LOOKS_MAX) {
            submission_refuse(k, "has more than %d files", LOOKS_MAX);
            break;
        }
        strbuf_addf(&k->path, "%s%s", length > 0 ? "/" : "", e->d_name);
        look_at(k, fd, e->d_name, depth);
        k->path.len = length;
        k->path.data[length] = '\0';
    }
    (void)closedir(dir);
}

/* Reads the file that names the language, where there is one. */
static void look_for_name(struct submission_looking *k, int dirfd)
{
    cleanup_close int fd =
        openat(dirfd, LANGUAGE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    struct stat st;
    size_t len = 0;
    int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

    if (r == -ENOENT || (r == 0 && S_ISDIR(st.st_mode)))
        return;
    if (r == 0 && S_ISREG(st.st_mode))
        r = file_read_fd(fd, NAMED_MAX, &text, &len);
    else if (r == 0 || r == -ENXIO) /* a socket */
        r = -EFBIG;
    if (r < 0 && r != -EFBIG && refuse_unread(k, dirfd, LANGUAGE_FILE, r))
        return;
    if (r < 0) {
        submission_refuse(k, "has a file '" LANGUAGE_FILE "' that is no short text");
        return;
    }
    len = strcspn(text, "\r\n");
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    k->seen->language = arena_strndup(k->asked->arena, text, len);
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Opens what the job file names up to `trusted` bytes, and the rest without following links. */
static int open_whole(const char *whole, size_t trusted)
{
    return file_open_trusted(whole, trusted < strlen(whole) ? trusted : 0, O_PATH);
}

/* Opens the submission; or, where that may not be, the directory that lets nobody through, and the
 * error in *ret. */
static int open_submission(const struct submission_asked *a, int *ret)
{
    cleanup_free char *whole =
        a->path[0] == '/' ? xstrdup(a->path) : xasprintf("%s/%s", a->dir, a->path);
    size_t trusted = a->path[0] == '/' ? a->named : strlen(a->dir);
    int fd = open_whole(whole, trusted);

    *ret = fd < 0 ? fd : 0;
    for (char *end; fd == -EACCES && (end = strrchr(whole, '/')) != NULL && end > whole;) {
        *end = '\0';
        fd = open_whole(whole, trusted);
    }
    return fd;
}

/* Says why a submission cannot be opened; `r`: the negative errno, `at`: what lets nobody through.
 */
static void refuse_whole(struct submission_looking *k, int at, int r)
{
    if (r == -ELOOP)
        submission_refuse(k, "is a symbolic link, or lies behind one");
    else if (r == -ENOENT)
        submission_refuse(k, "is not there");
    else if (!refuse_unread(k, at, NULL, r))
        submission_refuse(k, "cannot be looked at");
}

void submission_look(const struct submission_asked *asked, struct submission_seen *ret)
{
    struct submission_looking k = {.asked = asked, .seen = ret};
    cleanup_close int fd = -EBADF, dir = -EBADF;
    struct stat st;
    int r;

    *ret = (struct submission_seen){0};
    fd = open_submission(asked, &r);
    if (r == 0 && fstat(fd, &st) < 0)
        r = -errno;
    if (r < 0) {
        refuse_whole(&k, fd, r);
        return;
    }
    if (S_ISREG(st.st_mode)) {
        if (asked->wants(asked->data, last_part(asked->path)))
            add_file(&k, last_part(asked->path));
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        submission_refuse(&k, "is neither a file nor a directory");
        return;
    }
    dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        if (!refuse_unread(&k, fd, NULL, -errno))
            submission_refuse(&k, "cannot be read");
        return;
    }
    look_for_name(&k, dir);
    look_in(&k, dir, 0);
    strbuf_free(&k.path);
    if (ret->n > 1)
        qsort(ret->files, ret->n, sizeof(*ret->files), compare_files);
}
