/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of jobs/ share: loading a text, and saying what went wrong when that was not
 * expected. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the above before it */
#include <cmocka.h>

#include "jobs/load.h"

#define FIXTURES "../fixtures/jobs"

struct loaded {
    struct jobs_plan *plan; /* NULL: refused */
    struct strbuf problems;
    struct cupel_error err;
};

static inline struct loaded load_bytes(const char *text, size_t len)
{
    struct loaded r = {0};
    cleanup_free char *dir = realpath(FIXTURES, NULL);

    assert_non_null(dir);
    (void)load_text("f.yaml", dir, text, len, &r.plan, &r.problems, &r.err);
    return r;
}

static inline struct loaded load(const char *text)
{
    return load_bytes(text, strlen(text));
}

static inline void unload(struct loaded *r)
{
    jobs_plan_free(r->plan);
    strbuf_free(&r->problems);
}

/* A plan that must be good. */
static inline struct loaded load_good(const char *text)
{
    struct loaded r = load(text);

    if (r.plan == NULL)
        fail_msg("refused:\n%s", r.problems.data);
    return r;
}

/* Only the lines "f.yaml:LINE:COLUMN: message", without file name, one after the other; malloc'ed.
 */
static inline char *problem_lines(const struct loaded *r)
{
    struct strbuf lines = {0};
    const char *p = r->problems.data != NULL ? r->problems.data : "";

    strbuf_add(&lines, "", 0);
    while (*p != '\0') {
        size_t n = strcspn(p, "\n");

        if (str_starts(p, "f.yaml:")) {
            strbuf_add(&lines, p + 7, n - 7);
            strbuf_adds(&lines, "\n");
        }
        p += n + (p[n] == '\n');
    }
    return lines.data;
}

/* ---- mistakes, and the problems that they give ---- */

struct mistake {
    const char *text;
    const char *problems; /* line:column: message, one a line */
};

static inline void check_mistake(const struct mistake *m)
{
    struct loaded r = load(m->text);
    cleanup_free char *lines = problem_lines(&r);

    if (r.plan != NULL || !str_eq(lines, m->problems))
        fail_msg("text:\n%s\nexpected:\n%sgot:\n%s", m->text, m->problems, lines);
    assert_int_equal(r.err.kind, CUPEL_ERROR_INPUT);
    unload(&r);
}

static inline void check_mistakes(const struct mistake *mistakes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_mistake(&mistakes[i]);
}
