/* SPDX-License-Identifier: Apache-2.0 */
/* submission_languages: the languages that submissions may be written in, and which one each is.
 * Private to jobs/expand/. */
#pragma once

#include "jobs/expand/matrix.h"
#include "jobs/expand/replace.h"

struct submission_language {
    const char *name;
    const char **endings; /* ".c" */
    size_t n_endings;
    const char *main;                          /* or NULL */
    struct node *compile, *run;                /* compile: or NULL */
    uint64_t time_factor, memory_factor;       /* thousandths */
    uint64_t time_allowance, memory_allowance; /* nanoseconds, bytes */
};
struct languages {
    struct loader *l;
    struct replacing *r;
    const struct node *map, *defaults; /* or NULL */
    struct submission_language *all;
    size_t n;
    /* the limits that were made last, and of what: most cases say nothing of their own */
    const struct submission_language *limits_of;
    const struct node *limits_from;
    struct node *limits;
};

/* What a job takes from the table. */
enum language_use { LANGUAGES_NOT_USED, LANGUAGES_COMPILE, LANGUAGES_RUN };

/* What is known of the submission that an instance is about. */
#define LANGUAGE_VALUES 2
struct spoken {
    const struct submission_language *language; /* NULL: none, or it is not known */
    const char *refused;                        /* why not: the plan's; or NULL */
    bool unread;                                /* jobs_job.unread */
    const char **files;                         /* of that language; see struct submission_seen */
    size_t n_files;
    struct matrix_value values[LANGUAGE_VALUES];
};

/* Reads `languages` (NULL: there are none); `defaults`: what every job starts from, or NULL. To be
 * freed. */
void languages_read(struct languages *t, struct replacing *r, const struct node *map,
                    const struct node *defaults);
void languages_free(struct languages *t);
/* Whether it says no command of its own, and is one of those that have theirs from the table. */
enum language_use languages_use(const struct languages *t, const struct node *job);
/* Finds the language of the first value that was found in directories, and adds what the instance
 * finds of it in its environment. False: there is no such value. */
bool languages_find(const struct languages *t, struct combination *c, struct spoken *ret);
/* Whether it is the name of what is added there. */
bool languages_have(const char *name);
/* Returns the keys that the job has then, `run` and perhaps `args`, linked; `args`: what it says of
 * those, or NULL. */
struct node *languages_command(const struct languages *t, const struct spoken *s,
                               enum language_use use, const struct node *key,
                               const struct node *args);
/* Returns what a case says of `limits` (or NULL), with what its job says (or NULL) and `defaults`
 * laid below, as the language has it; NULL: nobody says anything. language_limits.c */
struct node *languages_limits(struct languages *t, const struct submission_language *of,
                              struct node *own, struct node *base);
