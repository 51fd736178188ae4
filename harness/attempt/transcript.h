/* SPDX-License-Identifier: Apache-2.0 */
/* transcript: private to attempt: what a job and the program that talks with it have written to
 * each other, as a log for whoever may see all. */
#pragma once

#include "base/base.h"

struct attempt;

/* Adds what a side (enum pair_side) has written, to a file that both sides append to: a single
 * call, so that no part is in another. Nothing once the file has `max` bytes. */
void transcript_add(int fd, uint64_t max, unsigned side, const char *data, size_t n);
/* Writes all that is there as the job's log of that name, as much as its file asks for. */
int transcript_keep(int fd, const struct attempt *a, struct cupel_error *err);
