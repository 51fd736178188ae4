/* SPDX-License-Identifier: Apache-2.0 */
/* tarwriter: see tarwriter.h. POSIX.1-2001, "pax Interchange Format"; attributes, ACLs and sparse
 * files as star, GNU tar and libarchive read them (SCHILY.xattr, SCHILY.acl, GNU.sparse 1.0).
 * Written here since libarchive adds records that GNU tar complains of (LIBARCHIVE.xattr,
 * hdrcharset), and leaves out fractions of seconds. Not responsible for what is in an entry
 * (export.c). */
#include "rootfs-cache/confined/tarwriter.h"

#include <string.h>
#include <sys/sysmacros.h>

#define BLOCK ((size_t)512)
#define BUFFER ((size_t)1 << 20)
#define OCTAL_8 UINT64_C(07777777)
#define OCTAL_12 UINT64_C(077777777777)

/* A header (ustar). */
struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100],
        magic[6], version[2], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar's header is one block");

static const char zeros[BLOCK];

void tarwriter_begin(struct tarwriter *w, int fd)
{
    *w = (struct tarwriter){.fd = fd, .buffer = xmalloc(BUFFER)};
}

void tarwriter_free(struct tarwriter *w)
{
    free(w->buffer);
    *w = (struct tarwriter){.fd = -EBADF};
}

static int flush(struct tarwriter *w)
{
    int r = file_write_all(w->fd, w->buffer, w->used);

    w->used = 0;
    return r;
}

int tarwriter_data(struct tarwriter *w, const void *data, size_t n)
{
    const char *p = data;

    while (n > 0) {
        size_t part = BUFFER - w->used < n ? BUFFER - w->used : n;
        int r;

        memcpy(w->buffer + w->used, p, part);
        w->used += part;
        p += part;
        n -= part;
        r = w->used == BUFFER ? flush(w) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int tarwriter_pad(struct tarwriter *w, uint64_t size)
{
    return size % BLOCK != 0 ? tarwriter_data(w, zeros, BLOCK - (size_t)(size % BLOCK)) : 0;
}

int tarwriter_end(struct tarwriter *w)
{
    int r = tarwriter_data(w, zeros, BLOCK);

    if (r == 0)
        r = tarwriter_data(w, zeros, BLOCK);
    return r == 0 ? flush(w) : r;
}

/* ---- headers ---- */

/* The length counts its own digits. */
void tarwriter_record(struct strbuf *records, const char *key, const void *value, size_t n)
{
    size_t rest = strlen(key) + n + 3, length = rest + 1;
    char digits[24];

    while (rest + (size_t)snprintf(digits, sizeof(digits), "%zu", length) != length)
        length = rest + strlen(digits);
    strbuf_addf(records, "%zu %s=", length, key);
    strbuf_add(records, value, n);
    strbuf_adds(records, "\n");
}

static void record_text(struct strbuf *records, const char *key, const char *text)
{
    tarwriter_record(records, key, text, strlen(text));
}

static void record_number(struct strbuf *records, const char *key, uint64_t n)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
    record_text(records, key, text);
}

/* Seconds before 1970 have their fraction counted backwards in text. */
static void record_time(struct strbuf *records, const struct timespec *t)
{
    bool negative = t->tv_sec < 0 && t->tv_nsec > 0;
    long long seconds = (long long)t->tv_sec + negative;
    long fraction = negative ? 1000000000L - t->tv_nsec : t->tv_nsec;
    char text[48];
    size_t n;

    (void)snprintf(text, sizeof(text), "%s%lld.%09ld", negative && seconds == 0 ? "-" : "", seconds,
                   fraction);
    n = strlen(text);
    while (text[n - 1] == '0')
        n--;
    n -= text[n - 1] == '.';
    tarwriter_record(records, "mtime", text, n);
}

static void put_octal(char *field, size_t size, uint64_t n)
{
    for (size_t i = size - 1; i-- > 0; n >>= 3)
        field[i] = (char)('0' + (n & 7));
    field[size - 1] = '\0';
}

static void tarwriter_put_text(char *field, size_t size, const char *text, size_t n)
{
    memcpy(field, text, n < size ? n : size);
}

/* The name in one field, or cut in two at a slash; false: it does not fit. */
static bool put_name(struct header *h, const char *name)
{
    size_t n = strlen(name);

    if (n <= sizeof(h->name)) {
        tarwriter_put_text(h->name, sizeof(h->name), name, n);
        return true;
    }
    for (size_t cut = n - 1; cut-- > 0;)
        if (name[cut] == '/' && n - cut - 1 <= sizeof(h->name) && cut <= sizeof(h->prefix)) {
            tarwriter_put_text(h->prefix, sizeof(h->prefix), name, cut);
            tarwriter_put_text(h->name, sizeof(h->name), name + cut + 1, n - cut - 1);
            return true;
        }
    tarwriter_put_text(h->name, sizeof(h->name), name, n);
    return false;
}

static int write_header(struct tarwriter *w, struct header *h)
{
    unsigned sum = 0;

    memcpy(h->magic, "ustar", 6);
    memcpy(h->version, "00", 2);
    memset(h->checksum, ' ', sizeof(h->checksum));
    for (size_t i = 0; i < sizeof(*h); i++)
        sum += ((const unsigned char *)h)[i];
    put_octal(h->checksum, 7, sum);
    return tarwriter_data(w, h, sizeof(*h));
}

static int write_pax(struct tarwriter *w, const char *path, const struct strbuf *records)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *name = xasprintf("PaxHeaders/%.80s", slash != NULL ? slash + 1 : path);
    struct header h = {.type = 'x'};
    int r;

    tarwriter_put_text(h.name, sizeof(h.name), name, strlen(name));
    put_octal(h.mode, sizeof(h.mode), 0644);
    put_octal(h.uid, sizeof(h.uid), 0);
    put_octal(h.gid, sizeof(h.gid), 0);
    put_octal(h.size, sizeof(h.size), records->len);
    put_octal(h.mtime, sizeof(h.mtime), 0);
    r = write_header(w, &h);
    if (r == 0)
        r = tarwriter_data(w, records->data, records->len);
    return r == 0 ? tarwriter_pad(w, records->len) : r;
}

static char type_of(const struct tarwriter_entry *e)
{
    static const struct {
        mode_t mode;
        char type;
    } types[] = {{S_IFDIR, '5'}, {S_IFLNK, '2'}, {S_IFIFO, '6'}, {S_IFCHR, '3'}, {S_IFBLK, '4'}};

    for (size_t i = 0; !e->hard && i < ARRAY_SIZE(types); i++)
        if (types[i].mode == (e->st->st_mode & S_IFMT))
            return types[i].type;
    return e->hard ? '1' : '0';
}

static void tarwriter_put_number(char *field, size_t size, uint64_t n, uint64_t max,
                                 const char *key, struct strbuf *records)
{
    put_octal(field, size, n <= max ? n : 0);
    if (n > max)
        record_number(records, key, n);
}

static void put_numbers(struct header *h, struct tarwriter_entry *e, uint64_t stored)
{
    const struct stat *st = e->st;
    bool plain_time = st->st_mtim.tv_nsec == 0 && st->st_mtim.tv_sec >= 0 &&
                      (uint64_t)st->st_mtim.tv_sec <= OCTAL_12;

    put_octal(h->mode, sizeof(h->mode), st->st_mode & 07777);
    tarwriter_put_number(h->uid, sizeof(h->uid), st->st_uid, OCTAL_8, "uid", &e->records);
    tarwriter_put_number(h->gid, sizeof(h->gid), st->st_gid, OCTAL_8, "gid", &e->records);
    tarwriter_put_number(h->size, sizeof(h->size), stored, OCTAL_12, "size", &e->records);
    put_octal(h->mtime, sizeof(h->mtime),
              st->st_mtim.tv_sec >= 0 && (uint64_t)st->st_mtim.tv_sec <= OCTAL_12
                  ? (uint64_t)st->st_mtim.tv_sec
                  : 0);
    if (!plain_time)
        record_time(&e->records, &st->st_mtim);
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        put_octal(h->major, sizeof(h->major), major(st->st_rdev) & OCTAL_8);
        put_octal(h->minor, sizeof(h->minor), minor(st->st_rdev) & OCTAL_8);
    }
}

/* GNU tar's form 1.0: the real name and size in records, the map before the data. */
static void put_sparse(struct header *h, struct tarwriter_entry *e)
{
    const char *slash = strrchr(e->path, '/');
    cleanup_free char *name =
        xasprintf("GNUSparseFile.0/%.80s", slash != NULL ? slash + 1 : e->path);

    record_text(&e->records, "GNU.sparse.major", "1");
    record_text(&e->records, "GNU.sparse.minor", "0");
    record_text(&e->records, "GNU.sparse.name", e->path);
    record_number(&e->records, "GNU.sparse.realsize", (uint64_t)e->st->st_size);
    tarwriter_put_text(h->name, sizeof(h->name), name, strlen(name));
}

int tarwriter_header(struct tarwriter *w, struct tarwriter_entry *e)
{
    cleanup_free char *name = xasprintf("%s%s", e->path, S_ISDIR(e->st->st_mode) ? "/" : "");
    size_t map = e->sparse_map != NULL ? (strlen(e->sparse_map) + BLOCK - 1) / BLOCK * BLOCK : 0;
    struct header h = {.type = type_of(e)};
    int r = 0;

    if (e->sparse_map != NULL)
        put_sparse(&h, e);
    else if (!put_name(&h, name))
        record_text(&e->records, "path", name);
    if (e->link != NULL)
        tarwriter_put_text(h.link, sizeof(h.link), e->link, strlen(e->link));
    if (e->link != NULL && strlen(e->link) > sizeof(h.link))
        record_text(&e->records, "linkpath", e->link);
    put_numbers(&h, e, map + e->size);
    if (e->records.len > 0)
        r = write_pax(w, e->path, &e->records);
    if (r == 0)
        r = write_header(w, &h);
    if (r == 0 && map > 0)
        r = tarwriter_data(w, e->sparse_map, strlen(e->sparse_map));
    return r == 0 && map > 0 ? tarwriter_pad(w, strlen(e->sparse_map)) : r;
}
