/* SPDX-License-Identifier: Apache-2.0 */
/* billing: see billing.h. */
#include "harness/attempt/billing.h"

void billing_begin(const struct sandbox_job *sandbox, struct attempt_facts *facts)
{
    facts->init_cpu_ns = 0;
    facts->has_init_cpu = sandbox_init_cpu_ns(sandbox, &facts->init_cpu_before_ns) == 0;
}

uint64_t billing_init_ns(const struct sandbox_job *sandbox, struct attempt_facts *facts)
{
    uint64_t now;

    if (facts->has_init_cpu && sandbox_init_cpu_ns(sandbox, &now) == 0)
        facts->init_cpu_ns = now - facts->init_cpu_before_ns;
    return facts->init_cpu_ns;
}

int billing_cpu_ns(const struct cgroup_job *cgroup, const struct sandbox_job *sandbox,
                   struct attempt_facts *facts, uint64_t *ret_ns)
{
    uint64_t ns;
    int r = cgroup_job_cpu_ns(cgroup, &ns);

    if (r == 0)
        *ret_ns = ns + billing_init_ns(sandbox, facts);
    return r;
}

void billing_add(struct attempt_facts *facts)
{
    static const enum cgroup_figure figures[] = {CGROUP_CPU_NS, CGROUP_SYSTEM_NS};

    for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
        if ((facts->usage.known >> figures[i]) & 1u)
            facts->usage.value[figures[i]] += facts->init_cpu_ns;
}
