/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_store: probes of the place where roots are kept and runs have their directory, and of the
 * ids that slots claim. */
#include "harness/doctor/doctor_private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#define LITTLE (UINT64_C(1) << 30)      /* the default size of one job's disk */
#define TOO_LITTLE (UINT64_C(64) << 20) /* the fixed parts of a few jobs' disks */

void probe_store(const struct doctor_context *ctx, const struct doctor_probe *probe,
                 struct doctor_finding *f)
{
    (void)probe;
    if (ctx->cache == NULL)
        doctor_missing_error(f, &ctx->cache_error);
    else if (faccessat(cache_dirfd(ctx->cache), "runs", W_OK, AT_EACCESS) < 0)
        doctor_missing(f, errno, "%s is not writable", cache_path(ctx->cache));
    else
        doctor_works(f, "%s", cache_path(ctx->cache));
}

void probe_store_space(const struct doctor_context *ctx, const struct doctor_probe *probe,
                       struct doctor_finding *f)
{
    char text[UNIT_TEXT_SIZE];
    struct statvfs fs;
    uint64_t bytes;

    (void)probe;
    if (ctx->cache == NULL) {
        doctor_missing_error(f, &ctx->cache_error);
        return;
    }
    if (fstatvfs(cache_dirfd(ctx->cache), &fs) < 0) {
        doctor_missing(f, errno, "cannot ask for the free space of %s", cache_path(ctx->cache));
        return;
    }
    bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    (void)unit_format_size(bytes, text);
    if (bytes < TOO_LITTLE)
        doctor_missing(f, 0, "%s has only %s free", cache_path(ctx->cache), text);
    else if (bytes < LITTLE)
        doctor_degraded(f, "%s has only %s free: less than the disk that one job may fill",
                        cache_path(ctx->cache), text);
    else
        doctor_works(f, "%s", text);
}

/* Layers carry overlayfs's marks as user.* attributes. */
void probe_store_attributes(const struct doctor_context *ctx, const struct doctor_probe *probe,
                            struct doctor_finding *f)
{
    cleanup_close int fd = -EBADF;

    (void)probe;
    if (ctx->cache == NULL) {
        doctor_missing_error(f, &ctx->cache_error);
        return;
    }
    fd = openat(cache_dirfd(ctx->cache), ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd < 0)
        doctor_missing(f, errno, "%s: cannot make an unlinked file (O_TMPFILE)",
                       cache_path(ctx->cache));
    else if (fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) < 0)
        doctor_missing(f, errno, "%s: cannot set a user.* attribute", cache_path(ctx->cache));
    else
        doctor_works(f, "user.* and O_TMPFILE");
}

/* Where slots claim their ids: /run/cupel/ids, or the nearest directory above it that is there
 * already. */
void probe_id_claims(const struct doctor_context *ctx, const struct doctor_probe *probe,
                     struct doctor_finding *f)
{
    static const char *const places[] = {"/run/cupel/ids", "/run/cupel", "/run"};
    size_t i = 0;

    (void)ctx;
    (void)probe;
    while (i + 1 < ARRAY_SIZE(places) && access(places[i], F_OK) < 0)
        i++;
    if (faccessat(AT_FDCWD, places[i], W_OK, AT_EACCESS) == 0)
        doctor_works(f, "%s", places[i]);
    else
        doctor_missing(f, errno, "%s is not writable", places[i]);
}
