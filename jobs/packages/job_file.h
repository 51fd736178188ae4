/* SPDX-License-Identifier: Apache-2.0 */
/* job_file: what the files share that write the job file of a package. Private to this room. */
#pragma once

#include "jobs/packages/package.h"

/* A number with a unit behind it: 60s, 8M. */
void write_size(struct problem_package *p, struct out *in, const char *key, uint64_t n, char unit);
/* Texts that stand for themselves. */
void write_literal(struct problem_package *p, struct out *in, const char *key, const char *text);
void write_literals(struct problem_package *p, struct out *in, const char *key,
                    const struct package_texts *texts);
/* Limits of a job that compiles or validates; 0: what is usual. */
void write_limits(struct problem_package *p, struct out *in, uint64_t seconds, uint64_t memory_mib,
                  uint64_t output_mib);
/* An input of the package's own. */
void write_input(struct problem_package *p, struct out *inputs, const char *path, const char *to,
                 bool is_writable);
/* Adds a program's files, where package_program_script looks for them. */
void write_program_inputs(struct problem_package *p, struct out *in,
                          const struct package_program *program);
/* The files that a case has in its working directory. */
void write_case_files(struct problem_package *p, struct out *map, const struct test_case *c,
                      const char *dir);
/* The package's validator of output. */
void write_checker(struct problem_package *p, struct out *expect);
/* A case with the arguments that more than half of them have, or the first. */
const struct test_case *write_usual_case(const struct problem_package *p);
/* What a case's arguments make of the job's `expect`, where they differ from those of `than`
 * (NULL: of nothing). */
void write_expected(struct problem_package *p, struct out *expect, const struct test_case *c,
                    const struct test_case *than);
/* What the default validator's arguments say; returns what is wrong with them, or NULL. */
const char *write_comparing(struct problem_package *p, struct out *expect,
                            const struct package_texts *args);
/* The package's own submissions, each under what it has to come to, for who grades others. */
void write_references(struct problem_package *p);
/* The jobs that verify the package's validators. */
void write_verifying(struct problem_package *p, struct out *jobs);
