/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox: starts one job's processes in fresh namespaces over a copy-on-write root, and takes them
 * down. Knows the set-up sequence (steps.c) and nothing of deadlines, verdicts or reports.
 * Linux 5.19 or later (id-mapped layers of an overlay), as root, be it of a user namespace.
 *
 * A *stage* is what a slot keeps between jobs: a minimal mount namespace that holds the id-mapped
 * lower layers, the size-limited upper file system, proc and sysfs, and nothing of the host's tree.
 * A job's PID 1 is cloned from inside it, so that there is never a host path in a job's mount
 * namespace, and the clone copies a handful of mounts, however many the host has. */
#pragma once

#include "base/base.h"
#include "jobs/jobs.h"

#include <sys/stat.h>

/* ---- what this process may do ---- */

#define SANDBOX_ID_COUNT 65536u /* ids 0..65535 of a job are id_base..id_base+65535 of the host */

/* Found out by trying, and the same for all of a run. With the rights of the host's root, each slot
 * has ids of its own, and jobs write to disks of their own; otherwise (in a user namespace of an
 * ordinary user's) jobs share this process's ids, and what the kernel keeps to the host's root is
 * replaced (docs/rootless.md). */
struct sandbox_privilege {
    bool host;    /* the rights of the host's root: id-mapped mounts, disks, device nodes */
    uint32_t ids; /* how many a job has, from 0: SANDBOX_ID_COUNT, or 1 */
    /* the kernel takes a job's root for the owner of what /proc has of its PID 1 */
    bool shows_init;
};
void sandbox_privilege_find(struct sandbox_privilege *ret);
/* Whether what every job needs is to be had at all, for a host that might not give it: containers.
 */
int sandbox_privilege_check(const struct sandbox_privilege *p, struct cupel_error *err);

/* Opens the kernel's device of this name ("loop-control"), also where the /dev in sight does not
 * have it: fd or -errno. */
int sandbox_open_device(const char *name, int flags);

/* Whether jobs can write into directories of the store, which is where they do without the host's
 * rights and without limits of disk or inodes; into memory otherwise. */
bool sandbox_store_takes_layers(int store_dirfd);

/* What a job may write to its disk, in bytes and in files: its own limits, else those that hold
 * without. It is held to them exactly where it has one of the two. */
void sandbox_disk_limits(const struct jobs_limits *limits, uint64_t *ret_bytes,
                         uint64_t *ret_inodes);
bool sandbox_disk_is_exact(const struct jobs_limits *limits);

/* How long set-up, which no limit of the job counts, may take beyond its wall limit: so much, and
 * what copying its inputs takes on a slow disk (sandbox_job.copying_ns). */
#define SANDBOX_SET_UP_NS (30 * NSEC_PER_SEC)

/* What a job's disk takes of the store where the job names its size: with the rights of the host's
 * root, that is set aside before the job starts. Other disks grow as they are written to, if there
 * is so much free at first. */
#define SANDBOX_DISK_FLOOR (UINT64_C(16) << 20)
struct sandbox_hidden;
uint64_t sandbox_disk_space(const struct jobs_job *job, const struct sandbox_hidden *hidden);

/* Whether inputs that are mounted can be on the file system that this one is on: with the rights of
 * the host's root they get other owners on the way (id-mapped mounts). *known_device: one of which
 * that is known, not asked again; starts as 0. What cannot be opened as the job will open it, such
 * as a link that is not to be followed, is that job's matter alone. */
int sandbox_input_check(const struct sandbox_privilege *p, const struct jobs_input *in,
                        uint64_t *known_device, struct cupel_error *err);

/* ---- what no job sees ---- */

/* A directory of the host that no job sees, wherever it lies within an input or the host's root:
 * the out directory. `fd` is open on it; what is found out is where it is now. NULL stands for
 * none. */
int sandbox_hidden_find(int fd, struct sandbox_hidden **ret_hidden, struct cupel_error *err);
/* Adds one more directory to those that are hidden; *hidden may be NULL. */
int sandbox_hidden_add(int fd, struct sandbox_hidden **hidden, struct cupel_error *err);
void sandbox_hidden_free(struct sandbox_hidden *hidden);
/* Returns its path below this directory, in which jobs then see nothing of that name. NULL: it is
 * not in there, or is the directory itself: a job that names it, or something in it, as an input is
 * shown that. */
const char *sandbox_hidden_below(const struct sandbox_hidden *hidden, const struct stat *directory);

/* ---- seccomp program, compiled once for all jobs that ask for the same ---- */

struct sandbox_filter; /* BPF for every architecture that this kernel accepts */
int sandbox_filter_compile(const struct jobs_seccomp *what, struct sandbox_filter **ret_filter,
                           struct cupel_error *err);
void sandbox_filter_free(struct sandbox_filter *filter);
/* What the call is called on that architecture (AUDIT_ARCH_...); malloc'ed, NULL: not known. */
char *sandbox_call_name(uint32_t architecture, int number);

/* ---- what networks take ---- */

/* What a job with `network: nat` takes; freed by whoever asked for it. */
struct sandbox_nat {
    char *pasta;  /* path of the program that does it; NULL: not asked for */
    bool own_tun; /* it is to get a /dev/net/tun of its own: the host's is for root only */
};
/* Whether this host can do it. */
int sandbox_nat_check(const struct sandbox_privilege *p, struct sandbox_nat *ret,
                      struct cupel_error *err);
/* The part of it that is about the device, tried with the id that pasta has. */
int sandbox_tun_check(const struct sandbox_privilege *p, bool *ret_own, struct cupel_error *err);
/* A network namespace with a bridge in it; it goes with its last descriptor and the last job on it.
 */
int sandbox_bridge_open(int *ret_ns, struct cupel_error *err);

/* ---- what a job's /dev has ---- */

struct sandbox_device {
    unsigned major, minor;
    bool all_minors;
};
#define SANDBOX_DEVICES_MAX 16
/* The devices that jobs may have to open: all usual ones, and those asked for (bits of enum
 * jobs_device); how many. For the second wall around them, which is not ours. */
size_t sandbox_devices(uint32_t asked, struct sandbox_device list[static SANDBOX_DEVICES_MAX]);
/* Whether this host has those that are not the usual ones, and a job could open them. */
int sandbox_devices_check(uint32_t devices, const struct sandbox_privilege *privilege,
                          struct cupel_error *err);

/* ---- the stage, one a slot ---- */

struct sandbox_stage;

/* Opens the place in the store where empty disks are kept, and makes it where there is none.
 * -EBADF: nothing can be kept there. */
int sandbox_templates_open(int store_dirfd);

/* The disk of a run's first slot, which is made while the run is prepared, for a job like this one.
 * NULL: none is, which is no failure; so is one that cannot be made. Descriptors are borrowed until
 * the end. */
struct sandbox_disk_ahead;
struct sandbox_disk_ahead *sandbox_disk_ahead_begin(const struct sandbox_privilege *privilege,
                                                    int store_dirfd, int templates,
                                                    const struct jobs_job *job);
/* Where a slot gets it from (sandbox_stage_config), and that one has been forked which does; both
 * take NULL. */
int sandbox_disk_ahead_socket(const struct sandbox_disk_ahead *ahead);
void sandbox_disk_ahead_given(struct sandbox_disk_ahead *ahead);
void sandbox_disk_ahead_end(struct sandbox_disk_ahead *ahead);

struct sandbox_stage_config {
    /* where the upper file systems' (unlinked) images are made; must be on a disk */
    int store_dirfd;
    /* the store's place for empty disks (sandbox_templates_open), borrowed; -EBADF: none */
    int templates;
    uint32_t id_base;       /* 0 without the host's rights: ids are then the same in the job */
    unsigned number;        /* of the slot in its run */
    struct sandbox_nat nat; /* of sandbox_nat_check, when a job has nat; borrowed */
    int snapshots;    /* of sandbox_snapshots_open, when a job starts from what another leaves */
    bool keeps;       /* what jobs leave may be kept (sandbox_keep), snapshots with it */
    uint32_t devices; /* that any job has: bits of enum jobs_device */
    const struct sandbox_hidden *hidden; /* borrowed; NULL: nothing */
    int disk; /* of sandbox_disk_ahead_socket, then the stage's; -EBADF: none */
};
int sandbox_stage_open(const struct sandbox_stage_config *config, struct sandbox_stage **ret_stage,
                       struct cupel_error *err);
/* Gives up, from now on, what takes long in starting a job, with -ECANCELED, when `fd` can be read.
 * Borrowed. */
void sandbox_stage_cancel_by(struct sandbox_stage *stage, int fd);
void sandbox_stage_close(struct sandbox_stage *stage);

/* ---- one job ---- */

/* Where the commands' standard streams lead. */
enum sandbox_stdio {
    SANDBOX_STDIO_CAPTURED, /* input from stdin_data, output into two pipes */
    SANDBOX_STDIO_PIPES,    /* input from a pipe as well */
    /* all three are the controlling terminal, a new one of the job's own devpts */
    SANDBOX_STDIO_TERMINAL,
    /* the two of output are that, and input is as without it */
    SANDBOX_STDIO_OUTPUT_TERMINAL,
};

/* Opens a path of the host that a job file names. An error of kind CUPEL_ERROR_INPUT (-EUCLEAN):
 * what others left there is refused, which is the job's result; `what` begins its message ("input",
 * "stdin-file"). It is `by_author` where the job file trusts the path. What whoever started cupel
 * has no right to read is one of kind CUPEL_ERROR_HARNESS. */
int host_path_open(const struct jobs_host_path *path, const char *what, int flags, int *ret_fd,
                   struct cupel_error *err);
/* Says that last one, of a path as it is shown; returns -EUCLEAN. */
int host_path_no_rights(struct cupel_error *err, const char *what, const char *path);
/* Makes the first one of `path`, which is `of` or a link on its way. Returns -EUCLEAN. */
int host_path_refuse(const struct jobs_host_path *of, const char *what, const char *path,
                     const char *why, struct cupel_error *err);
/* The same as host_path_open of a regular file that is read for a job, JOBS_GIVEN_MAX bytes of it
 * at most. */
int host_path_open_file(const struct jobs_host_path *path, const char *what, int *ret_fd,
                        uint64_t *ret_size, struct cupel_error *err);

/* Who a job's commands are, as the root's own layers have it. */
#define SANDBOX_HOME_SIZE 248
#define SANDBOX_NAME_SIZE 56
#define SANDBOX_GROUPS_MAX 32
struct sandbox_user {
    uint32_t uid, gid; /* in the job */
    char home[SANDBOX_HOME_SIZE];
    char name[SANDBOX_NAME_SIZE];
    uint32_t groups[SANDBOX_GROUPS_MAX]; /* supplementary ones, of an image's user */
    unsigned n_groups;
};
/* Finds the user of `spec` ("name", "uid", "uid:gid") in the passwd file of these layers (top
 * first), whatever a job has laid over them. -ENOENT: there is no such name. -ERANGE: an id that no
 * job has. -ELOOP: the file, or its directory, is a link, which is not followed. */
int sandbox_user_find(const int *layers, size_t n_layers, const char *spec,
                      struct sandbox_user *ret);
/* The same of an image's `User` (OCI image specification, config.md): "user", "uid", "user:group",
 * "uid:gid", "uid:group" or "user:gid". Without a group, it is the user's, with those of the root's
 * /etc/group that have the user; a number that has no entry has group 0. -ENODATA: there is no such
 * group. */
int sandbox_image_user(const int *layers, size_t n_layers, const char *spec,
                       struct sandbox_user *ret);
/* Appends the names that the passwd file of these layers has, "root, daemon, bin", at most `max` of
 * them, and the one that is nearest to `spec`, if any is near (malloc'ed into *ret_nearest, else
 * NULL): that may be `spec` itself, in a line that is no entry. */
void sandbox_user_names(const int *layers, size_t n_layers, const char *spec, size_t max,
                        struct strbuf *names, char **ret_nearest);

/* What a kept job wrote (sandbox_keep), to lie under a session as its top lower layer. */
#define SANDBOX_KEPT_DIR "j"
struct sandbox_kept {
    int image; /* readable */
    /* what it was made of, for sandbox_snapshot_import: what it started from, top first, then what
     * it took files of (jobs_reads) */
    const int *below;
    size_t n_below;
    const char *dir;    /* sandbox_job.dir of that job */
    uint32_t id_base;   /* of its stage */
    uint32_t uid, gid;  /* of its commands */
    const char *caches; /* what lay below its inputs, for who starts the sandbox; or NULL */
};

/* Who the commands of an earlier job were. */
struct sandbox_ids {
    bool known;
    uint32_t uid, gid;
};

/* A file in /run/secrets. */
struct sandbox_secret {
    const char *name;
    const char *data;
    size_t len;
};

/* What lies below an input that comes from the store. */
struct sandbox_cached {
    int tree;   /* borrowed */
    bool fresh; /* it is empty: nobody's yet, and so the job's user's */
};

/* Another job of the plan, of whose files an input is. */
struct sandbox_other {
    size_t job;             /* index into plan->jobs */
    size_t snapshot;        /* the run's, of what it wrote */
    struct sandbox_ids ids; /* of its commands */
    size_t root;            /* as of the request itself */
    const int *layers;
    size_t n_layers;
    bool masked;
};

/* A directory that a job can read at /sys/fs/cgroup, or at NAME in it. */
struct sandbox_cgroup {
    const char *name; /* "": there itself, and it is the only one */
    int dir;          /* O_PATH, borrowed */
};
#define SANDBOX_CGROUPS_MAX 8

struct sandbox_request {
    const struct jobs_plan *plan; /* that the job is of */
    const struct jobs_job *job;
    int bridge_ns;                       /* for a job on a bridge: of sandbox_bridge_open */
    const struct sandbox_filter *filter; /* of job->seccomp */
    /* index of the root in its plan: lowers are attached to the stage once a root */
    size_t root;
    const int *layers; /* O_PATH directory fds, top first */
    size_t n_layers;
    bool masked; /* the host's root: layer 0 is what hides parts of it */
    /* snapshots between those and the job, top first: as many as job->depth */
    const size_t *below;
    const struct sandbox_ids *below_ids; /* of the jobs that they are of */
    const struct sandbox_cached *cached; /* by input, of those with `cache`; or NULL */
    /* of whom its inputs are made that are other jobs' files (jobs_reads), in any order */
    const struct sandbox_other *others;
    size_t n_others;
    /* complete but for HOME, USER and LOGNAME, which come from the root's passwd */
    const char *const *env;
    const char *stdin_data; /* NULL: what is in stdin_file; without that, /dev/null */
    size_t stdin_len;
    int stdin_file; /* for reading, or -EBADF; remains the caller's */
    enum sandbox_stdio stdio;
    /* standard output of the steps is a file of so many bytes at most, and some more, in the job's
     * memory; 0: it is the pipe, as that of `after` always is */
    uint64_t output_file;
    bool one_output;                 /* standard error is what standard output is */
    unsigned short rows, columns;    /* of the terminal */
    const struct sandbox_kept *kept; /* or NULL */
    const struct sandbox_user *user; /* NULL: looked up by PID 1, in what it has mounted */
    const struct sandbox_secret *secrets;
    size_t n_secrets;
    const struct sandbox_cgroup *cgroups;
    size_t n_cgroups; /* 0: it sees none */
    const int *enter; /* fds into which the command writes "0", of cgroup_job */
    size_t n_enter;
    bool hold; /* the first step's command is not executed before sandbox_go */
    /* and what it is, with its environment and standard input, comes with sandbox_give_words: of
     * the job only one step is looked at, and whether it has a standard input (stdin_data is not
     * NULL then) */
    bool late;
};

/* How many of those that were left running are named. */
#define SANDBOX_LEAKS_MAX 16

/* A job's namespaces, of each type one, the user namespace first. */
#define SANDBOX_NAMESPACES 8
#define SANDBOX_NO_NAMESPACES                                                                      \
    {                                                                                              \
        -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF                             \
    }

/* What PID 1 has said so far: see listen.c. */
struct sandbox_talk {
    unsigned state;
    unsigned n_steps, step, leaks; /* `after` is one of them, the last */
    bool trimmed;
    bool goes_on; /* PID 1 waits for what comes next also when a step was not executed */
};

/* A started job. Fields are read-only for callers; poll `control`, `out` and `err` for POLLIN. */
struct sandbox_job {
    pid_t pid; /* PID 1 of the job, seen from here */
    int ended; /* its wait status, once reaped */
    int pidfd;
    int control;
    int out; /* read ends, non-blocking */
    int err;
    int in; /* write end, non-blocking; only with SANDBOX_STDIO_PIPES */
    /* of a held job, until it has begun: readable once everything is done but the exec; else
     * -EBADF */
    int hold;
    int output_file; /* of sandbox_request.output_file, to read it; or -EBADF */
    int late_stdin; /* private: what is to be written there, with sandbox_request.late; or -EBADF */
    int input;      /* private: its standard input, once written, where it is a file; or -EBADF */
    /* master of the job's terminal, once SANDBOX_TERMINAL_READY was received */
    int terminal;
    pid_t nat;         /* the process that serves its network, or -1 */
    bool network_lost; /* once reaped: that process had ended before the job */
    /* private: PID 1's oom_score_adj, to write it; or -EBADF */
    int oom;
    int oom_init; /* private: its own value while a command runs */
    int mount_ns; /* kept when the job leaves files (jobs_leaves_files), else -EBADF */
    /* without the host's rights, until it is reaped, for who enters it; else -EBADF */
    int namespaces[SANDBOX_NAMESPACES];
    char dir[24]; /* its directory on the upper file system */
    /* private: which of its first 64 inputs have directories of their own there, by bits */
    uint64_t written_inputs;
    uint64_t disk_before;
    uint64_t inodes_before;
    uint64_t writes_refused_before, inodes_refused_before;
    uint64_t copying_ns;
    /* private: a disk that gets its size when PID 1 is done with it, and which */
    const struct upper *trims;
    uint64_t trim_bytes, trim_inodes;
    bool has_ids; /* once a step was started: who its commands are, in the job */
    uint32_t uid, gid;
    uint64_t max_rss_init, max_rss;        /* private: PID 1's own, and the largest's of the job */
    bool went;                             /* private: of a held one, sandbox_go was called */
    struct sandbox_talk talk;              /* private */
    const struct setup_progress *progress; /* private */
};
#define SANDBOX_JOB_INIT                                                                           \
    {                                                                                              \
        .pid = -1, .nat = -1, .pidfd = -EBADF, .control = -EBADF, .out = -EBADF, .err = -EBADF,    \
        .in = -EBADF, .hold = -EBADF, .late_stdin = -EBADF, .output_file = -EBADF,                 \
        .input = -EBADF, .terminal = -EBADF, .mount_ns = -EBADF, .oom = -EBADF,                    \
        .namespaces = SANDBOX_NO_NAMESPACES                                                        \
    }

/* Everything up to and including the clone. On failure *err names the set-up step, and nothing is
 * left. The steps after the clone report through sandbox_receive. */
int sandbox_start(struct sandbox_stage *stage, const struct sandbox_request *request,
                  struct sandbox_job *ret_job, struct cupel_error *err);

enum sandbox_event_kind {
    SANDBOX_TERMINAL_READY, /* job->terminal is there; before the first step starts */
    SANDBOX_STEP_STARTED,   /* the command of step `step` has been executed */
    /* it ended with wait status `status` */
    SANDBOX_STEP_ENDED,
    /* what the step left running has been ended: its output is all in the pipes, and nothing of the
     * job is left but PID 1, which waits for sandbox_continue. Not said after the last step where
     * somebody from outside is in the job: then PID 1 ends at once. */
    SANDBOX_STEP_QUIET,
    /* execve of step `step` failed with `errnum`: the job's fault or its file's; `detail`: why, as
       far as there is more to say */
    SANDBOX_NOT_EXECUTED,
    /* set-up step `what` failed with `errnum` on `detail`, of step `step` of the job; `causes` says
       what can have made it fail besides harness and machine */
    SANDBOX_SETUP_FAILED,
    /* process `status` of the job was alive when step `step` ended: `detail` is its command line,
       `at_ns` the CPU time that it used, `errnum` how many there were in all; `cut`: or more */
    SANDBOX_LEFT_RUNNING,
    SANDBOX_GONE, /* PID 1 is gone */
};
enum sandbox_cause {
    SANDBOX_BY_ROOT = 1,   /* what lies in the root, or in an input */
    SANDBOX_BY_JOBS = 2,   /* what the jobs that it starts from have left */
    SANDBOX_BY_STEPS = 4,  /* what the job's own earlier steps have left */
    SANDBOX_BY_MEMORY = 8, /* the job's own memory limit */
};
/* How much is told of a cause: a path, or a command. */
#define SANDBOX_DETAIL_SIZE 168
struct sandbox_event {
    enum sandbox_event_kind kind;
    unsigned step;
    int status;
    int errnum;
    uint64_t at_ns; /* CLOCK_MONOTONIC, taken by PID 1 */
    /* of SANDBOX_STEP_ENDED: the program needs so many bytes at its start, and they cannot be had
     */
    uint64_t unmappable;
    bool cut;
    unsigned causes; /* bits of enum sandbox_cause */
    const char *what;
    char detail[SANDBOX_DETAIL_SIZE];
};
/* Takes the next event without blocking: 1 and *ret_event, or 0 when there is none now. */
int sandbox_receive(struct sandbox_job *job, struct sandbox_event *ret_event);
/* A started job's network namespace, for services beside it: a descriptor, or negative errno. */
int sandbox_open_network(const struct sandbox_job *job);
/* Closes the descriptors of a job that is another process's: of a copy of its slot. */
void sandbox_forget(struct sandbox_job *job);
/* Makes *err say what a SANDBOX_SETUP_FAILED says: returns -errnum. */
int sandbox_setup_error(const struct sandbox_event *event, struct cupel_error *err);
/* The set-up step that PID 1 is at, or the command that it starts. */
const char *sandbox_setup_at(const struct sandbox_job *job);
/* Says whether the command of a step that PID 1 has not said anything of yet may have been executed
 * all the same: PID 1 hears of it a moment later, and says so another moment later. */
bool sandbox_may_have_begun(const struct sandbox_job *job);
/* Returns how large a stack may grow in a job that does not say. */
uint64_t sandbox_stack_default(void);
/* Tells the most memory that one process of the job had in its pages, of those that have ended;
 * false where that is not known, as of a job whose processes are smaller than its PID 1. */
bool sandbox_max_rss(const struct sandbox_job *job, uint64_t *ret_bytes);
/* Whether the command has read of the standard input that it was given (stdin_data or stdin_file,
 * and not an empty one), in whatever way. Of any other it is not known. */
enum sandbox_input { SANDBOX_INPUT_UNKNOWN, SANDBOX_INPUT_READ, SANDBOX_INPUT_UNREAD };
enum sandbox_input sandbox_input_read(const struct sandbox_job *job);
/* Forgets that, for the next step, which has the same input from its start. */
void sandbox_input_again(struct sandbox_job *job);
/* What the exit code of a PID 1 says. */
const char *sandbox_init_end(int code);
/* Lets the first step of a held job (sandbox_request.hold) be executed as soon as it is ready,
 * which it need not be yet. Until then nothing of the job's own has run; its command has done all
 * that a command does and waits, by then on the job's account and with no more rights than the job,
 * and nothing that it used counts for more than it does without. What fails meanwhile is an event
 * as ever. A held job that is not wanted is killed, reaped and finished like any other, and ends by
 * itself when its slot does. Nothing on a job that is not held. */
void sandbox_go(struct sandbox_job *job);
/* What a job that was started with sandbox_request.late is to execute; before sandbox_go. */
struct sandbox_words {
    const char *const *argv;
    const char *const *env; /* as in sandbox_request */
    const char *stdin_data;
    size_t stdin_len;
    int stdin_file;
    /* those of the step, and of the job where it has none; the ones in the process are looked at,
     * but for `processes`, which is that of the job it was started for */
    struct jobs_limits limits;
};
/* -E2BIG: that is more than there is room for, and the job cannot go. */
int sandbox_give_words(struct sandbox_stage *stage, struct sandbox_job *job,
                       const struct sandbox_words *words);
/* Gives what is bounded by the memory limit, beside its control group, the bounds of this one; for
 * a job that was started with sandbox_request.late and for another limit, before sandbox_go. It
 * waits until that is ready. -EAGAIN: there is something else to do. */
int sandbox_change_memory(struct sandbox_stage *stage, const struct sandbox_job *job,
                          const struct jobs_limits *limits);
/* Lets PID 1, once it is quiet, start the next step; after the last one, end. */
void sandbox_continue(struct sandbox_job *job);
/* The same, where that is not the next one: `step` may be the number of the job's steps, which
 * starts `after` and tells it the verdict. */
void sandbox_continue_at(struct sandbox_job *job, unsigned step, const char *verdict);
/* Kills every process of the job but PID 1, which then says what it says after any step. */
void sandbox_end_commands(struct sandbox_job *job);
/* SIGTERM to the running command's process group; SIGKILL to PID 1, which the kernel extends to all
 * of the job. */
void sandbox_terminate(struct sandbox_job *job);
void sandbox_kill(struct sandbox_job *job);
/* The CPU time that PID 1 itself has used, dead or alive, until it is reaped; then -ESRCH. */
int sandbox_init_cpu_ns(const struct sandbox_job *job, uint64_t *ret_ns);
/* Waits until PID 1 and so everything of the job is gone; job->ended is how. */
void sandbox_reap(struct sandbox_job *job);

/* What the job has written into its upper file system so far, and whether that is all that it may.
 */
struct sandbox_disk {
    uint64_t bytes;
    uint64_t inodes;
    bool bytes_full;
    bool inodes_full;
    /* Where nobody counts what is refused (sandbox_disk_refusals): what is left. Else UINT64_MAX.
     */
    uint64_t bytes_left;
    uint64_t inodes_left;
};
/* How many of its writes and new files were refused for want of room; 0 where the kernel does not
 * tell. Once no process of the job runs. */
void sandbox_disk_refusals(const struct sandbox_stage *stage, const struct sandbox_job *job,
                           uint64_t *ret_writes, uint64_t *ret_inodes);
/* Whether anything that this job, or one before it, wrote to the stage's disk was lost on its way
 * to the store: -errno and *err. Costs a system call or two and writes nothing. The disk is then
 * made anew for the next job. */
int sandbox_lost_writes(const struct sandbox_stage *stage, struct cupel_error *err);
int sandbox_disk_usage(const struct sandbox_stage *stage, const struct sandbox_job *job,
                       struct sandbox_disk *ret_disk);
/* What the store's file system has left, where jobs write into a directory there and have no disk
 * of their own; -ENODATA where they have one. */
int sandbox_store_left(const struct sandbox_stage *stage, struct sandbox_disk *ret_left);

/* The finished job's root directory, with its mounts, for reading what it left: a path below it may
 * be anything at all, so look things up with file_open_beneath. Only for a reaped job that declared
 * such files (jobs_leaves_files). */
int sandbox_open_root(struct sandbox_stage *stage, const struct sandbox_job *job);
/* Whether processes that this one forks get the libraries that only the harness uses: those of jobs
 * never do, so false holds but around the fork of one of the harness's own. */
void sandbox_stage_libraries(bool given);
/* Keeps what a reaped job wrote as `name` in dirfd, and tells how much that is: its disk, and the
 * stage gets a new one; without the host's rights a directory, for which what is in memory has to
 * be copied: `stopped` is asked now and then whether to go on. What a failure leaves there is the
 * caller's to remove. job->dir stays as it is, for the record. */
struct sandbox_keeping {
    int dirfd;
    const char *name;
    bool (*stopped)(void *data);
    void *data;
};
int sandbox_keep(struct sandbox_stage *stage, const struct sandbox_job *job,
                 const struct sandbox_keeping *keeping, uint64_t *ret_bytes,
                 struct cupel_error *err);
/* The same with the run's snapshot of that number, which stays what it is. Where there is a disk,
 * nothing is copied: it gets another name. */
int sandbox_keep_snapshot(struct sandbox_stage *stage, size_t number,
                          const struct sandbox_keeping *keeping, uint64_t *ret_bytes,
                          struct cupel_error *err);
/* The ids of this stage's jobs begin here on the host. */
uint32_t sandbox_stage_id_base(const struct sandbox_stage *stage);
/* Removes what the job wrote and closes its fds. */
int sandbox_finish(struct sandbox_stage *stage, struct sandbox_job *job, struct cupel_error *err);

/* ---- what finished jobs left, for others to start from ---- */

/* Where a run's snapshots are: a mount namespace that holds nothing else. They go with its last
 * descriptor and the stages' copies. */
int sandbox_snapshots_open(int *ret_ns, struct cupel_error *err);
/* Opens what a reaped job wrote over that input, for reading: a layer with whiteouts. */
int sandbox_written_open(struct sandbox_stage *stage, const struct sandbox_job *job, size_t input,
                         int *ret_tree, struct cupel_error *err);
/* Makes what a reaped job wrote, its inputs' layers included, the run's snapshot of that number:
 * read-only, and nothing is copied. What is left for sandbox_finish is to close fds. */
int sandbox_snapshot(struct sandbox_stage *stage, struct sandbox_job *job, size_t number,
                     struct cupel_error *err);
/* Makes what was kept of one (sandbox_keep_snapshot), a readable file or directory, the run's
 * snapshot of that number. */
int sandbox_snapshot_import(struct sandbox_stage *stage, size_t number, int image,
                            struct cupel_error *err);
/* What that job wrote into its root, owners and all as they were in the job, as a layer of an
 * overlay (`userxattr`): a readable directory. */
int sandbox_snapshot_open(int ns, size_t number, const struct sandbox_privilege *p, int *ret_tree,
                          struct cupel_error *err);
/* No job will start from it any more: this stage lets go of it, and the first that does so removes
 * it. Between two jobs only. */
void sandbox_snapshot_forget(struct sandbox_stage *stage, size_t number);

/* ---- who goes first where memory runs out (oom_order.c) ---- */

/* The caller's own oom_score_adj. */
int sandbox_oom_own(void);
/* A harness that was started as one to be ended early is not, as far as it may say so: its jobs
 * come first. */
void sandbox_oom_stay(void);

/* ---- the sockets of a running job ---- */

/* A netlink socket of the job's network namespace that answers sock_diag(7), until PID 1 is reaped.
 * Negative errno. */
int sandbox_socket_diag_open(const struct sandbox_job *job, int *ret_fd);

/* ---- entering a running job ---- */

struct sandbox_entry {
    const struct jobs_job *job; /* whose first step is what is run */
    const struct sandbox_filter *filter;
    const char *const *env; /* complete but for HOME, USER and LOGNAME */
    int pidfd;              /* of the job's PID 1; its steps have begun */
    /* sandbox_job.namespaces, for who has not the host's rights; NULL: those of PID 1 */
    const int *namespaces;
    uint32_t id_base;
    uint32_t ids;      /* how many it has */
    uint32_t uid, gid; /* of the job's commands */
    /* what that one is called, and their home; of another uid, or NULL: plain names */
    const struct sandbox_user *user;
    const int *enter; /* fds of its payload, as above */
    size_t n_enter;
    enum sandbox_stdio stdio; /* not SANDBOX_STDIO_CAPTURED */
    unsigned short rows, columns;
};
/* Starts a process in the job's namespaces and cgroup with no more rights than the job's command
 * has. For a process of its own that has one thread and waits for no child: its children are never
 * to be waited for, since the end of the job's PID namespace waits for everybody in it. The rest
 * goes as with a started job: events, sandbox_terminate, sandbox_finish (without a stage). */
int sandbox_enter(const struct sandbox_entry *entry, struct sandbox_job *ret_job,
                  struct cupel_error *err);

/* ---- when its steps were done ---- */

/* Has all that set up a job note when, for sandbox_step_times. */
void sandbox_stage_trace(struct sandbox_stage *stage);
struct sandbox_step_time {
    const char *name, *where; /* the step; "slot", "init" (PID 1) or "command" */
    uint64_t began_ns, took_ns;
};
#define SANDBOX_STEPS_MAX 64
/* Lists what set the job up, in the order in which it began, up to its first command's exec; until
 * the stage's next job is started. How many those are. */
size_t sandbox_step_times(const struct sandbox_job *job,
                          struct sandbox_step_time list[static SANDBOX_STEPS_MAX]);

/* ---- the set-up sequence, for the tests that make each step fail ---- */

size_t sandbox_step_count(void);
const char *sandbox_step_name(size_t i);
