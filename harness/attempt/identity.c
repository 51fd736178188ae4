/* SPDX-License-Identifier: Apache-2.0 */
/* identity: see identity.h. What of a passwd file is believed is the sandbox's business
 * (root_passwd.c). */
#include "harness/attempt/identity.h"

#include "harness/run/instances.h"

#include <string.h>
#include <sys/stat.h>

#define NAMES_SHOWN 12

/* What of the run's root the passwd file may be in: of the host's, not what hides parts of it. */
static const int *layers_of(const struct run *run, const struct instance *in, size_t *ret_n)
{
    const struct cache_root *root = &run->roots[in->root];
    size_t first =
        in->plan->roots[in->job->root].kind == JOBS_ROOT_HOST && root->n_layers > 1 ? 1 : 0;

    *ret_n = root->n_layers - first;
    return root->layer + first;
}

/* Where the job file says it, else where the job stands. */
static char *identity_place_of(const struct instance *in)
{
    const struct jobs_job *job = in->job;

    return job->user_line != 0
               ? xasprintf("%s:%d:%d", in->plan->file, job->user_line, job->user_column)
               : xasprintf("%s:%d", in->plan->file, job->line);
}

static const char *root_name(const struct instance *in)
{
    return in->plan->roots[in->job->root].name;
}

/* Returns the user as it is written: of an image with its group. */
static const char *spec_of(const struct jobs_job *job)
{
    return job->image_user != NULL ? job->image_user : job->user;
}

static int no_such_user(const struct run *run, const struct instance *in, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf names = {0}, clean = {0}, user = {0};
    cleanup_free char *nearest = NULL, *place = identity_place_of(in);
    size_t n;
    const int *layers = layers_of(run, in, &n);
    bool damaged;

    text_add_line(&user, in->job->user);
    sandbox_user_names(layers, n, in->job->user, NAMES_SHOWN, &names, &nearest);
    damaged = nearest != NULL && str_eq(nearest, in->job->user);
    if (nearest != NULL && !damaged) {
        strbuf_adds(&clean, ", did you mean '");
        text_add_line(&clean, nearest);
        strbuf_adds(&clean, "'?");
    }
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "%s: there is no user '%s' in the root '%s'%s%s", place, user.data,
                          root_name(in), clean.len > 0 ? clean.data : "",
                          damaged ? ": its line in /etc/passwd is none that counts" : "");
    if (damaged) {
        cupel_error_hint(
            err,
            "a line of seven fields, with a user and a group of 0 to %u: a job has no other ids",
            SANDBOX_ID_COUNT - 1);
        return -ENOENT;
    }
    strbuf_free(&clean);
    clean = (struct strbuf){0};
    if (names.len > 0)
        text_add_line(&clean, names.data);
    cupel_error_hint(err, "%s%s; a number is fine without an entry there",
                     clean.len > 0 ? "its /etc/passwd has " : "it has no /etc/passwd",
                     clean.len > 0 ? clean.data : "");
    return -ENOENT;
}

static int behind_a_link(const struct instance *in, struct cupel_error *err)
{
    cleanup_free char *place = identity_place_of(in);

    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "%s: the user '%s' of job '%s' cannot be looked up: /etc/passwd or "
                          "/etc/group of the root '%s' "
                          "is a link, and %s",
                          place, spec_of(in->job), in->job->name, root_name(in),
                          in->from != INSTANCE_NONE
                              ? "what the job before made of it is not believed"
                              : "none is followed to find a group");
    cupel_error_hint(err, "give `user` as UID:GID");
    return -ELOOP;
}

static int no_such_group(const struct instance *in, struct cupel_error *err)
{
    cleanup_free char *place = identity_place_of(in);

    (void)cupel_error_set(
        err, CUPEL_ERROR_INPUT, 0,
        "%s: the image of root '%s' has the user '%s', and no such group in its /etc/group", place,
        root_name(in), in->job->image_user);
    cupel_error_hint(err, "give the job a `user` of its own, such as UID:GID");
    return -ENODATA;
}

static int no_such_id(const struct instance *in, struct cupel_error *err)
{
    cleanup_free char *place = identity_place_of(in);

    (void)cupel_error_set(
        err, CUPEL_ERROR_INPUT, 0, "%s: %s '%s', and a job has the ids 0 to %u", place,
        in->job->image_user != NULL ? "the image asks for the user" : "the job asks for the user",
        spec_of(in->job), SANDBOX_ID_COUNT - 1);
    cupel_error_hint(err, "give the job a `user` of its own within these; what a root's archive "
                          "gives to owners above "
                          "belongs to 65534 (nobody)");
    return -ERANGE;
}

/* Root is root in every root, whatever is or is not there to look it up in. */
static bool is_plain_root(const char *user)
{
    return str_eq(user, "root") || str_eq(user, "0:0");
}

/* A group that is to be had from the root's own file, or by number: without one it would be another
 * that the job gets. */
static bool has_own_group(const struct jobs_job *job)
{
    const char *colon = job->image_user != NULL ? strchr(job->image_user, ':') : NULL;

    return colon != NULL && colon[1] != '\0' && !str_eq(colon, ":0") && !str_eq(colon, ":root") &&
           strchr(job->user, ':') == NULL;
}

static int identity_refuse(const struct run *run, const struct instance *in, int r,
                           struct cupel_error *err)
{
    cleanup_free char *place = identity_place_of(in);

    if (r == -ENODATA)
        return no_such_group(in, err);
    if (r == -ENOENT)
        return no_such_user(run, in, err);
    if (r == -ERANGE)
        return no_such_id(in, err);
    if (r == -ELOOP)
        return behind_a_link(in, err);
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, r,
                          "%s: cannot read /etc/passwd or /etc/group of the root '%s'", place,
                          root_name(in));
    cupel_error_hint(err, "they must be regular files of at most 256 KiB; or give `user` as root");
    return r;
}

static void keep_user(struct instance *in, const struct sandbox_user *user)
{
    struct sandbox_user *kept = arena_alloc(in->plan->arena, sizeof(*kept));

    *kept = *user;
    in->user = kept;
}

static int find_one(const struct run *run, struct instance *in, struct cupel_error *err)
{
    size_t n;
    const int *layers = layers_of(run, in, &n);
    struct sandbox_user user = {0};
    int r = in->job->image_user != NULL ? sandbox_image_user(layers, n, in->job->image_user, &user)
                                        : sandbox_user_find(layers, n, in->job->user, &user);

    in->user = NULL;
    if (r == 0)
        keep_user(in, &user);
    if (r < 0 && is_plain_root(in->job->user) && !has_own_group(in->job)) {
        /* else PID 1 looks, within the root, which no job has changed */
        if (in->from != INSTANCE_NONE)
            keep_user(in, &(struct sandbox_user){.home = "/root", .name = "root"});
        return 0;
    }
    if (r == -ELOOP && in->from == INSTANCE_NONE && !has_own_group(in->job))
        return 0; /* PID 1 follows it, within the root */
    return r < 0 ? identity_refuse(run, in, r, err) : 0;
}

struct sandbox_ids identity_ids(const struct instance *in)
{
    if (in->user != NULL)
        return (struct sandbox_ids){.known = true, .uid = in->user->uid, .gid = in->user->gid};
    return (struct sandbox_ids){.known = is_plain_root(in->job->user) && !has_own_group(in->job)};
}

int identity_find_all(struct run *run, struct cupel_error *err)
{
    const struct instance *last = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < run_n_prepared(run); i++) {
        struct instance *in = &run->instances[i];

        if (last != NULL && last->root == in->root && str_eq(last->job->user, in->job->user) &&
            last->job->image_user == in->job->image_user) {
            /* thousands of jobs have one user: looked up once where they stand together */
            in->user = last->user;
            continue;
        }
        r = find_one(run, in, err);
        if (in->user != NULL)
            last = in;
    }
    return r;
}

/* ---- inputs of other users than root, without the host's rights ---- */

/* Owners cannot be mapped then: a directory that has to be the user's is copied to the job's disk,
 * where it can be given. */
static bool has_to_be_copied(const struct instance *in, const struct jobs_input *input)
{
    struct sandbox_ids ids = identity_ids(in);
    struct stat st;

    return input->cache == 0 && input->job == 0 && ids.known && (ids.uid != 0 || ids.gid != 0) &&
           input->mode == JOBS_INPUT_COW && input->owner == JOBS_OWNER_USER &&
           stat(input->from, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What a job has from the one that it starts from lies where that one has put it. */
static void settle_inputs(struct run *run, struct instance *in)
{
    const struct jobs_job *base = in->from != INSTANCE_NONE ? run->instances[in->from].job : NULL;
    struct jobs_job *job = instances_job(in);
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
        for (size_t i = 0; i < run_n_prepared(run); i++) {
            if (run->instances[i].job->depth == depth && run->instances[i].job->n_inputs > 0)
                settle_inputs(run, &run->instances[i]);
            any |= run->instances[i].job->depth > depth;
        }
    }
}
