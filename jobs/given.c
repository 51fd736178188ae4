/* SPDX-License-Identifier: Apache-2.0 */
/* given: a job that a command line describes: its options become nodes of a tree, beside those of a
 * job file where it builds on a job of one, and the loader reads them as it reads any file. So
 * keys, values and messages are the job file's. Not responsible for how options are written. */
#include "jobs/load.h"

#include "jobs/expand/expand.h"

#include <fcntl.h>

struct given_tree {
    struct loader *l;
    const struct jobs_given *given;
    /* of the options, by their number; SOURCE_OPTIONS + i is the line of option i */
    const char **options;
    uint32_t n;
};

static struct source_place place_of(struct given_tree *t, const char *option)
{
    t->options[t->n] = option;
    return source_at(SOURCE_OPTIONS + t->n++, 1);
}

/* `plain`: as if it were written without quotes, so that it may be a number. */
static struct node *new_scalar(struct given_tree *t, const char *text, bool plain,
                               struct source_place place)
{
    struct node *n = node_new_text(t->l->tree, arena_strdup(t->l->plan->arena, text), place);

    n->plain = plain;
    return n;
}

static void add_child(struct node *parent, struct node *child)
{
    struct node **link = &parent->first;

    while (*link != NULL)
        link = &(*link)->next;
    child->next = NULL;
    *link = child;
    parent->n++;
}

/* Gives the map that child, in place of what it had under the key. */
static void set_child(struct given_tree *t, struct node *map, const char *key, struct node *child)
{
    struct node **link = &map->first;

    child->key = new_scalar(t, key, false, child->place);
    for (; *link != NULL; link = &(*link)->next)
        if (str_eq((*link)->key->text, key)) {
            child->next = (*link)->next;
            *link = child;
            return;
        }
    add_child(map, child);
}

static struct node *find_child(struct node *map, const char *key)
{
    for (struct node *v = map->first; v != NULL; v = v->next)
        if (v->key->kind == NODE_SCALAR && str_eq(v->key->text, key))
            return v;
    return NULL;
}

/* Gives the map children of its own: those of an instance of a matrix are its siblings' too. */
static void own_children(struct given_tree *t, struct node *map)
{
    for (struct node **link = &map->first; *link != NULL; link = &(*link)->next) {
        struct node *copy = node_new(t->l->tree, (*link)->kind, (*link)->place);

        *copy = **link;
        *link = copy;
    }
}

/* Returns the map under that key, which is made where there is none. */
static struct node *child_map(struct given_tree *t, struct node *map, const char *key,
                              struct source_place place)
{
    struct node *child = find_child(map, key);

    if (child == NULL || child->kind != NODE_MAP) {
        child = node_new(t->l->tree, NODE_MAP, place);
        set_child(t, map, key, child);
    }
    own_children(t, child);
    return child;
}

/* Whether an option before this one gave the same. */
static bool was_given(const struct node *map, const char *key)
{
    const struct node *before = node_child(map, key);

    return before != NULL && before->place.line >= SOURCE_OPTIONS;
}

static void put_value(struct given_tree *t, struct node *job, const struct jobs_given_value *v)
{
    struct source_place place = place_of(t, v->option);
    struct node *map = job, *scalar = new_scalar(t, v->value, !v->is_text, place);
    const char *dot = v->entry != NULL && !v->is_text ? strchr(v->entry, '.') : NULL;
    const char *key = v->entry != NULL ? v->entry : v->key;

    if (v->entry != NULL)
        map = child_map(t, job, v->key, place);
    if (dot != NULL) { /* "io.read-bps": a map in the map */
        map = child_map(t, map, arena_strndup(t->l->tree, key, (size_t)(dot - key)), place);
        key = dot + 1;
    }
    if (was_given(map, key))
        source_problem(&t->l->source, place, "'%s' is given twice", key);
    set_child(t, map, key, scalar);
}

/* ---- inputs and the root ---- */

/* What the job has of the file, or else what `defaults` gives, as a list of its own. */
static struct node *own_inputs(struct given_tree *t, struct node *job, struct node *defaults)
{
    struct node *list = node_new(t->l->tree, NODE_LIST, job->place),
                *of = find_child(job, "inputs");

    if (of == NULL && defaults != NULL)
        of = find_child(defaults, "inputs");
    if (of == NULL)
        return list;
    for (const struct node *item = items_first(of); item != NULL; item = items_next(of, item)) {
        struct node *copy = node_new(t->l->tree, item->kind, item->place);

        *copy = *item;
        copy->key = NULL;
        add_child(list, copy);
    }
    return list;
}

static void put_inputs(struct given_tree *t, struct node *job, struct node *defaults)
{
    struct node *list;

    if (t->given->n_inputs == 0)
        return;
    list = own_inputs(t, job, defaults);
    for (size_t i = 0; i < t->given->n_inputs; i++) {
        const struct jobs_given_input *in = &t->given->inputs[i];
        struct source_place place = place_of(t, in->option);
        struct node *map = node_new(t->l->tree, NODE_MAP, place);

        set_child(t, map, "from", new_scalar(t, in->from, false, place));
        if (in->to != NULL)
            set_child(t, map, "to", new_scalar(t, in->to, false, place));
        if (in->mode != NULL)
            set_child(t, map, "mode", new_scalar(t, in->mode, false, place));
        add_child(list, map);
    }
    set_child(t, job, "inputs", list);
}

static void put_artifacts(struct given_tree *t, struct node *job)
{
    struct node *list;

    if (t->given->artifacts == NULL || t->given->artifacts[0] == NULL)
        return;
    list = node_new(t->l->tree, NODE_LIST, job->place);
    for (size_t i = 0; t->given->artifacts[i] != NULL; i++) {
        const char *option = arena_printf(t->l->tree, "--artifact %s", t->given->artifacts[i]);

        add_child(list, new_scalar(t, t->given->artifacts[i], false, place_of(t, option)));
    }
    set_child(t, job, "artifacts", list);
}

static void put_command(struct given_tree *t, struct node *job)
{
    struct node *list = node_new(t->l->tree, NODE_LIST, job->place);

    /* what stands for it: the command itself is never a matter of YAML (take_command) */
    add_child(list, new_scalar(t, "command", false, job->place));
    set_child(t, job, "run", list);
}

/* ---- the job ---- */

/* A tree as a job file would give it that has one job. */
static struct node *make_file(struct given_tree *t, struct node **ret_job)
{
    const struct source_place none = source_at(1, 1);
    struct node *file = node_new(t->l->tree, NODE_MAP, none), *jobs;

    set_child(t, file, "cupel", new_scalar(t, "1", true, none));
    jobs = child_map(t, file, "jobs", none);
    *ret_job = child_map(t, jobs, t->given->job, none);
    return file;
}

static bool find_job(struct given_tree *t, struct node *file, struct node **ret_job,
                     struct cupel_error *err)
{
    struct node *jobs = file->kind == NODE_MAP ? find_child(file, "jobs") : NULL;
    cleanup_free const char **names = NULL;
    const char *near;
    size_t n = 0;

    if (jobs == NULL || jobs->kind != NODE_MAP) { /* which the loader says */
        *ret_job = NULL;
        return true;
    }
    *ret_job = find_child(jobs, t->given->job);
    if (*ret_job != NULL)
        return true;
    names = xcalloc(jobs->n, sizeof(*names));
    for (const struct node *v = jobs->first; v != NULL; v = v->next)
        if (v->key->kind == NODE_SCALAR)
            names[n++] = v->key->text;
    near = jobs_meant_name(t->given->job, names, n);
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s has no job '%s'", t->given->file,
                          t->given->job);
    if (near != NULL)
        cupel_error_hint(err, "did you mean '%s'?", near);
    else
        cupel_error_hint(err, "`cupel list %s` shows its jobs", t->given->file);
    return false;
}

static void put_all(struct given_tree *t, struct node *file, struct node *job)
{
    for (size_t i = 0; i < t->given->n_values; i++)
        put_value(t, job, &t->given->values[i]);
    put_inputs(t, job, find_child(file, "defaults"));
    put_artifacts(t, job);
    put_command(t, job);
}

/* Puts in what the command line alone says, and takes out what means nothing with a command whose
 * streams are the caller's. */
static void take_command(struct jobs_plan *plan, const struct jobs_given *given,
                         struct jobs_job *job)
{
    const char **argv;
    size_t n = 0;

    while (given->command[n] != NULL)
        n++;
    argv = arena_alloc(plan->arena, (n + 1) * sizeof(*argv));
    for (size_t i = 0; i < n; i++)
        argv[i] = arena_strdup(plan->arena, given->command[i]);
    job->steps[0] = (struct jobs_step){.argv = argv, .line = job->line};
    job->n_steps = 1;
    job->has_steps = job->goes_on = false;
    job->after = NULL;
    job->stdin_text = job->stdin_file.path = NULL;
    job->n_needs = 0;
    job->retries = 0;
    job->role = JOBS_ROLE_NONE; /* it is a command of the caller's */
    if (given->artifacts == NULL || given->artifacts[0] == NULL)
        job->artifacts.paths.patterns = NULL;
    job->artifacts.if_missing =
        JOBS_MISSING_NOTE; /* the caller has the list, and no other verdict */
}

/* A root that no job file can describe stands behind those of the file. */
static void take_root(struct jobs_plan *plan, const struct jobs_given *given, struct jobs_job *job)
{
    struct jobs_root *roots, *own;

    if (given->root.kind == JOBS_ROOT_HOST && given->root.name == NULL)
        return;
    roots = arena_alloc(plan->arena, (plan->n_roots + 1) * sizeof(*roots));
    memcpy(roots, plan->roots, plan->n_roots * sizeof(*roots));
    own = &roots[plan->n_roots];
    *own = given->root;
    own->name = arena_strdup(plan->arena, given->root.name);
    own->path = given->root.path != NULL ? arena_strdup(plan->arena, given->root.path) : NULL;
    own->tag = given->root.tag != NULL ? arena_strdup(plan->arena, given->root.tag) : NULL;
    job->root = plan->n_roots++;
    plan->roots = roots;
}

static int read_base(const char *path, char **ret_text, size_t *ret_len, struct cupel_error *err)
{
    int r = file_read_at(AT_FDCWD, path, LOAD_FILE_MAX, ret_text, ret_len);

    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot read job file %s", path) : 0;
}

/* Whether the map says a limit of that name. */
static bool says_limit(struct node *map, const char *name)
{
    struct node *limits = map != NULL && map->kind == NODE_MAP ? find_child(map, "limits") : NULL;

    return limits != NULL && limits->kind == NODE_MAP && node_child(limits, name) != NULL;
}

/* A command that somebody waits for, maybe at a terminal, takes what time it takes where nobody has
 * said how much. */
static void lift_wall(struct given_tree *t, struct node *file, struct node *job)
{
    struct node *limits = find_child(job, "limits");
    struct source_place none = job->place;

    if (says_limit(job, "wall") || (limits != NULL && limits->kind != NODE_MAP) ||
        (file->kind == NODE_MAP && says_limit(find_child(file, "defaults"), "wall")))
        return;
    limits = child_map(t, job, "limits", none);
    set_child(t, limits, "wall", new_scalar(t, "none", true, none));
}

static struct node *build_given(void *data, struct loader *l, struct cupel_error *err)
{
    struct given_tree *t = data;
    struct node *file, *job = NULL;

    t->l = l;
    l->source.options = t->options;
    if (t->given->file != NULL) {
        file = tree_read(&l->source, l->tree, l->plan->arena);
        if (file != NULL)
            expand(l, file);
        if (file == NULL || !find_job(t, file, &job, err))
            return NULL;
    } else {
        file = make_file(t, &job);
    }
    if (job != NULL && job->kind == NODE_MAP) {
        own_children(t, job);
        put_all(t, file, job);
        lift_wall(t, file, job);
    }
    return file;
}

static struct jobs_job *job_of(struct jobs_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (str_eq(plan->jobs[i].name, name))
            return &plan->jobs[i];
    return NULL;
}

static size_t given_artifacts(const struct jobs_given *given)
{
    size_t n = 0;

    while (given->artifacts != NULL && given->artifacts[n] != NULL)
        n++;
    return n;
}

int jobs_load_given(const struct jobs_given *given, struct jobs_plan **ret_plan,
                    struct jobs_job **ret_job, struct strbuf *problems, struct cupel_error *err)
{
    size_t n_artifacts = given_artifacts(given);
    cleanup_free const char **options =
        xcalloc(given->n_values + given->n_inputs + n_artifacts + 1, sizeof(*options));
    struct given_tree t = {.given = given, .options = options};
    cleanup_free char *text = NULL, *dir = NULL;
    struct load_from from;
    size_t len = 0;
    int r = given->file != NULL ? read_base(given->file, &text, &len, err) : 0;

    if (r < 0)
        return r;
    dir = given->file != NULL ? load_directory_of(given->file) : getcwd(NULL, 0);
    if (dir == NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno,
                               "cannot find the directory that paths are relative to");
    from = (struct load_from){.file = given->file != NULL ? given->file : JOBS_COMMAND_LINE,
                              .dir = dir,
                              .text = text != NULL ? text : "",
                              .len = len,
                              .build = build_given,
                              .data = &t,
                              .host = &expand_real_host};
    r = load_tree(&from, ret_plan, problems, err);
    if (r < 0)
        return r;
    *ret_job = job_of(*ret_plan, given->job);
    take_command(*ret_plan, given, *ret_job);
    take_root(*ret_plan, given, *ret_job);
    return 0;
}
