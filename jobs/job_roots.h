/* SPDX-License-Identifier: Apache-2.0 */
/* job_roots: what a job's root may be made of. Whether it can be had is not decided here. */
#pragma once

#include "base/base.h"

struct jobs_job;

enum jobs_root_kind {
    JOBS_ROOT_HOST,
    JOBS_ROOT_SCRATCH,
    JOBS_ROOT_TAR,
    JOBS_ROOT_DEBIAN,
    JOBS_ROOT_OCI,
    JOBS_ROOT_IMAGE,
    JOBS_ROOT_DERIVED, /* what `build` writes over another root */
    /* in the cache already: under `imported`, or without that under its own name, which may be a
       key */
    JOBS_ROOT_CACHED,
    JOBS_ROOT_PATH, /* of a command line alone: whatever `path` turns out to be */
};

/* A root that jobs may name. `host` and `scratch` are always there as roots[0] and roots[1]. */
struct jobs_root {
    const char *name;
    enum jobs_root_kind kind;
    const char *tar;    /* absolute path */
    const char *sha256; /* 64 lower-case hex digits, or NULL */
    unsigned strip;     /* tar: directories to be taken off the front of each name */
    /* absolute path of an image: layout, tar of one, or docker save */
    const char *oci;
    const char *tag;             /* of several images the one, or NULL */
    const char *image;           /* a reference of a registry */
    const char *imported;        /* CACHED: its name in the cache, or NULL */
    const char *path;            /* PATH: absolute */
    const char *platform;        /* OS/ARCHITECTURE[/VARIANT], or NULL for this machine's */
    const char *suite;           /* debian: bookworm */
    const char **packages;       /* debian: NULL-terminated, may be empty */
    const char **package_places; /* "FILE:LINE:COLUMN" of each */
    const char *suite_place;     /* the same of `debian` */
    /* CACHED: what an image said of its processes (cache_config_text), or NULL */
    const char *config;
    size_t base; /* DERIVED: index into plan->roots, of any kind but HOST */
    /* DERIVED: run once, over `base`; none of plan->jobs, and named like the root */
    struct jobs_job *build;
    const char *file; /* that it is described in, for messages; NULL for built-ins */
    int line;         /* where in the file, 0 for built-ins */
};
