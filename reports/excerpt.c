/* SPDX-License-Identifier: Apache-2.0 */
/* excerpt: reads head and tail of a log in bounded memory. Not responsible for escaping: the bytes
 * are the job's own.
 */
#include "reports/excerpt.h"

#include "reports/reports.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* How far from the wanted cut a line may end for the cut to move there. */
#define NEAR_LINE 1024

void excerpt_free(struct excerpt *e)
{
    strbuf_free(&e->head);
    strbuf_free(&e->tail);
}

static int read_range(int fd, uint64_t from, size_t n, struct strbuf *b)
{
    cleanup_free char *chunk = xmalloc(n + 1);
    size_t have = 0;

    while (have < n) {
        ssize_t r = pread(fd, chunk + have, n - have, (off_t)(from + have));

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            break;
        have += (size_t)r;
    }
    strbuf_add(b, chunk, have);
    return 0;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Where the head really ends: after the last line that ends near, else before a character that
 * would be cut. */
static size_t head_end(const struct strbuf *b)
{
    size_t floor = b->len > NEAR_LINE ? b->len - NEAR_LINE : 0;
    size_t end = b->len;

    for (size_t i = b->len; i > floor; i--)
        if (b->data[i - 1] == '\n')
            return i;
    for (int back = 0; back < 4 && end > 0; back++) {
        unsigned char c = (unsigned char)b->data[end - 1];

        if (c >= 0xc0)
            return end - 1;
        if (c < 0x80)
            break;
        end--;
    }
    return b->len;
}

/* Where the tail really begins: after a line that ends near, else after the rest of a cut
 * character. */
static size_t tail_begin(const struct strbuf *b)
{
    const char *newline =
        b->len > 0 ? memchr(b->data, '\n', b->len < NEAR_LINE ? b->len : NEAR_LINE) : NULL;
    size_t i = 0;

    if (newline != NULL && newline + 1 < b->data + b->len)
        return (size_t)(newline + 1 - b->data);
    while (i < 3 && i < b->len && is_continuation(b->data[i]))
        i++;
    return i;
}

static void drop_front(struct strbuf *b, size_t n)
{
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    b->data[b->len] = '\0';
}

static int read_both(int fd, uint64_t from, uint64_t total, size_t head, size_t tail,
                     struct excerpt *e)
{
    int r = read_range(fd, from, head, &e->head);

    if (r == 0)
        r = read_range(fd, from + total - tail, tail, &e->tail);
    if (r < 0)
        return r;
    if (head > 0) {
        e->head.len = head_end(&e->head);
        e->head.data[e->head.len] = '\0';
    }
    drop_front(&e->tail, tail_begin(&e->tail));
    e->left_out = total - e->head.len - e->tail.len;
    return 0;
}

int excerpt_read(const struct reports_out *out, const struct excerpt_source *source, size_t head,
                 size_t tail, struct excerpt *ret)
{
    struct excerpt e = {0};
    cleanup_close int fd = -EBADF;
    struct stat st;
    uint64_t from, to;
    int r;

    strbuf_add(&e.head, "", 0);
    strbuf_add(&e.tail, "", 0);
    if (source->path == NULL) {
        *ret = e;
        return 0;
    }
    fd = file_open_beneath(reports_out_dirfd(out), source->path, O_RDONLY | O_NONBLOCK | O_NOCTTY,
                           0);
    r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    if (r == 0) {
        to = source->to < (uint64_t)st.st_size ? source->to : (uint64_t)st.st_size;
        from = source->from < to ? source->from : to;
        if (to - from <= head + tail)
            r = read_range(fd, from, (size_t)(to - from), &e.head);
        else
            r = read_both(fd, from, to - from, head, tail, &e);
    }
    if (r < 0) {
        excerpt_free(&e);
        return r;
    }
    *ret = e;
    return 0;
}
