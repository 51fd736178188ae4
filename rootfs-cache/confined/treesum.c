/* SPDX-License-Identifier: Apache-2.0 */
/* treesum: see treesum.h. The tree is as hostile as the archive that it came from: in the child, no
 * link is followed, and nothing is opened but regular files and directories. */
#include "rootfs-cache/confined/treesum.h"

#include "base/libcrypto.h"

#include "rootfs-cache/confined/child.h"
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/confined/holes.h"
#include "rootfs-cache/confined/links.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define CHUNK ((size_t)256 * 1024)
#define BLOCK HOLES_BLOCK
#define DEPTH_MAX 2048 /* what a name of 4095 bytes can have */
#define DEPTH_HELD 128 /* directories that are held open at once; of deeper ones only the last */
#define LIST_MAX 65536

enum treesum_form { FORM_NOW, FORM_UNTIMED, FORM_FIRST, FORM_WITNESS };

struct summing {
    enum treesum_form form;
    const char *without;
    EVP_MD_CTX *sum;
    char *chunk, *names, *value, *target;
    struct links links;
};

static void treesum_add(struct summing *s, const void *data, size_t n)
{
    uint64_t length = n; /* before each word, so that no two trees give the same bytes */

    (void)EVP_DigestUpdate(s->sum, &length, sizeof(length));
    (void)EVP_DigestUpdate(s->sum, data, n);
}

static void treesum_add_text(struct summing *s, const char *text)
{
    treesum_add(s, text, strlen(text));
}

/* A block of zeros is left out, written or not: where a file system has holes is its own affair,
 * and may be another tomorrow. */
static void add_blocks(struct summing *s, const char *data, size_t n, uint64_t at)
{
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t size = n - i < BLOCK ? n - i : BLOCK;
        uint64_t offset = at + i;

        if (holes_is_zero(data + i, size))
            continue;
        (void)EVP_DigestUpdate(s->sum, &offset, sizeof(offset));
        (void)EVP_DigestUpdate(s->sum, data + i, size);
    }
}

static int add_data(struct summing *s, int fd, const struct stat *st)
{
    bool has_holes = holes_are_likely(st);
    const uint64_t marker = UINT64_MAX;
    off_t at = 0, end = st->st_size;

    while (at < st->st_size) {
        if (has_holes)
            holes_next_data(fd, st->st_size, &at, &end);
        while (at < end) {
            size_t want = end - at < (off_t)CHUNK ? (size_t)(end - at) : CHUNK;
            ssize_t n = holes_read(fd, s->chunk, want, at);

            if (n < (ssize_t)want)
                return n < 0 ? (int)n : -EIO;
            add_blocks(s, s->chunk, want, (uint64_t)at);
            at += (off_t)want;
        }
    }
    (void)EVP_DigestUpdate(s->sum, &marker, sizeof(marker));
    return 0;
}

static int add_all(struct summing *s, int fd)
{
    ssize_t n;

    while ((n = read(fd, s->chunk, CHUNK)) != 0) {
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            (void)EVP_DigestUpdate(s->sum, s->chunk, (size_t)n);
    }
    return 0;
}

static int add_content(struct summing *s, int dir, const char *name, const struct stat *st)
{
    cleanup_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 && errno == EACCES) { /* of an ordinary user's store: what they cannot read, their
                                        jobs cannot either */
        treesum_add_text(s, "unreadable");
        return 0;
    }
    if (fd < 0)
        return -errno;
    return s->form == FORM_FIRST ? add_all(s, fd) : add_data(s, fd, st);
}

static int treesum_by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void treesum_add_xattrs(struct summing *s, const char *path)
{
    ssize_t n = llistxattr(path, s->names, LIST_MAX);
    cleanup_free const char **list = xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof(*list));
    size_t count = 0;

    for (const char *name = s->names; n > 0 && name < s->names + n; name += strlen(name) + 1)
        if (!str_starts(name, "security.") ||
            str_eq(name, "security.capability")) /* labels are the host's */
            list[count++] = name;
    qsort(list, count, sizeof(*list), treesum_by_text);
    for (size_t i = 0; i < count; i++) {
        ssize_t size = lgetxattr(path, list[i], s->value, XATTR_SIZE_MAX);

        treesum_add_text(s, list[i]);
        treesum_add(s, s->value, size > 0 ? (size_t)size : 0);
    }
}

/* Whether the path is in the directory itself, which is called "." at the top. */
static bool is_directly_in(const char *path, const char *dir)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL
               ? str_eq(dir, ".")
               : strncmp(path, dir, (size_t)(slash - path)) == 0 && dir[slash - path] == '\0';
}

/* Which time of it counts. In the directory of what is left out, who makes that changes one. */
static struct timespec time_of(const struct summing *s, const char *path, const struct stat *st)
{
    if (s->form == FORM_UNTIMED ||
        (s->form == FORM_WITNESS && s->without != NULL && is_directly_in(s->without, path)))
        return (struct timespec){0};
    return s->form == FORM_WITNESS ? st->st_ctim : st->st_mtim;
}

static int treesum_add_entry(struct summing *s, int dir, const char *name, const char *path,
                             const struct stat *st)
{
    char facts[256];
    const char *first = links_seen(&s->links, 0, st, path);
    const struct timespec time = time_of(s, path, st);
    ssize_t n;

    (void)snprintf(
        facts, sizeof(facts), "%o %u %u %lld %lld.%09ld %llx", st->st_mode, st->st_uid, st->st_gid,
        S_ISREG(st->st_mode) ? (long long)st->st_size : 0, (long long)time.tv_sec, time.tv_nsec,
        S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? (unsigned long long)st->st_rdev : 0);
    treesum_add_text(s, path);
    treesum_add_text(s, facts);
    treesum_add_text(s, first != NULL ? first : "");
    if (first != NULL)
        return 0;
    if (s->form == FORM_WITNESS) {
        treesum_add(s, &st->st_ino, sizeof(st->st_ino));
        return 0;
    }
    treesum_add_xattrs(s, path);
    if (S_ISLNK(st->st_mode)) {
        n = readlinkat(dir, name, s->target, PATH_MAX);
        if (n < 0)
            return -errno;
        treesum_add(s, s->target, (size_t)n);
    }
    return S_ISREG(st->st_mode) ? add_content(s, dir, name, st) : 0;
}

static int treesum_by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_directory(struct summing *s, int parent, const char *name, const char *path,
                         int depth);

/* Adds a very deep directory. Of such, only the last is open: there are more of them than
 * descriptors. */
static int add_deep(struct summing *s, int *dir, const char *above, const char *path, int depth)
{
    int r;

    base_closep(dir);
    *dir = -EBADF;
    r = add_directory(s, AT_FDCWD, path, path, depth);
    if (r < 0)
        return r;
    *dir = file_open_beneath(AT_FDCWD, above, O_RDONLY | O_DIRECTORY, 0);
    return *dir < 0 ? *dir : 0;
}

static int add_child(struct summing *s, int *dir, const char *name, const char *above, int depth)
{
    cleanup_free char *path = str_eq(above, ".") ? xstrdup(name) : xasprintf("%s/%s", above, name);
    struct stat st;
    int r;

    if (s->without != NULL && str_eq(path, s->without))
        return 0;
    if (fstatat(*dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    r = treesum_add_entry(s, *dir, name, path, &st);
    if (r < 0 || !S_ISDIR(st.st_mode))
        return r;
    return depth < DEPTH_HELD ? add_directory(s, *dir, name, path, depth + 1)
                              : add_deep(s, dir, above, path, depth + 1);
}

static int open_directory(int parent, const char *name)
{
    int fd = parent == AT_FDCWD
                 ? file_open_beneath(AT_FDCWD, name, O_RDONLY | O_DIRECTORY, 0)
                 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 && parent != AT_FDCWD ? -errno : fd;
}

static int add_directory(struct summing *s, int parent, const char *name, const char *path,
                         int depth)
{
    cleanup_close int dir = open_directory(parent, name);
    struct dirent **names = NULL;
    int n, r = 0;

    if (dir == -EACCES) {
        treesum_add_text(s, "unreadable");
        return 0;
    }
    if (dir < 0 || depth >= DEPTH_MAX)
        return dir < 0 ? dir : -ELOOP;
    n = scandirat(dir, ".", &names, NULL, treesum_by_bytes);
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        if (r == 0 && !str_eq(names[i]->d_name, ".") && !str_eq(names[i]->d_name, ".."))
            r = add_child(s, &dir, names[i]->d_name, path, depth);
        free(names[i]);
    }
    free(names);
    return r;
}

static int sum_root(struct summing *s)
{
    struct stat st;
    int r;

    if (fstatat(AT_FDCWD, ".", &st, 0) < 0)
        return -errno;
    r = treesum_add_entry(s, AT_FDCWD, ".", ".", &st);
    return r < 0 ? r : add_directory(s, AT_FDCWD, ".", ".", 0);
}

static int sum_current(enum treesum_form form, const char *without, unsigned char ret_digest[32],
                       struct cupel_error *err)
{
    struct summing s = {.form = form,
                        .without = without,
                        .sum = EVP_MD_CTX_new(),
                        .chunk = xmalloc(CHUNK),
                        .names = xmalloc(LIST_MAX),
                        .value = xmalloc(XATTR_SIZE_MAX),
                        .target = xmalloc(PATH_MAX)};
    int r = s.sum != NULL && EVP_DigestInit_ex(s.sum, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;

    if (r == 0)
        r = sum_root(&s);
    if (r == 0 && EVP_DigestFinal_ex(s.sum, ret_digest, NULL) != 1)
        r = -EIO;
    EVP_MD_CTX_free(s.sum);
    links_free(&s.links);
    free(s.chunk);
    free(s.names);
    free(s.value);
    free(s.target);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot read a layer of the root cache")
                 : 0;
}

int treesum_here(unsigned char ret_digest[32], struct cupel_error *err)
{
    return sum_current(FORM_NOW, NULL, ret_digest, err);
}

void treesum_text(const unsigned char digest[32], char ret_text[TREESUM_TEXT_SIZE])
{
    memcpy(ret_text, TREESUM_NOW, strlen(TREESUM_NOW));
    hash_hex(digest, ret_text + strlen(TREESUM_NOW));
}

struct treesum_order {
    enum treesum_form form;
    const char *without;
};

static int treesum_in_child(void *arg, int fd, struct child_counts *counts, struct cupel_error *err)
{
    const struct treesum_order *o = arg;

    (void)fd;
    return sum_current(o->form, o->without, counts->digest, err);
}

static int treesum_of(int tree, int keep, struct treesum_order order, unsigned char ret_digest[32],
                      struct cupel_error *err)
{
    /* it may be O_PATH */
    cleanup_close int dir = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct child_counts counts = {0};
    int r;

    if (dir < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                               "cannot open a layer of the root cache");
    r = child_run(&(struct child_work){.fn = treesum_in_child,
                                       .arg = &order,
                                       .what = "read a layer",
                                       .tree = dir,
                                       .fd = -EBADF,
                                       .keep = keep},
                  &counts, err);
    if (r == 0)
        memcpy(ret_digest, counts.digest, 32);
    return r;
}

int treesum(int tree, int keep, char ret_text[TREESUM_TEXT_SIZE], struct cupel_error *err)
{
    unsigned char digest[32];
    int r = treesum_of(tree, keep, (struct treesum_order){.form = FORM_NOW}, digest, err);

    if (r == 0)
        treesum_text(digest, ret_text);
    return r;
}

int treesum_compare(int tree, int keep, const char *recorded, bool *ret_same,
                    struct cupel_error *err)
{
    bool now = str_starts(recorded, TREESUM_NOW);
    unsigned char digest[32];
    char hex[CACHE_KEY_LEN + 1];
    int r = treesum_of(tree, keep, (struct treesum_order){.form = now ? FORM_NOW : FORM_FIRST},
                       digest, err);

    if (r < 0)
        return r;
    hash_hex(digest, hex);
    *ret_same = str_eq(hex, now ? recorded + strlen(TREESUM_NOW) : recorded);
    return 0;
}

static int sum_users(int tree, struct treesum_order order, char ret_hex[CACHE_KEY_LEN + 1],
                     struct cupel_error *err)
{
    unsigned char digest[32];
    int r = treesum_of(tree, -EBADF, order, digest, err);

    if (r == 0)
        hash_hex(digest, ret_hex);
    return r;
}

int treesum_untimed(int tree, const char *without, char ret_hex[CACHE_KEY_LEN + 1],
                    struct cupel_error *err)
{
    return sum_users(tree, (struct treesum_order){FORM_UNTIMED, without}, ret_hex, err);
}

int treesum_witness(int tree, const char *without, char ret_hex[CACHE_KEY_LEN + 1],
                    struct cupel_error *err)
{
    return sum_users(tree, (struct treesum_order){FORM_WITNESS, without}, ret_hex, err);
}
