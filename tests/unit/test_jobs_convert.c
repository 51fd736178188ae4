/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: what is made of pipelines: each of the fuzz target's (corpus/convert) becomes the job file
 * of its name in fixtures/convert, with its notes, and that is one. */
#include "test_jobs.h"

#include "jobs/jobs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define PIPELINES "../fuzz/corpus/convert"
#define EXPECTED "../fixtures/convert"

static void write_file(const char *dir, const char *name, const char *text)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, name), *parent = xstrdup(path);
    FILE *f;

    *strrchr(parent, '/') = '\0';
    if (mkdir(parent, 0700) < 0)
        assert_int_equal(errno, EEXIST);
    f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static char *read_whole(const char *dir, const char *name, const char *ending, size_t *ret_len)
{
    cleanup_free char *path = xasprintf("%s/%s%s", dir, name, ending);
    char *text = NULL;

    if (file_read_at(AT_FDCWD, path, 1 << 20, &text, ret_len) < 0)
        fail_msg("cannot read %s", path);
    return text;
}

static int convert_with(const struct jobs_converting *what, struct jobs_converted *ret)
{
    struct cupel_error err;
    int r = jobs_convert(what, ret, &err);

    strbuf_add(&ret->notes, "", 0);
    if (r < 0)
        assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    return r;
}

static int convert(enum jobs_convert from, bool assume, const char *file, const char *text,
                   size_t len, struct jobs_converted *ret)
{
    return convert_with(
        &(struct jobs_converting){
            .from = from, .assume = assume, .file = file, .text = text, .len = len},
        ret);
}

static void check_pipeline(const char *file, enum jobs_convert from)
{
    cleanup_free char *name = strndup(file, strlen(file) - strlen(".yml"));
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    size_t len, length;
    cleanup_free char *text = read_whole(PIPELINES, file, "", &len);
    cleanup_free char *expected = read_whole(EXPECTED, name, ".yaml", &length);
    cleanup_free char *said = read_whole(EXPECTED, name, ".notes", &length);
    struct loaded loaded;

    if (convert(from, false, file, text, len, &made) < 0)
        fail_msg("%s: %s", file, made.notes.data);
    if (!str_eq(made.text.data, expected))
        fail_msg("%s becomes:\n%s", file, made.text.data);
    if (!str_eq(made.notes.data, said))
        fail_msg("%s: it says:\n%s", file, made.notes.data);
    assert_int_equal(made.n_left > 0, strstr(made.notes.data, ": left out: ") != NULL);
    loaded = load(made.text.data);
    /* the fixtures lie in no checkout of git of their own, or in one: both are right; and files
     * that a cache's key is made of are not there */
    if (loaded.plan == NULL && strstr(made.text.data, "${{ git.") == NULL &&
        strstr(made.text.data, "${{ hash(") == NULL)
        fail_msg("%s: what was written is refused:\n%s", file, loaded.problems.data);
    unload(&loaded);
}

static void test_pipelines(void **state)
{
    DIR *dir = opendir(PIPELINES);
    const struct dirent *e;
    size_t n[2] = {0};

    (void)state;
    assert_non_null(dir);
    while ((e = readdir(dir)) != NULL) {
        bool is_github = strstr(e->d_name, ".github.yml") != NULL;

        if (!is_github && strstr(e->d_name, ".gitlab.yml") == NULL)
            continue;
        check_pipeline(e->d_name, is_github ? JOBS_CONVERT_GITHUB : JOBS_CONVERT_GITLAB);
        n[is_github]++;
    }
    (void)closedir(dir);
    assert_true(n[0] >= 10 && n[1] >= 10);
}

/* What may not have run does, where that is asked for. */
static void test_conditional(void **state)
{
    static const char text[] = "deploy:\n"
                               "  image: alpine\n"
                               "  script: make deploy\n"
                               "  rules: [{if: $CI_COMMIT_TAG}]\n";
    _cleanup_(jobs_converted_free) struct jobs_converted held = {0}, made = {0};
    struct loaded loaded;

    (void)state;
    assert_int_equal(convert(JOBS_CONVERT_GITLAB, false, "f", text, sizeof(text) - 1, &held), 0);
    assert_int_equal(held.n_jobs, 0);
    assert_int_equal(held.n_left, 2);
    assert_non_null(strstr(held.notes.data, "--conditional"));
    assert_non_null(strstr(held.text.data, "  # deploy:\n"));
    assert_int_equal(convert(JOBS_CONVERT_GITLAB, true, "f", text, sizeof(text) - 1, &made), 0);
    assert_int_equal(made.n_left, 1);
    assert_int_equal(made.n_jobs, 1);
    loaded = load_good(made.text.data);
    assert_int_equal(loaded.plan->n_jobs, 1);
    assert_string_equal(loaded.plan->jobs[0].name, "deploy");
    unload(&loaded);
}

/* What is known of a run decides conditions; which jobs run then. */
static void test_variables(void **state)
{
    static const char text[] = "image: $REGISTRY/debian\n"
                               "branch: {only: [/^release-/], script: x}\n"
                               "not-main: {except: [main], script: x}\n"
                               "tag: {rules: [{if: $CI_COMMIT_TAG}], script: x}\n"
                               "push:\n"
                               "  rules:\n"
                               "    - {if: $CI_MERGE_REQUEST_IID, when: never}\n"
                               "    - if: '$CI_PIPELINE_SOURCE == \"push\" && $CI_COMMIT_BRANCH'\n"
                               "      variables: {LEVEL: $MODE}\n"
                               "      allow_failure: true\n"
                               "  script: x\n"
                               "request: {only: [merge_requests], script: x}\n"
                               "other: {only: [main@group/project], script: x}\n";
    static const char *const branch[] = {"CI_PIPELINE_SOURCE=push", "CI_COMMIT_BRANCH=release-4",
                                         "MODE=slow", "REGISTRY=registry.example"};
    static const char *const request[] = {"CI_PIPELINE_SOURCE=merge_request_event", "REGISTRY=r",
                                          "CI_MERGE_REQUEST_IID=1"};
    struct jobs_converting what = {.from = JOBS_CONVERT_GITLAB,
                                   .file = "f",
                                   .text = text,
                                   .len = sizeof(text) - 1,
                                   .variables = branch,
                                   .n_variables = ARRAY_SIZE(branch)};
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0}, other = {0};
    struct loaded loaded;

    (void)state;
    assert_int_equal(convert_with(&what, &made), 0);
    if (made.n_left > 0)
        fail_msg("it says:\n%s", made.notes.data);
    loaded = load_good(made.text.data);
    assert_int_equal(loaded.plan->n_jobs, 3);
    assert_string_equal(loaded.plan->jobs[0].name, "branch");
    assert_string_equal(loaded.plan->jobs[1].name, "not-main");
    assert_string_equal(loaded.plan->jobs[2].name, "push");
    assert_non_null(strstr(made.text.data, "image: registry.example/debian"));
    assert_non_null(strstr(made.text.data, "      LEVEL: slow\n"));
    assert_non_null(strstr(made.text.data, "    allow-failure: true\n"));
    unload(&loaded);

    what.variables = request;
    what.n_variables = ARRAY_SIZE(request);
    assert_int_equal(convert_with(&what, &other), 0);
    loaded = load_good(other.text.data);
    assert_int_equal(loaded.plan->n_jobs, 1);
    assert_string_equal(loaded.plan->jobs[0].name, "request");
    unload(&loaded);
}

/* Files of the project are laid below the pipeline, in their order. */
static void test_include(void **state)
{
    static const char text[] = "include: [/ci/one.yml, {local: ci/two.yml}, ../outside.yml,\n"
                               "  {local: ci/never.yml, rules: [{if: $MODE == \"x\"}]}]\n"
                               "variables: {MODE: fast}\n"
                               "test: {extends: .base, variables: {C: main}}\n";
    static const char one[] = "include: {local: ci/deep.yml}\n"
                              "test: {variables: {A: one, B: one, C: one}, script: one}\n";
    static const char two[] = "test: {variables: {B: two}, script: two}\nstrange: text\n";
    char dir[] = "/tmp/cupel-convert.XXXXXX";
    struct jobs_converting what = {
        .from = JOBS_CONVERT_GITLAB, .file = "f", .text = text, .len = sizeof(text) - 1};
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    struct loaded loaded;

    (void)state;
    what.dir = mkdtemp(dir);
    write_file(dir, "ci/one.yml", one);
    write_file(dir, "ci/two.yml", two);
    write_file(dir, "ci/deep.yml", ".base: {image: alpine}\n");
    assert_int_equal(convert_with(&what, &made), 0);
    loaded = load_good(made.text.data);
    assert_int_equal(loaded.plan->n_jobs, 1);
    assert_non_null(strstr(made.text.data, "      A: one\n      B: two\n      C: main\n"));
    assert_non_null(strstr(made.text.data, "      two\n"));
    assert_non_null(strstr(made.text.data, "    rootfs: alpine\n"));
    assert_non_null(strstr(made.notes.data, "f:1:45: left out: '../outside.yml'"));
    assert_non_null(strstr(made.notes.data, "f:2:3: note: 'include' of what"));
    assert_non_null(strstr(made.notes.data, "ci/two.yml:2:1: left out: 'strange' is no job\n"));
    assert_non_null(strstr(made.text.data, "(ci/two.yml, line 2): 'strange' is no job\n"));
    unload(&loaded);
    assert_int_equal(file_remove_tree_at(AT_FDCWD, dir), 0);
}

static void refused(enum jobs_convert from, const char *text, const char *why)
{
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};

    assert_true(convert(from, false, "f", text, strlen(text), &made) < 0);
    if (strstr(made.notes.data, why) == NULL)
        fail_msg("it says:\n%s", made.notes.data);
}

/* A pipeline that stands for too much is refused at once, and so is one that goes round. */
static void test_too_much(void **state)
{
    cleanup_strbuf struct strbuf text = {0};

    (void)state;
    strbuf_adds(&text, "a:\n  script: x\n  parallel:\n    matrix:\n      - A: &a [1, 2]\n");
    for (char key = 'B'; key <= 'Z'; key++)
        strbuf_addf(&text, "        %c: *a\n", key);
    strbuf_adds(&text, "      - {A: [1]}\n");
    refused(JOBS_CONVERT_GITLAB, text.data, "too much");
    refused(JOBS_CONVERT_GITLAB, "a: {extends: b, script: x}\nb: {extends: a, script: x}\n",
            "goes round");
    refused(JOBS_CONVERT_GITLAB, "a: {needs: [b], script: x}\nb: {needs: [a], script: x}\n",
            "in a circle");
    refused(JOBS_CONVERT_GITHUB,
            "jobs: {a: {needs: a, runs-on: ubuntu-latest, steps: [{run: x}]}}\n", "in a circle");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelines), cmocka_unit_test(test_conditional),
        cmocka_unit_test(test_variables), cmocka_unit_test(test_include),
        cmocka_unit_test(test_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
