/* SPDX-License-Identifier: Apache-2.0 */
/* libxml: what is called of libxml2, which is loaded late (base/late.h). */
#pragma once

#include "base/late.h"

#include <libxml/xmlwriter.h>

/* clang-format off */
#define LIBXML_FUNCTIONS(X) \
    X(xmlFreeTextWriter) \
    X(xmlNewTextWriter) \
    X(xmlOutputBufferClose) \
    X(xmlOutputBufferCreateIO) \
    X(xmlTextWriterEndDocument) \
    X(xmlTextWriterEndElement) \
    X(xmlTextWriterFlush) \
    X(xmlTextWriterSetIndent) \
    X(xmlTextWriterSetIndentString) \
    X(xmlTextWriterStartDocument) \
    X(xmlTextWriterStartElement) \
    X(xmlTextWriterWriteAttribute) \
    X(xmlTextWriterWriteRawLen) \
    X(xmlTextWriterWriteString)
/* clang-format on */

struct libxml_functions {
    LIBXML_FUNCTIONS(LATE_POINTER)
};

/* To be called through the macros below. */
extern struct libxml_functions libxml;
int libxml_load(struct cupel_error *err);

#define xmlFreeTextWriter (libxml.xmlFreeTextWriter)
#define xmlNewTextWriter (libxml.xmlNewTextWriter)
#define xmlOutputBufferClose (libxml.xmlOutputBufferClose)
#define xmlOutputBufferCreateIO (libxml.xmlOutputBufferCreateIO)
#define xmlTextWriterEndDocument (libxml.xmlTextWriterEndDocument)
#define xmlTextWriterEndElement (libxml.xmlTextWriterEndElement)
#define xmlTextWriterFlush (libxml.xmlTextWriterFlush)
#define xmlTextWriterSetIndent (libxml.xmlTextWriterSetIndent)
#define xmlTextWriterSetIndentString (libxml.xmlTextWriterSetIndentString)
#define xmlTextWriterStartDocument (libxml.xmlTextWriterStartDocument)
#define xmlTextWriterStartElement (libxml.xmlTextWriterStartElement)
#define xmlTextWriterWriteAttribute (libxml.xmlTextWriterWriteAttribute)
#define xmlTextWriterWriteRawLen (libxml.xmlTextWriterWriteRawLen)
#define xmlTextWriterWriteString (libxml.xmlTextWriterWriteString)
