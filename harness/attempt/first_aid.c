/* SPDX-License-Identifier: Apache-2.0 */
/* first_aid: see first_aid.h. */
#include "harness/attempt/first_aid.h"

#include <signal.h>
#include <sys/wait.h>

void first_aid_of_streams(const struct step_facts *s, struct strbuf *b)
{
    if (s->started && s->input == SANDBOX_INPUT_UNREAD)
        strbuf_adds(b, "; the program never read its input");
}

/* Whether somebody waits for what the step prints: then that nothing came is worth a word. */
static bool output_is_awaited(const struct jobs_expect *e, const struct attempt_facts *f)
{
    return f->pair.other != NULL || e->stdout_len > 0 || e->stdout_file.path != NULL ||
           e->regex != NULL;
}

void first_aid_of_ended(const struct jobs_job *job, const struct attempt_facts *f, size_t step,
                        struct strbuf *b)
{
    const struct step_facts *s = &f->steps[step];

    first_aid_of_streams(s, b);
    /* what it has printed into a pipe may lie in its own memory until it ends by itself, or flushes
     */
    if (s->started && (!s->ended || WIFSIGNALED(s->status)) && s->stdout_to == s->stdout_from &&
        !job->tty && output_is_awaited(&job->steps[step].expect, f))
        strbuf_adds(b, "; no output: was it flushed?");
}

void first_aid_of_stack(const struct jobs_job *job, const struct attempt_facts *f, int status,
                        struct strbuf *b)
{
    char text[UNIT_TEXT_SIZE];

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && f->stack_default != 0 &&
        !jobs_limit_is_set(&job->limits, JOBS_LIMIT_STACK))
        strbuf_addf(b, ", and the stack limit is %s", unit_format_size(f->stack_default, text));
}

/* A job that is full for less than this has other things the matter with it. */
#define FULL_MIN_NS (200 * NSEC_PER_MSEC)

void first_aid_of_memory(const struct attempt_facts *f, struct strbuf *b)
{
    uint64_t until = f->cause != CAUSE_NONE ? f->cause_ns : f->ended_ns;
    char text[UNIT_TEXT_SIZE];

    if (f->thrashing_ns > 0 || f->memory_full_ns < FULL_MIN_NS || f->started_ns == 0 ||
        until < f->started_ns || f->memory_full_ns < (until - f->started_ns) / 10)
        return;
    strbuf_addf(b, "; at its memory limit for %s", unit_format_duration(f->memory_full_ns, text));
    if (f->memory_reclaims > 0)
        strbuf_addf(b, " (%llu reclaim%s)", (unsigned long long)f->memory_reclaims,
                    f->memory_reclaims == 1 ? "" : "s");
    else if (f->memory_refaults > 0)
        strbuf_addf(b, " (%llu page%s read again)", (unsigned long long)f->memory_refaults,
                    f->memory_refaults == 1 ? "" : "s");
}
