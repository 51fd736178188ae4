/* SPDX-License-Identifier: Apache-2.0 */
/* cli_choice: see cli_choice.h. Not responsible for what a glob means (jobs/select.c). */
#include "harness/cli/cli_choice.h"

#include "harness/cli/cli.h"

bool cli_choice_given(const struct cli_choice *choice)
{
    return choice->only.n > 0 || choice->skip.n > 0 || choice->tags.n > 0;
}

/* Names what somebody meant to leave out and others need. */
static void tell_needed(const struct jobs_choice *choice, const struct jobs_plan *plan,
                        const bool *selected)
{
    for (size_t i = 0; choice->n_skip > 0 && i < plan->n_jobs; i++)
        if (selected[i] && jobs_choice_skips(choice, &plan->jobs[i]))
            log_warning("'%s' is not skipped: a job that is chosen needs it", plan->jobs[i].name);
}

int cli_choose(const struct cli_choice *choice, struct jobs_plan *const *plans, size_t n,
               bool **ret_selected)
{
    const struct jobs_choice c = {
        .only = choice->only.items,
        .n_only = choice->only.n,
        .skip = choice->skip.items,
        .n_skip = choice->skip.n,
        .tags = choice->tags.items,
        .n_tags = choice->tags.n,
    };
    struct cupel_error err;

    for (size_t i = 0; i < n; i++)
        ret_selected[i] = xcalloc(plans[i]->n_jobs, sizeof(bool));
    if (jobs_select(plans, n, &c, ret_selected, &err) < 0)
        return cli_fail(&err);
    for (size_t i = 0; i < n; i++)
        tell_needed(&c, plans[i], ret_selected[i]);
    return 0;
}

void cli_choice_free(struct cli_choice *choice)
{
    cli_list_free(&choice->only);
    cli_list_free(&choice->skip);
    cli_list_free(&choice->tags);
}
