/* SPDX-License-Identifier: Apache-2.0 */
/* convert: what the two converters share: what is read, what is said of it, and the job file as it
 * grows. Private to jobs/. */
#pragma once

#include "jobs/convert/writing.h"
#include "jobs/jobs.h"
#include "jobs/load.h"

/* Where the project lies in every job that is written: the job file's own default. */
#define CONVERT_WORKDIR "/work"
/* How much may be looked at (1 each) and made (16 each) in all, whatever templates, stages and
 * matrices multiply. */
#define CONVERT_WORK_MAX 20000000

struct converter {
    struct source source; /* of the file that is read */
    struct arena *arena;
    struct out_writing out;
    struct strbuf *notes;
    struct out *roots; /* the map `rootfs` */
    size_t n_roots;
    size_t n_left; /* what has no counterpart */
    size_t work;   /* see CONVERT_WORK_MAX */
    bool assume;   /* jobs and steps under conditions are written as if those held */
    bool uses_git; /* ${{ git.commit }} or ${{ git.branch }} stands in it */
};

/* Says that what stands at the node comes over in part or not at all: on standard error with its
 * line, and as a comment in the map or list `in`. */
void convert_left(struct converter *c, struct out *in, const struct node *at, const char *format,
                  ...) BASE_PRINTF(4, 5);
/* The same of what changes nothing that a job does: it is said, and nothing counts as left out. */
void convert_note(struct converter *c, struct out *in, const struct node *at, const char *format,
                  ...) BASE_PRINTF(4, 5);
/* Counts so much work; false once it is more than may be. */
bool convert_charge(struct converter *c, size_t n);
/* Says that a word has no counterpart here yet, or that the job file's own key of that name, which
 * this version carries out, has to be written by hand: the key tables know which. */
void convert_by_key(struct converter *c, struct out *in, const struct node *at,
                    const struct key_table *table, const char *key);
/* Whether a word is one of these. */
bool convert_is_among(const char *word, const char *const *words, size_t n);

/* The name, under `rootfs`, of the image; it is added there. NULL where it is no image's name. */
const char *convert_root(struct converter *c, const char *image);
/* Adds the service of an image to the map `services`; NULL where its image is no image's name. */
struct out *convert_service(struct converter *c, struct out *services, const char *name,
                            const char *image);
/* The text with every "${{" as the job file has it that stands for itself. */
const char *convert_literal(struct converter *c, const char *text);
/* Adds a key of `limits`, a duration in seconds. */
void convert_wall(struct converter *c, struct out *job, uint64_t seconds);
/* An absolute path in the job of one in the project; NULL where there is none. */
const char *convert_path(struct converter *c, const char *path);
/* The scalar's text; NULL for anything else. */
const char *convert_text(const struct node *n);
bool convert_is_true(const struct node *n);
bool convert_is_false(const struct node *n);
/* A text with control characters and what cannot be seen as '?': for messages and comments. */
const char *convert_shown(struct converter *c, const char *text);
/* Whether it is a name of an environment variable that a job file may set. */
bool convert_is_variable(const char *name);
/* Whether it is one that a key of a matrix may have. */
bool convert_is_axis(const char *name);

/* Reads c->source, whose text is given, and fills c->out; a problem that stops it is noted in the
 * source. */
void convert_fill(struct converter *c, enum jobs_convert from);

/* The two converters: read the tree, and fill c->out. */
void convert_gitlab(struct converter *c, const struct node *root);
void convert_github(struct converter *c, const struct node *root);
