/* SPDX-License-Identifier: Apache-2.0 */
/* network: see network.h. Which network a job has, in one table. A job with `none` or `loopback`
 * needs nothing from here: its namespace is empty, and PID 1 brings lo up; one with `host`, and a
 * service, has no namespace of its own. */
#include "harness/sandbox/slot/network.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/bridge.h"
#include "harness/sandbox/slot/nat.h"
#include "harness/sandbox/slot/resolver.h"
#include "harness/sandbox/slot/stage.h"

#include <fcntl.h>

#define RESOLVER_MAX ((size_t)64 << 10)

struct namespaces {
    int user, net;
    const char *resolver; /* of the job; NULL: the root's own */
};

typedef int connect_fn(struct sandbox_stage *stage, const struct sandbox_request *request,
                       const struct namespaces *ns, struct sandbox_job *job,
                       struct cupel_error *err);

static int connect_nat(struct sandbox_stage *stage, const struct sandbox_request *request,
                       const struct namespaces *ns, struct sandbox_job *job,
                       struct cupel_error *err)
{
    const struct nat_order order = {.with = &stage->nat,
                                    .user_ns = ns->user,
                                    .net_ns = ns->net,
                                    .forwards_names = ns->resolver != NULL &&
                                                      resolver_is_forwarded(ns->resolver)};

    (void)request;
    return nat_start(&order, &job->nat, err);
}

static int connect_bridge(struct sandbox_stage *stage, const struct sandbox_request *request,
                          const struct namespaces *ns, struct sandbox_job *job,
                          struct cupel_error *err)
{
    (void)stage;
    (void)job;
    return bridge_attach(request->bridge_ns, ns->net, request->job,
                         request->plan->bridges[request->job->bridge].n_members, err);
}

static connect_fn *const connect_table[] = {
    [JOBS_NETWORK_NONE] = NULL,
    [JOBS_NETWORK_LOOPBACK] = NULL,
    [JOBS_NETWORK_NAT] = connect_nat,
    [JOBS_NETWORK_HOST] = NULL,
    [JOBS_NETWORK_BRIDGE] = connect_bridge,
};

int network_open_namespace(pid_t pid, const char *name)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int network_connect(struct sandbox_stage *stage, const struct sandbox_request *request,
                    const char *resolver, struct sandbox_job *job, struct cupel_error *err)
{
    connect_fn *connect_network = connect_table[request->job->network];
    cleanup_close int user = -EBADF, net = -EBADF;

    if (connect_network == NULL || !jobs_has_own_network(request->job))
        return 0;
    user = network_open_namespace(job->pid, "user");
    net = network_open_namespace(job->pid, "net");
    if (user < 0 || net < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, user < 0 ? user : net,
                               "cannot open the job's namespaces");
    return connect_network(stage, request, &(struct namespaces){user, net, resolver}, job, err);
}

void network_disconnect(struct sandbox_job *job)
{
    job->network_lost = !nat_stop(&job->nat);
}

char *network_resolver(const struct jobs_job *job)
{
    cleanup_free char *text = NULL;
    size_t len;

    if (job->network != JOBS_NETWORK_NAT && job->network != JOBS_NETWORK_HOST)
        return NULL;
    if (file_read_at(AT_FDCWD, "/etc/resolv.conf", RESOLVER_MAX, &text, &len) < 0)
        return NULL; /* a host without resolvers */
    return job->network == JOBS_NETWORK_NAT ? resolver_behind_nat(text) : steal_ptr(text);
}

/* All of them are in one network namespace, whose loopback is where they meet. */
static void add_service(struct strbuf *text, const struct jobs_service *s)
{
    strbuf_addf(text, "127.0.0.1\t%s", s->name);
    for (size_t i = 0; s->aliases != NULL && s->aliases[i] != NULL; i++)
        strbuf_addf(text, " %s", s->aliases[i]);
    strbuf_adds(text, "\n");
}

char *network_hosts(const struct sandbox_request *request)
{
    const struct jobs_job *job = request->job;
    struct strbuf text;

    if (job->network == JOBS_NETWORK_BRIDGE)
        return bridge_hosts(request->plan, &request->plan->bridges[job->bridge]);
    text = (struct strbuf){0};
    strbuf_addf(&text, HOSTS_LOCAL "127.0.0.1\t%s\n::1\t%s\n", job->hostname, job->hostname);
    for (size_t i = 0; job->services != NULL && i < job->services->n; i++)
        add_service(&text, &job->services->list[i]);
    return text.data;
}
