/* SPDX-License-Identifier: Apache-2.0 */
/* select: which jobs of a plan a run is about, and in which order they can run. */
#include "jobs/jobs.h"

#include <fnmatch.h>
#include <string.h>

/* A name as it stands matches itself, whatever a value of a matrix has brought into it. */
static bool matches(const char *glob, const char *name)
{
    return fnmatch(glob, name, 0) == 0 || str_eq(glob, name);
}

static bool has_tag(const struct jobs_job *job, const char *glob)
{
    for (const char **t = job->tags; *t != NULL; t++)
        if (matches(glob, *t))
            return true;
    return false;
}

/* What the jobs of several files are called in a run of them (harness/prepare/run_names.c). */
struct jobs_ids {
    struct strset shared; /* names that several files have */
    bool by_suite;        /* "suite.job", else "file:job" */
};

static void id_form_find(struct jobs_ids *form, struct jobs_plan *const *plans, size_t n)
{
    _cleanup_(strset_free) struct strset names = {0}, suites = {0};

    *form = (struct jobs_ids){.by_suite = true};
    for (size_t p = 0; n > 1 && p < n; p++) {
        form->by_suite = strset_add(&suites, plans[p]->name) && form->by_suite;
        for (size_t i = 0; i < plans[p]->n_jobs; i++)
            if (!strset_add(&names, plans[p]->jobs[i].name))
                (void)strset_add(&form->shared, plans[p]->jobs[i].name);
    }
}

struct jobs_ids *jobs_ids_new(struct jobs_plan *const *plans, size_t n)
{
    struct jobs_ids *ids = xcalloc(1, sizeof(*ids));

    id_form_find(ids, plans, n);
    return ids;
}

void jobs_ids_free(struct jobs_ids *ids)
{
    if (ids != NULL)
        strset_free(&ids->shared);
    free(ids);
}

char *jobs_id(const struct jobs_ids *ids, const struct jobs_plan *plan, const struct jobs_job *job)
{
    if (!strset_has(&ids->shared, job->name))
        return xstrdup(job->name);
    return ids->by_suite ? xasprintf("%s.%s", plan->name, job->name)
                         : xasprintf("%s:%s", plan->file, job->name);
}

static void id_form_free(struct jobs_ids *form)
{
    strset_free(&form->shared);
}

/* Whether the pattern names the job by its name, or as the run's reports do. The separator has to
 * stand in the pattern, so that "test*" is about names of jobs even where a suite has such a one.
 */
static bool matches_id(const struct jobs_ids *form, const struct jobs_plan *plan,
                       const struct jobs_job *job, const char *glob)
{
    const char *of = form->by_suite ? plan->name : plan->file;

    if (matches(glob, job->name))
        return true;
    if (!strset_has(&form->shared, job->name))
        return false;
    for (const char *c = glob; (c = strchr(c, form->by_suite ? '.' : ':')) != NULL; c++) {
        cleanup_free char *before = strndup(glob, (size_t)(c - glob));

        if (before != NULL && matches(before, of) && matches(c + 1, job->name))
            return true;
    }
    return false;
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

/* The plans of a run, and what is looked for in them. */
struct selection {
    struct jobs_plan *const *plans;
    size_t n_plans;
    struct cupel_error *err;
    struct jobs_ids form;
};

/* Names the file, or says how many there are. Malloc'ed. */
static char *describe_files(const struct selection *s)
{
    return s->n_plans == 1 ? xstrdup(s->plans[0]->file) : xasprintf("these %zu files", s->n_plans);
}

static int nothing_matches(const struct selection *s, const char *what, const char *word,
                           const char *const *names, size_t n)
{
    const char *near = jobs_meant_name(word, names, n);
    cleanup_free char *files = describe_files(s);

    (void)cupel_error_set(s->err, CUPEL_ERROR_INPUT, 0, "no job of %s %s '%s'", files, what, word);
    if (near != NULL && is_instance_of(near, word))
        cupel_error_hint(s->err, "did you mean '%s/*'? These are its instances", word);
    else if (near != NULL)
        cupel_error_hint(s->err, "did you mean '%s'?", near);
    return -EINVAL;
}

static bool any_job_is(const struct selection *s, const char *glob)
{
    for (size_t p = 0; p < s->n_plans; p++)
        for (size_t i = 0; i < s->plans[p]->n_jobs; i++)
            if (matches_id(&s->form, s->plans[p], &s->plans[p]->jobs[i], glob))
                return true;
    return false;
}

static bool any_job_has(const struct selection *s, const char *tag)
{
    for (size_t p = 0; p < s->n_plans; p++)
        for (size_t i = 0; i < s->plans[p]->n_jobs; i++)
            if (has_tag(&s->plans[p]->jobs[i], tag))
                return true;
    return false;
}

static int check_glob(const struct selection *s, const char *glob)
{
    cleanup_free const char **names = NULL;
    size_t n = 0;

    if (any_job_is(s, glob))
        return 0;
    for (size_t p = 0; p < s->n_plans; p++) {
        names = xrealloc(names, (n + s->plans[p]->n_jobs + 1) * sizeof(*names));
        for (size_t i = 0; i < s->plans[p]->n_jobs; i++)
            names[n++] = s->plans[p]->jobs[i].name;
    }
    return nothing_matches(s, "is named", glob, names, n);
}

static int check_tag(const struct selection *s, const char *glob)
{
    cleanup_free const char **tags = NULL;
    size_t n = 0, room = 0;

    if (any_job_has(s, glob))
        return 0;
    for (size_t p = 0; p < s->n_plans; p++)
        for (size_t i = 0; i < s->plans[p]->n_jobs; i++)
            for (const char **t = s->plans[p]->jobs[i].tags; *t != NULL; t++) {
                if (n == room)
                    tags = xrealloc(tags, (room = 2 * room + 16) * sizeof(*tags));
                tags[n++] = *t;
            }
    return nothing_matches(s, "has the tag", glob, tags, n);
}

static int check_all(const struct selection *s, const struct jobs_choice *c)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < c->n_only; i++)
        r = check_glob(s, c->only[i]);
    for (size_t i = 0; r == 0 && i < c->n_skip; i++)
        r = check_glob(s, c->skip[i]);
    for (size_t i = 0; r == 0 && i < c->n_tags; i++)
        r = check_tag(s, c->tags[i]);
    return r;
}

static bool is_skipped(const struct jobs_ids *form, const struct jobs_plan *plan,
                       const struct jobs_job *job, const struct jobs_choice *c)
{
    for (size_t i = 0; i < c->n_skip; i++)
        if (matches_id(form, plan, job, c->skip[i]))
            return true;
    return false;
}

void jobs_find_skipped(struct jobs_plan *const *plans, size_t n_plans,
                       const struct jobs_choice *choice, bool *const *ret_skipped)
{
    _cleanup_(id_form_free) struct jobs_ids form;

    id_form_find(&form, plans, n_plans);
    for (size_t p = 0; p < n_plans; p++)
        for (size_t i = 0; i < plans[p]->n_jobs; i++)
            ret_skipped[p][i] = is_skipped(&form, plans[p], &plans[p]->jobs[i], choice);
}

static bool is_wanted(const struct jobs_ids *form, const struct jobs_plan *plan,
                      const struct jobs_job *job, const struct jobs_choice *c)
{
    bool named = c->n_only == 0, tagged = c->n_tags == 0;

    for (size_t i = 0; i < c->n_only && !named; i++)
        named = matches_id(form, plan, job, c->only[i]);
    for (size_t i = 0; i < c->n_tags && !tagged; i++)
        tagged = has_tag(job, c->tags[i]);
    return named && tagged && !is_skipped(form, plan, job, c);
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

static bool any_is_wanted(const struct selection *s, const struct jobs_choice *c)
{
    for (size_t p = 0; p < s->n_plans; p++)
        for (size_t i = 0; i < s->plans[p]->n_jobs; i++)
            if (is_wanted(&s->form, s->plans[p], &s->plans[p]->jobs[i], c))
                return true;
    return false;
}

static int select_all(const struct selection *s, const struct jobs_choice *choice,
                      bool *const *ret_selected)
{
    int r = check_all(s, choice);

    if (r < 0)
        return r;
    if (!any_is_wanted(s, choice)) {
        cleanup_free char *files = describe_files(s);

        return cupel_error_set(s->err, CUPEL_ERROR_INPUT, 0,
                               choice->n_skip > 0
                                   ? "what is skipped leaves no job of %s"
                                   : "no job of %s has both such a name and such a tag",
                               files);
    }
    for (size_t p = 0; p < s->n_plans; p++) {
        for (size_t i = 0; i < s->plans[p]->n_jobs; i++)
            ret_selected[p][i] = (choice->among == NULL || choice->among[p][i]) &&
                                 is_wanted(&s->form, s->plans[p], &s->plans[p]->jobs[i], choice);
        add_needs(s->plans[p], ret_selected[p]);
    }
    return 0;
}

int jobs_select(struct jobs_plan *const *plans, size_t n_plans, const struct jobs_choice *choice,
                bool *const *ret_selected, struct cupel_error *err)
{
    struct selection s = {.plans = plans, .n_plans = n_plans, .err = err};
    int r;

    id_form_find(&s.form, plans, n_plans);
    r = select_all(&s, choice, ret_selected);
    id_form_free(&s.form);
    return r;
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
