/* SPDX-License-Identifier: Apache-2.0 */
/* standstill: see standstill.h. */
#include "harness/attempt/standstill.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* "time on the CPU, time on the run queue, slices" (Documentation/scheduler/sched-stats.rst), ns;
 * all zero where the kernel does not count (no CONFIG_SCHED_INFO). A stopped or frozen task is on
 * no run queue. */
static bool read_waited(int fd, uint64_t *ret_ns)
{
    char text[96], *at, *end;
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

    if (n <= 0)
        return false;
    text[n] = '\0';
    if (strtoull(text, &at, 10) == 0)
        return false;
    *ret_ns = strtoull(at, &end, 10);
    return end != at;
}

/* CLOCK_BOOTTIME goes on while the machine is suspended, CLOCK_MONOTONIC does not
 * (clock_gettime(2)). */
static uint64_t asleep(void)
{
    uint64_t monotonic = clock_read_ns(CLOCK_MONOTONIC), boot = clock_read_ns(CLOCK_BOOTTIME);

    return boot > monotonic ? boot - monotonic : 0;
}

void standstill_open(struct standstill *s)
{
    uint64_t ignored;

    *s = (struct standstill){.schedstat = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC)};
    if (!read_waited(s->schedstat, &ignored))
        base_closep(&s->schedstat);
}

void standstill_begin(struct standstill *s)
{
    s->total_ns = s->held_back_ns = 0;
    s->asleep_ns = asleep();
    standstill_look(s);
}

void standstill_look(struct standstill *s)
{
    (void)read_waited(s->schedstat, &s->waited_ns);
}

uint64_t standstill_unexplained(uint64_t late_ns, uint64_t waited_ns, uint64_t held_back_ns)
{
    uint64_t explained = waited_ns + held_back_ns;

    return late_ns > explained && late_ns - explained >= STANDSTILL_MIN_NS ? late_ns - explained
                                                                           : 0;
}

void standstill_woke(struct standstill *s, uint64_t due_ns, uint64_t now_ns,
                     standstill_quota_fn *held_back_ns, void *data)
{
    uint64_t waited, held;

    if (now_ns < due_ns || now_ns - due_ns < STANDSTILL_MIN_NS ||
        !read_waited(s->schedstat, &waited))
        return;
    held = held_back_ns(data);
    s->total_ns +=
        standstill_unexplained(now_ns - due_ns, waited - s->waited_ns, held - s->held_back_ns);
    s->waited_ns = waited;
    s->held_back_ns = held;
}

uint64_t standstill_suspended(const struct standstill *s)
{
    uint64_t now = asleep();

    /* the two clocks are not read in the same instant */
    return now > s->asleep_ns + NSEC_PER_MSEC ? now - s->asleep_ns : 0;
}
