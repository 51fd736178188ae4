/* SPDX-License-Identifier: Apache-2.0 */
/* json_build: objects of JSON from texts of any bytes. Private to reports/ and the rooms in it. */
#pragma once

#include "base/base.h"

#include <jansson.h>

void build_freep(json_t **j);
#define cleanup_built _cleanup_(build_freep)

/* Ends the process where memory is short, as base does for small objects. */
json_t *build_checked(json_t *value);
/* Adds a member, and takes the value over. */
void build_put(json_t *object, const char *key, json_t *value);
/* Adds a text of any bytes; nothing for NULL or "". */
void build_text(json_t *object, const char *key, const char *text);
/* Adds thousandths; nothing for UINT64_MAX. */
void build_points(json_t *object, const char *key, uint64_t points);
void build_append(json_t *array, json_t *value);
/* Adds it as one line, with what is not to be seen escaped, and frees it; 0 or -ENOMEM. */
int build_line(json_t *object, struct strbuf *to);
