/* SPDX-License-Identifier: Apache-2.0 */
/* upper: the disk that a slot's jobs write into, where there are the rights for one (upper.h has
 * what there is otherwise): of exactly the size and inode count that the job's limits say. It is an
 * ext4 file system in a loop device over an unlinked sparse file: on disk, so that what a job
 * writes does not count against its memory limit, and gone with the last process that holds it,
 * however that one dies. It is kept from job to job as long as the limits stay the same; each job
 * gets a directory of its own on it.
 *
 * Exactness: mke2fs rounds sizes and inode counts up to its own units; the surplus is taken away
 * again by files of ours. */
#include "harness/sandbox/slot/upper.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/slot/disk_template.h"
#include "harness/sandbox/slot/loop.h"
#include "harness/sandbox/slot/losses.h"

#include "base/base.h"
#include "base/program.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#define BLOCK UPPER_BLOCK
#define OWN_INODES UPPER_OWN_INODES
#define OWN_BYTES UPPER_OWN_BYTES
/* What losses.c makes: its own directories, and overlayfs' in them. Taken from what set-up may use,
 * not from a job. */
#define LOSSES_INODES UINT64_C(8)
#define LOSSES_BYTES (LOSSES_INODES * BLOCK)

/* From ext4's own header, which user space does not get (fs/ext4/ext4.h). */
#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define EXT4_GOING_FLAGS_DEFAULT 0x0 /* everything is written first */
#define EXT4_GOING_FLAGS_NOLOGFLUSH 0x2

/* 10 ms as a rule. */
#define MKE2FS_MOST_NS (60 * NSEC_PER_SEC)

/* Becomes mke2fs on `image`, in a child, with numbers as texts (snprintf is not for there): what it
 * says goes to `said`. */
static _Noreturn void become_mke2fs(const char *program, int image, char *path, char *blocks,
                                    char *inodes, int said)
{
    /* sparse_super2, without backups of the superblock: nobody repairs a job's disk, and each of
     * them is a place more that is written at first and given back at the end */
    char *argv[] = {
        "mke2fs",
        "-q",
        "-F",
        "-t",
        "ext4",
        "-b",
        "4096",
        "-I",
        "256",
        "-m",
        "0",
        "-N",
        inodes,
        "-O",
        "extent,flex_bg,uninit_bg,sparse_super2,filetype,dir_index,large_file,huge_file,"
        "dir_nlink,extra_isize,^resize_inode",
        "-E",
        "lazy_itable_init=1,nodiscard,root_owner=0:0,num_backup_sb=0",
        path,
        blocks,
        NULL};
    static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                                        "MKE2FS_CONFIG=/dev/null", NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(said, 2) < 0 ||
        fcntl(image, F_SETFD, 0) < 0)
        _exit(126);
    (void)execve(program, argv, environment);
    _exit(127);
}

/* Says why mke2fs has not made the disk: `r` is of waiting for it. It warns of many things that are
 * as meant; what it says is worth something only now. */
static int explain_mke2fs(const char *program, int r, int status, uint64_t bytes, int said,
                          struct cupel_error *err)
{
    char text[256] = "";

    if (r == -ECANCELED)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, -r, "making the job's disk was cancelled");
    if (r == -ETIMEDOUT)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                               "%s had not made the job's disk after %u s, and was killed", program,
                               (unsigned)(MKE2FS_MOST_NS / NSEC_PER_SEC));
    if (pread(said, text, sizeof(text) - 1, 0) < 0)
        text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                          "mke2fs failed (wait status 0x%x) making a file system of %llu bytes: %s",
                          (unsigned)status, (unsigned long long)bytes, text);
    return -EIO;
}

static int run_mke2fs(int image, uint64_t bytes, uint64_t inodes, int cancel,
                      struct cupel_error *err)
{
    cleanup_close int said = memfd_create("mke2fs", MFD_CLOEXEC);
    char program[256], path[32], count[32], blocks[32];
    pid_t slot = getpid(), pid;
    int status = 0, r;

    if (said < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot start mke2fs");
    if (!program_find("mke2fs", program, sizeof(program))) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "mke2fs, which makes the job's disk, is not %s", program_where());
        cupel_error_hint(err, "install the package e2fsprogs");
        return -EIO;
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", image);
    (void)snprintf(count, sizeof(count), "%llu", (unsigned long long)inodes);
    (void)snprintf(blocks, sizeof(blocks), "%llu", (unsigned long long)(bytes / BLOCK));
    pid = _Fork(); /* see dontfork.c */
    if (pid < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot start mke2fs");
    if (pid == 0) {
        program_die_with(slot);
        become_mke2fs(program, image, path, blocks, count, said);
    }
    r = program_wait(pid, MKE2FS_MOST_NS, cancel, &status);
    return r == 0 && status == 0 ? 0 : explain_mke2fs(program, r, status, bytes, said, err);
}

/* nodiscard: a hole in the image for each file that is deleted was a fifteenth of a job's time;
 * see upper_give_back(). */
static const char *const use_options[] = {
    [UPPER_READ_ONLY] = "ro", [UPPER_SPARSE] = "nodiscard", [UPPER_RESERVED] = "nodiscard"};

int upper_mount_image(int image, enum upper_use use, int *ret_loop, struct cupel_error *err)
{
    char path[32] = "/dev/loop-control", source[40];
    /* noinit_itable: no kernel thread that writes inode tables nobody will read */
    const struct mount_option options[] = {
        {"source", source}, {"noinit_itable", NULL}, {"nobarrier", NULL}, {use_options[use], NULL}};
    cleanup_close int loop = -EBADF, fs = -EBADF;
    int mount, r = loop_attach(image, use == UPPER_READ_ONLY, &loop, path, sizeof(path));

    if (r < 0)
        return loop_explain(r, path, err);
    /* it may have no name in this /dev; of a thread, for disk_ahead.c */
    (void)snprintf(source, sizeof(source), "/proc/thread-self/fd/%d", loop);
    r = fs = mount_begin("ext4");
    for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(options); i++)
        r = mount_set(fs, options[i].key, options[i].value);
    if (r >= 0)
        r = mount_create(fs);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot mount the job's disk (ext4 on %s)", path);
    mount = mount_finish(fs, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
    if (mount < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, mount,
                               "cannot mount the job's disk (fsmount)");
    if (ret_loop != NULL)
        *ret_loop = steal_fd(&loop);
    return mount;
}

/* So many names fill no more than one block of a directory, which then has no index
 * (disk_template.c). */
#define SURPLUS_NAMES 200

/* Takes inodes until no more than `wanted` are free. */
static int take_inodes(int dir, uint64_t free_inodes, uint64_t wanted)
{
    cleanup_close int sub = -EBADF;

    for (uint64_t i = 0; free_inodes > wanted; i++, free_inodes--) {
        bool new_directory = i % SURPLUS_NAMES == 0;
        char name[24];
        int r;

        (void)snprintf(name, sizeof(name), "%llu", (unsigned long long)i);
        r = new_directory ? mkdirat(dir, name, 0700) : mknodat(sub, name, S_IFREG, 0);
        if (r == 0 && new_directory) {
            base_closep(&sub);
            r = sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (r < 0)
            return -errno;
    }
    return 0;
}

/* Takes away what mke2fs gave beyond the limits. */
static int take_surplus(const struct upper *u, struct cupel_error *err)
{
    struct statfs fs;
    uint64_t wanted_inodes = u->inodes + u->shares * OWN_INODES + LOSSES_INODES;
    uint64_t wanted = u->bytes + u->shares * OWN_BYTES + LOSSES_BYTES;
    cleanup_close int dir = -EBADF, pad = -EBADF;
    int r;

    (void)unlinkat(u->fd, "lost+found", AT_REMOVEDIR);
    if (mkdirat(u->fd, "surplus", 0700) < 0 || losses_make_room(u->fd) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot prepare the job's disk");
    dir = openat(u->fd, "surplus", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pad = dir < 0 ? -1 : openat(dir, "blocks", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (pad < 0 || fstatfs(u->fd, &fs) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot prepare the job's disk");
    r = take_inodes(dir, fs.f_ffree, wanted_inodes);
    if (r < 0 || fstatfs(u->fd, &fs) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r < 0 ? r : errno,
                               "cannot prepare the job's disk");
    if (fs.f_bavail * BLOCK > wanted &&
        fallocate(pad, 0, 0, (off_t)(fs.f_bavail * BLOCK - wanted)) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot prepare the job's disk");
    return 0;
}

/* What a disk that is not set aside finds free at least: its own tables, and some data. Its jobs
 * may still run out of it: losses.c. */
static int check_floor(int store_dirfd, struct cupel_error *err)
{
    char left[UNIT_TEXT_SIZE], floor[UNIT_TEXT_SIZE];
    struct statfs fs;
    uint64_t free_bytes;

    if (fstatfs(store_dirfd, &fs) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                               "cannot tell how much space the store has");
    free_bytes = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
    if (free_bytes >= UPPER_FLOOR)
        return 0;
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0,
        "the store's file system is full: %s free, and a job's disk wants %s at least",
        unit_format_size(free_bytes, left), unit_format_size(UPPER_FLOOR, floor));
    cupel_error_hint(err, "free space there, or put the store on another disk with CUPEL_CACHE");
    return -ENOSPC;
}

/* Sets the disk's space aside. Not every file system can (NFS, ZFS): there it is as with a disk
 * that has no limit of its own. */
static int set_aside(struct upper *u, int store_dirfd, uint64_t total, bool reserve,
                     struct cupel_error *err)
{
    char text[UNIT_TEXT_SIZE];

    if (reserve && fallocate(u->image, 0, 0, (off_t)total) == 0)
        u->reserved = true;
    else if (reserve && errno != EOPNOTSUPP && errno != ENOSYS) {
        int r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                                "cannot set aside %s in the store for the job's disk",
                                unit_format_size(total, text));

        cupel_error_hint(err,
                         "free space there, or put the store on another disk with CUPEL_CACHE");
        return r;
    }
    return u->reserved ? 0 : check_floor(store_dirfd, err);
}

static uint64_t inode_count(uint64_t inodes, uint64_t shares)
{
    return inodes + shares * OWN_INODES + LOSSES_INODES + 16;
}

uint64_t upper_space(uint64_t bytes, uint64_t inodes, uint64_t shares)
{
    uint64_t count = inode_count(inodes, shares), total;

    /* the limit, the inode tables, bitmaps and group descriptors (one part in 64), and a floor for
     * the fixed ones */
    total = (bytes + shares * OWN_BYTES + LOSSES_BYTES + count * 256 + bytes / 64 + 256 * BLOCK +
             BLOCK - 1) /
            BLOCK * BLOCK;
    if (count >
        total /
            BLOCK) /* ext4 has no more inodes than blocks; what is too much is taken away again */
        total += count * BLOCK;
    return total;
}

static int mount_disk(struct upper *u, struct cupel_error *err)
{
    int r = u->mount =
        upper_mount_image(u->image, u->reserved ? UPPER_RESERVED : UPPER_SPARSE, &u->loop, err);

    if (r < 0)
        return r;
    u->fd = openat(u->mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return u->fd < 0
               ? cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open the job's disk")
               : 0;
}

static int make_image(int store_dirfd, uint64_t total, int *ret_image)
{
    cleanup_close int image = openat(store_dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    if (image < 0 || ftruncate(image, (off_t)total) < 0)
        return -errno;
    *ret_image = steal_fd(&image);
    return 0;
}

/* Makes an empty disk in an image of its own, unmounts it, and keeps it as a template: for others
 * like it, and for the one at hand. */
static int make_template(const struct upper *like, int store_dirfd, int templates,
                         const struct disk_shape *shape, int cancel)
{
    struct upper u = {.bytes = like->bytes,
                      .inodes = like->inodes,
                      .shares = like->shares,
                      .mount = -EBADF,
                      .fd = -EBADF,
                      .image = -EBADF,
                      .loop = -EBADF};
    struct cupel_error ignored; /* what fails here is said where it fails again */
    int r = make_image(store_dirfd, shape->total, &u.image);

    if (r == 0)
        r = run_mke2fs(u.image, shape->total, inode_count(u.inodes, u.shares), cancel, &ignored);
    if (r == 0)
        r = mount_disk(&u, &ignored);
    if (r == 0)
        r = take_surplus(&u, &ignored);
    base_closep(&u.fd);
    base_closep(&u.mount); /* the last: all is in the image when that returns */
    base_closep(&u.loop);
    if (r == 0)
        r = disk_template_save(templates, shape, u.image);
    base_closep(&u.image);
    return r;
}

/* Writes an empty disk into the image; whether it is already as small as it has to be. */
static int lay_out(const struct upper *u, int store_dirfd, int templates, uint64_t total,
                   int cancel, bool *ret_exact, struct cupel_error *err)
{
    const struct disk_shape shape = {total, u->bytes, u->inodes, u->shares};
    int r = disk_template_use(templates, &shape, u->image);

    if (r == -ENOENT && templates >= 0 &&
        make_template(u, store_dirfd, templates, &shape, cancel) == 0)
        r = disk_template_use(templates, &shape, u->image);
    *ret_exact = r == 0;
    if (r == -ENOENT)
        return run_mke2fs(u->image, total, inode_count(u->inodes, u->shares), cancel, err);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write the job's disk") : 0;
}

static int make_disk(struct upper *u, int store_dirfd, int templates, uint64_t total, bool reserve,
                     int cancel, struct cupel_error *err)
{
    bool exact = false;
    int r = make_image(store_dirfd, total, &u->image);

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot make a disk of %llu bytes in the store",
                               (unsigned long long)total);
    r = set_aside(u, store_dirfd, total, reserve, err);
    if (r == 0)
        r = lay_out(u, store_dirfd, templates, total, cancel, &exact, err);
    if (r == 0)
        r = mount_disk(u, err);
    return r < 0 || exact ? r : take_surplus(u, err);
}

static uint64_t held_in_store(const struct upper *u)
{
    struct stat st;

    return fstat(u->image, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512; /* whatever st_blksize is */
}

static struct upper *new_upper(uint64_t bytes, uint64_t inodes, uint64_t shares)
{
    struct upper *u = xcalloc(1, sizeof(*u));

    *u = (struct upper){.bytes = bytes,
                        .inodes = inodes,
                        .shares = shares,
                        .mount = -EBADF,
                        .fd = -EBADF,
                        .image = -EBADF,
                        .loop = -EBADF,
                        .losses = -EBADF};
    return u;
}

int upper_open(int store_dirfd, int templates, uint64_t bytes, uint64_t inodes, uint64_t shares,
               bool reserve, int cancel, struct upper **ret, struct cupel_error *err)
{
    struct upper *u = new_upper(bytes, inodes, shares);
    int r = make_disk(u, store_dirfd, templates, upper_space(bytes, inodes, shares), reserve,
                      cancel, err);

    if (r >= 0)
        r = upper_statistics(u, &u->empty_bytes, &u->empty_inodes);
    if (r < 0) {
        upper_close(u);
        return r;
    }
    u->held = held_in_store(u);
    *ret = u;
    return 0;
}

int upper_open_copy(int store_dirfd, int templates, uint64_t bytes, uint64_t inodes,
                    uint64_t shares, struct upper **ret)
{
    const struct disk_shape shape = {upper_space(bytes, inodes, shares), bytes, inodes, shares};
    struct cupel_error ignored; /* what fails here is said where it fails again */
    struct upper *u = new_upper(bytes, inodes, shares);
    int r = make_image(store_dirfd, shape.total, &u->image);

    if (r == 0)
        r = check_floor(store_dirfd, &ignored);
    if (r == 0)
        r = disk_template_use(templates, &shape, u->image);
    if (r == 0)
        r = mount_disk(u, &ignored);
    if (r == 0 &&
        mkdirat(u->fd, "first", 0700) == 0) /* so that bitmaps and tables have been read */
        r = unlinkat(u->fd, "first", AT_REMOVEDIR) < 0 ? -errno : 0;
    if (r == 0)
        r = upper_statistics(u, &u->empty_bytes, &u->empty_inodes);
    if (r < 0) {
        upper_close(u);
        return r;
    }
    u->held = held_in_store(u);
    *ret = u;
    return 0;
}

int upper_statistics(const struct upper *u, uint64_t *ret_used, uint64_t *ret_inodes)
{
    struct statfs fs;

    if (u->kind == UPPER_DIRECTORY)
        return -ENODATA;
    if (fstatfs(u->fd, &fs) < 0)
        return -errno;
    *ret_used = (uint64_t)(fs.f_blocks - fs.f_bfree) * BLOCK;
    *ret_inodes = (uint64_t)(fs.f_files - fs.f_ffree);
    return 0;
}

#define SETTLE_TRIES 500
#define SETTLE_WAIT_NS (NSEC_PER_MSEC)

/* Says whether no more than so much of it is in use, beside what always is. */
static bool is_empty_now(const struct upper *u, uint64_t slack_bytes, uint64_t slack_inodes)
{
    uint64_t bytes = 0, inodes = 0;

    return upper_statistics(u, &bytes, &inodes) == 0 && bytes <= u->empty_bytes + slack_bytes &&
           inodes <= u->empty_inodes + slack_inodes;
}

bool upper_is_empty(const struct upper *u, uint64_t slack_bytes, uint64_t slack_inodes)
{
    /* what a job had open goes a moment after its last process: the kernel lets go of its mounts in
     * a work queue */
    for (int tries = 0; tries < SETTLE_TRIES; tries++) {
        const struct timespec wait = {0, (long)SETTLE_WAIT_NS};

        if (is_empty_now(u, slack_bytes, slack_inodes))
            return true;
        (void)nanosleep(&wait, NULL);
    }
    return false;
}

/* Takes the disk down. Where there are files, what is in them goes unwritten, and their space comes
 * back at once: files that sockets hold, sent over each other, may never be let go of by the
 * kernel, and with them this file system and its loop device. An empty disk has nothing but tables
 * to be written, which a shutdown does not spare (sync_blockdev() in kill_block_super(),
 * fs/super.c); and of a shutdown the kernel tells its console, which takes it half a millisecond
 * where that is a serial line. */
static void take_down(const struct upper *u)
{
    uint32_t how = EXT4_GOING_FLAGS_NOLOGFLUSH;
    struct stat st;

    if (u->image < 0 || fstat(u->image, &st) < 0 ||
        u->fd < 0) /* never mounted: it goes with its descriptor */
        return;
    if (is_empty_now(u, 0, 0))
        return;
    if (ioctl(u->fd, EXT4_IOC_SHUTDOWN, &how) < 0 ||
        fallocate(u->image, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, st.st_size) < 0)
        log_warning("cannot take down a job's disk: %s", strerror(errno));
}

int upper_sync(const struct upper *u)
{
    struct fstrim_range all = {.len = UINT64_MAX};
    int r = losses_find(u);

    /* nothing will be written to it any more: where these do not work, it takes more space, and
     * that is all */
    if (r == 0 && u->reserved)
        (void)file_remove_tree_at(u->fd, "surplus");
    if (r == 0 && syncfs(u->fd) < 0)
        r = -errno;
    if (r == 0)
        (void)ioctl(u->fd, FITRIM, &all);
    return r;
}

/* Where more than the floor has come to be held since the last time, the job that did that took
 * longer to write it than this takes. What was open is waited for a little, or it would stay. */
void upper_give_back(struct upper *u)
{
    struct fstrim_range all = {.len = UINT64_MAX};

    if (u->kind != UPPER_DISK || u->reserved || held_in_store(u) < u->held + UPPER_FLOOR)
        return;
    (void)upper_is_empty(u, UPPER_FLOOR, UINT64_MAX / 2);
    (void)ioctl(u->fd, FITRIM, &all);
    u->held = held_in_store(u); /* what is left are tables and bitmaps, which stay */
}

int upper_keep(struct upper *u, int dirfd, const char *name)
{
    uint32_t how = EXT4_GOING_FLAGS_DEFAULT;
    int r = upper_sync(u);

    if (r < 0)
        return r;
    /* Whoever may still hold the mount (the kernel lets go of it in its own time) never writes into
     * the image again. */
    if (ioctl(u->fd, EXT4_IOC_SHUTDOWN, &how) < 0 ||
        linkat(u->image, "", dirfd, name, AT_EMPTY_PATH) < 0)
        return -errno;
    base_closep(&u->image); /* so that nobody empties it */
    return 0;
}

static void close_descriptors(struct upper *u)
{
    base_closep(&u->losses);
    base_closep(&u->loop);
    base_closep(&u->fd);
    base_closep(&u->mount);
    base_closep(&u->image);
}

void upper_forget(struct upper *u)
{
    close_descriptors(u);
    free(u);
}

void upper_close(struct upper *u)
{
    if (u == NULL)
        return;
    take_down(u);
    close_descriptors(u);
    if (u->kind == UPPER_DIRECTORY && file_remove_tree_at(u->store_dirfd, u->name) < 0)
        log_warning("cannot remove what jobs have written; it goes with the run");
    free(u);
}

int upper_mount_fd(const struct upper *u)
{
    return u->mount;
}

int upper_fd(const struct upper *u)
{
    return u->fd;
}

bool upper_holds(const struct upper *u, enum upper_kind kind, uint64_t bytes, uint64_t inodes,
                 uint64_t shares)
{
    if (u == NULL || u->kind != kind || kind == UPPER_MEMORY)
        return false;
    return kind == UPPER_DIRECTORY ||
           (u->bytes == bytes && u->inodes == inodes && u->shares == shares);
}

/* Where refusals are counted, only the last block and the last inode say that there is no more.
 * Elsewhere it takes a margin, since what is deleted again may be gone at the next look: on a disk
 * a large write is refused as a whole, a little before the last block is gone; in memory, what can
 * be written between two looks that follow each other closely. */
#define DISK_MARGIN (UINT64_C(1) << 20)
#define DISK_PART 16
#define MEMORY_PART 64
static uint64_t margin(const struct upper *u, uint64_t limit, uint64_t least, uint64_t most)
{
    uint64_t part = limit / (u->kind == UPPER_MEMORY ? MEMORY_PART : DISK_PART);

    return u->counts_refusals || part < least ? least : part > most ? most : part;
}

bool upper_is_full(const struct upper *u, uint64_t bytes)
{
    return bytes > u->bytes - margin(u, u->bytes, BLOCK, DISK_MARGIN);
}

bool upper_has_no_inodes(const struct upper *u, uint64_t inodes)
{
    return inodes >= u->inodes - (u->kind == UPPER_MEMORY ? margin(u, u->inodes, 0, u->inodes) : 0);
}

uint64_t upper_left(const struct upper *u, uint64_t limit, uint64_t used)
{
    if (u->counts_refusals)
        return UINT64_MAX;
    return limit > used ? limit - used : 0;
}
