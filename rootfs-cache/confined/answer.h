/* SPDX-License-Identifier: Apache-2.0 */
/* answer: private to rootfs-cache. What a confined child found out about an image, as bytes and
 * back. The child that wrote them may be the image's by then: whatever is read back is bounded, and
 * has the form that it should have; that it is true is for digests to say. */
#pragma once

#include "rootfs-cache/confined/image.h"

/* Words, each with its NUL. */
void answer_put_config(struct strbuf *b, const struct cache_config *config);
void answer_put_image(struct strbuf *b, const struct image *image);

/* 0, or -EBADMSG when it is not what the above write, whole. Chain ids are not part of it. */
int answer_take_config(const char *data, size_t length, struct cache_config **ret);
int answer_take_image(const char *data, size_t length, struct image *ret);
