/* SPDX-License-Identifier: Apache-2.0 */
/* image_readers: see image_readers.h. Not responsible for what the documents of a whole image mean
 * (image.c). */
#include "rootfs-cache/confined/image_readers.h"

#include "rootfs-cache/confined/answer.h"
#include "rootfs-cache/confined/config.h"
#include "rootfs-cache/confined/document.h"
#include "rootfs-cache/confined/hash.h"

#include <jansson.h>
#include <string.h>

#define DOCUMENT_MAX ((size_t)8 << 20)

/* ---- an image that is there ---- */

int image_readers_files(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                        struct cupel_error *err)
{
    const struct image_files *what = arg;
    struct contents *contents = NULL;
    struct image image = {0};
    int r = 0;

    if (what->archive)
        r = contents_of_archive(fd, what->wanted->path, &contents, err);
    else
        contents = contents_of_directory(self);
    if (r == 0)
        r = image_read(contents, what->wanted, &image, err);
    if (r == 0)
        answer_put_image(reply, &image);
    image_free(&image);
    contents_free(contents);
    return r;
}

/* ---- an image in a registry ---- */

static json_t *image_readers_document(int fd)
{
    cleanup_free char *text = NULL;
    json_error_t where;
    size_t length;

    return file_read_fd(fd, DOCUMENT_MAX, &text, &length) < 0
               ? NULL
               : document_parse(text, length, "it", NULL, &where);
}

/* "sha256:…" -> its digits, "" for anything else. */
static const char *digits_of(const json_t *value)
{
    const char *text = json_string_value(value);

    return text != NULL && str_starts(text, "sha256:") && hash_is_hex(text + 7) ? text + 7 : "";
}

static bool image_readers_fill(const json_t *blobs, const json_t *ids, struct image *image)
{
    image->n_layers = json_array_size(blobs);
    if (image->n_layers > CACHE_LAYERS_MAX || json_array_size(ids) != image->n_layers)
        return false;
    image->layers = xcalloc(image->n_layers, sizeof(*image->layers));
    for (size_t i = 0; i < image->n_layers; i++) {
        struct image_layer *l = &image->layers[i];

        (void)snprintf(l->digest, sizeof(l->digest), "%s", digits_of(json_array_get(blobs, i)));
        (void)snprintf(l->diff_id, sizeof(l->diff_id), "%s", digits_of(json_array_get(ids, i)));
        l->blob = xasprintf("blobs/sha256/%s", l->digest);
        if (l->digest[0] == '\0' || l->diff_id[0] == '\0')
            return false;
    }
    /* any: nobody asks */
    (void)snprintf(image->digest, sizeof(image->digest), "%0*d", CACHE_KEY_LEN, 0);
    return true;
}

int image_readers_summary(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                          struct cupel_error *err)
{
    const struct image_summary *d = arg;
    json_t *summary = image_readers_document(fd), *config = image_readers_document(d->config);
    struct image image = {0};
    cleanup_free char *wrong = config_read(NULL, NULL, &image.config);
    bool good =
        wrong == NULL &&
        image_readers_fill(json_object_get(summary, "Layers"),
                           json_object_get(json_object_get(config, "rootfs"), "diff_ids"), &image);

    (void)self;
    if (good)
        answer_put_image(reply, &image);
    image_free(&image);
    json_decref(summary);
    json_decref(config);
    return good ? 0
                : cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot tell the layers of '%s'",
                                  d->name);
}
