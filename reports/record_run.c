/* SPDX-License-Identifier: Apache-2.0 */
/* record_run: see record_run.h. Not responsible for when the line is written (jsonl.c), nor for
 * what is known of the run (harness/prepare/run_record.c). */
#include "reports/record_run.h"

#include "base/commit.h"
#include "reports/json_build.h"

#include <string.h>

#define AT(member) RECORD_AT(struct reports_run_record, member)
#define ALWAYS .always = RECORD_ONLY

static const char *run_type_word(size_t i)
{
    return i == 0 ? "run" : NULL;
}

static json_t *run_type(const void *of, const struct record_field *f)
{
    (void)of;
    return json_string(f->word(0));
}

static json_t *run_format(const void *of, const struct record_field *f)
{
    (void)of;
    (void)f;
    return record_json_number(RECORD_FORMAT, 1);
}

static json_t *run_version(const void *of, const struct record_field *f)
{
    (void)of;
    (void)f;
    return record_json_text(CUPEL_VERSION);
}

static json_t *run_commit(const void *of, const struct record_field *f)
{
    (void)of;
    (void)f;
    return record_json_text(cupel_commit);
}

static json_t *run_cpus(const void *of, const struct record_field *f)
{
    const struct reports_run_record *r = of;

    (void)f;
    return r->cpus > 0 ? record_json_number(r->cpus, 1) : NULL;
}

static json_t *run_memory(const void *of, const struct record_field *f)
{
    const struct reports_run_record *r = of;

    (void)f;
    return r->memory_bytes > 0 ? record_json_number(r->memory_bytes, 1) : NULL;
}

static json_t *run_rootless(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_true(((const struct reports_run_record *)of)->rootless);
}

static json_t *run_slots(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_number(((const struct reports_run_record *)of)->slots, 1);
}

static json_t *run_jobs(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_number(((const struct reports_run_record *)of)->jobs, 1);
}

static json_t *run_started(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_time(&((const struct reports_run_record *)of)->started);
}

static json_t *run_files(const void *of, const struct record_field *f)
{
    const struct reports_run_record *r = of;

    return record_json_objects(f->sub, r->files, r->n_files, sizeof(*r->files));
}

static json_t *run_roots(const void *of, const struct record_field *f)
{
    const struct reports_run_record *r = of;

    return record_json_objects(f->sub, r->roots, r->n_roots, sizeof(*r->roots));
}

static json_t *run_preparing(const void *of, const struct record_field *f)
{
    const struct reports_run_record *r = of;

    (void)f;
    return r->preparing_ms > 0 ? record_json_number(r->preparing_ms, 1000) : NULL;
}

/* ---- of a run that has ended ---- */

static const char *const run_outcome_names[] = {
    [REPORTS_NOT_ENDED] = NULL,
    [REPORTS_FINISHED] = "finished",
    [REPORTS_INTERRUPTED] = "interrupted",
    [REPORTS_TIME_OVER] = "time over",
    [REPORTS_NOT_BEGUN] = "not begun",
};

static const char *run_outcome_word(size_t i)
{
    return i + 1 < REPORTS_OUTCOME_COUNT ? run_outcome_names[i + 1] : NULL;
}

static json_t *run_outcome(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_text(run_outcome_names[((const struct reports_run_record *)of)->outcome]);
}

static json_t *run_ended(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_time(&((const struct reports_run_record *)of)->ended);
}

static json_t *run_wall(const void *of, const struct record_field *f)
{
    const struct reports_run_record *r = of;

    (void)f;
    return r->outcome != REPORTS_NOT_ENDED ? record_json_number(r->wall_ms, 1000) : NULL;
}

static json_t *run_verdicts(const void *of, const struct record_field *f)
{
    const struct reports_run_record *r = of;
    json_t *counts = r->outcome != REPORTS_NOT_ENDED ? build_checked(json_object()) : NULL;

    (void)f;
    for (unsigned v = 0; counts != NULL && v < REPORTS_VERDICT_COUNT; v++)
        if (r->verdicts[v] > 0)
            build_put(counts, reports_verdict_name((enum reports_verdict)v),
                      record_json_number(r->verdicts[v], 1));
    return counts;
}

/* ---- its parts ---- */

static json_t *file_included(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_true(((const struct reports_run_file *)of)->included);
}

static json_t *file_sha256(const void *of, const struct record_field *f)
{
    const struct reports_run_file *file = of;
    char hex[2 * sizeof(file->sha256) + 1];

    (void)f;
    if (!file->has_sha256)
        return NULL;
    text_hex(file->sha256, sizeof(file->sha256), hex);
    return record_json_text(hex);
}

static json_t *root_locked(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_true(((const struct reports_run_root *)of)->locked);
}

static const struct record_field run_file_fields[] = {
    RECORD_FIELD("file", TEXT, ALWAYS, RECORD_AT(struct reports_run_file, file),
                 .text = "its name, as results have it; of an included one its path"),
    RECORD_FIELD("included", TRUE, .value = file_included,
                 .text = "another file's `include` has led to it"),
    RECORD_FIELD("sha256", TEXT, .value = file_sha256,
                 .text = "SHA-256 of what was read of it; absent until it is known"),
};
RECORD_TABLE(run_file, "files", run_file_fields);

static const struct record_field run_root_fields[] = {
    RECORD_FIELD("root", TEXT, ALWAYS, RECORD_AT(struct reports_run_root, root),
                 .text = "its name in the job file"),
    RECORD_FIELD("file", TEXT, ALWAYS, RECORD_AT(struct reports_run_root, file),
                 .text = "the job file"),
    RECORD_FIELD("digest", TEXT, RECORD_AT(struct reports_run_root, digest),
                 .text = "by what it is known, as `root_digest` of a job; absent for `host`"),
    RECORD_FIELD("locked", TRUE, .value = root_locked,
                 .text = "it is what `cupel.lock` says (`--locked`)"),
};
RECORD_TABLE(run_root, "roots", run_root_fields);

static const struct record_field run_fields[] = {
    RECORD_FIELD("type", WORD, ALWAYS, .word = run_type_word, .value = run_type,
                 .text = "what the line is about"),
    RECORD_FIELD("format", INTEGER, ALWAYS, .value = run_format,
                 .text = "version of what is described here: goes up when a field is renamed or "
                         "taken away, or means something else, not when one is added"),
    RECORD_FIELD("version", TEXT, ALWAYS, .value = run_version, .text = "cupel's"),
    RECORD_FIELD("commit", TEXT, .value = run_commit,
                 .text = "from which cupel was built, `-dirty` where files were changed since; "
                         "absent where it was not built in a repository"),
    RECORD_FIELD("run", TEXT, AT(run), .text = "the run's id"),
    RECORD_FIELD("command", TEXTS, AT(command),
                 .text =
                     "the command line; secrets are hidden, and it is absent of a run that failed "
                     "before it knew them all"),
    RECORD_FIELD("host", TEXT, AT(host), .text = "the machine's name"),
    RECORD_FIELD("kernel", TEXT, AT(kernel), .text = "its kernel and architecture"),
    RECORD_FIELD("cgroups", TEXT, AT(cgroups), .text = "which cgroups it has"),
    RECORD_FIELD("cpu", TEXT, AT(cpu), .text = "what its processors are called"),
    RECORD_FIELD("cpus", INTEGER, .value = run_cpus, .text = "how many of them the run may use"),
    RECORD_FIELD("memory_bytes", INTEGER, .value = run_memory, .text = "memory of the machine"),
    RECORD_FIELD("rootless", TRUE, .value = run_rootless,
                 .text = "cupel ran without the rights of the host's root"),
    RECORD_FIELD("slots", INTEGER, ALWAYS, .value = run_slots,
                 .text = "how many jobs run at once (`-j`)"),
    RECORD_FIELD("jobs", INTEGER, ALWAYS, .value = run_jobs, .text = "how many there are"),
    RECORD_FIELD("started", TIME, ALWAYS, .value = run_started,
                 .text = "when it began, before anything was made ready"),
    RECORD_FIELD("files", OBJECTS, .sub = &record_run_file, .value = run_files,
                 .text = "the job files, and what they include"),
    RECORD_FIELD("roots", OBJECTS, .sub = &record_run_root, .value = run_roots,
                 .text = "the roots in use; absent until they are made"),
    RECORD_FIELD("unenforced", TEXTS, AT(unenforced),
                 .text = "keys that jobs have and that `--best-effort` let go"),
    RECORD_FIELD("preparing_seconds", NUMBER, .value = run_preparing,
                 .text = "how long it took until the first job could start: to make the roots, "
                         "above all"),
    RECORD_FIELD("ended", TIME, .value = run_ended, .text = "when the last job had ended"),
    RECORD_FIELD("outcome", WORD, .word = run_outcome_word, .value = run_outcome,
                 .text = "how: `finished`, also where jobs did not pass; `interrupted`; `time "
                         "over` (`--timeout`); `not begun`, where no job could be started"),
    RECORD_FIELD("wall_seconds", NUMBER, .value = run_wall,
                 .text = "from `started` to `ended`, the making of roots included"),
    RECORD_FIELD("verdicts", MAP, .value = run_verdicts,
                 .text = "how many jobs have which verdict"),
};
RECORD_TABLE(run, "The run", run_fields);

/* ---- room ---- */

struct reports_run_record record_run_longest(const struct reports_run_record *record,
                                             struct reports_run_file *files)
{
    const uint64_t long_ms = UINT64_C(999999999999); /* thirty years */
    struct reports_run_record r = *record;

    for (size_t i = 0; i < r.n_files; i++) {
        files[i] = r.files[i];
        files[i].has_sha256 = true;
    }
    r.files = files;
    r.outcome = REPORTS_INTERRUPTED;
    r.ended = r.started;
    r.preparing_ms = r.wall_ms = long_ms;
    for (unsigned v = 0; v < REPORTS_VERDICT_COUNT; v++)
        r.verdicts[v] = r.jobs;
    return r;
}
