/* SPDX-License-Identifier: Apache-2.0 */
/* chroot: whether this process is in one. There the kernel makes no user namespaces, with EPERM, as
 * security modules do (create_user_ns(), kernel/user_namespace.c, asks current_chrooted()): who
 * only sees the error takes it for theirs. */
#include "base/base.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MOUNTINFO_MAX ((size_t)4 << 20)

/* Whether our root is no mount point: /proc/self/mountinfo tells of what is below it only. */
static bool root_is_no_mount(void)
{
    cleanup_close int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    char *save = NULL;
    size_t len;

    if (fd < 0 || file_read_fd(fd, MOUNTINFO_MAX, &text, &len) < 0)
        return false;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char point[3] = "";

        if (sscanf(line, "%*s %*s %*s %*s %2s", point) == 1 && str_eq(point, "/"))
            return false;
    }
    return true;
}

/* Entering the mount namespace that it is in anyway takes a process to that namespace's root
 * (mntns_install(), fs/namespace.c). */
static bool moves_to_another_root(void)
{
    int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    struct statx before, after;

    return ns >= 0 && statx(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &before) == 0 &&
           setns(ns, CLONE_NEWNS) == 0 &&
           statx(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &after) == 0 &&
           (before.stx_ino != after.stx_ino || before.stx_mnt_id != after.stx_mnt_id);
}

bool process_is_chrooted(void)
{
    int status = 0;
    pid_t pid;

    if (root_is_no_mount())
        return true;
    pid = _Fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(moves_to_another_root());
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}
