/* SPDX-License-Identifier: Apache-2.0 */
/* serve_metrics: private to serve: the server's figures, in Prometheus' text format. */
#pragma once

#include "harness/serve/serve_state.h"

void serve_metrics_job(struct server *s, enum reports_verdict verdict, uint64_t asked_ns);
void serve_metrics_write(const struct server *s, struct strbuf *to);
