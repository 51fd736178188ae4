/* SPDX-License-Identifier: Apache-2.0 */
/* junit_text: libxml2's text writer with every byte escaped before it gets there. libxml2 knows
 * about markup characters; what XML 1.0 has no way to carry is ours (report_text.c). Knows nothing
 * of results. */
#include "reports/junit_text.h"

#include "reports/report_text.h"

#include <string.h>

/* Readers refuse text above 10,000,000 bytes. Nothing here comes near it by itself; a description
 * could. */
#define TEXT_MAX ((size_t)256 * 1024)

/* libxml2 would print an error of its own to standard error, so it is told that all went well; the
 * error is kept for junit_close. */
static int to_fd(void *context, const char *data, int n)
{
    struct junit_writer *w = context;
    int r = w->errnum == 0 && n > 0 ? file_write_all(w->fd, data, (size_t)n) : 0;

    if (r < 0)
        w->errnum = -r;
    w->written += (uint64_t)n;
    return n;
}

static void junit_text_check(struct junit_writer *w, int r)
{
    if (r < 0)
        w->failed = true;
}

void reports_junit_expect(void)
{
    struct cupel_error ignored;

    (void)libxml_load(&ignored);
}

int junit_open(struct junit_writer *w, struct reports_out *out, int fd)
{
    xmlOutputBufferPtr buffer;
    struct cupel_error err;
    int r = libxml_load(&err);

    *w = (struct junit_writer){.out = out, .fd = fd};
    if (r < 0) {
        log_warning("%s", err.message);
        return r;
    }
    buffer = xmlOutputBufferCreateIO(to_fd, NULL, w, NULL);
    if (buffer == NULL)
        return -ENOMEM;
    w->xml = xmlNewTextWriter(buffer); /* owns the buffer from here on */
    if (w->xml == NULL) {
        (void)xmlOutputBufferClose(buffer);
        return -ENOMEM;
    }
    junit_text_check(w, xmlTextWriterSetIndent(w->xml, 1));
    junit_text_check(w, xmlTextWriterSetIndentString(w->xml, BAD_CAST "  "));
    junit_text_check(w, xmlTextWriterStartDocument(w->xml, "1.0", "UTF-8", NULL));
    return 0;
}

int junit_close(struct junit_writer *w)
{
    junit_text_check(w, xmlTextWriterEndDocument(w->xml));
    junit_text_check(w, xmlTextWriterFlush(w->xml));
    xmlFreeTextWriter(w->xml);
    w->xml = NULL;
    strbuf_free(&w->properties);
    return w->errnum != 0 ? -w->errnum : w->failed ? -EIO : 0;
}

void junit_start(struct junit_writer *w, const char *element)
{
    junit_text_check(w, xmlTextWriterStartElement(w->xml, BAD_CAST element));
}

void junit_end(struct junit_writer *w)
{
    junit_text_check(w, xmlTextWriterEndElement(w->xml));
}

static void put_attribute(struct junit_writer *w, const char *name, const char *value, size_t n,
                          enum text_mode mode)
{
    cleanup_strbuf struct strbuf b = {0};

    text_escape(&b, value, n < TEXT_MAX ? n : TEXT_MAX, mode);
    junit_text_check(w, xmlTextWriterWriteAttribute(w->xml, BAD_CAST name, BAD_CAST b.data));
}

void junit_attribute(struct junit_writer *w, const char *name, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf value = {0};
    va_list ap;

    strbuf_add(&value, "", 0);
    va_start(ap, fmt);
    strbuf_vaddf(&value, fmt, ap);
    va_end(ap);
    put_attribute(w, name, value.data, value.len, TEXT_XML);
}

void junit_token(struct junit_writer *w, const char *name, const char *value, const char *otherwise)
{
    if (value == NULL || *value == '\0')
        value = otherwise;
    put_attribute(w, name, value, strlen(value), TEXT_TOKEN);
}

void junit_text(struct junit_writer *w, const char *data, size_t n)
{
    cleanup_strbuf struct strbuf b = {0};

    if (n == 0)
        return;
    text_escape(&b, data, n < TEXT_MAX ? n : TEXT_MAX, TEXT_XML);
    junit_text_check(w, xmlTextWriterWriteString(w->xml, BAD_CAST b.data));
}

static void put_note(struct junit_writer *w, const char *fmt, ...) BASE_PRINTF(2, 3);

static void put_note(struct junit_writer *w, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf b = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    junit_text(w, b.data, b.len);
}

void junit_log(struct junit_writer *w, const struct excerpt_source *source, size_t head,
               size_t tail)
{
    _cleanup_(excerpt_free) struct excerpt e = {0};
    int r = excerpt_read(w->out, source, head, tail, &e);

    if (r < 0) {
        put_note(w, "[cupel: cannot read %s: %s]\n", source->path, strerror(-r));
        return;
    }
    junit_text(w, e.head.data, e.head.len);
    if (e.left_out > 0)
        put_note(w, "%s[cupel: %llu bytes left out here; the whole log is %s]\n",
                 e.head.len > 0 && e.head.data[e.head.len - 1] != '\n' ? "\n" : "",
                 (unsigned long long)e.left_out, source->path);
    junit_text(w, e.tail.data, e.tail.len);
}

/* ---- properties ---- */

#define PROPERTIES_INDENT "    " /* below <testsuites> and <testsuite> */

/* Tells whether an attribute's value is written as it is. */
static bool is_plain(const char *text)
{
    const char *p = text;

    while (*p >= ' ' && *p <= '~' && *p != '&' && *p != '<' && *p != '>' && *p != '"')
        p++;
    return *p == '\0' && (size_t)(p - text) < TEXT_MAX;
}

static void flush_properties(struct junit_writer *w)
{
    if (w->properties.len > 0)
        junit_text_check(w, xmlTextWriterWriteRawLen(w->xml, BAD_CAST w->properties.data,
                                                     (int)w->properties.len));
    w->properties.len = 0;
}

void junit_properties_start(struct junit_writer *w)
{
    w->has_properties = false;
    junit_start(w, "properties");
}

/* Adds one to those that are written in one piece, as libxml2 would lay it out. */
static void add_plain_property(struct junit_writer *w, const char *group, const char *name,
                               const char *value)
{
    struct strbuf *b = &w->properties;

    if (!w->has_properties)
        strbuf_adds(b, "\n"); /* libxml2 ends the line of <properties> before elements alone */
    strbuf_adds(b, PROPERTIES_INDENT "  <property name=\"");
    strbuf_adds(b, group);
    strbuf_adds(b, name);
    strbuf_adds(b, "\" value=\"");
    strbuf_adds(b, value);
    strbuf_adds(b, "\"/>\n");
}

/* Most of a report is figures of jobs, in which nothing is to be escaped: an element of libxml2's
 * takes six times what these bytes do. Whatever else there is, libxml2 writes. */
void junit_property(struct junit_writer *w, const char *group, const char *name, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    if (is_plain(group) && is_plain(name) && is_plain(value)) {
        add_plain_property(w, group, name, value);
    } else {
        flush_properties(w);
        junit_start(w, "property");
        junit_attribute(w, "name", "%s%s", group, name);
        junit_attribute(w, "value", "%s", value);
        junit_end(w);
    }
    w->has_properties = true;
}

void junit_properties_end(struct junit_writer *w)
{
    if (w->properties.len > 0)
        strbuf_adds(&w->properties, PROPERTIES_INDENT);
    flush_properties(w);
    junit_end(w);
}

/* ---- names ---- */

/* What readers compare: the text as it will be read. */
static char *key_of_name(const char *prefix, const char *name)
{
    struct strbuf key = {0};

    text_escape(&key, prefix, strlen(prefix), TEXT_TOKEN);
    strbuf_adds(&key, "\n");
    text_escape(&key, name, strlen(name), TEXT_TOKEN);
    return key.data;
}

/* Where a name was left is remembered, so that thousands of one name take no longer than others. */
char *junit_new_name(struct strset *taken, const char *prefix, const char *name)
{
    cleanup_free char *first = key_of_name(prefix, name);
    char *own = xstrdup(name);

    if (strset_add(taken, first))
        return own;
    for (;;) {
        cleanup_free char *key = NULL;

        free(own);
        own = xasprintf("%s (%u)", name, strset_count(taken, first) + 2);
        key = key_of_name(prefix, own);
        if (strset_add(taken, key))
            return own;
    }
}
