/* SPDX-License-Identifier: Apache-2.0 */
/* answer: see answer.h. */
#include "rootfs-cache/confined/answer.h"

#include "rootfs-cache/confined/config.h"
#include "rootfs-cache/confined/hash.h"

#include <limits.h>
#include <string.h>

#define NOTES_MAX ((size_t)8192)

/* ---- in the child ---- */

static void answer_put(struct strbuf *b, const char *word)
{
    strbuf_add(b, word, strlen(word) + 1);
}

static void answer_put_number(struct strbuf *b, uint64_t n)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
    answer_put(b, text);
}

/* "+TEXT", or "-" for none. */
static void put_optional(struct strbuf *b, const char *text)
{
    strbuf_adds(b, text != NULL ? "+" : "-");
    answer_put(b, text != NULL ? text : "");
}

static void answer_put_list(struct strbuf *b, const char *const *list)
{
    size_t n = 0;

    while (list[n] != NULL)
        n++;
    answer_put_number(b, n);
    for (size_t i = 0; i < n; i++)
        answer_put(b, list[i]);
}

void answer_put_config(struct strbuf *b, const struct cache_config *config)
{
    answer_put_list(b, (const char *const *)config->env);
    put_optional(b, config->user);
    put_optional(b, config->workdir);
    answer_put_list(b, (const char *const *)config->entrypoint);
    answer_put_list(b, (const char *const *)config->command);
}

void answer_put_image(struct strbuf *b, const struct image *image)
{
    answer_put(b, image->digest);
    answer_put_number(b, image->n_layers);
    for (size_t i = 0; i < image->n_layers; i++) {
        const struct image_layer *l = &image->layers[i];

        answer_put(b, l->blob);
        answer_put(b, l->digest);
        answer_put_number(b, l->size);
        answer_put(b, l->diff_id);
        answer_put_number(b, l->offset >= 0 ? (uint64_t)l->offset : UINT64_MAX);
        answer_put_number(b, l->stored);
    }
    answer_put_config(b, image->config);
    answer_put(b, image->notes.data != NULL ? image->notes.data : "");
}

/* ---- in the parent ---- */

struct words {
    const char *at, *end;
    bool bad;
};

static const char *answer_take(struct words *w)
{
    const char *word = w->at, *nul = w->bad ? NULL : memchr(word, '\0', (size_t)(w->end - word));

    w->bad |= nul == NULL;
    if (nul == NULL)
        return "";
    w->at = nul + 1;
    return word;
}

static uint64_t answer_take_number(struct words *w, uint64_t max)
{
    const char *word = answer_take(w);
    size_t digits = strspn(word, "0123456789");
    unsigned long long n;

    errno = 0;
    n = strtoull(word, NULL, 10);
    w->bad |= digits == 0 || word[digits] != '\0' || errno != 0 || n > max;
    return w->bad ? 0 : n;
}

/* A digest, or "" where there need be none. */
static void take_digest(struct words *w, bool needed, char ret[CACHE_KEY_LEN + 1])
{
    const char *word = answer_take(w);

    w->bad |= !hash_is_hex(word) && (needed || *word != '\0');
    (void)snprintf(ret, CACHE_KEY_LEN + 1, "%s", w->bad ? "" : word);
}

static const char *take_optional(struct words *w, struct arena *arena)
{
    const char *word = answer_take(w);

    w->bad |= (*word != '+' && !str_eq(word, "-")) || !config_is_plain(word);
    return w->bad || *word == '-' ? NULL : arena_strdup(arena, word + 1);
}

static const char **answer_take_list(struct words *w, struct arena *arena)
{
    size_t n = answer_take_number(w, CONFIG_LIST_MAX);
    const char **list = arena_alloc(arena, (n + 1) * sizeof(*list));

    for (size_t i = 0; i < n && !w->bad; i++)
        list[i] = arena_strdup(arena, answer_take(w));
    return list;
}

static const char **answer_take_env(struct words *w, struct arena *arena)
{
    const char **list = answer_take_list(w, arena);

    for (size_t i = 0; list[i] != NULL; i++)
        w->bad |= !config_is_env(list[i]) || str_starts(list[i], "CUPEL_");
    return list;
}

/* The name of a program is not empty. */
static const char **take_program(struct words *w, struct arena *arena)
{
    const char **list = answer_take_list(w, arena);

    w->bad |= list[0] != NULL && list[0][0] == '\0';
    return list;
}

static struct cache_config *take_config(struct words *w)
{
    struct arena *arena = arena_new();
    struct cache_config *c = arena_alloc(arena, sizeof(*c));

    c->arena = arena;
    c->env = answer_take_env(w, arena);
    c->user = take_optional(w, arena);
    c->workdir = take_optional(w, arena);
    c->entrypoint = take_program(w, arena);
    c->command = take_program(w, arena);
    return c;
}

int answer_take_config(const char *data, size_t length, struct cache_config **ret)
{
    struct words w = {.at = data, .end = data + length};
    struct cache_config *c = take_config(&w);

    if (w.bad || w.at != w.end) {
        arena_free(c->arena);
        return -EBADMSG;
    }
    *ret = c;
    return 0;
}

/* Tells whether `blob` is the name of that digest among the blobs, of a layout or of a flat one. */
static bool is_blob_of(const char *blob, const char *digest)
{
    return str_eq(blob, digest) || (str_starts(blob, "blobs/sha256/") && str_eq(blob + 13, digest));
}

static void answer_take_layer(struct words *w, struct image_layer *l)
{
    const char *blob = answer_take(w);
    uint64_t offset;

    w->bad |= *blob == '\0' || !config_is_plain(blob);
    l->blob = xstrdup(blob);
    take_digest(w, false, l->digest);
    l->size = answer_take_number(w, UINT64_MAX);
    take_digest(w, true, l->diff_id);
    offset = answer_take_number(w, UINT64_MAX);
    w->bad |= offset > INT64_MAX && offset != UINT64_MAX;
    l->offset = offset == UINT64_MAX ? -1 : (off_t)offset;
    l->stored = answer_take_number(w, INT64_MAX);
    /* a layer with a digest is never looked for by a name of the image's choice */
    w->bad |= l->digest[0] != '\0' && !is_blob_of(l->blob, l->digest);
}

/* Lines that are shown. */
static void take_notes(struct words *w, struct strbuf *ret)
{
    const char *text = answer_take(w);

    for (const char *p = text; *p != '\0'; p++)
        w->bad |= ((unsigned char)*p < 0x20 && *p != '\n') || *p == 0x7f;
    w->bad |= strlen(text) > NOTES_MAX;
    if (!w->bad && *text != '\0')
        strbuf_adds(ret, text);
}

int answer_take_image(const char *data, size_t length, struct image *ret)
{
    struct words w = {.at = data, .end = data + length};
    struct image image = {0};

    take_digest(&w, true, image.digest);
    image.n_layers = answer_take_number(&w, CACHE_LAYERS_MAX);
    image.layers = xcalloc(image.n_layers, sizeof(*image.layers));
    for (size_t i = 0; i < image.n_layers && !w.bad; i++)
        answer_take_layer(&w, &image.layers[i]);
    image.config = take_config(&w);
    take_notes(&w, &image.notes);
    if (w.bad || w.at != w.end) {
        image_free(&image);
        return -EBADMSG;
    }
    *ret = image;
    return 0;
}
