/* SPDX-License-Identifier: Apache-2.0 */
/* job_network: the `network` key, and which jobs of a file share a bridge. The jobs of a bridge
 * start together, so they may not wait for one another; each is known to the others by name, so
 * names have to be host names, each once. */
#include "jobs/load.h"

#include <linux/capability.h>
#include <strings.h>

#define HOST_NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-"

bool host_name_is_valid(const char *name)
{
    size_t n = strlen(name);

    /* sethostname(2) takes at most 64 bytes */
    return n > 0 && n <= 64 && strspn(name, HOST_NAME_LETTERS) == n &&
           strchr(".-", name[0]) == NULL && strchr(".-", name[n - 1]) == NULL &&
           strstr(name, "..") == NULL;
}

void key_set_network(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;
    size_t index;

    if (value->kind == NODE_SCALAR) {
        if (value_choice(l, value, k, &index)) {
            d->job.network = (enum jobs_network)index;
            d->bridge = NULL;
        }
        return;
    }
    d->job.network = JOBS_NETWORK_BRIDGE;
    d->bridge = NULL;
    (void)keys_apply(l, k->sub, value, d);
}

/* A raw socket sends any address in a header, past the routes that keep the host's loopback out of
 * reach (sandbox/slot/nat.c). */
void network_check(struct loader *l, const struct draft *d)
{
    const struct jobs_capabilities *c = &d->job.capabilities;

    if (d->job.network == JOBS_NETWORK_NAT && c->given && ((c->set >> CAP_NET_RAW) & 1u))
        problem_at(l, d->name,
                   "job '%s' has the capability NET_RAW and 'network: nat': it could reach the "
                   "host's own loopback",
                   d->job.name);
}

/* ---- who is on which bridge ---- */

static struct jobs_bridge *find_bridge(struct loader *l, const char *name)
{
    for (size_t i = 0; i < l->plan->n_bridges; i++)
        if (str_eq(l->plan->bridges[i].name, name))
            return &l->plan->bridges[i];
    return NULL;
}

static struct jobs_bridge *add_bridge(struct loader *l, const struct job_refs *d)
{
    struct jobs_plan *plan = l->plan;
    struct jobs_bridge *b;

    if (plan->n_bridges == JOBS_BRIDGES_MAX) {
        problem_at(l, d->bridge, "a file may have at most %d bridges", JOBS_BRIDGES_MAX);
        return NULL;
    }
    if (plan->bridges == NULL)
        plan->bridges = arena_alloc(plan->arena, JOBS_BRIDGES_MAX * sizeof(*plan->bridges));
    b = &plan->bridges[plan->n_bridges++];
    b->name = arena_strndup(plan->arena, d->bridge->text, d->bridge->n);
    b->members = arena_alloc(plan->arena, JOBS_BRIDGE_MEMBERS_MAX * sizeof(*b->members));
    return b;
}

static bool is_called(const struct jobs_job *job, const char *name)
{
    return strcasecmp(job->name, name) == 0 || strcasecmp(job->hostname, name) == 0;
}

static void check_names(struct loader *l, const struct jobs_bridge *b, const struct job_refs *d,
                        struct jobs_job *job)
{
    if (!host_name_is_valid(job->name) || strcasecmp(job->name, "localhost") == 0) {
        problem_at(l, d->name,
                   "job '%s' is on a bridge, where its name is a host name: at most 64 letters, "
                   "digits, '.' and '-', and not "
                   "localhost",
                   job->name);
        return;
    }
    if (!d->has_hostname)
        job->hostname = job->name;
    for (size_t i = 0; i < b->n_members; i++) {
        const struct jobs_job *other = &l->plan->jobs[b->members[i]];

        if (is_called(other, job->name) || is_called(other, job->hostname))
            problem_at(l, d->name, "jobs '%s' and '%s' have the same host name on the bridge '%s'",
                       other->name, job->name, b->name);
    }
}

static void join_bridge(struct loader *l, size_t index)
{
    const struct job_refs *d = &l->refs[index];
    struct jobs_job *job = &l->plan->jobs[index];
    struct jobs_bridge *b = find_bridge(l, d->bridge->text);

    if (b == NULL)
        b = add_bridge(l, d);
    if (b == NULL)
        return;
    if (b->n_members == JOBS_BRIDGE_MEMBERS_MAX) {
        problem_at(l, d->bridge, "more than %d jobs are on the bridge '%s'",
                   JOBS_BRIDGE_MEMBERS_MAX, b->name);
        return;
    }
    check_names(l, b, d, job);
    if (job->retries > 0)
        problem_at(l, d->name,
                   "job '%s' has 'retries', but a job on a bridge is not run again: its neighbours "
                   "are gone then",
                   job->name);
    if (job->n_claims > 0)
        problem_at(l, d->name,
                   "job '%s' has 'exclusive', and is on a bridge, whose jobs start together: take "
                   "it off one of them",
                   job->name);
    job->bridge = (size_t)(b - l->plan->bridges);
    job->bridge_member = b->n_members;
    b->members[b->n_members++] = index;
}

/* ---- needs among jobs that start together ---- */

/* Everything that the bridge's jobs wait for, directly or not, where a job of a bridge stands for
 * all of it. */
static bool waits_for_itself(const struct jobs_plan *plan, const struct jobs_bridge *bridge)
{
    cleanup_free size_t *queue = xcalloc(plan->n_jobs, sizeof(*queue));
    cleanup_free bool *seen = xcalloc(plan->n_jobs, sizeof(*seen));
    size_t head = 0, tail = 0;

    for (size_t i = 0; i < bridge->n_members; i++)
        queue[tail++] = bridge->members[i]; /* not seen: to be found again is what this is about */
    while (head < tail) {
        const struct jobs_job *job = &plan->jobs[queue[head++]];

        for (size_t i = 0; i < job->n_needs; i++) {
            const struct jobs_job *need = &plan->jobs[job->needs[i]];
            const struct jobs_bridge *own =
                need->network == JOBS_NETWORK_BRIDGE ? &plan->bridges[need->bridge] : NULL;
            const size_t *mates = own != NULL ? own->members : &job->needs[i];

            if (own == bridge)
                return true;
            for (size_t k = 0; k < (own != NULL ? own->n_members : 1); k++)
                if (!seen[mates[k]]) {
                    seen[mates[k]] = true;
                    queue[tail++] = mates[k];
                }
        }
    }
    return false;
}

void bridges_resolve(struct loader *l)
{
    struct jobs_plan *plan = l->plan;

    for (size_t i = 0; i < plan->n_jobs; i++)
        if (l->refs[i].bridge != NULL)
            join_bridge(l, i);
    if (!source_is_good(&l->source)) /* needs may form a cycle, or jobs lack a bridge */
        return;
    for (size_t i = 0; i < plan->n_bridges; i++)
        if (waits_for_itself(plan, &plan->bridges[i]))
            problem_at(l, l->refs[plan->bridges[i].members[0]].name,
                       "jobs on the bridge '%s' need one another (perhaps by way of other jobs), "
                       "but all of them start "
                       "together",
                       plan->bridges[i].name);
}

void key_set_bridge(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;
    const char *name;

    if (value_name(l, value, k->name, &name))
        d->bridge = value;
}
