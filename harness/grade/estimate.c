/* SPDX-License-Identifier: Apache-2.0 */
/* estimate: how much there is to run, and how long that takes. Pure. */
#include "harness/grade/grade_private.h"

/* What a run costs cupel in a slot, about: bench/launch measures it (docs/performance.md). */
#define LAUNCH_NS (5 * NSEC_PER_MSEC)

static uint64_t add_up(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return a == GRADE_UNKNOWN || b == GRADE_UNKNOWN || __builtin_add_overflow(a, b, &sum)
               ? GRADE_UNKNOWN
               : sum;
}

/* Returns how long a job may take at most, with whoever judges it. */
static uint64_t longest(const struct jobs_job *job)
{
    uint64_t ns = GRADE_UNKNOWN, product;

    if (jobs_limit_is_set(&job->limits, JOBS_LIMIT_WALL))
        ns = job->limits.value[JOBS_LIMIT_WALL];
    if (jobs_limit_is_set(&job->limits, JOBS_LIMIT_WALL_KILL))
        ns = job->limits.value[JOBS_LIMIT_WALL_KILL];
    ns = add_up(ns, job->timeout_grace + LAUNCH_NS + (job->after != NULL ? job->after_wall : 0));
    if (job->checker != NULL)
        ns = add_up(ns, longest(job->checker->job));
    if (ns == GRADE_UNKNOWN || __builtin_mul_overflow(ns, (uint64_t)job->retries + 1, &product))
        return GRADE_UNKNOWN;
    return product;
}

/* Returns how long one submission may take, of which one run may wait for all others. */
static uint64_t longest_chain(const struct grade_chosen *c, const struct jobs_judged *j)
{
    const struct jobs_job *jobs = c->plan->jobs;
    uint64_t sum = 0;

    for (size_t i = 0; i < j->n; i++)
        sum = add_up(sum, longest(&jobs[j->first + i]));
    for (size_t from = j->n > 0 ? jobs[j->first].from : JOBS_FROM_NOTHING;
         from != JOBS_FROM_NOTHING; from = jobs[from].from)
        sum = add_up(sum, longest(&jobs[from]));
    return sum;
}

/* Counts submissions, and their cases where all have as many; returns the longest of them. */
static uint64_t count_submissions(const struct grade_chosen *c, struct grade_estimate *ret)
{
    uint64_t longest_ns = 0;
    bool same = true;

    for (size_t i = 0; i < c->plan->n_judged; i++) {
        const struct jobs_judged *j = &c->plan->judged[i];
        uint64_t ns;

        if (!grade_is_judged(c, j))
            continue;
        ns = longest_chain(c, j);
        longest_ns = ns > longest_ns ? ns : longest_ns;
        same &= ret->submissions == 0 || ret->cases == j->n;
        ret->cases = j->n;
        ret->submissions++;
    }
    if (!same)
        ret->cases = 0;
    return longest_ns;
}

void grade_estimate(const struct grade_chosen *c, unsigned slots, uint64_t run_ns,
                    struct grade_estimate *ret)
{
    uint64_t sum = 0, chain;

    *ret = (struct grade_estimate){.about_ns = GRADE_UNKNOWN};
    chain = count_submissions(c, ret);
    for (size_t i = 0; i < c->plan->n_jobs; i++) {
        if (!c->selected[i])
            continue;
        ret->runs++;
        sum = add_up(sum, longest(&c->plan->jobs[i]));
    }
    slots = slots > 0 ? slots : 1;
    /* slots are never idle but while what is left waits for one submission */
    ret->worst_ns = sum == GRADE_UNKNOWN ? sum : add_up(sum / slots, slots > 1 ? chain : 0);
    ret->least_ns = ret->runs * LAUNCH_NS / slots;
    if (run_ns != GRADE_UNKNOWN && ret->runs < UINT64_MAX / (run_ns + 1))
        ret->about_ns = ret->runs * run_ns / slots;
}

/* Adds a number with its thousands told apart. */
static void add_number(struct strbuf *to, size_t n)
{
    if (n >= 1000) {
        add_number(to, n / 1000);
        strbuf_addf(to, ",%03zu", n % 1000);
    } else {
        strbuf_addf(to, "%zu", n);
    }
}

/* Adds a time as one says it of what is not known exactly. */
static void add_time(struct strbuf *to, uint64_t ns)
{
    const uint64_t seconds = ns / NSEC_PER_SEC + (ns % NSEC_PER_SEC >= NSEC_PER_SEC / 2);

    if (seconds < 1)
        strbuf_adds(to, "1 s");
    else if (seconds < 100)
        strbuf_addf(to, "%llu s", (unsigned long long)seconds);
    else if (seconds < 100 * 60)
        strbuf_addf(to, "%llu min", (unsigned long long)(seconds + 30) / 60);
    else
        strbuf_addf(to, "%llu h", (unsigned long long)(seconds + 1800) / 3600);
}

void grade_estimate_say_known(const struct grade_estimate *e, size_t n_known, struct strbuf *to)
{
    const bool tells = e->about_ns != GRADE_UNKNOWN;
    const uint64_t all_ns = tells ? e->about_ns : e->least_ns;

    add_number(to, n_known);
    strbuf_adds(to, " of ");
    add_number(to, e->runs);
    strbuf_adds(to, " runs are known from before");
    if (n_known >= e->runs)
        return;
    strbuf_addf(to, ", the others take %s ", tells ? "about" : "at least");
    add_time(to, all_ns / e->runs * (e->runs - n_known));
}

void grade_estimate_say(const struct grade_estimate *e, struct strbuf *to)
{
    add_number(to, e->submissions);
    strbuf_adds(to, e->submissions == 1 ? " submission" : " submissions");
    if (e->cases > 0) {
        strbuf_adds(to, ", ");
        add_number(to, e->cases);
        strbuf_addf(to, "%s%s", e->cases == 1 ? " case" : " cases",
                    e->submissions == 1 ? "" : " each");
    }
    strbuf_adds(to, ": ");
    add_number(to, e->runs);
    strbuf_adds(to, e->runs == 1 ? " run" : " runs");
    strbuf_adds(to, e->about_ns != GRADE_UNKNOWN ? ", about " : ", at least ");
    add_time(to, e->about_ns != GRADE_UNKNOWN ? e->about_ns : e->least_ns);
    if (e->worst_ns == GRADE_UNKNOWN) {
        strbuf_adds(to, ", without a limit of their time");
    } else {
        strbuf_adds(to, ", at worst ");
        add_time(to, e->worst_ns);
    }
}
