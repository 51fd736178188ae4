/* SPDX-License-Identifier: Apache-2.0 */
/* input: which host paths a job sees, and where, and which files of other jobs. Not responsible for
 * mounting them, nor for which job is meant (needs.c). */
#include "jobs/load.h"

bool path_lies_in(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

bool input_belongs_to_sandbox(const char *path)
{
    return path_lies_in(path, "/proc") || path_lies_in(path, "/sys") ||
           path_lies_in(path, "/dev") || str_eq(path, "/");
}

/* Where a relative path P is seen when `to` is not given: WORKDIR/P; "." is WORKDIR itself. NULL:
 * no such place. */
static const char *default_place(struct loader *l, const struct draft *d, const char *from)
{
    char *path;

    if (from[0] == '/')
        return NULL;
    path = arena_printf(l->plan->arena, "%s/%s", d->job.workdir, from);
    return path_normalise(path) ? path : NULL;
}

struct input_draft {
    struct jobs_input input; /* first: the table's offsets count from here */
    const struct node *from, *job;
    bool says_untrusted, untrusted;
};

void key_set_input_from(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    (void)l;
    (void)k;
    ((struct input_draft *)object)->from = value; /* of what, `job` says */
}

void key_set_input_job(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    if (l->host == NULL)
        problem_at(l, value->key, "'%s' is for job files", k->name);
    else if (value_is_text(l, value, k->name, "a job's name"))
        ((struct input_draft *)object)->job = value;
}

void key_set_untrusted(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct input_draft *in = object;

    in->says_untrusted = value_bool(l, value, k->name, &in->untrusted);
}

void key_set_input_git(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct input_draft *in = object;
    size_t index;

    if (l->host == NULL) /* whoever sends a job may have filled the directory, too */
        problem_at(l, value->key, "'%s' is for job files", k->name);
    else if (value_choice(l, value, k, &index))
        in->input.git = index == 0 ? JOBS_GIT_TRACKED : JOBS_GIT_UNIGNORED;
}

void key_set_input_mtime(struct loader *l, const struct key *k, const struct node *value,
                         void *object)
{
    struct input_draft *in = object;
    size_t only;

    if (l->host == NULL)
        problem_at(l, value->key, "'%s' is for job files", k->name);
    else
        in->input.has_commit_time = value_choice(l, value, k, &only);
}

/* Where links are followed, once all keys are known. What is trusted by name is followed to the
 * end, and what is not from the start on. */
static void settle_trust(struct input_draft *in)
{
    in->input.host.to_follow = "say `untrusted: false`";
    if (!in->says_untrusted)
        return;
    in->input.host.untrusted = in->untrusted;
    if (!in->untrusted)
        in->input.host.trusted = strlen(in->input.host.path);
    else if (in->from->text[0] == '/')
        in->input.host.trusted = 0;
}

/* Nothing above the directory can be left out, nor all of it. */
static void check_within(struct loader *l, const struct node *n, const char *key,
                         const struct jobs_globs *globs)
{
    const struct node *at = n->kind == NODE_MAP ? node_child(n, key) : NULL;

    for (const char **p = globs->patterns; at != NULL && p != NULL && *p != NULL; p++)
        if ((*p)[0] == '/' || (*p)[0] == '\0') {
            problem_at(l, at, "'%s' must name what is in the directory, relative to it: '%s'", key,
                       globs->written[p - globs->patterns]);
            return;
        }
}

/* What has to be there is files: what is in a directory is named with it. */
static void check_required(struct loader *l, const struct node *n, const struct jobs_globs *globs)
{
    const struct node *at = n->kind == NODE_MAP ? node_child(n, "required") : NULL;

    for (const char **p = globs->patterns; at != NULL && p != NULL && *p != NULL; p++) {
        size_t length = strlen(*p);

        if (length >= 2 && str_eq(*p + length - 2, "**")) {
            problem_at(l, at, "'required' must name files: '%s' is any that there is",
                       globs->written[p - globs->patterns]);
            return;
        }
    }
}

/* What a directory may hold is asked where others may have filled it: of what is trusted it would
 * be a mistake that nobody sees. */
static void check_bounded(struct loader *l, const struct node *n, const struct jobs_input *input)
{
    static const char *const keys[] = {"required", "allowed", "max-size"};
    const struct node *at;

    for (size_t i = 0; n->kind == NODE_MAP && !input->host.untrusted && i < ARRAY_SIZE(keys); i++)
        if ((at = node_child(n, keys[i])) != NULL)
            problem_at(l, at->key,
                       "'%s' is for inputs that others have filled: say `untrusted: true`, or name "
                       "what a matrix has found",
                       keys[i]);
}

static void check_place(struct loader *l, const struct node *n, const struct jobs_input *input)
{
    if (input_belongs_to_sandbox(input->to))
        problem_at(l, n, "an input cannot be placed at %s, which belongs to the sandbox",
                   input->to);
}

/* Reads an input that is another job's files. Which job that is, is found out once all are known.
 */
static void taken_read(struct loader *l, const struct node *n, struct input_draft *in,
                       struct jobs_input *ret)
{
    static const char *const not_with[] = {"exclude",  "untrusted", "git",     "mtime",
                                           "required", "allowed",   "max-size"};
    const struct node *at;

    for (size_t i = 0; i < ARRAY_SIZE(not_with); i++)
        if ((at = node_child(n, not_with[i])) != NULL)
            problem_at(l, at->key, "'%s' is not for an input that is another job's files",
                       not_with[i]);
    if (in->input.mode == JOBS_INPUT_COPY)
        problem_at(l, node_child(n, "mode"),
                   "another job's files are not copied: 'mode' must be cow or ro");
    l->workdir = NULL; /* what a relative path means there is not known here */
    if (in->from == NULL || !value_job_path(l, in->from, "from", &in->input.from))
        return;
    if (input_belongs_to_sandbox(in->input.from)) {
        problem_at(l, in->from,
                   str_eq(in->input.from, "/")
                       ? "'%s' is all of the job's files: `from` of a job starts from them"
                       : "'%s' belongs to that job's sandbox, which is gone when it has ended",
                   in->input.from);
        return;
    }
    if (in->input.to == NULL)
        in->input.to = in->input.from;
    check_place(l, n, &in->input);
    in->input.job = JOBS_NO_INPUT;
    *ret = in->input;
}

void inputs_refuse_jobs(struct loader *l, const struct draft *d, const char *who)
{
    for (const struct node *item = d->takes_files ? items_first(d->inputs) : NULL; item != NULL;
         item = items_next(d->inputs, item)) {
        const struct node *job = item->kind == NODE_MAP ? node_child(item, "job") : NULL;

        if (job != NULL)
            problem_at(l, job->key, "%s has no inputs that are another job's files", who);
    }
}

size_t input_of_item(struct arena *arena, const struct jobs_job *job, const struct node *item)
{
    const struct node *at =
        item->kind == NODE_MAP && node_child(item, "job") != NULL ? node_child(item, "to") : NULL;
    char *path;

    if (item->kind != NODE_MAP || node_child(item, "job") == NULL)
        return JOBS_NO_INPUT;
    if (at == NULL)
        at = node_child(item, "from");
    if (at == NULL || at->kind != NODE_SCALAR)
        return JOBS_NO_INPUT;
    path = arena_strdup(arena, at->text);
    for (size_t i = 0; path_normalise(path) && i < job->n_inputs; i++)
        if (job->inputs[i].job > 0 && str_eq(job->inputs[i].to, path))
            return i;
    return JOBS_NO_INPUT;
}

/* Refuses to ask git where whoever filled the directory would choose the answer. */
static bool check_git(struct loader *l, const struct node *n, const struct jobs_input *input)
{
    const char *key = input->git != JOBS_GIT_NOT_ASKED ? "git" : "mtime";

    if (input->has_commit_time && input->mode != JOBS_INPUT_COPY)
        problem_at(l, node_child(n, "mtime"),
                   "'mtime' sets the times of a copy; in any other mode the files are the host's "
                   "own: say `mode: copy`");
    if ((input->git == JOBS_GIT_NOT_ASKED && !input->has_commit_time) || !input->host.untrusted)
        return true;
    problem_at(l, node_child(n, key),
               "'%s' is for directories that are trusted, and others may have filled this one; "
               "where they have not, say `untrusted: false`",
               key);
    return false;
}

static void input_read(struct loader *l, struct draft *d, const struct node *n,
                       struct jobs_input *input)
{
    struct input_draft in = {
        .input = {.mode = JOBS_INPUT_COW, .line = source_line_of(&l->source, n->place)}};
    const char *name = n->kind == NODE_MAP ? "from" : "inputs";

    if (n->kind == NODE_MAP)
        (void)keys_apply(l, &keys_input, n, &in);
    else if (value_is_text(l, n, "inputs", "paths, or maps of from, to and mode"))
        in.from = n;
    if (in.job != NULL) {
        d->takes_files = true;
        taken_read(l, n, &in, input);
        return;
    }
    check_within(l, n, "exclude", &in.input.exclude);
    check_within(l, n, "required", &in.input.required);
    check_required(l, n, &in.input.required);
    check_within(l, n, "allowed", &in.input.allowed);
    if (in.from == NULL || !value_named_path(l, in.from, name, &in.input.host))
        return;
    settle_trust(&in);
    check_bounded(l, n, &in.input);
    if (!check_git(l, n, &in.input) ||
        !value_host_path_exists(l, in.from, name, true, &in.input.host))
        return;
    in.input.from = in.input.host.path;
    if (in.input.to == NULL)
        in.input.to = default_place(l, d, in.from->text);
    if (in.input.to == NULL)
        problem_at(
            l, in.from,
            "'%s' leads out of the job file's directory, so it needs a place: {from: %s, to: ...}",
            in.from->text, in.from->text);
    else
        check_place(l, n, &in.input);
    *input = in.input;
}

static void same_place(struct loader *l, const struct node *item, const struct jobs_input *first)
{
    if (first->line > 0)
        problem_at(l, item, "two inputs are placed at %s; the first on line %d", first->to,
                   first->line);
    else
        problem_at(l, item, "two inputs are placed at %s", first->to);
}

/* Whether the job before had the very same list, and all of it was good. */
static bool were_read(const struct loader *l, const struct draft *d)
{
    return d->inputs->kind == NODE_LIST && d->inputs->first != NULL &&
           d->inputs->first == l->inputs.first && str_eq(d->job.workdir, l->inputs.workdir);
}

void inputs_read(struct loader *l, struct draft *d)
{
    const struct node *value = d->inputs;
    size_t n = 0, before = l->source.n_problems + l->source.n_dropped;
    struct jobs_input *inputs;

    if (were_read(l, d)) {
        d->job.inputs = l->inputs.inputs;
        d->job.n_inputs = l->inputs.n;
        return;
    }
    l->inputs.first = NULL;
    d->takes_files = false;

    if (items_count(value) > LOAD_ITEMS_MAX) {
        problem_at(l, value, "'inputs' has more than %d entries", LOAD_ITEMS_MAX);
        return;
    }
    if (!budget_charge(l, value, 4 * items_count(value)))
        return;
    inputs = arena_alloc(l->plan->arena, items_count(value) * sizeof(*inputs));
    for (const struct node *item = items_first(value); item != NULL;
         item = items_next(value, item)) {
        l->workdir = d->job.workdir;
        input_read(l, d, item, &inputs[n]);
        l->workdir = NULL;
        for (size_t i = 0; i < n && inputs[n].to != NULL; i++)
            if (inputs[i].to != NULL && str_eq(inputs[i].to, inputs[n].to))
                same_place(l, item, &inputs[i]);
        n++;
    }
    d->job.inputs = inputs;
    d->job.n_inputs = n;
    /* whose files they are is another job for each instance */
    if (value->kind == NODE_LIST && !d->takes_files &&
        l->source.n_problems + l->source.n_dropped == before)
        l->inputs = (struct inputs_read){value->first, d->job.workdir, inputs, n};
}
