/* SPDX-License-Identifier: Apache-2.0 */
/* layouts: private to ingest: which member of an archive belongs to which submission, by the names
 * that the systems give which export them. Pure functions. A name may be a student's choice: it
 * never makes a file another one's. */
#pragma once

#include "ingest/handins.h"
#include "ingest/members.h"

/* Of a name, what is taken for the student's own. */
struct layout_group {
    const char *id;   /* good as a file's name */
    const char *key;  /* what the archive calls it: one id has one of them */
    const char *name; /* of the person, or NULL */
    const char *email;
    const char *wanted; /* the id that it is to have, or NULL */
    bool late;
};

/* A member with what its name comes to. */
struct layout_member {
    const char *clean; /* its path in the archive; NULL: it is none of anybody's */
    const char *wrong; /* what is wrong with its name, or NULL */
    const char *path;  /* in its submission; "": that itself */
};

struct layout {
    enum handins_layout layout;
    struct layout_group *groups;
    size_t n_groups;
    struct layout_member *members; /* as many as there are of the archive */
    uint32_t *of;                  /* of each: its group, or MEMBER_OF_NONE */
    size_t n_members;
    enum handins_layout resembles; /* whose export it would be alone; HANDINS_ANY: nobody's */
    size_t metadata;               /* the member that is Gradescope's list; SIZE_MAX: none */
    size_t n_strays;               /* members that are nobody's */
    const char *stray;             /* the first of them */
    struct arena *arena;
};

/* Sorts the members of the archive with the base name `name` by submission. Two different ones
 * with one id are an error, which names both. */
int layouts_sort(const struct member_list *all, const char *name, enum handins_layout wanted,
                 bool one_of_many, struct layout *ret, struct cupel_error *err);
void layouts_free(struct layout *l);

/* Notes the id that a group is to have. */
void layouts_want(struct layout *l, size_t group, const char *id);
/* Gives each the id that it is to have. What several are to have, nobody gets: it may be one's own
 * word, and is warned of. */
void layouts_rename(struct layout *l);
