/* SPDX-License-Identifier: Apache-2.0 */
/* networks: see networks.h. What a job's own network is made of is the sandbox's. */
#include "harness/prepare/networks.h"

static int check_host(const struct run_options *options, const struct instance *in,
                      struct cupel_error *err)
{
    if (options->allow_host_network)
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s:%d: job '%s' asks for the host's network",
                          in->plan->file, in->job->line, in->job->name);
    cupel_error_hint(err, "say --allow-host-network if that is what you want: the job then reaches "
                          "everything that this "
                          "machine reaches");
    return -EPERM;
}

static int check_nat(struct run *run, const struct instance *in, struct cupel_error *err)
{
    int r = run->nat.pasta != NULL ? 0 : sandbox_nat_check(&run->privilege, &run->nat, err);

    if (r < 0)
        cupel_error_prefix(err, "%s:%d: job '%s'", in->plan->file, in->job->line, in->job->name);
    return r;
}

/* The jobs of a bridge that this run has, which may be fewer than the file has: a shell is one. */
static size_t count_members(const struct run *run, const struct instance *in)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n_instances; i++)
        n += run->instances[i].job->network == JOBS_NETWORK_BRIDGE &&
             run->instances[i].bridge == in->bridge;
    return n;
}

static int check_bridge(const struct run *run, const struct run_options *options,
                        const struct instance *in, struct cupel_error *err)
{
    /* once a bridge is enough */
    size_t n = in->job->bridge_member == 0 ? count_members(run, in) : 0;

    if (n <= options->slots)
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "%s:%d: the %zu jobs on the bridge '%s' start together, and -j allows %u",
                          in->plan->file, in->job->line, n, in->plan->bridges[in->job->bridge].name,
                          options->slots);
    cupel_error_hint(err, "say -j %zu", n);
    return -EINVAL;
}

int networks_check(struct run *run, const struct run_options *options, const struct instance *in,
                   struct cupel_error *err)
{
    switch (in->job->network) {
    case JOBS_NETWORK_NONE:
    case JOBS_NETWORK_LOOPBACK:
        return 0;
    case JOBS_NETWORK_NAT:
        return check_nat(run, in, err);
    case JOBS_NETWORK_HOST:
        return check_host(options, in, err);
    case JOBS_NETWORK_BRIDGE:
        return check_bridge(run, options, in, err);
    }
    return 0;
}

int networks_open(struct run *run, struct cupel_error *err)
{
    int r = 0;

    run->bridges = xcalloc(run->n_bridges, sizeof(*run->bridges));
    for (size_t i = 0; i < run->n_bridges; i++)
        run->bridges[i] = -EBADF;
    for (size_t i = 0; r == 0 && i < run->n_instances; i++) {
        const struct instance *in = &run->instances[i];

        if (in->job->network != JOBS_NETWORK_BRIDGE || run->bridges[in->bridge] >= 0)
            continue;
        r = sandbox_bridge_open(&run->bridges[in->bridge], err);
        if (r < 0)
            cupel_error_prefix(err, "%s:%d: job '%s'", in->plan->file, in->job->line,
                               in->job->name);
    }
    return r;
}

void networks_close(struct run *run)
{
    for (size_t i = 0; run->bridges != NULL && i < run->n_bridges; i++)
        base_closep(&run->bridges[i]);
    free(run->bridges);
    free(run->nat.pasta);
}
