/* SPDX-License-Identifier: Apache-2.0 */
/* git_inputs: see git_inputs.h. Not responsible for how git is run (base/git_program.c), nor for
 * what is done with the list (sandbox/slot/seen.c). */
#include "harness/prepare/git_inputs.h"

#include "base/git_program.h"
#include "base/path_list.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* What one directory was asked for. */
enum git_question { GIT_TRACKED, GIT_UNIGNORED, GIT_COMMIT_TIME };
struct run_listing {
    const char *from;
    enum git_question question;
    struct path_list *list; /* of files */
    int64_t time;
    struct run_listing *next;
};

/* A path that the configuration names as the checkout's need not have to do with this one. */
static int check_top(struct git *g, const char *dir)
{
    cleanup_free char *top = NULL;
    size_t n;
    int r = git_find_top(g, &top);

    if (r < 0)
        return r;
    n = str_eq(top, "/") ? 0 : strlen(top);
    if (strncmp(dir, top, n) == 0 && (dir[n] == '/' || dir[n] == '\0'))
        return 0;
    return cupel_error_set(g->err, CUPEL_ERROR_INPUT, 0,
                           "%s lies outside of the checkout that its repository names, %s", dir,
                           top);
}

/* Reads "1700000000 COMMIT"; a commit may say anything. */
static int read_time(struct git *g, const char *text, int64_t *ret)
{
    char *end;
    long long time;

    errno = 0;
    time = strtoll(text, &end, 10);
    if (end == text || *end != ' ' || errno != 0 || time < 0 || time > UINT32_MAX)
        return cupel_error_set(g->err, CUPEL_ERROR_INPUT, 0,
                               "git knows no time of the commit that is checked out in %s", g->dir);
    *ret = time;
    return 0;
}

static const char *const tracked[] = {"ls-files", "-z", "--cached", NULL};
static const char *const unignored[] = {"ls-files",           "-z", "--cached", "--others",
                                        "--exclude-standard", NULL};
static const char *const commit_time[] = {"rev-list", "--max-count=1", "--timestamp", "HEAD", "--",
                                          NULL};
static const struct {
    const char *key, *question;
    const char *const *arguments;
} questions[] = {
    [GIT_TRACKED] = {"'git' of an input", "which files there are", tracked},
    [GIT_UNIGNORED] = {"'git' of an input", "which files there are", unignored},
    [GIT_COMMIT_TIME] = {"'mtime' of an input", "the time of the commit that is checked out",
                         commit_time},
};

/* Asks about the directory `dir`, which is without links. */
static int ask_git(const char *dir, struct run_listing *l, struct cupel_error *err)
{
    struct git g;
    size_t len;
    char *text = NULL;
    int r = git_begin(&g, dir, questions[l->question].key, questions[l->question].question, err);

    if (r == 0)
        r = check_top(&g, dir);
    if (r == 0)
        r = git_run(&g, questions[l->question].arguments, &text, &len, NULL);
    if (r == 0 && l->question == GIT_COMMIT_TIME) {
        r = read_time(&g, text, &l->time);
        free(text);
    } else if (r == 0) {
        l->list = path_list_new(text, len);
    }
    git_end(&g);
    return r;
}

static int make_listing(struct run *run, const struct jobs_input *in, enum git_question question,
                        struct cupel_error *err)
{
    cleanup_close int fd = file_open_trusted(in->host.path, in->host.trusted, O_PATH);
    cleanup_free char *dir = fd < 0 ? NULL : realpath(in->from, NULL);
    struct run_listing l = {.from = in->from, .question = question, .next = run->listings};
    struct stat st;
    int r;

    if (dir == NULL || fstat(fd, &st) < 0)
        return 0; /* is told when it is opened: it may be this job's alone */
    if (!S_ISDIR(st.st_mode))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%s' is for a directory, and %s is none",
                               question == GIT_COMMIT_TIME ? "mtime" : "git", in->from);
    r = ask_git(dir, &l, err);
    if (r < 0)
        return r;
    run->listings = xcalloc(1, sizeof(l));
    *run->listings = l;
    return 0;
}

/* Asks once for each directory. *ret: the answer, or NULL where there is nothing to ask about. */
static int get_listing(struct run *run, const struct jobs_input *in, enum git_question question,
                       const struct run_listing **ret, struct cupel_error *err)
{
    const struct run_listing *before = run->listings;
    int r;

    for (*ret = before; *ret != NULL; *ret = (*ret)->next)
        if ((*ret)->question == question && str_eq((*ret)->from, in->from))
            return 0;
    r = make_listing(run, in, question, err);
    if (run->listings != before)
        *ret = run->listings;
    return r;
}

static int list_input(struct run *run, struct jobs_input *in, struct cupel_error *err)
{
    const struct run_listing *l;
    int r = 0;

    if (in->git != JOBS_GIT_NOT_ASKED) {
        r = get_listing(run, in, in->git == JOBS_GIT_TRACKED ? GIT_TRACKED : GIT_UNIGNORED, &l,
                        err);
        in->listed = l != NULL ? l->list : NULL;
    }
    if (r == 0 && in->has_commit_time) {
        r = get_listing(run, in, GIT_COMMIT_TIME, &l, err);
        in->commit_time = l != NULL ? l->time : 0;
    }
    return r;
}

static int list_inputs(struct run *run, const char *file, const struct jobs_job *job,
                       struct cupel_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < job->n_inputs; i++) {
        r = list_input(run, &job->inputs[i], err);
        if (r < 0)
            cupel_error_prefix(err, "%s:%d", file, job->inputs[i].line);
    }
    return r;
}

/* A root after those below it. */
static int list_roots(struct run *run, const struct jobs_plan *plan, size_t root,
                      struct cupel_error *err)
{
    int r = 0;

    for (; r == 0 && plan->roots[root].kind == JOBS_ROOT_DERIVED; root = plan->roots[root].base)
        r = list_inputs(run, plan->roots[root].file, plan->roots[root].build, err);
    return r;
}

int git_inputs_list(struct run *run, struct cupel_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < run_n_prepared(run); i++) {
        const struct instance *in = &run->instances[i];

        r = list_inputs(run, in->plan->file, in->job, err);
        if (r == 0)
            r = list_roots(run, in->plan, in->job->root, err);
    }
    return r;
}

void git_inputs_free(struct run *run)
{
    while (run->listings != NULL) {
        struct run_listing *l = run->listings;

        run->listings = l->next;
        path_list_free(l->list);
        free(l);
    }
}
