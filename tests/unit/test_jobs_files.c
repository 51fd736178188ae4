/* SPDX-License-Identifier: Apache-2.0 */
/* test_jobs_files: what a plan has of files: inputs, artifacts, caches, and what jobs and roots are
 * made of. */
#include "test_jobs.h"

/* What is of the host is an input that the job may not write; `defaults` give theirs as ever. */
static void test_mounts(void **state)
{
    const struct jobs_job *jobs;
    struct loaded r;

    (void)state;
    r = load_good(
        "cupel: 1\ndefaults: {mounts: [{to: /d, tmpfs: 1M}], inputs: [{from: ., to: /in}]}\n"
        "jobs:\n"
        "  a: {run: x}\n"
        "  b: {run: x, mounts: [{to: /s/, tmpfs: 2M}, {to: /h, from: ., mode: ro}]}\n"
        "  c: {run: x, mounts: []}\n");
    jobs = r.plan->jobs;
    assert_int_equal(jobs[0].n_tmpfs, 1);
    assert_string_equal(jobs[0].tmpfs[0].to, "/d");
    assert_int_equal(jobs[0].tmpfs[0].size, 1 << 20);
    assert_int_equal(jobs[0].n_inputs, 1);
    assert_int_equal(jobs[1].n_tmpfs, 1);
    assert_string_equal(jobs[1].tmpfs[0].to, "/s");
    assert_int_equal(jobs[1].n_inputs, 2);
    assert_string_equal(jobs[1].inputs[0].to, "/in");
    assert_string_equal(jobs[1].inputs[1].to, "/h");
    assert_int_equal(jobs[1].inputs[1].mode, JOBS_INPUT_RO);
    assert_int_equal(jobs[2].n_tmpfs, 0);
    assert_int_equal(jobs[2].n_inputs, 1);
    unload(&r);
}

static void test_inputs(void **state)
{
    struct jobs_plan *plan;
    const struct jobs_input *in;
    cleanup_free char *dir = realpath(FIXTURES, NULL);

    (void)state;
    full_plan(&plan);
    in = plan->jobs[1].inputs;
    assert_int_equal(plan->jobs[1].n_inputs, 4);
    assert_string_equal(in[0].from, dir);
    assert_string_equal(in[0].to, "/src/main/x");
    assert_int_equal(in[0].mode, JOBS_INPUT_COW);
    assert_string_equal(in[1].from + strlen(dir), "/src");
    assert_string_equal(in[1].to, "/opt/src");
    assert_int_equal(in[1].mode, JOBS_INPUT_RO);
    assert_string_equal(in[2].to, "/src/main/x/src/main.c");
    assert_string_equal(in[3].from + strlen(dir), "/numbers.in");
    assert_string_equal(in[3].to, "/src/main/x/numbers.in");
    assert_int_equal(in[3].line, 33);
    jobs_plan_free(plan);
}

/* Patterns as they are written, with what their braces stand for. */
static void test_artifacts(void **state)
{
    static const char text[] =
        "cupel: 1\n"
        "defaults: {artifacts: {if-missing: ignore, exclude: '*.o'}}\n"
        "jobs:\n"
        "  a: {rootfs: host, run: x, artifacts: {paths: [./a//b/, '{/c,d}/e']}}\n"
        "  b: {rootfs: host, run: x, artifacts: .}\n";
    struct loaded r = load_good(text);
    const struct jobs_artifacts *a = &r.plan->jobs[0].artifacts, *b = &r.plan->jobs[1].artifacts;

    (void)state;
    assert_list(a->paths.patterns, "<a/b></c/e><d/e>");
    assert_list(a->paths.written, "<./a//b/><{/c,d}/e><{/c,d}/e>");
    assert_ptr_equal(a->paths.written[1], a->paths.written[2]);
    assert_list(a->exclude.patterns, "<*.o>");
    assert_int_equal(a->if_missing, JOBS_MISSING_IGNORE);
    assert_list(b->paths.patterns, "<>"); /* a list replaces the defaults' map */
    assert_null(b->exclude.patterns);
    assert_int_equal(b->if_missing, JOBS_MISSING_DEFAULT);
    unload(&r);
}

/* A relative input of the defaults follows the workdir of each job; what does not differ is shared.
 */
static void test_inputs_of_defaults(void **state)
{
    struct loaded r =
        load_good("cupel: 1\ndefaults: {inputs: [src, {from: ., to: /all}], run: x, needs: a}\n"
                  "jobs:\n  a: {}\n  b: {workdir: /w}\n  c: {}\n");
    const struct jobs_job *jobs = r.plan->jobs;

    (void)state;
    assert_string_equal(jobs[0].inputs[0].to, "/work/src");
    assert_string_equal(jobs[1].inputs[0].to, "/w/src");
    assert_string_equal(jobs[1].inputs[1].to, "/all");
    assert_ptr_equal(jobs[0].inputs, jobs[2].inputs);
    /* a job named in the defaults' needs does not need itself */
    assert_int_equal(jobs[0].n_needs, 0);
    assert_int_equal(jobs[2].n_needs, 1);
    unload(&r);
}

/* Each path of a cache is an input without a path of the host's, after the others; a job that
 * starts from another takes it over, unless it has one of its own there. */
static void test_caches(void **state)
{
    struct loaded r = load_good(
        "cupel: 1\ndefaults: {run: x, cache: {key: all, paths: /c}}\n"
        "jobs:\n"
        "  base: {workdir: /w, inputs: [{from: ., to: /in}], cache: [{key: k, paths: [/c, made]},\n"
        "    {key: l, paths: [/in/x], restore: [l-, m-], policy: pull}]}\n"
        "  top: {from: base}\n"
        "  own: {from: base, cache: {key: o, paths: /c, save: always}}\n"
        "  plain: {}\n");
    const struct jobs_job *base = &r.plan->jobs[0], *top = &r.plan->jobs[1],
                          *own = &r.plan->jobs[2], *plain = &r.plan->jobs[3];

    (void)state;
    assert_int_equal(base->n_caches, 2);
    assert_string_equal(base->caches[0].paths[1], "/w/made");
    assert_int_equal(base->caches[0].save, JOBS_CACHE_SUCCESS);
    assert_int_equal(base->caches[1].save, JOBS_CACHE_NEVER);
    assert_string_equal(base->caches[1].restore[1], "m-");
    assert_int_equal(base->n_inputs, 4);
    assert_int_equal(base->inputs[0].cache, 0);
    assert_string_equal(base->inputs[2].to, "/w/made");
    assert_int_equal(base->inputs[2].cache, 1);
    assert_int_equal(base->inputs[2].cache_path, 1);
    assert_null(base->inputs[2].from);
    assert_int_equal(base->inputs[3].cache, 2);
    assert_int_equal(top->n_inputs, 4);
    assert_int_equal(top->inputs[1].depth, 0);
    assert_int_equal(own->n_inputs, 4);
    assert_int_equal(own->inputs[1].depth, 1);
    assert_int_equal(own->inputs[1].cache, 1);
    assert_int_equal(own->inputs[2].depth, 0);
    assert_string_equal(plain->caches[0].key, "all");
    unload(&r);
}

/* Root, order and inputs come from the job below; an own input takes the place of one there, one of
 * the defaults does not. */
static void test_from(void **state)
{
    struct loaded r = load_good(
        "cupel: 1\ndefaults: {run: x, inputs: src, from: base}\nrootfs: {r: {debian: sid}}\n"
        "jobs:\n"
        "  top: {from: mid, needs: [base], inputs: [{from: ., to: /work/src}, {from: ., to: /t}]}\n"
        "  mid: {}\n"
        "  base: {rootfs: r, inputs: [src, {from: ., to: /all, mode: ro}]}\n"
        "  own: {rootfs: scratch}\n");
    const struct jobs_job *top = &r.plan->jobs[0], *mid = &r.plan->jobs[1],
                          *base = &r.plan->jobs[2];

    (void)state;
    assert_int_equal(base->from, JOBS_FROM_NOTHING);
    assert_int_equal(base->depth, 0);
    assert_int_equal(mid->from, 2);
    assert_int_equal(mid->depth, 1);
    assert_int_equal(mid->root, base->root);
    assert_int_equal(mid->n_needs, 1);
    assert_int_equal(mid->needs[0], 2);
    assert_int_equal(mid->n_inputs, 2);
    /* not the one of the defaults, which is the same */
    assert_int_equal(mid->inputs[0].depth, 0);
    assert_string_equal(mid->inputs[1].to, "/all");
    assert_int_equal(top->from, 1);
    assert_int_equal(top->depth, 2);
    assert_int_equal(top->root, 2);
    assert_int_equal(top->n_needs, 2);
    assert_int_equal(top->n_inputs, 3);
    assert_int_equal(top->inputs[0].depth, 2);
    assert_string_equal(top->inputs[0].to, "/work/src");
    assert_string_equal(strrchr(top->inputs[0].from, '/'), strrchr(base->inputs[1].from, '/'));
    assert_int_equal(top->inputs[1].depth, 0);
    assert_string_equal(top->inputs[2].to, "/t");
    assert_int_equal(r.plan->jobs[3].from, JOBS_FROM_NOTHING);
    assert_int_equal(r.plan->jobs[3].root, 1);
    unload(&r);
}

/* Read as a job, but for the defaults, which are for jobs. */
static void test_derived_roots(void **state)
{
    struct loaded r = load_good(
        "cupel: 1\ndefaults: {env: {A: of-jobs}, workdir: /w}\nrootfs:\n"
        "  top: {from: mid, run: [a, b]}\n"
        "  mid: {from: low, run: x y, shell: [/bin/sh], network: nat, env: {A: b}, inputs: [src],\n"
        "        limits: {memory: 1M}}\n"
        "  low: {debian: sid}\n"
        "jobs: {a: {rootfs: top, run: x}}\n");
    const struct jobs_root *top = &r.plan->roots[2], *mid = &r.plan->roots[3];

    (void)state;
    assert_int_equal(top->kind, JOBS_ROOT_DERIVED);
    assert_int_equal(top->base, 3);
    assert_string_equal(top->build->name, "top");
    assert_string_equal(top->build->steps[0].argv[0], "a");
    assert_string_equal(top->build->steps[0].argv[1], "b");
    assert_string_equal(top->build->workdir, "/");
    assert_null(top->build->env[0]);
    assert_int_equal(top->build->network, JOBS_NETWORK_LOOPBACK);
    assert_int_equal(mid->base, 4);
    assert_string_equal(mid->build->steps[0].argv[2], "x y");
    assert_string_equal(mid->build->env[0], "A=b");
    assert_int_equal(mid->build->network, JOBS_NETWORK_NAT);
    assert_string_equal(mid->build->inputs[0].to, "/src");
    assert_int_equal(mid->build->limits.value[JOBS_LIMIT_MEMORY], 1 << 20);
    assert_int_equal(mid->build->line, 5);
    assert_null(r.plan->roots[4].build);
    assert_int_equal(r.plan->jobs[0].root, 2);
    unload(&r);
}

/* The same the other way round. */
static void test_alternatives_replace_files(void **state)
{
    struct loaded r =
        load_good("cupel: 1\n"
                  "defaults: {run: x, stdin-file: numbers.in, expect: {exit: 3, stdout: a}}\n"
                  "jobs: {a: {stdin: \"\", expect: {signal: TERM, stdout-file: numbers.in}}}\n");
    const struct jobs_job *job = &r.plan->jobs[0];

    (void)state;
    assert_null(job->stdin_file.path);
    assert_string_equal(job->stdin_text, "");
    assert_int_equal(job->stdin_len, 0);
    assert_int_equal(job->steps[0].expect.signal, 15);
    assert_int_equal(job->steps[0].expect.exit, -1);
    assert_null(job->steps[0].expect.stdout_text);
    assert_non_null(job->steps[0].expect.stdout_file.path);
    unload(&r);
}

static void test_compare(void **state)
{
    struct loaded r = load_good(
        "cupel: 1\n"
        "defaults: {run: x, expect: {stderr: a, compare: numbers, tolerance: {absolute: 0.5}}}\n"
        "jobs:\n"
        "  a: {}\n"
        "  b: {expect: {tolerance: {relative: 1e-6}}}\n"
        "  c: {expect: {compare: trim, case: ignore, stderr-file: numbers.in}}\n"
        "  d: {expect: {compare: exact}}\n"
        "  e: {run: [{run: x}, {run: y, expect: {compare: tokens}}]}\n");
    const struct jobs_expect *e[5];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(e); i++)
        e[i] = &r.plan->jobs[i].steps[0].expect;
    assert_int_equal(e[0]->compare.how, JOBS_COMPARE_NUMBERS);
    assert_int_equal((int)(e[0]->compare.absolute * 1000), 500);
    assert_int_equal((int)(e[1]->compare.absolute * 1000), 0); /* replaced as a whole */
    assert_int_equal((int)(e[1]->compare.relative * 1e9), 1000);
    assert_int_equal(e[2]->compare.how, JOBS_COMPARE_TRIM);
    assert_int_equal(e[2]->compare.letter_case, JOBS_CASE_IGNORE);
    assert_int_equal((int)(e[2]->compare.absolute * 1000), 0);
    assert_null(e[2]->stderr_text);
    assert_non_null(e[2]->stderr_file.path);
    assert_int_equal(jobs_compare_resolved(e[3]), JOBS_COMPARE_EXACT);
    assert_int_equal(e[3]->compare.letter_case, JOBS_CASE_MATCH);
    assert_int_equal(r.plan->jobs[4].steps[1].expect.compare.how, JOBS_COMPARE_TOKENS);
    unload(&r);
    r = load_good("cupel: 1\njobs: {a: {run: x}}\n");
    assert_int_equal(r.plan->jobs[0].steps[0].expect.compare.how, JOBS_COMPARE_DEFAULT);
    assert_int_equal(jobs_compare_resolved(&r.plan->jobs[0].steps[0].expect), JOBS_COMPARE_EXACT);
    unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_inputs_of_defaults),
        cmocka_unit_test(test_artifacts),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_caches),
        cmocka_unit_test(test_derived_roots),
        cmocka_unit_test(test_alternatives_replace_files),
        cmocka_unit_test(test_compare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
