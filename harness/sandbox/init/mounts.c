/* SPDX-License-Identifier: Apache-2.0 */
/* mounts: the part of the set-up sequence that gives PID 1 its file system. Three phases: make
 * mounts (detached) while the stage is in sight; pivot; attach them inside the new root. The root
 * is hostile: its /dev, /proc and everything else may be links, so nothing in it is named by path
 * before the pivot, and afterwards it is looked up fd by fd.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/mounts.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/borrow.h"
#include "harness/sandbox/init/cgroup_view.h"
#include "harness/sandbox/init/copy_data.h"
#include "harness/sandbox/init/device_table.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/late_words.h"
#include "harness/sandbox/init/masks.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/overlay.h"
#include "harness/sandbox/init/places.h"

#include "base/base.h"
#include "base/weaken.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

/* ---- making mounts ---- */

/* "/upper/j0c97e0948fc4b4a8" + "/u" + "3" */
static void upper_path(const struct init_context *ctx, const char *kind, int input, char *buf,
                       size_t size)
{
    safe_copy(buf, ctx->given.upper, size);
    safe_append(buf, kind, size);
    if (input >= 0)
        safe_append_number(buf, (uint64_t)input, size);
}

int setup_overlay(struct init_context *ctx)
{
    char upper[96], work[96];

    upper_path(ctx, "/u", -1, upper, sizeof(upper));
    upper_path(ctx, "/w", -1, work, sizeof(work));
    ctx->detail = ctx->given.upper;
    ctx->job_dir = open(ctx->given.upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (ctx->job_dir < 0)
        return -errno;
    ctx->detail = "the root";
    if (chdir(ctx->given.lower) < 0)
        return -errno;
    ctx->root_mount = overlay_make(ctx->given.lowerdir, upper, work);
    return ctx->root_mount < 0 ? ctx->root_mount : 0;
}

/* The list of an input's layers: what jobs wrote there, and what it is made of. */
#define LOWERS_MAX 2048

/* Read-only, of its lowers and `over`, which hides something of it ("/hide/3:"), or nothing:
 * overlayfs wants a second one, which is then empty. A view and not a bind mount, so that the
 * host's own FIFOs, sockets and file locks stay out of reach. */
static int make_view(const char *lower, const char *over)
{
    char lowerdir[LOWERS_MAX];

    safe_copy(lowerdir, over, sizeof(lowerdir));
    if (safe_append(lowerdir, lower, sizeof(lowerdir)) >= sizeof(lowerdir))
        return -E2BIG;
    if (strchr(lowerdir, ':') == NULL)
        safe_append(lowerdir, ":/empty", sizeof(lowerdir));
    return overlay_make_readonly(lowerdir);
}

/* What has changed since the slot looked at it is not given to the job. */
static int check_file(const struct init_input *in, int fd)
{
    struct stat st;

    if (in->most == 0)
        return 0;
    if (fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) && (uint64_t)st.st_size <= in->most ? 0 : -EFBIG;
}

/* One file out of a view of its directory, which goes away with the stage. */
static int pick_file(const char *place, const char *name, int view)
{
    char path[sizeof("/in/") + 8 + 256];
    int r = mount_attach(view, place);

    if (r < 0)
        return r;
    safe_copy(path, place, sizeof(path));
    safe_append(path, "/", sizeof(path));
    if (safe_append(path, name, sizeof(path)) >= sizeof(path))
        return -ENAMETOOLONG;
    return mount_clone(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

/* Writable: over what earlier jobs have made of it, what hides something of it, and what the host
 * has at `place`, or nothing where it was copied. */
static int make_writable_input(const struct init_context *ctx, size_t i, const char *place,
                               const char *over)
{
    char lowerdir[LOWERS_MAX], upper[96], work[96];

    safe_copy(lowerdir, ctx->given.inputs[i].below, sizeof(lowerdir));
    safe_append(lowerdir, over, sizeof(lowerdir));
    if (safe_append(lowerdir, ctx->given.inputs[i].copied ? "/empty" : place, sizeof(lowerdir)) >=
        sizeof(lowerdir))
        return -E2BIG;
    upper_path(ctx, "/u", (int)i, upper, sizeof(upper));
    upper_path(ctx, "/w", (int)i, work, sizeof(work));
    return overlay_make(lowerdir, upper, work);
}

/* Attaches the layers after the first: /in/3.1, /in/3.2 */
static int attach_more(const struct init_input *in, const char *place)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < in->n_more; i++) {
        char path[32];

        safe_copy(path, place, sizeof(path));
        safe_append(path, ".", sizeof(path));
        safe_append_number(path, i + 1, sizeof(path));
        r = mount_attach(in->more[i], path);
    }
    return r;
}

static int make_input(struct init_context *ctx, size_t i)
{
    const struct init_input *in = &ctx->given.inputs[i];
    char place[32] = "/in/", over[32] = "";
    int r, view;

    safe_append_number(place, i, sizeof(place));
    if (in->hides && in->lowers == NULL) {
        safe_copy(over, "/hide/", sizeof(over));
        safe_append_number(over, i, sizeof(over));
        safe_append(over, ":", sizeof(over));
    }
    r = in->copied ? 0
                   : mount_attach(in->mount,
                                  /* overlayfs takes lowers by path, in this namespace */
                                  place);
    if (r == 0)
        r = attach_more(in, place);
    if (r < 0)
        return r;
    if (in->cow)
        return make_writable_input(ctx, i, in->lowers != NULL ? in->lowers : place, over);
    if (weakened("input-views") && in->directory)
        return mount_clone(AT_FDCWD, place, 0);
    view = make_view(in->lowers != NULL ? in->lowers : place, over);
    if (view < 0 || in->directory)
        return view;
    r = pick_file(place, in->name, view);
    (void)close(view);
    if (r >= 0 && check_file(in, r) < 0) {
        (void)close(r);
        return -EFBIG;
    }
    return r;
}

int setup_input_overlays(struct init_context *ctx)
{
    for (size_t i = 0; i < ctx->given.n_inputs; i++) {
        if (!ctx->given.inputs[i].directory && ctx->given.inputs[i].cow)
            continue; /* is copied */
        ctx->detail = ctx->given.inputs[i].to;
        ctx->input_mount[i] = make_input(ctx, i);
        if (ctx->input_mount[i] < 0)
            return ctx->input_mount[i];
    }
    return 0;
}

/* A job's /dev/shm counts as its memory, so its memory limit is bound enough; without one there is
 * this. */
static uint64_t shm_bytes(const struct jobs_limits *l)
{
    return jobs_limit_is_set(l, JOBS_LIMIT_MEMORY) ? l->value[JOBS_LIMIT_MEMORY]
                                                   : UINT64_C(1) << 30;
}

/* What the kernel has beside the pages of a file, such as its access list, is on nobody's account:
 * as many files as there is room for 16 KiB each. */
void shm_bounds(const struct jobs_limits *l, struct shm_bounds *ret)
{
    uint64_t n = shm_bytes(l) / 16384;

    ret->size[0] = ret->files[0] = '\0';
    safe_append_number(ret->size, shm_bytes(l), sizeof(ret->size));
    safe_append_number(ret->files, n > 1024 ? n : 1024, sizeof(ret->files));
}

/* The machine has 4,096 (kernel.pty.max), of which 1,024 are kept for the mount namespace that it
 * began with (devpts_new_index(), fs/devpts/inode.c): the rest is for all jobs, and a job's share
 * of it has to be bounded. */
#define PTYS_MAX "64"

/* All while the host's proc and sysfs are still in sight, as the kernel asks
 * (mount_too_revealing()). */
int setup_kernel_mounts(struct init_context *ctx)
{
    const unsigned closed = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    const uint32_t dev = ctx->given.job->devices;
    struct shm_bounds bounds;
    const struct mount_option pts[] = {{"newinstance", NULL},
                                       {"max", weakened("pty-max") ? "4096" : PTYS_MAX},
                                       {"ptmxmode", "0666"},
                                       {"mode", "0620"},
                                       {"gid", "5"}};
    /* a group 5 is to be had */
    const size_t n_pts = ctx->given.privilege.ids > 5 ? ARRAY_SIZE(pts) : ARRAY_SIZE(pts) - 1;
    const struct mount_option shm[] = {
        {"mode", "1777"}, {"size", bounds.size}, {"nr_inodes", bounds.files}};
    struct {
        int *mount;
        const char *type;
        const struct mount_option *options;
        size_t n;
        unsigned attributes;
        bool wanted;
    } mounts[] = {
        {&ctx->proc_mount, "proc", NULL, 0, closed, true},
        /* sysfs shows the network namespace it is mounted from, and only that one's owner may mount
           it */
        {&ctx->sys_mount, "sysfs", NULL, 0,
         closed | (weakened("sys-read-only") ? 0 : MOUNT_ATTR_RDONLY),
         jobs_has_own_network(ctx->given.job)},
        {&ctx->pts_mount, "devpts", pts, n_pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
         devices_has(dev, JOBS_DEVICE_PTS)},
        {&ctx->shm_mount, "tmpfs", shm, ARRAY_SIZE(shm), closed,
         devices_has(dev, JOBS_DEVICE_SHM) && !weakened("shm")},
        {&ctx->mqueue_mount, "mqueue", NULL, 0, closed, devices_has(dev, JOBS_DEVICE_MQUEUE)},
    };

    shm_bounds(&ctx->given.job->limits, &bounds);
    if (weakened("proc-instance")) {
        mounts[0].wanted = false;
        ctx->proc_mount = mount_clone(AT_FDCWD, "/proc", 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
        if (!mounts[i].wanted)
            continue;
        ctx->detail = mounts[i].type;
        *mounts[i].mount =
            mount_make(mounts[i].type, mounts[i].options, mounts[i].n, mounts[i].attributes);
        if (*mounts[i].mount < 0)
            return *mounts[i].mount;
    }
    return 0;
}

/* ---- pivot ---- */

/* The stage ends up on top of the new root at the same place (pivot_root(2), NOTES) and stays until
 * setup_sys, since masks are cloned from it. No path of the root has been resolved so far; "/" is
 * the new root itself, whatever is stacked on it. */
int setup_pivot(struct init_context *ctx)
{
    int r = mount_attach(ctx->root_mount, "/newroot");

    if (r < 0)
        return r;
    ctx->empty = open("/empty", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (ctx->empty < 0 || fchdir(ctx->root_mount) < 0 ||
        (weakened("pivot") ? chroot(".") : syscall(SYS_pivot_root, ".", ".")) < 0)
        return -errno;
    ctx->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return ctx->root < 0 ? -errno : 0;
}

/* Lets go of the stage: from here on nothing outside the root can be named. */
static int leave_stage(struct init_context *ctx)
{
    if (weakened("pivot"))
        return chdir("/") < 0 ? -errno : 0;
    if (!weakened("workdir"))
        base_closep(&ctx->empty);
    if (fchdir(ctx->root_mount) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

/* ---- looking things up in the root ---- */

/* A directory directly below `dir`, made when missing; never through a link. */
static int open_own_dir(int dir, const char *name, mode_t mode)
{
    int fd = file_open_beneath(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);

    if (fd != -ENOENT)
        return fd;
    if (mkdirat(dir, name, mode) < 0)
        return -errno;
    return file_open_beneath(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
}

/* Whether they are one path; the second may end in a slash. */
static bool is_path(const char *path, const char *of_job)
{
    size_t n = strlen(path);

    return strncmp(path, of_job, n) == 0 &&
           (of_job[n] == '\0' || (of_job[n] == '/' && of_job[n + 1] == '\0'));
}

/* What is made on the way to something else, an input beneath it, is to be what it would have been
 * made as later: /tmp is everybody's, the working directory and HOME are the user's. `name` in
 * `parent` was just made, and `made` is it. */
static int give_made(const struct init_context *ctx, int parent, const char *name, int made,
                     const char *path)
{
    const char *home = ctx->home_entry + sizeof("HOME=") - 1;

    if (is_path(path, "/tmp"))
        return fchmodat(parent, name, 01777, 0) < 0 ? -errno : 0;
    if (is_path(path, ctx->given.job->workdir) ||
        (!ctx->given.env_has_home && ctx->home_entry[0] != '\0' && is_path(path, home)))
        return fchownat(made, "", ctx->uid, ctx->gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
    return 0;
}

int mounts_make_dir(struct init_context *ctx, const char *path, bool *ret_made)
{
    char prefix[4096] = "";
    int at = fcntl(ctx->root, F_DUPFD_CLOEXEC, 3);
    bool made = false;

    while (at >= 0 && *path != '\0') {
        char name[256];
        size_t n;
        int next, r;

        path += strspn(path, "/");
        n = strcspn(path, "/");
        if (n == 0)
            break;
        if (n >= sizeof(name)) {
            (void)close(at);
            return -ENAMETOOLONG;
        }
        memcpy(name, path, n);
        name[n] = '\0';
        path += n;
        safe_append(prefix, "/", sizeof(prefix));
        if (safe_append(prefix, name, sizeof(prefix)) >= sizeof(prefix)) {
            (void)close(at);
            return -ENAMETOOLONG;
        }
        made = false;
        next = file_open_in_root(ctx->root, prefix, O_PATH | O_DIRECTORY, 0);
        if (next == -ENOENT) {
            made = true;
            next = mkdirat(at, name, 0755) < 0
                       ? -errno
                       : file_open_in_root(ctx->root, prefix, O_PATH | O_DIRECTORY, 0);
            r = next < 0 ? 0 : give_made(ctx, at, name, next, prefix);
            if (r < 0) {
                (void)close(next);
                next = r;
            }
        }
        (void)close(at);
        at = next;
    }
    if (at >= 0)
        *ret_made = made;
    return at;
}

/* ---- attaching ---- */

static int attach_below(int dir, const char *name, int mount)
{
    cleanup_close int target = open_own_dir(dir, name, 0755);

    return target < 0 ? target : mount_attach_to(mount, target);
}

/* What is bound over files to mask them, and is every command's standard input: the real one (runc
 * CVE-2025-31133). */
static int check_null(struct init_context *ctx)
{
    cleanup_close int null = file_open_beneath(ctx->root, "dev/null", O_PATH | O_NOFOLLOW, 0);
    struct stat st;

    ctx->detail = "/dev/null";
    if (null < 0 || fstat(null, &st) < 0)
        return null < 0 ? null : -errno;
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return -ENOTUNIQ;
    /* opened for all steps before the first one runs: what a job makes of its /dev reaches no later
     * step's input */
    ctx->null_fd = openat(ctx->given.dev_mount, "null", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return ctx->null_fd < 0 ? -errno : 0;
}

int setup_dev(struct init_context *ctx)
{
    const struct {
        const char *name;
        int mount;
    } below[] = {{"pts", ctx->pts_mount}, {"shm", ctx->shm_mount}, {"mqueue", ctx->mqueue_mount}};
    int r;

    ctx->detail = "/dev";
    r = attach_below(ctx->root, "dev", ctx->given.dev_mount);
    if (r == 0)
        r = borrow_attach_devices(ctx);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(below); i++) {
        if (below[i].mount < 0) /* the job has none */
            continue;
        ctx->detail = below[i].name;
        /* the fd names the mount, now attached */
        r = attach_below(ctx->given.dev_mount, below[i].name, below[i].mount);
    }
    return r < 0 ? r : check_null(ctx);
}

int setup_proc(struct init_context *ctx)
{
    cleanup_close int proc = -EBADF;
    struct statfs fs;
    int r;

    ctx->detail = "/proc";
    r = attach_below(ctx->root, "proc", ctx->proc_mount);
    if (r < 0)
        return r;
    /* what programs find there is what the masks go onto (runc CVE-2019-19921, CVE-2025-52881) */
    proc = file_open_beneath(ctx->root, "proc", O_PATH | O_DIRECTORY, 0);
    if (proc < 0 || fstatfs(proc, &fs) < 0)
        return proc < 0 ? proc : -errno;
    return fs.f_type == PROC_SUPER_MAGIC ? 0 : -ENOTUNIQ;
}

/* Where that wall is away: the job's own part of cgroup v2, as containers have it. */
static int attach_cgroup(struct init_context *ctx)
{
    cleanup_close int at =
        file_open_beneath(ctx->root, "sys/fs/cgroup", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    cleanup_close int mount =
        mount_make("cgroup2", NULL, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

    ctx->detail = "/sys/fs/cgroup";
    if (at < 0 || mount < 0)
        return at < 0 ? at : mount;
    return mount_attach_to(mount, at);
}

int setup_sys(struct init_context *ctx)
{
    int r = 0;

    ctx->detail = "/sys";
    if (ctx->sys_mount >= 0)
        r = attach_below(ctx->root, "sys", ctx->sys_mount);
    if (r == 0 && ctx->sys_mount >= 0)
        r = masks_put_on_sys(ctx);
    if (r == 0)
        r = cgroup_view_attach(ctx);
    if (r == 0 && weakened("no-cgroup-mount"))
        r = attach_cgroup(ctx);
    return r < 0 ? r : leave_stage(ctx);
}

/* ---- inputs ---- */

/* The directory of a file's target path, and its last part. */
static int open_parent(struct init_context *ctx, const char *path, const char **ret_name)
{
    char parent[4096];
    const char *slash = strrchr(path, '/');
    bool made;
    int at, r;

    if (slash == NULL || slash[1] == '\0' || (size_t)(slash - path) >= sizeof(parent))
        return -EINVAL;
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    *ret_name = slash + 1;
    at = mounts_make_dir(ctx, parent, &made);
    r = at < 0 ? 0 : places_check(ctx, at, false);
    if (r < 0)
        (void)close(at);
    return r < 0 ? r : at;
}

/* A single file cannot be an overlay: copy-on-write means a copy, on the job's own disk. */
static int copy_file(struct init_context *ctx, const struct init_input *in)
{
    const char *name;
    cleanup_close int parent = open_parent(ctx, in->to, &name), to = -EBADF;
    int r;

    if (parent < 0)
        return parent;
    /* what the root has there; a directory makes the next line fail */
    (void)unlinkat(parent, name, 0);
    to = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return -errno;
    r = copy_data_of(in->file, to);
    if (r == 0)
        r = check_file(in, to);
    if (r == 0 && (fchown(to, in->uid, in->gid) < 0 || fchmod(to, in->mode) < 0))
        r = -errno;
    return r;
}

/* A read-only file is a mount over an empty one. */
static int attach_file(struct init_context *ctx, const struct init_input *in, int mount)
{
    const char *name;
    cleanup_close int parent = open_parent(ctx, in->to, &name), at = -EBADF;

    if (parent < 0)
        return parent;
    at = openat(parent, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                0644);
    if (at < 0 && errno == EROFS) /* in one of the host's directories, where room was made before */
        at = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return at < 0 ? -errno : mount_attach_to(mount, at);
}

static int attach_directory(struct init_context *ctx, const struct init_input *in, int mount)
{
    bool made;
    cleanup_close int at = mounts_make_dir(ctx, in->to, &made);
    int r = at < 0 ? at : places_check(ctx, at, true);

    return r < 0 ? r : mount_attach_to(mount, at);
}

/* A file that an earlier job was given lies in the root, as that job left it: what is still a file
 * of its own becomes the user's, and what the job made of it otherwise stays. */
static void give_file(struct init_context *ctx, const struct init_input *in)
{
    cleanup_close int fd = file_open_in_root(ctx->root, in->to, O_PATH | O_NOFOLLOW, 0);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
        (st.st_uid != in->uid || st.st_gid != in->gid))
        (void)!fchownat(fd, "", in->uid, in->gid, AT_EMPTY_PATH);
}

static int attach_input(struct init_context *ctx, size_t i)
{
    const struct init_input *in = &ctx->given.inputs[i];

    ctx->detail = in->to;
    if (in->is_there && in->given)
        give_file(ctx, in);
    if (in->placed || in->is_there)
        return 0;
    if (!in->directory)
        return in->cow ? copy_file(ctx, in) : attach_file(ctx, in, ctx->input_mount[i]);
    return attach_directory(ctx, in, ctx->input_mount[i]);
}

int setup_attach_inputs(struct init_context *ctx)
{
    static struct place places[PLACES_MAX]; /* PID 1 has nobody to share it with */
    size_t n = places_in_order(ctx, places);
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = places[i].is_tmpfs ? tmpfs_attach(ctx, &ctx->given.job->tmpfs[places[i].index])
                               : attach_input(ctx, places[i].index);
    return r;
}

/* ---- the last of the root ---- */

/* Made when missing, and then its user's (give_made); an existing one is left as it is. */
int setup_workdir(struct init_context *ctx)
{
    bool made;

    ctx->detail = ctx->given.job->workdir;
    if (weakened("workdir")) {
        ctx->workdir = ctx->empty;
        return 0;
    }
    ctx->workdir = mounts_make_dir(ctx, ctx->given.job->workdir, &made);
    /* whoever opens it again wants to see what the job did */
    if (ctx->workdir < 0 && ctx->given.kept[0] != '\0') {
        ctx->workdir_lost = true;
        return (ctx->workdir = fcntl(ctx->root, F_DUPFD_CLOEXEC, 3)) < 0 ? -errno : 0;
    }
    return ctx->workdir < 0 ? ctx->workdir : 0;
}

int setup_loopback(struct init_context *ctx)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    cleanup_close int s = -EBADF;

    if (ctx->given.job->network == JOBS_NETWORK_NONE || !jobs_has_own_network(ctx->given.job))
        return 0;
    s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ctx->detail = "lo";
    if (s < 0 || ioctl(s, SIOCSIFFLAGS, &request) < 0)
        return -errno;
    return 0;
}
