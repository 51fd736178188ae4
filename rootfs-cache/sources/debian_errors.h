/* SPDX-License-Identifier: Apache-2.0 */
/* debian_errors: private to rootfs-cache. Why a bootstrap failed, in one sentence. */
#pragma once

#include "rootfs-cache/cache.h"

struct debian_failure {
    const struct cache_source *source;
    int work;          /* where log, simulated and names are */
    const char *store; /* its path */
    bool has_sources;  /* the host's apt offers the suite */
    int status;        /* mmdebstrap's */
};

/* Fills *err; returns a negative errno. */
int debian_explain(const struct debian_failure *f, struct cupel_error *err);
