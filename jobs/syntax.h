/* SPDX-License-Identifier: Apache-2.0 */
/* syntax: says in the reader's words what is wrong with YAML that libyaml cannot parse. Private to
 * jobs/. */
#pragma once

#include "jobs/source.h"

struct yaml_parser_s;

/* Notes the problem that stopped the parser, as a sentence that says what to write instead, at the
 * place that has to change: for a bracket that is never closed, at the bracket. */
void syntax_problem(struct source *s, const struct yaml_parser_s *p);
