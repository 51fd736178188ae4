/* SPDX-License-Identifier: Apache-2.0 */
/* privilege: what this process may do, found out by trying: everything that differs between a run
 * by the host's root and one in a user namespace of an ordinary user's (harness/rights) follows
 * from here. The kernel asks for the rights of the host's root over: file systems on disks, loop
 * devices, id-mapped mounts of a file system that the host has mounted, and device nodes; so one
 * trial stands for them all. */
#include "harness/sandbox/init/hostname.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/lent.h"
#include "harness/sandbox/slot/loop.h"
#include "harness/sandbox/slot/upper.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* mount_capable() (fs/super.c): ext4 is for who has CAP_SYS_ADMIN on the host. Anyone else gets
 * EPERM, before it is noticed that no source was given. */
static bool may_mount_disks(void)
{
    cleanup_close int mount = mount_make("ext4", NULL, 0, 0);

    return mount != -EPERM; /* no ext4: whoever needs it says so */
}

/* What /proc has of a process that nobody may look into belongs to the root of the user namespace
 * in which its program was executed (task_dump_owner(), fs/proc/base.c). An ordinary user's jobs
 * have another root; those of a container's root have that one. */
static bool owns_what_nobody_may_see(void)
{
    int status = 0;
    pid_t pid = _Fork();

    if (pid == 0) {
        struct stat st;

        _exit(prctl(PR_SET_DUMPABLE, 0) < 0 || stat("/proc/self/fd", &st) < 0 || st.st_uid == 0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status != 0;
}

void sandbox_privilege_find(struct sandbox_privilege *ret)
{
    uint32_t ids = ids_mapped();

    ret->host = may_mount_disks();
    ret->shows_init = !ret->host && owns_what_nobody_may_see();
    ret->ids = ret->host || ids >= SANDBOX_ID_COUNT ? SANDBOX_ID_COUNT : 1;
}

/* ---- what a job needs and a container may refuse ---- */

/* Mounts proc as PID 1 of a job would, in its own namespaces. */
static int mount_proc(void)
{
    cleanup_close int mount = mount_make("proc", NULL, 0, 0);

    return mount < 0 ? mount : 0;
}

/* The first that a stage does: needs no rights but those in the namespaces themselves, and security
 * modules forbid it. */
static int change_mounts(void)
{
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

static int name_host(void)
{
    return hostname_set("cupel");
}

struct privilege_trial {
    int (*body)(void);
};

static int trial_main(void *data)
{
    return -((const struct privilege_trial *)data)->body();
}

static int in_namespaces(int (*body)(void))
{
    struct privilege_trial trial = {body};
    struct lent_stack stack;
    int status = 0;
    pid_t pid =
        lent_clone(trial_main, &trial,
                   CLONE_VFORK | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS, &stack);

    if (pid < 0)
        return pid;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* What is tried for whom, and what a refusal of it means. */
static const struct {
    int (*body)(void);
    bool of_root; /* of the host's, too */
    const char *what;
    const char *hint;
} trials[] = {
    {change_mounts, true, "the mounts of a job cannot be changed",
     "a security module refuses it: AppArmor's profile for containers (docker run --security-opt "
     "apparmor=unconfined), "
     "or SELinux"},
    {mount_proc, false, "a job cannot get a /proc of its own",
     "the /proc of this container has masked parts, and the kernel then lets nobody mount a whole "
     "one: start the "
     "container without the masks (docker run --security-opt systempaths=unconfined; podman run "
     "--security-opt "
     "unmask=ALL)"},
    {name_host, false, "a job cannot get a host name of its own",
     "a seccomp filter of this container refuses it: start the container with another (docker or "
     "podman run "
     "--security-opt seccomp=unconfined), or with CAP_SYS_ADMIN"},
};

int sandbox_privilege_check(const struct sandbox_privilege *p, struct cupel_error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
        int r = p->host && !trials[i].of_root ? 0 : in_namespaces(trials[i].body);

        if (r == 0)
            continue;
        if (r == -EPERM && process_is_chrooted()) {
            (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                  "cannot make the namespaces of a job");
            cupel_error_hint(err, CHROOT_REMEDY);
        } else if (r == -EPERM || r == -EACCES) {
            (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "%s", trials[i].what);
            cupel_error_hint(err, "%s", trials[i].hint);
        } else {
            (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                  "cannot make the namespaces of a job");
            cupel_error_hint(err, "`cupel doctor` tells which of them this machine refuses");
        }
        return r;
    }
    return p->host ? loop_check(err) : 0;
}

bool sandbox_store_takes_layers(int store_dirfd)
{
    return upper_directory_works(store_dirfd);
}
