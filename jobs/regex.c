/* SPDX-License-Identifier: Apache-2.0 */
/* regex: a regular expression that output has to match, by PCRE2 (base/pcre.h). It is compiled here
 * to see that it is one. Not responsible for matching. POSIX's, of other keys, are pattern.c's. */
#include "base/pcre.h"
#include "jobs/load.h"

/* A short piece of the pattern from `at` on, for a message. */
static const char *piece(struct arena *arena, const char *pattern, size_t n, size_t at)
{
    cleanup_strbuf struct strbuf b = {0};
    size_t end = n - at > 20 ? at + 20 : n;

    while (end < n && ((unsigned char)pattern[end] & 0xc0) == 0x80) /* whole characters */
        end++;
    strbuf_add(&b, pattern + at, end - at);
    strbuf_adds(&b, end < n ? "..." : "");
    return arena_strdup(arena, b.data);
}

void key_set_regex(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_expect *e = object;
    struct arena *arena = l->plan->arena;
    char why[PCRE_WHY_SIZE];
    struct cupel_error err;
    const char *text;
    struct pcre *p;
    size_t at = 0;

    if (!value_text(l, value, k->name, &text))
        return;
    if (value->n == 0 || value->n > JOBS_REGEX_MAX) {
        problem_at(l, value, "'%s' must have 1 to %d bytes", k->name, JOBS_REGEX_MAX);
        return;
    }
    if (pcre_load(&err) < 0) {
        problem_at(l, value, "'%s' cannot be read: %s", k->name, err.message);
        return;
    }
    p = pcre_compile(text, value->n, why, &at);
    if (p == NULL && at < value->n)
        problem_at(l, value, "'%s' is no regular expression: %s, at its byte %zu: '%s'", k->name,
                   why, at + 1, piece(arena, text, value->n, at));
    else if (p == NULL)
        problem_at(l, value, "'%s' is no regular expression: %s, at its end", k->name, why);
    pcre_free(p);
    e->regex = text;
    e->regex_len = value->n;
}
