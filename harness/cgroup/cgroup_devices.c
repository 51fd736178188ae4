/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_devices: which devices the processes of jobs may open, whatever nodes they find: on v1 by
 * rules of the devices controller, in one group that the jobs of a run share, on v2 by a program
 * attached to each payload. Does not decide which devices those are. Documents:
 * Documentation/admin-guide/cgroup-v1/devices.rst, cgroup-v2.rst ("Device controller"). */
#include "harness/cgroup/cgroup_private.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- v1 ---- */

/* "a" denies everything; then each device by itself: reading and writing, but not making nodes. */
int devices_write(const struct tree *tree, const char *group, const struct cgroup_device *devices,
                  size_t n)
{
    int r = group_write(tree->run_fd, group, "devices.deny", "a");

    for (size_t i = 0; r == 0 && i < n; i++) {
        char text[48], minor[16] = "*";

        if (devices[i].minor != CGROUP_ALL_MINORS)
            snprintf(minor, sizeof(minor), "%u", devices[i].minor);
        snprintf(text, sizeof(text), "c %u:%s rw", devices[i].major, minor);
        r = group_write(tree->run_fd, group, "devices.allow", text);
        if (r == -EPERM) /* a group above has less already */
            r = 0;
    }
    return r;
}

int devices_make_shared(struct tree *tree, const struct cgroup_device *devices, size_t n)
{
    char path[GROUP_PATH_SIZE];
    int r;

    if (mkdirat(tree->run_fd, DEVICES_GROUP, 0755) < 0)
        return -errno;
    r = devices_write(tree, DEVICES_GROUP, devices, n);
    if (r < 0)
        return r;
    tree->devices_enter = openat(
        tree->run_fd, group_path(path, DEVICES_GROUP, tree->ops->enter_file), O_WRONLY | O_CLOEXEC);
    return tree->devices_enter < 0 ? -errno : 0;
}

/* ---- v2: a program that is asked at each open ---- */

#define CODE_MAX (16 + 4 * CGROUP_DEVICES_MAX)

struct code {
    struct bpf_insn insn[CODE_MAX];
    size_t n;
};

static void emit(struct code *c, uint8_t op, unsigned to, unsigned from, int16_t offset,
                 int32_t value)
{
    c->insn[c->n++] = (struct bpf_insn){
        .code = op, .dst_reg = to & 0xf, .src_reg = from & 0xf, .off = offset, .imm = value};
}

/* "return value" */
static void emit_return(struct code *c, int32_t value)
{
    emit(c, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
    emit(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_load(struct code *c, unsigned to, size_t member)
{
    emit(c, BPF_LDX | BPF_MEM | BPF_W, to, BPF_REG_1, (int16_t)member, 0);
}

/* r1: struct bpf_cgroup_dev_ctx; r2: access << 16 | type; r3: major; r4: minor. 0 refuses. */
static void assemble(struct code *c, const struct cgroup_device *devices, size_t n)
{
    c->n = 0;
    emit_load(c, BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    emit_load(c, BPF_REG_3, offsetof(struct bpf_cgroup_dev_ctx, major));
    emit_load(c, BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, minor));
    emit(c, BPF_JMP | BPF_JSET | BPF_K, BPF_REG_2, 0, 2, BPF_DEVCG_ACC_MKNOD << 16);
    emit(c, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
    emit(c, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_2, 0, 2, BPF_DEVCG_DEV_CHAR);
    emit_return(c, 0);
    for (size_t i = 0; i < n; i++) {
        bool all = devices[i].minor == CGROUP_ALL_MINORS;

        emit(c, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_3, 0, all ? 2 : 3, (int32_t)devices[i].major);
        if (!all)
            emit(c, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 2, (int32_t)devices[i].minor);
        emit_return(c, 1);
    }
    emit_return(c, 0);
}

static int bpf(int command, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

int devices_load(const struct cgroup_device *devices, size_t n)
{
    struct code code;
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insns = (uint64_t)(uintptr_t)code.insn,
                           .license = (uint64_t)(uintptr_t) ""};
    int fd;

    if (n > CGROUP_DEVICES_MAX)
        return -E2BIG;
    assemble(&code, devices, n);
    attr.insn_cnt = (uint32_t)code.n;
    fd = bpf(BPF_PROG_LOAD, &attr); /* close-on-exec, as all of bpf's are */
    return fd < 0 ? -errno : fd;
}

/* ALLOW_MULTI: beside what the groups above have, each of which may refuse. */
static int attach_to(int program, int group, int command)
{
    union bpf_attr attr = {.target_fd = (uint32_t)group,
                           .attach_bpf_fd = (uint32_t)program,
                           .attach_type = BPF_CGROUP_DEVICE,
                           .attach_flags = command == BPF_PROG_ATTACH ? BPF_F_ALLOW_MULTI : 0};

    return bpf(command, &attr) < 0 ? -errno : 0;
}

/* Attaches the program to a group, with which it goes away. */
int devices_attach(int program, const struct tree *tree, const char *group)
{
    cleanup_close int fd =
        openat(tree->run_fd, group, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? -errno : attach_to(program, fd, BPF_PROG_ATTACH);
}

int devices_try(int program, const struct tree *tree, const char *group)
{
    cleanup_close int fd =
        openat(tree->run_fd, group, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int r = fd < 0 ? -errno : attach_to(program, fd, BPF_PROG_ATTACH);

    return r < 0 ? r : attach_to(program, fd, BPF_PROG_DETACH);
}
