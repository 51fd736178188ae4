/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_grade: `cupel grade`: a job file and who has submitted become grades. Reads the command line,
 * the roster and the file, and leaves the rest to harness/grade/. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_devices.h"
#include "harness/cli/cli_run_options.h"
#include "harness/cli/cli_settings.h"
#include "harness/grade/grade.h"
#include "jobs/jobs.h"

#include <string.h>

struct grade_arguments {
    struct cli_list set, devices;
    int slots; /* 0: not said */
    const char *moment, *layout, *unpack_max, *image;
    bool only_visible, no_reference;
    struct grade_options o;
};

#define FIELD(name) offsetof(struct grade_arguments, name)

static const struct cli_option options[] = {
    CLI_JOBS(FIELD(slots)),
    CLI_OPTION('\0', "visible", CLI_FLAG, FIELD(only_visible), NULL,
               "judge by the visible cases only; whatever the other ones need may be missing"),
    CLI_OPTION('\0', "roster", CLI_TEXT, FIELD(o.roster), "FILE",
               "who is in the class: a CSV with a column `id`, and as far as they are known "
               "`name`, `email`, `group` and `late`"),
    CLI_OPTION('\0', "at", CLI_TEXT, FIELD(moment), "MOMENT",
               "before-due, due or published: whether students see what is `after-due`, or also "
               "what is `after-published`; before-due without it"),
    CLI_OPTION('\0', "layout", CLI_TEXT, FIELD(layout), "LAYOUT",
               "what archives of submissions look like: moodle, canvas, gradescope, directories "
               "or single; found out without it"),
    CLI_OPTION('\0', "unpack-max", CLI_TEXT, FIELD(unpack_max), "SIZE",
               "how much may be in one archive, 1G without it; one submission may have a "
               "sixteenth of it"),
    CLI_OPTION('\0', "by", CLI_TEXT, FIELD(o.by), "KEY",
               "the key of the job's matrix that submissions are, where it has several"),
    CLI_OPTION('\0', "job", CLI_TEXT, FIELD(o.job), "NAME",
               "the job with `cases` that judges, where the file has several"),
    CLI_OPTION('\0', "image", CLI_TEXT, FIELD(image), "IMAGE",
               "of a problem package: the image that its jobs run in (default: `host`)"),
    CLI_OPTION('\0', "no-reference", CLI_FLAG, FIELD(no_reference), NULL,
               "do not run the file's own solutions (`reference`) first"),
    CLI_OPTION('\0', "no-cache", CLI_FLAG, FIELD(o.run.no_cache), NULL,
               "judge everything anew, also what has a verdict and has not changed"),
    CLI_OPTION('v', "verbose", CLI_FLAG, FIELD(o.verbose), NULL,
               "tell what came of each case, not only of each submission"),
    CLI_SET(FIELD(set)),
    CLI_OUT(FIELD(o.run.out)),
    CLI_PIN(FIELD(o.run.pins)),
    CLI_BEST_EFFORT(FIELD(o.run.best_effort)),
    CLI_OVERCOMMIT(FIELD(o.run.overcommit)),
    CLI_LOCKED(FIELD(o.run.locked)),
    CLI_ALLOW_DEVICE(FIELD(devices)),
};

static const struct cli_command command = {
    .name = "grade",
    .usage = "grade FILE [SUBMISSION...] [options]\n"
             "grade DIR SUBMISSION... [options]",
    .about = "Judges submissions by the cases of a job file: those that its matrix finds, or the "
             "directories, files and archives (zip, tar) that are named. DIR is a problem "
             "package (Kattis, ICPC) in the place of a job file. The file's own solutions "
             "(`reference`) come "
             "first. What comes of it is in the out directory: class.csv and class.html for staff, "
             "and below students/ an ID.json and ID.html each, which hold what that student may "
             "see. Scores that are others than the last time are printed.",
    .after = "Exit status: 0 all submissions are graded, however they did; 2 the job file, the "
             "roster or the command line is wrong; 3 some are ungraded, or a solution of the "
             "file's own did not come out as it says; 130 interrupted.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .min_words = 1,
    .max_words = CLI_ANY_NUMBER,
    .words = "a job file, and submissions",
};

/* What the command line comes to. */
struct grading {
    const char *file;
    struct jobs_grading how;
    struct grade_named named;
    char *roster; /* that was made of what archives say; or NULL */
};

/* Reads the roster, so that what is wrong with it is said before hours of running. */
static int check_roster(const char *file)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct roster *roster = NULL;
    struct cupel_error err;
    int r = roster_read(file, &roster, &problems, &err);

    roster_free(roster);
    if (r < 0 && problems.len > 0)
        (void)fputs(problems.data, stderr);
    return r < 0 ? cli_fail(&err) : 0;
}

/* Reads how archives are taken; 0 or the exit code. */
static int read_naming(const struct grade_arguments *a, struct grade_naming *ret)
{
    if (a->layout != NULL && handins_layout_parse(a->layout, &ret->layout) < 0)
        return cli_wrong(&command,
                         "'%s' is none of moodle, canvas, gradescope, directories and single",
                         a->layout);
    if (a->unpack_max != NULL &&
        (unit_parse_size(a->unpack_max, &ret->bytes_max) < 0 || ret->bytes_max == 0))
        return cli_wrong(&command, "--unpack-max: '%s' is no size such as 4G", a->unpack_max);
    return 0;
}

/* Reads all that is named beside the file; 0 or the exit code. */
static int read_named(struct grade_arguments *a, const struct cli_words *words, struct grading *g)
{
    struct grade_naming naming = {.out = a->o.run.out};
    struct cupel_error err;
    int code;

    if (a->moment != NULL && !class_moment_find(a->moment, &a->o.moment))
        return cli_wrong(&command, "'%s' is none of before-due, due and published", a->moment);
    g->file = words->word[0];
    if (str_eq(g->file, JOBS_STDIN))
        return cli_wrong(&command, "the job file is read several times: it cannot be '-'");
    code = read_naming(a, &naming);
    if (code != 0)
        return code;
    if (grade_name_submissions(&naming, words->word + 1, (size_t)words->n - 1, &g->named, &err) <
            0 ||
        (a->o.roster == NULL && grade_named_roster(&g->named, naming.out, &g->roster, &err) < 0))
        return cli_fail(&err);
    if (g->roster != NULL)
        a->o.roster = g->roster;
    a->o.is_part = g->named.n > 0;
    g->how = (struct jobs_grading){.submissions = g->named.list,
                                   .n_submissions = g->named.n,
                                   .by = a->o.by,
                                   .only_visible = a->only_visible};
    return a->o.roster != NULL ? check_roster(a->o.roster) : 0;
}

static struct cli_graded graded_of(const struct grade_arguments *a, const struct grading *g,
                                   bool again)
{
    return (struct cli_graded){
        .path = g->file, .image = a->image, .out = a->o.run.out, .set = &a->set, .again = again};
}

/* Runs the file's own solutions, if there are some; 0 or the exit code. */
static int run_references(const struct grade_arguments *a, const struct grading *g,
                          const struct jobs_plan *plan)
{
    const struct cli_graded graded = graded_of(a, g, true);
    struct jobs_grading how = g->how;
    struct grade_named named = {0};
    struct jobs_plan *again = NULL;
    struct cupel_error err;
    int code = 0;

    if (plan->n_references == 0 || a->no_reference)
        return 0;
    grade_references_list(plan, &named);
    how.submissions = named.list;
    how.n_submissions = named.n;
    code = cli_load_graded(&graded, &how, &again);
    if (code == 0 && grade_references(&a->o, again, plan, &code, &err) < 0)
        code = cli_fail(&err);
    jobs_plan_free(again);
    grade_named_free(&named);
    return code;
}

static int run_grading(struct grade_arguments *a, const struct grading *g)
{
    const struct cli_graded graded = graded_of(a, g, false);
    struct jobs_plan *plan = NULL;
    struct cupel_error err;
    int code;

    code = cli_load_graded(&graded, &g->how, &plan);
    if (code == 0 && grade_check(&a->o, plan, &err) < 0)
        code = cli_fail(&err);
    if (code == 0)
        code = run_references(a, g, plan);
    if (code == 0) {
        if (grade_class(&a->o, plan, &code, &err) < 0)
            code = cli_fail(&err);
        if (code == 0)
            settings_collect(NULL);
    }
    jobs_plan_free(plan);
    return code;
}

int cli_grade(int argc, char **argv)
{
    struct grade_arguments a = {
        .o.run = {.has_slots = true, .reuse_verdicts = true, .out = RUN_OUT, .retries = -1}};
    struct grading g = {0};
    struct cli_words words;
    int code;

    if (cli_parse(&command, argc, argv, &a, &words, &code)) {
        a.o.run.slots = a.slots > 0 ? (unsigned)a.slots : own_limits_cpus();
        a.o.run.slots_said = a.slots > 0;
        code = cli_allow_devices(&command, &a.devices, &a.o.run.allow_devices);
        if (code == 0) /* argv[-1] is the program's own name: see main */
            code = cli_take_rights(argv - 1, CLI_RIGHTS_TO_RUN);
        a.o.run.command = (const char *const *)argv - 1;
        if (code == 0)
            code = read_named(&a, &words, &g);
        if (code == 0)
            code = run_grading(&a, &g);
    }
    grade_named_free(&g.named);
    free(g.roster);
    cli_list_free(&a.set);
    cli_list_free(&a.devices);
    return code;
}
