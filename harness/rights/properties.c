/* SPDX-License-Identifier: Apache-2.0 */
/* properties: what a scope of systemd's is asked for, so that leaving a group for it is no way past
 * that group's limits, and none of systemd's defaults becomes a limit of ours
 * (systemd.resource-control(5)). */
#include "harness/rights/rights_private.h"

#include "harness/cgroup/cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define WORDS_MAX 16

/* A bound of the group that we leave: its file, and the property that says the same. */
static const struct {
    const char *file;
    const char *property;
    const char *without; /* what is asked for where there is no bound; NULL: nothing */
} bounds[] = {
    {"memory.max", "MemoryMax", NULL},
    {"memory.high", "MemoryHigh", NULL},
    {"memory.swap.max", "MemorySwapMax", NULL},
    /* systemd gives every unit one by itself (DefaultTasksMax=), too few for many jobs at once */
    {"pids.max", "TasksMax", "infinity"},
};

/* Our own group, as the kernel names it from the root of our cgroup namespace:
 * "/user.slice/user-0.slice/session-1.scope". */
static char *own_group(void)
{
    cleanup_free char *text = NULL;
    char *line;
    size_t len;

    if (file_read_at(AT_FDCWD, "/proc/self/cgroup", 1 << 16, &text, &len) < 0)
        return NULL;
    line = str_starts(text, "0::/") ? text : strstr(text, "\n0::/");
    if (line == NULL)
        return NULL;
    line = strchr(line, '/');
    line[strcspn(line, "\n")] = '\0';
    return xstrdup(line);
}

/* How much of the path is slices, one in the other: the last of them is the one that we are in. */
static size_t slices_of(const char *group)
{
    size_t end = 0;

    for (const char *p = group; *p == '/';) {
        size_t n = 1 + strcspn(p + 1, "/");

        if (n <= strlen("/.slice") ||
            strncmp(p + n - strlen(".slice"), ".slice", strlen(".slice")) != 0)
            break;
        p += n;
        end = (size_t)(p - group);
    }
    return end;
}

/* Where in the path the groups of a user's own manager begin; 0: we are in none of them. */
static size_t below_user_manager(const char *group)
{
    const char *manager = strstr(group, "/user@");

    return manager != NULL ? (size_t)(manager - group) + 1 + strcspn(manager + 1, "/") : 0;
}

bool scope_is_needed(void)
{
    cleanup_free char *own = own_group();
    size_t manager = own != NULL ? below_user_manager(own) : 0;

    for (const char *p = own != NULL ? strstr(own + manager, ".service") : NULL; p != NULL;
         p = strstr(p + 1, ".service"))
        if (manager > 0 && (p[strlen(".service")] == '/' || p[strlen(".service")] == '\0'))
            return true;
    return false;
}

/* Reads a bound: "max", or a number; no file is "max". */
static uint64_t read_bound(const char *group, const char *file)
{
    cleanup_free char *path = xasprintf("/sys/fs/cgroup%s/%s", group, file), *text = NULL;
    uint64_t value;
    size_t len;

    if (file_read_at(AT_FDCWD, path, 64, &text, &len) < 0 || sscanf(text, "%" SCNu64, &value) != 1)
        return UINT64_MAX;
    return value;
}

/* "QUOTA PERIOD" as a share of one CPU, in percent; UINT64_MAX: no bound. */
static uint64_t read_quota(const char *group)
{
    cleanup_free char *path = xasprintf("/sys/fs/cgroup%s/cpu.max", group), *text = NULL;
    uint64_t quota, period;
    size_t len;

    if (file_read_at(AT_FDCWD, path, 64, &text, &len) < 0 ||
        sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) != 2 || period == 0)
        return UINT64_MAX;
    return quota * 100 / period > 0 ? quota * 100 / period : 1;
}

struct tightest {
    uint64_t bound[ARRAY_SIZE(bounds)], quota;
};

/* Finds the tightest limits of the group and of those around it, up to its slice, which the scope
 * will be in as well. */
static struct tightest find_tightest(const char *own, size_t slices)
{
    cleanup_free char *group = xstrdup(own);
    struct tightest t = {.quota = UINT64_MAX};

    for (size_t i = 0; i < ARRAY_SIZE(bounds); i++)
        t.bound[i] = UINT64_MAX;
    while (strlen(group) > slices && group[1] != '\0') {
        uint64_t quota = read_quota(group);

        t.quota = quota < t.quota ? quota : t.quota;
        for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
            uint64_t bound = read_bound(group, bounds[i].file);

            t.bound[i] = bound < t.bound[i] ? bound : t.bound[i];
        }
        *strrchr(group, '/') = '\0';
    }
    return t;
}

/* The CPUs that the group was given itself; where it has none of its own, the slice's hold anyway.
 */
static char *own_cpus(const char *group)
{
    cleanup_free char *path = xasprintf("/sys/fs/cgroup%s/cpuset.cpus", group);
    char *text;
    size_t len;

    if (file_read_at(AT_FDCWD, path, 4096, &text, &len) < 0)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    if (text[0] != '\0')
        return text;
    free(text);
    return NULL;
}

static void properties_add(char **words, size_t *n, char *word)
{
    words[(*n)++] = xstrdup("-p");
    words[(*n)++] = word;
}

/* Returns the slice of a group as an option: "a.slice" of "/b.slice/a.slice". */
static char *slice_option(const char *own, size_t slices)
{
    size_t start = slices;

    while (start > 0 && own[start - 1] != '/')
        start--;
    return xasprintf("--slice=%.*s", (int)(slices - start), own + start);
}

/* Returns where in the path of our own group the slice ends that the scope will be in. */
static size_t end_of_slice(const char *own, bool of_system)
{
    size_t manager = of_system ? 0 : below_user_manager(own);

    return manager + slices_of(own + manager);
}

bool scope_is_outside(const char *own, const char *partition, bool of_system)
{
    return strlen(partition) > end_of_slice(own, of_system);
}

bool scope_leaves_partition(bool of_system)
{
    cleanup_free char *own = own_group(), *partition = cgroup_partition_around();

    return own != NULL && partition != NULL && scope_is_outside(own, partition, of_system);
}

char **scope_properties(bool of_system)
{
    cleanup_free char *own = own_group(), *cpus = NULL;
    char **words = xcalloc(WORDS_MAX, sizeof(*words));
    size_t n = 0, manager, slices;
    struct tightest t;

    if (own == NULL)
        return words;
    manager = of_system ? 0 : below_user_manager(own);
    slices = end_of_slice(own, of_system);
    if (slices > manager && (of_system || manager > 0))
        words[n++] = slice_option(own, slices);
    t = find_tightest(own, slices);
    for (size_t i = 0; i < ARRAY_SIZE(bounds); i++)
        if (t.bound[i] != UINT64_MAX)
            properties_add(words, &n, xasprintf("%s=%" PRIu64, bounds[i].property, t.bound[i]));
        else if (bounds[i].without != NULL)
            properties_add(words, &n, xasprintf("%s=%s", bounds[i].property, bounds[i].without));
    if (t.quota != UINT64_MAX)
        properties_add(words, &n, xasprintf("CPUQuota=%" PRIu64 "%%", t.quota));
    cpus = own_cpus(own);
    if (cpus != NULL)
        properties_add(words, &n, xasprintf("AllowedCPUs=%s", cpus));
    return words;
}

void scope_properties_free(char **words)
{
    for (size_t i = 0; words[i] != NULL; i++)
        free(words[i]);
    free(words);
}
