/* SPDX-License-Identifier: Apache-2.0 */
/* make_context: what PID 1 (or who enters a job) finds in its memory, as far as it is not about
 * mounts: its streams, the control socket, its environment. The slot's side. */
#include "harness/sandbox/slot/make_context.h"
#include "harness/sandbox/init/copy_data.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/input_read.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

void context_make(struct init_context *ctx, const struct jobs_job *job, enum sandbox_stdio stdio,
                  unsigned short rows, unsigned short columns)
{
    *ctx = (struct init_context){
        .given.job = job,
        .given.control = -EBADF,
        .given.hold = -EBADF,
        .given.dev_mount = -EBADF,
        .given.stdio = stdio,
        .given.rows = rows,
        .given.columns = columns,
        .given.stdin_fd = -EBADF,
        .given.stdout_fd = -EBADF,
        .given.stdout_file = -EBADF,
        .given.stderr_fd = -EBADF,
        .given.fault = -1,
        .root_mount = -EBADF,
        .proc_mount = -EBADF,
        .sys_mount = -EBADF,
        .pts_mount = -EBADF,
        .shm_mount = -EBADF,
        .mqueue_mount = -EBADF,
        .empty = -EBADF,
        .job_dir = -EBADF,
        .root = -EBADF,
        .null_fd = -EBADF,
        .workdir = -EBADF,
        .terminal = -EBADF,
    };
}

void context_free(struct init_context *ctx)
{
    int *const fds[] = {&ctx->given.control,   &ctx->given.dev_mount, &ctx->shm_mount,
                        &ctx->given.stdin_fd,  &ctx->given.stdout_fd, &ctx->given.stdout_file,
                        &ctx->given.stderr_fd, &ctx->given.hold};

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        base_closep(fds[i]);
    for (size_t i = 0; i < ctx->given.n_cgroups; i++)
        base_closep(&ctx->given.cgroups[i].dir);
    for (size_t i = 0; i < ctx->given.n_inputs; i++) {
        base_closep(&ctx->given.inputs[i].mount);
        base_closep(&ctx->given.inputs[i].file);
        free(ctx->given.inputs[i].name);
        free(ctx->given.inputs[i].below);
        free(ctx->given.inputs[i].lowers);
        for (size_t k = 0; k < ctx->given.inputs[i].n_more; k++)
            base_closep(&ctx->given.inputs[i].more[k]);
        free(ctx->given.inputs[i].more);
    }
    free(ctx->given.inputs);
    free(ctx->input_mount);
    for (size_t i = 0; ctx->given.views != NULL && i < ctx->given.views->n; i++)
        free(ctx->given.view_lowers[i]);
    free(ctx->given.env);
}

/* ---- streams ---- */

/* Standard input as a sealed memory file: a job can neither write into a host file through it nor
 * leave a lock on one. A file's holes stay holes: what they read as is not held by anybody. */
static int make_stdin(const char *data, size_t len, int file, int *ret_fd)
{
    cleanup_close int fd = memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r;

    if (fd < 0)
        return -errno;
    r = data != NULL ? file_write_all(fd, data, len) : copy_data_of(file, fd);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return -errno;
    *ret_fd = steal_fd(&fd);
    return 0;
}

/* Pipes belong to the job's root, so that it may open /dev/stdout; PID 1 hands them on to the job's
 * user. */
static int make_pipe(uint32_t id, int *ret_read, int *ret_write)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ret_read = ends[0];
    *ret_write = ends[1];
    if (fchown(ends[1], id, id) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
        return -errno;
    /* fewer wake-ups; a refusal costs nothing but those */
    (void)fcntl(ends[0], F_SETPIPE_SZ, 256 * 1024);
    return 0;
}

/* The other way round: the harness writes, and is never to wait for the job. */
static int make_input_pipe(uint32_t id, int *ret_read, int *ret_write)
{
    int r = make_pipe(id, ret_read, ret_write);

    if (r < 0)
        return r;
    return fcntl(*ret_read, F_SETFL, 0) < 0 || fcntl(*ret_write, F_SETFL, O_NONBLOCK) < 0 ? -errno
                                                                                          : 0;
}

int streams_make(enum sandbox_stdio stdio, uint32_t id, const char *data, size_t len, int file,
                 struct init_context *ctx, struct sandbox_job *job)
{
    int pair[2], r = make_pipe(id, &job->out, &ctx->given.stdout_fd);

    if (r == 0)
        r = make_pipe(id, &job->err, &ctx->given.stderr_fd);
    if (r == 0 && stdio == SANDBOX_STDIO_PIPES)
        r = make_input_pipe(id, &ctx->given.stdin_fd, &job->in);
    else if (r == 0 && (data != NULL || file >= 0))
        r = make_stdin(data, len, file, &ctx->given.stdin_fd);
    if (r == 0 && stdio != SANDBOX_STDIO_PIPES && ctx->given.stdin_fd >= 0)
        input_keep(job, fcntl(ctx->given.stdin_fd, F_DUPFD_CLOEXEC, 3));
    if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        r = -errno;
    if (r < 0)
        return r;
    job->control = pair[0];
    ctx->given.control = pair[1];
    return 0;
}

/* One open file in both, so that the command finds it at its start once the slot has written. */
int streams_make_late(struct init_context *ctx, struct sandbox_job *job)
{
    ctx->given.stdin_fd = memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ctx->given.stdin_fd < 0)
        return -errno;
    job->late_stdin = fcntl(ctx->given.stdin_fd, F_DUPFD_CLOEXEC, 3);
    return job->late_stdin < 0 ? -errno : 0;
}

/* ---- environment ---- */

static bool env_has(const char *const *env, const char *name_and_equals)
{
    for (; *env != NULL; env++)
        if (str_starts(*env, name_and_equals))
            return true;
    return false;
}

static const char *const own_names[] = {"HOME=", "USER=", "LOGNAME="};

uint32_t context_own_entries(const char *const *env)
{
    uint32_t own = 0;

    for (size_t i = 0; i < ARRAY_SIZE(own_names); i++)
        if (!env_has(env, own_names[i]))
            own |= 1u << i;
    return own;
}

/* Entries of which the job has none of its own are written by PID 1, which alone knows the user. */
void context_set_env(struct init_context *ctx, const char *const *env)
{
    char *const entries[ARRAY_SIZE(own_names)] = {ctx->home_entry, ctx->user_entry,
                                                  ctx->logname_entry};
    uint32_t own = context_own_entries(env);
    size_t n = 0;

    while (env[n] != NULL)
        n++;
    ctx->given.env = xcalloc(n + ARRAY_SIZE(own_names) + 1, sizeof(char *));
    memcpy(ctx->given.env, env, n * sizeof(char *));
    ctx->given.env_has_home = env_has(env, "HOME=");
    for (size_t i = 0; i < ARRAY_SIZE(own_names); i++)
        if ((own >> i) & 1u)
            ctx->given.env[n++] = entries[i];
}

/* ---- command line ---- */

/* Fields 48 and 49 of /proc/self/stat (proc(5)): arg_start and arg_end. */
void context_find_arguments(char **ret, size_t *ret_len)
{
    cleanup_close int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    unsigned long start, end;
    size_t len;
    char *p;

    if (fd < 0 || file_read_fd(fd, 4096, &text, &len) < 0)
        return;
    p = strrchr(text, ')'); /* the second field may hold anything else */
    for (int field = 2; p != NULL && field < 48; field++)
        p = strchr(p + 1, ' ');
    if (p == NULL || sscanf(p, "%lu %lu", &start, &end) != 2 || start == 0 || end <= start)
        return;
    *ret = (char *)start;
    *ret_len = end - start;
}
