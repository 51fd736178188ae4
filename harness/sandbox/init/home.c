/* SPDX-License-Identifier: Apache-2.0 */
/* home: who a job's commands are, what they are called, and where they are at home. Runs between
 * clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/home.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mounts.h"
#include "harness/sandbox/init/passwd.h"
#include "harness/sandbox/sandbox.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Finds who the commands are. Who enters a job, or what it left, is who its own commands were,
 * whatever the file says. */
static int find_user(struct init_context *ctx, char *home, size_t home_size, char *name,
                     size_t name_size)
{
    uint32_t uid, gid;
    int r;

    if (ctx->given.user != NULL) {
        uid = ctx->given.user->uid;
        gid = ctx->given.user->gid;
        safe_copy(home, ctx->given.user->home, home_size);
        safe_copy(name, ctx->given.user->name, name_size);
    }
    if (ctx->given.has_ids && (ctx->given.user == NULL || uid != ctx->uid))
        passwd_plain_names(ctx->uid, home, home_size, name, name_size);
    if (ctx->given.has_ids)
        return 0;
    r = ctx->given.user != NULL ? 0
                                : passwd_resolve(ctx->root, ctx->given.job->user, &uid, &gid, home,
                                                 home_size, name, name_size);
    if (r < 0 && r != -ENOENT)
        ctx->detail = "/etc/passwd";
    if (r < 0)
        return r;
    ctx->uid = uid;
    ctx->gid = gid;
    return 0;
}

/* Whether there is a directory of the user's at that path of the root, or nothing, so that one can
 * be made. */
static bool is_to_be_had(const struct init_context *ctx, const char *path)
{
    cleanup_close int fd =
        path[0] != '/' ? -EINVAL : file_open_in_root(ctx->root, path, O_PATH | O_DIRECTORY, 0);
    struct stat st;

    return fd == -ENOENT || (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == ctx->uid);
}

/* A home that is another's is none: programs refuse to keep their secrets there, or find no way to
 * write. That is "/" for a number that the passwd file does not know. Root may write anywhere. */
static void find_own_home(const struct init_context *ctx, char *home, size_t home_size)
{
    char own[sizeof("/home/4294967295")] = "/home/";

    if (ctx->uid == 0 || ctx->given.env_has_home || is_to_be_had(ctx, home))
        return;
    safe_append_number(own, ctx->uid, sizeof(own));
    if (is_to_be_had(ctx, own))
        safe_copy(home, own, home_size);
}

static void set_entry(char *entry, size_t size, const char *name_and_equals, const char *value)
{
    safe_copy(entry, name_and_equals, size);
    safe_append(entry, value, size);
}

int setup_user(struct init_context *ctx)
{
    char home[HOME_SIZE - 8], name[USER_SIZE - 8];
    int r;

    ctx->detail = ctx->given.job->user;
    r = find_user(ctx, home, sizeof(home), name, sizeof(name));
    if (r < 0)
        return r;
    find_own_home(ctx, home, sizeof(home));
    set_entry(ctx->home_entry, sizeof(ctx->home_entry), "HOME=", home);
    set_entry(ctx->user_entry, sizeof(ctx->user_entry), "USER=", name);
    set_entry(ctx->logname_entry, sizeof(ctx->logname_entry), "LOGNAME=", name);
    /* /dev/stdout and its like are opened anew by their user */
    if (fchown(ctx->given.stdout_fd, ctx->uid, ctx->gid) < 0 ||
        fchown(ctx->given.stderr_fd, ctx->uid, ctx->gid) < 0 ||
        (ctx->given.stdout_file >= 0 && fchown(ctx->given.stdout_file, ctx->uid, ctx->gid) < 0) ||
        (ctx->given.stdio == SANDBOX_STDIO_PIPES &&
         fchown(ctx->given.stdin_fd, ctx->uid, ctx->gid) < 0))
        return -errno;
    return 0;
}

/* What is in the way of a home is let be: many a system's user has one that is not to be
 * (/dev/null, /proc/none, below a file). */
static bool is_in_the_way(int r)
{
    return r == -ENOTDIR || r == -EEXIST || r == -ELOOP || r == -EACCES || r == -EPERM ||
           r == -EROFS || r == -ENOENT || r == -ENAMETOOLONG;
}

/* Makes the home where it is missing, as the working directory is; then it is its user's. For who
 * enters a job it is as the job has left it. */
int setup_home(struct init_context *ctx)
{
    const char *home = ctx->home_entry + sizeof("HOME=") - 1;
    cleanup_close int fd = -EBADF;
    bool made;

    ctx->detail = home;
    if (ctx->given.env_has_home || ctx->given.has_ids || home[0] != '/')
        return 0;
    fd = file_open_in_root(ctx->root, home, O_PATH | O_DIRECTORY, 0);
    if (fd != -ENOENT) /* it is there, or something else is */
        return 0;
    fd = mounts_make_dir(ctx, home, &made);
    return fd >= 0 || is_in_the_way(fd) ? 0 : fd;
}
