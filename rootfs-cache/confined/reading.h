/* SPDX-License-Identifier: Apache-2.0 */
/* reading: private to image.c and chosen.c: an image's documents as they are read, in the confined
 * child. */
#pragma once

#include "rootfs-cache/confined/document.h"
#include "rootfs-cache/confined/image.h"

struct image_reading {
    const struct contents *contents;
    const struct image_wanted *wanted;
    char *os, *architecture, *variant; /* wanted; variant "" for any */
    bool is_ours;                      /* this machine's: nobody asked for another */
    bool flat;                         /* skopeo's `dir:`: blobs lie beside manifest.json */
    struct strbuf *notes;
    struct cupel_error *err;
};

/* Fills r->err: this image cannot be used. */
int image_wrong(const struct image_reading *r, const char *fmt, ...) BASE_PRINTF(2, 3);
/* Reads and checks what a descriptor stands for. */
int image_read_blob(const struct image_reading *r, const json_t *descriptor, const char *what,
                    char **ret_text, size_t *ret_len, char ret_hex[CACHE_KEY_LEN + 1]);

/* ---- chosen.c: which image of several ---- */

/* Whether "linux", "amd64", as a document has it (NULL and "" are no restriction), is what is
 * wanted. */
bool chosen_platform_fits(const struct image_reading *r, const json_t *platform);
/* The same of one word. Some builders write "Linux", or the machine's own "x86_64". */
bool chosen_is_system(const struct image_reading *r, const char *os);
bool chosen_is_architecture(const struct image_reading *r, const char *architecture);
/* Names a machine as GOARCH does, which is what the specification uses. */
const char *chosen_machine_architecture(const char *machine);
/* What a manifest is that is no image's: its type, or NULL. */
const char *chosen_artifact(const json_t *manifest);
/* Chooses, of an index' descriptors, the one that is wanted. -ENOENT, with r->err filled: there is
 * none. */
int chosen_of_index(const struct image_reading *r, const json_t *index, bool by_reference,
                    const json_t **ret);
/* The same of a manifest.json. */
int chosen_of_docker(const struct image_reading *r, const json_t *list, const json_t **ret);
