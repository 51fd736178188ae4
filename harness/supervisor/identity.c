/* identity: see identity.h. What of a passwd file is believed is the sandbox's business (root_passwd.c). */
#include "harness/supervisor/identity.h"

#include <string.h>
#include <sys/stat.h>

#define NAMES_SHOWN 12

/* What of the run's root the passwd file may be in: of the host's, not what hides parts of it. */
static const int *layers_of(const struct run *run, const struct instance *in, size_t *ret_n)
{
    const struct cache_root *root = &run->roots[in->root];
    size_t first = in->plan->roots[in->job->root].kind == JOBS_ROOT_HOST && root->n_layers > 1 ? 1 : 0;

    *ret_n = root->n_layers - first;
    return root->layer + first;
}

static int no_such_user(const struct run *run, const struct instance *in, struct cupel_error *err)
{
    const struct jobs_job *job = in->job;
    const char *root = in->plan->roots[job->root].name;
    cleanup_strbuf struct strbuf names = {0}, clean = {0};
    cleanup_free char *nearest = NULL;
    size_t n;
    const int *layers = layers_of(run, in, &n);

    sandbox_user_names(layers, n, job->user, NAMES_SHOWN, &names, &nearest);
    if (nearest != NULL) {
        strbuf_adds(&clean, ", did you mean '");
        text_add_line(&clean, nearest);
        strbuf_adds(&clean, "'?");
    }
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s:%d:%d: there is no user '%s' in the root '%s'%s",
                          in->plan->file, job->user_line != 0 ? job->user_line : job->line,
                          job->user_line != 0 ? job->user_column : 1, job->user, root, clean.len > 0 ? clean.data : "");
    strbuf_free(&clean);
    clean = (struct strbuf){0};
    if (names.len > 0)
        text_add_line(&clean, names.data);
    cupel_error_hint(err, "%s%s; a number is fine without an entry there",
                     clean.len > 0 ? "its /etc/passwd has " : "it has no /etc/passwd", clean.len > 0 ? clean.data : "");
    return -ENOENT;
}

static int behind_a_link(const struct instance *in, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "%s:%d: the user '%s' of job '%s' cannot be looked up: /etc/passwd of the root '%s' is a "
                          "link, and what the job before made of it is not believed",
                          in->plan->file, in->job->line, in->job->user, in->job->name,
                          in->plan->roots[in->job->root].name);
    cupel_error_hint(err, "give `user` as UID:GID");
    return -ELOOP;
}

/* Root is root in every root, whatever is or is not there to look it up in. */
static bool is_plain_root(const char *user)
{
    return str_eq(user, "root") || str_eq(user, "0:0");
}

static int find_one(const struct run *run, struct instance *in, struct cupel_error *err)
{
    size_t n;
    const int *layers = layers_of(run, in, &n);
    int r = in->job->image_user != NULL ? sandbox_image_user(layers, n, in->job->image_user, &in->user)
                                        : sandbox_user_find(layers, n, in->job->user, &in->user);

    in->has_user = r == 0;
    if (r < 0 && is_plain_root(in->job->user)) {
        in->user = (struct sandbox_user){.home = "/root", .name = "root"};
        in->has_user = in->from != INSTANCE_NONE; /* else PID 1 looks, within the root, which no job has changed */
        return 0;
    }
    if (r == -ENODATA)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "%s:%d: the image of root '%s' has the user '%s', and no such group in its /etc/group",
                               in->plan->file, in->job->line, in->plan->roots[in->job->root].name, in->job->image_user);
    if (r == -ENOENT)
        return no_such_user(run, in, err);
    if (r == -ELOOP)
        return in->from != INSTANCE_NONE ? behind_a_link(in, err) : 0; /* PID 1 follows it, within the root */
    if (r < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, r, "%s:%d: cannot read /etc/passwd of the root '%s'",
                              in->plan->file, in->job->line, in->plan->roots[in->job->root].name);
        cupel_error_hint(err, "it must be a regular file of at most 256 KiB; or give `user` as root");
    }
    return r;
}

struct sandbox_ids identity_ids(const struct instance *in)
{
    if (in->has_user)
        return (struct sandbox_ids){.known = true, .uid = in->user.uid, .gid = in->user.gid};
    return (struct sandbox_ids){.known = is_plain_root(in->job->user)};
}

int identity_find_all(struct run *run, struct cupel_error *err)
{
    const struct instance *last = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < run->n_instances; i++) {
        struct instance *in = &run->instances[i];

        if (last != NULL && last->root == in->root && str_eq(last->job->user, in->job->user) &&
            last->job->image_user == in->job->image_user) {
            in->user = last->user; /* thousands of jobs have one user: looked up once where they stand together */
            in->has_user = last->has_user;
            continue;
        }
        r = find_one(run, in, err);
        if (in->has_user)
            last = in;
    }
    return r;
}

/* ---- inputs of other users than root, without the host's rights ---- */

/* Owners cannot be mapped then: a directory that has to be the user's is copied to the job's disk, where it can be given. */
static bool has_to_be_copied(const struct instance *in, const struct jobs_input *input)
{
    struct sandbox_ids ids = identity_ids(in);
    struct stat st;

    return ids.known && (ids.uid != 0 || ids.gid != 0) && input->mode == JOBS_INPUT_COW &&
           input->owner == JOBS_OWNER_USER && stat(input->from, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What a job has from the one that it starts from lies where that one has put it. */
static void settle_inputs(struct run *run, struct instance *in)
{
    const struct jobs_job *base = in->from != INSTANCE_NONE ? run->instances[in->from].job : NULL;
    struct jobs_job *job = &in->plan->jobs[in->job - in->plan->jobs];
    struct jobs_input *inputs = arena_alloc(in->plan->arena, (job->n_inputs + 1) * sizeof(*inputs));

    for (size_t i = 0; i < job->n_inputs; i++) { /* jobs may share what `defaults` gave them */
        inputs[i] = job->inputs[i];
        if (base != NULL && inputs[i].depth < job->depth && i < base->n_inputs)
            inputs[i].mode = base->inputs[i].mode;
        else if (has_to_be_copied(in, &inputs[i]))
            inputs[i].mode = JOBS_INPUT_COPY;
    }
    job->inputs = inputs;
}

void identity_settle_inputs(struct run *run)
{
    bool any = true;

    for (unsigned depth = 0; any && !run->privilege.host; depth++) {
        any = false;
        for (size_t i = 0; i < run->n_instances; i++) {
            if (run->instances[i].job->depth == depth && run->instances[i].job->n_inputs > 0)
                settle_inputs(run, &run->instances[i]);
            any |= run->instances[i].job->depth > depth;
        }
    }
}
