/* SPDX-License-Identifier: Apache-2.0 */
/* environment: exactly what a job finds in its environment: the documented defaults, what its
 * root's image asks for, the names that it asked to pass, its own `env`, each later one taking the
 * place of an earlier one. Nothing else of the caller's (docs/job-file.md). */
#include "harness/attempt/environment.h"
#include "base/weaken.h"
#include "harness/attempt/limits_in_force.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static const char *const defaults[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "TZ=UTC",
    "TMPDIR=/tmp",
    "CI=true",
};

struct environment_list {
    struct strbuf text;
    size_t *at; /* offset of each entry in text */
    size_t n;
};

static void environment_set(struct environment_list *l, const char *name, size_t name_len,
                            const char *value)
{
    size_t offset = l->text.len, i;

    strbuf_add(&l->text, name, name_len);
    strbuf_adds(&l->text, "=");
    strbuf_adds(&l->text, value);
    strbuf_add(&l->text, "", 1);
    for (i = 0; i < l->n; i++)
        if (strncmp(l->text.data + l->at[i], name, name_len) == 0 &&
            l->text.data[l->at[i] + name_len] == '=')
            break;
    if (i == l->n)
        l->at = xrealloc(l->at, ++l->n * sizeof(size_t));
    l->at[i] = offset;
}

static void set_entry(struct environment_list *l, const char *entry)
{
    const char *equals = strchr(entry, '=');

    environment_set(l, entry, (size_t)(equals - entry), equals + 1);
}

/* Returns the shell that the job's scripts are given to. */
static const char *shell_of(const struct jobs_job *job)
{
    return job->shell != NULL && job->shell[0] == '/' ? job->shell : "/bin/sh";
}

/* Adds the job's secrets; nothing else that it is given has one of their names. */
static void set_secrets(struct environment_list *l, const struct run *run,
                        const struct instance *instance)
{
    for (size_t i = 0; i < instance->n_secrets; i++) {
        const struct run_secret *s = &run->secrets[instance->secrets[i]];

        if (s->value != NULL)
            environment_set(l, s->of->name, strlen(s->of->name), s->value);
    }
}

/* Tells where each service is: in the job's own network, so that no name has to be looked up. */
static void set_services(struct environment_list *l, const struct jobs_services *services)
{
    for (size_t i = 0; services != NULL && i < services->n; i++) {
        const struct jobs_service *s = &services->list[i];
        char variable[JOBS_SERVICE_VARIABLE_SIZE], name[JOBS_SERVICE_VARIABLE_SIZE + 32], port[8];

        jobs_service_variable(s->name, variable);
        (void)snprintf(name, sizeof(name), "CUPEL_SERVICE_%s_HOST", variable);
        environment_set(l, name, strlen(name), "127.0.0.1");
        if (s->port == 0)
            continue;
        (void)snprintf(name, sizeof(name), "CUPEL_SERVICE_%s_PORT", variable);
        (void)snprintf(port, sizeof(port), "%u", s->port);
        environment_set(l, name, strlen(name), port);
    }
}

/* Tells the time of the files that have that of a commit: the latest, of several. */
static void set_commit_time(struct environment_list *l, const struct jobs_job *job)
{
    int64_t latest = INT64_MIN;
    char text[24];

    for (size_t i = 0; i < job->n_inputs; i++)
        if (job->inputs[i].has_commit_time && job->inputs[i].commit_time > latest)
            latest = job->inputs[i].commit_time;
    if (latest == INT64_MIN)
        return;
    (void)snprintf(text, sizeof(text), "%lld", (long long)latest);
    environment_set(l, "SOURCE_DATE_EPOCH", strlen("SOURCE_DATE_EPOCH"), text);
}

/* Writes `value / unit` without zeros at its end: "1.5". */
static void plain_number(uint64_t value, uint64_t unit, char text[static UNIT_TEXT_SIZE])
{
    int n = snprintf(text, UNIT_TEXT_SIZE, "%" PRIu64, value / unit);
    uint64_t rest = value % unit;

    if (rest > 0)
        text[n++] = '.';
    for (; rest > 0; rest = rest * 10 % unit)
        text[n++] = (char)('0' + rest * 10 / unit);
    text[n] = '\0';
}

static void set_limit(struct environment_list *l, const char *key, uint64_t value, uint64_t unit)
{
    char name[64], text[UNIT_TEXT_SIZE];
    int n = snprintf(name, sizeof(name), "CUPEL_LIMIT_%s", key);

    for (int i = 0; i < n; i++)
        name[i] = name[i] == '-' || name[i] == '.' ? '_' : (char)toupper((unsigned char)name[i]);
    plain_number(value, unit, text);
    environment_set(l, name, (size_t)n, text);
}

/* Tells the job's limits that hold, as plain numbers: bytes, seconds, cores, a count. What of the
 * CPUs is left by `cpu` and by `cpuset` is one number, the smaller one. */
static void set_limits(struct environment_list *l, const struct jobs_limits *limits,
                       uint32_t unenforced)
{
    const struct limits_view v = {.job = limits, .unenforced = unenforced};
    uint64_t cores = UINT64_MAX;

    if (limits_enforced(&v, limits, JOBS_LIMIT_CPU))
        cores = limits->value[JOBS_LIMIT_CPU];
    if (jobs_limits_are_exclusive(limits) && cores == UINT64_MAX)
        cores = 1000; /* and its hyperthreads, which are no further core */
    if (limits_enforced(&v, limits, JOBS_LIMIT_CPUSET) && !jobs_limits_are_exclusive(limits) &&
        limits->value[JOBS_LIMIT_CPUSET] * 1000 < cores)
        cores = limits->value[JOBS_LIMIT_CPUSET] * 1000;
    if (cores != UINT64_MAX)
        set_limit(l, "cpus", cores, 1000);
    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (i != JOBS_LIMIT_CPU && i != JOBS_LIMIT_CPUSET && limits_enforced(&v, limits, i))
            set_limit(l, jobs_limit_table[i].key, limits->value[i],
                      jobs_limit_table[i].unit == JOBS_UNIT_DURATION ? NSEC_PER_SEC : 1);
}

static void environment_fill(struct environment_list *l, const struct jobs_plan *plan,
                             const struct jobs_job *job, const char *const *of_image,
                             uint32_t unenforced)
{
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
        set_entry(l, defaults[i]);
    if (job->tty)
        set_entry(l, "TERM=xterm-256color");
    environment_set(l, "SHELL", strlen("SHELL"), shell_of(job));
    set_commit_time(l, job);
    for (; of_image != NULL && *of_image != NULL; of_image++)
        set_entry(l, *of_image);
    environment_set(l, "CUPEL_SUITE", strlen("CUPEL_SUITE"), plan->name);
    environment_set(l, "CUPEL_JOB", strlen("CUPEL_JOB"), job->name);
    set_limits(l, &job->limits, unenforced);
    set_services(l, job->services);
    for (char **e = environ; weakened("environment") && *e != NULL; e++)
        set_entry(l, *e);
    for (const char **name = job->pass_env; name != NULL && *name != NULL; name++) {
        const char *value = getenv(*name);

        if (value != NULL)
            environment_set(l, *name, strlen(*name), value);
    }
    for (const char **entry = job->env; entry != NULL && *entry != NULL; entry++)
        set_entry(l, *entry);
}

static const char **environment_finish(struct environment_list *l)
{
    const char **env;
    char *text;

    /* the pointers, then what they point to */
    env = xmalloc((l->n + 1) * sizeof(char *) + l->text.len);
    text = (char *)(env + l->n + 1);
    memcpy(text, l->text.data, l->text.len);
    for (size_t i = 0; i < l->n; i++)
        env[i] = text + l->at[i];
    env[l->n] = NULL;
    strbuf_free(&l->text);
    free(l->at);
    return env;
}

const char **environment_make(const struct jobs_plan *plan, const struct jobs_job *job,
                              const char *const *of_image)
{
    struct environment_list l = {0};

    environment_fill(&l, plan, job, of_image, 0);
    return environment_finish(&l);
}

const char **environment_of(const struct run *run, const struct instance *instance)
{
    const struct cache_root *root = &run->roots[instance->root];
    struct environment_list l = {0};

    environment_fill(&l, instance->plan, instance->job,
                     root->config != NULL ? (const char *const *)root->config->env : NULL,
                     run->unenforced_set);
    set_secrets(&l, run, instance);
    return environment_finish(&l);
}
