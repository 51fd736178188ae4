/* SPDX-License-Identifier: Apache-2.0 */
/* libxml_sax: private to ingest: XML that anyone may have written, as a stream of elements and
 * texts. libxml2 (loaded late, base/late.h) reads it; nothing is opened for it, no document type is
 * taken, so there are no entities but the five that XML has. */
#pragma once

#include "base/base.h"
#include "ingest/readers.h"

#include <libxml/parser.h>

int libxml_sax_load(struct cupel_error *err);

/* How deep elements may lie in one another. */
#define SAX_DEPTH_MAX 100

/* The attributes of an element, as libxml2 hands them over. */
struct sax_attributes {
    const xmlChar *const *list;
    size_t n;
};
/* The value of an attribute, not NUL-terminated; false: there is none. */
bool sax_attribute(const struct sax_attributes *attributes, const char *name,
                   const char **ret_value, size_t *ret_length);

/* What is told. Texts are valid UTF-8 and may come in parts. */
struct sax_reader {
    void (*start)(void *data, const char *element, const struct sax_attributes *attributes);
    void (*end)(void *data, const char *element);
    void (*text)(void *data, const char *text, size_t n);
    void *data;
    bool document_type; /* one may stand there; nothing that it declares or names is read */
};
/* Reads a whole document; what is wrong with it goes to `to`, and ends the reading, as does what
 * the functions above note there. */
void sax_read(struct ingest_source *from, const struct sax_reader *reader, struct ingest_cases *to);
