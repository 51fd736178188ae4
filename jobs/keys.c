/* keys: every key of the job file, declared once. The parser (keys_apply), the JSON Schema
 * (schema.c) and the tables of docs/job-file.md (keys_markdown) read it here. A key without a
 * setter is known but not carried out yet: the parser refuses it and the schema allows no value. */
#include "jobs/limits.h"
#include "jobs/load.h"

#define TABLE(id_, title_, what_, ...)                                                             \
    static const struct key id_##_list[] = {__VA_ARGS__};                                          \
    const struct key_table keys_##id_ = {.id = #id_,                                               \
                                         .title = (title_),                                        \
                                         .what = (what_),                                          \
                                         .keys = id_##_list,                                       \
                                         .n = ARRAY_SIZE(id_##_list)}
/* A table that only the documentation reads, because no key that uses it is supported yet. */
#define LATER_TABLE(id_, title_, ...)                                                              \
    static const struct key id_##_list[] = {__VA_ARGS__};                                          \
    static const struct key_table keys_##id_ = {.id = #id_,                                        \
                                                .title = (title_),                                 \
                                                .what = (title_),                                  \
                                                .keys = id_##_list,                                \
                                                .n = ARRAY_SIZE(id_##_list)}
#define LATER(name_, value_, help_)                                                                \
    {                                                                                              \
        .name = (name_), .value = (value_), .help = (help_)                                        \
    }

static const struct choice choices_network[] = {
    [JOBS_NETWORK_NONE] = {"none", true},
    [JOBS_NETWORK_LOOPBACK] = {"loopback", true},
    [JOBS_NETWORK_NAT] = {"nat", true},
    [JOBS_NETWORK_HOST] = {"host", true},
    {0},
};
static const struct choice choices_when[] = {
    [JOBS_WHEN_ALWAYS] = {"always", true},
    [JOBS_WHEN_FAILURE] = {"failure", true},
    [JOBS_WHEN_SUCCESS] = {"success", true},
    {0},
};
static const struct choice choices_mode[] = {[JOBS_INPUT_COW] = {"cow", true},
                                             [JOBS_INPUT_RO] = {"ro", true},
                                             [JOBS_INPUT_COPY] = {"copy", true},
                                             {0}};

static const struct choice choices_owner[] = {
    [JOBS_OWNER_USER] = {"user", true}, [JOBS_OWNER_HOST] = {"host", true}, {0}};

static const struct choice choices_retry[] = {
    [JOBS_RETRY_FAILURE] = {"failure", true},
    [JOBS_RETRY_TIMEOUT] = {"timeout", true},
    [JOBS_RETRY_ERROR] = {"error", true},
    {0},
};
static const struct choice choices_device[] = {
    {"null", true},    {"zero", true},   {"full", true}, {"random", true},
    {"urandom", true}, {"tty", true},    {"pts", true},  {"ptmx", true},
    {"shm", true},     {"mqueue", true}, {"kvm", true},  {0},
};
static const struct choice choices_leaks[] = {
    [JOBS_LEAKS_REPORT] = {"report", true}, [JOBS_LEAKS_FAIL] = {"fail", true}, {0}};

/* ---- the file
 * -------------------------------------------------------------------------------------------- */

TABLE(file, "Top level", "the job file",
      {.name = "cupel",
       .value = "the number 1",
       .help = "version of this format",
       .forms = FORM_ONE,
       .type = TYPE_INTEGER,
       .min = 1,
       .max = 1,
       .set = set_version,
       .required = true,
       .missing = ": begin it with the line 'cupel: 1'"},
      {.name = "name",
       .value = "text",
       .fallback = "the file's name without `.yaml`",
       .help = "suite name in the reports",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_node,
       .offset = offsetof(struct file_nodes, name)},
      {.name = "rootfs",
       .value = "a map of names to roots",
       .help = "root filesystems that jobs may name; `host` and `scratch` are built in",
       .forms = FORM_NAMED,
       .sub = &keys_root,
       .set = set_node,
       .offset = offsetof(struct file_nodes, rootfs)},
      {.name = "defaults",
       .value = "a map of job keys",
       .help = "what every job starts from: a job's own value wins, maps merge one level deep",
       .forms = FORM_OBJECT,
       .sub = &keys_job,
       .set = set_node,
       .offset = offsetof(struct file_nodes, defaults)},
      {.name = "jobs",
       .value = "a map of names to jobs",
       .help = "the jobs; they run in this order where `needs` allows it",
       .forms = FORM_NAMED,
       .type = TYPE_JOB_NAME,
       .sub = &keys_job,
       .set = set_node,
       .offset = offsetof(struct file_nodes, jobs),
       .required = true});

#define ROOT_FIELD(member) offsetof(struct root_draft, root.member)

TABLE(root, "Keys of a root", "a root",
      {.name = "tar",
       .value = "a path on the host",
       .help = "a tar of a root filesystem (`docker export`, a distribution's tarball), plain or "
               "compressed",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = set_host_file,
       .offset = ROOT_FIELD(tar)},
      {.name = "sha256",
       .value = "64 hexadecimal digits",
       .help = "digest that the tar's file must have",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_sha256},
      {.name = "strip",
       .value = "a whole number from 1 to 16",
       .fallback = "none",
       .help = "how many directories to take off the front of each name in the tar, for one in "
               "which the root lies below "
               "a directory of its own; a name that has no more is left out",
       .forms = FORM_ONE,
       .type = TYPE_INTEGER,
       .min = 1,
       .max = 16,
       .set = set_integer,
       .offset = ROOT_FIELD(strip)},
      {.name = "debian",
       .value = "a Debian suite such as bookworm",
       .help = "bootstrapped by mmdebstrap",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_suite},
      {.name = "packages",
       .value = "a list of package names, each with =VERSION or :ARCH if need be",
       .fallback = "none",
       .help = "what `debian` installs besides the essential packages",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = set_packages},
      {.name = "oci",
       .value = "a path on the host",
       .help = "an image: an OCI layout (a directory, or a tar of one), what `docker save` writes, "
               "or skopeo's `dir:`",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = set_host_path,
       .offset = ROOT_FIELD(oci)},
      {.name = "tag",
       .value = "a tag, a whole name, or sha256:DIGEST of a manifest",
       .fallback = "the only image that there is",
       .help = "which image of several in `oci`",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_text,
       .offset = ROOT_FIELD(tag)},
      {.name = "platform",
       .value = "text such as linux/amd64",
       .fallback = "this machine's",
       .help = "which image of a multi-platform `oci` or `image` source",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_platform,
       .offset = ROOT_FIELD(platform)},
      {.name = "imported",
       .value = "a name that `cupel rootfs import` gave",
       .help = "a root that is in this machine's root cache already",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_text,
       .offset = ROOT_FIELD(imported)},
      {.name = "image",
       .value = "an image reference such as debian:12 or registry.example/team/base@sha256:DIGEST",
       .help = "an image in a registry, fetched by skopeo, then as `oci`",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_image},
      {.name = "from",
       .value = "a root's name",
       .help = "a derived root: what `run` writes becomes a layer on top of that root",
       .forms = FORM_ONE,
       .type = TYPE_NAME,
       .set = set_node,
       .offset = offsetof(struct root_draft, from)},
      {.name = "run",
       .value = "text or an argv list",
       .help = "the command that makes a derived root's layer: as a job's; run again only when "
               "something of this changes",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = set_build},
      {.name = "shell",
       .value = "an argv list such as [/bin/bash, -eu]",
       .fallback = "`[/bin/sh, -eu]`",
       .help = "what the script of a derived root is given to, with `-c`",
       .forms = FORM_LIST,
       .type = TYPE_TEXT,
       .set = set_build},
      {.name = "network",
       .value = "none, loopback, nat or host",
       .fallback = "`loopback`",
       .help = "what network the command of a derived root has",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_network,
       .set = set_build},
      {.name = "env",
       .value = "a map of environment variables",
       .help = "of the command of a derived root; its jobs do not get them",
       .forms = FORM_MAP,
       .type = TYPE_TEXT,
       .set = set_build},
      {.name = "inputs",
       .value = "paths, or maps of from, to and mode",
       .help = "what the command of a derived root sees of the host; none of it becomes part of "
               "the layer",
       .forms = FORM_ONE | FORM_LIST | FORM_OBJECT | FORM_OBJECTS,
       .type = TYPE_HOST_PATH,
       .sub = &keys_input,
       .set = set_build},
      {.name = "limits",
       .value = "a map of limits",
       .help = "quotas of the command of a derived root",
       .forms = FORM_OBJECT,
       .sub = &keys_limits,
       .set = set_build});

/* ---- a job
 * -----------------------------------------------------------------------------------------------
 */

LATER_TABLE(mount, "Keys of a mount",
            LATER("to", "an absolute path in the job", "where it is mounted"),
            LATER("tmpfs", "a size", "an empty tmpfs of that size"),
            LATER("from", "a path on the host", "what is mounted"),
            LATER("mode", "ro", "read-only"));
LATER_TABLE(ready, "Keys of a service's `ready`",
            LATER("tcp", "a port", "ready when it accepts connections"),
            LATER("exec", "an argv list", "ready when the command succeeds"),
            LATER("log", "a regular expression", "ready when the output matches"));
LATER_TABLE(service, "Keys of a service",
            LATER("run", "like a job's `run`", "what the service runs"),
            LATER("ready", "a map", "the probe that tells that it is ready"),
            LATER("rootfs", "a root's name", "its root filesystem"),
            LATER("limits", "a map of limits", "its own limits"));
LATER_TABLE(namespaces, "Keys of `namespaces`",
            LATER("time-offset", "a duration", "offset of the boot-time clock"));
LATER_TABLE(matrix, "Keys of `matrix`", LATER("include", "a list of maps", "combinations to add"),
            LATER("exclude", "a list of maps", "combinations to leave out"));
LATER_TABLE(cache, "Keys of `cache`", LATER("key", "text", "under which the directories are kept"),
            LATER("paths", "paths in the job", "directories kept between runs"));

#define SECCOMP_FIELD(member) offsetof(struct jobs_seccomp, member)

TABLE(network, "Keys of `network`", "'network'",
      {.name = "bridge",
       .value = "a name of letters, digits, '.', '_' and '-'",
       .help = "the jobs of this file that name the same bridge start together and reach one "
               "another by name",
       .forms = FORM_ONE,
       .type = TYPE_NAME,
       .set = set_bridge,
       .required = true});
TABLE(seccomp, "Keys of `seccomp`", "'seccomp'",
      {.name = "profile",
       .value = "default, strict or a path on the host",
       .fallback = "`default`",
       .help = "what `allow` and `deny` start from",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_profile},
      {.name = "allow",
       .value = "names of system calls",
       .help =
           "allowed although the profile refuses them; what would undo the sandbox cannot be named",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = set_allow,
       .offset = SECCOMP_FIELD(allow)},
      {.name = "deny",
       .value = "names of system calls",
       .help = "refused although the profile allows them",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = set_deny,
       .offset = SECCOMP_FIELD(deny)});

#define JOB_FIELD(member) offsetof(struct draft, job.member)
#define DRAFT_FIELD(member) offsetof(struct draft, member)

TABLE(
    job, "Keys of a job", "a job",
    {.name = "description",
     .value = "text",
     .help = "shown in reports",
     .forms = FORM_ONE,
     .type = TYPE_TEXT,
     .set = set_text,
     .offset = JOB_FIELD(description)},
    {.name = "rootfs",
     .value = "a root's name",
     .fallback = "`host`",
     .help = "which root is the lower layer",
     .forms = FORM_ONE,
     .type = TYPE_NAME,
     .set = set_root_name},
    {.name = "from",
     .value = "a job's name",
     .help = "in place of `rootfs`: the job starts from that job's finished filesystem, its inputs "
             "included; implies "
             "`needs`",
     .forms = FORM_ONE,
     .type = TYPE_JOB_NAME,
     .set = set_node,
     .offset = DRAFT_FIELD(from)},
    {.name = "run",
     .value = "text, an argv list or a list of steps",
     .fallback = "required, but for a job over an image: what the image runs",
     .help = "text: a script given to `shell`; a list of plain values: argv, no shell; a list of "
             "maps: steps, run in "
             "order in "
             "the one sandbox, each a test case of its own; the first that fails ends the job",
     .forms = FORM_ONE | FORM_LIST | FORM_OBJECTS,
     .type = TYPE_TEXT,
     .sub = &keys_step,
     .set = set_node,
     .offset = DRAFT_FIELD(run)},
    {.name = "shell",
     .value = "an argv list such as [/bin/bash, -eu]",
     .fallback = "`[/bin/sh, -eu]`",
     .help = "what a script is given to, with `-c`",
     .forms = FORM_LIST,
     .type = TYPE_TEXT,
     .set = set_argv,
     .offset = DRAFT_FIELD(shell)},
    LATER("before", "like `run`", "run before the job's command"),
    LATER("after", "like `run`", "always run after it"),
    {.name = "workdir",
     .value = "an absolute path in the job",
     .fallback = "`/work`",
     .help = "where the command starts; made when missing",
     .forms = FORM_ONE,
     .type = TYPE_PATH,
     .set = set_job_path,
     .offset = JOB_FIELD(workdir)},
    {.name = "env",
     .value = "a map of environment variables",
     .help = "the job's environment: exactly this plus PATH, HOME, USER, LOGNAME, SHELL, CI, "
             "LANG=C.UTF-8, TZ=UTC, TMPDIR and `CUPEL_*`",
     .forms = FORM_MAP,
     .type = TYPE_TEXT,
     .set = set_env},
    {.name = "pass-env",
     .value = "names of environment variables",
     .help = "taken from the caller's environment where set there; `env` wins",
     .forms = FORM_ONE | FORM_LIST,
     .type = TYPE_ENV_NAME,
     .set = set_env_names},
    LATER("secrets", "names of environment variables",
          "taken from the caller's environment and masked in every output"),
    {.name = "user",
     .value = "root, a user's name, UID or UID:GID",
     .fallback = "`root` (of the job's own user namespace)",
     .help = "who runs the command; a name is looked up in the root's passwd file",
     .forms = FORM_ONE,
     .type = TYPE_TEXT,
     .set = set_user},
    {.name = "hostname",
     .value = "a host name of at most 64 letters, digits, '.' and '-'",
     .fallback = "`cupel`; on a bridge the job's name",
     .help = "the job's own host name",
     .forms = FORM_ONE,
     .type = TYPE_TEXT,
     .set = set_hostname},
    {.name = "inputs",
     .value = "paths, or maps of from, to and mode",
     .help = "host files and directories that the job sees; the host never changes",
     .forms = FORM_ONE | FORM_LIST | FORM_OBJECT | FORM_OBJECTS,
     .type = TYPE_HOST_PATH,
     .sub = &keys_input,
     .set = set_node,
     .offset = DRAFT_FIELD(inputs)},
    LATER("mounts", "a list of maps", "further mounts"),
    {.name = "network",
     .value = "none, loopback, nat, host or {bridge: NAME}",
     .fallback = "`loopback`",
     .help = "`none`: not even lo is up; `nat`: out through the host, never in; `host` must also "
             "be allowed on the "
             "command line; a bridge: the jobs that name it, and nothing else (docs/networks.md)",
     .forms = FORM_ONE | FORM_OBJECT,
     .type = TYPE_CHOICE,
     .choices = choices_network,
     .sub = &keys_network,
     .set = set_network},
    LATER("services", "a map of names to services",
          "started before the job, in its network namespace"),
    {.name = "limits",
     .value = "a map of limits",
     .help = "quotas of the job and all its descendants",
     .forms = FORM_OBJECT,
     .sub = &keys_limits,
     .set = set_limits},
    {.name = "seccomp",
     .value = "default, strict, a map or a path on the host",
     .fallback = "`default`",
     .help = "the system call filter: `default` refuses what no job needs; `strict`, for programs "
             "that nobody trusts, "
             "allows only what programs of the common languages use; a path (with a slash, or "
             "ending in .json) is that "
             "of a profile as container engines take it",
     .forms = FORM_ONE | FORM_OBJECT,
     .type = TYPE_TEXT,
     .sub = &keys_seccomp,
     .set = set_seccomp},
    {.name = "capabilities",
     .value = "names of capabilities",
     .fallback = "root: the small set below; another user: none",
     .help = "what the command holds, within its own user namespace, instead of what comes with "
             "its user; `[]`: none",
     .forms = FORM_ONE | FORM_LIST,
     .type = TYPE_TEXT,
     .set = set_capabilities},
    {.name = "devices",
     .value = "names in /dev: null, zero, full, random, urandom, tty, pts, ptmx, shm, mqueue, kvm",
     .fallback = "all but `kvm`",
     .help = "what there is in the job's /dev; `null` always is. `kvm` must also be allowed on the "
             "command line",
     .forms = FORM_ONE | FORM_LIST,
     .type = TYPE_CHOICE,
     .choices = choices_device,
     .set = set_devices},
    LATER("namespaces", "a map", "settings of the fresh namespaces"),
    {.name = "needs",
     .value = "names of jobs",
     .help = "run after these; when one did not pass, this job is `skipped`",
     .forms = FORM_ONE | FORM_LIST,
     .type = TYPE_JOB_NAME,
     .set = set_node,
     .offset = DRAFT_FIELD(needs)},
    LATER("matrix", "a map of lists", "one instance of the job for each combination"),
    LATER("cases", "a list of maps", "test cases, each in a fresh sandbox"),
    {.name = "expect",
     .value = "a map such as {exit: 3}",
     .fallback = "exit code 0",
     .help =
         "what the command must do to pass; for steps: what each step's own `expect` starts from",
     .forms = FORM_OBJECT,
     .sub = &keys_expect,
     .set = set_expect,
     .offset = DRAFT_FIELD(expect)},
    {.name = "stdin",
     .value = "text",
     .fallback = "empty",
     .help = "standard input",
     .forms = FORM_ONE,
     .type = TYPE_TEXT,
     .set = set_stdin},
    {.name = "stdin-file",
     .value = "a path on the host",
     .help = "standard input from a file, of 1 GiB at most (a larger one is `invalid-submission`); "
             "it is held in memory "
             "while the job runs, but for its holes",
     .forms = FORM_ONE,
     .type = TYPE_HOST_PATH,
     .set = set_stdin_file},
    {.name = "args",
     .value = "a list of arguments",
     .help = "appended to an argv `run`; `$1` and so on of a script; without `run`, appended to "
             "the image's entrypoint "
             "instead of its command",
     .forms = FORM_LIST,
     .type = TYPE_TEXT,
     .set = set_node,
     .offset = DRAFT_FIELD(args)},
    LATER("points", "a number", "for grading outputs"),
    LATER("visibility", "visible, hidden, after-due or after-published", "for grading outputs"),
    {.name = "artifacts",
     .value = "absolute paths or globs in the job, or a map",
     .help = "copied out after the job",
     .forms = FORM_ONE | FORM_LIST | FORM_OBJECT,
     .type = TYPE_PATH,
     .sub = &keys_artifacts,
     .set = set_artifacts},
    LATER("cache", "a map", "directories kept between runs"),
    LATER("junit", "globs", "results that the job itself wrote"),
    {.name = "retries",
     .value = "a whole number from 0 to 10",
     .fallback = "0",
     .help = "how often to run the job again, each time in a fresh sandbox, until it passes; one "
             "that passes then is "
             "*flaky*; `--retries` overrides it",
     .forms = FORM_ONE,
     .type = TYPE_INTEGER,
     .max = JOBS_RETRIES_MAX,
     .set = set_integer,
     .offset = JOB_FIELD(retries)},
    {.name = "retry-on",
     .value = "failure, timeout, error, or a list of these",
     .fallback = "all three",
     .help = "after what it is run again: `timeout` is the verdicts `timeout` and `cpu-limit`, "
             "`error` is `error`, "
             "`failure` every other but `skipped`, `cancelled` and `invalid-submission`",
     .forms = FORM_ONE | FORM_LIST,
     .type = TYPE_CHOICE,
     .choices = choices_retry,
     .set = set_choices,
     .offset = JOB_FIELD(retry_on)},
    LATER("allow-failure", "true or false", "the run passes even if this job does not"),
    {.name = "leaks",
     .value = "report or fail",
     .fallback = "`report`",
     .help = "processes that are still alive when the command has ended are named in the reports "
             "and killed; `fail`: "
             "a job or step that leaves some has failed",
     .forms = FORM_ONE,
     .type = TYPE_CHOICE,
     .choices = choices_leaks,
     .set = set_choice,
     .offset = JOB_FIELD(leaks)},
    {.name = "timeout-grace",
     .value = "a duration such as 250ms, 90s or 1h30m",
     .fallback = "2s",
     .help = "from SIGTERM to SIGKILL; at most 1h",
     .forms = FORM_ONE,
     .type = TYPE_DURATION,
     .max = 3600 * NSEC_PER_SEC,
     .set = set_duration,
     .offset = JOB_FIELD(timeout_grace)},
    {.name = "tags",
     .value = "names",
     .help = "for `--tag`",
     .forms = FORM_ONE | FORM_LIST,
     .type = TYPE_NAME,
     .set = set_names,
     .offset = JOB_FIELD(tags)});

#define WORDS_CORES "a number of cores such as 1.5 or 150%"
#define WORDS_DURATION "a duration such as 250ms, 90s or 1h30m"
#define WORDS_SIZE "a size such as 64K, 512M or 1.5G"
#define WORDS_COUNT "a whole number"
#define WORDS_CPUS "a CPU's number or a list such as 0-2,5"
#define TYPE_COUNT TYPE_INTEGER
#define LIMIT_KEY(id, key_, report, kind, smallest, largest, step, text)                           \
    {.name = (key_),                                                                               \
     .value = WORDS_##kind,                                                                        \
     .help = (text),                                                                               \
     .forms = FORM_ONE,                                                                            \
     .type = TYPE_##kind,                                                                          \
     .min = (smallest),                                                                            \
     .max = (largest),                                                                             \
     .set = set_limit,                                                                             \
     .offset = JOBS_LIMIT_##id},

TABLE(io, "Keys of `io`", "'io'", JOBS_IO_LIMITS(LIMIT_KEY));

TABLE(
    limits, "Limits", "'limits'",
    JOBS_LIMITS(LIMIT_KEY){
        .name = "io",
        .value = "a map",
        .help = "reads and writes a second of each disk that the job's files are on; more is held "
                "back",
        .forms = FORM_OBJECT,
        .sub = &keys_io,
        .set = set_io});

TABLE(step, "Keys of a step", "a step",
      {.name = "name",
       .value = "text",
       .fallback = "`step-1`, `step-2`, …",
       .help = "name of the test case; unique in the job",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_node,
       .offset = 0 * sizeof(void *)},
      {.name = "run",
       .value = "text or an argv list",
       .fallback = "required",
       .help = "text: a script given to the job's `shell`; a list: argv",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = set_node,
       .offset = 1 * sizeof(void *),
       .required = true},
      {.name = "expect",
       .value = "a map such as {exit: 3}",
       .fallback = "the job's",
       .help = "what the step must do to pass",
       .forms = FORM_OBJECT,
       .sub = &keys_expect,
       .set = set_node,
       .offset = 2 * sizeof(void *)},
      {.name = "limits",
       .value = "a map of limits",
       .help = "limits of this step: `wall`, `cpu-time`, `output` and those of each process",
       .forms = FORM_OBJECT,
       .sub = &keys_limits,
       .set = set_node,
       .offset = 3 * sizeof(void *)});

TABLE(expect, "Keys of `expect`", "'expect'",
      {.name = "exit",
       .value = "a whole number",
       .fallback = "0",
       .help = "the exit code, 0 to 255",
       .forms = FORM_ONE,
       .type = TYPE_INTEGER,
       .max = 255,
       .set = set_exit},
      {.name = "signal",
       .value = "a signal's name or number",
       .help = "the signal that ends the command, such as SEGV, SIGSEGV or 11; then there is no "
               "exit code",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_signal},
      {.name = "stdout",
       .value = "text",
       .help = "standard output, byte for byte",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_stdout},
      {.name = "stdout-file",
       .value = "a path on the host",
       .help = "a file with the expected standard output",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = set_stdout_file},
      {.name = "stderr",
       .value = "text",
       .help = "standard error, byte for byte",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = set_stderr},
      LATER("regex", "a regular expression", "that standard output must match"),
      LATER("compare", "exact, trim, tokens or numbers", "how output is compared"),
      LATER("tolerance", "a number", "how far numbers may differ"),
      LATER("checker", "an argv list", "a program that judges the output, in its own sandbox"));

#define INPUT_FIELD(member) offsetof(struct jobs_input, member)

TABLE(input, "Keys of an input", "an input",
      {.name = "from",
       .value = "a path on the host",
       .help = "file or directory, relative to the job file",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = set_input_from,
       .required = true},
      {.name = "to",
       .value = "an absolute path in the job",
       .fallback = "`from` below `workdir`",
       .help = "where the job sees it",
       .forms = FORM_ONE,
       .type = TYPE_PATH,
       .set = set_job_path,
       .offset = INPUT_FIELD(to)},
      {.name = "mode",
       .value = "cow, ro or copy",
       .fallback = "`cow`",
       .help = "`cow`: the job may write, into its own copy-on-write layer; `ro`: read-only; "
               "`copy`: a copy "
               "on the job's disk, made before it starts and not counted for `disk`",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_mode,
       .set = set_choice,
       .offset = INPUT_FIELD(mode)},
      {.name = "owner",
       .value = "user or host",
       .fallback = "`user`",
       .help = "`user`: what belongs to the owner of `from` on the host belongs to the job's "
               "`user`; `host`: ids stay as they are",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_owner,
       .set = set_choice,
       .offset = INPUT_FIELD(owner)},
      {.name = "untrusted",
       .value = "true or false",
       .fallback = "links within a relative path are refused, those of an absolute one followed",
       .help = "`true`: whoever filled `from` may have left anything there: a link in the path, "
               "something else than a file or a "
               "directory, or nothing is the verdict `invalid-submission` of this job; `false`: "
               "links are followed",
       .forms = FORM_ONE,
       .type = TYPE_BOOL,
       .set = set_untrusted});

#define ARTIFACTS_FIELD(member) offsetof(struct jobs_artifacts, member)

TABLE(artifacts, "Keys of `artifacts`", "'artifacts'",
      {.name = "paths",
       .value = "absolute paths or globs in the job",
       .help = "what is copied out",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_PATH,
       .set = set_artifact_paths,
       .offset = ARTIFACTS_FIELD(patterns)},
      {.name = "when",
       .value = "always, failure or success",
       .fallback = "`always`",
       .help = "after which jobs",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_when,
       .set = set_choice,
       .offset = ARTIFACTS_FIELD(when)},
      {.name = "max",
       .value = "a size such as 64K, 512M or 1.5G",
       .fallback = "no bound of its own",
       .help = "how much in all; a job that leaves more is `failed`",
       .forms = FORM_ONE,
       .type = TYPE_SIZE,
       .max = INT64_MAX,
       .set = set_size,
       .offset = ARTIFACTS_FIELD(max)});

const struct key_table *const keys_all[] = {
    &keys_file,       &keys_root,      &keys_job,     &keys_limits, &keys_step,    &keys_expect,
    &keys_input,      &keys_artifacts, &keys_service, &keys_ready,  &keys_mount,   &keys_seccomp,
    &keys_namespaces, &keys_matrix,    &keys_cache,   &keys_io,     &keys_network, NULL,
};
