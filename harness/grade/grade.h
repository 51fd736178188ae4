/* SPDX-License-Identifier: Apache-2.0 */
/* grade: submissions become grades: which there are, the file's own solutions before them, how long
 * it will take, and which scores are others than before. Runs nothing itself (supervisor), and
 * writes no table (reports/class/). */
#pragma once

#include "harness/run/run_options.h"
#include "ingest/handins.h"
#include "reports/class/class.h"

/* ---- who has submitted ---- */

/* Submissions that somebody names: directories, files, and archives of them. */
struct grade_named {
    struct arena *arena; /* all of it lives there */
    struct jobs_submission *list;
    size_t n, room;
    size_t n_unpacked;    /* those that were in an archive ... */
    struct strbuf people; /* ... and who they are, as lines of a roster */
};
/* How archives are taken. */
struct grade_naming {
    const char *out; /* the out directory, where they are unpacked */
    enum handins_layout layout;
    uint64_t bytes_max; /* of what one of them holds; 0: what is usual */
};
/* Gives each word of a command line a short name that no other has: the path's last component, or
 * of those in an archive what the archive says. Two of one name are an error, and so is one that is
 * not there; whatever else is wrong with one is for its own result to say. */
int grade_name_submissions(const struct grade_naming *how, char *const *words, size_t n,
                           struct grade_named *ret, struct cupel_error *err);
/* Writes a roster of who has handed in, where all of it was in archives: *ret_path, malloc'ed, is
 * left alone where not. */
int grade_named_roster(const struct grade_named *n, const char *out, char **ret_path,
                       struct cupel_error *err);
void grade_named_free(struct grade_named *n);

/* ---- all of it ---- */

struct grade_options {
    /* how to run: of `out`, `slots` and whatever else somebody chose; what is run is filled in */
    struct run_options run;
    const char *job;    /* the job with `cases`, where there are several; or NULL */
    const char *by;     /* the key that tells students apart, or NULL */
    const char *roster; /* the path of its CSV, or NULL */
    enum class_moment moment;
    bool is_part; /* other submissions are left as they were graded before */
    bool verbose; /* tell of each case */
};
/* Says what cannot be put into a table, before anything is run: two submissions of one student,
 * whom the roster may have made one. */
int grade_check(const struct grade_options *o, struct jobs_plan *plan, struct cupel_error *err);
/* Lists the file's own solutions, for a second reading of it in which they are the submissions. */
void grade_references_list(const struct jobs_plan *plan, struct grade_named *ret);
/* Runs them (`references`: that reading) and compares what comes of them with what the file says.
 * 0 and the exit code: 0 as promised, 3 not, or one could not be judged. */
int grade_references(const struct grade_options *o, struct jobs_plan *references,
                     const struct jobs_plan *plan, int *ret_exit, struct cupel_error *err);
/* Runs a class, writes its tables and pages, and tells which scores have changed. 0 and the exit
 * code: 0 all are graded, 3 not, 130 interrupted; or an error. */
int grade_class(const struct grade_options *o, struct jobs_plan *plan, int *ret_exit,
                struct cupel_error *err);
