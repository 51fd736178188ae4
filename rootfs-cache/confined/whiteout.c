/* SPDX-License-Identifier: Apache-2.0 */
/* whiteout: what a layer deletes of those beneath (OCI image specification, layer.md), in
 * overlayfs' words: character devices 0:0, opaque directories. Since tools differ in what they
 * delete, and in which order, what a whiteout means is looked at twice: when it comes, and when all
 * has come (layer_settle). In the confined child. */
#include "rootfs-cache/confined/oci_layer.h"
#include "rootfs-cache/confined/replicate.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_OTHERS ".wh..wh." /* of aufs: bookkeeping, to be left out */

static bool is_implied(const struct layer *l, const char *path)
{
    for (size_t i = 0; i < l->n_implied; i++)
        if (str_eq(l->implied[i], path))
            return true;
    return false;
}

/* Whether all that is in the directory are whiteouts, and no entry made it or what is in it. */
static bool is_only_whiteouts(const struct layer *l, const char *path)
{
    struct dirent **names = NULL;
    bool only = is_implied(l, path);
    int n = only ? scandirat(AT_FDCWD, path, &names, NULL, NULL) : 0;

    for (int i = 0; i < n; i++) {
        cleanup_free char *child = xasprintf("%s/%s", path, names[i]->d_name);
        struct stat st;

        if (only && !str_eq(names[i]->d_name, ".") && !str_eq(names[i]->d_name, ".."))
            only = fstatat(AT_FDCWD, child, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                   (S_ISDIR(st.st_mode) ? is_only_whiteouts(l, child) : replicate_is_whiteout(&st));
        free(names[i]);
    }
    free(names);
    return only && n >= 0;
}

int whiteout_drop(struct unpacker *u, const char *entry, const char *path)
{
    struct layer *l = u->layer;
    size_t n = strlen(path), kept = 0;
    int r;

    if (!is_only_whiteouts(l, path))
        return 0;
    r = file_remove_tree_at(AT_FDCWD, path);
    for (size_t i = 0; i < l->n_implied; i++)
        if (strncmp(l->implied[i], path, n) == 0 &&
            (l->implied[i][n] == '\0' || l->implied[i][n] == '/'))
            free(l->implied[i]);
        else
            l->implied[kept++] = l->implied[i];
    l->n_implied = kept;
    return r < 0 ? unpacker_write_failed(u, entry, -r, NULL) : 0;
}

/* Whether this layer has made one of the directories above into something else, or deleted it:
 * nothing is left to delete there. */
static bool is_beneath_other(const char *name)
{
    cleanup_free char *prefix = xstrdup(name);
    struct stat st;

    for (char *slash = strchr(prefix, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (fstatat(AT_FDCWD, prefix, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return false;
        if (!S_ISDIR(st.st_mode))
            return true;
        *slash = '/';
    }
    return false;
}

/* Only what lies beneath is meant, not what this layer itself has by that name. Since Linux 5.8,
 * 0:0 needs no CAP_MKNOD. */
static int whiteout_make_at(struct unpacker *u, const char *entry, const char *path)
{
    struct layer *l = u->layer;
    struct stat st;
    int r = whiteout_drop(u, entry, path);

    if (r < 0)
        return r;
    if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISDIR(st.st_mode) ? oci_layer_mark_opaque(u, entry, path) : 0;
    if (mknod(path, S_IFCHR, makedev(0, 0)) < 0)
        return unpacker_write_failed(u, entry, errno, NULL);
    l->whiteouts = xrealloc(l->whiteouts, (l->n_whiteouts + 1) * sizeof(*l->whiteouts));
    l->whiteouts[l->n_whiteouts++] = xstrdup(path);
    return 0;
}

/* Whether this layer itself hides all that lies beneath `path`. */
static bool is_hidden(const char *path)
{
    cleanup_free char *dir = xstrdup(path);
    char value[2];

    for (;;) {
        char *slash = strrchr(dir, '/');

        if (slash != NULL)
            *slash = '\0';
        if (getxattr(slash != NULL ? dir : ".", LIKENESS_OPAQUE, value, sizeof(value)) == 1 &&
            value[0] == 'y')
            return true;
        if (slash == NULL)
            return false;
    }
}

int oci_layer_settle(struct unpacker *u)
{
    struct layer *l = u->layer;

    for (size_t i = 0; i < l->n_whiteouts; i++) {
        const char *path = l->whiteouts[i];
        cleanup_close int beneath = -EBADF;
        struct stat st;

        if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !replicate_is_whiteout(&st))
            continue; /* replaced by an entry */
        if (!is_hidden(path) && oci_layer_find_beneath(l, path, &beneath, &st) != -ENOENT)
            continue;
        if (unlink(path) < 0)
            return unpacker_write_failed(u, path, errno, NULL);
    }
    return 0;
}

int whiteout_make(struct unpacker *u, const char *entry, struct strbuf *name)
{
    cleanup_free char *dir = NULL, *path = NULL;
    const char *slash, *base;
    struct stat st;
    int r;

    slash = strrchr(name->data, '/');
    base = slash != NULL ? slash + 1 : name->data;
    if (str_eq(base, WHITEOUT_PREFIX) || str_eq(base, WHITEOUT_PREFIX ".") ||
        str_eq(base, WHITEOUT_PREFIX ".."))
        return unpacker_refuse(u, entry, "is the whiteout of nothing");
    if (is_beneath_other(name->data))
        return 0;
    r = oci_layer_make_parents(u, entry, name);
    if (r < 0)
        return r;
    slash = strrchr(name->data, '/'); /* perhaps another: through a link beneath */
    base = slash != NULL ? slash + 1 : name->data;
    dir = slash != NULL ? xstrdup(name->data) : xstrdup(".");
    if (slash != NULL)
        dir[slash - name->data] = '\0';
    if (fstatat(AT_FDCWD, dir, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
        return unpacker_refuse(u, entry, "lies beneath something that is no directory");
    if (str_eq(base, WHITEOUT_OPAQUE))
        return oci_layer_mark_opaque(u, entry, dir);
    if (str_starts(base, WHITEOUT_OTHERS))
        return 0;
    base += strlen(WHITEOUT_PREFIX);
    path = slash != NULL ? xasprintf("%s/%s", dir, base) : xstrdup(base);
    return whiteout_make_at(u, entry, path);
}
