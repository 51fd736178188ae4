/* schema: prints the rules of the job file. */
#include "harness/cli/cli.h"
#include "jobs/jobs.h"

#include <getopt.h>

static const char usage[] = "Usage: cupel schema [--markdown]\n"
                            "Print the rules of the job file as JSON Schema (draft 2020-12), for editors.\n"
                            "\n"
                            "      --markdown   as the tables of docs/job-file.md instead\n"
                            "  -h, --help       show this help\n";

int cli_schema(int argc, char **argv)
{
    static const struct option options[] = {
        {"markdown", no_argument, NULL, 'm'}, {"help", no_argument, NULL, 'h'}, {0}};
    cleanup_free char *text = NULL;
    bool markdown = false;
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'm':
            markdown = true;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        default:
            (void)fputs("Try 'cupel schema --help'.\n", stderr);
            return CUPEL_ERROR_INPUT;
        }
    }
    if (optind != argc) {
        (void)fputs(usage, stderr);
        return CUPEL_ERROR_INPUT;
    }
    text = markdown ? jobs_markdown() : jobs_schema();
    (void)fputs(text, stdout);
    return 0;
}
