/* SPDX-License-Identifier: Apache-2.0 */
/* gitlab: what the parts of the converter of GitLab's pipelines share. Private to jobs/convert/. */
#pragma once

#include "jobs/convert/condition.h"

struct gitlab_job {
    const struct node *node; /* NULL: it has problems; else with what it extends */
    const char *name;
    size_t stage;
    int state;       /* of resolving: 0 not yet, 1 now, 2 done */
    bool is_job;     /* not hidden, and none of the pipeline's own words */
    bool is_part;    /* it extends what is not in this file */
    bool is_written; /* it runs */
    bool is_held;    /* it stands as a comment: whether it would have run is not known */
    bool own_needs;
    const char *when;          /* what `when` and `rules` come to; NULL: that cannot be told */
    const struct node *at;     /* where that is said */
    const struct node *rule;   /* that decides it for sure, or NULL */
    bool keeps;                /* it leaves artifacts for others when it has passed */
    const char *image;         /* as the root's name; NULL: the host's */
    const struct node *matrix; /* of `parallel` */
};

struct gitlab {
    struct converter *c;
    const struct node *root;
    const struct node *defaults;           /* `default`, or NULL */
    const struct node *workflow_variables; /* of the rule that the pipeline is run by, or NULL */
    struct gitlab_job *jobs;               /* every top-level map */
    size_t n_jobs;
    struct name_index index; /* of jobs */
    const char **stages;
    size_t n_stages;
    struct out *out_defaults;
    struct strset said;  /* variables of GitLab's own that were told of */
    struct strset pools; /* names under `exclusive` */
    size_t n_pools;
};

/* The value of a word that a job has, or else `default`, or the pipeline itself. */
const struct node *gitlab_word(const struct gitlab *g, const struct node *job, const char *word);
/* The variable, of the job (or NULL) or the pipeline: a scalar, or NULL. */
const struct node *gitlab_variable(const struct gitlab *g, const struct node *job,
                                   const char *name);
/* What [JOB, WORD, ...] of !reference names, or NULL. */
const struct node *gitlab_referred(struct gitlab *g, const struct node *n);
/* The map with what `over` says over it: maps merge key by key, everything else is replaced. */
const struct node *gitlab_merge(struct gitlab *g, const struct node *base, const struct node *over);
/* The pipeline with the files that it includes; says what of them is not read. */
const struct node *gitlab_include(struct gitlab *g, struct out *in);
/* Whether one of the rules holds that is none of "never". */
enum truth gitlab_rules_hold(struct gitlab *g, const struct node *rules);
/* Finds out whether the pipeline is run at all, and with which variables; says what it is not sure
 * of. */
void gitlab_workflow(struct gitlab *g, struct out *in);
/* Adds a text to what a list of commands says, with what !reference stands for. */
void gitlab_lines(struct gitlab *g, struct out *in, const struct node *n, struct strbuf *lines,
                  int depth);
/* The text with the variables in it that GitLab replaces and that are known. NULL: not all are. */
const char *gitlab_expand(struct gitlab *g, const struct node *job, const char *text, int depth);
/* Gives jobs the variables of GitLab's own that the job's text uses, or says that there are none.
 */
void gitlab_predefined(struct gitlab *g, const struct gitlab_job *j, struct out *in,
                       const struct node *at, const char *text);
/* Whether the job's `parallel` sets the variable, which wins over the job's own. */
bool gitlab_is_parallel(const struct gitlab_job *j, const char *name);
/* Names what a variable that is a map says beside its value. */
void gitlab_variable_rest(struct gitlab *g, struct out *in, const struct node *v);
/* A job's own keys: fills the job. */
void gitlab_job_write(struct gitlab *g, struct gitlab_job *j, struct out *job);
/* Names what rules say beside when the job is run. */
void gitlab_rules_rest(struct gitlab *g, struct gitlab_job *j, struct out *job,
                       const struct node *rules);
/* What `cache` says. */
void gitlab_cache(struct gitlab *g, struct gitlab_job *j, struct out *job,
                  const struct node *value);
/* What the job comes after. */
void gitlab_needs(struct gitlab *g, struct gitlab_job *j, struct out *job);
/* What `parallel` says. */
void gitlab_parallel(struct gitlab *g, struct gitlab_job *j, struct out *job,
                     const struct node *value);
/* Sets, of a job, whether it runs or stands as a comment, by when, rules, only and the like. */
void gitlab_decide(struct gitlab *g, struct gitlab_job *j, struct out *jobs);
/* Makes comments of the jobs that need one that does not run for sure, and of those that need them.
 */
void gitlab_hold_needing(struct gitlab *g, struct out *jobs);
