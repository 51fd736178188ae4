/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_disk: which block device stands for a file system in I/O limits. Sets no limit
 * (control_files.c). */
#include "harness/cgroup/cgroup_private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Limits are a disk's: the kernel refuses a partition's number. sysfs has a partition's directory
 * in its disk's. */
int cgroup_disk_of(int fd, dev_t *ret)
{
    char path[64], text[32], *end;
    unsigned long disk_major, disk_minor;
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (major(st.st_dev) == 0) /* made up by the file system */
        return -ENOTBLK;
    *ret = st.st_dev;
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(st.st_dev),
             minor(st.st_dev));
    if (access(path, F_OK) < 0)
        return errno == ENOENT ? 0 : -errno;
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(st.st_dev), minor(st.st_dev));
    n = group_read(AT_FDCWD, NULL, path, text, sizeof(text));
    if (n < 0)
        return (int)n;
    disk_major = strtoul(text, &end, 10);
    if (end == text || *end != ':')
        return -EPROTO;
    disk_minor = strtoul(end + 1, NULL, 10);
    *ret = makedev((unsigned)disk_major, (unsigned)disk_minor);
    return 0;
}
