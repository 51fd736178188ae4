/* SPDX-License-Identifier: Apache-2.0 */
/* disk_ahead: the disk of a run's first slot, made while the run is prepared. Most of what a disk
 * takes is waiting for the store's, so that is done aside. The slot gets it by a socket when its
 * first job wants a disk, and waits no longer for it than it would for one of its own. Where
 * nothing comes of it, the slot makes its own, and says why it cannot. Not responsible for what is
 * on a disk (upper.c). */
#include "harness/sandbox/slot/disk_ahead.h"
#include "harness/sandbox/slot/upper.h"

#include "base/aside.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

struct sandbox_disk_ahead {
    struct aside *aside;
    int store_dirfd, templates; /* borrowed */
    uint64_t bytes, inodes, shares;
    int sends, receives; /* the two ends of a socket; `receives`: -EBADF once a slot has it */
};

/* What a message has beside the descriptors of mount, image and loop device. */
struct disk_ahead_message {
    bool made;
    struct upper upper;
};

static void make_ahead(void *data)
{
    const struct sandbox_disk_ahead *a = data;
    struct disk_ahead_message m = {.made = false};
    struct upper *u = NULL;

    if (upper_open_copy(a->store_dirfd, a->templates, a->bytes, a->inodes, a->shares, &u) == 0) {
        const int fds[] = {u->mount, u->image, u->loop};

        m = (struct disk_ahead_message){.made = true, .upper = *u};
        (void)socket_send(a->sends, &m, sizeof(m), fds, ARRAY_SIZE(fds));
        upper_forget(u);
        return;
    }
    (void)socket_send(a->sends, &m, sizeof(m), NULL, 0); /* somebody waits */
}

/* A disk of an exact size is as empty as can be when its job starts, and copied inputs say how
 * large one has to be only when they are looked at: neither is worth a guess. */
static bool is_plain(const struct jobs_job *job)
{
    for (size_t i = 0; i < job->n_inputs; i++)
        if (job->inputs[i].mode == JOBS_INPUT_COPY)
            return false;
    return !sandbox_disk_is_exact(&job->limits);
}

struct sandbox_disk_ahead *sandbox_disk_ahead_begin(const struct sandbox_privilege *privilege,
                                                    int store_dirfd, int templates,
                                                    const struct jobs_job *job)
{
    struct sandbox_disk_ahead *a;
    int ends[2];

    if (!privilege->host || templates < 0 || !is_plain(job) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return NULL;
    a = xcalloc(1, sizeof(*a));
    *a = (struct sandbox_disk_ahead){.store_dirfd = store_dirfd,
                                     .templates = templates,
                                     .shares = 1 + job->n_inputs / UPPER_INPUTS_A_SHARE,
                                     .sends = ends[0],
                                     .receives = ends[1]};
    sandbox_disk_limits(&job->limits, &a->bytes, &a->inodes);
    a->aside = aside_begin(make_ahead, a);
    if (a->aside != NULL)
        return a;
    (void)close(ends[0]);
    (void)close(ends[1]);
    free(a);
    return NULL;
}

int sandbox_disk_ahead_socket(const struct sandbox_disk_ahead *a)
{
    return a != NULL ? a->receives : -EBADF;
}

void sandbox_disk_ahead_given(struct sandbox_disk_ahead *a)
{
    if (a != NULL)
        base_closep(&a->receives);
}

/* What nobody has taken goes with the socket. */
void sandbox_disk_ahead_end(struct sandbox_disk_ahead *a)
{
    if (a == NULL)
        return;
    base_closep(&a->receives);
    aside_wait(a->aside);
    base_closep(&a->sends);
    free(a);
}

/* ---- in the slot ---- */

static struct upper *take_over(const struct disk_ahead_message *m, const int *fds)
{
    struct upper *u = xmalloc(sizeof(*u));

    *u = m->upper;
    u->mount = fds[0];
    u->image = fds[1];
    u->loop = fds[2];
    u->fd = openat(u->mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (u->fd >= 0)
        return u;
    upper_forget(u);
    return NULL;
}

int disk_ahead_receive(int *socket, int cancel, struct upper **ret)
{
    struct pollfd ready[] = {{.fd = *socket, .events = POLLIN}, {.fd = cancel, .events = POLLIN}};
    int fds[SOCKET_FDS_MAX];
    struct disk_ahead_message m;
    ssize_t n;

    *ret = NULL;
    while (poll(ready, ARRAY_SIZE(ready), -1) < 0)
        ;
    if (ready[0].revents == 0)
        return -ECANCELED;
    n = socket_receive(*socket, &m, sizeof(m), 0, fds);
    base_closep(socket);
    if (n == (ssize_t)sizeof(m) && m.made && fds[2] >= 0)
        *ret = take_over(&m, fds);
    else
        for (size_t i = 0; i < SOCKET_FDS_MAX; i++)
            base_closep(&fds[i]);
    return 0;
}
