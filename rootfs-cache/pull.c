/* SPDX-License-Identifier: Apache-2.0 */
/* pull: an image in a registry gets a name, or a name gets what its reference stands for by now.
 * Not responsible for how it is fetched (skopeo.c). */
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/names.h"

#include <string.h>

/* What a reference may be made of; whether there is such an image, the registry knows. The same as
 * in a job file. */
static int check_reference(const char *image, struct cupel_error *err)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@";

    if (strlen(image) <= 500 && strspn(image, ok) == strlen(image) &&
        strspn(image, "._-/:@") == 0 && image[0] != '\0')
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%.100s' is no reference of an image", image);
    cupel_error_hint(err, "[REGISTRY/]NAME[:TAG] or [REGISTRY/]NAME@sha256:DIGEST");
    return -EINVAL;
}

/* What is kept under the name, if anything: *ret stays empty otherwise. */
static int read_old(struct cache *cache, const char *name, struct record *ret,
                    struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("names/%s", name);
    int r = record_read(cache, path, ret);

    return r < 0 && r != -ENOENT && r != -EBADMSG ? store_error(cache, err, r, "read a name") : 0;
}

static int refuse_unknown(const struct cache_pull *pull, const struct record *old,
                          struct cupel_error *err)
{
    if (old->n > 0)
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "root '%s' was not pulled from a registry",
                              pull->name);
    else
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "no root is called '%s'", pull->name);
    cupel_error_hint(err, "say what it shall be: `cupel rootfs pull %s IMAGE`", pull->name);
    return -ENOENT;
}

static int write_name(struct cache *cache, const struct cache_source *source,
                      const struct cache_root *root, struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("names/%s", source->name);
    struct record record = RECORD_INIT;
    int r;

    record_of_root(root, &record);
    record.kind = xstrdup("image");
    record.source = xstrdup(source->image);
    record.reference = xstrdup(source->image);
    record.platform = source->platform != NULL ? xstrdup(source->platform) : NULL;
    r = record_write(cache, path, &record);
    record.config = NULL; /* the root's */
    record_free(&record);
    return r < 0 ? store_error(cache, err, r, "write a name") : 0;
}

static enum cache_pulled pull_compare(const struct record *old, const struct cache_root *root)
{
    if (old->n == 0)
        return CACHE_PULLED_NEW;
    return old->digest != NULL && str_starts(old->digest, "sha256:") &&
                   str_eq(old->digest + 7, root->digest)
               ? CACHE_PULLED_SAME
               : CACHE_PULLED_OTHER;
}

int cache_pull(struct cache *cache, const struct cache_pull *pull, enum cache_pulled *ret_what,
               char ret_digest[65], struct cupel_error *err)
{
    struct cache_source source = {.kind = CACHE_IMAGE, .name = pull->name};
    struct cache_root root = CACHE_ROOT_INIT;
    struct record old = RECORD_INIT;
    int r = names_check(pull->name, err);

    if (r == 0)
        r = read_old(cache, pull->name, &old, err);
    source.image = pull->image != NULL ? pull->image : old.reference;
    source.platform = pull->platform != NULL || pull->image != NULL ? pull->platform : old.platform;
    if (r == 0)
        r = source.image == NULL ? refuse_unknown(pull, &old, err)
                                 : check_reference(source.image, err);
    if (r == 0)
        r = cache_prepare(cache, &source, &root, err); /* pinned until the name stands */
    if (r == 0)
        r = write_name(cache, &source, &root, err);
    if (r == 0) {
        *ret_what = pull_compare(&old, &root);
        memcpy(ret_digest, root.digest, sizeof(root.digest));
    }
    cache_root_release(&root);
    record_free(&old);
    return r;
}
