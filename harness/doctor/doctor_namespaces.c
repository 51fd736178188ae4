/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_namespaces: probes of user and other namespaces and of the id mappings of user namespaces.
 */
#include "harness/doctor/doctor_private.h"

#include "harness/rights/rights.h"
#include "harness/run/idrange.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ALL_NAMESPACES                                                                             \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP |  \
     CLONE_NEWTIME | CLONE_NEWNET)

static void explain_refusal(struct doctor_finding *f, int errnum)
{
    char remedy[sizeof(f->remedy)];

    rights_explain_refusal(errnum, remedy, sizeof(remedy));
    doctor_remedy(f, "%s", remedy);
}

/* What the kernel's errors mean here (unshare(2), namespaces(7)). `text` of a row is the end of its
 * sysctl's name. */
static void doctor_namespaces_explain(struct doctor_finding *f, int errnum, const char *sysctl)
{
    if (errnum == -ENOSPC)
        doctor_remedy(f,
                      "raise the limit: sysctl -w user.max_%s_namespaces=10000 (and "
                      "user.max_user_namespaces)",
                      sysctl);
    else if (errnum == -EINVAL)
        doctor_remedy(f, "boot a kernel that has this kind of namespace");
    else if (errnum == -EPERM || errnum == -ENOSYS)
        explain_refusal(f, errnum);
}

/* Makes one namespace as a run does: together with a user namespace, which needs no privilege. */
void probe_namespace(const struct doctor_context *ctx, const struct doctor_probe *probe,
                     struct doctor_finding *f)
{
    (void)ctx;
    if (unshare(CLONE_NEWUSER | probe->number) == 0) {
        doctor_works(f, "%s", "");
        return;
    }
    doctor_missing(f, errno, "unshare failed");
    doctor_namespaces_explain(f, -errno, probe->text);
}

/* Tries the one clone that starts a job's PID 1. */
void probe_all_namespaces(const struct doctor_context *ctx, const struct doctor_probe *probe,
                          struct doctor_finding *f)
{
    int pidfd = -EBADF;
    struct clone_args args = {.flags = ALL_NAMESPACES | CLONE_PIDFD,
                              .pidfd = (uint64_t)(uintptr_t)&pidfd,
                              .exit_signal = SIGCHLD};
    struct pollfd p = {.events = POLLIN};
    long pid = syscall(SYS_clone3, &args, sizeof(args));

    (void)ctx;
    if (pid == 0)
        _exit(getpid() == 1 ? 0 : 1);
    if (pid < 0) {
        doctor_missing(f, errno, "clone3 with eight namespaces and a pidfd failed");
        doctor_namespaces_explain(f, -errno, probe->text);
        return;
    }
    p.fd = pidfd;
    if (poll(&p, 1, -1) != 1)
        doctor_missing(f, errno, "the pidfd of a new process does not tell its end");
    else
        doctor_works(f, "one clone3 call makes all eight and a pidfd");
}

/* Sets clocks ahead, and looks at them in a process that has them. */
void probe_time_offset(const struct doctor_context *ctx, const struct doctor_probe *probe,
                       struct doctor_finding *f)
{
    uint64_t now = clock_monotonic_ns();
    int status = 0, r = unshare(CLONE_NEWUSER | CLONE_NEWTIME) < 0 ? -errno : 0;
    pid_t pid;

    (void)ctx;
    (void)probe;
    if (r == 0)
        r = file_put_at(AT_FDCWD, "/proc/self/timens_offsets", "monotonic 3600 0\n");
    if (r < 0) {
        doctor_missing(f, r, "cannot set a clock ahead");
        return;
    }
    pid = fork();
    if (pid == 0)
        _exit(clock_monotonic_ns() - now < 3600 * NSEC_PER_SEC);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        doctor_missing(f, 0, "a process whose clock was set ahead does not see it");
    else
        doctor_works(f, "%s", "");
}

/* ---- ids ---- */

/* Becomes the last of the ids, which has to be there as well as the first. */
static int become_last_id(void *data)
{
    (void)data;
    if (syscall(SYS_setresgid, SANDBOX_ID_COUNT - 1, SANDBOX_ID_COUNT - 1, SANDBOX_ID_COUNT - 1) <
            0 ||
        syscall(SYS_setresuid, SANDBOX_ID_COUNT - 1, SANDBOX_ID_COUNT - 1, SANDBOX_ID_COUNT - 1) <
            0)
        return -errno;
    return geteuid() == SANDBOX_ID_COUNT - 1 ? 0 : -EIO;
}

void probe_id_range(const struct doctor_context *ctx, const struct doctor_probe *probe,
                    struct doctor_finding *f)
{
    struct doctor_scene s;
    int r = doctor_scene_init(&s);

    (void)probe;
    if (!ctx->privilege.host) {
        doctor_missing(f, 0,
                       "there are no ids of the host's to be had but the user's own, which all "
                       "jobs then share");
        doctor_remedy(f, DOCTOR_BE_ROOT);
        return;
    }
    if (r == 0)
        r = userns_run(&s, 0, become_last_id, NULL);
    if (r == 0)
        doctor_works(f, "%u ids from %u of the host", SANDBOX_ID_COUNT, IDRANGE_FIRST);
    else
        doctor_missing(f, r, "cannot %s of %u ids", s.step, SANDBOX_ID_COUNT);
}

/* ---- what is refused to who is not root ---- */

/* Files that may say why; a kernel has those of its distribution. What to do about which,
 * harness/rights knows. */
static const struct {
    const char *file;
    const char *sysctl;
} switches[] = {
    {"/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
     "kernel.apparmor_restrict_unprivileged_userns"},
    {"/proc/sys/user/max_user_namespaces", "user.max_user_namespaces"},
};

/* Quotes switches and their values: "a=1, b=0". */
static void quote_switches(char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
        cleanup_free char *value = NULL;
        size_t len;

        if (used >= size || file_read_at(AT_FDCWD, switches[i].file, 64, &value, &len) < 0)
            continue;
        value[strcspn(value, "\n")] = '\0';
        used += (size_t)snprintf(text + used, size - used, "%s%s=%s", used > 0 ? ", " : "",
                                 switches[i].sysctl, value);
    }
}

static int drop_to_nobody(const struct doctor_context *ctx)
{
    if (geteuid() != 0 || !ctx->privilege.host) /* one is that already, for the kernel */
        return 0;
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 65534, 65534, 65534) < 0 ||
        syscall(SYS_setresuid, 65534, 65534, 65534) < 0)
        return -errno;
    return 0;
}

/* AppArmor's restriction lets the namespace be made and takes the capabilities in it away: so one
 * is used, too. */
void probe_unprivileged_namespaces(const struct doctor_context *ctx,
                                   const struct doctor_probe *probe, struct doctor_finding *f)
{
    char switched[256];
    int r = drop_to_nobody(ctx);

    (void)probe;
    if (r < 0) {
        doctor_missing(f, r, "cannot become an ordinary user to try it");
        return;
    }
    quote_switches(switched, sizeof(switched));
    if (unshare(CLONE_NEWUSER) < 0) {
        r = -errno;
        doctor_missing(f, r, "refused (%s)", switched);
    } else if (unshare(CLONE_NEWUTS) < 0) {
        r = -errno;
        doctor_missing(f, r, "one is made, but without rights in it (%s)", switched);
    } else {
        doctor_works(f, "%s", switched);
        return;
    }
    explain_refusal(f, r);
}
