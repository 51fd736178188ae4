/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp: a job's system call filter, as one BPF program, compiled once for each distinct profile
 * of a run, before any slot is forked. It has up to four parts, run one after the other; each
 * refuses, or hands on to the next:
 *
 *   newer     calls that were not there yet when this was written, and x32 calls: ENOSYS, as
 *             other kernels answer
 *   sockets   those of families, types and protocols that are not in socket_filter.c's list: as a
 *             kernel without them answers
 *   refusals  what no job needs and the kernel is safer without (jobs/syscalls.c, and the tables
 *             below), less what the job file allows, and what it denies: EPERM, as without
 *             privilege, so that programs fall back
 *   list      with `strict` only: what is not in strict.c's list (or allowed): ENOSYS; with a file:
 *             what the file says
 *
 * The second and third part are for i386 entries too, which an x86-64 kernel accepts; an unknown
 * architecture is killed. clone3 is answered with ENOSYS, so that libc retries with clone, whose
 * flags a filter can see (seccomp(2), and glibc's own use). The fourth is for the machine's own
 * architecture only. */
#include "harness/sandbox/slot/seccomp.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/socket_filter.h"
#include "harness/sandbox/slot/strict.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

struct sandbox_filter {
    struct sock_filter *instructions;
    unsigned short n;
    bool lets_wait;
};

/* ---- refused by argument: no job file changes these ---- */

/* Refused when (argument & mask) == value. */
struct masked_rule {
    int call;
    unsigned argument;
    uint64_t mask;
    uint64_t value;
};

#define LOW32 UINT64_C(0xffffffff)

static const struct masked_rule masked[] = {
    /* a job's terminal is its own, but injected input and pasted selections never have a good use
       (bwrap CVE-2017-5226); the kernel looks at the low 32 bits only (CVE-2019-10063) */
    {SCMP_SYS(ioctl), 1, LOW32, TIOCSTI},
    {SCMP_SYS(ioctl), 1, LOW32, TIOCLINUX},
    /* where these find nothing, the kernel runs the host's modprobe for whoever asks: for a line
       discipline (CVE-2017-2636), 8021q, bridge (tty_ldisc_get(), drivers/tty/tty_ldisc.c;
       sock_ioctl(), net/socket.c) */
    {SCMP_SYS(ioctl), 1, LOW32, TIOCSETD},
    {SCMP_SYS(ioctl), 1, LOW32, SIOCGIFVLAN},
    {SCMP_SYS(ioctl), 1, LOW32, SIOCSIFVLAN},
    {SCMP_SYS(ioctl), 1, LOW32, SIOCGIFBR},
    {SCMP_SYS(ioctl), 1, LOW32, SIOCSIFBR},
    /* PID 1 has the ids of the job's root, which is all that the kernel asks for to change its
       limits, and so to kill it */
    {SCMP_SYS(prlimit64), 0, LOW32, 1},
    /* one new user namespace is all capabilities again */
    {SCMP_SYS(clone), 0, CLONE_NEWUSER, CLONE_NEWUSER},
    {SCMP_SYS(clone), 0, CLONE_NEWNS, CLONE_NEWNS},
    {SCMP_SYS(clone), 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP},
    {SCMP_SYS(clone), 0, CLONE_NEWPID, CLONE_NEWPID},
    {SCMP_SYS(clone), 0, CLONE_NEWNET, CLONE_NEWNET},
    {SCMP_SYS(clone), 0, CLONE_NEWIPC, CLONE_NEWIPC},
    {SCMP_SYS(clone), 0, CLONE_NEWUTS, CLONE_NEWUTS},
};

#define REFUSE SCMP_ACT_ERRNO(EPERM)

/* Names that this architecture does not have are those of another one, or newer than the library.
 */
static int add_call(scmp_filter_ctx ctx, uint32_t action, const char *name)
{
    int number = seccomp_syscall_resolve_name(name);

    return number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, action, number, 0);
}

static int add_masked(scmp_filter_ctx ctx, const struct jobs_seccomp *what, uint32_t action,
                      const struct masked_rule *rule)
{
    struct scmp_arg_cmp cmp = {rule->argument, SCMP_CMP_MASKED_EQ, rule->mask, rule->value};
    cleanup_free char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), rule->call);

    if (name != NULL && jobs_names_have(what->deny, name))
        return 0; /* is refused as a whole */
    return seccomp_rule_add_array(ctx, action, rule->call, 1, &cmp);
}

/* What programs do without on kernels that do not have it: libc without clone3, databases without
 * io_setup. */
static bool is_answered_as_missing(const char *name)
{
    return str_eq(name, "clone3") || str_eq(name, "io_setup");
}

static int add_refused_calls(scmp_filter_ctx ctx, const struct jobs_seccomp *what)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < jobs_refused_calls_count; i++) {
        const char *name = jobs_refused_calls[i].name;

        if (!jobs_names_have(what->allow, name))
            r = add_call(ctx, is_answered_as_missing(name) ? SCMP_ACT_ERRNO(ENOSYS) : REFUSE, name);
    }
    for (const char *const *name = what->deny; r == 0 && name != NULL && *name != NULL; name++)
        if (!is_answered_as_missing(*name))
            r = add_call(ctx, REFUSE, *name);
    return r;
}

/* The largest extended attribute, which is the largest that a job's disk can hold. The kernel has
 * 65,536 (XATTR_SIZE_MAX), and gives an access list of that size as much memory, on nobody's
 * account, in every file of a tmpfs, memfd_create's included (posix_acl_from_xattr(),
 * fs/posix_acl.c: no __GFP_ACCOUNT): a job of 64 MiB had 1.1 GiB of them. */
#define XATTR_MOST 4096

static int add_attributes(scmp_filter_ctx ctx, const struct jobs_seccomp *what)
{
    static const struct {
        int call;
        const char *name;
    } calls[] = {{SCMP_SYS(setxattr), "setxattr"},
                 {SCMP_SYS(lsetxattr), "lsetxattr"},
                 {SCMP_SYS(fsetxattr), "fsetxattr"}};
    const struct scmp_arg_cmp size = {3, SCMP_CMP_GT, XATTR_MOST, 0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(calls); i++)
        if (!jobs_names_have(what->deny, calls[i].name))
            r = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(E2BIG), calls[i].call, 1, &size);
    return r;
}

/* Keys of TCP sockets, up to net.core.optmem_max a socket and on nobody's account: for routers'
 * daemons only, and refused as by a kernel without them. */
static int add_keys(scmp_filter_ctx ctx, const struct jobs_seccomp *what)
{
    static const unsigned options[] = {TCP_MD5SIG, TCP_MD5SIG_EXT, 38 /* TCP_AO_ADD_KEY */};
    int r = 0;

    for (size_t i = 0;
         r == 0 && i < ARRAY_SIZE(options) && !jobs_names_have(what->deny, "setsockopt"); i++) {
        const struct scmp_arg_cmp option[] = {{1, SCMP_CMP_MASKED_EQ, LOW32, IPPROTO_TCP},
                                              {2, SCMP_CMP_MASKED_EQ, LOW32, options[i]}};

        r = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(ENOPROTOOPT), SCMP_SYS(setsockopt),
                                   ARRAY_SIZE(option), option);
    }
    return r;
}

/* Refuses, with `strict`, programs of a job's own, which the kernel would compile: their machine
 * code is on nobody's account, and what the kernel has for all of it (net.core.bpf_jit_limit) is
 * what the filters of other jobs are installed with. */
static int add_programs(scmp_filter_ctx ctx, const struct jobs_seccomp *what)
{
    static const unsigned options[] = {SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF,
                                       SO_ATTACH_REUSEPORT_EBPF};
    const struct masked_rule mode = {SCMP_SYS(prctl), 0, LOW32, PR_SET_SECCOMP};
    int r = jobs_names_have(what->allow, "seccomp") ? 0 : add_masked(ctx, what, REFUSE, &mode);

    for (size_t i = 0;
         r == 0 && i < ARRAY_SIZE(options) && !jobs_names_have(what->deny, "setsockopt"); i++) {
        const struct scmp_arg_cmp option[] = {{1, SCMP_CMP_MASKED_EQ, LOW32, SOL_SOCKET},
                                              {2, SCMP_CMP_MASKED_EQ, LOW32, options[i]}};

        r = seccomp_rule_add_array(ctx, REFUSE, SCMP_SYS(setsockopt), ARRAY_SIZE(option), option);
    }
    return r;
}

static int add_refused_arguments(scmp_filter_ctx ctx, const struct jobs_seccomp *what)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(masked); i++)
        r = add_masked(ctx, what, REFUSE, &masked[i]);
    if (r == 0)
        r = add_attributes(ctx, what);
    if (r == 0)
        r = add_keys(ctx, what);
    return r < 0 || what->profile != JOBS_SECCOMP_STRICT ? r : add_programs(ctx, what);
}

static int add_refusals(scmp_filter_ctx ctx, const struct jobs_seccomp *what)
{
    int r;

    if (seccomp_arch_native() == SCMP_ARCH_X86_64)
        (void)seccomp_arch_add(
            ctx, SCMP_ARCH_X86); /* a job whose entry is not there is killed at its first call */
    r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = add_refused_calls(ctx, what);
    return r < 0 ? r : add_refused_arguments(ctx, what);
}

static int add_strict(scmp_filter_ctx ctx, const struct jobs_seccomp *what)
{
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

    for (size_t i = 0; r == 0 && i < strict_calls_count; i++)
        r = add_call(ctx, SCMP_ACT_ALLOW, strict_calls[i]);
    for (const char *const *name = what->allow; r == 0 && name != NULL && *name != NULL; name++)
        r = add_call(ctx, SCMP_ACT_ALLOW, *name);
    return r;
}

/* Rules that say what happens anyway are left out, as the library wants it; of two that contradict
 * each other the first one holds, as with container engines. */
static int add_file(scmp_filter_ctx ctx, const struct jobs_seccomp *what)
{
    const struct jobs_profile *p = what->file;
    int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

    for (const char *const *name = what->allow; r == 0 && name != NULL && *name != NULL; name++)
        if (p->otherwise != SCMP_ACT_ALLOW)
            r = add_call(ctx, SCMP_ACT_ALLOW, *name);
    for (size_t i = 0; r == 0 && i < p->n_rules; i++) {
        const struct jobs_profile_rule *rule = &p->rules[i];
        int number = seccomp_syscall_resolve_name(rule->name);
        struct scmp_arg_cmp cmp[ARRAY_SIZE(rule->arguments)];

        if (rule->action == p->otherwise || number == __NR_SCMP_ERROR)
            continue;
        for (size_t a = 0; a < rule->n_arguments; a++)
            cmp[a] = (struct scmp_arg_cmp){rule->arguments[a].index,
                                           (enum scmp_compare)rule->arguments[a].op,
                                           rule->arguments[a].value, rule->arguments[a].second};
        r = seccomp_rule_add_array(ctx, rule->action, number, (unsigned)rule->n_arguments, cmp);
        if (r == -EEXIST)
            r = 0;
    }
    return r;
}

/* ---- one program of several ---- */

/* Of classic BPF an x86-64 kernel takes 4096 instructions (BPF_MAXINSNS). */
struct program {
    struct sock_filter code[BPF_MAXINSNS];
    size_t n;
};

/* Appends a part: what the program had allowed so far, this part now judges. */
static int append(struct program *p, const struct sock_filter *part, size_t n)
{
    if (p->n + n > ARRAY_SIZE(p->code))
        return -E2BIG;
    for (size_t i = 0; i < p->n; i++)
        if (p->code[i].code == (BPF_RET | BPF_K) && p->code[i].k == SECCOMP_RET_ALLOW)
            p->code[i] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(p->n - i - 1));
    memcpy(p->code + p->n, part, n * sizeof(*part));
    p->n += n;
    return 0;
}

/* The last call of Linux 6.17, file_setattr; open_tree_attr of 6.15 is one of the mount family.
 * From 424 on, all architectures have the same numbers. x32 calls have a bit of their own; no
 * distribution's kernel answers them any more. -1 is what a tracer makes of a call that it
 * suppresses. */
#define NEWEST_CALL 469
#define OPEN_TREE_ATTR 467
#define SETXATTRAT 463 /* its size lies in memory */

static int append_newer(struct program *p)
{
    static const struct sock_filter newer[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SETXATTRAT, 1, 0), /* nearly every call ends here */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SETXATTRAT, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OPEN_TREE_ATTR, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST_CALL, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };

    return append(p, newer, ARRAY_SIZE(newer));
}

/* libseccomp writes a program to a file; ours is a memory file, read back. */
static int append_exported(struct program *p, scmp_filter_ctx ctx)
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
    r = file_read_fd(fd, sizeof(p->code), &data, &len);
    if (r < 0)
        return r;
    return append(p, (const struct sock_filter *)(const void *)data,
                  len / sizeof(struct sock_filter));
}

static int append_part(struct program *p, uint32_t otherwise, const struct jobs_seccomp *what,
                       int (*add)(scmp_filter_ctx ctx, const struct jobs_seccomp *what))
{
    scmp_filter_ctx ctx = seccomp_init(otherwise);
    int r;

    if (ctx == NULL)
        return -ENOMEM;
    /* a binary tree; only speed is lost without */
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    r = add(ctx, what);
    if (r == 0)
        r = append_exported(p, ctx);
    seccomp_release(ctx);
    return r;
}

int sandbox_filter_compile(const struct jobs_seccomp *what, struct sandbox_filter **ret_filter,
                           struct cupel_error *err)
{
    struct program *p = xcalloc(1, sizeof(*p));
    struct sock_filter sockets[SOCKET_FILTER_MAX];
    struct sandbox_filter *filter;
    int r = append_newer(p);

    if (r == 0)
        r = append(p, sockets, socket_filter(what, sockets));
    if (r == 0)
        r = append_part(p, SCMP_ACT_ALLOW, what, add_refusals);
    if (r == 0 && what->profile == JOBS_SECCOMP_STRICT)
        r = append_part(p, SCMP_ACT_ERRNO(ENOSYS), what, add_strict);
    if (r == 0 && what->file != NULL)
        r = append_part(p, what->file->otherwise, what, add_file);
    if (r < 0) {
        free(p);
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot compile the seccomp program");
    }
    filter = xcalloc(1, sizeof(*filter));
    filter->n = (unsigned short)p->n;
    /* of a profile from a file, it is not known */
    filter->lets_wait = what->file == NULL && !jobs_names_have(what->deny, "read") &&
                        !jobs_names_have(what->deny, "prlimit64");
    filter->instructions = xcalloc(p->n, sizeof(*p->code));
    memcpy(filter->instructions, p->code, p->n * sizeof(*p->code));
    free(p);
    *ret_filter = filter;
    return 0;
}

void sandbox_filter_free(struct sandbox_filter *filter)
{
    if (filter != NULL)
        free(filter->instructions);
    free(filter);
}

char *sandbox_call_name(uint32_t architecture, int number)
{
    return seccomp_syscall_resolve_num_arch(architecture, number);
}

int filter_program(const struct sandbox_filter *filter, struct sock_fprog *ret, bool *ret_lets_wait)
{
    *ret_lets_wait = filter->lets_wait;
    *ret = (struct sock_fprog){.len = filter->n, .filter = filter->instructions};
    return 0;
}
