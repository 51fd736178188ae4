/* SPDX-License-Identifier: Apache-2.0 */
/* keyvalue: see keyvalue.h. */
#include "harness/run/keyvalue.h"

#include <string.h>

void keyvalue_add(struct strbuf *b, const char *key, const char *value)
{
    keyvalue_addf(b, key, "%s", value);
}

void keyvalue_addf(struct strbuf *b, const char *key, const char *fmt, ...)
{
    va_list ap;

    strbuf_addf(b, "%s=", key);
    va_start(ap, fmt);
    strbuf_vaddf(b, fmt, ap);
    va_end(ap);
    strbuf_add(b, "", 1);
}

int keyvalue_read(struct keyvalue *ret, int dirfd, const char *path, size_t max)
{
    return file_read_at(dirfd, path, max, &ret->text, &ret->len);
}

void keyvalue_free(struct keyvalue *r)
{
    free(r->text);
    *r = (struct keyvalue){0};
}

const char *keyvalue_next(const struct keyvalue *r, const char *last)
{
    const char *next = last != NULL ? last + strlen(last) + 1 : r->text;

    return next != NULL && next < r->text + r->len ? next : NULL;
}

const char *keyvalue_of(const char *entry, const char *key)
{
    size_t n = strlen(key);

    return strncmp(entry, key, n) == 0 && entry[n] == '=' ? entry + n + 1 : NULL;
}

const char *keyvalue_nth(const struct keyvalue *r, const char *key, size_t n)
{
    for (const char *e = keyvalue_next(r, NULL); e != NULL; e = keyvalue_next(r, e)) {
        const char *value = keyvalue_of(e, key);

        if (value != NULL && n-- == 0)
            return value;
    }
    return NULL;
}

char *keyvalue_copy(const struct keyvalue *r, const char *key)
{
    const char *value = keyvalue_nth(r, key, 0);

    return value != NULL ? xstrdup(value) : NULL;
}

char **keyvalue_all(const struct keyvalue *r, const char *key)
{
    char **all = xcalloc(1, sizeof(*all));
    size_t n = 0;

    for (const char *e = keyvalue_next(r, NULL); e != NULL; e = keyvalue_next(r, e)) {
        const char *value = keyvalue_of(e, key);

        if (value == NULL)
            continue;
        all = xrealloc(all, (n + 2) * sizeof(*all));
        all[n++] = xstrdup(value);
        all[n] = NULL;
    }
    return all;
}

void keyvalue_free_all(char **values)
{
    for (char **v = values; v != NULL && *v != NULL; v++)
        free(*v);
    free(values);
}
