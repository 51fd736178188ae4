/* SPDX-License-Identifier: Apache-2.0 */
/* select: which jobs of a plan a run is about, and in which order they can run. */
#include "jobs/jobs.h"

#include <fnmatch.h>
#include <string.h>

static bool has_tag(const struct jobs_job *job, const char *tag)
{
    for (const char **t = job->tags; *t != NULL; t++)
        if (str_eq(*t, tag))
            return true;
    return false;
}

static bool matches_name(const struct jobs_job *job, const char *glob)
{
    return fnmatch(glob, job->name, 0) == 0;
}

/* Whether the name is that of an instance: JOB/KEY=VALUE. */
static bool is_instance_of(const char *name, const char *job)
{
    size_t n = strlen(job);

    return strncmp(name, job, n) == 0 && name[n] == '/';
}

const char *jobs_meant_name(const char *word, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_instance_of(names[i], word))
            return names[i];
    return str_nearest(word, names, n);
}

static int nothing_matches(struct cupel_error *err, const struct jobs_plan *plan, const char *what,
                           const char *word, const char *const *names, size_t n)
{
    const char *near = jobs_meant_name(word, names, n);

    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "no job of %s %s '%s'", plan->file, what,
                          word);
    if (near != NULL && is_instance_of(near, word))
        cupel_error_hint(err, "did you mean '%s/*'? These are its instances", word);
    else if (near != NULL)
        cupel_error_hint(err, "did you mean '%s'?", near);
    return -EINVAL;
}

static int check_glob(const struct jobs_plan *plan, const char *glob, struct cupel_error *err)
{
    cleanup_free const char **names = NULL;

    for (size_t i = 0; i < plan->n_jobs; i++)
        if (matches_name(&plan->jobs[i], glob))
            return 0;
    names = xcalloc(plan->n_jobs, sizeof(*names));
    for (size_t i = 0; i < plan->n_jobs; i++)
        names[i] = plan->jobs[i].name;
    return nothing_matches(err, plan, "is named", glob, names, plan->n_jobs);
}

static int check_tag(const struct jobs_plan *plan, const char *tag, struct cupel_error *err)
{
    cleanup_free const char **tags = NULL;
    size_t n = 0;

    for (size_t i = 0; i < plan->n_jobs; i++) {
        if (has_tag(&plan->jobs[i], tag))
            return 0;
        for (const char **t = plan->jobs[i].tags; *t != NULL; t++)
            n++;
    }
    tags = xcalloc(n, sizeof(*tags));
    n = 0;
    for (size_t i = 0; i < plan->n_jobs; i++)
        for (const char **t = plan->jobs[i].tags; *t != NULL; t++)
            tags[n++] = *t;
    return nothing_matches(err, plan, "has the tag", tag, tags, n);
}

static bool is_wanted(const struct jobs_job *job, const char *const *only, size_t n_only,
                      const char *const *tags, size_t n_tags)
{
    bool named = n_only == 0, tagged = n_tags == 0;

    for (size_t i = 0; i < n_only && !named; i++)
        named = matches_name(job, only[i]);
    for (size_t i = 0; i < n_tags && !tagged; i++)
        tagged = has_tag(job, tags[i]);
    return named && tagged;
}

static size_t add_some(const size_t *jobs, size_t n_jobs, bool *selected, size_t *pending)
{
    size_t n = 0;

    for (size_t i = 0; i < n_jobs; i++)
        if (!selected[jobs[i]]) {
            selected[jobs[i]] = true;
            pending[n++] = jobs[i];
        }
    return n;
}

/* Marks what the marked jobs need, directly or not, and who is on a bridge with any of them.
 * `pending` is a stack, so that depth is no matter. */
static void add_needs(const struct jobs_plan *plan, bool *selected)
{
    cleanup_free size_t *pending = xcalloc(plan->n_jobs, sizeof(*pending));
    size_t n = 0;

    for (size_t i = 0; i < plan->n_jobs; i++)
        if (selected[i])
            pending[n++] = i;
    while (n > 0) {
        const struct jobs_job *job = &plan->jobs[pending[--n]];

        n += add_some(job->needs, job->n_needs, selected, pending + n);
        if (job->network == JOBS_NETWORK_BRIDGE)
            n += add_some(plan->bridges[job->bridge].members, plan->bridges[job->bridge].n_members,
                          selected, pending + n);
    }
}

int jobs_select(const struct jobs_plan *plan, const char *const *only, size_t n_only,
                const char *const *tags, size_t n_tags, bool *ret_selected, struct cupel_error *err)
{
    size_t found = 0;
    int r;

    for (size_t i = 0; i < n_only; i++) {
        r = check_glob(plan, only[i], err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < n_tags; i++) {
        r = check_tag(plan, tags[i], err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < plan->n_jobs; i++)
        found += is_wanted(&plan->jobs[i], only, n_only, tags, n_tags);
    if (found == 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "no job of %s has both such a name and such a tag", plan->file);
    for (size_t i = 0; i < plan->n_jobs; i++)
        ret_selected[i] = is_wanted(&plan->jobs[i], only, n_only, tags, n_tags);
    add_needs(plan, ret_selected);
    return 0;
}

void jobs_order(const struct jobs_plan *plan, size_t *ret_order)
{
    cleanup_free size_t *path = xcalloc(plan->n_jobs, sizeof(*path));
    cleanup_free size_t *next = xcalloc(plan->n_jobs, sizeof(*next));
    cleanup_free bool *seen = xcalloc(plan->n_jobs, sizeof(*seen));
    size_t n = 0;

    for (size_t i = 0; i < plan->n_jobs; i++) {
        size_t depth = 0;

        if (seen[i])
            continue;
        seen[i] = true;
        path[depth] = i;
        next[depth++] = 0;
        while (depth > 0) { /* down its needs; a job is written out after all of them */
            const struct jobs_job *job = &plan->jobs[path[depth - 1]];
            size_t need;

            if (next[depth - 1] == job->n_needs) {
                ret_order[n++] = path[--depth];
                continue;
            }
            need = job->needs[next[depth - 1]++];
            if (seen[need])
                continue;
            seen[need] = true;
            path[depth] = need;
            next[depth++] = 0;
        }
    }
}
