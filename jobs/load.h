/* SPDX-License-Identifier: Apache-2.0 */
/* load: what the parts of the loader share. Private to jobs/.
 *
 * text -> source (problems) -> tree (nodes) -> keys (table) -> job, steps, rootfs (model) -> needs
 * (graph) */
#pragma once

#include "jobs/jobs.h"
#include "jobs/tree.h"

#define LOAD_FILE_MAX ((size_t)4 * 1024 * 1024)
#define LOAD_JOBS_MAX 100000
#define LOAD_NAME_MAX 200
#define LOAD_ITEMS_MAX 256 /* inputs, artifact patterns, pass-env names */
#define LOAD_ENV_MAX 1024
/* Values that are made again for each job: a hundred thousand with three inputs each make a third
 * of them; they take some 25 bytes each. */
#define LOAD_CHARGE_MAX 4000000
/* The kernel's MAX_ARG_STRLEN: no string given to execve may be longer, its NUL included
 * (execve(2)). */
#define LOAD_ARG_MAX ((size_t)128 * 1024 - 1)

/* Names -> indices, by bisection. */
struct name_index {
    const char **names; /* sorted */
    size_t *indices;    /* of names[i] */
    size_t n;
};
/* Builds an index over the n names that get(data, i) gives; they are borrowed. */
void name_index_build(struct name_index *index, size_t n,
                      const char *(*get)(const void *data, size_t i), const void *data);
void name_index_free(struct name_index *index);
bool name_index_find(const struct name_index *index, const char *name, size_t *ret);

/* What a job of the tree is an instance of, as the expansion has made it. */
struct instance_of {
    size_t group;              /* index into plan->groups, or JOBS_NO_GROUP */
    const char *const *matrix; /* jobs_job.matrix */
    const char *refused;       /* jobs_job.refused */
    bool unread;               /* jobs_job.unread */
    struct jobs_case *of_case; /* jobs_job.of_case */
};

/* What was made of one job's inputs: instances of a matrix have the same. */
struct inputs_read {
    const struct node *first; /* NULL: nothing that can be told again */
    const char *workdir;
    struct jobs_input *inputs;
    size_t n;
};

/* The key that a shard of `parallel` is told apart by; instances never pair by it. */
#define SHARDS_KEY "CI_NODE_INDEX"

struct expand_host;

struct loader {
    struct source source;
    struct arena *tree;                  /* nodes; freed when loading ends */
    struct jobs_plan *plan;              /* in its own arena */
    struct job_refs *refs;               /* one a job */
    bool has_pools;                      /* the file says `pools` */
    bool has_languages;                  /* and `languages` */
    size_t charged;                      /* see budget_charge */
    const struct jobs_profile *profiles; /* read so far */
    struct name_index roots;
    struct name_index jobs;
    /* of the job or the defaults that are being read, for messages; or NULL */
    const char *workdir;
    struct inputs_read inputs;      /* of the job before */
    const struct expand_host *host; /* what an expansion may ask; NULL: nothing is expanded */
    const struct jobs_parameters *parameters; /* or NULL */
    void *told;                               /* keys that were reported as unknown: unknown.c */
    /* a file that is included could not be read: names that are not there may be in it */
    bool names_lost;
    /* of each job of the tree; NULL: there is no matrix, and no cases */
    struct instance_of *instances;
    size_t judged_room;          /* of plan->judged */
    struct name_index groups;    /* of plan->groups, by name */
    size_t told_no_run;          /* the group of which that was said last, and 1; or 0 */
    const char *named;           /* the key of a matrix whose values the caller names; or NULL */
    const struct node *defaults; /* of the tree, or NULL */
    /* paths of files that were found readable: each submission has the same cases, whose files are
     * looked at once; the texts are the plan's */
    struct strset readable;
};
/* What `cupel grade` asks, or NULL. */
static inline const struct jobs_grading *load_grading(const struct loader *l)
{
    return l->parameters != NULL ? l->parameters->grading : NULL;
}
static inline bool load_is_for_students(const struct loader *l)
{
    return load_grading(l) != NULL && load_grading(l)->only_visible;
}

/* A job while it is read: keys that depend on one another wait as nodes until all are known. */
struct draft {
    struct jobs_job job;
    const struct node *name; /* the job's key in the file; NULL for `defaults` */
    const struct node *run;
    bool has_run; /* even if what was given is wrong */
    const char **shell;
    const struct node *before, *after;
    const struct node *args;
    const struct node *inputs;
    const struct node *mounts;
    const struct node *secrets;
    const struct node *services;
    const struct node *cache;
    const struct node *cache_result;
    const struct node *needs;
    const struct node *from;
    const struct node *bridge; /* its name */
    bool has_hostname;
    bool own_needs, own_from, own_inputs, own_cache; /* not taken over from `defaults` */
    bool takes_files;                                /* an input is another job's files */
    const struct node *of_matrix;                    /* its own key that goes with `matrix` only */
    const struct node *of_cases;                     /* its own key that goes with `cases` only */
    uint64_t points;                                 /* of each of its cases, thousandths */
    enum jobs_visibility visibility;
    bool has_points, has_visibility;
    struct jobs_expect expect;
    const struct jobs_checker *interactor; /* or NULL */
    const struct node *interactive;        /* the key that says so */
    const struct node *map;                /* its own, in the file; NULL for what has none */
};

/* What of a job's draft is asked for once all jobs are read. */
struct job_refs {
    const struct node *name, *needs, *from, *bridge, *inputs;
    const struct node *cache_result; /* its own, not that of `defaults` */
    bool has_hostname, own_needs, own_from, own_inputs, own_cache, takes_files;
    uint64_t points; /* of a case, where neither itself nor its group says how many */
    enum jobs_visibility visibility;
    bool lost; /* what the job says is not all known, so that it may have had instances */
};

/* A root while it is read. */
struct root_draft {
    struct jobs_root root; /* first: the table's offsets, and setters, count from here */
    struct draft build;
    const struct node *from;
};

/* ---- the key table ---- */

enum key_type {
    TYPE_TEXT,
    TYPE_NAME,      /* [A-Za-z0-9._-]+ */
    TYPE_JOB_NAME,  /* nearly anything: job_name.c */
    TYPE_TEMPLATE,  /* the same, and may begin with '.' or '-' */
    TYPE_ENV_NAME,  /* [A-Za-z_][A-Za-z0-9_]* */
    TYPE_PATH,      /* absolute path in the job */
    TYPE_HOST_PATH, /* path on the host, relative to the job file */
    TYPE_INTEGER,
    TYPE_SIZE,
    TYPE_DURATION,
    TYPE_DURATION_OR_NONE, /* `none` is said like a duration, and takes away what was set */
    TYPE_OFFSET,           /* a duration that may be less than nothing */
    TYPE_CORES,
    TYPE_DECIMAL, /* not less than nothing */
    TYPE_CPUS,
    TYPE_CHOICE,
    TYPE_BOOL,   /* true or false */
    TYPE_PARAM,  /* a text, or null */
    TYPE_POINTS, /* a number of thousandths */
};

/* Forms that a key's value may take; several may be or-ed. */
enum {
    FORM_ONE = 1,      /* a scalar of the key's type */
    FORM_LIST = 2,     /* a list of such */
    FORM_MAP = 4,      /* names of the user's choice -> scalars of the type */
    FORM_OBJECT = 8,   /* a map of the keys of `sub` */
    FORM_OBJECTS = 16, /* a list of such */
    FORM_NAMED = 32,   /* names of the user's choice -> maps of the keys of `sub` */
    FORM_MAPS = 64,    /* a list of FORM_MAP */
};

struct choice {
    const char *name;
    bool supported;
};

struct key;
typedef void key_set_fn(struct loader *l, const struct key *k, const struct node *value,
                        void *object);

struct key {
    const char *name;
    const char *value;    /* what it takes, in words: "a size such as 512M" */
    const char *fallback; /* the default, in words; NULL: none */
    const char *help;
    unsigned forms;
    enum key_type type;
    const struct key_table *sub;
    const struct choice *choices; /* up to one without a name */
    uint64_t min, max;            /* in the model's unit; max 0: no bounds */
    key_set_fn *set;
    /* for the general setters: where in the object the value goes */
    size_t offset;
    bool required;
    const char *missing; /* what to do where a required key is not there; follows the message */
};
struct key_table {
    const char *id;    /* its name in the schema */
    const char *title; /* of the table in the documentation */
    const char *what;  /* of the map in a message: "a job", "'limits'" */
    const struct key *keys;
    size_t n;
    bool free_names;          /* names that begin with x- are the writer's own, and say nothing */
    const struct key *others; /* what every other name is read as; NULL: there is none */
};
extern const struct key_table keys_file, keys_included, keys_root, keys_job, keys_limits, keys_step,
    keys_twice, keys_expect, keys_tolerance, keys_input, keys_secret, keys_artifacts, keys_tests,
    keys_coverage, keys_io, keys_seccomp, keys_network, keys_after, keys_cache, keys_need,
    keys_allowed, keys_matrix, keys_axis, keys_pools, keys_exclusive, keys_service, keys_ready,
    keys_mount, keys_namespaces, keys_case, keys_group, keys_checker, keys_exits, keys_interactive,
    keys_reference, keys_language;
/* Of the configuration file: no part of the job file. */
extern const struct key_table keys_settings, keys_settings_cache;
/* Every table of the job file, NULL-terminated: for the documentation and the tests. */
extern const struct key_table *const keys_all[];

/* Checks a map's keys and forms against the table and calls the setter of each value that is well
 * formed. False when the node is no map. */
bool keys_apply(struct loader *l, const struct key_table *table, const struct node *map,
                void *object);
/* Returns the key of that name, or NULL. */
const struct key *key_find(const struct key_table *table, const char *name);
/* Reports a key that the table does not have, with what may have been meant. unknown.c */
void unknown_key(struct loader *l, const struct key_table *table, const struct node *value);
void unknown_keys_free(struct loader *l);
/* Whether the map has an unknown key in whose message the key `name` was suggested: that it is
 * missing need then not be said as well. unknown.c */
bool key_was_meant(const struct key_table *table, const struct node *map, const char *name);
/* Writes the documentation's table (Markdown) of one key table. */
void keys_markdown(const struct key_table *table, struct strbuf *out);

/* ---- values: each reports its problem and returns false ---- */

#define problem_at(l, node, ...) source_problem(&(l)->source, (node)->place, __VA_ARGS__)

/* "'NAME' must be WORDS, not ..."; silent for a node that was already reported. Always false. */
bool value_unexpected(struct loader *l, const struct node *n, const char *name, const char *words);
/* Whether it is digits after a leading zero, which YAML 1.1 reads as octal: refused, with how to
 * write it. */
bool value_refuse_octal(struct loader *l, const struct node *n, const char *name,
                        const char *words);
/* A scalar that is neither empty nor a boolean; its text is n->text. */
bool value_is_text(struct loader *l, const struct node *n, const char *name, const char *words);
/* The same; the text is the plan's. */
bool value_text(struct loader *l, const struct node *n, const char *name, const char **ret);
bool value_integer(struct loader *l, const struct node *n, const char *name, uint64_t min,
                   uint64_t max, uint64_t *ret);
bool value_in_unit(struct loader *l, const struct node *n, const char *name, enum jobs_unit unit,
                   uint64_t min, uint64_t max, uint64_t *ret);
/* A number of thousandths. */
bool value_thousandths(struct loader *l, const struct node *n, const char *name, const char *words,
                       uint64_t max, uint64_t *ret);
/* A duration as the key describes it, or `none`: UINT64_MAX. */
bool value_duration_or_none(struct loader *l, const struct node *n, const struct key *k,
                            uint64_t *ret);
/* A duration with or without a sign before it, of at most k->max either way. */
bool value_offset(struct loader *l, const struct node *n, const struct key *k, int64_t *ret_ns);
bool value_choice(struct loader *l, const struct node *n, const struct key *k, size_t *ret);
bool value_name(struct loader *l, const struct node *n, const char *name, const char **ret);
/* Absolute path in the job, without "." and empty components; ".." is refused. */
bool value_job_path(struct loader *l, const struct node *n, const char *name, const char **ret);
/* A file (or with `directory_ok` anything) that can be read now; the result is absolute. */
bool value_host_path(struct loader *l, const struct node *n, const char *name, bool directory_ok,
                     const char **ret);
bool value_bool(struct loader *l, const struct node *n, const char *name, bool *ret);
/* A path of the host whose end others may have filled (jobs_host_path): its form alone. */
bool value_named_path(struct loader *l, const struct node *n, const char *name,
                      struct jobs_host_path *ret);
/* Whether it can be read now, or what is wrong with it is the job's to say. */
bool value_host_path_exists(struct loader *l, const struct node *n, const char *name,
                            bool directory_ok, const struct jobs_host_path *path);
/* A string for execve: not longer than LOAD_ARG_MAX. */
bool value_argument(struct loader *l, const struct node *n, const char *name, const char **ret);
/* A list of arguments, at least `min` of them, NULL-terminated. */
bool value_argv(struct loader *l, const struct node *n, const char *name, size_t min,
                const char ***ret);
/* The pattern of `coverage`, as GitLab has it or not, in POSIX's words; NULL: it has none, and
 * *ret_why says why. job_tests.c */
const char *coverage_pattern(struct arena *arena, const char *text, size_t n, const char **ret_why);
/* Why a regular expression is not one that regcomp(3) may be given, or takes; NULL: it is. */
const char *pattern_refused(struct arena *arena, const char *pattern);
bool name_is_valid(const char *name);
/* a job's may have nearly anything in it: job_name.c */
void job_name_check(struct loader *l, const struct node *name);
void template_name_check(struct loader *l, const struct node *name);
bool host_name_is_valid(const char *name);
/* Drops "." and empty components and trailing slashes in place; false when there is a "..". */
bool path_normalise(char *path);

/* Reads patterns of paths in the job into *ret; those that are wrong are left out. globs.c */
void globs_read(struct loader *l, const struct node *value, const char *name,
                struct jobs_globs *ret);
/* Writes out what the braces of a pattern stand for: appends each to `ret`, in order. False: there
 * are more than `max`, and nothing is appended. A brace without a comma stands for itself. */
bool globs_expand(const char *text, size_t max, struct strings *ret);

/* General setters: the value goes to object + offset. */
key_set_fn key_set_text, key_set_job_path, key_set_host_file, key_set_host_path, key_set_integer,
    key_set_duration, key_set_size, key_set_names, key_set_argv, key_set_node, key_set_choice,
    key_set_choices;

/* ---- parts of the model ---- */

/* The file's parts as its table stores them; read in an order of their own. */
struct file_nodes {
    const struct node *name;
    const struct node *params;
    const struct node *include;
    const struct node *templates;
    const struct node *services;
    const struct node *languages;
    const struct node *rootfs;
    const struct node *pools;
    const struct node *reference;
    const struct node *defaults;
    const struct node *jobs;
};
/* The parts of an included file. */
struct included_nodes {
    const struct node *include;
    const struct node *rootfs;
    const struct node *templates;
    const struct node *services;
    const struct node *languages;
};
/* `after` as its table stores it. */
struct after_nodes {
    const struct node *run;
    uint64_t wall;
};
/* A need as its table stores it. */
struct need_nodes {
    const struct node *job;
    enum jobs_need when;
    bool optional;
};
/* A case and a group of cases, as their tables store them. */
struct case_nodes {
    const struct node *name, *files, *answer, *points, *group, *visibility, *hint;
};
/* A language of submissions, as its table stores it: read in expand/submission_languages.c. */
#define LANGUAGE_FACTOR_MAX ((uint64_t)1000 * 1000) /* thousandths */
struct language_nodes {
    const struct node *extensions, *main, *compile, *run, *time_factor, *time_allowance,
        *memory_factor, *memory_allowance;
};
struct group_nodes {
    const struct node *points, *needs, *visibility, *groups;
    enum jobs_score score;
};
key_set_fn key_set_version; /* of the file: load.c */
/* of `reference`: file_references.c */
key_set_fn key_set_reference;
/* Reads the file's own solutions, unless who grades has none. */
void references_read(struct loader *l, const struct node *map);
key_set_fn key_set_root_name, key_set_env, key_set_env_names, key_set_user, key_set_hostname,
    key_set_limits, key_set_stdin, key_set_stdin_file;
/* of a job: job_artifacts.c and globs.c */
key_set_fn key_set_artifacts, key_set_globs;
/* of a job: job_tests.c */
key_set_fn key_set_tests, key_set_tests_paths, key_set_tests_optional, key_set_coverage,
    key_set_cobertura;
/* of a job: job_network.c */
key_set_fn key_set_network, key_set_bridge;
/* of a job, where no matrix is possible, and what goes with one: job.c */
key_set_fn key_set_matrix, key_set_max_parallel, key_set_fail_fast, key_set_extends;
/* of a job with cases, and of a case: cases.c */
key_set_fn key_set_cases, key_set_points, key_set_visibility, key_set_of_case;
/* of a matrix: expand/matrix.c */
key_set_fn key_set_axis, key_set_combinations, key_set_generator, key_set_range;
/* of limits: job.c */
key_set_fn key_set_limit, key_set_io;
/* of seccomp: syscalls.c */
key_set_fn key_set_seccomp, key_set_profile, key_set_allow, key_set_deny;
/* of a job: devices.c */
key_set_fn key_set_devices;
/* of a job: capabilities.c */
key_set_fn key_set_capabilities;
/* of a secret: secret.c */
key_set_fn key_set_secrets, key_set_secret_name, key_set_secret_file, key_set_secret_command;
/* of a service: service.c */
key_set_fn key_set_of_service, key_set_aliases, key_set_ready, key_set_ready_tcp, key_set_ready_log,
    key_set_ready_exec, key_set_ready_http, key_set_ready_port, key_set_use_services;
/* of a job: job_result.c */
key_set_fn key_set_cache_result;
/* of a cache: job_caches.c */
key_set_fn key_set_cache, key_set_cache_key, key_set_cache_paths, key_set_cache_restore;
/* A key of a cache is shown, and stands in records: one line of text. */
bool cache_key_is_line(const char *text, size_t len);
/* of a job: job_tty.c */
key_set_fn key_set_tty, key_set_cgroup_view;
/* of the file and of a job: job_pools.c */
key_set_fn key_set_pool, key_set_claim, key_set_exclusive, key_set_slots;
/* of an input: input.c */
key_set_fn key_set_input_from, key_set_input_git, key_set_input_job, key_set_input_mtime;
key_set_fn key_set_untrusted;
/* A limit of time that is given twice; UINT64_MAX: not. */
struct limit_twice {
    uint64_t limit, kill;
};
/* of `namespaces`: job.c */
key_set_fn key_set_namespaces, key_set_time_offset;
/* of a mount: job_mounts.c */
key_set_fn key_set_mount_from, key_set_mount_mode;
/* of expect: step.c */
key_set_fn key_set_expect, key_set_exit, key_set_signal, key_set_stdout, key_set_stdout_file,
    key_set_stderr, key_set_stderr_file,
    /* of a step: step.c */
    key_set_step_when;
/* of expect: job_compare.c */
key_set_fn key_set_compare, key_set_tolerance, key_set_decimal, key_set_expected_files;
/* of a job: job_compare.c */
key_set_fn key_set_output;
/* Checks what goes with `compare` only. job_compare.c */
void compare_check(struct loader *l, const struct node *map, const struct jobs_expect *e);
/* Whether a map's own `compare` (NULL: it has none) makes a key pointless that lies below the map.
 * job_compare.c */
bool compare_drops(const struct node *compare, const char *key);
/* of expect, of a job, and of what judges one: job_checker.c */
key_set_fn key_set_checker, key_set_interactive, key_set_of_checker, key_set_checker_args,
    key_set_checker_exits, key_set_checker_exit, key_set_transcript;
/* of a need: needs.c */
key_set_fn key_set_need_when, key_set_need_optional;
/* of a job: ends.c */
key_set_fn key_set_allow_failure, key_set_allowed_exits, key_set_retry_on;
/* of a root: root.c */
key_set_fn key_set_sha256, key_set_suite, key_set_packages, key_set_platform, key_set_image;
/* of a derived one: derived.c */
key_set_fn key_set_build;

/* Loads the profile of `seccomp: FILE`; NULL after a problem. profile.c */
const struct jobs_profile *profile_load(struct loader *l, const struct node *at, const char *path);

/* Charges for a repetition of what `defaults` gives, in values; false (with a problem at the node)
 * says that the file has asked for too many. */
bool budget_charge(struct loader *l, const struct node *at, size_t values);
/* Reports two keys of a map that say the same thing in two ways. */
void refuse_both(struct loader *l, const struct node *map, const char *one, const char *other);
void draft_init(struct draft *d, struct arena *arena);
/* Reads a job's (or the defaults') keys over what is already in the draft. */
void draft_read(struct loader *l, struct draft *d, const struct node *map);
/* Checks the keys of templates that no job has used, as far as they say what they are: what is
 * replaced in them is known of a job only. */
void templates_check(struct loader *l, const struct node *templates);
/* Returns a copy in which whatever is replaced for a job counts as one mistake that was told. */
struct node *node_without_replaced(struct loader *l, const struct node *n);
/* Checks services that no job has, in the same way, and notes that. */
void services_check(struct loader *l, const struct node *services);
/* Completes a job once all its keys are there: paths, steps, and what keys demand of one another.
 */
void draft_finish(struct loader *l, struct draft *d, const struct draft *defaults);
void inputs_read(struct loader *l, struct draft *d);
/* Refuses inputs that are another job's files, where `who` can have none. */
void inputs_refuse_jobs(struct loader *l, const struct draft *d, const char *who);
/* Returns which input of the job this item of `inputs` is, of those that are another job's files;
 * JOBS_NO_INPUT: none. */
size_t input_of_item(struct arena *arena, const struct jobs_job *job, const struct node *item);
/* What jobs take of one another: where it is, and whether it is to be trusted. Called after
 * bridges_resolve. taken.c */
void taken_resolve(struct loader *l);
/* Whether a path is the sandbox's to fill: the kernel's own file systems and the devices are. */
bool input_belongs_to_sandbox(const char *path);
/* Makes the checker of its last step the job's own, or what talks with it, once steps are read.
 * job_checker.c */
void checker_settle(struct loader *l, struct draft *d);
/* Refuses what does not go with `interactive`. job_interactive.c */
void interactive_check(struct loader *l, const struct draft *d);
/* Gives checkers the roots of their jobs, when those are known. job_checker.c */
void checkers_resolve(struct loader *l);
/* Reads `cache`, whose paths become further inputs. Called when the others are known. job_caches.c
 */
void caches_read(struct loader *l, struct draft *d);
/* Reads what a case says of itself, with values in place; its group is one of those of `judged`.
 * cases.c */
void case_read(struct loader *l, const struct node *own, const struct jobs_judged *judged,
               struct jobs_case *ret);
/* Reads the groups of a job's cases, and where they stop: both may be NULL. */
void judged_read(struct loader *l, const struct node *groups, const struct node *stop,
                 struct jobs_judged *ret);
/* Checks that groups that need others can wait for them, once it is known which cases there are. */
void judged_check(struct loader *l, const struct jobs_judged *judged, const struct node *groups);
/* Who may see what comes of a case that says so much of it (NULL: nothing), where the usual is said
 * for others: before all is known of the case. */
enum jobs_visibility case_visibility(struct loader *l, const struct node *group,
                                     const struct node *visibility,
                                     const struct jobs_judged *judged, enum jobs_visibility usual);
/* Decides how many points there are for what, and who may see it, when all jobs are known. */
void cases_resolve(struct loader *l);
#define CASE_POINTS_USUAL 1000 /* of a case of which nobody says how many, thousandths */
/* What a case cannot be, or say. */
void case_check(struct loader *l, const struct draft *d);
/* Lets what is said of a case mean what it means there: outputs are compared by tokens. */
void case_finish(struct draft *d);
/* Decides whose results can be cached, when all jobs are known. job_result.c */
void results_resolve(struct loader *l);
/* Reads the file's `pools`, before any job. job_pools.c */
void pools_read(struct loader *l, const struct node *pools);
/* Reads both of a draft that is complete. */
void draft_read_inputs(struct loader *l, struct draft *d);
/* Adds what `mounts` says to the inputs that were read, and the rest to the model. */
void mounts_read(struct loader *l, struct draft *d);
/* of expect: regex.c */
key_set_fn key_set_regex;
/* Checks that nothing is expected of a tmpfs when the job has ended. */
void mounts_check(struct loader *l, const struct draft *d);
/* Whether the path is `dir` or lies in it. */
bool path_lies_in(const char *path, const char *dir);
#define SECRETS_DIR "/run/secrets"
/* Checks that nothing else gives the job what is a secret of it. */
void secrets_check(struct loader *l, const struct draft *d);
/* Reads a job's services, those that `defaults` has for every job first. service.c */
void services_read(struct loader *l, struct draft *d, const struct node *of_defaults);
/* Reports a text that is no name of an environment variable. */
bool env_name_check(struct loader *l, const struct node *value, const char *key);
void steps_read(struct loader *l, struct draft *d);
/* Completes the command of a root with `from` once all keys of the root are there. derived.c */
void derived_finish(struct loader *l, struct root_draft *r, const struct node *map);
/* Resolves what roots are derived from, once all roots are known: `from[i]` is the node that names
 * it of root i, or NULL. */
void derived_resolve(struct loader *l, const struct node *const *from);
/* plan->roots: the built-in ones and those of the map (NULL: none). */
void roots_read(struct loader *l, const struct node *map);
/* Resolves `needs` and `from`, which implies it. */
void needs_resolve(struct loader *l);
/* Resolves what a job takes over from the one that it starts from. Called after needs_resolve. */
void from_resolve(struct loader *l);
/* Checks what goes with a terminal, once its steps are read. job_tty.c */
void tty_check(struct loader *l, const struct draft *d);
/* Checks what other keys of the job demand of its network. */
void network_check(struct loader *l, const struct draft *d);
/* Resolves which jobs share a bridge. Called after needs_resolve. */
void bridges_resolve(struct loader *l);

/* Returns how many bytes stand before the text of a file: some editors begin UTF-8 with those of
 * U+FEFF. Columns count from behind it. */
size_t load_mark_of(const char *text, size_t len);
/* Reads a file's text and expands it. `dir` is what relative paths in it refer to. What jobs_load
 * does, without the file. */
int load_text(const char *file, const char *dir, const char *text, size_t len,
              struct jobs_plan **ret_plan, struct strbuf *problems, struct cupel_error *err);
/* Makes a tree, in l->tree, of the text or without it; NULL: there is none, because of noted
 * problems or of *err. */
typedef struct node *load_build_fn(void *data, struct loader *l, struct cupel_error *err);
/* What a plan is made of. */
struct load_from {
    const char *file, *dir, *text;
    size_t len;
    load_build_fn *build; /* NULL: reads the text, and expands what it says */
    void *data;
    const struct expand_host *host; /* NULL: nothing is expanded */
    const struct jobs_parameters *parameters;
    /* gets the tree of what is good, and may take l->tree over; or NULL */
    void (*keep)(void *data, struct loader *l, const struct node *root);
};
int load_tree(const struct load_from *from, struct jobs_plan **ret_plan, struct strbuf *problems,
              struct cupel_error *err);
/* Does what load_tree does, and keeps the tree for jobs_expanded_write. */
int load_tree_expanded(const struct load_from *from, struct jobs_plan **ret_plan,
                       struct jobs_expanded **ret_expanded, struct strbuf *problems,
                       struct cupel_error *err);
/* Does what load_tree does with the text of a file. */
int load_file(const char *path, const struct load_from *how, struct jobs_plan **ret_plan,
              struct strbuf *problems, struct cupel_error *err);
/* Returns the directory that relative paths in the node refer to: of the file that it is from. */
const char *load_dir_of(const struct loader *l, const struct node *n);
/* Returns where patterns that stand in files of this directory are looked for. */
struct expand_where;
struct expand_where load_where(const struct loader *l, const char *dir);
/* Notes in the plan what is read to write it out (struct jobs_reading). */
void load_note_reading(struct loader *l, const char *dir, const char *path, bool is_names);
/* Absolute path of the directory that the file is in, links resolved; malloc'ed, or NULL. */
char *load_directory_of(const char *path);
