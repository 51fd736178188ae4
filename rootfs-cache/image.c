/* image: see image.h; in the confined child. Every document that is named by a digest is compared with it, size first, before it is parsed. */
#include "rootfs-cache/image.h"

#include "rootfs-cache/config.h"
#include "rootfs-cache/digest.h"

#include <jansson.h>
#include <string.h>
#include <sys/utsname.h>

#define DOCUMENT_MAX ((size_t)8 << 20)
#define INDEX_DEPTH_MAX 4

static void json_freep(json_t **j)
{
    json_decref(*j);
}
#define cleanup_json _cleanup_(json_freep)

struct reading {
    const struct contents *contents;
    const struct image_wanted *wanted;
    char *os, *architecture, *variant; /* wanted; variant "" for any */
    struct cupel_error *err;
};

void image_free(struct image *image)
{
    for (size_t i = 0; i < image->n_layers; i++)
        free(image->layers[i].blob);
    free(image->layers);
    if (image->config != NULL)
        arena_free(image->config->arena);
    *image = (struct image){0};
}

static int wrong(const struct reading *r, const char *fmt, ...) BASE_PRINTF(2, 3);
static int wrong(const struct reading *r, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf b = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    for (char *p = b.data; *p != '\0'; p++) /* words of a hostile document */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    (void)cupel_error_set(r->err, CUPEL_ERROR_INPUT, 0, "cannot use the image '%s' for root '%s': %s", r->wanted->path,
                          r->wanted->root, b.data);
    return -EBADMSG;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* ---- documents ---- */

static int parse(const struct reading *r, const char *name, const char *text, size_t len, json_t **ret)
{
    json_error_t where;
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);

    if (j == NULL)
        return wrong(r, "%s is no JSON, line %d: %s", name, where.line, where.text);
    *ret = j;
    return 0;
}

static int read_document(const struct reading *r, const char *name, char **ret_text, size_t *ret_len)
{
    int e = contents_read(r->contents, name, DOCUMENT_MAX, ret_text, ret_len);

    return e < 0 ? wrong(r, "cannot read %s: %s", name, strerror(-e)) : 0;
}

static int check_digest(const struct reading *r, const char *name, const char *text, size_t len, const char *digest)
{
    char got[CACHE_KEY_LEN + 1];
    int e = digest_bytes(text, len, got);

    if (e < 0)
        return cupel_error_set(r->err, CUPEL_ERROR_HARNESS, e, "cannot compute a digest");
    return str_eq(got, digest) ? 0 : wrong(r, "%s has the digest sha256:%s", name, got);
}

/* A descriptor (descriptor.md): its digest as hex and its size. */
static int read_descriptor(const struct reading *r, const json_t *d, const char *what, char ret_hex[CACHE_KEY_LEN + 1],
                           uint64_t *ret_size)
{
    const char *digest = text_of(d, "digest");
    const json_t *size = json_object_get(d, "size");

    if (digest == NULL || !json_is_integer(size) || json_integer_value(size) < 0)
        return wrong(r, "its %s has no digest or no size", what);
    if (!str_starts(digest, "sha256:") || strlen(digest) != 7 + CACHE_KEY_LEN ||
        strspn(digest + 7, "0123456789abcdef") != CACHE_KEY_LEN)
        return wrong(r, "its %s has the digest '%.100s': only sha256 is known", what, digest);
    memcpy(ret_hex, digest + 7, CACHE_KEY_LEN + 1);
    *ret_size = (uint64_t)json_integer_value(size);
    return 0;
}

static char *blob_name(const char *hex)
{
    return xasprintf("blobs/sha256/%s", hex);
}

static int read_blob(const struct reading *r, const json_t *descriptor, const char *what, char **ret_text,
                     size_t *ret_len, char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free char *name = NULL, *text = NULL;
    uint64_t size;
    size_t len;
    int e = read_descriptor(r, descriptor, what, ret_hex, &size);

    if (e < 0)
        return e;
    name = blob_name(ret_hex);
    e = read_document(r, name, &text, &len);
    if (e < 0)
        return e;
    if (len != size)
        return wrong(r, "%s has %zu bytes, and its descriptor says %llu", name, len, (unsigned long long)size);
    e = check_digest(r, name, text, len, ret_hex);
    if (e < 0)
        return e;
    *ret_text = steal_ptr(text);
    *ret_len = len;
    return 0;
}

/* ---- the configuration ---- */

static int read_process(const struct reading *r, const json_t *config, struct cache_config **ret)
{
    cleanup_free char *wrong_with_it = config_read(config, ret);

    return wrong_with_it != NULL ? wrong(r, "%s", wrong_with_it) : 0;
}

static int read_config(const struct reading *r, const char *text, size_t len, struct image *image)
{
    cleanup_json json_t *config = NULL;
    const json_t *ids;
    int e = parse(r, "its configuration", text, len, &config);

    if (e < 0)
        return e;
    if (text_of(config, "os") != NULL && !str_eq(text_of(config, "os"), r->os))
        return wrong(r, "it is for %.40s", text_of(config, "os"));
    if (text_of(config, "architecture") != NULL && !str_eq(text_of(config, "architecture"), r->architecture))
        return wrong(r, "it is for %.40s, not %s; `platform` says which one to take", text_of(config, "architecture"),
                     r->architecture);
    ids = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
    if (!json_is_array(ids) || json_array_size(ids) != image->n_layers)
        return wrong(r, "its configuration has %zu diff_ids for %zu layers", json_array_size(ids), image->n_layers);
    for (size_t i = 0; i < image->n_layers; i++) {
        const char *id = json_string_value(json_array_get(ids, i));

        if (id == NULL || !str_starts(id, "sha256:") || strlen(id) != 7 + CACHE_KEY_LEN ||
            strspn(id + 7, "0123456789abcdef") != CACHE_KEY_LEN)
            return wrong(r, "the diff_id of layer %zu is no sha256", i + 1);
        memcpy(image->layers[i].diff_id, id + 7, CACHE_KEY_LEN + 1);
    }
    return read_process(r, json_object_get(config, "config"), &image->config);
}

static int make_layers(const struct reading *r, const json_t *list, struct image *image)
{
    size_t n = json_array_size(list);

    if (!json_is_array(list) || n > CACHE_LAYERS_MAX)
        return wrong(r, "it has no list of layers, or more than %d", CACHE_LAYERS_MAX);
    if (n == 0)
        return wrong(r, "it has no layers");
    image->layers = xcalloc(n, sizeof(*image->layers));
    image->n_layers = n;
    return 0;
}

/* ---- OCI ---- */

static int read_manifest(const struct reading *r, const json_t *manifest, struct image *image)
{
    cleanup_free char *text = NULL;
    char hex[CACHE_KEY_LEN + 1];
    size_t len;
    int e = make_layers(r, json_object_get(manifest, "layers"), image);

    for (size_t i = 0; e == 0 && i < image->n_layers; i++) {
        struct image_layer *l = &image->layers[i];

        e = read_descriptor(r, json_array_get(json_object_get(manifest, "layers"), i), "layer", l->digest, &l->size);
        if (e == 0)
            l->blob = blob_name(l->digest);
    }
    if (e == 0)
        e = read_blob(r, json_object_get(manifest, "config"), "configuration", &text, &len, hex);
    return e < 0 ? e : read_config(r, text, len, image);
}

static bool platform_fits(const struct reading *r, const json_t *descriptor)
{
    const json_t *p = json_object_get(descriptor, "platform");
    const char *os = text_of(p, "os"), *architecture = text_of(p, "architecture"), *variant = text_of(p, "variant");

    if (p == NULL) /* the configuration will tell */
        return true;
    return os != NULL && architecture != NULL && str_eq(os, r->os) && str_eq(architecture, r->architecture) &&
           (r->variant[0] == '\0' || (variant != NULL && str_eq(variant, r->variant)));
}

/* The tag alone, or all of a name ("registry.example/team/base:1"), or its end from a slash on: docker archives have a registry in
 * front of what was asked for. */
static bool reference_is(const char *name, const char *wanted)
{
    size_t n = name != NULL ? strlen(name) : 0, w = strlen(wanted);
    const char *tag;

    if (name == NULL)
        return false;
    if (str_eq(name, wanted) || (n > w && name[n - w - 1] == '/' && str_eq(name + n - w, wanted)))
        return true;
    tag = strrchr(name, ':');
    return tag != NULL && strchr(tag, '/') == NULL && str_eq(tag + 1, wanted);
}

static bool reference_fits(const struct reading *r, const json_t *descriptor)
{
    const json_t *notes = json_object_get(descriptor, "annotations");
    const char *wanted = r->wanted->reference, *digest = text_of(descriptor, "digest");

    return wanted == NULL || (digest != NULL && str_eq(digest, wanted)) ||
           reference_is(text_of(notes, "org.opencontainers.image.ref.name"), wanted) ||
           reference_is(text_of(notes, "io.containerd.image.name"), wanted);
}

static const char *name_of(const json_t *descriptor)
{
    const json_t *notes = json_object_get(descriptor, "annotations");
    const char *name = text_of(notes, "org.opencontainers.image.ref.name");

    return name != NULL ? name : text_of(descriptor, "digest");
}

/* Of an index' descriptors the one that is wanted; those that fit no better are named. */
static int choose(const struct reading *r, const json_t *index, bool by_reference, const json_t **ret)
{
    const json_t *list = json_object_get(index, "manifests"), *found = NULL, *d;
    cleanup_strbuf struct strbuf names = {0};
    size_t i, n = 0;

    json_array_foreach(list, i, d)
    {
        if ((by_reference && !reference_fits(r, d)) || !platform_fits(r, d))
            continue;
        found = d;
        n++;
        if (names.len < 500)
            strbuf_addf(&names, "%s%.100s", n > 1 ? ", " : "", name_of(d) != NULL ? name_of(d) : "?");
    }
    if (n == 1) {
        *ret = found;
        return 0;
    }
    if (n > 1)
        return wrong(r, "it holds several images, say by `tag` which one: %s", names.data);
    if (by_reference && r->wanted->reference != NULL)
        return wrong(r, "it holds no image '%s' for %s/%s", r->wanted->reference, r->os, r->architecture);
    return wrong(r, "it holds no image for %s/%s", r->os, r->architecture);
}

static bool is_index(const json_t *document)
{
    return json_is_array(json_object_get(document, "manifests"));
}

static int read_oci(const struct reading *r, struct image *image)
{
    cleanup_json json_t *document = NULL;
    cleanup_free char *text = NULL;
    size_t len;
    int e = read_document(r, "index.json", &text, &len);

    if (e == 0)
        e = parse(r, "index.json", text, len, &document);
    if (e == 0 && !is_index(document))
        return wrong(r, "its index.json lists no manifests");
    for (int depth = 0; e == 0 && is_index(document); depth++) {
        const json_t *descriptor = NULL;
        json_t *next = NULL;

        if (depth == INDEX_DEPTH_MAX)
            return wrong(r, "its indexes are nested more than %d deep", INDEX_DEPTH_MAX);
        e = choose(r, document, depth == 0, &descriptor);
        if (e < 0)
            return e;
        free(steal_ptr(text));
        e = read_blob(r, descriptor, "manifest", &text, &len, image->digest);
        if (e == 0)
            e = parse(r, "its manifest", text, len, &next);
        json_decref(document);
        document = next;
    }
    return e < 0 ? e : read_manifest(r, document, image);
}

/* ---- docker save ---- */

static bool docker_fits(const struct reading *r, const json_t *entry)
{
    const json_t *tags = json_object_get(entry, "RepoTags"), *tag;
    size_t i;

    if (r->wanted->reference == NULL)
        return true;
    json_array_foreach(tags, i, tag)
    {
        if (reference_is(json_string_value(tag), r->wanted->reference))
            return true;
    }
    return false;
}

/* "HEX.json", "blobs/sha256/HEX": named by its digest. */
static void digest_in_name(const char *name, char ret_hex[CACHE_KEY_LEN + 1])
{
    const char *slash = strrchr(name, '/');

    name = slash != NULL ? slash + 1 : name;
    ret_hex[0] = '\0';
    if (strspn(name, "0123456789abcdef") == CACHE_KEY_LEN &&
        (name[CACHE_KEY_LEN] == '\0' || str_eq(name + CACHE_KEY_LEN, ".json")))
        (void)snprintf(ret_hex, CACHE_KEY_LEN + 1, "%.*s", CACHE_KEY_LEN, name);
}

static int read_docker_entry(const struct reading *r, const json_t *entry, struct image *image)
{
    const char *config = text_of(entry, "Config");
    cleanup_free char *text = NULL;
    size_t len;
    int e = make_layers(r, json_object_get(entry, "Layers"), image);

    for (size_t i = 0; e == 0 && i < image->n_layers; i++) {
        const char *name = json_string_value(json_array_get(json_object_get(entry, "Layers"), i));

        if (name == NULL || !config_is_plain(name))
            return wrong(r, "layer %zu of its manifest.json has no name", i + 1);
        image->layers[i].blob = xstrdup(name);
        image->layers[i].size = UINT64_MAX;
    }
    if (e == 0 && config == NULL)
        return wrong(r, "its manifest.json names no Config");
    if (e == 0)
        e = read_document(r, config, &text, &len);
    if (e < 0)
        return e;
    digest_in_name(config, image->digest);
    e = image->digest[0] != '\0' ? check_digest(r, config, text, len, image->digest)
                                 : digest_bytes(text, len, image->digest);
    return e < 0 ? e : read_config(r, text, len, image);
}

static int read_docker(const struct reading *r, struct image *image)
{
    cleanup_json json_t *list = NULL;
    const json_t *found = NULL, *entry;
    cleanup_free char *text = NULL;
    size_t len, i, n = 0;
    int e = read_document(r, "manifest.json", &text, &len);

    if (e == 0)
        e = parse(r, "manifest.json", text, len, &list);
    if (e < 0)
        return e;
    json_array_foreach(list, i, entry)
    {
        if (docker_fits(r, entry)) {
            found = entry;
            n++;
        }
    }
    if (n != 1 && r->wanted->reference != NULL)
        return wrong(r, "it holds %s image '%s'", n == 0 ? "no" : "more than one", r->wanted->reference);
    if (n != 1)
        return wrong(r, "it holds %zu images%s", n, n > 1 ? ", say by `tag` which one" : "");
    return read_docker_entry(r, found, image);
}

/* ---- all of it ---- */

/* As GOARCH names them, which is what the specification uses. */
static const char *machine_architecture(const char *machine)
{
    static const struct {
        const char *machine, *name;
    } table[] = {{"x86_64", "amd64"},    {"aarch64", "arm64"},   {"armv7l", "arm"},  {"i686", "386"},
                 {"ppc64le", "ppc64le"}, {"riscv64", "riscv64"}, {"s390x", "s390x"}, {"loongarch64", "loong64"}};

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (str_eq(table[i].machine, machine))
            return table[i].name;
    return machine;
}

static int want_platform(struct reading *r, struct arena *arena)
{
    const char *text = r->wanted->platform, *slash;
    struct utsname u;

    if (text == NULL) {
        if (uname(&u) < 0)
            return cupel_error_set(r->err, CUPEL_ERROR_HARNESS, errno, "cannot tell this machine's architecture");
        r->os = arena_strdup(arena, "linux");
        r->architecture = arena_strdup(arena, machine_architecture(u.machine));
        r->variant = arena_strdup(arena, "");
        return 0;
    }
    slash = strchr(text, '/');
    if (slash == NULL)
        return wrong(r, "'%.60s' is no platform such as linux/amd64", text);
    r->os = arena_strndup(arena, text, (size_t)(slash - text));
    text = slash + 1;
    slash = strchr(text, '/');
    r->architecture = slash != NULL ? arena_strndup(arena, text, (size_t)(slash - text)) : arena_strdup(arena, text);
    r->variant = arena_strdup(arena, slash != NULL ? slash + 1 : "");
    return 0;
}

/* Where an archive has each layer. One that it does not have may be in the store. */
static void locate_layers(const struct reading *r, struct image *image)
{
    for (size_t i = 0; i < image->n_layers; i++) {
        struct image_layer *l = &image->layers[i];

        if (contents_find(r->contents, l->blob, &l->offset, &l->stored) < 0)
            l->offset = -1;
    }
}

int image_read(const struct contents *contents, const struct image_wanted *wanted, struct image *ret,
               struct cupel_error *err)
{
    struct reading r = {.contents = contents, .wanted = wanted, .err = err};
    struct arena *arena = arena_new();
    struct image image = {0};
    int e = want_platform(&r, arena);

    if (e == 0 && contents_have(contents, "index.json"))
        e = read_oci(&r, &image);
    else if (e == 0 && contents_have(contents, "manifest.json"))
        e = read_docker(&r, &image);
    else if (e == 0)
        e = wrong(&r, "it has neither index.json (an OCI layout) nor manifest.json (docker save)");
    arena_free(arena);
    if (e == 0)
        locate_layers(&r, &image);
    if (e < 0)
        image_free(&image);
    else
        *ret = image;
    return e;
}
