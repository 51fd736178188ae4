/* SPDX-License-Identifier: Apache-2.0 */
/* late_words: private to sandbox: what a held job's first command is told with GO: its words and
 * its resource limits, in memory that it shares with the slot and that lies at the same place in
 * both. It is gone with execve. The slot writes it, and reads nothing of it. */
#pragma once

#include "jobs/jobs.h"

#define LATE_SIZE ((size_t)512 << 10) /* of the text; what is larger does not go late */
#define LATE_OWN 3                    /* entries of the environment that PID 1 writes */

struct setup_late {
    char *const *argv;
    char **env; /* with room for LATE_OWN more, and the NULL */
    uint32_t n_env;
    uint32_t own;              /* bits: which of HOME, USER and LOGNAME are PID 1's to write */
    struct jobs_limits limits; /* the step's own, or else the job's; of those in the process */
    char text[LATE_SIZE];
};

/* What a job with these limits may have in /dev/shm, as its mount options say it: the slot changes
 * that before GO. */
struct shm_bounds {
    char size[24], files[24];
};
void shm_bounds(const struct jobs_limits *l, struct shm_bounds *ret);
