/* private to sandbox: what the slot prepares and PID 1 finds in its memory after the clone. */
#pragma once

#include "harness/sandbox/sandbox.h"

#include <linux/filter.h>
#include <stdatomic.h>
#include <sys/mount.h>

/* ---- the set-up sequence: its steps in order; steps.c has the names ---- */

enum setup_step {
    /* in the slot */
    SETUP_ID_MAP_LAYERS,
    SETUP_UPPER,
    SETUP_DEVICES,
    SETUP_INPUTS,
    SETUP_PIPES,
    SETUP_CLONE,
    SETUP_ID_MAP,
    SETUP_NETWORK,
    /* in PID 1 */
    SETUP_DESCRIPTORS,
    SETUP_IDENTITY,
    SETUP_SESSION,
    SETUP_HOSTNAME,
    SETUP_OVERLAY,
    SETUP_INPUT_OVERLAYS,
    SETUP_KERNEL_MOUNTS,
    SETUP_BORROW,
    SETUP_PIVOT,
    SETUP_VIEWS,
    SETUP_DEV,
    SETUP_PROC,
    SETUP_PROC_MASKS,
    SETUP_SYS,
    SETUP_USER,
    SETUP_ATTACH_INPUTS,
    SETUP_ETC,
    SETUP_HOME,
    SETUP_WORKDIR,
    SETUP_LOOPBACK,
    SETUP_TERMINAL,
    SETUP_DISK,
    /* in each command */
    SETUP_CONTROLLING_TERMINAL,
    SETUP_STDIO,
    SETUP_PAYLOAD,
    SETUP_CGROUP_NAMESPACE,
    SETUP_LANDLOCK,
    SETUP_CLOSE_FDS,
    SETUP_RESOURCE_LIMITS,
    SETUP_BOUNDING_SET,
    SETUP_IDS,
    SETUP_CAPABILITIES,
    SETUP_NO_NEW_PRIVS,
    SETUP_CHDIR,
    SETUP_SECCOMP,
    SETUP_EXEC,
    SETUP_STEP_COUNT,
};

/* Where PID 1 is in it, or the command that it starts: in memory that the slot shares, for the one
 * that is stuck and cannot say so. */
struct setup_progress {
    _Atomic uint32_t at; /* enum setup_step */
};
#define PROGRESS_LEFTOVERS SETUP_STEP_COUNT /* ending what a step left running */

/* ---- what goes over the control socket (SOCK_SEQPACKET, one struct a packet) ---- */

struct init_report {
    uint32_t kind; /* enum sandbox_event_kind */
    uint32_t step; /* the job's step, or the enum setup_step that failed */
    int32_t status;
    int32_t errnum;
    uint64_t at_ns;
    /* in use on the upper file system when the first step starts */
    uint64_t disk_bytes, disk_inodes;
    uint32_t uid, gid;   /* of the command that starts, in the job */
    uint32_t cut;        /* of SANDBOX_LEFT_RUNNING: not all could be looked at */
    uint64_t unmappable; /* of SANDBOX_STEP_ENDED, see explain_exec.c */
    char detail[SANDBOX_DETAIL_SIZE];
};
#define INIT_ORDER_GO                                                                              \
    'g' /* id maps are written; the disk is trimmed; later: start the next step                    \
         */
#define INIT_ENTERED                                                                               \
    1001u /* the same, of enter.c: the descriptor is the session's first process                   \
           */
#define INIT_WANTS_TRIM                                                                            \
    1000u /* a kind between init and slot: now the disk may get its size, then GO */

/* ---- PID 1's world ---- */

#define CGROUP_ENTER_FDS_MAX 16
#define INPUTS_MAX 256 /* as many as jobs/ lets a file have */
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

/* The nodes of /dev. */
#define DEVICES_COUNT 7
struct device {
    enum jobs_device id;
    const char *name;
    unsigned major, minor;
};
extern const struct device devices_table[DEVICES_COUNT];
static inline bool devices_has(uint32_t set, enum jobs_device id)
{
    return ((set >> id) & 1u) != 0;
}

/* What a job may have of what resource limits count by user, in bytes and signals: each of its
 * users, and all of them together. */
#define JOB_MEMLOCK (UINT64_C(8) << 20)
#define JOB_MSGQUEUE UINT64_C(819200)
#define JOB_SIGPENDING UINT64_C(4096)

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
    bool hides; /* /hide/INPUT of the stage lies on top of it: see hidden.c */
    bool cow;   /* the job may write */
    /* a directory that lies in its upper directory, or in `below`, as a whole: no mount */
    bool copied;
    bool placed; /* the slot has copied it already: see host_placeholders.c */
    bool given;  /* it belongs to the job's user, whoever the earlier job's was */
    /* a copy-on-write file that lies in a layer below already, as an earlier job left it */
    bool is_there;
    /* of a copy-on-write directory: "/s/0/u3:", what earlier jobs wrote there; the slot's memory */
    char *below;
};

struct init_context {
    const struct jobs_job *job;
    char lower[32]; /* "/lower/0" */
    /* "0:1", below it: layers of other jobs, and as many as a root may have (cache.h) */
    char lowerdir[640];
    char upper[64]; /* "/upper/j7" */
    char kept[40];  /* "/kept/j3", whose upper directories lie under this job's; or empty */
    struct init_input inputs[INPUTS_MAX];
    size_t n_inputs;
    int control;
    int dev_mount;
    enum sandbox_stdio stdio;
    unsigned short rows, columns;
    int stdin_fd; /* -EBADF: null_fd */
    int stdout_fd;
    int stderr_fd;
    const int *enter;
    size_t n_enter;
    struct sock_fprog filter;
    const char *hosts;    /* replaces /etc/hosts */
    const char *resolver; /* replaces /etc/resolv.conf; NULL: the root's own stays */
    bool etc_is_laid;     /* the two are in a layer of the root already */
    /* the last entries point at the three below, as far as the job has none of its own */
    char **env;
    char home_entry[HOME_SIZE];
    char user_entry[USER_SIZE];
    char logname_entry[USER_SIZE];
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

    /* made on the way */
    int root_mount;
    int input_mount[INPUTS_MAX];
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
    /* who the commands are, found out before any job ran; or NULL */
    const struct sandbox_user *user;
    /* of who enters a job, or opens a kept one: uid and gid are known, whatever the root's passwd
     * says by now */
    bool has_ids;
    uint32_t uid;
    uint32_t gid;
    uint64_t disk_bytes, disk_inodes;
    const char *detail; /* what the failing step was about; points to anything that lives on */
};

/* Runs as PID 1 and never returns. */
_Noreturn void init_main(struct init_context *ctx);

/* A step returns 0 or a negative errno, having set ctx->detail where that helps. */
typedef int setup_fn(struct init_context *ctx);
setup_fn setup_overlay, setup_input_overlays, setup_kernel_mounts, setup_borrow, setup_pivot,
    setup_views, setup_dev, setup_proc, setup_proc_masks, setup_sys, setup_attach_inputs, setup_etc,
    setup_user, setup_home, setup_workdir, setup_loopback, setup_terminal;

/* masks.c: hides of /sys, once it is attached, what is to be hidden. */
int masks_put_on_sys(struct init_context *ctx);

/* Gives the UTS namespace that we are in this name, and no domain. -EPERM: no way to. */
int hostname_set(const char *name);

/* overlay.c: a detached overlay over these layers ("/s/0/u:0:1", top first), writable or not. */
int overlay_make(const char *lowerdir, const char *upperdir, const char *workdir);
int overlay_make_readonly(const char *lowerdir);
/* The options that every overlay of a job's has. */
int overlay_set_common(int fs);

/* /dev's nodes, where they are the host's; see borrow.c. */
int borrow_attach_devices(struct init_context *ctx);

/* What those who enter a job share with PID 1: see init.c. init_session runs one step, as PID 1
 * does, and never returns. */
setup_fn setup_descriptors, setup_session;
int identity_become_root(const struct init_context *ctx);
void send_report(struct init_context *ctx, const struct init_report *report);
_Noreturn void init_session(struct init_context *ctx);
static inline void progress_to(const struct init_context *ctx, uint32_t at)
{
    if (ctx->progress != NULL)
        atomic_store_explicit(&ctx->progress->at, at, memory_order_relaxed);
}

/* Runs in the forked command: sets itself up and executes step `index` of the job. Writes an
 * init_report into `report_fd` (close-on-exec) when that fails, and exits. */
_Noreturn void command_main(struct init_context *ctx, unsigned index, int report_fd);

/* Why the execve of this file failed so, as a phrase into `to`, which is left as it is where there
 * is no more to say than the number does. False: the file itself is not there. */
bool explain_exec(const char *path, int errnum, char *to, size_t size);
/* How much memory this program of the job's takes before its first instruction, where that is more
 * than can be had; else 0. For one that died of a signal: the kernel has let go of the old program
 * before it finds out (load_elf_binary()). */
uint64_t explain_unmappable(const struct init_context *ctx, const char *name);

/* What the kernel has of Landlock: its ABI, or 0. */
int landlock_abi(void);
/* Puts the calling process and all that it starts into a domain of their own; nothing where there
 * is no Landlock. */
int landlock_restrict(const struct init_context *ctx);

/* A new pseudo-terminal of the devpts whose root is `pts`, of this size, its user's side owned by
 * `uid`. Usable between clone and exec. */
int terminal_make(int pts, unsigned short rows, unsigned short columns, uint32_t uid,
                  int *ret_master, int *ret_slave);
/* Who is alive in the job besides PID 1: fills `list` with as many as fit and returns how many
 * those are. Stops them all; SIGCHLD has to be blocked. */
int leaks_find(struct init_context *ctx, unsigned step,
               struct init_report list[static SANDBOX_LEAKS_MAX]);

/* Opens `path` as a directory below the job's root, making what is missing; *ret_made tells whether
 * the last part was made. Links in the root are followed within it, magic links never. */
int mounts_make_dir(struct init_context *ctx, const char *path, bool *ret_made);

/* Those of this uid, where that file says nothing usable: "/root" or "/", "root" or the number. */
void passwd_plain_names(uint32_t uid, char *home, size_t home_size, char *name, size_t name_size);
/* The same from the text of a passwd file, which is cut up in doing so: whether it has an entry for
 * it (a number needs none, nor does root). -ENOENT: it has no such name. -ERANGE: an id that no job
 * has. */
#define PASSWD_MAX (256 * 1024)
int passwd_find(char *text, const char *spec, uint32_t *ret_uid, uint32_t *ret_gid, char *home,
                size_t home_size, char *name, size_t name_size);
/* The text of the topmost layer's etc/FILE, up to PASSWD_MAX bytes; empty where there is none.
 * Errors as sandbox_user_find's. */
int passwd_read_layers(const int *layers, size_t n_layers, const char *file, char *text);
/* passwd_find() in the passwd file of these layers, top first. */
int passwd_find_layers(const int *layers, size_t n_layers, const char *spec,
                       struct sandbox_user *ret);
/* The user of `spec` ("name", "uid", "uid:gid") from the root's passwd file; see passwd.c. */
int passwd_resolve(int root, const char *spec, uint32_t *ret_uid, uint32_t *ret_gid, char *home,
                   size_t home_size, char *name, size_t name_size);

/* ---- small things usable between clone and exec ---- */

/* strlcpy/strlcat as everyone knows them. */
size_t safe_copy(char *to, const char *from, size_t size);
size_t safe_append(char *to, const char *from, size_t size);
size_t safe_append_number(char *to, uint64_t n, size_t size);
/* setgroups(0, NULL). A user namespace of one id refuses it (user_namespaces(7)): there, the
 * caller's groups stay. */
int safe_drop_groups(uint32_t ids);
/* Gives these, where the map has more than one id; else as safe_drop_groups. */
int safe_take_groups(uint32_t ids, const uint32_t *groups, unsigned n);
/* bytes, or -errno; -EFBIG when it does not fit */
int safe_read_all(int fd, char *buf, size_t size);

/* ---- the slot's side ---- */

/* PID 1 of a job of so many steps begins to talk; then sandbox_receive. */
void listen_begin(struct sandbox_job *job, unsigned n_steps);

/* oom_order.c: whom the kernel takes first. `own` is the slot's value (sandbox_oom_own()). PID 1
 * has the commands' value from the start, and again before each step; its own one while a command
 * runs. */
void oom_order_begin(struct sandbox_job *job, int own);
void oom_order_commands(const struct sandbox_job *job);
void oom_order_init(const struct sandbox_job *job);

/* namespaces.c: holds those of a cloned PID 1 in *job; -errno and the name of the one that cannot
 * be had. */
int namespaces_hold(struct sandbox_job *job, bool own_network, const char **ret_which);
void namespaces_release(struct sandbox_job *job);
/* The network one of those that are held, or -EBADF. */
int namespaces_network(const struct sandbox_job *job);

/* init_context.c: everything empty; streams and the control socket, the job's ends in *ctx and the
 * harness's in *job (pipes belong to `id`); the environment; and the closing and freeing of all
 * that is the slot's. */
void context_init(struct init_context *ctx, const struct jobs_job *job, enum sandbox_stdio stdio,
                  unsigned short rows, unsigned short columns);
int streams_make(enum sandbox_stdio stdio, uint32_t id, const char *data, size_t len, int file,
                 struct init_context *ctx, struct sandbox_job *job);
void context_env(struct init_context *ctx, const char *const *env);
void context_close(struct init_context *ctx);
/* Where this program's own command line lies in memory, or NULL and 0. */
void context_find_arguments(char **ret, size_t *ret_len);

/* The /dev of one job with these devices, a detached tmpfs with its own nodes, or with empty files
 * to attach the host's to. */
int devices_mount(uint32_t id_base, uint32_t devices, bool nodes, int *ret_mount);

/* What `seccomp: strict` allows. */
extern const char *const strict_calls[];
extern const size_t strict_calls_count;

int filter_program(const struct sandbox_filter *filter, struct sock_fprog *ret);

/* The part of a filter that is about socket and socketpair: how many instructions. What it allows
 * goes on to the next part. */
#define SOCKET_FILTER_MAX 256
size_t socket_filter(const struct jobs_seccomp *what,
                     struct sock_filter to[static SOCKET_FILTER_MAX]);

/* Leaves the libraries that only the harness uses out of what is forked from here on; see
 * dontfork.c. */
void dontfork_libraries(void);

/* True when the tests asked for this step to fail (CUPEL_FAULT=name, only with
 * CUPEL_FAULT_INJECTION). */
int steps_fault(void); /* enum setup_step or -1 */
/* Makes *err say that this step failed, on what (or NULL) and why: returns -errnum. */
int steps_error(struct cupel_error *err, enum setup_step step, int errnum, const char *detail);
/* Puts that before what *err says already. */
void steps_name(struct cupel_error *err, enum setup_step step);
/* What can have made this step fail so: bits of enum sandbox_cause; 0: the machine or the harness
 * alone. */
unsigned steps_causes(size_t step, int errnum);
