/* seccomp: the system calls that no job needs and the kernel would be safer without, as one BPF program for every
 * architecture that this kernel accepts (x86-64, i386 and x32 entries alike). Compiled once a run. Default is to allow:
 * a build or test suite may do what programs do; what is refused here is kernel surface that has let processes out, or
 * that outlives a job.
 *
 * An unknown architecture is killed. Refused calls fail with EPERM, as they would without privilege, so that programs
 * fall back; clone3 with ENOSYS, so that libc retries with clone, whose flags a filter can see (seccomp(2), and glibc's
 * own use). */
#include "harness/sandbox/private.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

struct sandbox_filter {
    struct sock_filter *instructions;
    unsigned short n;
};

/* Refused whatever their arguments. */
static const int refused[] = {
    /* keys outlive namespaces */
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    /* large kernel surface, or a way around other filters */
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(vmsplice),
    /* the machine itself */
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(syslog),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd),
    SCMP_SYS(nfsservctl),
    SCMP_SYS(vhangup),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    /* clocks */
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(stime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(clock_settime64),
    SCMP_SYS(clock_adjtime64),
    /* the mount family and namespaces */
    SCMP_SYS(mount),
    SCMP_SYS(umount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(open_tree),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    /* handles and descriptors that reach past the mount namespace */
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    /* memory placement of other processes */
    SCMP_SYS(move_pages),
    SCMP_SYS(migrate_pages),
    SCMP_SYS(process_madvise),
};

/* Refused when (argument & mask) == value. */
struct masked_rule {
    int call;
    unsigned argument;
    uint64_t mask;
    uint64_t value;
};

#define LOW32 UINT64_C(0xffffffff)

static const struct masked_rule masked[] = {
    /* a job's terminal is its own, but injected input and pasted selections never have a good use (bwrap
       CVE-2017-5226); the kernel looks at the low 32 bits only (CVE-2019-10063) */
    {SCMP_SYS(ioctl), 1, LOW32, TIOCSTI},
    {SCMP_SYS(ioctl), 1, LOW32, TIOCLINUX},
    /* one new user namespace is all capabilities again */
    {SCMP_SYS(clone), 0, CLONE_NEWUSER, CLONE_NEWUSER},
    {SCMP_SYS(clone), 0, CLONE_NEWNS, CLONE_NEWNS},
    {SCMP_SYS(clone), 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP},
    {SCMP_SYS(clone), 0, CLONE_NEWPID, CLONE_NEWPID},
    {SCMP_SYS(clone), 0, CLONE_NEWNET, CLONE_NEWNET},
    {SCMP_SYS(clone), 0, CLONE_NEWIPC, CLONE_NEWIPC},
    {SCMP_SYS(clone), 0, CLONE_NEWUTS, CLONE_NEWUTS},
    {SCMP_SYS(socket), 0, LOW32, AF_VSOCK},  /* leaves the network namespace */
    {SCMP_SYS(socket), 0, LOW32, AF_PACKET}, /* CVE-2020-14386 */
    {SCMP_SYS(socket), 0, LOW32, AF_ALG},
    {SCMP_SYS(socketpair), 0, LOW32, AF_VSOCK},
};

/* Architectures beside the native one whose entries the kernel may accept. */
static void add_architectures(scmp_filter_ctx ctx)
{
    static const uint32_t others[] = {SCMP_ARCH_X86, SCMP_ARCH_X32};

    if (seccomp_arch_native() != SCMP_ARCH_X86_64)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        (void)seccomp_arch_add(ctx, others[i]); /* -EEXIST is fine */
}

static int add_rules(scmp_filter_ctx ctx)
{
    const uint32_t deny = SCMP_ACT_ERRNO(EPERM);
    const struct scmp_arg_cmp audit[] = {{0, SCMP_CMP_MASKED_EQ, LOW32, AF_NETLINK},
                                         {2, SCMP_CMP_MASKED_EQ, LOW32, NETLINK_AUDIT}};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(refused); i++)
        r = seccomp_rule_add(ctx, deny, refused[i], 0);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(masked); i++) {
        struct scmp_arg_cmp cmp = {masked[i].argument, SCMP_CMP_MASKED_EQ, masked[i].mask, masked[i].value};

        r = seccomp_rule_add_array(ctx, deny, masked[i].call, 1, &cmp);
    }
    /* audit's netlink family speaks to the host's audit system */
    if (r == 0)
        r = seccomp_rule_add_array(ctx, deny, SCMP_SYS(socket), ARRAY_SIZE(audit), audit);
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return r;
}

/* libseccomp writes a program to a file; ours is a memory file, read back into the array that seccomp(2) takes. */
static int export_program(scmp_filter_ctx ctx, struct sandbox_filter *filter)
{
    cleanup_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
    cleanup_free char *data = NULL;
    size_t len;
    int r;

    if (fd < 0)
        return -errno;
    r = seccomp_export_bpf(ctx, fd);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    r = file_read_fd(fd, sizeof(struct sock_filter) * BPF_MAXINSNS, &data, &len);
    if (r < 0)
        return r;
    filter->instructions = (struct sock_filter *)(void *)steal_ptr(data);
    filter->n = (unsigned short)(len / sizeof(struct sock_filter));
    return 0;
}

int sandbox_filter_compile(struct sandbox_filter **ret_filter, struct cupel_error *err)
{
    struct sandbox_filter *filter = xcalloc(1, sizeof(*filter));
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int r = ctx != NULL ? 0 : -ENOMEM;

    if (r == 0) {
        add_architectures(ctx);
        r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    }
    if (r == 0)
        (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree; only speed is lost without */
    if (r == 0)
        r = add_rules(ctx);
    if (r == 0)
        r = export_program(ctx, filter);
    if (ctx != NULL)
        seccomp_release(ctx);
    if (r < 0) {
        sandbox_filter_free(filter);
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot compile the seccomp program");
    }
    *ret_filter = filter;
    return 0;
}

void sandbox_filter_free(struct sandbox_filter *filter)
{
    if (filter != NULL)
        free(filter->instructions);
    free(filter);
}

int filter_program(const struct sandbox_filter *filter, struct sock_fprog *ret)
{
    *ret = (struct sock_fprog){.len = filter->n, .filter = filter->instructions};
    return 0;
}
