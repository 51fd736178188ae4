/* SPDX-License-Identifier: Apache-2.0 */
/* host: which files there are, and what is in them. Where others may have filled a directory, no
 * link is followed, nothing is waited for, and how much is looked at is bounded. Not responsible
 * for what is done with the names. */
#include "jobs/expand/host.h"

#include "base/libcrypto.h"
#include "jobs/expand/git.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#define PARTS_MAX 64
#define DEPTH_MAX 64          /* below a "**" */
#define LOOKS_MAX 1000000     /* entries of directories, below each that a pattern begins with */
#define TOP_MATCHES_MAX 10000 /* paths below each of these, and a tenth where all are too many */
#define HASH_BYTES_MAX ((uint64_t)4 << 30)

/* ---- paths that match ---- */

/* What was found below one that the first part of a pattern has matched: some of the matches, which
 * stand beside each other. */
struct matching_top {
    const char *path;
    size_t first, n;
};

struct matching {
    const char *parts[PARTS_MAX];
    size_t n_parts;
    const struct expand_where *where;
    enum expand_kind kind;
    struct arena *arena;
    struct expand_match *matches;
    size_t n, room;
    /* what the first part of the pattern has matched: from there on, others may have filled it */
    const char *top;
    bool top_refused, top_full;
    struct matching_top *tops; /* the last one is `top` */
    size_t n_tops, tops_room;
    size_t looks, looks_above; /* below `top`, and where it lies */
    int result;                /* -E2BIG: too many; or what could not be read */
};

static bool is_pattern(const char *part)
{
    return strpbrk(part, "*?[\\") != NULL;
}

static const char *path_below(struct matching *m, const char *path, const char *name)
{
    if (*path == '\0')
        return arena_strdup(m->arena, name);
    return arena_printf(m->arena, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", name);
}

/* Leaves of all that was found below one of them nothing but that it is refused. */
static void refuse_top(struct matching *m, struct matching_top *top)
{
    cleanup_strbuf struct strbuf reason = {0};
    size_t end = top->first + top->n;

    text_add_line(&reason, top->path);
    strbuf_addf(&reason, " has %zu paths or more that match, which are too many", top->n);
    m->matches[top->first] =
        (struct expand_match){top->path, arena_strdup(m->arena, reason.data), false};
    memmove(&m->matches[top->first + 1], &m->matches[end], (m->n - end) * sizeof(*m->matches));
    m->n -= top->n - 1;
    for (struct matching_top *t = top + 1; t < m->tops + m->n_tops; t++)
        t->first -= top->n - 1;
    m->top_full |= m->top != NULL && top == &m->tops[m->n_tops - 1];
    top->n = 1;
}

/* Makes room by refusing who has filled most of it; false: there are simply too many. */
static bool make_room(struct matching *m)
{
    struct matching_top *most = NULL;

    for (struct matching_top *t = m->tops; t < m->tops + m->n_tops; t++)
        if (most == NULL || t->n > most->n)
            most = t;
    if (most == NULL || most->n < TOP_MATCHES_MAX / 10)
        return false;
    refuse_top(m, most);
    return true;
}

static void add_match(struct matching *m, const char *path, const char *refused, bool unread)
{
    struct matching_top *top = m->top != NULL ? &m->tops[m->n_tops - 1] : NULL;

    if (top != NULL && top->n == TOP_MATCHES_MAX)
        refuse_top(m, top);
    else if (m->n == EXPAND_MATCHES_MAX && !make_room(m))
        m->result = -E2BIG;
    if (m->top_full || m->result != 0)
        return;
    if (m->n == m->room) {
        m->room = m->room != 0 ? m->room * 2 : 64;
        m->matches = xrealloc(m->matches, m->room * sizeof(*m->matches));
    }
    if (top != NULL)
        top->n++;
    m->matches[m->n++] = (struct expand_match){path, refused, unread};
}

static void begin_top(struct matching *m, const char *path)
{
    if (m->n_tops == m->tops_room) {
        m->tops_room = m->tops_room != 0 ? m->tops_room * 2 : 64;
        m->tops = xrealloc(m->tops, m->tops_room * sizeof(*m->tops));
    }
    m->tops[m->n_tops++] = (struct matching_top){path, m->n, 0};
    m->top = path;
    m->top_refused = m->top_full = false;
    m->looks = 0;
}

/* One that nothing was found below is forgotten. */
static void end_top(struct matching *m)
{
    m->n_tops -= m->tops[m->n_tops - 1].n == 0;
    m->top = NULL;
    m->top_full = false;
}

/* Returns what would have matched below the path, where the pattern leaves no choice; or NULL. */
static const char *only_match(struct matching *m, const char *path, size_t part)
{
    for (size_t i = part; i < m->n_parts; i++)
        if (is_pattern(m->parts[i]))
            return NULL;
    for (; part < m->n_parts; part++)
        path = path_below(m, path, m->parts[part]);
    return path;
}

/* Takes what cannot be looked into for a match that is refused, and goes on: it is one of many that
 * others have filled. What stands above those is the job file's own, and a problem of it. */
static void refuse(struct matching *m, const char *path, size_t part, int r, const char *why,
                   bool unread)
{
    cleanup_strbuf struct strbuf reason = {0};
    const char *only;

    if (m->top == NULL) {
        m->result = m->result != 0 ? m->result : r;
        return;
    }
    only = only_match(m, path, part);
    if (only == NULL && m->top_refused)
        return;
    m->top_refused |= only == NULL;
    text_add_line(&reason, r == -E2BIG ? m->top : path);
    strbuf_addf(&reason, " %s", why);
    add_match(m, only != NULL ? only : m->top, arena_strdup(m->arena, reason.data), unread);
}

/* Refuses what could not be opened in a directory; `name`: NULL for the directory itself. */
static void refuse_closed(struct matching *m, int dirfd, const char *name, const char *path,
                          size_t part, int r)
{
    cleanup_free char *why = r == -EACCES || r == -EPERM
                                 ? xstrdup("cannot be read")
                                 : xasprintf("cannot be read: %s", strerror(-r));

    refuse(m, path, part, r, why, submission_is_unread(dirfd, name, r));
}

static void match_in(struct matching *m, int dirfd, const char *path, size_t part, unsigned depth);

/* Whether it is a directory of cupel's own. */
static bool is_own(const struct matching *m, const struct stat *st)
{
    bool is = false;

    for (size_t i = 0; i < m->where->n_own; i++)
        is |= m->where->own[i].device == st->st_dev && m->where->own[i].inode == st->st_ino;
    return is;
}

/* Goes into a directory beneath the one that is open; what is none, or a link, has nothing in it.
 */
static void match_below(struct matching *m, int dirfd, const char *name, const char *path,
                        size_t part, unsigned depth)
{
    cleanup_close int fd =
        openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    struct stat st;

    if (fd >= 0 && m->where->n_own > 0 && fstat(fd, &st) == 0 && is_own(m, &st))
        return;
    if (fd >= 0)
        match_in(m, fd, path, part, depth);
    else if (errno != ENOTDIR && errno != ELOOP && errno != ENOENT && errno != ENAMETOOLONG)
        refuse_closed(m, dirfd, name, path, part, -errno);
}

/* A link counts as either: who uses it says what is wrong with it. */
static bool is_wanted(const struct matching *m, const struct stat *st)
{
    return S_ISLNK(st->st_mode) ||
           (m->kind == EXPAND_DIRS ? S_ISDIR(st->st_mode) : S_ISREG(st->st_mode));
}

/* Says why what matches cannot be test data, which nobody would miss if it were left out; NULL
 * where that is not asked for, and of directories. */
static const char *why_no_test(const struct matching *m, const char *path, const struct stat *st)
{
    cleanup_strbuf struct strbuf reason = {0};

    if (m->kind != EXPAND_TESTS || S_ISDIR(st->st_mode))
        return NULL;
    text_add_line(&reason, path);
    strbuf_addf(&reason,
                " is a %s and no file: remove it, or write the pattern so that it does not match",
                S_ISFIFO(st->st_mode)   ? "FIFO"
                : S_ISSOCK(st->st_mode) ? "socket"
                                        : "device");
    return arena_strdup(m->arena, reason.data);
}

static void match_name(struct matching *m, int dirfd, const char *name, const char *below,
                       size_t part, unsigned depth)
{
    const char *why;
    struct stat st;

    if (str_eq(m->parts[part], "**")) { /* this directory is one of them */
        match_below(m, dirfd, name, below, part, depth + 1);
        if (part + 1 < m->n_parts)
            return; /* which has been matched without it */
    } else if (part + 1 < m->n_parts) {
        match_below(m, dirfd, name, below, part + 1, depth);
        return;
    }
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOTDIR && errno != ELOOP && errno != ENOENT && errno != ENAMETOOLONG)
            refuse_closed(m, dirfd, name, below, part + 1, -errno);
        return;
    }
    if (is_pattern(m->parts[part]) && is_own(m, &st))
        return;
    why = is_wanted(m, &st) ? NULL : why_no_test(m, below, &st);
    if (why != NULL || is_wanted(m, &st))
        add_match(m, below, why, false);
}

static void match_entry(struct matching *m, int dirfd, const char *name, const char *path,
                        size_t part, unsigned depth)
{
    const char *below = path_below(m, path, name);
    bool is_top = m->top == NULL;

    if (is_top)
        begin_top(m, below);
    match_name(m, dirfd, name, below, part, depth);
    if (is_top)
        end_top(m);
}

/* Counts one more entry of a directory; false: there are too many. */
static bool may_look(struct matching *m, const char *path, size_t part)
{
    size_t *looks = m->top != NULL ? &m->looks : &m->looks_above;

    if (*looks < LOOKS_MAX) {
        ++*looks;
        return true;
    }
    refuse(m, path, part, -E2BIG, "has more than a million files", false);
    return false;
}

static void match_in(struct matching *m, int dirfd, const char *path, size_t part, unsigned depth)
{
    const char *word = m->parts[part];
    bool deep = str_eq(word, "**");
    DIR *dir;
    int fd;

    if (deep && part + 1 < m->n_parts)
        match_in(m, dirfd, path, part + 1, depth); /* as no directory at all */
    if (!is_pattern(word)) {
        match_entry(m, dirfd, word, path, part, depth);
        return;
    }
    if (m->result != 0)
        return;
    if (depth > DEPTH_MAX) {
        refuse(m, path, part, -E2BIG, "has directories nested deeper than 64", false);
        return;
    }
    fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        refuse_closed(m, dirfd, NULL, path, part, -errno);
        base_closep(&fd);
        return;
    }
    while (m->result == 0 && !m->top_full) {
        const struct dirent *e;

        errno = 0;
        e = readdir(dir);
        if (e == NULL && errno != 0)
            refuse_closed(m, dirfd, NULL, path, part, -errno);
        if (e == NULL || !may_look(m, path, part))
            break;
        if (!file_is_dot(e->d_name) && fnmatch(deep ? "*" : word, e->d_name, FNM_PERIOD) == 0)
            match_entry(m, dirfd, e->d_name, path, part, depth);
    }
    (void)closedir(dir);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct expand_match *)a)->path, ((const struct expand_match *)b)->path);
}

/* Sorts what was found, and leaves each path once: refused, if one of them is. */
static size_t settle_matches(struct matching *m)
{
    size_t n = 0;

    if (m->n > 0)
        qsort(m->matches, m->n, sizeof(*m->matches), compare_paths);
    for (size_t i = 0; i < m->n; i++) {
        if (n == 0 || !str_eq(m->matches[i].path, m->matches[n - 1].path))
            m->matches[n++] = m->matches[i];
        else if (m->matches[n - 1].refused == NULL)
            m->matches[n - 1] = m->matches[i];
    }
    return n;
}

/* Splits the pattern where the first part with a wildcard begins: what stands before it is a path
 * of whoever wrote the job file. */
static const char *split_pattern(struct matching *m, const char *pattern, int *ret)
{
    char *text = arena_strdup(m->arena, pattern), *from = text,
         *before = arena_strdup(m->arena, "");

    *ret = 0;
    for (;;) {
        size_t n = strcspn(from, "/");
        bool last = from[n] == '\0';

        from[n] = '\0';
        if (m->n_parts > 0 || is_pattern(from) || last) {
            bool again =
                m->n_parts > 0 && str_eq(from, "**") && str_eq(m->parts[m->n_parts - 1], "**");

            if (m->n_parts == PARTS_MAX || str_eq(from, "..")) {
                *ret = -EINVAL;
                return before;
            }
            if (*from != '\0' && !str_eq(from, ".") && !again)
                m->parts[m->n_parts++] = from;
        } else {
            before = arena_strndup(m->arena, pattern, (size_t)(from + n - text) + 1);
        }
        if (last)
            break;
        from += n + 1;
    }
    if (m->n_parts == 0)
        *ret = -EINVAL;
    return before;
}

static int cannot_match(const char *pattern, int r, struct cupel_error *err)
{
    if (r == -E2BIG)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "'%s' is too much: more than %d paths, or a million files on the "
                               "way, or directories nested deeper than %d",
                               pattern, EXPAND_MATCHES_MAX, DEPTH_MAX);
    if (r == -EINVAL)
        return cupel_error_set(
            err, CUPEL_ERROR_INPUT, 0,
            "'%s' is no pattern: '*', '?', '[...]' and '**' stand for parts of a "
            "path, and '..' is possible before the first of them only",
            pattern);
    if (r == -ELOOP)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "'%s' leads through a symbolic link, which is not followed; give "
                               "its absolute path",
                               pattern);
    return cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot look for '%s'", pattern);
}

/* Opens a path of the job file's, relative to its directory: links are followed up to that. */
static int open_named(const char *dir, const char *path, int flags)
{
    cleanup_free char *whole = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", dir, path);

    return file_open_trusted(whole, path[0] == '/' ? strlen(whole) : strlen(dir), flags);
}

static int real_match(const struct expand_where *where, const char *pattern, enum expand_kind kind,
                      struct arena *arena, struct expand_match **ret_matches, size_t *ret_n,
                      struct cupel_error *err)
{
    struct matching m = {.where = where, .kind = kind, .arena = arena};
    cleanup_close int fd = -EBADF;
    const char *before;
    int r;

    before = split_pattern(&m, pattern, &r);
    if (r == 0) {
        fd = open_named(where->dir, *before != '\0' ? before : ".", O_RDONLY | O_DIRECTORY);
        r = fd < 0 ? fd : 0;
    }
    if (r == 0) {
        match_in(&m, fd, before, 0, 0);
        r = m.result;
    }
    if (r == 0) {
        *ret_n = settle_matches(&m);
        *ret_matches = arena_alloc(arena, (*ret_n + 1) * sizeof(**ret_matches));
        if (*ret_n > 0)
            memcpy(*ret_matches, m.matches, *ret_n * sizeof(**ret_matches));
    }
    free(m.matches);
    free(m.tops);
    return r < 0 ? cannot_match(pattern, r, err) : 0;
}

/* ---- what is in files ---- */

/* Opens a regular file, waiting for nothing. */
static int open_regular(const char *dir, const char *path, uint64_t *ret_size)
{
    cleanup_close int fd = open_named(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    *ret_size = (uint64_t)st.st_size;
    return steal_fd(&fd);
}

static int cannot_read(const char *path, int r, struct cupel_error *err)
{
    if (r == -EINVAL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s is not a regular file", path);
    if (r == -ELOOP)
        return cannot_match(path, r, err);
    return cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot read %s", path);
}

static int real_locate(const char *dir, const char *path, struct arena *arena,
                       const char **ret_path, struct cupel_error *err)
{
    cleanup_free char *whole = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", dir, path);
    cleanup_free char *real = NULL;
    uint64_t size;
    cleanup_close int fd = open_regular(dir, path, &size);

    if (fd < 0)
        return cannot_read(path, fd, err);
    real = realpath(whole, NULL);
    if (real == NULL)
        return cannot_read(path, -errno, err);
    *ret_path = arena_strdup(arena, real);
    return 0;
}

static int real_read(const char *dir, const char *path, struct arena *arena, const char **ret_text,
                     size_t *ret_len, struct cupel_error *err)
{
    cleanup_free char *text = NULL;
    uint64_t size;
    size_t len;
    cleanup_close int fd = open_regular(dir, path, &size);
    int r = fd < 0 ? fd : file_read_fd(fd, EXPAND_TEXT_MAX, &text, &len);

    if (r == -EFBIG)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s is larger than %zu MiB", path,
                               EXPAND_TEXT_MAX >> 20);
    if (r < 0)
        return cannot_read(path, r, err);
    *ret_text = arena_strndup(arena, text, len);
    *ret_len = len;
    return 0;
}

/* One file: its path, its size and its content, so that no two sets of files are told alike. */
static int add_file_to_hash(EVP_MD_CTX *hash, const char *dir, const char *path, uint64_t *left)
{
    unsigned char buf[64 * 1024];
    char head[32];
    uint64_t size;
    cleanup_close int fd = open_regular(dir, path, &size);

    if (fd < 0)
        return fd;
    (void)snprintf(head, sizeof(head), "%llu", (unsigned long long)size);
    (void)EVP_DigestUpdate(hash, path, strlen(path) + 1);
    (void)EVP_DigestUpdate(hash, head, strlen(head) + 1);
    while (size > 0) {
        ssize_t n = read(fd, buf, size < sizeof(buf) ? (size_t)size : sizeof(buf));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO; /* it has become shorter meanwhile */
        if ((uint64_t)n > *left)
            return -EFBIG;
        *left -= (uint64_t)n;
        size -= (uint64_t)n;
        (void)EVP_DigestUpdate(hash, buf, (size_t)n);
    }
    return 0;
}

static int hash_paths(EVP_MD_CTX *hash, const struct expand_where *where, const char *const *paths,
                      size_t n, struct arena *arena, struct cupel_error *err)
{
    uint64_t left = HASH_BYTES_MAX;

    for (size_t i = 0; i < n; i++) {
        struct expand_match *found;
        size_t n_found;
        int r = real_match(where, paths[i], EXPAND_FILES, arena, &found, &n_found, err);

        if (r < 0)
            return r;
        if (n_found == 0)
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "there is no file '%s'", paths[i]);
        for (size_t k = 0; k < n_found; k++) {
            if (found[k].refused != NULL)
                return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s", found[k].refused);
            r = add_file_to_hash(hash, where->dir, found[k].path, &left);
            if (r == -EFBIG)
                return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                                       "the files have more than %llu GiB together",
                                       (unsigned long long)(HASH_BYTES_MAX >> 30));
            if (r < 0)
                return cannot_read(found[k].path, r, err);
        }
    }
    return 0;
}

static int real_hash(const struct expand_where *where, const char *const *paths, size_t n,
                     struct arena *arena, const char **ret_text, struct cupel_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE + 1];
    unsigned length = 0;
    EVP_MD_CTX *hash;
    int r = libcrypto_load(err);

    if (r < 0)
        return r;
    hash = EVP_MD_CTX_new();
    if (hash == NULL || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot compute SHA-256");
    if (r == 0)
        r = hash_paths(hash, where, paths, n, arena, err);
    if (r == 0 && EVP_DigestFinal_ex(hash, digest, &length) != 1)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, EIO, "cannot compute SHA-256");
    EVP_MD_CTX_free(hash);
    if (r < 0)
        return r;
    text_hex(digest, length, text);
    *ret_text = arena_strdup(arena, text);
    return 0;
}

static const char *real_environment(const char *name)
{
    return getenv(name);
}

const struct expand_host expand_real_host = {
    .match = real_match,
    .locate = real_locate,
    .read = real_read,
    .hash = real_hash,
    .look = submission_look,
    .git = git_checked_out,
    .environment = real_environment,
};
