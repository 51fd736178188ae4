/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_run: lays out the scene, runs one lane of jobs after the other through the supervisor,
 * lets each be judged, and reports. */
#include "base/weaken.h"
#include "harness/prepare/prepare.h"
#include "harness/run/run_options.h"
#include "harness/selftest/selftest_private.h"
#include "harness/supervisor/supervisor.h"
#include "reports/reports.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>

#define HOLD_BASE_MS 500
#define HOLD_EACH_MS 100
#define HOLD_AGAIN_MS 20000
#define NEIGHBOUR_SLOTS 2 /* the neighbour has one to itself */

/* ---- which ---- */

static int select_probes(const struct selftest_options *o, bool *selected, struct cupel_error *err)
{
    for (size_t i = 0; i < probe_count; i++)
        selected[i] = o->n_only == 0;
    for (size_t g = 0; g < o->n_only; g++) {
        bool any = false;

        for (size_t i = 0; i < probe_count; i++)
            if (fnmatch(o->only[g], probe_table[i].name, 0) == 0)
                any = selected[i] = true;
        if (!any) {
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "no probe matches '%s'", o->only[g]);
            cupel_error_hint(err, "`cupel selftest --list` shows their names");
            return -EINVAL;
        }
    }
    return 0;
}

static bool has_any(const struct selftest_scene *s, enum lane lane)
{
    for (size_t i = 0; i < probe_count; i++)
        if (s->selected[i] && probe_table[i].lane == lane)
            return true;
    return false;
}

static void fail_lane(struct selftest_scene *s, enum lane lane, const struct cupel_error *err)
{
    for (size_t i = 0; i < probe_count; i++)
        if (s->selected[i] && probe_table[i].lane == lane)
            verdict_set(&s->verdicts[i], OUTCOME_FAILED, "%s", err->message);
}

/* ---- a lane ---- */

/* Runs a lane's jobs; what cupel prints goes to a file meanwhile, since it is judged too. */
static int run_plan(struct selftest_scene *s, enum lane lane, const struct jobs_plan *plan,
                    unsigned slots, const char *console, struct cupel_error *err)
{
    cleanup_free bool *selected = xcalloc(plan->n_jobs, sizeof(*selected));
    struct jobs_plan *plans[] = {(struct jobs_plan *)(uintptr_t)plan};
    bool *const selections[] = {selected};
    struct run_options o = {.plans = plans,
                            .selected = selections,
                            .n_plans = 1,
                            .slots = slots,
                            .has_slots = true,
                            .out = s->out,
                            .retries = -1,
                            /* what looks for another job has to run beside it */
                            .overcommit = true,
                            .run_memory = lane == LANE_AROUND ? AROUND_MEMORY : 0,
                            /* what cannot be held is a result, see judge.c */
                            .best_effort = true,
                            .allow_host_network = weakened("network")};
    cleanup_close int screen = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3),
                      to = open(console, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int code = 0, r;

    if (screen < 0 || to < 0 || dup2(to, STDERR_FILENO) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot write %s", console);
    memset(selected, true, plan->n_jobs * sizeof(*selected));
    r = supervisor_run(&o, &code, err);
    (void)fflush(stderr);
    (void)dup2(screen, STDERR_FILENO);
    s->interrupted = r == 0 && code == EXIT_INTERRUPTED;
    return r;
}

/* Says whether a line is about the run as a whole. */
static bool is_of_run(const json_t *line)
{
    const char *type = json_string_value(json_object_get(line, "type"));

    return type != NULL && str_eq(type, "run");
}

static int read_results(struct selftest_scene *s, struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("%s/results.jsonl", s->out), *text = NULL;
    size_t len;
    int r = file_read_at(AT_FDCWD, path, (size_t)64 << 20, &text, &len);

    json_decref(s->results);
    s->results = json_object();
    s->bad_lines = 0;
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read %s", path);
    for (char *line = text, *rest; *line != '\0'; line = rest) {
        json_t *object;

        rest = line + strcspn(line, "\n");
        object = json_loadb(line, (size_t)(rest - line), JSON_REJECT_DUPLICATES, NULL);
        rest += *rest == '\n';
        if (line == text && is_of_run(object)) {
            json_decref(object);
            continue;
        }
        if (object == NULL ||
            json_object_get(s->results, json_string_value(json_object_get(object, "id"))) != NULL)
            s->bad_lines++;
        else
            (void)json_object_set(s->results, json_string_value(json_object_get(object, "id")),
                                  object);
        json_decref(object);
    }
    return 0;
}

static int run_lane(struct selftest_scene *s, enum lane lane, struct cupel_error *err)
{
    cleanup_free char *file = xasprintf("%s/lane-%d.yaml", s->dir, (int)lane);
    cleanup_free char *console = xasprintf("%s/console-%d", s->dir, (int)lane);
    cleanup_strbuf struct strbuf yaml = {0}, problems = {0};
    struct jobs_plan *plan = NULL;
    /* around a job, memory is to run out by its own doing, and at a time when it has begun */
    unsigned slots = lane == LANE_SEQUENCE || lane == LANE_AROUND ? 1 : s->options->slots;
    int r;

    if (lane == LANE_NEIGHBOUR && slots < NEIGHBOUR_SLOTS)
        slots = NEIGHBOUR_SLOTS;
    free(s->out);
    s->out = xasprintf("%s/shared/out-%d", s->dir, (int)lane); /* within an input of all jobs */
    plan_write(s, lane, &yaml);
    r = file_write_atomic_at(AT_FDCWD, file, yaml.data, yaml.len, 0600);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write %s", file);
    r = lane == LANE_ALONE ? planted_lay(s) : 0;
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot lay out %s", s->out);
    r = jobs_load(file, &plan, &problems, err);
    if (r < 0) {
        err->kind = CUPEL_ERROR_HARNESS;
        cupel_error_prefix(err, "the self-test's own job file: %s",
                           problems.data != NULL ? problems.data : "");
        return r;
    }
    scene_be_odd(s);
    r = run_plan(s, lane, plan, slots, console, err);
    scene_be_normal(s);
    jobs_plan_free(plan);
    free(s->console);
    s->console = NULL;
    s->console_len = 0;
    (void)file_read_at(AT_FDCWD, console, (size_t)16 << 20, &s->console, &s->console_len);
    return r < 0 ? r : read_results(s, err);
}

/* Chooses for how long the neighbour holds what it has: as those that look for it take, several
 * times over. */
static void choose_hold(struct selftest_scene *s)
{
    s->hold_ms = HOLD_BASE_MS;
    for (size_t i = 0; i < probe_count; i++)
        if (s->selected[i] && probe_table[i].lane == LANE_NEIGHBOUR)
            s->hold_ms += HOLD_EACH_MS;
}

static void do_lane(struct selftest_scene *s, enum lane lane)
{
    struct cupel_error err = {0};

    if (!has_any(s, lane) && (lane != LANE_ALONE || !has_any(s, LANE_AFTER)))
        return;
    if (run_lane(s, lane, &err) < 0 || s->interrupted) {
        if (s->interrupted)
            (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, 0, "interrupted");
        fail_lane(s, lane, &err);
        return;
    }
    s->missed = false;
    judge_lane(s, lane);
    if (s->missed && s->hold_ms < HOLD_AGAIN_MS) {
        s->hold_ms = HOLD_AGAIN_MS; /* a slow machine */
        do_lane(s, lane);
    }
}

/* ---- before and after ---- */

static char *own_mounts(void)
{
    cleanup_close int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    size_t len;

    return fd >= 0 && file_read_fd(fd, (size_t)16 << 20, &text, &len) == 0 ? text : xstrdup("");
}

static void do_after(struct selftest_scene *s, const char *mounts)
{
    cleanup_free char *now = own_mounts();
    const char *cache = getenv("CUPEL_CACHE");
    /* "/cupel/": in a store where it usually is */
    const char *places[] = {s->dir, "/cupel/", cache != NULL && *cache == '/' ? cache : NULL, NULL};
    struct cupel_error err;

    if (!has_any(s, LANE_AFTER))
        return;
    free(s->mount_left);
    s->mount_left = mounts_left(mounts, now, places);
    if (prepare_recover(&s->runs_left, &err) < 0)
        fail_lane(s, LANE_AFTER, &err);
    else
        judge_lane(s, LANE_AFTER);
}

/* A wall taken away that is the whole sandbox: only for probes that name it. */
static void run_unboxed(struct selftest_scene *s)
{
    for (size_t i = 0; i < probe_count; i++)
        if (s->selected[i] && str_eq(probe_table[i].weaken, "sandbox"))
            judge_unboxed(s, &probe_table[i]);
}

static void run_all(struct selftest_scene *s)
{
    cleanup_free char *mounts = own_mounts();
    uint64_t started = clock_monotonic_ns();

    for (size_t i = 0; i < probe_count; i++)
        verdict_set(&s->verdicts[i], OUTCOME_FAILED, "not run");
    choose_hold(s);
    if (weakened("sandbox"))
        run_unboxed(s);
    else
        for (enum lane lane = 0; lane < LANE_AFTER && !s->interrupted; lane++)
            do_lane(s, lane);
    if (!s->interrupted)
        do_after(s, mounts);
    s->wall_ns = clock_monotonic_ns() - started;
}

/* Removes what others left, which is not ours to answer for. */
static void recover(void)
{
    struct cupel_error err;
    size_t removed;

    if (prepare_recover(&removed, &err) < 0 || selftest_recover(&removed, &err) < 0)
        log_warning("%s", err.message);
}

static void close_out(struct reports_out **out)
{
    reports_out_close(*out);
}

int selftest_run(const struct selftest_options *options, int *ret_exit, struct cupel_error *err)
{
    cleanup_free bool *selected = xcalloc(probe_count, sizeof(*selected));
    _cleanup_(close_out) struct reports_out *out = NULL;
    struct selftest_scene s;
    int r = select_probes(options, selected, err);

    if (r == 0 &&
        options->out != NULL) /* first: what is wrong with it is said before minutes of work */
        r = reports_out_open(options->out, &out, err);
    if (r == 0)
        recover();
    if (r == 0)
        r = scene_open(&s, options, err);
    if (r < 0)
        return r;
    s.selected = selected;
    s.verdicts = xcalloc(probe_count, sizeof(*s.verdicts));
    run_all(&s);
    if (options->json)
        r = print_json(&s);
    else
        print_table(&s);
    if (r < 0)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write to standard output");
    if (r == 0 && options->out != NULL)
        r = report_write(&s, out, err);
    *ret_exit = s.interrupted ? EXIT_INTERRUPTED : report_exit(&s);
    scene_close(&s);
    return r;
}
