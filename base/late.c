/* SPDX-License-Identifier: Apache-2.0 */
/* late: see late.h. Not responsible for what the libraries do. */
#include "base/late.h"

#include <dlfcn.h>
#include <string.h>

static bool late_forbidden;

static int late_fail(const struct late_library *library, const char *why, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "cannot load %s: %s", library->file, why);
    cupel_error_hint(err, "install the package that has it");
    return -ELIBACC;
}

int late_load(struct late_library *library, struct cupel_error *err)
{
    char *at = library->functions;
    void *handle;

    if (library->loaded)
        return 0;
    if (late_forbidden)
        return late_fail(library, "it was to be loaded before", err);
    handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == NULL)
        return late_fail(library, dlerror(), err);
    for (size_t i = 0; i < library->n; i++) {
        void *function = dlsym(handle, library->names[i]);

        if (function == NULL)
            return late_fail(library, dlerror(), err);
        memcpy(at + i * sizeof(function), &function, sizeof(function));
    }
    library->loaded = true;
    return 0;
}

void late_need(struct late_library *library)
{
    struct cupel_error err;

    if (library->loaded || late_load(library, &err) == 0)
        return;
    (void)fprintf(stderr, "cupel: %s\n", err.message);
    _exit(CUPEL_ERROR_HARNESS);
}

void late_forbid(void)
{
    late_forbidden = true;
}
