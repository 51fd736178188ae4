/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_jobs: any bytes as a job file. Either a plan comes out, whose parts hang together, or
 * problems, each with its place and fit for a terminal. The host's files that it names are made up
 * here. */
#include "fuzz.h"

#include "jobs/expand/host.h"
#include "jobs/load.h"

#include <sys/stat.h>

/* A path with "none" in it is not there, one with "dir" is a directory, one with "pipe" neither
 * file nor directory. */
int __wrap_fstatat(int dirfd, const char *path, struct stat *st, int flags);
int __wrap_faccessat(int dirfd, const char *path, int mode, int flags);

int __wrap_fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
    (void)dirfd;
    (void)flags;
    if (strstr(path, "none") != NULL) {
        errno = ENOENT;
        return -1;
    }
    *st = (struct stat){.st_mode = strstr(path, "dir") != NULL    ? S_IFDIR | 0755
                                   : strstr(path, "pipe") != NULL ? S_IFIFO | 0644
                                                                  : S_IFREG | 0644};
    return 0;
}

int __wrap_faccessat(int dirfd, const char *path, int mode, int flags)
{
    (void)dirfd;
    (void)mode;
    (void)flags;
    if (strstr(path, "secret") == NULL)
        return 0;
    errno = EACCES;
    return -1;
}

/* Files that are made up: as many as the pattern has letters, or none, or a problem; of some, one
 * that is refused. */
static int fake_match(const struct expand_where *where, const char *pattern, enum expand_kind kind,
                      struct arena *arena, struct expand_match **ret_matches, size_t *ret_n,
                      struct cupel_error *err)
{
    static const char *const endings[] = {"", "/x", "\n", "\xff", ",", "%2C", "/y/x"};
    size_t n = strlen(pattern) % 8;
    struct expand_match *matches = arena_alloc(arena, (n + 1) * sizeof(*matches));

    (void)where;
    (void)kind;
    if (strstr(pattern, "secret") != NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, EACCES, "cannot look for '%s'", pattern);
    for (size_t i = 0; i < n; i++)
        matches[i] = (struct expand_match){
            arena_printf(arena, "d%s", endings[i < ARRAY_SIZE(endings) ? i : 0]),
            i == 1 && strstr(pattern, "deep") != NULL ? "it is too deep" : NULL,
            strstr(pattern, "deeper") != NULL};
    *ret_matches = matches;
    *ret_n = n < ARRAY_SIZE(endings) ? n : 0;
    return 0;
}

/* Files that a job file may include: good ones, one of each mistake, and a circle. */
static const struct {
    const char *name, *text;
} included[] = {
    {"base", "rootfs: {r: {debian: sid}}\ntemplates: {base: {run: x, env: {A: b, B: '${{ A }}'}, "
             "matrix: {A: [x, y]}}, .t: {extends: base, tags: t, expect: {exit: 1}}}\n"},
    {"more", "x-a: &a {limits: {wall: 1m}}\ninclude: [base, dir/again]\ntemplates: {more: {<<: *a, "
             "stdin: x, artifacts: /o}}\n"},
    {"dir/again", "include: circle\ntemplates: {again: {extends: [more, .t], stdin-file: "
                  "f}}\nservices: {s: {run: '${{ A }}'}}\n"},
    {"circle", "include: circle\ntemplates: {base: 3, c: {extends: c}}\n"},
    {"bad", "jobs: [\n"},
};

static const char *text_of(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(included); i++)
        if (str_eq(included[i].name, path))
            return included[i].text;
    return NULL;
}

static int fake_locate(const char *dir, const char *path, struct arena *arena,
                       const char **ret_path, struct cupel_error *err)
{
    (void)dir;
    if (strstr(path, "none") != NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, ENOENT, "cannot read %s", path);
    *ret_path = arena_printf(arena, "/made/up/%s", path);
    return 0;
}

static int fake_read(const char *dir, const char *path, struct arena *arena, const char **ret_text,
                     size_t *ret_len, struct cupel_error *err)
{
    (void)dir;
    if (strstr(path, "none") != NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, ENOENT, "cannot read %s", path);
    *ret_text =
        text_of(path) != NULL ? text_of(path) : arena_printf(arena, "b\r\n\n%s\na\nb", path);
    *ret_len = strlen(*ret_text);
    return 0;
}

static int fake_hash(const struct expand_where *where, const char *const *paths, size_t n,
                     struct arena *arena, const char **ret_text, struct cupel_error *err)
{
    (void)where;
    (void)err;
    *ret_text = arena_printf(arena, "%zu%s", n, paths[0]);
    return 0;
}

static int fake_git(const char *dir, const char *what, struct arena *arena, const char **ret_text,
                    struct cupel_error *err)
{
    (void)dir;
    (void)err;
    *ret_text = arena_strdup(arena, what);
    return 0;
}

/* What is in a submission is made of its path. */
static void fake_look(const struct submission_asked *asked, struct submission_seen *ret)
{
    static const char *const names[] = {"./a.c", "./b.c", "./d/a.py", "./x\xff\n$${{ A }}.c"};
    size_t n = strlen(asked->path) % (ARRAY_SIZE(names) + 1);

    *ret = (struct submission_seen){
        .files = arena_alloc(asked->arena, ARRAY_SIZE(names) * sizeof(*ret->files))};
    if (strchr(asked->path, '/') != NULL)
        ret->language = "c";
    if (strstr(asked->path, "%2C") != NULL)
        ret->refused = "it cannot be read";
    for (size_t i = 0; i < n; i++)
        if (asked->wants(asked->data, names[i]))
            ret->files[ret->n++] = names[i];
}

static const char *fake_environment(const char *name)
{
    return strchr(name, 'E') != NULL && strlen(name) % 5 == 0 ? "from the environment" : NULL;
}

static const struct expand_host fake_host = {
    .match = fake_match,
    .locate = fake_locate,
    .read = fake_read,
    .hash = fake_hash,
    .look = fake_look,
    .git = fake_git,
    .environment = fake_environment,
};

/* What an instance is of hangs together. */
static void check_instance(const struct jobs_plan *plan, const struct jobs_job *job)
{
    size_t index = (size_t)(job - plan->jobs);

    FUZZ_EXPECT((job->group == JOBS_NO_GROUP) == (job->matrix == NULL));
    if (job->matrix == NULL)
        return;
    FUZZ_EXPECT(job->group < plan->n_groups);
    FUZZ_EXPECT(index - plan->groups[job->group].first < plan->groups[job->group].n);
    FUZZ_EXPECT(str_starts(job->name, plan->groups[job->group].name));
    for (const char *const *pair = job->matrix; *pair != NULL; pair++) {
        const char **e = job->env;

        while (*e != NULL && !str_eq(*e, *pair))
            e++;
        FUZZ_EXPECT(*e != NULL);
    }
}

static void check_job(const struct jobs_plan *plan, const struct jobs_job *job)
{
    FUZZ_EXPECT(job->name[0] != '\0' &&
                strlen(job->name) <= (job->matrix != NULL ? 1000 : LOAD_NAME_MAX));
    FUZZ_EXPECT(strchr("-.", job->name[0]) == NULL);
    FUZZ_EXPECT(fuzz_is_harmless(job->name, strlen(job->name), ""));
    check_instance(plan, job);
    FUZZ_EXPECT(job->n_steps > 0 && job->root < plan->n_roots);
    for (size_t i = 0; i < job->n_steps; i++)
        FUZZ_EXPECT(job->steps[i].argv != NULL && job->steps[i].argv[0] != NULL);
    for (size_t i = 0; i < job->n_needs; i++)
        FUZZ_EXPECT(job->needs[i] < plan->n_jobs && &plan->jobs[job->needs[i]] != job);
    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (jobs_limit_is_set(&job->limits, i) &&
            (i != JOBS_LIMIT_SWAP || job->limits.value[i] != 0))
            FUZZ_EXPECT(job->limits.value[i] >= jobs_limit_table[i].min &&
                        job->limits.value[i] <= jobs_limit_table[i].max);
    for (size_t i = 0; i < job->n_inputs; i++)
        FUZZ_EXPECT(job->inputs[i].to[0] == '/' && strstr(job->inputs[i].to, "/../") == NULL);
}

/* Every problem is told with its place, in text that is harmless. */
static void check_problems(const struct strbuf *problems, const struct cupel_error *err)
{
    FUZZ_EXPECT(err->kind == CUPEL_ERROR_INPUT && err->message[0] != '\0');
    FUZZ_EXPECT(problems->len > 0 && strchr(problems->data, ':') != NULL);
    FUZZ_EXPECT(fuzz_is_utf8(problems->data, problems->len));
    FUZZ_EXPECT(fuzz_is_harmless(problems->data, problems->len, "\n"));
}

/* Whether the file that a plan is written out as may be refused: by the names of instances, which
 * may be longer than those of jobs, and by what goes with a matrix only. */
static bool may_be_refused(const struct jobs_plan *plan)
{
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (plan->jobs[i].fail_fast || plan->jobs[i].max_parallel != 0 ||
            strlen(plan->jobs[i].name) > LOAD_NAME_MAX)
            return true;
    return false;
}

/* What a plan comes to is a job file, of as many jobs. */
static void check_written(const struct jobs_plan *plan, const struct jobs_expanded *x)
{
    cleanup_free bool *selected = xcalloc(plan->n_jobs, sizeof(*selected));
    cleanup_strbuf struct strbuf problems = {0};
    cleanup_free char *text = NULL, *json = NULL;
    struct jobs_plan *again;
    struct cupel_error err;
    struct load_from from;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    memset(selected, 1, plan->n_jobs);
    jobs_expanded_write(x, plan, selected, out);
    (void)fclose(out);
    json = jobs_expanded_json(x, plan, selected);
    FUZZ_EXPECT(json != NULL && fuzz_is_utf8(text, len) && fuzz_is_harmless(text, len, "\n\t"));
    from = (struct load_from){
        .file = "fuzz.yaml", .dir = "/made/up", .text = text, .len = len, .host = &fake_host};
    if (load_tree(&from, &again, &problems, &err) < 0) {
        FUZZ_EXPECT(may_be_refused(plan));
        return;
    }
    FUZZ_EXPECT(again->n_jobs == plan->n_jobs && again->n_roots == plan->n_roots);
    for (size_t i = 0; i < plan->n_jobs; i++)
        FUZZ_EXPECT(again->jobs[i].n_steps == plan->jobs[i].n_steps &&
                    again->jobs[i].n_needs == plan->jobs[i].n_needs &&
                    again->jobs[i].limits.set == plan->jobs[i].limits.set);
    jobs_plan_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_strbuf struct strbuf problems = {0};
    /* as file_read_at gives it */
    cleanup_free char *text = xmalloc(size + 1);
    struct load_from from;
    struct jobs_expanded *expanded;
    struct jobs_plan *plan;
    struct cupel_error err = {0};

    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    from = (struct load_from){
        .file = "fuzz.yaml", .dir = "/made/up", .text = text, .len = size, .host = &fake_host};
    if (load_tree_expanded(&from, &plan, &expanded, &problems, &err) < 0) {
        check_problems(&problems, &err);
        return 0;
    }
    FUZZ_EXPECT(problems.len == 0 && plan->n_jobs > 0);
    for (size_t i = 0; i < plan->n_jobs; i++)
        check_job(plan, &plan->jobs[i]);
    check_written(plan, expanded);
    jobs_expanded_free(expanded);
    jobs_plan_free(plan);
    return 0;
}
