/* SPDX-License-Identifier: Apache-2.0 */
/* output: see output.h. Renaming over FILE is for regular files alone: over `/dev/null`, as root,
 * it would take the machine's node away; over a link, what the link stands for would get nothing.
 * Not responsible for what is written. */
#include "harness/cli/output.h"

#include <fcntl.h>
#include <sys/stat.h>

static int output_fail(const struct cli_output *o, int errnum, struct cupel_error *err)
{
    return cupel_error_set(err, CUPEL_ERROR_INPUT, errnum, "cannot write '%s'", o->file);
}

static bool is_replaced(const char *file)
{
    struct stat st;

    return lstat(file, &st) < 0 ? errno == ENOENT : S_ISREG(st.st_mode);
}

int cli_output_open(struct cli_output *o, const char *file, struct cupel_error *err)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;

    *o = (struct cli_output){.fd = -EBADF, .file = file};
    if (is_replaced(file)) {
        o->aside = xasprintf("%s.%d.tmp", file, (int)getpid());
        flags |= O_EXCL;
    } else {
        flags |= O_TRUNC;
    }
    o->fd = open(o->aside != NULL ? o->aside : file, flags, 0644);
    if (o->fd >= 0)
        return 0;
    free(steal_ptr(o->aside));
    return output_fail(o, errno, err);
}

/* Pipes and most devices have nothing to sync. */
static bool is_written(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS;
}

/* Empties a regular file that a link leads to. */
static void empty(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && ftruncate(fd, 0) < 0)
        log_warning("half of what was to be written is left");
}

int cli_output_end(struct cli_output *o, int r, struct cupel_error *err)
{
    cleanup_free char *aside = steal_ptr(o->aside);

    if (r == 0 && (!is_written(o->fd) || (aside != NULL && rename(aside, o->file) < 0))) {
        r = output_fail(o, errno, err);
        err->kind = CUPEL_ERROR_HARNESS;
    }
    if (r < 0 && aside != NULL)
        (void)unlink(aside);
    else if (r < 0)
        empty(o->fd);
    base_closep(&o->fd);
    return r;
}
