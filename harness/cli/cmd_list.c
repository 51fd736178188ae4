/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_list: which jobs a run of these files would run, in the order of their needs. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_choice.h"
#include "harness/cli/cli_kept.h"
#include "harness/cli/options.h"
#include "jobs/jobs.h"

#include <jansson.h>
#include <string.h>

struct list_arguments {
    struct cli_choice choice;
    struct cli_list set;
    bool json, expanded, kept;
};

#define FIELD(name) offsetof(struct list_arguments, name)

static const struct cli_option options[] = {
    CLI_CHOICE(FIELD(choice.only), FIELD(choice.skip), FIELD(choice.tags)),
    CLI_OPTION('\0', "set", CLI_LIST, FIELD(set), "NAME=VALUE",
               "what `${{ params.NAME }}` in the job files stands for; may be repeated"),
    CLI_OPTION('\0', "json", CLI_FLAG, FIELD(json), NULL,
               "a JSON array of objects: file, name, description, rootfs, from, needs, tags, "
               "steps (where `run` has steps), of and matrix (of an instance: its job's name and "
               "its values)"),
    CLI_OPTION('\0', "expanded", CLI_FLAG, FIELD(expanded), NULL,
               "instead all that each job says once everything is written out, as YAML, or with "
               "--json as a JSON array of files"),
    CLI_OPTION('\0', "kept", CLI_FLAG, FIELD(kept), NULL,
               "instead what is kept of failed jobs (cupel run --keep-failed), the newest first"),
};

static const struct cli_command command = {
    .name = "list",
    .usage =
        "list [FILE...] [--only GLOB] [--skip GLOB] [--tag GLOB] [--set NAME=VALUE] [--expanded] "
        "[--json]\n"
        "list --kept [--json]",
    .about = "Lists jobs in an order in which they can run, one a line: name and description.",
    .after = CLI_FILES_HELP,
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .max_words = CLI_ANY_NUMBER,
    .words = "at least one job file, or --kept",
};

static json_t *name_array(const char *const *names)
{
    json_t *list = json_array();

    for (; *names != NULL; names++)
        (void)json_array_append_new(list, json_string(*names));
    return list;
}

/* A value that is not UTF-8, as a file's name may be, is absent. */
static json_t *matrix_object(const char *const *pairs)
{
    json_t *object = json_object();

    for (; *pairs != NULL; pairs++) {
        const char *equals = strchr(*pairs, '=');
        cleanup_free char *key = strndup(*pairs, (size_t)(equals - *pairs));

        (void)json_object_set_new(object, key, json_string(equals + 1));
    }
    return object;
}

static json_t *job_object(const struct jobs_plan *plan, const struct jobs_job *job)
{
    json_t *needs = json_array(), *steps = json_array(), *object;

    for (size_t i = 0; i < job->n_needs; i++)
        (void)json_array_append_new(needs, json_string(plan->jobs[job->needs[i]].name));
    for (size_t i = 0; job->has_steps && i < job->n_steps; i++)
        (void)json_array_append_new(steps, json_string(job->steps[i].name));
    object = json_pack("{s:s, s:s, s:o, s:o}", "name", job->name, "rootfs",
                       plan->roots[job->root].name, "needs", needs, "tags", name_array(job->tags));
    /* refused, and so absent, for a path that is not UTF-8, which JSON cannot carry */
    (void)json_object_set_new(object, "file", json_string(plan->file));
    if (job->matrix != NULL) {
        (void)json_object_set_new(object, "of", json_string(plan->groups[job->group].name));
        (void)json_object_set_new(object, "matrix", matrix_object(job->matrix));
    }
    if (job->from != JOBS_FROM_NOTHING)
        (void)json_object_set_new(object, "from", json_string(plan->jobs[job->from].name));
    if (job->description != NULL)
        (void)json_object_set_new(object, "description", json_string(job->description));
    if (job->has_steps)
        (void)json_object_set_new(object, "steps", steps);
    else
        json_decref(steps);
    return object;
}

/* Columns are guessed: one for each letter. */
static size_t letters_of(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* A description may have several lines; here it gets one. */
static void print_line(const struct jobs_job *job, size_t width)
{
    const char *text = job->description != NULL ? job->description : "";
    cleanup_free char *first = strndup(text, strcspn(text, "\n\r"));
    cleanup_strbuf struct strbuf line = {0};

    text_add_line(&line, job->name);
    if (first != NULL && *first != '\0') {
        strbuf_addf(&line, "%*s  ", (int)(width - letters_of(job->name)), "");
        text_add_line(&line, first);
    }
    (void)puts(line.data);
}

static void print_jobs(const struct jobs_plan *plan, const bool *selected, json_t *list)
{
    cleanup_free size_t *order = xcalloc(plan->n_jobs, sizeof(*order));
    size_t width = 0;

    for (size_t i = 0; i < plan->n_jobs; i++)
        if (selected[i] && letters_of(plan->jobs[i].name) > width)
            width = letters_of(plan->jobs[i].name);
    jobs_order(plan, order);
    for (size_t i = 0; i < plan->n_jobs; i++) {
        const struct jobs_job *job = &plan->jobs[order[i]];

        if (!selected[order[i]])
            continue;
        if (list != NULL)
            (void)json_array_append_new(list, job_object(plan, job));
        else
            print_line(job, width);
    }
}

/* Prints one file of several as a document of its own. */
static void print_expanded(const struct jobs_expanded *x, const struct jobs_plan *plan,
                           const bool *selected, bool alone, json_t *list)
{
    if (list != NULL) {
        cleanup_free char *text = jobs_expanded_json(x, plan, selected);

        (void)json_array_append_new(list, text != NULL ? json_loads(text, 0, NULL) : NULL);
        return;
    }
    if (!alone)
        (void)puts("---");
    jobs_expanded_write(x, plan, selected, stdout);
}

/* Lists `n` plans; `expanded` has NULL for each unless --expanded is given. */
static int list_plans(struct jobs_plan *const *plans, struct jobs_expanded *const *expanded,
                      size_t n, bool alone, const struct list_arguments *a)
{
    cleanup_free bool **selected = xcalloc(n, sizeof(*selected));
    int code = cli_choose(&a->choice, plans, n, selected);

    if (code == 0) {
        json_t *list = a->json ? json_array() : NULL;

        for (size_t i = 0; i < n; i++)
            if (expanded[i] != NULL)
                print_expanded(expanded[i], plans[i], selected[i], alone, list);
            else
                print_jobs(plans[i], selected[i], list);
        if (list != NULL)
            (void)text_put_json(json_dumps(list, JSON_INDENT(2)), stdout);
        json_decref(list);
    }
    for (size_t i = 0; i < n; i++)
        free(selected[i]);
    return code;
}

static int list_files(char *const *paths, size_t n, const struct list_arguments *a)
{
    struct jobs_plan **plans = xcalloc(n, sizeof(*plans));
    cleanup_free struct jobs_expanded **expanded = xcalloc(n, sizeof(*expanded));
    int worst = cli_load_plans(paths, n, &a->set, plans, a->expanded ? expanded : NULL);
    size_t n_good = 0;

    /* those that are right come first, and are listed although others are wrong */
    for (size_t i = 0; i < n; i++)
        if (plans[i] != NULL) {
            struct jobs_plan *good = plans[i];
            struct jobs_expanded *x = expanded[i];

            plans[i] = NULL;
            expanded[i] = NULL;
            plans[n_good] = good;
            expanded[n_good++] = x;
        }
    if (n_good > 0 && (worst == 0 || !a->json)) {
        int code = list_plans(plans, expanded, n_good, n == 1, a);

        worst = code > worst ? code : worst;
    }
    for (size_t i = 0; i < n; i++)
        jobs_expanded_free(expanded[i]);
    cli_free_plans(plans, n);
    return worst;
}

/* Lists what is kept of failed jobs, which is no matter of a job file. */
static int list_kept(const struct list_arguments *a, const struct cli_words *words,
                     char **full_argv)
{
    int code;

    if (words->n > 0 || cli_choice_given(&a->choice) || a->expanded)
        return cli_wrong(&command, "--kept goes with no file, --only, --skip, --tag or --expanded");
    code = cli_take_rights(full_argv, CLI_RIGHTS_TO_STORE);
    return code != 0 ? code : cli_list_kept(a->json);
}

int cli_list(int argc, char **argv)
{
    struct list_arguments a = {0};
    struct cli_words words;
    int code;

    if (cli_parse(&command, argc, argv, &a, &words, &code)) {
        if (a.kept)
            code = list_kept(&a, &words, argv - 1); /* argv[-1]: see main */
        else
            code = cli_find_files(&command, &words);
        if (code == 0 && !a.kept)
            code = list_files(words.word, (size_t)words.n, &a);
    }
    cli_choice_free(&a.choice);
    cli_list_free(&a.set);
    return code;
}
