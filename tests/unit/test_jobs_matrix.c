/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: matrix, parameters and `${{ }}`: which instances come of a job, what is in them, which of
 * them go together, what is wrong and where, and that much costs no more than much. */
#include "test_jobs.h"

#include "jobs/expand/host.h"

#include <fcntl.h>
#include <sys/stat.h>

#define FILE_OF(jobs) "cupel: 1\njobs:\n" jobs

/* The names of all jobs, a blank behind each. */
static void expect_names(const char *text, const char *names)
{
    struct loaded r = load_good(text);
    cleanup_strbuf struct strbuf b = {0};

    for (size_t i = 0; i < r.plan->n_jobs; i++)
        strbuf_addf(&b, "%s ", r.plan->jobs[i].name);
    assert_string_equal(b.data, names);
    unload(&r);
}

static const struct jobs_job *job_named(const struct jobs_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (str_eq(plan->jobs[i].name, name))
            return &plan->jobs[i];
    fail_msg("no job '%s'", name);
    return NULL;
}

static bool has_env(const struct jobs_job *job, const char *pair)
{
    for (const char **e = job->env; *e != NULL; e++)
        if (str_eq(*e, pair))
            return true;
    return false;
}

static void test_combinations(void **state)
{
    (void)state;
    expect_names(
        FILE_OF("  a: {run: x, matrix: {CC: [gcc, clang], SAN: ['', address]}}\n  b: {run: "
                "y}\n"),
        "a/CC=gcc,SAN= a/CC=gcc,SAN=address a/CC=clang,SAN= a/CC=clang,SAN=address b ");
    expect_names(
        FILE_OF("  a:\n    run: x\n    matrix:\n      CC: [gcc, clang]\n      SAN: ['', "
                "address]\n      include: [{CC: tcc, SAN: ''}, {OTHER: 1}]\n      exclude: "
                "[{CC: clang, SAN: address}, {SAN: '', CC: gcc}]\n"),
        "a/CC=gcc,SAN=address a/CC=clang,SAN= a/CC=tcc,SAN= a/OTHER=1 ");
    expect_names(
        FILE_OF("  a: {run: x, matrix: {A: [1, 2], B: [1, 2], exclude: [{A: 1}, {B: 2}]}}\n"),
        "a/A=2,B=1 ");
    expect_names(FILE_OF("  a: {run: x, matrix: {include: [{A: 1}, {B: 1}]}}\n"), "a/A=1 a/B=1 ");
    expect_names(FILE_OF("  a: {run: x, matrix: {N: {range: [9, 11]}}}\n"), "a/N=9 a/N=10 a/N=11 ");
    /* what cannot be seen is not in an id */
    expect_names(FILE_OF("  a: {run: x, matrix: {N: [\"b\\n\", 'c d']}}\n"), "a/N=b%0A a/N=c d ");
    /* from an anchor */
    expect_names("cupel: 1\nx-m: &m {A: [1, 2]}\njobs: {a: {run: x, matrix: *m}}\n",
                 "a/A=1 a/A=2 ");
}

static void test_what_is_in_an_instance(void **state)
{
    struct loaded r =
        load_good("cupel: 1\n"
                  "params: {LEVEL: '2', EMPTY: ''}\n"
                  "defaults: {env: {CC: cc, D: '${{ params.LEVEL }}'}}\n"
                  "jobs:\n"
                  "  a:\n"
                  "    matrix: {CC: [gcc, clang], MEM: ['64', '128']}\n"
                  "    description: with ${{CC}} and ${{  MEM  }}M$${{ CC }}\n"
                  "    run: [make, 'CC=${{ CC }}', '${{ params.EMPTY }}', '${{ MEM }}${{ MEM }}']\n"
                  "    limits: {memory: '${{ MEM }}M', pids: 7}\n"
                  "    env: {X: '${{ CC }}-x'}\n"
                  "    tags: [one, '${{ CC }}']\n"
                  "    artifacts: {paths: ['/out/${{ CC }}'], when: always}\n");
    const struct jobs_job *job = job_named(r.plan, "a/CC=clang,MEM=128");

    (void)state;
    assert_string_equal(job->description, "with clang and 128M${{ CC }}");
    assert_string_equal(job->steps[0].argv[1], "CC=clang");
    assert_string_equal(job->steps[0].argv[2], "");
    assert_string_equal(job->steps[0].argv[3], "128128");
    assert_int_equal(job->limits.value[JOBS_LIMIT_MEMORY], 128 << 20);
    assert_int_equal(job->limits.value[JOBS_LIMIT_PIDS], 7);
    assert_string_equal(job->tags[1], "clang");
    assert_string_equal(job->artifacts.paths.patterns[0], "/out/clang");
    assert_true(has_env(job, "CC=clang") && has_env(job, "MEM=128") && has_env(job, "X=clang-x") &&
                has_env(job, "D=2"));
    assert_false(has_env(job, "CC=cc"));
    assert_string_equal(job->matrix[0], "CC=clang");
    assert_string_equal(job->matrix[1], "MEM=128");
    assert_null(job->matrix[2]);
    assert_int_equal(r.plan->n_groups, 1);
    assert_string_equal(r.plan->groups[job->group].name, "a");
    assert_int_equal(r.plan->groups[0].n, 4);
    job = job_named(r.plan, "a/CC=gcc,MEM=64");
    assert_string_equal(job->steps[0].argv[1], "CC=gcc");
    assert_int_equal(job->limits.value[JOBS_LIMIT_MEMORY], 64 << 20);
    unload(&r);
}

/* A text in which something is replaced stays text, but is a boolean where one is asked for. */
static void test_booleans_and_empty_texts(void **state)
{
    struct loaded r = load_good(FILE_OF("  a:\n    matrix: {B: ['true', 'no'], T: ['yes']}\n   "
                                        " run: ${{ B }}\n    fail-fast: ${{ "
                                        "T }}\n    args: [\"${{ B }}\"]\n"));

    (void)state;
    assert_string_equal(job_named(r.plan, "a/B=no,T=yes")->steps[0].argv[3], "no");
    assert_string_equal(job_named(r.plan, "a/B=true,T=yes")->steps[0].argv[5], "true");
    assert_true(job_named(r.plan, "a/B=no,T=yes")->fail_fast);
    unload(&r);
}

static void expect_needs(const struct jobs_plan *plan, const char *name, const char *needs)
{
    const struct jobs_job *job = job_named(plan, name);
    cleanup_strbuf struct strbuf b = {0};

    strbuf_add(&b, "", 0);
    for (size_t i = 0; i < job->n_needs; i++)
        strbuf_addf(&b, "%s ", plan->jobs[job->needs[i]].name);
    assert_string_equal(b.data, needs);
}

static void test_pairs(void **state)
{
    struct loaded r = load_good(
        FILE_OF("  build: {run: x, matrix: {CC: [gcc, clang], include: [{CC: tcc, OS: bsd}]}}\n"
                "  test: {run: x, needs: build, matrix: {OS: [linux, bsd], CC: [gcc, clang]}}\n"
                "  last: {run: x, matrix: {CC: [tcc]}, from: build}\n"
                "  one: {run: x, needs: 'build/CC=clang'}\n"
                "  other: {run: x, matrix: {Z: ['1']}, needs: [one, build]}\n"
                "  all: {run: x, needs: [test, last]}\n"
                "  own: {run: x, matrix: {CC: [gcc]}, needs: 'build/CC=${{ CC }}'}\n"));

    (void)state;
    expect_needs(r.plan, "test/OS=linux,CC=gcc", "build/CC=gcc ");
    expect_needs(r.plan, "test/OS=bsd,CC=clang", "build/CC=clang ");
    expect_needs(r.plan, "last/CC=tcc", "build/CC=tcc,OS=bsd ");
    assert_string_equal(r.plan->jobs[job_named(r.plan, "last/CC=tcc")->from].name,
                        "build/CC=tcc,OS=bsd");
    expect_needs(r.plan, "one", "build/CC=clang ");
    expect_needs(r.plan, "other/Z=1", "one build/CC=gcc build/CC=clang build/CC=tcc,OS=bsd ");
    expect_needs(r.plan, "all",
                 "test/OS=linux,CC=gcc test/OS=linux,CC=clang test/OS=bsd,CC=gcc "
                 "test/OS=bsd,CC=clang last/CC=tcc ");
    expect_needs(r.plan, "own/CC=gcc", "build/CC=gcc ");
    unload(&r);
    /* a job that all need by default does not need itself */
    r = load_good(
        "cupel: 1\ndefaults: {run: x, needs: a}\njobs: {a: {matrix: {A: [1, 2]}}, b: {}}\n");
    expect_needs(r.plan, "a/A=1", "");
    expect_needs(r.plan, "b", "a/A=1 a/A=2 ");
    unload(&r);
}

static void test_shards(void **state)
{
    struct loaded r = load_good(
        "cupel: 1\nparams: {N: '2'}\njobs:\n"
        "  a: {run: 'x ${{ CI_NODE_INDEX }}/${{ CI_NODE_TOTAL }}', parallel: '${{ params.N }}', "
        "max-parallel: 1, env: {A: '${{ TEST_SHARD_INDEX }}'}}\n"
        "  b: {run: x, needs: a, parallel: 3, matrix: {CC: [gcc], include: [{CC: tcc}]}}\n"
        "  c: {run: x, needs: b, parallel: 1, matrix: {CC: [tcc]}}\n"
        "  d: {run: x, from: e, parallel: 2}\n"
        "  e: {run: x}\n");

    (void)state;
    assert_int_equal(r.plan->n_jobs, 2 + 6 + 1 + 2 + 1);
    same_texts((const char *const *)job_named(r.plan, "a/CI_NODE_INDEX=2")->env,
               (const char *const[]){"CI_NODE_INDEX=2", "CI_NODE_TOTAL=2", "TEST_SHARD_INDEX=1",
                                     "TEST_TOTAL_SHARDS=2", "A=1", NULL});
    assert_string_equal(job_named(r.plan, "a/CI_NODE_INDEX=1")->steps[0].argv[3], "x 1/2");
    same_texts(job_named(r.plan, "b/CC=tcc,CI_NODE_INDEX=3")->matrix,
               (const char *const[]){"CC=tcc", "CI_NODE_INDEX=3", NULL});
    /* which shard another is tells nothing: all of them are needed */
    expect_needs(r.plan, "b/CC=gcc,CI_NODE_INDEX=3", "a/CI_NODE_INDEX=1 a/CI_NODE_INDEX=2 ");
    expect_needs(r.plan, "c/CC=tcc,CI_NODE_INDEX=1",
                 "b/CC=tcc,CI_NODE_INDEX=1 b/CC=tcc,CI_NODE_INDEX=2 b/CC=tcc,CI_NODE_INDEX=3 ");
    expect_needs(r.plan, "d/CI_NODE_INDEX=2", "e ");
    unload(&r);
}

static void test_mistakes(void **state)
{
    static const struct mistake mistakes[] = {
        {FILE_OF("  a: {run: x, matrix: [1]}\n"),
         "3:23: 'matrix' must be a map of keys to lists of values, not a list\n"},
        {FILE_OF("  a: {run: x, matrix: {}}\n"), "3:23: 'matrix' is empty\n"},
        {FILE_OF(
             "  a: {run: x, parallel: 0}\n  b: {run: x, parallel: [1]}\n  c: {run: x, parallel: "
             "many, matrix: {A: []}}\n  d: {run: x, parallel: 1000, matrix: {A: {range: [1, "
             "100]}}}\n  e: {run: x, parallel: 2, env: {CI_NODE_TOTAL: '3'}}\n  f: {run: x, "
             "matrix: "
             "{TEST_SHARD_INDEX: [x]}}\n  g: {run: x, parallel: '${{ N }}', matrix: {N: [1]}}\n"),
         "3:25: 'parallel' must be between 1 and 1000, not 0\n"
         "4:25: 'parallel' must be a whole number from 1 to 1000, not a list\n"
         "5:25: 'parallel' must be a whole number, not 'many'\n"
         "5:43: 'A' is an empty list\n"
         "6:31: 'matrix' makes 100000 instances, and 3 jobs stand before them; at most 100000 are "
         "possible in one file\n"
         "7:34: 'env' sets 'CI_NODE_TOTAL', which 'parallel' sets\n"
         "8:24: 'TEST_SHARD_INDEX' is what 'parallel' sets\n"
         "9:26: '${{ N }}' stands for nothing: a matrix knows parameters, and none of its own "
         "keys; a "
         "literal '${{' is written '$${{'\n"},
        {FILE_OF("  a: {run: x, matrix: {A: []}}\n"), "3:27: 'A' is an empty list\n"},
        {FILE_OF("  a: {run: x, matrix: {A: 1}}\n"),
         "3:27: 'A' must be a list of texts, or a map of one of `dirs`, `files`, `lines` and "
         "`range`, not '1'\n"},
        {FILE_OF("  a: {run: x, matrix: {A: [b, c, b]}}\n"), "3:34: 'A' has 'b' twice\n"},
        {FILE_OF("  a: {run: x, matrix: {A: [true]}}\n"),
         "3:28: 'A' must be a list of texts (\"\" for an empty one), not the boolean true (put it "
         "in "
         "quotes if it is text)\n"},
        {FILE_OF("  a: {run: x, matrix: {a-b: [1], CUPEL_X: [1]}}\n"),
         "3:24: 'a-b' is no key of a matrix: it becomes an environment variable, so it has "
         "letters, "
         "digits and '_' only\n"
         "3:34: 'CUPEL_X': names that begin with CUPEL_ are set by cupel itself\n"},
        {FILE_OF("  a: {run: x, matrix: {A: {dir: x}}}\n"),
         "3:28: unknown key 'dir', did you mean 'dirs'?\n"},
        {FILE_OF("  a: {run: x, matrix: {A: {dirs: x, files: y}}}\n"),
         "3:27: 'A' needs one of 'dirs', 'files', 'lines' and 'range'\n"},
        {FILE_OF("  a: {run: x, matrix: {A: {range: [3, 2]}}}\n"),
         "3:39: 'range' must be between 3 and 9223372036854775807, not 2\n"},
        {FILE_OF("  a: {run: x, matrix: {A: {range: [1, 100001]}}}\n"),
         "3:35: 'range' has more than 100000 values\n"},
        {FILE_OF("  a: {run: x, matrix: {A: {dirs: none/*}}}\n"),
         "3:34: 'dirs': cannot look for 'none/*': No such file or directory\n"},
        /* instances that were lost with it are not missed, others are */
        {FILE_OF("  a: {run: x, matrix: {A: {dirs: none/*}}}\n  b: {run: x, needs: a/A=x}\n"
                 "  c: {from: a/A=y, run: z}\n  d: {run: x, needs: [b/A=x, {job: a/A=z, when: "
                 "always}]}\n"),
         "3:34: 'dirs': cannot look for 'none/*': No such file or directory\n"
         "6:23: 'needs' names a job 'b/A=x' that does not exist\n"},
        {FILE_OF("  a: {run: x, matrix: {A: {files: 'no-*'}}}\n"),
         "3:35: 'files' finds nothing, so there is nothing to run\n"},
        {FILE_OF("  a: {run: x, matrix: {A: [1], exclude: [{B: 1}, {A: 2}, 3]}}\n"),
         "3:58: 'exclude' must be a list of maps of texts, not '3'\n"},
        {FILE_OF("  a: {run: x, matrix: {A: [1], exclude: [{B: 1}, {A: 2}]}}\n"),
         "3:43: 'exclude' names 'B', which is no key of the matrix\n"
         "3:54: 'exclude' names '2', which is no value of 'A'\n"},
        {FILE_OF("  a: {run: x, matrix: {A: [1], exclude: [{A: 1}]}}\n"),
         "3:15: 'exclude' leaves nothing of the matrix\n"},
        {FILE_OF("  a: {run: x, matrix: {A: [1], include: [{A: 1}]}}\n"),
         "3:3: two jobs are named 'a/A=1'\n"},
        {FILE_OF("  a/A=1: {run: x}\n  a: {run: x, matrix: {A: [1]}}\n"),
         "4:3: two jobs are named 'a/A=1'\n"},
        {FILE_OF("  a: {run: x, matrix: {A: {range: [1, 1000]}, B: {range: [1, 1000]}}}\n"),
         "3:15: 'matrix' makes 1000000 instances, and 0 jobs stand before them; at most 100000 are "
         "possible in one file\n"},
        {FILE_OF("  a: {run: x, env: {A: 1}, matrix: {A: [1]}}\n"),
         "3:21: 'env' sets 'A', which is a key of the job's 'matrix'\n"},
        {"cupel: 1\ndefaults: {matrix: {A: [1]}}\njobs: {a: {run: x}}\n",
         "2:12: 'matrix' stands in a job of its own, not under 'defaults'\n"},
        {FILE_OF("  a: {run: x, fail-fast: true, max-parallel: 1}\n"),
         "3:32: 'max-parallel' goes with 'matrix' or 'parallel' only\n"},
        /* names */
        {FILE_OF("  a: {run: \"${{ B }}\", matrix: {A: [1, 2]}}\n"),
         "3:13: '${{ B }}' stands for nothing; a literal '${{' is written '$${{'\n"},
        {FILE_OF(
             "  a:\n    matrix: {SAN: [x]}\n    run: |\n      one\n      two ${{ SAN }} ${{ SAM "
             "}}\n"),
         "7:22: '${{ SAM }}' stands for nothing, did you mean 'SAN'?; a literal '${{' is written "
         "'$${{'\n"},
        {FILE_OF("  a: {run: \"${{ matrix.A }} ${{ matrix.B }}\", matrix: {A: [1, 2]}}\n"),
         "3:13: '${{ matrix.A }}' stands for nothing: write '${{ A }}' for a key of the job's "
         "'matrix'\n"
         "3:29: '${{ matrix.B }}' stands for nothing: write '${{ B }}' for a key of the job's "
         "'matrix'\n"},
        {FILE_OF("  a: {run: \"${{ secrets.B }} ${{ inputs.c }} ${{ hashFiles('x') }}\"}\n"),
         "3:13: '${{ secrets.B }}' stands for nothing: a job that lists it under 'secrets' has it "
         "in its environment, $B\n"
         "3:30: '${{ inputs.c }}' stands for nothing: write '${{ params.c }}'\n"
         "3:46: '${{ hashFiles('x') }}' stands for nothing: write hash('PATH', 'GLOB')\n"},
        {FILE_OF("  a: {run: 'x ${{ A', matrix: {A: [1]}}\n"),
         "3:15: this '${{' is never closed by '}}'; a literal one is written '$${{'\n"},
        {"cupel: 1\ndefaults: {tags: ['${{ A }}']}\njobs: {a: {run: x, matrix: {A: [1]}}}\n",
         "2:20: '${{ A }}' stands for nothing: the keys of a matrix are known in its own job only; "
         "a "
         "literal '${{' is written '$${{'\n"},
        {FILE_OF("  'a${{ A }}': {run: x, env: {'${{ A }}': b}, matrix: {A: [1]}}\n"),
         "3:3: 'a${{ A }}': nothing is replaced in a key, only in values\n"
         "3:31: '${{ A }}': nothing is replaced in a key, only in values\n"
         "3:31: '${{ A }}' is no name for an environment variable: letters, digits and '_' only\n"},
        {"cupel: 1\nparams: {A: null, b-c: 1, D: [x]}\njobs: {a: {run: x}}\n",
         "2:13: the parameter 'A' must be given: --set A=VALUE, or CUPEL_PARAM_A in the "
         "environment\n"
         "2:19: 'b-c' is no name for a parameter: letters, digits and '_' only\n"
         "2:30: 'D' must be text, or null for what must be given, not a list\n"},
        {"cupel: 1\nparams: {LEVEL: 1}\njobs: {a: {run: '${{ params.LEVEK }}'}}\n",
         "3:18: '${{ params.LEVEK }}' stands for nothing, did you mean 'params.LEVEL'?; a literal "
         "'${{' is written '$${{'\n"},
        {FILE_OF("  a: {run: \"${{ hash('a' 'b') }} ${{ hash('none') }} ${{ git.x }}\"}\n"),
         "3:13: '${{ hash('a' 'b') }}': a hash is written hash('PATH', 'GLOB'), with at most 64 "
         "paths "
         "in single quotes\n"
         "3:34: '${{ hash('none') }}': there is no file 'none'\n"
         "3:54: '${{ git.x }}': of git there is git.commit and git.branch\n"},
        /* what is wrong in each instance is said once */
        {FILE_OF("  a: {run: x, matrix: {A: {range: [1, 90]}}, limits: {memroy: 1}}\n"),
         "3:55: unknown key 'memroy', did you mean 'memory'?\n"},
        {FILE_OF("  a: {run: x, matrix: {A: ['1M', x]}, limits: {memory: '${{ A }}'}}\n"),
         "3:56: 'memory' must be a size such as 64K, 512M or 1.5G, not 'x'\n"},
        /* pairs */
        {FILE_OF("  a: {run: x, matrix: {A: [1, 2]}}\n  b: {run: x, from: a}\n"),
         "4:21: 'b' starts from one job, and 'a' is 2 of them: 'a/A=1', 'a/A=2'\n"},
        {FILE_OF(
             "  a: {run: x, matrix: {A: [1, 2]}}\n  b: {run: x, needs: a, matrix: {A: [1, 3]}}\n"),
         "4:22: no instance of 'a' has the values of 'b/A=3'\n"},
        {FILE_OF("  a: {run: x, matrix: {A: [1]}}\n  b: {run: x, from: a, matrix: {A: [3]}}\n"),
         "4:21: no instance of 'a' has the values of 'b/A=3'\n"},
        {FILE_OF("  a: {run: x, needs: a, matrix: {A: [1]}}\n"),
         "3:22: job 'a' needs itself; name one of its instances\n"},
        {FILE_OF("  a: {run: x, needs: [b, 'b/A=1']}\n  b: {run: x, matrix: {A: [1]}}\n"),
         "3:26: 'needs' names 'b/A=1' twice\n"},
        {FILE_OF("  a: {run: x, needs: b, matrix: {A: [1]}}\n  b: {run: x, needs: a, matrix: {A: "
                 "[1]}}\n"),
         "3:22: 'needs' form a cycle: a/A=1 -> b/A=1 -> a/A=1\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

/* ---- parameters ---- */

static void test_parameters(void **state)
{
    static const char *const set[] = {"A=first", "A=last=", "UNKNOWN=x"};
    const struct jobs_parameters given = {.given = set, .n = 3};
    static const char text[] = "cupel: 1\nparams: {A: file, B: null, C: file}\nrootfs: {r: {tar: "
                               "'${{ params.C }}'}}\njobs: {a: {run: '${{ params.A }} ${{ params.B "
                               "}} ${{ params.C }}'}}\n";
    const struct load_from from = {.file = "f.yaml",
                                   .dir = "/",
                                   .text = text,
                                   .len = sizeof(text) - 1,
                                   .host = &expand_real_host,
                                   .parameters = &given};
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_plan *plan = NULL;
    struct cupel_error err;

    (void)state;
    assert_int_equal(setenv("CUPEL_PARAM_A", "environment", 1), 0);
    assert_int_equal(setenv("CUPEL_PARAM_B", "environment", 1), 0);
    assert_int_equal(setenv("CUPEL_PARAM_C", "/bin/sh", 1), 0);
    if (load_tree(&from, &plan, &problems, &err) < 0)
        fail_msg("%s", problems.data);
    assert_string_equal(plan->jobs[0].steps[0].argv[3], "last= environment /bin/sh");
    assert_string_equal(plan->roots[2].tar, "/bin/sh");
    assert_string_equal(plan->parameters[0], "A=last=");
    assert_string_equal(plan->parameters[2], "C=/bin/sh");
    assert_null(plan->parameters[3]);
    jobs_plan_free(plan);
    assert_int_equal(
        unsetenv("CUPEL_PARAM_A") + unsetenv("CUPEL_PARAM_B") + unsetenv("CUPEL_PARAM_C"), 0);
}

/* What comes to a server as a request is read as it is. */
static void test_requests_are_not_expanded(void **state)
{
    static const char *const texts[] = {
        "cupel: 1\njobs: {a: {run: x, matrix: {A: [1]}}}\n",
        "cupel: 1\nparams: {A: 1}\njobs: {a: {run: x}}\n",
        "cupel: 1\njobs: {a: {run: x, services: {db: {run: x}}}}\n",
        "cupel: 1\njobs: {a: {run: x, cache: {key: k, paths: [/c]}}}\n",
    };
    static const char text[] = "cupel: 1\njobs: {a: {run: \"${{ hash('/etc/passwd') }}\"}}\n";
    struct jobs_plan *plan = NULL;
    struct cupel_error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_strbuf struct strbuf problems = {0};

        assert_true(
            jobs_load_request("r", "/", texts[i], strlen(texts[i]), &plan, &problems, &err) < 0);
        assert_non_null(strstr(problems.data, "' is for job files"));
    }
    assert_int_equal(
        jobs_load_request("r", "/", text, sizeof(text) - 1, &plan, &(struct strbuf){0}, &err), 0);
    assert_string_equal(plan->jobs[0].steps[0].argv[3], "${{ hash('/etc/passwd') }}");
    jobs_plan_free(plan);
}

/* ---- what is found ---- */

/* ---- much ---- */

/* Makes as many as there can be, each with an instance that it needs: linear, or this takes
 * minutes. */
static void test_a_hundred_thousand(void **state)
{
    struct loaded r =
        load_good(FILE_OF("  a: {run: [x, '${{ N }}'], matrix: {N: {range: [1, 50000]}}}\n"
                          "  b: {run: '${{ N }}', needs: a, matrix: {N: {range: [1, 49999]}}}\n"
                          "  c: {run: x, needs: b}\n"));

    (void)state;
    assert_int_equal(r.plan->n_jobs, 100000);
    expect_needs(r.plan, "b/N=777", "a/N=777 ");
    assert_int_equal(job_named(r.plan, "c")->n_needs, 49999);
    unload(&r);
}

static void test_inputs_of_very_many(void **state)
{
    struct loaded r = load_good(FILE_OF(
        "  a: {run: '${{ N }}', inputs: [numbers.in, {from: src, to: /b}, {from: ., to: /c}], "
        "matrix: {N: {range: [1, 60000]}}}\n"
        "  b: {run: x, inputs: [{from: src, to: '/${{ N }}'}, {from: src, to: '/a${{ N }}'}, "
        "{from: "
        "src, to: '/b${{ N }}'}], matrix: {N: {range: [1, 40000]}}}\n"));
    const struct jobs_job *one = job_named(r.plan, "a/N=1"), *last = job_named(r.plan, "a/N=60000"),
                          *b = job_named(r.plan, "b/N=777");

    (void)state;
    assert_int_equal(last->n_inputs, 3);
    assert_ptr_equal(one->inputs, last->inputs); /* read once, and kept once */
    assert_string_equal(b->inputs[2].to, "/b777");
    unload(&r);
}

/* A long text in very many instances, and what all need of all. */
static void test_too_much(void **state)
{
    cleanup_free char *text =
        xasprintf(FILE_OF("  a: {run: '${{ N }} %060000d', matrix: {N: {range: [1, 2500]}}}\n"), 0);
    const struct mistake bytes = {text, "3:12: with this, 'extends', 'matrix' and '${{ }}' make "
                                        "more than 128 MiB; split the file\n"};
    static const struct mistake needs = {
        FILE_OF(
            "  a: {run: x, matrix: {N: {range: [1, 2100]}}}\n  b: {run: x, needs: a, matrix: {M: "
            "{range: [1, 2100]}}}\n"),
        "4:22: 'defaults' and 'jobs' together make more than 4000000 values; split the file\n"};

    /* what each of very many says is looked for once */
    static const struct mistake unknown = {
        FILE_OF("  a: {run: x, memroy: 1, matrix: {N: {range: [1, 100000]}}}\n"),
        "3:15: unknown key 'memroy' in a job, did you mean 'memory' under 'limits'?\n"};
    /* nothing is said of what was not made */
    static const struct mistake nodes = {
        FILE_OF(
            "  a: {run: x, matrix: {N: {range: [1, 100000]}}, description: '${{ N }}', tags: [a, "
            "b, c, d, "
            "e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, '${{ N }}']}\n"),
        "3:12: with this, 'extends', 'matrix' and '${{ }}' make more than 128 MiB; split the "
        "file\n"};

    (void)state;
    check_mistake(&unknown);
    check_mistake(&bytes);
    check_mistake(&nodes);
    check_mistake(&needs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_combinations),
        cmocka_unit_test(test_what_is_in_an_instance),
        cmocka_unit_test(test_booleans_and_empty_texts),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_requests_are_not_expanded),
        cmocka_unit_test(test_a_hundred_thousand),
        cmocka_unit_test(test_inputs_of_very_many),
        cmocka_unit_test(test_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
