/* SPDX-License-Identifier: Apache-2.0 */
/* image: see image.h; in the confined child. Every document that is named by a digest is compared
 * with it, size first, before it is parsed. */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/confined/reading.h"

#include "rootfs-cache/confined/config.h"

#include <string.h>
#include <sys/utsname.h>

#define DOCUMENT_MAX ((size_t)8 << 20)
#define INDEX_DEPTH_MAX 4

static void image_json_freep(json_t **j)
{
    json_decref(*j);
}
#define cleanup_json _cleanup_(image_json_freep)

void image_free(struct image *image)
{
    for (size_t i = 0; i < image->n_layers; i++)
        free(image->layers[i].blob);
    free(image->layers);
    strbuf_free(&image->notes);
    if (image->config != NULL)
        arena_free(image->config->arena);
    *image = (struct image){0};
}

int image_wrong(const struct image_reading *r, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf b = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    for (char *p = b.data; *p != '\0'; p++) /* words of a hostile document */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    (void)cupel_error_set(r->err, CUPEL_ERROR_INPUT, 0,
                          "cannot use the image '%s' for root '%s': %s", r->wanted->path,
                          r->wanted->root, b.data);
    return -EBADMSG;
}

/* ---- documents ---- */

static int image_parse(const struct image_reading *r, const char *name, const char *text,
                       size_t len, json_t **ret)
{
    json_error_t where;
    json_t *j = document_parse(text, len, name, r->notes, &where);

    if (j == NULL)
        return image_wrong(r, "%s is no JSON, line %d: %s", name, where.line, where.text);
    *ret = j;
    return 0;
}

static int image_read_document(const struct image_reading *r, const char *name, char **ret_text,
                               size_t *ret_len)
{
    int e = contents_read(r->contents, name, DOCUMENT_MAX, ret_text, ret_len);

    if (e == 0)
        return 0;
    (void)image_wrong(r, "cannot read %s: %s", name, strerror(-e));
    if (e == -ENOENT)
        cupel_error_hint(
            r->err,
            "it is not whole, or its blobs are links out of it: copy it again, without links "
            "(skopeo copy; cp -rL)");
    return -EBADMSG;
}

static int image_check_digest(const struct image_reading *r, const char *name, const char *text,
                              size_t len, const char *digest)
{
    char got[CACHE_KEY_LEN + 1];
    int e = hash_bytes(text, len, got);

    if (e < 0)
        return cupel_error_set(r->err, CUPEL_ERROR_HARNESS, e, "cannot compute a digest");
    return str_eq(got, digest) ? 0 : image_wrong(r, "%s has the digest sha256:%s", name, got);
}

/* A descriptor (descriptor.md): its digest as hex and its size. */
static int read_descriptor(const struct image_reading *r, const json_t *d, const char *what,
                           char ret_hex[CACHE_KEY_LEN + 1], uint64_t *ret_size)
{
    const char *digest = document_text(d, "digest");
    const json_t *size = document_member(d, "size");

    if (digest == NULL || !json_is_integer(size) || json_integer_value(size) < 0)
        return image_wrong(r, "its %s has no digest or no size", what);
    if (!str_starts(digest, "sha256:") || !hash_is_hex(digest + 7))
        return image_wrong(r, "its %s has the digest '%.100s': only sha256 is known", what, digest);
    memcpy(ret_hex, digest + 7, CACHE_KEY_LEN + 1);
    *ret_size = (uint64_t)json_integer_value(size);
    return 0;
}

static char *blob_name(const struct image_reading *r, const char *hex)
{
    return r->flat ? xstrdup(hex) : xasprintf("blobs/sha256/%s", hex);
}

/* Returns the name of a document among the blobs: in a flat image, the manifests that its own index
 * lists are called otherwise. */
static char *document_name(const struct image_reading *r, const char *what, const char *hex)
{
    return r->flat && str_eq(what, "manifest") ? xasprintf("%s.manifest.json", hex)
                                               : blob_name(r, hex);
}

int image_read_blob(const struct image_reading *r, const json_t *descriptor, const char *what,
                    char **ret_text, size_t *ret_len, char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free char *name = NULL, *text = NULL;
    uint64_t size;
    size_t len;
    int e = read_descriptor(r, descriptor, what, ret_hex, &size);

    if (e < 0)
        return e;
    name = document_name(r, what, ret_hex);
    e = image_read_document(r, name, &text, &len);
    if (e < 0)
        return e;
    if (len != size)
        return image_wrong(r, "%s has %zu bytes, and its descriptor says %llu", name, len,
                           (unsigned long long)size);
    e = image_check_digest(r, name, text, len, ret_hex);
    if (e < 0)
        return e;
    *ret_text = steal_ptr(text);
    *ret_len = len;
    return 0;
}

/* ---- the configuration ---- */

static int image_read_process(const struct image_reading *r, const json_t *config,
                              struct cache_config **ret)
{
    cleanup_free char *wrong_with_it = config_read(config, r->notes, ret);

    return wrong_with_it != NULL ? image_wrong(r, "%s", wrong_with_it) : 0;
}

/* Checks the platform of a configuration. Builders may leave both words empty (Nix, hand-made
 * images): then the image is for whoever takes it. */
static int check_platform(const struct image_reading *r, const json_t *config)
{
    const char *os = document_text(config, "os"),
               *architecture = document_text(config, "architecture");
    bool has_os = os != NULL && os[0] != '\0',
         has_architecture = architecture != NULL && architecture[0] != '\0';

    if (has_os && !chosen_is_system(r, os))
        return image_wrong(r, "it is for %.40s", os);
    if (has_architecture && !chosen_is_architecture(r, architecture))
        return image_wrong(r, "it is for %.40s, not %s; `platform` says which one to take",
                           architecture, r->architecture);
    if (!has_os || !has_architecture)
        document_note(r->notes, "its configuration does not say for which %s it is: taken as %s/%s",
                      has_os             ? "architecture"
                      : has_architecture ? "system"
                                         : "system and architecture",
                      r->os, r->architecture);
    return 0;
}

static int read_config(const struct image_reading *r, const char *text, size_t len,
                       struct image *image)
{
    cleanup_json json_t *config = NULL;
    const json_t *ids;
    int e = image_parse(r, "its configuration", text, len, &config);

    if (e < 0)
        return e;
    e = check_platform(r, config);
    if (e < 0)
        return e;
    ids = document_member(document_member(config, "rootfs"), "diff_ids");
    if (json_array_size(ids) != image->n_layers)
        return image_wrong(r, "its configuration has %zu diff_ids for %zu layers",
                           json_array_size(ids), image->n_layers);
    for (size_t i = 0; i < image->n_layers; i++) {
        const char *id = json_string_value(json_array_get(ids, i));

        if (id == NULL || !str_starts(id, "sha256:") || strlen(id) != 7 + CACHE_KEY_LEN ||
            strspn(id + 7, "0123456789abcdef") != CACHE_KEY_LEN)
            return image_wrong(r, "the diff_id of layer %zu is no sha256", i + 1);
        memcpy(image->layers[i].diff_id, id + 7, CACHE_KEY_LEN + 1);
    }
    return image_read_process(r, document_member(config, "config"), &image->config);
}

/* There may be none: an empty root. Go writes an empty list as null. */
static int make_layers(const struct image_reading *r, const json_t *list, struct image *image)
{
    size_t n = json_array_size(list);

    if ((!json_is_array(list) && !json_is_null(list)) || n > CACHE_LAYERS_MAX)
        return image_wrong(r, "it has no list of layers, or more than %d", CACHE_LAYERS_MAX);
    image->layers = xcalloc(n, sizeof(*image->layers));
    image->n_layers = n;
    return 0;
}

/* containers/ocicrypt: such a layer's bytes are no tar for anybody without the key. */
static int refuse_encrypted(const struct image_reading *r, const json_t *layers)
{
    const json_t *layer;
    size_t i;

    json_array_foreach(layers, i, layer)
    {
        const char *type = document_text(layer, "mediaType"),
                   *end = type != NULL ? strrchr(type, '+') : NULL;

        if (end == NULL || !str_eq(end, "+encrypted"))
            continue;
        (void)image_wrong(r, "its layer %zu is encrypted (%.100s)", i + 1, type);
        cupel_error_hint(r->err,
                         "decrypt it first: skopeo copy --decryption-key KEY oci-archive:FILE "
                         "oci-archive:DECRYPTED (an OCI layout: oci:)");
        return -EBADMSG;
    }
    return 0;
}

/* Layers that only their maker may distribute are left out when an image is copied (layer.md). */
static int refuse_absent(const struct image_reading *r, const json_t *layer, const char *blob,
                         size_t i)
{
    const char *type = document_text(layer, "mediaType"),
               *url = json_string_value(json_array_get(document_member(layer, "urls"), 0));

    if (type == NULL ||
        (strstr(type, ".nondistributable.") == NULL && strstr(type, ".foreign.") == NULL) ||
        contents_have(r->contents, blob))
        return 0;
    (void)image_wrong(
        r, "its layer %zu is not in it: it is one that only its maker distributes (%.100s)", i + 1,
        type);
    cupel_error_hint(
        r->err, "push or save the image with such layers (--allow-nondistributable-artifacts)%s",
        url != NULL ? "; its manifest says where its maker has it (urls)" : "");
    return -EBADMSG;
}

static int refuse_artifact(const struct image_reading *r, const json_t *manifest)
{
    const char *type = chosen_artifact(manifest);

    if (document_member(manifest, "fsLayers") != NULL) {
        (void)image_wrong(r, "its manifest is of Docker's first form (schema 1)");
        cupel_error_hint(r->err, "skopeo copy makes a newer one of it");
        return -EBADMSG;
    }
    if (type == NULL)
        return 0;
    (void)image_wrong(r, "it is an OCI artifact (%.100s), and no image of a root", type);
    cupel_error_hint(r->err, "what is in it is for another program (helm, wasm runtimes, cosign); "
                             "oras pull gets its files");
    return -EBADMSG;
}

/* ---- OCI ---- */

static int read_manifest(const struct image_reading *r, const json_t *manifest, struct image *image)
{
    cleanup_free char *text = NULL;
    char hex[CACHE_KEY_LEN + 1];
    size_t len;
    int e = refuse_artifact(r, manifest);

    if (e == 0)
        e = refuse_encrypted(r, document_member(manifest, "layers"));
    if (e == 0)
        e = make_layers(r, document_member(manifest, "layers"), image);

    for (size_t i = 0; e == 0 && i < image->n_layers; i++) {
        struct image_layer *l = &image->layers[i];

        e = read_descriptor(r, json_array_get(document_member(manifest, "layers"), i), "layer",
                            l->digest, &l->size);
        if (e == 0)
            l->blob = blob_name(r, l->digest);
        if (e == 0)
            e = refuse_absent(r, json_array_get(document_member(manifest, "layers"), i), l->blob,
                              i);
    }
    if (e == 0)
        e = image_read_blob(r, document_member(manifest, "config"), "configuration", &text, &len,
                            hex);
    return e < 0 ? e : read_config(r, text, len, image);
}

static bool is_index(const json_t *document)
{
    return json_is_array(document_member(document, "manifests"));
}

/* ---- docker save ---- */

/* "HEX.json", "sha256:HEX" (go-containerregistry), "blobs/sha256/HEX": named by its digest. */
static void digest_in_name(const char *name, char ret_hex[CACHE_KEY_LEN + 1])
{
    const char *slash = strrchr(name, '/');

    name = slash != NULL ? slash + 1 : name;
    name += str_starts(name, "sha256:") ? 7 : 0;
    ret_hex[0] = '\0';
    if (strspn(name, "0123456789abcdef") == CACHE_KEY_LEN &&
        (name[CACHE_KEY_LEN] == '\0' || str_eq(name + CACHE_KEY_LEN, ".json")))
        (void)snprintf(ret_hex, CACHE_KEY_LEN + 1, "%.*s", CACHE_KEY_LEN, name);
}

static int read_docker_entry(const struct image_reading *r, const json_t *entry,
                             struct image *image)
{
    const char *config = document_text(entry, "Config");
    cleanup_free char *text = NULL;
    size_t len;
    int e = make_layers(r, document_member(entry, "Layers"), image);

    for (size_t i = 0; e == 0 && i < image->n_layers; i++) {
        const char *name = json_string_value(json_array_get(document_member(entry, "Layers"), i));

        if (name == NULL || !config_is_plain(name))
            return image_wrong(r, "layer %zu of its manifest.json has no name", i + 1);
        image->layers[i].blob = xstrdup(name);
        image->layers[i].size = UINT64_MAX;
    }
    if (e == 0 && config == NULL)
        return image_wrong(r, "its manifest.json names no Config");
    if (e == 0)
        e = image_read_document(r, config, &text, &len);
    if (e < 0)
        return e;
    digest_in_name(config, image->digest);
    e = image->digest[0] != '\0' ? image_check_digest(r, config, text, len, image->digest)
                                 : hash_bytes(text, len, image->digest);
    return e < 0 ? e : read_config(r, text, len, image);
}

/* `list` is manifest.json. */
static int read_docker(const struct image_reading *r, const json_t *list, struct image *image)
{
    const json_t *found = NULL;
    int e = chosen_of_docker(r, list, &found);

    return e < 0 ? e : read_docker_entry(r, found, image);
}

/* ---- indexes and manifests ---- */

/* Goes from an index down to the manifest of the image that is meant, which *document is then.
 * -ENOENT: *document itself has none such. */
static int follow(const struct image_reading *r, json_t **document, struct image *image)
{
    for (int depth = 0; is_index(*document); depth++) {
        cleanup_free char *text = NULL;
        const json_t *descriptor = NULL;
        json_t *next = NULL;
        size_t len;
        int e;

        if (depth == INDEX_DEPTH_MAX)
            return image_wrong(r, "its indexes are nested more than %d deep", INDEX_DEPTH_MAX);
        e = chosen_of_index(r, *document, depth == 0 && !r->flat, &descriptor);
        if (e == -ENOENT && depth > 0)
            e = -EBADMSG;
        if (e == 0)
            e = image_read_blob(r, descriptor, "manifest", &text, &len, image->digest);
        if (e == 0)
            e = image_parse(r, "its manifest", text, len, &next);
        if (e < 0)
            return e;
        json_decref(*document);
        *document = next;
    }
    return read_manifest(r, *document, image);
}

/* ---- manifest.json: of docker save, or of a flat layout ---- */

/* skopeo's, buildah's and podman's `dir:` (podman's also `docker-dir`): the manifest itself, or an
 * index. It has no names. */
static int read_flat(struct image_reading *r, json_t **document, const char *text, size_t len,
                     struct image *image)
{
    const char *wanted = r->wanted->reference;
    int e = hash_bytes(text, len, image->digest);

    if (e < 0)
        return cupel_error_set(r->err, CUPEL_ERROR_HARNESS, e, "cannot compute a digest");
    if (wanted != NULL && (!str_starts(wanted, "sha256:") || !str_eq(wanted + 7, image->digest)))
        return image_wrong(r, "it holds no image '%s', but one without a name, sha256:%s", wanted,
                           image->digest);
    r->flat = true;
    return follow(r, document, image);
}

static int read_manifest_json(struct image_reading *r, struct image *image)
{
    cleanup_json json_t *document = NULL;
    cleanup_free char *text = NULL;
    size_t len;
    int e = image_read_document(r, "manifest.json", &text, &len);

    if (e == 0)
        e = image_parse(r, "manifest.json", text, len, &document);
    if (e < 0)
        return e;
    return json_is_object(document) ? read_flat(r, &document, text, len, image)
                                    : read_docker(r, document, image);
}

/* ---- an OCI layout, perhaps with a manifest.json beside ---- */

static int read_oci(struct image_reading *r, struct image *image)
{
    cleanup_json json_t *document = NULL;
    cleanup_free char *text = NULL;
    bool docker = contents_have(r->contents, "manifest.json");
    size_t len;
    int e = image_read_document(r, "index.json", &text, &len);

    if (e == 0)
        e = image_parse(r, "index.json", text, len, &document);
    if (e < 0)
        return e;
    if (docker &&
        (!is_index(document) || json_array_size(document_member(document, "manifests")) == 0))
        return read_manifest_json(r, image); /* Docker 25 saves by id so: "manifests": null */
    if (!is_index(document))
        return image_wrong(r, "its index.json lists no manifests");
    e = follow(r, &document, image);
    if (e == -ENOENT && docker && r->wanted->reference != NULL)
        return read_manifest_json(r, image); /* which has names of its own */
    return e;
}

/* ---- all of it ---- */

static int want_platform(struct image_reading *r, struct arena *arena)
{
    const char *text = r->wanted->platform, *slash;
    struct utsname u;

    if (text == NULL) {
        if (uname(&u) < 0)
            return cupel_error_set(r->err, CUPEL_ERROR_HARNESS, errno,
                                   "cannot tell this machine's architecture");
        r->os = arena_strdup(arena, "linux");
        r->architecture = arena_strdup(arena, chosen_machine_architecture(u.machine));
        r->variant = arena_strdup(arena, "");
        return 0;
    }
    slash = strchr(text, '/');
    if (slash == NULL)
        return image_wrong(r, "'%.60s' is no platform such as linux/amd64", text);
    r->os = arena_strndup(arena, text, (size_t)(slash - text));
    text = slash + 1;
    slash = strchr(text, '/');
    r->architecture = slash != NULL ? arena_strndup(arena, text, (size_t)(slash - text))
                                    : arena_strdup(arena, text);
    r->variant = arena_strdup(arena, slash != NULL ? slash + 1 : "");
    return 0;
}

/* Where an archive has each layer. One that it does not have may be in the store. */
static void locate_layers(const struct image_reading *r, struct image *image)
{
    for (size_t i = 0; i < image->n_layers; i++) {
        struct image_layer *l = &image->layers[i];

        if (contents_find(r->contents, l->blob, &l->offset, &l->stored) < 0)
            l->offset = -1;
    }
}

static int no_image(const struct image_reading *r)
{
    if (contents_have(r->contents, "repositories")) {
        (void)image_wrong(r, "it is what Docker before 1.10 saved: it has no manifest.json");
        cupel_error_hint(r->err, "load it and save it again with a newer Docker or podman");
        return -EBADMSG;
    }
    (void)image_wrong(r,
                      "it has neither index.json (an OCI layout) nor manifest.json (docker save)");
    cupel_error_hint(r->err, "a directory or tar of a root is no image: `tar: FILE`, or cupel "
                             "rootfs import NAME PATH and "
                             "`imported: NAME`");
    return -EBADMSG;
}

int image_read(const struct contents *contents, const struct image_wanted *wanted,
               struct image *ret, struct cupel_error *err)
{
    struct image image = {0};
    struct image_reading r = {.contents = contents,
                              .wanted = wanted,
                              .is_ours = wanted->platform == NULL,
                              .notes = &image.notes,
                              .err = err};
    struct arena *arena = arena_new();
    int e = want_platform(&r, arena);

    if (e == 0 && contents_have(contents, "index.json"))
        e = read_oci(&r, &image);
    else if (e == 0 && contents_have(contents, "manifest.json"))
        e = read_manifest_json(&r, &image);
    else if (e == 0)
        e = no_image(&r);
    arena_free(arena);
    if (e == 0)
        locate_layers(&r, &image);
    if (e < 0)
        image_free(&image);
    else
        *ret = image;
    return e;
}

/* config.md, "Layer ChainID": ChainID(L0) = DiffID(L0); ChainID(L0|…|Ln) =
 * Digest(ChainID(L0|…|Ln-1) + " " + DiffID(Ln)). */
int image_chain(struct image *image)
{
    for (size_t i = 0; i < image->n_layers; i++) {
        struct image_layer *l = &image->layers[i];
        cleanup_free char *text = NULL;
        int r;

        if (i == 0) {
            memcpy(l->chain_id, l->diff_id, sizeof(l->chain_id));
            continue;
        }
        text = xasprintf("sha256:%s sha256:%s", image->layers[i - 1].chain_id, l->diff_id);
        r = hash_bytes(text, strlen(text), l->chain_id);
        if (r < 0)
            return r;
    }
    return 0;
}
