/* SPDX-License-Identifier: Apache-2.0 */
/* unprivileged: see unprivileged.h. Before anything runs: a job that would fail in its set-up for
 * who started it, not for what it does, is refused with the remedy. */
#include "harness/prepare/unprivileged.h"

#include <sys/resource.h>
#include <sys/sysinfo.h>

static bool unprivileged_is_root(const char *user)
{
    return str_eq(user, "root") || str_eq(user, "root:root") || str_eq(user, "0") ||
           str_eq(user, "0:0");
}

static int check_user(const struct sandbox_privilege *privilege, const struct instance *in,
                      struct cupel_error *err)
{
    if (privilege->ids > 1 || unprivileged_is_root(in->job->user))
        return 0;
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0,
        "%s:%d: job '%s' has the user '%s', and without subordinate ids there is no user but root",
        in->plan->file, in->job->line, in->job->name, in->job->user);
    cupel_error_hint(err, "install the package uidmap, and let root give you ids: usermod "
                          "--add-subuids 100000-165535 "
                          "--add-subgids 100000-165535 YOU; or start cupel as root");
    return -EPERM;
}

static const struct {
    enum jobs_limit limit;
    __rlimit_resource_t resource;
    const char *option; /* of ulimit */
} rlimits[] = {
    {JOBS_LIMIT_CORE, RLIMIT_CORE, "-c"},       {JOBS_LIMIT_OPEN_FILES, RLIMIT_NOFILE, "-n"},
    {JOBS_LIMIT_STACK, RLIMIT_STACK, "-s"},     {JOBS_LIMIT_FILE_SIZE, RLIMIT_FSIZE, "-f"},
    {JOBS_LIMIT_PROCESSES, RLIMIT_NPROC, "-u"}, {JOBS_LIMIT_ADDRESS_SPACE, RLIMIT_AS, "-v"},
};

static uint64_t largest_asked(const struct jobs_job *job, enum jobs_limit limit)
{
    uint64_t largest = jobs_limit_is_set(&job->limits, limit) ? job->limits.value[limit] : 0;

    for (size_t i = 0; i < job->n_steps; i++)
        if (jobs_limit_is_set(&job->steps[i].limits, limit) &&
            job->steps[i].limits.value[limit] > largest)
            largest = job->steps[i].limits.value[limit];
    return largest;
}

/* A hard limit above our own takes CAP_SYS_RESOURCE (setrlimit(2)), which root of a container often
 * does not have: tried, and taken back. */
static bool can_have(__rlimit_resource_t resource, uint64_t asked, struct rlimit *ret_have)
{
    struct rlimit raised;

    if (asked == 0 || getrlimit(resource, ret_have) < 0 || asked <= ret_have->rlim_max)
        return true;
    raised = (struct rlimit){ret_have->rlim_cur, asked};
    return setrlimit(resource, &raised) == 0 && setrlimit(resource, ret_have) == 0;
}

static int check_rlimits(const struct sandbox_privilege *privilege, const struct instance *in,
                         struct cupel_error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(rlimits); i++) {
        struct rlimit have;

        if (can_have(rlimits[i].resource, largest_asked(in->job, rlimits[i].limit), &have))
            continue;
        (void)cupel_error_set(
            err, CUPEL_ERROR_HARNESS, 0,
            "%s:%d: the limit '%s' of job '%s' is above what you may have yourself (%llu)",
            in->plan->file, in->job->line, jobs_limit_table[rlimits[i].limit].key, in->job->name,
            (unsigned long long)have.rlim_max);
        cupel_error_hint(err,
                         "lower it, or have your hard limit raised (ulimit -H %s, limits.conf(5)), "
                         "or start cupel %s",
                         rlimits[i].option, privilege->host ? "with CAP_SYS_RESOURCE" : "as root");
        return -EPERM;
    }
    return 0;
}

int unprivileged_check(const struct sandbox_privilege *privilege, const struct instance *in,
                       struct cupel_error *err)
{
    int r = privilege->host ? 0 : check_user(privilege, in, err);

    return r == 0 ? check_rlimits(privilege, in, err) : r;
}

bool unprivileged_disk_space(const struct sandbox_privilege *privilege, uint64_t *ret_bytes)
{
    struct sysinfo info;

    if (privilege->host || sysinfo(&info) < 0)
        return false;
    *ret_bytes = ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
    return true;
}
