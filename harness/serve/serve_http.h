/* SPDX-License-Identifier: Apache-2.0 */
/* serve_http: private to serve: routes and answers over libmicrohttpd. */
#pragma once

#include "harness/serve/serve_state.h"

int serve_http_open(struct server *s, struct cupel_error *err);
void serve_http_close(struct server *s);
/* The batch has something to read, or has ended: its reader goes on. */
void serve_http_wake(struct server *s, struct serve_batch *b);
/* The routes, as "METHOD /path/{parameter}": docs/serve.openapi.json has the same (a test
 * compares). NULL behind the last. */
const char *serve_http_route(size_t i);
