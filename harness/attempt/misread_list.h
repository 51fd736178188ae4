/* SPDX-License-Identifier: Apache-2.0 */
/* misread_list: a list under `run`, `before` or `after` that was meant as several commands, as
 * other tools read it. */
#pragma once

#include "harness/attempt/facts.h"
#include "jobs/jobs.h"

/* Adds to the evidence of a step that failed what its list is, where it looks as if it was meant as
 * a list of scripts: its program has a blank in its name and is not there, or one of its arguments
 * repeats a word of the list and goes on. Only words: whether it was meant so is not known. */
void misread_list_explain(const struct jobs_step *step, const struct step_facts *facts,
                          struct strbuf *evidence);

/* The same of a command that could not be executed for that error, or "". */
const char *misread_list_words(const struct jobs_step *step, int not_executed);
