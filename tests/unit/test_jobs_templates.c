/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: templates and what extends them, and files that are included: what comes of them, what is
 * wrong and in which file, and that little text does not become much. */
#include "test_jobs.h"

#include "jobs/expand/host.h"

#include <fcntl.h>
#include <sys/stat.h>

static void test_what_a_job_starts_from(void **state)
{
    (void)state;
    /* maps merge key by key, lists are replaced, the job's own wins */
    same_plan("cupel: 1\n"
              "templates:\n"
              "  base: {run: [a, b], env: {X: '1', Y: '2'}, tags: [t], limits: {memory: 64M, io: "
              "{read-bps: 1M}}, expect: {stdout: x}, artifacts: /out}\n"
              "jobs:\n"
              "  a: {extends: base, env: {Y: '3', Z: '4'}, tags: [], limits: {pids: 7, io: "
              "{write-bps: 2M}}, expect: {exit: 3}, artifacts: {when: failure}}\n"
              "  b: {extends: [base], run: c}\n",
              "cupel: 1\n"
              "jobs:\n"
              "  a: {run: [a, b], env: {X: '1', Y: '3', Z: '4'}, tags: [], limits: {memory: 64M, "
              "pids: 7, io: {read-bps: 1M, write-bps: 2M}}, expect: {stdout: x, exit: 3}, "
              "artifacts: {paths: /out, when: failure}}\n"
              "  b: {run: c, env: {X: '1', Y: '2'}, tags: [t], limits: {memory: 64M, io: "
              "{read-bps: 1M}}, expect: {stdout: x}, artifacts: /out}\n");
    /* the later wins; of templates that extend others, too; none is changed by who uses it */
    same_plan("cupel: 1\n"
              "templates:\n"
              "  one: {env: {A: one, B: one, C: one}, workdir: /one}\n"
              "  two: {env: {B: two, C: two}, workdir: /two, run: two}\n"
              "  three: {extends: [two, one], env: {C: three}}\n"
              "  .four: {extends: three}\n"
              "jobs:\n"
              "  a: {extends: [one, two]}\n"
              "  b: {extends: [two, one]}\n"
              "  c: {extends: .four, env: {D: c}}\n"
              "  d: {extends: .four, env: {D: d}}\n"
              "  e: {extends: [.four, two], env: {D: e}}\n"
              "  f: {extends: .four}\n",
              "cupel: 1\n"
              "jobs:\n"
              "  a: {env: {A: one, B: two, C: two}, workdir: /two, run: two}\n"
              "  b: {env: {B: one, C: one, A: one}, workdir: /one, run: two}\n"
              "  c: {env: {B: one, C: three, A: one, D: c}, workdir: /one, run: two}\n"
              "  d: {env: {B: one, C: three, A: one, D: d}, workdir: /one, run: two}\n"
              "  e: {env: {B: two, C: two, A: one, D: e}, workdir: /two, run: two}\n"
              "  f: {env: {B: one, C: three, A: one}, workdir: /one, run: two}\n");
    /* defaults come below all of it */
    same_plan(
        "cupel: 1\n"
        "defaults: {env: {A: d, B: d}, workdir: /d, retries: 2}\n"
        "templates: {t: {env: {B: t}, run: x}}\n"
        "jobs: {a: {extends: t, workdir: /a}, b: {run: y}}\n",
        "cupel: 1\n"
        "jobs: {a: {env: {A: d, B: t}, run: x, workdir: /a, retries: 2}, b: {run: y, env: {A: "
        "d, B: d}, workdir: /d, retries: 2}}\n");
}

static void test_one_of_two_ways(void **state)
{
    (void)state;
    same_plan(
        "cupel: 1\n"
        "rootfs: {r: {debian: bookworm}}\n"
        "templates:\n"
        "  t: {run: x, stdin: text, rootfs: r, expect: {exit: 3, stdout: y}}\n"
        "jobs:\n"
        "  a: {extends: t, stdin-file: numbers.in, expect: {signal: SEGV, stdout-file: "
        "wrong.expected}}\n"
        "  b: {extends: t, from: a}\n",
        "cupel: 1\n"
        "rootfs: {r: {debian: bookworm}}\n"
        "jobs:\n"
        "  a: {run: x, rootfs: r, stdin-file: numbers.in, expect: {signal: SEGV, stdout-file: "
        "wrong.expected}}\n"
        "  b: {run: x, from: a, stdin: text, expect: {exit: 3, stdout: y}}\n");
    same_plan("cupel: 1\n"
              "templates: {t: {run: x, output: o, expect: {files: {a: numbers.in}}}}\n"
              "jobs: {a: {extends: t, expect: {files: {b: numbers.in}}}}\n",
              "cupel: 1\n"
              "jobs: {a: {run: x, output: o, expect: {files: {a: numbers.in, b: numbers.in}}}}\n");
    same_plan("cupel: 1\n"
              "templates: {t: {run: x, expect: {stderr: a, compare: numbers, tolerance: {absolute: "
              "1}}}}\n"
              "jobs:\n"
              "  a: {extends: t, expect: {compare: trim, stderr-file: numbers.in}}\n"
              "  b: {extends: t, expect: {compare: numbers, tolerance: {relative: 2}}}\n",
              "cupel: 1\n"
              "jobs:\n"
              "  a: {run: x, expect: {compare: trim, stderr-file: numbers.in}}\n"
              "  b: {run: x, expect: {stderr: a, compare: numbers, tolerance: {absolute: 1, "
              "relative: 2}}}\n");
    /* services by their names, each as a whole; files of tests as artifacts */
    same_plan(
        "cupel: 1\n"
        "rootfs: {r: {debian: bookworm}}\n"
        "templates:\n"
        "  t: {run: x, services: {db: {rootfs: r, run: s, env: {A: t}, ready: {tcp: 1}}, env: "
        "{rootfs: r, run: t, ready: {tcp: 2}}}, junit: [a.xml], tap: {paths: a, optional: "
        "true}}\n"
        "jobs:\n"
        "  a: {extends: t, services: {db: {rootfs: r, run: own, ready: {log: up}}, env: "
        "{rootfs: r, run: own}}, junit: {failures: report}, tap: b}\n"
        "  b: {extends: t, services: {c: {rootfs: r, run: c, ready: {tcp: 3}}}}\n",
        "cupel: 1\n"
        "rootfs: {r: {debian: bookworm}}\n"
        "jobs:\n"
        "  a: {run: x, services: {db: {rootfs: r, run: own, ready: {log: up}}, env: {rootfs: "
        "r, run: own}}, junit: {paths: [a.xml], failures: report}, tap: b}\n"
        "  b: {run: x, services: {db: {rootfs: r, run: s, env: {A: t}, ready: {tcp: 1}}, env: "
        "{rootfs: r, run: t, ready: {tcp: 2}}, c: {rootfs: r, run: c, ready: {tcp: 3}}}, "
        "junit: a.xml, tap: {paths: a, optional: true}}\n");
    /* what may be an item of a list is replaced as such */
    same_plan(
        "cupel: 1\n"
        "templates: {t: {run: x, inputs: {from: numbers.in, to: /a, mode: ro}, secrets: {name: "
        "S, as: file}}}\n"
        "jobs: {a: {extends: t, inputs: {from: numbers.in, to: /b}, secrets: {name: S}}}\n",
        "cupel: 1\n"
        "jobs: {a: {run: x, inputs: {from: numbers.in, to: /b}, secrets: S}}\n");
}

static void test_with_a_matrix(void **state)
{
    struct loaded r =
        load_good("cupel: 1\n"
                  "params: {T: build, O: '2'}\n"
                  "templates:\n"
                  "  build:\n"
                  "    matrix: {CC: [gcc, clang], N: {range: [1, 2]}}\n"
                  "    run: '${{ CC }} -O${{ params.O }} ${{ N }}'\n"
                  "    env: {X: '${{ CC }}'}\n"
                  "jobs:\n"
                  "  a: {extends: '${{ params.T }}', matrix: {N: ['7'], SAN: [x]}, env: {Y: "
                  "'${{ SAN }}'}}\n"
                  "  b: {extends: build, run: b}\n");

    (void)state;
    assert_int_equal(r.plan->n_jobs, 2 + 4);
    assert_string_equal(r.plan->jobs[0].name, "a/CC=gcc,N=7,SAN=x");
    assert_string_equal(r.plan->jobs[1].steps[0].argv[3], "clang -O2 7");
    same_texts((const char *const *)r.plan->jobs[1].env,
               (const char *const[]){"CC=clang", "N=7", "SAN=x", "X=clang", "Y=x", NULL});
    assert_string_equal(r.plan->jobs[5].name, "b/CC=clang,N=2");
    assert_string_equal(r.plan->jobs[5].steps[0].argv[3], "b");
    same_texts((const char *const *)r.plan->jobs[5].env,
               (const char *const[]){"CC=clang", "N=2", "X=clang", NULL});
    unload(&r);
}

static void test_mistakes(void **state)
{
    static const struct mistake mistakes[] = {
        {"cupel: 1\njobs: {a: {run: x, extends: b}, b: {run: y}}\n",
         "2:29: there is no template 'b'; what jobs may extend stands under 'templates'\n"},
        {"cupel: 1\ntemplates: {build: {run: x}}\njobs: {a: {extends: biuld}, b: {extends: "
         "{build: x}}, c: {extends: [[build]]}}\n",
         "3:21: there is no template 'biuld', did you mean 'build'?\n"
         "3:42: 'extends' must be names of templates, not a map\n"
         "3:69: 'extends' must be names of templates, not a list\n"},
        {"cupel: 1\ntemplates: {a: {extends: b}, b: {extends: [c, a]}, c: {run: x}}\njobs: {j: "
         "{extends: a}}\n",
         "2:47: 'extends' leads in a circle, back to the template 'a'\n"},
        {"cupel: 1\ntemplates: {t: {run: x}}\njobs: {j: {extends: u, extends: t}}\n",
         "3:24: key 'extends' is given twice; first on line 3\n"},
        {"cupel: 1\ntemplates: {a: {extends: a}}\njobs: {j: {run: x}}\n",
         "2:26: 'extends' leads in a circle, back to the template 'a'\n"},
        {"cupel: 1\ndefaults: {extends: t}\ntemplates: {t: {run: x}}\njobs: {j: {}}\n",
         "2:12: 'extends' stands in a job or a template, not under 'defaults'\n"
         "4:8: job 'j' has no 'run'\n"},
        /* said once of a template, however many jobs use it, and of one that none does */
        {"cupel: 1\ntemplates:\n  t: {run: x, memroy: 1, env: {A: [1]}}\n  u: {extends: t, "
         "retries: "
         "many, limits: {wall: '${{ W }}', pids: 0}}\n  v: 3\njobs: {a: {extends: t}, b: {extends: "
         "t}}\n",
         "3:15: unknown key 'memroy' in a job, did you mean 'memory' under 'limits'?\n"
         "3:35: 'A' must be text (\"\" for an empty one), not a list\n"
         "4:28: 'retries' must be a whole number, not 'many'\n"
         "4:67: 'pids' must be between 1 and 4194304, not 0\n"
         "5:6: 'v' must be a map of job keys, not '3'\n"},
        {"cupel: 1\ntemplates: {t: {run: '${{ CC }}'}}\njobs: {a: {extends: t, matrix: {CC: [x]}}, "
         "b: {extends: t}}\n",
         "2:23: '${{ CC }}' stands for nothing in job 'b'; a literal '${{' is written '$${{'\n"},
        {"cupel: 1\ntemplates: {\"\": {run: x}, 'a\\nb': {run: x}, \"a\\nb\": {run: x}}\njobs: {a: "
         "{run: x}}\n",
         "2:13: '' is no name for a template: it is empty\n"
         "2:45: 'a?b' is no name for a template: letter 2, U+000A, is a control or cannot be "
         "seen\n"},
        {"cupel: 1\ntemplates: [t]\njobs: {a: {extends: t}}\n",
         "2:12: 'templates' must be a map of names to job keys, not a list\n"
         "3:21: there is no template 't'; what jobs may extend stands under 'templates'\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

static void test_unused_templates_may_wait(void **state)
{
    (void)state;
    same_plan("cupel: 1\ntemplates: {t: {artifacts: {when: failure}, matrix: {A: {dirs: none/*}}, "
              "retries: '${{ A }}', rootfs: host, from: other, needs: nobody, max-parallel: 1}}\n"
              "jobs: {a: {run: x}}\n",
              "cupel: 1\njobs: {a: {run: x}}\n");
}

/* ---- little text ---- */

static void test_too_much(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r;

    (void)state;
    strbuf_adds(&b, "cupel: 1\ntemplates:\n  t0: {run: x}\n");
    for (unsigned i = 1; i <= 65; i++)
        strbuf_addf(&b, "  t%u: {extends: t%u}\n", i, i - 1);
    strbuf_adds(&b, "jobs: {a: {extends: t65}}\n");
    check_mistake(&(struct mistake){b.data, "4:17: more than 64 templates extend one another\n"});
    strbuf_free(&b);
    b = (struct strbuf){0};
    /* a thousand variables for each of two thousand jobs that add one */
    strbuf_adds(&b, "cupel: 1\ntemplates:\n  t:\n    run: x\n    env: {A0: a");
    for (unsigned i = 1; i < 1000; i++)
        strbuf_addf(&b, ", A%u: a", i);
    strbuf_adds(&b, "}\njobs:\n");
    for (unsigned i = 0; i < 2000; i++)
        strbuf_addf(&b, "  j%u: {extends: t, env: {B: x}}\n", i);
    r = load(b.data);
    assert_null(r.plan);
    assert_non_null(strstr(r.problems.data,
                           "with this, 'extends', 'matrix' and '${{ }}' make more than 128 MiB"));
    unload(&r);
    /* a hundred thousand that add nothing cost little */
    strbuf_free(&b);
    b = (struct strbuf){0};
    strbuf_adds(&b, "cupel: 1\ntemplates: {t: {run: x, env: {A: b}}}\njobs:\n");
    for (unsigned i = 0; i < 100000; i++)
        strbuf_addf(&b, " j%u: {extends: t}\n", i);
    r = load_good(b.data);
    assert_int_equal(r.plan->n_jobs, 100000);
    unload(&r);
}

/* ---- other files ---- */

static char *scratch(void)
{
    char *dir = xstrdup("/tmp/test-include-XXXXXX");

    assert_non_null(mkdtemp(dir));
    return dir;
}

static void put(int dir, const char *path, const char *text)
{
    cleanup_close int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static struct loaded load_in(const char *dir, const char *text)
{
    struct loaded r = {0};

    (void)load_text("ci/f.yaml", dir, text, strlen(text), &r.plan, &r.problems, &r.err);
    return r;
}

/* All lines but quotations of the files. */
static void expect_problems(const char *dir, const char *text, const char *expected)
{
    struct loaded r = load_in(dir, text);
    cleanup_strbuf struct strbuf lines = {0};

    strbuf_add(&lines, "", 0);
    assert_null(r.plan);
    for (const char *p = r.problems.data; *p != '\0';) {
        size_t n = strcspn(p, "\n");

        if (p[0] != ' ')
            strbuf_add(&lines, p, n + 1);
        p += n + 1;
    }
    assert_string_equal(lines.data, expected);
    unload(&r);
}

static void test_included(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *input = xasprintf("%s/common/data", dir);
    struct loaded r;

    (void)state;
    assert_int_equal(mkdirat(fd, "common", 0755), 0);
    assert_int_equal(mkdirat(fd, "common/more", 0755), 0);
    put(fd, "common/data", "");
    put(fd, "data", "");
    put(fd, "common/base.yaml",
        "\xef\xbb\xbf"
        "cupel: 1\n"
        "x-mine: &i {inputs: [{from: data, to: /data}]}\n"
        "rootfs: {r: {debian: bookworm}}\n"
        "include: more/more.yaml\n"
        "templates: {t: {<<: *i, rootfs: r, stdin-file: data, extends: m}}\n");
    put(fd, "common/more/more.yaml",
        "templates: {m: {run: m, matrix: {F: {files: '*.txt'}}}, n: {run: n}}\n"
        "services: {s: {run: s, inputs: [{from: 1.txt, to: /s}]}, unused: {run: u}}\n");
    put(fd, "common/more/1.txt", "");
    r = load_in(
        dir,
        "cupel: 1\ninclude: [common/base.yaml, common/more/more.yaml]\n"
        "templates: {own: {extends: [t, n]}}\n"
        "jobs: {a: {extends: t}, b: {run: x, stdin-file: data, use-services: s}, c: {extends: own, "
        "rootfs: host}}\n");
    if (r.plan == NULL)
        fail_msg("%s", r.problems.data);
    assert_int_equal(r.plan->n_jobs, 3);
    assert_string_equal(r.plan->jobs[0].name, "a/F=1.txt");
    assert_string_equal(r.plan->roots[r.plan->jobs[0].root].name, "r");
    assert_string_equal(r.plan->roots[2].file, "ci/common/base.yaml");
    /* paths are of the file that names them, whose directory is trusted */
    assert_string_equal(r.plan->jobs[0].inputs[0].from, input);
    assert_int_equal(r.plan->jobs[0].inputs[0].host.trusted, strlen(input) - strlen("/data"));
    assert_string_equal(r.plan->jobs[0].stdin_file.path, input);
    assert_true(str_starts(r.plan->jobs[1].stdin_file.path, dir));
    assert_string_equal(r.plan->jobs[1].stdin_file.path + strlen(dir), "/data");
    assert_string_equal(r.plan->jobs[2].steps[0].argv[3], "n");
    assert_string_equal(strrchr(r.plan->jobs[1].services->list[0].job->inputs[0].from, '/'),
                        "/1.txt");
    assert_int_equal(r.plan->n_notes, 0); /* what others may have it for */
    /* what was read is known; what was read before is named only */
    assert_int_equal(r.plan->n_inclusions, 3);
    assert_non_null(r.plan->inclusions[1].text);
    assert_string_equal(r.plan->inclusions[2].path, r.plan->inclusions[1].path);
    assert_null(r.plan->inclusions[2].text);
    unload(&r);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

static void test_mistakes_in_files(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
#define WITH(include) "cupel: 1\ninclude: " include "\njobs: {a: {run: x}}\n"
    expect_problems(
        dir, WITH("none.yaml"),
        "ci/f.yaml:2:10: 'include': cannot read none.yaml: No such file or directory\n");
    expect_problems(dir, WITH("{a: b}"),
                    "ci/f.yaml:2:10: 'include' must be paths on the host, not a map\n");
    expect_problems(dir, WITH("['${{ params.A }}', [x], '', .]"),
                    "ci/f.yaml:2:11: 'include': nothing is replaced in the name of a file\n"
                    "ci/f.yaml:2:30: 'include' must be paths on the host, not a list\n"
                    "ci/f.yaml:2:35: 'include' must be paths on the host, not ''\n"
                    "ci/f.yaml:2:39: 'include': . is not a regular file\n");
    /* each problem in its file, in the order of the files */
    put(fd, "bad.yaml", "jobs: {b: {run: x}}\ntemplates:\n  t: {memroy: 1}\n");
    put(fd, "worse.yaml", "templates: {t: [}\n");
    put(fd, "list.yaml", "- x\n");
    put(fd, "empty.yaml", "");
    expect_problems(
        dir,
        "cupel: 1\ninclude: [bad.yaml, worse.yaml, list.yaml, empty.yaml]\njobs: {a: {rnu: x, "
        "extends: x, rootfs: y}}\n",
        "ci/f.yaml:3:12: unknown key 'rnu', did you mean 'run'?\n"
        "ci/bad.yaml:1:1: unknown key 'jobs' in an included file: jobs stand in the job file that "
        "includes this one\n"
        "ci/bad.yaml:3:7: unknown key 'memroy' in a job, did you mean 'memory' under 'limits'?\n"
        "ci/worse.yaml:1:17: a value is missing here; an empty one is written \"\"\n"
        "ci/list.yaml:1:1: a file that is included is a map with 'rootfs', 'templates' or "
        "'services'\n"
        "ci/empty.yaml:1:1: the file is empty\n");
    /* circles and doubled names */
    put(fd, "one.yaml", "include: two.yaml\nrootfs: {r: {debian: bookworm}, s: {debian: sid}}\n");
    put(fd, "two.yaml",
        "include: [one.yaml, ./two.yaml]\ntemplates: {t: {run: x}}\nservices: {s: {run: x}}\n");
    expect_problems(dir,
                    "cupel: 1\ninclude: one.yaml\nrootfs: {r: {debian: sid}}\ntemplates: {t: {run: "
                    "y}}\nservices: {s: {run: x}}\njobs: {a: {extends: t}}\n",
                    "ci/one.yaml:2:10: 'r' stands under 'rootfs' of ci/f.yaml, line 3, too\n"
                    "ci/two.yaml:1:11: 'include': one.yaml includes itself, by way of others\n"
                    "ci/two.yaml:1:21: 'include': ./two.yaml includes itself\n"
                    "ci/two.yaml:2:13: 't' stands under 'templates' of ci/f.yaml, line 4, too\n"
                    "ci/two.yaml:3:12: 's' stands under 'services' of ci/f.yaml, line 5, too\n");
    put(fd, "f.yaml", WITH("f.yaml"));
    expect_problems(dir, WITH("f.yaml"), "ci/f.yaml:2:10: 'include': f.yaml includes itself\n");
    /* of two equal keys the last is read, as everywhere */
    put(fd, "good.yaml", "templates: {t: {run: x}}\n");
    expect_problems(dir,
                    "cupel: 1\ninclude: none.yaml\ninclude: good.yaml\ntemplates: {a: {run: x}}\n"
                    "templates: {b: {run: y}}\njobs: {j: {extends: t}, k: {extends: b}}\n",
                    "ci/f.yaml:3:1: key 'include' is given twice; first on line 2\n"
                    "ci/f.yaml:5:1: key 'templates' is given twice; first on line 4\n");
    /* no link on the way is followed below the file's own directory */
    assert_int_equal(symlinkat("two.yaml", fd, "link.yaml"), 0);
    expect_problems(
        dir, WITH("link.yaml"),
        "ci/f.yaml:2:10: 'include': 'link.yaml' leads through a symbolic link, which is "
        "not followed; give its absolute path\n");
    /* an alias of an included file tells its way */
    put(fd, "alias.yaml", "x-a: &a {wall: soon}\ntemplates:\n  t: {run: x, limits: *a}\n");
    expect_problems(dir, "cupel: 1\ninclude: alias.yaml\njobs: {a: {extends: t}}\n",
                    "ci/alias.yaml:1:16: 'wall' must be a duration such as 250ms, 90s or 1h30m, "
                    "{limit: 1s, kill: 1.5s}, or none, not "
                    "'soon' (by way of *a on line 3)\n");
    put(fd, "dollar.yaml", "templates:\n  t: {run: 'x ${{ A }}'}\n");
    expect_problems(dir, "cupel: 1\ninclude: dollar.yaml\njobs: {a: {extends: t}}\n",
                    "ci/dollar.yaml:2:15: '${{ A }}' stands for nothing in job 'a'; a literal "
                    "'${{' is written '$${{'\n");
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

static void test_many_and_large_files(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_strbuf struct strbuf b = {0}, text = {0};
    struct loaded r;

    (void)state;
    put(fd, "one.yaml", "x: 1\n");
    strbuf_adds(&text, "cupel: 1\ninclude: [one.yaml");
    for (unsigned i = 0; i < 300; i++)
        strbuf_adds(&text, ", one.yaml");
    strbuf_adds(&text, "]\njobs: {a: {run: x}}\n");
    expect_problems(dir, text.data,
                    "ci/f.yaml:2:2571: with this, more than 256 files are included\n"
                    "ci/one.yaml:1:1: unknown key 'x' in an included file\n");
    /* four hundred thousand values in each of two files */
    strbuf_adds(&b, "x-a: &a [");
    for (unsigned i = 0; i < 2000; i++)
        strbuf_adds(&b, "1,");
    strbuf_adds(&b, "1]\nx-b: [");
    for (unsigned i = 0; i < 199; i++)
        strbuf_adds(&b, "*a,");
    strbuf_adds(&b, "1]\n");
    put(fd, "two.yaml", b.data);
    put(fd, "three.yaml", b.data);
    r = load_in(dir, WITH("two.yaml"));
    assert_non_null(r.plan);
    unload(&r);
    r = load_in(dir, WITH("[two.yaml, three.yaml]"));
    assert_null(r.plan);
    assert_non_null(strstr(r.problems.data, "ci/three.yaml:2:"));
    assert_non_null(strstr(r.problems.data, "the file has more than 500000 values"));
    unload(&r);
    strbuf_free(&b);
    b = (struct strbuf){0};
    for (unsigned i = 0; i < 50000; i++)
        strbuf_adds(&b, "# a line that says nothing at all, but is long enough\n");
    put(fd, "four.yaml", b.data);
    put(fd, "five.yaml", b.data);
    r = load_in(dir, WITH("[four.yaml, five.yaml]"));
    assert_null(r.plan);
    assert_non_null(strstr(r.problems.data,
                           "with five.yaml, the files that are included are larger than 4 MiB"));
    unload(&r);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

/* A request is written out already; nobody's files are read for it. */
static void test_not_in_requests(void **state)
{
    static const char *const texts[][2] = {
        {"cupel: 1\ninclude: x\njobs: {a: {run: x}}\n", "'include' is for job files"},
        {"cupel: 1\ntemplates: {t: {run: x}}\njobs: {a: {run: x}}\n",
         "'templates' is for job files"},
        {"cupel: 1\njobs: {a: {run: x, extends: t}}\n", "'extends' is for job files"},
        {"cupel: 1\nservices: {s: {run: x}}\njobs: {a: {run: x}}\n", "'services' is for job files"},
        {"cupel: 1\njobs: {a: {run: x, use-services: s}}\n", "'use-services' is for job files"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_strbuf struct strbuf problems = {0};
        struct jobs_plan *plan = NULL;
        struct cupel_error err;

        assert_true(jobs_load_request("r", "/", texts[i][0], strlen(texts[i][0]), &plan, &problems,
                                      &err) < 0);
        assert_non_null(strstr(problems.data, texts[i][1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_job_starts_from),
        cmocka_unit_test(test_one_of_two_ways),
        cmocka_unit_test(test_with_a_matrix),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_unused_templates_may_wait),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_included),
        cmocka_unit_test(test_mistakes_in_files),
        cmocka_unit_test(test_many_and_large_files),
        cmocka_unit_test(test_not_in_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
