/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_doctor: `cupel doctor` tells what this host can do for cupel. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_settings.h"
#include "harness/cli/options.h"
#include "harness/doctor/doctor.h"
#include "harness/rights/rights.h"

struct doctor_arguments {
    bool json;
};

static const struct cli_option options[] = {
    CLI_OPTION('\0', "json", CLI_FLAG, offsetof(struct doctor_arguments, json), NULL,
               "print one JSON object"),
};

static const struct cli_command command = {
    .name = "doctor",
    .usage = "doctor [--json]",
    .about = "Tries every capability that cupel uses on this host, and prints for each whether it "
             "works, is degraded or is "
             "missing, what depends on it, and how to get it. Changes nothing.",
    .after = "Exit status: 0 when `cupel run` can work here, whatever optional things are missing; "
             "3 when it cannot.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
};

static int examine(bool json)
{
    struct doctor_report report;
    struct cupel_error err;
    int r, code;

    doctor_examine(&report);
    r = json ? doctor_print_json(&report, stdout)
             : doctor_print(&report, stdout, text_wants_colour(STDOUT_FILENO));
    code = doctor_can_run(&report) ? 0 : CUPEL_ERROR_HARNESS;
    doctor_report_free(&report);
    if (r == 0)
        return code;
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, r,
                          "cannot write the report to standard output");
    return cli_fail(&err);
}

int cli_doctor(int argc, char **argv)
{
    struct doctor_arguments a = {0};
    struct cli_words words;
    int code;

    if (!cli_parse(&command, argc, argv, &a, &words, &code))
        return code;
    code = settings_apply();
    if (code != 0)
        return code;
    rights_join_scope(argv - 1); /* as a run would */
    return examine(a.json);
}
