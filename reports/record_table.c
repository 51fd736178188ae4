/* SPDX-License-Identifier: Apache-2.0 */
/* record_table: see record_table.h. Not responsible for what fields there are. */
#include "reports/record_table.h"

#include "reports/json_build.h"
#include "reports/report_text.h"

#include <string.h>

json_t *record_object(const struct record_table *table, const void *of, unsigned variant)
{
    json_t *o = build_checked(json_object());

    for (size_t i = 0; i < table->n; i++) {
        const struct record_field *f = &table->fields[i];
        json_t *value = f->where == 0 || (f->where & variant) != 0 ? f->value(of, f) : NULL;

        if (value != NULL)
            build_put(o, f->name, value);
    }
    return o;
}

json_t *record_json_text(const char *text)
{
    cleanup_strbuf struct strbuf plain = {0};

    if (text == NULL || *text == '\0')
        return NULL;
    text_escape(&plain, text, strlen(text), TEXT_JSON);
    return build_checked(json_stringn(plain.data, plain.len));
}

json_t *record_json_texts(const char *const *list)
{
    json_t *array;

    if (list == NULL || *list == NULL)
        return NULL;
    array = build_checked(json_array());
    for (; *list != NULL; list++)
        build_append(array, **list != '\0' ? record_json_text(*list) : json_string(""));
    return array;
}

json_t *record_at(const void *of, const struct record_field *f)
{
    const void *at;

    memcpy(&at, (const char *)of + f->arg, sizeof(at));
    return f->kind == RECORD_TEXTS ? record_json_texts(at) : record_json_text(at);
}

json_t *record_json_number(uint64_t value, uint64_t scale)
{
    if (scale > 1)
        return build_checked(json_real((double)value / (double)scale));
    return build_checked(json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

json_t *record_json_points(uint64_t points)
{
    if (points == UINT64_MAX)
        return NULL;
    return points % 1000 == 0 ? record_json_number(points / 1000, 1)
                              : record_json_number(points, 1000);
}

json_t *record_json_time(const struct timespec *t)
{
    char date[32], buf[48];
    struct tm tm;

    if (t->tv_sec == 0 || gmtime_r(&t->tv_sec, &tm) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return NULL;
    (void)snprintf(buf, sizeof(buf), "%s.%03uZ", date,
                   (unsigned)((uint64_t)t->tv_nsec / NSEC_PER_MSEC % 1000));
    return record_json_text(buf);
}

json_t *record_json_true(bool holds)
{
    return holds ? json_true() : NULL;
}

json_t *record_json_objects(const struct record_table *table, const void *list, size_t n,
                            size_t size)
{
    json_t *array;

    if (n == 0)
        return NULL;
    array = build_checked(json_array());
    for (size_t i = 0; i < n; i++)
        build_append(array, record_object(table, (const char *)list + i * size, RECORD_ONLY));
    return array;
}
