/* SPDX-License-Identifier: Apache-2.0 */
/* import: a source, told by what is in it, is made a root and gets a name. Not responsible for how
 * any kind of source is unpacked. */
#include "rootfs-cache/sources/inspect.h"
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/names.h"

#include <fcntl.h>
#include <string.h>

static const char *const form_kinds[] = {[FORM_TAR] = "tar",
                                         [FORM_IMAGE] = "image",
                                         [FORM_DIRECTORY] = "directory",
                                         [FORM_BUNDLE] = "bundle"};

/* A bundle's root is a directory beneath it, and no link. */
static int open_bundle(const char *path, const char *name, char **ret_root, struct cupel_error *err)
{
    cleanup_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = -EBADF;

    root = dir < 0 ? -errno : file_open_beneath(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (root < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, root,
                              "cannot use the bundle '%s': its root '%.100s'", path, name);
        cupel_error_hint(err, "the root must be a directory of the bundle, and no link");
        return -EINVAL;
    }
    *ret_root = xasprintf("%s/%s", path, name);
    return 0;
}

static int store_name(struct cache *cache, const struct cache_import *import,
                      enum recognised_form form, const struct cache_root *root,
                      struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("names/%s", import->name);
    const char *base = source_base_name(import->path);
    struct record record = RECORD_INIT;
    int r;

    record_of_root(root, &record);
    record.kind = xstrdup(form_kinds[form]);
    record.source = import->tag != NULL ? xasprintf("%s, %s", base, import->tag) : xstrdup(base);
    r = record_write(cache, path, &record);
    record.config = NULL; /* the root's */
    record_free(&record);
    return r < 0 ? store_error(cache, err, r, "write a name") : 0;
}

int cache_import(struct cache *cache, const struct cache_import *import, struct cupel_error *err)
{
    static const enum cache_source_kind kinds[] = {[FORM_TAR] = CACHE_TAR,
                                                   [FORM_IMAGE] = CACHE_OCI,
                                                   [FORM_DIRECTORY] = CACHE_DIRECTORY,
                                                   [FORM_BUNDLE] = CACHE_DIRECTORY};
    _cleanup_(recognised_free) struct recognised what = {0};
    cleanup_free char *absolute = NULL, *bundle_root = NULL, *config = NULL;
    struct cache_source source = {.name = import->name,
                                  .tag = import->tag,
                                  .platform = import->platform,
                                  .strip = import->strip};
    struct cache_root root = CACHE_ROOT_INIT;
    int r = names_check(import->name, err);

    if (r == 0)
        r = inspect_source(cache, import->path, &what, err);
    if (r < 0)
        return r;
    if (what.form != FORM_IMAGE && (import->tag != NULL || import->platform != NULL))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "'%s' is no image: a tag or platform means nothing", import->path);
    if (what.form != FORM_TAR && import->strip > 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "'%s' is no tar of a root: there is nothing to strip", import->path);
    absolute = realpath(import->path, NULL);
    source.kind = kinds[what.form];
    source.tar = source.oci = source.directory = absolute != NULL ? absolute : import->path;
    if (what.form == FORM_BUNDLE) {
        r = open_bundle(source.directory, what.bundle_root, &bundle_root, err);
        source.directory = bundle_root;
        source.config = config = cache_config_text(what.config);
    }
    if (r == 0)
        r = cache_prepare(cache, &source, &root, err); /* pinned until the name stands */
    if (r == 0)
        r = store_name(cache, import, what.form, &root, err);
    cache_root_release(&root);
    return r;
}
