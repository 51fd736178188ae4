/* SPDX-License-Identifier: Apache-2.0 */
/* unbegun: the reports of a run that ended before any job had begun, while its roots were made,
 * say: each job was cancelled or could not be run, and says why. Not responsible for what had been
 * prepared (prepare.c). */
#include "harness/prepare/unbegun.h"

#include "harness/attempt/results.h"
#include "harness/prepare/run_record.h"
#include "harness/run/run_options.h"

#include <unistd.h>

int unbegun_report(const struct run_options *options, struct prepared *p,
                   enum reports_verdict verdict, const char *why, struct cupel_error *err)
{
    size_t n = p->run.n_instances;
    cleanup_free struct reports_result **results = xcalloc(n + 1, sizeof(*results));
    cleanup_free struct arena **arenas = xcalloc(n + 1, sizeof(*arenas));
    char hostname[128] = "localhost";
    bool cancelled = verdict == REPORTS_CANCELLED;
    struct reports_run run = {
        .name = options->plans[0]->name, .n_results = n, .interrupted = cancelled};
    int r = run_record_begin(options, p, err); /* if it has not */

    for (size_t i = 0; i < n; i++) {
        struct reports_result *result =
            results_unrun(&p->run, &p->run.instances[i], verdict, why, &arenas[i]);

        results_forget_earlier(&p->run, &p->run.instances[i]);
        results[i] = result;
        if (r == 0)
            r = reports_jsonl_append(p->run.out, result, err);
        if (cancelled)
            reports_console_finished(p->console, result);
    }
    (void)gethostname(hostname, sizeof(hostname) - 1);
    run.hostname = hostname;
    run.results = results;
    if (r == 0)
        r = run_record_end(p, cancelled ? REPORTS_INTERRUPTED : REPORTS_NOT_BEGUN, results, err);
    if (r == 0)
        r = reports_junit_write(p->run.out, &run, err);
    if (cancelled)
        reports_console_summary(p->console, &run);
    for (size_t i = 0; i < n; i++)
        arena_free(arenas[i]);
    return r;
}
