/* SPDX-License-Identifier: Apache-2.0 */
/* taken_layers: inputs that are another job's files. What that job saw at a path is an overlay,
 * which is gone; it is put together again from the directories that were merged there, one of each
 * layer: what jobs wrote (snapshots), and below that its root or what its input was made of. An
 * overlay of its whole file system with one of this job's on top would be the same, but two is all
 * that the kernel stacks (FILESYSTEM_MAX_STACK_DEPTH, include/linux/fs.h), and the host's own files
 * may lie on one already.
 *
 * So each layer is walked name by name, as overlayfs looks a path up: a whiteout, and anything that
 * is no directory, hides what lies beneath, as does an opaque directory. Jobs have filled these
 * trees: nothing is opened through a link or another mount. In the slot. */
#include "harness/sandbox/slot/taken_layers.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/slot/hidden.h"
#include "harness/sandbox/slot/hostroot.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/inputs.h"
#include "harness/sandbox/slot/snapshot.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/stage_ns.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

struct taking {
    struct sandbox_stage *stage;
    const struct sandbox_request *request;
    const struct jobs_input *input; /* of the job that takes */
    struct cupel_error *err;
};

/* ---- lists of layers ---- */

static void taken_clear(struct taken *t)
{
    for (size_t i = 0; i < t->n; i++)
        base_closep(&t->layers[i].dir);
    free(t->layers);
    free(t->file);
    *t = (struct taken){.n = 0};
}

static void taken_add(struct taken *t, int dir, enum taken_kind kind, const struct jobs_input *host)
{
    t->layers = xrealloc(t->layers, (t->n + 1) * sizeof(*t->layers));
    t->layers[t->n++] = (struct taken_layer){dir, kind, host};
}

void taken_free(struct taken *taken, size_t n)
{
    for (size_t i = 0; taken != NULL && i < n; i++)
        taken_clear(&taken[i]);
    free(taken);
}

/* ---- what is wrong with a path ---- */

/* Whose fault it is: of whoever filled what the other job worked on, where that is somebody; else
 * the job just fails. */
static int taken_refuse(const struct taking *t, const char *why)
{
    const struct jobs_input *in = t->input;
    cleanup_strbuf struct strbuf path = {0};

    text_add_line(&path, in->from);
    (void)cupel_error_set(t->err, CUPEL_ERROR_INPUT, 0, "job '%s' %s: %s",
                          t->request->plan->jobs[in->job - 1].name, why, path.data);
    if (!in->host.untrusted)
        t->err->errnum = EUCLEAN;
    return -EUCLEAN;
}

/* ---- walking ---- */

/* Whether nothing that lies beneath the directory is seen in it (overlayfs.rst). */
static int is_opaque(int dir)
{
    cleanup_close int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char value = '\0';

    if (fd < 0)
        return -errno;
    return fgetxattr(fd, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static int open_name(int dir, const char *name)
{
    const struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                            RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
    int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));

    return fd < 0 ? -errno : fd;
}

/* Whether the job saw nothing of this in this layer: another mount of the host's, or what is hidden
 * of it. */
static bool is_out_of_sight(const struct taking *t, const struct taken_layer *layer, int fd,
                            const struct stat *st)
{
    return fd == -EXDEV ||
           (fd >= 0 && layer->kind == TAKEN_HOST && hidden_is(t->stage->hidden, st));
}

/* Goes down one name in one layer. Returns 1 when what lies beneath is not seen. */
static int step_into(const struct taking *t, const struct taken_layer *layer, const char *name,
                     bool last, struct taken *next)
{
    cleanup_close int fd = open_name(layer->dir, name);
    struct stat st = {0};
    int r;

    if (fd >= 0 && fstat(fd, &st) < 0)
        return -errno;
    if (fd == -ENOENT || is_out_of_sight(t, layer, fd, &st))
        return 0;
    if (fd < 0)
        return fd;
    if (S_ISDIR(st.st_mode)) {
        r = is_opaque(fd);
        if (r >= 0) {
            if (next->n == 0)
                next->st = st;
            taken_add(next, steal_fd(&fd), layer->kind, layer->host);
        }
        return r;
    }
    if (next->n > 0 || (S_ISCHR(st.st_mode) && st.st_rdev == 0))
        return 1;
    if (S_ISLNK(st.st_mode))
        return taken_refuse(t, "left a symbolic link there, or on the way, and none is followed");
    if (!last)
        return taken_refuse(t, "left nothing there: a part of the path is a file");
    if (!S_ISREG(st.st_mode))
        return taken_refuse(t, "left something there that is neither a file nor a directory");
    base_closep(&fd);
    fd = fcntl(layer->dir, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    next->st = st;
    next->file = xstrdup(name);
    taken_add(next, steal_fd(&fd), layer->kind, layer->host);
    return 1;
}

static int walk(const struct taking *t, struct taken *at, const char *rest)
{
    int r = 0;

    while (r >= 0 && *rest != '\0') {
        size_t n = strcspn(rest, "/");
        cleanup_free char *name = xasprintf("%.*s", (int)n, rest);
        struct taken next = {.n = 0};

        rest += n + strspn(rest + n, "/");
        if (at->file != NULL)
            return taken_refuse(t, "left nothing there: a part of the path is a file");
        r = 0;
        for (size_t i = 0; r == 0 && i < at->n; i++)
            r = step_into(t, &at->layers[i], name, *rest == '\0', &next);
        taken_clear(at);
        *at = next;
        if (r >= 0 && next.n == 0)
            return taken_refuse(t, "left nothing there");
    }
    return r < 0 ? r : 0;
}

/* ---- what a job's files are made of ---- */

static const struct sandbox_other *other_of(const struct taking *t, size_t job)
{
    for (size_t i = 0; i < t->request->n_others; i++)
        if (t->request->others[i].job == job)
            return &t->request->others[i];
    return NULL;
}

/* What belonged to that job's user is this one's. */
static struct owner_change change_of_other(const struct taking *t,
                                           const struct sandbox_other *other)
{
    uint32_t uid, gid;

    if (!other->ids.known || !t->stage->privilege.host || t->input->owner == JOBS_OWNER_HOST ||
        !request_user(t->request, &uid, &gid))
        return (struct owner_change){0};
    return (struct owner_change){.uid = {other->ids.uid, uid}, .gid = {other->ids.gid, gid}};
}

/* Adds the directory of this name ("u", "u3") of each job from this one on down. */
static int add_snapshots(const struct taking *t, size_t job, unsigned n, const char *name,
                         struct taken *to)
{
    int r = 0;

    for (; r == 0 && n > 0; n--, job = t->request->plan->jobs[job].from) {
        const struct sandbox_other *other = other_of(t, job);
        struct owner_change change;
        size_t index;
        int fd;

        if (other == NULL)
            return cupel_error_set(t->err, CUPEL_ERROR_HARNESS, 0, "a job's files are not there");
        change = change_of_other(t, other);
        r = stage_attach_snapshot(t->stage, other->snapshot, &change, &index, t->err);
        if (r < 0)
            break;
        fd = openat(t->stage->snapshots[index].mount, name,
                    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return cupel_error_set(t->err, CUPEL_ERROR_HARNESS, errno,
                                   "cannot open what job '%s' wrote",
                                   t->request->plan->jobs[job].name);
        taken_add(to, fd, TAKEN_SNAPSHOT, NULL);
    }
    return r;
}

static int add_root_layer(const struct taking *t, const char *path, struct taken *to)
{
    int fd = openat(t->stage->tmpfs, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return cupel_error_set(t->err, CUPEL_ERROR_HARNESS, errno, "cannot open a layer of a root");
    taken_add(to, fd, TAKEN_ROOT, NULL);
    return 0;
}

/* Returns whether that is one of the host's directories, which without the host's rights are views
 * that nobody could write to. */
static bool is_in_view(const struct host_views *views, const char *path)
{
    for (size_t i = 0; views != NULL && i < views->n; i++) {
        const char *view = views->path[i] + (views->path[i][0] == '/');
        size_t n = strlen(view);

        if (strncmp(path, view, n) == 0 && (path[n] == '/' || path[n] == '\0'))
            return true;
    }
    return false;
}

static int add_root(const struct taking *t, size_t job, const char *path, struct taken *to)
{
    const struct sandbox_other *other = other_of(t, job);
    struct sandbox_stage *s = t->stage;
    char name[64];
    int r = other == NULL ? -ENODATA
                          : stage_attach_root(s, other->root, other->layers, other->n_layers,
                                              other->masked, t->err);

    if (r == -ENODATA)
        return cupel_error_set(t->err, CUPEL_ERROR_HARNESS, 0, "a job's root is not there");
    if (r == 0 && other->masked && !s->privilege.host) {
        if (is_in_view(hostroot_views(s, other->root), path))
            return taken_refuse(t,
                                "has the host's own directory there, which is none of its files");
        (void)snprintf(name, sizeof(name), "lower/%zu/0/base", other->root);
        return add_root_layer(t, name, to);
    }
    for (size_t i = 0; r == 0 && i < other->n_layers; i++) {
        static const char *const parts[] = {"/top", "/mid"};
        bool mask = other->masked && i == 0;

        for (size_t k = 0; r == 0 && k < (mask ? 2 : 1); k++) {
            (void)snprintf(name, sizeof(name), "lower/%zu/%zu%s", other->root, i,
                           mask ? parts[k] : "");
            r = add_root_layer(t, name, to);
        }
    }
    return r;
}

static int add_own_files(const struct taking *t, size_t job, const char *path, struct taken *to)
{
    const struct jobs_job *of = &t->request->plan->jobs[job];
    int r = add_snapshots(t, job, of->depth + 1, "u", to);

    if (r == 0)
        r = add_root(t, job, path + 1, to);
    return r == 0 ? walk(t, to, path + 1) : r;
}

static int add_host(const struct taking *t, const struct jobs_input *in, struct taken *to)
{
    cleanup_close int fd = -EBADF;
    struct stat st;
    int r = host_path_open(&in->host, "input", O_PATH, &fd, t->err);

    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISREG(st.st_mode)) {
        cleanup_free char *name = NULL;

        r = input_open_directory(&in->host, &name);
        if (r < 0)
            return r;
        to->file = steal_ptr(name);
        taken_add(to, r, TAKEN_HOST, in);
    } else if (S_ISDIR(st.st_mode)) {
        taken_add(to, steal_fd(&fd), TAKEN_HOST, in);
    } else {
        return taken_refuse(t, "was given neither a file nor a directory there");
    }
    if (to->n == 1)
        to->st = st;
    return 0;
}

static int add_files(const struct taking *t, size_t job, const char *path, struct taken *to);

/* Adds what lies below what jobs wrote into an input: what that one is made of itself. Nothing does
 * where it was copied, unless it is one file, which always is. */
static int add_source(const struct taking *t, const struct jobs_input *in, struct taken *to)
{
    int r = in->job > 0 ? add_files(t, in->job - 1, in->from, to) : add_host(t, in, to);

    if (in->mode != JOBS_INPUT_COPY || (r == 0 && to->file != NULL))
        return r;
    taken_clear(to);
    return 0;
}

static void append(struct taken *to, struct taken *from)
{
    if (to->n == 0)
        to->st = from->st;
    for (size_t i = 0; i < from->n; i++)
        taken_add(to, steal_fd(&from->layers[i].dir), from->layers[i].kind, from->layers[i].host);
    taken_clear(from);
}

static int add_input_of(const struct taking *t, size_t job, const char *path,
                        const struct jobs_taken *taken, struct taken *to)
{
    const struct jobs_input *in = &t->request->plan->jobs[job].inputs[taken->input];
    struct taken source = {.n = 0};
    char name[24];
    int r = add_source(t, in, &source);

    (void)snprintf(name, sizeof(name), "u%zu", taken->input);
    if (r == 0 && source.file != NULL && in->mode == JOBS_INPUT_RO) {
        *to = source;
        return walk(t, to, taken->rest);
    }
    if (r == 0 && source.file != NULL) { /* the job's copy lies among its own files */
        taken_clear(&source);
        return add_own_files(t, job, path, to);
    }
    if (r == 0)
        r = add_snapshots(t, job, taken->snapshots, name, to);
    if (r == 0 && to->n > 0 && fstat(to->layers[0].dir, &to->st) < 0)
        r = -errno;
    if (r == 0)
        append(to, &source);
    taken_clear(&source);
    return r == 0 ? walk(t, to, taken->rest) : r;
}

/* Adds what the job saw at the path, as it left it. */
static int add_files(const struct taking *t, size_t job, const char *path, struct taken *to)
{
    struct jobs_taken taken;

    jobs_taken_find(&t->request->plan->jobs[job], path, &taken);
    return taken.input == JOBS_NO_INPUT ? add_own_files(t, job, path, to)
                                        : add_input_of(t, job, path, &taken, to);
}

int taken_find(struct sandbox_stage *s, const struct sandbox_request *request, struct taken **ret,
               struct cupel_error *err)
{
    const struct jobs_job *job = request->job;
    size_t n = 0;
    int r = 0;

    if (!jobs_takes_files(job))
        return 0;
    *ret = xcalloc(job->n_inputs, sizeof(**ret));
    for (size_t i = 0; r == 0 && i < job->n_inputs; i++) {
        struct taking t = {.stage = s, .request = request, .input = &job->inputs[i], .err = err};

        *err = (struct cupel_error){.kind = CUPEL_ERROR_NONE};
        if (t.input->job > 0)
            r = add_files(&t, t.input->job - 1, t.input->from, &(*ret)[i]);
        n += (*ret)[i].n;
        if (r == 0 && n > LAYERS_MAX)
            r = -E2BIG;
        if (r < 0 && err->kind == CUPEL_ERROR_NONE)
            (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot take %s of job '%s'",
                                  t.input->from, request->plan->jobs[t.input->job - 1].name);
    }
    return r;
}

/* ---- for PID 1 ---- */

uint64_t taken_copied(const struct taken *taken, const struct jobs_job *job)
{
    uint64_t bytes = 0;

    for (size_t i = 0; taken != NULL && i < job->n_inputs; i++)
        if (taken[i].file != NULL && job->inputs[i].mode != JOBS_INPUT_RO)
            bytes += (uint64_t)taken[i].st.st_blocks * 512;
    return bytes;
}

/* A layer of the stage's is cloned from inside of it, one of the host's from outside. */
static int clone_layer(struct sandbox_stage *s, const struct sandbox_request *request,
                       const struct taken_layer *layer, int *ret_mount)
{
    int r;

    if (layer->kind == TAKEN_HOST)
        return input_clone(s, request, layer->host, layer->dir, ret_mount);
    r = stage_enter(s);
    if (r == 0)
        r = *ret_mount = mount_clone_fd(layer->dir);
    stage_leave(s);
    return r < 0 ? r : 0;
}

/* What is in the stage has this stage's owners already. */
static uint32_t taken_id(const struct sandbox_stage *s, const struct taken_layer *layer,
                         uint32_t id)
{
    uint32_t base = s->privilege.host && layer->kind != TAKEN_HOST ? s->id_base : 0;

    return id >= base && id - base < s->privilege.ids ? id - base : 0;
}

/* Makes the mounts, and the list of them as PID 1 has them: /in/3:/in/3.1 */
static int open_layers(struct sandbox_stage *s, const struct sandbox_request *request,
                       const struct taken *taken, size_t input, struct init_input *to)
{
    cleanup_strbuf struct strbuf list = {0};
    int r = 0;

    to->more = xcalloc(taken->n, sizeof(*to->more));
    for (size_t i = 0; r == 0 && i < taken->n; i++) {
        const struct taken_layer *layer = &taken->layers[i];
        int *mount = i == 0 ? &to->mount : &to->more[i - 1];
        char name[48];
        struct stat st;

        if (i > 0) {
            *mount = -EBADF;
            to->n_more = i;
            (void)snprintf(name, sizeof(name), "in/%zu.%zu", input, i);
            if (mkdirat(s->tmpfs, name, 0755) < 0 && errno != EEXIST)
                return -errno;
        }
        r = clone_layer(s, request, layer, mount);
        if (r == 0 && layer->kind == TAKEN_HOST && to->directory) {
            r = fstat(layer->dir, &st) < 0
                    ? -errno
                    : hidden_lay_over_input(s, input, &st, *mount, &to->hides);
            if (r == 0 && to->hides)
                strbuf_addf(&list, "%s/hide/%zu", list.len > 0 ? ":" : "", input);
        }
        strbuf_addf(&list, "%s/in/%zu", list.len > 0 ? ":" : "", input);
        if (i > 0)
            strbuf_addf(&list, ".%zu", i);
    }
    to->lowers = xstrdup(list.data);
    return r;
}

/* Opens one file to be copied. In a directory of the host's it may have changed meanwhile. */
static int open_file(const struct taken *taken, const struct jobs_input *in, int *ret_fd,
                     struct cupel_error *err)
{
    cleanup_close int fd =
        file_open_beneath(taken->layers[0].dir, taken->file, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *ret_fd = steal_fd(&fd);
        return 0;
    }
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, fd < 0 ? fd : EINVAL,
                           "cannot open %s of another job", in->from);
}

int taken_open(struct sandbox_stage *s, const struct sandbox_request *request,
               const struct taken *taken, size_t input, struct init_input *to,
               struct cupel_error *err)
{
    const struct jobs_input *in = &request->job->inputs[input];
    const struct taken_layer *top = &taken->layers[0];
    uint32_t uid, gid;

    *to = (struct init_input){.to = in->to,
                              .mount = -EBADF,
                              .file = -EBADF,
                              .mode = taken->st.st_mode & 07777,
                              .uid = taken_id(s, top, taken->st.st_uid),
                              .gid = taken_id(s, top, taken->st.st_gid),
                              .directory = taken->file == NULL,
                              .cow = in->mode != JOBS_INPUT_RO};
    if (top->kind == TAKEN_HOST && in->owner == JOBS_OWNER_USER &&
        request_user(request, &uid, &gid)) {
        to->uid = uid;
        to->gid = gid;
    }
    if (to->directory)
        return open_layers(s, request, taken, input, to);
    if (!to->cow) {
        to->name = xstrdup(taken->file);
        return clone_layer(s, request, top, &to->mount);
    }
    return open_file(taken, in, &to->file, err);
}
