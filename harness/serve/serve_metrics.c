/* SPDX-License-Identifier: Apache-2.0 */
/* serve_metrics: see serve_metrics.h. Names and units as Prometheus' guide asks for them: seconds,
 * bytes, counters that end in _total. */
#include "harness/serve/serve_metrics.h"

#include "harness/serve/serve_jobs.h"
#include "harness/serve/serve_kinds.h"

#include <inttypes.h>

/* From order to verdict, in microseconds. */
static const uint64_t bucket_us[SERVE_BUCKETS] = {500,    1000,    2000,     4000,     8000,
                                                  16000,  32000,   64000,    128000,   256000,
                                                  512000, 1000000, 10000000, 100000000};

void serve_metrics_job(struct server *s, enum reports_verdict verdict, uint64_t asked_ns)
{
    uint64_t took = clock_monotonic_ns() - asked_ns;
    size_t i = 0;

    s->figures.verdicts[verdict]++;
    while (i < SERVE_BUCKETS && took > bucket_us[i] * NSEC_PER_USEC)
        i++;
    s->figures.latency[i]++;
    s->figures.latency_ns += took;
    s->figures.latency_n++;
}

static void head(struct strbuf *to, const char *name, const char *type, const char *help)
{
    strbuf_addf(to, "# HELP cupel_%s %s\n# TYPE cupel_%s %s\n", name, help, name, type);
}

static void one(struct strbuf *to, const char *name, const char *type, const char *help,
                uint64_t value)
{
    head(to, name, type, help);
    strbuf_addf(to, "cupel_%s %" PRIu64 "\n", name, value);
}

static void write_latency(const struct server *s, struct strbuf *to)
{
    uint64_t sum = 0;

    head(to, "job_seconds", "histogram", "From a job's order to its verdict.");
    for (size_t i = 0; i < SERVE_BUCKETS; i++) {
        sum += s->figures.latency[i];
        strbuf_addf(to, "cupel_job_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                    (double)bucket_us[i] / 1e6, sum);
    }
    strbuf_addf(to,
                "cupel_job_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\ncupel_job_seconds_sum %.6f\n"
                "cupel_job_seconds_count %" PRIu64 "\n",
                s->figures.latency_n, (double)s->figures.latency_ns / 1e9, s->figures.latency_n);
}

static uint64_t bodies_bytes(const struct server *s)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < s->peers_size; i++)
        bytes += s->peers[i] != NULL ? s->peers[i]->body_bytes : 0;
    return bytes;
}

/* One line of each kind. */
static void write_kinds(const struct server *s, struct strbuf *to)
{
    head(to, "kind_sandboxes_ready", "gauge", "Sandboxes ready for a kind of job.");
    for (size_t i = 0; i < SERVE_KINDS_MAX; i++)
        if (s->kinds[i].mark != 0)
            strbuf_addf(to, "cupel_kind_sandboxes_ready{kind=\"%" PRIu64 "\",root=\"%s\"} %zu\n",
                        s->kinds[i].id, s->kinds[i].root, serve_kinds_ready(s, s->kinds[i].mark));
    head(to, "kind_jobs_total", "counter", "Jobs of a kind, by whether a sandbox was ready.");
    for (size_t i = 0; i < SERVE_KINDS_MAX; i++)
        if (s->kinds[i].mark != 0)
            strbuf_addf(to,
                        "cupel_kind_jobs_total{kind=\"%" PRIu64
                        "\",root=\"%s\",ready=\"yes\"} %" PRIu64
                        "\ncupel_kind_jobs_total{kind=\"%" PRIu64
                        "\",root=\"%s\",ready=\"no\"} %" PRIu64 "\n",
                        s->kinds[i].id, s->kinds[i].root, s->kinds[i].found, s->kinds[i].id,
                        s->kinds[i].root, s->kinds[i].missed);
}

void serve_metrics_write(const struct server *s, struct strbuf *to)
{
    head(to, "jobs_total", "counter", "Jobs that have ended, by verdict.");
    for (enum reports_verdict v = 0; v < REPORTS_VERDICT_COUNT; v++)
        strbuf_addf(to, "cupel_jobs_total{verdict=\"%s\"} %" PRIu64 "\n", reports_verdict_name(v),
                    s->figures.verdicts[v]);
    write_latency(s, to);
    one(to, "jobs_found_ready_total", "counter", "Jobs for which a sandbox was ready.",
        s->figures.found_ready);
    one(to, "sandboxes_ready", "gauge", "Sandboxes kept ready.", serve_kinds_ready(s, 0));
    one(to, "sandboxes_ready_max", "gauge", "How many sandboxes may be kept ready.", s->ready_all);
    write_kinds(s, to);
    one(to, "jobs_waiting", "gauge", "Jobs that wait.", s->n_waiting);
    one(to, "jobs_running", "gauge", "Jobs that run.", serve_jobs_running(s));
    one(to, "slots", "gauge", "How many jobs may run at once.", s->options->slots);
    one(to, "queue_jobs_max", "gauge", "How many jobs may wait.", s->options->queue);
    one(to, "connections", "gauge", "Open connections.", s->n_peers);
    one(to, "connections_refused_total", "counter", "Connections that were refused.",
        s->figures.refused_peers);
    one(to, "clients_vanished_total", "counter", "Clients that went before their results.",
        s->figures.vanished_clients);
    one(to, "bodies_coming_bytes", "gauge", "Bodies of POST /jobs that are on their way.",
        bodies_bytes(s));
    one(to, "files_bytes", "gauge", "Cached files.", s->files.bytes);
    one(to, "files_coming_bytes", "gauge", "Files that are on their way.", s->files.coming_bytes);
    one(to, "files_evicted_total", "counter", "Cached files that made room.",
        s->figures.evicted_files);
    one(to, "kept_bytes", "gauge", "Logs and artifacts of jobs that have ended.", s->kept_bytes);
    head(to, "responses_total", "counter", "Answers, by status.");
    for (size_t i = 0; i < ARRAY_SIZE(s->figures.answers); i++)
        if (s->figures.answers[i] > 0)
            strbuf_addf(to, "cupel_responses_total{status=\"%zu\"} %" PRIu64 "\n", i,
                        s->figures.answers[i]);
}
