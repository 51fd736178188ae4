/* SPDX-License-Identifier: Apache-2.0 */
/* disks: see disks.h. */
#include "harness/attempt/disks.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

const enum jobs_limit disks_limits[CGROUP_IO_COUNT] = {
    [CGROUP_READ_BPS] = JOBS_LIMIT_IO_READ_BPS,
    [CGROUP_WRITE_BPS] = JOBS_LIMIT_IO_WRITE_BPS,
    [CGROUP_READ_IOPS] = JOBS_LIMIT_IO_READ_IOPS,
    [CGROUP_WRITE_IOPS] = JOBS_LIMIT_IO_WRITE_IOPS,
};

static bool is_memory(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static int disks_add(struct cgroup_limits *limits, int fd, const char *what, const char *path,
                     struct cupel_error *err)
{
    dev_t disk;
    int r = fd < 0 ? -errno : cgroup_disk_of(fd, &disk);

    if (r == -ENOTBLK && is_memory(fd))
        return 0;
    if (r < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "there is no one disk under %s %s", what,
                              path);
        cupel_error_hint(err, "I/O limits need a file system on one block device (ext4, XFS, ...); "
                              "btrfs, overlayfs and "
                              "network file systems are not");
        return r;
    }
    for (size_t i = 0; i < limits->n_disks; i++)
        if (limits->disk[i] == disk)
            return 0;
    if (limits->n_disks == CGROUP_DISKS_MAX)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, E2BIG,
                               "the job's files are on more than %d disks", CGROUP_DISKS_MAX);
    limits->disk[limits->n_disks++] = disk;
    return 0;
}

static int add_root(struct cgroup_limits *limits, struct cupel_error *err)
{
    cleanup_close int fd = open("/", O_PATH | O_CLOEXEC);

    return disks_add(limits, fd, "the host's root", "/", err);
}

/* Opened as the job will open it: what cannot be, such as a link that is not to be followed, is
 * that job's matter alone. */
static int add_input(struct cgroup_limits *limits, const struct jobs_input *in,
                     struct cupel_error *err)
{
    cleanup_close int fd = file_open_trusted(in->host.path, in->host.trusted, O_PATH);

    return fd < 0 ? 0 : disks_add(limits, fd, "the input", in->from, err);
}

int disks_of(const struct instance *instance, int store_dirfd, struct cgroup_limits *limits,
             struct cupel_error *err)
{
    const struct jobs_job *job = instance->job;
    int r;

    limits->n_disks = 0;
    r = disks_add(limits, store_dirfd, "the", "store (CUPEL_CACHE puts it elsewhere)", err);
    if (r == 0 && limits->n_disks == 0)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOTBLK, "the store is in memory");
    if (r == 0 && instance->plan->roots[job->root].kind == JOBS_ROOT_HOST)
        r = add_root(limits, err);
    for (size_t i = 0; r == 0 && i < job->n_inputs; i++)
        /* of a cache, and of other jobs, it is the store's disk, and that is there */
        if (job->inputs[i].cache == 0 && job->inputs[i].job == 0)
            r = add_input(limits, &job->inputs[i], err);
    return r;
}
