/* SPDX-License-Identifier: Apache-2.0 */
/* job: a job's keys become its model, on top of what `defaults` gave. Inputs and steps, which
 * depend on several keys, are in input.c and step.c. */
#include "jobs/limits.h"
#include "jobs/load.h"

#include <ctype.h>

/* What holds where a file says nothing; told apart by where they are. */
static const char default_workdir[] = "/work", default_user[] = "root";

void draft_init(struct draft *d, struct arena *arena)
{
    static const char *const nothing[] = {NULL};
    static const char *const shell[] = {"/bin/sh", "-eu", NULL};
    const char **empty = arena_alloc(arena, sizeof(nothing));
    const char **default_shell = arena_alloc(arena, sizeof(shell));

    memcpy(default_shell, shell, sizeof(shell));
    *d = (struct draft){
        .shell = default_shell,
        .job =
            {
                .root = 0, /* host */
                .group = JOBS_NO_GROUP,
                .from = JOBS_FROM_NOTHING,
                .workdir = default_workdir,
                .env = empty,
                .pass_env = empty,
                .user = default_user,
                .hostname = "cupel",
                .network = JOBS_NETWORK_LOOPBACK,
                .artifacts = {.when = JOBS_WHEN_ALWAYS,
                              .if_missing = JOBS_MISSING_DEFAULT,
                              .max = UINT64_MAX},
                .retry_on = (1u << JOBS_RETRY_COUNT) - 1,
                .slots = 1,
                .leaks = JOBS_LEAKS_REPORT,
                .devices = JOBS_DEVICES_USUAL,
                .limits = {.set = 1u << JOBS_LIMIT_WALL,
                           .unsaid = 1u << JOBS_LIMIT_WALL,
                           .value = {[JOBS_LIMIT_WALL] = LIMIT_WALL_DEFAULT}},
                .timeout_grace = 2 * NSEC_PER_SEC,
                .tags = empty,
            },
    };
}

/* What a relative path of the job is likely to mean: known before `workdir` itself is read. */
static const char *workdir_of(const struct draft *d, const struct node *map)
{
    const struct node *own = map->kind == NODE_MAP ? node_child(map, "workdir") : NULL;

    return own != NULL && own->kind == NODE_SCALAR && own->text[0] == '/' ? own->text
                                                                          : d->job.workdir;
}

void draft_read(struct loader *l, struct draft *d, const struct node *map)
{
    const struct node *needs_before = d->needs, *from_before = d->from, *inputs_before = d->inputs,
                      *cache_before = d->cache, *mounts_before = d->mounts;
    bool good;

    d->map = map;
    l->workdir = workdir_of(d, map);
    good = keys_apply(l, &keys_job, map, d);
    l->workdir = NULL;
    if (!good)
        return;
    refuse_both(l, map, "stdin", "stdin-file");
    d->has_run |=
        map->lost || node_child(map, "run") != NULL || key_was_meant(&keys_job, map, "run");
    d->own_needs = d->needs != needs_before;
    d->own_from = d->from != from_before;
    d->own_inputs = d->inputs != inputs_before || d->mounts != mounts_before;
    d->own_cache = d->cache != cache_before;
    if (d->name == NULL) /* `defaults` may say both: `rootfs` is then for the job that it makes all
                            others start from */
        return;
    refuse_both(l, map, "rootfs", "from");
    if (node_child(map, "rootfs") != NULL)
        d->from = NULL;
}

struct node *node_without_replaced(struct loader *l, const struct node *n)
{
    struct node *copy = arena_alloc(l->tree, sizeof(*copy)), **link = &copy->first;

    *copy = *n;
    if (n->kind == NODE_SCALAR && n->dollar)
        copy->kind = NODE_BAD;
    if (n->kind == NODE_SCALAR || !n->dollar)
        return copy;
    for (const struct node *v = n->first; v != NULL; v = v->next, link = &(*link)->next)
        *link = node_without_replaced(l, v);
    return copy;
}

static bool is_expanded(const char *key)
{
    return str_eq(key, "matrix") || str_eq(key, "parallel") || str_eq(key, "extends") ||
           str_eq(key, "use-services") || str_eq(key, "cases") || str_eq(key, "groups") ||
           str_eq(key, "stop");
}

void templates_check(struct loader *l, const struct node *templates)
{
    for (const struct node *v = templates->first; v != NULL; v = v->next) {
        struct node *map = node_without_replaced(l, v), **link = &map->first;
        struct draft d;

        while (*link != NULL)
            if (is_expanded((*link)->key->text))
                *link = (*link)->next;
            else
                link = &(*link)->next;
        draft_init(&d, l->plan->arena);
        draft_read(l, &d, map);
    }
}

/* pass-env names that `env` sets too are dropped: what the file says wins over the caller's
 * environment. */
static void drop_shadowed(struct loader *l, struct draft *d)
{
    struct jobs_job *job = &d->job;
    const char **kept = NULL;
    size_t n = 0, total = 0;

    while (job->pass_env[total] != NULL)
        total++;
    for (size_t i = 0; i < total; i++) {
        size_t length = strlen(job->pass_env[i]);
        bool shadowed = false;

        for (const char **e = job->env; *e != NULL && !shadowed; e++)
            shadowed = strncmp(*e, job->pass_env[i], length) == 0 && (*e)[length] == '=';
        if (shadowed && kept == NULL) {
            kept = arena_alloc(l->plan->arena, (total + 1) * sizeof(*kept));
            memcpy(kept, job->pass_env, i * sizeof(*kept));
            n = i;
        } else if (!shadowed && kept != NULL) {
            kept[n++] = job->pass_env[i];
        }
    }
    if (kept != NULL) {
        kept[n] = NULL;
        job->pass_env = kept;
    }
}

/* An image says what its containers run; whether this one does is known when it is there. */
static bool root_may_say_run(const struct loader *l, size_t index)
{
    const struct jobs_root *roots = l->plan->roots;

    for (size_t i = 0; i <= JOBS_FROM_DEPTH_MAX && roots[index].kind == JOBS_ROOT_DERIVED; i++)
        index = roots[index].base;
    return roots[index].kind == JOBS_ROOT_OCI || roots[index].kind == JOBS_ROOT_IMAGE ||
           roots[index].kind == JOBS_ROOT_CACHED;
}

void draft_read_inputs(struct loader *l, struct draft *d)
{
    if (d->inputs != NULL)
        inputs_read(l, d);
    else
        d->job.n_inputs = 0;
    if (d->mounts != NULL)
        mounts_read(l, d);
}

/* Says it once of all instances of a job, which may be a class of hundreds. */
static void say_no_run(struct loader *l, const struct draft *d)
{
    const bool is_instance = d->job.group != JOBS_NO_GROUP;

    if (is_instance && l->told_no_run == d->job.group + 1)
        return;
    if (is_instance)
        l->told_no_run = d->job.group + 1;
    problem_at(l, d->name, "%s '%s' has no 'run'%s", d->job.is_service ? "service" : "job",
               d->name->text,
               l->has_languages && (d->job.of_case != NULL || d->job.role == JOBS_ROLE_COMPILE)
                   ? "; 'languages' has one where its matrix finds directories or files"
                   : "");
}

void draft_finish(struct loader *l, struct draft *d, const struct draft *defaults)
{
    struct jobs_limits *limits = &d->job.limits;

    if (d->of_matrix != NULL && d->job.group == JOBS_NO_GROUP)
        problem_at(l, d->of_matrix, "'%s' goes with 'matrix' or 'parallel' only",
                   d->of_matrix->text);

    case_check(l, d);

    /* What defaults brought in was already read, unless it is relative to a directory that this job
     * changes. */
    if (d->inputs != defaults->inputs || d->mounts != defaults->mounts ||
        d->job.workdir != defaults->job.workdir || d->takes_files)
        draft_read_inputs(l, d);
    if (d->cache != NULL)
        caches_read(l, d);
    drop_shadowed(l, d);
    secrets_check(l, d);
    mounts_check(l, d);
    network_check(l, d);
    d->job.shell = d->shell[0];
    d->job.has_workdir = d->job.workdir != default_workdir;
    d->job.has_user = d->job.user != default_user;
    if (jobs_limit_is_set(limits, JOBS_LIMIT_MEMORY)) {
        limits->set |= 1u << JOBS_LIMIT_SWAP; /* the value is 0 unless the file gave one */
    } else if (jobs_limit_is_set(limits, JOBS_LIMIT_SWAP)) {
        problem_at(l, d->name, "job '%s' has the limit 'swap' without the limit 'memory'",
                   d->name->text);
    }
    d->job.runs_image =
        !d->has_run && d->run == NULL && d->from == NULL && root_may_say_run(l, d->job.root);
    if (d->run != NULL || d->job.runs_image)
        steps_read(l, d);
    else if (!d->has_run && !d->job.is_checker) /* its table says so */
        say_no_run(l, d);
    case_finish(d);
    checker_settle(l, d);
    tty_check(l, d);
    interactive_check(l, d);
    services_read(l, d, defaults->services);
}

/* ---- setters ---- */

void key_set_root_name(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct draft *d = object;
    const char *near;

    if (!value_is_text(l, value, k->name, "a root's name") ||
        name_index_find(&l->roots, value->text, &d->job.root) || l->names_lost)
        return;
    near = str_nearest(value->text, l->roots.names, l->roots.n);
    problem_at(l, value, "there is no root '%s'%s%s%s", value->text,
               near != NULL ? ", did you mean '" : "; describe it under 'rootfs'",
               near != NULL ? near : "", near != NULL ? "'?" : "");
}

bool env_name_check(struct loader *l, const struct node *n, const char *key)
{
    const char *p = n->text;

    if (n->kind != NODE_SCALAR)
        return value_unexpected(l, n, key, "a name of an environment variable");
    if (isalpha((unsigned char)*p) || *p == '_')
        while (isalnum((unsigned char)*p) || *p == '_')
            p++;
    if (*p != '\0' || n->n == 0) {
        problem_at(l, n,
                   "'%s' is no name for an environment variable: letters, digits and '_' only",
                   n->text);
        return false;
    }
    if (str_starts(n->text, "CUPEL_")) {
        problem_at(l, n, "'%s': names that begin with CUPEL_ are set by cupel itself", n->text);
        return false;
    }
    return true;
}

void key_set_env(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;
    const char **env;
    size_t n = 0, inherited;

    while (d->job.env[n] != NULL)
        n++;
    inherited = n;
    if (n + value->n > LOAD_ENV_MAX) {
        problem_at(l, value, "'env' has more than %d variables", LOAD_ENV_MAX);
        return;
    }
    if (!budget_charge(l, value, inherited))
        return;
    env = arena_alloc(l->plan->arena, (n + value->n + 1) * sizeof(*env));
    memcpy(env, d->job.env, n * sizeof(*env));
    for (const struct node *v = value->first; v != NULL; v = v->next) {
        size_t length = v->key->n, at = 0;

        if (!env_name_check(l, v->key, k->name) ||
            !value_is_text(l, v, v->key->text, "text (\"\" for an empty one)"))
            continue;
        if (length + 1 + v->n > LOAD_ARG_MAX) {
            problem_at(l, v,
                       "'%s' is %zu bytes long; Linux passes at most %zu bytes in one variable",
                       v->key->text, v->n, LOAD_ARG_MAX);
            continue;
        }
        while (at < inherited &&
               !(strncmp(env[at], v->key->text, length) == 0 && env[at][length] == '='))
            at++;
        env[at < inherited ? at : n++] =
            arena_printf(l->plan->arena, "%s=%s", v->key->text, v->text);
    }
    d->job.env = env;
}

void key_set_env_names(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct draft *d = object;
    const char **names;
    size_t n = 0;

    if (items_count(value) > LOAD_ITEMS_MAX) {
        problem_at(l, value, "'pass-env' has more than %d names", LOAD_ITEMS_MAX);
        return;
    }
    names = arena_alloc(l->plan->arena, (items_count(value) + 1) * sizeof(*names));
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        if (value_is_text(l, item, k->name, "names of environment variables") &&
            env_name_check(l, item, k->name))
            names[n++] = arena_strdup(l->plan->arena, item->text);
    d->job.pass_env = names;
}

/* "0" to "4294967294": the last id, (uid_t)-1, means "no change" to the kernel. */
static bool is_id(const char *text, size_t n)
{
    char *end;

    return n > 0 && n <= 10 && strspn(text, "0123456789") >= n &&
           strtoull(text, &end, 10) < UINT32_MAX;
}

static bool user_is_valid(const char *user)
{
    size_t n = strcspn(user, ":");

    if (isdigit((unsigned char)user[0]))
        return is_id(user, n) && (user[n] == '\0' || is_id(user + n + 1, strlen(user + n + 1)));
    n = strlen(user);
    return n > 0 && n <= 32 && (islower((unsigned char)user[0]) || user[0] == '_') &&
           strspn(user, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

void key_set_user(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    if (value_refuse_octal(l, value, k->name, k->value))
        return;
    if (!user_is_valid(value->text)) {
        (void)value_unexpected(l, value, k->name, k->value);
    } else {
        d->job.user = arena_strdup(l->plan->arena, value->text);
        d->job.user_line = source_line_of(&l->source, value->place);
        d->job.user_column = (int)value->place.column;
    }
}

void key_set_hostname(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;
    const char *name = value->text;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    if (!host_name_is_valid(name))
        (void)value_unexpected(l, value, k->name, k->value);
    else
        d->job.hostname = arena_strdup(l->plan->arena, name);
    d->has_hostname = true;
}

void key_set_matrix(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)object;
    if (l->host == NULL)
        problem_at(l, value->key, "'%s' is for job files", k->name);
    else /* of a job, jobs/expand/ has taken it out */
        problem_at(l, value->key, "'%s' stands in a job of its own, not under 'defaults'", k->name);
}

void key_set_extends(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)object;
    if (l->host == NULL)
        problem_at(l, value->key, "'%s' is for job files", k->name);
    else /* of a job, jobs/expand/ has taken it out */
        problem_at(l, value->key, "'%s' stands in a job or a template, not under 'defaults'",
                   k->name);
}

void key_set_max_parallel(struct loader *l, const struct key *k, const struct node *value,
                          void *object)
{
    struct draft *d = object;
    uint64_t n;

    if (value_integer(l, value, k->name, k->min, k->max, &n))
        d->job.max_parallel = (unsigned)n;
    d->of_matrix = d->name != NULL ? value->key : NULL;
}

void key_set_fail_fast(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct draft *d = object;

    (void)value_bool(l, value, k->name, &d->job.fail_fast);
    d->of_matrix = d->name != NULL ? value->key : NULL;
}

void key_set_limits(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;

    (void)keys_apply(l, k->sub, value, &d->job.limits);
}

/* The list in the kernel's own form, so that it can go into reports and control files as it is. */
static void set_cpus(struct loader *l, const struct key *k, const struct node *value,
                     struct jobs_limits *limits)
{
    cleanup_strbuf struct strbuf list = {0};
    struct jobs_cpus cpus;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    if (value_refuse_octal(l, value, k->name, k->value))
        return;
    if (str_eq(value->text, JOBS_CPUS_EXCLUSIVE)) {
        if (l->host == NULL)
            problem_at(l, value, "'%s: %s' is for job files", k->name, value->text);
        limits->cpus = JOBS_CPUS_EXCLUSIVE;
        limits->value[k->offset] = 1;
        limits->set |= 1u << k->offset;
        return;
    }
    if (strchr(value->text, '\n') != NULL || !jobs_cpus_parse(value->text, &cpus)) {
        (void)value_unexpected(l, value, k->name, k->value);
        return;
    }
    jobs_cpus_format(&cpus, &list);
    limits->cpus = arena_strndup(l->plan->arena, list.data, list.len);
    limits->value[k->offset] = jobs_cpus_count(&cpus);
    limits->set |= 1u << k->offset;
}

/* One value of `limits`, as all others: the job's own replaces that of defaults as a whole. */
void key_set_time_offset(struct loader *l, const struct key *k, const struct node *value,
                         void *object)
{
    struct draft *d = object;

    (void)value_offset(l, value, k, &d->job.time_offset_ns);
}

void key_set_namespaces(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    (void)keys_apply(l, k->sub, value, object);
}

void key_set_io(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_limits *limits = object;

    for (size_t i = 0; i < k->sub->n; i++)
        limits->set &= ~(1u << k->sub->keys[i].offset);
    if (value->n == 0)
        problem_at(l, value, "'%s' is an empty map", k->name);
    (void)keys_apply(l, k->sub, value, limits);
}

/* `none` takes away what `defaults` say, or what holds without. */
static void set_duration_or_none(struct loader *l, const struct key *k, const struct node *value,
                                 struct jobs_limits *limits)
{
    uint64_t ns;

    if (!value_duration_or_none(l, value, k, &ns))
        return;
    limits->value[k->offset] = ns != UINT64_MAX ? ns : 0;
    limits->set &= ~(1u << k->offset);
    if (ns != UINT64_MAX)
        limits->set |= 1u << k->offset;
}

/* Reads what a job is judged by, and what ends it. */
static void set_twice(struct loader *l, const struct key *k, const struct node *value,
                      struct jobs_limits *limits)
{
    struct limit_twice twice = {UINT64_MAX, UINT64_MAX};
    enum jobs_limit kill = jobs_limit_kill_of((enum jobs_limit)k->offset);

    if (!keys_apply(l, k->sub, value, &twice) || twice.limit == UINT64_MAX)
        return;
    limits->value[k->offset] = twice.limit;
    limits->set |= 1u << k->offset;
    if (twice.kill == UINT64_MAX)
        return;
    if (twice.kill < twice.limit)
        problem_at(l, node_child(value, "kill"),
                   "'%s': 'kill' is before 'limit', and nothing could be judged by that", k->name);
    limits->value[kill] = twice.kill;
    limits->set |= 1u << kill;
}

void key_set_limit(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_limits *limits = object;
    const struct jobs_limit_info *info = &jobs_limit_table[k->offset];

    if (info->unit == JOBS_UNIT_CPUS) {
        set_cpus(l, k, value, limits);
        return;
    }
    limits->unsaid &= ~(1u << k->offset);
    if (k->sub != NULL) /* from defaults: the job's own wins */
        limits->set &= ~(1u << jobs_limit_kill_of((enum jobs_limit)k->offset));
    if (k->sub != NULL && value->kind == NODE_MAP) {
        set_twice(l, k, value, limits);
        return;
    }
    if (k->type == TYPE_DURATION_OR_NONE) {
        set_duration_or_none(l, k, value, limits);
        return;
    }
    if (value_in_unit(l, value, k->name, info->unit, info->min, info->max,
                      &limits->value[k->offset]))
        limits->set |= 1u << k->offset;
}

void key_set_stdin(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;

    if (!value_text(l, value, k->name, &d->job.stdin_text))
        return;
    d->job.stdin_len = value->n;
    d->job.stdin_file.path = NULL; /* from defaults: the job's own wins */
}

void key_set_stdin_file(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    struct draft *d = object;

    struct jobs_host_path path;

    if (!value_named_path(l, value, k->name, &path) ||
        !value_host_path_exists(l, value, k->name, false, &path))
        return;
    d->job.stdin_file = path;
    d->job.stdin_text = NULL;
    d->job.stdin_len = 0;
}
