/* SPDX-License-Identifier: Apache-2.0 */
/* init_context: private to sandbox; PID 1's world: what the slot prepares, and PID 1 finds in its
 * memory after the clone. slot/make_context.c fills it. */
#pragma once

#include "harness/sandbox/init/device_table.h"
#include "harness/sandbox/sandbox.h"

#include <linux/filter.h>
#include <termios.h>

struct setup_progress;
struct setup_late;

#define CGROUP_ENTER_FDS_MAX 16
#define INPUTS_MAX 256  /* as many as jobs/ lets a file have */
#define LAYERS_MAX 1024 /* beyond the first, of all inputs that are other jobs' files */
#define ENV_MAX 512
#define HOME_SIZE 256
#define USER_SIZE 64

/* The host's directories of a `host` root without the host's rights: view i is /lower/ROOT/v/i in
 * the stage; see hostroot.c. */
#define HOST_VIEWS_MAX 64

struct host_views {
    struct host_views *next;
    size_t root;
    size_t n;
    char *path[HOST_VIEWS_MAX];   /* in the root */
    char *lowers[HOST_VIEWS_MAX]; /* of its overlay */
};

struct init_input {
    const char *to;
    /* detached, id-mapped mount of the host's directory, or of the one that a read-only file is in
     */
    int mount;
    char *name; /* of a read-only file, in that directory; the slot's memory */
    /* a copy-on-write file instead: readable, copied into the root with this owner and mode */
    int file;
    uint32_t uid, gid;
    mode_t mode;
    bool directory;
    bool hides;    /* /hide/INPUT of the stage lies on top of it: see hidden.c */
    uint64_t most; /* bytes of a single file that is to be no larger; 0: any number */
    bool cow;      /* the job may write */
    /* a directory that lies in its upper directory, or in `below`, as a whole: no mount */
    bool copied;
    bool placed; /* the slot has copied it already: see host_placeholders.c */
    bool given;  /* it belongs to the job's user, whoever the earlier job's was */
    /* a copy-on-write file that lies in a layer below already, as an earlier job left it */
    bool is_there;
    /* of a directory that is another job's files: what it is made of, "/in/3:/in/3.1", in place of
     * /in/3 and what hides something of it, and the mounts of that after the first; the slot's
     * memory */
    char *lowers;
    int *more;
    size_t n_more;
    /* of a copy-on-write directory: "/s/0/u3:", what earlier jobs wrote there; the slot's memory */
    char *below;
};

/* What the slot gives, and PID 1 only reads; who enters a job finds dev_mount there. */
struct init_given {
    const struct jobs_job *job;
    char lower[32]; /* "/lower/0" */
    /* "0:1", below it: layers of other jobs, and as many as a root may have (cache.h) */
    char lowerdir[640];
    char upper[64]; /* "/upper/j0c97e0948fc4b4a8" */
    char kept[40];  /* "/kept/j3", whose upper directories lie under this job's; or empty */
    struct init_input *inputs; /* the slot's memory */
    size_t n_inputs;
    const struct sandbox_secret *secrets;
    size_t n_secrets;
    int control;
    int dev_mount;
    enum sandbox_stdio stdio;
    unsigned short rows, columns;
    int stdin_fd; /* -EBADF: null_fd */
    int stdout_fd;
    int stdout_file; /* in its place, for the steps; or -EBADF */
    int stderr_fd;
    /* detached mounts of directories of its control groups, and where they go */
    struct sandbox_cgroup cgroups[SANDBOX_CGROUPS_MAX];
    size_t n_cgroups;
    const int *enter;
    size_t n_enter;
    struct sock_fprog filter;
    /* its words, once it may go; NULL: those of `job` */
    const struct setup_late *late;
    /* where the first step's command waits for GO once all is done but the exec, or -EBADF */
    int hold;
    bool filter_lets_wait; /* and what follows that (seccomp.h) */
    bool lends_memory;     /* commands may run in PID 1's own memory until they are executed */
    const char *hosts;     /* replaces /etc/hosts */
    const char *resolver;  /* replaces /etc/resolv.conf; NULL: the root's own stays */
    bool etc_is_laid;      /* the two are in a layer of the root already */
    /* the last entries point at the three that PID 1 writes, as far as the job has none of its own
     */
    char **env;
    bool env_has_home;
    char *arguments; /* this program's own command line in memory, to be written over */
    size_t arguments_len;
    struct sandbox_privilege privilege;
    const struct host_views *views; /* NULL: none */
    /* NULL: the slot's view is as good as one of the job's own */
    char *view_lowers[HOST_VIEWS_MAX];
    bool trims_by_slot;              /* the disk is one that only the slot can make smaller */
    int fault;                       /* enum setup_step to fail at, or -1 */
    int landlock_abi;                /* 0: none that is of use */
    struct setup_progress *progress; /* or NULL */
    /* who the commands are, found out before any job ran; or NULL */
    const struct sandbox_user *user;
    /* of who enters a job, or opens a kept one: uid and gid below are known and set already,
     * whatever the root's passwd says by now */
    bool has_ids;
};

/* PID 1's world: what it was given, and what it has made of that so far. */
struct init_context {
    struct init_given given;
    /* HOME=, USER= and LOGNAME=, for the environment's last entries to point at */
    char home_entry[HOME_SIZE];
    char user_entry[USER_SIZE];
    char logname_entry[USER_SIZE];
    int root_mount;
    int *input_mount; /* of each input; the slot's memory */
    int proc_mount;
    /* -EBADF without a network namespace of its own: the kernel then allows no sysfs */
    int sys_mount;
    int pts_mount;
    int shm_mount;
    int mqueue_mount;
    int lent_devices[DEVICES_COUNT];
    int lent_views[HOST_VIEWS_MAX];
    int empty; /* an empty directory of the stage, until that is gone */
    /* the job's directory on the upper file system, which its upper directories are in */
    int job_dir;
    int root;    /* "/" after the pivot, O_PATH */
    int null_fd; /* /dev/null as it was before anything of the job ran */
    int workdir;
    bool workdir_lost; /* a kept job made something else of it: its session begins in "/" */
    int terminal;      /* the commands' side of it, or -EBADF */
    struct termios terminal_modes; /* of a new one */
    uint32_t uid;                  /* of the commands; set from the start with given.has_ids */
    uint32_t gid;
    uint64_t disk_bytes, disk_inodes;
    uint64_t ahead_ns;  /* how far this process' clock is ahead of the machine's, modulo 2^64 */
    const char *detail; /* what the failing step was about; points to anything that lives on */
};

/* A set-up step returns 0 or a negative errno, having set ctx->detail where that helps. */
typedef int setup_fn(struct init_context *ctx);
