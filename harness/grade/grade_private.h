/* SPDX-License-Identifier: Apache-2.0 */
/* grade_private: what the parts of grading share. Private to harness/grade/. */
#pragma once

#include "harness/grade/grade.h"

/* ---- choose.c: what is run ---- */

struct grade_chosen {
    const struct jobs_plan *plan;
    const char *job; /* the job that judges */
    bool *selected;  /* its cases, and what they need */
};
/* Finds the job that judges, and what it needs. */
int grade_choose(const struct grade_options *o, struct jobs_plan *plan, struct grade_chosen *ret,
                 struct cupel_error *err);
void grade_chosen_free(struct grade_chosen *c);
/* Whether a submission of the plan is one of that job's. */
bool grade_is_judged(const struct grade_chosen *c, const struct jobs_judged *j);
/* How many runs there are at once: with --pin no more than there are cores for them. */
unsigned grade_slots(const struct grade_options *o);
/* Runs what is chosen into a directory; 0 and the exit code of the run. */
int grade_run(const struct grade_options *o, const struct grade_chosen *c, const char *out,
              int *ret_exit, struct cupel_error *err);

/* ---- estimate.c: how long it takes ---- */

#define GRADE_UNKNOWN UINT64_MAX
struct grade_estimate {
    size_t submissions, runs;
    size_t cases;      /* of each; 0: not the same */
    uint64_t about_ns; /* as long as runs took before; GRADE_UNKNOWN: there were none */
    uint64_t least_ns; /* what cupel itself takes of it */
    uint64_t worst_ns; /* if each uses up its time; GRADE_UNKNOWN: nothing bounds that */
};
/* `run_ns`: how long a run took the last time, in a slot; GRADE_UNKNOWN. */
void grade_estimate(const struct grade_chosen *c, unsigned slots, uint64_t run_ns,
                    struct grade_estimate *ret);
/* Adds "300 submissions, 20 cases each: 6,300 runs, about 3 min, at worst 40 min". */
void grade_estimate_say(const struct grade_estimate *e, struct strbuf *to);
/* Adds "2,000 of 2,100 runs are known from before, the others take about 3 s". */
void grade_estimate_say_known(const struct grade_estimate *e, size_t n_known, struct strbuf *to);

/* ---- scores.c: what is known from one grading to the next ---- */

struct grade_score {
    const char *id, *student;
    const char *verdict;
    const char *first_bad;  /* or NULL */
    uint64_t score, points; /* thousandths; CLASS_UNKNOWN: ungraded */
};
struct grade_record {
    struct arena *arena;      /* all of it lives there */
    struct grade_score *list; /* in the order of ids, each once */
    size_t n;
    uint64_t run_ns; /* of a run in a slot; GRADE_UNKNOWN */
};
/* Reads what the last grading that came to its end has left in an out directory. What is not there,
 * or cannot be read, is an empty record. */
void grade_record_read(const char *out, struct grade_record *ret);
/* Makes a record of a class; with `keep_others`, of those in `before` as well. */
void grade_record_make(const struct class_table *t, const struct grade_record *before,
                       bool keep_others, struct grade_record *ret);
int grade_record_write(const char *out, const struct grade_record *r, struct cupel_error *err);
void grade_record_free(struct grade_record *r);
/* Adds a line for each submission whose score is another than before, and says how many of them
 * there are, and of how many nothing was known. */
void grade_changes_say(const struct grade_record *before, const struct class_table *now,
                       struct strbuf *to, size_t *ret_changed, size_t *ret_new);

/* ---- archives.c ---- */

void grade_named_add(struct grade_named *n, const struct jobs_submission *s);
/* Unpacks an archive in the out directory, and adds what is in it. */
int grade_unpack(const struct grade_naming *how, const char *word, bool one_of_many,
                 struct grade_named *to, struct cupel_error *err);
