/* SPDX-License-Identifier: Apache-2.0 */
/* junit_text: an XML writer that nothing a job printed can break. Private to reports/. */
#pragma once

#include "reports/excerpt.h"
#include "reports/libxml.h"
#include "reports/out.h"

struct junit_writer {
    struct reports_out *out;
    xmlTextWriterPtr xml;
    int fd;
    int errnum;       /* the first error of writing, 0: none */
    bool failed;      /* libxml2 refused something or memory was short */
    uint64_t written; /* bytes of the file so far */
    /* Of a <properties>: what is still to be written, and whether something has been. */
    struct strbuf properties;
    bool has_properties;
};

/* The document goes to fd as it is written: memory does not grow with it. Returns 0 or -errno. */
int junit_open(struct junit_writer *w, struct reports_out *out, int fd);
/* Ends the document and frees the writer; 0, or the first error that there was. */
int junit_close(struct junit_writer *w);

void junit_start(struct junit_writer *w, const char *element);
void junit_end(struct junit_writer *w);
/* Attribute from a format whose result may hold any byte. */
void junit_attribute(struct junit_writer *w, const char *name, const char *fmt, ...)
    BASE_PRINTF(3, 4);
/* A suite's <properties>, and one of them, named "GROUPNAME"; none if its value is NULL or "". */
void junit_properties_start(struct junit_writer *w);
void junit_property(struct junit_writer *w, const char *group, const char *name, const char *value);
void junit_properties_end(struct junit_writer *w);
/* Writes an xs:token that is never empty. */
void junit_token(struct junit_writer *w, const char *name, const char *value,
                 const char *otherwise);
void junit_text(struct junit_writer *w, const char *data, size_t n);
/* Head and tail of a log, with a line between that says what is left out. */
void junit_log(struct junit_writer *w, const struct excerpt_source *source, size_t head,
               size_t tail);
/* Returns "name", or "name (2)" and so on: one that none of this prefix has had. GitLab and Jenkins
 * show one test of those whose class and name read the same. */
char *junit_new_name(struct strset *taken, const char *prefix, const char *name);
