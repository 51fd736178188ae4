/* SPDX-License-Identifier: Apache-2.0 */
/* environment: exactly what a job finds in its environment. */
#pragma once

#include "harness/run/run.h"
#include "jobs/jobs.h"

/* The job's environment, on top of its image's (or NULL), complete but for HOME, USER, LOGNAME and
 * its secrets, as if each of its limits is held: NULL-terminated, one malloc'ed block to free(). */
const char **environment_make(const struct jobs_plan *plan, const struct jobs_job *job,
                              const char *const *of_image);
/* The same of a job that is to run, over its root's image, with its secrets. */
const char **environment_of(const struct run *run, const struct instance *instance);
