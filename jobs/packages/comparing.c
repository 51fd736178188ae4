/* SPDX-License-Identifier: Apache-2.0 */
/* comparing: what the arguments of the format's own validator of output make of `expect`. */
#include "jobs/packages/job_file.h"

#include <string.h>

/* The arguments of the format's own validator, which is none of its files. */
struct comparing {
    bool minds_case, minds_space;
    const char *absolute, *relative;
};

static bool take_tolerance(struct comparing *c, const char *word, const char *value)
{
    bool both = str_eq(word, "float_tolerance");
    bool is_one = both || str_eq(word, "float_absolute_tolerance") ||
                  str_eq(word, "float_relative_tolerance");

    if (!is_one || value == NULL)
        return false;
    if (both || str_eq(word, "float_absolute_tolerance"))
        c->absolute = value;
    if (both || str_eq(word, "float_relative_tolerance"))
        c->relative = value;
    return true;
}

/* Whether it is a number as both the format and a job file have it. */
static bool is_tolerance(const char *text)
{
    size_t n = strspn(text, "0123456789");
    const char *p = text + n;

    if (*p == '.')
        n += strspn(p + 1, "0123456789"), p += 1 + strspn(p + 1, "0123456789");
    if (n > 0 && (*p == 'e' || *p == 'E')) {
        p += 1 + (p[1] == '+' || p[1] == '-');
        if (*p < '0' || *p > '9')
            return false;
        p += strspn(p, "0123456789");
    }
    return n > 0 && *p == '\0' && strlen(text) < 40;
}

/* Returns what is wrong with the arguments, or NULL. */
static const char *read_comparing(struct problem_package *p, const struct package_texts *args,
                                  struct comparing *ret)
{
    *ret = (struct comparing){0};
    for (size_t i = 0; i < args->n; i++) {
        const char *word = args->items[i], *next = i + 1 < args->n ? args->items[i + 1] : NULL;

        if (str_eq(word, "case_sensitive")) {
            ret->minds_case = true;
        } else if (str_eq(word, "space_change_sensitive")) {
            ret->minds_space = true;
        } else if (take_tolerance(ret, word, next)) {
            if (!is_tolerance(next))
                return arena_printf(p->arena, "'%s' takes a number, not '%s'", word, next);
            i++;
        } else {
            return arena_printf(p->arena, "the default validator has no argument '%s'%s", word,
                                next == NULL && str_starts(word, "float_") ? " without a number"
                                                                           : "");
        }
    }
    if (ret->minds_space && (ret->absolute != NULL || ret->relative != NULL))
        return "numbers with a tolerance are compared here where white space does not count";
    return NULL;
}

static void add_comparing(struct problem_package *p, struct out *expect, const struct comparing *c)
{
    bool has_tolerance = c->absolute != NULL || c->relative != NULL;

    out_text(&p->out, expect, "compare",
             has_tolerance    ? "numbers"
             : c->minds_space ? "exact"
                              : "tokens");
    out_text(&p->out, expect, "case", c->minds_case ? "match" : "ignore");
    if (has_tolerance) {
        struct out *tolerance = out_map(&p->out, expect, "tolerance");

        if (c->absolute != NULL)
            out_bare(&p->out, tolerance, "absolute", c->absolute);
        if (c->relative != NULL)
            out_bare(&p->out, tolerance, "relative", c->relative);
    }
}

const char *write_comparing(struct problem_package *p, struct out *expect,
                            const struct package_texts *args)
{
    struct comparing how;
    const char *wrong = read_comparing(p, args, &how);

    if (wrong == NULL)
        add_comparing(p, expect, &how);
    return wrong;
}
