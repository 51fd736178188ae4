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

/* ---- how it goes on after a job, and what it has besides ---- */

static json_t *end_words(const struct jobs_ends *ends)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < JOBS_END_COUNT; i++)
        if ((ends->verdicts >> i) & 1u)
            (void)json_array_append_new(list, json_string(jobs_bad_end_name(i)));
    return list;
}

static json_t *exit_codes(const struct jobs_ends *ends)
{
    json_t *list = json_array();

    for (unsigned code = 0; code < 256; code++)
        if ((ends->exits[code / 64] >> (code % 64)) & 1u)
            (void)json_array_append_new(list, json_integer(code));
    return list;
}

static void add_allowed(json_t *object, const struct jobs_ends *ends)
{
    json_t *verdicts = end_words(ends), *exits = exit_codes(ends), *value;
    bool all = json_array_size(verdicts) == JOBS_END_COUNT;

    if (json_array_size(verdicts) + json_array_size(exits) > 0) {
        value = all ? json_true() : json_pack("{s:O, s:O}", "exit", exits, "verdicts", verdicts);
        (void)json_object_set_new(object, "allow-failure", value);
    }
    json_decref(verdicts);
    json_decref(exits);
}

static void add_retries(json_t *object, const struct jobs_job *job)
{
    static const char *const kinds[JOBS_RETRY_COUNT] = {[JOBS_RETRY_FAILURE] = "failure",
                                                        [JOBS_RETRY_TIMEOUT] = "timeout",
                                                        [JOBS_RETRY_ERROR] = "error"};
    json_t *on = json_array(), *verdicts = end_words(&job->retry_ends),
           *exits = exit_codes(&job->retry_ends);

    for (unsigned i = 0; i < JOBS_RETRY_COUNT; i++)
        if ((job->retry_on >> i) & 1u)
            (void)json_array_append_new(on, json_string(kinds[i]));
    (void)json_array_extend(on, verdicts);
    (void)json_array_extend(on, exits);
    json_decref(verdicts);
    json_decref(exits);
    (void)json_object_set_new(object, "retries", json_integer(job->retries));
    (void)json_object_set_new(object, "retry-on", on);
    if (job->retry_delay > 0)
        (void)json_object_set_new(object, "retry-delay",
                                  json_real((double)job->retry_delay / (double)NSEC_PER_SEC));
}

/* Needs that ask for more, or for something else, than that the other passes. */
static void add_whens(json_t *object, const struct jobs_plan *plan, const struct jobs_job *job)
{
    json_t *whens = json_object();

    for (size_t i = 0; i < job->n_needs; i++)
        if (job->needs_when[i] == JOBS_NEED_FAILURE || job->needs_when[i] == JOBS_NEED_ALWAYS)
            (void)json_object_set_new(
                whens, plan->jobs[job->needs[i]].name,
                json_string(job->needs_when[i] == JOBS_NEED_FAILURE ? "failure" : "always"));
    if (json_object_size(whens) > 0)
        (void)json_object_set(object, "needs-when", whens);
    json_decref(whens);
}

static void add_names(json_t *object, const struct jobs_job *job)
{
    json_t *secrets = json_array(), *services = json_array();

    for (size_t i = 0; i < job->n_secrets; i++)
        (void)json_array_append_new(secrets, json_string(job->secrets[i].name));
    for (size_t i = 0; i < jobs_services_count(job); i++)
        (void)json_array_append_new(services, json_string(job->services->list[i].name));
    if (json_array_size(secrets) > 0)
        (void)json_object_set(object, "secrets", secrets);
    if (json_array_size(services) > 0)
        (void)json_object_set(object, "services", services);
    if (job->artifacts.paths.patterns != NULL)
        (void)json_object_set_new(object, "artifacts",
                                  name_array((const char *const *)job->artifacts.paths.patterns));
    json_decref(secrets);
    json_decref(services);
}

/* Adds how many places it has of what, for itself. */
static void add_exclusive(json_t *object, const struct jobs_plan *plan, const struct jobs_job *job)
{
    json_t *claims = json_object();

    for (size_t i = 0; i < job->n_claims; i++)
        (void)json_object_set_new(claims, plan->pools[job->claims[i].pool].name,
                                  json_integer(job->claims[i].places));
    (void)json_object_set_new(object, "exclusive", claims);
}

/* Adds what a job says of these, and nothing where it says nothing. */
static void add_flow(json_t *object, const struct jobs_plan *plan, const struct jobs_job *job)
{
    add_whens(object, plan, job);
    add_allowed(object, &job->allowed);
    if (job->retries > 0)
        add_retries(object, job);
    if (job->max_parallel > 0)
        (void)json_object_set_new(object, "max-parallel", json_integer(job->max_parallel));
    if (job->fail_fast)
        (void)json_object_set_new(object, "fail-fast", json_true());
    if (job->n_claims > 0)
        add_exclusive(object, plan, job);
    if (job->slots > 1)
        (void)json_object_set_new(object, "slots", json_integer(job->slots));
    if (job->after != NULL)
        (void)json_object_set_new(object, "after", json_true());
    add_names(object, job);
    if (job->refused != NULL)
        (void)json_object_set_new(object, "refused", json_string(job->refused));
}

/* Adds what a case is besides a job. */
static void add_case(json_t *object, const struct jobs_plan *plan, const struct jobs_job *job)
{
    const struct jobs_case *c = job->of_case;
    const struct jobs_judged *j;
    json_t *o;

    if (c == NULL)
        return;
    j = &plan->judged[c->judged];
    o = json_pack("{s:s, s:s, s:f, s:s}", "name", c->name, "submission", j->name, "points",
                  (double)c->points / 1000, "visibility", jobs_visibility_name(c->visibility));
    if (c->group != 0)
        (void)json_object_set_new(o, "group", json_string(j->groups[c->group].name));
    if (c->hint != NULL)
        (void)json_object_set_new(o, "hint", json_string(c->hint));
    (void)json_object_set_new(object, "case", o);
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
    add_case(object, plan, job);
    add_flow(object, plan, job);
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
static void print_line(const struct jobs_job *job, const char *id, size_t width)
{
    const char *text = job->description != NULL ? job->description : "";
    cleanup_free char *first = strndup(text, strcspn(text, "\n\r"));
    cleanup_strbuf struct strbuf line = {0};

    text_add_line(&line, id);
    if (first != NULL && *first != '\0') {
        strbuf_addf(&line, "%*s  ", (int)(width - letters_of(id)), "");
        text_add_line(&line, first);
    }
    (void)puts(line.data);
}

void cli_jobs_print(const struct jobs_ids *ids, const struct jobs_plan *plan, const bool *selected)
{
    cleanup_free size_t *order = xcalloc(plan->n_jobs, sizeof(*order));
    char **of = xcalloc(plan->n_jobs + 1, sizeof(*of));
    size_t width = 0;

    for (size_t i = 0; i < plan->n_jobs; i++)
        if (selected[i]) {
            of[i] = jobs_id(ids, plan, &plan->jobs[i]);
            width = letters_of(of[i]) > width ? letters_of(of[i]) : width;
        }
    jobs_order(plan, order);
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (selected[order[i]])
            print_line(&plan->jobs[order[i]], of[order[i]], width);
    for (size_t i = 0; i < plan->n_jobs; i++)
        free(of[i]);
    free(of);
}

void cli_jobs_add_json(const struct jobs_plan *plan, const bool *selected, json_t *list)
{
    cleanup_free size_t *order = xcalloc(plan->n_jobs, sizeof(*order));

    jobs_order(plan, order);
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (selected[order[i]])
            (void)json_array_append_new(list, job_object(plan, &plan->jobs[order[i]]));
}
