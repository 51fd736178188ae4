/* SPDX-License-Identifier: Apache-2.0 */
/* stage_ns: what everybody needs who changes the stage or clones from it: getting in and out of its
 * mount namespace, and mounts that may be attached there. What the stage has where is stage.c's and
 * theirs: hostroot.c, lend.c, keep.c, snapshot.c. */
#include "harness/sandbox/slot/stage_ns.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/stage.h"

#include "base/base.h"
#include "base/weaken.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>

/* ---- in and out ---- */

int stage_enter(struct sandbox_stage *s)
{
    return setns(s->stage_ns, CLONE_NEWNS) < 0 ? -errno : 0;
}

/* setns puts root and cwd at the namespace's own root; a caller that was in a chroot goes back to
 * it. */
void stage_leave(struct sandbox_stage *s)
{
    if (setns(s->host_ns, CLONE_NEWNS) < 0 || fchdir(s->host_root) < 0 || chroot(".") < 0 ||
        fchdir(s->host_cwd) < 0) {
        log_warning("a slot cannot return to its mount namespace: %s", strerror(errno));
        _exit(CUPEL_ERROR_HARNESS); /* it must run nothing where a job's files are */
    }
}

int stage_become_root(int tmpfs)
{
    int r;

    if (unshare(CLONE_NEWNS) < 0)
        return -errno;
    /* private before anything is attached: nothing may travel back to the host */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    r = mount_attach(tmpfs, "/");
    if (r < 0)
        return r;
    /* the old root ends up beneath the new one at the same place and is then let go (pivot_root(2),
     * NOTES) */
    if (fchdir(tmpfs) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

/* ---- mounts for it ---- */

int stage_make_tmpfs(int *ret_mount)
{
    static const struct mount_option options[] = {{"mode", "0755"}, {"size", "1m"}};
    int mount = mount_make("tmpfs", options, ARRAY_SIZE(options),
                           MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

    if (mount < 0)
        return mount;
    *ret_mount = mount;
    return 0;
}

int stage_open_id_map(uint32_t on_disk, uint32_t id_base, int *ret_fd)
{
    cleanup_free char *map = id_map_text(on_disk, id_base, (struct id_change){0, 0});

    return id_map_open(map, map, ret_fd);
}

int stage_clone_mapped(const struct sandbox_stage *s, int fd, uint64_t attributes, int *ret_mount)
{
    return stage_clone_owned(s, fd, attributes, s->id_map, ret_mount);
}

int stage_clone_owned(const struct sandbox_stage *s, int fd, uint64_t attributes, int id_map,
                      int *ret_mount)
{
    bool mapped = s->privilege.host;
    uint64_t read_only = weakened("read-only") ? 0 : MOUNT_ATTR_RDONLY;
    struct mount_attr attr = {
        .attr_set = attributes | (mapped ? MOUNT_ATTR_IDMAP : 0) | read_only | MOUNT_ATTR_NODEV,
        .propagation = MS_PRIVATE,
        .userns_fd = mapped ? (uint64_t)(unsigned)id_map : 0,
    };
    cleanup_close int mount = mount_clone_fd(fd);
    int r = mount < 0 ? mount : mount_change(mount, &attr);

    if (r < 0)
        return r;
    *ret_mount = steal_fd(&mount);
    return 0;
}
