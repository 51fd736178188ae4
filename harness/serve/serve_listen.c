/* SPDX-License-Identifier: Apache-2.0 */
/* serve_listen: see serve_listen.h. Not responsible for who may connect beyond the socket's mode
 * (serve_peers.c). */
#include "harness/serve/serve_listen.h"

#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define FIRST_HANDED_OVER 3 /* sd_listen_fds(3) */
#define BACKLOG 512

/* ---- handed over ---- */

/* Says whether systemd has handed over descriptors to this process. */
static bool is_handed_over(void)
{
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

    return pid != NULL && n != NULL && strtol(pid, NULL, 10) == (long)getpid() &&
           strtol(n, NULL, 10) > 0;
}

static int take_handed_over(struct server *s, struct cupel_error *err)
{
    int fd = FIRST_HANDED_OVER, type = 0, listens = 0, domain = 0;
    socklen_t size = sizeof(int);

    if (strtol(getenv("LISTEN_FDS"), NULL, 10) != 1)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "systemd has handed over %s sockets, and cupel serve takes one",
                               getenv("LISTEN_FDS"));
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || domain != AF_UNIX ||
        type != SOCK_STREAM || listens == 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "what systemd has handed over is no listening Unix stream socket");
        cupel_error_hint(err, "see packaging/systemd/cupel.socket");
        return -EINVAL;
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot take over a socket");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    s->listener = fd;
    return 0;
}

/* ---- made ---- */

/* Removes what a server that was killed has left; a socket where somebody answers stays. */
static int remove_stale(const struct sockaddr_un *address, struct cupel_error *err)
{
    cleanup_close int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;

    if (lstat(address->sun_path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode)) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%s' is there, and no socket",
                              address->sun_path);
        cupel_error_hint(err, "name another path with --socket");
        return -EEXIST;
    }
    if (probe < 0 || connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
        errno != ECONNREFUSED) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "another server listens on '%s'",
                              address->sun_path);
        cupel_error_hint(err, "name another path with --socket, or end that one");
        return -EADDRINUSE;
    }
    return unlink(address->sun_path) < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                                                           "cannot remove '%s'", address->sun_path)
                                         : 0;
}

static int give_to_group(const struct serve_options *o, struct cupel_error *err)
{
    const struct group *group = o->group != NULL ? getgrnam(o->group) : NULL;

    if (o->group == NULL)
        return 0;
    if (group == NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "there is no group '%s'", o->group);
        cupel_error_hint(err, "--group takes the name of a group of this machine");
        return -ENOENT;
    }
    if (chown(o->socket, (uid_t)-1, group->gr_gid) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                               "cannot give the socket to the group '%s'", o->group);
    return 0;
}

static int make_socket(struct server *s, struct cupel_error *err)
{
    const struct serve_options *o = s->options;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask;
    int r;

    if (strlen(o->socket) >= sizeof(address.sun_path))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "the path of a socket has at most %zu bytes (unix(7))",
                               sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, o->socket, strlen(o->socket) + 1);
    r = remove_stale(&address, err);
    if (r < 0)
        return r;
    mask = umask(0777); /* nobody connects before it belongs to whom it should */
    r = fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    (void)umask(mask);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot make the socket '%s'",
                               o->socket);
    s->owns_socket = true;
    r = give_to_group(o, err);
    if (r == 0 && (chmod(o->socket, o->mode) < 0 || listen(fd, BACKLOG) < 0))
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot listen on '%s'", o->socket);
    if (r == 0)
        s->listener = steal_fd(&fd);
    return r;
}

int serve_listen_open(struct server *s, struct cupel_error *err)
{
    if (is_handed_over())
        return take_handed_over(s, err);
    if (s->options->socket != NULL)
        return make_socket(s, err);
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "there is no socket to listen on");
    cupel_error_hint(err, "say --socket PATH, or have systemd hand one over "
                          "(packaging/systemd/cupel.socket)");
    return -EINVAL;
}

void serve_listen_close(struct server *s)
{
    base_closep(&s->listener);
    if (s->owns_socket)
        (void)unlink(s->options->socket);
}
