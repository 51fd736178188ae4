/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_keys: by what a job's verdict is known: a key of all that it depends on; and whether what
 * it reads is still what it was when the key was made. */
#pragma once

#include "harness/prepare/prepare.h"

struct verdict_keys;
struct verdict_keys *verdict_keys_new(const struct run *run);
void verdict_keys_free(struct verdict_keys *k);
/* Returns the key of an instance, or NULL: it has none, since it depends on what nobody can know.
 * Everything that it reads is read now, unless it was before. -EINTR: interrupted. */
int verdict_keys_find(struct verdict_keys *k, const struct prepared *p, size_t instance,
                      const char **ret_key);
/* Begins to look anew whether things are still the same. */
void verdict_keys_look_again(struct verdict_keys *k);
/* Whether all that the instance has read is what it was when its key was made, and has been that
 * all the time. Looks at each thing once. */
bool verdict_keys_still_hold(struct verdict_keys *k, const struct prepared *p, size_t instance);
