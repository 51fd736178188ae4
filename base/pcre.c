/* SPDX-License-Identifier: Apache-2.0 */
/* pcre: see pcre.h. Not responsible for where the text comes from, nor for what a match means. */
#include "base/pcre.h"

#include "base/late.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* clang-format off */
#define PCRE_FUNCTIONS(X) \
    X(pcre2_code_free_8) \
    X(pcre2_compile_8) \
    X(pcre2_compile_context_create_8) \
    X(pcre2_compile_context_free_8) \
    X(pcre2_get_error_message_8) \
    X(pcre2_match_8) \
    X(pcre2_match_context_create_8) \
    X(pcre2_match_context_free_8) \
    X(pcre2_match_data_create_8) \
    X(pcre2_match_data_free_8) \
    X(pcre2_set_depth_limit_8) \
    X(pcre2_set_heap_limit_8) \
    X(pcre2_set_match_limit_8) \
    X(pcre2_set_newline_8)
/* clang-format on */

static struct {
    PCRE_FUNCTIONS(LATE_POINTER)
} library;

static const char *const names[] = {PCRE_FUNCTIONS(LATE_NAME)};
static struct late_library pcre_library = {
    .file = CUPEL_LIBPCRE, .names = names, .n = ARRAY_SIZE(names), .functions = &library};

struct pcre {
    pcre2_code_8 *code;
};

int pcre_load(struct cupel_error *err)
{
    return late_load(&pcre_library, err);
}

/* Bytes that are no UTF-8 are between what can match, since 10.34: so one pattern means the same
 * whatever there is beside. Lines end by LF, however the library was built. */
struct pcre *pcre_compile(const char *pattern, size_t n, char why[static PCRE_WHY_SIZE],
                          size_t *ret_at)
{
    const uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    pcre2_compile_context_8 *ctx = library.pcre2_compile_context_create_8(NULL);
    struct pcre *p = NULL;
    PCRE2_SIZE at = 0;
    pcre2_code_8 *code;
    int error = 0;

    if (ctx == NULL)
        abort();
    (void)library.pcre2_set_newline_8(ctx, PCRE2_NEWLINE_LF);
    code = library.pcre2_compile_8((PCRE2_SPTR8)pattern, n, options, &error, &at, ctx);
    library.pcre2_compile_context_free_8(ctx);
    if (code != NULL) {
        p = xcalloc(1, sizeof(*p));
        p->code = code;
        return p;
    }
    if (library.pcre2_get_error_message_8(error, (PCRE2_UCHAR8 *)why, PCRE_WHY_SIZE) < 0)
        (void)snprintf(why, PCRE_WHY_SIZE, "error %d", error);
    *ret_at = at < n ? at : n;
    return NULL;
}

void pcre_free(struct pcre *p)
{
    if (p == NULL)
        return;
    library.pcre2_code_free_8(p->code);
    free(p);
}

static enum pcre_result result_of(int r)
{
    switch (r) {
    case PCRE2_ERROR_NOMATCH:
        return PCRE_DIFFERS;
    case PCRE2_ERROR_MATCHLIMIT:
        return PCRE_STEPS;
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_NOMEMORY:
        return PCRE_MEMORY;
    default:
        return r >= 0 ? PCRE_MATCHES : PCRE_FAILED;
    }
}

enum pcre_result pcre_search(const struct pcre *p, const char *text, size_t n)
{
    pcre2_match_context_8 *ctx = library.pcre2_match_context_create_8(NULL);
    /* where it matches is of no interest: with one pair there is no room for groups */
    pcre2_match_data_8 *data = library.pcre2_match_data_create_8(1, NULL);
    int r = PCRE2_ERROR_NOMEMORY;

    if (ctx != NULL && data != NULL) {
        (void)library.pcre2_set_match_limit_8(ctx, PCRE_STEPS_MAX);
        (void)library.pcre2_set_depth_limit_8(ctx, PCRE_DEPTH_MAX);
        (void)library.pcre2_set_heap_limit_8(ctx, (uint32_t)(PCRE_HEAP_MAX >> 10));
        r = library.pcre2_match_8(p->code, (PCRE2_SPTR8)text, n, 0, 0, data, ctx);
    }
    library.pcre2_match_data_free_8(data);
    library.pcre2_match_context_free_8(ctx);
    return result_of(r);
}
