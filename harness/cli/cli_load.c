/* SPDX-License-Identifier: Apache-2.0 */
/* cli_load: what several subcommands share: reading a job file and saying what is wrong. */
#include "harness/cli/cli.h"
#include "harness/cli/options.h"
#include "harness/run/run_options.h"
#include "jobs/jobs.h"
#include "reports/reports.h"
#include "rootfs-cache/cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int cli_fail(const struct cupel_error *err)
{
    cupel_error_print(err, stderr);
    return (int)err->kind;
}

int cli_find_files(const struct cli_command *command, struct cli_words *words)
{
    static char name[] = "cupel.yaml", hidden[] = ".cupel.yaml";
    static char *found[][2] = {{name, NULL}, {hidden, NULL}};
    struct stat st;
    size_t inputs = 0;

    for (int i = 0; i < words->n; i++)
        inputs += str_eq(words->word[i], JOBS_STDIN);
    if (inputs > 1)
        return cli_wrong(command, "'-' is standard input, which can be read once");
    for (size_t i = 0; i < ARRAY_SIZE(found) && words->n == 0; i++)
        if (lstat(found[i][0], &st) == 0) {
            words->word = found[i];
            words->n = 1;
        }
    if (words->n > 0)
        return 0;
    return cli_wrong(command, "cupel %s takes %s, and there is no %s or %s here", command->name,
                     command->words, name, hidden);
}

/* Directories of cupel's own. */
struct own_dirs {
    struct jobs_own_dir list[2];
    size_t n;
};

static void add_own(struct own_dirs *own, const char *path, bool only_outs)
{
    cleanup_close int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && (!only_outs || reports_out_is_one(fd)))
        own->list[own->n++] = (struct jobs_own_dir){st.st_dev, st.st_ino};
}

/* Finds them by their place, as the run will hide them (prepare/prepare.c): a mark in it would have
 * anybody hide files. */
static void find_own(struct own_dirs *own, const char *out)
{
    cleanup_free char *ids = ids_describe(), /* else we are root of a namespace of our own */
        *store = cache_place(geteuid() == 0 && ids == NULL);

    add_own(own, out != NULL ? out : RUN_OUT, out == NULL);
    if (store != NULL)
        add_own(own, store, false);
}

static struct jobs_parameters parameters_of(const struct cli_list *set, const struct own_dirs *own,
                                            bool describes, const struct jobs_grading *grading)
{
    return (struct jobs_parameters){.given = set != NULL ? set->items : NULL,
                                    .n = set != NULL ? set->n : 0,
                                    .describes = describes,
                                    .own = own->list,
                                    .n_own = own->n,
                                    .grading = grading};
}

/* Says what is wrong with a file, or odd about it; 0 or the exit code. */
static int tell_loaded(int r, const struct jobs_plan *plan, bool again,
                       const struct strbuf *problems, const struct cupel_error *err)
{
    for (size_t i = 0; r == 0 && !again && i < plan->n_notes; i++)
        log_warning("%s", plan->notes[i]);
    if (r == 0)
        return 0;
    if (problems->data != NULL)
        (void)fputs(problems->data, stderr);
    return cli_fail(err);
}

static int load_plan(const char *path, const struct cli_list *set, const struct own_dirs *own,
                     bool describes, struct jobs_plan **ret_plan,
                     struct jobs_expanded **ret_expanded)
{
    const struct jobs_parameters parameters = parameters_of(set, own, describes, NULL);
    cleanup_strbuf struct strbuf problems = {0};
    struct cupel_error err;
    int r = ret_expanded != NULL
                ? jobs_load_expanded(path, &parameters, ret_plan, ret_expanded, &problems, &err)
                : jobs_load_with(path, &parameters, ret_plan, &problems, &err);

    return tell_loaded(r, r == 0 ? *ret_plan : NULL, false, &problems, &err);
}

int cli_load_plan(const char *path, const struct cli_list *set, struct jobs_plan **ret_plan)
{
    struct own_dirs own = {0};

    find_own(&own, NULL);
    return load_plan(path, set, &own, false, ret_plan, NULL);
}

static bool is_parameter(const char *set, const struct jobs_plan *plan)
{
    size_t n = strcspn(set, "=");

    for (const char *const *p = plan->parameters; p != NULL && *p != NULL; p++)
        if (strncmp(*p, set, n) == 0 && (*p)[n] == '=')
            return true;
    return false;
}

static int check_set(const struct cli_list *set, struct jobs_plan *const *plans, size_t n)
{
    struct cupel_error err;

    for (size_t i = 0; i < set->n; i++) {
        const char *text = set->items[i];
        bool found = false;

        for (size_t k = 0; k < n && !found; k++)
            found = is_parameter(text, plans[k]);
        if (found && strchr(text, '=') != NULL)
            continue;
        if (found)
            (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "--set %s has no value", text);
        else
            (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0,
                                  "--set %s: no file has such a parameter", text);
        cupel_error_hint(&err, found ? "write --set NAME=VALUE"
                                     : "parameters stand under 'params' in a job file");
        return cli_fail(&err);
    }
    return 0;
}

static int load_plans(char *const *paths, size_t n, const struct cli_list *set, const char *out,
                      bool describes, struct jobs_plan **ret_plans,
                      struct jobs_expanded **ret_expanded)
{
    struct own_dirs own = {0};
    struct cupel_error err;
    int worst = 0;

    find_own(&own, out);
    for (size_t i = 0; i < n; i++) {
        int code = load_plan(paths[i], set, &own, describes, &ret_plans[i],
                             ret_expanded != NULL ? &ret_expanded[i] : NULL);

        worst = code > worst ? code : worst;
    }
    if (worst != 0)
        return worst;
    worst = check_set(set, ret_plans, n);
    if (worst == 0 && jobs_pools_agree(ret_plans, n, &err) < 0)
        worst = cli_fail(&err);
    for (size_t i = 0; i < n && worst != 0; i++) {
        jobs_plan_free(ret_plans[i]);
        ret_plans[i] = NULL;
    }
    return worst;
}

int cli_load_graded(const struct cli_graded *g, const struct jobs_grading *grading,
                    struct jobs_plan **ret_plan)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_parameters parameters;
    struct own_dirs own = {0};
    struct cupel_error err;
    struct stat st;
    int r, code;

    find_own(&own, g->out);
    parameters = parameters_of(g->set, &own, true, grading);
    r = stat(g->path, &st) == 0 && S_ISDIR(st.st_mode)
            ? cli_load_package(g, &parameters, ret_plan, &problems, &err)
            : jobs_load_with(g->path, &parameters, ret_plan, &problems, &err);
    code = tell_loaded(r, r == 0 ? *ret_plan : NULL, g->again, &problems, &err);
    if (code == 0)
        code = check_set(g->set, ret_plan, 1);
    if (code != 0 && r == 0) {
        jobs_plan_free(*ret_plan);
        *ret_plan = NULL;
    }
    return code;
}

int cli_load_plans(char *const *paths, size_t n, const struct cli_list *set, const char *out,
                   struct jobs_plan **ret_plans, struct jobs_expanded **ret_expanded)
{
    return load_plans(paths, n, set, out, false, ret_plans, ret_expanded);
}

int cli_load_described(char *const *paths, size_t n, const struct cli_list *set, const char *out,
                       struct jobs_plan **ret_plans)
{
    return load_plans(paths, n, set, out, true, ret_plans, NULL);
}

void cli_free_plans(struct jobs_plan **plans, size_t n)
{
    for (size_t i = 0; i < n; i++)
        jobs_plan_free(plans[i]);
    free(plans);
}

#define RECORD_MAX ((size_t)16 << 20)

/* Finds in a copy what the job file included (manifest_texts), behind its own text; malloc'ed.
 * Changes *len to that of the text alone. */
static struct jobs_inclusion *find_inclusions(const char *text, size_t *len, size_t *ret_n)
{
    const char *end = text + *len, *at = memchr(text, '\0', *len);
    struct jobs_inclusion *list = NULL;
    size_t n = 0;

    if (at != NULL)
        *len = (size_t)(at - text);
    while (at != NULL && at < end) { /* at a NUL; the text ends with one more */
        const char *path = at + 1, *content = path + strlen(path) + 1, *next;

        if (content > end)
            break;
        next = memchr(content, '\0', (size_t)(end - content));
        list = xrealloc(list, (n + 1) * sizeof(*list));
        list[n++] =
            (struct jobs_inclusion){path, content, (size_t)((next != NULL ? next : end) - content)};
        at = next;
    }
    *ret_n = n;
    return list;
}

int cli_load_record(int fd, const char *path, char *const *set, const char *out,
                    struct jobs_plan **ret_plan, struct cupel_error *err)
{
    struct own_dirs own = {0};
    struct jobs_parameters parameters = {.given = (const char *const *)set};
    cleanup_strbuf struct strbuf problems = {0};
    cleanup_free struct jobs_inclusion *inclusions = NULL;
    cleanup_free char *text = NULL;
    cleanup_close int file = fd;
    size_t len;
    int r = file < 0 ? file : file_read_fd(file, RECORD_MAX, &text, &len);

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read the copy of job file %s",
                               path);
    while (set != NULL && set[parameters.n] != NULL)
        parameters.n++;
    inclusions = find_inclusions(text, &len, &parameters.n_inclusions);
    parameters.inclusions = inclusions;
    find_own(&own, out);
    parameters.own = own.list;
    parameters.n_own = own.n;
    r = jobs_load_text_with(path, text, len, &parameters, ret_plan, &problems, err);
    if (r < 0 && problems.data != NULL)
        (void)fputs(problems.data, stderr);
    return r;
}

void cli_restore_job(struct jobs_job *job, const char *user, const char *workdir, char *const *env)
{
    if (user != NULL && !job->has_user)
        job->user = user;
    if (workdir != NULL && !job->has_workdir)
        job->workdir = workdir;
    for (const char **name = job->pass_env; name != NULL && *name != NULL; name++)
        (void)unsetenv(*name);
    for (; env != NULL && *env != NULL; env++) {
        const char *equals = strchr(*env, '=');

        if (equals != NULL) {
            cleanup_free char *name = xstrdup(*env);

            name[equals - *env] = '\0';
            (void)setenv(name, equals + 1, 1);
        }
    }
}
