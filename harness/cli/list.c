/* list: which jobs a run of these files would run, in the order of their needs. */
#include "harness/cli/cli.h"
#include "harness/cli/kept.h"
#include "jobs/jobs.h"

#include <getopt.h>
#include <jansson.h>
#include <string.h>

static const char usage[] =
    "Usage: cupel list FILE... [--only GLOB]... [--tag TAG]... [--json]\n"
    "       cupel list --kept [--json]\n"
    "List jobs in an order in which they can run, one a line: name and description.\n"
    "\n"
    "      --only GLOB   only jobs whose name matches, and what they need\n"
    "      --tag TAG     only jobs with this tag, and what they need\n"
    "      --json        a JSON array of objects: file, name, description, rootfs, needs, tags,\n"
    "                    and steps (where `run` has steps)\n"
    "      --kept        instead what is kept of failed jobs (cupel run --keep-failed), the newest first\n"
    "  -h, --help        show this help\n";

struct list_options {
    const char **only;
    size_t n_only;
    const char **tags;
    size_t n_tags;
    bool json;
};

static json_t *name_array(const char *const *names)
{
    json_t *list = json_array();

    for (; *names != NULL; names++)
        (void)json_array_append_new(list, json_string(*names));
    return list;
}

static json_t *job_object(const struct jobs_plan *plan, const struct jobs_job *job)
{
    json_t *needs = json_array(), *steps = json_array(), *object;

    for (size_t i = 0; i < job->n_needs; i++)
        (void)json_array_append_new(needs, json_string(plan->jobs[job->needs[i]].name));
    for (size_t i = 0; job->has_steps && i < job->n_steps; i++)
        (void)json_array_append_new(steps, json_string(job->steps[i].name));
    object = json_pack("{s:s, s:s, s:o, s:o}", "name", job->name, "rootfs", plan->roots[job->root].name, "needs", needs,
                       "tags", name_array(job->tags));
    /* refused, and so absent, for a path that is not UTF-8, which JSON cannot carry */
    (void)json_object_set_new(object, "file", json_string(plan->file));
    if (job->description != NULL)
        (void)json_object_set_new(object, "description", json_string(job->description));
    if (job->has_steps)
        (void)json_object_set_new(object, "steps", steps);
    else
        json_decref(steps);
    return object;
}

/* A description may have several lines; here it gets one. */
static void print_line(const struct jobs_job *job, size_t width)
{
    const char *text = job->description != NULL ? job->description : "";

    if (*text == '\0')
        (void)puts(job->name);
    else
        (void)printf("%-*s  %.*s\n", (int)width, job->name, (int)strcspn(text, "\n\r"), text);
}

static void print_jobs(const struct jobs_plan *plan, const bool *selected, json_t *list)
{
    cleanup_free size_t *order = xcalloc(plan->n_jobs, sizeof(*order));
    size_t width = 0;

    for (size_t i = 0; i < plan->n_jobs; i++)
        if (selected[i] && strlen(plan->jobs[i].name) > width)
            width = strlen(plan->jobs[i].name);
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

static int list_file(const char *path, const struct list_options *o, json_t *list)
{
    cleanup_free bool *selected = NULL;
    struct jobs_plan *plan = NULL;
    struct cupel_error err = {0};
    int code = cli_load_plan(path, &plan);

    if (code != 0)
        return code;
    selected = xcalloc(plan->n_jobs, sizeof(*selected));
    if (jobs_select(plan, o->only, o->n_only, o->tags, o->n_tags, selected, &err) < 0)
        code = cli_fail(&err);
    else
        print_jobs(plan, selected, list);
    jobs_plan_free(plan);
    return code;
}

static int list_files(char *const *paths, const struct list_options *o)
{
    json_t *list = o->json ? json_array() : NULL;
    int worst = 0;

    for (; *paths != NULL; paths++) {
        int code = list_file(*paths, o, list);

        worst = code > worst ? code : worst;
    }
    if (list != NULL && worst == 0) {
        (void)json_dumpf(list, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    }
    json_decref(list);
    return worst;
}

int cli_list(int argc, char **argv)
{
    static const struct option options[] = {
        {"only", required_argument, NULL, 'o'}, {"tag", required_argument, NULL, 't'}, {"kept", no_argument, NULL, 'k'},
        {"json", no_argument, NULL, 'j'},       {"help", no_argument, NULL, 'h'},      {0}};
    cleanup_free const char **only = xcalloc((size_t)argc, sizeof(*only));
    cleanup_free const char **tags = xcalloc((size_t)argc, sizeof(*tags));
    struct list_options o = {.only = only, .tags = tags};
    bool kept = false;
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'o':
            only[o.n_only++] = optarg;
            break;
        case 't':
            tags[o.n_tags++] = optarg;
            break;
        case 'k':
            kept = true;
            break;
        case 'j':
            o.json = true;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        default:
            (void)fputs("Try 'cupel list --help'.\n", stderr);
            return CUPEL_ERROR_INPUT;
        }
    }
    if (kept && optind == argc && o.n_only == 0 && o.n_tags == 0) {
        int code = cli_take_rights(argv - 1, CLI_RIGHTS_TO_STORE);

        return code != 0 ? code : cli_list_kept(o.json);
    }
    if (kept || optind == argc) {
        (void)fputs(usage, stderr);
        return CUPEL_ERROR_INPUT;
    }
    return list_files(argv + optind, &o);
}
