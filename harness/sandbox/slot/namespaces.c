/* namespaces: a job's, for who enters it. The host's root joins them by PID 1's pidfd. Nobody else
 * may: what belongs to a process that is not dumpable is the business of who has CAP_SYS_PTRACE
 * where it was executed (ptrace_may_access(), kernel/ptrace.c), and an ordinary user's PID 1 was on
 * the host, not in that user's namespace (cli/cli_rights.c). So their slots hold the namespaces,
 * from when PID 1 is still no more than a copy of the slot, for their user, who may look at the
 * slot. */
#include "harness/sandbox/sandbox_private.h"

#include <fcntl.h>
#include <sched.h>

/* The first brings the rights over the others. */
static const struct {
    const char *name;
    int type;
} table[SANDBOX_NAMESPACES] = {
    {"user", CLONE_NEWUSER},     {"mnt", CLONE_NEWNS},    {"pid", CLONE_NEWPID},
    {"uts", CLONE_NEWUTS},       {"ipc", CLONE_NEWIPC},   {"net", CLONE_NEWNET},
    {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME},
};

int namespaces_hold(struct sandbox_job *job, bool own_network, const char **ret_which)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        char path[64];

        if (table[i].type == CLONE_NEWNET && !own_network)
            continue; /* the host's: there is no right to join that, and no need */
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)job->pid, table[i].name);
        job->namespaces[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (job->namespaces[i] < 0) {
            *ret_which = table[i].name;
            return -errno;
        }
    }
    return 0;
}

int namespaces_network(const struct sandbox_job *job)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (table[i].type == CLONE_NEWNET)
            return job->namespaces[i];
    return -EBADF;
}

void namespaces_release(struct sandbox_job *job)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        base_closep(&job->namespaces[i]);
}

int namespaces_join(const struct sandbox_entry *entry)
{
    int all = 0;

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        all |= table[i].type;
        if (entry->namespaces != NULL && entry->namespaces[i] >= 0 &&
            setns(entry->namespaces[i], table[i].type) < 0)
            return -errno;
    }
    return entry->namespaces == NULL && setns(entry->pidfd, all) < 0 ? -errno : 0;
}
