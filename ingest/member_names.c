/* SPDX-License-Identifier: Apache-2.0 */
/* member_names: see member_names.h. Not responsible for which submission a name belongs to
 * (layouts.c). */
#include "ingest/member_names.h"

#include "ingest/members.h"
#include "rootfs-cache/confined/hash.h"

#include <string.h>
#include <strings.h>

/* ---- encodings ---- */

/* The upper half of code page 437, in which zip has names that do not say that they are UTF-8
 * (APPNOTE.TXT, appendix D). */
static const uint16_t code_page_437[128] = {
    0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef,
    0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
    0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa,
    0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557,
    0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
    0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559,
    0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
    0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4,
    0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
    0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0};

static void add_codepoint(struct strbuf *to, uint32_t c)
{
    char bytes[3];

    if (c < 0x80) {
        bytes[0] = (char)c;
        strbuf_add(to, bytes, 1);
    } else if (c < 0x800) {
        bytes[0] = (char)(0xc0 | (c >> 6));
        bytes[1] = (char)(0x80 | (c & 0x3f));
        strbuf_add(to, bytes, 2);
    } else {
        bytes[0] = (char)(0xe0 | (c >> 12));
        bytes[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        bytes[2] = (char)(0x80 | (c & 0x3f));
        strbuf_add(to, bytes, 3);
    }
}

static bool is_utf8(const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t length = text_decode((const unsigned char *)text + at, n - at, &c);

        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

void member_names_decode(const char *raw, bool zip, struct strbuf *to)
{
    size_t n = strlen(raw);

    strbuf_add(to, "", 0);
    if (n > MEMBERS_NAME_MAX / 3) /* what is so long is refused for it */
        n = MEMBERS_NAME_MAX / 3;
    if (is_utf8(raw, n)) {
        strbuf_add(to, raw, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)raw[i];

        add_codepoint(to, c < 0x80 || !zip ? c : code_page_437[c - 0x80]);
    }
}

/* ---- names ---- */

/* What file managers and version control leave, wherever it lies. "._x" has the attributes that a
 * Mac's file x has. */
static bool is_junk(const char *part, size_t n)
{
    static const char *const junk[] = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".git"};

    for (size_t i = 0; i < ARRAY_SIZE(junk); i++)
        if (n == strlen(junk[i]) && strncasecmp(part, junk[i], n) == 0)
            return true;
    return n > 2 && part[0] == '.' && part[1] == '_';
}

/* Whether a part has what moves a cursor or ends a line. What else is not seen is a part of names
 * in many a language. */
static bool has_control(const char *part, size_t n)
{
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t length = text_decode((const unsigned char *)part + at, n - at, &c);

        if (length == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
            return true;
        at += length;
    }
    return false;
}

static const char *wrong_part(const char *part, size_t n, unsigned depth)
{
    if (n == 2 && part[0] == '.' && part[1] == '.')
        return "climbs out with '..'";
    if (n > 255)
        return "has a name longer than 255 bytes";
    if (depth > MEMBER_DEPTH_MAX)
        return "lies too deep";
    return has_control(part, n) ? "has a name with control characters" : NULL;
}

enum member_name member_names_clean(const char *name, struct strbuf *clean, const char **ret_why)
{
    const char *why = name[0] == '/' ? "has an absolute path" : NULL;
    unsigned depth = 0;
    bool lost = why != NULL; /* nobody's: it names no place in the archive */

    strbuf_add(clean, "", 0);
    for (name += strspn(name, "/"); *name != '\0'; name += strspn(name, "/")) {
        size_t n = strcspn(name, "/");

        if (!(n == 1 && name[0] == '.')) {
            const char *wrong = wrong_part(name, n, ++depth);
            bool climbs = n == 2 && name[0] == '.' && name[1] == '.';

            if (is_junk(name, n))
                return MEMBER_NAME_JUNK;
            why = why == NULL ? wrong : why;
            lost |= climbs && clean->len == 0;
            if (!lost && !climbs && depth <= MEMBER_DEPTH_MAX) {
                if (clean->len > 0)
                    strbuf_adds(clean, "/");
                strbuf_add(clean, name, n);
            }
        }
        name += n;
    }
    if (clean->len > 2048 && why == NULL)
        why = "has a name longer than 2048 bytes";
    if (why != NULL)
        *ret_why = why;
    return why != NULL ? MEMBER_NAME_WRONG : clean->len == 0 ? MEMBER_NAME_ROOT : MEMBER_NAME_GOOD;
}

/* ---- ids ---- */

#define ID_MAX 120u

/* How many bytes of a text of `n` can stay, so that no character is cut. */
static size_t whole_characters(const char *text, size_t n, size_t most)
{
    size_t at = 0;

    while (at < n) {
        uint32_t c;
        size_t length = text_decode((const unsigned char *)text + at, n - at, &c);

        length = length == 0 ? 1 : length;
        if (at + length > most)
            break;
        at += length;
    }
    return at;
}

void member_names_add_id(struct strbuf *to, const char *text, size_t n)
{
    size_t kept = whole_characters(text, n, n > ID_MAX ? ID_MAX - 9 : ID_MAX), before = to->len;
    char hex[CACHE_KEY_LEN + 1];

    for (size_t at = 0; at < kept;) {
        uint32_t c = 0;
        size_t length = text_decode((const unsigned char *)text + at, kept - at, &c);
        /* what hides a file, is an option or begins a formula; a blank that readers of tables take
         * off */
        bool edge = (to->len == before && memchr(".-=+@ ", (int)c, 6) != NULL && c < 0x80) ||
                    (c == ' ' && at + length == kept);

        if (length == 0 || c < 0x20 || c == 0x7f || c == '/' || edge || text_is_hidden(c))
            strbuf_adds(to, "_");
        else
            strbuf_add(to, text + at, length);
        at += length == 0 ? 1 : length;
    }
    if (to->len == before)
        strbuf_adds(to, "_");
    if (kept < n && hash_bytes(text, n, hex) == 0)
        strbuf_addf(to, "~%.8s", hex);
}

size_t member_names_ending(const char *name)
{
    static const char *const endings[] = {".zip",      ".tar",  ".tar.gz",   ".tgz",    ".tar.bz2",
                                          ".tbz2",     ".tbz",  ".tar.xz",   ".txz",    ".tar.zst",
                                          ".tar.zstd", ".tzst", ".tar.lzma", ".tar.lz4"};
    size_t n = strlen(name);

    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        size_t length = strlen(endings[i]);

        if (n > length && name[n - length - 1] != '/' &&
            strcasecmp(name + n - length, endings[i]) == 0)
            return length;
    }
    return 0;
}

void member_names_fold(const char *name, struct strbuf *to)
{
    size_t n = strlen(name), begin = to->len;

    strbuf_add(to, name, n);
    for (size_t i = begin; i < to->len; i++) {
        unsigned char c = (unsigned char)to->data[i],
                      before = i > begin ? (unsigned char)to->data[i - 1] : 0;

        if (c >= 'A' && c <= 'Z')
            to->data[i] = (char)(c | 0x20);
        else if (before == 0xc3 && c >= 0x80 && c <= 0x9e && c != 0x97) /* U+00C0 to U+00DE */
            to->data[i] = (char)(c | 0x20);
    }
}
