/* SPDX-License-Identifier: Apache-2.0 */
/* cli_jobs: the jobs of a plan for `cupel list` and `cupel run --dry-run`: a line each, or as JSON.
 * Not responsible for which of them. */
#include "harness/cli/cli_jobs.h"

#include <string.h>

static json_t *name_array(const char *const *names)
{
    json_t *list = json_array();

    for (; *names != NULL; names++)
        (void)json_array_append_new(list, json_string(*names));
    return list;
}

/* A value that is not UTF-8, as a file's name may be, is absent. */
static json_t *matrix_object(const char *const *pairs)
{
    json_t *object = json_object();

    for (; *pairs != NULL; pairs++) {
        const char *equals = strchr(*pairs, '=');
        cleanup_free char *key = strndup(*pairs, (size_t)(equals - *pairs));

        (void)json_object_set_new(object, key, json_string(equals + 1));
    }
    return object;
}

/* ---- a job ---- */

static json_t *job_object(const struct jobs_plan *plan, const struct jobs_job *job)
{
    json_t *needs = json_array(), *steps = json_array(), *object;

    for (size_t i = 0; i < job->n_needs; i++)
        (void)json_array_append_new(needs, json_string(plan->jobs[job->needs[i]].name));
    for (size_t i = 0; job->has_steps && i < job->n_steps; i++)
        (void)json_array_append_new(steps, json_string(job->steps[i].name));
    object = json_pack("{s:s, s:s, s:o, s:o}", "name", job->name, "rootfs",
                       plan->roots[job->root].name, "needs", needs, "tags", name_array(job->tags));
    /* refused, and so absent, for a path that is not UTF-8, which JSON cannot carry */
    (void)json_object_set_new(object, "file", json_string(plan->file));
    if (job->matrix != NULL) {
        (void)json_object_set_new(object, "of", json_string(plan->groups[job->group].name));
        (void)json_object_set_new(object, "matrix", matrix_object(job->matrix));
    }
    if (job->from != JOBS_FROM_NOTHING)
        (void)json_object_set_new(object, "from", json_string(plan->jobs[job->from].name));
    if (job->description != NULL)
        (void)json_object_set_new(object, "description", json_string(job->description));
    if (job->has_steps)
        (void)json_object_set_new(object, "steps", steps);
    else
        json_decref(steps);
    return object;
}

/* ---- for people ---- */

/* Columns are guessed: one for each letter. */
static size_t letters_of(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* A description may have several lines; here it gets one. */
static void print_line(const struct jobs_job *job, size_t width)
{
    const char *text = job->description != NULL ? job->description : "";
    cleanup_free char *first = strndup(text, strcspn(text, "\n\r"));
    cleanup_strbuf struct strbuf line = {0};

    text_add_line(&line, job->name);
    if (first != NULL && *first != '\0') {
        strbuf_addf(&line, "%*s  ", (int)(width - letters_of(job->name)), "");
        text_add_line(&line, first);
    }
    (void)puts(line.data);
}

void cli_jobs_print(const struct jobs_plan *plan, const bool *selected)
{
    cleanup_free size_t *order = xcalloc(plan->n_jobs, sizeof(*order));
    size_t width = 0;

    for (size_t i = 0; i < plan->n_jobs; i++)
        if (selected[i] && letters_of(plan->jobs[i].name) > width)
            width = letters_of(plan->jobs[i].name);
    jobs_order(plan, order);
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (selected[order[i]])
            print_line(&plan->jobs[order[i]], width);
}

void cli_jobs_add_json(const struct jobs_plan *plan, const bool *selected, json_t *list)
{
    cleanup_free size_t *order = xcalloc(plan->n_jobs, sizeof(*order));

    jobs_order(plan, order);
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (selected[order[i]])
            (void)json_array_append_new(list, job_object(plan, &plan->jobs[order[i]]));
}
