/* SPDX-License-Identifier: Apache-2.0 */
/* namespaces: a job's, for who enters it. The host's root joins them by PID 1's pidfd. Nobody else
 * may: what belongs to a process that is not dumpable is the business of who has CAP_SYS_PTRACE
 * where it was executed (ptrace_may_access(), kernel/ptrace.c), and an ordinary user's PID 1 was on
 * the host, not in that user's namespace (cli/cli_rights.c). So their slots hold the namespaces,
 * from when PID 1 is still no more than a copy of the slot, for their user, who may look at the
 * slot. Not responsible for joining them: init/join_namespaces.c. */
#include "harness/sandbox/slot/namespaces.h"
#include "harness/sandbox/init/join_namespaces.h"
#include "harness/sandbox/sandbox.h"

#include <fcntl.h>
#include <sched.h>

int namespaces_hold(struct sandbox_job *job, bool own_network, const char **ret_which)
{
    for (size_t i = 0; i < SANDBOX_NAMESPACES; i++) {
        char path[64];

        if (join_namespaces_table[i].type == CLONE_NEWNET && !own_network)
            continue; /* the host's: there is no right to join that, and no need */
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)job->pid,
                       join_namespaces_table[i].name);
        job->namespaces[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (job->namespaces[i] < 0) {
            *ret_which = join_namespaces_table[i].name;
            return -errno;
        }
    }
    return 0;
}

static int find(const struct sandbox_job *job, int type)
{
    for (size_t i = 0; i < SANDBOX_NAMESPACES; i++)
        if (join_namespaces_table[i].type == type)
            return job->namespaces[i];
    return -EBADF;
}

int namespaces_network(const struct sandbox_job *job)
{
    return find(job, CLONE_NEWNET);
}

int namespaces_mount(const struct sandbox_job *job)
{
    return find(job, CLONE_NEWNS);
}

void namespaces_release(struct sandbox_job *job)
{
    for (size_t i = 0; i < SANDBOX_NAMESPACES; i++)
        base_closep(&job->namespaces[i]);
}
