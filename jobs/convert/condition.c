/* SPDX-License-Identifier: Apache-2.0 */
/* condition: GitLab's expressions ($NAME == "text", =~ /pattern/, && and ||), over three truth
 * values. Not responsible for which conditions a job has. */
#include "jobs/convert/condition.h"

#include <regex.h>
#include <string.h>

#define CONDITION_DEPTH_MAX 32
#define PATTERN_LENGTH_MAX 200

struct condition_value condition_given(const struct converter *c, const char *name)
{
    size_t n = strlen(name);
    struct condition_value value = {0};

    for (size_t i = 0; i < c->asked->n_variables; i++) {
        const char *given = c->asked->variables[i];

        if (strncmp(given, name, n) != 0 || (given[n] != '\0' && given[n] != '='))
            continue;
        value = (struct condition_value){.is_unset = given[n] == '\0',
                                         .text = given[n] == '=' ? given + n + 1 : NULL};
    }
    return value;
}

/* ---- patterns ---- */

/* Whether libc's matcher is quick on it: no counted repetitions, and no references to groups. */
static bool is_harmless(const char *pattern)
{
    if (strchr(pattern, '{') != NULL || strlen(pattern) > PATTERN_LENGTH_MAX)
        return false;
    for (const char *p = strchr(pattern, '\\'); p != NULL && p[1] != '\0'; p = strchr(p + 2, '\\'))
        if (p[1] >= '1' && p[1] <= '9')
            return false;
    return true;
}

enum truth condition_matches(struct converter *c, const char *text, const char *pattern,
                             size_t length)
{
    const char *why, *in_slashes = arena_strndup(c->arena, pattern, length), *posix;
    enum truth r = TRUTH_MAYBE;
    regex_t compiled;

    if (!is_harmless(in_slashes) || strlen(text) > 1000 || !convert_charge(c, 20000))
        return TRUTH_MAYBE;
    posix = coverage_pattern(c->arena, in_slashes, length, &why);
    if (posix == NULL || regcomp(&compiled, posix, REG_EXTENDED | REG_NOSUB) != 0)
        return TRUTH_MAYBE;
    r = truth_of(regexec(&compiled, text, 0, NULL, 0) == 0);
    regfree(&compiled);
    return r;
}

/* ---- expressions ---- */

struct condition {
    struct converter *c;
    const char *at;
    condition_fn *ask;
    void *data;
    bool bad; /* it is no expression that is known here */
};

/* What stands on one side of an operator. */
struct operand {
    struct condition_value value;
    const char *pattern; /* with its slashes; then there is no value */
    size_t length;
};

static bool take(struct condition *e, const char *word)
{
    e->at += strspn(e->at, " \t\r\n");
    if (!str_starts(e->at, word))
        return false;
    e->at += strlen(word);
    return true;
}

/* The end of what a quote or slash began, on that sign itself; NULL: there is none. */
static const char *closing(const char *begin, char sign)
{
    const char *p = begin;

    while (*p != '\0' && *p != sign)
        p += p[0] == '\\' && p[1] != '\0' && sign == '/' ? 2 : 1;
    return *p == sign ? p : NULL;
}

static void take_variable(struct condition *e, struct operand *o)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_";
    bool braces = *e->at == '{';
    size_t n = strspn(e->at + braces, letters);

    if (n == 0 || (braces && e->at[1 + n] != '}')) {
        e->bad = true;
        return;
    }
    o->value = e->ask(e->data, arena_strndup(e->c->arena, e->at + braces, n));
    e->at += n + (braces ? 2 : 0);
}

static struct operand take_operand(struct condition *e)
{
    struct operand o = {0};
    const char *end;

    if (take(e, "$")) {
        take_variable(e, &o);
    } else if (take(e, "null")) {
        o.value.is_unset = true;
    } else if (take(e, "\"") || take(e, "'")) {
        end = closing(e->at, e->at[-1]);
        e->bad |= end == NULL;
        if (end != NULL) {
            o.value.text = arena_strndup(e->c->arena, e->at, (size_t)(end - e->at));
            e->at = end + 1;
        }
    } else if (take(e, "/")) {
        end = closing(e->at, '/');
        e->bad |= end == NULL;
        if (end != NULL) {
            o.pattern = e->at - 1;
            o.length = (size_t)(end + 1 - o.pattern);
            e->at = end + 1;
            /* with flags, it is another pattern than the one without */
            e->bad |= *e->at != '\0' && strchr("imsu", *e->at) != NULL;
        }
    } else {
        e->bad = true;
    }
    return o;
}

static enum truth are_same(const struct operand *a, const struct operand *b)
{
    if (a->value.is_unset && b->value.is_unset)
        return TRUTH_YES;
    if (a->value.text != NULL && b->value.text != NULL)
        return truth_of(str_eq(a->value.text, b->value.text));
    if ((a->value.is_unset || a->value.text != NULL) &&
        (b->value.is_unset || b->value.text != NULL))
        return TRUTH_NO; /* one is set, and the other is not */
    return TRUTH_MAYBE;
}

static enum truth does_match(struct condition *e, const struct operand *a, const struct operand *b)
{
    if (a->value.is_unset)
        return TRUTH_NO;
    if (a->value.text == NULL)
        return TRUTH_MAYBE;
    if (b->pattern != NULL)
        return condition_matches(e->c, a->value.text, b->pattern, b->length);
    /* a variable that has a pattern */
    if (b->value.text != NULL && b->value.text[0] == '/')
        return condition_matches(e->c, a->value.text, b->value.text, strlen(b->value.text));
    return TRUTH_MAYBE;
}

static enum truth negated(enum truth t)
{
    return (enum truth)(TRUTH_YES - t);
}

static enum truth any_of(struct condition *e, int depth);

static enum truth comparison(struct condition *e, int depth)
{
    struct operand a, b;
    enum truth t;

    if (depth > CONDITION_DEPTH_MAX || e->bad) {
        e->bad = true;
        return TRUTH_MAYBE;
    }
    if (take(e, "(")) {
        t = any_of(e, depth + 1);
        e->bad |= !take(e, ")");
        return t;
    }
    a = take_operand(e);
    e->bad |= a.pattern != NULL;
    if (take(e, "==")) {
        b = take_operand(e);
        return are_same(&a, &b);
    }
    if (take(e, "!=")) {
        b = take_operand(e);
        return negated(are_same(&a, &b));
    }
    if (take(e, "=~")) {
        b = take_operand(e);
        return does_match(e, &a, &b);
    }
    if (take(e, "!~")) {
        b = take_operand(e);
        return negated(does_match(e, &a, &b));
    }
    return a.value.is_unset       ? TRUTH_NO
           : a.value.text == NULL ? TRUTH_MAYBE
                                  : truth_of(a.value.text[0] != '\0');
}

static enum truth all_of(struct condition *e, int depth)
{
    enum truth t = comparison(e, depth);

    while (!e->bad && take(e, "&&"))
        t = truth_least(t, comparison(e, depth));
    return t;
}

static enum truth any_of(struct condition *e, int depth)
{
    enum truth t = all_of(e, depth);

    while (!e->bad && take(e, "||"))
        t = truth_greatest(t, all_of(e, depth));
    return t;
}

enum truth condition_gitlab(struct converter *c, const char *text, condition_fn *ask, void *data)
{
    struct condition e = {.c = c, .at = text, .ask = ask, .data = data};
    enum truth t;

    if (!convert_charge(c, strlen(text)))
        return TRUTH_MAYBE;
    t = any_of(&e, 0);
    e.at += strspn(e.at, " \t\r\n");
    return e.bad || *e.at != '\0' ? TRUTH_MAYBE : t;
}
