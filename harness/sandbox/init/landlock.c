/* SPDX-License-Identifier: Apache-2.0 */
/* landlock: a second wall around a job's command, of another making than the first ones: it does
 * not go by ids, capabilities, namespaces or mounts. Denied, with what the kernel has of it
 * (Documentation/userspace-api/landlock.rst):
 *
 *   ABI 2 (5.19)  changing mounts in any way, which a domain with any rule on files may not; making
 *                 block devices
 *   ABI 5 (6.10)  ioctls on devices other than those of the job's own /dev
 *   ABI 6 (6.12)  abstract sockets and signals out of the command: to PID 1 and, with
 *                 `network: host`, to the host's sockets
 *
 * Everything else is left alone: rules on files can only allow what lies beneath a directory, not
 * take something away from it. Tracing stays possible within the command, which is one domain. Runs
 * between clone and exec. */
#include "harness/sandbox/init/landlock.h"
#include "harness/sandbox/init/init_context.h"

#include "base/base.h"

#include <linux/landlock.h>
#include <sys/syscall.h>

/* Newer than the headers of some distributions that this is built on. */
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* ABI 4 */
    uint64_t scoped;             /* ABI 6 */
};

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    /* a domain of ABI 1 could not move files between directories */
    return abi < 2 ? 0 : (int)abi;
}

static int allow_beneath(int ruleset, int directory, uint64_t access)
{
    const struct landlock_path_beneath_attr rule = {.allowed_access = access,
                                                    .parent_fd = directory};

    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
               ? -errno
               : 0;
}

int landlock_restrict(const struct init_context *ctx)
{
    const uint64_t ioctls = ctx->given.landlock_abi >= 5 ? FS_IOCTL_DEV : 0;
    const struct ruleset_attr attr = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_REFER | ioctls,
        .scoped = ctx->given.landlock_abi >= 6 ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL : 0,
    };
    cleanup_close int ruleset = -EBADF;
    int r;

    if (ctx->given.landlock_abi == 0)
        return 0;
    /* kernels before a field's ABI take it as long as it is 0 */
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (ruleset < 0)
        return -errno;
    r = allow_beneath(ruleset, ctx->root, LANDLOCK_ACCESS_FS_REFER);
    if (r == 0 && ioctls != 0)
        r = allow_beneath(ruleset, ctx->given.dev_mount, ioctls);
    if (r < 0)
        return r;
    return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}
