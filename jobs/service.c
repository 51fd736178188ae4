/* SPDX-License-Identifier: Apache-2.0 */
/* service: what runs beside a job in its network. A service is read as a job is, by the same keys,
 * and how it tells that it is ready is read here. Not responsible for running anything. */
#include "jobs/load.h"

#include <ctype.h>
#include <strings.h>

struct service_draft {
    struct jobs_service service; /* first: the table's offsets count from here */
    struct draft draft;
};

/* ---- keys ---- */

/* Sets what the job's key of the same name sets, for the service. */
void key_set_of_service(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    const struct key *of_job = key_find(&keys_job, k->name);

    of_job->set(l, of_job, value, &((struct service_draft *)object)->draft);
}

static bool name_is_free(const struct jobs_service *s, const char *name)
{
    if (strcasecmp(s->name, name) == 0)
        return false;
    for (size_t i = 0; s->aliases != NULL && s->aliases[i] != NULL; i++)
        if (strcasecmp(s->aliases[i], name) == 0)
            return false;
    return true;
}

static bool check_host_name(struct loader *l, const struct node *n)
{
    if (host_name_is_valid(n->text) && strcasecmp(n->text, "localhost") != 0)
        return true;
    problem_at(l, n,
               "'%s' is no name for a service, which is a host name: at most 64 letters, digits, "
               "'.' and '-', and not localhost",
               n->text);
    return false;
}

void key_set_aliases(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_service *s = object;
    const char **list;
    size_t n = 0;

    if (items_count(value) > JOBS_SERVICES_MAX) {
        problem_at(l, value, "'%s' has more than %d names", k->name, JOBS_SERVICES_MAX);
        return;
    }
    list = arena_alloc(l->plan->arena, (items_count(value) + 1) * sizeof(*list));
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        if (value_is_text(l, item, k->name, "host names") && check_host_name(l, item))
            list[n++] = arena_strdup(l->plan->arena, item->text);
    s->aliases = list;
}

void key_set_ready(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    static const char *const ways[] = {"tcp", "exec", "log", "http"};
    struct jobs_service *s = object;

    if (value->n == 0 && !value->lost)
        problem_at(l, value, "'%s' is an empty map", k->name);
    (void)keys_apply(l, k->sub, value, s);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
        for (size_t o = i + 1; o < ARRAY_SIZE(ways); o++)
            refuse_both(l, value, ways[i], ways[o]);
    if (s->ready == JOBS_READY_HTTP && s->port == 0 && node_child(value, "port") == NULL)
        problem_at(l, value, "'http' takes the port as well: {http: %s, port: 80}", s->path);
    if (s->ready != JOBS_READY_HTTP && node_child(value, "port") != NULL)
        problem_at(l, node_child(value, "port"), "'port' goes with 'http'");
}

static bool read_port(struct loader *l, const struct key *k, const struct node *value,
                      struct jobs_service *s)
{
    uint64_t port;

    if (!value_integer(l, value, k->name, k->min, k->max, &port))
        return false;
    s->port = (uint16_t)port;
    return true;
}

void key_set_ready_tcp(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct jobs_service *s = object;

    if (read_port(l, k, value, s))
        s->ready = JOBS_READY_TCP;
}

void key_set_ready_port(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    (void)read_port(l, k, value, object);
}

void key_set_ready_exec(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    struct jobs_service *s = object;

    if (value_argv(l, value, k->name, 1, &s->argv))
        s->ready = JOBS_READY_EXEC;
}

/* One line of a request: whatever ends a line, or the path, is no part of it. */
void key_set_ready_http(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    struct jobs_service *s = object;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    if (value->text[0] != '/' || value->n > JOBS_READY_PATH_MAX) {
        (void)value_unexpected(l, value, k->name, k->value);
        return;
    }
    for (const char *c = value->text; *c != '\0'; c++)
        if (!isgraph((unsigned char)*c)) {
            (void)value_unexpected(l, value, k->name, k->value);
            return;
        }
    s->path = arena_strdup(l->plan->arena, value->text);
    s->ready = JOBS_READY_HTTP;
}

/* A reference to an earlier group makes matching take as long as the text pleases. */
static bool has_back_reference(const char *pattern)
{
    for (const char *c = pattern; *c != '\0'; c++) {
        if (*c != '\\')
            continue;
        c++;
        if (isdigit((unsigned char)*c))
            return true;
        if (*c == '\0')
            return false;
    }
    return false;
}

void key_set_ready_log(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct jobs_service *s = object;
    const char *why;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    why = has_back_reference(value->text) ? "it refers to a group, which may take any time"
                                          : pattern_refused(l->plan->arena, value->text);
    if (why != NULL) {
        problem_at(l, value, "'%s': %s", k->name, why);
        return;
    }
    s->pattern = arena_strdup(l->plan->arena, value->text);
    s->ready = JOBS_READY_LOG;
}

/* ---- one service ---- */

/* How its name stands in the names of the job's variables. */
void jobs_service_variable(const char *name, char ret[static JOBS_SERVICE_VARIABLE_SIZE])
{
    size_t n = 0;

    for (; name[n] != '\0' && n + 1 < JOBS_SERVICE_VARIABLE_SIZE; n++)
        ret[n] = isalnum((unsigned char)name[n]) ? (char)toupper((unsigned char)name[n]) : '_';
    ret[n] = '\0';
}

size_t jobs_services_count(const struct jobs_job *job)
{
    return job->services != NULL && !job->is_service ? job->services->n : 0;
}

static const struct jobs_job *make_probe(struct loader *l, const struct jobs_job *job,
                                         const char **argv)
{
    struct jobs_job *probe = arena_alloc(l->plan->arena, sizeof(*probe));

    *probe = *job;
    probe->steps = arena_alloc(l->plan->arena, sizeof(*probe->steps));
    probe->steps[0] = (struct jobs_step){.argv = argv, .line = job->line};
    probe->n_steps = 1;
    return probe;
}

static void service_finish(struct loader *l, struct service_draft *s, const struct draft *of)
{
    struct draft none, *d = &s->draft;
    struct jobs_job *job;

    draft_init(&none, l->plan->arena);
    d->job.network = of->job.network;
    d->job.timeout_grace = of->job.timeout_grace;
    draft_finish(l, d, &none);
    inputs_refuse_jobs(l, d, "a service");
    if (d->job.has_steps)
        problem_at(l, d->run,
                   "'run' of a service must be text or an argv list, not a list of steps");
    job = arena_alloc(l->plan->arena, sizeof(*job));
    *job = d->job;
    s->service.job = job;
    if (s->service.ready == JOBS_READY_EXEC)
        s->service.probe = make_probe(l, job, s->service.argv);
}

static void service_read(struct loader *l, const struct draft *of, const struct node *map,
                         struct jobs_service *ret)
{
    struct service_draft s = {.service = {.name = arena_strdup(l->plan->arena, map->key->text),
                                          .interval = 100 * NSEC_PER_MSEC,
                                          .within = 30 * NSEC_PER_SEC,
                                          .line = source_line_of(&l->source, map->key->place)}};

    draft_init(&s.draft, l->plan->arena);
    s.draft.job.limits = (struct jobs_limits){0}; /* it ends with its job, whose time is limited */
    s.draft.name = map->key;
    s.draft.job.is_service = true;
    s.draft.job.line = s.service.line;
    s.draft.job.name = arena_printf(l->plan->arena, "%s.service-%s", of->job.name, s.service.name);
    (void)check_host_name(l, map->key);
    if (map->kind != NODE_MAP) {
        (void)value_unexpected(l, map, s.service.name, "a map of a service's keys");
    } else if (keys_apply(l, &keys_service, map, &s)) {
        s.draft.has_run =
            map->lost || node_child(map, "run") != NULL || key_was_meant(&keys_service, map, "run");
        service_finish(l, &s, of);
    }
    *ret = s.service;
}

/* ---- those of a job ---- */

static size_t count_nodes(const struct node *n)
{
    size_t sum = 1;

    for (const struct node *c = n->first; c != NULL; c = c->next)
        sum += count_nodes(c);
    return sum;
}

static bool is_overridden(const struct node *own, const char *name)
{
    return own != NULL && own->kind == NODE_MAP && node_child(own, name) != NULL;
}

static void check_beside(struct loader *l, const struct node *at, const struct jobs_services *all,
                         const struct jobs_service *s)
{
    char name[JOBS_SERVICE_VARIABLE_SIZE], other[JOBS_SERVICE_VARIABLE_SIZE];

    jobs_service_variable(s->name, name);
    for (size_t i = 0; i < all->n; i++) {
        const struct jobs_service *o = &all->list[i];
        bool taken = !name_is_free(o, s->name);

        for (size_t k = 0; s->aliases != NULL && s->aliases[k] != NULL; k++)
            taken |= !name_is_free(o, s->aliases[k]);
        jobs_service_variable(o->name, other);
        if (taken || str_eq(name, other))
            problem_at(l, at, "the services '%s' and '%s' of a job have the same name", o->name,
                       s->name);
        else if (s->port != 0 && s->port == o->port)
            problem_at(l, at,
                       "the services '%s' and '%s' of a job have the same port, in the one network "
                       "that all of them are in",
                       o->name, s->name);
    }
}

static void read_all(struct loader *l, const struct draft *d, const struct node *map,
                     const struct node *own, struct jobs_services *ret)
{
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        if (own != map && is_overridden(own, v->key->text))
            continue;
        if (ret->n == JOBS_SERVICES_MAX) {
            problem_at(l, v->key, "a job has at most %d services", JOBS_SERVICES_MAX);
            return;
        }
        if (!budget_charge(l, v, count_nodes(v)))
            return;
        service_read(l, d, v, &ret->list[ret->n]);
        check_beside(l, v->key, ret, &ret->list[ret->n]);
        ret->n++;
    }
}

void services_read(struct loader *l, struct draft *d, const struct node *of_defaults)
{
    struct jobs_services *all;

    if (d->services == NULL)
        return;
    if (l->host == NULL) {
        problem_at(l, d->services->key, "'services' is for job files");
        return;
    }
    all = arena_alloc(l->plan->arena, sizeof(*all));
    all->list = arena_alloc(l->plan->arena, JOBS_SERVICES_MAX * sizeof(*all->list));
    if (of_defaults != NULL && of_defaults != d->services)
        read_all(l, d, of_defaults, d->services, all);
    read_all(l, d, d->services, d->services, all);
    if (all->n == 0)
        return;
    if (d->job.network != JOBS_NETWORK_LOOPBACK && d->job.network != JOBS_NETWORK_NAT)
        problem_at(l, d->services->key,
                   "'services' go with the networks 'loopback' and 'nat': they are in the job's "
                   "own, which has to have a loopback, and nobody else");
    for (size_t i = 0; i < all->n; i++)
        if (all->list[i].job != NULL)
            all->list[i].job->services = all;
    d->job.services = all;
}

void key_set_use_services(struct loader *l, const struct key *k, const struct node *value,
                          void *object)
{
    (void)object;
    if (l->host == NULL) /* where there is one, jobs/expand/ has taken it out */
        problem_at(l, value->key, "'%s' is for job files", k->name);
}

/* ---- those of no job ---- */

static void note_unused(struct loader *l, const struct node *service)
{
    struct jobs_plan *plan = l->plan;

    if (source_file_of(&l->source, service->key->place) != 0)
        return; /* other files are there for several */
    plan->notes[plan->n_notes++] =
        arena_printf(plan->arena,
                     "%s:%u: no job has the service '%s': one that is to says "
                     "'use-services: [%s]'",
                     plan->file, service->key->place.line, service->key->text, service->key->text);
}

void services_check(struct loader *l, const struct node *services)
{
    l->plan->notes = arena_alloc(l->plan->arena, services->n * sizeof(*l->plan->notes));
    for (const struct node *v = services->first; v != NULL; v = v->next) {
        struct service_draft s = {0};

        draft_init(&s.draft, l->plan->arena);
        s.draft.job.is_service = true;
        (void)check_host_name(l, v->key);
        if (!keys_apply(l, &keys_service, node_without_replaced(l, v), &s))
            (void)value_unexpected(l, v, v->key->text, "a map of a service's keys");
        note_unused(l, v);
    }
}
