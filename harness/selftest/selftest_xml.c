/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_xml: see selftest_xml.h. */
#include "harness/selftest/selftest_xml.h"

struct selftest_xml_functions selftest_xml;

static const char *const selftest_xml_names[] = {SELFTEST_XML_FUNCTIONS(LATE_NAME)};
static struct late_library selftest_xml_library = {.file = CUPEL_LIBXML,
                                                   .names = selftest_xml_names,
                                                   .n = ARRAY_SIZE(selftest_xml_names),
                                                   .functions = &selftest_xml};

const struct selftest_xml_functions *selftest_xml_loaded(void)
{
    late_need(&selftest_xml_library);
    return &selftest_xml;
}
