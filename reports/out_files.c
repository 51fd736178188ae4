/* SPDX-License-Identifier: Apache-2.0 */
/* out_files: files that are put into an out directory and taken out of it between runs. Nothing in
 * it is followed (outdir.h). Not responsible for what a run writes (out.c). */
#include "reports/outdir.h"
#include "reports/reports.h"

#include <fcntl.h>
#include <sys/stat.h>

int reports_out_claim(const char *path, struct cupel_error *err)
{
    cleanup_close int dir = -EBADF;
    struct outdir_owner owner;

    return outdir_open(path, &dir, &owner, err);
}

int reports_out_put(const char *path, const char *name, const char *text, size_t len,
                    struct cupel_error *err)
{
    cleanup_close int dir = -EBADF, fd = -EBADF;
    struct outdir_owner owner;
    int r = outdir_open(path, &dir, &owner, err);

    if (r < 0)
        return r;
    r = file_write_atomic_at(dir, name, text, len, 0600);
    if (r == 0 && owner.set) {
        fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? -errno : outdir_give(&owner, fd);
    }
    return r < 0 ? outdir_fail(path, "write to", r, err) : 0;
}

int reports_out_get(const char *path, const char *name, size_t max, char **ret_text,
                    size_t *ret_len)
{
    cleanup_close int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
    struct stat st;

    if (dir < 0 || !outdir_is_marked(dir))
        return -ENOENT;
    fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -EINVAL;
    return file_read_fd(fd, max, ret_text, ret_len);
}
