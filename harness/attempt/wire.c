/* SPDX-License-Identifier: Apache-2.0 */
/* wire: an attempt's result as bytes, from a slot to the supervisor over a stream socket. Both ends
 * are the same program, and no job ever holds this socket; but the slot is nearer to the jobs, so
 * the supervisor believes nothing: what does not add up is refused as a whole. Fixed structures
 * first, then the strings. */
#include "harness/attempt/wire.h"
#include "harness/attempt/artifacts.h"
#include "harness/attempt/attempt.h"
#include "harness/attempt/facts.h"

#include <string.h>
#include <sys/socket.h>

struct wire_head {
    uint32_t size; /* of everything */
    uint32_t instance;
    uint32_t verdict;
    int32_t exit;
    int32_t signal;
    int32_t not_executed;
    uint32_t n_cases;
    uint32_t n_notes;
    uint32_t n_artifacts;
    uint32_t has_files; /* what is known of each */
    uint32_t n_leaks;
    uint32_t leaks_in_all;
    uint32_t leaks_cut;
    uint32_t has_stdout, has_stderr;
    uint32_t has_near_limit;
    uint32_t has_kept;
    uint32_t has_staff, has_all; /* messages */
    uint32_t has_score, has_multiplier;
    uint64_t score, multiplier;
    uint32_t has_coverage, coverage_milli;
    uint32_t n_caches;
    uint32_t has_tests;
    uint32_t tests_files, tests_length;
    uint64_t tests_all[REPORTS_TEST_OUTCOME_COUNT];
    uint64_t tests_flaky;
    uint32_t n_points;
    uint32_t point_columns; /* bits: CPU, memory, pids */
    uint64_t point_interval_ns;
    struct timespec started;
    struct reports_usage usage;
};

struct wire_case {
    uint32_t verdict;
    int32_t exit;
    int32_t signal;
    uint64_t wall_ns;
    uint64_t stdout_from, stdout_to, stderr_from, stderr_to;
};

struct wire_cache {
    uint32_t hit, saved, has_restored;
};

/* A bool of the other side's is no bool here. */
struct wire_file {
    uint64_t size;
    uint32_t has_size, has_sha256;
    unsigned char sha256[32];
};

/* ---- facts to figures ---- */

static const struct {
    enum cgroup_figure from;
    enum reports_figure to;
} figure_table[] = {
    {CGROUP_CPU_NS, REPORTS_CPU_SECONDS},
    {CGROUP_USER_NS, REPORTS_USER_SECONDS},
    {CGROUP_SYSTEM_NS, REPORTS_SYSTEM_SECONDS},
    {CGROUP_THROTTLED_NS, REPORTS_THROTTLED_SECONDS},
    {CGROUP_THROTTLED_PERIODS, REPORTS_THROTTLED_PERIODS},
    {CGROUP_MEMORY_PEAK_BYTES, REPORTS_MEMORY_PEAK_BYTES},
    {CGROUP_OOM_KILLS, REPORTS_OOM_KILLS},
    {CGROUP_PIDS_PEAK, REPORTS_PIDS_PEAK},
    {CGROUP_PIDS_REFUSED, REPORTS_PIDS_REFUSED},
    {CGROUP_READ_BYTES, REPORTS_READ_BYTES},
    {CGROUP_WRITTEN_BYTES, REPORTS_WRITTEN_BYTES},
    {CGROUP_READ_OPERATIONS, REPORTS_READ_OPERATIONS},
    {CGROUP_WRITE_OPERATIONS, REPORTS_WRITE_OPERATIONS},
    {CGROUP_CPU_PRESSURE_NS, REPORTS_CPU_PRESSURE_SECONDS},
    {CGROUP_MEMORY_PRESSURE_NS, REPORTS_MEMORY_PRESSURE_SECONDS},
    {CGROUP_IO_PRESSURE_NS, REPORTS_IO_PRESSURE_SECONDS},
    {CGROUP_RUN_QUEUE_WAIT_NS, REPORTS_RUN_QUEUE_WAIT_SECONDS},
};

static const struct {
    enum pressure_figure from;
    enum reports_figure to;
} machine_table[] = {
    {MACHINE_CPU_PRESSURE_NS, REPORTS_MACHINE_CPU_PRESSURE_SECONDS},
    {MACHINE_MEMORY_PRESSURE_NS, REPORTS_MACHINE_MEMORY_PRESSURE_SECONDS},
    {MACHINE_IO_PRESSURE_NS, REPORTS_MACHINE_IO_PRESSURE_SECONDS},
    {MACHINE_STOLEN_NS, REPORTS_STOLEN_CPU_SECONDS},
};

/* Returns what the machine did meanwhile. */
static void machine_usage_of(const struct attempt_facts *f, struct reports_usage *u)
{
    uint64_t v, own;

    for (size_t i = 0; i < ARRAY_SIZE(machine_table); i++)
        if (pressure_get(&f->machine, machine_table[i].from, &v))
            reports_usage_set(u, machine_table[i].to, v);
    if (pressure_get(&f->machine, MACHINE_BUSY_NS, &v) &&
        cgroup_usage_get(&f->usage, CGROUP_CPU_NS, &own))
        reports_usage_set(u, REPORTS_OTHERS_CPU_SECONDS, v > own ? v - own : 0);
}

static void usage_of(const struct attempt_facts *f, struct reports_usage *u)
{
    *u = (struct reports_usage){0};
    for (size_t i = 0; i < ARRAY_SIZE(figure_table); i++) {
        uint64_t v;

        if (cgroup_usage_get(&f->usage, figure_table[i].from, &v))
            reports_usage_set(u, figure_table[i].to, v);
    }
    if (f->started_ns == 0)
        return;
    if (f->has_run_queue_wait && !reports_usage_has(u, REPORTS_RUN_QUEUE_WAIT_SECONDS))
        reports_usage_set(u, REPORTS_RUN_QUEUE_WAIT_SECONDS, f->run_queue_wait_ns);
    machine_usage_of(f, u);
    reports_usage_set(u, REPORTS_WALL_SECONDS, f->ended_ns - f->started_ns);
    reports_usage_set(u, REPORTS_OUTPUT_BYTES, f->output_bytes);
    if (f->has_instructions)
        reports_usage_set(u, REPORTS_INSTRUCTIONS, f->instructions);
    if (f->has_memory_held)
        reports_usage_set(u, REPORTS_MEMORY_HELD_PEAK_BYTES, f->memory_held_peak);
    if (f->has_memory_anonymous)
        reports_usage_set(u, REPORTS_MEMORY_ANONYMOUS_PEAK_BYTES, f->memory_anonymous_peak);
    if (f->has_max_rss)
        reports_usage_set(u, REPORTS_MAX_RSS_BYTES, f->max_rss);
    if (f->has_major_faults) {
        reports_usage_set(u, REPORTS_MAJOR_FAULTS, f->major_faults);
        reports_usage_set(u, REPORTS_THRASHING_SECONDS, f->thrashing_ns);
    }
    if (f->has_disk) {
        reports_usage_set(u, REPORTS_DISK_PEAK_BYTES, f->disk_peak);
        reports_usage_set(u, REPORTS_INODES_PEAK, f->inodes_peak);
    }
}

/* ---- sending ---- */

/* Adds so much of a text as there is room for, its NUL included; what was cut ends in dots. */
static void wire_add_text(struct strbuf *b, const char *s, size_t max)
{
    size_t n = strnlen(s, max);

    strbuf_add(b, s, n < max ? n : max - 4);
    strbuf_add(b, "...", n < max ? 0 : 3);
    strbuf_add(b, "", 1);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Beyond what there is room for, the last one says how many there were. */
static void add_notes(struct strbuf *b, const struct strings *notes)
{
    size_t n = notes->n > WIRE_NOTES_MAX ? WIRE_NOTES_MAX - 1 : notes->n;

    for (size_t i = 0; i < n; i++)
        wire_add_text(b, notes->items[i], WIRE_NOTE_MAX);
    if (n < notes->n) {
        cleanup_free char *more = xasprintf("%zu more notes are left out here", notes->n - n);

        wire_add_text(b, more, WIRE_NOTE_MAX);
    }
}

/* Counts as many artifacts as the collection lists: see artifacts.c, which keeps to it. */
static uint32_t count_artifacts(const struct strings *list)
{
    size_t n = 0, bytes = 0;

    while (n < list->n && n < ARTIFACTS_LISTED_MAX &&
           strlen(list->items[n]) < artifacts_listed_bytes() - bytes)
        bytes += strlen(list->items[n++]) + 1;
    return (uint32_t)n;
}

static void add_case(struct strbuf *b, const struct attempt_result *r, size_t i)
{
    const struct step_facts *s = &r->facts.steps[i];
    struct wire_case c = {
        .verdict = r->steps[i].verdict,
        .exit = r->steps[i].exit,
        .signal = r->steps[i].signal,
        .wall_ns = s->started ? (s->ended ? s->ended_ns : r->facts.ended_ns) - s->started_ns : 0,
        .stdout_from = s->stdout_from,
        .stdout_to = s->stdout_to,
        .stderr_from = s->stderr_from,
        .stderr_to = s->stderr_to,
    };

    strbuf_add(b, &c, sizeof(c));
}

static void add_cache(struct strbuf *b, const struct reports_cache *cache)
{
    struct wire_cache c = {
        .hit = cache->hit, .saved = cache->saved, .has_restored = cache->restored != NULL};

    strbuf_add(b, &c, sizeof(c));
}

static void add_file(struct strbuf *b, const struct reports_file *file)
{
    struct wire_file f = {
        .size = file->size, .has_size = file->has_size, .has_sha256 = file->has_sha256};

    memcpy(f.sha256, file->sha256, sizeof(f.sha256));
    strbuf_add(b, &f, sizeof(f));
}

static void describe_tests(const struct reports_tests *t, struct wire_head *head)
{
    if (t == NULL)
        return;
    head->has_tests = true;
    head->tests_files = t->files;
    head->tests_length = (uint32_t)t->length;
    head->tests_flaky = t->flaky;
    memcpy(head->tests_all, t->all, sizeof(head->tests_all));
}

int wire_send(int socket, uint32_t instance, const struct attempt_result *result)
{
    cleanup_strbuf struct strbuf b = {0};
    struct wire_head head = {
        .instance = instance,
        .verdict = result->job.verdict,
        .exit = result->job.exit,
        .signal = result->job.signal,
        .not_executed = result->facts.steps[result->facts.n_steps - 1].not_executed,
        .n_cases = (uint32_t)result->facts.n_steps,
        .n_notes = (uint32_t)least(result->notes.n, WIRE_NOTES_MAX),
        .n_artifacts = count_artifacts(&result->artifacts),
        .has_files = result->files != NULL,
        .n_leaks = (uint32_t)least(result->facts.n_leaks, WIRE_LEAKS_MAX),
        .leaks_in_all = result->facts.leaks_in_all,
        .leaks_cut = result->facts.leaks_cut,
        .has_stdout = result->has_stdout,
        .has_stderr = result->has_stderr,
        .has_near_limit = result->near_limit != NULL,
        .has_kept = result->kept != NULL,
        .has_staff = result->checked.for_staff != NULL,
        .has_all = result->checked.for_all != NULL,
        .has_score = result->checked.has_score,
        .has_multiplier = result->checked.has_multiplier,
        .score = result->checked.score,
        .multiplier = result->checked.multiplier,
        .has_coverage = result->has_coverage,
        .coverage_milli = result->coverage_milli,
        .n_caches = (uint32_t)result->n_caches,
        .started = result->facts.started,
    };
    const struct timeline *t = result->facts.timeline;

    usage_of(&result->facts, &head.usage);
    if (t != NULL) {
        head.n_points = (uint32_t)t->n;
        head.point_columns = t->has_cpu * 1u + t->has_memory * 2u + t->has_pids * 4u;
        head.point_interval_ns = t->interval_ns;
    }
    describe_tests(result->tests, &head);
    strbuf_add(&b, &head, sizeof(head));
    for (size_t i = 0; i < result->facts.n_steps; i++)
        add_case(&b, result, i);
    for (size_t i = 0; i < head.n_leaks; i++)
        strbuf_add(&b, &result->facts.leaks[i], sizeof(result->facts.leaks[i]));
    if (t != NULL)
        strbuf_add(&b, (const char *)t->points, t->n * sizeof(t->points[0]));
    for (size_t i = 0; i < result->n_caches; i++)
        add_cache(&b, &result->caches[i]);
    wire_add_text(&b, result->job.evidence, WIRE_TEXT_MAX);
    if (result->near_limit != NULL)
        wire_add_text(&b, result->near_limit, WIRE_TEXT_MAX);
    if (result->kept != NULL)
        wire_add_text(&b, result->kept, WIRE_TEXT_MAX);
    if (result->checked.for_staff != NULL)
        wire_add_text(&b, result->checked.for_staff, REPORTS_MESSAGE_SIZE);
    if (result->checked.for_all != NULL)
        wire_add_text(&b, result->checked.for_all, REPORTS_MESSAGE_SIZE);
    for (size_t i = 0; i < result->facts.n_steps; i++)
        wire_add_text(&b, result->steps[i].evidence, WIRE_TEXT_MAX);
    for (size_t i = 0; i < result->n_caches; i++)
        if (result->caches[i].restored != NULL)
            wire_add_text(&b, result->caches[i].restored, WIRE_TEXT_MAX);
    add_notes(&b, &result->notes);
    for (size_t i = 0; i < head.n_artifacts; i++)
        wire_add_text(&b, result->artifacts.items[i], artifacts_listed_bytes());
    for (size_t i = 0; result->files != NULL && i < head.n_artifacts; i++)
        add_file(&b, &result->files[i]);
    if (result->tests != NULL)
        strbuf_add(&b, result->tests->data != NULL ? result->tests->data : "", head.tests_length);
    head.size = (uint32_t)b.len;
    memcpy(b.data, &head, sizeof(head));
    return file_write_all(socket, b.data, b.len);
}

/* ---- receiving ---- */

static int receive_all(int socket, void *data, size_t n)
{
    char *p = data;

    while (n > 0) {
        ssize_t got = recv(socket, p, n, MSG_WAITALL);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EPIPE;
        p += got;
        n -= (size_t)got;
    }
    return 0;
}

/* What is not yet taken of a message. The first thing that is not there makes everything after it
 * missing too. */
struct parcel {
    const char *at;
    size_t left;
    bool bad;
};

/* n structures of the size, wherever they lie: to be copied out; NULL when they are not all there.
 */
static const char *take_structs(struct parcel *p, size_t n, size_t size)
{
    const char *at = p->at;

    if (p->bad || n > p->left / size) {
        p->bad = true;
        return NULL;
    }
    p->at += n * size;
    p->left -= n * size;
    return at;
}

/* The next NUL-terminated text of at most `max` bytes, copied; "" when there is none. */
static const char *take_text(struct arena *arena, struct parcel *p, size_t max)
{
    const char *s = p->at, *end = p->bad ? NULL : memchr(p->at, '\0', least(p->left, max));

    if (end == NULL) {
        p->bad = true;
        return "";
    }
    p->left -= (size_t)(end + 1 - p->at);
    p->at = end + 1;
    return arena_strndup(arena, s, (size_t)(end - s));
}

static const char **wire_take_list(struct arena *arena, struct parcel *p, size_t n, size_t max)
{
    const char **list;

    if (n > p->left) /* each takes a byte at least */
        p->bad = true;
    if (n == 0 || p->bad)
        return NULL;
    list = arena_alloc(arena, (n + 1) * sizeof(*list));
    for (size_t i = 0; i < n; i++)
        list[i] = take_text(arena, p, max);
    return list;
}

/* Takes what is known of each artifact. */
static void take_files(struct wire_result *r, struct parcel *p, size_t n)
{
    const char *data = take_structs(p, n, sizeof(struct wire_file));
    struct reports_file *files;

    if (data == NULL)
        return;
    files = arena_alloc(r->lists, n * sizeof(*files));
    for (size_t i = 0; i < n; i++) {
        struct wire_file f;

        memcpy(&f, data + i * sizeof(f), sizeof(f));
        files[i] = (struct reports_file){
            .size = f.size, .has_size = f.has_size != 0, .has_sha256 = f.has_sha256 != 0};
        memcpy(files[i].sha256, f.sha256, sizeof(f.sha256));
    }
    r->result.files = files;
}

static void take_artifacts(struct wire_result *r, struct parcel *p, size_t n, bool files)
{
    size_t left = p->left;

    if (n == 0)
        return;
    r->lists = arena_new();
    r->result.artifacts = wire_take_list(r->lists, p, n, artifacts_listed_bytes());
    p->bad |= left - p->left > artifacts_listed_bytes();
    if (files)
        take_files(r, p, n);
}

/* Takes the test cases that the job has reported. */
static void take_tests(struct wire_result *r, struct parcel *p, const struct wire_head *head)
{
    const char *data = head->has_tests ? take_structs(p, head->tests_length, 1) : NULL;
    struct reports_tests *t;

    if (data == NULL)
        return;
    if (r->lists == NULL)
        r->lists = arena_new();
    t = arena_alloc(r->arena, sizeof(*t));
    *t = (struct reports_tests){.flaky = head->tests_flaky,
                                .files = head->tests_files,
                                .data = arena_strndup(r->lists, data, 0),
                                .length = head->tests_length};
    if (t->length > 0)
        t->data = memcpy(arena_alloc(r->lists, t->length), data, t->length);
    memcpy(t->all, head->tests_all, sizeof(t->all));
    p->bad |= reports_tests_check(t) < 0;
    r->result.tests = t;
}

static void take_leaks(struct wire_result *r, struct parcel *p, const struct wire_head *head)
{
    const char *data = take_structs(p, head->n_leaks, sizeof(struct leak));
    struct reports_leak *list;

    if (data == NULL)
        return;
    list = arena_alloc(r->arena, head->n_leaks * sizeof(*list));
    for (size_t i = 0; i < head->n_leaks; i++) {
        struct leak l;

        memcpy(&l, data + i * sizeof(l), sizeof(l));
        list[i] = (struct reports_leak){
            l.pid, l.cpu_ns,
            arena_strndup(r->arena, l.command, strnlen(l.command, sizeof(l.command)))};
    }
    r->result.leaks = list;
    r->result.n_leaks = head->n_leaks;
    r->result.leaks_in_all = head->leaks_in_all;
    r->result.leaks_cut = head->leaks_cut != 0;
}

static void take_points(struct wire_result *r, struct parcel *p, const struct wire_head *head)
{
    const char *data = take_structs(p, head->n_points, sizeof(struct reports_point));
    struct reports_point *points;

    if (data == NULL)
        return;
    points = arena_alloc(r->arena, head->n_points * sizeof(*points));
    memcpy(points, data, head->n_points * sizeof(*points));
    r->result.timeline = (struct reports_timeline){.interval_ns = head->point_interval_ns,
                                                   .points = points,
                                                   .n = head->n_points,
                                                   .has_cpu = head->point_columns & 1u,
                                                   .has_memory = head->point_columns & 2u,
                                                   .has_pids = head->point_columns & 4u};
}

/* Takes the cases without their evidence: the strings come after all structures. */
static void take_cases(struct wire_result *r, struct parcel *p, const struct wire_head *head)
{
    const char *data = take_structs(p, head->n_cases, sizeof(struct wire_case));

    if (data == NULL)
        return;
    r->result.cases = arena_alloc(r->arena, head->n_cases * sizeof(*r->result.cases));
    r->result.n_cases = head->n_cases;
    for (size_t i = 0; i < head->n_cases; i++) {
        struct wire_case c;

        memcpy(&c, data + i * sizeof(c), sizeof(c));
        p->bad |= c.verdict >= REPORTS_VERDICT_COUNT;
        r->result.cases[i] = (struct reports_case){.verdict = (enum reports_verdict)c.verdict,
                                                   .exit = c.exit,
                                                   .signal = c.signal,
                                                   .wall_ns = c.wall_ns,
                                                   .stdout_from = c.stdout_from,
                                                   .stdout_to = c.stdout_to,
                                                   .stderr_from = c.stderr_from,
                                                   .stderr_to = c.stderr_to};
    }
}

/* Takes what became of caches, without the keys that were restored: texts come later. */
static void take_caches(struct wire_result *r, struct parcel *p, size_t n)
{
    const char *data = take_structs(p, n, sizeof(struct wire_cache));

    if (data == NULL || n == 0)
        return;
    r->result.caches = arena_alloc(r->arena, n * sizeof(*r->result.caches));
    r->result.n_caches = n;
    for (size_t i = 0; i < n; i++) {
        struct wire_cache c;

        memcpy(&c, data + i * sizeof(c), sizeof(c));
        p->bad |= c.hit >= REPORTS_HIT_COUNT;
        r->result.caches[i] = (struct reports_cache){.key = "",
                                                     .hit = (enum reports_hit)c.hit,
                                                     .saved = c.saved != 0,
                                                     .restored = c.has_restored != 0 ? "" : NULL};
    }
}

static bool is_within_bounds(const struct wire_head *head)
{
    return head->verdict < REPORTS_VERDICT_COUNT && head->n_cases <= JOBS_STEPS_MAX &&
           head->n_leaks <= WIRE_LEAKS_MAX && head->n_points <= TIMELINE_MAX &&
           head->n_notes <= WIRE_NOTES_MAX && head->n_artifacts <= ARTIFACTS_LISTED_MAX &&
           head->tests_length <= REPORTS_TESTS_LENGTH_MAX && head->coverage_milli <= 100000 &&
           head->n_caches <= JOBS_CACHES_MAX && head->score <= CHECKED_SCORE_MAX &&
           head->multiplier <= REPORTS_SCORE_SCALE;
}

static int unpack(struct wire_result *r, const struct wire_head *head, const char *data)
{
    struct parcel p = {data, head->size - sizeof(*head), !is_within_bounds(head)};

    r->instance = head->instance;
    r->has_stdout = head->has_stdout != 0;
    r->has_stderr = head->has_stderr != 0;
    r->result = (struct reports_result){.verdict = (enum reports_verdict)head->verdict,
                                        .exit = head->exit,
                                        .signal = head->signal,
                                        .not_executed = head->not_executed,
                                        .started = head->started,
                                        .has_coverage = head->has_coverage != 0,
                                        .coverage_milli = head->coverage_milli,
                                        .has_score = head->has_score != 0,
                                        .score = head->score,
                                        .has_multiplier = head->has_multiplier != 0,
                                        .multiplier = head->multiplier,
                                        .usage = head->usage};
    take_cases(r, &p, head);
    take_leaks(r, &p, head);
    take_points(r, &p, head);
    take_caches(r, &p, head->n_caches);
    r->result.evidence = take_text(r->arena, &p, WIRE_TEXT_MAX);
    if (head->has_near_limit)
        r->result.near_limit = take_text(r->arena, &p, WIRE_TEXT_MAX);
    if (head->has_kept)
        r->result.kept = take_text(r->arena, &p, WIRE_TEXT_MAX);
    if (head->has_staff)
        r->result.message_for_staff = take_text(r->arena, &p, REPORTS_MESSAGE_SIZE);
    if (head->has_all)
        r->result.message_for_all = take_text(r->arena, &p, REPORTS_MESSAGE_SIZE);
    for (size_t i = 0; i < r->result.n_cases; i++)
        r->result.cases[i].evidence = take_text(r->arena, &p, WIRE_TEXT_MAX);
    for (size_t i = 0; i < r->result.n_caches; i++)
        if (r->result.caches[i].restored != NULL)
            r->result.caches[i].restored = take_text(r->arena, &p, WIRE_TEXT_MAX);
    r->result.notes = wire_take_list(r->arena, &p, head->n_notes, WIRE_NOTE_MAX);
    take_artifacts(r, &p, head->n_artifacts, head->has_files != 0);
    take_tests(r, &p, head);
    return p.bad || p.left != 0 ? -EBADMSG : 0;
}

/* All of it, at the most. */
#define WIRE_MAX                                                                                   \
    (sizeof(struct wire_head) + JOBS_STEPS_MAX * (sizeof(struct wire_case) + WIRE_TEXT_MAX) +      \
     WIRE_LEAKS_MAX * sizeof(struct leak) + TIMELINE_MAX * sizeof(struct reports_point) +          \
     JOBS_CACHES_MAX * (sizeof(struct wire_cache) + WIRE_TEXT_MAX) + 3 * WIRE_TEXT_MAX +           \
     2 * REPORTS_MESSAGE_SIZE + WIRE_NOTES_MAX * WIRE_NOTE_MAX + artifacts_listed_bytes() +        \
     ARTIFACTS_LISTED_MAX * sizeof(struct wire_file) + REPORTS_TESTS_LENGTH_MAX)

void wire_result_free(struct wire_result *w)
{
    arena_free(w->arena);
    arena_free(w->lists);
    w->arena = w->lists = NULL;
}

int wire_receive(int socket, struct wire_result *ret)
{
    struct wire_head head;
    struct wire_result r = {0};
    cleanup_free char *data = NULL;
    int result = receive_all(socket, &head, sizeof(head));

    if (result < 0)
        return result;
    if (head.size < sizeof(head) || head.size > WIRE_MAX)
        return -EBADMSG;
    r.arena = arena_new();
    data = xmalloc(head.size - sizeof(head) + 1);
    result = receive_all(socket, data, head.size - sizeof(head));
    if (result == 0)
        result = unpack(&r, &head, data);
    if (result < 0) {
        wire_result_free(&r);
        return result;
    }
    *ret = r;
    return 0;
}
