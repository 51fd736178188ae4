/* SPDX-License-Identifier: Apache-2.0 */
/* pattern_reference: what patterns of artifacts mean, by trying everything, and the compiled ones
 * along one path, to be compared with it. For short patterns: the time that trying takes has no
 * bound worth the name. */
#pragma once

#include "harness/attempt/artifact_patterns.h"

#include <fnmatch.h>
#include <string.h>

#define REFERENCE_PART_SIZE 256

/* The first part of a path or pattern. */
static inline const char *reference_first(const char *path, char buf[static REFERENCE_PART_SIZE])
{
    (void)snprintf(buf, REFERENCE_PART_SIZE, "%.*s", (int)strcspn(path, "/"), path);
    return buf;
}

static inline const char *reference_rest(const char *path)
{
    path += strcspn(path, "/");
    return path + strspn(path, "/");
}

/* `pattern` and `path` begin with a part, or are empty. */
static inline bool reference_naive(const char *pattern, const char *path)
{
    char part[REFERENCE_PART_SIZE], name[REFERENCE_PART_SIZE];

    if (*pattern == '\0')
        return true; /* a directory that a whole pattern matches: all that it holds */
    if (*path == '\0')
        return false;
    if (!str_eq(reference_first(pattern, part), "**"))
        return fnmatch(part, reference_first(path, name), FNM_PERIOD) == 0 &&
               reference_naive(reference_rest(pattern), reference_rest(path));
    /* no directory, or this one and any number of others */
    return reference_naive(reference_rest(pattern), path) ||
           (*reference_rest(path) != '\0' && reference_naive(pattern, reference_rest(path)));
}

/* Whether `path`, which is no directory, matches any of the list, and the one of number `used`. */
static inline bool reference_compiled(const char *const *patterns, const char *path, size_t used)
{
    struct artifact_patterns *p = artifact_patterns_new(patterns);
    struct artifact_states s, next;
    char name[REFERENCE_PART_SIZE];
    bool matched = false, below = true;

    artifact_patterns_begin(p, &s);
    for (; below && *reference_rest(path) != '\0'; path = reference_rest(path)) {
        below = artifact_patterns_enter(p, &s, reference_first(path, name), &next);
        artifact_states_free(&s);
        s = next;
    }
    if (below)
        matched = artifact_patterns_match(p, &s, reference_first(path, name)) &&
                  artifact_patterns_used(p, used);
    artifact_states_free(&s);
    artifact_patterns_free(p);
    return matched;
}
