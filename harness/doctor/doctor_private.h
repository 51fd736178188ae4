/* SPDX-License-Identifier: Apache-2.0 */
/* doctor, private: what a probe is, and what probes share. Not for other folders. */
#pragma once

#include "base/program.h"
#include "harness/cgroup/cgroup.h"
#include "harness/doctor/doctor.h"
#include "harness/sandbox/sandbox.h"
#include "rootfs-cache/cache.h"

/* ---- the table ---- */

/* What doctor_cgroups.c found out by making groups; probes only look at it. Groups have to be tried
 * in the doctor's own process: on v2 another one in its group, be it a child, forbids what is to be
 * tried. */
struct doctor_groups {
    bool tried;
    /* of making, entering or removing groups; kind 0: none */
    struct cupel_error error;
    /* of a group with just this limit; kind 0: none */
    struct cupel_error refused[CGROUP_FEATURE_COUNT];
    struct cgroup_usage usage; /* of an idle group */
    bool swap_accounted;
    char where[768]; /* the directories beneath which groups are made */
};

/* Made once, before the first probe. */
struct doctor_context {
    struct cache *cache; /* NULL: cache_error says why */
    struct cupel_error cache_error;
    struct cgroup_host *host; /* NULL: host_error says why */
    struct cupel_error host_error;
    struct doctor_groups groups;
    struct cupel_error rights_error; /* of becoming root of a user namespace; kind 0: none */
    char *lack;                      /* why that has only one id, or NULL */
    struct sandbox_privilege privilege;
};

/* Whether no run is possible without it, and whose jobs depend on it: everybody's, only those of
 * who has the rights of the host's root, only those of who has not. */
enum doctor_need {
    OPTIONAL,
    REQUIRED,
    OPTIONAL_OF_ROOT,
    REQUIRED_OF_ROOT,
    OPTIONAL_OF_USER,
    REQUIRED_OF_USER,
};

struct doctor_probe;
/* Runs in a child of its own, which it may change as it likes; fills *ret_finding. */
typedef void doctor_probe_fn(const struct doctor_context *ctx, const struct doctor_probe *probe,
                             struct doctor_finding *ret_finding);

struct doctor_probe {
    const char *id;
    const char *name;
    const char *needed_by;
    const char *remedy; /* unless the finding has a better one */
    enum doctor_need need;
    doctor_probe_fn *run;
    /* what this row is about, where several share a function: a CLONE_ flag, a cgroup feature */
    int number;
    const char *text; /* likewise: a program's name, a sysctl's */
};

extern const struct doctor_probe doctor_table[];
extern const size_t doctor_table_count;

/* Runs one probe in a child; more than `seconds` without an answer is an answer too. */
void doctor_probe_bounded(const struct doctor_context *ctx, const struct doctor_probe *probe,
                          unsigned seconds, struct doctor_finding *ret_finding);

/* ---- findings (doctor_finding.c) ---- */

void doctor_works(struct doctor_finding *f, const char *fmt, ...) BASE_PRINTF(2, 3);
void doctor_degraded(struct doctor_finding *f, const char *fmt, ...) BASE_PRINTF(2, 3);
/* What who is no root at all is told, as well as root of a container, who is not the host's. */
#define DOCTOR_BE_ROOT                                                                             \
    "start cupel with the rights of the host's root (sudo; in a container, --privileged)"
/* errnum as in cupel_error_set: appended as text unless 0. Who lacks a right and is not root is
 * told to be. */
void doctor_missing(struct doctor_finding *f, int errnum, const char *fmt, ...) BASE_PRINTF(3, 4);
void doctor_missing_error(struct doctor_finding *f, const struct cupel_error *err);
void doctor_remedy(struct doctor_finding *f, const char *fmt, ...) BASE_PRINTF(2, 3);

/* ---- what probes share (doctor_scene.c); all of it for a probe's own child only ---- */

/* A mount namespace of one's own whose root is an empty tmpfs. Who is not root at all gets a user
 * namespace around it. */
struct doctor_scene {
    int proc; /* the host's /proc */
    /* with the rights of the host's root: ids from IDRANGE_FIRST may be mapped */
    bool host;
    char identity[2][512]; /* maps that hand our own ids down: of users, of groups */
    bool single_id;        /* in a user namespace that has only one id to give */
    const char *step;      /* the last thing that was tried, for messages */
};
/* Opens the host's /proc, and changes nothing. */
int doctor_scene_init(struct doctor_scene *s);
int doctor_scene_enter(struct doctor_scene *s);
/* Detached mount of a new file system; `options` are pairs, the value NULL for a flag, ended by a
 * NULL key. */
int doctor_scene_mount(const char *type, const char *const (*options)[2], unsigned attributes);

/* Runs body(data) as root of a user namespace of SANDBOX_ID_COUNT ids (as many as there are,
 * without the host's rights) and further namespaces `flags`. What body returns, or -errno. */
int userns_run(struct doctor_scene *s, unsigned long flags, int (*body)(void *data), void *data);
/* A user namespace that maps SANDBOX_ID_COUNT ids, for mount_setattr: fd or -errno. */
int userns_fd(struct doctor_scene *s);
/* A detached, read-only, id-mapped clone of the mount at `fd`: mount fd or -errno. */
int idmap_mount(struct doctor_scene *s, int fd);

/* Runs body(data) in a further child: what it returns (0 or -errno), or -EINTR when a signal ended
 * it. */
int run_forked(int (*body)(void *data), void *data);
/* Runs it with /dev/null as input and its output in `said` (cut): exit code, or -errno. */
int program_run(const char *path, char *const argv[], char *said, size_t size);

/* Groups of the doctor's own, made, tried and removed: fills ctx->groups. Not for children. */
void groups_try(struct doctor_context *ctx);

/* What makes times of the same program differ: see doctor_timing.c. */
enum doctor_timing {
    TIMING_GOVERNOR,
    TIMING_BOOST,
    TIMING_SMT,
    TIMING_ASLR,
    TIMING_PAGES,
    TIMING_SWAP,
    TIMING_CORES,
    TIMING_PARTITION,
    TIMING_STEAL,
};
/* Looks at what /proc and /sys beneath `root` say of it. */
void doctor_timing_look(int root, enum doctor_timing which, struct doctor_finding *f);

/* ---- the probes ---- */

doctor_probe_fn probe_root, probe_kernel, probe_hard_rlimits, probe_session_keyring;
doctor_probe_fn probe_close_range, probe_openat2, probe_pidfd, probe_landlock, probe_pressure;
doctor_probe_fn probe_seccomp, probe_i386, probe_x32;
doctor_probe_fn probe_namespace, probe_all_namespaces, probe_time_offset, probe_id_range,
    probe_unprivileged_namespaces;
doctor_probe_fn probe_mount_api, probe_overlay, probe_idmap_store, probe_idmap_root,
    probe_idmap_overlay;
doctor_probe_fn probe_loop, probe_mke2fs, probe_job_disk;
doctor_probe_fn probe_store, probe_store_space, probe_store_attributes, probe_id_claims;
doctor_probe_fn probe_groups, probe_group_feature, probe_swap_accounting, probe_delegation;
doctor_probe_fn probe_own_proc, probe_lent_devices, probe_store_layers, probe_memory_disk;
doctor_probe_fn probe_timing, probe_instructions;
doctor_probe_fn probe_program, probe_id_helper, probe_tun, probe_bridge;
