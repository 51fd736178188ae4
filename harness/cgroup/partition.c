/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/partition: the cpuset partition that this process is in, which somebody has set CPUs apart
 * by. Only looks, and makes none. Document: cgroup-v2.rst, cpuset.cpus.partition (since 5.0;
 * `isolated` since 6.1, remote ones since 6.7). */
#include "harness/cgroup/cgroup_private.h"

#include <fcntl.h>
#include <string.h>

bool partition_is_valid(const char *kind)
{
    return str_eq(kind, "isolated") || str_eq(kind, "root");
}

/* Reads the first line of a small file; false: there is none. */
static bool partition_read(int root, const char *path, char *text, size_t size)
{
    cleanup_free char *data = NULL;
    size_t n;

    if (file_read_at(root, path, 65536, &data, &n) < 0)
        return false;
    data[strcspn(data, "\n")] = '\0';
    (void)snprintf(text, size, "%s", data);
    return true;
}

bool partition_begins_at(const char *dir)
{
    cleanup_free char *file = xasprintf("%s/cpuset.cpus.partition", dir);
    char kind[256];

    return partition_read(AT_FDCWD, file, kind, sizeof(kind)) && partition_is_valid(kind);
}

/* Returns our own group of cgroup v2 as the kernel names it, and in *ret_mount where it is seen, as
 * a path beneath `root`; NULL where there is none, or where no mount has such a group. */
static char *partition_own_group(int root, const char **ret_mount)
{
    static const char *const mounts[] = {"sys/fs/cgroup", "sys/fs/cgroup/unified"};
    cleanup_free char *data = NULL, *group = NULL;
    const char *at;
    size_t n;

    if (file_read_at(root, "proc/self/cgroup", 65536, &data, &n) < 0)
        return NULL;
    at = str_starts(data, "0::/") ? data : strstr(data, "\n0::/");
    if (at == NULL)
        return NULL;
    at = strchr(at, '/');
    group = xasprintf("%.*s", (int)strcspn(at, "\n"), at);
    for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
        cleanup_free char *file = xasprintf("%s%s/cgroup.controllers", mounts[i], group);

        if (faccessat(root, file, F_OK, 0) < 0)
            continue;
        *ret_mount = mounts[i];
        return steal_ptr(group);
    }
    return NULL;
}

int cgroup_partition_find(int root, struct cgroup_partition *ret)
{
    const char *mount = NULL;
    cleanup_free char *group = partition_own_group(root, &mount);
    bool any = false;

    for (char *slash; group != NULL && (slash = strrchr(group, '/')) != NULL; *slash = '\0') {
        cleanup_free char *file = xasprintf("%s%s/cpuset.cpus.partition", mount, group),
                          *cpus = xasprintf("%s%s/cpuset.cpus.effective", mount, group);
        char kind[sizeof(ret->kind)];

        if (!partition_read(root, file, kind, sizeof(kind)))
            continue;
        any = true;
        if (str_eq(kind, "member"))
            continue;
        *ret = (struct cgroup_partition){.valid = partition_is_valid(kind), .cpus = "?"};
        memcpy(ret->kind, kind, sizeof(kind));
        (void)partition_read(root, cpus, ret->cpus, sizeof(ret->cpus));
        ret->group = steal_ptr(group);
        return 1;
    }
    return any ? 0 : -ENOENT;
}

char *cgroup_partition_around(void)
{
    cleanup_close int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct cgroup_partition p;

    if (root < 0 || cgroup_partition_find(root, &p) <= 0)
        return NULL;
    if (p.valid)
        return p.group;
    free(p.group);
    return NULL;
}
