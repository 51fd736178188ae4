/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: inputs that are another job's files. */
#include "test_jobs.h"

#define FILE_OF(jobs) "cupel: 1\njobs:\n" jobs
#define BUILD "  build: {run: x}\n"
#define MATRIX "  build: {run: x, matrix: {CC: [gcc, tcc]}}\n"

static const struct jobs_job *job_named(const struct loaded *r, const char *name)
{
    for (size_t i = 0; i < r->plan->n_jobs; i++)
        if (str_eq(r->plan->jobs[i].name, name))
            return &r->plan->jobs[i];
    fail_msg("no job '%s'", name);
    return NULL;
}

static const char *of_whom(const struct loaded *r, const struct jobs_input *in)
{
    assert_true(in->job > 0 && in->job <= r->plan->n_jobs);
    return r->plan->jobs[in->job - 1].name;
}

static void test_what_is_read(void **state)
{
    struct loaded r = load_good(
        FILE_OF("  test:\n    run: x\n    needs: [lint, build]\n    inputs:\n"
                "      - {job: build, from: /work//out/, to: /a, mode: ro}\n      - src\n"
                "      - {job: build, from: /srv/x, owner: host}\n      - {job: docs, from: /d}\n"
                "  lint: {run: x}\n" BUILD "  docs: {run: x}\n"));
    const struct jobs_job *test = job_named(&r, "test");

    (void)state;
    assert_int_equal(test->n_inputs, 4);
    same_text(test->inputs[0].from, "/work/out");
    same_text(test->inputs[0].to, "/a");
    same_text(of_whom(&r, &test->inputs[0]), "build");
    assert_int_equal(test->inputs[0].mode, JOBS_INPUT_RO);
    assert_null(test->inputs[0].host.path);
    assert_int_equal(test->inputs[1].job, 0);
    same_text(test->inputs[2].to, "/srv/x"); /* where that job has it */
    assert_int_equal(test->inputs[2].owner, JOBS_OWNER_HOST);
    same_text(of_whom(&r, &test->inputs[3]), "docs");
    /* each is needed, once, and what gives files has to pass */
    assert_int_equal(test->n_needs, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(test->needs_when[i],
                         test->needs[i] == 1 ? JOBS_NEED_SUCCESS : JOBS_NEED_FILES);
    unload(&r);
}

/* Instances of a matrix pair; a list that all share is each one's own. */
static void test_pairs(void **state)
{
    struct loaded r = load_good(FILE_OF(
        "  test: {run: x, matrix: {CC: [gcc, tcc]}, inputs: {job: build, from: /o}}\n" MATRIX
        "  one: {run: x, inputs: {job: build/CC=tcc, from: /o}}\n"));

    (void)state;
    same_text(of_whom(&r, &job_named(&r, "test/CC=gcc")->inputs[0]), "build/CC=gcc");
    same_text(of_whom(&r, &job_named(&r, "test/CC=tcc")->inputs[0]), "build/CC=tcc");
    same_text(of_whom(&r, &job_named(&r, "one")->inputs[0]), "build/CC=tcc");
    unload(&r);
    r = load_good("cupel: 1\ndefaults: {inputs: [{job: build, from: /o}, src]}\njobs:\n" BUILD
                  "  a: {run: x}\n  b: {run: x, workdir: /w}\n");
    assert_int_equal(job_named(&r, "build")->n_inputs, 1); /* none of itself */
    assert_int_equal(job_named(&r, "build")->n_needs, 0);
    same_text(of_whom(&r, &job_named(&r, "a")->inputs[0]), "build");
    same_text(of_whom(&r, &job_named(&r, "b")->inputs[0]), "build");
    unload(&r);
}

/* Whose snapshots a job is made of. */
static void test_reads(void **state)
{
    static const struct {
        const char *job, *reads;
    } cases[] = {
        {"base", ""},
        {"build", "base "},
        {"whole", "build base "},       /* all that have written there */
        {"input", "build "},            /* the base did not have it */
        {"read-only", ""},              /* nobody could write */
        {"chain", "whole build base "}, /* what that one was given, and what it made of it */
        {"over", "chain whole build base "},
    };
    struct loaded r = load_good(
        FILE_OF("  base: {run: x}\n  build: {run: x, from: base, inputs: [{from: src, to: /w}, "
                "{from: src, to: /r, mode: ro}]}\n"
                "  whole: {run: x, inputs: {job: build, from: /out, to: /o}}\n"
                "  input: {run: x, inputs: {job: build, from: /w/x}}\n"
                "  read-only: {run: x, inputs: {job: build, from: /r}}\n"
                "  chain: {run: x, inputs: {job: whole, from: /o/x}}\n"
                "  over: {run: x, from: chain}\n"));

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t reads[JOBS_READS_MAX];
        size_t n = jobs_reads(r.plan, (size_t)(job_named(&r, cases[i].job) - r.plan->jobs), reads);
        cleanup_strbuf struct strbuf b = {0};

        strbuf_adds(&b, "");
        for (size_t k = 0; k < n; k++)
            strbuf_addf(&b, "%s ", r.plan->jobs[reads[k]].name);
        same_text(b.data != NULL ? b.data : "", cases[i].reads);
    }
    unload(&r);
}

/* What others had a hand in stays theirs, however often it is passed on. */
static void test_distrust(void **state)
{
    struct loaded r = load_good(
        FILE_OF("  last: {run: x, inputs: {job: over, from: /o}}\n"
                "  over: {run: x, from: next}\n"
                "  next: {run: x, inputs: {job: first, from: /o}}\n"
                "  first: {run: x, inputs: {from: src, untrusted: true}}\n"
                "  other: {run: x, inputs: {job: plain, from: /o}}\n  plain: {run: x}\n"));

    (void)state;
    assert_true(job_named(&r, "next")->inputs[0].host.untrusted);
    assert_true(job_named(&r, "last")->inputs[0].host.untrusted);
    assert_false(job_named(&r, "other")->inputs[0].host.untrusted);
    assert_true(job_named(&r, "over")->untrusted);
    assert_false(job_named(&r, "plain")->untrusted);
    unload(&r);
}

/* Jobs on a bridge talk to one another: each may have done what another was told, wherever they
 * stand in the file, and so on over further bridges. */
static void test_distrust_on_bridges(void **state)
{
    struct loaded r = load_good(FILE_OF(
        "  third: {run: x, network: {bridge: c}}\n  second: {run: x, network: {bridge: b}}\n"
        "  takes: {run: x, inputs: {job: second, from: /o}}\n"
        "  over: {run: x, from: third}\n"
        "  mate-3: {run: x, network: {bridge: c}, inputs: {job: second, from: /o}}\n"
        "  mate-2: {run: x, network: {bridge: b}, from: first}\n"
        "  first: {run: x, network: {bridge: a}}\n"
        "  mate-1: {run: x, network: {bridge: a}, inputs: {from: src, untrusted: true}}\n"
        "  other: {run: x, network: {bridge: d}}\n  alone: {run: x, inputs: {job: other, from: "
        "/o}}\n"));

    (void)state;
    assert_true(job_named(&r, "first")->untrusted);
    assert_true(job_named(&r, "third")->untrusted);
    assert_true(job_named(&r, "takes")->inputs[0].host.untrusted);
    assert_true(job_named(&r, "over")->untrusted);
    assert_false(job_named(&r, "other")->untrusted);
    assert_false(job_named(&r, "alone")->inputs[0].host.untrusted);
    unload(&r);
}

static void test_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *problems;
    } cases[] = {
        {FILE_OF("  a: {run: x, inputs: {job: biuld, from: /o}}\n" BUILD),
         "3:29: 'job' names a job 'biuld' that does not exist, did you mean 'build'?\n"},
        {FILE_OF("  a: {run: x, inputs: {job: a, from: /o}}\n"),
         "3:29: job 'a' takes files of itself\n"},
        {FILE_OF("  a: {run: x, inputs: {job: build, from: /o}}\n" MATRIX),
         "3:29: 'a' takes files of one job, and 'build' is 2 of them: 'build/CC=gcc', "
         "'build/CC=tcc'\n"},
        {FILE_OF("  a: {run: x, inputs: {job: build, from: o}}\n" BUILD),
         "3:42: 'from' must be an absolute path in the job, not 'o'\n"},
        {FILE_OF("  a: {run: x, inputs: {job: build, from: /o/../x}}\n" BUILD),
         "3:42: 'from' must not contain '..': '/o/../x'\n"},
        {FILE_OF("  a: {run: x, inputs: {job: build, from: /, to: /a}}\n" BUILD),
         "3:42: '/' is all of the job's files: `from` of a job starts from them\n"},
        {FILE_OF("  a: {run: x, inputs: {job: build, from: /dev/shm, to: /a}}\n" BUILD),
         "3:42: '/dev/shm' belongs to that job's sandbox, which is gone when it has ended\n"},
        {FILE_OF("  a: {run: x, inputs: {job: build, from: /o, mode: copy}}\n" BUILD),
         "3:52: another job's files are not copied: 'mode' must be cow or ro\n"},
        {FILE_OF(
             "  a: {run: x, inputs: {job: build, from: /o, exclude: b, untrusted: true}}\n" BUILD),
         "3:46: 'exclude' is not for an input that is another job's files\n"
         "3:58: 'untrusted' is not for an input that is another job's files\n"},
        {FILE_OF("  a: {run: x, inputs: {job: build}}\n" BUILD),
         "3:15: an input needs the key 'from'\n"},
        {FILE_OF("  a: {run: x, inputs: {job: b, from: /o}}\n"
                 "  b: {run: x, inputs: {job: a, from: /o}}\n"),
         "3:29: 'needs' form a cycle: a -> b -> a\n"},
        {FILE_OF("  a: {run: x, inputs: {job: b, from: /w, to: /a}}\n"
                 "  b: {run: x, inputs: {from: src, to: /w/src}}\n"),
         "3:38: '/w' cannot be taken: job 'b' has an input at /w/src: take what is beside it, or "
         "in it\n"},
        {FILE_OF("  a: {run: x, inputs: {job: b, from: /m/x, to: /a}}\n"
                 "  b: {run: x, mounts: [{to: /m, tmpfs: 1M}]}\n"),
         "3:38: '/m/x' cannot be taken: job 'b' has memory at /m, which goes when it has ended\n"},
        {FILE_OF("  a: {run: x, inputs: {job: b, from: /w/x, to: /a}}\n"
                 "  b: {run: x, inputs: {from: src, to: /w, exclude: y}}\n"),
         "3:38: '/w/x' cannot be taken: job 'b' has an input with 'exclude' at /w\n"},
        {FILE_OF("  a: {run: x, services: {s: {run: x, inputs: {job: build, from: /o}}}}\n" BUILD),
         "3:47: a service has no inputs that are another job's files\n"},
        {FILE_OF("  a: {run: x, inputs: [{job: build, from: /o}, {job: build, from: /o}]}\n" BUILD),
         "3:48: two inputs are placed at /o; the first on line 3\n"},
        {FILE_OF("  a: {run: x, needs: [{job: build, when: always}], inputs: {job: build, from: "
                 "/o}}\n" BUILD),
         "3:42: 'when: always' cannot be: job 'a' takes files of 'build', whose files are there "
         "only when it has passed\n"},
        {FILE_OF("  a: {run: x, needs: [{job: build, when: failure}], from: build}\n" BUILD),
         "3:42: 'when: failure' cannot be: job 'a' starts from 'build', whose files are there only "
         "when it has passed\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct loaded r = load(cases[i].text);
        cleanup_free char *lines = problem_lines(&r);

        if (!str_eq(lines, cases[i].problems))
            fail_msg("case %zu: %s\nis:\n%s\nnot:\n%s", i, cases[i].text, lines, cases[i].problems);
        unload(&r);
    }
}

/* A server has one job at a time. */
static void test_not_in_requests(void **state)
{
    static const char text[] = FILE_OF("  a: {run: x, inputs: {job: build, from: /o}}\n" BUILD);
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_plan *plan = NULL;
    struct cupel_error err;

    (void)state;
    assert_true(jobs_load_request("r", "/", text, strlen(text), &plan, &problems, &err) < 0);
    assert_non_null(strstr(problems.data, "'job' is for job files"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_distrust),
        cmocka_unit_test(test_distrust_on_bridges),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_not_in_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
