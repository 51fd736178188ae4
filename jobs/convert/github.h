/* SPDX-License-Identifier: Apache-2.0 */
/* github: what the parts of the converter of GitHub's workflows share. Private to jobs/convert/. */
#pragma once

#include "jobs/convert/convert.h"

/* What becomes of a job or a step. */
enum github_fate {
    GITHUB_NEVER,  /* it is named, and nothing else */
    GITHUB_HELD,   /* as a comment: whether it would have run is not known */
    GITHUB_WRITTEN /* it runs */
};

struct github {
    struct converter *c;
    const struct node *root;
    struct name_index index; /* of the jobs */
    const struct node **jobs;
    enum github_fate *fates; /* of each */
    size_t n_jobs;
    struct out *defaults;
};

/* Where a text stands: what its `${{ }}` may mean. */
struct github_scope {
    struct github *g;
    const struct node *job, *step; /* or NULL */
    struct out *out;               /* the job */
    const struct node *matrix;     /* or NULL */
    const char *system_axis;       /* the key of the matrix that `runs-on` takes, or NULL */
    struct strset used;            /* keys of the matrix that stand in texts */
    bool in_script;                /* of a shell, which knows the job's variables */
};

/* ---- github_text.c ---- */

/* The child of what may be no map, or NULL. */
const struct node *github_child(const struct node *map, const char *key);
/* A key of a matrix as a variable may be called. */
const char *github_axis(struct converter *c, const char *name);
bool github_matrix_has(const struct node *matrix, const char *name);
/* Whether `env` or `secrets` of the job, or of all jobs, has the name. */
bool github_has(const struct github_scope *s, const char *map, const char *name);
/* Gives the job a secret by its name, once. */
void github_use_secret(struct github_scope *s, const char *name);
/* The name of the secret that the text is, and nothing else; NULL: it is none. */
const char *github_secret_of(struct converter *c, const char *text);
/* The text with what its expressions are here. NULL: one of them cannot be told. */
const char *github_text(struct github_scope *s, const char *text);
/* The same of what is written in any case: an expression that is not known is named, and stays a
 * literal one, on which a shell ends. */
const char *github_text_or_say(struct github_scope *s, struct out *in, const struct node *n);
/* What `if` says in the job file's words, or "never"; NULL: it cannot be told. */
const char *github_condition(const struct node *n);
/* Whether what `runs-on` says is no Linux. */
bool github_is_other_system(const char *label);
/* The key of the matrix that `runs-on` is, and nothing else; NULL: it is none. */
const char *github_system_axis(struct converter *c, const struct node *job);

/* ---- github_matrix.c ---- */

bool github_matrix_is_known(struct converter *c, const struct node *matrix);
/* Writes `matrix` and the like; false where no combination is left. */
bool github_strategy(struct github_scope *s, const struct node *strategy);
/* Gives each combination the keys that texts use and that only others have: GitHub takes them for
 * empty. */
void github_fill_combinations(struct github_scope *s);

/* ---- github_parts.c ---- */

/* Adds the variables of a map to `env` of a job or of a service. */
void github_env(struct github_scope *s, struct out *in, const struct node *map);
void github_machine(struct github_scope *s);
void github_services(struct github_scope *s, const struct node *services);

/* ---- github_actions.c ---- */

/* Names the keys of a map that are not among those that are carried out. */
void github_others(struct github_scope *s, struct out *in, const struct node *map,
                   const char *const *taken, size_t n, const char *of);
/* Writes what a step that `uses` an action does. */
void github_action(struct github_scope *s, const struct node *step, const char *uses);

/* ---- github_steps.c ---- */

void github_minutes(struct github_scope *s, struct out *in, const struct node *n);
/* Writes the steps of the job; false where none runs for sure. */
bool github_steps(struct github_scope *s, const struct node *list);
