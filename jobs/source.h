/* SPDX-License-Identifier: Apache-2.0 */
/* source: the text of one job file and the problems found in it. Private to jobs/. */
#pragma once

#include "base/base.h"

/* A place in the file; both count from 1, columns count characters. */
struct source_place {
    uint32_t line;
    uint32_t column;
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
/* The line to be told to a user, or 0 for what an option says. */
#define SOURCE_LINE(place) ((place).line < SOURCE_OPTIONS ? (int)(place).line : 0)

struct source {
    const char *file; /* as given, for messages */
    const char *text; /* borrowed */
    size_t len;
    /* of a command line: how each option was written, whose place is SOURCE_OPTIONS and more */
    const char *const *options;
    struct problem *problems;
    size_t n_problems; /* kept */
    size_t n_dropped;
};

void source_free(struct source *s);
/* Notes a problem. Control characters in it become '?', and it is cut to a readable length. */
void source_problem(struct source *s, struct source_place place, const char *fmt, ...)
    BASE_PRINTF(3, 4);
static inline bool source_is_good(const struct source *s)
{
    return s->n_problems == 0;
}
/* Finds where byte `offset` of the text is. */
struct source_place source_place(const struct source *s, size_t offset);
/* Notes a problem and returns false unless the text is UTF-8 without control characters. */
bool source_check_encoding(struct source *s);
/* Appends every problem, in the order of the file: "file:line:column: message", the line, and a
 * caret below it. The same message at the same place is printed once, and no more than
 * SOURCE_PRINT_MAX. Returns how many there were. */
size_t source_print(struct source *s, struct strbuf *out);
