/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: `languages`: what submissions are in, whatever lies in them, and what is compiled, run and
 * allowed then. */
#include "test_jobs.h"
#include "test_made_dir.h"

#include "jobs/expand/host.h"

#include <sys/resource.h>
#include <sys/stat.h>

#define TABLE                                                                                      \
    "cupel: 1\n"                                                                                   \
    "languages:\n"                                                                                 \
    "  c: {extensions: [c, .C], compile: [cc, -o, p], run: [./p]}\n"                               \
    "  py: {extensions: .py, main: m.py, run: 'python3 \"$SUBMISSION_MAIN\" ${{ SUBMISSION_MAIN "  \
    "}}', time-factor: 2.5, time-allowance: 1s, memory-factor: 1.5, memory-allowance: 64M}\n"      \
    "  any: {compile: make, run: x}\n"

static struct loaded load_here(const char *text)
{
    struct loaded r = {0};

    (void)load_text("f.yaml", made_dir, text, strlen(text), &r.plan, &r.problems, &r.err);
    if (r.plan == NULL)
        fail_msg("%s\nis refused:\n%s", text, r.problems.data);
    return r;
}

/* What it is in, with its files; or why it is not known. */
static void expect_spoken(const char *submission, const char *expected)
{
    cleanup_free char *text = xasprintf(
        TABLE "jobs: {a: {role: compile, matrix: {S: {dirs: \"subs/%s\"}}}}\n", submission);
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r = load_here(text);
    const struct jobs_job *job = &r.plan->jobs[0];

    if (job->refused != NULL)
        strbuf_adds(&b, job->refused);
    else if (!str_starts(job->env[1], "SUBMISSION_LANGUAGE="))
        fail_msg("%s", job->env[1]);
    else
        strbuf_addf(&b, "%s %s:", strchr(job->env[1], '=') + 1, strchr(job->env[2], '=') + 1);
    for (const char **arg = job->refused == NULL ? job->steps[0].argv : NULL;
         arg != NULL && *arg != NULL; arg++)
        strbuf_addf(&b, " %s", *arg);
    assert_string_equal(b.data, expected);
    unload(&r);
}

static void test_found(void **state)
{
    (void)state;
    put("subs/one/a.c", "");
    put("subs/one/.b.py", "");
    put("subs/one/read.me", "");
    expect_spoken("one", "c ./a.c: cc -o p ./a.c");
    put("subs/two/z.c", "");
    put("subs/two/lib/-x.C", "");
    put("subs/two/lib/.git/x.py", "");
    expect_spoken("two", "c ./lib/-x.C: cc -o p ./lib/-x.C ./z.c");
    put("subs/begins/a.py", "");
    put("subs/begins/m.py", "");
    expect_spoken("begins", "py ./m.py: /bin/sh -eu -c :");
    put("subs/alone/other.py", "");
    expect_spoken("alone", "py ./other.py: /bin/sh -eu -c :");
    put("subs/none/x.txt", "");
    put("subs/none/.py", "");
    expect_spoken("none", "subs/none has no file that ends in one of .c, .C, .py");
    put("subs/both/x.c", "");
    put("subs/both/y.py", "");
    expect_spoken("both", "subs/both is in two languages: c (x.c) and py (y.py); a file 'language' "
                          "may say which");
    put("subs/unclear/x.py", "");
    put("subs/unclear/d/m.py", "");
    expect_spoken("unclear", "subs/unclear has 2 files of py, and none is called m.py");
}

static void test_named(void **state)
{
    (void)state;
    put("subs/says/x.c", "");
    put("subs/says/y.py", "");
    put("subs/says/language", "c \r\nand more");
    expect_spoken("says", "c ./x.c: cc -o p ./x.c");
    put("subs/makes/Makefile", "");
    put("subs/makes/language", "any");
    expect_spoken("makes", "any : /bin/sh -eu -c make");
    put("subs/wrong/language", "\x1b[2J");
    put("subs/wrong/x.c", "");
    expect_spoken("wrong", "subs/wrong says in its file 'language' that it is in '?[2J', which "
                           "is none of c, py, any");
    put("subs/lacks/language", "py\n");
    put("subs/lacks/x.c", "");
    expect_spoken("lacks", "subs/lacks has no file of py: they end in .py");
    put("subs/inner/language/x.c", ""); /* a directory is no file */
    expect_spoken("inner", "c ./language/x.c: cc -o p ./language/x.c");
}

/* Looks into submissions whose authors want to be given what lies elsewhere, or to keep others
 * waiting. */
static void test_hostile(void **state)
{
    cleanup_strbuf struct strbuf deep = {0};

    (void)state;
    put("host/x.c", "");
    put("host/language", "c");
    put("subs/to-file/y.py", "");
    assert_int_equal(symlink("../../host/x.c", "subs/to-file/x.c"), 0);
    assert_int_equal(symlink("../../host", "subs/to-file/d"), 0);
    expect_spoken("to-file", "py ./y.py: /bin/sh -eu -c :");
    put("subs/to-name/y.py", "");
    assert_int_equal(symlink("../../host/language", "subs/to-name/language"), 0);
    expect_spoken("to-name", "subs/to-name has a file 'language' that is no short text");
    assert_int_equal(symlink("../host", "subs/to-dir"), 0);
    expect_spoken("to-dir", "subs/to-dir is a symbolic link, or lies behind one");
    put("subs/waits/y.py", "");
    assert_int_equal(mkfifo("subs/waits/language", 0600), 0);
    assert_int_equal(mkfifo("subs/waits/x.c", 0600), 0);
    expect_spoken("waits", "subs/waits has a file 'language' that is no short text");
    put("subs/long/y.py", "");
    for (size_t i = 0; i < 300; i++)
        strbuf_adds(&deep, "c");
    put("subs/long/language", deep.data);
    expect_spoken("long", "subs/long has a file 'language' that is no short text");
    deep.len = 0;
    strbuf_adds(&deep, "subs/deep/");
    for (size_t i = 0; i < 17; i++)
        strbuf_adds(&deep, "d/");
    strbuf_adds(&deep, "x.c");
    put(deep.data, "");
    expect_spoken("deep", "subs/deep has directories nested deeper than 16");
    put("subs/odd/$${{ x }}\n'\xff.c", "");
    expect_spoken("odd", "c ./$${{ x }}\n'\xff.c: cc -o p ./$${{ x }}\n'\xff.c");
    for (size_t i = 0; i < 257; i++) {
        cleanup_free char *path = xasprintf("subs/many/%zu.c", i);

        put(path, "");
    }
    expect_spoken("many", "subs/many has too many files of a language: 256 are possible, with "
                          "16384 bytes of names");
    assert_int_equal(file_remove_tree_at(AT_FDCWD, "subs/many"), 0);
}

/* Says why nobody can tell what it is in, after '!' where no author is to blame. */
static void expect_closed(const char *submission, const char *expected)
{
    cleanup_free char *text = xasprintf(
        TABLE "jobs: {a: {role: compile, matrix: {S: {dirs: \"subs/%s\"}}}}\n", submission);
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r = load_here(text);

    strbuf_addf(&b, "%s%s", r.plan->jobs[0].unread ? "! " : "",
                r.plan->jobs[0].refused != NULL ? r.plan->jobs[0].refused : "");
    assert_string_equal(b.data, expected);
    unload(&r);
}

static void give(bool is_root, const char *path, mode_t mode)
{
    assert_int_equal(chmod(path, mode), 0);
    if (is_root)
        assert_int_equal(chown(path, 65534, 65534), 0);
}

/* Tells closed by whom, which an owner chooses: what the one who runs cupel has closed is no doing
 * of the submission's author. */
static void test_closed(void **state)
{
    bool is_root = geteuid() == 0;

    (void)state;
    put("subs/whole/x.c", "");
    put("subs/inner/d/x.c", "");
    put("subs/listed/x.c", "");
    put("subs/named/language", "c");
    put("subs/named/x.c", "");
    put("subs/theirs/x.c", "");
    assert_int_equal(chmod(".", 0755) + chmod("subs", 0755), 0);
    give(is_root, "subs/whole", 0);
    give(is_root, "subs/inner", 0700);
    give(is_root, "subs/inner/d", 0);
    give(is_root, "subs/listed", 0444);
    give(is_root, "subs/named", 0755);
    give(is_root, "subs/named/language", 0);
    if (is_root)
        assert_int_equal(seteuid(65534), 0);
    expect_closed("whole", "! subs/whole cannot be read: Permission denied");
    expect_closed("inner", "! subs/inner cannot be read at d: Permission denied");
    expect_closed("listed", "! subs/listed cannot be read: Permission denied");
    expect_closed("named", "! subs/named cannot be read: Permission denied");
    if (is_root) {
        expect_closed("theirs", "subs/theirs cannot be read");
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(
        chmod("subs/whole", 0700) + chmod("subs/inner/d", 0700) + chmod("subs/listed", 0700), 0);
}

static bool wants_all(const void *data, const char *name)
{
    (void)data;
    (void)name;
    return true;
}

/* Descriptors that run out, as what no owner can choose: nothing is left out, and nobody blamed. */
static void test_unreadable_by_nobody(void **state)
{
    struct submission_asked asked = {.dir = made_dir, .path = "subs/p", .wants = wants_all};
    struct rlimit before, few;
    struct submission_seen seen;
    size_t unread = 0;
    bool found = false;

    (void)state;
    put("subs/p/language", "c");
    put("subs/p/d/e/x.c", "");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    for (few.rlim_cur = 0; !found && few.rlim_cur < 100; few.rlim_cur++) {
        asked.arena = arena_new();
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        expand_real_host.look(&asked, &seen);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        if ((seen.refused != NULL) != seen.unread || (!seen.unread && seen.n != 2))
            fail_msg("%d descriptors: %zu files, %s", (int)few.rlim_cur, seen.n, seen.refused);
        unread += seen.unread;
        found = !seen.unread;
        arena_free(asked.arena);
    }
    assert_true(found && unread > 0);
}

/* A submission that is a file is called as it is. */
static void test_file(void **state)
{
    struct loaded r;

    (void)state;
    put("subs/ann.c", "");
    put("subs/bob.txt", "");
    r = load_here(TABLE "jobs: {a: {role: compile, args: [-O2], matrix: {S: {files: \"subs/*\"}}, "
                        "inputs: [{from: \"${{ S }}\", to: \"/work/${{ SUBMISSION_MAIN }}\"}]}}\n");
    assert_int_equal(r.plan->n_jobs, 2);
    assert_list((const char *const *)r.plan->jobs[0].steps[0].argv, "<cc><-o><p><-O2><./ann.c>");
    assert_string_equal(r.plan->jobs[0].inputs[0].to, "/work/ann.c");
    assert_string_equal(r.plan->jobs[1].refused,
                        "subs/bob.txt has no file that ends in one of .c, .C, .py");
    unload(&r);
}

/* Refuses the name of a submission's file, which is its author's, in a script that judges. */
static void test_named_by_others(void **state)
{
    static const char text[] =
        TABLE "jobs: {a: {matrix: {S: {dirs: 'subs/*'}}, expect: {checker: {run: 'x ${{ "
              "SUBMISSION_LANGUAGE }} ${{ SUBMISSION_MAIN }}', protocol: exit}}, cases: [{name: "
              "x}]}}\n";
    struct loaded r = {0};

    (void)state;
    put("subs/p/x; exit 0 #.c", "");
    assert_true(
        load_text("f.yaml", made_dir, text, sizeof(text) - 1, &r.plan, &r.problems, &r.err) < 0);
    assert_non_null(strstr(r.problems.data, "would be a part of the script of a checker"));
    unload(&r);
}

static uint64_t limit_of(const struct jobs_job *job, unsigned id)
{
    assert_true(jobs_limit_is_set(&job->limits, id));
    return job->limits.value[id];
}

/* Limits are changed of cases alone: the case's own, the job's, and those that all jobs have. */
static void test_limits(void **state)
{
    struct loaded r;

    (void)state;
    put("subs/p/m.py", "");
    put("subs/q/x.c", "");
    r = load_here(TABLE "defaults: {limits: {wall: 4s, pids: 9, memory: 32M}}\n"
                        "jobs:\n"
                        "  make: {role: compile, matrix: {S: {dirs: 'subs/*'}}}\n"
                        "  a:\n"
                        "    matrix: {S: {dirs: 'subs/*'}}\n"
                        "    from: make\n"
                        "    limits: {cpu-time: {limit: 1s, kill: 2s}, memory: 64M}\n"
                        "    args: [f]\n"
                        "    cases: [{name: x}, {name: y, limits: {cpu-time: 3s, wall: none}}]\n");
    assert_int_equal(r.plan->n_jobs, 6);
    assert_int_equal(limit_of(&r.plan->jobs[0], JOBS_LIMIT_WALL), 4 * NSEC_PER_SEC);
    assert_int_equal(limit_of(&r.plan->jobs[2], JOBS_LIMIT_CPU_TIME), 7 * NSEC_PER_SEC / 2);
    assert_int_equal(limit_of(&r.plan->jobs[2], JOBS_LIMIT_CPU_TIME_KILL), 6 * NSEC_PER_SEC);
    assert_int_equal(limit_of(&r.plan->jobs[2], JOBS_LIMIT_WALL), 11 * NSEC_PER_SEC);
    assert_int_equal(limit_of(&r.plan->jobs[2], JOBS_LIMIT_MEMORY), UINT64_C(160) << 20);
    assert_int_equal(limit_of(&r.plan->jobs[2], JOBS_LIMIT_PIDS), 9);
    assert_list((const char *const *)r.plan->jobs[2].steps[0].argv,
                "</bin/sh><-eu><-c><python3 \"$SUBMISSION_MAIN\" ./m.py></bin/sh><f>");
    assert_int_equal(limit_of(&r.plan->jobs[3], JOBS_LIMIT_CPU_TIME), 17 * NSEC_PER_SEC / 2);
    assert_false(jobs_limit_is_set(&r.plan->jobs[3].limits, JOBS_LIMIT_WALL));
    assert_int_equal(limit_of(&r.plan->jobs[4], JOBS_LIMIT_CPU_TIME), NSEC_PER_SEC);
    assert_int_equal(limit_of(&r.plan->jobs[4], JOBS_LIMIT_WALL), 4 * NSEC_PER_SEC);
    assert_list((const char *const *)r.plan->jobs[4].steps[0].argv, "<./p><f>");
    unload(&r);
}

/* What it comes to is a job file that says the same. */
static void test_written(void **state)
{
    static const char text[] = TABLE
        "defaults: {limits: {wall: 4s}}\n"
        "jobs:\n"
        "  make: {role: compile, matrix: {S: {dirs: 'subs/*'}}, args: ['a b']}\n"
        "  a: {matrix: {S: {dirs: 'subs/*'}}, from: make, limits: {memory: 64M}, cases: "
        "[{name: x}, {name: y, limits: {cpu-time: 1s}}]}\n"
        "  own: {matrix: {S: {dirs: 'subs/*'}}, run: x, limits: {memory: 64M}, cases: [{name: "
        "x}]}\n";
    cleanup_strbuf struct strbuf problems = {0};
    cleanup_free bool *selected = NULL;
    cleanup_free char *again = NULL;
    const struct load_from from = {.file = "f.yaml",
                                   .dir = made_dir,
                                   .text = text,
                                   .len = sizeof(text) - 1,
                                   .host = &expand_real_host};
    struct jobs_plan *plan;
    struct jobs_expanded *x;
    struct cupel_error err;
    struct loaded r;
    size_t len;
    FILE *out;

    (void)state;
    put("subs/p/m.py", "");
    put("subs/q/x.c", "");
    if (load_tree_expanded(&from, &plan, &x, &problems, &err) < 0)
        fail_msg("%s", problems.data);
    selected = xcalloc(plan->n_jobs, sizeof(*selected));
    for (size_t i = 0; i < plan->n_jobs; i++)
        selected[i] = true;
    out = open_memstream(&again, &len);
    assert_non_null(out);
    jobs_expanded_write(x, plan, selected, out);
    assert_int_equal(fclose(out), 0);
    assert_null(strstr(again, "languages:"));
    assert_non_null(strstr(again, "wall: 11s\n"));
    r = load_here(again);
    same_plans(plan, r.plan);
    assert_false(jobs_limit_is_set(&plan->jobs[plan->n_jobs - 1].limits, JOBS_LIMIT_CPU_TIME));
    assert_int_equal(limit_of(&plan->jobs[plan->n_jobs - 2], JOBS_LIMIT_MEMORY), UINT64_C(64)
                                                                                     << 20);
    unload(&r);
    jobs_expanded_free(x);
    jobs_plan_free(plan);
}

#define WITH(table) "cupel: 1\nlanguages: {" table "}\njobs: {a: {run: x}}\n"

static void test_mistakes(void **state)
{
    static const struct mistake mistakes[] = {
        {"cupel: 1\nlanguages: [c]\njobs: {a: {run: x}}\n",
         "2:12: 'languages' must be a map of names to languages, not a list\n"},
        {WITH("c: 3"), "2:16: 'c' must be a map of a language's keys, not '3'\n"},
        {WITH("c: {extensions: c}"), "2:13: a language needs the key 'run'\n"},
        {WITH("a b: {run: x}"), "2:13: 'a language's name' must be a name of at most 200 letters, "
                                "digits, '.', '_' and '-', not 'a b'\n"},
        {WITH("c: {run: x, extensions: [c, .c]}"), "2:41: '.c' is an ending of 'c', too\n"},
        {WITH("c: {run: x, extensions: [c]}, d: {run: x, extensions: .c}"),
         "2:67: '.c' is an ending of 'c', too\n"},
        {WITH("c: {run: x, extensions: a/c}"),
         "2:37: 'extensions' must be endings such as .c, not 'a/c'\n"},
        {WITH("c: {run: x, main: a/c}"),
         "2:31: 'main' must be a file's name, without a directory, not 'a/c'\n"},
        {WITH("c: {run: x, mian: c}"), "2:25: unknown key 'mian', did you mean 'main'?\n"},
        {WITH("c: {run: x, time-factor: -1}"),
         "2:38: 'time-factor' must be a number such as 2 or 1.5 with at most three decimals, not "
         "'-1'\n"},
        {WITH("c: {run: x, memory-factor: 1001}"), "2:40: 'memory-factor' is at most 1000\n"},
        {WITH("c: {run: x, time-allowance: 1M}"),
         "2:41: 'time-allowance' must be a duration such as 250ms, 90s or 1h30m, not '1M'; the "
         "units are ns, us, ms, s, m, h and d\n"},
        {WITH("c: {run: x, memory-allowance: '${{ X }}'}"),
         "2:44: '${{ X }}' stands for nothing: a language knows parameters here, and nothing of a "
         "job; a literal '${{' is written '$${{'\n"},
        {WITH("c: {run: {a: b}}"), "2:22: 'run' must be text or an argv list, not a map\n"},
        {"cupel: 1\nlanguages: {c: {run: x}}\njobs: {a: {matrix: {S: [x]}, cases: [{name: y}]}}\n",
         "3:38: job 'a/S=x/y' has no 'run'; 'languages' has one where its matrix finds "
         "directories or files\n"},
        {"cupel: 1\njobs:\n  a: {matrix: {S: [x, y, z]}}\n  b: {matrix: {S: [x, y]}}\n",
         "3:3: job 'a/S=x' has no 'run'\n4:3: job 'b/S=x' has no 'run'\n"},
        {"cupel: 1\nlanguages: {c: {run: x}}\njobs: {a: {matrix: {SUBMISSION_MAIN: {dirs: "
         "'src'}}, role: compile}}\n",
         "3:21: 'SUBMISSION_MAIN' is what 'languages' sets\n"},
        {"cupel: 1\nlanguages: {c: {run: x}}\njobs: {a: {matrix: {S: {dirs: 'src'}}, role: "
         "compile, env: {SUBMISSION_MAIN: x}}}\n",
         "3:61: 'env' sets 'SUBMISSION_MAIN', which 'languages' sets\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes), TEST_IN_MADE_DIR(test_found),
        TEST_IN_MADE_DIR(test_named),    TEST_IN_MADE_DIR(test_hostile),
        TEST_IN_MADE_DIR(test_closed),   TEST_IN_MADE_DIR(test_unreadable_by_nobody),
        TEST_IN_MADE_DIR(test_file),     TEST_IN_MADE_DIR(test_named_by_others),
        TEST_IN_MADE_DIR(test_limits),   TEST_IN_MADE_DIR(test_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
