/* SPDX-License-Identifier: Apache-2.0 */
/* finish: what is left of a job in its slot goes: descriptors, and its directory on the slot's
 * disk. Its processes are gone by now, and with them its mounts. */
#include "base/weaken.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/namespaces.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/upper.h"

#include <fcntl.h>
#include <unistd.h>

/* Emptying a directory of very many files takes longer than making a new file system. */
#define MANY_INODES 5000

/* Removes one upper directory and its work directory by the names that are known to be in them;
 * what else is in them stays. `tail` is the number of an input, or empty. */
static void remove_known(int disk, const char *dir, const char *tail)
{
    static const char *const of_work[] = {"/work/incompat/volatile/dirty",
                                          "/work/incompat/volatile", "/work/incompat", "/work", ""};
    char path[96];
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(of_work); i++) {
        (void)snprintf(path, sizeof(path), "%s/w%s%s", dir, tail, of_work[i]);
        r = unlinkat(disk, path, i > 0 ? AT_REMOVEDIR : 0);
    }
    (void)snprintf(path, sizeof(path), "%s/u%s", dir, tail);
    (void)unlinkat(disk, path, AT_REMOVEDIR);
}

/* Removes the job's directory. Of most jobs there are only the two directories that they had, as
 * many for each input that they could write into, and what overlayfs makes in a work directory that
 * it never syncs: where nothing else is, all of it goes by its names. No job has a way to these, so
 * that nothing there leads elsewhere. What is left goes by looking at everything. */
static int remove_job_dir(const struct upper *u, const struct sandbox_job *job)
{
    int disk = upper_fd(u);

    if (u->kind == UPPER_DISK)
        remove_known(disk, job->dir, "");
    for (unsigned i = 0; u->kind == UPPER_DISK && i < 64; i++) {
        char tail[4];

        (void)snprintf(tail, sizeof(tail), "%u", i);
        if ((job->written_inputs >> i & 1) != 0)
            remove_known(disk, job->dir, tail);
    }
    return file_remove_tree_at(disk, job->dir);
}

static void close_all(struct sandbox_job *job)
{
    int *const fds[] = {&job->pidfd, &job->control,    &job->out,         &job->err,
                        &job->in,    &job->terminal,   &job->mount_ns,    &job->oom,
                        &job->hold,  &job->late_stdin, &job->output_file, &job->input};

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        base_closep(fds[i]);
        *fds[i] = -EBADF;
    }
}

void sandbox_forget(struct sandbox_job *job)
{
    close_all(job);
    namespaces_release(job);
    *job = (struct sandbox_job)SANDBOX_JOB_INIT;
}

int sandbox_finish(struct sandbox_stage *stage, struct sandbox_job *job, struct cupel_error *err)
{
    struct sandbox_disk disk = {0};
    int r = 0;

    close_all(job);
    if (job->dir[0] == '\0' || stage->upper == NULL || weakened("fresh-layer"))
        return 0;
    if (stage->upper->kind == UPPER_MEMORY ||
        (sandbox_disk_usage(stage, job, &disk) == 0 && disk.inodes > MANY_INODES)) {
        stage_drop_upper(stage);
    } else {
        r = remove_job_dir(stage->upper, job);
        if (r < 0) { /* whatever it was that would not go away, it goes with its file system */
            stage_drop_upper(stage);
            r = 0;
        } else {
            upper_give_back(stage->upper);
        }
    }
    job->dir[0] = '\0';
    (void)err;
    return r;
}
