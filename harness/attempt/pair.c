/* SPDX-License-Identifier: Apache-2.0 */
/* pair: see pair.h. The two slots have a socket between them, which whoever gives them their orders
 * has made. Each sends the other the write end of its own job's standard input, and keeps none: so
 * that input ends when the other slot closes it, whatever kills whom, and that slot sees when
 * nobody reads it any more. A job itself has nothing of it but a pipe, as ever. */
#include "harness/attempt/pair.h"

#include "harness/attempt/transcript.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define FDS 2 /* of an introduction: the input, and the memory of its note */

void pair_begin(struct pair *p, int slot)
{
    *p = (struct pair){.slot = slot, .to = -EBADF, .transcript = -EBADF};
}

static struct pair_last *map_last(int fd)
{
    void *at = mmap(NULL, sizeof(struct pair_last), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return at == MAP_FAILED ? NULL : at;
}

static int make_last(struct pair *p)
{
    cleanup_close int fd = memfd_create("last", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, (off_t)sizeof(struct pair_last)) < 0)
        return -errno;
    p->ours = map_last(fd);
    return p->ours == NULL ? -errno : steal_fd(&fd);
}

/* Room for the descriptors of an introduction, aligned as the kernel's header wants it. */
union introduction {
    struct cmsghdr header;
    char space[CMSG_SPACE(FDS * sizeof(int))];
};

static int send_introduction(int slot, const int fds[static FDS])
{
    union introduction control = {0};
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(FDS * sizeof(int));
    memcpy(CMSG_DATA(c), fds, FDS * sizeof(int));
    return sendmsg(slot, &m, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int pair_introduce(struct pair *p, int *in, struct cupel_error *err)
{
    cleanup_close int last = make_last(p);
    int fds[FDS] = {*in, last};
    int r = last < 0 ? last : send_introduction(p->slot, fds);

    base_closep(in);
    *in = -EBADF;
    if (r == -EPIPE || r == -ECONNRESET) /* the other has ended already: our job reads its end */
        r = 0;
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot join the job to the other of its pair")
                 : 0;
}

static void close_to(struct pair *p)
{
    base_closep(&p->to);
    p->to = -EBADF;
    p->gone = true;
    p->len = 0;
}

void pair_end(struct pair *p)
{
    close_to(p);
    base_closep(&p->slot);
    p->slot = -EBADF;
    if (p->ours != NULL)
        (void)munmap(p->ours, sizeof(*p->ours));
    if (p->theirs != NULL)
        (void)munmap(p->theirs, sizeof(*p->theirs));
    p->ours = p->theirs = NULL;
    free(steal_ptr(p->data));
}

/* ---- bytes ---- */

bool pair_is_free(const struct pair *p)
{
    return p->gone || (p->to >= 0 && p->len == 0);
}

bool pair_is_pending(const struct pair *p)
{
    return !p->gone && (p->len > 0 || p->slot >= 0);
}

bool pair_is_closed(const struct pair *p)
{
    return p->gone && (p->ends == NULL || p->lost >= PAIR_CHUNK);
}

/* Notes the first sign of the end of a side. */
static void note_sign(struct pair *p, enum pair_side side)
{
    uint64_t never = 0;

    if (p->ends != NULL)
        (void)atomic_compare_exchange_strong(&p->ends->sign_ns[side], &never, clock_monotonic_ns());
}

/* Notes that nobody reads what our job writes. */
static void lose_reader(struct pair *p)
{
    note_sign(p, !p->side);
    p->lost += p->len;
    if (p->ends != NULL && p->len > 0)
        atomic_store(&p->ends->lost[p->side], true);
    close_to(p);
}

void pair_finish(struct pair *p)
{
    if (!p->last)
        note_sign(p, p->side);
    p->last = true;
    if (p->len == 0 && p->to >= 0)
        close_to(p);
}

void pair_drop(struct pair *p)
{
    close_to(p);
}

static void note_written(struct pair *p, const char *data, size_t n)
{
    uint64_t now = clock_monotonic_ns();

    if (p->theirs != NULL)
        atomic_store_explicit(&p->theirs->at_ns, now, memory_order_relaxed);
    if (p->ends == NULL || n == 0)
        return;
    atomic_store(&p->ends->wrote_ns[p->side], now);
    atomic_fetch_add(&p->ends->wrote[p->side], n);
    atomic_store(&p->ends->last_byte[p->side], data[n - 1]);
}

static void give(struct pair *p)
{
    ssize_t n = write(p->to, p->data + p->at, p->len);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) { /* EPIPE */
        lose_reader(p);
        return;
    }
    note_written(p, p->data + p->at, (size_t)n);
    p->at += (size_t)n;
    p->len -= (size_t)n;
    if (p->last && p->len == 0)
        close_to(p);
}

void pair_put(struct pair *p, const char *data, size_t n)
{
    if (n == 0)
        return;
    transcript_add(p->transcript, p->transcript_max, p->side, data, n);
    if (p->gone) {
        p->lost += n;
        if (p->ends != NULL)
            atomic_store(&p->ends->lost[p->side], true);
        return;
    }
    if (p->data == NULL)
        p->data = xmalloc(PAIR_CHUNK);
    memcpy(p->data, data, n);
    p->at = 0;
    p->len = n;
    give(p);
}

/* ---- the other's slot ---- */

/* Takes its job's input; without one, that job has ended before it began. */
static void receive_introduction(struct pair *p)
{
    union introduction control = {0};
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(p->slot, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = n == 1 ? CMSG_FIRSTHDR(&m) : NULL;
    int fds[FDS];

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    base_closep(&p->slot);
    p->slot = -EBADF;
    if (c == NULL || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(fds))) {
        p->gone = true;
        return;
    }
    memcpy(fds, CMSG_DATA(c), sizeof(fds));
    p->to = fds[0];
    p->theirs = map_last(fds[1]);
    (void)close(fds[1]);
    if (p->last)
        close_to(p);
}

/* Watches it for room, or without anything to write for the end of who reads (POLLERR). */
void pair_poll(const struct pair *p, struct pollfd fds[static PAIR_POLLS])
{
    fds[PAIR_SLOT] = (struct pollfd){.fd = p->slot, .events = POLLIN};
    fds[PAIR_TO] = (struct pollfd){.fd = p->to, .events = p->len > 0 ? POLLOUT : 0};
}

void pair_serve(struct pair *p, const struct pollfd fds[static PAIR_POLLS])
{
    if (fds[PAIR_TO].revents != 0 && p->to >= 0) {
        if ((fds[PAIR_TO].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
            lose_reader(p);
        else if (p->len > 0)
            give(p);
    }
    if (fds[PAIR_SLOT].revents != 0 && p->slot >= 0)
        receive_introduction(p);
}

void pair_note(const struct pair *p, struct pair_facts *ret)
{
    if (p->theirs != NULL)
        ret->wrote_ns = atomic_load_explicit(&p->theirs->at_ns, memory_order_relaxed);
    if (p->ours != NULL)
        ret->got_ns = atomic_load_explicit(&p->ours->at_ns, memory_order_relaxed);
    if (p->ends == NULL)
        return;
    ret->wrote = atomic_load(&p->ends->wrote[p->side]);
    ret->got = atomic_load(&p->ends->wrote[!p->side]);
    ret->is_line = ret->wrote == 0 || atomic_load(&p->ends->last_byte[p->side]) == '\n';
}
