/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/delegation: whether systemd gave the group that we are in away, and how far up it is ours.
 * Only looks; what follows from it is detect.c's and cgroup_explain.c's. */
#include "harness/cgroup/cgroup_private.h"

#include <linux/magic.h>
#include <mntent.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

/* Since 251 the system's manager marks its units in both name spaces, before in trusted. alone,
 * which takes rights to read. A user's manager marks none of its own. */
static bool is_marked(const char *dir, const char *mark)
{
    static const char *const spaces[] = {"trusted", "user"};
    char name[64], value[64];

    for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
        snprintf(name, sizeof(name), "%s.%s", spaces[i], mark);
        if (getxattr(dir, name, value, sizeof(value)) > 0)
            return true;
    }
    return false;
}

/* Says whether an OOM kill is an event of the job's group only, and nobody above hears of it: a
 * mount option of cgroup2. */
static bool events_are_local(void)
{
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent *m;
    bool local = false;

    while (mounts != NULL && !local && (m = getmntent(mounts)) != NULL)
        local = str_eq(m->mnt_type, "cgroup2") && hasmntopt(m, "memory_localevents") != NULL;
    if (mounts != NULL)
        (void)endmntent(mounts);
    return local;
}

static bool is_slice(const char *name)
{
    size_t len = strlen(name), suffix = strlen(".slice");

    return len > suffix && str_eq(name + len - suffix, ".slice");
}

char *undelegated_unit(const char *own)
{
    cleanup_free char *dir = xstrdup(own);

    for (char *end; (end = strrchr(dir, '/')) != NULL; *end = '\0') {
        if (is_marked(dir, "delegate"))
            return NULL;
        if (!is_marked(dir, "invocation_id"))
            continue;
        /* The unit that we are in. Slices have no processes of their own, and no policy of what to
         * do about them. */
        if (is_slice(end) || events_are_local())
            return NULL;
        return xstrdup(dir);
    }
    return NULL;
}

static bool is_cgroup2(const char *dir)
{
    struct statfs fs;

    return statfs(dir, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Says whether a unit is a user's manager: what that makes beneath its own unit is its own. */
static bool is_user_manager(const char *dir)
{
    const char *name = strrchr(dir, '/');

    return name != NULL && str_starts(name, "/user@");
}

char *highest_of_ours(const char *own)
{
    cleanup_free char *dir = xstrdup(own);

    for (;;) {
        char *end = strrchr(dir, '/');
        char c;

        if (is_marked(dir, "delegate"))
            return is_user_manager(dir) ? NULL : steal_ptr(dir);
        if (end == NULL || end == dir || is_marked(dir, "invocation_id"))
            return NULL;
        c = *end;
        *end = '\0';
        if (is_cgroup2(dir))
            continue;
        *end = c;
        return access("/run/systemd/system", F_OK) == 0 ? NULL : steal_ptr(dir);
    }
}
