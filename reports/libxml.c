/* SPDX-License-Identifier: Apache-2.0 */
/* libxml: see libxml.h. */
#include "reports/libxml.h"

struct libxml_functions libxml;

static const char *const libxml_names[] = {LIBXML_FUNCTIONS(LATE_NAME)};
static struct late_library libxml_library = {.file = CUPEL_LIBXML,
                                             .names = libxml_names,
                                             .n = ARRAY_SIZE(libxml_names),
                                             .functions = &libxml};

int libxml_load(struct cupel_error *err)
{
    return late_load(&libxml_library, err);
}
