/* SPDX-License-Identifier: Apache-2.0 */
/* cli_choice: see cli_choice.h. Not responsible for what a glob means (jobs/select.c). */
#include "harness/cli/cli_choice.h"

#include "harness/cli/cli.h"

bool cli_choice_given(const struct cli_choice *choice)
{
    return choice->only.n > 0 || choice->skip.n > 0 || choice->tags.n > 0;
}

static void tell_needed_one(const struct jobs_ids *ids, const struct jobs_plan *plan,
                            const struct jobs_job *job)
{
    cleanup_free char *id = jobs_id(ids, plan, job);

    log_warning("'%s' is not skipped: a job that is chosen needs it", id);
}

/* Names what somebody meant to leave out and others need. */
static void tell_needed(const struct jobs_choice *choice, struct jobs_plan *const *plans, size_t n,
                        bool *const *selected)
{
    cleanup_free bool **skipped = xcalloc(n, sizeof(*skipped));
    struct jobs_ids *ids = jobs_ids_new(plans, n);

    for (size_t p = 0; p < n; p++)
        skipped[p] = xcalloc(plans[p]->n_jobs, sizeof(bool));
    jobs_find_skipped(plans, n, choice, skipped);
    for (size_t p = 0; p < n; p++) {
        for (size_t i = 0; i < plans[p]->n_jobs; i++)
            if (selected[p][i] && skipped[p][i])
                tell_needed_one(ids, plans[p], &plans[p]->jobs[i]);
        free(skipped[p]);
    }
    jobs_ids_free(ids);
}

int cli_choose(const struct cli_choice *choice, struct jobs_plan *const *plans, size_t n,
               bool *const *among, bool **ret_selected)
{
    const struct jobs_choice c = {
        .only = choice->only.items,
        .n_only = choice->only.n,
        .skip = choice->skip.items,
        .n_skip = choice->skip.n,
        .tags = choice->tags.items,
        .n_tags = choice->tags.n,
        .among = among,
    };
    struct cupel_error err;

    for (size_t i = 0; i < n; i++)
        ret_selected[i] = xcalloc(plans[i]->n_jobs, sizeof(bool));
    if (jobs_select(plans, n, &c, ret_selected, &err) < 0)
        return cli_fail(&err);
    if (c.n_skip > 0)
        tell_needed(&c, plans, n, ret_selected);
    return 0;
}

void cli_choice_free(struct cli_choice *choice)
{
    cli_list_free(&choice->only);
    cli_list_free(&choice->skip);
    cli_list_free(&choice->tags);
}
