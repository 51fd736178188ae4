/* SPDX-License-Identifier: Apache-2.0 */
/* output_file: see output_file.h. The file has no name and lies on a tmpfs of its own, mounted
 * nowhere, whose size is the bound: no look of the slot's could be as strict. What a job writes
 * there is its own memory, and counted as such. It may seek, cut, map or punch holes as it likes:
 * nobody reads the file before the command has ended, and what is judged is a copy. A hole costs
 * nothing, so that the file may look larger than the bound; it is read to the bound, no further.
 * Appended to, so that writers who have it opened anew (/dev/stdout) do not write over others. */
#include "harness/sandbox/slot/output_file.h"

#include "harness/sandbox/init/mount.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

int output_file_make(uint64_t limit, uint32_t id, int *ret_job, int *ret_slot)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const uint64_t pages = (limit / page) + 2; /* one byte too many fits, and is seen */
    char size[32], path[32];
    const struct mount_option options[] = {{"size", size}, {"nr_inodes", "8"}, {"mode", "0700"}};
    cleanup_close int mount = -EBADF, to_read = -EBADF, to_write = -EBADF;

    (void)snprintf(size, sizeof(size), "%" PRIu64,
                   pages > UINT64_MAX / page ? limit : pages * page);
    mount = mount_make("tmpfs", options, ARRAY_SIZE(options),
                       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (mount < 0)
        return mount;
    to_read = openat(mount, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (to_read < 0)
        return -errno;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", to_read);
    to_write = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (to_write < 0 || fchown(to_read, id, id) < 0)
        return -errno;
    *ret_job = steal_fd(&to_write);
    *ret_slot = steal_fd(&to_read);
    return 0;
}
