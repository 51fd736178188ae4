/* recognise: private to rootfs-cache. What kind of source a path is, told by what is in it. */
#pragma once

#include "rootfs-cache/cache.h"

enum form { FORM_TAR, FORM_IMAGE, FORM_DIRECTORY, FORM_BUNDLE };

struct recognised {
    enum form form;
    char *bundle_root;           /* of a bundle: the name of its root, as it says it; malloc'ed */
    struct cache_config *config; /* the same of its process, as an image would have it */
};

int recognise(struct cache *cache, const char *path, struct recognised *ret,
              struct cupel_error *err);
void recognised_free(struct recognised *r);
