/* SPDX-License-Identifier: Apache-2.0 */
/* gitlab: what the parts of the converter of GitLab's pipelines share. Private to jobs/convert/. */
#pragma once

#include "jobs/convert/convert.h"

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
    bool keeps;                /* it leaves artifacts for others when it has passed */
    const char *image;         /* as the root's name; NULL: the host's */
    const struct node *matrix; /* of `parallel` */
};

struct gitlab {
    struct converter *c;
    const struct node *root;
    const struct node *defaults; /* `default`, or NULL */
    struct gitlab_job *jobs;     /* every top-level map */
    size_t n_jobs;
    struct name_index index; /* of jobs */
    const char **stages;
    size_t n_stages;
    struct out *out_defaults;
    struct strset said; /* variables of GitLab's own that were told of */
};

/* The value of a word that a job has, or else `default`, or the pipeline itself. */
const struct node *gitlab_word(const struct gitlab *g, const struct node *job, const char *word);
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
