/* SPDX-License-Identifier: Apache-2.0 */
/* host_path: opens what a job file names on the host where others may have filled it. A link there
 * is not followed: it could lead to any file that the harness may read (the answers beside a
 * submission, /etc/shadow). In the slot. */
#include "harness/sandbox/sandbox.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int host_path_refuse(const struct jobs_host_path *of, const char *what, const char *path,
                     const char *why, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf b = {0};

    text_add_line(&b, path);
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s %s %s", what, b.data, why);
    err->by_author = !of->untrusted;
    return -EUCLEAN;
}

static int refuse_link(const struct jobs_host_path *p, const char *what, struct cupel_error *err)
{
    cleanup_free char *target = NULL, *link = file_first_link(p->path, p->trusted, &target),
                      *why = NULL;
    cleanup_strbuf struct strbuf b = {0};

    text_add_line(&b, target != NULL ? target : "?");
    why = xasprintf("is a symbolic link, to '%s', and is not followed: name what is meant%s%s",
                    b.data, p->untrusted ? "" : ", or ", p->untrusted ? "" : p->to_follow);
    return host_path_refuse(p, what, link != NULL ? link : p->path, why, err);
}

int host_path_no_rights(struct cupel_error *err, const char *what, const char *path)
{
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "%s %s cannot be read", what, path);
    cupel_error_hint(err, "let whoever starts cupel read it (chmod -R u+rX, or chown), or start "
                          "cupel as root");
    return -EUCLEAN;
}

/* What is wrong with a path that whoever filled it may have chosen; NULL: something that is not
 * theirs to choose. */
static const char *explain(int r)
{
    switch (r) {
    case -ENOENT:
        return "is not there";
    case -ENOTDIR:
        return "is not there: a part of its path is a file";
    case -ENXIO: /* a socket, or a FIFO that nobody reads */
        return "is neither a regular file nor a directory";
    default:
        return NULL;
    }
}

/* Whether a file of another user's has a further name in this directory, which whoever filled it
 * may have made: it is no part of what they have handed in. */
static bool is_of_another(const struct jobs_host_path *p, const struct stat *st)
{
    cleanup_free char *dir = xstrdup(p->path);
    char *slash = strrchr(dir, '/');
    cleanup_close int fd = -EBADF;
    struct stat of_dir;
    size_t length;

    if (!S_ISREG(st->st_mode) || st->st_nlink < 2 || slash == NULL || weakened("hard-links"))
        return false;
    slash[slash == dir] = '\0';
    length = strlen(dir);
    fd = file_open_trusted(dir, p->trusted < length ? p->trusted : length, O_PATH | O_DIRECTORY);
    return fd < 0 || fstat(fd, &of_dir) < 0 || of_dir.st_uid != st->st_uid;
}

int host_path_open(const struct jobs_host_path *path, const char *what, int flags, int *ret_fd,
                   struct cupel_error *err)
{
    size_t trusted = weakened("host-links") ? strlen(path->path) : path->trusted;
    cleanup_close int fd = file_open_trusted(path->path, trusted, flags);
    const char *why = path->untrusted ? explain(fd) : NULL;
    struct stat st;

    if (fd == -ELOOP)
        return refuse_link(path, what, err);
    if (why != NULL)
        return host_path_refuse(path, what, path->path, why, err);
    if (fd == -EACCES && path->untrusted) {
        cleanup_strbuf struct strbuf shown = {0};

        text_add_line(&shown, path->path);
        return host_path_no_rights(err, what, shown.data);
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, fd < 0 ? fd : errno, "cannot open %s %s",
                               what, path->path);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && path->untrusted)
        return host_path_refuse(path, what, path->path, "is neither a regular file nor a directory",
                                err);
    if (path->untrusted && is_of_another(path, &st))
        return host_path_refuse(path, what, path->path, "is a hard link to a file of another user",
                                err);
    *ret_fd = steal_fd(&fd);
    return 0;
}

int host_path_open_file(const struct jobs_host_path *path, const char *what, int *ret_fd,
                        uint64_t *ret_size, struct cupel_error *err)
{
    cleanup_close int fd = -EBADF;
    cleanup_free char *why = NULL;
    char most[UNIT_TEXT_SIZE];
    struct stat st;
    int r = host_path_open(path, what, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, err);

    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot read %s %s", what,
                               path->path);
    if (!S_ISREG(st.st_mode))
        return host_path_refuse(path, what, path->path, "is not a regular file", err);
    if (st.st_size > JOBS_GIVEN_MAX) {
        why = xasprintf("is larger than %s, which is the most that a job is given",
                        unit_format_size(JOBS_GIVEN_MAX, most));
        return host_path_refuse(path, what, path->path, why, err);
    }
    *ret_fd = steal_fd(&fd);
    *ret_size = (uint64_t)st.st_size;
    return 0;
}
