/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: what a job file comes to once all of it is written out: it is a job file, and that one's
 * plan is the same; and as JSON. */
#include "test_jobs.h"

#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
#include <sys/stat.h>

/* What a file of this text comes to, all of it or one job; malloc'ed. */
static char *written(const char *path, const char *only, bool json)
{
    cleanup_strbuf struct strbuf problems = {0};
    cleanup_free bool *selected = NULL;
    struct jobs_plan *plan;
    struct jobs_expanded *x;
    struct cupel_error err;
    char *text = NULL;
    size_t len;

    if (jobs_load_expanded(path, NULL, &plan, &x, &problems, &err) < 0)
        fail_msg("%s", problems.data != NULL ? problems.data : err.message);
    selected = xcalloc(plan->n_jobs, sizeof(*selected));
    for (size_t i = 0; i < plan->n_jobs; i++)
        selected[i] = only == NULL || str_eq(plan->jobs[i].name, only);
    if (json) {
        text = jobs_expanded_json(x, plan, selected);
    } else {
        FILE *out = open_memstream(&text, &len);

        assert_non_null(out);
        jobs_expanded_write(x, plan, selected, out);
        assert_int_equal(fclose(out), 0);
    }
    jobs_expanded_free(x);
    jobs_plan_free(plan);
    return text;
}

/* Reads again what the file comes to, as if it stood in its place. */
static void expect_the_same(const char *path)
{
    cleanup_free char *text = written(path, NULL, false);
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_plan *a, *b;
    struct cupel_error err;

    assert_int_equal(jobs_load(path, &a, &problems, &err), 0);
    if (jobs_load_text(path, text, strlen(text), &b, &problems, &err) < 0)
        fail_msg("%s\n%s", problems.data, text);
    same_plans(a, b);
    assert_string_equal(a->name, b->name);
    for (size_t i = 0; i < a->n_roots; i++) {
        same_text(a->roots[i].name, b->roots[i].name);
        same_text(a->roots[i].tar, b->roots[i].tar);
        same_text(a->roots[i].suite, b->roots[i].suite);
        same_texts((const char *const *)a->roots[i].packages,
                   (const char *const *)b->roots[i].packages);
        if (a->roots[i].build != NULL)
            same_job(a->roots[i].build, b->roots[i].build);
    }
    jobs_plan_free(a);
    jobs_plan_free(b);
}

static char *scratch(void)
{
    char *dir = xstrdup("/tmp/test-written-XXXXXX");

    assert_non_null(mkdtemp(dir));
    return dir;
}

static char *put(const char *dir, const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
    return path;
}

/* Texts that are hard to write down, and each way in which a job comes by its keys. */
static const char *const texts[] = {
    "jobs: {a: {run: x}, 'y': {run: 'no'}, 'null': {run: '~', tags: [n, 'yes']}}\n",
    "jobs: {a: {run: \"a\\n\\n\", env: {A: \"\\n\", B: \" a\\nb\", C: \"a\\nb\", D: \"a\\n b\\n\", "
    "E: "
    "'', F: \"x\\ty\\n\", G: \"\\e\\n\\u202e\\U0001F600\", H: '# x', I: 'a: b', J: 'a ', K: "
    "\"a\\r\\nb\", "
    "L: '<<', M: '0x1f', N: '&a', O: '017', P: \"\\u2028\\n\\u0085\", Q: \"a\\n\\n\\n\", R: '-', "
    "S: "
    "'--- x', T: \"--- x\\n...\\n\", U: '\"\\', V: '\\u', W: 'a\xc3\xa9'}}}\n",
    "jobs: {a: {run: '$${{ X }} $$${{', env: {A: \"$${{\\n$${{\\nx\"}}}\n",
    "params: {P: '5', Q: 'yes'}\njobs: {a: {run: x, retries: '${{ params.P }}', allow-failure: "
    "'${{ "
    "params.Q }}', env: {A: '${{ params.Q }}'}, inputs: [{from: wrong.yaml, to: /x, untrusted: "
    "'${{ "
    "params.Q }}'}]}}\n",
    "jobs: {a: {run: x, matrix: {CC: [gcc, \"a\\nb\", '']}, env: {X: '${{ CC }}'}}, b: {from: "
    "a/CC=gcc, needs: [{job: a, when: failure}, {job: nobody, optional: true}, c], run: y}, c: "
    "{run: "
    "z, needs: a}}\n",
    "defaults: {env: {A: a, B: b}, limits: {wall: 5s, io: {read-bps: 1M, write-bps: 2M}}, expect: "
    "{exit: 3, stdout: x}, artifacts: [/a, /b], seccomp: strict, stdin: x, needs: [first], tags: "
    "[t], after: [x], inputs: wrong.yaml, user: nobody, workdir: /w}\n"
    "jobs:\n  first: {run: x}\n"
    "  a: {run: x, env: {B: c, C: d}, limits: {pids: 3, io: {read-iops: 7}}, expect: {signal: "
    "SEGV}, "
    "artifacts: {when: failure}, seccomp: {allow: [ptrace]}, stdin-file: wrong.yaml, tags: []}\n"
    "  b: {run: [{run: x, expect: {stdout: y}}, {name: n, run: [x, y], limits: {wall: 1s}, when: "
    "always}], needs: [], workdir: /v}\n"
    "  c: {run: x, expect: {stdout-file: wrong.yaml}, inputs: [{from: ., to: /a, mode: ro, owner: "
    "host}], limits: {wall: 1m}, secrets: [S, {name: T, as: file, command: [a, 'b c']}]}\n",
    "defaults: {run: x, output: o, expect: {files: {a: wrong.yaml, b: wrong.yaml}}}\n"
    "jobs: {a: {}, b: {output: ./p//q, expect: {files: {/c/./d: wrong.yaml}}}}\n",
    "defaults: {run: x, expect: {stderr: a, case: ignore, compare: numbers, tolerance: {absolute: "
    "0.5}}}\n"
    "jobs: {a: {}, b: {expect: {compare: tokens, stderr-file: wrong.yaml}}, c: {expect: "
    "{tolerance: {relative: 1e-6}}}}\n",
    "rootfs: {d: {debian: bookworm, packages: gcc}, e: {from: d, run: \"a\\nb\\n\", env: {A: "
    "'no'}}}\n"
    "defaults: {rootfs: d, from: first}\n"
    "jobs: {first: {run: x}, a: {run: x}, b: {rootfs: e, run: x}, c: {from: a, run: x}}\n",
    "jobs: {a: {run: 'x ${{ CI_NODE_INDEX }}', parallel: 3, matrix: {A: [b, c]}}, d: {run: y, "
    "parallel: 2, needs: a}}\n",
    "jobs: {a: {run: x, matrix: {F: {files: 'w*.yaml'}}, inputs: '${{ F }}', services: {s: {run: "
    "y, "
    "inputs: [f.yaml, '${{ F }}']}}}, b: {run: x, matrix: {F: {files: 'w*'}}, inputs: [{from: "
    "'${{ F }}', to: /x, mode: ro}, f.yaml]}, c: {run: x, matrix: {F: {files: 'w*'}}, inputs: "
    "[{from: '${{ F }}', to: /x, untrusted: false}]}}\n",
    "jobs: {a: {run: x, matrix: {V: ['$${{ q }}', '$${{', '$']}}, b: {run: y, needs: 'a/V=%24{{ q "
    "}}'}}\n",
    "templates: {t: {run: [a, 'b c', \"d\\ne\", a long argument that does not go into the line "
    "with "
    "all of the others, however one tries], env: {A: '${{ N }}'}, matrix: {N: {range: [1, 3]}}}}\n"
    "jobs: {a: {extends: t, env: {B: '${{ N }}'}, matrix: {include: []}}}\n",
    "defaults: {artifacts: {exclude: '*.o', if-missing: note, max: 1M}}\n"
    "jobs: {a: {run: x, artifacts: ['out/{a,b}/**', /c]}, b: {run: x, artifacts: {paths: 'd/*', "
    "exclude: [e, '{f,g}']}, inputs: [{from: ., to: /i, exclude: ['{h,j}/*.k', node_modules]}]}, "
    "c: {run: x}}\n",
    "defaults: {env: {signal: a, stdout: b}}\njobs: {a: {run: x, env: {exit: c, B: d}}}\n",
    "defaults: {points: 3, visibility: after-due, env: {A: a, B: b}, expect: {exit: 3}, stdin: d}\n"
    "jobs:\n  c: {role: compile, run: x, matrix: {S: [x, y]}}\n"
    "  g:\n    from: c\n    run: [x, '${{ S }}']\n    matrix: {S: [x, y]}\n    env: {B: c}\n"
    "    cases:\n"
    "      - {name: a b, stdin: \"1 2\\n\", expect: {stdout: '3'}, points: 2.5, args: ['no']}\n"
    "      - {files: 'w*.yaml', answer: .yaml, group: s, hint: 'at ${{ case.path }}'}\n"
    "      - {name: e, group: s/t, env: {B: d, E: '${{ case.name }}'}, limits: {wall: 1s}}\n"
    "      - {name: f, group: s/t, visibility: visible, description: '$${{ x'}\n"
    "      - {name: h, group: u, stdin-file: wrong.yaml}\n"
    "    groups: {u: {points: 0.125, score: min}, s: {points: 100, visibility: hidden, needs: u, "
    "groups: {t: {points: 33.001, score: pass}}}}\n    stop: group\n  after: {run: x, needs: g}\n",
    "pools: {a: 4, '5': 3, c: 1}\ndefaults: {exclusive: {a: 2, c: 1}, slots: 2}\n"
    "jobs: {a: {run: x, exclusive: {'5': 1, a: 1}}, b: {run: x, exclusive: [c, '5'], slots: 1}, c: "
    "{run: x, exclusive: []}, d: {run: x}}\n",
    "rootfs: {r: {debian: bookworm}}\n"
    "defaults: {services: {db: {rootfs: r, run: s, ready: {tcp: 5432}}, q: {rootfs: r, run: q, "
    "ready: {tcp: 1}}}, junit: {optional: true}, tap: [a.tap], coverage: 'x (\\d+)%'}\n"
    "jobs: {a: {run: x, services: {c: {rootfs: r, run: [z], ready: {tcp: 2}}, db: {rootfs: r, run: "
    "own, ready: {log: up}, alias: pg}}, junit: x.xml, tap: {optional: true}}, b: {run: y}, c: "
    "{run: z, tap: {paths: b.tap, failures: report}, services: {}, coverage: {cobertura: "
    "c.xml}}}\n",
    "rootfs: {r: {debian: bookworm}}\n"
    "services: {db: {rootfs: r, run: 's ${{ V }}'}, q: {rootfs: r, run: q}, nobodys: {run: x}}\n"
    "defaults: {services: {z: {rootfs: r, run: z}}, use-services: q}\n"
    "jobs: {a: {run: x, matrix: {V: ['1', '2']}, use-services: [db, q]}, b: {run: y, services: {c: "
    "{rootfs: r, run: c}}}, c: {run: z, services: {q: {rootfs: r, run: own}}}}\n",
    "defaults: {inputs: {job: build, from: /o}}\n"
    "jobs: {build: {run: x, matrix: {V: ['1', '2']}}, a: {run: x, matrix: {V: ['1', '2']}}, b: "
    "{run: x, from: a/V=1, inputs: [{job: 'build/V=2', from: /p/, mode: ro}]}}\n",
};

static void test_is_the_same_job_file(void **state)
{
    cleanup_free char *dir = scratch();

    (void)state;
    free(put(dir, "wrong.yaml", ""));
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        cleanup_free char *text = xasprintf("cupel: 1\n%s", texts[i]);
        cleanup_free char *path = put(dir, "f.yaml", text);

        expect_the_same(path);
    }
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

/* Some want files that are fetched first. */
static bool can_be_loaded(const char *path)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_plan *plan;
    struct cupel_error err;

    if (jobs_load(path, &plan, &problems, &err) < 0)
        return false;
    jobs_plan_free(plan);
    return true;
}

static void test_of_examples(void **state)
{
    glob_t found;
    size_t n = 0;

    (void)state;
    assert_int_equal(glob("../../jobs/examples/*.yaml", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (can_be_loaded(found.gl_pathv[i])) {
            expect_the_same(found.gl_pathv[i]);
            n++;
        }
    globfree(&found);
    assert_true(n >= 3);
    expect_the_same(FIXTURES "/full.yaml");
}

static void test_yaml(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_free char *path =
        put(dir, "f.yaml",
            "cupel: 1\nname: suite\nparams: {L: '2'}\nx-a: &a {A: b}\n"
            "templates: {t: {run: \"make ${{ CC }}\\n\", env: *a}, unused: {run: x}}\n"
            "defaults: {limits: {memory: 64M}}\n"
            "jobs:\n  a: {extends: t, matrix: {CC: [gcc, 'c: c']}, tags: [one, 'yes'], args: ['${{ "
            "params.L }}', '']}\n  b: {run: x, needs: a, limits: {pids: 7}}\n");
    cleanup_free char *text = written(path, NULL, false), *one = written(path, "b", false);

    (void)state;
    assert_string_equal(text, "cupel: 1\n"
                              "name: \"suite\"\n"
                              "jobs:\n"
                              "  a/CC=gcc:\n"
                              "    run: |\n"
                              "      make gcc\n"
                              "    env:\n"
                              "      CC: gcc\n"
                              "      A: b\n"
                              "    limits:\n"
                              "      memory: 64M\n"
                              "    args: [\"2\", \"\"]\n"
                              "    tags: [one, \"yes\"]\n"
                              "  \"a/CC=c: c\":\n"
                              "    run: |\n"
                              "      make c: c\n"
                              "    env:\n"
                              "      CC: \"c: c\"\n"
                              "      A: b\n"
                              "    limits:\n"
                              "      memory: 64M\n"
                              "    args: [\"2\", \"\"]\n"
                              "    tags: [one, \"yes\"]\n"
                              "  b:\n"
                              "    run: x\n"
                              "    limits:\n"
                              "      memory: 64M\n"
                              "      pids: 7\n"
                              "    needs: [a/CC=gcc, \"a/CC=c: c\"]\n");
    assert_string_equal(one, "cupel: 1\n"
                             "name: \"suite\"\n"
                             "jobs:\n"
                             "  b:\n"
                             "    run: x\n"
                             "    limits:\n"
                             "      memory: 64M\n"
                             "      pids: 7\n"
                             "    needs: [a/CC=gcc, \"a/CC=c: c\"]\n");
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

static void test_json(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_free char *path =
        put(dir, "f.yaml",
            "cupel: 1\nrootfs: {d: {debian: sid}}\ndefaults: {rootfs: d, fail-fast: true}\n"
            "jobs: {a: {run: '$${{ ${{ A }}', matrix: {A: ['1', \"\\xe9\"]}, limits: {pids: 3}, "
            "retries: 2}, b: {from: a/A=1, run: [x, 'yes']}}\n");
    cleanup_free char *text = written(path, NULL, true);
    json_error_t error;
    json_t *file = json_loads(text, JSON_REJECT_DUPLICATES, &error), *jobs, *a;
    const char *run, *of, *value, *rootfs, *suite;
    int fail_fast = 0;

    (void)state;
    assert_non_null(file);
    jobs = json_object_get(file, "jobs");
    assert_int_equal(json_object_size(jobs), 3);
    a = json_object_get(jobs, "a/A=1");
    assert_int_equal(json_unpack(a, "{s:s, s:s, s:{s:s}, s:b, s:s}", "run", &run, "of", &of,
                                 "matrix", "A", &value, "fail-fast", &fail_fast, "rootfs", &rootfs),
                     0);
    assert_string_equal(run, "${{ 1");
    assert_string_equal(of, "a");
    assert_string_equal(value, "1");
    assert_string_equal(rootfs, "d");
    assert_true(fail_fast);
    assert_int_equal(json_unpack(file, "{s:{s:{s:s}}}", "rootfs", "d", "debian", &suite), 0);
    assert_string_equal(suite, "sid");
    assert_non_null(json_object_get(jobs, "a/A=\xc3\xa9"));
    assert_null(json_object_get(json_object_get(jobs, "b"), "rootfs"));
    json_decref(file);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

/* An argument that JSON has no place for is not simply gone. */
static void test_what_is_no_text(void **state)
{
    cleanup_free char *dir = scratch();
    cleanup_free char *path = put(dir, "f.yaml",
                                  "cupel: 1\njobs: {a: {run: [rm, '${{ F }}', kept], matrix: {F: "
                                  "{files: 'b*'}}}}\n"),
                      *found = put(dir, "b\xff\xc3", ""), *text = written(path, NULL, true);
    json_t *file = json_loads(text, 0, NULL);
    const char *run[3], *value;

    (void)state;
    (void)found;
    assert_int_equal(json_unpack(file, "{s:{s:{s:[sss!], s:{s:s}}}}", "jobs", "a/F=b%FF%C3", "run",
                                 &run[0], &run[1], &run[2], "matrix", "F", &value),
                     0);
    assert_string_equal(run[1], "b\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(run[2], "kept");
    assert_string_equal(value, run[1]);
    json_decref(file);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_text),
        cmocka_unit_test(test_is_the_same_job_file),
        cmocka_unit_test(test_of_examples),
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
