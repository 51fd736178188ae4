/* SPDX-License-Identifier: Apache-2.0 */
/* patterns: see patterns.h. What a part means: fnmatch(3) with FNM_PERIOD; "**" is any number of
 * directories, hidden ones included, and as the last part everything below; a directory that a
 * whole pattern matches is all that it holds. */
#include "base/patterns.h"

#include <fnmatch.h>
#include <string.h>

enum part_kind {
    PART_LITERAL,
    PART_GLOB,
    PART_ANY_DEPTH,  /* "**" before other parts */
    PART_EVERYTHING, /* the pattern has matched a directory: whatever is in it, too */
};

struct pattern_part {
    enum part_kind kind;
    bool last; /* an entry that matches this one is matched by the whole pattern */
    uint32_t pattern;
    const char *text;
};

struct patterns {
    /* of all patterns, one after the other, each ended by PART_EVERYTHING */
    struct pattern_part *parts;
    size_t n_parts;
    uint64_t *added; /* by part: the last round that it was added in */
    uint64_t round;
    bool *used, *served; /* by pattern */
    char *text;
};

static bool is_any_depth(const char *text)
{
    return text[0] == '*' && text[1] == '*' && text[2] == '\0';
}

static void patterns_add_part(struct patterns *p, uint32_t pattern, enum part_kind kind,
                              const char *text)
{
    p->parts[p->n_parts++] = (struct pattern_part){.kind = kind, .pattern = pattern, .text = text};
}

/* Behind the parts of a base, if the pattern has one: "" is the base itself. */
static void compile(struct patterns *p, uint32_t pattern, char *text)
{
    bool below = false; /* it ends with "**", which a directory alone can match */
    char *rest = text;

    for (char *t = strtok_r(text, "/", &rest); t != NULL; t = strtok_r(NULL, "/", &rest)) {
        bool again = below;

        below = is_any_depth(t);
        if (below && !again)
            patterns_add_part(p, pattern, PART_ANY_DEPTH, t);
        else if (!below)
            patterns_add_part(p, pattern, strpbrk(t, "*?[\\") != NULL ? PART_GLOB : PART_LITERAL,
                              t);
    }
    if (below)
        p->n_parts--;
    else if (p->n_parts > 0 && p->parts[p->n_parts - 1].kind != PART_EVERYTHING)
        p->parts[p->n_parts - 1].last = true;
    patterns_add_part(p, pattern, PART_EVERYTHING, "");
}

/* The parts of the directory that a relative pattern is below; nothing is added for none. */
static void compile_base(struct patterns *p, uint32_t pattern, char *base)
{
    char *rest = base;

    for (char *t = strtok_r(base, "/", &rest); t != NULL; t = strtok_r(NULL, "/", &rest))
        patterns_add_part(p, pattern, PART_LITERAL, t);
}

struct patterns *patterns_new(const char *const *list, const char *base)
{
    struct patterns *p = xcalloc(1, sizeof(*p));
    size_t n = 0, len = 0, max = 0, base_size = strlen(base) + 1;
    char *at;

    for (; list[n] != NULL; n++) {
        size_t l = strlen(list[n]) + 1 + (list[n][0] != '/' ? base_size : 0);

        len += l;
        max += l / 2 + 3; /* a part takes a letter and a slash; and one that ends it */
    }
    p->parts = xcalloc(max + 1, sizeof(*p->parts));
    p->used = xcalloc(n + 1, sizeof(*p->used));
    p->served = xcalloc(n + 1, sizeof(*p->served));
    p->text = at = xmalloc(len + 1);
    for (size_t i = 0; i < n; i++) {
        size_t l = strlen(list[i]) + 1;

        if (list[i][0] != '/') {
            memcpy(at, base, base_size);
            compile_base(p, (uint32_t)i, at);
            at += base_size;
        }
        memcpy(at, list[i], l);
        compile(p, (uint32_t)i, at);
        at += l;
    }
    p->added = xcalloc(p->n_parts + 1, sizeof(*p->added));
    return p;
}

void patterns_free(struct patterns *p)
{
    if (p == NULL)
        return;
    free(p->parts);
    free(p->added);
    free(p->used);
    free(p->served);
    free(p->text);
    free(p);
}

bool patterns_used(const struct patterns *p, size_t i)
{
    return p->used[i];
}

bool patterns_served(const struct patterns *p, size_t i)
{
    return p->served[i];
}

/* ---- states ---- */

void pattern_states_free(struct pattern_states *s)
{
    free(s->part);
    *s = (struct pattern_states){0};
}

/* Adds a part once a round. "**" may also stand for nothing: what comes after it is added as well.
 */
static void add_state(struct patterns *p, struct pattern_states *s, uint32_t part)
{
    do {
        if (p->added[part] == p->round)
            return;
        p->added[part] = p->round;
        if ((s->n & (s->n - 1)) == 0) /* full exactly when n is a power of two */
            s->part = xrealloc(s->part, (s->n == 0 ? 1 : 2 * s->n) * sizeof(*s->part));
        s->part[s->n++] = part;
    } while (p->parts[part++].kind == PART_ANY_DEPTH);
}

void patterns_begin(struct patterns *p, struct pattern_states *ret)
{
    *ret = (struct pattern_states){0};
    p->round++;
    for (size_t i = 0; i < p->n_parts; i++)
        if (i == 0 || p->parts[i - 1].kind == PART_EVERYTHING)
            add_state(p, ret, (uint32_t)i);
}

static bool matches(const struct pattern_part *part, const char *name)
{
    return part->kind == PART_LITERAL ? str_eq(part->text, name)
                                      : fnmatch(part->text, name, FNM_PERIOD) == 0;
}

bool patterns_enter(struct patterns *p, const struct pattern_states *s, const char *name,
                    struct pattern_states *ret)
{
    *ret = (struct pattern_states){0};
    p->round++;
    for (size_t i = 0; i < s->n; i++) {
        const struct pattern_part *part = &p->parts[s->part[i]];

        if (part->kind == PART_EVERYTHING || part->kind == PART_ANY_DEPTH)
            add_state(p, ret, s->part[i]);
        else if (matches(part, name))
            add_state(p, ret, s->part[i] + 1);
    }
    return ret->n > 0;
}

bool pattern_states_take_all(const struct patterns *p, const struct pattern_states *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (p->parts[s->part[i]].kind == PART_EVERYTHING)
            return true;
    return false;
}

bool patterns_match(struct patterns *p, const struct pattern_states *s, const char *name,
                    bool served)
{
    bool any = false;

    for (size_t i = 0; i < s->n; i++) {
        const struct pattern_part *part = &p->parts[s->part[i]];

        if (part->kind != PART_EVERYTHING && (!part->last || !matches(part, name)))
            continue;
        p->used[part->pattern] = true;
        p->served[part->pattern] |= served;
        any = true;
    }
    return any;
}
