/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup, private: what detection hands to the run, and what v1 and v2 each have to provide. Not
 * for other folders. */
#pragma once

#include "harness/cgroup/cgroup.h"

/* In the run's group: of its slots and their jobs' PID 1s. */
#define INIT_LEAF "init"

/* The controllers that are used, in the order in which hierarchies are handled. pids comes first on
 * purpose: on v1, emptying a group begins by forbidding it to fork, which only the pids hierarchy
 * can. To use one more controller (freezer): a line here, one in controller_table, and rows in the
 * tables of v1.c and v2.c. */
enum controller {
    CTL_PIDS,
    CTL_MEMORY,
    CTL_CPU,
    CTL_CPUACCT,
    CTL_IO,
    CTL_CPUSET,
    CTL_DEVICES,
    CTL_PERF,
    /* no controller to the kernel, but files that are there or not for all groups alike */
    CTL_PRESSURE,
    CTL_COUNT,
};
#define CTL_BIT(c) (1u << (c))
/* Set up only for runs that want them. */
#define CTL_ON_DEMAND (CTL_BIT(CTL_CPUSET) | CTL_BIT(CTL_DEVICES) | CTL_BIT(CTL_PERF))
/* Part of every v2 group: nobody has to switch them on, and they are no reason to use a hierarchy.
 */
#define CTL_BUILT_IN                                                                               \
    (CTL_BIT(CTL_CPUACCT) | CTL_BIT(CTL_PRESSURE) | CTL_BIT(CTL_DEVICES) | CTL_BIT(CTL_PERF))

struct controller_names {
    const char *v1; /* as in /proc/self/cgroup; NULL: v2 only */
    const char *v2; /* as in cgroup.controllers; NULL: part of v2 itself, needs no enabling */
};
extern const struct controller_names controller_table[CTL_COUNT];

/* Why a controller cannot be used. */
enum lack {
    LACK_NOTHING,
    LACK_CONTROLLER, /* on no hierarchy of this host, or not passed down to our group (v2) */
    LACK_MOUNT,      /* it exists, but no mount shows our own group */
    LACK_WRITE,      /* the group's directory or a file of it is not ours to write */
    LACK_EMPTY,      /* v2: other processes in our group forbid giving controllers to children */
    LACK_DOMAIN,     /* v2: our own group is a threaded one */
    LACK_FILE,       /* this kernel's controller does not have the file */
    LACK_V2,         /* it takes cgroup v2 */
    LACK_PROGRAM,    /* the kernel does not take our program */
    /* v2: systemd did not give our group away: it would end us at a job's first OOM kill */
    LACK_DELEGATION,
};
struct lacking {
    enum lack what;
    int version; /* of the hierarchy concerned; 0: none */
    int errnum;
    char *path; /* the file or directory concerned, may be NULL */
};

struct hierarchy_ops;

/* One hierarchy as this process sees it. Co-mounted controllers are one hierarchy. */
struct hierarchy {
    const struct hierarchy_ops *ops;
    int version;
    /* v1: those mounted on it; v2: those of cgroup.controllers; after detection those to use */
    unsigned controllers;
    /* directory of the group that runs are made in: the caller's own, or (v2) one above it that is
     * free while its own is not; NULL when no mount shows it */
    char *own;
    /* v2: controllers that our own group does not give to its children yet... */
    unsigned absent;
    bool move; /* ... and to do so, the caller has to leave it */
};
#define HIERARCHY_MAX (CTL_COUNT + 1)

struct cgroup_host {
    struct hierarchy hierarchy[HIERARCHY_MAX];
    size_t count;
    unsigned features; /* 1 << enum cgroup_feature */
    struct lacking lacking[CGROUP_FEATURE_COUNT];
    unsigned wanted; /* of CTL_ON_DEMAND */
    char *cpus;      /* of our own group, NULL without cpuset */
    struct cgroup_device devices[CGROUP_DEVICES_MAX];
    size_t n_devices;
    bool host_swaps;
    char description[64];
};

/* The same hierarchy during a run. */
struct tree {
    const struct hierarchy_ops *ops;
    unsigned controllers;
    bool move;        /* from struct hierarchy, for these controllers */
    bool made;        /* cupel-RUN exists and is ours to remove */
    bool moved;       /* v2: we sit in the supervisor leaf */
    unsigned enabled; /* v2: controllers that we switched on in our own group */
    int own_fd;       /* our own group */
    int run_fd;       /* cupel-RUN */
    /* v1: the enter_file of the group that bounds the devices of jobs without a group of their own
     * here */
    int devices_enter;
    char *path; /* of cupel-RUN */
};

/* A group around ours that limits what is in it (around.c). */
struct around_group {
    const struct hierarchy_ops *ops;
    char *path;
    int fd;                              /* its directory */
    uint64_t limit[CGROUP_AROUND_COUNT]; /* UINT64_MAX: none */
};
#define AROUND_MAX 24
/* v1 writes a limit that is none as the greatest multiple of a page that a long holds. */
#define V1_UNLIMITED (UINT64_C(1) << 62)
/* Reads a file's number; UINT64_MAX: it says "max" or the like, or there is no such file. around.c
 */
uint64_t group_read_limit(int dirfd, const char *group, const char *file);
/* Returns the hierarchy with the memory controller, or NULL. around.c */
const struct tree *memory_tree(const struct cgroup_run *run);

struct cgroup_run {
    struct tree tree[HIERARCHY_MAX];
    size_t count;
    struct around_group around[AROUND_MAX]; /* of one hierarchy the inner ones first */
    size_t n_around;
    unsigned features;
    bool host_swaps;
    struct cgroup_device devices[CGROUP_DEVICES_MAX];
    size_t n_devices;
    int device_program; /* v2 */
    int device_error;   /* why devices are not bounded though that was wanted */
    char *name;         /* cupel-RUN */
};

/* Files of a group that are open already, for one whose job is to be judged soon. */
#define KEPT_FILES_MAX 32
struct kept_files {
    size_t n;
    struct {
        const struct tree *tree;
        const char *name; /* borrowed from a table */
        int fd;
    } file[KEPT_FILES_MAX];
};

struct cgroup_job {
    const struct cgroup_run *run;
    struct kept_files kept;
    const struct tree *oom_tree; /* where the memory controller is, or NULL */
    int enter[HIERARCHY_MAX];    /* the payload's enter_file, in the order of run->tree */
    int oom_fd;
    short oom_events;
    unsigned oom_rearmed;
    bool oom_raised;   /* the eventfd was raised by ourselves */
    uint64_t oom_told; /* v1: how often the kernel has raised it */
    /* v1: of it and of the groups around it, by oom_levels_find */
    uint64_t oom_own[AROUND_MAX + 2];
    struct cgroup_oom oom_last; /* of the last event heard of */
    uint64_t oom_seen;
    struct cgroup_limits brakes; /* of its limits, those that hold it back; see brakes.c */
    bool lifted;                 /* they are not on at the moment */
    char *path;
    char name[];
};

/* A limit is a file and a text; writing them in the table's order is setting limits. */
#define LIMIT_TEXT_SIZE 4096 /* a list of CPUs on a very large machine */
struct limit_file {
    enum controller controller;
    enum cgroup_feature feature;
    const char *file;
    /* Fills text; false: nothing to write. */
    bool (*render)(const struct cgroup_limits *limits, char text[static LIMIT_TEXT_SIZE]);
    int held_on; /* errno that means: already held without us (see the tables); 0: none */
    bool (*render_disk)(const struct cgroup_limits *limits, dev_t disk,
                        char text[static LIMIT_TEXT_SIZE]); /* for each */
    const char *none; /* what means no limit (of a disk: behind its number); NULL: the file is only
                         written where there always is one */
};

/* The text of a limit; false: there is nothing to write. */
bool render_memory(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE]);
bool render_pids(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE]);
bool render_cpus(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE]);
bool render_mems(const struct cgroup_limits *l, char text[static LIMIT_TEXT_SIZE]);

/* A figure is a file, a format and perhaps a key. Rows of one file stand together, so that it is
 * read once. A row whose figure is known, or has had a file that is there, is skipped: later rows
 * are fallbacks for kernels without that file. */
enum figure_format {
    FORMAT_NUMBER,   /* "123\n" */
    FORMAT_KEYED,    /* "key 123\n" */
    FORMAT_DEVICES,  /* "8:0 Key 123\n", summed over devices */
    FORMAT_PAIRS,    /* "8:0 key=123 ...\n", summed over devices */
    FORMAT_PRESSURE, /* "key avg10=... total=123\n" */
};
struct figure_file {
    enum controller controller;
    const char *file;
    enum figure_format format;
    const char *key;
    enum cgroup_figure figure;
    uint32_t scale; /* from the file's unit to ours */
};

/* What the two versions of the interface do differently. */
struct hierarchy_ops {
    int version;
    const struct limit_file *limits;
    size_t limit_count;
    const struct figure_file *figures;
    size_t figure_count;
    /* After mkdir of cupel-RUN: makes it able to hold the groups of jobs. */
    int (*prepare)(struct tree *tree, struct cupel_error *err);
    /* Before its removal: undoes what prepare did outside of it. */
    int (*retire)(struct tree *tree, struct cupel_error *err);
    /* An fd for cgroup_job_oom_fd, or -EBADF. */
    int (*oom_open)(const struct tree *tree, const char *name, short *ret_events);
    /* Text for each file of I/O limits that means no limit; files in NULL-terminated list. */
    const char *const *io_files;
    const char *io_unlimited; /* after "MAJ:MIN " */
    /* The same of the CPU quota. */
    const char *quota_file;
    const char *quota_unlimited;
    /* Where the number of OOM kills stands. */
    const char *oom_file;
    /* The ids of all threads, one a line. */
    const char *threads_file;
    /* Where a process that has one thread writes "0" to move itself into the group. */
    const char *enter_file;
};
extern const struct hierarchy_ops v1_ops;
extern const struct hierarchy_ops v2_ops;

/* ---- brakes.c */

/* Lets go of all that holds the group back, since it is to end. */
void brakes_lift_all(int dirfd);

/* ---- detect.c */

/* Fills host->hierarchy from the text of /proc/self/cgroup and /proc/self/mountinfo alone. For v2,
 * `controllers` is left 0. */
void detect_parse(struct cgroup_host *host, const char *cgroup_text, const char *mountinfo_text);

/* ---- delegation.c */

/* The unit of systemd's that the group is in, if that is not delegated (malloc'd), else NULL. Such
 * a unit's default OOMPolicy= is stop, and an OOM kill in a group of ours is one in the unit's too.
 * A unit that is delegated has `continue`. systemd.service(5), systemd.scope(5), since 243 and 253.
 */
char *undelegated_unit(const char *own);
/* The highest group above `own` (or itself) that is ours to make groups in (malloc'd): the unit of
 * systemd's that was given to us, or, where no systemd is, all that is mounted. NULL: none; systemd
 * shares its tree with nobody else (https://systemd.io/CGROUP_DELEGATION, the single-writer rule).
 */
char *highest_of_ours(const char *own);

/* ---- control_files.c: small, without stdio or malloc, for the hot path */

#define GROUP_PATH_SIZE 384 /* a group's name (NAME_MAX), '/' and a file's name */
/* "group/file" in buf; group may be NULL for the directory itself. Returns buf. */
const char *group_path(char buf[static GROUP_PATH_SIZE], const char *group, const char *file);
/* One read of a control file into buf, NUL-terminated. Returns the length; -EFBIG when it does not
 * fit. */
ssize_t group_read(int dirfd, const char *group, const char *file, char *buf, size_t size);
int group_write(int dirfd, const char *group, const char *file, const char *text);
/* The value after `key ` at the start of a line of text, or (key NULL) the text's first number. */
bool text_number(const char *text, const char *key, uint64_t *ret);
/* Whether a list separated by any of " ,\n" holds the word. */
bool text_has_word(const char *list, const char *word);
/* Whether a job with these limits is in the tree at all: one that has nothing but controllers on
 * demand is for those jobs that ask. */
bool tree_serves(const struct tree *tree, const struct cgroup_limits *limits);
int group_set_limits(const struct tree *tree, const char *group, const struct cgroup_limits *limits,
                     const struct cgroup_run *run, struct cupel_error *err);
/* Opens the files of the figures in `wanted`; what cannot be opened is looked for when it is read.
 */
void group_keep_figures(const struct tree *tree, const char *group, uint32_t wanted,
                        struct kept_files *kept);
/* Reads from `kept` (may be NULL) what is open there. */
void group_read_figures(const struct tree *tree, const char *group, const struct kept_files *kept,
                        uint32_t wanted, struct cgroup_usage *usage);
/* Does the same as group_read, from `kept` where the file is open there. */
ssize_t group_read_kept(const struct tree *tree, const char *group, const struct kept_files *kept,
                        const char *file, char *buf, size_t size);
/* Writes these limits in place of those that the group was given before (`was`): what differs is
 * lifted first, so that no new limit meets an old one. */
int group_change_limits(const struct tree *tree, const char *group, const struct cgroup_limits *was,
                        const struct cgroup_limits *limits, const struct cgroup_run *run,
                        struct cupel_error *err);

/* ---- cgroup_devices.c: all return 0 or -errno */

#define DEVICES_GROUP "jobs"
/* v1: the rules of one group; the group DEVICES_GROUP with them. */
int devices_write(const struct tree *tree, const char *group, const struct cgroup_device *devices,
                  size_t n);
int devices_make_shared(struct tree *tree, const struct cgroup_device *devices, size_t n);
/* v2: a program: fd or -errno; attaching it for good, or to see whether that works. */
int devices_load(const struct cgroup_device *devices, size_t n);
int devices_attach(int program, const struct tree *tree, const char *group);
int devices_try(int program, const struct tree *tree, const char *group);

/* ---- occupants.c */

/* Whether anybody except this process is in the group, and is not about to end; a group that cannot
 * be read has others. */
bool group_has_others(int dirfd);
/* Names them, "812 (bash), 815 (make)", for a message; "" for none. Malloc'ed. */
char *group_name_others(int dirfd);

/* ---- partition.c */

/* Whether cpuset.cpus.partition says this of a partition's root that is one: "isolated invalid
 * (reason)" is none. */
bool partition_is_valid(const char *kind);
/* Whether the group of v2 is the root of such a partition. */
bool partition_begins_at(const char *dir);

/* ---- around.c */

/* Looks for the groups around that have limits, once the run's own groups are made. */
void around_find(struct cgroup_run *run);
void around_forget(struct cgroup_run *run);

/* ---- sweep.c */

#define RUN_PREFIX "cupel-"

struct sweep {
    char names[64][48]; /* of runs whose groups were removed */
    size_t n;
    size_t looked;
};
/* Held while a run's group is made and marked, or dead ones are looked for: fd or negative, after a
 * second at most. */
int sweep_lock(int dirfd);
/* Marks the run's group as living, as long as any process has this open file. */
void sweep_mark(int run_fd);
/* Removes the dead runs' groups directly within; sweep_lock is held. */
void sweep_children(int dirfd, struct sweep *s);

/* ---- cgroup_run.c */

bool is_cgroup_fd(int fd);

/* ---- v1.c */

/* An eventfd that is raised whenever `group` (NULL: the directory itself) is out of memory, or a
 * group above it is: the kernel tells all that are below too (mem_cgroup_oom_notify). -EBADF where
 * that cannot be had. */
int v1_oom_event(int dirfd, const char *group);

/* ---- cgroup_job.c */

/* How often the job's own limit made the group run out of memory (v2); false where that cannot be
 * told. */
bool job_oom_own(const struct cgroup_job *job, uint64_t *ret);

/* Makes user and system time add up to the total, in their proportion. */
void usage_scale_cpu_parts(struct cgroup_usage *usage);

/* ---- kill.c */

/* Removes the group `name` and all groups within: what lives there is killed, and waited for.
 * -ENOENT is success. -EDEADLK: the calling process is in it. -ETIMEDOUT: something would not die.
 * -EXDEV: something in it is not visible to us. */
int group_remove(int parent_fd, const char *name);
/* Removes every group within dirfd in the same way, except `keep` (may be NULL). */
int group_remove_children(int dirfd, const char *keep);
/* Fills *err for a failed removal of `path`; returns r. */
int group_remove_error(int r, const char *path, struct cupel_error *err);
