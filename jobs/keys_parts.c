/* SPDX-License-Identifier: Apache-2.0 */
/* keys_parts: the keys of a job's parts: its limits, steps, what is expected of them, inputs and
 * artifacts. See keys.c. */
#include "jobs/key_tables.h"

static const struct choice choices_when[] = {
    [JOBS_WHEN_ALWAYS] = {"always", true},
    [JOBS_WHEN_FAILURE] = {"failure", true},
    [JOBS_WHEN_SUCCESS] = {"success", true},
    {0},
};
static const struct choice choices_failures[] = {
    [JOBS_TESTS_FAIL] = {"fail", true}, [JOBS_TESTS_REPORT] = {"report", true}, {0}};
static const struct choice choices_step_when[] = {
    [JOBS_STEP_SUCCESS] = {"success", true},
    [JOBS_STEP_FAILURE] = {"failure", true},
    [JOBS_STEP_ALWAYS] = {"always", true},
    {0},
};
static const struct choice choices_need[] = {
    [JOBS_NEED_SUCCESS] = {"success", true},
    [JOBS_NEED_FAILURE] = {"failure", true},
    [JOBS_NEED_ALWAYS] = {"always", true},
    {0},
};
static const struct choice choices_bad_end[] = {
    [JOBS_END_FAILED] = {"failed", true},
    [JOBS_END_SIGNALED] = {"signaled", true},
    [JOBS_END_TIMEOUT] = {"timeout", true},
    [JOBS_END_CPU_LIMIT] = {"cpu-limit", true},
    [JOBS_END_MEMORY_LIMIT] = {"memory-limit", true},
    [JOBS_END_PIDS_LIMIT] = {"pids-limit", true},
    [JOBS_END_DISK_LIMIT] = {"disk-limit", true},
    [JOBS_END_OUTPUT_LIMIT] = {"output-limit", true},
    [JOBS_END_INVALID_SUBMISSION] = {"invalid-submission", true},
    [JOBS_END_COMPILE_ERROR] = {"compile-error", true},
    {0},
};

const char *jobs_bad_end_name(enum jobs_bad_end end)
{
    return choices_bad_end[end].name;
}

static const struct choice choices_mode[] = {[JOBS_INPUT_COW] = {"cow", true},
                                             [JOBS_INPUT_RO] = {"ro", true},
                                             [JOBS_INPUT_COPY] = {"copy", true},
                                             {0}};

static const struct choice choices_owner[] = {
    [JOBS_OWNER_USER] = {"user", true}, [JOBS_OWNER_HOST] = {"host", true}, {0}};

static const struct choice choices_git[] = {{"tracked", true}, {"unignored", true}, {0}};
static const struct choice choices_mtime[] = {{"commit", true}, {0}};

#define WORDS_CORES "a number of cores such as 1.5 or 150%"
#define WORDS_DURATION "a duration such as 250ms, 90s or 1h30m"
#define WORDS_TIME WORDS_DURATION ", or {limit: 1s, kill: 1.5s}"
#define WORDS_WALL WORDS_DURATION ", {limit: 1s, kill: 1.5s}, or none"
#define WORDS_IDLE WORDS_DURATION ", or none"
#define WORDS_SIZE "a size such as 64K, 512M or 1.5G"
#define WORDS_COUNT "a whole number"
#define WORDS_CPUS "a CPU's number or a list such as 0-2,5"
#define TYPE_COUNT TYPE_INTEGER
#define TYPE_TIME TYPE_DURATION
#define TYPE_WALL TYPE_DURATION_OR_NONE
#define TYPE_IDLE TYPE_DURATION_OR_NONE
#define FALLBACK_CORES NULL
#define FALLBACK_DURATION NULL
#define FALLBACK_TIME NULL
#define FALLBACK_WALL "1h; of a step: none"
#define FALLBACK_IDLE "none"
#define FALLBACK_SIZE NULL
#define FALLBACK_COUNT NULL
#define FALLBACK_CPUS NULL
#define FORMS_CORES FORM_ONE
#define FORMS_DURATION FORM_ONE
#define FORMS_TIME (FORM_ONE | FORM_OBJECT)
#define FORMS_WALL FORMS_TIME
#define FORMS_IDLE FORM_ONE
#define FORMS_SIZE FORM_ONE
#define FORMS_COUNT FORM_ONE
#define FORMS_CPUS FORM_ONE
#define SUB_CORES NULL
#define SUB_DURATION NULL
#define SUB_TIME &keys_twice
#define SUB_WALL SUB_TIME
#define SUB_IDLE NULL
#define SUB_SIZE NULL
#define SUB_COUNT NULL
#define SUB_CPUS NULL
#define LIMIT_KEY(id, key_, report, kind, smallest, largest, step, text)                           \
    {.name = (key_),                                                                               \
     .value = WORDS_##kind,                                                                        \
     .fallback = FALLBACK_##kind,                                                                  \
     .help = (text),                                                                               \
     .forms = FORMS_##kind,                                                                        \
     .sub = SUB_##kind,                                                                            \
     .type = TYPE_##kind,                                                                          \
     .min = (smallest),                                                                            \
     .max = (largest),                                                                             \
     .set = key_set_limit,                                                                         \
     .offset = JOBS_LIMIT_##id},

TABLE(twice, "Keys of `cpu-time` and `wall`", "a limit that is given twice",
      {.name = "limit",
       .value = WORDS_DURATION,
       .fallback = "required",
       .help = "what the job is judged by: one that took more has the verdict, however it ended",
       .forms = FORM_ONE,
       .type = TYPE_DURATION,
       .min = NSEC_PER_MSEC,
       .max = LIMIT_TIME_MAX,
       .set = key_set_duration,
       .offset = offsetof(struct limit_twice, limit),
       .required = true},
      {.name = "kill",
       .value = WORDS_DURATION,
       .fallback = "`limit`",
       .help = "what ends it, no earlier: how long it would have taken is seen until then",
       .forms = FORM_ONE,
       .type = TYPE_DURATION,
       .min = NSEC_PER_MSEC,
       .max = LIMIT_TIME_MAX,
       .set = key_set_duration,
       .offset = offsetof(struct limit_twice, kill)});

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
        .set = key_set_io});

TABLE(step, "Keys of a step", "a step",
      {.name = "name",
       .value = "text",
       .fallback = "`step-1`, `step-2`, …",
       .help = "name of the test case; unique in the job",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_node,
       .offset = 0 * sizeof(void *)},
      {.name = "run",
       .value = "text or an argv list",
       .fallback = "required",
       .help = "text: a script given to the job's `shell`; a list: argv",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_node,
       .offset = 1 * sizeof(void *),
       .required = true},
      {.name = "expect",
       .value = "a map such as {exit: 3}",
       .fallback = "the job's",
       .help = "what the step must do to pass",
       .forms = FORM_OBJECT,
       .sub = &keys_expect,
       .set = key_set_node,
       .offset = 2 * sizeof(void *)},
      {.name = "limits",
       .value = "a map of limits",
       .help = "this step's: `wall`, `idle`, `cpu-time`, `output`, `stdout`, `stderr` and those of "
               "each process",
       .forms = FORM_OBJECT,
       .sub = &keys_limits,
       .set = key_set_node,
       .offset = 3 * sizeof(void *)},
      {.name = "when",
       .value = "success, failure or always",
       .fallback = "`success`",
       .help = "after what it runs: `failure`: only when a step before it did not pass; `always`: "
               "either way. The job's verdict stays that of the first step that did not pass; a "
               "limit that strikes ends the job",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_step_when,
       .set = key_set_step_when,
       .offset = 4 * sizeof(void *)});

TABLE(after, "Keys of `after`", "'after'",
      {.name = "run",
       .value = "text or an argv list",
       .fallback = "required",
       .help = "text: a script given to the job's `shell`; a list: argv",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_node,
       .offset = offsetof(struct after_nodes, run),
       .required = true},
      {.name = "wall",
       .value = "a duration such as 250ms, 90s or 1h30m",
       .fallback = "1m",
       .help = "how long it may take; the job's own limits of time do not hold for it",
       .forms = FORM_ONE,
       .type = TYPE_DURATION,
       .min = NSEC_PER_MSEC,
       .max = LIMIT_TIME_MAX,
       .set = key_set_duration,
       .offset = offsetof(struct after_nodes, wall)});

static const struct choice choices_compare[] = {
    {"exact", true}, {"trim", true}, {"tokens", true}, {"numbers", true}, {0}};
static const struct choice choices_case[] = {
    [JOBS_CASE_MATCH] = {"match", true}, [JOBS_CASE_IGNORE] = {"ignore", true}, {0}};

TABLE(tolerance, "Keys of `tolerance`", "'tolerance'",
      {.name = "absolute",
       .value = "a number such as 0.001 or 1e-6",
       .help = "how far a number may be from the expected one",
       .forms = FORM_ONE,
       .type = TYPE_DECIMAL,
       .set = key_set_decimal,
       .offset = offsetof(struct jobs_compare, absolute)},
      {.name = "relative",
       .value = "a number such as 0.001 or 1e-6",
       .help = "the same, as a part of the expected number",
       .forms = FORM_ONE,
       .type = TYPE_DECIMAL,
       .set = key_set_decimal,
       .offset = offsetof(struct jobs_compare, relative)});

TABLE(expect, "Keys of `expect`", "'expect'",
      {.name = "exit",
       .value = "a whole number",
       .fallback = "0",
       .help = "the exit code, 0 to 255",
       .forms = FORM_ONE,
       .type = TYPE_INTEGER,
       .max = 255,
       .set = key_set_exit},
      {.name = "signal",
       .value = "a signal's name or number",
       .help = "the signal that ends the command, such as SEGV, SIGSEGV or 11; then there is no "
               "exit code",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_signal},
      {.name = "stdout",
       .value = "text",
       .help = "standard output, compared as `compare` says",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_stdout},
      {.name = "stdout-file",
       .value = "a path on the host",
       .help = "a file with the expected standard output",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = key_set_stdout_file},
      {.name = "stderr",
       .value = "text",
       .help = "standard error, compared as `compare` says",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_stderr},
      {.name = "stderr-file",
       .value = "a path on the host",
       .help = "a file with the expected standard error",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = key_set_stderr_file},
      {.name = "compare",
       .value = "exact, trim, tokens or numbers",
       .fallback = "`exact`",
       .help = "`exact`: byte for byte; `trim`: white space at the ends of lines and of the text "
               "does not count; `tokens`: nor does any other, but that it separates; `numbers`: "
               "tokens, where both are numbers by their values",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_compare,
       .set = key_set_compare},
      {.name = "case",
       .value = "match or ignore",
       .fallback = "`match`",
       .help = "`ignore`: A to Z are a to z",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_case,
       .set = key_set_choice,
       .offset = offsetof(struct jobs_expect, compare.letter_case)},
      {.name = "tolerance",
       .value = "a map such as {absolute: 1e-6, relative: 1e-6}",
       .fallback = "none: the same number",
       .help = "with `compare: numbers`: how far numbers may differ; either suffices",
       .forms = FORM_OBJECT,
       .sub = &keys_tolerance,
       .set = key_set_tolerance},
      {.name = "files",
       .value = "a map of paths in the job to paths on the host",
       .help = "files that the job leaves, absolute or relative to `workdir`, each compared with "
               "one of the host, as `compare` says, when the job has ended",
       .forms = FORM_MAP,
       .type = TYPE_HOST_PATH,
       .set = key_set_expected_files},
      {.name = "regex",
       .value = "a regular expression",
       .help = "Perl's (PCRE2), which must match somewhere in standard output, of 16 MiB at most",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_regex},
      LATER("checker", "an argv list", "a program that judges the output, in its own sandbox"));

#define INPUT_FIELD(member) offsetof(struct jobs_input, member)

TABLE(input, "Keys of an input", "an input",
      {.name = "from",
       .value = "a path on the host, or with `job` an absolute one in that job",
       .help = "file or directory, relative to the job file",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = key_set_input_from,
       .required = true},
      {.name = "job",
       .value = "a job's name",
       .help = "whose files these are, as that job leaves them when it has passed: nothing is "
               "copied, and this job needs that one. Of a job with a matrix it is the one instance "
               "that goes with this one",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_input_job},
      {.name = "to",
       .value = "an absolute path in the job",
       .fallback = "`from` below `workdir`; with `job`, `from`",
       .help = "where the job sees it",
       .forms = FORM_ONE,
       .type = TYPE_PATH,
       .set = key_set_job_path,
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
       .set = key_set_choice,
       .offset = INPUT_FIELD(mode)},
      {.name = "owner",
       .value = "user or host",
       .fallback = "`user`",
       .help = "`user`: what belongs to the owner of `from` on the host belongs to the job's "
               "`user`; `host`: ids stay as they are",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_owner,
       .set = key_set_choice,
       .offset = INPUT_FIELD(owner)},
      {.name = "exclude",
       .value = "paths or patterns in the directory",
       .help = "what of a directory the job does not see, as of `artifacts`: `node_modules`, "
               "`**/*.o`",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_globs,
       .offset = INPUT_FIELD(exclude)},
      {.name = "git",
       .value = "tracked or unignored",
       .fallback = "all that there is",
       .help = "which files of a git checkout the job sees: those that git tracks, or those and "
               "new ones that it does not ignore; `.git` in neither case",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_git,
       .set = key_set_input_git},
      {.name = "mtime",
       .value = "commit",
       .fallback = "as on the host",
       .help = "with `mode: copy` of a git checkout: everything has the time of the commit that is "
               "checked out, which `SOURCE_DATE_EPOCH` tells the job as well",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_mtime,
       .set = key_set_input_mtime},
      {.name = "untrusted",
       .value = "true or false",
       .fallback = "links within a relative path are refused, those of an absolute one followed",
       .help = "`true`: whoever filled `from` may have left anything there: a link in the path, "
               "something else than a file or a "
               "directory, or nothing is the verdict `invalid-submission` of this job; `false`: "
               "links are followed",
       .forms = FORM_ONE,
       .type = TYPE_BOOL,
       .set = key_set_untrusted},
      {.name = "required",
       .value = "paths or patterns in the directory",
       .help = "of an input that is untrusted: what has to be there; what is not makes this job "
               "an `invalid-submission`",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_globs,
       .offset = INPUT_FIELD(required)},
      {.name = "allowed",
       .value = "paths or patterns in the directory",
       .fallback = "anything",
       .help = "of an input that is untrusted: all files that may be there, as of `artifacts`: "
               "`*.c`, `**/*.h`, `tests`",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_globs,
       .offset = INPUT_FIELD(allowed)},
      {.name = "max-size",
       .value = "a size such as 64K, 512M or 1.5G",
       .help = "of an input that is untrusted: how much all of its files may have together, holes "
               "included",
       .forms = FORM_ONE,
       .type = TYPE_SIZE,
       .min = 1,
       .max = LIMIT_SIZE_MAX,
       .set = key_set_size,
       .offset = INPUT_FIELD(max_size)});

static const struct choice choices_cache_save[] = {[JOBS_CACHE_SUCCESS] = {"success", true},
                                                   [JOBS_CACHE_ALWAYS] = {"always", true},
                                                   [JOBS_CACHE_NEVER] = {"never", true},
                                                   {0}};
static const struct choice choices_cache_sharing[] = {
    [JOBS_CACHE_PRIVATE] = {"private", true}, [JOBS_CACHE_LOCKED] = {"locked", true}, {0}};
/* GitLab's words for it: as those of `save` by their numbers */
static const struct choice choices_cache_policy[] = {[JOBS_CACHE_SUCCESS] = {"pull-push", true},
                                                     [JOBS_CACHE_ALWAYS] = {"push", false},
                                                     [JOBS_CACHE_NEVER] = {"pull", true},
                                                     {0}};

#define CACHE_FIELD(member) offsetof(struct jobs_cache, member)

TABLE(
    cache, "Keys of `cache`", "'cache'",
    {.name = "key",
     .value = "text of at most 512 bytes",
     .help = "what the directories are saved under, once: what has this key is there already is "
             "not saved again. `${{ hash('FILE') }}` makes it another one when FILE changes",
     .forms = FORM_ONE,
     .type = TYPE_TEXT,
     .set = key_set_cache_key,
     .required = true},
    {.name = "paths",
     .value = "paths in the job, absolute or below `workdir`",
     .help = "the directories; the job may write there, and nobody else sees that",
     .forms = FORM_ONE | FORM_LIST,
     .type = TYPE_TEXT,
     .set = key_set_cache_paths,
     .required = true},
    {.name = "restore",
     .value = "beginnings of keys",
     .fallback = "none",
     .help = "where nothing is saved under `key`: what was saved last under a key that begins so, "
             "the first that there is one of",
     .forms = FORM_ONE | FORM_LIST,
     .type = TYPE_TEXT,
     .set = key_set_cache_restore},
    {.name = "save",
     .value = "success, always or never",
     .fallback = "`success`",
     .help = "whether the directories are saved when the job has passed, or however it ended",
     .forms = FORM_ONE,
     .type = TYPE_CHOICE,
     .choices = choices_cache_save,
     .set = key_set_choice,
     .offset = CACHE_FIELD(save)},
    {.name = "policy",
     .value = "pull-push or pull",
     .fallback = "`pull-push`",
     .help = "`pull` is `save: never`",
     .forms = FORM_ONE,
     .type = TYPE_CHOICE,
     .choices = choices_cache_policy,
     .set = key_set_choice,
     .offset = CACHE_FIELD(save)},
    {.name = "sharing",
     .value = "private or locked",
     .fallback = "`private`",
     .help = "`private`: jobs with the same key run at the same time, and the first to end is the "
             "one that saves. `locked`: as long as nothing is saved, one of them runs, and the "
             "others, of other runs too, wait for what it saves",
     .forms = FORM_ONE,
     .type = TYPE_CHOICE,
     .choices = choices_cache_sharing,
     .set = key_set_choice,
     .offset = CACHE_FIELD(sharing)});

static const struct choice choices_mount_mode[] = {{"ro", true}, {0}};

TABLE(mount, "Keys of a mount", "a mount",
      {.name = "to",
       .value = "an absolute path in the job",
       .fallback = "required",
       .help = "where it is mounted, `nosuid,nodev`",
       .forms = FORM_ONE,
       .type = TYPE_PATH,
       .set = key_set_job_path,
       .offset = offsetof(struct jobs_tmpfs, to),
       .required = true},
      {.name = "tmpfs",
       .value = WORDS_SIZE,
       .help = "an empty file system of that size, which is the job's user's; what is in it counts "
               "as the job's memory, and goes with the job",
       .forms = FORM_ONE,
       .type = TYPE_SIZE,
       .min = LIMIT_KIB * 64,
       .max = LIMIT_SIZE_MAX,
       .set = key_set_size,
       .offset = offsetof(struct jobs_tmpfs, size)},
      {.name = "from",
       .value = "a path on the host",
       .help = "file or directory, relative to the job file: as an input with `mode: ro`",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = key_set_mount_from},
      {.name = "mode",
       .value = "ro",
       .fallback = "`ro`",
       .help = "goes with `from`; what the job may write is an input",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_mount_mode,
       .set = key_set_mount_mode});

static const struct choice choices_secret_as[] = {
    [JOBS_SECRET_ENV] = {"env", true}, [JOBS_SECRET_FILE] = {"file", true}, {0}};

#define SECRET_FIELD(member) offsetof(struct jobs_secret, member)

TABLE(
    secret, "Keys of a secret", "a secret",
    {.name = "name",
     .value = "a name of letters, digits and '_'",
     .help = "the variable, or the file in `/run/secrets`; without `file` and `command` also the "
             "variable of the caller's that has the value",
     .forms = FORM_ONE,
     .type = TYPE_ENV_NAME,
     .set = key_set_secret_name,
     .required = true},
    {.name = "file",
     .value = "a path on the host",
     .help = "the file that has the value",
     .forms = FORM_ONE,
     .type = TYPE_HOST_PATH,
     .set = key_set_secret_file},
    {.name = "command",
     .value = "an argv list such as [pass, show, ci/token]",
     .help = "run on the host by who starts cupel, in the job file's directory; the value is what "
             "it prints",
     .forms = FORM_LIST,
     .type = TYPE_TEXT,
     .set = key_set_argv,
     .offset = SECRET_FIELD(command)},
    {.name = "as",
     .value = "env or file",
     .fallback = "`env`",
     .help = "`env`: a variable, without line ends at the end; `file`: `/run/secrets/NAME`, in "
             "memory, for the job's user to read",
     .forms = FORM_ONE,
     .type = TYPE_CHOICE,
     .choices = choices_secret_as,
     .set = key_set_choice,
     .offset = SECRET_FIELD(as)});

TABLE(axis, "Values of a key of `matrix` that are found", "a key of 'matrix'",
      {.name = "dirs",
       .value = "a pattern of paths on the host",
       .help = "the directories that match, sorted; no link is followed",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = key_set_generator},
      {.name = "files",
       .value = "a pattern of paths on the host",
       .help = "the regular files that match, sorted; no link is followed",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = key_set_generator},
      {.name = "lines",
       .value = "a path on the host",
       .help = "the lines of that file that are not empty, sorted, each once",
       .forms = FORM_ONE,
       .type = TYPE_HOST_PATH,
       .set = key_set_generator},
      {.name = "range",
       .value = "a list of two whole numbers, the first and the last",
       .help = "the numbers from the one to the other",
       .forms = FORM_LIST,
       .type = TYPE_INTEGER,
       .set = key_set_range});

static const struct key matrix_others = {
    .name = "any other name",
    .value = "a list of texts, or a map of one of `dirs`, `files`, `lines` and `range`",
    .help = "the values of that key",
    .forms = FORM_LIST | FORM_OBJECT,
    .type = TYPE_TEXT,
    .sub = &keys_axis,
    .set = key_set_axis};
static const struct key matrix_list[] = {
    {.name = "include",
     .value = "a list of maps of texts",
     .help = "combinations to add; they may have other keys",
     .forms = FORM_MAPS,
     .type = TYPE_TEXT,
     .set = key_set_combinations},
    {.name = "exclude",
     .value = "a list of maps of texts",
     .help = "combinations to leave out: those that have all these values",
     .forms = FORM_MAPS,
     .type = TYPE_TEXT,
     .set = key_set_combinations},
};
const struct key_table keys_matrix = {.id = "matrix",
                                      .title = "Keys of `matrix`",
                                      .what = "'matrix'",
                                      .keys = matrix_list,
                                      .n = ARRAY_SIZE(matrix_list),
                                      .others = &matrix_others};

static const struct key pools_others = {.name = "any name",
                                        .value = "a whole number from 1 to 1024",
                                        .help = "how many places it has",
                                        .forms = FORM_ONE,
                                        .type = TYPE_INTEGER,
                                        .min = 1,
                                        .max = 1024,
                                        .set = key_set_pool};
const struct key_table keys_pools = {
    .id = "pools", .title = "Keys of `pools`", .what = "'pools'", .others = &pools_others};
static const struct key exclusive_others = {.name = "any name of `pools`",
                                            .value = "a whole number from 1 to 1024",
                                            .help = "how many of its places the job has",
                                            .forms = FORM_ONE,
                                            .type = TYPE_INTEGER,
                                            .min = 1,
                                            .max = 1024,
                                            .set = key_set_claim};
const struct key_table keys_exclusive = {.id = "exclusive",
                                         .title = "Keys of `exclusive`",
                                         .what = "'exclusive'",
                                         .others = &exclusive_others};

static const struct choice choices_missing[] = {[JOBS_MISSING_FAIL] = {"fail", true},
                                                [JOBS_MISSING_NOTE] = {"note", true},
                                                [JOBS_MISSING_IGNORE] = {"ignore", true},
                                                {0}};

#define ARTIFACTS_FIELD(member) offsetof(struct jobs_artifacts, member)

TABLE(artifacts, "Keys of `artifacts`", "'artifacts'",
      {.name = "paths",
       .value = "paths or patterns in the job",
       .help = "what is copied out; absolute, or relative to `workdir`",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_globs,
       .offset = ARTIFACTS_FIELD(paths)},
      {.name = "exclude",
       .value = "paths or patterns in the job",
       .help = "what is left out of that; a directory with all that it holds",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_globs,
       .offset = ARTIFACTS_FIELD(exclude)},
      {.name = "when",
       .value = "always, failure or success",
       .fallback = "`always`",
       .help = "after which jobs",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_when,
       .set = key_set_choice,
       .offset = ARTIFACTS_FIELD(when)},
      {.name = "if-missing",
       .value = "fail, note or ignore",
       .fallback = "fail for a path, note for a pattern",
       .help = "where one of `paths` brought nothing: `fail`: a job that did what was expected of "
               "it has failed; `note`: its result says so",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_missing,
       .set = key_set_choice,
       .offset = ARTIFACTS_FIELD(if_missing)},
      {.name = "max",
       .value = "a size such as 64K, 512M or 1.5G",
       .fallback = "no bound of its own",
       .help = "how much in all; a job that leaves more is `failed`",
       .forms = FORM_ONE,
       .type = TYPE_SIZE,
       .max = INT64_MAX,
       .set = key_set_size,
       .offset = ARTIFACTS_FIELD(max)});

#define TESTS_FIELD(member) offsetof(struct jobs_tests, member)

TABLE(tests, "Keys of `junit`, `tap` and `ctrf`", "'junit', 'tap' or 'ctrf'",
      {.name = "paths",
       .value = "paths or globs in the job",
       .help = "which files are read, absolute or relative to `workdir`",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_tests_paths},
      {.name = "optional",
       .value = "true or false",
       .fallback = "`false`",
       .help = "a file that is missing, empty or broken is a note; else it fails the job",
       .forms = FORM_ONE,
       .type = TYPE_BOOL,
       .set = key_set_tests_optional},
      {.name = "failures",
       .value = "fail or report",
       .fallback = "`fail`",
       .help = "`report`: a case that failed is reported, and the job passes all the same",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_failures,
       .set = key_set_choice,
       .offset = TESTS_FIELD(failures)});

TABLE(coverage, "Keys of `coverage`", "'coverage'",
      {.name = "cobertura",
       .value = "a path or glob in the job",
       .help = "a Cobertura file, absolute or relative to `workdir`; its `line-rate` is the figure",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_cobertura,
       .required = true});

#define NEED_FIELD(member) offsetof(struct need_nodes, member)

TABLE(
    need, "Keys of a need", "a need",
    {.name = "job",
     .value = "a job's name",
     .fallback = "required",
     .help = "the job that this one runs after",
     .forms = FORM_ONE,
     .type = TYPE_JOB_NAME,
     .set = key_set_node,
     .offset = NEED_FIELD(job),
     .required = true},
    {.name = "when",
     .value = "success, failure or always",
     .fallback = "`success`",
     .help = "after what this job runs: `failure`: only when that one did not pass, or was skipped "
             "because another did not; `always`: whatever became of it",
     .forms = FORM_ONE,
     .type = TYPE_CHOICE,
     .choices = choices_need,
     .set = key_set_need_when},
    {.name = "optional",
     .value = "true or false",
     .fallback = "`false`",
     .help = "`true`: a job of that name need not be in the file",
     .forms = FORM_ONE,
     .type = TYPE_BOOL,
     .set = key_set_need_optional});

#define ALLOWED_FIELD(member) offsetof(struct jobs_ends, member)

TABLE(allowed, "Keys of `allow-failure`", "'allow-failure'",
      {.name = "exit",
       .value = "exit codes",
       .help = "the verdict `failed` with one of these, 0 to 255",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_INTEGER,
       .max = 255,
       .set = key_set_allowed_exits},
      {.name = "verdicts",
       .value = "failed, signaled, timeout, cpu-limit, memory-limit, pids-limit, disk-limit, "
                "output-limit, invalid-submission, compile-error",
       .help = "these verdicts",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_CHOICE,
       .choices = choices_bad_end,
       .set = key_set_choices,
       .offset = ALLOWED_FIELD(verdicts)});

#define SERVICE_FIELD(member) offsetof(struct jobs_service, member)

TABLE(ready, "Keys of a service's `ready`", "'ready'",
      {.name = "tcp",
       .value = "a port",
       .help = "something listens on it, which is tried by connecting",
       .forms = FORM_ONE,
       .type = TYPE_INTEGER,
       .min = 1,
       .max = 65535,
       .set = key_set_ready_tcp},
      {.name = "exec",
       .value = "an argv list such as [pg_isready, -q]",
       .help = "the command succeeds, run in the service's sandbox as the service is, within its "
               "limits; what it writes is dropped",
       .forms = FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_ready_exec},
      {.name = "log",
       .value = "an extended regular expression",
       .help = "a line of what the service writes matches it",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_ready_log},
      {.name = "http",
       .value = "the path of a URL, such as /health",
       .help = "a GET of it on `port` is answered by a status of 200 to 399",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_ready_http},
      {.name = "port",
       .value = "a port",
       .help = "of `http`",
       .forms = FORM_ONE,
       .type = TYPE_INTEGER,
       .min = 1,
       .max = 65535,
       .set = key_set_ready_port});

/* What it has of a job's keys is set as a job's. */
TABLE(service, "Keys of a service", "a service",
      {.name = "rootfs",
       .value = "a root's name",
       .fallback = "`host`",
       .help = "which root is the lower layer",
       .forms = FORM_ONE,
       .type = TYPE_NAME,
       .set = key_set_of_service},
      {.name = "run",
       .value = "text or an argv list",
       .fallback = "required, but for a service over an image: what the image runs",
       .help = "as a job's, and in the foreground: a service whose command ends has ended",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_of_service},
      {.name = "shell",
       .value = "an argv list such as [/bin/bash, -eu]",
       .fallback = "`[/bin/sh, -eu]`",
       .help = "what a script is given to, with `-c`",
       .forms = FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_of_service},
      {.name = "args",
       .value = "a list of arguments",
       .help = "as a job's",
       .forms = FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_of_service},
      {.name = "workdir",
       .value = "an absolute path in the service",
       .fallback = "`/work`",
       .help = "where the command starts; made when missing",
       .forms = FORM_ONE,
       .type = TYPE_PATH,
       .set = key_set_of_service},
      {.name = "env",
       .value = "a map of environment variables",
       .help = "as a job's; nothing of the job's own",
       .forms = FORM_MAP,
       .type = TYPE_TEXT,
       .set = key_set_of_service},
      {.name = "pass-env",
       .value = "names of environment variables",
       .help = "as a job's",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_ENV_NAME,
       .set = key_set_of_service},
      {.name = "secrets",
       .value = "names, or maps of name, file, command and as",
       .help = "as a job's",
       .forms = FORM_ONE | FORM_LIST | FORM_OBJECT | FORM_OBJECTS,
       .type = TYPE_ENV_NAME,
       .sub = &keys_secret,
       .set = key_set_of_service},
      {.name = "user",
       .value = "root, a user's name, UID or UID:GID",
       .fallback = "`root` (of the service's own user namespace)",
       .help = "who runs the command",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_of_service},
      {.name = "inputs",
       .value = "paths, or maps of from, to and mode",
       .help = "as a job's",
       .forms = FORM_ONE | FORM_LIST | FORM_OBJECT | FORM_OBJECTS,
       .type = TYPE_HOST_PATH,
       .sub = &keys_input,
       .set = key_set_of_service},
      {.name = "limits",
       .value = "a map of limits",
       .help = "quotas of its own; those of the job do not count it",
       .forms = FORM_OBJECT,
       .sub = &keys_limits,
       .set = key_set_of_service},
      {.name = "ready",
       .value = "a map of tcp, exec, log or http",
       .fallback = "once its command has been executed",
       .help = "how it is found out that it is ready",
       .forms = FORM_OBJECT,
       .sub = &keys_ready,
       .set = key_set_ready},
      {.name = "interval",
       .value = "a duration such as 250ms, 90s or 1h30m",
       .fallback = "100ms",
       .help = "between two tries, at most: the first ones come quicker",
       .forms = FORM_ONE,
       .type = TYPE_DURATION,
       .min = NSEC_PER_MSEC,
       .max = 3600 * NSEC_PER_SEC,
       .set = key_set_duration,
       .offset = SERVICE_FIELD(interval)},
      {.name = "within",
       .value = "a duration such as 250ms, 90s or 1h30m",
       .fallback = "30s",
       .help = "how long it has to become ready; then the job is not run, and its verdict `error` "
               "(docs/services.md)",
       .forms = FORM_ONE,
       .type = TYPE_DURATION,
       .min = NSEC_PER_MSEC,
       .max = 24 * 3600 * NSEC_PER_SEC,
       .set = key_set_duration,
       .offset = SERVICE_FIELD(within)},
      {.name = "alias",
       .value = "host names",
       .help = "further names by which it is reached",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_aliases});
