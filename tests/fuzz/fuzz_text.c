/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_text: escaping of anything for each of its destinations, and how wide it is. */
#include "fuzz.h"

#include "reports/report_text.h"

#include <jansson.h>

static void check_columns(const char *text, size_t n)
{
    size_t all = text_columns(text, n);

    for (size_t columns = 0; columns < 12; columns++) {
        size_t fit = text_fit(text, n, columns);

        FUZZ_EXPECT(fit <= n && text_columns(text, fit) <= columns);
        FUZZ_EXPECT(fuzz_is_utf8(text, fit)); /* no character is cut */
        FUZZ_EXPECT(fit == n || all > columns);
    }
}

static void check_mode(const uint8_t *data, size_t size, enum text_mode mode)
{
    static const char *const kept[TEXT_MODE_COUNT] = {
        [TEXT_JSON] = "\n\t", [TEXT_XML] = "\n\t", [TEXT_TOKEN] = "", [TEXT_LINE] = ""};
    cleanup_strbuf struct strbuf once = {0};
    cleanup_strbuf struct strbuf twice = {0};

    text_escape(&once, data, size, mode);
    FUZZ_EXPECT(fuzz_is_utf8(once.data, once.len));
    if (mode != TEXT_JSON)
        FUZZ_EXPECT(fuzz_is_harmless(once.data, once.len, kept[mode]));
    if (mode == TEXT_TOKEN)
        FUZZ_EXPECT(once.len == 0 || (once.data[0] != ' ' && once.data[once.len - 1] != ' ' &&
                                      strstr(once.data, "  ") == NULL));
    /* what is safe is left alone */
    text_escape(&twice, once.data, once.len, mode);
    FUZZ_EXPECT(twice.len == once.len && memcmp(twice.data, once.data, once.len) == 0);
    if (mode == TEXT_LINE)
        check_columns(once.data, once.len);
    if (mode == TEXT_JSON) {
        json_t *string = json_stringn(once.data, once.len); /* judges the UTF-8 as well */

        FUZZ_EXPECT(string != NULL);
        json_decref(string);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (enum text_mode mode = 0; mode < TEXT_MODE_COUNT; mode++)
        check_mode(data, size, mode);
    return 0;
}
