/* SPDX-License-Identifier: Apache-2.0 */
/* class: what came of submissions becomes what teachers, students and course platforms read. One
 * model, several writers, none of which knows of sandboxes or job files. A student sees what
 * class_view says, wherever that is written. Documented in docs/grading.md. */
#pragma once

#include "base/base.h"
#include "reports/reports.h"

/* ---- the model ---- */

/* Who may see what came of a case, in the order in which it comes to be seen. */
enum class_visibility {
    CLASS_VISIBLE,
    CLASS_AFTER_DUE,
    CLASS_AFTER_PUBLISHED,
    CLASS_HIDDEN,
    CLASS_VISIBILITY_COUNT,
};
/* Up to what is seen; of each moment the index is that of the last visibility that is. */
enum class_moment { CLASS_BEFORE_DUE, CLASS_DUE, CLASS_PUBLISHED, CLASS_MOMENT_COUNT };
bool class_moment_find(const char *name, enum class_moment *ret);

#define CLASS_UNKNOWN UINT64_MAX
/* A case of a submission. Texts may hold any bytes; those that may be NULL say so. */
struct class_case {
    const char *name;
    const char *group, *description, *hint; /* or NULL */
    const char *evidence;                   /* or NULL */
    const char *for_all, *for_staff;        /* what its checker says; or NULL */
    const char *stdout_log, *stderr_log;    /* paths below the out directory; or NULL */
    uint64_t points, score;                 /* thousandths; CLASS_UNKNOWN: no score */
    uint64_t cpu_ns, memory_bytes;          /* or CLASS_UNKNOWN */
    enum reports_verdict verdict;
    enum class_visibility visibility;
};
struct class_group {
    const char *name;       /* "secret/large", of a group in `secret` */
    uint64_t points, score; /* thousandths; CLASS_UNKNOWN: no score */
};
/* The job that all cases of a submission start from. */
struct class_before {
    const char *id;
    const char *evidence, *stdout_log, *stderr_log; /* or NULL */
    enum reports_verdict verdict;
};
struct roster_entry;
struct class_submission {
    const char *id;      /* "grade/SUBMISSION=x"; NULL: there is none of who is in the roster */
    const char *student; /* unique in the class */
    const struct roster_entry *entry; /* or NULL */
    enum reports_verdict verdict;
    const char *first_bad;             /* a case's name, or `before->id`; or NULL */
    uint64_t points, score;            /* thousandths; CLASS_UNKNOWN: it is ungraded */
    const struct class_before *before; /* or NULL */
    const struct class_case *cases;    /* in the order of the job file */
    size_t n_cases;
    const struct class_group *groups; /* those around others before them */
    size_t n_groups;
};
struct class_table {
    struct arena *arena;                        /* all of it lives there */
    const char *title;                          /* the job that judges */
    const struct class_submission *submissions; /* in the order of `student` */
    size_t n;
    size_t n_unknown;       /* of them, who are not in the roster that there is */
    size_t n_runs, n_known; /* jobs of the run, and of these, whose verdict was kept from before */
};

/* Whether somebody knows what a submission is worth. */
static inline bool class_is_graded(const struct class_submission *s)
{
    return s->id != NULL && s->score != CLASS_UNKNOWN;
}
/* Adds why a submission is ungraded, as one sentence for staff. */
void class_add_reason(const struct class_submission *s, struct strbuf *to);

/* ---- the roster ---- */

struct roster_entry {
    const char *id;
    const char *name, *email, *group, *late; /* or NULL */
    unsigned line;
};
/* Who is in the class. Texts are UTF-8 without control characters. */
struct roster {
    struct arena *arena;
    struct roster_entry *list; /* in the order of their ids, each once */
    size_t n;
};
#define ROSTER_SIZE_MAX ((size_t)16 * 1024 * 1024)
/* Reads a CSV whose first line names its columns. Problems, each with its line, and remarks go to
 * `problems`, a line each: with problems it is -EINVAL, and *err says how many. `file`: what it is
 * called. */
int roster_parse(const char *file, const char *data, size_t n, struct roster **ret,
                 struct strbuf *problems, struct cupel_error *err);
int roster_read(const char *file, struct roster **ret, struct strbuf *problems,
                struct cupel_error *err);
void roster_free(struct roster *r);
const struct roster_entry *roster_find(const struct roster *r, const char *id);

/* ---- from the results of a run ---- */

struct class_wanted {
    const char *job;             /* the job that judges, where there are several; or NULL */
    const char *by;              /* the key of its matrix that tells students apart; or NULL */
    const struct roster *roster; /* or NULL; outlives the table */
};
/* Reads results.jsonl of an out directory that no run is writing to; believes what is there. Keeps
 * the directory open in *ret_dir: logs are read from it. */
int class_read(const char *out, const struct class_wanted *wanted, struct class_table **ret,
               int *ret_dir, struct cupel_error *err);
/* Says before a run what class_read would say after it: whether its submissions, of which `id`,
 * `of`, `values` and `file` are looked at, are of one student each, and of one job. */
int class_check(const struct class_wanted *wanted, const struct reports_submission *list, size_t n,
                struct cupel_error *err);
void class_free(struct class_table *t);
const struct class_submission *class_find(const struct class_table *t, const char *student);

/* ---- what a student may see ---- */

struct class_view {
    const struct class_submission *of;
    enum class_moment now;
    bool whole;       /* nothing is kept back */
    bool has_verdict; /* of what may be seen; none where nothing may */
    enum reports_verdict verdict;
    const char *first_bad;     /* a case's name that may be seen, or NULL */
    bool ungraded;             /* could not be judged, as far as may be seen */
    uint64_t score;            /* CLASS_UNKNOWN: not to be seen, or there is none */
    const char *before_reason; /* why nothing was run, or NULL */
    bool has_compile_log;      /* what the compiler said is to be shown */
    bool *shows_group;         /* of each group, whether a case in it may be seen */
    bool *shows_group_score;
};
/* Fills a view, which class_view_free frees. */
void class_view_make(const struct class_submission *s, enum class_moment now,
                     struct class_view *ret);
void class_view_free(struct class_view *v);
#define cleanup_view _cleanup_(class_view_free)
/* Whether what came of a case may be seen; where not, nothing of it may, not even its name. */
bool class_view_shows(const struct class_view *v, const struct class_case *c);

/* Whether whoever has submitted is told why a case came out so: what is not the submission's own
 * doing is for staff. */
static inline bool class_view_explains(const struct class_case *c)
{
    return reports_verdict_is_fair(c->verdict);
}

/* ---- writers, each to a text ---- */

void class_csv(const struct class_table *t, struct strbuf *to);
void class_html(const struct class_table *t, struct strbuf *to);
/* `logs`: the out directory, or -EBADF: what programs printed is not shown then. */
int student_json(const struct class_view *v, int logs, struct strbuf *to);
void student_html(const struct class_view *v, const char *title, int logs, struct strbuf *to);
/* results.json of Gradescope: has all cases, with who may see them. */
int gradescope_json(const struct class_submission *s, int logs, struct strbuf *to);
/* results.json of PrairieLearn, where whoever has submitted sees all of it: what the view has, in
 * PRAIRIELEARN_SIZE_MAX bytes at most. */
#define PRAIRIELEARN_SIZE_MAX ((size_t)1000 * 1000)
int prairielearn_json(const struct class_view *v, int logs, struct strbuf *to);
/* What Autolab takes from standard output: what the student may see, and as the last line the
 * scores; none where it is ungraded. `problem`: all points count for the one that is called so;
 * NULL: each group and each case outside of groups is one, and -EACCES where the student may not
 * see some of them, since Autolab shows the line. */
int autolab_text(const struct class_view *v, const char *problem, struct strbuf *to);

/* ---- files ---- */

enum class_format { CLASS_CSV, CLASS_HTML, CLASS_STUDENTS, CLASS_FORMAT_COUNT };
/* Writes what `formats` (bits) says below a directory that is made, or is an out directory already:
 * class.csv, class.html, and students/ID.json and ID.html. Each is there whole or not at all, for
 * its owner alone; what students/ had of others is removed. */
int class_write(const char *dir, const struct class_table *t, unsigned formats,
                enum class_moment now, int logs, struct cupel_error *err);

/* ---- all of it in one call ---- */

struct class_request {
    const char *out;    /* the out directory of a run that has ended, and holds no lock any more */
    const char *to;     /* where files go; NULL: to `out` */
    const char *roster; /* the path of its CSV, or NULL */
    const char *job, *by; /* as class_wanted has them, or NULL */
    unsigned formats;     /* bits of class_format; CLASS_ALL_FORMATS */
    enum class_moment now;
};
#define CLASS_ALL_FORMATS ((1u << CLASS_FORMAT_COUNT) - 1)
struct class_counts {
    size_t students; /* in the table: those of the roster who have submitted nothing as well */
    size_t submissions, ungraded;
};
/* Writes class.csv, class.html and students/ of what a run has left. What is to be told on standard
 * error goes to `remarks`, a line each, also where it fails. That submissions are ungraded is no
 * failure: *ret says how many. */
int class_report(const struct class_request *q, struct strbuf *remarks, struct class_counts *ret,
                 struct cupel_error *err);

/* What a request is about, for whoever wants to look into the table itself: scores of an earlier
 * run, or one submission. */
struct class_opened {
    struct class_table *table;
    struct roster *roster; /* or NULL */
    int logs;              /* the out directory, for writers */
};
int class_request_open(const struct class_request *q, struct strbuf *remarks,
                       struct class_opened *ret, struct cupel_error *err);
void class_opened_close(struct class_opened *o);
/* Adds lines about those who have submitted and are not in the roster that there is. */
void class_remark_unknown(const struct class_table *t, const char *roster, struct strbuf *remarks);
