/* SPDX-License-Identifier: Apache-2.0 */
/* json_build: see json_build.h. Not responsible for what the objects say. */
#include "reports/json_build.h"

#include "reports/report_text.h"

#include <string.h>

#define NUMBER_DIGITS 15 /* so that 2.3 does not read 2.29999999999999982 */

void build_freep(json_t **j)
{
    json_decref(*j);
}

json_t *build_checked(json_t *value)
{
    if (value != NULL)
        return value;
    (void)fputs("cupel: error: out of memory\n", stderr);
    exit(CUPEL_ERROR_HARNESS);
}

void build_put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, build_checked(value)) < 0)
        (void)build_checked(NULL);
}

void build_text(json_t *object, const char *key, const char *text)
{
    cleanup_strbuf struct strbuf plain = {0};

    if (text == NULL || *text == '\0')
        return;
    text_escape(&plain, text, strlen(text), TEXT_JSON);
    build_put(object, key, json_stringn(plain.data, plain.len));
}

void build_points(json_t *object, const char *key, uint64_t points)
{
    if (points != UINT64_MAX)
        build_put(object, key,
                  points % 1000 == 0 ? json_integer((json_int_t)(points / 1000))
                                     : json_real((double)points / 1000));
}

void build_append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, build_checked(value)) < 0)
        (void)build_checked(NULL);
}

int build_line(json_t *object, struct strbuf *to)
{
    cleanup_free char *dump = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(NUMBER_DIGITS));

    json_decref(object);
    if (dump == NULL)
        return -ENOMEM;
    text_add_json(to, dump);
    strbuf_adds(to, "\n");
    return 0;
}
