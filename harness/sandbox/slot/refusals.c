/* SPDX-License-Identifier: Apache-2.0 */
/* refusals: see refusals.h. How many writes, and how many new files, ext4 has refused for want of
 * room, counted as it happens. A write is whatever takes a block: also an attribute or a directory.
 *
 * No counter of the kernel's says so, and what a job deletes again leaves no trace: a look at the
 * free space, however often, comes too late. But ext4 has tracepoints where it looks for a block,
 * and where a write or a new file begins and where it has succeeded
 * (include/trace/events/ext4.h): what has begun and not succeeded was refused. perf events count
 * how often they are passed on this one disk by the children of the slot, which inherit them;
 * nothing is recorded and nobody is woken (perf_event_open(2); perf_tp_event() in
 * kernel/events/core.c). What the slot itself writes there succeeds.
 *
 * A second set is held open as long as the stage, since the last to close one waits for every
 * processor (tracepoint_synchronize_unregister()), some ten milliseconds, and a filter can be set
 * only once.
 *
 * Not to be had without the host's rights, without tracepoints in the kernel, or where a container
 * may not use perf. Then there is what a look at the disk tells. */
#include "harness/sandbox/slot/refusals.h"
#include "harness/sandbox/init/mount.h"

#include "base/base.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

enum what { WRITES, INODES, WHATS };

static const struct {
    const char *name;
    const char *filter; /* on top of the disk */
    enum what what;
    bool succeeded; /* as many less */
} events[REFUSALS_EVENTS] = {
    /* little is left, and each block is found at once */
    {"ext4_request_blocks", "", WRITES, false},
    {"ext4_allocate_blocks", " && block != 0", WRITES, true}, /* not always passed on a failure */
    {"ext4_da_write_begin", "", WRITES, false}, /* much is left, but less than the write wants */
    {"ext4_da_write_end", "", WRITES, true},
    {"ext4_request_inode", "", INODES, false},
    {"ext4_allocate_inode", "", INODES, true},
};

static int open_tracefs(int *ret_mount)
{
    int mount =
        mount_make("tracefs", NULL, 0,
                   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);

    if (mount < 0)
        return mount;
    *ret_mount = mount;
    return 0;
}

static int open_event(int tracefs, size_t which, bool counts)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .inherit = counts, .disabled = !counts};
    char path[64], text[32];
    cleanup_close int id = -EBADF;
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof(path), "events/ext4/%s/id", events[which].name);
    id = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
    n = id < 0 ? -1 : read(id, text, sizeof(text) - 1);
    if (n <= 0)
        return -ENOENT;
    text[n] = '\0';
    attr.config = strtoull(text, NULL, 10);
    fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_filtered(int tracefs, size_t which, dev_t disk)
{
    cleanup_close int fd = open_event(tracefs, which, true);
    char text[64];

    if (fd < 0)
        return fd;
    /* as the kernel has device numbers itself (include/linux/kdev_t.h) */
    (void)snprintf(text, sizeof(text), "dev == %u%s", major(disk) << 20 | minor(disk),
                   events[which].filter);
    return ioctl(fd, PERF_EVENT_IOC_SET_FILTER, text) < 0 ? -errno : steal_fd(&fd);
}

static void close_all(int fds[static REFUSALS_EVENTS])
{
    for (size_t i = 0; i < REFUSALS_EVENTS; i++) {
        base_closep(&fds[i]);
        fds[i] = -EBADF;
    }
}

static void open_for_good(struct refusals *r, int tracefs)
{
    for (size_t i = 0; i < REFUSALS_EVENTS; i++) {
        r->fd[i] = -EBADF;
        r->held[i] = open_event(tracefs, i, false);
    }
    r->opened = true;
}

void refusals_watch(struct refusals *r, int disk_fd)
{
    cleanup_close int tracefs = -EBADF;
    struct stat st;

    r->counts = fstat(disk_fd, &st) == 0 && open_tracefs(&tracefs) == 0;
    if (!r->counts)
        return;
    if (!r->opened)
        open_for_good(r, tracefs);
    close_all(r->fd);
    for (size_t i = 0; r->counts && i < REFUSALS_EVENTS; i++) {
        r->fd[i] = open_filtered(tracefs, i, st.st_dev);
        r->counts = r->fd[i] >= 0;
    }
}

void refusals_count(const struct refusals *r, uint64_t *ret_writes, uint64_t *ret_inodes)
{
    uint64_t n[WHATS] = {0, 0}, less[WHATS] = {0, 0};

    for (size_t i = 0; r->counts && i < REFUSALS_EVENTS; i++) {
        uint64_t one = 0;

        if (read(r->fd[i], &one, sizeof(one)) != (ssize_t)sizeof(one))
            continue;
        *(events[i].succeeded ? &less[events[i].what] : &n[events[i].what]) += one;
    }
    *ret_writes = n[WRITES] - less[WRITES];
    *ret_inodes = n[INODES] - less[INODES];
}

void refusals_close(struct refusals *r)
{
    if (!r->opened)
        return;
    close_all(r->fd);
    close_all(r->held);
}
