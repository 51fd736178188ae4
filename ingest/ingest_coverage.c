/* SPDX-License-Identifier: Apache-2.0 */
/* ingest_coverage: one figure: how much of a program its tests have covered, by what a job printed
 * or by a Cobertura file. Not responsible for what it means. */
#include "ingest/libxml_sax.h"
#include "ingest/readers.h"

#include <regex.h>
#include <string.h>

#define COVERAGE_LINE_MAX ((size_t)16384) /* of a longer line, only the beginning is looked at */
#define COVERAGE_GROUPS 10

/* The first number of a text as thousandths of a percent; false: there is none up to 100. */
static bool first_number(const char *text, size_t n, uint32_t *ret)
{
    uint64_t v = 0, scale = 1000;
    size_t i = 0;

    while (i < n && (text[i] < '0' || text[i] > '9'))
        i++;
    if (i == n)
        return false;
    for (; i < n && text[i] >= '0' && text[i] <= '9' && v <= 100; i++)
        v = v * 10 + (uint64_t)(text[i] - '0');
    v *= 1000;
    if (i + 1 < n && (text[i] == '.' || text[i] == ','))
        for (i++; i < n && text[i] >= '0' && text[i] <= '9' && scale > 1; i++) {
            scale /= 10;
            v += (uint64_t)(text[i] - '0') * scale;
        }
    if (v > 100000)
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* ---- what a job printed ---- */

/* Looks for the last match in a line; of a match, its last group counts where it has one. */
static void look_at_line(const regex_t *pattern, const char *line, struct ingest_coverage *to)
{
    regmatch_t match[COVERAGE_GROUPS];
    size_t at = 0;

    while (regexec(pattern, line + at, COVERAGE_GROUPS, match, at > 0 ? REG_NOTBOL : 0) == 0) {
        size_t group = pattern->re_nsub < COVERAGE_GROUPS ? pattern->re_nsub : COVERAGE_GROUPS - 1;

        while (group > 0 && match[group].rm_so < 0)
            group--;
        if (first_number(line + at + match[group].rm_so,
                         (size_t)(match[group].rm_eo - match[group].rm_so), &to->milli))
            to->found = true;
        at += match[0].rm_eo > 0 ? (size_t)match[0].rm_eo : 1;
        if (at >= strlen(line))
            return;
    }
}

void ingest_coverage_output(struct ingest_source *from, const char *text,
                            struct ingest_coverage *to)
{
    char buf[16384], line[COVERAGE_LINE_MAX + 1];
    size_t length = 0;
    regex_t pattern;
    ssize_t n;

    if (regcomp(&pattern, text, REG_EXTENDED) != 0)
        return;
    while ((n = ingest_take(from, buf, sizeof(buf))) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] != '\n') {
                if (length < COVERAGE_LINE_MAX && buf[i] != '\0')
                    line[length++] = buf[i];
                continue;
            }
            length -= length > 0 && line[length - 1] == '\r';
            line[length] = '\0';
            look_at_line(&pattern, line, to);
            length = 0;
        }
    line[length] = '\0';
    if (length > 0)
        look_at_line(&pattern, line, to);
    regfree(&pattern);
}

/* ---- Cobertura ---- */

struct cobertura_reading {
    struct ingest_coverage *to;
    struct ingest_cases *cases; /* for what is wrong */
    bool has_root;
};

/* The root says the rate of all lines, from 0 to 1. */
static void cobertura_start(void *data, const char *element,
                            const struct sax_attributes *attributes)
{
    struct cobertura_reading *c = data;
    const char *rate;
    uint64_t ns;
    size_t n;

    if (c->has_root)
        return;
    c->has_root = true;
    if (!str_eq(element, "coverage") || !sax_attribute(attributes, "line-rate", &rate, &n)) {
        ingest_broken(c->cases, 0,
                      "is no Cobertura file: it does not begin with <coverage line-rate>");
        return;
    }
    ns = ingest_seconds(rate, n); /* a number, in billionths */
    if (ns > NSEC_PER_SEC) {
        ingest_broken(c->cases, 0, "has a line-rate that is none from 0 to 1");
        return;
    }
    c->to->milli = (uint32_t)((ns + NSEC_PER_SEC / 200000) / (NSEC_PER_SEC / 100000));
    c->to->found = true;
}

static void cobertura_end(void *data, const char *element)
{
    (void)data;
    (void)element;
}

static void cobertura_text(void *data, const char *text, size_t n)
{
    (void)data;
    (void)text;
    (void)n;
}

void ingest_coverage_cobertura(struct ingest_source *from, struct ingest_cases *cases,
                               struct ingest_coverage *to)
{
    struct cobertura_reading c = {.to = to, .cases = cases};
    /* its document type names a file that nobody reads */
    const struct sax_reader reader = {.start = cobertura_start,
                                      .end = cobertura_end,
                                      .text = cobertura_text,
                                      .data = &c,
                                      .document_type = true};

    sax_read(from, &reader, cases);
}
