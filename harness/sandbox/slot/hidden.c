/* SPDX-License-Identifier: Apache-2.0 */
/* hidden: keeps the out directory of a run out of what its jobs see. It lies within an input as
 * often as not, and has the live logs of all jobs in it. An input that it lies in gets one more
 * layer on top: the directories on the way there, as they are on the host, and a whiteout in its
 * place. So jobs find nothing at all there; nothing is mounted over it that would be in the way of
 * theirs (EBUSY), and there is nothing that a job could take away. In the slot.
 *
 * Not responsible for inputs that are copied (keep_copy.c leaves it out) nor for the keys of
 * derived roots (treesum.c), which ask here for the way. */
#include "harness/sandbox/slot/hidden.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/stage.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

struct hidden_place {
    dev_t dev;
    ino_t ino;
};

struct sandbox_hidden {
    char *path; /* as the kernel tells it: without links */
    struct hidden_place
        *places; /* of itself, of the directory that it is in, and so on up to "/" */
    size_t n;
    /* another way to it, where it is mounted twice, or to another directory; or NULL */
    struct sandbox_hidden *next;
};

static bool is_at(const struct hidden_place *p, const struct stat *st)
{
    return p->dev == st->st_dev && p->ino == st->st_ino;
}

/* ---- finding it ---- */

static char *path_of(int fd)
{
    char proc[64], path[4096];
    ssize_t n;

    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    n = readlink(proc, path, sizeof(path) - 1);
    if (n <= 0 || path[0] != '/')
        return NULL;
    path[n] = '\0';
    return xstrdup(path);
}

/* A directory that may not be searched has nothing above it that a job of ours could see. */
static int walk_up(struct sandbox_hidden *h, int fd)
{
    cleanup_close int at = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    while (at >= 0) {
        struct stat st;
        int above;

        if (fstat(at, &st) < 0)
            return -errno;
        if (h->n > 0 && is_at(&h->places[h->n - 1], &st))
            return 0; /* "/" is its own parent */
        h->places = xrealloc(h->places, (h->n + 1) * sizeof(*h->places));
        h->places[h->n++] = (struct hidden_place){st.st_dev, st.st_ino};
        above = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (above < 0)
            return errno == EACCES ? 0 : -errno;
        (void)close(at);
        at = above;
    }
    return -errno;
}

/* Adds the way to the directory that is open here. */
static int add_way(void *data, int fd)
{
    struct sandbox_hidden **list = data, *h = xcalloc(1, sizeof(*h));

    h->next = *list;
    *list = h;
    h->path = path_of(fd);
    return h->path != NULL ? walk_up(h, fd) : -ENOENT;
}

int sandbox_hidden_find(int fd, struct sandbox_hidden **ret_hidden, struct cupel_error *err)
{
    struct sandbox_hidden *h = NULL;
    int r = add_way(&h, fd);

    if (r == 0)
        r = hidden_other_names(fd, h->path, add_way, &h);
    if (r < 0) {
        sandbox_hidden_free(h);
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                               "cannot tell where the out directory is");
    }
    *ret_hidden = h;
    return 0;
}

int sandbox_hidden_add(int fd, struct sandbox_hidden **hidden, struct cupel_error *err)
{
    struct sandbox_hidden *h, *last;
    int r = sandbox_hidden_find(fd, &h, err);

    if (r < 0)
        return r;
    for (last = h; last->next != NULL;)
        last = last->next;
    last->next = *hidden;
    *hidden = h;
    return 0;
}

void sandbox_hidden_free(struct sandbox_hidden *hidden)
{
    while (hidden != NULL) {
        struct sandbox_hidden *next = hidden->next;

        free(hidden->path);
        free(hidden->places);
        free(hidden);
        hidden = next;
    }
}

bool hidden_is(const struct sandbox_hidden *hidden, const struct stat *st)
{
    for (const struct sandbox_hidden *h = hidden; h != NULL; h = h->next)
        if (is_at(&h->places[0], st))
            return true;
    return false;
}

/* The last n names of its path. */
static const char *last_names(const char *path, size_t n)
{
    const char *at = path + strlen(path);

    while (n > 0 && at > path)
        n -= *--at == '/';
    return n == 0 && at[0] == '/' && at[1] != '\0' ? at + 1 : NULL;
}

/* The way to it from this directory, by this list's first; or NULL. */
static const char *way_from(const struct sandbox_hidden *h, const struct stat *directory)
{
    for (size_t i = 1; i < h->n; i++)
        if (is_at(&h->places[i], directory))
            return last_names(h->path, i);
    return NULL;
}

const char *sandbox_hidden_below(const struct sandbox_hidden *hidden, const struct stat *directory)
{
    for (const struct sandbox_hidden *h = hidden; h != NULL; h = h->next) {
        const char *way = way_from(h, directory);

        if (way != NULL)
            return way;
    }
    return NULL;
}

/* Returns the way by `h` where no earlier one of the list leads to the same directory. */
static const char *own_way(const struct sandbox_hidden *hidden, const struct sandbox_hidden *h,
                           const struct stat *directory)
{
    const char *way = way_from(h, directory);

    for (const struct sandbox_hidden *g = hidden; way != NULL && g != h; g = g->next)
        if (g->places[0].dev == h->places[0].dev && g->places[0].ino == h->places[0].ino &&
            way_from(g, directory) != NULL)
            return NULL;
    return way;
}

/* ---- the layer ---- */

/* Copies who may do what beyond owner and group. The layer is made without a list where that cannot
 * be had. */
static void copy_access_lists(int to, int from)
{
    static const char *const lists[] = {"system.posix_acl_access", "system.posix_acl_default"};
    char source[64], target[64], value[4096];

    (void)snprintf(source, sizeof(source), "/proc/self/fd/%d", from);
    (void)snprintf(target, sizeof(target), "/proc/self/fd/%d", to);
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        ssize_t n = getxattr(source, lists[i], value, sizeof(value));

        if (n > 0)
            (void)setxattr(target, lists[i], value, (size_t)n, 0);
    }
}

/* Makes the directory look like the one below it: of a merged directory overlayfs shows what the
 * topmost layer has. An owner that we cannot give is that of another user, in a run of an ordinary
 * user's: there it becomes the job's root. */
int hidden_be_like(int dir, int host)
{
    struct stat st;
    struct timespec times[2];

    if (fstat(host, &st) < 0)
        return -errno;
    if (fchown(dir, st.st_uid, st.st_gid) < 0 && errno != EINVAL && errno != EPERM)
        return -errno;
    if (fchmod(dir, st.st_mode & 07777) < 0)
        return -errno;
    copy_access_lists(dir, host);
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    return futimens(dir, times) < 0 ? -errno : 0;
}

/* The first name of the way, and what comes after it. */
static char *next_name(const char **way)
{
    size_t n = strcspn(*way, "/");
    char *name = xasprintf("%.*s", (int)n, *way);

    *way += n + strspn(*way + n, "/");
    return name;
}

static int open_name(int dir, const char *name, int flags)
{
    int fd = openat(dir, name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* *ret_made: whether it was not there. What the way to another hidden directory has made is taken
 * away by a whiteout. */
static int make_name(int dir, const char *name, bool last, bool *ret_made)
{
    int r = 0;

    *ret_made = (last ? mknodat(dir, name, S_IFCHR, 0) : mkdirat(dir, name, 0700)) == 0;
    if (*ret_made || (errno == EEXIST && !last))
        return 0;
    if (errno == EEXIST)
        r = file_remove_tree_at(dir, name);
    if (r == 0 && mknodat(dir, name, S_IFCHR, 0) < 0)
        r = -errno;
    *ret_made = r == 0;
    return r;
}

static bool is_absent(int fd)
{
    return fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP;
}

/* Adds the way to `layer`, which is `fresh` if nobody has yet said what it is like. The way ends
 * where a part of it is not there, as beneath what is mounted in an input. */
static int lay(int layer, bool fresh, int host, const char *way)
{
    cleanup_close int dir = fcntl(layer, F_DUPFD_CLOEXEC, 3), at = fcntl(host, F_DUPFD_CLOEXEC, 3);
    bool last = false;
    int r = dir < 0 || at < 0 ? -errno : 0;

    while (r == 0 && !last) {
        cleanup_free char *name = next_name(&way);
        cleanup_close int below = open_name(at, name, O_PATH);
        bool made = false;
        int sub;

        last = *way == '\0' || is_absent(below);
        if (below < 0 && !is_absent(below))
            return below;
        if (below >= 0)
            r = make_name(dir, name, last, &made);
        if (r == 0 && (fresh || made)) /* after what is made in it, which changes its times */
            r = hidden_be_like(dir, at);
        sub = r < 0 || last ? r : open_name(dir, name, O_RDONLY);
        if (sub < 0 || last)
            return sub == -ENOTDIR ? 0 : sub; /* a whiteout: it lies in what is hidden */
        (void)close(dir);
        (void)close(at);
        dir = sub;
        at = steal_fd(&below);
        fresh = made;
    }
    return r;
}

int hidden_open_layer(struct sandbox_stage *s, size_t input, bool there)
{
    cleanup_close int all = file_open_dir_p_at(s->tmpfs, "hide", 0755);
    char name[32];
    int r = all < 0 ? all : 0;

    (void)snprintf(name, sizeof(name), "%zu", input);
    if (r == 0 && !there) /* an earlier job's, which is gone */
        r = file_remove_tree_at(all, name);
    if (r == 0 && !there && mkdirat(all, name, 0755) < 0)
        r = -errno;
    return r < 0 ? r : open_name(all, name, O_RDONLY);
}

int hidden_lay_over_input(struct sandbox_stage *s, size_t input, const struct stat *st, int mount,
                          bool *ret_hides)
{
    int r = 0;

    *ret_hides = false;
    for (const struct sandbox_hidden *h = s->hidden; r == 0 && h != NULL; h = h->next) {
        const char *way = own_way(s->hidden, h, st);
        cleanup_close int layer = -EBADF;

        if (way == NULL || weakened("out-hidden"))
            continue;
        layer = hidden_open_layer(s, input, *ret_hides);
        r = layer < 0 ? layer : lay(layer, true, mount, way);
        *ret_hides |= r == 0;
    }
    return r;
}

/* ---- the host's root ---- */

static bool is_whiteout(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
           st.st_rdev == 0;
}

/* What the mask hides or empties on the way hides all that is below. */
static bool is_masked(int top, int mid, const char *way)
{
    for (size_t n = strcspn(way, "/");; n += 1 + strcspn(way + n + 1, "/")) {
        cleanup_free char *part = xasprintf("%.*s", (int)n, way);

        if (is_whiteout(top, part) || is_whiteout(mid, part))
            return true;
        if (way[n] == '\0')
            return false;
    }
}

int hidden_lay_over_host(const struct sandbox_hidden *hidden, int mask, int host)
{
    cleanup_close int top = -EBADF, mid = -EBADF;
    struct stat st;
    int r = 0;

    if (fstat(host, &st) < 0)
        return -errno;
    if (sandbox_hidden_below(hidden, &st) == NULL)
        return 0;
    top = open_name(mask, "top", O_RDONLY);
    mid = open_name(mask, "mid", O_RDONLY);
    if (top < 0 || mid < 0)
        return top < 0 ? top : mid;
    for (const struct sandbox_hidden *h = hidden; r == 0 && h != NULL; h = h->next) {
        const char *way = own_way(hidden, h, &st);

        if (way != NULL && !is_masked(top, mid, way))
            r = lay(top, false, host, way);
    }
    return r;
}
