/* SPDX-License-Identifier: Apache-2.0 */
/* derived: roots that a command makes over another root. The command is read as a job is, by the
 * same keys; which root is over which is told here. Not responsible for running anything. */
#include "jobs/load.h"

static const struct key *key_of_job(const char *name)
{
    for (size_t i = 0; i < keys_job.n; i++)
        if (str_eq(keys_job.keys[i].name, name))
            return &keys_job.keys[i];
    return NULL;
}

/* Sets what the job's key of the same name sets, for the command of a derived root. */
void key_set_build(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    const struct key *of_job = key_of_job(k->name);

    of_job->set(l, of_job, value, &((struct root_draft *)object)->build);
}

/* Completes the command of a derived root. The command starts in "/": a working directory of its
 * own would stay behind in the layer. */
void derived_finish(struct loader *l, struct root_draft *r, const struct node *map)
{
    struct draft none, *d = &r->build;

    if (node_child(map, "run") == NULL) {
        problem_at(l, map->key, "root '%s' has 'from' and no 'run'", r->root.name);
        return;
    }
    draft_init(&none, l->plan->arena);
    d->has_run = true;
    d->job.name = r->root.name;
    d->job.line = r->root.line;
    d->job.workdir = "/";
    draft_finish(l, d, &none);
    inputs_refuse_jobs(l, d, "a root that is made by a command");
    if (d->job.has_steps)
        problem_at(l, d->run, "'run' of a root must be text or an argv list, not a list of steps");
    r->root.build = arena_alloc(l->plan->arena, sizeof(d->job));
    *r->root.build = d->job;
}

static void derived_resolve_one(struct loader *l, const struct node *from, struct jobs_root *root)
{
    const char *near;

    if (!value_is_text(l, from, "from", "a root's name"))
        return;
    if (!name_index_find(&l->roots, from->text, &root->base)) {
        if (l->names_lost)
            return;
        near = str_nearest(from->text, l->roots.names, l->roots.n);
        problem_at(l, from, "there is no root '%s'%s%s%s", from->text,
                   near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
                   near != NULL ? "'?" : "");
    } else if (l->plan->roots[root->base].kind == JOBS_ROOT_HOST) {
        problem_at(l, from,
                   "no root can be derived from 'host', whose files change by themselves; start "
                   "from a root of 'debian', "
                   "'image', 'oci' or 'tar'");
    }
}

struct derived_walk {
    size_t *chain; /* roots from one down */
    size_t *depth; /* of each root that is done */
    bool *open;    /* those of the chain */
    bool *done;
};

/* Down to a root that is done or derived from none; then up again. */
static void derived_walk_from(struct loader *l, const struct node *const *from,
                              struct derived_walk *w, size_t start)
{
    const struct jobs_root *roots = l->plan->roots;
    size_t n = 0, at = start;

    while (!w->done[at] && !w->open[at] && roots[at].kind == JOBS_ROOT_DERIVED) {
        w->open[at] = true;
        w->chain[n++] = at;
        at = roots[at].base;
    }
    if (w->open[at])
        problem_at(l, from[at], "root '%s' is derived from itself%s", roots[at].name,
                   roots[at].base == at ? "" : ", by way of others");
    while (n-- > 0) {
        size_t i = w->chain[n];

        w->open[i] = false;
        w->done[i] = true;
        w->depth[i] = w->depth[roots[i].base] + 1;
        if (w->depth[i] == JOBS_FROM_DEPTH_MAX + 1)
            problem_at(l, from[i], "more than %u roots are derived one from another",
                       JOBS_FROM_DEPTH_MAX);
    }
}

void derived_resolve(struct loader *l, const struct node *const *from)
{
    struct jobs_plan *plan = l->plan;
    cleanup_free size_t *chain = xcalloc(plan->n_roots, sizeof(*chain)),
                        *depth = xcalloc(plan->n_roots, sizeof(*depth));
    cleanup_free bool *open = xcalloc(plan->n_roots, sizeof(*open)),
                      *done = xcalloc(plan->n_roots, sizeof(*done));
    struct derived_walk w = {.chain = chain, .depth = depth, .open = open, .done = done};

    for (size_t i = 0; i < plan->n_roots; i++)
        if (plan->roots[i].kind == JOBS_ROOT_DERIVED && from[i] != NULL)
            derived_resolve_one(l, from[i], &plan->roots[i]);
    for (size_t i = 0; i < plan->n_roots; i++)
        derived_walk_from(l, from, &w, i);
}
