/* SPDX-License-Identifier: Apache-2.0 */
/* record_job: see record_job.h. Not responsible for what the parts of a result say
 * (record_parts.c), nor for how many points there are (score.c). */
#include "reports/record_job.h"

#include "reports/json_build.h"
#include "reports/model.h"
#include "reports/record_parts.h"
#include "reports/report_text.h"

#include <string.h>

#define AT(member) RECORD_AT(struct reports_result, member)
#define ANY (RECORD_JOB | RECORD_STEP | RECORD_ATTEMPT | RECORD_ATTEMPT_STEP)
#define LINE (RECORD_JOB | RECORD_STEP)
#define WHOLE (RECORD_JOB | RECORD_ATTEMPT)
#define STEPS (RECORD_STEP | RECORD_ATTEMPT_STEP)

struct reports_result record_step_of(const struct reports_result *result,
                                     const struct reports_case *c, const char *id)
{
    struct reports_result r = {.id = id,
                               .job = result->job,
                               .suite = result->suite,
                               .file = result->file,
                               .line = c->line,
                               .verdict = c->verdict,
                               .evidence = c->evidence,
                               .exit = c->exit,
                               .signal = c->signal,
                               .cases = (struct reports_case *)(uintptr_t)c,
                               .n_cases = 1};

    if (c->wall_ns > 0)
        reports_usage_set(&r.usage, REPORTS_WALL_SECONDS, c->wall_ns);
    return r;
}

/* ---- what it is ---- */

static json_t *job_step(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_text(((const struct reports_result *)of)->cases[0].name);
}

static json_t *job_type(const void *of, const struct record_field *f)
{
    (void)of;
    return json_string(f->word(0));
}

static const char *job_type_word(size_t i)
{
    return i == 0 ? "job" : NULL;
}

static const char *step_type_word(size_t i)
{
    return i == 0 ? "step" : NULL;
}

static json_t *job_line(const void *of, const struct record_field *f)
{
    unsigned line = ((const struct reports_result *)of)->line;

    (void)f;
    return line > 0 ? record_json_number(line, 1) : NULL;
}

static json_t *job_slot(const void *of, const struct record_field *f)
{
    unsigned slot = ((const struct reports_result *)of)->slot;

    (void)f;
    return slot > 0 ? record_json_number(slot, 1) : NULL;
}

/* ---- a case ---- */

/* Returns one of its texts, which lies at that offset. */
static json_t *case_text(const void *of, const struct record_field *f)
{
    const struct reports_judged_case *c = ((const struct reports_result *)of)->of_case;

    return c != NULL ? record_at(c, f) : NULL;
}

static json_t *case_number(const void *of, const struct record_field *f)
{
    const struct reports_judged_case *c = ((const struct reports_result *)of)->of_case;

    (void)f;
    return c != NULL ? record_json_number(c->number, 1) : NULL;
}

static json_t *case_points(const void *of, const struct record_field *f)
{
    const struct reports_judged_case *c = ((const struct reports_result *)of)->of_case;

    (void)f;
    return c != NULL ? record_json_points(c->points) : NULL;
}

/* What came of a case is its own score: what it is worth in its group is said in the submission's
 * line. Of another job it is what its checker has said. */
static json_t *job_score(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;

    (void)f;
    if (r->has_score)
        return record_json_number(r->score, REPORTS_SCORE_SCALE);
    if (r->of_case == NULL || !reports_verdict_is_fair(r->verdict))
        return NULL;
    return record_json_points(
        reports_score_of_case(&(struct reports_score_case){.points = r->of_case->points,
                                                           .verdict = r->verdict,
                                                           .multiplier = r->of_case->multiplier}));
}

static json_t *job_multiplier(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;

    (void)f;
    return r->has_multiplier ? record_json_number(r->multiplier, REPORTS_SCORE_SCALE) : NULL;
}

/* ---- what became of it ---- */

static const char *verdict_word(size_t i)
{
    return i < REPORTS_VERDICT_COUNT ? reports_verdict_name((enum reports_verdict)i) : NULL;
}

static json_t *job_verdict(const void *of, const struct record_field *f)
{
    (void)f;
    return json_string(reports_verdict_name(((const struct reports_result *)of)->verdict));
}

static json_t *job_exit(const void *of, const struct record_field *f)
{
    int n = ((const struct reports_result *)of)->exit;

    (void)f;
    return n >= 0 ? json_integer(n) : NULL;
}

static json_t *job_signal(const void *of, const struct record_field *f)
{
    int n = ((const struct reports_result *)of)->signal;

    (void)f;
    return n > 0 ? json_integer(n) : NULL;
}

static json_t *job_attempts(const void *of, const struct record_field *f)
{
    unsigned n = ((const struct reports_result *)of)->attempts;

    (void)f;
    return n > 0 ? record_json_number(n, 1) : NULL;
}

static json_t *job_allowed(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_true(model_is_allowed(of));
}

static json_t *job_unneeded(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_true(model_is_unneeded(of));
}

static json_t *job_repeated(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_true(((const struct reports_result *)of)->repeated);
}

static json_t *job_flaky(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_true(model_is_flaky(of));
}

/* Returns the attempts before; their artifacts gave way to those of the next. */
static json_t *job_previous(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;
    json_t *list;

    (void)f;
    if (r->n_previous == 0)
        return NULL;
    list = build_checked(json_array());
    for (size_t i = 0; i < r->n_previous; i++)
        build_append(list, record_object(&record_job, r->previous[i], RECORD_ATTEMPT));
    return list;
}

static json_t *job_steps(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;
    json_t *list;

    (void)f;
    if (!model_has_steps(r))
        return NULL;
    list = build_checked(json_array());
    for (size_t i = 0; i < r->n_cases; i++) {
        const struct reports_result step = record_step_of(r, &r->cases[i], NULL);

        build_append(list, record_object(&record_job, &step, RECORD_ATTEMPT_STEP));
    }
    return list;
}

static json_t *job_started(const void *of, const struct record_field *f)
{
    (void)f;
    return record_json_time(&((const struct reports_result *)of)->started);
}

/* ---- what it used and left ---- */

static json_t *job_limits(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;
    json_t *limits;

    (void)f;
    if (r->n_limits == 0)
        return NULL;
    limits = build_checked(json_object());
    for (size_t i = 0; i < r->n_limits; i++) {
        const struct reports_limit *l = &r->limits[i];

        build_put(limits, l->name,
                  l->text != NULL ? record_json_text(l->text)
                                  : record_json_number(l->value, l->scale));
    }
    return limits;
}

static json_t *job_usage(const void *of, const struct record_field *f)
{
    const struct reports_usage *u = &((const struct reports_result *)of)->usage;

    return u->known != 0 ? record_object(f->sub, u, RECORD_ONLY) : NULL;
}

/* An artifact as its table has it. */
struct record_artifact_of {
    const char *path;
    const struct reports_file *file; /* or NULL */
};

static json_t *artifact_size(const void *of, const struct record_field *f)
{
    const struct reports_file *file = ((const struct record_artifact_of *)of)->file;

    (void)f;
    return file != NULL && file->has_size ? record_json_number(file->size, 1) : NULL;
}

static json_t *artifact_sha256(const void *of, const struct record_field *f)
{
    const struct reports_file *file = ((const struct record_artifact_of *)of)->file;
    char hex[2 * sizeof(file->sha256) + 1];

    (void)f;
    if (file == NULL || !file->has_sha256)
        return NULL;
    text_hex(file->sha256, sizeof(file->sha256), hex);
    return json_string(hex);
}

static const struct record_field artifact_fields[] = {
    RECORD_FIELD("path", TEXT, .always = RECORD_ONLY, RECORD_AT(struct record_artifact_of, path),
                 .text = "its path below `DIR`"),
    RECORD_FIELD("size_bytes", INTEGER, .value = artifact_size,
                 .text = "how long it is; absent of a symbolic link"),
    RECORD_FIELD("sha256", TEXT, .value = artifact_sha256,
                 .text = "the SHA-256 of its bytes, in hex digits; absent of a symbolic link, and "
                         "of a file with more than 64 MiB of holes, together with those before it"),
};
RECORD_TABLE(artifact, "artifacts", artifact_fields);

static json_t *job_artifacts(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;
    json_t *list;

    if (r->artifacts == NULL || r->artifacts[0] == NULL)
        return NULL;
    list = build_checked(json_array());
    for (size_t i = 0; r->artifacts[i] != NULL; i++) {
        const struct record_artifact_of one = {r->artifacts[i],
                                               r->files != NULL ? &r->files[i] : NULL};

        build_append(list, record_object(f->sub, &one, RECORD_ONLY));
    }
    return list;
}

static json_t *job_artifacts_left_out(const void *of, const struct record_field *f)
{
    size_t n = ((const struct reports_result *)of)->artifacts_left_out;

    (void)f;
    return n > 0 ? record_json_number(n, 1) : NULL;
}

static json_t *job_cached(const void *of, const struct record_field *f)
{
    return ((const struct reports_result *)of)->cached_run != NULL
               ? record_object(f->sub, of, RECORD_ONLY)
               : NULL;
}

static json_t *job_caches(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;

    return record_json_objects(f->sub, r->caches, r->n_caches, sizeof(*r->caches));
}

static json_t *job_coverage(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;

    (void)f;
    return r->has_coverage ? record_json_number(r->coverage_milli, 1000) : NULL;
}

static json_t *job_tests(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;

    return r->tests != NULL ? record_object(f->sub, r->tests, f->sub_variant) : NULL;
}

static json_t *job_leaks(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;

    if (r->leaks_in_all == 0)
        return NULL;
    return r->n_leaks > 0 ? record_json_objects(f->sub, r->leaks, r->n_leaks, sizeof(*r->leaks))
                          : json_array();
}

static json_t *job_leaks_in_all(const void *of, const struct record_field *f)
{
    size_t n = ((const struct reports_result *)of)->leaks_in_all;

    (void)f;
    return n > 0 ? record_json_number(n, 1) : NULL;
}

static json_t *job_leaks_cut(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;

    (void)f;
    return record_json_true(r->leaks_in_all > 0 && r->leaks_cut);
}

static json_t *job_timeline(const void *of, const struct record_field *f)
{
    const struct reports_timeline *t = &((const struct reports_result *)of)->timeline;

    return t->n > 0 ? record_object(f->sub, t, RECORD_ONLY) : NULL;
}

static json_t *job_logs(const void *of, const struct record_field *f)
{
    const struct reports_result *r = of;

    return r->stdout_log != NULL || r->stderr_log != NULL ? record_object(f->sub, of, RECORD_ONLY)
                                                          : NULL;
}

/* ---- the table ---- */

#define CASE(member) .value = case_text, .arg = offsetof(struct reports_judged_case, member)

static const struct record_field job_fields[] = {
    RECORD_FIELD("type", WORD, .where = RECORD_JOB, .always = RECORD_JOB, .word = job_type_word,
                 .value = job_type, .text = "what the line is about"),
    RECORD_FIELD("type", WORD, .where = RECORD_STEP, .always = RECORD_STEP, .word = step_type_word,
                 .value = job_type, .text = "the same"),
    RECORD_FIELD(
        "id", TEXT, .where = LINE, .always = LINE, AT(id),
        .text = "unique in the run: the job's name, and `job/step` for a named step. Where several "
                "files of the run have a job of that name, `suite.job`, or `file:job` where suites "
                "of the run have one name too; what is the same after all gets `#2`"),
    RECORD_FIELD("job", TEXT, .where = LINE, .always = LINE, AT(job), .text = "the job's name"),
    RECORD_FIELD("step", TEXT, .where = STEPS, .always = STEPS, .value = job_step,
                 .text = "the step's name"),
    RECORD_FIELD("suite", TEXT, .where = LINE, AT(suite),
                 .text = "the name of the job file's suite"),
    RECORD_FIELD("file", TEXT, .where = LINE, AT(file),
                 .text = "the job file, as given on the command line"),
    RECORD_FIELD("line", INTEGER, .where = LINE, .value = job_line,
                 .text = "where the job, or the step, stands in the file; absent for what an "
                         "included file says"),
    RECORD_FIELD("description", TEXT, .where = RECORD_JOB, AT(description),
                 .text = "the job's `description`"),
    RECORD_FIELD("verdict", WORD, .where = ANY, .always = ANY, .word = verdict_word,
                 .value = job_verdict, .text = "see above"),
    RECORD_FIELD("evidence", TEXT, .where = ANY, AT(evidence),
                 .text = "one sentence: why; absent when there is nothing to explain"),
    RECORD_FIELD("exit", INTEGER, .where = ANY, .value = job_exit,
                 .text =
                     "the command's exit code; absent when it has none (signal, never started)"),
    RECORD_FIELD("signal", INTEGER, .where = ANY, .value = job_signal,
                 .text = "the signal that the command died of"),
    RECORD_FIELD("case", TEXT, .where = RECORD_JOB, CASE(name),
                 .text = "of a case: its name; absent for other jobs"),
    RECORD_FIELD("group", TEXT, .where = RECORD_JOB, CASE(group),
                 .text = "of a case: the group that it is in; absent without one"),
    RECORD_FIELD("hint", TEXT, .where = RECORD_JOB, CASE(hint),
                 .text = "of a case: for whoever fails it"),
    RECORD_FIELD("visibility", TEXT, .where = RECORD_JOB, CASE(shown),
                 .text = "of a case: `visible`, `after-due`, `after-published` or `hidden`: its "
                         "own, or that of a case whose result decides whether it is run (`stop`, "
                         "`needs`) where that is stricter"),
    RECORD_FIELD("number", INTEGER, .where = RECORD_JOB, .value = case_number,
                 .text = "of a case: its place among those of its submission, in the order of the "
                         "file, from 1 on"),
    RECORD_FIELD("points", NUMBER, .where = RECORD_JOB, .value = case_points,
                 .text = "of a case: how many there are"),
    RECORD_FIELD("cached", OBJECT, .where = RECORD_JOB, .sub = &record_cached, .value = job_cached,
                 .text = "of a job that was not run, since it has passed before (`cache-result`): "
                         "`run`, the id of the run in which it did, and `ended`, when that was. It "
                         "has no figures, logs or attempts; those of a verdict that was kept "
                         "(`--reuse`), whatever it is, are what they were"),
    RECORD_FIELD("allowed_failure", TRUE, .where = RECORD_JOB, .value = job_allowed,
                 .text = "it did not pass, and `allow-failure` allows it to end so"),
    RECORD_FIELD("not_needed", TRUE, .where = RECORD_JOB, .value = job_unneeded,
                 .text = "it was skipped because it is for the case that another fails, which "
                         "makes no run fail"),
    RECORD_FIELD("score", NUMBER, .where = WHOLE, .value = job_score,
                 .text = "of a case: how many of its points it gives; of another job: those that "
                         "its checker gives ([checkers.md](checkers.md)). Absent where that is not "
                         "known (`error`, `skipped`, `cancelled`)"),
    RECORD_FIELD("score_multiplier", NUMBER, .where = WHOLE, .value = job_multiplier,
                 .text = "how far its output is right by its checker, from 0 to 1"),
    RECORD_FIELD("message_for_all", TEXT, .where = WHOLE, AT(message_for_all),
                 .text = "what its checker says to everybody, at most 4 KiB"),
    RECORD_FIELD("message_for_staff", TEXT, .where = WHOLE, AT(message_for_staff),
                 .text = "what its checker says to those who may see the answer"),
    RECORD_FIELD("near_limit", TEXT, .where = WHOLE, AT(near_limit),
                 .text = "the time verdict, or a pass with at least 90 % of a time limit used, "
                         "came about on a machine under pressure: `near-limit, machine under "
                         "pressure:` and why (`measurement.md`). It ends the `evidence` of a time "
                         "verdict; of a pass it is among the `notes`"),
    RECORD_FIELD("kept", TEXT, .where = WHOLE, AT(kept),
                 .text = "what the job left is kept (`--keep-failed`, `--keep all`): `cupel shell "
                         "--failed` and this name opens it again (`shell.md`)"),
    RECORD_FIELD(
        "attempts", INTEGER, .where = RECORD_JOB, .value = job_attempts,
        .text = "how often it was started, also where it was then refused (`invalid-submission`); "
                "absent when it never was. All else in the line is of the last attempt"),
    RECORD_FIELD("repeated", TRUE, .where = RECORD_JOB, .value = job_repeated,
                 .text = "it was run again after it had passed (`--repeat`, `--until-fail`): all "
                         "attempts but the last have passed, and nothing else is kept of them"),
    RECORD_FIELD("flaky", TRUE, .where = RECORD_JOB, .value = job_flaky,
                 .text = "it passed, but not at the first attempt"),
    RECORD_FIELD("previous_attempts", OBJECTS, .where = RECORD_JOB, .sub = &record_job,
                 .sub_variant = RECORD_ATTEMPT, .value = job_previous,
                 .text = "the attempts before the last one, the first one first"),
    RECORD_FIELD("root_digest", TEXT, .where = RECORD_JOB, AT(root_digest),
                 .text = "what its root is known by: of an image `sha256:` and the digest of its "
                         "manifest, of others the key of its uppermost layer (`cupel rootfs "
                         "list`). Absent where it has none (`host`)"),
    RECORD_FIELD("slot", INTEGER, .where = WHOLE, .value = job_slot,
                 .text = "which of the slots ran it, from 1 on; absent where none did"),
    RECORD_FIELD("started", TIME, .where = WHOLE, .value = job_started,
                 .text = "when, ISO 8601 in UTC with milliseconds: `2026-01-31T12:00:00.123Z`"),
    RECORD_FIELD("limits", MAP, .where = RECORD_JOB, .value = job_limits,
                 .text = "the limits in force, see below"),
    RECORD_FIELD("usage", OBJECT, .where = ANY, .sub = &record_usage, .value = job_usage,
                 .text = "what it used, see below; of a step `wall_seconds` alone"),
    RECORD_FIELD("tags", TEXTS, .where = RECORD_JOB, AT(tags), .text = "the job's `tags`"),
    RECORD_FIELD(
        "notes", TEXTS, .where = WHOLE, AT(notes),
        .text = "remarks that change no verdict (`artifact pattern /work/x* matched nothing`)"),
    RECORD_FIELD("unenforced", TEXTS, .where = RECORD_JOB, AT(unenforced),
                 .text = "limits, and `cgroup-view`, that `--best-effort` let go"),
    RECORD_FIELD(
        "artifacts", OBJECTS, .where = RECORD_JOB, .sub = &record_artifact, .value = job_artifacts,
        .text = "what its `artifacts` matched, in the order of their names: up to 20,000 of them, "
                "and up to 1 MiB of text; a note says how many more were copied"),
    RECORD_FIELD(
        "artifacts_left_out", INTEGER, .where = RECORD_JOB, .value = job_artifacts_left_out,
        .text = "how many more were listed before; of a job that waited for another attempt when "
                "its run was ended, and in `junit.xml`, which lists the first 16 KiB of names"),
    RECORD_FIELD("caches", OBJECTS, .where = WHOLE, .sub = &record_cache, .value = job_caches,
                 .text = "of each `cache` of the job; absent where the job did not begin"),
    RECORD_FIELD("tests", OBJECT, .where = RECORD_JOB, .sub = &record_tests,
                 .sub_variant = RECORD_TESTS_ALL, .value = job_tests,
                 .text = "what the job itself says of its own tests (`junit`, `tap`, `ctrf`), see "
                         "below; absent where it was to say nothing"),
    RECORD_FIELD("tests", OBJECT, .where = RECORD_ATTEMPT, .sub = &record_tests,
                 .sub_variant = RECORD_TESTS_COUNTED, .value = job_tests,
                 .text = "the same, counted"),
    RECORD_FIELD("coverage_percent", NUMBER, .where = RECORD_JOB, .value = job_coverage,
                 .text =
                     "what the job says of its coverage (`coverage`), with up to three decimals"),
    RECORD_FIELD(
        "leaks", OBJECTS, .where = WHOLE, .sub = &record_leak, .value = job_leaks,
        .text = "processes still alive when a command of the job had ended, at most 16 a step and "
                "128 a job. They are killed; the verdict changes with `leaks: fail` alone"),
    RECORD_FIELD("leaks_in_all", INTEGER, .where = WHOLE, .value = job_leaks_in_all,
                 .text = "how many there were"),
    RECORD_FIELD(
        "leaks_cut", TRUE, .where = WHOLE, .value = job_leaks_cut,
        .text =
            "or more: of a step's processes 2,048 are looked at, and for three seconds at most"),
    RECORD_FIELD("timeline", OBJECT, .where = WHOLE, .sub = &record_timeline, .value = job_timeline,
                 .text = "what the job used as time went by, see below; absent when it ended "
                         "before the first look, and with `--sample off`"),
    RECORD_FIELD("steps", OBJECTS, .where = RECORD_ATTEMPT, .sub = &record_job,
                 .sub_variant = RECORD_ATTEMPT_STEP, .value = job_steps,
                 .text = "its named steps, which have no lines of their own"),
    RECORD_FIELD("logs", OBJECT, .where = WHOLE, .sub = &record_logs, .value = job_logs,
                 .text = "paths of its logs; each absent where nothing was printed"),
};
static const struct record_variant job_variants[] = {{"job", RECORD_JOB},
                                                     {"step", RECORD_STEP},
                                                     {"attempt", RECORD_ATTEMPT},
                                                     {"attempt_step", RECORD_ATTEMPT_STEP}};
const struct record_table record_job = {.title = "Jobs and steps",
                                        .fields = job_fields,
                                        .n = ARRAY_SIZE(job_fields),
                                        .variants = job_variants,
                                        .n_variants = ARRAY_SIZE(job_variants)};
