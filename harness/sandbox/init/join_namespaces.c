/* SPDX-License-Identifier: Apache-2.0 */
/* join_namespaces: the calling process becomes one of a job's namespaces. What there is to hold
 * them by is slot/namespaces.c's.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/join_namespaces.h"
#include "harness/sandbox/sandbox.h"

#include <sched.h>

const struct join_namespace join_namespaces_table[SANDBOX_NAMESPACES] = {
    {"user", CLONE_NEWUSER},     {"mnt", CLONE_NEWNS},    {"pid", CLONE_NEWPID},
    {"uts", CLONE_NEWUTS},       {"ipc", CLONE_NEWIPC},   {"net", CLONE_NEWNET},
    {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME},
};

int join_namespaces(const struct sandbox_entry *entry)
{
    int all = 0;

    for (size_t i = 0; i < SANDBOX_NAMESPACES; i++) {
        all |= join_namespaces_table[i].type;
        if (entry->namespaces != NULL && entry->namespaces[i] >= 0 &&
            setns(entry->namespaces[i], join_namespaces_table[i].type) < 0)
            return -errno;
    }
    return entry->namespaces == NULL && setns(entry->pidfd, all) < 0 ? -errno : 0;
}
