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
    const struct jobs_converting *asked;
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
/* Whether a word is one of these. */
bool convert_is_among(const char *word, const char *const *words, size_t n);

/* The name, under `rootfs`, of the image; it is added there. NULL where it is no image's name. */
const char *convert_root(struct converter *c, const char *image);
/* Adds a root of that name for the image; false: another image has the name. */
bool convert_root_named(struct converter *c, const char *name, const char *image);
/* Adds the service of an image to the map `services`; NULL where none can be, which is noted as
 * left out. */
struct out *convert_service(struct converter *c, struct out *services, const struct node *at,
                            const char *name, const char *image);
/* The text with every "${{" as the job file has it that stands for itself. */
const char *convert_literal(struct converter *c, const char *text);
/* Adds a key of `limits`, a duration in seconds. */
void convert_wall(struct converter *c, struct out *job, uint64_t seconds);
/* An absolute path in the job of one in the project; NULL where there is none. */
const char *convert_path(struct converter *c, const char *path);
/* Whether a key can be added to a list of caches, or of those that one is restored from. */
bool convert_cache_has_room(const struct out *list, const char *key);
/* Adds an entry to the job's `cache`, of which `key` is what it is saved under. */
struct out *convert_cache(struct converter *c, struct out *job, const char *key);
/* Adds a directory to the cache, which is the job's last; false, and nothing said, where none can
 * be kept there. */
bool convert_cache_path(struct converter *c, struct out *job, struct out *cache, const char *path);
/* Takes the cache out again where no directory is in it. */
void convert_cache_end(struct converter *c, struct out *job, struct out *cache);
/* "${{ hash('a', 'b') }}" of the files; NULL: one cannot be written so. */
const char *convert_hash(struct converter *c, const char *const *files, size_t n);
/* The scalar's text; NULL for anything else. */
const char *convert_text(const struct node *n);
bool convert_is_true(const struct node *n);
bool convert_is_false(const struct node *n);
/* The same of a pattern of artifacts, or NULL. */
const char *convert_pattern(struct converter *c, const char *pattern);
/* A text with control characters and what cannot be seen as '?': for messages and comments. */
const char *convert_shown(struct converter *c, const char *text);
/* Whether it is a name of an environment variable that a job file may set. */
bool convert_is_variable(const char *name);
/* Whether it is one that a key of a matrix may have. */
bool convert_is_axis(const char *name);

/* Reads c->source, whose text is given, and fills c->out; a problem that stops it is noted in the
 * source. */
void convert_fill(struct converter *c);
/* Notes a problem where jobs that run need each other in a circle. */
void convert_refuse_round(struct converter *c, const struct out *jobs);

/* The two converters: read the tree, and fill c->out. */
void convert_gitlab(struct converter *c, const struct node *root);
void convert_github(struct converter *c, const struct node *root);
