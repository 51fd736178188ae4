/* treesum: see treesum.h. The tree is as hostile as the archive that it came from: in the child, no link is followed, and nothing is
 * opened but regular files and directories. */
#include "rootfs-cache/treesum.h"

#include "rootfs-cache/child.h"
#include "rootfs-cache/links.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define CHUNK ((size_t)256 * 1024)
#define DEPTH_MAX 512
#define LIST_MAX 65536

struct summing {
    bool untimed;
    EVP_MD_CTX *sum;
    char *chunk, *names, *value;
    struct links links;
};

static void add(struct summing *s, const void *data, size_t n)
{
    uint64_t length = n; /* before each word, so that no two trees give the same bytes */

    (void)EVP_DigestUpdate(s->sum, &length, sizeof(length));
    (void)EVP_DigestUpdate(s->sum, data, n);
}

static void add_text(struct summing *s, const char *text)
{
    add(s, text, strlen(text));
}

static int add_content(struct summing *s, int dir, const char *name)
{
    cleanup_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n;

    if (fd < 0 && errno == EACCES) { /* of an ordinary user's store: what they cannot read, their jobs cannot either */
        add_text(s, "unreadable");
        return 0;
    }
    if (fd < 0)
        return -errno;
    while ((n = read(fd, s->chunk, CHUNK)) != 0) {
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            (void)EVP_DigestUpdate(s->sum, s->chunk, (size_t)n);
    }
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_xattrs(struct summing *s, const char *path)
{
    ssize_t n = llistxattr(path, s->names, LIST_MAX);
    cleanup_free const char **list = xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof(*list));
    size_t count = 0;

    for (const char *name = s->names; n > 0 && name < s->names + n; name += strlen(name) + 1)
        if (!str_starts(name, "security.") || str_eq(name, "security.capability")) /* labels are the host's */
            list[count++] = name;
    qsort(list, count, sizeof(*list), by_text);
    for (size_t i = 0; i < count; i++) {
        ssize_t size = lgetxattr(path, list[i], s->value, XATTR_SIZE_MAX);

        add_text(s, list[i]);
        add(s, s->value, size > 0 ? (size_t)size : 0);
    }
}

static int add_entry(struct summing *s, int dir, const char *name, const char *path, const struct stat *st)
{
    char facts[256], target[PATH_MAX];
    const char *first = links_seen(&s->links, 0, st, path);
    const struct timespec time = s->untimed ? (struct timespec){0} : st->st_mtim;
    ssize_t n;

    (void)snprintf(facts, sizeof(facts), "%o %u %u %lld %lld.%09ld %llx", st->st_mode, st->st_uid, st->st_gid,
                   S_ISREG(st->st_mode) ? (long long)st->st_size : 0, (long long)time.tv_sec, time.tv_nsec,
                   S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? (unsigned long long)st->st_rdev : 0);
    add_text(s, path);
    add_text(s, facts);
    add_text(s, first != NULL ? first : "");
    if (first != NULL)
        return 0;
    add_xattrs(s, path);
    if (S_ISLNK(st->st_mode)) {
        n = readlinkat(dir, name, target, sizeof(target));
        if (n < 0)
            return -errno;
        add(s, target, (size_t)n);
    }
    return S_ISREG(st->st_mode) ? add_content(s, dir, name) : 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_directory(struct summing *s, int parent, const char *name, const char *path, int depth);

static int add_child(struct summing *s, int dir, const char *name, const char *parent, int depth)
{
    cleanup_free char *path = str_eq(parent, ".") ? xstrdup(name) : xasprintf("%s/%s", parent, name);
    struct stat st;
    int r;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    r = add_entry(s, dir, name, path, &st);
    return r == 0 && S_ISDIR(st.st_mode) ? add_directory(s, dir, name, path, depth + 1) : r;
}

static int add_directory(struct summing *s, int parent, const char *name, const char *path, int depth)
{
    cleanup_close int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct dirent **names = NULL;
    int n, r = 0;

    if (dir < 0 && errno == EACCES) {
        add_text(s, "unreadable");
        return 0;
    }
    if (dir < 0 || depth >= DEPTH_MAX)
        return dir < 0 ? -errno : -ELOOP;
    n = scandirat(dir, ".", &names, NULL, by_bytes);
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        if (r == 0 && !str_eq(names[i]->d_name, ".") && !str_eq(names[i]->d_name, ".."))
            r = add_child(s, dir, names[i]->d_name, path, depth);
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
    r = add_entry(s, AT_FDCWD, ".", ".", &st);
    return r < 0 ? r : add_directory(s, AT_FDCWD, ".", ".", 0);
}

static int sum_current(bool untimed, unsigned char ret_digest[32], struct cupel_error *err)
{
    struct summing s = {.untimed = untimed,
                        .sum = EVP_MD_CTX_new(),
                        .chunk = xmalloc(CHUNK),
                        .names = xmalloc(LIST_MAX),
                        .value = xmalloc(XATTR_SIZE_MAX)};
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
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read a layer of the root cache") : 0;
}

int treesum_here(unsigned char ret_digest[32], struct cupel_error *err)
{
    return sum_current(false, ret_digest, err);
}

void treesum_hex(const unsigned char digest[32], char ret_hex[CACHE_KEY_LEN + 1])
{
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

static int in_child(void *arg, int fd, struct child_counts *counts, struct cupel_error *err)
{
    (void)fd;
    return sum_current(*(const bool *)arg, counts->digest, err);
}

static int sum(int tree, int keep, bool untimed, char ret_hex[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    cleanup_close int dir = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* it may be O_PATH */
    struct child_counts counts = {0};
    int r;

    if (dir < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open a layer of the root cache");
    r = child_run(
        &(struct child_work){
            .fn = in_child, .arg = &untimed, .what = "read a layer", .tree = dir, .fd = -EBADF, .keep = keep},
        &counts, err);
    if (r == 0)
        treesum_hex(counts.digest, ret_hex);
    return r;
}

int treesum(int tree, int keep, char ret_hex[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    return sum(tree, keep, false, ret_hex, err);
}

int treesum_untimed(int tree, char ret_hex[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    return sum(tree, -EBADF, true, ret_hex, err);
}
