/* SPDX-License-Identifier: Apache-2.0 */
/* redact: takes texts that must not be seen out of whatever passes, and puts REDACTED in their
 * place: as they are, and in the forms that programs give them. What passes may come in pieces of
 * any size. Not responsible for where secrets come from, nor for which streams and reports pass
 * through here. */
#pragma once

#include "base/base.h"

#define REDACTED "***"
/* A shorter text would stand in every other word. */
#define REDACT_LEAST ((size_t)4)
#define REDACT_VALUE_MAX ((size_t)32 << 10)

/* The texts. Only read once it is sealed, by any number of streams. */
struct redact;

struct redact *redact_new(void);
void redact_free(struct redact *r);
/* Adds a value, its lines of REDACT_LEAST bytes or more, and of each the forms that it has in
 * base64 (wherever it stands in what was encoded), in URLs, in JSON and in XML. The value has
 * REDACT_LEAST to REDACT_VALUE_MAX bytes. */
void redact_add(struct redact *r, const char *value, size_t n);
/* How many bytes of memory the texts take until now: of a value of random bytes, some thousand
 * times its length. */
size_t redact_memory(const struct redact *r);
/* Ends the list of texts: after the last redact_add, before anything passes. */
void redact_seal(struct redact *r);
/* Whether that text has something that must not be seen. False of r NULL. */
bool redact_has(const struct redact *r, const char *text, size_t n);
/* Appends a whole text, redacted. `cut`: it may have been longer, so that the beginning of a secret
 * at its end, of REDACT_LEAST bytes or more, is taken for one. */
void redact_put(const struct redact *r, const char *text, size_t n, bool cut, struct strbuf *out);
/* The same of a string, malloc'ed; NULL where nothing of it changes. */
char *redact_string(const struct redact *r, const char *text, bool cut);
/* The same in place: the buffer's size is not passed, and what does not fit is cut. */
void redact_in_place(const struct redact *r, char *buf, size_t size);

/* Keeps remarks and errors (log_warning, cupel_error_print) of this process, and of those that it
 * forks, free of all of that, for good. */
void redact_remarks(const struct redact *r);
/* Such a line, or what is shown in its place (malloc'ed into *ret_own). */
const char *redact_remark(const char *line, char **ret_own);
/* The length of the longest text that is looked for. */
size_t redact_longest(const struct redact *r);

/* A text that passes piece by piece. What may be the beginning of a secret is held back, and that
 * is all: no more bytes than the longest secret has, and its answer to one text is the same however
 * that was cut into pieces. Without secrets (`of` is NULL) it must not be called. */
struct redact_stream {
    const struct redact *of;
    uint32_t state;
    bool in_secret;           /* the last byte that has passed was part of one */
    uint64_t taken;           /* bytes that came */
    uint64_t passed;          /* of these, that are not held back */
    uint64_t secret;          /* bytes before this one are part of a secret that was found */
    uint64_t written;         /* bytes that went out */
    struct redact_held *held; /* a ring of `room` */
    size_t room;
    struct redact_mark *marks;
    size_t n_marks, next_mark;
};
void redact_stream_begin(struct redact_stream *s, const struct redact *of);
void redact_stream_take(struct redact_stream *s, const char *data, size_t n, struct strbuf *out);
/* Lets go of what is held back; `cut` as above. */
void redact_stream_finish(struct redact_stream *s, bool cut, struct strbuf *out);
/* Remembers the place behind what came so far. */
void redact_stream_mark(struct redact_stream *s);
/* Where a place that was remembered, of so many bytes that came, is among those that went out; once
 * it has passed. */
uint64_t redact_stream_where(const struct redact_stream *s, uint64_t taken);
void redact_stream_end(struct redact_stream *s);
