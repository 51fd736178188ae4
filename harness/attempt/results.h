/* SPDX-License-Identifier: Apache-2.0 */
/* results: what it adds to what a slot reported: names, limits, where the logs are, what was
 * before. */
#pragma once

#include "harness/run/run.h"

/* Returns by what a root is known; NULL: it is not, or has not been made. */
const char *results_root_digest(const struct cache_root *root, enum jobs_root_kind kind,
                                struct arena *arena);
/* Adds what is known of a job anyway. */
void results_describe(const struct run *run, const struct instance *in, struct arena *arena,
                      struct reports_result *r);
/* A job, or an attempt of it, of which there is nothing to tell but why; in an arena of its own. */
struct reports_result *results_unrun(const struct run *run, const struct instance *in,
                                     enum reports_verdict verdict, const char *evidence,
                                     struct arena **ret_arena);
/* `r` is the attempt after `before`, which lives as long as `r` does. */
void results_follow(struct reports_result *r, const struct reports_result *before,
                    struct arena *arena);
void results_add_note(struct reports_result *r, struct arena *arena, const char *note);
/* Keeps the first names of artifacts alone, in this arena: so that what a run holds until its end
 * is bounded by the number of its jobs, not by what they leave. */
void results_shorten(struct reports_result *r, struct arena *arena);
/* Copies what the reports at the end need of a result whose line has been written, and no more: the
 * timeline is not among it, nor more than the first artifacts. Nothing of `r` is needed any more
 * then, but what its plan and instance have, `job` among it. Limits that are those of `like` (or
 * NULL), in the same arena, are shared. Only of a job that was run once. */
struct reports_result *results_keep(const struct reports_result *r, const struct jobs_job *job,
                                    struct arena *arena, const struct reports_result *like);
void results_name_logs(const struct instance *in, bool has_stdout, bool has_stderr, const char *dir,
                       struct arena *arena, struct reports_result *r);
/* The job is about to be run again after `r`: its logs make room. */
int results_keep_logs(const struct run *run, const struct instance *in, struct arena *arena,
                      struct reports_result *r, struct cupel_error *err);
/* Logs and artifacts of an earlier run, or artifacts of an earlier attempt, must not pass for those
 * of the next. */
void results_forget_earlier(const struct run *run, const struct instance *in);
