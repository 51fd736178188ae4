/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: cases: which jobs come of them, what each has of its job and of its own, how points are
 * dealt out, and what is wrong and where. */
#include "test_jobs.h"

#define FILE_OF(jobs) "cupel: 1\njobs:\n" jobs

static const struct jobs_job *job_named(const struct jobs_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (str_eq(plan->jobs[i].name, name))
            return &plan->jobs[i];
    fail_msg("no job '%s'", name);
    return NULL;
}

/* "NAME points group visibility", a line each. */
static void expect_cases(const struct jobs_plan *plan, const char *lines)
{
    cleanup_strbuf struct strbuf b = {0};

    for (size_t i = 0; i < plan->n_jobs; i++) {
        const struct jobs_job *job = &plan->jobs[i];
        const struct jobs_case *c = job->of_case;

        if (c == NULL)
            continue;
        strbuf_addf(&b, "%s %llu %s %s\n", job->name, (unsigned long long)c->points,
                    plan->judged[c->judged].groups[c->group].name,
                    jobs_visibility_name(c->visibility));
    }
    assert_string_equal(b.data, lines);
}

static void test_what_a_case_has(void **state)
{
    struct loaded r = load_good("cupel: 1\n"
                                "defaults: {env: {D: d}, limits: {pids: 9, memory: 1M}}\n"
                                "jobs:\n"
                                "  build: {matrix: {SUB: [x, y]}, run: x}\n"
                                "  grade:\n"
                                "    matrix: {SUB: [x, y]}\n"
                                "    from: build\n"
                                "    run: [sum, '${{ SUB }}']\n"
                                "    env: {A: job, B: '${{ SUB }}'}\n"
                                "    args: ['${{ case.name }}', '${{ SUB }}']\n"
                                "    stdin: job\n"
                                "    limits: {wall: 7s, pids: 3}\n"
                                "    expect: {exit: 3, stdout: job}\n"
                                "    cases:\n"
                                "      - {name: plain}\n"
                                "      - name: own\n"
                                "        env: {A: own, C: c}\n"
                                "        stdin-file: numbers.in\n"
                                "        args: [z]\n"
                                "        limits: {wall: 1s}\n"
                                "        expect: {signal: SEGV, stdout-file: numbers.in}\n"
                                "        description: of ${{ SUB }}, ${{ case.name }}\n");
    const struct jobs_job *plain = job_named(r.plan, "grade/SUB=y/plain"),
                          *own = job_named(r.plan, "grade/SUB=y/own");

    (void)state;
    assert_int_equal(r.plan->n_jobs, 6);
    assert_int_equal(r.plan->n_judged, 2);
    assert_string_equal(r.plan->judged[1].name, "grade/SUB=y");
    assert_int_equal(r.plan->judged[1].first, 4);
    assert_int_equal(r.plan->judged[1].n, 2);
    assert_ptr_equal(plain, &r.plan->jobs[4]);
    assert_string_equal(r.plan->jobs[plain->from].name, "build/SUB=y");
    assert_string_equal(plain->steps[0].argv[1], "y");
    assert_string_equal(plain->steps[0].argv[2], "plain");
    assert_string_equal(plain->steps[0].argv[3], "y");
    assert_string_equal(plain->stdin_text, "job");
    assert_int_equal(plain->limits.value[JOBS_LIMIT_WALL], 7 * NSEC_PER_SEC);
    assert_int_equal(plain->limits.value[JOBS_LIMIT_PIDS], 3);
    assert_string_equal(plain->steps[0].expect.stdout_text, "job");
    assert_int_equal(plain->steps[0].expect.compare.how, JOBS_COMPARE_TOKENS);
    assert_int_equal(plain->steps[0].expect.exit, 3);
    assert_int_equal(plain->retry_on, 1u << JOBS_RETRY_ERROR);
    same_texts(plain->env, (const char *const[]){"D=d", "SUB=y", "A=job", "B=y", NULL});

    assert_string_equal(own->steps[0].argv[2], "z");
    assert_null(own->steps[0].argv[3]);
    assert_null(own->stdin_text);
    assert_non_null(own->stdin_file.path);
    assert_int_equal(own->limits.value[JOBS_LIMIT_WALL], NSEC_PER_SEC);
    assert_int_equal(own->limits.value[JOBS_LIMIT_PIDS], 3);
    assert_int_equal(own->limits.value[JOBS_LIMIT_MEMORY], 1 << 20);
    assert_null(own->steps[0].expect.stdout_text);
    assert_int_equal(own->steps[0].expect.exit, -1);
    assert_string_equal(own->description, "of y, own");
    same_texts(own->env, (const char *const[]){"D=d", "SUB=y", "A=own", "B=y", "C=c", NULL});
    unload(&r);
}

static void test_files(void **state)
{
    struct loaded r = load_good(
        FILE_OF("  grade:\n"
                "    run: [sum]\n"
                "    expect: {stdout: job, stderr: ''}\n"
                "    cases: {files: 'judged/[12].in', answer: .ans, points: 2.5, hint: 'see "
                "${{ case.path }}', args: ['${{ case.name }}']}\n"));
    const struct jobs_job *job = job_named(r.plan, "grade/2");

    (void)state;
    expect_cases(r.plan, "grade/1 2500  visible\ngrade/2 2500  visible\n");
    assert_non_null(strstr(job->stdin_file.path, "/judged/2.in"));
    assert_false(job->stdin_file.untrusted);
    assert_non_null(strstr(job->steps[0].expect.stdout_file.path, "/judged/2.ans"));
    assert_null(job->steps[0].expect.stdout_text);
    assert_string_equal(job->steps[0].expect.stderr_text, "");
    assert_string_equal(job->of_case->hint, "see judged/2.in");
    assert_string_equal(job->steps[0].argv[1], "2");
    unload(&r);
    /* what is not unique by its name is called by its path */
    r = load_good(FILE_OF("  g: {run: x, cases: [{files: 'judged/1.*'}]}\n"));
    expect_cases(r.plan, "g/judged/1.ans 1000  visible\ng/judged/1.in 1000  visible\n");
    unload(&r);
    /* and so is what an earlier case is called like: `sample/1.in` and `secret/1.in` */
    r = load_good(FILE_OF("  g: {run: x, cases: [{name: '2'}, {files: 'judged/[12].in'}, {files: "
                          "'judged/1.ans'}]}\n"));
    expect_cases(r.plan, "g/2 1000  visible\ng/1 1000  visible\ng/judged/2.in 1000  visible\n"
                         "g/judged/1.ans 1000  visible\n");
    unload(&r);
}

static void test_points(void **state)
{
    struct loaded r =
        load_good(FILE_OF("  g:\n"
                          "    run: x\n"
                          "    points: 4\n"
                          "    visibility: after-due\n"
                          "    cases:\n"
                          "      - {name: a}\n"
                          "      - {name: b, points: 10, visibility: visible}\n"
                          "      - {name: c, group: s}\n"
                          "      - {name: d, group: s}\n"
                          "      - {name: e, group: s}\n"
                          "      - {name: f, group: s, points: 20}\n"
                          "      - {name: g, group: s/t}\n"
                          "      - {name: h, group: u, visibility: after-published}\n"
                          "    groups:\n"
                          "      s: {points: 100, visibility: hidden, groups: {t: {points: 10}}}\n"
                          "      u: {score: min}\n"));
    const struct jobs_judged *j = &r.plan->judged[0];

    (void)state;
    expect_cases(r.plan, "g/a 4000  after-due\n"
                         "g/b 10000  visible\n"
                         "g/c 23334 s hidden\n"
                         "g/d 23333 s hidden\n"
                         "g/e 23333 s hidden\n"
                         "g/f 20000 s hidden\n"
                         "g/g 10000 s/t hidden\n"
                         "g/h 4000 u after-published\n");
    assert_int_equal(j->n_groups, 4);
    assert_int_equal(j->groups[0].points, 118000);
    assert_int_equal(j->groups[1].points, 100000);
    assert_int_equal(j->groups[2].parent, 1);
    assert_int_equal(j->groups[3].points, 4000);
    unload(&r);
}

/* Adds "NAME:SHOWN " for each case. */
static void expect_shown(const char *jobs, const char *expected)
{
    struct loaded r = load_good(jobs);
    cleanup_strbuf struct strbuf b = {0};

    for (size_t i = 0; i < r.plan->n_jobs; i++)
        strbuf_addf(&b, "%s:%s ", r.plan->jobs[i].of_case->name,
                    jobs_visibility_name(r.plan->jobs[i].of_case->shown));
    assert_string_equal(b.data, expected);
    unload(&r);
}

/* Shows a case only when those may be seen that decide whether it is run. */
static void test_who_may_see_that_a_case_was_run(void **state)
{
#define SEEN_CASES                                                                                 \
    "    cases:\n"                                                                                 \
    "      - {name: a}\n"                                                                          \
    "      - {name: b, visibility: after-due}\n"                                                   \
    "      - {name: c, group: s}\n"                                                                \
    "      - {name: d, group: s, visibility: hidden}\n"                                            \
    "      - {name: e, group: s}\n"                                                                \
    "      - {name: f, group: t}\n"                                                                \
    "      - {name: g, group: u/v}\n"
#define SEEN_GROUPS(t, u) "    groups: {s: {}, t: " t ", u: " u "}\n"

    (void)state;
    expect_shown(FILE_OF("  g:\n    run: x\n" SEEN_CASES SEEN_GROUPS("{}", "{groups: {v: {}}}")),
                 "a:visible b:after-due c:visible d:hidden e:visible f:visible g:visible ");
    expect_shown(
        FILE_OF("  g:\n    run: x\n" SEEN_CASES SEEN_GROUPS("{needs: s}", "{groups: {v: {}}}")),
        "a:visible b:after-due c:visible d:hidden e:visible f:hidden g:visible ");
    /* a group around, and what needs what needs it, which stands before it */
    expect_shown(FILE_OF("  g:\n    run: x\n" SEEN_CASES SEEN_GROUPS(
                     "{needs: u}", "{needs: s, groups: {v: {}}}")),
                 "a:visible b:after-due c:visible d:hidden e:visible f:hidden g:hidden ");
    expect_shown(FILE_OF("  g:\n    run: x\n    stop: group\n" SEEN_CASES SEEN_GROUPS(
                     "{}", "{groups: {v: {}}}")),
                 "a:visible b:after-due c:visible d:hidden e:hidden f:visible g:visible ");
    expect_shown(FILE_OF("  g:\n    run: x\n    stop: all\n" SEEN_CASES SEEN_GROUPS(
                     "{}", "{groups: {v: {}}}")),
                 "a:visible b:after-due c:after-due d:hidden e:hidden f:hidden g:hidden ");
}

/* What needs the job needs all its cases, and that which goes with one submission those of it. */
static void test_needs(void **state)
{
    struct loaded r =
        load_good(FILE_OF("  g: {run: x, matrix: {S: [x, y]}, cases: [{name: a}, {name: b}]}\n"
                          "  all: {run: x, needs: g}\n"
                          "  each: {run: x, needs: g, matrix: {S: [x, y]}}\n"
                          "  one: {run: x, from: g/S=y/b}\n"));

    (void)state;
    assert_int_equal(job_named(r.plan, "all")->n_needs, 4);
    assert_int_equal(job_named(r.plan, "each/S=y")->n_needs, 2);
    assert_int_equal(job_named(r.plan, "each/S=y")->needs[1], 3);
    assert_int_equal(job_named(r.plan, "one")->from, 3);
    unload(&r);
}

static void test_mistakes(void **state)
{
#define CASES(text) FILE_OF("  g: {run: x, cases: " text "}\n")
#define TWO(text) CASES("[{name: a, group: s}, {name: b, group: t}], groups: " text)
    static const struct mistake mistakes[] = {
        {CASES("[]"), "3:22: 'cases' is empty\n"},
        {CASES("[a]"), "3:23: 'cases' must be a list of maps, not 'a'\n"},
        {CASES("[{points: 1}]"),
         "3:23: a case needs the key 'name', or 'files' for one of each file\n"},
        {CASES("[{ncme: a}]"), "3:24: unknown key 'ncme', did you mean 'name'?\n"},
        {CASES("[{name: b}, {flies: a}]"), "3:35: unknown key 'flies', did you mean 'files'?\n"},
        {CASES("[{name: a, files: 'judged/*'}]"), "3:33: 'name' and 'files' exclude each other\n"},
        {CASES("[{name: a, answer: .ans}]"), "3:33: 'answer' goes with 'files'\n"},
        {CASES("[{name: a}, {name: a}]"), "3:41: two cases of job 'g' are named 'a'\n"},
        {CASES("[{name: a, run: y}]"), "3:33: unknown key 'run' in a case\n"},
        {CASES("[{name: a, stdn: y}]"), "3:33: unknown key 'stdn', did you mean 'stdin'?\n"},
        {CASES("[{name: a, points: 1.2345}]"),
         "3:41: 'points' must be a number such as 10 or 2.5 with at most three decimals, not "
         "'1.2345'\n"},
        {CASES("[{name: a, points: 1000001}]"), "3:41: 'points' is at most 1000000\n"},
        {CASES("[{name: a, group: b}]"),
         "3:40: there is no group 'b'; describe it under the job's 'groups'\n"},
        {CASES("[{files: 'judged/none*'}]"),
         "3:31: 'files' finds nothing, so there is nothing to judge by\n"},
        {CASES("[{name: a, capture: fil}]"),
         "3:42: 'capture' must be pipe or file, not 'fil', did you mean 'file'?\n"},
        {CASES("[{name: a}], fail-fast: true"), NULL},
        {CASES("[{name: a}], retry-on: timeout"), NULL},
        {CASES("[{name: a}], network: {bridge: b}"), NULL},
        {CASES("[{name: '${{ case.name }}'}]"), NULL},
        {FILE_OF("  g: {run: x, points: 1}\n"), "3:15: 'points' goes with 'cases' only\n"},
        {FILE_OF("  g: {run: x, stop: all}\n"), "3:15: 'stop' goes with 'cases' only\n"},
        {"cupel: 1\ndefaults: {cases: [{name: a}]}\njobs: {g: {run: x}}\n",
         "2:12: 'cases' stands in a job or a template, not under 'defaults'\n"},
        {TWO("{s: {needs: t}, t: {needs: u}}"),
         "3:101: there is no group 'u'; describe it under the job's "
         "'groups'\n"},
        {TWO("{s: {needs: t}, t: {needs: s}}"),
         "3:86: 'needs' of the groups lead in a circle, back to 's'\n"},
        {TWO("{s: {needs: s/r, groups: {r: {}}}, t: {}}"),
         "3:86: group 's' needs 's/r', and one of them is in the other\n"},
        {TWO("{s: {needs: t}, t: {}}, stop: all"), NULL},
        {TWO("{s: {points: 5}, t: {}}"), "ok"},
        {CASES("[{name: a, group: s, points: 2}], groups: {s: {points: 5}}"),
         "3:23: group 's' has 5 points, and what is in it 2 in all\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
        struct loaded r = load(mistakes[i].text);
        cleanup_free char *lines = problem_lines(&r);
        const char *expected = mistakes[i].problems;

        if (expected != NULL && str_eq(expected, "ok"))
            assert_non_null(r.plan);
        else if (r.plan != NULL || (expected != NULL && !str_eq(lines, expected)))
            fail_msg("text:\n%s\nexpected:\n%sgot:\n%s", mistakes[i].text, expected, lines);
        unload(&r);
    }
}

/* An answer that is not there is named. */
static void test_missing_answer(void **state)
{
    struct loaded r =
        load(FILE_OF("  g: {run: x, cases: [{files: 'judged/*.in', answer: .ans}]}\n"));

    (void)state;
    assert_null(r.plan);
    assert_non_null(strstr(r.problems.data, "judged/lost.ans"));
    assert_non_null(strstr(r.problems.data, "f.yaml:3:54: "));
    unload(&r);
}

static void test_very_many(void **state)
{
    struct loaded r = load_good(
        FILE_OF("  g: {run: x, env: {A: '${{ N }}'}, matrix: {N: {range: [1, 5000]}}, limits: "
                "{wall: 1s}, cases: [{name: a}, {name: b, stdin: '1', limits: {pids: 5}}, {name: "
                "c, args: ['${{ case.name }}']}, {name: d}, {name: e}, {name: f, group: s}, {name: "
                "g, group: s}, {name: h}, {name: i}, {name: j}], groups: {s: {points: 1}}}\n"));
    const struct jobs_job *job = job_named(r.plan, "g/N=4999/b");

    (void)state;
    assert_int_equal(r.plan->n_jobs, 50000);
    assert_int_equal(r.plan->n_judged, 5000);
    assert_string_equal(r.plan->judged[job->of_case->judged].name, "g/N=4999");
    assert_int_equal(job->limits.value[JOBS_LIMIT_PIDS], 5);
    unload(&r);
    r = load(FILE_OF("  g: {run: x, matrix: {N: {range: [1, 50001]}}, cases: [{name: a}, {name: "
                     "b}]}\n"));
    assert_null(r.plan);
    assert_non_null(strstr(r.problems.data, "more than 100000 jobs"));
    unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_case_has),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_who_may_see_that_a_case_was_run),
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_missing_answer),
        cmocka_unit_test(test_very_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
