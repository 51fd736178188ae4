/* SPDX-License-Identifier: Apache-2.0 */
/* seal: runs cupel from a sealed copy of itself in memory that no job may execute. A job's first
 * command can name the program that started it ("#!/proc/self/exe", runc CVE-2019-5736); it then
 * finds a file that it may neither run nor read nor write. */
#include "harness/cli/seal.h"
#include "harness/cli/cli.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SEALED_NAME "cupel-sealed"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IN_PLACE false /* the sanitizers keep accounts of what is mapped */
#else
#define IN_PLACE true
#endif

static bool is_sealed(void)
{
    char path[64] = "";
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    return n > 0 && str_starts(path, "/memfd:" SEALED_NAME);
}

static int copy_self(int *ret_fd)
{
    cleanup_close int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    cleanup_close int to = memfd_create(SEALED_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ssize_t n;

    if (from < 0 || to < 0)
        return -errno;
    while ((n = sendfile(to, from, NULL, 1 << 24)) > 0)
        ;
    if (n < 0 || fchmod(to, 0500) < 0 ||
        fcntl(to, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return -errno;
    *ret_fd = steal_fd(&to);
    return 0;
}

/* Run by an ordinary user, or by a container's root, the copy is theirs, and so is the job's root.
 * Without any execute bit no capability helps (capable_wrt_inode_uidgid() in generic_permission(),
 * fs/namei.c). */
static void close_copy(void)
{
    cleanup_close int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fchmod(fd, 0) < 0)
        log_warning("cannot close this program's sealed copy: %s; jobs can start it",
                    strerror(errno));
}

void cli_seal(char **full_argv)
{
    extern char **environ;
    cleanup_close int fd = -EBADF;
    int r;

    if (is_sealed()) {
        (void)prctl(PR_SET_NAME, "cupel"); /* execveat leaves the descriptor's number */
        close_copy();
        return;
    }
    r = copy_self(&fd);
    if (r == 0 && IN_PLACE && seal_in_place(fd) == 0) {
        close_copy();
        return;
    }
    if (r == 0) {
        (void)syscall(SYS_execveat, fd, "", full_argv, environ, AT_EMPTY_PATH);
        r = -errno;
    }
    log_warning("cannot run from a sealed copy of itself: %s; jobs can name this program's file",
                strerror(-r));
}
