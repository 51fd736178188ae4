/* SPDX-License-Identifier: Apache-2.0 */
/* watch_files: see watch_files.h. A file is watched by its directory, since editors put another one
 * in its place; a directory by itself and every one below it, since the kernel watches no trees.
 * Not responsible for which jobs a change is about (cli_changed.c). */
#include "harness/cli/watch_files.h"

#include <dirent.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file counts as changed when whoever wrote it has closed it. */
#define CHANGES (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB)
#define CHANGES_MAX 100000 /* beyond that, everything may have changed */

/* What editors leave beside a file for as long as they have it open. */
static const char *const temporary[] = {
    ".#*",        "#*#",          "*~", ".*.sw?", ".sw?", "4913", ".goutputstream-*",
    "*.kate-swp", "*___jb_???___"};
/* What belongs to a checkout's history, and not to it. */
static const char *const histories[] = {".git", ".hg", ".svn", ".jj"};

struct watch_directory {
    char *path; /* NULL: none */
    unsigned set;
};

struct watch_files {
    int fd;
    struct watch_directory *watches; /* by what the kernel calls it */
    size_t room;
    unsigned set;
    struct strset files, trees, left_out; /* absolute paths, without links */
    struct strset queued;                 /* trees that are to be watched, in `queue` */
    char **queue;
    size_t n_queue;
    struct git_changes changes; /* with a mark before each: 'n' of a new one */
    struct strset known;        /* of `changes` */
    bool lost;
    int result; /* of watching: -ENOSPC and so on */
    size_t n_watches;
};

int watch_files_open(struct watch_files **ret, struct cupel_error *err)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (fd < 0) {
        int r = -errno;

        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot watch files");
        if (r == -EMFILE)
            cupel_error_hint(err, "other programs watch as many times as this user may: see "
                                  "fs.inotify.max_user_instances in inotify(7)");
        return r;
    }
    *ret = xcalloc(1, sizeof(**ret));
    (*ret)->fd = fd;
    return 0;
}

int watch_files_fd(const struct watch_files *w)
{
    return w->fd;
}

static void forget_set(struct watch_files *w)
{
    strset_free(&w->files);
    strset_free(&w->trees);
    strset_free(&w->left_out);
    strset_free(&w->queued);
    w->files = w->trees = w->left_out = w->queued = (struct strset){0};
    for (size_t i = 0; i < w->n_queue; i++)
        free(w->queue[i]);
    free(w->queue);
    w->queue = NULL;
    w->n_queue = 0;
}

void watch_files_close(struct watch_files *w)
{
    if (w == NULL)
        return;
    forget_set(w);
    for (size_t i = 0; i < w->room; i++)
        free(w->watches[i].path);
    free(w->watches);
    git_changes_free(&w->changes);
    strset_free(&w->known);
    (void)close(w->fd);
    free(w);
}

/* ---- what is watched ---- */

static bool is_among(const char *name, const char *const *globs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fnmatch(globs[i], name, 0) == 0)
            return true;
    return false;
}

static bool is_history(const char *name)
{
    return is_among(name, histories, ARRAY_SIZE(histories));
}

/* Says whether any directory above the path, or the path itself, is in the set. */
static bool lies_in_any(const struct strset *set, const char *path)
{
    cleanup_free char *at = xstrdup(path);

    for (;;) {
        char *slash;

        if (strset_has(set, at))
            return true;
        slash = strrchr(at, '/');
        if (slash == NULL || slash[1] == '\0')
            return false;
        slash[slash == at] = '\0'; /* "/" is the last one */
    }
}

/* Has the kernel watch a directory; one that is not there, or none, is passed over. */
static void watch_directory(struct watch_files *w, const char *path, bool follow)
{
    int wd = inotify_add_watch(
        w->fd, path, CHANGES | IN_ONLYDIR | IN_EXCL_UNLINK | (follow ? 0 : IN_DONT_FOLLOW));

    if (wd < 0) {
        if (errno == ENOSPC || errno == ENOMEM)
            w->result = -errno;
        return;
    }
    if ((size_t)wd >= w->room) {
        size_t room = 2 * (size_t)wd + 64;

        w->watches = xrealloc(w->watches, room * sizeof(*w->watches));
        memset(w->watches + w->room, 0, (room - w->room) * sizeof(*w->watches));
        w->room = room;
    }
    if (w->watches[wd].set == w->set && w->watches[wd].path != NULL)
        return; /* by another name */
    w->n_watches++;
    free(w->watches[wd].path);
    w->watches[wd] = (struct watch_directory){xstrdup(path), w->set};
}

static void queue_tree(struct watch_files *w, char *path)
{
    if (strset_add(&w->queued, path)) {
        w->queue = xrealloc(w->queue, (w->n_queue + 1) * sizeof(*w->queue));
        w->queue[w->n_queue++] = path;
    } else {
        free(path);
    }
}

/* Watches a directory before it is looked into, so that nothing gets in unseen. */
static void watch_tree(struct watch_files *w, const char *path)
{
    DIR *dir;

    if (lies_in_any(&w->left_out, path))
        return;
    watch_directory(w, path, false);
    dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        cleanup_free char *below = NULL;
        struct stat st;

        if (file_is_dot(e->d_name) || is_history(e->d_name) ||
            (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
            continue;
        below = xasprintf("%s/%s", str_eq(path, "/") ? "" : path, e->d_name);
        if (lstat(below, &st) == 0 && S_ISDIR(st.st_mode))
            queue_tree(w, steal_ptr(below));
    }
    if (dir != NULL)
        (void)closedir(dir);
}

void watch_files_begin(struct watch_files *w)
{
    forget_set(w);
    w->set++;
    w->result = 0;
    w->n_watches = 0;
}

/* Finds the path that a name stands at, links above it resolved; or the first on the way to it that
 * is not there. Malloc'ed; NULL: "/". */
static char *find_place(const char *path)
{
    cleanup_free char *above = xstrdup(path);

    for (;;) {
        cleanup_free char *dir = NULL;
        char *slash;

        for (size_t n = strlen(above); n > 1 && above[n - 1] == '/'; n--)
            above[n - 1] = '\0';
        slash = strrchr(above, '/');
        if (slash == NULL || slash[1] == '\0')
            return NULL;
        *slash = '\0';
        dir = realpath(slash == above ? "/" : above, NULL);
        if (dir != NULL)
            return xasprintf("%s/%s", str_eq(dir, "/") ? "" : dir, slash + 1);
    }
}

static void add_file(struct watch_files *w, const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));

    if (strset_add(&w->files, path) && dir != NULL)
        watch_directory(w, dir, true);
}

void watch_files_leave_out(struct watch_files *w, const char *path)
{
    cleanup_free char *real = realpath(path, NULL), *place = find_place(path);

    if (real != NULL)
        (void)strset_add(&w->left_out, real);
    if (place != NULL)
        (void)strset_add(&w->left_out, place);
}

void watch_files_add(struct watch_files *w, const char *path)
{
    cleanup_free char *real = realpath(path, NULL), *place = find_place(path);
    struct stat st;

    if (place != NULL)
        add_file(w, place);
    if (real == NULL || stat(real, &st) < 0)
        return;
    if (!S_ISDIR(st.st_mode))
        add_file(w, real);
    else if (strset_add(&w->trees, real))
        queue_tree(w, steal_ptr(real));
}

void watch_files_add_pattern(struct watch_files *w, const char *pattern)
{
    size_t fixed = strcspn(pattern, "*?[\\");
    cleanup_free char *base = NULL;

    if (pattern[fixed] == '\0') {
        watch_files_add(w, pattern);
        return;
    }
    while (fixed > 1 && pattern[fixed - 1] != '/')
        fixed--;
    base = strndup(pattern, fixed);
    if (base != NULL)
        watch_files_add(w, base);
}

int watch_files_end(struct watch_files *w, struct cupel_error *err)
{
    for (size_t i = 0; i < w->n_queue && w->result == 0; i++)
        watch_tree(w, w->queue[i]);
    if (w->result < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, w->result,
                              "cannot watch more than %zu directories", w->n_watches);
        if (w->result == -ENOSPC)
            cupel_error_hint(err, "that is as many as this user may: see "
                                  "fs.inotify.max_user_watches in inotify(7); or watch for fewer "
                                  "jobs, with --only");
        return w->result;
    }
    for (size_t i = 0; i < w->room; i++)
        if (w->watches[i].path != NULL && w->watches[i].set != w->set) {
            (void)inotify_rm_watch(w->fd, (int)i); /* fails for one that is gone */
            free(w->watches[i].path);
            w->watches[i].path = NULL;
        }
    return 0;
}

/* ---- what happens ---- */

/* Says whether a change of this path, at which `name` is the last part, is one of the set. */
static bool counts(const struct watch_files *w, const char *path, const char *name)
{
    if (lies_in_any(&w->left_out, path))
        return false;
    if (strset_has(&w->files, path))
        return true;
    if (is_among(name, temporary, ARRAY_SIZE(temporary)) || is_history(name))
        return false;
    return lies_in_any(&w->trees, path);
}

static bool note_event(struct watch_files *w, const struct inotify_event *e)
{
    cleanup_free char *path = NULL, *marked = NULL;
    const char *dir;

    if (e->mask & IN_Q_OVERFLOW)
        w->lost = true;
    if (e->wd < 0 || (size_t)e->wd >= w->room || (dir = w->watches[e->wd].path) == NULL)
        return w->lost;
    if (e->mask & IN_IGNORED) { /* the directory is gone; its number may come again */
        free(w->watches[e->wd].path);
        w->watches[e->wd].path = NULL;
        return false;
    }
    if (e->len == 0 || !(e->mask & CHANGES)) /* of the directory itself: that above it tells */
        return false;
    path = xasprintf("%s/%s", str_eq(dir, "/") ? "" : dir, e->name);
    if (!counts(w, path, e->name))
        return false;
    marked = xasprintf("%c%s%s", e->mask & IN_CREATE ? 'n' : '-', path + 1,
                       e->mask & IN_ISDIR ? "/" : "");
    if (strset_add(&w->known, marked + 1)) {
        if (w->changes.n == CHANGES_MAX)
            w->lost = true;
        else
            git_changes_add(&w->changes, steal_ptr(marked));
    }
    return true;
}

bool watch_files_read(struct watch_files *w)
{
    _Alignas(struct inotify_event) char buffer[16 * 1024];
    bool any = false;
    ssize_t n;

    while ((n = read(w->fd, buffer, sizeof(buffer))) > 0)
        for (char *at = buffer; at < buffer + n;) {
            const struct inotify_event *e = (const void *)at;

            any = note_event(w, e) || any;
            at += sizeof(*e) + e->len;
        }
    return any;
}

void watch_files_take(struct watch_files *w, struct git_changes *to, bool *ret_lost)
{
    for (size_t i = 0; i < w->changes.n; i++) {
        const char *marked = w->changes.paths[i];
        cleanup_free char *path = xasprintf("/%s", marked + 1);
        struct stat st;

        if (marked[0] != 'n' || lstat(path, &st) == 0)
            git_changes_add(to, xstrdup(marked + 1));
    }
    *ret_lost = w->lost;
    w->lost = false;
    git_changes_free(&w->changes);
    strset_free(&w->known);
    w->known = (struct strset){0};
}
