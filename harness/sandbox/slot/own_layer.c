/* SPDX-License-Identifier: Apache-2.0 */
/* own_layer: what every job has of its own in its root, /etc/hosts, /etc/resolv.conf and the home
 * of its user where the root has none, as one more layer on top of its root's, in the stage's
 * tmpfs; made again only for a job of which it is something else. Laid over the root in each job,
 * that costs a whiteout, a copy of /etc and new files on its disk, and the removal of all of it: a
 * tenth of a millisecond.
 *
 * Of a merged directory overlayfs shows what the topmost layer has, so the layer's /etc is like the
 * root's. Where that cannot be, /etc being a link, missing, or with attributes of its own, where an
 * earlier job has left anything in /etc, or with an input there, PID 1 lays all of it (hostname.c,
 * home.c), as it also does where this fails. In the slot. */
#include "harness/sandbox/slot/own_layer.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/stage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define PLACE "own"

/* ---- what the root has ---- */

/* Only a directory is opened: nothing that could be followed or waited for. 1: it is as this says;
 * 0: this layer has none; else it is not for us. */
static int look(int layer, const char *path, struct etc_like *ret)
{
    cleanup_close int fd = openat(layer, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (flistxattr(fd, NULL, 0) > 0)
        return -ENOTSUP;
    *ret =
        (struct etc_like){true, st.st_uid, st.st_gid, st.st_mode & 07777, {st.st_atim, st.st_mtim}};
    return 1;
}

void own_layer_find_etc(const int *layers, size_t n, bool masked, struct etc_like *ret)
{
    static const char *const of_mask[] = {"top/etc", "mid/etc"};
    int r = 0;

    *ret = (struct etc_like){.known = false};
    for (size_t i = 0; masked && r == 0 && i < ARRAY_SIZE(of_mask); i++)
        r = look(layers[0], of_mask[i], ret);
    for (size_t i = masked ? 1 : 0; r == 0 && i < n; i++)
        r = look(layers[i], "etc", ret);
}

static bool has_nothing(int dir, const char *path)
{
    struct stat st;

    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* Whether none of the earlier jobs that this one starts from has left anything of that name in its
 * root's top directory: not a file, nor the mark of one that it removed. */
static bool is_untouched(const struct sandbox_stage *s, const struct sandbox_request *request,
                         const size_t *below, const char *name)
{
    cleanup_free char *path = xasprintf("u/%s", name);

    for (size_t i = 0; i < request->job->depth; i++)
        if (!has_nothing(s->snapshots[below[i]].mount, path))
            return false;
    return true;
}

/* A home directly in "/", of which there is nothing at all in the root: the name, or NULL. */
static const char *missing_home(const struct sandbox_stage *s,
                                const struct sandbox_request *request, const size_t *below,
                                const struct own_files *own)
{
    const char *name = own->home != NULL && own->home[0] == '/' ? own->home + 1 : "";

    if (name[0] == '\0' || strchr(name, '/') != NULL || str_eq(name, ".") || str_eq(name, ".."))
        return NULL;
    for (size_t i = 0; i < request->n_layers; i++)
        if (!has_nothing(request->layers[i], name))
            return NULL;
    return is_untouched(s, request, below, name) ? name : NULL;
}

/* ---- the layer ---- */

static int make_file(int etc, const char *name, const char *text, uint32_t id)
{
    cleanup_close int fd =
        text == NULL ? -EBADF : openat(etc, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (text == NULL)
        return 0;
    if (fd < 0 || fchown(fd, id, id) < 0)
        return -errno;
    return file_write_all(fd, text, strlen(text));
}

static int be_like(int etc, const struct etc_like *like)
{
    if (fchown(etc, like->uid, like->gid) < 0 || fchmod(etc, like->mode) < 0 ||
        futimens(etc, like->times) < 0)
        return -errno;
    return 0;
}

static int make_home(int layer, const char *name, uint32_t uid, uint32_t gid)
{
    if (name == NULL)
        return 0;
    return mkdirat(layer, name, 0755) < 0 ||
                   fchownat(layer, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0
               ? -errno
               : 0;
}

static int make_layer(const struct sandbox_stage *s, const struct sandbox_request *request,
                      const char *path, const struct own_files *own, const char *home)
{
    cleanup_close int layer = file_open_dir_p_at(s->tmpfs, path, 0755), etc = -EBADF;
    int r = layer < 0 ? layer : 0;

    if (r == 0 && mkdirat(layer, "etc", 0700) < 0)
        r = -errno;
    if (r == 0) {
        etc = openat(layer, "etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = etc < 0 ? -errno : make_file(etc, "hosts", own->hosts, s->id_base);
    }
    if (r == 0)
        r = make_file(etc, "resolv.conf", own->resolver, s->id_base);
    if (r == 0)
        r = be_like(etc, &s->roots[request->root].etc);
    if (r == 0)
        r = make_home(layer, home, s->id_base + own->uid, s->id_base + own->gid);
    return r;
}

/* ---- keeping it ---- */

/* All that a layer is made of, as one text. */
static char *describe(const struct own_files *own, const char *home)
{
    return xasprintf("%u:%u:%s\n%s\n%d%s", own->uid, own->gid, home != NULL ? home : "", own->hosts,
                     own->resolver != NULL, own->resolver != NULL ? own->resolver : "");
}

static bool is_below_etc(const struct jobs_job *job)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        if (str_eq(job->inputs[i].to, "/etc") || str_starts(job->inputs[i].to, "/etc/"))
            return true;
    return false;
}

bool own_layer_lay(struct sandbox_stage *s, const struct sandbox_request *request,
                   const size_t *below, const struct own_files *own,
                   char ret_path[static OWN_LAYER_SIZE])
{
    struct stage_root *root = &s->roots[request->root];
    cleanup_free char *wanted = NULL;
    const char *home;

    if (!root->etc.known || request->kept != NULL || is_below_etc(request->job) ||
        !is_untouched(s, request, below, "etc"))
        return false;
    (void)snprintf(ret_path, OWN_LAYER_SIZE, "/" PLACE "/%zu", request->root);
    home = missing_home(s, request, below, own);
    wanted = describe(own, home);
    if (root->own != NULL && str_eq(root->own, wanted))
        return true;
    free(root->own);
    root->own = NULL;
    /* that of an earlier job, which is gone */
    if (file_remove_tree_at(s->tmpfs, ret_path + 1) < 0 ||
        make_layer(s, request, ret_path + 1, own, home) < 0)
        return false;
    root->own = steal_ptr(wanted);
    return true;
}
