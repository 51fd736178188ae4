/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: what is made of pipelines: each of the fuzz target's (corpus/convert) becomes the job file
 * of its name in fixtures/convert, with its notes, and that is one. */
#include "test_jobs.h"

#include "jobs/jobs.h"

#include <dirent.h>
#include <fcntl.h>

#define PIPELINES "../fuzz/corpus/convert"
#define EXPECTED "../fixtures/convert"

static char *read_whole(const char *dir, const char *name, const char *ending, size_t *ret_len)
{
    cleanup_free char *path = xasprintf("%s/%s%s", dir, name, ending);
    char *text = NULL;

    if (file_read_at(AT_FDCWD, path, 1 << 20, &text, ret_len) < 0)
        fail_msg("cannot read %s", path);
    return text;
}

static void check_pipeline(const char *file, enum jobs_convert from)
{
    cleanup_free char *name = strndup(file, strlen(file) - strlen(".yml"));
    cleanup_strbuf struct strbuf out = {0}, notes = {0};
    size_t len, length, left = 0;
    cleanup_free char *text = read_whole(PIPELINES, file, "", &len);
    cleanup_free char *expected = read_whole(EXPECTED, name, ".yaml", &length);
    cleanup_free char *said = read_whole(EXPECTED, name, ".notes", &length);
    struct cupel_error err;
    struct loaded loaded;

    strbuf_add(&notes, "", 0);
    if (jobs_convert(from, false, file, text, len, &out, &notes, &left, &err) < 0)
        fail_msg("%s: %s\n%s", file, err.message, notes.data);
    if (!str_eq(out.data, expected))
        fail_msg("%s becomes:\n%s", file, out.data);
    if (!str_eq(notes.data, said))
        fail_msg("%s: it says:\n%s", file, notes.data);
    assert_int_equal(left > 0, strstr(notes.data, ": left out: ") != NULL);
    loaded = load(out.data);
    /* the fixtures lie in no checkout of git of their own, or in one: both are right */
    if (loaded.plan == NULL && strstr(out.data, "${{ git.") == NULL)
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
    cleanup_strbuf struct strbuf out = {0}, notes = {0};
    struct cupel_error err;
    size_t left = 0;
    struct loaded loaded;

    (void)state;
    assert_true(jobs_convert(JOBS_CONVERT_GITLAB, false, "f", text, sizeof(text) - 1, &out, &notes,
                             &left, &err) < 0);
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_non_null(strstr(notes.data, "--conditional"));
    assert_int_equal(jobs_convert(JOBS_CONVERT_GITLAB, true, "f", text, sizeof(text) - 1, &out,
                                  &notes, &left, &err),
                     0);
    assert_int_equal(left, 1);
    loaded = load_good(out.data);
    assert_int_equal(loaded.plan->n_jobs, 1);
    assert_string_equal(loaded.plan->jobs[0].name, "deploy");
    unload(&loaded);
}

/* A pipeline that stands for too much is refused at once, and so is one that goes round. */
static void test_too_much(void **state)
{
    static const char round[] = "a: {extends: b, script: x}\nb: {extends: a, script: x}\n";
    cleanup_strbuf struct strbuf text = {0}, out = {0}, notes = {0};
    struct cupel_error err;
    size_t left = 0;

    (void)state;
    strbuf_adds(&text, "a:\n  script: x\n  parallel:\n    matrix:\n      - A: &a [1, 2]\n");
    for (char key = 'B'; key <= 'Z'; key++)
        strbuf_addf(&text, "        %c: *a\n", key);
    strbuf_adds(&text, "      - {A: [1]}\n");
    assert_true(jobs_convert(JOBS_CONVERT_GITLAB, false, "f", text.data, text.len, &out, &notes,
                             &left, &err) < 0);
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_true(jobs_convert(JOBS_CONVERT_GITLAB, false, "f", round, sizeof(round) - 1, &out,
                             &notes, &left, &err) < 0);
    assert_non_null(strstr(notes.data, "goes round"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelines),
        cmocka_unit_test(test_conditional),
        cmocka_unit_test(test_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
