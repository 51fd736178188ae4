/* names: what a job's machine is called, and what its /etc says of its network. Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* podman's filter lets a container without CAP_SYS_ADMIN make namespaces, but not make this call in them; the file asks for no
 * capability, only for the host's user 0 (test_perm(), fs/proc/proc_sysctl.c). */
int names_set_host(const char *name)
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

/* Whatever the root has there, often a link into nowhere, makes place in the job's own copy of it. */
static int replace_file(int dir, const char *name, const char *text)
{
    cleanup_close int file = -EBADF;

    if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        return -errno;
    file = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return file < 0 ? -errno : file_write_all(file, text, strlen(text));
}

/* Only where the root has none: names that every program expects. */
static int add_hosts(struct init_context *ctx, int etc)
{
    static const char hosts[] = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
    cleanup_close int file = openat(etc, "hosts", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    char line[128] = "127.0.1.1\t";

    if (file < 0)
        return errno == EEXIST || errno == EROFS ? 0 : -errno; /* EROFS: the host's own is lent (hostroot.c) */
    small_append(line, ctx->job->hostname, sizeof(line) - 2);
    small_append(line, "\n", sizeof(line));
    if (write(file, hosts, sizeof(hosts) - 1) < 0 || write(file, line, strlen(line)) < 0)
        return -errno;
    return 0;
}

static int open_etc(struct init_context *ctx)
{
    bool made;

    if (ctx->hosts != NULL || ctx->resolver != NULL)
        return mounts_make_dir(ctx, "/etc", &made);
    return file_open_in_root(ctx->root, "etc", O_PATH | O_DIRECTORY, 0);
}

int setup_etc(struct init_context *ctx)
{
    bool made = false;
    cleanup_close int tmp = mounts_make_dir(ctx, "/tmp", &made), etc = -EBADF;
    int r = 0;

    ctx->detail = "/tmp";
    if (tmp < 0)
        return tmp;
    if (made && fchmodat(ctx->root, "tmp", 01777, 0) < 0)
        return -errno;
    etc = open_etc(ctx);
    if (etc < 0) /* a root without /etc (scratch) is left without */
        return 0;
    ctx->detail = "/etc/hosts";
    r = ctx->hosts != NULL ? replace_file(etc, "hosts", ctx->hosts) : add_hosts(ctx, etc);
    if (r == 0 && ctx->resolver != NULL) {
        ctx->detail = "/etc/resolv.conf";
        r = replace_file(etc, "resolv.conf", ctx->resolver);
    }
    return r;
}
