/* SPDX-License-Identifier: Apache-2.0 */
/* libxml_sax: see libxml_sax.h. libxml2's push parser with our own functions in place of those that
 * build a tree: memory does not grow with the document, only with its longest attribute, which the
 * library bounds at 10 MB, and its depth. */
#include "ingest/libxml_sax.h"

#include "base/late.h"

#include <string.h>

/* clang-format off */
#define SAX_FUNCTIONS(X) \
    X(xmlCreatePushParserCtxt) \
    X(xmlCtxtGetLastError) \
    X(xmlCtxtUseOptions) \
    X(xmlFreeParserCtxt) \
    X(xmlParseChunk) \
    X(xmlSAX2GetLineNumber) \
    X(xmlStopParser)
/* clang-format on */

static struct {
    SAX_FUNCTIONS(LATE_POINTER)
} sax;

static const char *const sax_names[] = {SAX_FUNCTIONS(LATE_NAME)};
static struct late_library sax_library = {
    .file = CUPEL_LIBXML, .names = sax_names, .n = ARRAY_SIZE(sax_names), .functions = &sax};

int libxml_sax_load(struct cupel_error *err)
{
    return late_load(&sax_library, err);
}

struct sax_parse {
    xmlParserCtxtPtr parser;
    const struct sax_reader *reader;
    struct ingest_cases *to;
    size_t depth;
};

static void sax_stop(struct sax_parse *p)
{
    if (p->to->why[0] != '\0' && p->to->line == 0)
        p->to->line = (uint64_t)sax.xmlSAX2GetLineNumber(p->parser);
    sax.xmlStopParser(p->parser);
}

bool sax_attribute(const struct sax_attributes *attributes, const char *name,
                   const char **ret_value, size_t *ret_length)
{
    for (size_t i = 0; i < attributes->n; i++) {
        /* its name, prefix and URI, then where its value begins and ends */
        const xmlChar *const *a = &attributes->list[5 * i];

        if (!str_eq((const char *)a[0], name))
            continue;
        *ret_value = (const char *)a[3];
        *ret_length = (size_t)(a[4] - a[3]);
        return true;
    }
    return false;
}

/* ---- what libxml2 calls ---- */

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n, int n_defaulted,
                     const xmlChar **list)
{
    struct sax_parse *p = ctx;
    const struct sax_attributes attributes = {(const xmlChar *const *)list, n > 0 ? (size_t)n : 0};

    (void)prefix;
    (void)uri;
    (void)n_namespaces;
    (void)namespaces;
    (void)n_defaulted;
    if (++p->depth > SAX_DEPTH_MAX)
        ingest_broken(p->to, 0, "has elements in more than %d others", SAX_DEPTH_MAX);
    else
        p->reader->start(p->reader->data, (const char *)name, &attributes);
    if (p->to->why[0] != '\0')
        sax_stop(p);
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct sax_parse *p = ctx;

    (void)prefix;
    (void)uri;
    p->depth--;
    p->reader->end(p->reader->data, (const char *)name);
    if (p->to->why[0] != '\0')
        sax_stop(p);
}

static void on_text(void *ctx, const xmlChar *text, int n)
{
    struct sax_parse *p = ctx;

    p->reader->text(p->reader->data, (const char *)text, n > 0 ? (size_t)n : 0);
}

/* A document type is where entities are declared and other files are named: what reports tests has
 * none. What it declares goes nowhere, since nobody here takes declarations. */
static void on_document_type(void *ctx, const xmlChar *name, const xmlChar *external,
                             const xmlChar *system)
{
    struct sax_parse *p = ctx;

    (void)name;
    (void)external;
    (void)system;
    if (p->reader->document_type)
        return;
    ingest_broken(p->to, 0, "has a document type declaration, which is not read");
    sax_stop(p);
}

/* ---- a document ---- */

static int feed(struct sax_parse *p, const char *data, size_t n, bool last)
{
    (void)sax.xmlParseChunk(p->parser, data, (int)n, last);
    if (p->to->why[0] != '\0')
        return -EBADMSG;
    if (!p->parser->wellFormed) {
        const xmlError *e = sax.xmlCtxtGetLastError(p->parser);
        const char *words = e != NULL && e->message != NULL ? e->message : "it is broken";

        ingest_broken(p->to, e != NULL && e->line > 0 ? (uint64_t)e->line : 0,
                      "is no well-formed XML: %.*s", (int)strcspn(words, "\n"), words);
        return -EBADMSG;
    }
    return 0;
}

void sax_read(struct ingest_source *from, const struct sax_reader *reader, struct ingest_cases *to)
{
    struct sax_parse p = {.reader = reader, .to = to};
    xmlSAXHandler handler = {.initialized = XML_SAX2_MAGIC,
                             .internalSubset = on_document_type,
                             .startElementNs = on_start,
                             .endElementNs = on_end,
                             .characters = on_text,
                             .cdataBlock = on_text};
    char buf[16384];
    ssize_t n;

    p.parser = sax.xmlCreatePushParserCtxt(&handler, &p, NULL, 0, NULL);
    if (p.parser == NULL) {
        ingest_broken(to, 0, "cannot be read: memory is short");
        return;
    }
    /* NOENT has the five entities of XML replaced in attributes: there are no others, since no
     * document type is taken */
    (void)sax.xmlCtxtUseOptions(p.parser, XML_PARSE_NOENT | XML_PARSE_NONET | XML_PARSE_NOERROR |
                                              XML_PARSE_NOWARNING);
    while ((n = ingest_take(from, buf, sizeof(buf))) > 0 && feed(&p, buf, (size_t)n, false) == 0)
        ;
    if (n < 0)
        ingest_broken(to, 0, "cannot be read: %s", strerror((int)-n));
    else if (n == 0)
        (void)feed(&p, buf, 0, true);
    sax.xmlFreeParserCtxt(p.parser);
}
