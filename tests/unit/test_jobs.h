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

/* ---- two plans that are the same to a run ---- */

static inline void same_text(const char *a, const char *b)
{
    assert_string_equal(a != NULL ? a : "(none)", b != NULL ? b : "(none)");
}

static inline void same_texts(const char *const *a, const char *const *b)
{
    assert_int_equal(a != NULL, b != NULL);
    for (size_t k = 0; a != NULL && (a[k] != NULL || b[k] != NULL); k++)
        same_text(a[k], b[k]);
}

static inline void same_limits(const struct jobs_limits *a, const struct jobs_limits *b)
{
    assert_int_equal(a->set, b->set);
    for (unsigned i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (jobs_limit_is_set(a, i))
            assert_int_equal(a->value[i], b->value[i]);
    same_text(a->cpus, b->cpus);
}

static inline void same_step(const struct jobs_step *a, const struct jobs_step *b)
{
    same_text(a->name, b->name);
    same_texts((const char *const *)a->argv, (const char *const *)b->argv);
    same_limits(&a->limits, &b->limits);
    same_text(a->expect.stdout_text, b->expect.stdout_text);
    same_text(a->expect.stdout_file.path, b->expect.stdout_file.path);
    same_text(a->expect.stderr_text, b->expect.stderr_text);
    same_text(a->expect.stderr_file.path, b->expect.stderr_file.path);
    assert_int_equal(a->expect.n_files, b->expect.n_files);
    for (size_t i = 0; i < a->expect.n_files; i++) {
        same_text(a->expect.files[i].path, b->expect.files[i].path);
        same_text(a->expect.files[i].host.path, b->expect.files[i].host.path);
    }
    assert_int_equal(a->expect.compare.how, b->expect.compare.how);
    assert_int_equal(a->expect.compare.letter_case, b->expect.compare.letter_case);
    assert_true(a->expect.compare.absolute >= b->expect.compare.absolute &&
                a->expect.compare.absolute <= b->expect.compare.absolute);
    assert_true(a->expect.compare.relative >= b->expect.compare.relative &&
                a->expect.compare.relative <= b->expect.compare.relative);
    assert_int_equal(a->expect.exit, b->expect.exit);
    assert_int_equal(a->expect.signal, b->expect.signal);
    assert_int_equal(a->when, b->when);
}

static inline void same_globs(const struct jobs_globs *x, const struct jobs_globs *y)
{
    same_texts((const char *const *)x->patterns, (const char *const *)y->patterns);
    same_texts((const char *const *)x->written, (const char *const *)y->written);
}

static inline void same_input(const struct jobs_input *a, const struct jobs_input *b)
{
    same_text(a->from, b->from);
    same_text(a->to, b->to);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->owner, b->owner);
    assert_int_equal(a->job, b->job);
    assert_int_equal(a->git, b->git);
    assert_int_equal(a->has_commit_time, b->has_commit_time);
    assert_int_equal(a->host.trusted, b->host.trusted);
    assert_int_equal(a->host.untrusted, b->host.untrusted);
    assert_int_equal(a->max_size, b->max_size);
    same_globs(&a->exclude, &b->exclude);
}

static inline void same_ends(const struct jobs_job *x, const struct jobs_job *y)
{
    assert_memory_equal(&x->allowed, &y->allowed, sizeof(x->allowed));
    assert_memory_equal(&x->retry_ends, &y->retry_ends, sizeof(x->retry_ends));
    assert_int_equal(x->retries, y->retries);
    assert_int_equal(x->retry_on, y->retry_on);
    assert_int_equal(x->retry_delay, y->retry_delay);
    assert_int_equal(x->leaks, y->leaks);
    assert_int_equal(x->timeout_grace, y->timeout_grace);
    assert_int_equal(x->after != NULL, y->after != NULL);
    if (x->after != NULL)
        same_step(x->after, y->after);
    assert_int_equal(x->after_wall, y->after_wall);
}

static inline void same_rights(const struct jobs_job *x, const struct jobs_job *y)
{
    assert_true(jobs_seccomp_equal(&x->seccomp, &y->seccomp));
    assert_memory_equal(&x->capabilities, &y->capabilities, sizeof(x->capabilities));
    assert_int_equal(x->devices, y->devices);
    assert_int_equal(x->network, y->network);
    assert_int_equal(x->n_secrets, y->n_secrets);
    for (size_t i = 0; i < x->n_secrets; i++) {
        same_text(x->secrets[i].name, y->secrets[i].name);
        same_text(x->secrets[i].file.path, y->secrets[i].file.path);
        same_texts((const char *const *)x->secrets[i].command,
                   (const char *const *)y->secrets[i].command);
        assert_int_equal(x->secrets[i].as, y->secrets[i].as);
    }
}

static inline void same_results(const struct jobs_job *x, const struct jobs_job *y)
{
    for (unsigned i = 0; i < JOBS_TESTS_FORMAT_COUNT; i++) {
        same_texts((const char *const *)x->tests[i].patterns,
                   (const char *const *)y->tests[i].patterns);
        if (x->tests[i].patterns == NULL)
            continue;
        assert_int_equal(x->tests[i].optional, y->tests[i].optional);
        assert_int_equal(x->tests[i].failures, y->tests[i].failures);
    }
    same_text(x->output, y->output);
    same_text(x->coverage.pattern, y->coverage.pattern);
    same_texts((const char *const *)x->coverage.cobertura,
               (const char *const *)y->coverage.cobertura);
}

static inline void same_services(const struct jobs_job *x, const struct jobs_job *y)
{
    assert_int_equal(jobs_services_count(x), jobs_services_count(y));
    for (size_t i = 0; i < jobs_services_count(x); i++) {
        const struct jobs_service *a = &x->services->list[i], *b = &y->services->list[i];

        same_text(a->name, b->name);
        same_text(a->job->name, b->job->name);
        assert_int_equal(a->job->root, b->job->root);
        same_step(&a->job->steps[0], &b->job->steps[0]);
        assert_int_equal(a->ready, b->ready);
        assert_int_equal(a->port, b->port);
        same_text(a->path, b->path);
        same_text(a->pattern, b->pattern);
        same_texts((const char *const *)a->argv, (const char *const *)b->argv);
        assert_int_equal(a->within, b->within);
        same_texts((const char *const *)a->aliases, (const char *const *)b->aliases);
    }
}

static inline void same_claims(const struct jobs_job *x, const struct jobs_job *y)
{
    assert_int_equal(x->slots, y->slots);
    assert_int_equal(x->n_claims, y->n_claims);
    for (size_t i = 0; i < x->n_claims; i++) {
        assert_int_equal(x->claims[i].pool, y->claims[i].pool);
        assert_int_equal(x->claims[i].places, y->claims[i].places);
        assert_int_equal(x->claims[i].whole, y->claims[i].whole);
    }
}

/* Compares all but places, and what is said of a matrix. */
static inline void same_artifacts(const struct jobs_artifacts *x, const struct jobs_artifacts *y)
{
    same_globs(&x->paths, &y->paths);
    if (x->paths.patterns == NULL)
        return;
    same_globs(&x->exclude, &y->exclude);
    assert_int_equal(x->when, y->when);
    assert_int_equal(x->if_missing, y->if_missing);
    assert_int_equal(x->max, y->max);
}

static inline void same_case(const struct jobs_case *x, const struct jobs_case *y)
{
    assert_int_equal(x != NULL, y != NULL);
    if (x == NULL)
        return;
    same_text(x->name, y->name);
    same_text(x->hint, y->hint);
    assert_int_equal(x->judged, y->judged);
    assert_int_equal(x->group, y->group);
    assert_int_equal(x->points, y->points);
    assert_int_equal(x->visibility, y->visibility);
}

static inline void same_job(const struct jobs_job *x, const struct jobs_job *y)
{
    same_text(x->name, y->name);
    same_text(x->description, y->description);
    assert_int_equal(x->root, y->root);
    assert_int_equal(x->from, y->from);
    assert_int_equal(x->role, y->role);
    same_case(x->of_case, y->of_case);
    assert_int_equal(x->n_steps, y->n_steps);
    assert_int_equal(x->has_steps, y->has_steps);
    assert_int_equal(x->runs_image, y->runs_image);
    for (size_t s = 0; s < x->n_steps; s++)
        same_step(&x->steps[s], &y->steps[s]);
    same_text(x->shell, y->shell);
    same_claims(x, y);
    same_text(x->workdir, y->workdir);
    same_texts((const char *const *)x->env, (const char *const *)y->env);
    same_texts((const char *const *)x->pass_env, (const char *const *)y->pass_env);
    same_text(x->user, y->user);
    same_text(x->hostname, y->hostname);
    assert_int_equal(x->n_inputs, y->n_inputs);
    for (size_t i = 0; i < x->n_inputs; i++)
        same_input(&x->inputs[i], &y->inputs[i]);
    same_limits(&x->limits, &y->limits);
    same_rights(x, y);
    same_text(x->stdin_text, y->stdin_text);
    same_text(x->stdin_file.path, y->stdin_file.path);
    same_artifacts(&x->artifacts, &y->artifacts);
    same_results(x, y);
    same_services(x, y);
    same_ends(x, y);
    assert_int_equal(x->n_needs, y->n_needs);
    for (size_t i = 0; i < x->n_needs; i++) {
        assert_int_equal(x->needs[i], y->needs[i]);
        assert_int_equal(x->needs_when[i], y->needs_when[i]);
    }
    same_texts((const char *const *)x->tags, (const char *const *)y->tags);
}

static inline void same_judged(const struct jobs_judged *x, const struct jobs_judged *y)
{
    same_text(x->name, y->name);
    assert_int_equal(x->first, y->first);
    assert_int_equal(x->n, y->n);
    assert_int_equal(x->stop, y->stop);
    assert_int_equal(x->n_groups, y->n_groups);
    for (size_t g = 0; g < x->n_groups; g++) {
        same_text(x->groups[g].name, y->groups[g].name);
        assert_int_equal(x->groups[g].points, y->groups[g].points);
        assert_int_equal(x->groups[g].score, y->groups[g].score);
        assert_int_equal(x->groups[g].parent, y->groups[g].parent);
        assert_int_equal(x->groups[g].visibility, y->groups[g].visibility);
        assert_int_equal(x->groups[g].n_needs, y->groups[g].n_needs);
        for (size_t i = 0; i < x->groups[g].n_needs; i++)
            assert_int_equal(x->groups[g].needs[i], y->groups[g].needs[i]);
    }
}

static inline void same_plans(const struct jobs_plan *a, const struct jobs_plan *b)
{
    assert_int_equal(a->n_jobs, b->n_jobs);
    assert_int_equal(a->n_roots, b->n_roots);
    for (size_t i = 0; i < a->n_jobs; i++)
        same_job(&a->jobs[i], &b->jobs[i]);
    assert_int_equal(a->n_judged, b->n_judged);
    for (size_t i = 0; i < a->n_judged; i++)
        same_judged(&a->judged[i], &b->judged[i]);
}

/* Both texts make the same plan. */
static inline void same_plan(const char *text, const char *plain)
{
    struct loaded a = load_good(text), b = load_good(plain);

    same_plans(a.plan, b.plan);
    unload(&a);
    unload(&b);
}

static inline void assert_list(const char *const *list, const char *joined)
{
    cleanup_strbuf struct strbuf b = {0};

    strbuf_add(&b, "", 0);
    for (; *list != NULL; list++)
        strbuf_addf(&b, "<%s>", *list);
    assert_string_equal(b.data, joined);
}

static inline void full_plan(struct jobs_plan **ret)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct cupel_error err;

    if (jobs_load(FIXTURES "/full.yaml", ret, &problems, &err) < 0)
        fail_msg("%s\n%s", err.message, problems.data);
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
