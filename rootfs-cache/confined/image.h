/* SPDX-License-Identifier: Apache-2.0 */
/* image: private to rootfs-cache. What an image says of itself: an OCI layout (OCI image
 * specification, image-layout.md, image-index.md, manifest.md, config.md) or what `docker save`
 * writes (manifest.json). Reads and checks; unpacks nothing. The documents are parsed in a confined
 * child. */
#pragma once

#include "rootfs-cache/confined/contents.h"

struct image_layer {
    char *blob;                       /* its name among the blobs */
    char digest[CACHE_KEY_LEN + 1];   /* of the blob; "": not said (docker save, old form) */
    uint64_t size;                    /* of the blob; UINT64_MAX: not said */
    off_t offset;                     /* of the blob in an archive; -1: it is not in there */
    uint64_t stored;                  /* its size there */
    char diff_id[CACHE_KEY_LEN + 1];  /* of the tar in it */
    char chain_id[CACHE_KEY_LEN + 1]; /* of it and all beneath (config.md, "Layer ChainID") */
};

struct image {
    struct image_layer *layers; /* bottom first */
    size_t n_layers;
    struct cache_config *config;
    struct strbuf notes; /* oddities that do no harm, a line each */
    /* of the manifest; of the config where there is none by digest (docker save) */
    char digest[CACHE_KEY_LEN + 1];
};

struct image_wanted {
    const char *root;      /* name for messages */
    const char *path;      /* the same of the image */
    const char *reference; /* tag, full name, or "sha256:…" of a manifest; NULL: the only one */
    const char *platform;  /* "linux/arm64[/v8]"; NULL: this machine's */
};

/* Reads what the image says of itself, in the child. */
int image_read(const struct contents *contents, const struct image_wanted *wanted,
               struct image *ret, struct cupel_error *err);
void image_free(struct image *image);
/* Each layer's chain id, from the diff ids. Negative errno. */
int image_chain(struct image *image);
