/* SPDX-License-Identifier: Apache-2.0 */
/* late: libraries that only some of what cupel does needs. To map and relocate libarchive,
 * libcrypto and libxml2, and the fifteen libraries that they need, takes longer than all else that
 * a process does before main(), and each process that is forked copies the mappings. So they are
 * loaded when something needs them.
 *
 * A library has a structure of pointers to the functions that are called, from a list of their
 * names, and a macro for each that has the function's own name: code that calls them looks as it
 * always did, and the compiler checks it against the library's own header. A function that is
 * missing from the list is not found when cupel is linked. */
#pragma once

#include "base/base.h"

/* A list is a macro LIST(X) that has X(function) for each. */
#define LATE_POINTER(function)                                                                     \
    __typeof__(&(function)) function; /* NOLINT(bugprone-macro-parentheses): it names a field */
#define LATE_NAME(function) #function,

struct late_library {
    const char *file; /* its soname */
    const char *const *names;
    size_t n;
    void *functions; /* the structure: n pointers in the order of the names */
    bool loaded;
};

/* Loads it, once. Never call this where "/" may be another's: a library of a job's root would be
 * loaded. */
int late_load(struct late_library *library, struct cupel_error *err);
/* Loads it where nobody can be told that it is not there, which ends the process; then
 * late_forbid() holds. */
void late_need(struct late_library *library);
/* Lets this process load nothing more: it is about to leave the host's "/". */
void late_forbid(void);
