/* SPDX-License-Identifier: Apache-2.0 */
/* pattern: what regular expressions a job file may have. regcomp(3) writes out each repetition and
 * calls itself for each group: a line of text may cost it gigabytes, or its stack. So each is
 * looked at before it is given to that. Not responsible for what one is matched against. */
#include "jobs/load.h"

#include <ctype.h>
#include <regex.h>

#define PATTERN_DEPTH_MAX 32
/* What one takes for a line grows with its square: this much is 30 ms and 40 MiB at the worst. */
#define PATTERN_WRITTEN_OUT_MAX 500

/* Returns where a bracket expression ends: at its "]", or the last byte. A "]" that is its first,
 * and those of [:alpha:] and the like are part of it. */
static const char *bracket_end(const char *p)
{
    p += p[1] == '^' ? 2 : 1;
    if (*p == ']')
        p++;
    while (*p != '\0' && *p != ']') {
        const char kind = p[0] == '[' ? p[1] : '\0';

        if (kind != '\0' && strchr(":.=", kind) != NULL) {
            const char end[] = {kind, ']', '\0'};
            const char *to = strstr(p + 2, end);

            if (to != NULL)
                p = to + 1;
        }
        p++;
    }
    return *p == ']' ? p : p - 1;
}

static uint64_t repetition_number(const char **p)
{
    uint64_t n = 0;

    for (; isdigit((unsigned char)**p); ++*p)
        n = n < PATTERN_WRITTEN_OUT_MAX ? n * 10 + (uint64_t)(**p - '0') : n;
    return n;
}

/* Reads a repetition, and returns how often what stands before it is written out; 0: there is none.
 */
static uint64_t repetition_at(const char **p)
{
    const char *at = *p + 1;
    uint64_t from, to;

    if (**p == '+' || **p == '*' || **p == '?') {
        *p = at;
        return at[-1] == '+' ? 2 : 1;
    }
    if (**p != '{')
        return 0;
    to = from = repetition_number(&at);
    if (*at == ',') {
        at++;
        to = *at == '}' ? from + 1 : repetition_number(&at);
    }
    if (*at != '}')
        return 0;
    *p = at + 1;
    return to > from ? to : from > 0 ? from : 1;
}

/* Returns how many characters it has once all repetitions are written out, or more than may be. */
static uint64_t pattern_size(const char *p)
{
    uint64_t sums[PATTERN_DEPTH_MAX + 1] = {0}, last = 0, times;
    size_t depth = 0;

    while (*p != '\0') {
        times = last > 0 ? repetition_at(&p) : 0;
        if (times > 0) {
            sums[depth] += last * (times - 1);
            last *= times;
        } else if (*p == '(') {
            if (depth == PATTERN_DEPTH_MAX)
                return UINT64_MAX;
            sums[++depth] = 0;
            last = 0;
            p++;
        } else if (*p == ')' && depth > 0) {
            last = sums[depth--] + 1;
            sums[depth] += last;
            p++;
        } else {
            last = 1;
            sums[depth]++;
            if (*p == '[')
                p = bracket_end(p);
            else if (*p == '\\' && p[1] != '\0')
                p++;
            p++;
        }
        if (sums[depth] > PATTERN_WRITTEN_OUT_MAX)
            return UINT64_MAX;
    }
    return sums[0];
}

const char *pattern_refused(struct arena *arena, const char *pattern)
{
    char why[128];
    regex_t compiled;
    int r;

    if (strlen(pattern) > JOBS_PATTERN_MAX || pattern_size(pattern) > PATTERN_WRITTEN_OUT_MAX)
        return arena_printf(arena,
                            "it is too much for a regular expression: %d bytes are possible, %d "
                            "groups in one another, and %d characters once its repetitions are "
                            "written out",
                            JOBS_PATTERN_MAX, PATTERN_DEPTH_MAX, PATTERN_WRITTEN_OUT_MAX);
    r = regcomp(&compiled, pattern, REG_EXTENDED);
    if (r != 0) {
        (void)regerror(r, &compiled, why, sizeof(why));
        return arena_printf(arena, "it is no regular expression: %s", why);
    }
    regfree(&compiled);
    return NULL;
}
