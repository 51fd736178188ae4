/* SPDX-License-Identifier: Apache-2.0 */
/* hostname: what a job's machine is called, and what its /etc says of its network. Runs between
 * clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/hostname.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mounts.h"

#include "base/base.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* podman's filter lets a container without CAP_SYS_ADMIN make namespaces, but not make this call in
 * them; the file asks for no capability, only for the host's user 0 (test_perm(),
 * fs/proc/proc_sysctl.c). */
int hostname_set(const char *name)
{
    static const char no_domain[] = "(none)";
    int r = sethostname(name, strlen(name)) < 0 ? -errno : 0;

    if (r == 0)
        r = setdomainname(no_domain, sizeof(no_domain) - 1) < 0 ? -errno : 0;
    if (r != -EPERM)
        return r;
    r = file_put_at(AT_FDCWD, "/proc/sys/kernel/hostname", name);
    if (r == 0)
        r = file_put_at(AT_FDCWD, "/proc/sys/kernel/domainname", no_domain);
    return r == 0 ? 0 : -EPERM;
}

/* Whatever the root has there, often a link into nowhere, makes place in the job's own copy of it.
 */
static int replace_file(int dir, const char *name, const char *text)
{
    cleanup_close int file = -EBADF;

    if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        return -errno;
    file = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return file < 0 ? -errno : file_write_all(file, text, strlen(text));
}

/* Whether the job file puts a file of its own there: that one is right. */
static bool is_input(const struct init_context *ctx, const char *path)
{
    for (size_t i = 0; i < ctx->given.n_inputs; i++)
        if (strcmp(ctx->given.inputs[i].to, path) == 0)
            return true;
    return false;
}

/* The job's own in place of the root's, which may be the host's and names its neighbours. A
 * read-only /etc is an input. */
static int lay_file(struct init_context *ctx, int etc, const char *path, const char *text)
{
    int r;

    ctx->detail = path;
    if (text == NULL || is_input(ctx, path))
        return 0;
    r = replace_file(etc, path + sizeof("/etc/") - 1, text);
    return r == -EROFS ? 0 : r;
}

static bool needs_etc(const struct init_context *ctx)
{
    return ctx->given.resolver != NULL || ctx->given.job->network == JOBS_NETWORK_BRIDGE;
}

static int open_etc(struct init_context *ctx)
{
    bool made;

    return needs_etc(ctx) ? mounts_make_dir(ctx, "/etc", &made)
                          : file_open_in_root(ctx->root, "etc", O_PATH | O_DIRECTORY, 0);
}

/* What was placed by way of a link to /etc lies over it. */
static bool is_covered(const struct init_context *ctx, int etc)
{
    struct stat root, here;

    return ctx->given.n_inputs + ctx->given.job->n_tmpfs > 0 &&
           (fstat(ctx->root, &root) < 0 || fstat(etc, &here) < 0 || root.st_dev != here.st_dev);
}

int setup_etc(struct init_context *ctx)
{
    bool made = false;
    cleanup_close int tmp = mounts_make_dir(ctx, "/tmp", &made), etc = -EBADF;
    int r;

    ctx->detail = "/tmp";
    if (tmp < 0 && ctx->given.kept[0] ==
                       '\0') /* else the job made something else of it, and that is to be seen */
        return tmp;
    ctx->detail = "/etc";
    etc = open_etc(ctx);
    if (etc < 0) /* a root without /etc (scratch), or with a link into nowhere, is left so where no
                    network needs it */
        return needs_etc(ctx) ? etc : 0;
    if (ctx->given.etc_is_laid && !is_covered(ctx, etc))
        return 0;
    r = lay_file(ctx, etc, "/etc/hosts", ctx->given.hosts);
    return r == 0 ? lay_file(ctx, etc, "/etc/resolv.conf", ctx->given.resolver) : r;
}
