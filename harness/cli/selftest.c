/* selftest: `cupel selftest` runs the hostile suite and tells which promises hold on this host. */
#include "harness/selftest/selftest.h"
#include "harness/cli/cli.h"

#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <string.h>

static const char usage[] =
    "usage: cupel selftest [options]\n"
    "\n"
    "Runs small programs that each try to break out of a job, to outlive or exceed it, to reach another one or to\n"
    "forge a result, and tells which of cupel's promises hold on this host (docs/selftest.md).\n"
    "\n"
    "      --list         the probes: what each tries, for which promise, and what holds it; runs nothing\n"
    "      --only GLOB    only probes whose name matches; may be repeated\n"
    "      --json         JSON in place of the table\n"
    "      --markdown     with --list: as the tables of docs/selftest.md\n"
    "      --out DIR      write junit.xml and results.jsonl there\n"
    "  -j, --jobs N       run up to N probes at once (default: the number of CPUs)\n"
    "  -v, --verbose      tell of every probe, not only of those that do not hold\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit status: 0 everything that could be tested held, 1 a breach, 2 command line wrong, 3 probes could not be\n"
    "run, 130 interrupted.\n";

#define PROBES_FILE "libexec/cupel/cupel-probes"
#define PROBES_VARIABLE "CUPEL_PROBES"
#define SLOTS_MAX 64

enum { OPT_LIST = 256, OPT_ONLY, OPT_JSON, OPT_MARKDOWN, OPT_OUT };

static const struct option options[] = {
    {"list", no_argument, NULL, OPT_LIST},
    {"only", required_argument, NULL, OPT_ONLY},
    {"json", no_argument, NULL, OPT_JSON},
    {"markdown", no_argument, NULL, OPT_MARKDOWN},
    {"out", required_argument, NULL, OPT_OUT},
    {"jobs", required_argument, NULL, 'j'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct arguments {
    struct selftest_options o;
    const char **only;
    bool list, markdown;
};

static unsigned default_slots(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static int parse_slots(const char *text, unsigned *ret, struct cupel_error *err)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n < 1 || n > SLOTS_MAX)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "-j takes a number from 1 to %d, got '%s'", SLOTS_MAX, text);
    *ret = (unsigned)n;
    return 0;
}

static int wrong(const char *what, const char *word, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s '%s'", what, word);
    cupel_error_hint(err, "see cupel selftest --help");
    return -EINVAL;
}

/* 0 to go on, 1 when --help was given, negative on an error. */
static int parse(int argc, char **argv, struct arguments *a, struct cupel_error *err)
{
    int c;

    while ((c = getopt_long(argc, argv, ":j:vh", options, NULL)) != -1) {
        switch (c) {
        case OPT_LIST:
            a->list = true;
            break;
        case OPT_ONLY:
            a->only[a->o.n_only++] = optarg;
            break;
        case OPT_JSON:
            a->o.json = true;
            break;
        case OPT_MARKDOWN:
            a->markdown = true;
            break;
        case OPT_OUT:
            a->o.out = optarg;
            break;
        case 'j':
            if (parse_slots(optarg, &a->o.slots, err) < 0)
                return -EINVAL;
            break;
        case 'v':
            a->o.verbose = true;
            break;
        case 'h':
            return 1;
        case ':':
            return wrong("a value is missing after", argv[optind - 1], err);
        default:
            return wrong("unknown option", argv[optind - 1], err);
        }
    }
    if (optind < argc)
        return wrong("'cupel selftest' takes no argument, got", argv[optind], err);
    if (a->markdown && !a->list)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "--markdown has a meaning with --list only");
    return 0;
}

/* Beside the program, as installed and as built. The program is soon a copy in memory that has no place (seal.c), so what was found
 * goes on in the environment, where users may name another. */
static int find_probes(struct cupel_error *err)
{
    const char *given = getenv(PROBES_VARIABLE);
    char self[PATH_MAX] = "";
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    static const char *const places[] = {"/../" PROBES_FILE, "/../../" PROBES_FILE};

    if (given != NULL && given[0] == '/' && access(given, X_OK) == 0)
        return 0;
    if (given != NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              PROBES_VARIABLE " names no program by its absolute path: '%s'", given);
        return -ENOENT;
    }
    if (n > 0 && strrchr(self, '/') != NULL)
        *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        cleanup_free char *file = xasprintf("%s%s", self, places[i]), *real = realpath(file, NULL);

        if (real != NULL && access(real, X_OK) == 0)
            return setenv(PROBES_VARIABLE, real, 1) < 0 ? -errno : 0;
    }
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "the probes are not beside the program: no ../%s from %s",
                          PROBES_FILE, self);
    cupel_error_hint(err, "install all of cupel, or name the file in " PROBES_VARIABLE);
    return -ENOENT;
}

static int run(struct arguments *a, char **full_argv, struct cupel_error *err)
{
    int code = 0, r = find_probes(err);

    if (r < 0)
        return cli_fail(err);
    code = cli_take_rights(full_argv, CLI_RIGHTS_TO_RUN);
    if (code != 0)
        return code;
    a->o.probes = getenv(PROBES_VARIABLE);
    return selftest_run(&a->o, &code, err) < 0 ? cli_fail(err) : code;
}

static int list(const struct arguments *a, struct cupel_error *err)
{
    enum selftest_format format = a->markdown ? SELFTEST_MARKDOWN : a->o.json ? SELFTEST_JSON : SELFTEST_TEXT;

    return selftest_list(&a->o, format, err) < 0 ? cli_fail(err) : 0;
}

int cli_selftest(int argc, char **argv)
{
    struct arguments a = {.o = {.slots = default_slots()}, .only = xcalloc((size_t)argc, sizeof(char *))};
    struct cupel_error err;
    int code, r;

    a.o.only = a.only;
    r = parse(argc, argv, &a, &err);
    if (r < 0) {
        code = cli_fail(&err);
    } else if (r > 0) {
        (void)fputs(usage, stdout);
        code = 0;
    } else {
        code = a.list ? list(&a, &err) : run(&a, argv - 1, &err);
    }
    free(a.only);
    return code;
}
