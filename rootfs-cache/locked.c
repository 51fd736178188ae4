/* SPDX-License-Identifier: Apache-2.0 */
/* locked: what a root is, as an entry of a lock file, and making roots ready that must be what such
 * an entry says. Not responsible for the file (lockfile.c). */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/lockfile.h"
#include "rootfs-cache/sources/packages.h"
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/names.h"

#include <string.h>
#include <sys/utsname.h>

/* ---- what a root is ---- */

static void locked_set(json_t *entry, const char *key, const char *text)
{
    json_t *value = text != NULL ? json_string(text) : NULL;

    if (text != NULL)
        (void)json_object_set_new(entry, key, value != NULL ? value : json_string("(not UTF-8)"));
}

/* Beneath the lock file's directory as from there; what is elsewhere is elsewhere on every machine.
 */
static void locked_set_path(json_t *entry, const char *key, const struct cache_lockfile *lockfile,
                            const char *path)
{
    size_t n = strlen(lockfile->dir);

    if (str_starts(path, lockfile->dir) && path[n] == '/')
        path += n + 1;
    locked_set(entry, key, path);
}

/* Notes what the machine decides where the job file leaves it open. */
static void locked_set_machine(json_t *entry, const struct cache_source *source)
{
    struct utsname machine;

    locked_set(entry, "platform", source->platform);
    if (source->platform == NULL && uname(&machine) == 0)
        locked_set(entry, "machine", machine.machine);
}

static int locked_by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, each once: as the bootstrap takes them. */
static void locked_set_packages(json_t *entry, const char *const *packages)
{
    json_t *list = json_array();
    const char **sorted;
    size_t n = 0;

    while (packages != NULL && packages[n] != NULL)
        n++;
    sorted = xcalloc(n + 1, sizeof(*sorted));
    for (size_t i = 0; i < n; i++)
        sorted[i] = packages[i];
    qsort(sorted, n, sizeof(*sorted), locked_by_text);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !str_eq(sorted[i], sorted[i - 1]))
            (void)json_array_append_new(list, json_string(sorted[i]));
    free(sorted);
    (void)json_object_set_new(entry, "packages", list);
}

static json_t *asked_for(const struct cache_lockfile *lockfile, const struct cache_source *source)
{
    json_t *entry = json_object();

    switch (source->kind) {
    case CACHE_TAR:
        locked_set_path(entry, "tar", lockfile, source->tar);
        if (source->strip > 0)
            (void)json_object_set_new(entry, "strip", json_sprintf("%u", source->strip));
        break;
    case CACHE_OCI:
        locked_set_path(entry, "oci", lockfile, source->oci);
        locked_set(entry, "tag", source->tag);
        locked_set(entry, "platform", source->platform);
        break;
    case CACHE_IMAGE:
        locked_set(entry, "image", source->image);
        locked_set_machine(entry, source);
        break;
    case CACHE_DEBIAN:
        locked_set(entry, "debian", source->suite);
        locked_set_packages(entry, source->packages);
        locked_set_machine(entry, source);
        break;
    case CACHE_NAMED:
        locked_set(entry, "imported", source->name);
        break;
    case CACHE_HOST:
    case CACHE_SCRATCH:
    case CACHE_DIRECTORY:
    case CACHE_PATH: /* no job file has one */
        break;
    }
    return entry;
}

/* A text of layer.json, into the entry; false when it does not have it. */
static bool copy_of_layer(const struct cache *cache, const char *key, const char *field, json_t *to)
{
    cleanup_free char *text = NULL;
    cleanup_json json_t *o =
        names_layer_info(cache, key, &text) == 0 ? json_loads(text, 0, NULL) : NULL;
    json_t *value = json_object_get(o, field);

    return json_is_string(value) && (json_is_array(to) ? json_array_append(to, value)
                                                       : json_object_set(to, field, value)) == 0;
}

static int unknown_tree(const char *name, const char *key, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                          "root '%s' cannot be locked: its layer %.12s was made by an older cupel, "
                          "which did not note "
                          "what is in it",
                          name, key);
    cupel_error_hint(err, "have it made again: cupel rootfs remove %.12s", key);
    return -ENODATA;
}

/* Notes the digest, of each layer, of all that a job can see of it, top first. */
static int set_trees(json_t *entry, const struct cache *cache, const struct cache_source *source,
                     const struct cache_root *root, struct cupel_error *err)
{
    json_t *trees = json_array();

    (void)json_object_set_new(entry, "trees", trees);
    for (size_t i = 0; i < root->n_layers; i++)
        if (!copy_of_layer(cache, root->key[i], "tree", trees))
            return unknown_tree(source->name, root->key[i], err);
    return 0;
}

static int set_installed(json_t *entry, const struct cache *cache,
                         const struct cache_source *source, const struct cache_root *root,
                         struct cupel_error *err)
{
    _cleanup_(packages_free) struct packages installed = {0};

    if (source_debian_installed(cache, root->key[0], &installed) < 0)
        return unknown_tree(source->name, root->key[0], err);
    (void)json_object_set_new(entry, "installed", packages_json(&installed));
    return set_trees(entry, cache, source, root, err);
}

/* What an imported bundle wants of its processes stands in no layer; of an image, its digest covers
 * it. */
static void set_config(json_t *entry, const struct cache_root *root)
{
    cleanup_free char *text = root->digest[0] == '\0' ? cache_config_text(root->config) : NULL;
    char digest[CACHE_KEY_LEN + 1];

    if (text != NULL && hash_bytes(text, strlen(text), digest) == 0)
        locked_set(entry, "config", digest);
}

static int found_to_be(json_t *entry, const struct cache *cache, const struct cache_source *source,
                       const struct cache_root *root, struct cupel_error *err)
{
    if (root->digest[0] != '\0')
        (void)json_object_set_new(entry, "digest", json_sprintf("sha256:%s", root->digest));
    if (source->kind == CACHE_TAR && !copy_of_layer(cache, root->key[0], "sha256", entry))
        return unknown_tree(source->name, root->key[0], err);
    if (source->kind == CACHE_NAMED)
        set_config(entry, root);
    if (source->kind == CACHE_DEBIAN)
        return set_installed(entry, cache, source, root, err);
    return source->kind == CACHE_NAMED ? set_trees(entry, cache, source, root, err) : 0;
}

/* All that decides what a command makes of its base. */
static int asked_of_derived(const struct cache_recipe *recipe, json_t **ret,
                            struct cupel_error *err)
{
    char digest[CACHE_KEY_LEN + 1];
    size_t n = 0;
    int r;

    while (recipe->texts[n] != NULL)
        n++;
    r = hash_texts(recipe->texts, n, digest);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot compute a digest");
    *ret = json_object();
    locked_set(*ret, "from", recipe->from);
    locked_set(*ret, "recipe", digest);
    return 0;
}

static int derived_to_be(json_t *entry, const struct cache *cache,
                         const struct cache_recipe *recipe, const struct cache_root *root,
                         struct cupel_error *err)
{
    return copy_of_layer(cache, root->key[0], "contents", entry)
               ? 0
               : unknown_tree(recipe->name, root->key[0], err);
}

int cache_lockfile_note_derived(struct cache_lockfile *lockfile, const struct cache *cache,
                                const struct cache_recipe *recipe, const struct cache_root *root,
                                struct cupel_error *err)
{
    cleanup_json json_t *entry = NULL;
    int r = asked_of_derived(recipe, &entry, err);

    if (r == 0)
        r = derived_to_be(entry, cache, recipe, root, err);
    if (r == 0)
        (void)json_object_set(lockfile->noted, recipe->name, entry);
    return r;
}

int cache_lockfile_note(struct cache_lockfile *lockfile, const struct cache *cache,
                        const char *name, const struct cache_source *source,
                        const struct cache_root *root, struct cupel_error *err)
{
    json_t *entry = asked_for(lockfile, source);
    int r = found_to_be(entry, cache, source, root, err);

    if (r < 0)
        json_decref(entry);
    else
        (void)json_object_set_new(lockfile->noted, name, entry);
    return r;
}

/* ---- nothing but that ---- */

static void hint_lock(const struct cache_lockfile *lockfile, const char *before,
                      struct cupel_error *err)
{
    cupel_error_hint(err, "%scupel rootfs lock %s/%s", before, lockfile->dir, lockfile->job_file);
}

static int locked_find_entry(const struct cache_lockfile *lockfile, const char *name,
                             const json_t **ret, struct cupel_error *err)
{
    *ret = json_object_get(lockfile->had, name);
    if (*ret != NULL)
        return 0;
    if (!lockfile->exists)
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "there is no lock file '%s' for root '%s'",
                              lockfile->path, name);
    else if (lockfile->had == NULL)
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "%s says nothing about '%s' and its root '%s'", lockfile->path,
                              lockfile->job_file, name);
    else
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s says nothing about root '%s' of '%s'",
                              lockfile->path, name, lockfile->job_file);
    hint_lock(lockfile, "lock it: ", err);
    return -ENOENT;
}

static int check_asked(const struct cache_lockfile *lockfile, const char *name, const json_t *entry,
                       const json_t *now, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf difference = {0};

    lockfile_difference(entry, now, false, &difference);
    if (difference.len == 0)
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "root '%s' was locked as another one (%s): %s",
                          name, lockfile->path, difference.data);
    hint_lock(lockfile, "take back the change, or lock anew: ", err);
    return -ENODATA;
}

/* Files and names are the user's to put right; what comes from elsewhere is not. */
static int check_found(const struct cache_lockfile *lockfile, const char *name, bool from_elsewhere,
                       const json_t *entry, const json_t *now, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf difference = {0};

    lockfile_difference(entry, now, true, &difference);
    if (difference.len == 0)
        return 0;
    (void)cupel_error_set(err, from_elsewhere ? CUPEL_ERROR_HARNESS : CUPEL_ERROR_INPUT, 0,
                          "root '%s' is not what it was locked as (%s): %s", name, lockfile->path,
                          difference.data);
    hint_lock(lockfile, "bring back what it was, or lock anew: ", err);
    return -ENODATA;
}

/* Narrows the source so that nothing else is even fetched: an image by its digest, a Debian by its
 * versions. */
static int narrow(const json_t *entry, struct cache_source *source, struct packages *packages,
                  char **ret_image)
{
    const char *digest = json_string_value(json_object_get(entry, "digest"));
    cleanup_free char *wrong = NULL;
    int r = 0;

    if (source->kind == CACHE_IMAGE && strchr(source->image, '@') == NULL && digest != NULL) {
        *ret_image = xasprintf("%s@%s", source->image, digest);
        source->image = *ret_image;
    }
    if (source->kind == CACHE_DEBIAN) {
        r = packages_of_json(json_object_get(entry, "installed"), packages, &wrong);
        source->locked = packages;
    }
    return r;
}

static int prepare_entry(struct cache *cache, const struct cache_lockfile *lockfile,
                         const char *name, const struct cache_source *source,
                         struct cache_root *root, struct cupel_error *err)
{
    _cleanup_(packages_free) struct packages packages = {0};
    cleanup_json json_t *now = asked_for(lockfile, source);
    struct cache_source narrowed = *source;
    cleanup_free char *image = NULL;
    const json_t *entry;
    int r = locked_find_entry(lockfile, name, &entry, err);

    if (r == 0)
        r = check_asked(lockfile, name, entry, now, err);
    if (r < 0)
        return r;
    (void)narrow(entry, &narrowed, &packages, &image); /* it was checked when the file was read */
    r = cache_prepare(cache, &narrowed, root, err);
    if (r == 0)
        r = found_to_be(now, cache, source, root, err);
    if (r == 0)
        r = check_found(lockfile, name, source->kind == CACHE_IMAGE || source->kind == CACHE_DEBIAN,
                        entry, now, err);
    return r;
}

int cache_prepare_locked(struct cache *cache, const struct cache_lockfile *lockfile,
                         const char *name, const struct cache_source *source,
                         struct cache_root *ret_root, struct cupel_error *err)
{
    struct cache_root root = CACHE_ROOT_INIT;
    int r;

    if (source->kind == CACHE_SCRATCH) /* always the same */
        return cache_prepare(cache, source, ret_root, err);
    if (source->kind == CACHE_HOST) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "the root 'host' cannot be locked: it is whatever this machine has");
        cupel_error_hint(err,
                         "give the jobs over it another root, or leave them out (--only, --tag)");
        return -EINVAL;
    }
    r = prepare_entry(cache, lockfile, name, source, &root, err);
    if (r < 0)
        cache_root_release(&root);
    else
        *ret_root = root;
    return r;
}

int cache_derive_locked(struct cache *cache, const struct cache_lockfile *lockfile,
                        const struct cache_recipe *recipe, struct cache_root *ret_root,
                        struct cupel_error *err)
{
    struct cache_root root = CACHE_ROOT_INIT;
    cleanup_json json_t *now = NULL;
    const json_t *entry;
    int r = locked_find_entry(lockfile, recipe->name, &entry, err);

    if (r == 0)
        r = asked_of_derived(recipe, &now, err);
    if (r == 0)
        r = check_asked(lockfile, recipe->name, entry, now, err);
    if (r == 0)
        r = cache_derive(cache, recipe, &root, err);
    if (r != 0)
        return r;
    r = derived_to_be(now, cache, recipe, &root, err);
    if (r == 0)
        r = check_found(lockfile, recipe->name, true, entry, now, err);
    if (r < 0)
        cache_root_release(&root);
    else
        *ret_root = root;
    return r;
}
