/* SPDX-License-Identifier: Apache-2.0 */
/* owner: whose a job's user namespace is. The kernel counts inotify instances, message queues,
 * queued signals and the like by user, and once more by the owner of the user namespace that the
 * user is in, at every level up to the host's (inc_ucount() and inc_rlimit_ucounts(),
 * kernel/ucount.c). The owner is who is the effective user when the namespace is made. Were that
 * the slot, which is root, all jobs would share what root has, and root would be left without.
 *
 * So the namespace is made while the slot's effective id is one that no other job has; each job
 * takes the next, since the kernel gives back late what a job held (inotify's marks, POSIX queues),
 * and the next one must not be short of it. Real and saved id stay root's, which kill(2), ptrace(2)
 * and prlimit(2) look at: nobody by the job's ids may do anything to the slot.
 *
 * What the owner may have of what resource limits count is set for the namespace at its making,
 * from the limits of the process that makes it (create_user_ns(), kernel/user_namespace.c): so the
 * sum over a job's users is bounded, not only what each of them takes. */
#include "harness/sandbox/slot/owner.h"
#include "harness/sandbox/init/command.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/stage.h"

#include "base/weaken.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Without the host's rights jobs' ids are the slot's own. The owner is then one of the slot's
 * namespace, which other slots do not take; in a container without a user namespace of its own, not
 * one that a user or a daemon there is likely to have, since the owner may enter the namespace. */
#define OWNERS_EACH 64
#define OWNERS_SLOTS 600
#define OWNERS_FIRST 20000

static uint32_t owner_of_next(const struct sandbox_stage *s)
{
    if (weakened("namespace-owner") || s->privilege.ids < SANDBOX_ID_COUNT)
        return 0;
    if (s->privilege.host) /* an id base of 0: a wall is away */
        return s->id_base != 0 ? s->id_base + (uint32_t)(s->serial % SANDBOX_ID_COUNT) : 0;
    return OWNERS_FIRST + s->number % OWNERS_SLOTS * OWNERS_EACH +
           (uint32_t)(s->serial % OWNERS_EACH);
}

/* Files that the kernel makes with a namespace, as the top of mqueue's, belong to who makes it by
 * its file system ids, and would tell a job how many there were before: they are its root's.
 * Neither call tells of a failure (setfsuid(2)); what shows is the job's to see. */
static void own_files(const struct sandbox_stage *s)
{
    uint32_t root = s->privilege.host ? s->id_base : 0;

    (void)syscall(SYS_setfsuid, root);
    (void)syscall(SYS_setfsgid, root);
}

static int get_capabilities(struct owner *o)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return syscall(SYS_capget, &header, o->capabilities) < 0 ? -errno : 0;
}

static int put_capabilities(const struct owner *o)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return syscall(SYS_capset, &header, o->capabilities) < 0 ? -errno : 0;
}

/* A change of the effective id takes the death signal off and makes the process one that cannot be
 * dumped (commit_creds(), kernel/cred.c). The parent may have died in between. */
static int restore_process(const struct owner *o)
{
    if (prctl(PR_SET_PDEATHSIG, o->death_signal) < 0 ||
        (o->dumpable < 2 &&
         prctl(PR_SET_DUMPABLE, o->dumpable) < 0)) /* 2 is what it has just become */
        return -errno;
    if (o->death_signal != 0 && getppid() != o->parent)
        _exit(1);
    return 0;
}

/* What each counts is counted by the namespace's owner too. The hard limits stay: commands set
 * their own. */
static const struct {
    __rlimit_resource_t resource;
    rlim_t of_job;
} counted[OWNER_LIMITS] = {
    {RLIMIT_MEMLOCK, JOB_MEMLOCK},
    {RLIMIT_MSGQUEUE, JOB_MSGQUEUE},
    {RLIMIT_SIGPENDING, JOB_SIGPENDING},
};

static int lower_limits(struct owner *o)
{
    for (size_t i = 0; i < OWNER_LIMITS; i++) {
        struct rlimit lowered;

        if (getrlimit(counted[i].resource, &o->limits[i]) < 0)
            return -errno;
        lowered = o->limits[i];
        if (counted[i].of_job < lowered.rlim_cur)
            lowered.rlim_cur = counted[i].of_job;
        if (setrlimit(counted[i].resource, &lowered) < 0)
            return -errno;
    }
    return 0;
}

int owner_become(const struct sandbox_stage *s, struct owner *ret)
{
    struct owner o = {
        .id = owner_of_next(s), .parent = getppid(), .dumpable = prctl(PR_GET_DUMPABLE)};
    int r;

    *ret = (struct owner){0};
    if (o.id == 0)
        return 0;
    if (prctl(PR_GET_PDEATHSIG, &o.death_signal) < 0)
        return -errno;
    r = get_capabilities(&o);
    if (r == 0)
        r = lower_limits(&o);
    /* raw: libc's wrapper would look for other threads of the slot */
    if (r == 0 && syscall(SYS_setresuid, -1, o.id, -1) < 0)
        r = -errno;
    if (r < 0)
        return r;
    *ret = o;
    /* Effective capabilities go with root's id. Kernels that let only the privileged make user
       namespaces ask for them (kernel.unprivileged_userns_clone of Debian, AppArmor's restriction).
     */
    r = put_capabilities(&o);
    own_files(s);
    return r < 0 ? r : restore_process(&o);
}

int owner_leave(const struct owner *o)
{
    int r = 0;

    if (o->id == 0)
        return 0;
    if (syscall(SYS_setresuid, -1, 0, -1) < 0)
        return -errno;
    (void)syscall(SYS_setfsgid, 0); /* the other one has followed */
    r = put_capabilities(o);
    for (size_t i = 0; i < OWNER_LIMITS; i++)
        if (setrlimit(counted[i].resource, &o->limits[i]) < 0)
            r = -errno;
    return r < 0 ? r : restore_process(o);
}
