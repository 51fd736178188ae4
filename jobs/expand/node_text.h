/* SPDX-License-Identifier: Apache-2.0 */
/* node_text: what the nodes of a job file are as YAML and as JSON, whatever is in them. Knows
 * nothing of jobs. */
#pragma once

#include "jobs/load.h"

#include <jansson.h>

/* Returns the key that a map's child is read as, or NULL. */
const struct key *node_key_below(const struct key *k, const struct node *child);

/* Writes a text that may have anything in it, as one line; what would be replaced again is marked.
 */
void yaml_write_text(FILE *out, const char *text, size_t n);
/* Writes a key and its colon. */
void yaml_write_key(FILE *out, const char *key, unsigned indent);
/* Writes what stands behind a key, and the end of its line; `k`: what it is read as, or NULL. */
void yaml_write_value(FILE *out, const struct node *n, const struct key *k, unsigned indent);

/* Returns a text. One that is not UTF-8, as a file's name may be, has no place in JSON: as in YAML,
 * a mark stands for each byte that is none. */
json_t *json_of_text(const char *text);
json_t *json_of_node(const struct node *n, const struct key *k);
