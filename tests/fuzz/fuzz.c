/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: see fuzz.h. */
#include "fuzz.h"

#include <fcntl.h>

uint8_t fuzz_byte(struct fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->data++;
}

char *fuzz_text(struct fuzz_input *in)
{
    const uint8_t *end = in->left > 0 ? memchr(in->data, '\0', in->left) : NULL;
    size_t n = end != NULL ? (size_t)(end - in->data) : in->left;
    char *text = xmalloc(n + 1);

    if (n > 0)
        memcpy(text, in->data, n);
    text[n] = '\0';
    in->data += end != NULL ? n + 1 : n;
    in->left -= end != NULL ? n + 1 : n;
    return text;
}

/* One row of RFC 3629's grammar: a first byte's range, the second's, and how many follow in all. */
static const struct {
    uint8_t first, last;
    uint8_t second_first, second_last;
    size_t more;
} sequences[] = {
    {0x00, 0x7f, 0, 0, 0},       {0xc2, 0xdf, 0x80, 0xbf, 1}, {0xe0, 0xe0, 0xa0, 0xbf, 2},
    {0xe1, 0xec, 0x80, 0xbf, 2}, {0xed, 0xed, 0x80, 0x9f, 2}, {0xee, 0xef, 0x80, 0xbf, 2},
    {0xf0, 0xf0, 0x90, 0xbf, 3}, {0xf1, 0xf3, 0x80, 0xbf, 3}, {0xf4, 0xf4, 0x80, 0x8f, 3},
};

static size_t sequence_length(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
        if (p[0] < sequences[i].first || p[0] > sequences[i].last)
            continue;
        if (sequences[i].more >= n)
            return 0;
        for (size_t k = 1; k <= sequences[i].more; k++)
            if (p[k] < (k == 1 ? sequences[i].second_first : 0x80) ||
                p[k] > (k == 1 ? sequences[i].second_last : 0xbf))
                return 0;
        return sequences[i].more + 1;
    }
    return 0;
}

bool fuzz_is_utf8(const char *data, size_t n)
{
    const uint8_t *p = (const uint8_t *)data;

    for (size_t i = 0, length; i < n; i += length) {
        length = sequence_length(p + i, n - i);
        if (length == 0)
            return false;
    }
    return true;
}

bool fuzz_is_harmless(const char *data, size_t n, const char *but)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)data[i];

        if ((c < 0x20 || c == 0x7f) && (c == '\0' || strchr(but, c) == NULL))
            return false;
        if (c == 0xc2 && i + 1 < n && (unsigned char)data[i + 1] >= 0x80 &&
            (unsigned char)data[i + 1] < 0xa0) /* C1 */
            return false;
        if (c == 0xe2 && i + 2 < n && (unsigned char)data[i + 1] == 0x80 &&
            (unsigned char)data[i + 2] >= 0xaa &&
            (unsigned char)data[i + 2] <= 0xae) /* direction overrides */
            return false;
    }
    return true;
}

/* ---- files ---- */

static struct {
    char path[64];
    int fd;
    pid_t owner;
} place = {.fd = -1};

static void remove_place(void)
{
    if (place.owner == getpid())
        (void)file_remove_tree_at(AT_FDCWD, place.path);
}

int fuzz_directory(void)
{
    /* of scripts/fuzz, which removes it whatever becomes of us */
    const char *scratch = getenv("CUPEL_FUZZ_SCRATCH");

    if (place.fd >= 0)
        return place.fd;
    (void)snprintf(place.path, sizeof(place.path), "%s/cupel-fuzz-XXXXXX",
                   scratch != NULL                 ? scratch
                   : access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                                   : "/tmp");
    FUZZ_EXPECT(mkdtemp(place.path) != NULL);
    place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    place.owner = getpid();
    FUZZ_EXPECT(place.fd >= 0 && atexit(remove_place) == 0);
    return place.fd;
}

const char *fuzz_directory_path(void)
{
    (void)fuzz_directory();
    return place.path;
}
