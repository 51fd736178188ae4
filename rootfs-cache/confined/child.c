/* SPDX-License-Identifier: Apache-2.0 */
/* child: see child.h. The child's packets: what it asks for, parts of its reply, at last its
 * result. Not responsible for what it does (who calls), nor for what it can (confine.c). */
#include "rootfs-cache/confined/child.h"

#include "rootfs-cache/confined/confine.h"
#include "rootfs-cache/confined/libarchive.h"

#include "base/interrupt.h"
#include "base/libcrypto.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PACKET_MAX ((size_t)32768)
/* A reader computes for a minute at most; one that does not even compute was taken over. */
#define SILENCE_SECONDS 600

enum packet_kind { PACKET_ASK, PACKET_PART, PACKET_RESULT };

struct packet {
    uint32_t kind;
    union {
        char bytes[PACKET_MAX]; /* a part, or the name that is asked for, without NUL */
        struct {
            int r;
            struct child_counts counts;
            struct cupel_error err;
        } result;
    };
};
#define PACKET_HEADER offsetof(struct packet, bytes)
#define PACKET_RESULT_LENGTH (PACKET_HEADER + sizeof(((struct packet *)NULL)->result))

struct child_self {
    int socket;
};

static enum confine_kind child_kind_of(const struct child_work *work)
{
    return work->reader == NULL ? CONFINE_TREE
           : work->long_work    ? CONFINE_LONG
                                : CONFINE_DESCRIPTORS;
}

/* ---- in the child ---- */

/* Keeps 0..2 and the given ones: they are moved to 3, 4, 5, ... and all above is closed. */
static int keep_only(int *const fds[], size_t n)
{
    int first = 3, above = first + (int)n;

    for (size_t i = 0; i < n; i++) {
        int high = *fds[i] < 0 ? *fds[i] : fcntl(*fds[i], F_DUPFD_CLOEXEC, above);

        if (high < 0 && *fds[i] >= 0)
            return -errno;
        *fds[i] = high;
    }
    for (size_t i = 0; i < n; i++) {
        int number = first + (int)i;

        if (*fds[i] < 0) {
            (void)close(number);
            continue;
        }
        if (dup3(*fds[i], number, O_CLOEXEC) < 0)
            return -errno;
        *fds[i] = number;
    }
    return close_range((unsigned)above, UINT_MAX, 0) < 0 ? -errno : 0;
}

int child_ask(struct child_self *self, const char *name)
{
    struct packet packet = {.kind = PACKET_ASK};
    int fds[SOCKET_FDS_MAX], answer = 0;
    size_t length = strlen(name);
    ssize_t n;

    if (length > CHILD_NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(packet.bytes, name, length);
    n = socket_send(self->socket, &packet, PACKET_HEADER + length, NULL, 0);
    if (n < 0)
        return (int)n;
    n = socket_receive(self->socket, &answer, sizeof(answer), 0, fds);
    if (n != (ssize_t)sizeof(answer))
        return n < 0 ? (int)n : -EPIPE;
    return answer < 0 ? answer : fds[0];
}

static int send_reply(const struct child_self *self, const struct strbuf *reply)
{
    struct packet packet = {.kind = PACKET_PART};
    int r = 0;

    for (size_t at = 0; r == 0 && at < reply->len; at += PACKET_MAX) {
        size_t n = reply->len - at < PACKET_MAX ? reply->len - at : PACKET_MAX;

        memcpy(packet.bytes, reply->data + at, n);
        r = socket_send(self->socket, &packet, PACKET_HEADER + n, NULL, 0);
    }
    return r;
}

static int do_work(const struct child_work *work, struct child_self *self, int fd,
                   struct packet *result)
{
    cleanup_strbuf struct strbuf reply = {0};
    int r;

    if (work->reader == NULL)
        return work->fn(work->arg, fd, &result->result.counts, &result->result.err);
    r = work->reader(work->arg, self, fd, &reply, &result->result.err);
    if (r == 0 && reply.len > CHILD_REPLY_MAX)
        r = cupel_error_set(&result->result.err, CUPEL_ERROR_INPUT, E2BIG, "cannot %s", work->what);
    return r == 0 ? send_reply(self, &reply) : r;
}

static _Noreturn void child_main(const struct child_work *work, int socket, pid_t parent)
{
    struct packet result = {.kind = PACKET_RESULT};
    struct child_self self = {.socket = socket};
    int fd = work->fd, keep = work->keep;
    int **fds = xcalloc(3 + work->n_more, sizeof(*fds));
    int r;

    late_forbid();
    memset(&result.result, 0, sizeof(result.result));
    fds[0] = &fd;
    fds[1] = &self.socket;
    fds[2] = &keep;
    for (size_t i = 0; i < work->n_more; i++)
        fds[3 + i] = &work->more[i];
    r = confine_begin(child_kind_of(work), work->tree, parent,
                      &(struct confine_bounds){work->seconds, work->file_max});
    if (r == 0)
        r = keep_only(fds, 3 + work->n_more);
    if (r == 0)
        r = confine_finish(child_kind_of(work));
    result.result.r = r < 0 ? cupel_error_set(&result.result.err, CUPEL_ERROR_HARNESS, r,
                                              "cannot confine a process of the root cache")
                            : do_work(work, &self, fd, &result);
    _exit(socket_send(self.socket, &result, PACKET_RESULT_LENGTH, NULL, 0) < 0);
}

/* ---- in the parent ---- */

struct hearing {
    const struct child_work *work;
    int socket;
    struct strbuf reply;
    size_t asks;
    bool has_result;
    struct packet packet;
};

/* Answers with a descriptor, or why there is none. */
static int answer(struct hearing *h, size_t length)
{
    cleanup_free char *name = xcalloc(1, CHILD_NAME_MAX + 1);
    cleanup_close int fd = -EBADF;
    int said;

    if (h->work->open == NULL || length > CHILD_NAME_MAX || ++h->asks > CHILD_ASKS_MAX)
        return -EPROTO;
    memcpy(name, h->packet.bytes, length);
    fd = strlen(name) == length ? h->work->open(h->work->open_data, name) : -EINVAL;
    said = fd < 0 ? fd : 0;
    return socket_send(h->socket, &said, sizeof(said), &fd, fd >= 0 ? 1 : 0);
}

static int take_part(struct hearing *h, size_t length)
{
    if (h->work->reader == NULL || h->reply.len + length > CHILD_REPLY_MAX)
        return -EPROTO;
    strbuf_add(&h->reply, h->packet.bytes, length);
    return 0;
}

/* A hostile child's words are shown on a terminal. */
static void clean(char *text, size_t size)
{
    text[size - 1] = '\0';
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static int child_take_result(struct hearing *h, size_t length)
{
    struct cupel_error *err = &h->packet.result.err;

    if (length != PACKET_RESULT_LENGTH - PACKET_HEADER)
        return -EPROTO;
    clean(err->message, sizeof(err->message));
    clean(err->hint, sizeof(err->hint));
    clean(h->packet.result.counts.top, sizeof(h->packet.result.counts.top));
    if (err->kind != CUPEL_ERROR_INPUT)
        err->kind = CUPEL_ERROR_HARNESS;
    h->has_result = true;
    return 0;
}

static int hear_packet(struct hearing *h)
{
    int fds[SOCKET_FDS_MAX];
    ssize_t n = socket_receive(h->socket, &h->packet, sizeof(h->packet), 0, fds);

    for (size_t i = 0; i < SOCKET_FDS_MAX; i++) /* it has none to send */
        base_closep(&fds[i]);
    if (n < (ssize_t)PACKET_HEADER)
        return n < 0 ? (int)n : -EPIPE;
    n -= (ssize_t)PACKET_HEADER;
    switch (h->packet.kind) {
    case PACKET_ASK:
        return answer(h, (size_t)n);
    case PACKET_PART:
        return take_part(h, (size_t)n);
    case PACKET_RESULT:
        return child_take_result(h, (size_t)n);
    default:
        return -EPROTO;
    }
}

/* Fills *err for a child that ended without a result. */
static int lost(const struct child_work *work, int why, int status, struct cupel_error *err)
{
    bool of_input = work->reader != NULL ||
                    (work->of_input && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    enum cupel_error_kind kind = of_input ? CUPEL_ERROR_INPUT : CUPEL_ERROR_HARNESS;
    char size[UNIT_TEXT_SIZE];

    if (work->reader != NULL && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        (void)cupel_error_set(
            err, kind, 0,
            "cannot %s: the process at work on it took too long: it may compute for %u s",
            work->what, confine_seconds(child_kind_of(work), work->seconds));
    else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        (void)cupel_error_set(err, kind, 0, "cannot %s: the process at work on it was killed by %s",
                              work->what, strsignal(WTERMSIG(status)));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == CUPEL_ERROR_HARNESS)
        (void)cupel_error_set(
            err, kind, 0, "cannot %s: the process at work on it ran out of the %s that it may have",
            work->what, unit_format_size(confine_memory(child_kind_of(work)), size));
    else if (why == -EAGAIN || why == -EPROTO)
        (void)cupel_error_set(err, kind, 0, "cannot %s: the process at work on it %s", work->what,
                              why == -EAGAIN ? "did nothing" : "did not do its work");
    else
        (void)cupel_error_set(err, kind, 0, "cannot %s: the process at work on it %s", work->what,
                              WIFSIGNALED(status) ? "was killed" : "gave no result");
    return -EINVAL;
}

struct child_process {
    const struct child_work *work;
    pid_t pid;
    struct hearing h;
};

int child_start(const struct child_work *work, struct child_process **ret, struct cupel_error *err)
{
    const struct timeval silence = {.tv_sec = SILENCE_SECONDS};
    struct interrupt signals = INTERRUPT_INIT;
    pid_t pid, parent = getpid();
    int ends[2];

    /* here, where "/" is the host's: in the child it may be a hostile tree */
    if (libarchive_load(err) < 0 || libcrypto_load(err) < 0)
        return -ELIBACC;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make a socket");
    /* in the child for good: it is its parent that a user's Ctrl-C is for */
    (void)interrupt_hold(&signals);
    pid = fork();
    if (pid == 0)
        child_main(work, ends[1], parent);
    interrupt_release(&signals, false);
    base_closep(&ends[1]);
    if (pid < 0) {
        int r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot start a process");

        base_closep(&ends[0]);
        return r;
    }
    if (child_kind_of(work) == CONFINE_DESCRIPTORS)
        (void)setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
    *ret = xcalloc(1, sizeof(**ret));
    **ret =
        (struct child_process){.work = work, .pid = pid, .h = {.work = work, .socket = ends[0]}};
    return 0;
}

int child_socket(const struct child_process *process)
{
    return process->h.socket;
}

static int child_wait_for(pid_t pid, int *ret_status)
{
    while (waitpid(pid, ret_status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

/* -EINTR: the user is not willing to wait any longer. -EAGAIN: nothing came for too long. */
static int wait_to_hear(const struct child_process *p, const struct interrupt *signals)
{
    struct pollfd fds[] = {{.fd = signals->fd, .events = POLLIN},
                           {.fd = p->h.socket, .events = POLLIN}};
    int n;

    do
        n = poll(fds, ARRAY_SIZE(fds),
                 child_kind_of(p->work) == CONFINE_DESCRIPTORS ? SILENCE_SECONDS * 1000 : -1);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EAGAIN;
    return interrupt_came(signals) ? -EINTR : 0;
}

static int hear_all(struct child_process *p)
{
    struct interrupt signals = INTERRUPT_INIT;
    int r = interrupt_hold(&signals);

    while (r == 0 && !p->h.has_result) {
        r = wait_to_hear(p, &signals);
        if (r == 0)
            r = hear_packet(&p->h);
    }
    interrupt_release(&signals, r == -EINTR);
    return r;
}

/* Hears the child out to its end; its reply stays in h. */
static int hear_out(struct child_process *p, struct cupel_error *err)
{
    struct hearing *h = &p->h;
    int status, r = hear_all(p);

    if (r == -EPROTO || r == -EAGAIN || r == -EINTR)
        (void)kill(p->pid, SIGKILL);
    base_closep(&h->socket);
    h->socket = -EBADF;
    if (child_wait_for(p->pid, &status) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot wait for a process");
    if (r == -EINTR)
        return cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, 0, "interrupted before it could %s",
                               p->work->what);
    if (!h->has_result)
        return lost(p->work, r, status, err);
    if (h->packet.result.r == 0)
        return 0;
    *err = h->packet.result.err;
    return h->packet.result.r < 0 && h->packet.result.r > -4096 ? h->packet.result.r : -EINVAL;
}

static void free_process(struct child_process *p)
{
    strbuf_free(&p->h.reply);
    free(p);
}

int child_end(struct child_process *process, struct child_counts *ret_counts,
              struct cupel_error *err)
{
    int r = hear_out(process, err);

    if (r == 0)
        *ret_counts = process->h.packet.result.counts;
    free_process(process);
    return r;
}

void child_abandon(struct child_process *process)
{
    int status;

    (void)kill(process->pid, SIGKILL);
    base_closep(&process->h.socket);
    (void)child_wait_for(process->pid, &status);
    free_process(process);
}

int child_run(const struct child_work *work, struct child_counts *ret_counts,
              struct cupel_error *err)
{
    struct child_process *p = NULL;
    int r = child_start(work, &p, err);

    return r < 0 ? r : child_end(p, ret_counts, err);
}

int child_read(const struct child_work *work, char **ret_reply, size_t *ret_length,
               struct cupel_error *err)
{
    struct child_process *p = NULL;
    int r = child_start(work, &p, err);

    if (r < 0)
        return r;
    r = hear_out(p, err);
    if (r == 0) {
        strbuf_adds(&p->h.reply, "");
        *ret_length = p->h.reply.len;
        *ret_reply = steal_ptr(p->h.reply.data);
    }
    free_process(p);
    return r;
}
