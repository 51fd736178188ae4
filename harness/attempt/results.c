/* SPDX-License-Identifier: Apache-2.0 */
/* results: see results.h. Not responsible for when a result is final, nor for what its verdict
 * means for the run. */
#include "harness/attempt/results.h"

#include "base/redact.h"
#include "harness/attempt/limits_in_force.h"
#include "harness/attempt/verdict.h"

#include <string.h>

static struct reports_limit *limits_of(struct arena *arena, const struct jobs_limits *l,
                                       uint32_t unenforced, size_t *ret_n)
{
    static const uint64_t scales[] = {[JOBS_UNIT_CORES] = 1000,
                                      [JOBS_UNIT_DURATION] = NSEC_PER_SEC,
                                      [JOBS_UNIT_SIZE] = 1,
                                      [JOBS_UNIT_COUNT] = 1,
                                      [JOBS_UNIT_CPUS] = 1};
    struct reports_limit *list = arena_alloc(arena, JOBS_LIMIT_COUNT * sizeof(*list));
    size_t n = 0;

    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (jobs_limit_is_set(l, i) && !((unenforced >> i) & 1u))
            list[n++] = (struct reports_limit){
                jobs_limit_table[i].report_key, l->value[i], scales[jobs_limit_table[i].unit],
                jobs_limit_table[i].unit == JOBS_UNIT_CPUS ? l->cpus : NULL};
    *ret_n = n;
    return list;
}

/* What --best-effort let go of this job, by the keys; NULL for nothing. */
static const char **unenforced_of(struct arena *arena, const struct jobs_job *job,
                                  const struct run *run)
{
    const char *keys[JOBS_LIMIT_COUNT + 1];
    const char **list;
    size_t n = 0;

    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (((run->unenforced_set >> i) & 1u) && limits_asked(job, i))
            keys[n++] = jobs_limit_table[i].key;
    if (run->no_cgroup_view && job->cgroup_view)
        keys[n++] = "cgroup-view";
    if (n == 0)
        return NULL;
    list = memcpy(arena_alloc(arena, (n + 1) * sizeof(*list)), keys, n * sizeof(*keys));
    list[n] = NULL;
    return list;
}

static const char *hide(const struct run *run, struct arena *arena, const char *text)
{
    cleanup_free char *safe = redact_string(run->redact, text, true);

    return safe != NULL ? arena_strdup(arena, safe) : text;
}

/* What the job file says may have a secret too; what results are named by has none
 * (prepare/secrets.c). */
static void hide_secrets(const struct run *run, struct arena *arena, struct reports_result *r)
{
    const char **tags;
    size_t n = 0;

    r->description = hide(run, arena, r->description);
    r->evidence = hide(run, arena, r->evidence);
    if (r->message_for_staff != NULL)
        r->message_for_staff = hide(run, arena, r->message_for_staff);
    if (r->message_for_all != NULL)
        r->message_for_all = hide(run, arena, r->message_for_all);
    for (size_t i = 0; i < r->n_cases; i++)
        r->cases[i].evidence = hide(run, arena, r->cases[i].evidence);
    for (size_t i = 0; i < r->n_caches; i++) {
        r->caches[i].key = hide(run, arena, r->caches[i].key);
        r->caches[i].restored = hide(run, arena, r->caches[i].restored);
    }
    while (r->tags != NULL && r->tags[n] != NULL)
        n++;
    if (n == 0)
        return;
    tags = arena_alloc(arena, (n + 1) * sizeof(*tags));
    for (size_t i = 0; i < n; i++)
        tags[i] = hide(run, arena, r->tags[i]);
    tags[n] = NULL;
    r->tags = tags;
}

/* What of a case's points it gives, of REPORTS_SCORE_WHOLE: what its checker says, if there is one
 * that says anything. A score is at most the case's points (checker.c). */
static uint32_t multiplier_of(const struct jobs_case *c, const struct reports_result *r)
{
    const uint64_t scale = REPORTS_SCORE_SCALE / 1000; /* of a thousandth of a point */
    unsigned __int128 part;

    if (r->has_multiplier)
        return (uint32_t)((unsigned __int128)r->multiplier * REPORTS_SCORE_WHOLE /
                          REPORTS_SCORE_SCALE);
    if (!r->has_score || c->points == 0)
        return REPORTS_SCORE_WHOLE;
    part = (unsigned __int128)r->score * REPORTS_SCORE_WHOLE / scale / c->points;
    return part < REPORTS_SCORE_WHOLE ? (uint32_t)part : REPORTS_SCORE_WHOLE;
}

/* What it is besides a job, where it is a case. */
static const struct reports_judged_case *case_of(struct arena *arena, const struct instance *in,
                                                 const struct reports_result *r)
{
    const struct jobs_case *c = in->service == NULL ? in->job->of_case : NULL;
    struct reports_judged_case *of;

    if (c == NULL)
        return NULL;
    of = arena_alloc(arena, sizeof(*of));
    *of = (struct reports_judged_case){.name = c->name,
                                       .hint = c->hint,
                                       .shown = jobs_visibility_name(c->shown),
                                       .number = (size_t)(in->job - in->plan->jobs) -
                                                 in->plan->judged[c->judged].first + 1,
                                       .points = c->points,
                                       .multiplier = multiplier_of(c, r)};
    if (c->group != 0)
        of->group = in->plan->judged[c->judged].groups[c->group].name;
    return of;
}

/* The layer over the host's files says nothing of them. */
const char *results_root_digest(const struct cache_root *root, enum jobs_root_kind kind,
                                struct arena *arena)
{
    if (root->n_layers == 0 || kind == JOBS_ROOT_HOST)
        return NULL;
    if (root->digest[0] != '\0')
        return arena_printf(arena, "sha256:%s", root->digest);
    return root->key[0][0] != '\0' ? arena_strdup(arena, root->key[0]) : NULL;
}

void results_describe(const struct run *run, const struct instance *in, struct arena *arena,
                      struct reports_result *r)
{
    r->id = in->id;
    r->job = in->job->name;
    r->suite = in->plan->name;
    r->file = in->plan->file;
    r->line = (unsigned)in->job->own_line;
    r->root_digest =
        run->roots != NULL
            ? results_root_digest(&run->roots[in->root], in->plan->roots[in->job->root].kind, arena)
            : NULL;
    r->description = in->job->description;
    r->harmless = verdict_is_allowed(in->job, r->verdict, r->exit);
    r->tags = in->job->tags;
    r->of_case = case_of(arena, in, r);
    r->unenforced = unenforced_of(arena, in->job, run);
    r->limits = limits_of(arena, &in->job->limits, run->unenforced_set, &r->n_limits);
    for (size_t i = 0; i < r->n_cases; i++) {
        r->cases[i].name = in->job->has_steps ? in->job->steps[i].name : NULL;
        r->cases[i].line = (unsigned)in->job->steps[i].own_line;
        r->cases[i].id = in->step_ids != NULL ? in->step_ids[i] : NULL;
    }
    if (r->n_caches > in->job->n_caches)
        r->n_caches = in->job->n_caches;
    for (size_t i = 0; i < r->n_caches; i++)
        r->caches[i].key = in->job->caches[i].key;
    if (run->redact != NULL)
        hide_secrets(run, arena, r);
}

struct reports_result *results_unrun(const struct run *run, const struct instance *in,
                                     enum reports_verdict verdict, const char *evidence,
                                     struct arena **ret_arena)
{
    struct arena *arena = arena_new();
    struct reports_result *r = arena_alloc(arena, sizeof(*r));

    *r = (struct reports_result){.verdict = verdict, .exit = -1, .n_cases = in->job->n_steps};
    r->evidence = arena_strdup(arena, evidence);
    r->cases = arena_alloc(arena, r->n_cases * sizeof(*r->cases));
    for (size_t i = 0; i < r->n_cases; i++)
        r->cases[i] =
            (struct reports_case){.verdict = verdict, .evidence = r->evidence, .exit = -1};
    results_describe(run, in, arena, r);
    *ret_arena = arena;
    return r;
}

/* ---- attempts ---- */

void results_follow(struct reports_result *r, const struct reports_result *before,
                    struct arena *arena)
{
    const struct reports_result **list =
        arena_alloc(arena, (before->n_previous + 1) * sizeof(*list));

    for (size_t i = 0; i < before->n_previous; i++)
        list[i] = before->previous[i];
    list[before->n_previous] = before;
    r->n_previous = before->n_previous + 1;
    r->previous = list;
    r->attempts += before->attempts;
}

void results_add_note(struct reports_result *r, struct arena *arena, const char *note)
{
    const char **notes;
    size_t n = 0;

    while (r->notes != NULL && r->notes[n] != NULL)
        n++;
    notes = arena_alloc(arena, (n + 2) * sizeof(*notes));
    for (size_t i = 0; i < n; i++)
        notes[i] = r->notes[i];
    notes[n] = arena_strdup(arena, note);
    notes[n + 1] = NULL;
    r->notes = notes;
}

/* ---- what stays until the end ---- */

#define NAMES_KEPT_BYTES ((size_t)16 << 10)

void results_shorten(struct reports_result *r, struct arena *arena)
{
    const char **list = r->artifacts;
    const struct reports_file *files = r->files;
    size_t n = 0, all = 0, bytes = 0;

    for (; list != NULL && list[all] != NULL; all++) {
        bytes += strlen(list[all]) + 1;
        n += bytes <= NAMES_KEPT_BYTES;
    }
    if (all == 0)
        return;
    r->artifacts = arena_alloc(arena, (n + 1) * sizeof(*list));
    for (size_t i = 0; i < n; i++)
        r->artifacts[i] = arena_strdup(arena, list[i]);
    r->artifacts_left_out = all - n;
    r->files = NULL;
    if (files != NULL && n > 0)
        r->files = memcpy(arena_alloc(arena, n * sizeof(*files)), files, n * sizeof(*files));
}

static const char *keep_text(struct arena *arena, const char *s)
{
    return s == NULL ? NULL : s[0] == '\0' ? "" : arena_strdup(arena, s);
}

static const char **keep_list(struct arena *arena, const char *const *list)
{
    const char **copy;
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    if (n == 0)
        return NULL;
    copy = arena_alloc(arena, (n + 1) * sizeof(*copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = arena_strdup(arena, list[i]);
    copy[n] = NULL;
    return copy;
}

static struct reports_limit *keep_limits(struct arena *arena, const struct reports_result *r,
                                         const struct reports_result *like)
{
    size_t size = r->n_limits * sizeof(*r->limits);
    struct reports_limit *copy;

    if (size == 0)
        return NULL;
    if (like != NULL && like->n_limits == r->n_limits && memcmp(like->limits, r->limits, size) == 0)
        return like->limits;
    copy = arena_alloc(arena, size);
    memcpy(copy, r->limits, size);
    return copy;
}

static struct reports_case *keep_cases(struct arena *arena, const struct reports_result *r,
                                       const char *evidence)
{
    struct reports_case *copy = arena_alloc(arena, r->n_cases * sizeof(*copy));

    memcpy(copy, r->cases, r->n_cases * sizeof(*copy));
    for (size_t i = 0; i < r->n_cases; i++)
        copy[i].evidence = str_eq(r->cases[i].evidence, r->evidence)
                               ? evidence
                               : keep_text(arena, r->cases[i].evidence);
    return copy;
}

static const struct reports_leak *keep_leaks(struct arena *arena, const struct reports_result *r)
{
    struct reports_leak *copy;

    if (r->n_leaks == 0)
        return NULL;
    copy = arena_alloc(arena, r->n_leaks * sizeof(*copy));
    memcpy(copy, r->leaks, r->n_leaks * sizeof(*copy));
    for (size_t i = 0; i < r->n_leaks; i++)
        copy[i].command = keep_text(arena, r->leaks[i].command);
    return copy;
}

/* The keys too: of a run with secrets they are the result's own (hide_secrets). */
static struct reports_cache *keep_caches(struct arena *arena, const struct reports_result *r)
{
    struct reports_cache *copy;

    if (r->n_caches == 0)
        return NULL;
    copy = arena_alloc(arena, r->n_caches * sizeof(*copy));
    memcpy(copy, r->caches, r->n_caches * sizeof(*copy));
    for (size_t i = 0; i < r->n_caches; i++) {
        copy[i].key = keep_text(arena, r->caches[i].key);
        copy[i].restored = keep_text(arena, r->caches[i].restored);
    }
    return copy;
}

static const struct reports_judged_case *keep_case(struct arena *arena,
                                                   const struct reports_judged_case *of)
{
    struct reports_judged_case *copy;

    if (of == NULL)
        return NULL;
    copy = arena_alloc(arena, sizeof(*copy));
    *copy = *of; /* whose texts are the plan's */
    return copy;
}

struct reports_result *results_keep(const struct reports_result *r, const struct jobs_job *job,
                                    struct arena *arena, const struct reports_result *like)
{
    struct reports_result *copy = arena_alloc(arena, sizeof(*copy));

    *copy = *r;
    copy->timeline = (struct reports_timeline){0};
    copy->of_case = keep_case(arena, r->of_case);
    /* of a run with secrets they are the result's own (hide_secrets) */
    if (r->description != job->description)
        copy->description = keep_text(arena, r->description);
    if (r->tags != job->tags)
        copy->tags = keep_list(arena, (const char *const *)r->tags);
    copy->root_digest = keep_text(arena, r->root_digest);
    copy->evidence = keep_text(arena, r->evidence);
    copy->kept = keep_text(arena, r->kept);
    copy->near_limit = keep_text(arena, r->near_limit);
    copy->message_for_staff = keep_text(arena, r->message_for_staff);
    copy->message_for_all = keep_text(arena, r->message_for_all);
    copy->stdout_log = keep_text(arena, r->stdout_log);
    copy->stderr_log = keep_text(arena, r->stderr_log);
    copy->merged_log = keep_text(arena, r->merged_log);
    copy->limits = keep_limits(arena, r, like);
    copy->cases = keep_cases(arena, r, copy->evidence);
    copy->leaks = keep_leaks(arena, r);
    copy->caches = keep_caches(arena, r);
    copy->unenforced = keep_list(arena, r->unenforced);
    if (r->tests != NULL) {
        copy->tests = arena_alloc(arena, sizeof(*copy->tests));
        *copy->tests = *r->tests;
        copy->tests->data = NULL;
    }
    copy->notes = keep_list(arena, r->notes);
    results_shorten(copy, arena);
    return copy;
}

/* ---- logs ---- */

void results_name_logs(const struct instance *in, bool has_stdout, bool has_stderr, const char *dir,
                       struct arena *arena, struct reports_result *r)
{
    char name[REPORTS_FILE_NAME_SIZE];

    reports_file_name(in->log_name, name, sizeof(name));
    r->stdout_log = has_stdout ? arena_printf(arena, "%s/%s.stdout", dir, name) : NULL;
    r->stderr_log = has_stderr ? arena_printf(arena, "%s/%s.stderr", dir, name) : NULL;
    r->merged_log = has_stdout || has_stderr ? arena_printf(arena, "%s/%s.log", dir, name) : NULL;
}

int results_keep_logs(const struct run *run, const struct instance *in, struct arena *arena,
                      struct reports_result *r, struct cupel_error *err)
{
    char dir[32];
    int result = reports_out_keep_logs(run->out, in->log_name, r->attempts, err);

    if (result < 0)
        return result;
    (void)snprintf(dir, sizeof(dir), "logs/attempt-%u", r->attempts);
    results_name_logs(in, r->stdout_log != NULL, r->stderr_log != NULL, dir, arena, r);
    return 0;
}

void results_forget_earlier(const struct run *run, const struct instance *in)
{
    reports_out_forget(run->out, in->log_name);
}
