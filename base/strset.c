/* SPDX-License-Identifier: Apache-2.0 */
/* strset: a set of texts, for asking quickly whether one was there before. Not responsible for
 * their order. */
#include "base/base.h"

#include <string.h>

struct strset_slot {
    uint64_t hash;
    char *text; /* NULL: free */
    unsigned counted;
};

/* FNV-1a. Who chooses texts that fall together makes their own run slow, and nothing else. */
static uint64_t hash_of(const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

/* Where the text is, or where it would go. */
static struct strset_slot *strset_find(const struct strset *s, const char *text, uint64_t hash)
{
    size_t at = (size_t)hash & (s->size - 1);

    while (s->slots[at].text != NULL &&
           (s->slots[at].hash != hash || !str_eq(s->slots[at].text, text)))
        at = (at + 1) & (s->size - 1);
    return &s->slots[at];
}

/* Never more than half full, so that the next free slot is near. */
static void strset_grow(struct strset *s)
{
    struct strset old = *s;

    if (s->n * 2 < s->size)
        return;
    s->size = s->size != 0 ? s->size * 2 : 64;
    s->slots = xcalloc(s->size, sizeof(*s->slots));
    for (size_t i = 0; i < old.size; i++)
        if (old.slots[i].text != NULL)
            *strset_find(s, old.slots[i].text, old.slots[i].hash) = old.slots[i];
    free(old.slots);
}

/* Returns the text's place, which it has from now on. */
static struct strset_slot *strset_take(struct strset *s, const char *text, bool *ret_is_new)
{
    uint64_t hash = hash_of(text);
    struct strset_slot *slot;

    strset_grow(s);
    slot = strset_find(s, text, hash);
    *ret_is_new = slot->text == NULL;
    if (!*ret_is_new)
        return slot;
    *slot = (struct strset_slot){.hash = hash, .text = xstrdup(text)};
    s->n++;
    return slot;
}

bool strset_add(struct strset *s, const char *text)
{
    bool is_new;

    (void)strset_take(s, text, &is_new);
    return is_new;
}

unsigned strset_count(struct strset *s, const char *text)
{
    bool is_new;

    return strset_take(s, text, &is_new)->counted++;
}

bool strset_has(const struct strset *s, const char *text)
{
    return s->n > 0 && strset_find(s, text, hash_of(text))->text != NULL;
}

void strset_free(struct strset *s)
{
    for (size_t i = 0; i < s->size; i++)
        free(s->slots[i].text);
    free(s->slots);
    *s = (struct strset){0};
}
