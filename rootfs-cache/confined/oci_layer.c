/* SPDX-License-Identifier: Apache-2.0 */
/* oci_layer: what an OCI layer has on top of a tar (OCI image specification, layer.md): its
 * digests, and that it speaks of a tree of which it holds a part only. Directories that it implies,
 * links that lead through or to files of the layers beneath: they are looked up there. Whiteouts
 * are whiteout.c's. In the confined child; the layers beneath were as hostile as this one. */
#include "rootfs-cache/confined/oci_layer.h"
#include "rootfs-cache/confined/replicate.h"
#include "rootfs-cache/confined/stream.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define LINKS_MAX 40 /* as the kernel has it (path_resolution(7)) */

void oci_layer_close(struct layer **layer)
{
    struct layer *l = *layer;

    if (l == NULL)
        return;
    for (size_t i = 0; i < l->n_implied; i++)
        free(l->implied[i]);
    free(l->implied);
    for (size_t i = 0; i < l->n_whiteouts; i++)
        free(l->whiteouts[i]);
    free(l->whiteouts);
    free(l);
}

void oci_layer_begin(struct unpacker *u, const struct unpack_layer *what, struct layer **ret)
{
    struct layer *l = xcalloc(1, sizeof(*l));

    *l = (struct layer){.what = what};
    u->layer = l;
    *ret = l;
}

static int oci_layer_compare(struct unpacker *u, const char *hex, const char *expected,
                             const char *of)
{
    char why[200];

    if (expected[0] == '\0' || str_eq(hex, expected))
        return 0;
    (void)snprintf(why, sizeof(why), "the digest of %s is sha256:%s", of, hex);
    return unpacker_corrupt(u, why);
}

static int check_digests(struct unpacker *u, struct layer *l)
{
    char blob[STREAM_DIGEST_HEX], tar[STREAM_DIGEST_HEX];
    int r = stream_finish(u, u->stream);

    if (r == 0)
        r = stream_digests(u, u->stream, blob, tar);
    if (r == 0)
        r = oci_layer_compare(u, blob, l->what->digest, "the layer");
    return r < 0 ? r : oci_layer_compare(u, tar, l->what->diff_id, "the tar in the layer");
}

/* ---- the layers beneath ---- */

/* Waits until the layers beneath are whole: they may still be in the making, beside this one, and
 * whoever makes them then says so. */
static int wait_for_lowers(struct layer *l)
{
    int ready = l->is_ready || l->what->ready < 0 ? -EBADF : l->what->lowers[l->what->n_lowers];
    char nothing;
    ssize_t n;

    if (ready < 0)
        return 0;
    do
        n = read(ready, &nothing, 1);
    while (n < 0 && errno == EINTR);
    if (n != 0)
        return n < 0 ? -errno : -EPROTO;
    l->is_ready = true;
    return 0;
}

/* One layer: 1 with the fd (O_PATH; a directory: readable) of `path`, 0 when it has none and those
 * beneath may, -ENOENT when it hides those beneath. No link is followed. */
static int lower_step(int lower, const char *path, int *ret_fd, struct stat *ret_st)
{
    cleanup_close int at = openat(lower, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool hides = false;

    if (at < 0)
        return -errno;
    for (;;) {
        char part[NAME_MAX + 1];
        size_t n = strcspn(path, "/");
        int next;

        if (n > NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(part, path, n);
        part[n] = '\0';
        hides |= replicate_is_opaque(at);
        if (fstatat(at, part, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
            return errno != ENOENT ? -errno : hides ? -ENOENT : 0;
        if (replicate_is_whiteout(ret_st))
            return -ENOENT;
        next = openat(at, part,
                      (S_ISDIR(ret_st->st_mode) ? O_RDONLY | O_DIRECTORY : O_PATH) | O_NOFOLLOW |
                          O_CLOEXEC);
        if (next < 0)
            return -errno;
        base_closep(&at);
        at = next;
        path += n;
        if (*path == '\0')
            break;
        path++;
        if (!S_ISDIR(ret_st->st_mode))
            return -ENOENT;
    }
    *ret_fd = steal_fd(&at);
    return 1;
}

int oci_layer_find_beneath(struct layer *l, const char *path, int *ret_fd, struct stat *ret_st)
{
    int ready = wait_for_lowers(l);

    if (ready < 0)
        return ready;
    for (size_t i = 0; i < l->what->n_lowers; i++) {
        int r = lower_step(l->what->lowers[i], path, ret_fd, ret_st);

        if (r != 0)
            return r < 0 ? r : 0;
    }
    return -ENOENT;
}

/* ---- parents ---- */

static void note_implied(struct layer *l, const char *path)
{
    l->implied = xrealloc(l->implied, (l->n_implied + 1) * sizeof(*l->implied));
    l->implied[l->n_implied++] = xstrdup(path);
}

/* Forgets a directory as an implied one: it has an entry of its own after all. */
static void forget_implied(struct layer *l, const char *path)
{
    for (size_t i = 0; i < l->n_implied; i++)
        if (str_eq(l->implied[i], path)) {
            free(l->implied[i]);
            memmove(&l->implied[i], &l->implied[i + 1], (--l->n_implied - i) * sizeof(*l->implied));
            return;
        }
}

/* Appends the parts of `path` to a path from the root. ".." stays within, as in a chroot. */
static void walk_on(struct strbuf *from_root, const char *path)
{
    for (const char *p = path; *p != '\0'; p += strspn(p, "/")) {
        size_t len = strcspn(p, "/");

        if (len == 2 && p[0] == '.' && p[1] == '.') {
            char *last = strrchr(from_root->data, '/');

            from_root->len = last != NULL ? (size_t)(last - from_root->data) : 0;
            from_root->data[from_root->len] = '\0';
        } else if (len > 0 && !(len == 1 && p[0] == '.')) {
            if (from_root->len > 0)
                strbuf_adds(from_root, "/");
            strbuf_add(from_root, p, len);
        }
        p += len;
    }
}

/* `prefix` is a symbolic link beneath: what it and the `rest` of a name lead to, seen from the
 * root. */
static int through_link(struct unpacker *u, const char *entry, int link, const char *prefix,
                        const char *rest, struct strbuf *ret)
{
    cleanup_strbuf struct strbuf whole = {0}, clean = {0};
    const char *slash = strrchr(prefix, '/');
    char target[PATH_MAX];
    ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);

    if (n <= 0)
        return unpacker_refuse(u, entry, "leads through a symbolic link that cannot be read");
    target[n] = '\0';
    if (target[0] != '/' && slash != NULL)
        strbuf_addf(&whole, "%.*s/", (int)(slash - prefix), prefix);
    strbuf_addf(&whole, "%s/%s", target, rest);
    strbuf_adds(&clean, "");
    walk_on(&clean, whole.data);
    strbuf_free(ret);
    *ret = clean;
    clean = (struct strbuf){0};
    return 0;
}

int oci_layer_mark_opaque(struct unpacker *u, const char *entry, const char *path)
{
    return setxattr(path, LIKENESS_OPAQUE, "y", 1, 0) < 0
               ? unpacker_write_failed(u, entry, errno, NULL)
               : 0;
}

/* What is at `path` by now, in this layer or beneath. */
enum oci_layer_seen {
    SEEN_NOTHING,   /* or no directory, whose place the new one takes */
    SEEN_HERE,      /* what is no directory is refused when the entry is written */
    SEEN_DELETED,   /* by this layer: nothing of it beneath shows */
    SEEN_LINK,      /* beneath; *ret_fd is it */
    SEEN_DIRECTORY, /* beneath */
};

/* Looks; a whiteout is removed. Negative errno: u->err is filled. */
static int see_parent(struct unpacker *u, const char *entry, const char *path, int *ret_fd)
{
    struct stat st;
    int r;

    if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!replicate_is_whiteout(&st))
            return SEEN_HERE;
        return unlink(path) < 0 ? unpacker_write_failed(u, entry, errno, NULL) : SEEN_DELETED;
    }
    r = oci_layer_find_beneath(u->layer, path, ret_fd, &st);
    if (r < 0 && r != -ENOENT)
        return unpacker_write_failed(u, entry, -r, NULL);
    return r < 0                 ? SEEN_NOTHING
           : S_ISLNK(st.st_mode) ? SEEN_LINK
           : S_ISDIR(st.st_mode) ? SEEN_DIRECTORY
                                 : SEEN_NOTHING;
}

static int make_parent(struct unpacker *u, const char *entry, const char *path,
                       enum oci_layer_seen seen)
{
    if (mkdir(path, 0755) < 0)
        return unpacker_write_failed(u, entry, errno, NULL);
    if (seen == SEEN_DIRECTORY)
        note_implied(u->layer, path);
    return seen == SEEN_DELETED ? oci_layer_mark_opaque(u, entry, path) : 0;
}

int oci_layer_make_parents(struct unpacker *u, const char *entry, struct strbuf *name)
{
    const char *slash;
    size_t at = 0;
    int links = 0, r = 0;

    if (regular_files_is_placed(u, name->data))
        return 0;
    while (r == 0 && (slash = strchr(name->data + at, '/')) != NULL) {
        cleanup_free char *prefix = xasprintf("%.*s", (int)(slash - name->data), name->data);
        cleanup_close int beneath = -EBADF;
        int seen = see_parent(u, entry, prefix, &beneath);

        at = strlen(prefix) + 1;
        if (seen < 0)
            return seen;
        if (seen == SEEN_LINK) {
            cleanup_free char *rest = xstrdup(slash + 1);

            if (++links > LINKS_MAX)
                return unpacker_refuse(u, entry, "leads through too many symbolic links");
            r = through_link(u, entry, beneath, prefix, rest, name);
            at = 0;
        } else if (seen != SEEN_HERE) {
            r = make_parent(u, entry, prefix, (enum oci_layer_seen)seen);
        }
    }
    return r;
}

/* ---- hard links to files beneath ---- */

/* Reopens what lower_find found, which is O_PATH, for reading: there is no /proc here. */
static int open_beneath(const struct layer *l, const char *path)
{
    for (size_t i = 0; i < l->what->n_lowers; i++) {
        int fd = file_open_beneath(l->what->lowers[i], path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);

        if (fd != -ENOENT)
            return fd;
    }
    return -ENOENT;
}

int oci_layer_open_shown(struct unpacker *u, const char *path)
{
    cleanup_close int found = -EBADF;
    struct stat st;
    int fd = file_open_beneath(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);

    if (fd != -ENOENT)
        return fd;
    fd = oci_layer_find_beneath(u->layer, path, &found, &st);
    return fd < 0 ? fd : !S_ISREG(st.st_mode) ? -ENOENT : open_beneath(u->layer, path);
}

/* A link to a file that this layer does not have: it is copied up, as the kernel would, had the
 * link been made in a container. */
static int copy_up(struct unpacker *u, const char *entry, const char *target)
{
    cleanup_strbuf struct strbuf name = {0};
    cleanup_close int found = -EBADF, from = -EBADF;
    struct stat st;
    int r;

    if (oci_layer_find_beneath(u->layer, target, &found, &st) < 0)
        return 0; /* refused when the entry is written */
    if (!S_ISREG(st.st_mode))
        return unpacker_refuse(u, entry,
                               "is a hard link to something beneath that is no regular file");
    strbuf_adds(&name, target);
    r = oci_layer_make_parents(u, entry, &name);
    if (r < 0)
        return r;
    from = open_beneath(u->layer, target);
    r = from < 0 ? from : replicate_copy_file(from, name.data);
    if (r == 0)
        r = replicate_make(name.data, &st, from);
    u->counts->bytes += r == 0 ? (uint64_t)st.st_size : 0;
    return r < 0 ? unpacker_write_failed(u, entry, -r, NULL) : 0;
}

static int prepare_hardlink(struct unpacker *u, struct archive_entry *entry, const char *name)
{
    cleanup_strbuf struct strbuf target = {0};
    const char *link = archive_entry_hardlink(entry);
    struct stat st;

    if (link == NULL || unpacker_normalize(link, &target) != NULL)
        return 0; /* refused when the entry is written */
    if (fstatat(AT_FDCWD, target.data, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return replicate_is_whiteout(&st)
                   ? unpacker_refuse(u, name, "is a hard link to something that this layer deletes")
                   : 0;
    return copy_up(u, name, target.data);
}

/* ---- entries ---- */

/* A directory where this layer has deleted what was there: it starts empty. */
static int replace_whiteout(struct unpacker *u, struct archive_entry *entry, const char *name)
{
    struct stat st;

    if (fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !replicate_is_whiteout(&st))
        return 0;
    if (unlink(name) < 0)
        return unpacker_write_failed(u, name, errno, NULL);
    if (archive_entry_filetype(entry) != AE_IFDIR || archive_entry_hardlink(entry) != NULL)
        return 0;
    return mkdir(name, 0755) < 0 ? unpacker_write_failed(u, name, errno, NULL)
                                 : oci_layer_mark_opaque(u, name, name);
}

int oci_layer_entry(struct unpacker *u, struct archive_entry *entry, struct strbuf *name)
{
    cleanup_free char *shown = xstrdup(name->data);
    const char *slash = strrchr(name->data, '/');
    int r;

    if (str_starts(slash != NULL ? slash + 1 : name->data, WHITEOUT_PREFIX)) {
        regular_files_forget_place(u);
        r = whiteout_make(u, shown, name);
        return r < 0 ? r : 1;
    }
    r = oci_layer_make_parents(u, shown, name);
    if (r == 0 &&
        (archive_entry_filetype(entry) != AE_IFDIR || archive_entry_hardlink(entry) != NULL))
        r = whiteout_drop(u, shown, name->data);
    forget_implied(u->layer, name->data);
    if (r == 0)
        r = prepare_hardlink(u, entry, shown);
    return r < 0 ? r : replace_whiteout(u, entry, name->data);
}

/* Has the root be as it was beneath, where no entry of this layer is about it. */
static int root_like_beneath(struct unpacker *u)
{
    struct layer *l = u->layer;
    int r = u->has_root || l->what->n_lowers == 0 ? 0 : wait_for_lowers(l);

    if (r == 0 && !u->has_root && l->what->n_lowers > 0 && fstat(l->what->lowers[0], &u->root) < 0)
        r = -errno;
    return r < 0 ? unpacker_write_failed(u, ".", -r, NULL) : 0;
}

int oci_layer_finish(struct unpacker *u)
{
    struct layer *l = u->layer;
    int r = check_digests(u, l);

    if (r == 0)
        r = root_like_beneath(u);

    /* children first: making one changes its parent's time */
    for (size_t i = l->n_implied; r == 0 && i-- > 0;) {
        cleanup_close int beneath = -EBADF;
        struct stat st;

        r = oci_layer_find_beneath(l, l->implied[i], &beneath, &st);
        if (r == 0)
            r = replicate_make(l->implied[i], &st, beneath);
        if (r < 0)
            return unpacker_write_failed(u, l->implied[i], -r, NULL);
    }
    return r;
}
