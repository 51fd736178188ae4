/* SPDX-License-Identifier: Apache-2.0 */
/* writing: a job file as it grows: maps, lists, texts and comments in their order, written as YAML.
 * libyaml's emitter knows no comments, and what is left out has to be told at its place. */
#pragma once

#include "base/base.h"

enum out_kind { OUT_TEXT, OUT_LIST, OUT_MAP, OUT_COMMENT };

struct out {
    enum out_kind kind;
    bool bare;        /* a text without quotes: a number or a boolean of our own */
    bool held;        /* written, but as a comment: see out_hold */
    const char *key;  /* of a map's child */
    const char *text; /* of a text or a comment; borrowed */
    struct out *first, *last, *next;
    size_t n; /* children that are no comments */
};

struct out_writing {
    struct arena *arena;
    struct out *root;
};

/* Each adds a child to a map (with a key) or a list (without), and returns it. Keys and texts are
 * borrowed. */
struct out *out_map(struct out_writing *w, struct out *in, const char *key);
struct out *out_list(struct out_writing *w, struct out *in, const char *key);
struct out *out_text(struct out_writing *w, struct out *in, const char *key, const char *text);
/* A number or a boolean. */
struct out *out_bare(struct out_writing *w, struct out *in, const char *key, const char *text);
/* One line for the reader. */
void out_comment(struct out_writing *w, struct out *in, const char *text);
/* A list of these texts. */
struct out *out_texts(struct out_writing *w, struct out *in, const char *key, size_t n,
                      const char *const *texts);
/* The text with every "${{" as the job file has it that stands for itself. */
const char *out_literal(struct out_writing *w, const char *text);
/* The map's child, or NULL. */
struct out *out_find(const struct out *map, const char *key);
/* Whether the text is one of the list's. */
bool out_has_text(const struct out *list, const char *text);
/* Finds the map or list of that key in the map, or adds it. */
struct out *out_get_map(struct out_writing *w, struct out *map, const char *key);
struct out *out_get_list(struct out_writing *w, struct out *map, const char *key);
/* Leaves of the map or list only the comments in it, however deep they stand. */
void out_only_comments(struct out_writing *w, struct out *o);
/* Takes a child out of the map or list again, but for the comments in it. */
void out_drop(struct out_writing *w, struct out *in, struct out *child);
/* Has a child of `in` written as comments: whoever takes the marks away has it as it would be. */
void out_hold(struct out *in, struct out *child);

/* Writes the map as YAML. Maps and lists in which nothing but comments stands leave those alone. */
void out_write(struct out *root, struct strbuf *to);
