/* SPDX-License-Identifier: Apache-2.0 */
/* delayed: see delayed.h. One timer, for the earliest; there are few, so that a list will do. */
#include "harness/supervisor/delayed.h"

#include <sys/timerfd.h>

/* Sets the timer to the earliest moment; a failure cannot happen, since the values are valid
 * (timerfd_settime(2)). It also takes back that the timer has run out, so that nobody reads it
 * (tried: poll() says 0 after it). */
static void set_timer(const struct supervisor *s)
{
    uint64_t at = UINT64_MAX;
    struct itimerspec once = {0};

    for (size_t i = 0; i < s->n_delayed; i++)
        if (s->delayed[i].at_ns < at)
            at = s->delayed[i].at_ns;
    if (s->n_delayed > 0)
        once.it_value = (struct timespec){(time_t)(at / NSEC_PER_SEC), (long)(at % NSEC_PER_SEC)};
    (void)timerfd_settime(s->retries, TFD_TIMER_ABSTIME, &once, NULL);
}

void delayed_add(struct supervisor *s, size_t instance, uint64_t delay_ns)
{
    schedule_hold(s->schedule, instance);
    s->delayed = xrealloc(s->delayed, (s->n_delayed + 1) * sizeof(*s->delayed));
    s->delayed[s->n_delayed++] = (struct delayed){instance, clock_monotonic_ns() + delay_ns};
    set_timer(s);
}

void delayed_release(struct supervisor *s)
{
    uint64_t now = clock_monotonic_ns();
    size_t left = 0;

    for (size_t i = 0; i < s->n_delayed; i++) {
        if (s->delayed[i].at_ns <= now)
            schedule_release(s->schedule, s->delayed[i].instance);
        else
            s->delayed[left++] = s->delayed[i];
    }
    s->n_delayed = left;
    set_timer(s);
}
