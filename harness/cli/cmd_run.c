/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run: `cupel run`: options into run_options. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_changed.h"
#include "harness/cli/cli_choice.h"
#include "harness/cli/cli_devices.h"
#include "harness/cli/cli_jobs.h"
#include "harness/cli/cli_repeat.h"
#include "harness/cli/cli_rerun.h"
#include "harness/cli/cli_run_options.h"
#include "harness/cli/cli_settings.h"
#include "harness/cli/cli_watch.h"
#include "harness/cli/options.h"
#include "harness/run/kept.h"
#include "harness/run/run_options.h"
#include "harness/supervisor/supervisor.h"

#include <limits.h>
#include <string.h>
#include <sys/random.h>

#define SHUFFLE_NOT_SAID (-2)
#define REPEAT_MAX 1000000
#define SAMPLE_DEFAULT_NS (100 * NSEC_PER_MSEC)
#define SAMPLE_MIN_NS                                                                              \
    (10 * NSEC_PER_MSEC) /* a look costs some 20 us: so it stays below a hundredth of a CPU */
#define SAMPLE_MAX_NS (3600 * NSEC_PER_SEC)

struct run_arguments {
    struct cli_choice choice;
    struct cli_list devices, set;
    int slots;       /* 0: not said */
    int fail_fast;   /* 0: not said */
    int shuffle;     /* the seed; negative: one of our own, or SHUFFLE_NOT_SAID */
    int keep_failed; /* 0: not said */
    const char *keep;
    int repeat; /* 0: not said */
    bool dry, until_fail, rerun_failed, watch;
    enum cli_watch_run watched; /* as which run of a process that watches */
    int watched_fd;
    const char *changed; /* --changed: the commit that it is about; NULL: not said */
    struct run_options o;
};

#define FIELD(name) offsetof(struct run_arguments, name)

static const struct cli_option options[] = {
    CLI_JOBS(FIELD(slots)),
    CLI_CHOICE(FIELD(choice.only), FIELD(choice.skip), FIELD(choice.tags)),
    CLI_SET(FIELD(set)),
    CLI_OUT(FIELD(o.out)),
    CLI_OPTION(
        '\0', "retries", CLI_NUMBER, FIELD(o.retries), "N",
        "run a job that does not pass again, up to N times (0 to 10): instead of its `retries`",
        .min = 0, .max = JOBS_RETRIES_MAX),
    CLI_OPTION('\0', "keep-failed", CLI_NUMBER, FIELD(keep_failed), "N",
               "keep what failed jobs left, for cupel shell --failed: of the first N that fail "
               "(default: 16); each "
               "takes as much of the disk as the job wrote",
               .min = 1, .max = KEPT_MAX, .without = KEPT_DEFAULT_MAX),
    CLI_OPTION('\0', "keep", CLI_TEXT, FIELD(keep), "WHICH",
               "of which jobs: failed, all (those that passed, too) or none; without it, what "
               "--keep-failed says"),
    CLI_OPTION('\0', "fail-fast", CLI_NUMBER, FIELD(fail_fast), "N",
               "start no further job or attempt after N jobs that did not pass (default: 1)",
               .min = 1, .max = INT_MAX, .without = 1),
    CLI_OPTION('\0', "shuffle", CLI_NUMBER, FIELD(shuffle), "SEED",
               "start jobs in an order made by chance, as far as their needs let it; the seed that "
               "gives it again is printed",
               .min = 0, .max = INT_MAX, .without = UINT64_MAX),
    CLI_OPTION('\0', "repeat", CLI_NUMBER, FIELD(repeat), "N",
               "run each job N times, or until it does not pass, without retries; what others wait "
               "for runs once",
               .min = 1, .max = REPEAT_MAX),
    CLI_OPTION('\0', "until-fail", CLI_FLAG, FIELD(until_fail), NULL,
               "run the jobs again and again, or --repeat times, until one does not pass; what "
               "others wait for runs once"),
    CLI_OPTION('\0', "rerun-failed", CLI_FLAG, FIELD(rerun_failed), NULL,
               "only jobs that have not passed in the last run into --out, nor in one that it "
               "continued so, and what they need"),
    CLI_OPTION('\0', "changed", CLI_TEXT, FIELD(changed), "REF",
               "only jobs with an input that is not as git has it in REF (default: HEAD), what "
               "needs them, and what they need",
               .otherwise = "HEAD"),
    CLI_OPTION('\0', "watch", CLI_FLAG, FIELD(watch), NULL,
               "run, and then again whatever reads something that changes; on a terminal, r runs "
               "all, f what has not passed, and q ends"),
    CLI_OPTION('\0', "timeout", CLI_DURATION, FIELD(o.timeout_ns), "DURATION",
               "cancel what runs, and start nothing more, so long after the first job could start",
               .min = NSEC_PER_MSEC, .max = 365 * 86400 * NSEC_PER_SEC),
    CLI_OPTION('\0', "dry-run", CLI_FLAG, FIELD(dry), NULL,
               "run and create nothing: check the files, and print the jobs that would run, in an "
               "order in which they can"),
    CLI_PIN(FIELD(o.pins)),
    CLI_BEST_EFFORT(FIELD(o.best_effort)),
    CLI_OVERCOMMIT(FIELD(o.overcommit)),
    CLI_OPTION(
        '\0', "no-ahead", CLI_FLAG, FIELD(o.no_ahead), NULL,
        "set up no job while others run; without, the next ones are ready when their turn comes"),
    CLI_OPTION('\0', "no-cache", CLI_FLAG, FIELD(o.no_cache), NULL,
               "run every job, though it has passed before and says `cache-result`"),
    CLI_OPTION('\0', "reuse", CLI_FLAG, FIELD(o.reuse_verdicts), NULL,
               "of cases, and of what they are made by, keep every verdict as it is reached, and "
               "run only what has none yet for all that it depends on; with --no-cache, all"),
    CLI_OPTION('\0', "trace-setup", CLI_FLAG, FIELD(o.trace_setup), NULL,
               "write what each step of setting up took to setup-trace.jsonl in the out directory"),
    CLI_LOCKED(FIELD(o.locked)),
    CLI_OPTION('\0', "allow-host-network", CLI_FLAG, FIELD(o.allow_host_network), NULL,
               "let jobs with `network: host` use this machine's network"),
    CLI_ALLOW_DEVICE(FIELD(devices)),
    CLI_OPTION(
        '\0', "sample", CLI_DURATION, FIELD(o.sample_ns), "DURATION",
        "how often to note memory, CPU and processes of a running job (default: 100ms; off: never)",
        .min = SAMPLE_MIN_NS, .max = SAMPLE_MAX_NS, .off = "off"),
};

static const struct cli_command command = {
    .name = "run",
    .usage = "run [FILE...] [options]",
    .about =
        "Runs the jobs of the given job files, each in a sandbox of its own, and writes reports.",
    .after = CLI_FILES_HELP
    "Exit status: 0 all passed, 1 some job did not, 2 job file or command line wrong, 3 "
    "cupel could not do its "
    "work, 5 not all that is outstanding was rerun (--rerun-failed), 130 interrupted.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .max_words = CLI_ANY_NUMBER,
    .words = "at least one job file",
};

/* The files of a run, and what of them is chosen. */
struct run_set {
    size_t n;
    struct jobs_plan **plans;
    bool **selected, **among; /* by plan; of `among`, NULL: all */
    struct reports_earlier *earlier;
    struct strbuf note;
};

/* Loads every file, so that all problems of all of them are told at once; 0 or the exit code. */
static int load_all(const struct run_arguments *a, char **files, struct run_set *set)
{
    if (a->o.reuse_verdicts)
        return cli_load_described(files, set->n, &a->set, a->o.out, set->plans);
    return cli_load_plans(files, set->n, &a->set, a->o.out, set->plans, NULL);
}

/* Has every job be among those that are chosen, if nothing was asked about them yet. */
static void begin_among(struct run_set *set)
{
    if (set->among != NULL)
        return;
    set->among = xcalloc(set->n, sizeof(*set->among));
    for (size_t p = 0; p < set->n; p++) {
        set->among[p] = xcalloc(set->plans[p]->n_jobs + 1, sizeof(bool));
        memset(set->among[p], true, set->plans[p]->n_jobs);
    }
}

/* Finds out what earlier runs have left to be done. */
static int mark_outstanding(const struct run_arguments *a, struct run_set *set)
{
    struct cupel_error err;
    size_t n;

    if (!a->rerun_failed)
        return 0;
    if (reports_earlier_read(a->o.out, &set->earlier, &err) < 0)
        return cli_fail(&err);
    set->among = xcalloc(set->n, sizeof(*set->among));
    cli_rerun_mark(set->earlier, set->plans, set->n, set->among, &n);
    if (n > 0)
        (void)fprintf(stderr, "cupel: %zu job%s outstanding\n", n, n == 1 ? " is" : "s are");
    return 0;
}

/* Leaves of those what has changed. */
static int mark_changed(const struct run_arguments *a, struct run_set *set)
{
    size_t n;
    int code;

    if (a->changed == NULL)
        return 0;
    begin_among(set);
    code = cli_changed_mark(a->changed, set->plans, set->n, set->among, &n);
    if (code == 0 && n > 0)
        (void)fprintf(stderr, "cupel: %zu job%s to do with what has changed since %s\n", n,
                      n == 1 ? " has" : "s have", a->changed);
    return code;
}

/* Leaves what the process that watches has named. What its earlier runs have left is still
 * outstanding for the key f. */
static int mark_watched(const struct run_arguments *a, struct run_set *set)
{
    struct cupel_error err;

    if (a->watched != CLI_WATCH_SOME)
        return 0;
    if (reports_earlier_read(a->o.out, &set->earlier, &err) < 0)
        set->earlier = NULL; /* there are none */
    begin_among(set);
    return cli_watch_read_jobs(a->watched_fd, set->plans, set->n, set->among);
}

static size_t count_selected(const struct run_set *set)
{
    size_t n = 0;

    for (size_t p = 0; p < set->n; p++)
        for (size_t i = 0; i < set->plans[p]->n_jobs; i++)
            n += set->selected[p][i];
    return n;
}

static void run_set_free(struct run_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        jobs_plan_free(set->plans[i]);
        free(set->selected[i]);
        if (set->among != NULL)
            free(set->among[i]);
    }
    free(set->plans);
    free(set->selected);
    free(set->among);
    reports_earlier_free(set->earlier);
    strbuf_free(&set->note);
}

/* Makes as many slots, without -j, as the largest bridge has jobs, since those start together. */
static void make_slots_suffice(struct run_arguments *a, struct jobs_plan *const *plans, size_t n)
{
    for (size_t i = 0; i < n && a->slots == 0; i++)
        for (size_t b = 0; b < plans[i]->n_bridges; b++)
            if (plans[i]->bridges[b].n_members > a->o.slots)
                a->o.slots = (unsigned)plans[i]->bridges[b].n_members;
}

/* Runs what is chosen, as far as there is anything; the exit code. */
static int run_chosen(struct run_arguments *a, struct run_set *set)
{
    struct cupel_error err;
    int code = 0;

    if (count_selected(set) > 0) {
        if (a->o.repeat > 0)
            code = cli_repeat_check(set->plans, set->selected, set->n);
        if (code != 0)
            return code;
        make_slots_suffice(a, set->plans, set->n);
        cli_rerun_note(set->earlier, set->plans, set->n, &set->note);
        a->o.plans = set->plans;
        a->o.selected = set->selected;
        a->o.n_plans = set->n;
        a->o.earlier = &set->note;
        if (supervisor_run(&a->o, &code, &err) < 0)
            return cli_fail(&err);
        if (code == 0 || code == 1)
            settings_collect(NULL); /* when all is reported, and nobody is in a hurry to end */
    } else {
        (void)fprintf(stderr, "cupel: nothing of what was chosen %s\n",
                      a->changed == NULL ? "is outstanding" : "has changed");
    }
    return a->rerun_failed && code == 0 ? cli_rerun_end(a->o.out, set->plans, set->n) : code;
}

static void show_chosen(const struct run_set *set)
{
    struct jobs_ids *ids = jobs_ids_new(set->plans, set->n);

    for (size_t i = 0; i < set->n; i++)
        cli_jobs_print(ids, set->plans[i], set->selected[i]);
    jobs_ids_free(ids);
}

static int run_files(struct run_arguments *a, char **files, size_t n)
{
    struct run_set set = {.n = n,
                          .plans = xcalloc(n, sizeof(*set.plans)),
                          .selected = xcalloc(n, sizeof(*set.selected))};
    int code = load_all(a, files, &set);

    if (code == 0)
        code = mark_outstanding(a, &set);
    if (code == 0)
        code = mark_changed(a, &set);
    if (code == 0)
        code = mark_watched(a, &set);
    if (code == 0)
        code = cli_choose(&a->choice, set.plans, n, set.among, set.selected);
    if (code == 0 && a->dry)
        show_chosen(&set);
    if (code == 0 && !a->dry)
        code = run_chosen(a, &set);
    run_set_free(&set);
    return code;
}

/* A seed that is as good as any, and short enough to be typed. */
static uint32_t make_seed(void)
{
    uint32_t number;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        number = (uint32_t)clock_monotonic_ns();
    return number % 1000000;
}

/* Makes of both options what is kept; 0, or the exit code. */
static int choose_kept(struct run_arguments *a)
{
    bool all = a->keep != NULL && str_eq(a->keep, "all");
    bool none = a->keep != NULL && str_eq(a->keep, "none");

    if (a->keep != NULL && !all && !none && !str_eq(a->keep, "failed"))
        return cli_wrong(&command, "--keep takes failed, all or none, not '%s'", a->keep);
    a->o.keep_passed = all;
    a->o.keep_failed = none                                     ? 0
                       : a->keep_failed == 0 && a->keep != NULL ? KEPT_DEFAULT_MAX
                                                                : (unsigned)a->keep_failed;
    return 0;
}

/* Finds out as which run of a process that watches this one was started. What a first run is about
 * (--changed, --rerun-failed) says nothing of later ones. */
static void take_watched(struct run_arguments *a)
{
    a->watched = cli_watch_run_of(&a->watched_fd);
    if (a->watched == CLI_WATCH_NONE || a->watched == CLI_WATCH_FIRST)
        return;
    a->changed = NULL;
    a->rerun_failed = a->watched == CLI_WATCH_FAILED;
}

static int watch(const struct run_arguments *a, char **full_argv, const struct cli_words *words)
{
    for (int i = 0; i < words->n; i++)
        if (str_eq(words->word[i], JOBS_STDIN))
            return cli_wrong(&command, "--watch: standard input cannot be read again");
    if (a->dry)
        return cli_wrong(&command, "--watch and --dry-run exclude each other");
    return cli_watch(&(struct cli_watch){.full_argv = full_argv,
                                         .files = words->word,
                                         .n = (size_t)words->n,
                                         .choice = &a->choice,
                                         .set = &a->set,
                                         .out = a->o.out});
}

/* Runs, or shows what would run. */
static int run_now(struct run_arguments *a, char **full_argv, const struct cli_words *words)
{
    int code = 0;

    if (!a->dry) /* which needs none, and leaves no group or namespace behind */
        code = cli_take_rights(full_argv, CLI_RIGHTS_TO_RUN);
    if (code != 0)
        return code;
    take_watched(a);
    a->o.command = (const char *const *)full_argv;
    return run_files(a, words->word, (size_t)words->n);
}

int cli_run(int argc, char **argv)
{
    struct run_arguments a = {
        .shuffle = SHUFFLE_NOT_SAID,
        .o = {.has_slots = true, .out = RUN_OUT, .sample_ns = SAMPLE_DEFAULT_NS, .retries = -1}};
    struct cli_words words;
    int code;

    if (cli_parse(&command, argc, argv, &a, &words, &code)) {
        a.o.slots_said = a.slots > 0;
        a.o.slots = a.slots > 0 ? (unsigned)a.slots : own_limits_cpus();
        a.o.repeat = a.until_fail && a.repeat == 0 ? RUN_UNBOUNDED : (unsigned)a.repeat;
        a.o.until_fail = a.until_fail;
        a.o.fail_fast = a.until_fail ? 1 : (unsigned)a.fail_fast;
        a.o.shuffles = a.shuffle != SHUFFLE_NOT_SAID;
        a.o.seed = a.shuffle >= 0 ? (unsigned)a.shuffle : make_seed();
        code = choose_kept(&a);
        if (code == 0)
            code = cli_find_files(&command, &words);
        if (code == 0)
            code = cli_allow_devices(&command, &a.devices, &a.o.allow_devices);
        if (code == 0) /* argv[-1] is the program's own name: see main */
            code = a.watch && !cli_watch_is_run() ? watch(&a, argv - 1, &words)
                                                  : run_now(&a, argv - 1, &words);
    }
    cli_choice_free(&a.choice);
    cli_list_free(&a.devices);
    cli_list_free(&a.set);
    return code;
}
