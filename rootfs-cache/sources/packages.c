/* SPDX-License-Identifier: Apache-2.0 */
/* packages: see packages.h. Not responsible for installing any. The lists may come from a lock file
 * that somebody wrote, and go into command lines and apt's preferences: a name or version that
 * could be anything else is refused. */
#include "rootfs-cache/sources/packages.h"

#include <stdlib.h>
#include <string.h>

#define NAMED_MAX 3 /* of many in one message */

#define LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"

void packages_free(struct packages *packages)
{
    for (size_t i = 0; i < packages->n; i++) {
        free(packages->list[i].name);
        free(packages->list[i].version);
    }
    free(packages->list);
    *packages = (struct packages){0};
}

/* ---- one package ---- */

/* NAME:ARCH (Debian policy 5.6.1 and 5.6.8), VERSION (5.6.12), hex digits. */
static bool packages_is_one(const char *name, const char *version, const char *sha256)
{
    size_t n = strspn(name, LOWER_DIGITS "+.-");

    return n > 0 && name[0] != '-' && name[n] == ':' && name[n + 1] != '\0' && name[n + 1] != '-' &&
           strspn(name + n + 1, LOWER_DIGITS "-") == strlen(name + n + 1) && version[0] != '\0' &&
           version[0] != '-' &&
           strspn(version, LOWER_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ+.:~-") == strlen(version) &&
           strlen(sha256) == 64 && strspn(sha256, "0123456789abcdef") == 64;
}

static int packages_add(struct packages *p, const char *name, const char *version,
                        const char *sha256)
{
    if (!packages_is_one(name, version, sha256))
        return -EBADMSG;
    if ((p->n & (p->n + 1)) == 0) /* full at 0, 1, 3, 7, ... */
        p->list = xrealloc(p->list, (2 * p->n + 1) * sizeof(*p->list));
    p->list[p->n] = (struct package){.name = xstrdup(name), .version = xstrdup(version)};
    memcpy(p->list[p->n++].sha256, sha256, 65);
    return 0;
}

static int packages_by_name(const void *a, const void *b)
{
    return strcmp(((const struct package *)a)->name, ((const struct package *)b)->name);
}

static int packages_sort(struct packages *p)
{
    if (p->n > 0)
        qsort(p->list, p->n, sizeof(*p->list), packages_by_name);
    for (size_t i = 1; i < p->n; i++)
        if (str_eq(p->list[i - 1].name, p->list[i].name))
            return -EBADMSG;
    return 0;
}

static const struct package *packages_find(const struct packages *p, const char *name)
{
    struct package key = {.name = (char *)(uintptr_t)name};

    return p->n > 0 ? bsearch(&key, p->list, p->n, sizeof(*p->list), packages_by_name) : NULL;
}

/* ---- as text and as JSON ---- */

int packages_parse(const char *text, struct packages *ret)
{
    cleanup_free char *copy = xstrdup(text);
    struct packages p = {0};
    char *save = NULL;
    int r = 0;

    for (char *line = strtok_r(copy, "\n", &save); r == 0 && line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *version = strchr(line, ' '),
             *sha256 = version != NULL ? strchr(version + 1, ' ') : NULL;

        if (sha256 == NULL) {
            r = -EBADMSG;
            break;
        }
        *version = *sha256 = '\0';
        r = packages_add(&p, line, version + 1, sha256 + 1);
    }
    if (r == 0)
        r = packages_sort(&p);
    if (r < 0)
        packages_free(&p);
    else
        *ret = p;
    return r;
}

char *packages_text(const struct packages *packages)
{
    struct strbuf b = {0};

    strbuf_adds(&b, "");
    for (size_t i = 0; i < packages->n; i++)
        strbuf_addf(&b, "%s %s %s\n", packages->list[i].name, packages->list[i].version,
                    packages->list[i].sha256);
    return b.data;
}

json_t *packages_json(const struct packages *packages)
{
    json_t *o = json_object();

    for (size_t i = 0; i < packages->n; i++)
        (void)json_object_set_new(
            o, packages->list[i].name,
            json_sprintf("%s %s", packages->list[i].version, packages->list[i].sha256));
    return o;
}

int packages_of_json(const json_t *object, struct packages *ret, char **ret_wrong)
{
    struct packages p = {0};
    const char *name;
    json_t *value;
    int r = 0;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        cleanup_free char *version =
            xstrdup(json_string_value(value) != NULL &&
                            strlen(json_string_value(value)) == json_string_length(value)
                        ? json_string_value(value)
                        : "");
        char *space = strchr(version, ' ');

        if (space != NULL)
            *space = '\0';
        r = packages_add(&p, name, version, space != NULL ? space + 1 : "");
        if (r < 0) {
            struct strbuf quoted = {0};

            text_add_line(&quoted, name);
            *ret_wrong = quoted.data;
            break;
        }
    }
    if (r == 0)
        r = packages_sort(&p);
    if (r < 0)
        packages_free(&p);
    else
        *ret = p;
    return r;
}

/* ---- what dpkg and apt say ---- */

/* "Field: value" of a stanza, at any of its lines. */
static const char *packages_field(const char *line, const char *name)
{
    size_t n = strlen(name);

    return strncmp(line, name, n) == 0 && line[n] == ':'
               ? line + n + 1 + strspn(line + n + 1, " \t")
               : NULL;
}

struct packages_stanza {
    const char *package, *architecture, *version, *sha256;
};

typedef void stanza_fn(void *data, const struct packages_stanza *s);

static void each_stanza(char *text, stanza_fn *fn, void *data)
{
    struct packages_stanza s = {0};

    for (char *line = text, *next; line != NULL; line = next) {
        const struct {
            const char *name;
            const char **to;
        } fields[] = {{"Package", &s.package},
                      {"Architecture", &s.architecture},
                      {"Version", &s.version},
                      {"SHA256", &s.sha256}};

        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
            if (packages_field(line, fields[i].name) != NULL)
                *fields[i].to = packages_field(line, fields[i].name);
        if (*line == '\0' || next == NULL) {
            if (s.package != NULL && s.architecture != NULL && s.version != NULL &&
                s.sha256 != NULL)
                fn(data, &s);
            s = (struct packages_stanza){0};
        }
    }
}

struct offer {
    char *id; /* "NAME:ARCH=VERSION" */
    char sha256[65];
};
struct offers {
    struct offer *list;
    size_t n, room;
};

static void add_offer(void *data, const struct packages_stanza *s)
{
    struct offers *o = data;

    if (strlen(s->sha256) != 64)
        return;
    if (o->n == o->room) {
        o->room = 2 * o->room + 64;
        o->list = xrealloc(o->list, o->room * sizeof(*o->list));
    }
    o->list[o->n].id = xasprintf("%s:%s=%s", s->package, s->architecture, s->version);
    memcpy(o->list[o->n++].sha256, s->sha256, 65);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct offer *)a)->id, ((const struct offer *)b)->id);
}

static void read_offers(const char *offered, struct offers *ret)
{
    cleanup_free char *copy = xstrdup(offered);

    each_stanza(copy, add_offer, ret);
    if (ret->n > 0)
        qsort(ret->list, ret->n, sizeof(*ret->list), by_id);
}

static void free_offers(struct offers *o)
{
    for (size_t i = 0; i < o->n; i++)
        free(o->list[i].id);
    free(o->list);
}

static const struct offer *find_offer(const struct offers *o, const char *id)
{
    struct offer key = {.id = (char *)(uintptr_t)id};

    return o->n > 0 ? bsearch(&key, o->list, o->n, sizeof(*o->list), by_id) : NULL;
}

int packages_of_apt(const char *installed, const char *offered, struct packages *ret,
                    char **ret_wrong)
{
    _cleanup_(free_offers) struct offers offers = {0};
    cleanup_free char *copy = xstrdup(installed);
    struct packages p = {0};
    char *save = NULL;
    int r = 0;

    read_offers(offered, &offers);
    for (char *line = strtok_r(copy, "\n", &save); r == 0 && line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        const struct offer *o = find_offer(&offers, line);
        char *equals = strchr(line, '=');

        r = o != NULL && equals != NULL ? 0 : -ENOENT;
        if (r == 0) {
            *equals = '\0';
            r = packages_add(&p, line, equals + 1, o->sha256);
        }
        if (r < 0)
            *ret_wrong = xstrdup(line);
    }
    if (r == 0 && packages_sort(&p) < 0) {
        r = -ENOENT;
        *ret_wrong = xstrdup("one of two of the same name");
    }
    if (r < 0)
        packages_free(&p);
    else
        *ret = p;
    return r;
}

char *packages_wanted(const struct packages *packages)
{
    struct strbuf b = {0};

    strbuf_adds(&b, "");
    for (size_t i = 0; i < packages->n; i++)
        strbuf_addf(&b, "%s=%s\n", packages->list[i].name, packages->list[i].version);
    return b.data;
}

char *packages_preferences(const struct packages *packages)
{
    struct strbuf b = {0};

    strbuf_adds(&b, "");
    for (size_t i = 0; i < packages->n; i++)
        strbuf_addf(&b, "Package: %.*s\nPin: version %s\nPin-Priority: 1001\n\n",
                    (int)strcspn(packages->list[i].name, ":"), packages->list[i].name,
                    packages->list[i].version);
    return b.data;
}

/* ---- comparing ---- */

struct packages_naming {
    struct strbuf *out;
    size_t n;
};

static void name_one(struct packages_naming *naming, const char *fmt, ...) BASE_PRINTF(2, 3);
static void name_one(struct packages_naming *naming, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (naming->n < NAMED_MAX) {
        strbuf_adds(naming->out, naming->n > 0 ? ", " : "");
        strbuf_vaddf(naming->out, fmt, ap);
    }
    va_end(ap);
    naming->n++;
}

static void name_rest(const struct packages_naming *naming)
{
    strbuf_adds(naming->out, "");
    if (naming->n > NAMED_MAX)
        strbuf_addf(naming->out, " and %zu more", naming->n - NAMED_MAX);
}

void packages_difference(const struct packages *locked, const struct packages *now,
                         struct strbuf *out)
{
    struct packages_naming naming = {.out = out};

    for (size_t i = 0; i < locked->n; i++) {
        const struct package *was = &locked->list[i], *is = packages_find(now, was->name);

        if (is == NULL)
            name_one(&naming, "%s is missing", was->name);
        else if (!str_eq(is->version, was->version))
            name_one(&naming, "%s is %s instead of %s", was->name, is->version, was->version);
        else if (!str_eq(is->sha256, was->sha256))
            name_one(&naming, "%s %s is %.12s... instead of %.12s...", was->name, was->version,
                     is->sha256, was->sha256);
    }
    for (size_t i = 0; i < now->n; i++)
        if (packages_find(locked, now->list[i].name) == NULL)
            name_one(&naming, "%s %s is new", now->list[i].name, now->list[i].version);
    name_rest(&naming);
}

size_t packages_missing(const struct packages *locked, const char *offered, struct strbuf *out)
{
    _cleanup_(free_offers) struct offers offers = {0};
    struct packages_naming naming = {.out = out};

    read_offers(offered, &offers);
    for (size_t i = 0; i < locked->n; i++) {
        cleanup_free char *id = xasprintf("%s=%s", locked->list[i].name, locked->list[i].version);

        if (find_offer(&offers, id) == NULL)
            name_one(&naming, "%s", id);
    }
    name_rest(&naming);
    return naming.n;
}
