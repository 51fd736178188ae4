/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_list: which jobs a run of these files would run, in the order of their needs. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_choice.h"
#include "harness/cli/cli_jobs.h"
#include "harness/cli/cli_kept.h"
#include "harness/cli/options.h"
#include "jobs/jobs.h"

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
               "its values); where a job says them, also needs-when, allow-failure, retries, "
               "retry-on, retry-delay, max-parallel, fail-fast, exclusive, slots, after, secrets, "
               "services, artifacts, refused, and of a case `case`: its name, submission, points, "
               "group, visibility and hint"),
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
    struct jobs_ids *ids = jobs_ids_new(plans, n);
    int code = cli_choose(&a->choice, plans, n, NULL, selected);

    if (code == 0) {
        json_t *list = a->json ? json_array() : NULL;

        for (size_t i = 0; i < n; i++)
            if (expanded[i] != NULL)
                print_expanded(expanded[i], plans[i], selected[i], alone, list);
            else if (list != NULL)
                cli_jobs_add_json(plans[i], selected[i], list);
            else
                cli_jobs_print(ids, plans[i], selected[i]);
        if (list != NULL)
            (void)text_put_json(json_dumps(list, JSON_INDENT(2)), stdout);
        json_decref(list);
    }
    for (size_t i = 0; i < n; i++)
        free(selected[i]);
    jobs_ids_free(ids);
    return code;
}

static int list_files(char *const *paths, size_t n, const struct list_arguments *a)
{
    struct jobs_plan **plans = xcalloc(n, sizeof(*plans));
    cleanup_free struct jobs_expanded **expanded = xcalloc(n, sizeof(*expanded));
    int worst = cli_load_plans(paths, n, &a->set, NULL, plans, a->expanded ? expanded : NULL);
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
