/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_clean: `cupel clean` removes what killed runs left behind; with --kept, what is kept of
 * failed jobs. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_kept.h"
#include "harness/cli/options.h"
#include "harness/prepare/prepare.h"
#include "harness/selftest/selftest.h"
#include "harness/supervisor/supervisor.h"

struct clean_arguments {
    bool kept;
    uint64_t older_than_ns; /* 0: whatever its age */
};

#define FIELD(name) offsetof(struct clean_arguments, name)

static const struct cli_option options[] = {
    CLI_OPTION('\0', "kept", CLI_FLAG, FIELD(kept), NULL,
               "instead what is kept of failed jobs (cupel run --keep-failed)"),
    CLI_OPTION('\0', "older-than", CLI_DURATION, FIELD(older_than_ns), "AGE",
               "only of jobs that started longer ago than this (90m, 24h)", .min = 1),
};

static const struct cli_command command = {
    .name = "clean",
    .usage = "clean\n"
             "clean --kept [--older-than AGE]",
    .about = "Removes what killed runs left behind: their directories in the store and their "
             "cgroups, and what a killed "
             "`cupel selftest` laid out. Every `cupel run` or `cupel selftest` does this too when "
             "it starts.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
};

int cli_clean(int argc, char **argv)
{
    struct clean_arguments a = {0};
    struct cli_words words;
    struct cupel_error err;
    size_t removed = 0, swept = 0, tests = 0;
    int code;

    if (!cli_parse(&command, argc, argv, &a, &words, &code))
        return code;
    if (a.older_than_ns > 0 && !a.kept)
        return cli_wrong(&command, "--older-than goes with --kept");
    code = cli_take_rights(argv - 1, CLI_RIGHTS_TO_STORE);
    if (code != 0)
        return code;
    if (a.kept)
        return cli_clean_kept(a.older_than_ns);
    if (prepare_recover(&removed, &err) < 0 || prepare_sweep(&swept, &err) < 0 ||
        selftest_recover(&tests, &err) < 0)
        return cli_fail(&err);
    (void)printf("%zu dead run%s removed\n", removed, removed == 1 ? "" : "s");
    if (swept > 0)
        (void)printf("cgroups of %zu dead run%s removed, of which this store knows nothing\n",
                     swept, swept == 1 ? "" : "s");
    if (tests > 0)
        (void)printf("%zu director%s of killed self-tests removed\n", tests,
                     tests == 1 ? "y" : "ies");
    return 0;
}
