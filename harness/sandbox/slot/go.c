/* SPDX-License-Identifier: Apache-2.0 */
/* go: lets a held job go, with the words of another job than it was started for, where that was
 * asked: the sandbox is the same, and nothing has run in it. Not responsible for whether the two
 * jobs have the same sandbox (attempt/). */
#include "harness/sandbox/init/copy_data.h"
#include "harness/sandbox/init/late_words.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/input_read.h"
#include "harness/sandbox/slot/make_context.h"
#include "harness/sandbox/slot/namespaces.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/stage_ns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#define READY_MS 2000 /* it takes a few, and to begin anew no more */

void sandbox_go(struct sandbox_job *job)
{
    const char go = 'g';

    /* a failure means that the command is gone, which PID 1 tells; closed once it has begun, since
     * it may still have to say that it is ready */
    job->went = true;
    if (job->hold >= 0)
        (void)send(job->hold, &go, 1, MSG_NOSIGNAL);
}

/* Where the next list or text goes in the shared memory. */
struct late_room {
    struct setup_late *late;
    size_t used;
};

static void *take_room(struct late_room *room, size_t size, size_t align)
{
    size_t at = (room->used + align - 1) & ~(align - 1);

    if (at > LATE_SIZE || size > LATE_SIZE - at)
        return NULL;
    room->used = at + size;
    return room->late->text + at;
}

/* Copies a list, with room for `more` entries behind it. */
static char **copy_list(struct late_room *room, const char *const *list, size_t more, size_t *ret_n)
{
    char **copy;
    size_t n = 0;

    while (list[n] != NULL)
        n++;
    copy = take_room(room, (n + more + 1) * sizeof(*copy), sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < n; i++) {
        size_t size = strlen(list[i]) + 1;

        copy[i] = take_room(room, size, 1);
        if (copy[i] == NULL)
            return NULL;
        memcpy(copy[i], list[i], size);
    }
    if (copy != NULL)
        copy[n] = NULL;
    *ret_n = n;
    return copy;
}

static int write_words(struct sandbox_stage *stage, const struct sandbox_words *words)
{
    struct late_room room = {.late = stage->late};
    size_t n;

    if (stage->late == NULL)
        return -ENOMEM;
    stage->late->argv = copy_list(&room, words->argv, 0, &n);
    stage->late->env = copy_list(&room, words->env, LATE_OWN, &n);
    if (stage->late->argv == NULL || stage->late->env == NULL)
        return -E2BIG;
    stage->late->n_env = (uint32_t)n;
    stage->late->limits = words->limits;
    stage->late->own = context_own_entries(words->env);
    return 0;
}

/* The command has it as its standard input already, at the same offset. */
static int write_stdin(const struct sandbox_job *job, const struct sandbox_words *words)
{
    int r;

    if (job->late_stdin < 0)
        return words->stdin_data == NULL && words->stdin_file < 0 ? 0 : -EINVAL;
    r = words->stdin_data != NULL
            ? file_write_all(job->late_stdin, words->stdin_data, words->stdin_len)
        : words->stdin_file >= 0 ? copy_data_of(words->stdin_file, job->late_stdin)
                                 : -EINVAL;
    if (r < 0)
        return r;
    return lseek(job->late_stdin, 0, SEEK_SET) < 0 ||
                   fcntl(job->late_stdin, F_ADD_SEALS,
                         F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0
               ? -errno
               : 0;
}

int sandbox_give_words(struct sandbox_stage *stage, struct sandbox_job *job,
                       const struct sandbox_words *words)
{
    int r = write_words(stage, words);

    if (r == 0)
        r = write_stdin(job, words);
    if (r == 0 && job->late_stdin >= 0)
        input_keep(job, steal_fd(&job->late_stdin));
    base_closep(&job->late_stdin);
    job->late_stdin = -EBADF;
    return r;
}

/* ---- the bounds of /dev/shm ---- */

/* Waits until everything is done but the exec: -EAGAIN when there is an order meanwhile, or it is
 * gone, or takes long. */
static int await_ready(const struct sandbox_stage *stage, const struct sandbox_job *job)
{
    struct pollfd fds[] = {{.fd = job->hold, .events = POLLIN},
                           {.fd = job->pidfd, .events = POLLIN},
                           {.fd = stage->cancel, .events = POLLIN}};
    int n;

    do
        n = poll(fds, ARRAY_SIZE(fds), READY_MS);
    while (n < 0 && errno == EINTR);
    return n > 0 && fds[0].revents == POLLIN && fds[1].revents == 0 ? 0 : -EAGAIN;
}

/* Opens the root of what is mounted on /dev/shm. Nothing of the job has run, so that the path is
 * what PID 1 has made. */
static int open_shm(struct sandbox_stage *stage, const struct sandbox_job *job)
{
    cleanup_close int opened = -EBADF;
    int ns = job->mount_ns >= 0 ? job->mount_ns : namespaces_mount(job), fd;
    char path[48];

    if (ns < 0) {
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)job->pid);
        ns = opened = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (ns < 0 || setns(ns, CLONE_NEWNS) < 0)
        return -errno;
    fd = open("/dev/shm", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    fd = fd < 0 ? -errno : fd;
    stage_leave(stage);
    return fd;
}

/* Changes them with the memory limit, which they follow. */
int sandbox_change_memory(struct sandbox_stage *stage, const struct sandbox_job *job,
                          const struct jobs_limits *limits)
{
    struct shm_bounds bounds;
    const struct mount_option options[] = {{"size", bounds.size}, {"nr_inodes", bounds.files}};
    cleanup_close int fd = -EBADF;
    struct statfs fs;
    int r = await_ready(stage, job);

    if (r < 0)
        return r;
    fd = open_shm(stage, job);
    if (fd < 0)
        return fd;
    if (fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
        return -EINVAL;
    shm_bounds(limits, &bounds);
    return mount_reconfigure(fd, options, ARRAY_SIZE(options));
}
