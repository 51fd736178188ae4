/* SPDX-License-Identifier: Apache-2.0 */
/* references: what each of the package's own submissions has to come to as a whole, in the words of
 * the job file's `reference`: for who grades others by the package, and wants to know before that
 * it judges right. What it has to come to in single cases is verified in promises.c. */
#include "jobs/packages/job_file.h"

/* What is expected of a submission by all patterns that are about it and about no cases alone. */
struct expected_whole {
    unsigned permitted; /* OUTCOME_ANY: nothing is forbidden */
    bool is_rejected;   /* some case has to be wrong */
};

static struct expected_whole sum_up(const struct problem_package *p, const char *submission)
{
    struct expected_whole whole = {.permitted = OUTCOME_ANY};

    for (const struct expectation *e = p->expectations; e != NULL; e = e->next) {
        if (e->cases != NULL || !package_matches(e->submissions, submission))
            continue;
        if (e->permitted != 0)
            whole.permitted &= e->permitted;
        whole.is_rejected |= e->required != 0 && (e->required & OUTCOME_ACCEPTED) == 0;
    }
    return whole;
}

/* Returns the key that says as much of it, or the next weaker one; NULL: nothing is promised. What
 * ends by a limit other than time is a crash here, and in `reference` a verdict of its own, so that
 * crashes are `rejected`. */
static const char *promise_of(const struct expected_whole *whole)
{
    if (whole->permitted == OUTCOME_ACCEPTED)
        return "accepted";
    if (!whole->is_rejected)
        return NULL;
    if ((whole->permitted & ~(unsigned)OUTCOME_ACCEPTED) == OUTCOME_WRONG)
        return "wrong-answer";
    if ((whole->permitted & ~(unsigned)OUTCOME_ACCEPTED) == OUTCOME_SLOW)
        return "time-limit";
    return "rejected";
}

void write_references(struct problem_package *p)
{
    struct out *reference = out_map(&p->out, p->out.root, "reference");

    for (size_t i = 0; i < p->submissions.n; i++) {
        const char *name = p->submissions.items[i];
        struct expected_whole whole = sum_up(p, name);
        const char *key = promise_of(&whole);

        if (key != NULL)
            out_text(&p->out, out_get_list(&p->out, reference, key), NULL,
                     package_host_path(p, arena_printf(p->arena, "submissions/%s", name)));
    }
    if (reference->n == 0)
        out_drop(&p->out, p->out.root, reference);
}
