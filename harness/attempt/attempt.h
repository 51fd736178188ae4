/* attempt: private to supervisor: one job, run once, in a slot. */
#pragma once

#include "base/weaken.h"
#include "harness/attempt/killed_call.h"
#include "harness/attempt/oom_victim.h"
#include "harness/attempt/pressure.h"
#include "harness/attempt/standstill.h"
#include "harness/attempt/timeline.h"
#include "harness/cgroup/cgroup.h"
#include "harness/sandbox/sandbox.h"
#include "jobs/jobs.h"
#include "reports/reports.h"
#include "rootfs-cache/cache.h"

/* ---- what a run has prepared before the slots are forked, and all of them read ---- */

#define INSTANCE_NONE SIZE_MAX

/* A job of the run, whichever file it came from. */
struct instance {
    const struct jobs_plan *plan;
    size_t plan_index; /* of the run's plans */
    const struct jobs_job *job;
    size_t root;   /* index into run->roots */
    size_t bridge; /* of a job on a bridge: index into run->bridges */
    size_t from;   /* the instance that it starts from, or INSTANCE_NONE */
    bool is_base;  /* one of the run starts from it */
    const struct sandbox_filter *filter;
    bool has_user;            /* `user` is known; else PID 1 looks it up */
    struct sandbox_user user; /* by the passwd file of the root's own layers */
    const char *id;        /* unique in the run; the job's name where that is */
    const char *log_name;  /* what logs and artifacts are named after: no two share a file's name */
    const char **step_ids; /* of named steps: unique as well, also among jobs; or NULL */
};

/* What the console may look at while a job runs, and whoever wants to enter it (enterable.h): one a slot, in memory shared between
 * supervisor and slots. */
struct slot_view {
    _Atomic uint64_t started_ns; /* 0: nothing runs */
    _Atomic uint64_t memory_bytes;
    _Atomic uint64_t running; /* the job's PID 1 and its instance, see enterable.c; 0: none that may be entered */
    _Atomic uint32_t slot;    /* pid */
    _Atomic int32_t namespaces[SANDBOX_NAMESPACES]; /* the slot's descriptors, as sandbox_job has them */
    _Atomic uint32_t uid, gid;                      /* of the job's commands, in the job */
    struct sandbox_user user;                       /* what they are called, where that is known; else of no uid */
    _Atomic uint32_t n_enter;
    _Atomic int32_t enter[CGROUP_ENTER_MAX]; /* the slot's descriptors of the payload's cgroup.procs */
};

struct run {
    struct instance *instances;
    size_t n_instances;
    struct cache_root *roots;
    size_t n_roots;
    const char **root_log_names; /* by root: of a derived one, as instances have them */
    struct cgroup_run *cgroups;
    struct sandbox_filter **filters; /* one for each distinct profile */
    size_t n_filters;
    int *bridges; /* network namespaces, by instance->bridge; -EBADF where no job of the run is on it */
    size_t n_bridges;
    int snapshots;    /* of sandbox_snapshots_open: by instance; -EBADF when none is a base */
    struct sandbox_nat nat; /* when a job has `network: nat` */
    uint32_t devices; /* that any job has: bits of enum jobs_device */
    struct reports_out *out;
    struct sandbox_hidden *hidden; /* the out directory; without one, that of runs here; or NULL */
    int dirfd; /* the run's directory in the store */
    struct slot_view *views;
    int views_fd; /* their memory */
    unsigned cpus;
    uint64_t sample_ns; /* between two points of a timeline; 0: none is wanted */
    struct sandbox_privilege privilege;
    int store_dirfd;         /* borrowed */
    const char *id;          /* of the run */
    unsigned keep_failed;    /* of how many failed attempts what they left is kept */
    uint32_t unenforced_set; /* bits of enum jobs_limit: what --best-effort let go */
};

/* ---- facts, before any judgement ---- */

/* Why the slot itself ended the job; the first in time. */
enum attempt_cause {
    CAUSE_NONE,
    CAUSE_WALL,
    CAUSE_CPU,
    CAUSE_MEMORY,
    CAUSE_OUTPUT,
    CAUSE_CANCELLED,
    CAUSE_SUBMISSION, /* an input holds what is refused: facts.harness says what */
    CAUSE_HARNESS, /* something of ours failed: facts.harness says what */
    CAUSE_STOOD_STILL, /* a time limit passed while the slot itself was kept from running */
    CAUSE_AROUND,  /* the memory of what is around the job ran out: facts.oom says whose */
};

struct step_facts {
    bool started;
    bool ended;
    int status;       /* raw wait status, when ended */
    int not_executed; /* errno of execve, 0 when it worked */
    bool not_set_up;  /* by the job's own doing: facts.not_set_up says what */
    uint64_t started_ns, ended_ns;
    uint64_t stdout_from, stdout_to, stderr_from, stderr_to;
    bool output_differs;
    char difference[REPORTS_EVIDENCE_SIZE / 2]; /* what differs, when output_differs */
};

/* A process of the job that its command left running. */
struct leak {
    unsigned step; /* in the order of the steps */
    int pid;
    uint64_t cpu_ns;
    char command[168]; /* as the process had it: hostile text */
};

struct attempt_facts {
    enum attempt_cause cause;
    unsigned cause_step;
    bool cause_is_step_limit; /* the limit was the step's own */
    const char *cause_set_up; /* the step was being set up, and this far; or NULL */
    char not_set_up[REPORTS_EVIDENCE_SIZE / 2]; /* why, of the step that is not; or why it was not executed, or did not begin */
    uint64_t cause_ns;        /* when */
    uint64_t cpu_at_cause_ns;
    /* what the cause CAUSE_MEMORY was, where no control group bounds it */
    struct {
        uint64_t netlink, internet;
    } queue_bytes;
    bool grace_used_up; /* SIGTERM was not enough */
    struct timespec started;
    uint64_t started_ns; /* first command executed; 0: none was */
    uint64_t ended_ns;   /* everything gone */
    struct step_facts *steps;
    size_t n_steps;
    struct cgroup_usage usage;
    bool has_init_cpu; /* PID 1's own CPU time is known; see billing.h */
    uint64_t init_cpu_before_ns, init_cpu_ns;
    struct cgroup_oom oom;               /* of CAUSE_MEMORY and CAUSE_AROUND */
    struct oom_victim oom_victim;
    int oom_victim_pid; /* in the job; 0: not known */
    char killed_call[KILLED_CALL_SIZE]; /* for which seccomp ended a process; "": not known */
    struct cgroup_around_figures around; /* of the groups around the run's */
    bool has_memory_held;
    uint64_t memory_held_peak; /* of what is no page cache, as seen at looks (footprint.h) */
    bool has_major_faults;
    uint64_t major_faults;
    uint64_t stood_still_ns; /* the slot itself */
    uint64_t suspended_ns;   /* the machine */
    uint64_t thrashing_ns; /* time between looks in which it thrashed at its limit */
    bool has_disk;
    uint64_t disk_peak, inodes_peak;
    bool store_full; /* seen at any sample, by a job that has no disk of its own */
    bool disk_full, inodes_full; /* seen at any sample, or refused by the kernel at any moment */
    uint64_t writes_refused, inodes_refused; /* as far as the kernel tells */
    uint64_t output_bytes;
    struct leak *leaks; /* what was alive when a step's command ended, as far as it is named */
    size_t n_leaks;
    unsigned leaks_in_all;
    bool leaks_cut; /* or more */
    bool has_run_queue_wait;
    uint64_t run_queue_wait_ns;                     /* as far as it was seen */
    struct machine_look machine;                    /* the difference from start to end */
    unsigned machine_cpus;                          /* online */
    const struct timeline *timeline;                /* NULL: none; of the slot, until its next job */
    char artifacts_lost[REPORTS_EVIDENCE_SIZE / 2]; /* why not all that the job left was copied; empty: it was */
    struct cupel_error harness;
};

/* ---- verdict.c: facts -> verdict and evidence; pure ---- */

struct judgement {
    enum reports_verdict verdict;
    char evidence[REPORTS_EVIDENCE_SIZE];
    int exit;
    int signal;
};
/* The job as a whole. */
void verdict_of_job(const struct jobs_job *job, const struct attempt_facts *facts, struct judgement *ret);
/* One step of it: what came after the step at fault is skipped. */
void verdict_of_step(const struct jobs_job *job, const struct attempt_facts *facts, size_t step,
                     const struct judgement *of_job, struct judgement *ret);
/* Whether the step did what was expected of it; the next one is only started then. */
bool verdict_step_passed(const struct jobs_job *job, const struct attempt_facts *facts, size_t step);
/* Whether an attempt that ended so is one after which the job is to be run again, if it may be. */
bool verdict_is_retried(const struct jobs_job *job, enum reports_verdict verdict);

/* ---- near_limit.c: how far a time verdict may be the machine's doing; pure ---- */

/* A result at most TRUST_NEAR_PERCENT from its time limit, on a machine under pressure: true, and one phrase that says so and
 * why. A job that was ended by its limit is always that near. */
#define TRUST_NEAR_PERCENT 10u
bool trust_near_limit(const struct jobs_job *job, const struct attempt_facts *facts, enum reports_verdict verdict,
                      struct strbuf *ret);

/* ---- capture.c: the two pipes into the log files ---- */

struct capture {
    struct reports_out *out;
    const char *name;
    int pipe[2]; /* borrowed: stdout, stderr */
    int log[2];  /* opened at the first byte */
    uint64_t written[2];
    uint64_t limit; /* both together */
    bool over;      /* more came than the limit allows; what is in the logs is kept */
};
void capture_init(struct capture *c, struct reports_out *out, const char *name, int out_pipe, int err_pipe,
                  uint64_t limit);
/* Takes what is in pipe `which` now, at most until it is empty or the limit is passed. Returns 1 while the pipe is
 * open, 0 at its end, negative when the log cannot be written. */
int capture_take(struct capture *c, int which, struct cupel_error *err);
/* Both pipes until empty. */
int capture_drain(struct capture *c, struct cupel_error *err);
/* Whether all that was taken is in the logs, as far as their file system tells. */
int capture_flush(const struct capture *c, struct cupel_error *err);
void capture_close(struct capture *c);
/* Whether the first lines of standard output have this: only where a wall is away, see base/weaken.h. */
bool capture_has(const struct capture *c, const char *text);

/* ---- expect.c, artifacts.c, environment.c ---- */

/* Compares what the step wrote (in the logs) with what is expected; fills facts->output_differs and ->difference. */
int expect_check(const struct jobs_step *step, const struct capture *capture, struct step_facts *facts,
                 struct cupel_error *err);

/* Lists of strings that an attempt brings home. */
struct strings {
    char **items;
    size_t n;
};
void strings_add(struct strings *s, char *item); /* takes ownership */
void strings_free(struct strings *s);

/* Copies what the job's patterns match, regular files only, never through a link, below out/artifacts/NAME, in the order
 * of names. `root` is the finished job's root directory. Paths go to `copied`, up to a bound, remarks to `notes`. Returns 1
 * when the job left more than may be copied: the last note says what was passed. */
#define ARTIFACTS_LISTED_MAX 20000u
#define ARTIFACTS_LISTED_BYTES ((size_t)1 << 20)
/* That bound; a program that is weakened on purpose lists what the self-test's probe needs to see a breach. */
static inline size_t artifacts_listed_bytes(void)
{
    return weakened("artifact-list") ? 16 * ARTIFACTS_LISTED_BYTES : ARTIFACTS_LISTED_BYTES;
}
struct artifacts_target {
    struct reports_out *out;
    const char *name;
    bool (*stopped)(void *data); /* asked before each file; NULL: never */
    void *data;
};
int artifacts_collect(const struct jobs_job *job, int root, const struct artifacts_target *target,
                      struct strings *copied, struct strings *notes, struct cupel_error *err);

/* The job's environment, on top of its image's (or NULL), complete but for HOME, USER and LOGNAME: NULL-terminated, one malloc'ed block to free(). */
const char **environment_make(const struct jobs_plan *plan, const struct jobs_job *job, const char *const *of_image);

/* ---- the attempt itself ---- */

struct attempt_result {
    struct attempt_facts facts;
    struct judgement job;
    struct judgement *steps;
    struct strings artifacts, notes;
    char *near_limit;            /* or NULL */
    char *kept;                  /* how to name what was kept of it (kept.h), or NULL */
    bool has_stdout, has_stderr; /* whether there are such logs */
};

struct attempt_context {
    const struct run *run;
    struct sandbox_stage *stage;
    struct slot_view *view;
    int orders; /* the slot's socket to the supervisor */
    uint64_t serial;
    struct machine machine;
    struct cgroup_around *around;
    struct standstill standstill;
    int kernel_log;         /* or -EBADF */
    bool pids_are_kernels; /* our own PID namespace is the first one, whose numbers the kernel's log has */
    bool has_schedstat; /* the kernel tells how long each thread waited for a CPU */
    struct timeline timeline;
};

/* What the supervisor may say: ORDER_FORGET between two jobs, of an instance from which no job will start any more. */
enum slot_order { ORDER_RUN = 1, ORDER_CANCEL = 2, ORDER_KILL = 3, ORDER_FORGET = 4 };
struct slot_message {
    uint32_t order;
    uint32_t instance;
};

/* Runs the instance once. Failures of the harness are a verdict like any other. The result is final when this returns;
 * what is still to be removed (the job's files, its cgroup) is left in `ret_leftover` for attempt_take_down, so that
 * nobody has to wait for that. No process of the job is left. */
struct attempt_leftover {
    struct cgroup_job *cgroup; /* or NULL */
    struct sandbox_job sandbox;
    bool has_sandbox;
};
void attempt_run(struct attempt_context *ctx, const struct instance *instance, struct attempt_result *ret,
                 struct attempt_leftover *ret_leftover);
void attempt_take_down(struct attempt_context *ctx, struct attempt_leftover *leftover);
void attempt_result_free(struct attempt_result *r);

/* ---- wire.c: an attempt's result from slot to supervisor ---- */

/* What a result can be at most, whatever its job did. A slot sends no more (it cuts, and says how much it left out where a
 * note can), and the supervisor takes no more. */
#define WIRE_TEXT_MAX ((size_t)REPORTS_EVIDENCE_SIZE) /* evidence and the like, NUL included */
#define WIRE_NOTES_MAX 400u
#define WIRE_NOTE_MAX ((size_t)1024)
#define WIRE_LEAKS_MAX 128u
int wire_send(int socket, uint32_t instance, const struct attempt_result *result);
/* Blocks until the whole of it is there; -EBADMSG when it does not add up, or is more than a result can be. Everything
 * lives in `arena`, but for the names of artifacts, which are in `lists` (or NULL). */
struct wire_result {
    uint32_t instance;
    struct reports_result
        result; /* verdict, evidence, exit, signal, started, usage, cases, notes, artifacts are filled */
    bool has_stdout, has_stderr;
    struct arena *arena, *lists;
};
void wire_result_free(struct wire_result *w);
int wire_receive(int socket, struct wire_result *ret);
