/* SPDX-License-Identifier: Apache-2.0 */
/* time_offset: clocks of a job's own, as far as the kernel has them: those that count from the
 * machine's start. The time of day is everybody's (time_namespaces(7)).
 *
 * PID 1 makes the namespace and stays outside of it: offsets can be set until somebody is in it,
 * and what PID 1 says of times is the machine's. Its commands are in it from their fork on.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/init.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mounts.h"

#include "base/base.h"
#include "base/weaken.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

/* Appends "CLOCK SECONDS NANOSECONDS", of which only the first may be below zero. */
static void append_clock(char *text, size_t size, const char *clock, int64_t offset)
{
    int64_t ns = offset % (int64_t)NSEC_PER_SEC, s = offset / (int64_t)NSEC_PER_SEC;

    if (ns < 0) {
        ns += (int64_t)NSEC_PER_SEC;
        s--;
    }
    safe_append(text, clock, size);
    safe_append(text, s < 0 ? " -" : " ", size);
    safe_append_number(text, (uint64_t)(s < 0 ? -s : s), size);
    safe_append(text, " ", size);
    safe_append_number(text, (uint64_t)ns, size);
    safe_append(text, "\n", size);
}

int time_offset_set(const struct init_context *ctx, int offsets)
{
    int64_t offset = ctx->given.job->time_offset_ns;
    char text[128] = "";

    if (offset == 0)
        return 0;
    append_clock(text, sizeof(text), "monotonic", offset);
    append_clock(text, sizeof(text), "boottime", offset);
    return unshare(CLONE_NEWTIME) < 0 ? -errno : file_write_all(offsets, text, strlen(text));
}

void time_offset_joined(struct init_context *ctx)
{
    if (ctx->given.job->time_offset_ns != 0) /* else the memory may still be PID 1's, too */
        ctx->ahead_ns = (uint64_t)ctx->given.job->time_offset_ns;
}

/* What /proc has of a process that is not dumpable belongs to the root of where its program was
 * executed (task_dump_owner(), fs/proc/base.c), and that is not PID 1 any more. While it opens the
 * file it is dumpable: nobody of the job is there yet, and whoever else has its ids has had its
 * slot. */
int setup_time(struct init_context *ctx)
{
    cleanup_close int offsets = -EBADF;
    int r;

    if (ctx->given.job->time_offset_ns == 0)
        return 0;
    ctx->detail = "/proc/self/timens_offsets";
    if (prctl(PR_SET_DUMPABLE, 1) < 0)
        return -errno;
    offsets = openat(ctx->proc_mount, "self/timens_offsets", O_WRONLY | O_CLOEXEC);
    r = offsets < 0 ? -errno : 0;
    if (prctl(PR_SET_DUMPABLE, weakened("dumpable")) < 0)
        return -errno;
    return r < 0 ? r : time_offset_set(ctx, offsets);
}
