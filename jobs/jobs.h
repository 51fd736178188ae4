/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: a YAML job file becomes a checked plan. Text in, model out; touches no kernel state and
 * runs nothing. The contract that users write against is docs/job-file.md; every key is declared
 * once, in keys.c, and the parser, the JSON Schema and the documentation's table read it there. */
#pragma once

#include "base/base.h"
#include "jobs/cases.h"
#include "jobs/given.h"
#include "jobs/grading.h"
#include "jobs/job_limits.h"
#include "jobs/job_roots.h"
#include "jobs/judging.h"
#include "jobs/pipelines.h"
#include "jobs/privileges.h"
#include "jobs/selection.h"

struct jobs_job;

enum jobs_network {
    JOBS_NETWORK_NONE,
    JOBS_NETWORK_LOOPBACK,
    JOBS_NETWORK_NAT,
    JOBS_NETWORK_HOST,
    JOBS_NETWORK_BRIDGE, /* jobs_job.bridge */
};

/* The jobs of a file that name the same bridge. They start together, and reach one another by name:
 * that of the job, and its hostname. No two have the same name; none needs another, not even by way
 * of others. */
#define JOBS_BRIDGES_MAX 64
#define JOBS_BRIDGE_MEMBERS_MAX 254 /* addresses of a /24 */
struct jobs_bridge {
    const char *name;
    size_t *members; /* indices into plan->jobs, in file order */
    size_t n_members;
};

struct path_list;

enum jobs_input_mode { JOBS_INPUT_COW, JOBS_INPUT_RO, JOBS_INPUT_COPY };

/* A path of the host that a job file names. */
struct jobs_host_path {
    const char *path; /* absolute */
    /* bytes of it that are followed through links: the job file's directory, or all of it; see
     * file_open_trusted. In the rest, which others may have filled, no link is followed. */
    size_t trusted;
    const char *to_follow; /* what to write in the job file for its links to be followed */
    /* whoever filled it may have left anything, or nothing: that is the job's result, not an error
     */
    bool untrusted;
};
/* Which files of a checkout an input is. */
enum jobs_git { JOBS_GIT_NOT_ASKED, JOBS_GIT_TRACKED, JOBS_GIT_UNIGNORED };

enum jobs_owner {
    JOBS_OWNER_USER, /* what belongs to the host's owner belongs to the job's user */
    JOBS_OWNER_HOST, /* ids stay as they are */
};

/* Patterns of paths, absolute or relative to a directory ("" is that itself), without braces: what
 * {a,b} stands for is written out. */
struct jobs_globs {
    const char **patterns; /* NULL-terminated; NULL: none */
    /* how each is written in the file: those of one pattern stand together, with the same pointer;
     * NULL: as they are */
    const char **written;
};

struct jobs_input {
    /* exists when loaded, unless it is untrusted; of a job's files, whether that one is to be
     * trusted, and no path */
    struct jobs_host_path host;
    enum jobs_owner owner;
    const char *from; /* host.path, or a path in the job whose files they are */
    const char *to;   /* absolute path in the job */
    enum jobs_input_mode mode;
    struct jobs_globs exclude; /* relative to the directory: what of it the job does not see */
    /* of one that is untrusted, what it must hold, and all that it may; without patterns: anything
     */
    struct jobs_globs required, allowed;
    uint64_t max_size; /* bytes of all its files together; 0: any number */
    enum jobs_git git; /* then, of a directory, the job sees what is on this list alone: */
    const struct path_list *listed; /* of the run; NULL until it is prepared */
    /* `mtime: commit`: everything in the copy has this time, seconds, known once it is prepared */
    bool has_commit_time;
    int64_t commit_time;
    unsigned depth; /* jobs_job.depth of the job that brought it in */
    /* 1 and more: no path of the host's, but the path number cache_path of jobs_job.caches[cache -
     * 1]
     */
    size_t cache, cache_path;
    /* 1 and more: no path of the host's, but what job number job - 1 of the plan leaves at `from`
     */
    size_t job;
    int line;
};

/* Whether the job file says what it may hold. */
static inline bool jobs_input_is_bounded(const struct jobs_input *in)
{
    return in->required.patterns != NULL || in->allowed.patterns != NULL || in->max_size != 0;
}

/* Directories that a run leaves to later ones. */
enum jobs_cache_save { JOBS_CACHE_SUCCESS, JOBS_CACHE_ALWAYS, JOBS_CACHE_NEVER };
enum jobs_cache_sharing { JOBS_CACHE_PRIVATE, JOBS_CACHE_LOCKED };
struct jobs_cache {
    const char *key;
    const char **paths; /* NULL-terminated, absolute in the job; each is an input, too */
    size_t n_paths;
    const char **restore; /* NULL-terminated beginnings of other keys, the best first; or NULL */
    enum jobs_cache_save save;
    enum jobs_cache_sharing sharing;
    int line;
};
#define JOBS_CACHES_MAX 16
#define JOBS_CACHE_PATHS_MAX 64 /* of all of a job's */

/* What jobs of a run share by name: so many places, of which each job that says `exclusive` has
 * some for itself while it runs. */
#define JOBS_POOLS_MAX 1024
#define JOBS_CLAIMS_MAX 64
#define JOBS_SLOTS_MAX 1024
struct jobs_pool {
    const char *name;
    unsigned places; /* >= 1 */
    int line;        /* 0: the file's `pools` do not have it */
};
struct jobs_claim {
    size_t pool;     /* index into plan->pools */
    unsigned places; /* >= 1, as many as it has at most */
    bool whole;      /* all of it, however many places another file of the run says it has */
};

/* An empty file system in the job's memory. */
#define JOBS_TMPFS_MAX 16
struct jobs_tmpfs {
    const char *to; /* absolute path in the job */
    uint64_t size;  /* bytes */
};

/* How what a step wrote is compared with what is expected. */
enum jobs_compare_how {
    JOBS_COMPARE_DEFAULT, /* nothing is said: see jobs_compare_resolved */
    JOBS_COMPARE_EXACT,   /* byte for byte */
    JOBS_COMPARE_TRIM,    /* but for white space at the ends of lines and of the text */
    JOBS_COMPARE_TOKENS,  /* what white space separates */
    JOBS_COMPARE_NUMBERS, /* the same, where both are numbers by their values */
};
struct jobs_compare {
    enum jobs_compare_how how;
    enum { JOBS_CASE_MATCH, JOBS_CASE_IGNORE } letter_case;
    /* how far numbers may differ, in all or as a part of what is expected: either suffices */
    double absolute, relative;
};

/* What the standard output of a job's steps is. */
enum jobs_capture {
    JOBS_CAPTURE_PIPE,
    JOBS_CAPTURE_FILE, /* read when a step has ended */
};

/* A file of the job's, and the host's that it is compared with. */
#define JOBS_EXPECTED_FILES_MAX 256
/* of a file of the host's that a job or its checker is given: its standard input, its answer */
#define JOBS_GIVEN_MAX (INT64_C(1) << 30)
struct jobs_expected_file {
    const char *path; /* absolute, or relative to workdir; without ".." */
    struct jobs_host_path host;
};

/* How long a regular expression of `expect` may be. */
#define JOBS_REGEX_MAX 4096

/* What is expected of a step. */
struct jobs_expect {
    int exit;                /* expected exit code; -1: any is fine (only with signal) */
    int signal;              /* expected terminating signal, 0: none */
    const char *stdout_text; /* NULL: not checked */
    size_t stdout_len;
    struct jobs_host_path stdout_file; /* path NULL: not checked */
    const char *regex;                 /* of standard output, by PCRE2; NULL: not checked */
    size_t regex_len;
    const char *stderr_text;
    size_t stderr_len;
    struct jobs_host_path stderr_file;
    struct jobs_expected_file *files; /* what the job leaves, once it has ended */
    size_t n_files;
    struct jobs_compare compare;
    /* judges standard output, to which what is expected of it is the answer; or NULL */
    struct jobs_checker *checker;
};
/* Returns the i-th file of the host that may be named, in a fixed order, its path NULL where it is
 * not; NULL: there are no more. */
struct jobs_host_path *jobs_expect_path(struct jobs_expect *e, size_t i);
/* Returns how it is compared, whatever is said. */
static inline enum jobs_compare_how jobs_compare_resolved(const struct jobs_expect *e)
{
    return e->compare.how == JOBS_COMPARE_DEFAULT ? JOBS_COMPARE_EXACT : e->compare.how;
}

/* One command of a job. A job whose `run` is a text or an argv has exactly one step with name NULL.
 * Argument list is complete: shell, script and `args` are already in it. */
/* After what a step runs. A limit that strikes, or the user, ends the job whatever comes. */
enum jobs_step_when {
    JOBS_STEP_SUCCESS, /* every step before it that ran has passed */
    JOBS_STEP_FAILURE, /* one did not */
    JOBS_STEP_ALWAYS,
    JOBS_STEP_WHEN_COUNT,
};
struct jobs_step {
    const char *name;
    const char **argv; /* NULL-terminated */
    struct jobs_expect expect;
    struct jobs_limits limits; /* only those given for the step itself */
    enum jobs_step_when when;
    int line;
    int own_line; /* the same; 0: it is one of another file, or there is none */
};

enum jobs_when { JOBS_WHEN_ALWAYS, JOBS_WHEN_FAILURE, JOBS_WHEN_SUCCESS };

/* What becomes of a job one of whose patterns brought nothing home. */
enum jobs_missing {
    JOBS_MISSING_FAIL, /* it has failed, if it did what was expected of it */
    JOBS_MISSING_NOTE,
    JOBS_MISSING_IGNORE,
    JOBS_MISSING_DEFAULT, /* FAIL for a path, NOTE for a pattern */
};

struct jobs_artifacts {
    struct jobs_globs paths, exclude; /* in the job, relative to its workdir */
    enum jobs_when when;
    enum jobs_missing if_missing;
    uint64_t max; /* bytes in all; UINT64_MAX: no bound of its own */
};

/* What a job writes of its own tests: a format each. */
enum jobs_tests_format {
    JOBS_TESTS_JUNIT,
    JOBS_TESTS_TAP,
    JOBS_TESTS_CTRF,
    JOBS_TESTS_FORMAT_COUNT,
};
enum jobs_tests_failures { JOBS_TESTS_FAIL, JOBS_TESTS_REPORT };

struct jobs_tests {
    /* NULL-terminated globs, absolute in the job or relative to its workdir; NULL: none */
    const char **patterns;
    bool optional;                     /* a file need not be there, nor be good */
    enum jobs_tests_failures failures; /* whether a case that failed fails the job */
};

/* What says how much of a program a job's tests have covered. */
struct jobs_coverage {
    const char *pattern;    /* POSIX extended, over what the job printed; or NULL */
    const char **cobertura; /* NULL-terminated globs as those of jobs_tests; or NULL */
};

/* After what a job runs that needs another. */
enum jobs_need {
    JOBS_NEED_SUCCESS, /* that one has passed, or was allowed to fail */
    JOBS_NEED_FAILURE, /* it did not pass, or was skipped because another did not */
    JOBS_NEED_ALWAYS,  /* it has ended, or will not run */
    JOBS_NEED_FILES,   /* `from`, or an input of that job's files: it has passed */
};

/* How a job may end badly: bits of jobs_ends.verdicts. */
enum jobs_bad_end {
    JOBS_END_FAILED,
    JOBS_END_SIGNALED,
    JOBS_END_TIMEOUT,
    JOBS_END_CPU_LIMIT,
    JOBS_END_MEMORY_LIMIT,
    JOBS_END_PIDS_LIMIT,
    JOBS_END_DISK_LIMIT,
    JOBS_END_OUTPUT_LIMIT,
    JOBS_END_INVALID_SUBMISSION,
    JOBS_END_COMPILE_ERROR,
    JOBS_END_COUNT,
};
/* Returns what a job file and a verdict call it. */
const char *jobs_bad_end_name(enum jobs_bad_end end);
/* Which of its ends somebody means: by verdict, or by exit code. */
struct jobs_ends {
    uint32_t verdicts;
    uint64_t exits[4]; /* bits by exit code, of the verdict `failed` */
};

/* What a job is tried again after; bits of jobs_job.retry_on. */
enum jobs_retry {
    JOBS_RETRY_FAILURE, /* whatever else the job did wrong */
    JOBS_RETRY_TIMEOUT, /* a limit of time: timeout, cpu-limit */
    JOBS_RETRY_ERROR,   /* the harness could not run it */
    JOBS_RETRY_COUNT,
};
#define JOBS_RETRIES_MAX 10

/* What a job is for, where its verdicts depend on it. */
enum jobs_role {
    JOBS_ROLE_NONE,
    /* it makes what others judge: however it fails, that is a `compile-error` */
    JOBS_ROLE_COMPILE,
};

/* What becomes of a job whose command leaves processes running. */
enum jobs_leaks { JOBS_LEAKS_REPORT, JOBS_LEAKS_FAIL };

/* A secret that a job is given: from the caller's environment, where nothing else is said. */
enum jobs_secret_as { JOBS_SECRET_ENV, JOBS_SECRET_FILE };
struct jobs_secret {
    const char *name;
    struct jobs_host_path file; /* path NULL: none */
    const char **command;       /* run on the host; or NULL */
    enum jobs_secret_as as;
    const char *where; /* "line 12", or "FILE:LINE" of an included file */
};
#define JOBS_SECRETS_MAX 64

/* How it is found out that a service is ready. */
enum jobs_ready {
    JOBS_READY_STARTED, /* its command has been executed */
    JOBS_READY_TCP,     /* something listens on `port` */
    JOBS_READY_LOG,     /* a line of what it writes matches `pattern` */
    JOBS_READY_EXEC,    /* `probe` succeeds in its sandbox */
    JOBS_READY_HTTP,    /* a GET of `path` on `port` is answered by a status of 200 to 399 */
};
#define JOBS_SERVICES_MAX 16
#define JOBS_READY_PATH_MAX 1024
#define JOBS_PATTERN_MAX 1024
/* What runs beside a job, in its network: started before it, and ended with it. */
struct jobs_service {
    const char *name;
    /* what runs: none of plan->jobs, and named "JOB.service-NAME"; its network is the job's */
    struct jobs_job *job;
    enum jobs_ready ready;
    uint16_t port;       /* 0: not known */
    const char *path;    /* of JOBS_READY_HTTP */
    const char *pattern; /* of JOBS_READY_LOG: extended, and valid */
    const char **argv;   /* of JOBS_READY_EXEC */
    /* the same as a job with the service's sandbox, of which it is the one step */
    const struct jobs_job *probe;
    uint64_t interval;    /* ns between two tries */
    uint64_t within;      /* ns from its command's start until it has to be ready */
    const char **aliases; /* NULL-terminated further names, or NULL */
    int line;
};
/* Those of a job, in the order of the file. */
struct jobs_services {
    struct jobs_service *list;
    size_t n; /* >= 1 */
};
/* How many services a job has. */
size_t jobs_services_count(const struct jobs_job *job);
/* How a service's name stands in the names of its job's variables: "my-db" as "MY_DB". */
#define JOBS_SERVICE_VARIABLE_SIZE 65
void jobs_service_variable(const char *name, char ret[static JOBS_SERVICE_VARIABLE_SIZE]);

struct jobs_job {
    const char *name;
    const char *description; /* or NULL */
    /* what is small stands together: there may be 100,000 of them */
    enum jobs_role role;
    enum jobs_network network;
    enum jobs_leaks leaks;
    enum jobs_capture capture; /* what the standard output of its steps is */
    /* how many jobs it starts from, one below the other (`from`), at most JOBS_FROM_DEPTH_MAX */
    unsigned depth;
    uint32_t devices; /* bits of enum jobs_device */
    int line;
    int own_line; /* the same; 0: it is one of another file, or there is none */
    bool is_service;
    bool is_checker;
    /* no `run`: the entrypoint of the root's image, with the one step's argv (`args`), or NULL: its
     * command */
    bool runs_image;
    bool has_steps;             /* `run` was a list of steps: each is a test case of its own */
    bool goes_on;               /* something may run after a step that did not pass */
    bool has_workdir, has_user; /* the file says them; else an image may have others */
    /* Somebody who is not trusted may have had a part in what it leaves: they chose what it works
     * on, or what its services or others on its bridge do, or had a part in what it starts from or
     * takes of others. */
    bool untrusted;
    bool caches_result;              /* once it has passed, it need not run again */
    bool tty;                        /* its output goes through a terminal */
    bool cgroup_view;                /* it can read its own control group */
    bool fail_fast;                  /* no further instance of it starts once one has not passed */
    const struct jobs_case *of_case; /* NULL: it is none */
    /* of a job: those that run beside it, or NULL; of a service: those that it runs beside, itself
     * among them */
    const struct jobs_services *services;
    /* of a job whose last step has one: the same, as the job's own; or NULL */
    struct jobs_checker *checker;
    size_t root; /* index into plan->roots */
    /* index into plan->jobs: whose finished file system it starts from; JOBS_FROM_NOTHING: the
     * root's */
    size_t from;
    struct jobs_step *steps;
    size_t n_steps; /* >= 1, <= JOBS_STEPS_MAX */
    /* what runs in the sandbox once the job is judged, and changes nothing of that; or NULL */
    const struct jobs_step *after;
    uint64_t after_wall; /* ns that it has */
    const char *shell;   /* the program of `shell`, for a terminal in the job's sandbox */
    const char *workdir;
    const char **env;      /* NULL-terminated "KEY=VALUE", in file order */
    const char **pass_env; /* NULL-terminated names */
    const struct jobs_secret *secrets;
    size_t n_secrets;
    const char *user; /* as written: "root", "nobody", "1000", "1000:1000" */
    /* what its root's image says instead, or NULL: found by the image's rules */
    const char *image_user;
    int user_line, user_column; /* where; 0: nowhere */
    const char *hostname;
    /* of a job with `from`: that job's, in its order, then what this one adds */
    struct jobs_input *inputs;
    size_t n_inputs;
    const struct jobs_cache *caches;
    size_t n_caches;
    struct jobs_tmpfs *tmpfs;
    size_t n_tmpfs;
    int64_t time_offset_ns; /* of its clocks from the machine's, but not of the time of day */
    size_t bridge;          /* of JOBS_NETWORK_BRIDGE: index into plan->bridges */
    size_t bridge_member;   /* and into its members */
    struct jobs_limits limits;
    struct jobs_seccomp seccomp;
    struct jobs_capabilities capabilities;
    const char *stdin_text; /* NULL: none */
    size_t stdin_len;
    struct jobs_host_path stdin_file; /* path NULL: none */
    /* a file of the job's that is judged in place of what its last step prints, as in
     * jobs_expected_file; NULL: none */
    const char *output;
    struct jobs_artifacts artifacts;
    struct jobs_tests tests[JOBS_TESTS_FORMAT_COUNT];
    struct jobs_coverage coverage;
    unsigned retries;            /* how often it is tried again at most */
    uint32_t retry_on;           /* bits of enum jobs_retry */
    struct jobs_ends retry_ends; /* beside those */
    uint64_t retry_delay;        /* ns */
    uint64_t timeout_grace;      /* ns */
    struct jobs_ends allowed;    /* which of its ends do not make the run fail */
    size_t *needs;               /* indices into plan->jobs */
    enum jobs_need *needs_when;  /* of each of them */
    size_t n_needs;
    const char **tags; /* NULL-terminated */
    /* of an instance of a matrix: index into plan->groups, and its NULL-terminated "KEY=VALUE"; of
     * other jobs JOBS_NO_GROUP and NULL */
    size_t group;
    const char *const *matrix;
    /* why nothing of it runs: a matrix has found what cannot be looked into; or NULL */
    const char *refused;
    bool unread; /* with that: through no doing of whoever filled it, so nobody can judge it */
    const struct jobs_claim *claims; /* in ascending order of their pools */
    size_t n_claims;
    unsigned slots;        /* of those of the run that it takes, >= 1 */
    unsigned max_parallel; /* how many instances of it run at once; 0: any number */
};

/* Whether an input of the job's is another job's files. */
static inline bool jobs_takes_files(const struct jobs_job *job)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        if (job->inputs[i].job > 0)
            return true;
    return false;
}

/* Whether the job's own tests leave files that are read. */
static inline bool jobs_leaves_tests(const struct jobs_job *job)
{
    bool tests = job->coverage.cobertura != NULL;

    for (size_t i = 0; i < JOBS_TESTS_FORMAT_COUNT; i++)
        tests |= job->tests[i].patterns != NULL;
    return tests;
}

/* Whether something of what the job left is read once it has ended. */
static inline bool jobs_leaves_files(const struct jobs_job *job)
{
    bool expected = job->output != NULL;

    for (size_t i = 0; i < job->n_steps; i++)
        expected |= job->steps[i].expect.n_files > 0;
    return expected || job->is_checker || jobs_leaves_tests(job) ||
           job->artifacts.paths.patterns != NULL;
}

/* Whether the network namespace is the sandbox's own: not the host's, nor that of a job beside. */
static inline bool jobs_has_own_network(const struct jobs_job *job)
{
    return job->network != JOBS_NETWORK_HOST && !job->is_service;
}

/* The instances of one job with a matrix or cases, which stand together in plan->jobs. */
struct jobs_group {
    const char *name; /* of the job in the file */
    size_t first, n;
};
#define JOBS_NO_GROUP SIZE_MAX

#define JOBS_STEPS_MAX 256
#define JOBS_FROM_NOTHING SIZE_MAX
/* Each is a layer of the overlay: every name that is looked up for the first time is looked for in
 * all of them. */
#define JOBS_FROM_DEPTH_MAX 16u /* of jobs, and likewise of roots */

/* A file that a job file includes. */
struct jobs_inclusion {
    const char *path; /* absolute */
    const char *text; /* NULL: it was read before */
    size_t len;
};

/* What a file's text was written out by, besides what it includes: a matrix's, or hash()'s. */
struct jobs_reading {
    const char
        *path;     /* absolute; what stands where is a pattern, with `*`, `?`, `[...]` and `**` */
    bool is_names; /* only which there are, and not what is in them */
};

struct jobs_expanded;

/* A whole file, checked. Everything in it lives until jobs_plan_free. Jobs are in file order; needs
 * form no cycle. */
struct jobs_plan {
    const char *file; /* as given */
    const char *dir;  /* absolute directory that relative paths refer to */
    const char *name; /* suite name */
    struct jobs_root *roots;
    size_t n_roots;
    struct jobs_job *jobs;
    size_t n_jobs;
    struct jobs_bridge *bridges;
    size_t n_bridges;
    struct jobs_pool *pools;
    size_t n_pools;
    struct jobs_group *groups; /* of those jobs that have a matrix or cases, in file order */
    size_t n_groups;
    struct jobs_judged *judged; /* of each instance of a job with cases, in file order */
    size_t n_judged;
    struct jobs_reference *references; /* the file's own solutions */
    size_t n_references;
    /* NULL-terminated "NAME=VALUE" of those that it has, as they are in force, or NULL */
    const char *const *parameters;
    /* what its `include`s have led to, in the order in which they were read */
    struct jobs_inclusion *inclusions;
    size_t n_inclusions;
    struct jobs_reading *readings; /* each once */
    size_t n_readings;
    /* what is odd about the file and no problem, each "FILE:LINE: ..."; or NULL */
    const char **notes;
    size_t n_notes;
    /* all that the file says, for jobs_describe, where anybody asks for that; or NULL */
    struct jobs_expanded *written;
    /* what was read of the file, which may be standard input; NULL: the caller had the text */
    const char *text;
    size_t text_len;
    struct arena *arena;
};

/* A directory of the host, however it is called. */
struct jobs_own_dir {
    uint64_t device, inode;
};

/* What a file's parameters are set to, besides what it says itself. */
struct jobs_parameters {
    const char *const *given; /* "NAME=VALUE", the last of a name wins; of `--set` */
    size_t n;
    /* what an earlier plan of the file has included, instead of what is there now; or NULL */
    const struct jobs_inclusion *inclusions;
    size_t n_inclusions;
    bool describes; /* jobs_describe is for all jobs of the plan */
    /* what is cupel's own, and in no pattern's way: the out directory of the run, and the store */
    const struct jobs_own_dir *own;
    size_t n_own;
    const struct jobs_grading *grading; /* of `cupel grade`; or NULL */
};

/* The path that is no file but standard input, as if the text lay in the current directory; the
 * plan and messages call it "<stdin>". */
#define JOBS_STDIN "-"

/* Reads and checks `path`. Every problem of the file is appended to *problems, each with
 * file:line:column, the quoted line, a caret and where possible a suggestion; then *err says how
 * many there were (CUPEL_ERROR_INPUT). */
int jobs_load(const char *path, struct jobs_plan **ret_plan, struct strbuf *problems,
              struct cupel_error *err);
/* Does the same with parameters. */
int jobs_load_with(const char *path, const struct jobs_parameters *parameters,
                   struct jobs_plan **ret_plan, struct strbuf *problems, struct cupel_error *err);
void jobs_plan_free(struct jobs_plan *plan);
/* Checks that the files of a run say the same of how many places a name of `pools` has: they share
 * it. Files without `pools` say nothing of it. */
int jobs_pools_agree(struct jobs_plan *const *plans, size_t n, struct cupel_error *err);
/* Does the same, and keeps what the file comes to: each job with all that it is given, as a job
 * file would say it. To be freed, and good as long as the plan. */
struct jobs_expanded;
int jobs_load_expanded(const char *path, const struct jobs_parameters *parameters,
                       struct jobs_plan **ret_plan, struct jobs_expanded **ret_expanded,
                       struct strbuf *problems, struct cupel_error *err);
void jobs_expanded_free(struct jobs_expanded *x);
/* Appends all that the file says of what a job does, `defaults` included: the same text for two
 * that say the same. What is only about when it runs and what its end means is not in it. For plans
 * of jobs_load_with and `describes`, or with a job that has `caches_result`; -ENOMEM. */
int jobs_describe(const struct jobs_plan *plan, size_t job, struct strbuf *out);
/* Writes the selected jobs and all roots as YAML. What was asked of the machine, the values of
 * parameters and of a matrix are in it; paths stand as they are written. */
void jobs_expanded_write(const struct jobs_expanded *x, const struct jobs_plan *plan,
                         const bool *selected, FILE *out);
/* Returns the same as a JSON object, where instances also say what they are `of` and their
 * `matrix`; malloc'ed. */
char *jobs_expanded_json(const struct jobs_expanded *x, const struct jobs_plan *plan,
                         const bool *selected);
/* Does what jobs_load does for a text as if `path` held it. */
int jobs_load_text(const char *path, const char *text, size_t len, struct jobs_plan **ret_plan,
                   struct strbuf *problems, struct cupel_error *err);
int jobs_load_text_with(const char *path, const char *text, size_t len,
                        const struct jobs_parameters *parameters, struct jobs_plan **ret_plan,
                        struct strbuf *problems, struct cupel_error *err);
/* Does the same for a text that is in no file: messages call it `name`, and relative paths in it
 * refer to `dir`. Cheap enough for each of thousands of requests. */
int jobs_load_request(const char *name, const char *dir, const char *text, size_t len,
                      struct jobs_plan **ret_plan, struct strbuf *problems,
                      struct cupel_error *err);

/* The name that was probably meant by `word`: of an instance of a job of that name, else one like
 * it; or NULL. */
const char *jobs_meant_name(const char *word, const char *const *names, size_t n);

/* Where a path of a job's lies: in one of its inputs, or beside all of them. */
#define JOBS_NO_INPUT SIZE_MAX
struct jobs_taken {
    size_t input; /* index into that job's, or JOBS_NO_INPUT */
    /* how many of the jobs from this one on down (`from`) have written over what lies there */
    unsigned snapshots;
    const char *rest; /* of the path, below the input's place or the root; "": that itself */
};
void jobs_taken_find(const struct jobs_job *job, const char *path, struct jobs_taken *ret);

/* Lists the jobs of whose snapshots the sandbox of this one is made, each once: what it starts
 * from, the nearest first, then those of whose files its inputs are. Returns how many there are:
 * more than JOBS_READS_MAX only while the file is being loaded, which refuses that. */
#define JOBS_READS_MAX 64
size_t jobs_reads(const struct jobs_plan *plan, size_t job, size_t ret[static JOBS_READS_MAX]);

/* An order in which all jobs can run one after the other: that of the file, except that what a job
 * needs comes before it. `ret_order` has room for plan->n_jobs indices. */
void jobs_order(const struct jobs_plan *plan, size_t *ret_order);

/* The rules as JSON Schema (draft 2020-12), from the same table that the parser reads; malloc'ed
 * text. */
char *jobs_schema(void);
/* Returns the same as Markdown tables, for docs/job-file.md; malloc'ed text. */
char *jobs_markdown(void);

/* ---- the configuration file ---- */

/* What it says; NULL or all ones where it says nothing. */
struct jobs_settings {
    char *path; /* of the store; malloc'ed */
    uint64_t keep_bytes;
    uint64_t older_ns;
};
#define JOBS_SETTINGS_INIT                                                                         \
    {                                                                                              \
        .keep_bytes = UINT64_MAX, .older_ns = UINT64_MAX                                           \
    }
/* Problems as jobs_load reports them. The text ends with a NUL. */
int jobs_settings_read(const char *file, const char *text, size_t len, struct jobs_settings *ret,
                       struct strbuf *problems, struct cupel_error *err);
void jobs_settings_free(struct jobs_settings *settings);
