/* SPDX-License-Identifier: Apache-2.0 */
/* recognise: see recognise.h. The looking is done in a confined child, which is handed descriptors
 * and has nothing else; its word is believed as far as it goes: a hostile image that passes for a
 * directory is unpacked as one. */
#include "rootfs-cache/confined/recognise.h"

#include "rootfs-cache/confined/answer.h"
#include "rootfs-cache/confined/config.h"
#include "rootfs-cache/confined/document.h"
#include "rootfs-cache/confined/unpacker.h"

#include <jansson.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)8 << 20)
#define OLD_TAGS_MAX 8 /* a child may ask for 64 files (CHILD_ASKS_MAX) */

static const char *const form_words[] = {[FORM_TAR] = "tar",
                                         [FORM_IMAGE] = "image",
                                         [FORM_DIRECTORY] = "directory",
                                         [FORM_BUNDLE] = "bundle"};

void recognised_free(struct recognised *r)
{
    free(r->bundle_root);
    if (r->config != NULL)
        arena_free(r->config->arena);
    *r = (struct recognised){.directory = r->directory};
}

static void put_word(struct strbuf *reply, const char *word)
{
    strbuf_add(reply, word, strlen(word) + 1);
}

/* ---- archives, in the child ---- */

struct sighting {
    bool layout, index, manifest; /* there is such a document, and it is one of an image */
    bool damaged;                 /* one of them is no JSON */
    /* what Docker before 1.10 saved has both, and nothing else to tell it by */
    bool repositories, old_layer;
    size_t of_root; /* directories at the top that roots have, and images do not */
    bool seen[8];   /* which of them */
};

static bool is_document_of_image(const char *name, const json_t *j)
{
    const json_t *first = json_array_get(j, 0);

    if (str_eq(name, "index.json")) /* Docker 25 saves by id with null */
        return json_is_object(j) && json_object_get(j, "manifests") != NULL;
    if (json_is_object(
            j)) /* of a flat layout (skopeo's `dir:`): the manifest itself, or an index */
        return json_is_integer(json_object_get(j, "schemaVersion")) &&
               (json_is_string(json_object_get(json_object_get(j, "config"), "digest")) ||
                json_is_array(json_object_get(j, "manifests")) ||
                json_is_array(json_object_get(j, "fsLayers")));
    return json_is_object(first) && document_member(first, "Layers") != NULL &&
           document_member(first, "Config") != NULL;
}

/* A document by one of these names may be anybody's: of a web page, say. The last entry of a name
 * is the one that counts. */
static bool recognise_read_document(struct archive *a, struct archive_entry *entry,
                                    const char *name, bool *ret_damaged)
{
    int64_t size = archive_entry_size(entry);
    cleanup_free char *text = NULL;
    json_error_t where;
    bool is_one;
    json_t *j;

    if (archive_entry_filetype(entry) != AE_IFREG || size <= 0 || size > (int64_t)DOCUMENT_MAX)
        return archive_entry_filetype(entry) == AE_IFLNK || archive_entry_hardlink(entry) != NULL;
    text = xmalloc((size_t)size);
    if (archive_read_data(a, text, (size_t)size) != size)
        return false;
    j = document_parse(text, (size_t)size, name, NULL, &where);
    *ret_damaged |= j == NULL;
    is_one = j != NULL && is_document_of_image(name, j);
    json_decref(j);
    return is_one;
}

/* Roots are told early, which saves reading a big one twice: none of an image's parts yet, and two
 * directories that every root has. */
static void note_root(struct sighting *s, const char *name)
{
    static const char *const words[] = {"bin", "etc", "usr", "lib", "sbin", "var", "root", "proc"};
    size_t n = strcspn(name, "/");

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i]) == n && strncmp(words[i], name, n) == 0 && !s->seen[i]) {
            s->seen[i] = true;
            s->of_root++;
        }
}

/* "ID/layer.tar" */
static bool is_old_layer(const char *name)
{
    const char *slash = strchr(name, '/');

    return slash != NULL && str_eq(slash + 1, "layer.tar");
}

static enum recognised_form form_of(const struct sighting *s)
{
    bool likely = s->layout || s->of_root == 0; /* then who reads a damaged one says that it is */
    bool alone = s->of_root == 0 && (s->layout || (s->repositories && s->old_layer));

    return s->manifest || alone || (likely && (s->index || s->damaged)) ? FORM_IMAGE : FORM_TAR;
}

/* Tells an archive's form by what is in it: names beside an image's own mean nothing. An image's
 * documents may come last (go-containerregistry's do). */
static enum recognised_form form_of_archive(int fd)
{
    _cleanup_(unpacker_free_reader) struct archive *a = archive_read_new();
    struct archive_entry *entry;
    struct sighting s = {0};
    bool early = true;

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
            continue;
        if (str_eq(name.data, "index.json"))
            s.index = recognise_read_document(a, entry, name.data, &s.damaged);
        else if (str_eq(name.data, "manifest.json"))
            s.manifest = recognise_read_document(a, entry, name.data, &s.damaged);
        else if (str_eq(name.data, "oci-layout"))
            s.layout = true;
        else if (str_eq(name.data, "repositories"))
            s.repositories = true;
        else if (is_old_layer(name.data))
            s.old_layer = true;
        else
            note_root(&s, name.data);
        early &= !s.index && !s.manifest && !s.layout && !str_starts(name.data, "blobs/");
        if (early && s.of_root >= 2)
            return FORM_TAR;
    }
    return form_of(&s);
}

int recognise_archive(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                      struct cupel_error *err)
{
    (void)arg;
    (void)self;
    (void)err;
    put_word(reply, form_words[form_of_archive(fd)]);
    return 0;
}

/* ---- directories, in the child ---- */

static json_t *document(struct child_self *self, const char *name)
{
    cleanup_close int fd = child_ask(self, name);
    cleanup_free char *text = NULL;
    json_error_t where;
    size_t length;

    if (fd < 0 || file_read_fd(fd, DOCUMENT_MAX, &text, &length) < 0)
        return NULL;
    return document_parse(text, length, name, NULL, &where);
}

/* The process of a bundle (OCI runtime specification, config.md) in the words of an image's
 * configuration. */
static json_t *bundle_config(const json_t *config)
{
    const json_t *process = json_object_get(config, "process"),
                 *env = json_object_get(process, "env"), *cwd = json_object_get(process, "cwd"),
                 *user = json_object_get(process, "user"), *args = json_object_get(process, "args");
    const json_t *uid = json_object_get(user, "uid"), *gid = json_object_get(user, "gid");
    json_t *o = json_object();

    if (json_is_array(env))
        (void)json_object_set(o, "Env", (json_t *)(uintptr_t)env);
    if (json_is_array(args))
        (void)json_object_set(o, "Cmd", (json_t *)(uintptr_t)args);
    if (json_is_string(cwd))
        (void)json_object_set(o, "WorkingDir", (json_t *)(uintptr_t)cwd);
    if (json_is_integer(uid)) {
        cleanup_free char *ids =
            xasprintf("%lld:%lld", json_integer_value(uid), json_integer_value(gid));

        (void)json_object_set_new(o, "User", json_string(ids));
    }
    return o;
}

static int reply_bundle(const char *path, const json_t *config, struct strbuf *reply,
                        struct cupel_error *err)
{
    const char *name = json_string_value(json_object_get(json_object_get(config, "root"), "path"));
    json_t *process = bundle_config(config);
    struct cache_config *parsed = NULL;
    cleanup_free char *wrong = config_read(process, NULL, &parsed);

    json_decref(process);
    if (wrong != NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot use the bundle '%s': %s", path,
                               wrong);
    put_word(reply, form_words[FORM_BUNDLE]);
    put_word(reply, name != NULL ? name : "rootfs");
    answer_put_config(reply, parsed);
    arena_free(parsed->arena);
    return 0;
}

/* Damaged or not: who has such a file means an image (image-layout.md). */
static bool is_layout(struct child_self *self)
{
    cleanup_close int fd = child_ask(self, "oci-layout");

    return fd >= 0;
}

/* Docker's before 1.10: {"NAME": {"TAG": "ID"}}, and ID/layer.tar. */
static bool is_old_save(struct child_self *self)
{
    json_t *repositories = document(self, "repositories"), *tags, *id;
    cleanup_close int fd = -EBADF;
    const char *name, *tag;
    unsigned asked = 0;

    json_object_foreach(repositories, name, tags) json_object_foreach(
        tags, tag, id) if (fd < 0 && asked++ < OLD_TAGS_MAX && json_is_string(id) &&
                           strlen(json_string_value(id)) == CACHE_KEY_LEN)
    {
        cleanup_free char *layer = xasprintf("%s/layer.tar", json_string_value(id));

        fd = child_ask(self, layer);
    }
    json_decref(repositories);
    return fd >= 0;
}

int recognise_directory(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                        struct cupel_error *err)
{
    json_t *index = document(self, "index.json"), *manifest = document(self, "manifest.json"),
           *config = document(self, "config.json");
    int r = 0;

    (void)fd;
    if (is_layout(self) || json_is_array(json_object_get(index, "manifests")) ||
        is_document_of_image("manifest.json", manifest) || (manifest == NULL && is_old_save(self)))
        put_word(reply, form_words[FORM_IMAGE]);
    else if (json_is_string(json_object_get(config, "ociVersion")) &&
             json_is_object(json_object_get(config, "root")))
        r = reply_bundle(arg, config, reply, err);
    else
        put_word(reply, form_words[FORM_DIRECTORY]);
    json_decref(index);
    json_decref(manifest);
    json_decref(config);
    return r;
}

/* ---- in the parent ---- */

const char *recognise_word(enum recognised_form form)
{
    return form_words[form];
}

int recognise_take(const char *reply, size_t length, struct recognised *ret)
{
    size_t used = strlen(reply) + 1, form = 0;
    int r;

    while (form < ARRAY_SIZE(form_words) && !str_eq(form_words[form], reply))
        form++;
    if (used > length || form == ARRAY_SIZE(form_words) ||
        (form != FORM_IMAGE && (form == FORM_TAR) == ret->directory))
        return -EBADMSG;
    ret->form = (enum recognised_form)form;
    if (form != FORM_BUNDLE)
        return used == length ? 0 : -EBADMSG;
    if (used >= length || !config_is_plain(reply + used) || used + strlen(reply + used) >= length)
        return -EBADMSG;
    ret->bundle_root = xstrdup(reply + used);
    used += strlen(ret->bundle_root) + 1;
    r = answer_take_config(reply + used, length - used, &ret->config);
    if (r < 0)
        recognised_free(ret);
    return r;
}
