/* SPDX-License-Identifier: Apache-2.0 */
/* params: what the parameters of a file are. Private to jobs/expand/. */
#pragma once

#include "jobs/expand/replace.h"

/* Reads `params`: what --set gives, or the caller's environment, or the file itself. */
void params_read(struct replacing *r, const struct node *map);
