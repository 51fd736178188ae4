/* SPDX-License-Identifier: Apache-2.0 */
/* libarchive: see libarchive.h. */
#include "rootfs-cache/confined/libarchive.h"

struct libarchive_functions libarchive;

static const char *const libarchive_names[] = {LIBARCHIVE_FUNCTIONS(LATE_NAME)};
static struct late_library libarchive_library = {.file = CUPEL_LIBARCHIVE,
                                                 .names = libarchive_names,
                                                 .n = ARRAY_SIZE(libarchive_names),
                                                 .functions = &libarchive};

int libarchive_load(struct cupel_error *err)
{
    return late_load(&libarchive_library, err);
}

const struct libarchive_functions *libarchive_loaded(void)
{
    late_need(&libarchive_library);
    return &libarchive;
}
