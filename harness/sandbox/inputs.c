/* inputs: a job's inputs opened by the slot: on the host's side of things, where paths are the user's own. PID 1 attaches them
 * (mounts.c). */
#include "harness/sandbox/stage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* Owners beyond the mapped range become the job's root. */
static uint32_t mapped_id(const struct sandbox_stage *s, uint32_t id)
{
    return id < s->privilege.ids ? id : 0;
}

/* A read-only file is taken out of its directory: path and name are split here, where both are the user's own. */
static int open_directory_of(const char *path, struct init_input *to)
{
    cleanup_free char *real = realpath(path, NULL);
    char *slash = real != NULL ? strrchr(real, '/') : NULL;
    int fd;

    if (slash == NULL)
        return -errno;
    to->name = xstrdup(slash + 1);
    slash[slash == real] = '\0';
    fd = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_input(const struct sandbox_stage *s, const struct jobs_input *in, struct init_input *to)
{
    cleanup_close int fd = open(in->from, O_PATH | O_CLOEXEC), directory = -EBADF;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return -EINVAL;
    *to = (struct init_input){.to = in->to,
                              .mount = -EBADF,
                              .file = -EBADF,
                              .uid = mapped_id(s, st.st_uid),
                              .gid = mapped_id(s, st.st_gid),
                              .mode = st.st_mode & 07777,
                              .directory = S_ISDIR(st.st_mode),
                              .cow = in->mode == JOBS_INPUT_COW};
    if (to->directory)
        return stage_clone_mapped(s, fd, MOUNT_ATTR_NOSUID, &to->mount);
    if (to->cow) {
        to->file = open(in->from, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        return to->file < 0 ? -errno : 0;
    }
    directory = open_directory_of(in->from, to);
    return directory < 0 ? directory : stage_clone_mapped(s, directory, MOUNT_ATTR_NOSUID, &to->mount);
}

static int input_error(const struct sandbox_stage *s, int r, const char *path, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "set-up step '%s' failed%s%s", sandbox_step_name(SETUP_INPUTS),
                          path != NULL ? " on " : "", path != NULL ? path : "");
    if (r == -EINVAL && !s->privilege.host)
        cupel_error_hint(
            err, "is another file system mounted somewhere in it? Without root the kernel shows none of it then: name "
                 "directories beside the mount, or start cupel as root");
    return r;
}

int inputs_open(struct sandbox_stage *s, const struct jobs_job *job, const char *job_dir, struct init_context *ctx,
                struct cupel_error *err)
{
    const char *path = NULL;
    int r;

    if (job->n_inputs > INPUTS_MAX)
        return input_error(s, -E2BIG, "too many inputs", err);
    for (size_t i = 0; i < job->n_inputs; i++) {
        ctx->inputs[i] = (struct init_input){.mount = -EBADF, .file = -EBADF};
        ctx->n_inputs = i + 1; /* from here on it is closed with the others */
        r = open_input(s, &job->inputs[i], &ctx->inputs[i]);
        if (r < 0)
            return input_error(s, r, job->inputs[i].from, err);
    }
    r = place_inputs(s, job, job_dir, ctx, &path);
    if (r < 0)
        return input_error(s, r, path, err);
    return s->fault == SETUP_INPUTS ? input_error(s, -EIO, "an injected fault", err) : 0;
}
