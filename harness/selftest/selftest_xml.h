/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_xml: what is called of libxml2 to read a report, loaded late (base/late.h). */
#pragma once

#include "base/late.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

#define SELFTEST_XML_FUNCTIONS(X) X(xmlDocGetRootElement) X(xmlFreeDoc) X(xmlReadFile)

struct selftest_xml_functions {
    SELFTEST_XML_FUNCTIONS(LATE_POINTER)
};

/* To be called through the macros below. */
extern struct selftest_xml_functions selftest_xml;
/* Loads it where it is not. */
const struct selftest_xml_functions *selftest_xml_loaded(void);

#define xmlDocGetRootElement (selftest_xml.xmlDocGetRootElement)
#define xmlFreeDoc (selftest_xml.xmlFreeDoc)
#define xmlReadFile (selftest_xml_loaded()->xmlReadFile)
