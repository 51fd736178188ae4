/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_scene: what probes share: children, user namespaces, a mount namespace that is empty,
 * programs. Everything here changes the calling process, which is a probe's own child. Not
 * responsible for what any of it means. */
#include "harness/doctor/doctor_private.h"

#include "harness/run/idrange.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- children ---- */

static int wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

/* Runs a function in a child and returns what it returned: errno values fit into an exit code. */
int run_forked(int (*body)(void *data), void *data)
{
    pid_t pid = _Fork();

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(-body(data));
    }
    return wait_for(pid);
}

/* ---- user namespaces ---- */

static int write_map(const struct doctor_scene *s, pid_t pid, const char *file, uint32_t own)
{
    char path[64], map[64];

    (void)snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
    if (!s->single_id && !s->host)
        return file_put_at(s->proc, path, s->identity[str_eq(file, "gid_map")]);
    if (s->single_id)
        (void)snprintf(map, sizeof(map), "0 %u 1", own);
    else
        (void)snprintf(map, sizeof(map), "0 %u %u", IDRANGE_FIRST, SANDBOX_ID_COUNT);
    return file_put_at(s->proc, path, map);
}

static int write_maps(struct doctor_scene *s, pid_t pid)
{
    char path[64];
    int r = 0;

    s->step = "write an id map";
    /* without it the kernel takes no gid_map from who is not privileged (user_namespaces(7)) */
    if (s->single_id) {
        (void)snprintf(path, sizeof(path), "%d/setgroups", (int)pid);
        r = file_put_at(s->proc, path, "deny");
    }
    if (r == 0)
        r = write_map(s, pid, "uid_map", geteuid());
    return r == 0 ? write_map(s, pid, "gid_map", getegid()) : r;
}

struct userns_child {
    pid_t pid;
    int go; /* a byte lets it run its body; the end of the pipe lets it exit */
};

static void userns_child_main(int go, int (*body)(void *data), void *data)
{
    char byte;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(go, &byte, 1) != 1 || body == NULL)
        _exit(0);
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
        _exit(errno);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of ids has cleared it */
    _exit(-body(data));
}

static int userns_start(struct doctor_scene *s, unsigned long flags, int (*body)(void *data),
                        void *data, struct userns_child *c)
{
    int ends[2], r;

    s->step = "make a user namespace";
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    c->pid = (pid_t)syscall(SYS_clone, flags | CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (c->pid == 0) {
        (void)close(ends[1]);
        userns_child_main(ends[0], body, data);
    }
    r = c->pid < 0 ? -errno : 0;
    (void)close(ends[0]);
    c->go = ends[1];
    if (r == 0)
        r = write_maps(s, c->pid);
    if (r < 0) {
        (void)close(c->go);
        if (c->pid > 0)
            (void)wait_for(c->pid);
    }
    return r;
}

int userns_run(struct doctor_scene *s, unsigned long flags, int (*body)(void *data), void *data)
{
    struct userns_child c = {.pid = -1, .go = -EBADF};
    int r = userns_start(s, flags, body, data, &c), end;

    if (r < 0)
        return r;
    r = write(c.go, "", 1) < 0 ? -errno : 0;
    (void)close(c.go);
    end = wait_for(c.pid);
    return r < 0 ? r : end;
}

int userns_fd(struct doctor_scene *s)
{
    struct userns_child c = {.pid = -1, .go = -EBADF};
    char path[64];
    int fd, r = userns_start(s, 0, NULL, NULL, &c);

    if (r < 0)
        return r;
    (void)snprintf(path, sizeof(path), "%d/ns/user", (int)c.pid);
    fd = openat(s->proc, path, O_RDONLY | O_CLOEXEC);
    r = fd < 0 ? -errno : fd;
    (void)close(c.go);
    (void)wait_for(c.pid);
    return r;
}

/* ---- mounts ---- */

int doctor_scene_mount(const char *type, const char *const (*options)[2], unsigned attributes)
{
    cleanup_close int fs = fsopen(type, FSOPEN_CLOEXEC);
    int mount;

    if (fs < 0)
        return -errno;
    for (; options != NULL && (*options)[0] != NULL; options++) {
        unsigned command = (*options)[1] != NULL ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

        if (fsconfig(fs, command, (*options)[0], (*options)[1], 0) < 0)
            return -errno;
    }
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    mount = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
    return mount < 0 ? -errno : mount;
}

int idmap_mount(struct doctor_scene *s, int fd)
{
    cleanup_close int map = userns_fd(s), mount = -EBADF;
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY,
                              .propagation = MS_PRIVATE};

    if (map < 0)
        return map;
    attr.userns_fd = (uint64_t)(unsigned)map;
    s->step = "clone the mount";
    mount = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount < 0)
        return -errno;
    s->step = "map the mount's ids";
    if (mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return -errno;
    return steal_fd(&mount);
}

int doctor_scene_init(struct doctor_scene *s)
{
    static const char *const maps[] = {"uid_map", "gid_map"};
    struct sandbox_privilege privilege;

    sandbox_privilege_find(&privilege);
    *s = (struct doctor_scene){.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                               .host = privilege.host,
                               .step = "open /proc"};
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++) { /* now: in a scene there is no /proc */
        cleanup_free char *map = ids_identity_map(maps[i], SANDBOX_ID_COUNT);

        (void)snprintf(s->identity[i], sizeof(s->identity[i]), "%s", map);
    }
    return s->proc < 0 ? -errno : 0;
}

/* Becomes root of a user namespace with one id of our own mapped to root: all that the kernel gives
 * to who is not privileged. */
static int become_root_of_own(struct doctor_scene *s)
{
    char uid[32], gid[32];
    int r;

    (void)snprintf(uid, sizeof(uid), "0 %u 1", (unsigned)geteuid());
    (void)snprintf(gid, sizeof(gid), "0 %u 1", (unsigned)getegid());
    s->step = "make a user namespace";
    if (unshare(CLONE_NEWUSER) < 0)
        return -errno;
    s->single_id = true;
    s->step = "write an id map";
    r = file_put_at(s->proc, "self/setgroups", "deny");
    if (r == 0)
        r = file_put_at(s->proc, "self/uid_map", uid);
    return r == 0 ? file_put_at(s->proc, "self/gid_map", gid) : r;
}

/* The old root ends up beneath the new one at the same place and is let go (pivot_root(2), NOTES).
 * Not chroot: the kernel makes no user namespace for who is in one. */
static int pivot_to(struct doctor_scene *s, int tmpfs)
{
    s->step = "attach a mount";
    if (move_mount(tmpfs, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return -errno;
    s->step = "pivot";
    if (fchdir(tmpfs) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

int doctor_scene_enter(struct doctor_scene *s)
{
    static const char *const options[][2] = {{"size", "1m"}, {"mode", "0755"}, {NULL, NULL}};
    cleanup_close int tmpfs = -EBADF;
    int r = geteuid() == 0 ? 0 : become_root_of_own(s);

    if (r < 0)
        return r;
    s->step = "make a mount namespace";
    /* private before anything is attached: nothing may travel back to the host */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    s->step = "make a tmpfs";
    tmpfs = doctor_scene_mount("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return tmpfs < 0 ? tmpfs : pivot_to(s, tmpfs);
}

/* ---- programs ---- */

static void program_main(const char *path, char *const argv[], int output)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)signal(SIGPIPE, SIG_DFL);
    if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(126);
    (void)execv(path, argv);
    _exit(127);
}

int program_run(const char *path, char *const argv[], char *said, size_t size)
{
    cleanup_close int output = memfd_create("output", MFD_CLOEXEC);
    pid_t doctor = getpid(), pid;
    ssize_t n;
    int r;

    if (output < 0)
        return -errno;
    pid = _Fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        program_die_with(doctor);
        program_main(path, argv, output);
    }
    r = wait_for(pid);
    n = pread(output, said, size - 1, 0);
    said[n > 0 ? n : 0] = '\0';
    return r == -EINTR ? r : -r;
}
