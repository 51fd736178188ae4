/* SPDX-License-Identifier: Apache-2.0 */
/* import: a source, told by what is in it, is made a root and gets a name. Not responsible for how
 * any kind of source is unpacked. */
#include "rootfs-cache/import.h"

#include "rootfs-cache/sources/inspect.h"
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/names.h"

#include <fcntl.h>
#include <string.h>

/* What a path was found to be, and the texts that its source points to. */
struct found {
    struct recognised what;
    char *absolute, *bundle_root, *config;
};

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

static void found_free(struct found *f)
{
    recognised_free(&f->what);
    free(f->absolute);
    free(f->bundle_root);
    free(f->config);
}
#define cleanup_found _cleanup_(found_free)

static int find_out(struct cache *cache, const char *path, struct found *f,
                    struct cache_source *source, struct cupel_error *err)
{
    static const enum cache_source_kind kinds[] = {[FORM_TAR] = CACHE_TAR,
                                                   [FORM_IMAGE] = CACHE_OCI,
                                                   [FORM_DIRECTORY] = CACHE_DIRECTORY,
                                                   [FORM_BUNDLE] = CACHE_DIRECTORY};
    int r = inspect_source(cache, path, &f->what, err);

    if (r < 0)
        return r;
    if (f->what.form != FORM_IMAGE && (source->tag != NULL || source->platform != NULL))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "'%s' is no image: a tag or platform means nothing", path);
    if (f->what.form != FORM_TAR && source->strip > 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "'%s' is no tar of a root: there is nothing to strip", path);
    f->absolute = realpath(path, NULL);
    source->kind = kinds[f->what.form];
    source->tar = source->oci = source->directory = f->absolute != NULL ? f->absolute : path;
    if (f->what.form == FORM_BUNDLE) {
        r = open_bundle(source->directory, f->what.bundle_root, &f->bundle_root, err);
        source->directory = f->bundle_root;
        source->config = f->config = cache_config_text(f->what.config);
    }
    return r;
}

int import_prepare(struct cache *cache, const struct cache_source *path,
                   struct cache_root *ret_root, struct cupel_error *err)
{
    cleanup_found struct found found = {0};
    struct cache_source source = {.name = path->name, .tag = path->tag};
    int r = find_out(cache, path->path, &found, &source, err);

    return r < 0 ? r : cache_prepare(cache, &source, ret_root, err);
}

int cache_import(struct cache *cache, const struct cache_import *import, struct cupel_error *err)
{
    cleanup_found struct found found = {0};
    struct cache_source source = {.name = import->name,
                                  .tag = import->tag,
                                  .platform = import->platform,
                                  .strip = import->strip};
    struct cache_root root = CACHE_ROOT_INIT;
    int r = names_check(import->name, err);

    if (r == 0)
        r = find_out(cache, import->path, &found, &source, err);
    if (r < 0)
        return r;
    r = cache_prepare(cache, &source, &root, err); /* pinned until the name stands */
    if (r == 0)
        r = store_name(cache, import, found.what.form, &root, err);
    cache_root_release(&root);
    return r;
}
