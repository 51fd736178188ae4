/* SPDX-License-Identifier: Apache-2.0 */
/* tun: /dev/net/tun as pasta gets it. pasta opens it by an id that is nobody on the host, so a node
 * that only root may open (0600, as the kernel makes it; it is udev that makes it 0666) is of no
 * use to it: root gives it a node of its own, in a mount namespace that nobody else sees. Whether
 * that, or the host's own node, works is tried by that id, before anything runs. */
#include "harness/sandbox/slot/tun.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define TUN_DIRECTORY "/dev/net"
#define TUN_DEVICE TUN_DIRECTORY "/tun"
/* An id that nobody on the host has: the last of those that slots claim from (run/rundir.c). */
#define STRANGER UINT32_C(0x7000ffff)

/* A directory with the one node in it, in no namespace yet. */
static int make_node(void)
{
    static const struct mount_option options[] = {{"size", "4k"}};
    int mount =
        mount_make("tmpfs", options, ARRAY_SIZE(options), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);

    if (mount < 0)
        return mount;
    /* mknod goes by the umask, chmod does not */
    if (mknodat(mount, "tun", S_IFCHR | 0600, makedev(10, 200)) < 0 ||
        fchmodat(mount, "tun", 0666, 0) < 0)
        return -errno;
    return mount;
}

int tun_make_own(void)
{
    int mount_fd;

    /* private before anything is attached: nothing may travel back to the host */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    mount_fd = make_node();
    if (mount_fd < 0)
        return mount_fd;
    return mount_attach(mount_fd, TUN_DIRECTORY);
}

/* Takes the last id of a job: in a user namespace of ours that is the same here; with one id it is
 * our own. By raw calls: libc's wait for every other thread of the process to do the same, and in
 * the copy of one that has a thread (base/aside.h), that thread never does. */
static int take_id(const struct sandbox_privilege *p)
{
    uint32_t id = p->host ? STRANGER : SANDBOX_ID_COUNT - 1;

    if (!p->host && p->ids == 1)
        return 0;
    return syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, id, id, id) < 0 ||
                   syscall(SYS_setresuid, id, id, id) < 0
               ? -errno
               : 0;
}

static int open_as_pasta(const struct sandbox_privilege *p, bool own)
{
    int r = own ? tun_make_own() : 0;

    if (r == 0)
        r = take_id(p);
    if (r == 0)
        r = open(TUN_DEVICE, O_RDWR | O_CLOEXEC) < 0 ? -errno : 0;
    return r;
}

static int try_as_pasta(const struct sandbox_privilege *p, bool own)
{
    int status = 0;
    pid_t pid = _Fork();

    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(-open_as_pasta(p, own));
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid < 0 ? -errno : WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int sandbox_tun_check(const struct sandbox_privilege *p, bool *ret_own, struct cupel_error *err)
{
    bool own = false;
    int r = try_as_pasta(p, false);

    if ((r == -EACCES || r == -EPERM) && p->host) {
        own = true;
        r = try_as_pasta(p, true);
    }
    if (r == 0) {
        *ret_own = own;
        return 0;
    }
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "`network: nat` takes %s", TUN_DEVICE);
    if (r == -EACCES && !p->host)
        cupel_error_hint(err,
                         "let everybody open it, as udev does on most distributions (root: chmod "
                         "0666 %s): it gives no right "
                         "over the host's own network. Or start cupel as root",
                         TUN_DEVICE);
    else
        cupel_error_hint(err, "modprobe tun; in a container, give it the device (--device %s)",
                         TUN_DEVICE);
    return -ENOTSUP;
}
