/* SPDX-License-Identifier: Apache-2.0 */
/* serve_peers: see serve_peers.h. The kernel has already asked the socket's mode (unix(7)); it is
 * asked again by who the peer is, since a socket that was handed over may have come from anywhere.
 * Not responsible for what a peer asks (serve_http.c). */
#include "harness/serve/serve_peers.h"

#include "harness/serve/serve_http.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PEERS_MAX 1024                 /* connections, of everybody */
#define PEERS_OF_ONE 512               /* of one user other than root and ours */
#define ACCEPTS_A_TURN 64              /* then others have their turn */
#define REQUEST_NS (60 * NSEC_PER_SEC) /* from a request's line to its last byte */
#define GROUPS_MAX 65536

/* ---- who ---- */

bool serve_peers_is_privileged(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

static bool is_in_group(int fd, const struct ucred *who, gid_t group)
{
    cleanup_free gid_t *groups = NULL;
    socklen_t size = 0;

    if (who->gid == group)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE ||
        size > GROUPS_MAX * sizeof(gid_t))
        return false;
    groups = xmalloc(size);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false;
    for (size_t i = 0; i < size / sizeof(gid_t); i++)
        if (groups[i] == group)
            return true;
    return false;
}

/* Says whether the socket's mode lets others in than its owner: everybody, or this one's group. */
static bool is_let_in(const struct server *s, int fd, const struct ucred *who)
{
    struct sockaddr_un address = {0};
    socklen_t size = sizeof(address) - 1; /* so that a path ends with a NUL */
    const char *path = s->owns_socket ? s->options->socket : address.sun_path;
    struct stat st;

    /* a relative path of a socket that was handed over is one from we do not know where */
    if (getsockname(s->listener, (struct sockaddr *)&address, &size) < 0 ||
        (!s->owns_socket && path[0] != '/') || stat(path, &st) < 0)
        return false;
    return (st.st_mode & S_IWOTH) != 0 ||
           ((st.st_mode & S_IWGRP) != 0 && is_in_group(fd, who, st.st_gid));
}

static bool is_allowed(const struct server *s, int fd, struct ucred *ret_who)
{
    socklen_t size = sizeof(*ret_who);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_who, &size) < 0)
        return false;
    return serve_peers_is_privileged(ret_who->uid) || is_let_in(s, fd, ret_who);
}

/* ---- how many ---- */

static size_t count_of(const struct server *s, uid_t uid)
{
    size_t n = 0;

    for (size_t i = 0; i < s->peers_size; i++)
        n += s->peers[i] != NULL && s->peers[i]->uid == uid;
    return n;
}

bool serve_peers_take_body(struct server *s, struct serve_peer *peer, size_t bytes)
{
    size_t all = bytes, own = bytes;

    for (size_t i = 0; i < s->peers_size; i++)
        if (s->peers[i] != NULL) {
            all += s->peers[i]->body_bytes;
            own += s->peers[i]->uid == peer->uid ? s->peers[i]->body_bytes : 0;
        }
    if (all > SERVE_BODIES_MAX ||
        (!serve_peers_is_privileged(peer->uid) && own > SERVE_BODIES_MAX / 2))
        return false;
    peer->body_bytes += bytes;
    return true;
}

/* Ends the connection that has been idle for the longest; false: none is. */
static bool end_idlest(struct server *s)
{
    struct serve_peer *idlest = NULL;

    for (size_t i = 0; i < s->peers_size; i++)
        if (s->peers[i] != NULL && !s->peers[i]->asking && s->peers[i]->since_ns > 0 &&
            (idlest == NULL || s->peers[i]->since_ns < idlest->since_ns))
            idlest = s->peers[i];
    if (idlest == NULL)
        return false;
    idlest->since_ns = 0; /* is being ended */
    (void)shutdown(idlest->fd, SHUT_RDWR);
    return true;
}

static bool has_room(struct server *s, uid_t uid)
{
    if (!serve_peers_is_privileged(uid) && count_of(s, uid) >= PEERS_OF_ONE)
        return false;
    return s->n_peers < PEERS_MAX || end_idlest(s);
}

/* ---- coming and going ---- */

static void add_peer(struct server *s, int fd, uid_t uid)
{
    struct serve_peer *peer = xcalloc(1, sizeof(*peer));

    *peer = (struct serve_peer){.fd = fd, .uid = uid, .since_ns = clock_monotonic_ns()};
    if ((size_t)fd >= s->peers_size) {
        size_t size = (size_t)fd + 64;

        s->peers = xrealloc(s->peers, size * sizeof(struct serve_peer *));
        for (size_t i = s->peers_size; i < size; i++)
            s->peers[i] = NULL;
        s->peers_size = size;
    }
    s->peers[fd] = peer;
    s->n_peers++;
}

/* Hands a connection to the library, which closes it from then on, whatever becomes of it. */
static void admit(struct server *s, int fd)
{
    static const struct sockaddr_un nobody = {.sun_family = AF_UNIX};
    struct epoll_event e = {.data.u64 = SERVE_EVENT(SERVE_EVENT_PEER, fd)};
    struct ucred who;

    if (!is_allowed(s, fd, &who)) {
        s->figures.refused_peers++;
        (void)close(fd);
        return;
    }
    if (!has_room(s, who.uid)) {
        s->figures.refused_peers++;
        (void)close(fd);
        return;
    }
    add_peer(s, fd, who.uid);
    /* without any event: what is told all the same is that the other end is gone (epoll_ctl(2)) */
    (void)epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e);
    if (s->mhd.add_connection(s->daemon, fd, (const struct sockaddr *)&nobody,
                              sizeof(sa_family_t)) != MHD_YES &&
        serve_peers_find(s, fd) != NULL)
        serve_peers_forget(s, serve_peers_find(s, fd));
}

void serve_peers_accept(struct server *s)
{
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
            return;
        admit(s, fd);
    }
}

struct serve_peer *serve_peers_find(const struct server *s, int fd)
{
    return fd >= 0 && (size_t)fd < s->peers_size ? s->peers[fd] : NULL;
}

void serve_peers_forget(struct server *s, struct serve_peer *peer)
{
    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, peer->fd, NULL);
    s->peers[peer->fd] = NULL;
    s->n_peers--;
    free(peer);
}

void serve_peers_hangup(struct server *s, int fd)
{
    struct serve_peer *peer = serve_peers_find(s, fd);

    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL); /* told once is enough */
    if (peer == NULL || peer->batch == NULL)
        return;
    /* a stream that waits for results does not look at its connection: its next attempt to
     * write does */
    s->figures.vanished_clients++;
    peer->batch->gone = true;
    serve_http_wake(s, peer->batch);
}

void serve_peers_expire(struct server *s)
{
    uint64_t now = clock_monotonic_ns();

    for (size_t i = 0; i < s->peers_size; i++) {
        struct serve_peer *peer = s->peers[i];

        if (peer != NULL && peer->asking && !peer->streaming && peer->since_ns > 0 &&
            now - peer->since_ns > REQUEST_NS) {
            peer->since_ns = 0;
            (void)shutdown(peer->fd, SHUT_RDWR);
        }
    }
}
