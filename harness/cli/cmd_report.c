/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_report: what came of submissions, for teachers, students and course platforms, from the
 * results of a run that has ended. Not responsible for what any of it says (reports/class/). */
#include "harness/cli/cli.h"
#include "harness/cli/options.h"
#include "harness/cli/output.h"
#include "reports/class/class.h"

#include <fcntl.h>
#include <string.h>

struct report_arguments {
    const char *roster, *job, *by, *student, *moment, *problem, *output;
    struct cli_list formats;
};
#define FIELD(name) offsetof(struct report_arguments, name)

static const struct cli_option options[] = {
    CLI_OPTION('\0', "roster", CLI_TEXT, FIELD(roster), "FILE",
               "who is in the class: a CSV whose first line names its columns, `id` and, as far as "
               "they are known, `name`, `email`, `group` and `late`"),
    CLI_OPTION(
        '\0', "format", CLI_LIST, FIELD(formats), "FORMAT",
        "of the whole class: csv, html, students (may be repeated; all three without it); of "
        "one submission: gradescope, prairielearn, autolab"),
    CLI_OPTION('o', "output", CLI_TEXT, FIELD(output), "PATH",
               "of the whole class: the directory where it goes, new or an out directory (DIR "
               "without it); of one submission: the file, or `-` for standard output"),
    CLI_OPTION('\0', "job", CLI_TEXT, FIELD(job), "NAME",
               "the job with `cases`, where the run had several"),
    CLI_OPTION('\0', "by", CLI_TEXT, FIELD(by), "KEY",
               "the key of the job's matrix that tells students apart, where it has several"),
    CLI_OPTION('\0', "student", CLI_TEXT, FIELD(student), "ID",
               "whose submission it is, where there are several"),
    CLI_OPTION('\0', "at", CLI_TEXT, FIELD(moment), "MOMENT",
               "before-due, due or published: whether students see what is `after-due`, or also "
               "what is `after-published`; before-due without it"),
    CLI_OPTION('\0', "problem", CLI_TEXT, FIELD(problem), "NAME",
               "with autolab: the problem that has all points; without it, each group, and each "
               "case outside of groups, is a problem"),
};

static const struct cli_command command = {
    .name = "report",
    .usage = "report class DIR [--roster FILE] [--format csv|html|students]... [-o DIR]\n"
             "report class DIR --format gradescope|prairielearn [--student ID] -o FILE\n"
             "report class DIR --format autolab [--student ID] [--problem NAME]",
    .about = "Reads what a run has left in DIR (`cupel run --out DIR`), and writes what came of "
             "its submissions: class.csv and class.html for staff, and below students/ an ID.json "
             "and ID.html each, which hold what that student may see and nothing else; or what a "
             "course platform takes.",
    .after = "Exit status: 0 all submissions are graded, 2 DIR or the roster is wrong, 3 some are "
             "ungraded: what is to be written is there then as well.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .min_words = 2,
    .max_words = 2,
    .words = "class, and the directory of a run",
};

/* What is written of one submission. */
enum single { SINGLE_NONE, SINGLE_GRADESCOPE, SINGLE_PRAIRIELEARN, SINGLE_AUTOLAB };
static const struct {
    const char *name;
    enum single single;
    enum class_format format; /* of the whole class, where it is none */
} formats[] = {
    {"csv", SINGLE_NONE, CLASS_CSV},
    {"html", SINGLE_NONE, CLASS_HTML},
    {"students", SINGLE_NONE, CLASS_STUDENTS},
    {"gradescope", SINGLE_GRADESCOPE, CLASS_FORMAT_COUNT},
    {"prairielearn", SINGLE_PRAIRIELEARN, CLASS_FORMAT_COUNT},
    {"autolab", SINGLE_AUTOLAB, CLASS_FORMAT_COUNT},
};

/* What the command line comes to. */
struct reporting {
    const char *dir;
    enum single single;
    unsigned formats;
    enum class_moment now;
};

static bool read_format(const char *name, struct reporting *r)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        if (str_eq(name, formats[i].name)) {
            if (formats[i].single != SINGLE_NONE)
                r->single = formats[i].single;
            else
                r->formats |= 1u << formats[i].format;
            return true;
        }
    return false;
}

/* Returns 0, or the exit code after what is wrong was printed. */
static int read_arguments(const struct report_arguments *a, const struct cli_words *words,
                          struct reporting *r)
{
    if (!str_eq(words->word[0], "class"))
        return cli_wrong(&command, "'%s' is no kind of report: there is `class`", words->word[0]);
    r->dir = words->word[1];
    for (size_t i = 0; i < a->formats.n; i++)
        if (!read_format(a->formats.items[i], r))
            return cli_wrong(&command,
                             "'%s' is none of csv, html, students, gradescope, prairielearn and "
                             "autolab",
                             a->formats.items[i]);
    if (r->single != SINGLE_NONE && a->formats.n > 1)
        return cli_wrong(&command, "what is of one submission is the only --format");
    if (a->formats.n == 0)
        r->formats = CLASS_ALL_FORMATS;
    if (a->moment != NULL && !class_moment_find(a->moment, &r->now))
        return cli_wrong(&command, "'%s' is none of before-due, due and published", a->moment);
    if (r->single == SINGLE_NONE && a->student != NULL)
        return cli_wrong(&command, "--student goes with what is of one submission");
    if (r->single == SINGLE_GRADESCOPE && a->moment != NULL)
        return cli_wrong(&command, "Gradescope knows itself when what is seen: --at does not go "
                                   "with it");
    if (r->single != SINGLE_AUTOLAB && a->problem != NULL)
        return cli_wrong(&command, "--problem goes with --format autolab");
    if (r->single == SINGLE_AUTOLAB && a->output != NULL)
        return cli_wrong(&command, "Autolab reads standard output: -o does not go with it");
    if (r->single == SINGLE_NONE && a->output != NULL && str_eq(a->output, "-"))
        return cli_wrong(&command, "of the whole class -o names a directory: '-' is none");
    if (r->single != SINGLE_NONE && r->single != SINGLE_AUTOLAB && a->output == NULL)
        return cli_wrong(&command, "-o FILE says where it goes");
    return 0;
}

/* ---- one submission ---- */

static const struct class_submission *find_single(const struct class_table *t, const char *student,
                                                  struct cupel_error *err)
{
    const struct class_submission *s = NULL;
    size_t n = 0;

    if (student != NULL) {
        s = class_find(t, student);
        if (s == NULL || s->id == NULL)
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "there is no submission of '%s'",
                                  student);
        return s != NULL && s->id != NULL ? s : NULL;
    }
    for (size_t i = 0; i < t->n; i++)
        if (t->submissions[i].id != NULL) {
            s = &t->submissions[i];
            n++;
        }
    if (n == 1)
        return s;
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "there are %zu submissions", n);
    cupel_error_hint(err, "say with --student ID which of them it is about");
    return NULL;
}

/* Makes the directory of a file, as platforms expect of a grader. */
static int make_parent(const char *file, struct cupel_error *err)
{
    const char *slash = strrchr(file, '/');
    cleanup_free char *parent =
        slash != NULL && slash != file ? strndup(file, (size_t)(slash - file)) : NULL;
    int r = parent != NULL ? file_mkdir_p_at(AT_FDCWD, parent, 0777) : 0;

    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot make '%s'", parent) : 0;
}

static int write_file(const char *file, const struct strbuf *text, struct cupel_error *err)
{
    struct cli_output o;
    int r = make_parent(file, err);

    if (r == 0)
        r = cli_output_open(&o, file, err);
    if (r < 0)
        return r;
    r = file_write_all(o.fd, text->data, text->len);
    if (r < 0)
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write '%s'", file);
    return cli_output_end(&o, r, err);
}

static int make_single(const struct reporting *r, const struct report_arguments *a,
                       const struct class_submission *s, int logs, struct strbuf *text)
{
    cleanup_view struct class_view v = {0};

    class_view_make(s, r->now, &v);
    if (r->single == SINGLE_GRADESCOPE)
        return gradescope_json(s, logs, text);
    if (r->single == SINGLE_PRAIRIELEARN)
        return prairielearn_json(&v, logs, text);
    return autolab_text(&v, a->problem, text);
}

static int report_single(const struct reporting *r, const struct report_arguments *a,
                         const struct class_table *t, int logs, bool *ret_graded,
                         struct cupel_error *err)
{
    const struct class_submission *s = find_single(t, a->student, err);
    cleanup_strbuf struct strbuf text = {0};
    int code;

    if (s == NULL)
        return -EINVAL;
    code = make_single(r, a, s, logs, &text);
    if (code == -EACCES) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "Autolab would show the student what is hidden: names and scores of "
                              "all groups");
        cupel_error_hint(err, "name with --problem the one that has all points");
        return code;
    }
    if (code < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, code, "cannot write the results");
    *ret_graded = class_is_graded(s);
    if (a->output != NULL && !str_eq(a->output, "-"))
        return write_file(a->output, &text, err);
    if (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot write the results");
    return 0;
}

/* ---- the class ---- */

static int report_class(const struct class_request *q, struct strbuf *remarks, bool *ret_graded,
                        struct cupel_error *err)
{
    struct class_counts n;
    int code = class_report(q, remarks, &n, err);

    (void)fputs(remarks->data != NULL ? remarks->data : "", stderr);
    if (code < 0)
        return code;
    (void)fprintf(stderr, "cupel: students: %zu, submissions: %zu, ungraded: %zu; written to %s\n",
                  n.students, n.submissions, n.ungraded, q->to != NULL ? q->to : q->out);
    *ret_graded = n.ungraded == 0;
    return 0;
}

/* ---- all of it ---- */

static int report(const struct reporting *r, const struct report_arguments *a, bool *ret_graded,
                  struct cupel_error *err)
{
    const struct class_request q = {.out = r->dir,
                                    .to = a->output,
                                    .roster = a->roster,
                                    .job = a->job,
                                    .by = a->by,
                                    .formats = r->formats,
                                    .now = r->now};
    cleanup_strbuf struct strbuf remarks = {0};
    struct class_opened o;
    int code;

    if (r->single == SINGLE_NONE)
        return report_class(&q, &remarks, ret_graded, err);
    code = class_request_open(&q, &remarks, &o, err);
    (void)fputs(remarks.data != NULL ? remarks.data : "", stderr);
    if (code == 0)
        code = report_single(r, a, o.table, o.logs, ret_graded, err);
    class_opened_close(&o);
    return code;
}

int cli_report(int argc, char **argv)
{
    struct report_arguments a = {0};
    struct reporting r = {0};
    struct cupel_error err;
    struct cli_words words;
    bool graded = false;
    int code;

    if (!cli_parse(&command, argc, argv, &a, &words, &code))
        return code;
    code = read_arguments(&a, &words, &r);
    if (code == 0 && report(&r, &a, &graded, &err) < 0)
        code = cli_fail(&err);
    else if (code == 0 && !graded)
        code = CUPEL_ERROR_HARNESS;
    cli_list_free(&a.formats);
    return code;
}
