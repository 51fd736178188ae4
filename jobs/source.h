/* SPDX-License-Identifier: Apache-2.0 */
/* source: the text of a job file, and of those that it includes, and the problems found in them.
 * Private to jobs/. */
#pragma once

#include "base/base.h"

/* A place in the file; both count from 1, columns count characters. */
struct source_place {
    uint32_t line;
    uint32_t column;
    uint32_t origin; /* 0: written there and nowhere else; see source_origin */
};

/* How what is written in one place came to stand in another: of which file it is, and through which
 * alias it came. */
struct source_origin {
    uint32_t file;          /* index into source.files */
    struct source_place at; /* of the alias; line 0: none */
    const char *word;       /* what stands there, "*base" */
    uint32_t before;        /* the origin that it had there already */
};
/* A file that the job file includes; files[0] is the job file itself. */
struct source_file {
    const char *name; /* for messages */
    const char *dir;  /* that relative paths in it refer to; NULL: the plan's */
    const char *text; /* borrowed */
    size_t len;
};

struct problem {
    struct source_place place;
    size_t serial; /* order of discovery, which breaks ties */
    char *message;
};

/* More problems than this are counted, but neither kept nor printed: a file of a million mistakes
 * must not cost a million messages. */
#define SOURCE_PROBLEMS_MAX 1000
/* The first of them are printed, the rest are counted: nobody reads more at once. */
#define SOURCE_PRINT_MAX 50

/* The line of the first option: no file has so many. */
#define SOURCE_OPTIONS (UINT32_MAX / 2)
struct source {
    const char *file; /* as given, for messages */
    const char *text; /* borrowed */
    size_t len;
    /* of a command line: how each option was written, whose place is SOURCE_OPTIONS and more */
    const char *const *options;
    struct problem *problems;
    size_t n_problems; /* kept */
    size_t n_dropped;
    /* both begin at index 1: 0 is the job file, and what is written in it */
    struct source_origin *origins;
    uint32_t n_origins;
    struct source_file *inclusions;
    uint32_t n_inclusions;
    uint32_t reading; /* the origin of what is in `text` */
    /* of all files so far: values of their trees, and bytes that aliases stand for */
    size_t n_nodes, copied;
    /* read as GitLab reads it: with the tag !reference, and keys may be given twice */
    bool is_gitlab;
};

static inline struct source_place source_at(uint32_t line, uint32_t column)
{
    return (struct source_place){.line = line, .column = column};
}

void source_free(struct source *s);
/* Notes a problem. Control characters in it become '?', and it is cut to a readable length. */
void source_problem(struct source *s, struct source_place place, const char *fmt, ...)
    BASE_PRINTF(3, 4);
static inline bool source_is_good(const struct source *s)
{
    return s->n_problems == 0;
}
/* Adds an origin, which is good until source_free; `word` is borrowed. */
uint32_t source_add_origin(struct source *s, const struct source_origin *origin);
/* Which file the place is in: 0 is the job file. */
uint32_t source_file_of(const struct source *s, struct source_place place);
/* Returns the line of the job file to be told to a user, or 0: what an option says, or another
 * file. */
int source_line_of(const struct source *s, struct source_place place);
/* Returns the name of the file that the place is in, for messages. */
const char *source_name_of(const struct source *s, struct source_place place);
/* Adds an included file; what is in it is borrowed. Returns its number. */
uint32_t source_add_file(struct source *s, const struct source_file *file);
/* Finds where byte `offset` of the text is. */
struct source_place source_place(const struct source *s, size_t offset);
/* Notes a problem and returns false unless the text is UTF-8 without control characters. */
bool source_check_encoding(struct source *s);
/* Appends every problem, in the order of the file: "file:line:column: message", the line, and a
 * caret below it. The same message at the same place is printed once, and no more than
 * SOURCE_PRINT_MAX. Returns how many there were. */
size_t source_print(struct source *s, struct strbuf *out);
