/* SPDX-License-Identifier: Apache-2.0 */
/* pcre: Perl's regular expressions by PCRE2, which is loaded late (base/late.h), within bounds. A
 * job's output is matched in a confined child (ingest/), since it is chosen to take any time and
 * memory that there are. POSIX's expressions are libc's. */
#pragma once

#include "base/base.h"

/* What a match may take: steps (PCRE2's match limit, from each place where it may begin), what it
 * holds to go back to, and how deep that goes. */
#define PCRE_STEPS_MAX 10000000u
#define PCRE_DEPTH_MAX 1000000u
#define PCRE_HEAP_MAX ((uint64_t)128 << 20)
#define PCRE_WHY_SIZE 128

struct pcre;

int pcre_load(struct cupel_error *err);
/* Compiles a pattern, which is UTF-8; `pcre_load` was called. NULL: it is none; `why` says it in
 * words, and *ret_at after which of its bytes that shows. */
struct pcre *pcre_compile(const char *pattern, size_t n, char why[static PCRE_WHY_SIZE],
                          size_t *ret_at);
void pcre_free(struct pcre *p);

enum pcre_result {
    PCRE_MATCHES,
    PCRE_DIFFERS,
    PCRE_STEPS,  /* it gave up after PCRE_STEPS_MAX */
    PCRE_MEMORY, /* or at PCRE_HEAP_MAX, or PCRE_DEPTH_MAX */
    PCRE_FAILED,
};
/* Looks for a match anywhere in a text of any bytes. Nothing matches those that are no UTF-8. */
enum pcre_result pcre_search(const struct pcre *p, const char *text, size_t n);
