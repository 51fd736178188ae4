/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_patterns: patterns of artifacts against a path. Input: up to four patterns and a path, each
 * up to a NUL byte or the end, the path first. What the compiled patterns say together is what each
 * says alone, tried out; and so with braces, which stand for several. */
#include "fuzz.h"

#include "pattern_reference.h"

#define PATTERNS_MAX 4
#define LENGTH_MAX 48 /* trying takes long */

/* Removes slashes before the text, between its parts more than one, and at its end. */
static char *plain(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++)
        if (*from != '/' || (to != text && from[1] != '/' && from[1] != '\0'))
            *to++ = *from;
    *to = '\0';
    if (strlen(text) > LENGTH_MAX)
        text[LENGTH_MAX] = '\0';
    for (size_t n = strlen(text); n > 0 && text[n - 1] == '/'; n--)
        text[n - 1] = '\0';
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    char *path = plain(fuzz_text(&in)), *patterns[PATTERNS_MAX + 1] = {0};
    size_t n = 0;

    while (n < PATTERNS_MAX && in.left > 0)
        patterns[n++] = plain(fuzz_text(&in));
    for (size_t i = 0; *path != '\0' && i < n; i++)
        FUZZ_EXPECT(reference_compiled((const char *const *)patterns, path, i) ==
                    reference_naive(patterns[i], path));
    for (size_t i = 0; *path != '\0' && i < n; i++) {
        bool many, matches = reference_expanded(patterns[i], path, &many);

        FUZZ_EXPECT(many || matches == reference_braced(patterns[i], path));
    }
    for (size_t i = 0; i < n; i++)
        free(patterns[i]);
    free(path);
    return 0;
}
