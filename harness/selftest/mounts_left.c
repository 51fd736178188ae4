/* SPDX-License-Identifier: Apache-2.0 */
/* mounts_left: which of the host's new mounts may be ours: other programs mount and unmount while a
 * self-test runs, and that is no breach. Reads nothing; selftest_run.c has the two lists. */
#include "harness/selftest/selftest_private.h"

#include <string.h>

/* The second word of a line of /proc/self/mounts; its length. */
static size_t find_target(const char *line, const char **ret)
{
    const char *target = line + strcspn(line, " \n");

    target += *target == ' ';
    *ret = target;
    return strcspn(target, " \n");
}

static bool has_line(const char *list, const char *line, size_t len)
{
    for (; *list != '\0'; list += strcspn(list, "\n"), list += *list == '\n')
        if (strncmp(list, line, len) == 0 && (list[len] == '\n' || list[len] == '\0'))
            return true;
    return false;
}

/* A mount over another one hides what was there. */
static bool has_target(const char *list, const char *target, size_t len)
{
    for (; *list != '\0'; list += strcspn(list, "\n"), list += *list == '\n') {
        const char *other;

        if (find_target(list, &other) == len && strncmp(other, target, len) == 0)
            return true;
    }
    return false;
}

static bool mentions(const char *line, size_t len, const char *const *places)
{
    for (; *places != NULL; places++)
        if (memmem(line, len, *places, strlen(*places)) != NULL)
            return true;
    return false;
}

char *mounts_left(const char *before, const char *now, const char *const *places)
{
    while (*now != '\0') {
        size_t len = strcspn(now, "\n"), target_len;
        const char *target;

        target_len = find_target(now, &target);
        if (!has_line(before, now, len) &&
            (mentions(now, len, places) || has_target(before, target, target_len)))
            return xasprintf("%.*s", (int)len, now);
        now += len + (now[len] == '\n');
    }
    return NULL;
}
