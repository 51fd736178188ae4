/* SPDX-License-Identifier: Apache-2.0 */
/* hostroot: private to sandbox; the `host` root without the host's rights. */
#pragma once

#include "base/base.h"

struct host_views;
struct sandbox_stage;

/* Makes /lower/INDEX/0 with the mask and a `base`, and the views. */
int hostroot_attach(struct sandbox_stage *s, size_t index, int mask_layer, int host,
                    struct cupel_error *err);
const struct host_views *hostroot_views(const struct sandbox_stage *s, size_t index);
void hostroot_free(struct sandbox_stage *s);
