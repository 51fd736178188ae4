/* SPDX-License-Identifier: Apache-2.0 */
/* losses: whether something that jobs wrote to their disk was lost between the kernel's cache and
 * the store: the store's file system was full, or failed. The kernel has told the job that it was
 * written, and goes on to say so: fsync(2) on an overlay that is `volatile` writes nothing. So this
 * is asked for before a job's result is believed.
 *
 * It costs a job next to nothing, and writes nothing out: on a `volatile` overlay fsync(2) only
 * compares the upper file system's count of lost writes with that at the time of its mount
 * (ovl_sync_status() in fs/overlayfs/super.c, errseq_check()). A small overlay that lives as long
 * as the disk is made for that alone. Inode tables and bitmaps belong to no file: of those the loop
 * device's own cache knows, and sync_file_range(2) that waits for a byte and starts nothing reports
 * it (file_check_and_advance_wb_err() in mm/filemap.c). */
#include "harness/sandbox/slot/losses.h"
#include "harness/sandbox/init/overlay.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/upper.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PLACE "losses"
/* What is left when a file system refuses a write that does not fit: less than this is full. */
#define FULL_BYTES (UINT64_C(1) << 20)

int losses_make_room(int dirfd)
{
    static const char *const names[] = {PLACE, PLACE "/u", PLACE "/w"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (mkdirat(dirfd, names[i], 0700) < 0)
            return -errno;
    return 0;
}

int losses_watch(struct upper *u, const char *at)
{
    cleanup_free char *upper = xasprintf("%s/" PLACE "/u", at),
                      *work = xasprintf("%s/" PLACE "/w", at);
    cleanup_close int mount = overlay_make("/empty", upper, work);

    if (mount < 0)
        return mount;
    u->losses = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (u->losses < 0)
        return -errno;
    (void)upper_statistics(u, &u->empty_bytes, &u->empty_inodes); /* a directory has none */
    return 0;
}

int losses_find(const struct upper *u)
{
    if (u->losses < 0 || weakened("lost-writes"))
        return 0;
    if (fsync(u->losses) < 0)
        return -errno;
    if (u->loop >= 0 && sync_file_range(u->loop, 0, 1, SYNC_FILE_RANGE_WAIT_BEFORE) < 0)
        return -errno;
    return 0;
}

int losses_explain(int store_dirfd, int errnum, struct cupel_error *err)
{
    struct statvfs fs = {0};
    char text[UNIT_TEXT_SIZE];
    bool known = fstatvfs(store_dirfd, &fs) == 0;
    uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;

    if (errnum == -ENOSPC || errnum == -EDQUOT || (known && left < FULL_BYTES)) {
        (void)cupel_error_set(
            err, CUPEL_ERROR_HARNESS, 0,
            "the store's file system is full: what the job wrote to its disk was lost");
        cupel_error_hint(err,
                         "%s free there now; free more, or put the store on another disk with "
                         "CUPEL_CACHE; a limit "
                         "'disk' is reserved before the job starts",
                         unit_format_size(left, text));
    } else {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, errnum,
                              "what the job wrote to its disk in the store was lost");
        cupel_error_hint(err, "the kernel's log (dmesg) says what failed; CUPEL_CACHE puts the "
                              "store on another disk");
    }
    return errnum;
}

int sandbox_lost_writes(const struct sandbox_stage *stage, struct cupel_error *err)
{
    int r = stage->upper != NULL ? losses_find(stage->upper) : 0;

    return r < 0 ? losses_explain(stage->store_dirfd, r, err) : 0;
}
