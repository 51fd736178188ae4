/* SPDX-License-Identifier: Apache-2.0 */
/* serve_peers: private to serve: who may connect, how many, and for how long they may take. */
#pragma once

#include "harness/serve/serve_state.h"

/* Takes all connections that wait. */
void serve_peers_accept(struct server *s);
/* The other end of a connection is gone. */
void serve_peers_hangup(struct server *s, int fd);
/* Ends those that take too long over a request; called every second. */
void serve_peers_expire(struct server *s);
/* Says whether bounds of one user do not hold for this one: root's and the server's own. */
bool serve_peers_is_privileged(uid_t uid);
/* Says whether so many bytes more of a body of this one's may be in memory, and counts them. */
bool serve_peers_take_body(struct server *s, struct serve_peer *peer, size_t bytes);
struct serve_peer *serve_peers_find(const struct server *s, int fd);
void serve_peers_forget(struct server *s, struct serve_peer *peer);
