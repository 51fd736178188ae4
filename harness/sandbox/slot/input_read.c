/* SPDX-License-Identifier: Apache-2.0 */
/* input_read: see input_read.h. */
#include "harness/sandbox/slot/input_read.h"

#include <sys/stat.h>

/* Standard input is a memory file of the slot's own, whose time of access is set to this. Anything
 * that reads of it sets another: read and pread, also those that find the end; sendfile and splice;
 * mmap, without a look at what is mapped; and what opens /dev/stdin anew, as the offset would not
 * tell. Memory files are below no mount that has `relatime` (kern_mount(), fs/namespace.c), so that
 * each access counts. lseek, fstat and an open alone do not. All of this was tried. */
#define NEVER_READ 1

static bool stamp(int fd)
{
    const struct timespec times[] = {{.tv_sec = NEVER_READ}, {.tv_nsec = UTIME_OMIT}};

    return futimens(fd, times) == 0;
}

void input_keep(struct sandbox_job *job, int fd)
{
    base_closep(&job->input);
    job->input = fd >= 0 && stamp(fd) ? steal_fd(&fd) : -EBADF;
    base_closep(&fd);
}

enum sandbox_input sandbox_input_read(const struct sandbox_job *job)
{
    struct stat st;

    if (job->input < 0 || fstat(job->input, &st) < 0 || st.st_size == 0)
        return SANDBOX_INPUT_UNKNOWN;
    return st.st_atim.tv_sec == NEVER_READ ? SANDBOX_INPUT_UNREAD : SANDBOX_INPUT_READ;
}

void sandbox_input_again(struct sandbox_job *job)
{
    if (job->input >= 0 && !stamp(job->input))
        base_closep(&job->input);
}
