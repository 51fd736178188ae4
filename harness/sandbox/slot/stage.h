/* SPDX-License-Identifier: Apache-2.0 */
/* stage: private to sandbox; the minimal mount namespace that a slot keeps. */
#pragma once

#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/refusals.h"

struct host_views;
struct setup_progress;
struct setup_late;
struct upper;

#define STAGE_ROOTS_MAX 4096

/* A snapshot that this stage has at /s/INDEX. */
struct stage_snapshot {
    size_t number;
    struct owner_change change; /* of its owners; none for what is below the root */
    int mount;                  /* -EBADF: the index is free */
};

/* own_layer.c: what a root has at /etc, as seen in this stage. */
struct etc_like {
    bool known; /* it is a directory that a layer on top can be like */
    uint32_t uid, gid;
    mode_t mode;
    struct timespec times[2];
};

/* A root in this stage. */
struct stage_root {
    bool attached;
    struct etc_like etc;
    char *own; /* what is in the layer that own_layer.c has made, or NULL */
};

struct sandbox_stage {
    int store_dirfd; /* borrowed */
    int templates;   /* borrowed: disk_template.h */
    int cancel;      /* borrowed; -EBADF: none */
    int disk;        /* disk_ahead.h; -EBADF: none, or taken */
    uint32_t id_base;
    unsigned number; /* of the slot in its run */
    /* when the job's inputs have to be on its disk; CLOCK_MONOTONIC, ns */
    uint64_t copying_until;
    struct sandbox_privilege privilege;
    int id_map;               /* user namespace fd for id-mapped mounts, with the host's rights */
    struct id_maps id_maps;   /* other ones, of inputs whose owner is not the job's user */
    char *maps[2];            /* texts for a job's uid_map and gid_map */
    struct host_views *views; /* of `host` roots, likewise */
    bool directory_works;     /* of upper.h's kinds, without the host's rights */
    int host_ns, host_root, host_cwd;
    int stage_ns;
    int tmpfs;           /* the stage's root directory */
    struct upper *upper; /* NULL until the first job */
    struct refusals refusals;
    struct stage_root *roots; /* by index */
    size_t n_roots;
    const struct sandbox_hidden *hidden; /* borrowed, or NULL */
    int snapshots_ns; /* borrowed; -EBADF: no job of the run starts from another */
    bool keeps;       /* snapshots have names in the store, by which they may be kept */
    struct stage_snapshot *snapshots;
    size_t n_snapshots;
    uint64_t serial;
    struct sandbox_nat nat; /* borrowed; without a program where no job of the run has nat */
    char *arguments;        /* where the kernel reads /proc/PID/cmdline, or NULL */
    size_t arguments_len;
    int landlock_abi;
    bool lends_memory;               /* see fork_command() */
    struct setup_progress *progress; /* shared with each PID 1 */
    struct setup_late *late;         /* likewise; NULL: there is no memory for it */
    int oom;                         /* the slot's own oom_score_adj */
    int fault;
};

/* Makes the root's lowers /lower/INDEX/K in the stage, once. For the host's root (masked), layer 0
 * is its mask instead, which becomes /lower/INDEX/0/top and /lower/INDEX/0/mid. */
int stage_attach_root(struct sandbox_stage *s, size_t index, const int *layers, size_t n,
                      bool masked, struct cupel_error *err);

/* Makes /upper of the stage a file system of this size, with nothing (exact), or next to nothing,
 * of an earlier job on it; on a disk, with `reserve` set aside in the store. */
int stage_attach_upper(struct sandbox_stage *s, uint64_t bytes, uint64_t inodes, uint64_t shares,
                       bool exact, bool reserve, struct cupel_error *err);
void stage_drop_upper(struct sandbox_stage *s);
