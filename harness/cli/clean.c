/* clean: `cupel clean` removes what killed runs left behind; with --kept, what is kept of failed jobs. */
#include "harness/cli/cli.h"
#include "harness/cli/kept.h"
#include "harness/supervisor/supervisor.h"

#include <getopt.h>

static const char usage[] = "usage: cupel clean\n"
                            "       cupel clean --kept [--older-than AGE]\n"
                            "\n"
                            "Removes what killed runs left behind: their directories in the store and their cgroups.\n"
                            "Every `cupel run` does this too when it starts.\n"
                            "\n"
                            "      --kept            instead what is kept of failed jobs (cupel run --keep-failed)\n"
                            "      --older-than AGE  only of jobs that started longer ago than this (90m, 24h)\n"
                            "  -h, --help            show this help\n";

struct clean_options {
    bool kept;
    uint64_t older_than_ns; /* 0: whatever its age */
};

/* 0 to go on, 1 when --help was given, negative on an error. */
static int parse(int argc, char **argv, struct clean_options *o, struct cupel_error *err)
{
    static const struct option options[] = {{"kept", no_argument, NULL, 'k'},
                                            {"older-than", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (c == 'h')
            return 1;
        if (c == 'k')
            o->kept = true;
        else if (c != 'o')
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "wrong option '%s' of clean", argv[optind - 1]);
        else if (unit_parse_duration(optarg, &o->older_than_ns) < 0 || o->older_than_ns == 0)
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "--older-than takes a duration such as 24h, got '%s'",
                                   optarg);
    }
    if (optind < argc)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'cupel clean' takes no argument, got '%s'", argv[optind]);
    if (o->older_than_ns > 0 && !o->kept)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "--older-than goes with --kept");
    return 0;
}

int cli_clean(int argc, char **argv)
{
    struct clean_options o = {0};
    struct cupel_error err;
    size_t removed = 0;
    int r = parse(argc, argv, &o, &err);

    if (r < 0) {
        cupel_error_hint(&err, "see cupel clean --help");
        return cli_fail(&err);
    }
    if (r > 0) {
        (void)fputs(usage, stdout);
        return 0;
    }
    r = cli_take_rights(argv - 1, CLI_RIGHTS_TO_STORE);
    if (r != 0)
        return r;
    if (o.kept)
        return cli_clean_kept(o.older_than_ns);
    if (supervisor_recover(&removed, &err) < 0)
        return cli_fail(&err);
    (void)printf("%zu dead run%s removed\n", removed, removed == 1 ? "" : "s");
    return 0;
}
