/* doctor: `cupel doctor` tells what this host can do for cupel. */
#include "harness/doctor/doctor.h"
#include "harness/cli/cli.h"
#include "harness/rights/rights.h"

#include <getopt.h>

static const char usage[] =
    "usage: cupel doctor [--json]\n"
    "\n"
    "Tries every capability that cupel uses on this host, and prints for each whether it works, is degraded or\n"
    "is missing, what depends on it, and how to get it. Changes nothing.\n"
    "\n"
    "      --json   print one JSON object\n"
    "  -h, --help   show this help\n"
    "\n"
    "Exit code: 0 when `cupel run` can work here, whatever optional things are missing; 3 when it cannot.\n";

static bool wants_colour(void)
{
    const char *no_color = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) == 1 && (no_color == NULL || no_color[0] == '\0');
}

static int examine(bool json)
{
    struct doctor_report report;
    struct cupel_error err;
    int r, code;

    doctor_examine(&report);
    r = json ? doctor_print_json(&report, stdout) : doctor_print(&report, stdout, wants_colour());
    code = doctor_can_run(&report) ? 0 : CUPEL_ERROR_HARNESS;
    doctor_report_free(&report);
    if (r == 0)
        return code;
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, r, "cannot write the report to standard output");
    return cli_fail(&err);
}

int cli_doctor(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct cupel_error err;
    bool json = false;
    int c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(usage, stdout);
            return 0;
        }
        if (c != 'j') {
            (void)fputs(usage, stderr);
            return CUPEL_ERROR_INPUT;
        }
        json = true;
    }
    if (optind < argc) {
        (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "'cupel doctor' takes no argument, got '%s'", argv[optind]);
        return cli_fail(&err);
    }
    rights_join_scope(argv - 1); /* as a run would */
    return examine(json);
}
