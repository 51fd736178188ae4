/* SPDX-License-Identifier: Apache-2.0 */
/* input: which host paths a job sees, and where. Not responsible for mounting them. */
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
    const struct node *from;
    bool says_untrusted, untrusted;
};

void key_set_input_from(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    struct input_draft *in = object;

    if (value_named_path(l, value, k->name, &in->input.host))
        in->from = value;
}

void key_set_untrusted(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct input_draft *in = object;

    in->says_untrusted = value_bool(l, value, k->name, &in->untrusted);
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
static void check_exclude(struct loader *l, const struct node *n, const struct jobs_input *input)
{
    const struct node *at = n->kind == NODE_MAP ? node_child(n, "exclude") : NULL;

    for (const char **p = input->exclude.patterns; at != NULL && p != NULL && *p != NULL; p++)
        if ((*p)[0] == '/' || (*p)[0] == '\0') {
            problem_at(l, at, "'exclude' must name what is in the directory, relative to it: '%s'",
                       input->exclude.written[p - input->exclude.patterns]);
            return;
        }
}

static void input_read(struct loader *l, const struct draft *d, const struct node *n,
                       struct jobs_input *input)
{
    struct input_draft in = {
        .input = {.mode = JOBS_INPUT_COW, .line = source_line_of(&l->source, n->place)}};
    const char *name = n->kind == NODE_MAP ? "from" : "inputs";

    if (n->kind == NODE_MAP) {
        (void)keys_apply(l, &keys_input, n, &in);
    } else if (value_is_text(l, n, "inputs", "paths, or maps of from, to and mode") &&
               value_named_path(l, n, "inputs", &in.input.host)) {
        in.from = n;
    }
    check_exclude(l, n, &in.input);
    if (in.from == NULL)
        return;
    settle_trust(&in);
    if (!value_host_path_exists(l, in.from, name, true, &in.input.host))
        return;
    in.input.from = in.input.host.path;
    if (in.input.to == NULL)
        in.input.to = default_place(l, d, in.from->text);
    if (in.input.to == NULL)
        problem_at(
            l, in.from,
            "'%s' leads out of the job file's directory, so it needs a place: {from: %s, to: ...}",
            in.from->text, in.from->text);
    else if (input_belongs_to_sandbox(in.input.to))
        problem_at(l, n, "an input cannot be placed at %s, which belongs to the sandbox",
                   in.input.to);
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
    if (value->kind == NODE_LIST && l->source.n_problems + l->source.n_dropped == before)
        l->inputs = (struct inputs_read){value->first, d->job.workdir, inputs, n};
}
