/* SPDX-License-Identifier: Apache-2.0 */
/* keys_files: the keys of what a job is given of the host's, and of other jobs: inputs, caches,
 * mounts, secrets. See keys.c. */
#include "jobs/key_tables.h"

static const struct choice choices_mode[] = {[JOBS_INPUT_COW] = {"cow", true},
                                             [JOBS_INPUT_RO] = {"ro", true},
                                             [JOBS_INPUT_COPY] = {"copy", true},
                                             {0}};

static const struct choice choices_owner[] = {
    [JOBS_OWNER_USER] = {"user", true}, [JOBS_OWNER_HOST] = {"host", true}, {0}};

static const struct choice choices_git[] = {{"tracked", true}, {"unignored", true}, {0}};
static const struct choice choices_mtime[] = {{"commit", true}, {0}};

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
     .set = key_set_secret_command,
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
