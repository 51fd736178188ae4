/* SPDX-License-Identifier: Apache-2.0 */
/* views: what the jobs that run now have in hand, published by their slots in the memory that they
 * share with their supervisor, for a process that wants to enter one (enterable.h). Nothing is
 * written for it while jobs run. */
#pragma once

#include "harness/sandbox/sandbox.h"

/* What the memory is called, which the supervisor's /proc entry leads to. */
#define VIEWS_NAME "cupel-slots"

struct slot_view;
struct cgroup_job;
/* Makes the views' memory and its descriptor (close-on-exec); NULL with errno. */
struct slot_view *views_make(unsigned slots, int *ret_fd);
/* `user`: of the job's commands, or NULL. From the first step's start, when the sandbox is
 * complete, until before the reaping of PID 1. */
void views_publish(struct slot_view *view, const struct sandbox_job *job, size_t instance,
                   const struct sandbox_user *user, const struct cgroup_job *cgroup);
void views_withdraw(struct slot_view *view);
