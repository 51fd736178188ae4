/* SPDX-License-Identifier: Apache-2.0 */
/* own_limits: what whoever started this program allows it. Its own writing, reading and computing
 * must not end by a signal in the middle of a run; what jobs get is set anew for each of their
 * commands. */
#include "base/base.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#define FILES_WANTED 65536 /* more would only make programs slow that close all they might have */

static void raise_one(__rlimit_resource_t resource, rlim_t wanted)
{
    struct rlimit l, all = {wanted, wanted};

    if (getrlimit(resource, &l) < 0 || l.rlim_cur >= wanted)
        return;
    if (l.rlim_max < wanted && setrlimit(resource, &all) == 0) /* which takes CAP_SYS_RESOURCE */
        return;
    l.rlim_cur = l.rlim_max < wanted ? l.rlim_max : wanted;
    (void)setrlimit(resource, &l); /* not above the hard one, which always may be */
}

void own_limits_raise(void)
{
    static const __rlimit_resource_t unlimited[] = {RLIMIT_FSIZE, RLIMIT_CPU, RLIMIT_AS,
                                                    RLIMIT_DATA};

    /* a file that may not grow is an error like any other: EFBIG */
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < ARRAY_SIZE(unlimited); i++)
        raise_one(unlimited[i], RLIM_INFINITY);
    raise_one(RLIMIT_NOFILE, FILES_WANTED);
}

int own_limits_check_size(uint64_t needed, struct cupel_error *err)
{
    char have[UNIT_TEXT_SIZE], want[UNIT_TEXT_SIZE];
    struct rlimit l;

    if (getrlimit(RLIMIT_FSIZE, &l) < 0 || l.rlim_cur >= needed)
        return 0;
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0,
        "whoever started cupel lets its files grow to %s, and this run makes some of up to %s",
        unit_format_size(l.rlim_cur, have), unit_format_size(needed, want));
    cupel_error_hint(err,
                     "raise the hard limit (ulimit -Hf, limits.conf(5), LimitFSIZE= of systemd)");
    return -EFBIG;
}

int own_limits_check_files(uint64_t needed, struct cupel_error *err)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= needed)
        return 0;
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0,
        "whoever started cupel lets it have %llu open files, and this run takes up to %llu",
        (unsigned long long)l.rlim_cur, (unsigned long long)needed);
    cupel_error_hint(err, "raise the hard limit (ulimit -Hn, limits.conf(5), LimitNOFILE= of "
                          "systemd), or use fewer slots (-j)");
    return -EMFILE;
}

unsigned own_limits_cpus(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}
