/* recognise: see recognise.h. The looking is done in a confined child, which is handed descriptors and has nothing else; its word is
 * believed as far as it goes: a hostile image that passes for a directory is unpacked as one. */
#include "rootfs-cache/recognise.h"

#include "rootfs-cache/answer.h"
#include "rootfs-cache/config.h"
#include "rootfs-cache/unpacker.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)8 << 20)

static const char *const form_words[] = {
    [FORM_TAR] = "tar", [FORM_IMAGE] = "image", [FORM_DIRECTORY] = "directory", [FORM_BUNDLE] = "bundle"};

void recognised_free(struct recognised *r)
{
    free(r->bundle_root);
    if (r->config != NULL)
        arena_free(r->config->arena);
    *r = (struct recognised){0};
}

static void put_word(struct strbuf *reply, const char *word)
{
    strbuf_add(reply, word, strlen(word) + 1);
}

/* ---- archives, in the child ---- */

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

/* Its headers are read up to the first that no image has: of a root, that is one of the first. */
static enum form form_of_archive(int fd)
{
    _cleanup_(free_reader) struct archive *a = archive_read_new();
    struct archive_entry *entry;
    bool has_index = false;

    if (a == NULL)
        return FORM_TAR;
    unpacker_support_filters(a);
    (void)archive_read_support_format_tar(a);
    if (lseek(fd, 0, SEEK_SET) < 0 || archive_read_open_fd(a, fd, UNPACK_BLOCK) < ARCHIVE_OK)
        return FORM_TAR;
    while (archive_read_next_header(a, &entry) == ARCHIVE_OK) {
        cleanup_strbuf struct strbuf name = {0};
        const char *raw = archive_entry_pathname(entry);

        if (raw == NULL || unpacker_normalize(raw, &name) != NULL)
            return FORM_TAR;
        if (!str_eq(name.data, ".") && !is_of_image(name.data))
            return FORM_TAR;
        has_index |= str_eq(name.data, "index.json") || str_eq(name.data, "manifest.json");
    }
    return has_index ? FORM_IMAGE : FORM_TAR;
}

static int look_at_archive(void *arg, struct child *self, int fd, struct strbuf *reply, struct cupel_error *err)
{
    (void)arg;
    (void)self;
    (void)err;
    put_word(reply, form_words[form_of_archive(fd)]);
    return 0;
}

/* ---- directories, in the child ---- */

static json_t *document(struct child *self, const char *name)
{
    cleanup_close int fd = child_ask(self, name);
    cleanup_free char *text = NULL;
    size_t length;

    if (fd < 0 || file_read_fd(fd, DOCUMENT_MAX, &text, &length) < 0)
        return NULL;
    return json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
}

/* The process of a bundle (OCI runtime specification, config.md) in the words of an image's configuration. */
static json_t *bundle_config(const json_t *config)
{
    const json_t *process = json_object_get(config, "process"), *env = json_object_get(process, "env"),
                 *cwd = json_object_get(process, "cwd"), *user = json_object_get(process, "user"),
                 *args = json_object_get(process, "args");
    const json_t *uid = json_object_get(user, "uid"), *gid = json_object_get(user, "gid");
    json_t *o = json_object();

    if (json_is_array(env))
        (void)json_object_set(o, "Env", (json_t *)(uintptr_t)env);
    if (json_is_array(args))
        (void)json_object_set(o, "Cmd", (json_t *)(uintptr_t)args);
    if (json_is_string(cwd))
        (void)json_object_set(o, "WorkingDir", (json_t *)(uintptr_t)cwd);
    if (json_is_integer(uid)) {
        cleanup_free char *ids = xasprintf("%lld:%lld", json_integer_value(uid), json_integer_value(gid));

        (void)json_object_set_new(o, "User", json_string(ids));
    }
    return o;
}

static int reply_bundle(const char *path, const json_t *config, struct strbuf *reply, struct cupel_error *err)
{
    const char *name = json_string_value(json_object_get(json_object_get(config, "root"), "path"));
    json_t *process = bundle_config(config);
    struct cache_config *parsed = NULL;
    cleanup_free char *wrong = config_read(process, &parsed);

    json_decref(process);
    if (wrong != NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot use the bundle '%s': %s", path, wrong);
    put_word(reply, form_words[FORM_BUNDLE]);
    put_word(reply, name != NULL ? name : "rootfs");
    answer_put_config(reply, parsed);
    arena_free(parsed->arena);
    return 0;
}

/* Damaged or not: who has such a file means an image (image-layout.md). */
static bool is_layout(struct child *self)
{
    cleanup_close int fd = child_ask(self, "oci-layout");

    return fd >= 0;
}

static int look_at_directory(void *arg, struct child *self, int fd, struct strbuf *reply, struct cupel_error *err)
{
    json_t *index = document(self, "index.json"), *manifest = document(self, "manifest.json"),
           *config = document(self, "config.json");
    int r = 0;

    (void)fd;
    if (is_layout(self) || json_is_array(json_object_get(index, "manifests")) ||
        json_is_array(json_object_get(json_array_get(manifest, 0), "Layers")))
        put_word(reply, form_words[FORM_IMAGE]);
    else if (json_is_string(json_object_get(config, "ociVersion")) && json_is_object(json_object_get(config, "root")))
        r = reply_bundle(arg, config, reply, err);
    else
        put_word(reply, form_words[FORM_DIRECTORY]);
    json_decref(index);
    json_decref(manifest);
    json_decref(config);
    return r;
}

/* ---- in the parent ---- */

/* A word, and for a bundle the name of its root and its process. */
static int take_reply(const char *reply, size_t length, bool directory, struct recognised *ret)
{
    size_t used = strlen(reply) + 1, form = 0;

    while (form < ARRAY_SIZE(form_words) && !str_eq(form_words[form], reply))
        form++;
    if (used > length || form == ARRAY_SIZE(form_words) || (form != FORM_IMAGE && (form == FORM_TAR) == directory))
        return -EBADMSG;
    ret->form = (enum form)form;
    if (form != FORM_BUNDLE)
        return used == length ? 0 : -EBADMSG;
    if (used >= length || !config_is_plain(reply + used) || used + strlen(reply + used) >= length)
        return -EBADMSG;
    ret->bundle_root = xstrdup(reply + used);
    used += strlen(ret->bundle_root) + 1;
    return answer_take_config(reply + used, length - used, &ret->config);
}

static int look(struct cache *cache, const char *path, int fd, bool directory, struct recognised *ret,
                struct cupel_error *err)
{
    cleanup_close int nowhere = openat(cache->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *what = xasprintf("read '%s'", path), *reply = NULL;
    struct child_work work = {.reader = directory ? look_at_directory : look_at_archive,
                              .arg = (void *)(uintptr_t)path,
                              .what = what,
                              .tree = nowhere,
                              .fd = directory ? -EBADF : fd,
                              .keep = -EBADF,
                              .open = directory ? blobs_open_file : NULL,
                              .open_data = &fd,
                              .long_work = !directory};
    size_t length;
    int r;

    if (nowhere < 0)
        return store_error(cache, err, errno, "open a directory");
    r = child_read(&work, &reply, &length, err);
    if (r < 0)
        return r;
    r = take_reply(reply, length, directory, ret);
    if (r < 0)
        recognised_free(ret);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot %s", what) : 0;
}

int recognise(struct cache *cache, const char *path, struct recognised *ret, struct cupel_error *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot read '%s'", path);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot use '%s': it is neither file nor directory", path);
    return look(cache, path, fd, S_ISDIR(st.st_mode), ret, err);
}
