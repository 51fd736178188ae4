/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_disk: probes of what a job's disk is made of: an ext4 file system made by mke2fs in a loop
 * device over an unlinked file of the store. Each trial's disk is gone when its child ends: the
 * loop device lets go by itself. */
#include "harness/doctor/doctor_private.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define IMAGE_BYTES (4 << 20)
#define LOOP_BLOCK 4096

/* Opens an image in the store, as a run's is, so that what its file system refuses is found;
 * without a store, in memory. */
static int open_image(const struct doctor_context *ctx)
{
    cleanup_close int image = ctx->cache != NULL ? openat(cache_dirfd(ctx->cache), ".",
                                                          O_RDWR | O_TMPFILE | O_CLOEXEC, 0600)
                                                 : memfd_create("image", MFD_CLOEXEC);

    if (image < 0 || ftruncate(image, IMAGE_BYTES) < 0)
        return -errno;
    return steal_fd(&image);
}

/* ---- loop devices ---- */

struct loop {
    int fd;
    char path[32];
    const char *step;
};

static int configure(const struct loop *l, int image)
{
    struct loop_config config = {
        .fd = (uint32_t)image, .block_size = LOOP_BLOCK, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};

    return ioctl(l->fd, LOOP_CONFIGURE, &config) < 0 ? -errno : 0;
}

static int doctor_disk_attach(struct loop *l, int image)
{
    cleanup_close int control = -EBADF;
    int r = -EBUSY;

    l->step = "open /dev/loop-control";
    control = sandbox_open_device("loop-control", O_RDWR);
    if (control < 0)
        return control;
    /* EBUSY: somebody else took it in between */
    for (int tries = 0; r == -EBUSY && tries < 16; tries++) {
        int number;

        l->step = "get a free loop device";
        number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0)
            return -errno;
        (void)snprintf(l->path, sizeof(l->path), "/dev/loop%d", number);
        l->step = "open the free loop device";
        l->fd = sandbox_open_device(l->path + strlen("/dev/"), O_RDWR);
        if (l->fd < 0)
            return l->fd;
        l->step = "attach a file to a loop device";
        r = configure(l, image);
        if (r < 0)
            base_closep(&l->fd);
    }
    return r;
}

static void explain_loop(const struct doctor_context *ctx, struct doctor_finding *f)
{
    struct cupel_error err;

    if (!ctx->privilege.host)
        doctor_remedy(f, DOCTOR_BE_ROOT);
    else if (sandbox_privilege_check(&ctx->privilege, &err) < 0)
        doctor_remedy(f, "%s", err.hint);
}

void probe_loop(const struct doctor_context *ctx, const struct doctor_probe *probe,
                struct doctor_finding *f)
{
    cleanup_close int image = open_image(ctx);
    struct loop l = {.fd = -EBADF, .step = "make an unlinked file in the store"};
    int r = image < 0 ? image : doctor_disk_attach(&l, image);

    (void)probe;
    if (r == 0) {
        doctor_works(f, "%s was free", l.path);
    } else {
        doctor_missing(f, r, "cannot %s", l.step);
        explain_loop(ctx, f);
    }
    base_closep(&l.fd);
}

/* ---- mke2fs ---- */

static int doctor_disk_run_mke2fs(int image, char *said, size_t size)
{
    char path[256], target[32];
    char *argv[] = {"mke2fs", "-q", "-F",           "-t",   "ext4", "-b",
                    "4096",   "-O", "^has_journal", target, NULL};

    if (!program_find("mke2fs", path, sizeof(path)))
        return -ENOENT;
    (void)snprintf(target, sizeof(target), "/proc/self/fd/%d", image);
    if (fcntl(image, F_SETFD, 0) < 0 || setenv("MKE2FS_CONFIG", "/dev/null", 1) < 0)
        return -errno;
    return program_run(path, argv, said, size);
}

/* What it is asked for is there: the magic number of ext4's superblock
 * (Documentation/filesystems/ext4). */
static bool is_ext4(int image)
{
    unsigned char magic[2];

    return pread(image, magic, sizeof(magic), 1024 + 56) == sizeof(magic) && magic[0] == 0x53 &&
           magic[1] == 0xef;
}

static int make_ext4(int image, struct doctor_finding *f)
{
    char said[256] = "";
    int r = doctor_disk_run_mke2fs(image, said, sizeof(said));

    said[strcspn(said, "\n")] = '\0';
    if (r == -ENOENT)
        doctor_missing(f, 0, "mke2fs is not %s", program_where());
    else if (r < 0)
        doctor_missing(f, r, "cannot run mke2fs");
    else if (r > 0)
        doctor_missing(f, 0, "mke2fs ended with exit code %d: %s", r, said);
    else if (!is_ext4(image))
        doctor_missing(f, 0, "mke2fs made no ext4 file system");
    else
        return 0;
    return -ENODATA;
}

void probe_mke2fs(const struct doctor_context *ctx, const struct doctor_probe *probe,
                  struct doctor_finding *f)
{
    cleanup_close int image = memfd_create("image", MFD_CLOEXEC);

    (void)ctx;
    (void)probe;
    if (image < 0 || ftruncate(image, IMAGE_BYTES) < 0)
        doctor_missing(f, errno, "cannot make an image in memory");
    else if (make_ext4(image, f) == 0)
        doctor_works(f, "made a file system");
}

/* ---- both, mounted ---- */

static int mount_and_write(struct loop *l)
{
    char source[32]; /* it may have no name in this /dev */
    const char *const options[][2] = {
        {"source", source}, {"noinit_itable", NULL}, {"discard", NULL}, {NULL, NULL}};
    cleanup_close int mount = -EBADF, file = -EBADF;

    (void)snprintf(source, sizeof(source), "/proc/self/fd/%d", l->fd);
    l->step = "mount ext4 from a loop device";
    mount = doctor_scene_mount("ext4", options, MOUNT_ATTR_NODEV);
    if (mount < 0)
        return mount;
    l->step = "write to ext4 on a loop device";
    file = openat(mount, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return file < 0 ? -errno : file_write_all(file, "x", 1);
}

void probe_job_disk(const struct doctor_context *ctx, const struct doctor_probe *probe,
                    struct doctor_finding *f)
{
    cleanup_close int image = open_image(ctx);
    struct loop l = {.fd = -EBADF, .step = "make an unlinked file in the store"};
    int r = image;

    (void)probe;
    if (r >= 0) {
        if (make_ext4(image, f) < 0)
            return;
        r = doctor_disk_attach(&l, image);
    }
    if (r >= 0)
        r = mount_and_write(&l);
    if (r >= 0)
        doctor_works(f, "ext4 on %s over a file of %s", l.path,
                     ctx->cache != NULL ? cache_path(ctx->cache) : "memory");
    else
        doctor_missing(f, r, "cannot %s", l.step);
    base_closep(&l.fd);
}
