/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_image: any documents as those of an image: the index or manifest.json, then what is named by
 * digests. Either an image comes out whose layers and names hang together, or one clean error.
 * Input: index.json and manifest.json, then up to sixteen blobs, each up to a NUL byte. A blob's
 * digest begins with its number; its size is rounded up to a multiple of 512 by spaces, so that
 * what describes it need not be guessed. */
#include "fuzz.h"

#include "rootfs-cache/confined/answer.h"

#include <ctype.h>

#define BLOBS 16
#define ROUND 512

static struct {
    char *index, *manifest;
    char *blob[BLOBS];
    char last[CACHE_KEY_LEN + 1]; /* digest by which a blob was read last */
} made_up;

int __wrap_contents_read(const struct contents *c, const char *name, size_t max, char **ret_text,
                         size_t *ret_len);
int __wrap_contents_find(const struct contents *c, const char *name, off_t *ret_offset,
                         uint64_t *ret_size);
bool __wrap_contents_have(const struct contents *c, const char *name);
int __wrap_hash_bytes(const void *data, size_t n, char ret_hex[CACHE_KEY_LEN + 1]);

static const char *document(const char *name)
{
    const char *slash = strrchr(name, '/');

    if (str_eq(name, "index.json"))
        return made_up.index;
    if (str_eq(name, "manifest.json"))
        return made_up.manifest;
    name = slash != NULL ? slash + 1 : name;
    (void)snprintf(made_up.last, sizeof(made_up.last), "%s", name);
    if (isdigit((unsigned char)name[0]))
        return made_up.blob[name[0] - '0'];
    return name[0] >= 'a' && name[0] <= 'f' ? made_up.blob[name[0] - 'a' + 10] : NULL;
}

int __wrap_contents_read(const struct contents *c, const char *name, size_t max, char **ret_text,
                         size_t *ret_len)
{
    const char *text = document(name);
    size_t n = text != NULL ? strlen(text) : 0, rounded = (n + ROUND - 1) / ROUND * ROUND;

    (void)c;
    if (text == NULL)
        return -ENOENT;
    if (rounded > max)
        return -EFBIG;
    *ret_text = xmalloc(rounded + 1);
    memset(*ret_text, ' ', rounded);
    memcpy(*ret_text, text, n);
    (*ret_text)[rounded] = '\0';
    *ret_len = rounded;
    return 0;
}

int __wrap_contents_find(const struct contents *c, const char *name, off_t *ret_offset,
                         uint64_t *ret_size)
{
    (void)c;
    *ret_offset = 0;
    *ret_size = 0;
    return document(name) != NULL && *document(name) != '\0' ? 0 : -ENOENT;
}

bool __wrap_contents_have(const struct contents *c, const char *name)
{
    (void)c;
    return document(name) != NULL && *document(name) != '\0';
}

int __wrap_hash_bytes(const void *data, size_t n, char ret_hex[CACHE_KEY_LEN + 1])
{
    (void)data;
    (void)n;
    memset(ret_hex, '0', CACHE_KEY_LEN);
    memcpy(ret_hex, made_up.last, strspn(made_up.last, "0123456789abcdef"));
    ret_hex[CACHE_KEY_LEN] = '\0';
    return 0;
}

static bool is_digest(const char *hex)
{
    return strlen(hex) == CACHE_KEY_LEN && strspn(hex, "0123456789abcdef") == CACHE_KEY_LEN;
}

static void check_image(const struct image *image)
{
    FUZZ_EXPECT(image->n_layers <= CACHE_LAYERS_MAX && image->config != NULL);
    for (size_t i = 0; i < image->n_layers; i++) {
        const struct image_layer *l = &image->layers[i];

        FUZZ_EXPECT(l->blob != NULL && is_digest(l->diff_id));
        FUZZ_EXPECT(l->digest[0] == '\0' || is_digest(l->digest));
        /* an OCI layer is never looked for by a name of the image's choice */
        FUZZ_EXPECT(l->digest[0] == '\0' ||
                    (str_starts(l->blob, "blobs/sha256/") && is_digest(l->blob + 13)));
    }
    for (const char **e = image->config->env; *e != NULL; e++)
        FUZZ_EXPECT(strchr(*e, '=') > *e && !str_starts(*e, "CUPEL_"));
    FUZZ_EXPECT(image->config->entrypoint[0] == NULL || image->config->entrypoint[0][0] != '\0');
    FUZZ_EXPECT(image->config->command[0] == NULL || image->config->command[0][0] != '\0');
    FUZZ_EXPECT(image->config->user == NULL ||
                fuzz_is_harmless(image->config->user, strlen(image->config->user), ""));
}

/* What the confined child would say of it is understood by its parent, and nothing is lost on the
 * way. */
static void check_answer(const struct image *image)
{
    struct strbuf said = {0}, again = {0};
    struct image heard = {0};

    answer_put_image(&said, image);
    FUZZ_EXPECT(answer_take_image(said.data, said.len, &heard) == 0);
    answer_put_image(&again, &heard);
    FUZZ_EXPECT(said.len == again.len && memcmp(said.data, again.data, said.len) == 0);
    image_free(&heard);
    strbuf_free(&said);
    strbuf_free(&again);
}

/* What is printed of it holds nothing that moves a cursor. */
static void check_error(const struct cupel_error *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    FUZZ_EXPECT(f != NULL && err->kind != CUPEL_ERROR_NONE && err->message[0] != '\0');
    cupel_error_print(err, f);
    (void)fclose(f);
    FUZZ_EXPECT(fuzz_is_harmless(text, n, "\n"));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct image_wanted wanted[] = {
        {.root = "root", .path = "/made/up", .platform = "linux/amd64"},
        {.root = "root", .path = "/made/up", .platform = "linux/arm64/v8", .reference = "tag"},
    };
    struct fuzz_input in = {data, size};
    struct image heard = {0};

    /* a child that was taken over says anything */
    if (answer_take_image((const char *)data, size, &heard) == 0) {
        check_image(&heard);
        image_free(&heard);
    }

    made_up.index = fuzz_text(&in);
    made_up.manifest = fuzz_text(&in);
    for (size_t i = 0; i < BLOBS; i++)
        made_up.blob[i] = fuzz_text(&in);
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        struct image image = {0};
        struct cupel_error err = {0};

        if (image_read(NULL, &wanted[i], &image, &err) == 0) {
            check_image(&image);
            check_answer(&image);
            image_free(&image);
        } else {
            check_error(&err);
        }
    }
    free(made_up.index);
    free(made_up.manifest);
    for (size_t i = 0; i < BLOBS; i++)
        free(made_up.blob[i]);
    return 0;
}
