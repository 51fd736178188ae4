/* SPDX-License-Identifier: Apache-2.0 */
/* cli_repeat: see cli_repeat.h. Not responsible for repeating (harness/supervisor/outcomes.c). */
#include "harness/cli/cli_repeat.h"

#include "harness/cli/cli.h"

#define NAMES_SHOWN 10

/* Marks what the selected jobs of a plan wait for. Malloc'ed. */
static bool *find_needed(const struct jobs_plan *plan, const bool *selected)
{
    bool *needed = xcalloc(plan->n_jobs, sizeof(*needed));

    for (size_t i = 0; i < plan->n_jobs; i++)
        for (size_t k = 0; selected[i] && k < plan->jobs[i].n_needs; k++)
            needed[plan->jobs[i].needs[k]] = true;
    return needed;
}

static int refuse_bridge(const struct jobs_plan *plan, const struct jobs_job *job)
{
    struct cupel_error err;

    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0,
                          "%s: '%s' cannot be repeated: it is on a bridge with others", plan->file,
                          job->name);
    cupel_error_hint(&err, "leave it out with --skip; a job with `services` can be repeated");
    return cli_fail(&err);
}

int cli_repeat_check(struct jobs_plan *const *plans, bool *const *selected, size_t n)
{
    cleanup_strbuf struct strbuf names = {0};
    size_t once = 0;

    for (size_t p = 0; p < n; p++) {
        cleanup_free bool *needed = find_needed(plans[p], selected[p]);

        for (size_t i = 0; i < plans[p]->n_jobs; i++) {
            const struct jobs_job *job = &plans[p]->jobs[i];

            if (!selected[p][i])
                continue;
            if (!needed[i] && job->network == JOBS_NETWORK_BRIDGE)
                return refuse_bridge(plans[p], job);
            if (needed[i] && once++ < NAMES_SHOWN) {
                strbuf_adds(&names, once > 1 ? ", " : "");
                text_add_line(&names, job->name);
            }
        }
    }
    if (once > NAMES_SHOWN)
        strbuf_addf(&names, " and %zu more", once - NAMES_SHOWN);
    if (once > 0)
        (void)fprintf(stderr, "cupel: not repeated, since other jobs wait for them: %s\n",
                      names.data);
    return 0;
}
