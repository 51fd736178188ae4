/* SPDX-License-Identifier: Apache-2.0 */
/* test_attempt_verdict: a job with facts about its run, as the tests of its verdict construct them.
 */
#pragma once

#include "harness/attempt/facts.h"
#include "harness/attempt/standstill.h"
#include "harness/attempt/verdict.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define EXITED(code) ((code) << 8)
#define KILLED(sig) (sig)
#define DUMPED(sig) ((sig) | 0x80)

/* A job of three steps at most, and facts to go with it: every step passed, nothing struck. */
struct scene {
    struct jobs_job job;
    struct jobs_step step[3];
    struct attempt_facts facts;
    struct step_facts ran[3];
    struct judgement got;
};

static const char *const argv0[] = {"/bin/prog", "arg", NULL};

static inline void scene_init(struct scene *s, size_t n_steps)
{
    static const char *const names[] = {"configure", "make", "check"};

    *s = (struct scene){.job = {.name = "job",
                                .n_steps = n_steps,
                                .has_steps = n_steps > 1,
                                .timeout_grace = 2 * NSEC_PER_SEC},
                        .facts = {.started_ns = 1000 * NSEC_PER_SEC, .n_steps = n_steps}};
    s->job.steps = s->step;
    s->facts.steps = s->ran;
    for (size_t i = 0; i < n_steps; i++) {
        s->step[i] =
            (struct jobs_step){.name = n_steps > 1 ? names[i] : NULL, .argv = (const char **)argv0};
        s->ran[i] = (struct step_facts){.started = true,
                                        .ended = true,
                                        .started_ns = (1000 + i) * NSEC_PER_SEC,
                                        .ended_ns = (1001 + i) * NSEC_PER_SEC};
    }
    s->facts.ended_ns = (1000 + n_steps) * NSEC_PER_SEC;
}

static inline void limit(struct jobs_limits *l, enum jobs_limit which, uint64_t value)
{
    l->set |= 1u << which;
    l->value[which] = value;
}

static inline void figure(struct scene *s, enum cgroup_figure which, uint64_t value)
{
    s->facts.usage.known |= 1u << which;
    s->facts.usage.value[which] = value;
}

static inline void strike(struct scene *s, enum attempt_cause cause, unsigned step, uint64_t after)
{
    s->facts.cause = cause;
    s->facts.cause_step = step;
    s->facts.cause_ns = s->facts.started_ns + after;
}

/* Step `at` was killed while it ran, and what stands after it never started. */
static inline void cut_short(struct scene *s, size_t at)
{
    s->ran[at].status = KILLED(SIGKILL);
    for (size_t i = at + 1; i < s->facts.n_steps; i++)
        s->ran[i] = (struct step_facts){0};
}

static inline void assert_job(struct scene *s, enum reports_verdict verdict, int exit_code, int sig,
                              const char *evidence)
{
    memset(&s->got, 0x5a, sizeof(s->got));
    verdict_of_job(&s->job, &s->facts, &s->got);
    assert_string_equal(s->got.evidence, evidence);
    assert_int_equal(s->got.verdict, verdict);
    assert_int_equal(s->got.exit, exit_code);
    assert_int_equal(s->got.signal, sig);
}

static inline void assert_step(struct scene *s, size_t step, enum reports_verdict verdict,
                               const char *evidence)
{
    struct judgement of_step;

    memset(&of_step, 0x5a, sizeof(of_step));
    verdict_of_step(&s->job, &s->facts, step, &s->got, &of_step);
    assert_string_equal(of_step.evidence, evidence);
    assert_int_equal(of_step.verdict, verdict);
}
