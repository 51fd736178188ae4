/* SPDX-License-Identifier: Apache-2.0 */
/* start_clone: the steps of start.c's table that make PID 1 in its namespaces, and give it its ids.
 * Not responsible for what PID 1 then does (init/init.c). */
#include "harness/sandbox/init/device_table.h"
#include "harness/sandbox/init/init.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/slot/namespaces.h"
#include "harness/sandbox/slot/oom_order.h"
#include "harness/sandbox/slot/owner.h"
#include "harness/sandbox/slot/seccomp.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/stage_ns.h"
#include "harness/sandbox/slot/start.h"
#include "harness/sandbox/slot/steps.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

static uint64_t clone_flags(const struct jobs_job *job)
{
    uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
                     CLONE_NEWCGROUP | CLONE_NEWTIME;

    if (weakened("ipc-namespace"))
        flags &= ~(uint64_t)CLONE_NEWIPC;
    if (weakened("user-namespace"))
        flags &= ~(uint64_t)CLONE_NEWUSER;
    return jobs_has_own_network(job) ? flags | CLONE_NEWNET : flags;
}

/* Clones PID 1 as the owner of the namespaces, which the slot is until it is there. */
static int clone_owned(struct start *s, struct clone_args *args, long *ret_pid)
{
    struct owner owner;
    int r = owner_become(s->stage, &owner), back;

    *ret_pid = r < 0 ? -1 : syscall(SYS_clone3, args, sizeof(*args));
    if (*ret_pid == 0)
        init_main(s->ctx);
    if (r == 0 && *ret_pid < 0)
        r = -errno;
    back = owner_leave(&owner);
    if (back < 0) {
        log_warning("a slot cannot become root again: %s", strerror(-back));
        _exit(CUPEL_ERROR_HARNESS);
    }
    return r;
}

static int clone_error(int r, struct cupel_error *err)
{
    (void)steps_error(err, SETUP_CLONE, r, NULL);
    if (r == -EPERM || r == -ENOSPC)
        cupel_error_hint(
            err, "user namespaces may be off or used up: see /proc/sys/user/max_user_namespaces");
    return r;
}

int start_clone(struct start *s, struct cupel_error *err)
{
    struct clone_args args = {
        .flags = clone_flags(s->request->job) | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&s->job.pidfd,
        .exit_signal = SIGCHLD,
    };
    long pid = -1;
    int r =
        filter_program(s->request->filter, &s->ctx->given.filter, &s->ctx->given.filter_lets_wait);

    if (weakened("shm") &&
        devices_has(s->request->job->devices, JOBS_DEVICE_SHM)) /* the host's, for every job */
        s->ctx->shm_mount = mount_clone(AT_FDCWD, "/dev/shm", 0);
    if (r == 0)
        r = stage_enter(s->stage);
    if (r < 0)
        return r;
    r = clone_owned(s, &args, &pid);
    stage_leave(s->stage);
    if (pid > 0) {
        s->job.pid = (pid_t)pid;
        oom_order_begin(&s->job, s->stage->oom);
    }
    return r < 0 ? start_said(s, SAID_ALL, clone_error(r, err)) : 0;
}

/* Writes the id maps, which PID 1 waits for. One that is gone already has said why. */
static int write_id_maps(struct start *s, struct cupel_error *err)
{
    static const char *const files[] = {"uid_map", "gid_map"};

    for (size_t i = 0; i < ARRAY_SIZE(files) && !weakened("user-namespace"); i++) {
        struct sandbox_event e;
        int r;

        (void)snprintf(s->path, sizeof(s->path), "/proc/%d/%s", (int)s->job.pid, files[i]);
        s->detail = s->path;
        r = file_put_at(AT_FDCWD, s->path, s->stage->maps[i]);
        if (r < 0 && sandbox_receive(&s->job, &e) > 0 && e.kind == SANDBOX_SETUP_FAILED)
            return start_said(s, SAID_ALL, sandbox_setup_error(&e, err));
        if (r < 0)
            return r;
    }
    return 0;
}

/* What is held of the job's namespaces beyond PID 1's end. */
int start_id_map(struct start *s, struct cupel_error *err)
{
    int r = write_id_maps(s, err);

    if (r == 0 && !s->stage->privilege.host)
        r = namespaces_hold(&s->job, jobs_has_own_network(s->request->job), &s->detail);
    if (r < 0 || !jobs_leaves_files(s->request->job))
        return r;
    (void)snprintf(s->path, sizeof(s->path), "/proc/%d/ns/mnt", (int)s->job.pid);
    s->detail = s->path;
    s->job.mount_ns = open(s->path, O_RDONLY | O_CLOEXEC);
    return s->job.mount_ns < 0 ? -errno : 0;
}
