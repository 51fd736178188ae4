/* SPDX-License-Identifier: Apache-2.0 */
/* guard_report N DIR: writes the reports of a run of N jobs to the new directory DIR, through every
 * writer, as a supervisor does. tests/e2e/guards.sh counts its instructions; a run itself cannot be
 * counted, since valgrind knows too few of the system calls that sandboxes are made by. It decides
 * nothing and checks nothing. */
#include "reports/reports.h"

#include <fcntl.h>

#define OUTPUT_SIZE 400 /* of a job's log */

struct guard_job {
    char id[32], evidence[64], log[64];
    struct reports_limit limits[2];
    struct reports_case the_case;
    struct reports_result result;
};

/* Makes one job of which every fourth has failed, with the figures that each job has. */
static void make_job(struct guard_job *job, size_t i)
{
    static const char *tags[] = {"quick", "nightly", NULL};
    static const char *notes[] = {"artifact /work/x matched nothing", NULL};
    bool failed = i % 4 == 3;

    (void)snprintf(job->id, sizeof(job->id), "job-%06zu", i);
    (void)snprintf(job->evidence, sizeof(job->evidence), "exit code %zu, expected 0", 1 + i % 9);
    (void)snprintf(job->log, sizeof(job->log), "logs/%s.stdout", job->id);
    job->limits[0] = (struct reports_limit){"memory_bytes", 64 << 20, 1, NULL};
    job->limits[1] = (struct reports_limit){"wall_seconds", NSEC_PER_SEC, NSEC_PER_SEC, NULL};
    job->the_case = (struct reports_case){
        .verdict = failed ? REPORTS_FAILED : REPORTS_PASSED,
        .evidence = failed ? job->evidence : "",
        .exit = failed,
        .wall_ns = 1234567 + i,
        .stdout_to = OUTPUT_SIZE,
    };
    job->result = (struct reports_result){
        .id = job->id,
        .job = job->id,
        .file = "cupel.yaml",
        .description = "what this job is for",
        .verdict = job->the_case.verdict,
        .evidence = job->the_case.evidence,
        .exit = job->the_case.exit,
        .attempts = 1,
        .attempts_max = 1,
        .started = {1700000000, 5},
        .limits = job->limits,
        .n_limits = ARRAY_SIZE(job->limits),
        .cases = &job->the_case,
        .n_cases = 1,
        .tags = tags,
        .notes = i % 8 == 7 ? notes : NULL,
        .stdout_log = job->log,
    };
    for (enum reports_figure f = 0; f < REPORTS_FIGURE_COUNT; f++)
        reports_usage_set(&job->result.usage, f, 1000003 * (i + f));
}

/* Writes what such a job would have printed. */
static int write_logs(struct reports_out *out, const char *id, struct cupel_error *err)
{
    char text[OUTPUT_SIZE];
    int fds[REPORTS_LOG_COUNT], r;

    r = reports_out_open_logs(out, id, fds, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 40 == 39 ? '\n' : (char)('a' + i % 26);
    r = file_write_all(fds[0], text, sizeof(text));
    for (int i = 0; i < REPORTS_LOG_COUNT; i++)
        (void)close(fds[i]);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, -r, "cannot write a log of %s", id)
                 : 0;
}

static int report(const char *dir, size_t n, struct cupel_error *err)
{
    cleanup_free struct guard_job *jobs = xcalloc(n, sizeof(*jobs));
    cleanup_free struct reports_result **results = xcalloc(n, sizeof(*results));
    struct reports_run run = {.name = "guard",
                              .hostname = "host",
                              .results = results,
                              .n_results = n,
                              .wall_ns = NSEC_PER_SEC};
    struct reports_console *console;
    struct reports_out *out;
    int r, null;

    r = reports_out_open(dir, &out, err);
    if (r < 0)
        return r;
    null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    console = reports_console_new(null, n, out);
    for (size_t i = 0; i < n && r >= 0; i++) {
        make_job(&jobs[i], i);
        results[i] = &jobs[i].result;
        reports_console_started(console, jobs[i].id);
        r = write_logs(out, jobs[i].id, err);
        if (r >= 0)
            r = reports_jsonl_append(out, &jobs[i].result, err);
        reports_console_finished(console, &jobs[i].result);
    }
    if (r >= 0)
        r = reports_junit_write(out, &run, err);
    reports_console_summary(console, &run);
    reports_console_free(console);
    (void)close(null);
    if (r >= 0)
        r = reports_out_check(out, &run, err);
    reports_out_close(out);
    return r;
}

int main(int argc, char **argv)
{
    struct cupel_error err = {0};

    if (argc != 3 || atoi(argv[1]) <= 0) {
        (void)fputs("usage: guard_report N DIR\n", stderr);
        return 2;
    }
    if (report(argv[2], (size_t)atoi(argv[1]), &err) < 0) {
        cupel_error_print(&err, stderr);
        return 1;
    }
    return 0;
}
