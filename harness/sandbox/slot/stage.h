/* stage: private to sandbox; the slot's side of it. */
#pragma once

#include "harness/sandbox/sandbox_private.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/refusals.h"
#include "harness/sandbox/slot/upper.h"

#include <linux/capability.h>
#include <sys/resource.h>

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
    int cancel;      /* borrowed; -EBADF: none */
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
    struct stage_snapshot *snapshots;
    size_t n_snapshots;
    uint64_t serial;
    struct sandbox_nat nat; /* borrowed; without a program where no job of the run has nat */
    char *arguments;        /* where the kernel reads /proc/PID/cmdline, or NULL */
    size_t arguments_len;
    int landlock_abi;
    struct setup_progress *progress; /* shared with each PID 1 */
    int oom;                         /* the slot's own oom_score_adj */
    int fault;
};

/* The slot lives in the host's mount namespace, where host paths and store fds mean something, and
 * steps into the stage only to change it or to clone from it. A slot that cannot return ends. */
int stage_enter(struct sandbox_stage *s);
void stage_leave(struct sandbox_stage *s);
/* Makes the root's lowers /lower/INDEX/K in the stage, once. For the host's root (masked), layer 0
 * is its mask instead, which becomes /lower/INDEX/0/top and /lower/INDEX/0/mid. */
int stage_attach_root(struct sandbox_stage *s, size_t index, const int *layers, size_t n,
                      bool masked, struct cupel_error *err);
/* The caller's mount namespace becomes a new one of nothing but this mount. */
int stage_become_root(int mount);
int stage_make_tmpfs(int *ret_mount);
/* Makes the run's snapshot /s/INDEX in the stage, once for each change of owners; see snapshot.c.
 */
int stage_attach_snapshot(struct sandbox_stage *s, size_t number, const struct owner_change *change,
                          size_t *ret_index, struct cupel_error *err);
/* A detached tmpfs with the two layers of stage_mask.c. */
int mask_mount(int layer, uint32_t id_base, int *ret_mount);
/* What the root of these layers, top first, has at /etc; of a masked one, layer 0 is a mount of
 * mask_mount's. */
void own_layer_find_etc(const int *layers, size_t n, bool masked, struct etc_like *ret);
/* What a job has of its own in its root, whatever it does. */
struct own_files {
    const char *hosts, *resolver; /* NULL: the root's */
    const char *home;             /* is its user's where the root has none; NULL: not known yet */
    uint32_t uid, gid;
};
/* Makes that a layer over the request's root, which is attached, at this path in the stage. False:
 * it is to be laid over the root in the job. */
#define OWN_LAYER_SIZE 32
bool own_layer_lay(struct sandbox_stage *s, const struct sandbox_request *request,
                   const struct own_files *own, char ret_path[static OWN_LAYER_SIZE]);
/* Without the host's rights: /lower/INDEX/0 with the mask and a `base`, and views; see hostroot.c.
 */
int hostroot_attach(struct sandbox_stage *s, size_t index, int mask_layer, int host,
                    struct cupel_error *err);
const struct host_views *hostroot_views(const struct sandbox_stage *s, size_t index);
void hostroot_free(struct sandbox_stage *s);
/* Opens the job's inputs into ctx, which closes them; see inputs.c. */
int inputs_open(struct sandbox_stage *s, const struct sandbox_request *request, const char *job_dir,
                struct init_context *ctx, struct cupel_error *err);
/* Who the commands of a request are, where that is known before PID 1 looks it up. */
bool request_user(const struct sandbox_request *request, uint32_t *ret_uid, uint32_t *ret_gid);
/* copies.c: how much more than usual set-up takes of the disk for inputs that are copied to it, in
 * shares of UPPER_OWN_BYTES and UPPER_OWN_INODES, and how long that takes at most; and copies the
 * open directory `dir`, input number `input`, into that one's upper directory of the job, with this
 * change of owners: -ETIMEDOUT when it is not done at `until` (CLOCK_MONOTONIC, ns). */
uint64_t copies_shares(const struct jobs_job *job, bool exact, const struct sandbox_hidden *hidden,
                       uint64_t *ret_ns);
int copies_make(struct sandbox_stage *s, int dir, const struct owner_change *change,
                const char *job_dir, size_t input, uint64_t until);
/* The layers under the upper directory NAME of this job ("u", "u3"): of the kept job's and of the
 * first n snapshots of `below`, each with a ':' behind it; malloc'ed, "" for none. */
char *layers_below(const struct init_context *ctx, const size_t *below, size_t n, const char *name);
/* Makes what the job's inputs and its working directory miss in the views; *ret_path is the one
 * that this failed for. */
int place_inputs(struct sandbox_stage *s, const struct jobs_job *job, const char *job_dir,
                 struct init_context *ctx, const char **ret_path);
/* Without the host's rights: makes those of the host's devices that jobs have /dev/NAME in the
 * stage; see lend.c. */
int lend_devices(struct sandbox_stage *s, uint32_t devices, struct cupel_error *err);
/* Makes /upper of the stage a file system of this size, with nothing (exact), or next to nothing,
 * of an earlier job on it; on a disk, with `reserve` set aside in the store. */
int stage_attach_upper(struct sandbox_stage *s, uint64_t bytes, uint64_t inodes, uint64_t shares,
                       bool exact, bool reserve, struct cupel_error *err);
void stage_drop_upper(struct sandbox_stage *s, bool discard);
/* A user namespace that exists only to carry an id mapping for mount_setattr(MOUNT_ATTR_IDMAP): ids
 * on_disk.. of the file system are id_base.. of the mount. */
int stage_open_id_map(uint32_t on_disk, uint32_t id_base, int *ret_fd);
/* Makes /kept of the stage the disk of a kept job, read-only and id-mapped into this stage's range.
 * Once a stage. */
int stage_attach_kept(struct sandbox_stage *s, const struct sandbox_kept *kept,
                      struct cupel_error *err);
/* A detached clone of what `fd` names (a file or directory), read-only and, where that takes no
 * right that we lack, id-mapped into this stage's range. -EINVAL: without the right, the kernel
 * shows nothing of a directory that has other mounts in it. */
int stage_clone_mapped(const struct sandbox_stage *s, int fd, uint64_t attributes, int *ret_mount);
/* The same, by another map (of id_maps_get); nothing is mapped without the right. */
int stage_clone_owned(const struct sandbox_stage *s, int fd, uint64_t attributes, int id_map,
                      int *ret_mount);

/* owner.c: between the two calls, the namespaces that are made belong to an id of the next job's
 * own, where there is one. What has begun has to end, whatever it returned; a slot that cannot
 * become itself again has to end. */
#define OWNER_LIMITS 3
struct owner {
    uint32_t id; /* 0: the slot's own */
    pid_t parent;
    int dumpable, death_signal;
    struct __user_cap_data_struct capabilities[2];
    struct rlimit limits[OWNER_LIMITS];
};
int owner_become(const struct sandbox_stage *s, struct owner *ret);
int owner_leave(const struct owner *o);
