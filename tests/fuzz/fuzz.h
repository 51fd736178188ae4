/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: what the fuzz targets share: an input taken apart, expectations, a place for files. A
 * target is one function, LLVMFuzzerTestOneInput, run by libFuzzer (scripts/fuzz) and, over its
 * corpus, by replay.c in every build. */
#pragma once

#include "base/base.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold of every input. Ends the process, which is how a fuzzer is told. */
#define FUZZ_EXPECT(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The part of an input that is not yet taken. */
struct fuzz_input {
    const uint8_t *data;
    size_t left;
};
/* 0 at the end. */
uint8_t fuzz_byte(struct fuzz_input *in);
/* Takes text up to the next NUL byte, which is taken too; malloc'ed. */
char *fuzz_text(struct fuzz_input *in);

/* An independent judge of UTF-8 (not reports/report_text.c, which is judged): well-formed, as RFC
 * 3629 has it. */
bool fuzz_is_utf8(const char *data, size_t n);
/* No byte or code point that moves a terminal's cursor or changes its state, but for the characters
 * in `but`. */
bool fuzz_is_harmless(const char *data, size_t n, const char *but);

/* A directory of this process's own in memory, where there is one, made at the first call and never
 * seen by others; removed when the process ends. */
int fuzz_directory(void);
/* Returns the path of that directory. */
const char *fuzz_directory_path(void);
