/* validate: checks job files and does nothing else. */
#include "harness/cli/cli.h"
#include "jobs/jobs.h"

#include <getopt.h>

static const char usage[] = "Usage: cupel validate FILE...\n"
                            "Check job files: every problem is printed with its line; nothing is run.\n"
                            "\n"
                            "  -h, --help   show this help\n"
                            "\n"
                            "Exit code: 0 all files are good, 2 some file is not.\n";

static int validate(const char *path)
{
    struct jobs_plan *plan = NULL;
    int code = cli_load_plan(path, &plan);

    if (code != 0)
        return code;
    (void)printf("%s: ok (%zu %s)\n", path, plan->n_jobs, plan->n_jobs == 1 ? "job" : "jobs");
    jobs_plan_free(plan);
    return 0;
}

int cli_validate(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int worst = 0;
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return 0;
        }
        (void)fputs("Try 'cupel validate --help'.\n", stderr);
        return CUPEL_ERROR_INPUT;
    }
    if (optind == argc) {
        (void)fputs(usage, stderr);
        return CUPEL_ERROR_INPUT;
    }
    for (int i = optind; i < argc; i++) {
        int code = validate(argv[i]);

        worst = code > worst ? code : worst;
    }
    return worst;
}
