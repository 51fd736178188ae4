/* shell: `cupel shell`: a terminal in the sandbox of a job, or over a root. */
#include "harness/cli/cli.h"
#include "harness/cli/kept.h"
#include "harness/supervisor/session.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
    "usage: cupel shell FILE JOB [options] [-- COMMAND...]\n"
    "       cupel shell --rootfs NAME [--file FILE] [options] [-- COMMAND...]\n"
    "       cupel shell --failed JOB [--run RUN] [--out DIR] [options] [-- COMMAND...]\n"
    "\n"
    "Opens a shell, or runs COMMAND, in exactly the sandbox that the job would get: namespaces, mounts, inputs,\n"
    "environment, user and limits (but wall, cpu-time and output, which are about commands that nobody watches).\n"
    "What it writes is gone when it ends, as with a job.\n"
    "\n"
    "      --rootfs NAME       no job: what a job gets that says nothing, over this root: host, one of the job file\n"
    "                          given by --file, or one of the cache by name or key (cupel rootfs list)\n"
    "      --failed JOB        what a failed job left (cupel run --keep-failed): the same sandbox with everything "
    "that\n"
    "                          the job wrote; the newest of that name. What is written now is gone with the session\n"
    "      --run RUN           of that run (cupel list --kept)\n"
    "      --out DIR           of a run that reported to this directory\n"
    "      --file FILE         the job file whose roots --rootfs may name\n"
    "      --best-effort       even if this machine cannot hold a limit; each is named\n"
    "      --allow-host-network  let a job with `network: host` use this machine's network\n"
    "  -h, --help              this text\n"
    "\n"
    "On a terminal the session gets a terminal of its own; otherwise three pipes.\n"
    "Exit status: that of the command, 128 + N if signal N ended it, 127 if there is no such program; 2 and 3 as with\n"
    "cupel run.\n";

struct arguments {
    const char *rootfs, *file;
    struct kept_query failed;   /* `what`: NULL without --failed */
    const char *const *command; /* after "--"; NULL: none */
    struct session_options o;
};

enum { OPT_ROOTFS = 256, OPT_FILE, OPT_FAILED, OPT_RUN, OPT_OUT, OPT_BEST_EFFORT, OPT_ALLOW_HOST_NETWORK };

static const struct option options[] = {
    {"rootfs", required_argument, NULL, OPT_ROOTFS},
    {"file", required_argument, NULL, OPT_FILE},
    {"failed", required_argument, NULL, OPT_FAILED},
    {"run", required_argument, NULL, OPT_RUN},
    {"out", required_argument, NULL, OPT_OUT},
    {"best-effort", no_argument, NULL, OPT_BEST_EFFORT},
    {"allow-host-network", no_argument, NULL, OPT_ALLOW_HOST_NETWORK},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int wrong(struct cupel_error *err, const char *what, const char *word)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s%s%s%s", what, word != NULL ? " '" : "",
                          word != NULL ? word : "", word != NULL ? "'" : "");
    cupel_error_hint(err, "see cupel shell --help");
    return -EINVAL;
}

/* Cuts the arguments at "--", since a command's options are its own; returns how many come before. */
static int cut_command(int argc, char **argv, const char *const **ret_command)
{
    for (int i = 1; i < argc; i++)
        if (str_eq(argv[i], "--")) {
            *ret_command = (const char *const *)argv + i + 1;
            return i;
        }
    return argc;
}

static bool take_option(struct arguments *a, int c)
{
    const struct {
        int option;
        const char **to;
    } values[] = {{OPT_ROOTFS, &a->rootfs},
                  {OPT_FILE, &a->file},
                  {OPT_FAILED, &a->failed.what},
                  {OPT_RUN, &a->failed.run},
                  {OPT_OUT, &a->failed.out}};

    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        if (c == values[i].option)
            *values[i].to = optarg;
    a->o.best_effort |= c == OPT_BEST_EFFORT;
    a->o.allow_host_network |= c == OPT_ALLOW_HOST_NETWORK;
    return c != '?' && c != ':';
}

static int check(const struct arguments *a, int argc, char **argv, struct cupel_error *err)
{
    int taken = a->rootfs != NULL || a->failed.what != NULL ? 0 : 2;

    if (a->command != NULL && a->command[0] == NULL)
        return wrong(err, "no command after '--'", NULL);
    if (a->rootfs != NULL && a->failed.what != NULL)
        return wrong(err, "--rootfs and --failed exclude each other", NULL);
    if (a->rootfs == NULL && a->file != NULL)
        return wrong(err, "--file goes with --rootfs", NULL);
    if (a->failed.what == NULL && (a->failed.run != NULL || a->failed.out != NULL))
        return wrong(err, "--run and --out go with --failed", NULL);
    if (argc - optind > taken)
        return wrong(err, "a command comes after '--'; unexpected", argv[optind + taken]);
    if (argc - optind < taken)
        return wrong(err, "cupel shell takes a job file and a job, or --rootfs, or --failed", NULL);
    return 0;
}

/* 0 to go on, 1 when --help was given, negative on an error. */
static int parse(int argc, char **argv, struct arguments *a, struct cupel_error *err)
{
    int c;

    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (c == 'h')
            return 1;
        if (!take_option(a, c))
            return wrong(err, c == ':' ? "this option needs a value:" : "unknown option", argv[optind - 1]);
    }
    return check(a, argc, argv, err);
}

/* ---- a job of a file ---- */

static int find_job(const struct jobs_plan *plan, const char *name, const struct jobs_job **ret,
                    struct cupel_error *err)
{
    cleanup_free const char **names = xcalloc(plan->n_jobs, sizeof(*names));
    const char *near;

    for (size_t i = 0; i < plan->n_jobs; i++) {
        names[i] = plan->jobs[i].name;
        if (str_eq(names[i], name)) {
            *ret = &plan->jobs[i];
            return 0;
        }
    }
    near = str_nearest(name, names, plan->n_jobs);
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s has no job '%s'", plan->file, name);
    if (near != NULL)
        cupel_error_hint(err, "did you mean '%s'?", near);
    else
        cupel_error_hint(err, "`cupel list %s` shows its jobs", plan->file);
    return -ENOENT;
}

static int shell_of_job(struct arguments *a, const char *file, const char *name)
{
    struct jobs_plan *plan = NULL;
    struct cupel_error err;
    int code = cli_load_plan(file, &plan);

    if (code != 0)
        return code;
    a->o.plan = plan;
    if (find_job(plan, name, &a->o.job, &err) < 0 || session_shell(&a->o, &code, &err) < 0)
        code = cli_fail(&err);
    jobs_plan_free(plan);
    return code;
}

/* ---- a root without a job ---- */

static const char bare[] = "cupel: 1\nname: shell\njobs: {shell: {run: [/bin/sh]}}\n";

/* The root that --rootfs names: of the file, built in, or else one that the cache knows. */
static int choose_root(const char *name, const struct jobs_plan *of_file, struct jobs_root *ret,
                       struct cupel_error *err)
{
    for (size_t i = 0; i < of_file->n_roots; i++)
        if (str_eq(of_file->roots[i].name, name)) {
            *ret = of_file->roots[i];
            if (ret->kind != JOBS_ROOT_SCRATCH)
                return 0;
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "the root 'scratch' is empty: there is no shell in it");
            cupel_error_hint(err, "name another root, or a job whose inputs bring a static program: cupel shell FILE "
                                  "JOB -- PROGRAM");
            return -EINVAL;
        }
    *ret = (struct jobs_root){.name = name, .kind = JOBS_ROOT_CACHED};
    return 0;
}

static int shell_over(struct arguments *a, const struct jobs_plan *of_file, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_plan *plan = NULL;
    struct jobs_root root;
    int code = 0, r = choose_root(a->rootfs, of_file, &root, err);

    if (r == 0)
        r = jobs_load_text("shell", bare, sizeof(bare) - 1, &plan, &problems, err);
    if (r == 0) {
        plan->jobs[0].root = 0;
        plan->roots = &root;
        plan->n_roots = 1;
        a->o.plan = plan;
        a->o.job = &plan->jobs[0];
        r = session_shell(&a->o, &code, err);
    }
    jobs_plan_free(plan);
    return r < 0 ? r : code;
}

static int shell_of_root(struct arguments *a)
{
    struct jobs_root built_in[] = {{.name = "host", .kind = JOBS_ROOT_HOST},
                                   {.name = "scratch", .kind = JOBS_ROOT_SCRATCH}};
    const struct jobs_plan no_file = {.roots = built_in, .n_roots = ARRAY_SIZE(built_in)};
    struct jobs_plan *plan = NULL;
    struct cupel_error err;
    int code = a->file != NULL ? cli_load_plan(a->file, &plan) : 0;

    if (code != 0)
        return code;
    code = shell_over(a, plan != NULL ? plan : &no_file, &err);
    jobs_plan_free(plan);
    return code < 0 ? cli_fail(&err) : code;
}

int cli_shell(int argc, char **argv)
{
    struct arguments a = {0};
    struct cupel_error err;
    int r, code;

    argc = cut_command(argc, argv, &a.command);
    r = parse(argc, argv, &a, &err);
    if (r < 0)
        return cli_fail(&err);
    if (r > 0) {
        (void)fputs(usage, stdout);
        return 0;
    }
    code = cli_take_rights(argv - 1, CLI_RIGHTS_TO_RUN); /* argv[-1]: see main */
    if (code != 0)
        return code;
    a.o.command = a.command;
    if (a.failed.what != NULL)
        return cli_shell_failed(&a.failed, &a.o);
    return a.rootfs != NULL ? shell_of_root(&a) : shell_of_job(&a, argv[optind], argv[optind + 1]);
}
