/* SPDX-License-Identifier: Apache-2.0 */
/* libcrypto: see libcrypto.h. */
#include "base/libcrypto.h"

struct libcrypto_functions libcrypto;

static const char *const libcrypto_names[] = {LIBCRYPTO_FUNCTIONS(LATE_NAME)};
static struct late_library libcrypto_library = {.file = CUPEL_LIBCRYPTO,
                                                .names = libcrypto_names,
                                                .n = ARRAY_SIZE(libcrypto_names),
                                                .functions = &libcrypto};

int libcrypto_load(struct cupel_error *err)
{
    return late_load(&libcrypto_library, err);
}

const struct libcrypto_functions *libcrypto_loaded(void)
{
    late_need(&libcrypto_library);
    return &libcrypto;
}
