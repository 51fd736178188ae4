/* SPDX-License-Identifier: Apache-2.0 */
/* manifest: what a run writes down about itself in its directory, so that somebody else can make
 * the same sandbox later: the texts of its job files. */
#pragma once

#include "harness/run/run.h"
#include "harness/run/run_options.h"

/* Copies each job file's text, as it was loaded, into the run's directory, with what the plan has
 * included (behind NULs: path, text, path, text); a plan that comes from no file
 * is left out. */
int manifest_texts(const struct run_options *options, int run_dirfd, struct cupel_error *err);
/* Writes "record" into the run's directory: where its jobs' views are, which jobs it has, and what
 * pass-env found. */
int manifest_run(const struct run_options *options, const struct run *run, struct cupel_error *err);
/* Writes "roots": of each root in use the keys of its layers and the jobs over it: "root=KEYS",
 * then "job=NAME" of the first MANIFEST_ROOT_JOBS, then "more=N" of others. */
#define MANIFEST_ROOTS "roots"
#define MANIFEST_ROOT_JOBS 6
int manifest_roots(const struct run *run, struct cupel_error *err);
/* Returns the copy's name in the run's directory. */
void manifest_text_name(size_t plan_index, char ret[static 32]);
/* Returns the absolute path of the plan's file; malloc'ed. */
char *manifest_path_of(const struct jobs_plan *plan);
/* Adds what the image of the job's root says where the job file says nothing, each with a NUL:
 * "KEYuser=", "KEYworkdir=" and "KEYimage=NAME=VALUE"; nothing for a root that comes from no image.
 */
void manifest_add_image(struct strbuf *b, const char *key, const struct cache_root *root,
                        const struct jobs_job *job);
/* Adds "env=NAME=VALUE" and a NUL for each name of the job's pass-env that has a value. */
void manifest_add_env(struct strbuf *b, const struct jobs_job *job);
/* Adds "KEYset=NAME=VALUE" and a NUL for each parameter of the plan. */
void manifest_add_set(struct strbuf *b, const char *key, const struct jobs_plan *plan);
