/* keep: what a job wrote, kept beyond its end, and laid under a session later. The disk as a whole changes hands: nothing is
 * copied, and its owners, attributes and whiteouts are what they were. */
#include "harness/sandbox/stage.h"
#include "harness/sandbox/upper.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

int sandbox_keep(struct sandbox_stage *stage, const struct sandbox_job *job, int dirfd, const char *name,
                 struct cupel_error *err)
{
    int r = job->dir[0] == '\0' || stage->upper == NULL ? -ENODATA : upper_keep(stage->upper, dirfd, name);

    stage_drop_upper(stage, true); /* kept or not, nothing can be written to it any more */
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot keep the job's disk") : 0;
}

uint32_t sandbox_stage_id_base(const struct sandbox_stage *stage)
{
    return stage->id_base;
}

static int map_owners(int mount, const struct sandbox_stage *s, uint32_t on_disk)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
                              .propagation = MS_PRIVATE};
    cleanup_close int id_map = -EBADF;
    int r = stage_open_id_map(on_disk, s->id_base, &id_map);

    if (r < 0)
        return r;
    attr.userns_fd = (uint64_t)(unsigned)id_map;
    return mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int stage_attach_kept(struct sandbox_stage *s, const struct sandbox_kept *kept, struct cupel_error *err)
{
    cleanup_close int mount = upper_mount_image(kept->image, true, err);
    int r = mount;

    if (r < 0)
        return r;
    r = map_owners(mount, s, kept->id_base);
    if (r == 0)
        r = mkdirat(s->tmpfs, "kept", 0755) < 0 ? -errno : stage_enter(s);
    if (r == 0) {
        r = move_mount(mount, "", AT_FDCWD, "/kept", MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
        stage_leave(s);
    }
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot attach the kept job's disk") : 0;
}
