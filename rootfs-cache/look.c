/* SPDX-License-Identifier: Apache-2.0 */
/* look: what is in a file or directory of the host's, and whether it is still that, in this
 * process: for runs that look at thousands of small ones, and again and again. What lies there may
 * be anybody's, so nothing is followed, no file but a regular one is opened, and how much is read
 * is bounded; what is read is added up and not interpreted. Not responsible for what depends on it.
 */
#include "base/interrupt.h"
#include "base/libcrypto.h"
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/confined/holes.h"
#include "rootfs-cache/store/digest.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define LOOK_DEPTH_MAX 64
#define LOOK_CHUNK ((size_t)64 * 1024)
#define LOOK_NAMES_MAX ((size_t)16 * 1024)
#define LOOK_VALUE_MAX ((size_t)64 * 1024)
/* To remember the digest of less than this takes longer than to compute it. */
#define LOOK_REMEMBERED ((off_t)1 << 20)
/* So long after a change another one may have the same time: that of a tick of the kernel's. */
#define LOOK_SETTLED_NS (20 * NSEC_PER_MSEC)

struct looking {
    struct cache *cache;
    const struct cache_look_at *at;
    EVP_MD_CTX *content; /* or NULL: nobody asks */
    EVP_MD_CTX *witness;
    uint64_t entries, bytes;
    struct timespec newest; /* change of anything */
    char *chunk;            /* of whatever is read */
    struct strbuf path;
};

static void look_add(EVP_MD_CTX *sum, const void *data, size_t n)
{
    uint64_t length = n; /* before each word, so that no two trees give the same bytes */

    (void)EVP_DigestUpdate(sum, &length, sizeof(length));
    (void)EVP_DigestUpdate(sum, data, n);
}

static void look_add_text(struct looking *l, const char *text)
{
    if (l->content != NULL)
        look_add(l->content, text, strlen(text));
}

/* ---- a file ---- */

/* Adds what is in a file of which holes are no matter: a hundred small blocks of data in a terabyte
 * of nothing are read as quickly as in a file of their own. */
static int add_sparse(struct looking *l, int fd, const struct stat *st)
{
    off_t at = 0, end = st->st_size;
    bool has_holes = holes_are_likely(st);

    while (at < st->st_size) {
        if (has_holes)
            holes_next_data(fd, st->st_size, &at, &end);
        while (at < end) {
            size_t want = end - at < (off_t)LOOK_CHUNK ? (size_t)(end - at) : LOOK_CHUNK;
            ssize_t n = holes_read(fd, l->chunk, want, at);
            uint64_t offset = (uint64_t)at;

            if (n < (ssize_t)want) /* it has become shorter */
                return n < 0 ? (int)n : -ESTALE;
            l->bytes += want;
            if (l->at->max_bytes != 0 && l->bytes > l->at->max_bytes)
                return -EFBIG;
            if (interrupt_is_pending())
                return -EINTR;
            if (!has_holes || !holes_is_zero(l->chunk, want)) {
                look_add(l->content, &offset, sizeof(offset));
                look_add(l->content, l->chunk, want);
            }
            at += (off_t)want;
        }
    }
    return 0;
}

static int add_file_content(struct looking *l, int fd, const struct stat *st)
{
    char hex[CACHE_KEY_LEN + 1];
    int r;

    if (st->st_size < LOOK_REMEMBERED || holes_are_likely(st) || l->at->max_bytes != 0)
        return add_sparse(l, fd, st);
    r = digest_file(l->cache, fd, hex);
    look_add_text(l, hex);
    return r;
}

static int look_by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Labels are the host's, and no part of what is there. */
static bool counts(const char *name)
{
    return !str_starts(name, "security.") || str_eq(name, "security.capability");
}

static void look_add_xattrs(struct looking *l, int fd)
{
    ssize_t n = flistxattr(fd, NULL, 0);
    cleanup_free char *names = NULL, *value = NULL;
    cleanup_free const char **list = NULL;
    uint64_t count = 0;

    if (n <= 0) {
        look_add(l->content, &count, sizeof(count));
        return;
    }
    names = xmalloc(LOOK_NAMES_MAX);
    value = xmalloc(LOOK_VALUE_MAX);
    n = flistxattr(fd, names, LOOK_NAMES_MAX);
    list = xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof(*list));
    for (const char *name = names; n > 0 && name < names + n; name += strlen(name) + 1)
        if (counts(name))
            list[count++] = name;
    qsort(list, count, sizeof(*list), look_by_text);
    look_add(l->content, &count, sizeof(count));
    for (uint64_t i = 0; i < count; i++) {
        ssize_t size = fgetxattr(fd, list[i], value, LOOK_VALUE_MAX);

        look_add_text(l, list[i]);
        look_add(l->content, value, size > 0 ? (size_t)size : 0);
    }
}

/* ---- entries ---- */

/* Adds what a look tells of it; its time is for the witness alone. Where something is left out of a
 * directory, who makes that changes the directory's time. */
static void add_facts(struct looking *l, const struct stat *st, bool timed)
{
    uint64_t facts[] = {st->st_mode, st->st_uid, st->st_gid,
                        S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0, st->st_rdev};
    uint64_t when[] = {st->st_dev, st->st_ino, timed ? (uint64_t)st->st_ctim.tv_sec : 0,
                       timed ? (uint64_t)st->st_ctim.tv_nsec : 0};

    if (l->newest.tv_sec < st->st_ctim.tv_sec ||
        (l->newest.tv_sec == st->st_ctim.tv_sec && l->newest.tv_nsec < st->st_ctim.tv_nsec))
        l->newest = st->st_ctim;
    if (l->content != NULL)
        look_add(l->content, facts, sizeof(facts));
    look_add(l->witness, facts, sizeof(facts));
    look_add(l->witness, when, sizeof(when));
}

static int look_in(struct looking *l, int dir, unsigned depth);

/* Opens what a look has found to be a file or directory, and looks again: it is what is open that
 * counts. */
static int open_entry(int dir, const char *name, struct stat *st)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    cleanup_close int fd = openat(dir, name, flags | (S_ISDIR(st->st_mode) ? O_DIRECTORY : 0));
    struct stat now;

    if (fd < 0 || fstat(fd, &now) < 0)
        return -errno;
    if ((now.st_mode & S_IFMT) != (st->st_mode & S_IFMT))
        return -ESTALE;
    *st = now;
    return steal_fd(&fd);
}

static int look_at_link(struct looking *l, int dir, const char *name)
{
    ssize_t n = readlinkat(dir, name, l->chunk, LOOK_CHUNK);

    if (n < 0)
        return -errno;
    if (l->content != NULL)
        look_add(l->content, l->chunk, (size_t)n);
    return 0;
}

static bool is_left_out(const struct looking *l)
{
    return l->at->without != NULL && str_eq(l->path.data, l->at->without);
}

/* Whether what is left out is directly in the directory at the path that is being looked at. */
static bool is_around(const struct looking *l)
{
    const char *without = l->at->without, *slash = without != NULL ? strrchr(without, '/') : NULL;
    size_t n = slash != NULL ? (size_t)(slash - without) : 0;

    return without != NULL && l->path.len == n && strncmp(l->path.data, without, n) == 0;
}

/* Looks at what is at the path, which is `name` in the directory. */
static int look_at_entry(struct looking *l, int dir, const char *name, unsigned depth)
{
    cleanup_close int fd = -EBADF;
    struct stat st;

    if (l->at->max_entries != 0 && ++l->entries > l->at->max_entries)
        return -EFBIG;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    /* a witness needs no file open: to write into one changes a time */
    if (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && l->content != NULL)) {
        fd = open_entry(dir, name, &st);
        if (fd == -EACCES) { /* its job cannot read it either */
            look_add_text(l, "unreadable");
            fd = -EBADF;
        } else if (fd < 0) {
            return fd;
        }
    }
    add_facts(l, &st, !is_around(l));
    if (fd >= 0 && l->content != NULL)
        look_add_xattrs(l, fd);
    if (S_ISLNK(st.st_mode))
        return look_at_link(l, dir, name);
    if (fd < 0)
        return 0;
    return S_ISDIR(st.st_mode) ? look_in(l, fd, depth + 1) : add_file_content(l, fd, &st);
}

static int look_by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_real(const struct dirent *e)
{
    return !file_is_dot(e->d_name);
}

static int look_in(struct looking *l, int dir, unsigned depth)
{
    struct dirent **names = NULL;
    size_t length = l->path.len;
    int n = depth < LOOK_DEPTH_MAX ? scandirat(dir, ".", &names, is_real, look_by_name) : -1;
    int r = n < 0 ? depth < LOOK_DEPTH_MAX ? -errno : -ELOOP : 0;

    for (int i = 0; i < n; i++) {
        strbuf_addf(&l->path, "%s%s", length > 0 ? "/" : "", names[i]->d_name);
        if (r == 0 && !is_left_out(l)) {
            look_add_text(l, l->path.data);
            look_add(l->witness, l->path.data, l->path.len);
            r = look_at_entry(l, dir, names[i]->d_name, depth);
        }
        l->path.len = length;
        l->path.data[length] = '\0';
        free(names[i]);
    }
    free(names);
    return r;
}

/* ---- the whole ---- */

static int look_at_top(struct looking *l, int fd, const struct stat *st)
{
    add_facts(l, st, !is_around(l));
    if (l->content != NULL)
        look_add_xattrs(l, fd);
    if (S_ISDIR(st->st_mode))
        return look_in(l, fd, 0);
    return l->content != NULL ? add_file_content(l, fd, st) : 0;
}

/* Adds that there is nothing to be looked at, and why: a job to which that was refused is refused
 * it again. */
static int look_at_nothing(struct looking *l, int why)
{
    cleanup_free char *text = xasprintf("nothing: %d", why);

    look_add_text(l, text);
    look_add(l->witness, text, strlen(text));
    return 0;
}

static int look_open(struct looking *l)
{
    const struct cache_look_at *at = l->at;
    cleanup_close int fd =
        file_open_trusted(at->path, at->trusted, O_RDONLY | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR || fd == -EACCES || fd == -ENXIO)
        return look_at_nothing(l, fd);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fd < 0 ? fd : -errno;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return look_at_nothing(l, (int)(st.st_mode & S_IFMT));
    return look_at_top(l, fd, &st);
}

static EVP_MD_CTX *new_sum(void)
{
    EVP_MD_CTX *sum = EVP_MD_CTX_new();

    if (sum != NULL && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(sum);
        sum = NULL;
    }
    return sum;
}

static int end_sum(EVP_MD_CTX *sum, char ret_hex[CACHE_KEY_LEN + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];

    if (EVP_DigestFinal_ex(sum, bytes, NULL) != 1)
        return -EIO;
    hash_hex(bytes, ret_hex);
    return 0;
}

static bool has_settled(const struct looking *l, uint64_t since_ns)
{
    uint64_t newest = (uint64_t)l->newest.tv_sec * NSEC_PER_SEC + (uint64_t)l->newest.tv_nsec;

    return newest + LOOK_SETTLED_NS < since_ns;
}

int cache_look(struct cache *cache, const struct cache_look_at *at, bool reads,
               struct cache_looked *ret)
{
    struct looking l = {.cache = cache, .at = at};
    struct cache_looked looked = {.content = ""};
    uint64_t began_ns = clock_read_ns(CLOCK_REALTIME_COARSE);
    struct cupel_error ignored;
    int r = libcrypto_load(&ignored);

    if (r < 0)
        return r;
    l.chunk = xmalloc(LOOK_CHUNK);
    l.witness = new_sum();
    l.content = reads ? new_sum() : NULL;
    strbuf_adds(&l.path, "");
    r = l.witness == NULL || (reads && l.content == NULL) ? -ENOMEM : look_open(&l);
    if (r == 0 && reads)
        r = end_sum(l.content, looked.content);
    if (r == 0)
        r = end_sum(l.witness, looked.witness);
    looked.settled = has_settled(&l, began_ns);
    EVP_MD_CTX_free(l.content);
    EVP_MD_CTX_free(l.witness);
    free(l.chunk);
    strbuf_free(&l.path);
    if (r == 0)
        *ret = looked;
    return r;
}
