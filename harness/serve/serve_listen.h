/* SPDX-License-Identifier: Apache-2.0 */
/* serve_listen: private to serve: the socket: made, or handed over by systemd. */
#pragma once

#include "harness/serve/serve_state.h"

int serve_listen_open(struct server *s, struct cupel_error *err);
/* Removes the socket that was made. */
void serve_listen_close(struct server *s);
