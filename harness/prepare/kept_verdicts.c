/* SPDX-License-Identifier: Apache-2.0 */
/* kept_verdicts: see kept_verdicts.h and prepare.h. A verdict is kept as soon as it is final and it
 * is known that what the job has read was, up to then, what its key was made of: so one that is
 * there is good, whatever became of the run that left it. To know that takes a look at all of it;
 * where that takes long, several verdicts wait for one look. Not responsible for what a key is made
 * of (verdict_keys.c), nor for how a result becomes bytes (reports/result_record.h). */
#include "harness/prepare/kept_verdicts.h"

#include "harness/attempt/results.h"
#include "harness/prepare/verdict_keys.h"
#include "harness/run/instances.h"
#include "reports/result_record.h"

#include <string.h>

/* Of the time, so much goes into looking at most. */
#define LOOKING_SHARE 20
/* Bytes that wait. */
#define WAITING_MAX ((size_t)8 << 20)
#define NO_LOG UINT64_MAX

/* A verdict that waits for a look. */
struct waiting_verdict {
    size_t instance;
    enum reports_verdict verdict;
    time_t ended;
    char *record;
    size_t n;
};

struct kept_verdicts {
    struct verdict_keys *keys;
    const char **key; /* by instance; NULL: nothing is kept of it */
    struct waiting_verdict *waiting;
    size_t n, room, bytes;
    uint64_t looked_ns, look_took_ns;
    size_t n_changed; /* that were not kept, since what they depend on has changed */
    bool failed;      /* which was said: no further one is kept */
};

/* ---- which ---- */

/* Whether all that a job has left is its verdict, and what a record has. */
static bool leaves_verdict_only(const struct jobs_job *job)
{
    return job->artifacts.paths.patterns == NULL && !jobs_leaves_tests(job);
}

static void mark_wanted(const struct run *run, bool *wanted)
{
    for (size_t i = 0; i < run->n_instances; i++) {
        const struct jobs_job *job = run->instances[i].job;

        if (job->of_case == NULL && job->role != JOBS_ROLE_COMPILE)
            continue;
        for (size_t at = i; at != INSTANCE_NONE && !wanted[at]; at = run->instances[at].from)
            wanted[at] = true;
    }
    for (size_t i = 0; i < run->n_instances; i++)
        wanted[i] &= leaves_verdict_only(run->instances[i].job);
}

bool kept_verdicts_has(const struct run *run, size_t instance)
{
    return run->verdicts != NULL && run->verdicts->key[instance] != NULL;
}

/* ---- finding ---- */

/* Reads the part of a record that is the result. */
static int read_result(const char *record, size_t n, struct arena *arena,
                       struct reports_result *ret, const char **ret_logs)
{
    uint64_t size;
    int r;

    if (n < sizeof(size))
        return -EBADMSG;
    memcpy(&size, record, sizeof(size));
    if (size > n - sizeof(size))
        return -EBADMSG;
    r = reports_record_read(record + sizeof(size), size, arena, ret);
    *ret_logs = record + sizeof(size) + size;
    return r;
}

/* Whether a checker has given no more than the case has by now: of one that does, the checker is at
 * fault, and to find that out it is asked again. */
static bool is_worth_it(const struct jobs_job *job, const struct reports_result *r)
{
    return job->of_case == NULL || !r->has_score ||
           r->score <= job->of_case->points * (REPORTS_SCORE_SCALE / 1000);
}

static bool fits(const struct jobs_job *job, const struct reports_result *r)
{
    bool does =
        r->n_cases == job->n_steps && reports_verdict_is_fair(r->verdict) && is_worth_it(job, r);

    for (size_t i = 0; i < r->n_previous; i++)
        does &= r->previous[i]->n_cases == job->n_steps;
    return does;
}

static void find_one(struct prepared *p, size_t instance)
{
    struct run_cached *c = &p->run.cached[instance];
    const struct jobs_job *job = p->run.instances[instance].job;
    struct arena *arena;
    struct reports_result r;
    struct cache_verdict v;
    cleanup_free char *record = NULL;
    const char *logs;
    size_t n;

    if (!cache_verdict_find(p->cache, p->run.verdicts->key[instance], &v, &record, &n))
        return;
    arena = arena_new();
    c->found = read_result(record, n, arena, &r, &logs) == 0 && fits(job, &r);
    if (c->found) {
        c->verdict = r.verdict;
        c->exit = r.exit;
        c->before.run = steal_ptr(v.run);
        c->before.ended = v.ended;
    }
    arena_free(arena);
    cache_verdict_release(&v);
}

static int make_keys(struct prepared *p, const bool *wanted, struct cupel_error *err)
{
    struct kept_verdicts *v = p->run.verdicts;

    for (size_t i = 0; i < p->run.n_instances; i++) {
        if (wanted[i] && verdict_keys_find(v->keys, p, i, &v->key[i]) < 0)
            return cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, 0,
                                   "interrupted before all inputs were read");
    }
    return 0;
}

int kept_verdicts_find(struct prepared *p, const struct run_options *options,
                       struct cupel_error *err)
{
    struct run *run = &p->run;
    cleanup_free bool *wanted = NULL;
    int r;

    if (!options->reuse_verdicts || options->out == NULL || options->repeat > 0)
        return 0;
    wanted = xcalloc(run->n_instances, sizeof(*wanted));
    mark_wanted(run, wanted);
    run->verdicts = xcalloc(1, sizeof(*run->verdicts));
    run->verdicts->key = xcalloc(run->n_instances, sizeof(*run->verdicts->key));
    run->verdicts->keys = verdict_keys_new(run);
    run->cached = xcalloc(run->n_instances, sizeof(*run->cached));
    r = make_keys(p, wanted, err);
    for (size_t i = 0; r == 0 && !options->no_cache && i < run->n_instances; i++)
        if (run->verdicts->key[i] != NULL)
            find_one(p, i);
    cache_verdicts_hold(p->cache); /* what is not run, since it was found, has to be there then */
    return r;
}

/* ---- reporting what was found ---- */

/* Takes the logs out of what follows the result. */
static int read_logs(const char *at, const char *end, struct reports_logs *ret)
{
    for (size_t i = 0; i < REPORTS_LOGS_KEPT; i++) {
        uint64_t n;

        if ((size_t)(end - at) < sizeof(n))
            return -EBADMSG;
        memcpy(&n, at, sizeof(n));
        at += sizeof(n);
        if (n == NO_LOG)
            continue;
        if (n > (size_t)(end - at))
            return -EBADMSG;
        ret->len[i] = n;
        ret->data[i] = xmalloc(n + 1);
        memcpy(ret->data[i], at, n);
        at += n;
    }
    return at == end ? 0 : -EBADMSG;
}

int kept_verdicts_restore(struct prepared *p, size_t instance, struct arena *arena,
                          struct reports_result *ret, struct cupel_error *err)
{
    const struct instance *in = &p->run.instances[instance];
    struct reports_logs logs = {.data = {NULL}};
    cleanup_free char *record = NULL;
    struct cache_verdict v;
    const char *at;
    size_t n;
    int r;

    if (!cache_verdict_find(p->cache, p->run.verdicts->key[instance], &v, &record, &n))
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOENT,
                               "the verdict that was kept of '%s' is gone from the root cache",
                               in->id);
    cache_verdict_release(&v);
    r = read_result(record, n, arena, ret, &at);
    if (r == 0)
        r = fits(in->job, ret) ? read_logs(at, record + n, &logs) : -EBADMSG;
    if (r < 0)
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                              "the verdict that was kept of '%s' cannot be read", in->id);
    else
        r = reports_out_put_logs(p->run.out, in->log_name, &logs, err);
    if (r == 0)
        results_name_logs(in, logs.data[REPORTS_LOG_STDOUT] != NULL,
                          logs.data[REPORTS_LOG_STDERR] != NULL, "logs", arena, ret);
    reports_logs_free(&logs);
    return r;
}

/* ---- keeping ---- */

/* What depends on others or on the harness is decided anew. */
static bool is_worth_keeping(const struct reports_result *r)
{
    return reports_verdict_is_fair(r->verdict) && r->verdict != REPORTS_NOT_RUN &&
           r->cached_run == NULL && !r->repeated && r->attempts > 0;
}

/* Writes down a result with its logs; false where that is too much. */
static bool describe(const struct run *run, size_t instance, const struct reports_result *r,
                     struct strbuf *to)
{
    const struct instance *in = &run->instances[instance];
    struct reports_logs logs = {.data = {NULL}};
    uint64_t size = 0;

    if (reports_out_read_logs(run->out, in->log_name, r,
                              in->job->checker != NULL && in->job->checker->transcript > 0,
                              CACHE_VERDICT_MAX, &logs) < 0)
        return false;
    strbuf_add(to, &size, sizeof(size));
    reports_record_add(to, r);
    size = to->len - sizeof(size);
    memcpy(to->data, &size, sizeof(size));
    for (size_t i = 0; i < REPORTS_LOGS_KEPT; i++) {
        uint64_t n = logs.data[i] != NULL ? logs.len[i] : NO_LOG;

        strbuf_add(to, &n, sizeof(n));
        strbuf_add(to, logs.data[i] != NULL ? logs.data[i] : "", logs.len[i]);
    }
    reports_logs_free(&logs);
    return to->len <= CACHE_VERDICT_MAX;
}

static void keep_one(struct prepared *p, const struct waiting_verdict *w)
{
    struct kept_verdicts *v = p->run.verdicts;
    const struct instance *in = &p->run.instances[w->instance];
    struct cache_verdict verdict = {.job = (char *)(uintptr_t)in->id,
                                    .file = (char *)(uintptr_t)in->plan->file,
                                    .run = (char *)(uintptr_t)p->run.id,
                                    .verdict = (char *)(uintptr_t)reports_verdict_name(w->verdict),
                                    .ended = w->ended};
    struct cupel_error err;

    (void)snprintf(verdict.key, sizeof(verdict.key), "%s", v->key[w->instance]);
    if (cache_verdict_keep(p->cache, &verdict, w->record, w->n, &err) == 0)
        return;
    log_warning("%s", err.message);
    v->failed = true;
}

static void look(struct prepared *p, bool *ret_good)
{
    struct kept_verdicts *v = p->run.verdicts;
    uint64_t began_ns = clock_monotonic_ns();

    verdict_keys_look_again(v->keys);
    for (size_t i = 0; i < v->n; i++)
        ret_good[i] = verdict_keys_still_hold(v->keys, p, v->waiting[i].instance);
    v->looked_ns = clock_monotonic_ns();
    v->look_took_ns = v->looked_ns - began_ns;
}

void kept_verdicts_settle(struct prepared *p, bool now)
{
    struct kept_verdicts *v = p->run.verdicts;
    cleanup_free bool *good = NULL;

    if (v == NULL || v->n == 0 ||
        (!now && v->bytes < WAITING_MAX &&
         clock_monotonic_ns() - v->looked_ns < LOOKING_SHARE * v->look_took_ns))
        return;
    good = xcalloc(v->n, sizeof(*good));
    look(p, good);
    for (size_t i = 0; i < v->n; i++) {
        if (good[i] && !v->failed)
            keep_one(p, &v->waiting[i]);
        v->n_changed += !good[i];
        free(v->waiting[i].record);
    }
    v->n = 0;
    v->bytes = 0;
}

void kept_verdicts_add(struct prepared *p, size_t instance, const struct reports_result *r)
{
    struct kept_verdicts *v = p->run.verdicts;
    struct strbuf record = {0};

    if (!kept_verdicts_has(&p->run, instance) || v->failed || !is_worth_keeping(r))
        return;
    if (!describe(&p->run, instance, r, &record)) {
        strbuf_free(&record);
        return;
    }
    if (v->n == v->room) {
        v->room = 2 * v->room + 16;
        v->waiting = xrealloc(v->waiting, v->room * sizeof(*v->waiting));
    }
    v->waiting[v->n++] = (struct waiting_verdict){.instance = instance,
                                                  .verdict = r->verdict,
                                                  .ended = time(NULL),
                                                  .record = record.data,
                                                  .n = record.len};
    v->bytes += record.len;
    kept_verdicts_settle(p, false);
}

void kept_verdicts_end(struct prepared *p)
{
    struct kept_verdicts *v = p->run.verdicts;

    kept_verdicts_settle(p, true);
    if (v != NULL && v->n_changed > 0)
        log_warning("%zu verdict%s not kept for later runs: an input changed while the run went on",
                    v->n_changed, v->n_changed == 1 ? " is" : "s are");
}

void kept_verdicts_free(struct run *run)
{
    struct kept_verdicts *v = run->verdicts;

    if (v == NULL)
        return;
    for (size_t i = 0; i < v->n; i++)
        free(v->waiting[i].record);
    verdict_keys_free(v->keys);
    free(v->waiting);
    free(v->key);
    free(v);
    run->verdicts = NULL;
}
