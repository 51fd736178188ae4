/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: what is made of problem packages: each of fixtures/packages becomes the job file of its
 * name there, with its notes, and that loads; and what of a package is refused, by its name. */
#include "test_jobs.h"
#include "test_made_dir.h"

#include "jobs/problem_packages.h"

#include <dirent.h>
#include <sys/stat.h>

#define PACKAGES "../fixtures/packages"

static char *read_whole(const char *name, const char *ending)
{
    cleanup_free char *path = xasprintf("%s%s", name, ending);
    char *text = NULL;
    size_t len;

    if (file_read_at(AT_FDCWD, path, 1 << 20, &text, &len) < 0)
        fail_msg("cannot read %s", path);
    return text;
}

static int convert(const struct jobs_packaging *what, struct jobs_converted *ret)
{
    struct cupel_error err;
    int r = jobs_package_convert(what, ret, &err);

    strbuf_add(&ret->notes, "", 0);
    strbuf_add(&ret->text, "", 0);
    if (r < 0)
        assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    return r;
}

/* What is written, and loaded where the package lies. */
static struct loaded load_here(const char *text)
{
    cleanup_free char *dir = realpath(".", NULL);
    struct loaded r = {0};

    assert_non_null(dir);
    (void)load_text("f.yaml", dir, text, strlen(text), &r.plan, &r.problems, &r.err);
    if (r.plan == NULL)
        fail_msg("%s\nis refused:\n%s", text, r.problems.data);
    return r;
}

static void check_package(const char *name)
{
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    cleanup_free char *expected = read_whole(name, ".yaml"), *said = read_whole(name, ".notes");
    struct loaded loaded;

    if (convert(&(struct jobs_packaging){.path = name}, &made) < 0)
        fail_msg("%s: %s", name, made.notes.data);
    if (!str_eq(made.text.data, expected))
        fail_msg("%s becomes:\n%s", name, made.text.data);
    if (!str_eq(made.notes.data, said))
        fail_msg("%s: it says:\n%s", name, made.notes.data);
    assert_int_equal(made.n_left > 0, strstr(made.notes.data, ": left out: ") != NULL);
    loaded = load_here(made.text.data);
    unload(&loaded);
}

static void test_fixtures(void **state)
{
    DIR *dir;
    const struct dirent *e;
    struct stat st;
    size_t n = 0;

    (void)state;
    assert_int_equal(chdir(PACKAGES), 0);
    dir = opendir(".");
    assert_non_null(dir);
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.' && stat(e->d_name, &st) == 0 && S_ISDIR(st.st_mode)) {
            check_package(e->d_name);
            n++;
        }
    (void)closedir(dir);
    assert_true(n >= 5);
}

/* ---- packages that are made here ---- */

/* Package "p" of one case, one submission, and nothing that is special. */
static void put_package(const char *problem)
{
    put("p/problem.yaml", problem);
    put("p/data/secret/1.in", "1\n");
    put("p/data/secret/1.ans", "1\n");
    put("p/submissions/accepted/a.py", "print(input())\n");
}

static void refused(const char *why)
{
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};

    assert_true(convert(&(struct jobs_packaging){.path = "p"}, &made) < 0);
    if (strstr(made.notes.data, why) == NULL)
        fail_msg("expected: %s\nit says:\n%s", why, made.notes.data);
    assert_int_equal(made.text.len, 0);
}

#define NEW "problem_format_version: 2025-09\n"

/* What stands in problem.yaml, and cannot be carried out. */
static void test_refused_problems(void **state)
{
    static const struct {
        const char *problem, *why;
    } rows[] = {
        {NEW "type: interactive\n", "p/problem.yaml: the problem is interactive, and there is no"},
        {NEW "type: [scoring, multi-pass]\n", "p/problem.yaml:2:17: type 'multi-pass': "},
        {NEW "type: submit-answer\n", "type 'submit-answer': "},
        {NEW "type: fun\n", "there is no type 'fun'"},
        {NEW "limits: {memroy: 5}\n", "'memroy' here, did you mean 'memory'?"},
        {NEW "limits: {memory: -5}\n", "'memory' is a number"},
        {NEW "limits: {memory: 2.5}\n", "'memory' is a whole number"},
        {NEW "limits: {time_limit: 1.5}\n", "no multiple of 'time_resolution'"},
        {NEW "limits: {time_multipliers: {ac_to_time_limit: 0.5}}\n", "is at least 1"},
        {NEW "limits: {validation_passes: 3}\n", "more than one pass"},
        {NEW "validation: custom\n", "belongs to another version of the format"},
        {NEW "constants: {n: 5}\n", "'constants': nothing is put in place of"},
        {NEW "languages: c\n", "'languages' is 'all' or a sequence"},
        {NEW "allow_file_writing: maybe\n", "is true or false, not 'maybe'"},
        {NEW "name: a\nname: b\n", "key 'name' is given twice"},
        {"problem_format_version: 2023-07-draft\n", "2025-09, legacy and legacy-icpc"},
        {"validation: default interactive\n", "the problem is interactive, and there is no"},
        {"validation: custom score\n", "points of a legacy validator's own"},
        {"validation: custom\n", "p/output_validators: "},
        {"validator_flags: \"'a b'\"\n", "quotes in 'validator_flags'"},
        {"validator_flags: float_tolerance\n", "no argument 'float_tolerance' without a number"},
        {"validator_flags: float_tolerance x\n", "'float_tolerance' takes a number, not 'x'"},
        {"validator_flags: case\n", "no argument 'case'"},
        {"validator_flags: space_change_sensitive float_tolerance 1\n", "does not count"},
        {"grading: {objective: min}\n", "more points are always better"},
        {"- a\n", "the file is a map"},
        {"# nothing\n", "it says nothing"},
        {"a: [\n", "p/problem.yaml:2:"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        put_package(rows[i].problem);
        refused(rows[i].why);
    }
}

/* What stands beside, and cannot be carried out. */
static void test_refused_parts(void **state)
{
    static const struct {
        const char *path, *text, *why;
    } rows[] = {
        {"p/static_validator/a.py", "", "p/static_validator: "},
        {"p/data/secret/2.in", "", "p/data/secret/2.in: there is no 2.ans beside it"},
        {"p/data/secret/1.yaml", "arg: [a]\n", "'arg' here, did you mean 'args'?"},
        {"p/data/secret/1.yaml", "args: a\n", "'args' is a sequence of texts"},
        {"p/data/secret/1.yaml", "args: [{a: b}]\n", "'an item' is a text"},
        {"p/data/secret/testdata.yaml", "", "it is called test_group.yaml"},
        {"p/data/secret/test_group.yaml", "max_score: 5\n", "is for problems of type 'scoring'"},
        {"p/data/secret/test_group.yaml", "static_validation_score: 1\n",
         "'static_validation_score': "},
        {"p/data/secret/g/test_group.yaml", "", "test cases that are in none of them"},
        {"p/data/secret/a/b/c/d/e/f/g/h/i/1.in", "", "8 deep at most"},
        {"p/output_validator/v.rs", "", "neither C, C++ nor one program in Python 3"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        put_package(NEW "limits: {time_limit: 1}\n");
        put(rows[i].path, rows[i].text);
        refused(rows[i].why);
        assert_int_equal(file_remove_tree_at(AT_FDCWD, "p"), 0);
    }
}

static void test_refused_scores(void **state)
{
    static const struct {
        const char *problem, *path, *text, *why;
    } rows[] = {
        {NEW "type: scoring\n", "test_group.yaml", "max_score: unbounded\n", "without an end"},
        {NEW "type: scoring\n", "g/test_group.yaml", "score_aggregation: max\n",
         "is pass-fail, sum or min"},
        {NEW "type: scoring\n", "g/test_group.yaml", "", "the group has no 'max_score'"},
        {NEW "type: scoring\n", "g/test_group.yaml", "max_score: 1\nrequire_pass: secret/h\n",
         "no group 'secret/h' stands before this one"},
        {"type: scoring\n", "testdata.yaml", "grader_flags: max always_accept\n", "the maximum"},
        {"type: scoring\n", "testdata.yaml", "grader_flags: ignore_sample\n",
         "no flag 'ignore_sample' here"},
        {"type: scoring\n", "testdata.yaml", "grading: custom\n", "'grading: custom': "},
        {"type: scoring\n", "testdata.yaml", "reject_score: 1\n", "gives no points"},
        {"type: scoring\n", "testdata.yaml", "range: 0\n", "'range' is two numbers"},
        {"type: scoring\n", "testdata.yaml", "on_reject: stop\n", "is break or continue"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *path = xasprintf("p/data/secret/%s", rows[i].path);
        bool is_inner = str_starts(rows[i].path, "g/");

        put_package(rows[i].problem);
        put(path, rows[i].text);
        if (is_inner) {
            assert_int_equal(unlink("p/data/secret/1.in"), 0);
            assert_int_equal(unlink("p/data/secret/1.ans"), 0);
            put("p/data/secret/g/1.in", "");
            put("p/data/secret/g/1.ans", "");
        }
        refused(rows[i].why);
        assert_int_equal(file_remove_tree_at(AT_FDCWD, "p"), 0);
    }
}

/* A package may come from anybody. */
static void test_hostile(void **state)
{
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    cleanup_strbuf struct strbuf large = {0};
    struct loaded loaded;

    (void)state;
    /* names that the format does not allow are passed over */
    put_package(NEW "limits: {time_limit: 1}\n");
    put("p/data/secret/${{ params.X }}.in", "");
    put("p/data/secret/\x1b[2J.in", "");
    put("p/submissions/accepted/a\nb.py", "");
    put("p/submissions/accepted/-rf.py", "");
    /* texts stand for themselves */
    put("p/data/secret/1.yaml", "args: [\"${{ params.X }}\", \"\\e[2J\"]\n"
                                "hint: \"${{ git.commit }}\"\n");
    assert_int_equal(convert(&(struct jobs_packaging){.path = "p"}, &made), 0);
    assert_string_equal(made.notes.data, "");
    assert_null(strchr(made.text.data, '\x1b'));
    loaded = load_here(made.text.data);
    assert_int_equal(loaded.plan->n_jobs, 3);
    assert_string_equal(loaded.plan->jobs[2].name, "grade/SUBMISSION=accepted/a.py/secret/1");
    assert_string_equal(loaded.plan->jobs[2].steps[0].argv[1], "${{ params.X }}");
    assert_string_equal(loaded.plan->jobs[2].steps[0].argv[2], "\x1b[2J");
    unload(&loaded);
    /* links lead nowhere else, and nothing waits for a writer */
    assert_int_equal(symlink("/etc/passwd", "p/data/secret/2.in"), 0);
    refused("p/data/secret/2.in: the link leads out of the package");
    assert_int_equal(unlink("p/data/secret/2.in"), 0);
    assert_int_equal(mkfifo("p/data/secret/1.files", 0600), 0);
    refused("p/data/secret/1.files: it is neither a file nor a directory");
    assert_int_equal(unlink("p/data/secret/1.files"), 0);
    assert_int_equal(unlink("p/problem.yaml"), 0);
    assert_int_equal(symlink("/etc/passwd", "p/problem.yaml"), 0);
    refused("p/problem.yaml: it is a symbolic link, and is not followed");
    assert_int_equal(unlink("p/problem.yaml"), 0);
    for (size_t i = 0; i < 200000; i++)
        strbuf_adds(&large, "a: b\n#");
    put("p/problem.yaml", large.data);
    refused("p/problem.yaml: it has more than 1048576 bytes");
}

/* Cases are often links to others of the package. */
static void test_links(void **state)
{
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    struct loaded loaded;

    (void)state;
    put_package(NEW "limits: {time_limit: 1}\n");
    put("p/data/sample/2.in", "2\n");
    put("p/data/sample/2.ans", "2\n");
    assert_int_equal(symlink("../sample/2.in", "p/data/secret/2.in"), 0);
    assert_int_equal(symlink("../sample/2.ans", "p/data/secret/2.ans"), 0);
    assert_int_equal(convert(&(struct jobs_packaging){.path = "p"}, &made), 0);
    loaded = load_here(made.text.data);
    assert_int_equal(loaded.plan->n_jobs, 5);
    assert_string_equal(loaded.plan->jobs[4].name, "grade/SUBMISSION=accepted/a.py/secret/2");
    assert_non_null(strstr(loaded.plan->jobs[4].stdin_file.path, "/data/sample/2.in"));
    unload(&loaded);
}

/* What is asked for besides: another root, other submissions, every case. */
static void test_asked(void **state)
{
    static const char *const submissions[] = {"class/ann.c", "class/bob"};
    struct jobs_packaging what = {.path = "p",
                                  .image = "debian:trixie",
                                  .verify = true,
                                  .submissions = submissions,
                                  .n_submissions = 2};
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    struct loaded loaded;

    (void)state;
    put_package(NEW "limits: {time_limit: 1}\n");
    put("p/data/sample/1.in", "");
    put("p/data/sample/1.ans", "");
    put("p/output_validator/check.py", "raise SystemExit(42)\n");
    put("class/ann.c", "");
    put("class/bob/a.py", "");
    assert_int_equal(convert(&what, &made), 0);
    loaded = load_here(made.text.data);
    assert_int_equal(loaded.plan->n_judged, 2);
    assert_string_equal(loaded.plan->judged[0].name, "grade/SUBMISSION=class/ann.c");
    assert_int_equal(loaded.plan->judged[0].groups[2].n_needs, 0);
    assert_string_equal(loaded.plan->jobs[3].checker->job->steps[0].argv[0], "/validator/run");
    unload(&loaded);
    what.image = NULL;
    what.verify = false;
    jobs_converted_free(&made);
    made = (struct jobs_converted){0};
    assert_int_equal(convert(&what, &made), 0);
    loaded = load_here(made.text.data);
    assert_int_equal(loaded.plan->judged[0].groups[2].n_needs, 1);
    unload(&loaded);
}

/* What others have submitted is named when the text is loaded; the package's own come before. */
static void test_grading(void **state)
{
    static const char references[] =
        "reference:\n"
        "  accepted: [p/submissions/accepted/a.py]\n"
        "  rejected: [p/submissions/rejected/r.py, p/submissions/run_time_error/e.py]\n"
        "  time-limit: [p/submissions/time_limit_exceeded/t.py]\n"
        "  wrong-answer:\n"
        "    - p/submissions/wrong_answer/in-time.py\n"
        "    - p/submissions/wrong_answer/w.py\n";
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};

    (void)state;
    put_package(NEW "limits: {time_limit: 1}\n");
    put("p/submissions/rejected/r.py", "");
    put("p/submissions/wrong_answer/w.py", "");
    put("p/submissions/time_limit_exceeded/t.py", "");
    put("p/submissions/run_time_error/e.py", "");
    put("p/submissions/mixed/m.py", "");
    put("p/submissions/wrong_answer/in-time.py", "");
    put("p/submissions/submissions.yaml", "wrong_answer/in*: {permitted: [AC, RTE, WA]}\n");
    assert_int_equal(convert(&(struct jobs_packaging){.path = "p", .grading = true}, &made), 0);
    assert_string_equal(made.notes.data, "");
    if (strstr(made.text.data, references) == NULL)
        fail_msg("it becomes:\n%s", made.text.data);
    assert_non_null(strstr(made.text.data, "from: \"${{ SUBMISSION }}\"\n"));
}

/* ---- what a package promises ---- */

static void heard(struct jobs_package_check *check, const char *id, const char *verdict, int exit,
                  unsigned ms)
{
    jobs_package_check_note(check, &(struct jobs_package_outcome){.id = id,
                                                                  .verdict = verdict,
                                                                  .exit = exit,
                                                                  .cpu_ns = ms * NSEC_PER_MSEC,
                                                                  .messages = "too few\n"});
}

/* A package of two cases and two submissions, with data for its validators. */
static struct jobs_package_check *checked(const char *submissions_yaml, struct jobs_converted *made)
{
    struct jobs_package_check *check = NULL;
    struct cupel_error err;

    put_package(NEW "type: scoring\nlimits: {time_limit: 1}\n");
    put("p/data/sample/1.in", "");
    put("p/data/sample/1.ans", "");
    put("p/submissions/time_limit_exceeded/b.py", "");
    put("p/submissions/submissions.yaml", submissions_yaml);
    put("p/input_validators/v.py", "");
    put("p/input_validators/w.py", "");
    put("p/data/invalid_input/i.in", "");
    for (int valid = 0; valid < 2; valid++)
        for (size_t i = 0; i < 3; i++) {
            static const char *const endings[] = {"in", "ans", "out"};
            cleanup_free char *path =
                xasprintf("p/data/%svalid_output/o.%s", valid != 0 ? "" : "in", endings[i]);

            put(path, "");
        }
    if (jobs_package_check_write(&(struct jobs_packaging){.path = "p"}, made, &check, &err) < 0)
        fail_msg("%s%s", made->notes.data, err.message);
    return check;
}

static void tell(struct jobs_package_check *check, const char *but, const char *id,
                 const char *verdict, int exit, unsigned ms)
{
    if (!str_eq(id, but))
        heard(check, id, verdict, exit, ms);
}

/* All but one job, of which something else is to be heard. */
static void all_is_well(struct jobs_package_check *check, const char *but)
{
    static const char *const cases[] = {"sample/1", "secret/1", "invalid_output/o",
                                        "valid_output/o"};

    tell(check, but, "compile/SUBMISSION=accepted/a.py", "passed", 0, 1);
    tell(check, but, "grade/SUBMISSION=accepted/a.py/sample/1", "passed", 0, 100);
    tell(check, but, "grade/SUBMISSION=accepted/a.py/secret/1", "passed", 0, 400);
    jobs_package_check_score(check, "grade/SUBMISSION=accepted/a.py", 100000);
    tell(check, but, "grade/SUBMISSION=time_limit_exceeded/b.py/sample/1", "passed", 0, 1);
    tell(check, but, "grade/SUBMISSION=time_limit_exceeded/b.py/secret/1", "cpu-limit", -1, 4000);
    jobs_package_check_score(check, "grade/SUBMISSION=time_limit_exceeded/b.py", 0);
    tell(check, but, "outputs/invalid_output/o", "failed", 0, 1);
    tell(check, but, "outputs/valid_output/o", "passed", 0, 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *one = xasprintf("input-v.py/%s", cases[i]);
        cleanup_free char *other = xasprintf("input-w.py/%s", cases[i]);

        tell(check, but, one, "passed", 42, 1);
        tell(check, but, other, "passed", 42, 1);
    }
    tell(check, but, "input-v.py/invalid_input/i", "passed", 42, 1);
    tell(check, but, "input-w.py/invalid_input/i", "failed", 43, 1);
}

static void say(struct jobs_package_check *check, size_t n_broken, size_t n_unjudged,
                const char *what)
{
    cleanup_strbuf struct strbuf text = {0};
    struct jobs_package_found found = jobs_package_check_say(check, &text);

    if (found.n_broken != n_broken || found.n_unjudged != n_unjudged ||
        strstr(text.data, what) == NULL)
        fail_msg("expected: %s\nbroken %zu, unjudged %zu, and it says:\n%s", what, found.n_broken,
                 found.n_unjudged, text.data);
}

static void test_promises_kept(void **state)
{
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    struct jobs_package_check *check =
        checked("accepted/{a,c}.py:\n  score: 100\n  message: few\n  permitted: [AC]\n"
                "time_limit_exceeded/*:\n  score: [0, 5]\n  sample: {permitted: [AC]}\n"
                "  secret/*: {required: [TLE]}\n",
                &made);
    struct loaded loaded;

    (void)state;
    assert_null(made.notes.data);
    loaded = load_here(made.text.data);
    unload(&loaded);
    all_is_well(check, "");
    say(check, 0, 0,
        "submissions/accepted/a.py: 2 AC, 100 points, at most 400 ms (secret/1)\n"
        "submissions/time_limit_exceeded/b.py: 1 AC, 1 TLE, 0 points, at most 4 s (secret/1)\n"
        "data/invalid_output/o.out: rejected\n"
        "data/valid_output/o.out: accepted\n"
        "input_validators: 2, each on 5 inputs\n"
        "time limit: at least 800 ms, since accepted/a.py took 400 ms in secret/1\n");
    say(check, 0, 0, "time limit: 1 s is the least that does\n");
    jobs_package_check_free(check);
}

/* Each change of what is heard breaks a promise, and is told. */
static void test_promises_broken(void **state)
{
    static const struct {
        const char *yaml, *id, *verdict;
        int exit;
        unsigned ms;
        const char *why;
        size_t n_broken, n_unjudged;
    } rows[] = {
        {"", "grade/SUBMISSION=accepted/a.py/secret/1", "failed", 0, 1,
         "'accepted' permits AC, and secret/1 is WA", 1, 0},
        {"", "grade/SUBMISSION=accepted/a.py/secret/1", "failed", 3, 1, "secret/1 is RTE", 1, 0},
        {"", "grade/SUBMISSION=accepted/a.py/secret/1", "timeout", -1, 1, "secret/1 is TLE", 1, 0},
        {"", "grade/SUBMISSION=accepted/a.py/secret/1", "error", -1, 1,
         "not judged: 1 of its cases", 0, 1},
        {"", "grade/SUBMISSION=accepted/a.py/secret/1", "passed", 0, 600, "'time_limit' is 1 s", 1,
         0},
        {"", "grade/SUBMISSION=accepted/a.py/secret/1", "passed", 0, 1400,
         "time limit: none lies between", 2, 0},
        {"", "grade/SUBMISSION=time_limit_exceeded/b.py/secret/1", "passed", 0, 4000,
         "'time_limit_exceeded' has at least one case be TLE", 1, 0},
        {"", "compile/SUBMISSION=accepted/a.py", "compile-error", 1, 1, "it cannot be made", 1, 0},
        {"", "outputs/invalid_output/o", "passed", 0, 1, "has to reject it", 1, 0},
        {"", "outputs/valid_output/o", "failed", 0, 1, "has to accept it", 1, 0},
        {"", "outputs/valid_output/o", "error", 0, 1, "o.out: not judged", 0, 1},
        {"", "input-w.py/invalid_input/i", "passed", 42, 1, "data/invalid_input/i.in: accepted\n",
         1, 0},
        {"", "input-v.py/secret/1", "failed", 43, 1, "data/secret/1.in: rejected\n", 1, 0},
        {"", "input-v.py/secret/1", "failed", 1, 1, "data/secret/1.in: rejected\n", 1, 0},
        /* one that has not come to a word of its own is at fault, whatever the input is */
        {"", "input-w.py/invalid_input/i", "signaled", -1, 1,
         "data/invalid_input/i.in: not judged by all validators\n  NOT AS PROMISED: "
         "input_validators/w.py has to accept or to reject it, and ended as 'signaled'\n",
         1, 0},
        {"", "input-w.py/invalid_input/i", "timeout", -1, 1, "w.py", 1, 0},
        {"", "input-v.py/invalid_input/i", "memory-limit", -1, 1,
         "input_validators/v.py has to accept or to reject it, and ended as 'memory-limit'\n", 1,
         0},
        {"", "input-v.py/secret/1", "output-limit", -1, 1, "and ended as 'output-limit'\n", 1, 0},
        {"a*: {score: 99}\n", "", "", 0, 0, "(submissions.yaml, line 1) has it have from 99 to 99",
         1, 0},
        {"accepted: {message: many}\n", "", "", 0, 0, "has the validator say 'many'", 1, 0},
        {"accepted: {sample/1: {permitted: [WA, TLE]}}\n", "", "", 0, 0,
         "'accepted', sample/1 (submissions.yaml, line 1) permits WA or TLE, and sample/1 is AC", 1,
         0},
        {"accepted: {use_for_time_limit: false}\n", "", "", 0, 0, "no submission says how long", 0,
         0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
        struct jobs_package_check *check = checked(rows[i].yaml, &made);

        all_is_well(check, rows[i].id);
        heard(check, rows[i].id, rows[i].verdict, rows[i].exit, rows[i].ms);
        say(check, rows[i].n_broken, rows[i].n_unjudged, rows[i].why);
        jobs_package_check_free(check);
    }
}

/* What nobody has told is not known. */
static void test_promises_unheard(void **state)
{
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    struct jobs_package_check *check = checked("", &made);

    (void)state;
    say(check, 0, 9, "submissions/accepted/a.py:\n  not judged: 2 of its cases\n");
    jobs_package_check_free(check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        TEST_IN_MADE_DIR(test_refused_problems),
        TEST_IN_MADE_DIR(test_refused_parts),
        TEST_IN_MADE_DIR(test_refused_scores),
        TEST_IN_MADE_DIR(test_hostile),
        TEST_IN_MADE_DIR(test_links),
        TEST_IN_MADE_DIR(test_asked),
        TEST_IN_MADE_DIR(test_grading),
        TEST_IN_MADE_DIR(test_promises_kept),
        TEST_IN_MADE_DIR(test_promises_broken),
        TEST_IN_MADE_DIR(test_promises_unheard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
