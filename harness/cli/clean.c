/* clean: `cupel clean` removes what killed runs left behind. */
#include "harness/cli/cli.h"
#include "harness/supervisor/supervisor.h"

#include <getopt.h>

static const char usage[] = "usage: cupel clean\n"
                            "\n"
                            "Removes what killed runs left behind: their directories in the store and their cgroups.\n"
                            "Every `cupel run` does this too when it starts.\n";

int cli_clean(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct cupel_error err;
    size_t removed = 0;
    int c;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(usage, stdout);
            return 0;
        }
        (void)fputs(usage, stderr);
        return CUPEL_ERROR_INPUT;
    }
    if (optind < argc) {
        (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "'cupel clean' takes no argument, got '%s'", argv[optind]);
        return cli_fail(&err);
    }
    c = cli_take_rights(argv - 1, CLI_RIGHTS_TO_STORE);
    if (c != 0)
        return c;
    if (supervisor_recover(&removed, &err) < 0)
        return cli_fail(&err);
    (void)printf("%zu dead run%s removed\n", removed, removed == 1 ? "" : "s");
    return 0;
}
