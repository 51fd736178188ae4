/* SPDX-License-Identifier: Apache-2.0 */
/* clock: the time, in nanoseconds. Usable between clone and exec. */
#include "base/base.h"

uint64_t clock_read_ns(clockid_t clock)
{
    struct timespec t = {0};

    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}
