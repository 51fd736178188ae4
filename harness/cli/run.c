/* run: `cupel run`: options into supervisor_options. */
#include "harness/cli/cli.h"
#include "harness/supervisor/kept.h"
#include "harness/supervisor/supervisor.h"

#include <getopt.h>
#include <sched.h>
#include <string.h>

static const char usage[] =
    "usage: cupel run FILE... [options]\n"
    "\n"
    "Runs the jobs of the given job files, each in a sandbox of its own, and writes reports.\n"
    "\n"
    "  -j, --jobs N            run up to N jobs at once (default: the number of CPUs)\n"
    "      --only GLOB         only jobs whose name matches, and what they need; may be repeated\n"
    "      --tag TAG           only jobs with this tag, and what they need; may be repeated\n"
    "      --out DIR           where reports, logs and artifacts go (default: cupel-out)\n"
    "      --retries N         run a job that does not pass again, up to N times (0 to 10): instead of its `retries`\n"
    "      --keep-failed[=N]   keep what failed jobs left, for cupel shell --failed: of the first N that fail\n"
    "                          (default: 16); each takes as much of the disk as the job wrote\n"
    "      --fail-fast         start no further job or attempt after a job that did not pass\n"
    "      --best-effort       run even if this machine cannot hold a limit; each is named in every report\n"
    "      --allow-host-network  let jobs with `network: host` use this machine's network\n"
    "      --sample DURATION   how often to note memory, CPU and processes of a running job (default: 100ms; off: "
    "never)\n"
    "  -h, --help              this text\n"
    "\n"
    "Exit status: 0 all passed, 1 some job did not, 2 job file or command line wrong, 3 cupel could not do its work,\n"
    "130 interrupted.\n";

#define SLOTS_MAX 1024
#define SAMPLE_DEFAULT_NS (100 * NSEC_PER_MSEC)
#define SAMPLE_MIN_NS (10 * NSEC_PER_MSEC) /* a look costs some 20 us: so it stays below a hundredth of a CPU */
#define SAMPLE_MAX_NS (3600 * NSEC_PER_SEC)

struct run_arguments {
    const char **only, **tags;
    size_t n_only, n_tags;
    bool slots_given;
    struct supervisor_options o;
};

enum {
    OPT_ONLY = 256,
    OPT_TAG,
    OPT_OUT,
    OPT_RETRIES,
    OPT_KEEP_FAILED,
    OPT_FAIL_FAST,
    OPT_BEST_EFFORT,
    OPT_ALLOW_HOST_NETWORK,
    OPT_SAMPLE
};

static const struct option options[] = {
    {"jobs", required_argument, NULL, 'j'},
    {"only", required_argument, NULL, OPT_ONLY},
    {"tag", required_argument, NULL, OPT_TAG},
    {"out", required_argument, NULL, OPT_OUT},
    {"retries", required_argument, NULL, OPT_RETRIES},
    {"keep-failed", optional_argument, NULL, OPT_KEEP_FAILED},
    {"fail-fast", no_argument, NULL, OPT_FAIL_FAST},
    {"best-effort", no_argument, NULL, OPT_BEST_EFFORT},
    {"allow-host-network", no_argument, NULL, OPT_ALLOW_HOST_NETWORK},
    {"sample", required_argument, NULL, OPT_SAMPLE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static unsigned default_slots(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static int parse_number(const char *option, const char *text, int min, int max, int *ret, struct cupel_error *err)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n < (unsigned long)min || n > (unsigned long)max)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s takes a number from %d to %d, got '%s'", option, min, max,
                               text);
    *ret = (int)n;
    return 0;
}

static int parse_sample(const char *text, uint64_t *ret, struct cupel_error *err)
{
    uint64_t ns;

    if (str_eq(text, "off")) {
        *ret = 0;
        return 0;
    }
    if (unit_parse_duration(text, &ns) < 0 || ns < SAMPLE_MIN_NS || ns > SAMPLE_MAX_NS)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "--sample takes a duration from 10ms to 1h, or off, got '%s'",
                               text);
    *ret = ns;
    return 0;
}

/* 0 to go on, 1 when --help was given, negative on an error. */
static int parse(int argc, char **argv, struct run_arguments *a, struct cupel_error *err)
{
    int c, n = 0;

    while ((c = getopt_long(argc, argv, ":j:h", options, NULL)) != -1) {
        switch (c) {
        case 'j':
            if (parse_number("-j", optarg, 1, SLOTS_MAX, &n, err) < 0)
                return -EINVAL;
            a->o.slots = (unsigned)n;
            a->slots_given = true;
            break;
        case OPT_RETRIES:
            if (parse_number("--retries", optarg, 0, JOBS_RETRIES_MAX, &a->o.retries, err) < 0)
                return -EINVAL;
            break;
        case OPT_KEEP_FAILED:
            n = KEPT_DEFAULT_MAX;
            if (optarg != NULL && parse_number("--keep-failed", optarg, 1, KEPT_MAX, &n, err) < 0)
                return -EINVAL;
            a->o.keep_failed = (unsigned)n;
            break;
        case OPT_ONLY:
            a->only[a->n_only++] = optarg;
            break;
        case OPT_TAG:
            a->tags[a->n_tags++] = optarg;
            break;
        case OPT_OUT:
            a->o.out = optarg;
            break;
        case OPT_FAIL_FAST:
            a->o.fail_fast = true;
            break;
        case OPT_BEST_EFFORT:
            a->o.best_effort = true;
            break;
        case OPT_ALLOW_HOST_NETWORK:
            a->o.allow_host_network = true;
            break;
        case OPT_SAMPLE:
            if (parse_sample(optarg, &a->o.sample_ns, err) < 0)
                return -EINVAL;
            break;
        case 'h':
            return 1;
        case ':':
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "option '%s' needs a value", argv[optind - 1]);
            cupel_error_hint(err, "see cupel run --help");
            return -EINVAL;
        default:
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "unknown option '%s'", argv[optind - 1]);
            cupel_error_hint(err, "see cupel run --help");
            return -EINVAL;
        }
    }
    if (optind == argc) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "no job file given");
        cupel_error_hint(err, "cupel run FILE...; see cupel run --help");
        return -EINVAL;
    }
    if (a->o.out[0] == '\0')
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "--out needs a directory");
    return 0;
}

/* Loads every file, so that all problems of all of them are told at once; 0 or the exit code. */
static int load_all(struct run_arguments *a, char **files, size_t n, struct jobs_plan **plans, bool **selected)
{
    struct cupel_error err;
    int code = 0;

    for (size_t i = 0; i < n; i++) {
        int r = cli_load_plan(files[i], &plans[i]);

        code = r > code ? r : code;
    }
    for (size_t i = 0; code == 0 && i < n; i++) {
        selected[i] = xcalloc(plans[i]->n_jobs, sizeof(bool));
        if (jobs_select(plans[i], a->only, a->n_only, a->tags, a->n_tags, selected[i], &err) < 0)
            code = cli_fail(&err);
    }
    return code;
}

/* Without -j: as many as the largest bridge has jobs, since those start together. */
static void make_slots_suffice(struct run_arguments *a, struct jobs_plan *const *plans, size_t n)
{
    for (size_t i = 0; i < n && !a->slots_given; i++)
        for (size_t b = 0; b < plans[i]->n_bridges; b++)
            if (plans[i]->bridges[b].n_members > a->o.slots)
                a->o.slots = (unsigned)plans[i]->bridges[b].n_members;
}

static int run_files(struct run_arguments *a, char **files, size_t n)
{
    struct jobs_plan **plans = xcalloc(n, sizeof(*plans));
    bool **selected = xcalloc(n, sizeof(*selected));
    struct cupel_error err;
    int code = load_all(a, files, n, plans, selected);

    if (code == 0)
        make_slots_suffice(a, plans, n);
    a->o.plans = plans;
    a->o.selected = selected;
    a->o.n_plans = n;
    if (code == 0 && supervisor_run(&a->o, &code, &err) < 0)
        code = cli_fail(&err);
    for (size_t i = 0; i < n; i++) {
        jobs_plan_free(plans[i]);
        free(selected[i]);
    }
    free(plans);
    free(selected);
    return code;
}

int cli_run(int argc, char **argv)
{
    struct run_arguments a = {
        .only = xcalloc((size_t)argc, sizeof(char *)),
        .tags = xcalloc((size_t)argc, sizeof(char *)),
        .o = {.slots = default_slots(), .out = "cupel-out", .sample_ns = SAMPLE_DEFAULT_NS, .retries = -1},
    };
    struct cupel_error err;
    int code, r = parse(argc, argv, &a, &err);

    if (r < 0) {
        code = cli_fail(&err);
    } else if (r > 0) {
        (void)fputs(usage, stdout);
        code = 0;
    } else {
        code = cli_take_rights(argv - 1, CLI_RIGHTS_TO_RUN); /* argv[-1] is the program's own name: see main */
        if (code == 0)
            code = run_files(&a, argv + optind, (size_t)(argc - optind));
    }
    free(a.only);
    free(a.tags);
    return code;
}
