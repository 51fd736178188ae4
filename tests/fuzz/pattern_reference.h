/* SPDX-License-Identifier: Apache-2.0 */
/* pattern_reference: what patterns of artifacts mean, by trying everything, and the compiled ones
 * along one path, to be compared with it. For short patterns: the time that trying takes has no
 * bound worth the name. */
#pragma once

#include "base/patterns.h"
#include "jobs/load.h"

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

/* Where the alternative that begins at `at` ends: at its comma, its brace or the end of all. */
static inline const char *reference_alternative(const char *at)
{
    for (int depth = 0; *at != '\0' && (depth > 0 || (*at != ',' && *at != '}')); at++)
        if (*at == '\\' && at[1] != '\0')
            at++;
        else
            depth += *at == '{' ? 1 : *at == '}' ? -1 : 0;
    return at;
}

/* The same of a pattern with braces: each text that the first ones stand for is tried in turn. */
static inline bool reference_braced(const char *pattern, const char *path)
{
    for (const char *p = pattern; *p != '\0'; p++) {
        const char *end = p;
        bool any = false, several = false;

        if (*p == '\\' && p[1] != '\0')
            p++;
        if (end != p || *p != '{')
            continue;
        for (end = reference_alternative(p + 1); *end == ','; end = reference_alternative(end + 1))
            several = true;
        if (*end == '\0' || !several)
            continue; /* these stand for themselves */
        for (const char *at = p + 1, *next; at <= end; at = next + 1) {
            cleanup_free char *one = NULL;

            next = reference_alternative(at);
            one =
                xasprintf("%.*s%.*s%s", (int)(p - pattern), pattern, (int)(next - at), at, end + 1);
            any |= reference_braced(one, path);
        }
        return any;
    }
    return reference_naive(pattern + strspn(pattern, "/"), path);
}

/* Whether `path`, which is no directory, matches any of the list, and the one of number `used`;
 * relative patterns are below the root. */
static inline bool reference_compiled(const char *const *patterns, const char *path, size_t used)
{
    struct patterns *p = patterns_new(patterns, "/");
    struct pattern_states s, next;
    char name[REFERENCE_PART_SIZE];
    bool matched = false, below = true;

    patterns_begin(p, &s);
    for (; below && *reference_rest(path) != '\0'; path = reference_rest(path)) {
        below = patterns_enter(p, &s, reference_first(path, name), &next);
        pattern_states_free(&s);
        s = next;
    }
    if (below)
        matched =
            patterns_match(p, &s, reference_first(path, name), true) && patterns_used(p, used);
    pattern_states_free(&s);
    patterns_free(p);
    return matched;
}

/* Whether `path` matches what a pattern's braces stand for, compiled; *ret_many: that is more than
 * anybody should try. */
static inline bool reference_expanded(const char *pattern, const char *path, bool *ret_many)
{
    struct strings all = {0};
    bool matched = false;

    *ret_many = !globs_expand(pattern, 64, &all);
    for (size_t i = 0; i < all.n; i++) {
        const char *list[] = {all.items[i], NULL};

        matched |= reference_compiled(list, path, 0);
    }
    strings_free(&all);
    return matched;
}
