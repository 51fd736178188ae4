/* SPDX-License-Identifier: Apache-2.0 */
/* serve_mhd: see serve_mhd.h. */
#include "harness/serve/serve_mhd.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libmicrohttpd.so.12" /* its ABI since 0.9.40, of 2015 */

static int find(void *library, const char *name, void *ret_function, struct cupel_error *err)
{
    void *symbol = dlsym(library, name);

    if (symbol == NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, LIBRARY " has no %s", name);
    /* ISO C has no conversion from an object's address to a function's (dlopen(3)) */
    memcpy(ret_function, &symbol, sizeof(symbol));
    return 0;
}

#define FIND(name)                                                                                 \
    if (r == 0)                                                                                    \
        r = find(library, "MHD_" #name, &ret->name, err);

int serve_mhd_load(struct serve_mhd *ret, struct cupel_error *err)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    int r = 0;

    if (library == NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "cannot load " LIBRARY ": %s",
                              dlerror());
        cupel_error_hint(err, "install the package libmicrohttpd12");
        return -ENOENT;
    }
    SERVE_MHD_CALLS(FIND)
    return r;
}
