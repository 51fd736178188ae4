/* SPDX-License-Identifier: Apache-2.0 */
/* run_names: see run_names.h. A job's id is its name where no other file of the run has a job of
 * that name; else the suite's name or the file's comes before it. Names are taken from sets, so
 * that what is the same after all (one file given twice, "a/b" as a job and as a step of "a", names
 * that a file system without case takes for one) gets a number. Not responsible for how a log_name
 * becomes a file's name (reports). */
#include "harness/prepare/run_names.h"

#include "harness/run/run.h"
#include "harness/run/run_options.h"

#include <ctype.h>
#include <search.h>
#include <string.h>

/* A name that was wanted more than once, and the number that comes next: counting from 2 for each
 * of many would take for ever. */
struct numbered {
    const char *name;
    unsigned next;
};

struct names {
    struct arena *arena; /* of what follows */
    struct strset ids;
    void *numbered_ids;
    struct strset files; /* file names, in lower case */
    void *numbered_files;
    struct strset shared;   /* job names that several files have */
    struct strset roots;    /* names of derived roots that several files have */
    bool suites_are_unique; /* so they tell the files apart */
};

static void forget(void *numbered)
{
    (void)numbered; /* which lives in the arena */
}

static void names_free(struct names *n)
{
    tdestroy(n->numbered_ids, forget);
    tdestroy(n->numbered_files, forget);
    arena_free(n->arena);
    strset_free(&n->ids);
    strset_free(&n->files);
    strset_free(&n->shared);
    strset_free(&n->roots);
}

/* ---- what several files have ---- */

static void find_shared(const struct run_options *o, struct names *n)
{
    _cleanup_(strset_free) struct strset jobs = {0}, roots = {0}, suites = {0};

    n->suites_are_unique = true;
    for (size_t p = 0; p < o->n_plans; p++) {
        const struct jobs_plan *plan = o->plans[p];

        n->suites_are_unique = strset_add(&suites, plan->name) && n->suites_are_unique;
        for (size_t i = 0; i < plan->n_jobs; i++)
            if (!strset_add(&jobs, plan->jobs[i].name))
                (void)strset_add(&n->shared, plan->jobs[i].name);
        for (size_t i = 0; i < plan->n_roots; i++)
            if (plan->roots[i].build != NULL && !strset_add(&roots, plan->roots[i].name))
                (void)strset_add(&n->roots, plan->roots[i].name);
    }
}

/* ---- taking a name ---- */

static int compare_numbered(const void *a, const void *b)
{
    return strcmp(((const struct numbered *)a)->name, ((const struct numbered *)b)->name);
}

static unsigned *next_number_of(struct names *n, void **numbered, const char *name)
{
    struct numbered wanted = {.name = name}, *made, **found;

    found = (struct numbered **)tfind(&wanted, numbered, compare_numbered);
    if (found != NULL)
        return &(*found)->next;
    made = arena_alloc(n->arena, sizeof(*made));
    *made = (struct numbered){arena_strdup(n->arena, name), 2};
    (void)tsearch(made, numbered, compare_numbered);
    return &made->next;
}

/* "x", "x#2", "x#3", …: the first that is free. */
static const char *run_names_take_id(struct names *n, struct arena *arena, const char *wanted)
{
    const char *id = wanted;
    unsigned *number;

    if (strset_add(&n->ids, id))
        return id;
    number = next_number_of(n, &n->numbered_ids, wanted);
    do
        id = arena_printf(arena, "%s#%u", wanted, (*number)++);
    while (!strset_add(&n->ids, id));
    return id;
}

/* Writes what a file system without case takes the name's file for. */
static void fold_file(const char *name, char ret[static REPORTS_FILE_NAME_SIZE])
{
    reports_file_name(name, ret, REPORTS_FILE_NAME_SIZE);
    for (char *c = ret; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
}

static const char *take_log_name(struct names *n, struct arena *arena, const char *wanted)
{
    char file[REPORTS_FILE_NAME_SIZE];
    const char *name = wanted;
    unsigned *number;

    fold_file(name, file);
    if (strset_add(&n->files, file))
        return name;
    number = next_number_of(n, &n->numbered_files, file);
    do {
        name = arena_printf(arena, "%s#%u", wanted, (*number)++);
        fold_file(name, file);
    } while (!strset_add(&n->files, file));
    return name;
}

static const char *id_of(const struct names *n, const struct jobs_plan *plan, const char *name)
{
    if (!strset_has(&n->shared, name))
        return name;
    if (n->suites_are_unique)
        return arena_printf(plan->arena, "%s.%s", plan->name, name);
    return arena_printf(plan->arena, "%s:%s", plan->file, name);
}

static const char *root_name_of(const struct names *n, const struct jobs_plan *plan,
                                const char *name)
{
    return strset_has(&n->roots, name) ? arena_printf(plan->arena, "rootfs+%s:%s", plan->file, name)
                                       : arena_printf(plan->arena, "rootfs+%s", name);
}

/* ---- all of them ---- */

static void name_roots(const struct run_options *o, struct names *n, struct run *run)
{
    size_t base = 0;

    run->root_log_names = xcalloc(run->n_roots, sizeof(*run->root_log_names));
    for (size_t p = 0; p < o->n_plans; p++) {
        const struct jobs_plan *plan = o->plans[p];

        for (size_t i = 0; i < plan->n_roots; i++)
            if (plan->roots[i].build != NULL)
                run->root_log_names[base + i] =
                    take_log_name(n, plan->arena, root_name_of(n, plan, plan->roots[i].name));
        base += plan->n_roots;
    }
}

/* Jobs come before steps: a step gives way. */
static const char **name_steps(struct names *n, const struct jobs_plan *plan,
                               const struct jobs_job *job, const char *id)
{
    const char **ids;

    if (!job->has_steps)
        return NULL;
    ids = arena_alloc(plan->arena, job->n_steps * sizeof(*ids));
    for (size_t i = 0; i < job->n_steps; i++)
        if (job->steps[i].name != NULL)
            ids[i] = run_names_take_id(n, plan->arena,
                                       arena_printf(plan->arena, "%s/%s", id, job->steps[i].name));
    return ids;
}

/* Instances stand as the selected jobs of all files do. */
static struct instance *instance_of(struct run *run, const struct jobs_plan *plan,
                                    const struct jobs_job *job, size_t plan_index, size_t *next)
{
    struct instance *in = *next < run->n_instances ? &run->instances[*next] : NULL;

    if (in == NULL || in->plan != plan || in->plan_index != plan_index || in->job != job)
        return NULL;
    (*next)++;
    return in;
}

/* A service is named after its job, in messages too. */
static void name_services(struct names *n, struct run *run, const struct instance *of)
{
    for (size_t i = 0; i < jobs_services_count(of->job); i++) {
        struct instance *in = &run->instances[of->services + i];

        in->id = arena_printf(of->plan->arena, "%s.service-%s", of->id, in->service->name);
        in->log_name = take_log_name(
            n, of->plan->arena,
            arena_printf(of->plan->arena, "%s.service-%s", of->log_name, in->service->name));
    }
}

/* Names a checker in the same way; it has no files of that name. */
static void name_checker(struct run *run, const struct instance *of)
{
    struct instance *in;

    if (of->checker == NULL)
        return;
    in = &run->instances[of->checker - run->instances];
    in->id = arena_printf(of->plan->arena, "%s.%s", of->id, jobs_checker_word(in->judge));
    in->log_name = in->id;
}

static void name_jobs(const struct run_options *o, struct names *n, struct run *run)
{
    size_t next = 0;

    for (size_t p = 0; p < o->n_plans; p++)
        for (size_t i = 0; i < o->plans[p]->n_jobs; i++) {
            const struct jobs_plan *plan = o->plans[p];
            const char *id = run_names_take_id(n, plan->arena, id_of(n, plan, plan->jobs[i].name));
            const char *log_name = take_log_name(n, plan->arena, id);
            struct instance *in = instance_of(run, plan, &plan->jobs[i], p, &next);

            if (in == NULL)
                continue;
            in->id = id;
            in->log_name = log_name;
        }
    for (size_t i = 0; i < run->n_instances; i++) {
        name_services(n, run, &run->instances[i]);
        name_checker(run, &run->instances[i]);
    }
    for (size_t i = 0; i < run->n_instances; i++) {
        struct instance *in = &run->instances[i];

        in->step_ids = name_steps(n, in->plan, in->job, in->id);
    }
}

void run_names_make(const struct run_options *options, struct run *run)
{
    _cleanup_(names_free) struct names n = {.arena = arena_new()};

    find_shared(options, &n);
    name_roots(options, &n, run);
    name_jobs(options, &n, run);
}
