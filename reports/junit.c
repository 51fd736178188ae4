/* SPDX-License-Identifier: Apache-2.0 */
/* junit: junit.xml in the strict profile, which both windyroad's and Jenkins' schemas accept: a
 * bare <testsuites>, one <testsuite> a job with everything about it in <properties>, one <testcase>
 * a step (or one for the job), then the suite's output. Not responsible for escaping (junit_text.c)
 * or for what a verdict means (model.c). */
#include "reports/junit_tests.h"
#include "reports/model.h"
#include "reports/report_text.h"

#include <fcntl.h>
#include <string.h>

/* How much of each log the report carries: GitLab takes no file over 30 MB, so from 16 MiB on jobs
 * get less of it. */
#define HEAD_MAX ((size_t)24 * 1024)
#define TAIL_MAX ((size_t)40 * 1024)
#define CASE_TAIL_MAX ((size_t)8 * 1024)
#define PLENTY ((uint64_t)16 * 1024 * 1024)
#define SCARCE_DIVISOR 32

/* A test case as it will be written: the result's own, or one that stands for the job as a whole.
 */
struct junit_entry {
    char *name;
    const struct reports_case *c;
};

struct suite {
    const struct reports_result *result;
    char *class;
    struct strset names;       /* of the entries, as they are written */
    struct reports_case whole; /* see add_whole */
    struct junit_entry *entries;
    size_t n_entries;
    size_t tally[JUNIT_OUTCOME_COUNT];
};

static void suite_free(struct suite *s)
{
    for (size_t i = 0; i < s->n_entries; i++)
        free(s->entries[i].name);
    free(s->entries);
    free(s->class);
    strset_free(&s->names);
}

static void junit_add_entry(struct suite *s, const struct reports_case *c, const char *name)
{
    s->entries[s->n_entries++] =
        (struct junit_entry){.name = junit_new_name(&s->names, "", name), .c = c};
    s->tally[model_junit(s->result, c->verdict)]++;
}

/* A job can fail though none of its steps did (an artifact that could not be copied, an error of
 * the harness). JUnit has no verdict of a suite, so the job gets a case of its own then: what did
 * not pass must not look as if it had. */
static void add_whole(struct suite *s)
{
    const struct reports_result *result = s->result;
    enum junit_outcome o = model_junit(result, result->verdict);

    if (s->n_entries > 0 && (o == JUNIT_PASS || s->tally[o] > 0))
        return;
    s->whole = (struct reports_case){
        .verdict = result->verdict,
        .evidence = result->evidence,
        .exit = result->exit,
        .signal = result->signal,
        .wall_ns = s->n_entries == 0 ? model_wall_ns(result) : 0,
        .stdout_to = UINT64_MAX,
        .stderr_to = UINT64_MAX,
    };
    junit_add_entry(s, &s->whole, result->job);
}

static void suite_init(struct suite *s, const struct reports_run *run,
                       const struct reports_result *result, struct strset *classes)
{
    cleanup_free char *class = xasprintf("%s.%s", run->name, result->id);

    *s = (struct suite){.result = result, .class = junit_new_name(classes, "", class)};
    s->entries = xcalloc(result->n_cases + 1, sizeof(*s->entries));
    for (size_t i = 0; i < result->n_cases; i++)
        junit_add_entry(s, &result->cases[i],
                        result->cases[i].name != NULL ? result->cases[i].name : result->job);
    add_whole(s);
}

/* ---- properties ---- */

static void property_number(struct junit_writer *w, const char *group, const char *name,
                            uint64_t value, uint64_t scale)
{
    char number[MODEL_NUMBER_SIZE];

    junit_property(w, group, name, model_number(value, scale, number));
}

static void property_list(struct junit_writer *w, const char *name, const char *const *list)
{
    cleanup_strbuf struct strbuf b = {0};

    for (; list != NULL && *list != NULL; list++)
        strbuf_addf(&b, "%s%s", b.len > 0 ? "\n" : "", *list);
    junit_property(w, "", name, b.data);
}

/* Names the run in which the job has passed, where it was not run again. */
static void property_cached(struct junit_writer *w, const struct reports_result *result)
{
    cleanup_strbuf struct strbuf b = {0};

    if (result->cached_run == NULL)
        return;
    model_add_cached(&b, result);
    junit_property(w, "", "cached", b.data);
}

static void property_caches(struct junit_writer *w, const struct reports_result *result)
{
    cleanup_strbuf struct strbuf b = {0};

    for (size_t i = 0; i < result->n_caches; i++) {
        strbuf_addf(&b, "%s%s: ", i > 0 ? "\n" : "", result->caches[i].key);
        model_add_cache(&b, &result->caches[i]);
    }
    junit_property(w, "", "caches", b.data);
}

/* One attempt a line; a line break in the evidence would look like another. */
static void add_previous(struct strbuf *b, const struct reports_result *result)
{
    for (size_t i = 0; i < result->n_previous; i++) {
        const struct reports_result *p = result->previous[i];

        strbuf_addf(b, "%sattempt %zu: %s", i > 0 ? "\n" : "", i + 1,
                    reports_verdict_name(p->verdict));
        if (*p->evidence == '\0')
            continue;
        strbuf_adds(b, ": ");
        text_escape(b, p->evidence, strlen(p->evidence), TEXT_LINE);
    }
}

static void write_attempts(struct junit_writer *w, const struct reports_result *result)
{
    cleanup_strbuf struct strbuf b = {0};

    if (result->attempts > 0)
        property_number(w, "", "attempts", result->attempts, 1);
    junit_property(w, "", "repeated", result->repeated ? "true" : NULL);
    junit_property(w, "", "flaky", model_is_flaky(result) ? "true" : NULL);
    add_previous(&b, result);
    junit_property(w, "", "previous_attempts", b.data);
}

static void write_leaks(struct junit_writer *w, const struct reports_result *result)
{
    cleanup_strbuf struct strbuf b = {0};

    if (result->leaks_in_all == 0)
        return;
    for (size_t i = 0; i < result->n_leaks; i++) {
        strbuf_adds(&b, i > 0 ? "\n" : "");
        reports_leak_describe(&result->leaks[i], &b);
    }
    junit_property(w, "", "leaks", b.data);
    property_number(w, "", "leaks_in_all", result->leaks_in_all, 1);
    junit_property(w, "", "leaks_cut", result->leaks_cut ? "true" : NULL);
}

static void property_points(struct junit_writer *w, const char *name, uint64_t points)
{
    char text[MODEL_NUMBER_SIZE];

    junit_property(w, "", name, model_points(points, text));
}

static void write_judged(struct junit_writer *w, const struct reports_result *result)
{
    const struct reports_judged_case *c = result->of_case;

    if (c == NULL)
        return;
    junit_property(w, "", "case", c->name);
    junit_property(w, "", "group", c->group);
    property_points(w, "points", c->points);
    if (reports_verdict_is_fair(result->verdict)) {
        const struct reports_score_case of = {
            .points = c->points, .verdict = result->verdict, .multiplier = c->multiplier};

        property_points(w, "score", reports_score_of_case(&of));
    }
}

/* Writes the properties, whose names are those of results.jsonl. */
static void write_properties(struct junit_writer *w, const struct reports_result *result)
{
    junit_properties_start(w);
    junit_property(w, "", "verdict", reports_verdict_name(result->verdict));
    junit_property(w, "", "evidence", result->evidence);
    junit_property(w, "", "id", result->id);
    junit_property(w, "", "file", result->file);
    junit_property(w, "", "description", result->description);
    if (result->exit >= 0)
        property_number(w, "", "exit", (uint64_t)result->exit, 1);
    if (result->signal > 0)
        property_number(w, "", "signal", (uint64_t)result->signal, 1);
    write_judged(w, result);
    write_attempts(w, result);
    for (enum reports_figure f = 0; f < REPORTS_FIGURE_COUNT; f++)
        if (reports_usage_has(&result->usage, f))
            property_number(w, "usage.", reports_figure_name(f), result->usage.value[f],
                            reports_figure_is_seconds(f) ? NSEC_PER_SEC : 1);
    for (size_t i = 0; i < result->n_limits; i++) {
        const struct reports_limit *l = &result->limits[i];

        if (l->text != NULL)
            junit_property(w, "limits.", l->name, l->text);
        else
            property_number(w, "limits.", l->name, l->value, l->scale);
    }
    junit_property(w, "", "near-limit", result->near_limit);
    junit_property(w, "", "kept", result->kept);
    property_list(w, "unenforced", result->unenforced);
    property_list(w, "notes", result->notes);
    property_list(w, "tags", result->tags);
    property_list(w, "artifacts", result->artifacts);
    if (result->artifacts_left_out > 0)
        property_number(w, "", "artifacts_left_out", result->artifacts_left_out, 1);
    property_caches(w, result);
    property_cached(w, result);
    junit_tests_properties(w, result);
    if (result->has_coverage)
        property_number(w, "", "coverage_percent", result->coverage_milli, 1000);
    write_leaks(w, result);
    junit_property(w, "logs.", "stdout", result->stdout_log);
    junit_property(w, "logs.", "stderr", result->stderr_log);
    junit_property(w, "logs.", "merged", result->merged_log);
    junit_properties_end(w);
}

/* ---- test cases ---- */

static size_t allowance(const struct junit_writer *w, size_t wanted)
{
    return w->written < PLENTY ? wanted : wanted / SCARCE_DIVISOR;
}

/* What else explains it: text of ours, between the evidence and what the job printed. */
static void write_more(struct junit_writer *w, const struct reports_result *result)
{
    cleanup_strbuf struct strbuf b = {0};
    cleanup_strbuf struct strbuf leaks = {0};

    if (result->n_previous > 0)
        strbuf_adds(&b, "\n");
    add_previous(&b, result);
    if (model_leaks(result, &leaks))
        strbuf_addf(&b, "\n%s", leaks.data);
    junit_text(w, b.data, b.len);
}

static void write_case_log(struct junit_writer *w, const char *title, const char *path,
                           uint64_t from, uint64_t to)
{
    const struct excerpt_source source = {path, from, to};
    cleanup_free char *heading = xasprintf("\n--- %s ---\n", title);

    if (path == NULL || from >= to)
        return;
    junit_text(w, heading, strlen(heading));
    junit_log(w, &source, 0, allowance(w, CASE_TAIL_MAX));
}

/* Azure reads the message attribute, GitLab the element's text: both say why. */
static void write_outcome(struct junit_writer *w, const struct reports_result *result,
                          const struct reports_case *c)
{
    static const char *const elements[JUNIT_OUTCOME_COUNT] = {
        [JUNIT_FAILURE] = "failure", [JUNIT_ERROR] = "error", [JUNIT_SKIPPED] = "skipped"};
    const struct verdict_info *verdict = verdict_info(c->verdict);
    const char *evidence =
        c->evidence != NULL && *c->evidence != '\0' ? c->evidence : verdict->name;
    bool alone = result->n_cases <= 1; /* then all that the logs hold is this case's */
    enum junit_outcome o = model_junit(result, c->verdict);
    bool allowed = o != verdict->junit;

    if (elements[o] == NULL)
        return;
    junit_start(w, elements[o]);
    if (allowed)
        junit_attribute(w, "message", "allowed to fail (%s): %s", verdict->name, evidence);
    else
        junit_attribute(w, "message", "%s", evidence);
    if (o != JUNIT_SKIPPED)
        junit_attribute(w, "type", "%s", verdict->name);
    junit_text(w, evidence, strlen(evidence));
    if (o != JUNIT_SKIPPED) {
        write_more(w, result);
        write_case_log(w, "standard output", result->stdout_log, alone ? 0 : c->stdout_from,
                       alone ? UINT64_MAX : c->stdout_to);
        write_case_log(w, "standard error", result->stderr_log, alone ? 0 : c->stderr_from,
                       alone ? UINT64_MAX : c->stderr_to);
    }
    junit_end(w);
}

static void write_case(struct junit_writer *w, const struct suite *s, const struct junit_entry *e)
{
    const struct reports_result *result = s->result;
    char seconds[MODEL_NUMBER_SIZE];
    uint64_t wall_ns = e->c->wall_ns;

    junit_start(w, "testcase");
    junit_token(w, "name", e->name, "job");
    junit_token(w, "classname", s->class, "job");
    if (wall_ns == 0 && result->n_cases <= 1)
        wall_ns = model_wall_ns(result);
    junit_attribute(w, "time", "%s", model_seconds(wall_ns, seconds));
    write_outcome(w, result, e->c);
    junit_end(w);
}

/* ---- suites ---- */

/* The schema wants a time in UTC without saying so. A job that never started has none of its own:
 * it gets the report's.
 */
static void write_timestamp(struct junit_writer *w, const struct reports_result *result, time_t now)
{
    time_t when = result->started.tv_sec != 0 ? result->started.tv_sec : now;
    struct tm tm;
    char date[32] = "1970-01-01T00:00:00";

    if (gmtime_r(&when, &tm) != NULL)
        (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    junit_attribute(w, "timestamp", "%s", date);
}

static void write_output(struct junit_writer *w, const char *element, const char *path)
{
    const struct excerpt_source source = {path, 0, UINT64_MAX};

    junit_start(w, element);
    junit_log(w, &source, allowance(w, HEAD_MAX), allowance(w, TAIL_MAX));
    junit_end(w);
}

static void write_suite(struct junit_writer *w, const struct reports_run *run,
                        const struct reports_result *result, struct strset *classes, size_t id,
                        time_t now)
{
    _cleanup_(suite_free) struct suite s;
    struct junit_tests tests;
    char seconds[MODEL_NUMBER_SIZE];

    suite_init(&s, run, result, classes);
    junit_tests_begin(&tests, w, result);
    junit_start(w, "testsuite");
    junit_token(w, "name", result->id, "job");
    junit_attribute(w, "package", "%s", ""); /* Jenkins would put it before the suite's name */
    junit_attribute(w, "id", "%zu", id);
    write_timestamp(w, result, now);
    junit_token(w, "hostname", run->hostname, "localhost");
    junit_attribute(w, "tests", "%zu", s.n_entries + tests.n);
    junit_attribute(w, "failures", "%zu", s.tally[JUNIT_FAILURE] + tests.failures);
    junit_attribute(w, "errors", "%zu", s.tally[JUNIT_ERROR] + tests.errors);
    junit_attribute(w, "skipped", "%zu", s.tally[JUNIT_SKIPPED] + tests.skipped);
    junit_attribute(w, "time", "%s", model_seconds(model_wall_ns(result), seconds));
    write_properties(w, result);
    for (size_t i = 0; i < s.n_entries; i++)
        write_case(w, &s, &s.entries[i]);
    junit_tests_write(w, &tests, s.class);
    write_output(w, "system-out", result->stdout_log);
    write_output(w, "system-err", result->stderr_log);
    junit_end(w);
}

static int write_document(struct reports_out *out, const struct reports_run *run, int fd)
{
    _cleanup_(strset_free) struct strset classes = {0};
    struct junit_writer w;
    time_t now = time(NULL);
    size_t id = 0;
    int r = junit_open(&w, out, fd);

    if (r < 0)
        return r;
    junit_start(&w, "testsuites");
    for (size_t i = 0; i < run->n_results; i++)
        if (run->results[i] != NULL)
            write_suite(&w, run, run->results[i], &classes, id++, now);
    junit_end(&w);
    return junit_close(&w);
}

int reports_junit_write(struct reports_out *out, const struct reports_run *run,
                        struct cupel_error *err)
{
    cleanup_close int fd = -EBADF;
    int r;

    /* its lines were said to be there; where a file system takes no sync, it has told when they
     * were written */
    if (out->jsonlfd >= 0 && fsync(out->jsonlfd) < 0 && errno != EINVAL && errno != EROFS)
        return out_fail(out, "write " OUT_JSONL " in", -errno, err);
    fd = outdir_make_file(out->dirfd, OUTDIR_JUNIT_ASIDE, O_WRONLY, &out->owner);
    if (fd < 0)
        return out_fail(out, "write " OUT_JUNIT " in", fd, err);
    r = write_document(out, run, fd);
    if (r == 0 &&
        (fsync(fd) < 0 || renameat(out->dirfd, OUTDIR_JUNIT_ASIDE, out->dirfd, OUT_JUNIT) < 0))
        r = -errno;
    if (r < 0) {
        (void)unlinkat(out->dirfd, OUTDIR_JUNIT_ASIDE, 0);
        return out_fail(out, "write " OUT_JUNIT " in", r, err);
    }
    /* the rename itself; some file systems cannot, and the file is whole either way */
    (void)fsync(out->dirfd);
    return 0;
}
