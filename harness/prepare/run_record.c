/* SPDX-License-Identifier: Apache-2.0 */
/* run_record: see run_record.h. Not responsible for how the line is written (reports/jsonl.c). */
#include "harness/prepare/run_record.h"

#include "base/libcrypto.h"
#include "base/redact.h"
#include "harness/attempt/limits_in_force.h"
#include "harness/attempt/results.h"
#include "harness/prepare/host_state.h"

#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

struct run_record {
    struct arena *arena;
    struct reports_run_record r;
    struct reports_run_file *files; /* r.files */
    const struct run_options *options;
    bool hashed;
};

/* Returns a text that lives with the record, without the run's secrets. */
static const char *shown(const struct run_record *record, const struct run *run, const char *text)
{
    cleanup_free char *safe = run->redact != NULL ? redact_string(run->redact, text, true) : NULL;

    return arena_strdup(record->arena, safe != NULL ? safe : text);
}

static uint64_t ms_since(uint64_t ns)
{
    uint64_t took = clock_monotonic_ns() - ns;

    return took / NSEC_PER_MSEC + 1; /* never less than it was, and never nothing */
}

static void describe_host(struct run_record *record, const struct prepared *p)
{
    struct reports_run_record *r = &record->r;
    cleanup_strbuf struct strbuf cpu = {0};
    const char *colon;
    struct utsname u;
    struct sysinfo info;

    if (uname(&u) == 0) {
        r->host = shown(record, &p->run, u.nodename);
        r->kernel = arena_printf(record->arena, "%s %s %s", u.sysname, u.release, u.machine);
    }
    if (sysinfo(&info) == 0)
        r->memory_bytes = (uint64_t)info.totalram * info.mem_unit;
    host_state_of_processor(&cpu);
    colon = cpu.len > 0 ? strchr(cpu.data, ':') : NULL;
    if (colon != NULL)
        r->cpu = arena_strdup(record->arena, colon + 1 + strspn(colon + 1, " "));
    r->cpus = p->run.cpus;
    r->rootless = !p->run.privilege.host;
    r->cgroups = arena_strdup(record->arena, cgroup_host_describe(p->host));
}

/* Whether a text can be shown without a secret in it: of a run that failed before it had them all,
 * nobody knows what they are. */
static bool can_hide_secrets(const struct prepared *p)
{
    for (size_t i = 0; !p->knows_secrets && i < run_n_prepared(&p->run); i++)
        if (p->run.instances[i].job->n_secrets > 0)
            return false;
    return true;
}

static void describe_command(struct run_record *record, const struct prepared *p)
{
    const char *const *from = record->options->command;
    const char **list;
    size_t n = 0;

    while (from != NULL && from[n] != NULL)
        n++;
    list = arena_alloc(record->arena, (n + 1) * sizeof(*list));
    for (size_t i = 0; i < n; i++)
        list[i] = shown(record, &p->run, from[i]);
    list[n] = NULL;
    record->r.command = list;
}

static void describe_files(struct run_record *record, const struct prepared *p)
{
    const struct run_options *o = record->options;
    size_t n = 0;

    for (size_t i = 0; i < o->n_plans; i++)
        n += 1 + o->plans[i]->n_inclusions;
    record->files = arena_alloc(record->arena, n * sizeof(*record->files));
    n = 0;
    for (size_t i = 0; i < o->n_plans; i++) {
        const struct jobs_plan *plan = o->plans[i];

        record->files[n++] = (struct reports_run_file){.file = shown(record, &p->run, plan->file)};
        for (size_t k = 0; k < plan->n_inclusions; k++)
            if (plan->inclusions[k].text != NULL)
                record->files[n++] = (struct reports_run_file){
                    .file = shown(record, &p->run, plan->inclusions[k].path), .included = true};
    }
    record->r.files = record->files;
    record->r.n_files = n;
}

static void hash_text(struct reports_run_file *file, const char *text, size_t n)
{
    unsigned length = 0;

    file->has_sha256 =
        text != NULL && EVP_Digest(text, n, file->sha256, &length, EVP_sha256(), NULL) == 1;
}

/* Hashes the texts, in the order of describe_files. Where libcrypto cannot be loaded, nothing is
 * known of them. */
static void hash_files(struct run_record *record)
{
    const struct run_options *o = record->options;
    struct reports_run_file *file = record->files;
    struct cupel_error ignored;

    if (record->hashed || libcrypto_load(&ignored) < 0)
        return;
    record->hashed = true;
    for (size_t i = 0; i < o->n_plans; i++) {
        const struct jobs_plan *plan = o->plans[i];

        hash_text(file++, plan->text, plan->text_len);
        for (size_t k = 0; k < plan->n_inclusions; k++)
            if (plan->inclusions[k].text != NULL)
                hash_text(file++, plan->inclusions[k].text, plan->inclusions[k].len);
    }
}

/* Lists what --best-effort let go of any job. */
static void describe_unenforced(struct run_record *record, const struct run *run)
{
    const char **list = arena_alloc(record->arena, (JOBS_LIMIT_COUNT + 2) * sizeof(*list));
    size_t n = 0;

    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if ((run->unenforced_set >> i) & 1u)
            list[n++] = jobs_limit_table[i].key;
    if (run->no_cgroup_view)
        list[n++] = "cgroup-view";
    list[n] = NULL;
    record->r.unenforced = list;
}

/* Lists the roots that are made, in the order of the files. */
static void describe_roots(struct run_record *record, const struct prepared *p)
{
    const struct run_options *o = record->options;
    const struct cache_root *made = p->run.roots;
    struct reports_run_root *list =
        arena_alloc(record->arena, (p->run.n_roots + 1) * sizeof(*list));
    size_t n = 0;

    for (size_t i = 0; i < o->n_plans; made += o->plans[i++]->n_roots)
        for (size_t k = 0; k < o->plans[i]->n_roots; k++) {
            const struct jobs_root *root = &o->plans[i]->roots[k];

            if (made[k].n_layers > 0)
                list[n++] = (struct reports_run_root){
                    .root = shown(record, &p->run, root->name),
                    .file = shown(record, &p->run, o->plans[i]->file),
                    .digest = results_root_digest(&made[k], root->kind, record->arena),
                    .locked = p->lockfiles[i] != NULL && root->kind != JOBS_ROOT_HOST &&
                              root->kind != JOBS_ROOT_SCRATCH};
        }
    record->r.roots = list;
    record->r.n_roots = n;
}

int run_record_begin(const struct run_options *options, struct prepared *p, struct cupel_error *err)
{
    struct run_record *record;

    if (options->out == NULL || p->record != NULL)
        return 0;
    record = p->record = xcalloc(1, sizeof(*record));
    record->arena = arena_new();
    record->options = options;
    record->r = (struct reports_run_record){
        .run = p->run.id, .slots = options->slots, .jobs = p->run.n_instances, .started = p->began};
    describe_host(record, p);
    if (can_hide_secrets(p))
        describe_command(record, p);
    describe_files(record, p);
    describe_unenforced(record, &p->run);
    return reports_jsonl_put_run(p->run.out, &record->r, err);
}

int run_record_prepared(struct prepared *p, struct cupel_error *err)
{
    if (p->record == NULL)
        return 0;
    describe_roots(p->record, p);
    p->record->r.preparing_ms = ms_since(p->began_ns);
    return reports_jsonl_put_run(p->run.out, &p->record->r, err);
}

int run_record_hash(struct prepared *p, struct cupel_error *err)
{
    if (p->record == NULL)
        return 0;
    hash_files(p->record);
    return reports_jsonl_put_run(p->run.out, &p->record->r, err);
}

int run_record_end(struct prepared *p, enum reports_outcome outcome,
                   struct reports_result *const *results, struct cupel_error *err)
{
    struct run_record *record = p->record;

    if (record == NULL)
        return 0;
    hash_files(record);
    record->r.outcome = outcome;
    record->r.wall_ms = ms_since(p->began_ns);
    (void)clock_gettime(CLOCK_REALTIME, &record->r.ended);
    for (size_t i = 0; i < p->run.n_instances; i++)
        record->r.verdicts[results[i]->verdict]++;
    return reports_jsonl_put_run(p->run.out, &record->r, err);
}

void run_record_free(struct prepared *p)
{
    if (p->record != NULL)
        arena_free(p->record->arena);
    free(p->record);
    p->record = NULL;
}
