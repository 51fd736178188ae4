/* SPDX-License-Identifier: Apache-2.0 */
/* memory: allocation that cannot fail, arenas, and the helpers behind the cleanup attributes. */
#include "base/base.h"

#include <string.h>

static void out_of_memory(void)
{
    static const char text[] = "cupel: error: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    _exit(CUPEL_ERROR_HARNESS);
}

void *xmalloc(size_t size)
{
    void *p = malloc(size != 0 ? size : 1);

    if (p == NULL)
        out_of_memory();
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    void *p = calloc(count != 0 ? count : 1, size != 0 ? size : 1);

    if (p == NULL)
        out_of_memory();
    return p;
}

void *xrealloc(void *p, size_t size)
{
    void *q = realloc(p, size != 0 ? size : 1);

    if (q == NULL)
        out_of_memory();
    return q;
}

char *xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;

    return memcpy(xmalloc(n), s, n);
}

char *xasprintf(const char *fmt, ...)
{
    struct strbuf b = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    return b.data;
}

void base_closep(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        (void)close(*fd);
    *fd = -EBADF;
    errno = saved;
}

void base_fclosep(FILE **fp)
{
    int saved = errno;

    if (*fp != NULL)
        (void)fclose(*fp);
    errno = saved;
}

/* An arena is a chain of blocks; the newest is filled from the front. */
struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    _Alignas(16) unsigned char data[];
};
struct arena {
    struct arena_block *blocks;
};

/* Blocks double, so that an arena of a few hundred bytes costs little more than those. */
#define ARENA_BLOCK_MIN ((size_t)512)
#define ARENA_BLOCK_MAX ((size_t)16 * 1024)

struct arena *arena_new(void)
{
    return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
    struct arena_block *b = a != NULL ? a->blocks : NULL;

    while (b != NULL) {
        struct arena_block *next = b->next;

        free(b);
        b = next;
    }
    free(a);
}

void arena_join(struct arena *a, struct arena *from)
{
    struct arena_block **end = &a->blocks;

    while (*end != NULL)
        end = &(*end)->next;
    *end = from->blocks;
    free(from);
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *b = a->blocks;
    void *p;

    size = (size + 15) & ~(size_t)15;
    if (b == NULL || b->size - b->used < size) {
        size_t block = b == NULL ? ARENA_BLOCK_MIN : b->size * 2;

        if (block > ARENA_BLOCK_MAX)
            block = ARENA_BLOCK_MAX;
        if (block < size)
            block = size;

        b = xcalloc(1, sizeof(*b) + block);
        b->size = block;
        b->next = a->blocks;
        a->blocks = b;
    }
    p = b->data + b->used;
    b->used += size;
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);

    memcpy(p, s, n);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf b = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    return arena_strndup(a, b.data, b.len);
}
