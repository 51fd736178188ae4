/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_redact: secrets, and a text that passes in pieces: what comes out is what the naive way
 * makes of it. The first bytes say how many secrets there are, how the text is cut, and whether its
 * end was. */
#include "fuzz.h"
#include "tests/unit/redact_reference.h"

#define SECRETS_MAX 8
#define TEXT_MAX ((size_t)2048) /* the naive way is slow */

static void check_stream(const struct redact *r, const char *text, size_t n, size_t piece, bool cut,
                         const struct strbuf *expected)
{
    cleanup_strbuf struct strbuf out = {0};
    struct redact_stream s;

    redact_stream_begin(&s, r);
    for (size_t at = 0; at < n; at += piece)
        redact_stream_take(&s, text + at, piece < n - at ? piece : n - at, &out);
    FUZZ_EXPECT(s.taken == n && s.taken - s.passed <= redact_longest(r));
    redact_stream_finish(&s, cut, &out);
    FUZZ_EXPECT(s.passed == n && s.written == out.len);
    redact_stream_end(&s);
    FUZZ_EXPECT(out.len == expected->len &&
                (out.len == 0 || memcmp(out.data, expected->data, out.len) == 0));
}

/* A value leaves nothing of itself, and the text around it stays. */
static void check_value(const char *value)
{
    struct redact *r = redact_new();
    size_t n = strlen(value);
    cleanup_strbuf struct strbuf out = {0};

    if (n >= REDACT_LEAST && n <= 256) {
        redact_add(r, value, n);
        redact_seal(r);
        while (n > 0 && (value[n - 1] == '\n' || value[n - 1] == '\r'))
            n--;
        FUZZ_EXPECT(n < REDACT_LEAST || redact_has(r, value, n));
        redact_put(r, value, n, false, &out);
        FUZZ_EXPECT(n < REDACT_LEAST || strcmp(out.data, REDACTED) == 0);
    }
    redact_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    size_t n = fuzz_byte(&in) % SECRETS_MAX, piece = 1 + fuzz_byte(&in);
    bool cut = fuzz_byte(&in) % 2;
    struct reference_text secrets[SECRETS_MAX];
    char *texts[SECRETS_MAX];
    cleanup_strbuf struct strbuf expected = {0};
    struct redact *r = redact_new();
    size_t len;

    for (size_t i = 0; i < n; i++) {
        texts[i] = fuzz_text(&in);
        secrets[i] = (struct reference_text){texts[i], strlen(texts[i])};
        redact_add_text(r, texts[i], secrets[i].n);
    }
    redact_seal(r);
    len = in.left < TEXT_MAX ? in.left : TEXT_MAX;
    reference_redact(secrets, n, (const char *)in.data, len, cut, &expected);
    check_stream(r, (const char *)in.data, len, piece, cut, &expected);
    check_stream(r, (const char *)in.data, len, len + 1, cut, &expected);
    if (n > 0)
        check_value(texts[0]);
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    redact_free(r);
    return 0;
}
