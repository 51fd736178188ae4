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
struct run_listing {
    const char *from;
    enum jobs_git git;
    struct path_list *list;
    struct run_listing *next;
};

static const struct run_listing *find_listing(const struct run *run, const struct jobs_input *in)
{
    const struct run_listing *l = run->listings;

    while (l != NULL && (l->git != in->git || !str_eq(l->from, in->from)))
        l = l->next;
    return l;
}

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

/* Has git print the paths below `dir`, which is without links. */
static int ask_git(const char *dir, enum jobs_git which, struct path_list **ret,
                   struct cupel_error *err)
{
    static const char *const tracked[] = {"ls-files", "-z", "--cached", NULL};
    static const char *const unignored[] = {"ls-files",           "-z", "--cached", "--others",
                                            "--exclude-standard", NULL};
    struct git g;
    size_t len;
    char *text = NULL;
    int r = git_begin(&g, dir, "'git' of an input", "which files there are", err);

    if (r == 0)
        r = check_top(&g, dir);
    if (r == 0)
        r = git_run(&g, which == JOBS_GIT_TRACKED ? tracked : unignored, &text, &len, NULL);
    git_end(&g);
    if (r == 0)
        *ret = path_list_new(text, len);
    return r;
}

static int make_listing(struct run *run, const struct jobs_input *in, struct cupel_error *err)
{
    cleanup_close int fd = file_open_trusted(in->host.path, in->host.trusted, O_PATH);
    cleanup_free char *dir = fd < 0 ? NULL : realpath(in->from, NULL);
    struct run_listing *l;
    struct path_list *list;
    struct stat st;
    int r;

    if (dir == NULL || fstat(fd, &st) < 0)
        return 0; /* is told when it is opened: it may be this job's alone */
    if (!S_ISDIR(st.st_mode))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "'git' is for a directory, and %s is none", in->from);
    r = ask_git(dir, in->git, &list, err);
    if (r < 0)
        return r;
    l = xcalloc(1, sizeof(*l));
    *l =
        (struct run_listing){.from = in->from, .git = in->git, .list = list, .next = run->listings};
    run->listings = l;
    return 0;
}

static int list_inputs(struct run *run, const char *file, const struct jobs_job *job,
                       struct cupel_error *err)
{
    for (size_t i = 0; i < job->n_inputs; i++) {
        struct jobs_input *in = &job->inputs[i];
        int r = 0;

        if (in->git == JOBS_GIT_NOT_ASKED)
            continue;
        if (find_listing(run, in) == NULL)
            r = make_listing(run, in, err);
        if (r < 0) {
            cupel_error_prefix(err, "%s:%d", file, in->line);
            return r;
        }
        in->listed = find_listing(run, in) != NULL ? find_listing(run, in)->list : NULL;
    }
    return 0;
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
