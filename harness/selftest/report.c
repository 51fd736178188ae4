/* SPDX-License-Identifier: Apache-2.0 */
/* report: the probes as results of a run, for the writers of reports/: junit.xml and results.jsonl.
 */
#include "harness/selftest/selftest_private.h"

#include "reports/reports.h"

#include <string.h>
#include <unistd.h>

static const enum reports_verdict verdicts[OUTCOME_COUNT] = {
    [OUTCOME_HELD] = REPORTS_PASSED,      [OUTCOME_BREACH] = REPORTS_FAILED,
    [OUTCOME_UNTESTED] = REPORTS_SKIPPED, [OUTCOME_OPEN] = REPORTS_SKIPPED,
    [OUTCOME_FAILED] = REPORTS_ERROR,
};

int report_exit(const struct selftest_scene *s)
{
    int code = 0;

    for (size_t i = 0; i < probe_count; i++) {
        if (s->selected[i] && s->verdicts[i].outcome == OUTCOME_BREACH)
            return 1;
        if (s->selected[i] && s->verdicts[i].outcome == OUTCOME_FAILED)
            code = CUPEL_ERROR_HARNESS;
    }
    return code;
}

static struct reports_result *make_result(struct arena *arena, const struct selftest_probe *p,
                                          const struct verdict *v)
{
    struct reports_result *r = arena_alloc(arena, sizeof(*r));
    const char **tags = arena_alloc(arena, 2 * sizeof(*tags));

    tags[0] = p->theme;
    r->id = r->job = p->name;
    r->file = "selftest";
    r->description =
        arena_printf(arena, "%s; promise %s; held by: %s", p->tries, p->promises, p->wall);
    r->verdict = verdicts[v->outcome];
    r->evidence = v->outcome == OUTCOME_HELD
                      ? ""
                      : arena_printf(arena, "%s: %s", outcome_names[v->outcome], v->detail);
    r->exit = -1;
    r->attempts = v->outcome != OUTCOME_UNTESTED;
    r->tags = tags;
    r->n_cases = 1;
    r->cases = arena_alloc(arena, sizeof(*r->cases));
    r->cases[0] = (struct reports_case){.verdict = r->verdict, .evidence = r->evidence, .exit = -1};
    return r;
}

static int write_all(const struct selftest_scene *s, struct reports_out *out, struct arena *arena,
                     struct cupel_error *err)
{
    struct reports_result **results =
        arena_alloc(arena, probe_count * sizeof(struct reports_result *));
    char hostname[256] = "localhost";
    struct reports_run run = {
        .name = "selftest", .hostname = hostname, .results = results, .wall_ns = s->wall_ns};
    int r = 0;

    (void)gethostname(hostname, sizeof(hostname) - 1);
    for (size_t i = 0; r == 0 && i < probe_count; i++) {
        if (!s->selected[i])
            continue;
        results[run.n_results] = make_result(arena, &probe_table[i], &s->verdicts[i]);
        r = reports_jsonl_append(out, results[run.n_results++], err);
    }
    return r < 0 ? r : reports_junit_write(out, &run, err);
}

int report_write(const struct selftest_scene *s, struct reports_out *out, struct cupel_error *err)
{
    struct arena *arena = arena_new();
    int r = write_all(s, out, arena, err);

    arena_free(arena);
    return r;
}
