/* SPDX-License-Identifier: Apache-2.0 */
/* interaction: see interaction.h. The rules, the first one that applies:
 *
 * 1. The job has ended first, and not as it was to: that is its verdict.
 * 2. The judge has rejected it: wrong.
 * 3. The judge is at fault, as by a crash, a limit or an odd exit code: `error`, unless it was
 * still talking to the job when that had ended, or closed its input. Then it is the job that broke
 * off.
 * 4. The judge has accepted it: the job's own verdict, whoever was first. */
#include "harness/attempt/interaction.h"

#include "base/weaken.h"

#include <string.h>

static uint64_t sign_of(const struct interaction_end *e)
{
    return e->sign_ns != 0 && e->sign_ns < e->ended_ns ? e->sign_ns : e->ended_ns;
}

bool interaction_judge_was_first(const struct interaction *i)
{
    if (i->outlived || i->judge.ended_ns == 0)
        return true;
    if (i->job.ended_ns < sign_of(&i->judge))
        return false;
    if (i->judge.ended_ns < sign_of(&i->job))
        return true;
    return sign_of(&i->judge) < sign_of(&i->job);
}

static void say(struct interactor_facts *ret, enum reports_verdict verdict, const char *why)
{
    ret->verdict = verdict;
    (void)snprintf(ret->evidence, sizeof(ret->evidence), "%s", why);
}

static void say_broken_off(const struct interaction *i, struct interactor_facts *ret)
{
    ret->verdict = REPORTS_FAILED;
    (void)snprintf(
        ret->evidence, sizeof(ret->evidence),
        "the job ended, or closed its end, before the interactor was done with it (%.400s)",
        i->too_long != NULL ? i->too_long : i->said.evidence);
}

void interaction_judge(const struct interaction *i, const struct judgement *own,
                       struct interactor_facts *ret)
{
    bool judge_first = interaction_judge_was_first(i), job_is_good = own->verdict == REPORTS_PASSED;

    say(ret, REPORTS_PASSED, "");
    if (weakened("interaction-order"))
        judge_first = true;
    if (!judge_first && !job_is_good)
        return;
    if (i->said.verdict == REPORTS_FAILED)
        say(ret, REPORTS_FAILED, i->said.evidence);
    else if (i->said.verdict != REPORTS_PASSED && i->lost && !weakened("interaction-fault"))
        say_broken_off(i, ret);
    else if (i->said.verdict != REPORTS_PASSED)
        say(ret, REPORTS_ERROR, i->too_long != NULL ? i->too_long : i->said.evidence);
}
