/* SPDX-License-Identifier: Apache-2.0 */
/* chosen: which image of several is meant: by name, by platform, and by being an image at all. The
 * same digest is the same image, however often it is listed (Docker 25 lists it once a tag). Not
 * responsible for what is in it (image.c). */
#include "rootfs-cache/confined/reading.h"

#include <string.h>
#include <strings.h>

#define NAMES_SHOWN 500
#define LOOK_INTO_MAX                                                                              \
    12 /* a child may ask for 64 files (CHILD_ASKS_MAX); each of these costs two */

/* ---- platforms ---- */

/* Which levels of x86-64 this machine has (the psABI's micro-architecture levels, by what each
 * adds). */
static int amd64_level(void)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt"))
        return 1;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") ||
        !__builtin_cpu_supports("fma"))
        return 2;
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") ? 4 : 3;
#else
    return 4;
#endif
}

/* Tells whether this machine can run a variant, where nobody asked for a certain one. */
static bool can_run(const struct image_reading *r, const char *variant)
{
    if (!r->is_ours || !str_eq(r->architecture, "amd64") || variant == NULL || variant[0] != 'v')
        return true;
    return strtol(variant + 1, NULL, 10) <= amd64_level();
}

static bool chosen_says(const char *text)
{
    return text != NULL && text[0] != '\0';
}

const char *chosen_machine_architecture(const char *machine)
{
    static const struct {
        const char *machine, *name;
    } table[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"},      {"armv7l", "arm"},
                 {"i686", "386"},     {"ppc64le", "ppc64le"},    {"riscv64", "riscv64"},
                 {"s390x", "s390x"},  {"loongarch64", "loong64"}};

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (str_eq(table[i].machine, machine))
            return table[i].name;
    return machine;
}

bool chosen_is_system(const struct image_reading *r, const char *os)
{
    return strcasecmp(os, r->os) == 0;
}

bool chosen_is_architecture(const struct image_reading *r, const char *architecture)
{
    return str_eq(architecture, r->architecture) ||
           str_eq(chosen_machine_architecture(architecture), r->architecture);
}

bool chosen_platform_fits(const struct image_reading *r, const json_t *platform)
{
    const char *os = document_text(platform, "os"),
               *architecture = document_text(platform, "architecture"),
               *variant = document_text(platform, "variant");

    if ((chosen_says(os) && !chosen_is_system(r, os)) ||
        (chosen_says(architecture) && !chosen_is_architecture(r, architecture)))
        return false;
    return r->variant[0] == '\0'
               ? can_run(r, variant)
               : !chosen_says(architecture) || (variant != NULL && str_eq(variant, r->variant));
}

/* ---- what is no image ---- */

static bool is_attestation(const json_t *descriptor)
{
    const char *type =
        document_text(document_member(descriptor, "annotations"), "vnd.docker.reference.type");

    return type != NULL && str_eq(type, "attestation-manifest");
}

static const char *type_of_layers(const json_t *layers)
{
    const json_t *layer;
    size_t i;

    json_array_foreach(layers, i, layer)
    {
        const char *type = document_text(layer, "mediaType");

        if (chosen_says(type) && strstr(type, "tar") == NULL)
            return type;
    }
    return NULL;
}

/* What a configuration of an image is called. */
static bool is_type_of_image(const char *config)
{
    return str_eq(config, "application/vnd.oci.image.config.v1+json") ||
           str_eq(config, "application/vnd.docker.container.image.v1+json");
}

/* OCI image specification, manifest.md, "Guidelines for Artifact Usage"; older ones say so by the
 * type of their configuration or layers. An image is one whatever its `artifactType` says, which
 * nobody has to know. */
const char *chosen_artifact(const json_t *manifest)
{
    const char *type = document_text(manifest, "artifactType"),
               *config = document_text(document_member(manifest, "config"), "mediaType");

    if (chosen_says(config) && is_type_of_image(config))
        return type_of_layers(document_member(manifest, "layers"));
    if (chosen_says(type))
        return type;
    return chosen_says(config) ? config : type_of_layers(document_member(manifest, "layers"));
}

static bool is_artifact(const json_t *descriptor)
{
    const char *type = document_text(descriptor, "artifactType");

    return is_attestation(descriptor) || (chosen_says(type) && !is_type_of_image(type));
}

/* ---- names ---- */

/* The tag alone, or all of a name ("registry.example/team/base:1"), or its end from a slash on:
 * docker archives have a registry in front of what was asked for. */
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

static const char *annotation(const json_t *descriptor, const char *key)
{
    return document_text(document_member(descriptor, "annotations"), key);
}

static bool reference_fits(const struct image_reading *r, const json_t *descriptor)
{
    const char *wanted = r->wanted->reference, *digest = document_text(descriptor, "digest");

    return wanted == NULL || (digest != NULL && str_eq(digest, wanted)) ||
           reference_is(annotation(descriptor, "org.opencontainers.image.ref.name"), wanted) ||
           reference_is(annotation(descriptor, "io.containerd.image.name"), wanted);
}

static const char *chosen_name_of(const json_t *descriptor)
{
    const char *name = annotation(descriptor, "org.opencontainers.image.ref.name");

    return name != NULL ? name : document_text(descriptor, "digest");
}

/* ---- an index ---- */

struct candidates {
    const json_t **list;
    size_t n, artifacts;
};

static bool chosen_is_same(const json_t *a, const json_t *b, const char *key)
{
    const char *x = document_text(a, key), *y = document_text(b, key);

    return x != NULL && y != NULL && str_eq(x, y);
}

static void chosen_collect(const struct image_reading *r, const json_t *list, bool by_reference,
                           struct candidates *c)
{
    const json_t *d;
    size_t i;

    c->list = xcalloc(json_array_size(list) + 1, sizeof(*c->list));
    json_array_foreach(list, i, d)
    {
        if (!json_is_object(d) || (by_reference && !reference_fits(r, d)) ||
            !chosen_platform_fits(r, document_member(d, "platform")))
            continue;
        if (is_artifact(d))
            c->artifacts++;
        else if (c->n == 0 ||
                 !chosen_is_same(c->list[c->n - 1], d, "digest")) /* the others are found below */
            c->list[c->n++] = d;
    }
}

/* Whether the descriptor stands for what could be run here, by its manifest and configuration; when
 * they cannot be read, it is chosen, and that is said. */
static bool is_usable(const struct image_reading *r, const json_t *descriptor, bool *ret_artifact)
{
    struct cupel_error ignored = {0};
    struct image_reading quiet = *r;
    cleanup_free char *text = NULL, *more = NULL;
    char hex[CACHE_KEY_LEN + 1];
    json_t *manifest = NULL, *config = NULL;
    json_error_t where;
    bool usable = true;
    size_t n;

    quiet.err = &ignored;
    if (image_read_blob(&quiet, descriptor, "manifest", &text, &n, hex) == 0)
        manifest = document_parse(text, n, "its manifest", NULL, &where);
    *ret_artifact = json_is_object(manifest) && chosen_artifact(manifest) != NULL;
    if (*ret_artifact)
        usable = false;
    else if (document_member(manifest, "config") != NULL &&
             image_read_blob(&quiet, document_member(manifest, "config"), "configuration", &more,
                             &n, hex) == 0)
        config = document_parse(more, n, "its configuration", NULL, &where);
    if (config != NULL)
        usable = chosen_platform_fits(r, config);
    json_decref(manifest);
    json_decref(config);
    return usable;
}

static void drop_unusable(const struct image_reading *r, struct candidates *c)
{
    size_t kept = 0;

    if (c->n < 2 || c->n > LOOK_INTO_MAX)
        return;
    for (size_t i = 0; i < c->n; i++) {
        bool artifact = false, known = false;

        for (size_t k = 0; k < kept; k++)
            known |= chosen_is_same(c->list[k], c->list[i], "digest");
        if (!known && is_usable(r, c->list[i], &artifact))
            c->list[kept++] = c->list[i];
        c->artifacts += artifact;
    }
    c->n = kept;
}

/* Several of one name, or of one index within another, are one image for several platforms: the
 * first that fits is the one. */
static bool are_one_image(const struct candidates *c, bool by_reference)
{
    const char *first = annotation(c->list[0], "org.opencontainers.image.ref.name");

    for (size_t i = 0; by_reference && i < c->n; i++) {
        const char *name = annotation(c->list[i], "org.opencontainers.image.ref.name");

        if (!json_is_object(document_member(c->list[i], "platform")) ||
            (name == NULL) != (first == NULL) || (name != NULL && !str_eq(name, first)))
            return false;
    }
    return true;
}

static int several(const struct image_reading *r, const struct candidates *c)
{
    cleanup_strbuf struct strbuf names = {0};

    strbuf_adds(&names, "");
    for (size_t i = 0; i < c->n && names.len < NAMES_SHOWN; i++)
        strbuf_addf(&names, "%s%.100s", i > 0 ? ", " : "",
                    chosen_name_of(c->list[i]) != NULL ? chosen_name_of(c->list[i]) : "?");
    (void)image_wrong(r, "it holds several images, say by `tag` which one: %s", names.data);
    cupel_error_hint(
        r->err, "--tag NAME of `cupel rootfs import`, or `tag: NAME` beside `oci` in a job file");
    return -EBADMSG;
}

static int none(const struct image_reading *r, const struct candidates *c, bool by_reference)
{
    if (c->artifacts > 0)
        (void)image_wrong(r,
                          "it holds no image for %s/%s, only artifacts (signatures, lists of what "
                          "is in something)",
                          r->os, r->architecture);
    else if (by_reference && r->wanted->reference != NULL)
        (void)image_wrong(r, "it holds no image '%s' for %s/%s", r->wanted->reference, r->os,
                          r->architecture);
    else
        (void)image_wrong(r, "it holds no image for %s/%s", r->os, r->architecture);
    return -ENOENT;
}

int chosen_of_index(const struct image_reading *r, const json_t *index, bool by_reference,
                    const json_t **ret)
{
    struct candidates c = {0};
    int e = 0;

    chosen_collect(r, document_member(index, "manifests"), by_reference, &c);
    drop_unusable(r, &c);
    if (c.n == 0)
        e = none(r, &c, by_reference);
    else if (c.n > 1 && !are_one_image(&c, by_reference))
        e = several(r, &c);
    else
        *ret = c.list[0];
    free(c.list);
    return e;
}

/* ---- docker save ---- */

/* "HEX.json", "sha256:HEX", "blobs/sha256/HEX": the image's digest, as far as its name says it. */
static bool is_digest_of(const char *config, const char *wanted)
{
    return config != NULL && str_starts(wanted, "sha256:") && strstr(config, wanted + 7) != NULL;
}

static bool docker_fits(const struct image_reading *r, const json_t *entry)
{
    const json_t *tags = document_member(entry, "RepoTags"), *tag;
    size_t i;

    if (r->wanted->reference == NULL ||
        is_digest_of(document_text(entry, "Config"), r->wanted->reference))
        return true;
    json_array_foreach(tags, i, tag)
    {
        if (reference_is(json_string_value(tag), r->wanted->reference))
            return true;
    }
    return false;
}

static void name_docker(const json_t *list, struct strbuf *names)
{
    const json_t *entry, *tag;
    size_t i, k;

    strbuf_adds(names, "");
    json_array_foreach(list, i, entry)
    {
        const json_t *tags = document_member(entry, "RepoTags");

        if (json_array_size(tags) == 0 && names->len < NAMES_SHOWN)
            strbuf_addf(names, "%s%.100s", names->len > 0 ? ", " : "",
                        document_text(entry, "Config") ?: "?");
        json_array_foreach(tags, k, tag)
        {
            if (names->len < NAMES_SHOWN)
                strbuf_addf(names, "%s%.100s", names->len > 0 ? ", " : "",
                            json_string_value(tag) ?: "?");
        }
    }
}

int chosen_of_docker(const struct image_reading *r, const json_t *list, const json_t **ret)
{
    cleanup_strbuf struct strbuf names = {0};
    const json_t *found = NULL, *entry;
    size_t i, n = 0;

    json_array_foreach(list, i, entry)
    {
        if (!docker_fits(r, entry) || (found != NULL && chosen_is_same(found, entry, "Config")))
            continue;
        found = n == 0 ? entry : found;
        n++;
    }
    if (n == 1) {
        *ret = found;
        return 0;
    }
    name_docker(list, &names);
    if (r->wanted->reference != NULL)
        return image_wrong(r, "it holds %s image '%s', but %s", n == 0 ? "no" : "more than one",
                           r->wanted->reference, names.len > 0 ? names.data : "none at all");
    if (n == 0)
        return image_wrong(r, "its manifest.json lists no image");
    (void)image_wrong(r, "it holds %zu images, say by `tag` which one: %s", n, names.data);
    cupel_error_hint(
        r->err, "--tag NAME of `cupel rootfs import`, or `tag: NAME` beside `oci` in a job file");
    return -EBADMSG;
}
