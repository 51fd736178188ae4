/* import: a source, told by what is in it, is made a root and gets a name. Not responsible for how any kind of source is unpacked. */
#include "rootfs-cache/child.h"
#include "rootfs-cache/names.h"
#include "rootfs-cache/unpacker.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)8 << 20)

enum form { FORM_TAR, FORM_IMAGE, FORM_DIRECTORY, FORM_BUNDLE };

static const char *const form_kinds[] = {
    [FORM_TAR] = "tar", [FORM_IMAGE] = "image", [FORM_DIRECTORY] = "directory", [FORM_BUNDLE] = "bundle"};

/* ---- archives ---- */

static void free_reader(struct archive **a)
{
    if (*a != NULL)
        (void)archive_read_free(*a);
}

/* What an archive of an image may have at its top, and nothing else: "HEX.json", "HEX.tar" and directories HEX are `docker save`'s. */
static bool is_of_image(const char *name)
{
    static const char *const known[] = {"blobs", "oci-layout", "index.json", "manifest.json", "repositories"};
    size_t n = strcspn(name, "/"), digits = strspn(name, "0123456789abcdef");

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strlen(known[i]) == n && strncmp(name, known[i], n) == 0)
            return true;
    return digits == CACHE_KEY_LEN && (n == digits || strncmp(name + digits, ".json", n - digits) == 0 ||
                                       strncmp(name + digits, ".tar", n - digits) == 0);
}

/* Its headers are read up to the first that no image has: of a root, that is one of the first. 1 in counts->entries: an image. */
static int look_at_archive(void *arg, int fd, struct child_counts *counts, struct cupel_error *err)
{
    _cleanup_(free_reader) struct archive *a = archive_read_new();
    struct archive_entry *entry;
    bool has_index = false;

    (void)arg;
    (void)err;
    if (a == NULL)
        return 0;
    unpacker_support_filters(a);
    (void)archive_read_support_format_tar(a);
    if (lseek(fd, 0, SEEK_SET) < 0 || archive_read_open_fd(a, fd, UNPACK_BLOCK) < ARCHIVE_OK)
        return 0;
    while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
        cleanup_strbuf struct strbuf name = {0};
        const char *raw = archive_entry_pathname(entry);

        if (raw == NULL || unpacker_normalize(raw, &name) != NULL)
            return 0;
        if (!str_eq(name.data, ".") && !is_of_image(name.data))
            return 0;
        has_index |= str_eq(name.data, "index.json") || str_eq(name.data, "manifest.json");
    }
    counts->entries = has_index;
    return 0;
}

static int form_of_archive(struct cache *cache, const char *path, enum form *ret, struct cupel_error *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
                      tree = openat(cache->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct child_counts counts = {0};
    int r;

    if (fd < 0 || tree < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot read '%s'", path);
    r = child_run(
        &(struct child_work){.fn = look_at_archive, .what = "read an archive", .tree = tree, .fd = fd, .keep = -EBADF},
        &counts, err);
    *ret = counts.entries != 0 ? FORM_IMAGE : FORM_TAR;
    return r;
}

/* ---- directories ---- */

static json_t *document(int dir, const char *name)
{
    cleanup_close int fd = file_open_in_root(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
    cleanup_free char *text = NULL;
    size_t length;

    if (fd < 0 || file_read_fd(fd, DOCUMENT_MAX, &text, &length) < 0)
        return NULL;
    return json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
}

static enum form form_of_directory(int dir)
{
    json_t *index = document(dir, "index.json"), *manifest = document(dir, "manifest.json"),
           *config = document(dir, "config.json");
    enum form form = FORM_DIRECTORY;

    if (json_is_array(json_object_get(index, "manifests")) ||
        json_is_array(json_object_get(json_array_get(manifest, 0), "Layers")))
        form = FORM_IMAGE;
    else if (json_is_string(json_object_get(config, "ociVersion")) && json_is_object(json_object_get(config, "root")))
        form = FORM_BUNDLE;
    json_decref(index);
    json_decref(manifest);
    json_decref(config);
    return form;
}

/* ---- bundles (OCI runtime specification, config.md) ---- */

/* Its process as an image would have it. */
static char *bundle_config(const json_t *config)
{
    const json_t *process = json_object_get(config, "process"), *env = json_object_get(process, "env"),
                 *cwd = json_object_get(process, "cwd"), *user = json_object_get(process, "user");
    const json_t *uid = json_object_get(user, "uid"), *gid = json_object_get(user, "gid");
    json_t *o = json_object();
    char *text;

    if (json_is_array(env))
        (void)json_object_set(o, "Env", (json_t *)(uintptr_t)env);
    if (json_is_string(cwd))
        (void)json_object_set(o, "WorkingDir", (json_t *)(uintptr_t)cwd);
    if (json_is_integer(uid)) {
        cleanup_free char *ids = xasprintf("%lld:%lld", json_integer_value(uid), json_integer_value(gid));

        (void)json_object_set_new(o, "User", json_string(ids));
    }
    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}

static int open_bundle(const char *path, char **ret_root, char **ret_config, struct cupel_error *err)
{
    cleanup_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), root = -EBADF;
    json_t *config = document(dir, "config.json");
    const char *name = json_string_value(json_object_get(json_object_get(config, "root"), "path"));

    root = file_open_beneath(dir, name != NULL ? name : "rootfs", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (root < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, root, "cannot use the bundle '%s': its root '%.100s'", path,
                              name != NULL ? name : "rootfs");
        cupel_error_hint(err, "the root must be a directory of the bundle, and no link");
        json_decref(config);
        return -EINVAL;
    }
    *ret_root = xasprintf("%s/%s", path, name != NULL ? name : "rootfs");
    *ret_config = bundle_config(config);
    json_decref(config);
    return 0;
}

/* ---- all of it ---- */

static int recognise(struct cache *cache, const char *path, enum form *ret, struct cupel_error *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot read '%s'", path);
    if (S_ISDIR(st.st_mode)) {
        *ret = form_of_directory(fd);
        return 0;
    }
    if (!S_ISREG(st.st_mode))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot use '%s': it is neither file nor directory", path);
    return form_of_archive(cache, path, ret, err);
}

static int store_name(struct cache *cache, const struct cache_import *import, enum form form,
                      const struct cache_root *root, struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("names/%s", import->name);
    const char *slash = strrchr(import->path, '/');
    const char *base = slash != NULL && slash[1] != '\0' ? slash + 1 : import->path;
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

int cache_import(struct cache *cache, const struct cache_import *import, cache_progress_fn *progress, void *data,
                 struct cupel_error *err)
{
    static const enum cache_source_kind kinds[] = {[FORM_TAR] = CACHE_TAR,
                                                   [FORM_IMAGE] = CACHE_OCI,
                                                   [FORM_DIRECTORY] = CACHE_DIRECTORY,
                                                   [FORM_BUNDLE] = CACHE_DIRECTORY};
    cleanup_free char *absolute = NULL, *bundle_root = NULL, *config = NULL;
    struct cache_source source = {.name = import->name, .tag = import->tag, .platform = import->platform};
    struct cache_root root = CACHE_ROOT_INIT;
    enum form form = FORM_TAR;
    int r = names_check(import->name, err);

    if (r == 0)
        r = recognise(cache, import->path, &form, err);
    if (r < 0)
        return r;
    if (form != FORM_IMAGE && (import->tag != NULL || import->platform != NULL))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%s' is no image: a tag or platform means nothing",
                               import->path);
    absolute = realpath(import->path, NULL);
    source.kind = kinds[form];
    source.tar = source.oci = source.directory = absolute != NULL ? absolute : import->path;
    if (form == FORM_BUNDLE) {
        r = open_bundle(source.directory, &bundle_root, &config, err);
        source.directory = bundle_root;
        source.config = config;
    }
    if (r == 0)
        r = cache_prepare(cache, &source, progress, data, &root, err); /* pinned until the name stands */
    if (r == 0)
        r = store_name(cache, import, form, &root, err);
    cache_root_release(&root);
    return r;
}
