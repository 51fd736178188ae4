/* SPDX-License-Identifier: Apache-2.0 */
/* cores: the whole cores that jobs with `cpuset: exclusive` have for themselves while they run, and
 * what is left for all others. Found once, when a run is prepared; taken and given back by slots.
 * Nobody else on this machine who asks has them meanwhile, of whatever run and user.
 */
#pragma once

#include "jobs/jobs.h"

struct cores {
    struct jobs_cpus *each;  /* the CPUs of each such core */
    struct jobs_cpus *nodes; /* the memory nodes of each: none where the machine tells of none */
    size_t n;                /* 0: no job of the run asks for any */
    size_t n_whole;          /* how many the machine has, besides the one for all others */
    char *rest;              /* the CPUs of all other jobs; NULL where there are no such cores */
    int topology;            /* where they are locked; -EBADF where there are none */
};
#define CORES_NONE                                                                                 \
    (struct cores)                                                                                 \
    {                                                                                              \
        .topology = -EBADF                                                                         \
    }

/* How many whole cores a job asks for; 0: it does not. */
size_t cores_wanted(const struct jobs_limits *limits);
/* The same of those that there are: 0 where it does without (--best-effort). */
size_t cores_granted(const struct cores *cores, const struct jobs_limits *limits);

/* Finds the whole cores among the CPUs `allowed`, the first one left out, and keeps `most` of them,
 * or all if there are fewer: rather those that nobody has at the moment, and of these the last. A
 * core is whole when each of its hyperthreads is allowed. `topology` is a directory like
 * /sys/devices/system/cpu. */
int cores_find(int topology, const struct jobs_cpus *allowed, size_t most, struct cores *ret);
/* How many whole cores there are beside the first among the CPUs that this process may use; 0:
 * none, or nobody knows. */
size_t cores_count(void);
void cores_free(struct cores *cores);

/* Cores that an attempt has: nobody else takes them. */
struct cores_held {
    int *locks;
    size_t n;
    char *cpus;  /* the list of their CPUs */
    char *nodes; /* of their memory nodes; NULL: not known */
    uint64_t waited_ns;
};
/* Waits for so many that nobody has, and takes them. -ECANCELED: something is to be read from
 * `orders` (may be negative), and is left there. */
int cores_take(const struct cores *cores, size_t wanted, int orders, struct cores_held *ret,
               struct cupel_error *err);
void cores_give_back(struct cores_held *held);
