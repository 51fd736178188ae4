/* SPDX-License-Identifier: Apache-2.0 */
/* include: what a job file takes in of others. Private to jobs/expand/. */
#pragma once

#include "jobs/expand/host.h"
#include "jobs/load.h"

#define INCLUDES_MAX 256 /* entries of `include`, of all files together */

/* Reads the files that the job file includes, and those that they do, and puts their roots and
 * templates and services behind its own. Problems are noted. Fills plan->inclusions. */
void include_files(struct loader *l, struct node *root);
