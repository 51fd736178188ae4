/* SPDX-License-Identifier: Apache-2.0 */
/* outdir: the way to the directory of --out. It is hostile as long as a checkout can carry it
 * (SECURITY.md): a link in its place, or in the place of what cupel makes in it, would lead cupel,
 * as root even, to overwrite or remove files of the host. So the way there is walked name by name,
 * and from then on everything is done by descriptor. Not responsible for what is written. */
#include "reports/outdir.h"

#include "base/weaken.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define MARKER ".cupel-out"
#define MARKER_TEXT                                                                                \
    "cupel made this directory, or was given it empty (--out): each run replaces the reports, "    \
    "logs and artifacts of its jobs in it.\n"
#define GITIGNORE ".gitignore"

/* ---- errors ---- */

static const struct {
    int errnum;
    enum cupel_error_kind kind;
    const char *hint;
} hints[] = {
    {EACCES, CUPEL_ERROR_HARNESS,
     "run as a user that may write there, or name another directory with --out DIR"},
    {EPERM, CUPEL_ERROR_HARNESS,
     "run as a user that may write there, or name another directory with --out DIR"},
    {EROFS, CUPEL_ERROR_HARNESS,
     "the file system is read-only: name a directory on another one with --out DIR"},
    {ENOSPC, CUPEL_ERROR_HARNESS,
     "free some space there, or name a directory on another file system with --out DIR"},
    {EDQUOT, CUPEL_ERROR_HARNESS,
     "the disk quota is used up: free some space, or name another directory with --out DIR"},
    {ENOTDIR, CUPEL_ERROR_INPUT,
     "a part of the path is not a directory: name another one with --out DIR"},
    {ENAMETOOLONG, CUPEL_ERROR_INPUT,
     "a name has at most 255 bytes, a path 4095: name another directory with --out DIR"},
    {ELOOP, CUPEL_ERROR_INPUT,
     "cupel does not follow a symbolic link there: remove it, or name what it leads to with --out "
     "DIR"},
    {EISDIR, CUPEL_ERROR_HARNESS,
     "a directory is in the way of a file: remove it, or name another place with --out DIR"},
};

int outdir_fail(const char *path, const char *what, int errnum, struct cupel_error *err)
{
    const char *hint = "name another directory with --out DIR";
    enum cupel_error_kind kind = CUPEL_ERROR_HARNESS;
    int r;

    errnum = errnum < 0 ? -errnum : errnum;
    for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
        if (hints[i].errnum == errnum) {
            hint = hints[i].hint;
            kind = hints[i].kind;
        }
    r = cupel_error_set(err, kind, errnum, "cannot %s the out directory '%s'", what, path);
    cupel_error_hint(err, "%s", hint);
    return r;
}

static const char *kind_of(mode_t mode)
{
    return S_ISLNK(mode)    ? "a symbolic link"
           : S_ISDIR(mode)  ? "a directory"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISSOCK(mode) ? "a socket"
           : S_ISREG(mode)  ? "a file"
                            : "a device";
}

/* Says what is in the place of what cupel would have made. */
static int refuse_entry(const char *path, const char *name, const char *what,
                        struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%s' in the out directory '%s' is %s", name,
                          path, what);
    cupel_error_hint(err,
                     "cupel did not make it: remove it, or name another directory with --out DIR");
    return -EINVAL;
}

/* Refuses the directory itself in the same way. */
static int refuse_place(const char *path, mode_t mode, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "the out directory '%s' is %s, not a directory", path, kind_of(mode));
    cupel_error_hint(
        err, "remove it, or name another directory with --out DIR%s",
        S_ISLNK(mode) ? " (cupel does not follow the link; what it leads to can be named)" : "");
    return -ENOTDIR;
}

/* ---- the owner ---- */

/* A number as sudo writes it, and nothing else: no sign, no space, not (uid_t)-1. */
static bool plain_id(const char *name, uint32_t *ret)
{
    const char *text = getenv(name);
    uint64_t n = 0;

    if (text == NULL || *text == '\0' || strlen(text) > 10)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        n = n * 10 + (uint64_t)(*text - '0');
    }
    if (n >= UINT32_MAX)
        return false;
    *ret = (uint32_t)n;
    return true;
}

/* Only the host's root can give files away, and only to ids that mean the same to whom it calls
 * sudo. */
static void find_owner(struct outdir_owner *owner)
{
    *owner = (struct outdir_owner){0};
    owner->set = geteuid() == 0 && getuid() == 0 && plain_id("SUDO_UID", &owner->uid) &&
                 plain_id("SUDO_GID", &owner->gid) && ids_mapped() == UINT32_MAX;
}

int outdir_give(const struct outdir_owner *owner, int fd)
{
    return owner->set && fchownat(fd, "", owner->uid, owner->gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* Gives a directory to the user; one that is somebody else's stays theirs. */
static int give_directory(const struct outdir_owner *owner, int fd)
{
    struct stat st;

    if (!owner->set)
        return 0;
    if (fstat(fd, &st) < 0)
        return -errno;
    return st.st_uid == 0 ? outdir_give(owner, fd) : 0;
}

/* ---- entries ---- */

static int no_follow(void)
{
    return weakened("out-links") ? 0 : O_NOFOLLOW;
}

int outdir_open_sub(int dir, const char *name, const struct outdir_owner *owner)
{
    cleanup_close int fd = -EBADF;
    struct stat st;
    int r;

    if (mkdirat(dir, name, 0777) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | no_follow() | O_CLOEXEC);
    if (fd < 0) {
        r = -errno;
        return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) ? -ELOOP
                                                                                        : r;
    }
    r = give_directory(owner, fd);
    return r < 0 ? r : steal_fd(&fd);
}

int outdir_make_file(int dir, const char *name, int flags, const struct outdir_owner *owner)
{
    cleanup_close int fd = -EBADF;
    int r;

    if (weakened("out-links"))
        flags |= O_TRUNC;
    else if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
        return -errno;
    else
        flags |= O_EXCL | O_NOFOLLOW;
    fd = openat(dir, name, flags | O_CREAT | O_CLOEXEC, 0666);
    r = fd < 0 ? -errno : outdir_give(owner, fd);
    return r < 0 ? r : steal_fd(&fd);
}

static int write_file(int dir, const char *name, const char *text, const struct outdir_owner *owner)
{
    cleanup_close int fd = outdir_make_file(dir, name, O_WRONLY, owner);

    return fd < 0 ? fd : file_write_all(fd, text, strlen(text));
}

bool outdir_is_marked(int fd)
{
    struct stat st;

    return fstatat(fd, MARKER, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* ---- the way there ---- */

/* Where the walk begins, and how much of the path it then has left. What comes after the working
 * directory may be part of a checkout, also where it is named from the root on. */
static int open_start(const char **path, bool *ret_trusted, int *ret_fd)
{
    cleanup_free char *here = getcwd(NULL, 0);
    size_t n = here != NULL ? strlen(here) : 0;
    bool below = n > 1 && strncmp(*path, here, n) == 0 && ((*path)[n] == '/' || (*path)[n] == '\0');

    *ret_trusted = **path == '/' && !below;
    if (below)
        *path += n;
    *ret_fd = open(*ret_trusted ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

/* Opens `name`, making it where there is nothing. O_PATH: a directory on the way has to be
 * searched, not read. */
static int outdir_step(int dir, const char *name, bool last, bool follow,
                       const struct outdir_owner *owner)
{
    int flags = (last ? O_RDONLY : O_PATH) | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
    cleanup_close int fd = openat(dir, name, flags);
    bool made = false;
    struct stat st;
    int r;

    if (fd < 0 && errno == ENOENT) {
        made = mkdirat(dir, name, 0777) == 0;
        if (!made && errno != EEXIST)
            return -errno;
        fd = openat(dir, name, flags);
    }
    if (fd < 0) { /* with O_DIRECTORY, O_NOFOLLOW says ENOTDIR of a link */
        r = -errno;
        return !follow && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)
                   ? -ELOOP
                   : r;
    }
    if (made && owner->set && fchownat(fd, "", owner->uid, owner->gid, AT_EMPTY_PATH) < 0)
        return -errno;
    return steal_fd(&fd);
}

/* The next name of a path, "." and what is empty left out; NULL at the end. */
static char *outdir_next_name(char **path)
{
    char *name;

    do {
        name = strsep(path, "/");
    } while (name != NULL && (*name == '\0' || str_eq(name, ".")));
    return name;
}

/* The part of the path, `length` bytes of it, that is in the way: the error's number alone would
 * say "Too many levels of symbolic links" of a single one. */
static int refuse_part(const char *path, size_t length, mode_t mode, int r, struct cupel_error *err)
{
    cleanup_free char *part = xasprintf("%.*s", (int)length, path);
    struct cupel_error by_number;

    (void)outdir_fail(path, "create", r, &by_number);
    (void)cupel_error_set(err, by_number.kind, 0,
                          "cannot create the out directory '%s': '%s' is %s", path, part,
                          kind_of(mode));
    cupel_error_hint(err, "%s", by_number.hint);
    return r;
}

/* A step that failed, at the name that ends `length` bytes into the path: what is there is not a
 * directory. */
static int refuse_step(const char *path, size_t length, int dir, const char *name, bool last, int r,
                       struct cupel_error *err)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
        return outdir_fail(path, "create", r, err);
    if (last)
        return refuse_place(path, st.st_mode, err);
    return refuse_part(path, length, st.st_mode, r, err);
}

/* Links are followed only where a path from the root on leads to the directory: there they are the
 * machine's, or the caller's. */
static int outdir_walk(const char *path, const struct outdir_owner *owner, int *ret_fd,
                       struct cupel_error *err)
{
    cleanup_close int dir = -EBADF;
    cleanup_free char *copy = NULL;
    const char *names = path;
    char *rest, *name, *following;
    bool trusted;
    int r = open_start(&names, &trusted, &dir);

    if (r < 0)
        return outdir_fail(path, "open the way to", r, err);
    rest = copy = xstrdup(names);
    for (name = outdir_next_name(&rest); name != NULL; name = following) {
        int next;

        following = outdir_next_name(&rest);
        next = outdir_step(dir, name, following == NULL, trusted && following != NULL, owner);
        if (next < 0)
            return refuse_step(path, (size_t)(names - path + (name - copy)) + strlen(name), dir,
                               name, following == NULL, next, err);
        (void)close(dir);
        dir = next;
    }
    r = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r < 0)
        return outdir_fail(path, "open", errno, err);
    *ret_fd = r;
    return 0;
}

/* ---- whose it is ---- */

/* What an earlier version made, which left no marker: its lock, and nothing besides what cupel
 * makes. */
static bool is_ours_by_name(const char *name)
{
    static const char *const names[] = {OUTDIR_LOCK,        OUTDIR_JSONL, OUTDIR_JUNIT,
                                        OUTDIR_JUNIT_ASIDE, OUTDIR_LOGS,  OUTDIR_ARTIFACTS};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(name, names[i]))
            return true;
    return false;
}

static bool has_empty_lock(int dir)
{
    struct stat st;

    return fstatat(dir, OUTDIR_LOCK, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           st.st_size == 0;
}

static void closedirp(DIR **list)
{
    if (*list != NULL)
        (void)closedir(*list);
}

/* 0: empty, or made by an earlier version; 1: it has something else in it, whose name goes to
 * `foreign`. */
static int look_for_others(int dir, char foreign[static NAME_MAX + 1])
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    bool locked = has_empty_lock(dir);
    struct dirent *e;

    if (list == NULL) {
        int r = -errno;

        base_closep(&fd);
        return r;
    }
    while ((errno = 0, e = readdir(list)) != NULL) {
        if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
            (locked && is_ours_by_name(e->d_name)))
            continue;
        (void)snprintf(foreign, NAME_MAX + 1, "%s", e->d_name);
        return 1;
    }
    return -errno;
}

static bool outdir_is_root(int dir)
{
    struct stat here, root;

    return fstat(dir, &here) == 0 && stat("/", &root) == 0 && here.st_dev == root.st_dev &&
           here.st_ino == root.st_ino;
}

static int refuse_others(const char *path, const char *foreign, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "the out directory '%s' is not cupel's: it is not empty ('%s' is in it)",
                          path, foreign);
    cupel_error_hint(
        err, "each run replaces what is in it: name a new or an empty directory with --out DIR");
    return -EEXIST;
}

static int claim(const char *path, int dir, const struct outdir_owner *owner,
                 struct cupel_error *err)
{
    char foreign[NAME_MAX + 1] = "bin";
    struct stat st;
    int r;

    if (outdir_is_root(dir))
        return refuse_others(path, foreign, err);
    if (fstatat(dir, MARKER, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISREG(st.st_mode) ? 0 : refuse_entry(path, MARKER, kind_of(st.st_mode), err);
    if (errno != ENOENT)
        return outdir_fail(path, "look into", errno, err);
    r = look_for_others(dir, foreign);
    if (r > 0)
        return refuse_others(path, foreign, err);
    if (r == 0)
        r = write_file(dir, MARKER, MARKER_TEXT, owner);
    return r < 0 ? outdir_fail(path, "write to", r, err) : 0;
}

/* ---- all of it ---- */

/* Keeps the results out of the checkout's history. One that is there stays: the user may have
 * written it. */
static int make_gitignore(int dir, const struct outdir_owner *owner)
{
    struct stat st;

    if (fstatat(dir, GITIGNORE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
        return 0;
    return write_file(dir, GITIGNORE, "*\n", owner);
}

/* What has to be in the place of one of the names that cupel uses, if anything is. */
enum outdir_entry {
    DIRECTORY,
    FILE_TO_REPLACE, /* it is made anew: whatever is no directory gives way */
    FILE_TO_KEEP,    /* it is opened as it is */
};

static const struct {
    const char *name;
    enum outdir_entry entry;
} entries[] = {
    {OUTDIR_LOGS, DIRECTORY},          {OUTDIR_ARTIFACTS, DIRECTORY},
    {OUTDIR_LOCK, FILE_TO_KEEP},       {OUTDIR_JSONL, FILE_TO_REPLACE},
    {OUTDIR_JUNIT, FILE_TO_REPLACE},   {OUTDIR_JUNIT_ASIDE, FILE_TO_REPLACE},
    {OUTDIR_EARLIER, FILE_TO_REPLACE}, {OUTDIR_EARLIER_ASIDE, FILE_TO_REPLACE},
    {GITIGNORE, FILE_TO_REPLACE},
};

static bool outdir_fits(enum outdir_entry entry, mode_t mode)
{
    return entry == DIRECTORY         ? S_ISDIR(mode)
           : entry == FILE_TO_REPLACE ? !S_ISDIR(mode)
                                      : S_ISREG(mode);
}

/* Looks at all of them before the first job. */
static int check_entries(const char *path, int dir, struct cupel_error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        struct stat st;

        if (fstatat(dir, entries[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (!outdir_fits(entries[i].entry, st.st_mode))
            return refuse_entry(path, entries[i].name, kind_of(st.st_mode), err);
        if (entries[i].entry == FILE_TO_KEEP && st.st_nlink > 1)
            return refuse_entry(path, entries[i].name,
                                "a hard link, another name of a file elsewhere", err);
    }
    return 0;
}

int outdir_open(const char *path, int *ret_fd, struct outdir_owner *ret_owner,
                struct cupel_error *err)
{
    cleanup_close int dir = -EBADF;
    struct outdir_owner owner;
    int r;

    find_owner(&owner);
    if (strlen(path) >= PATH_MAX) /* made name by name, it could not be named afterwards */
        return outdir_fail(path, "open", ENAMETOOLONG, err);
    if (*path == '\0')
        return outdir_fail(path, "open", ENOENT, err);
    r = outdir_walk(path, &owner, &dir, err);
    if (r == 0)
        r = claim(path, dir, &owner, err);
    if (r == 0)
        r = check_entries(path, dir, err);
    if (r < 0)
        return r;
    r = give_directory(&owner, dir);
    if (r == 0)
        r = make_gitignore(dir, &owner);
    if (r < 0)
        return outdir_fail(path, "write to", r, err);
    *ret_fd = steal_fd(&dir);
    *ret_owner = owner;
    return 0;
}

int outdir_open_empty(const char *path, int *ret_fd, struct outdir_owner *ret_owner,
                      struct cupel_error *err)
{
    char foreign[NAME_MAX + 1] = "bin";
    cleanup_close int dir = -EBADF;
    struct outdir_owner owner;
    int r;

    find_owner(&owner);
    if (strlen(path) >= PATH_MAX || *path == '\0')
        return outdir_fail(path, "open", *path == '\0' ? ENOENT : ENAMETOOLONG, err);
    r = outdir_walk(path, &owner, &dir, err);
    if (r < 0) {
        cupel_error_hint(err, "name another directory for the artifacts");
        return r;
    }
    r = outdir_is_root(dir) ? 1 : look_for_others(dir, foreign);
    if (r > 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "the directory '%s' is not empty ('%s' is in it)", path, foreign);
        cupel_error_hint(err, "artifacts go to a new or an empty directory");
        return -EEXIST;
    }
    if (r == 0)
        r = give_directory(&owner, dir);
    if (r < 0)
        return outdir_fail(path, "look into", r, err);
    *ret_fd = steal_fd(&dir);
    *ret_owner = owner;
    return 0;
}
