/* SPDX-License-Identifier: Apache-2.0 */
/* uncounted: see uncounted.h. */
#include "harness/attempt/uncounted.h"

#include "base/weaken.h"
#include "harness/attempt/socket_queues.h"

#include <fcntl.h>
#include <time.h>

/* Connections within a machine are filled as fast as memory is copied: 100 ms would be 160 MiB. A
 * look is 30 microseconds, as long as the lists of sockets need not be read. */
#define LOOK_NS (25 * NSEC_PER_MSEC)
/* A job may have as many sockets as it has descriptors, a line each: looking takes a twentieth of a
 * CPU at most. Of its own time, not the clock's: a job that keeps all CPUs busy is not looked at
 * less. */
#define LOOK_SHARE 20

void uncounted_begin(struct uncounted *u, const struct jobs_job *job, bool enforced,
                     const struct sandbox_job *sandbox)
{
    bool can = enforced && jobs_has_own_network(job);

    *u = (struct uncounted){.init = sandbox->pid,
                            .limit = job->limits.value[JOBS_LIMIT_MEMORY],
                            .next_ns = can ? clock_monotonic_ns() + LOOK_NS : UINT64_MAX};
    socket_errors_begin(&u->errors, sandbox);
}

void uncounted_end(struct uncounted *u)
{
    socket_errors_end(&u->errors);
}

/* netlink_native_seq_show(), net/netlink/af_netlink.c: "sk Eth Pid Groups Rmem Wmem ...", a line of
 * names first. Rmem is what the messages of the queue take, with all that belongs to them. */
#define RMEM_FIELD 4
struct fields {
    unsigned field; /* of the line, from 0 */
    bool in_word, heading;
    uint64_t value, sum;
};

static void uncounted_take(struct fields *f, char c)
{
    bool space = c == ' ' || c == '\n';

    if (!space && f->field == RMEM_FIELD && c >= '0' && c <= '9')
        f->value = f->value * 10 + (uint64_t)(c - '0');
    if (space && f->in_word)
        f->field++;
    f->in_word = !space;
    if (c != '\n')
        return;
    if (!f->heading)
        f->sum += f->value;
    *f = (struct fields){.sum = f->sum};
}

uint64_t uncounted_netlink(int fd, uint64_t enough)
{
    struct fields f = {.heading = true};
    char text[16384];
    ssize_t n;

    while (f.sum <= enough && (n = read(fd, text, sizeof(text))) > 0)
        for (ssize_t i = 0; i < n; i++)
            uncounted_take(&f, text[i]);
    return f.sum;
}

static uint64_t netlink_of(pid_t init, uint64_t enough)
{
    char path[48];
    cleanup_close int fd = -EBADF;

    (void)snprintf(path, sizeof(path), "/proc/%d/net/netlink", (int)init);
    fd =
        open(path, O_RDONLY | O_CLOEXEC); /* cannot be: PID 1 is gone, and with it all of the job */
    return fd < 0 ? 0 : uncounted_netlink(fd, enough);
}

static uint64_t own_cpu_ns(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

bool uncounted_exceeds(struct uncounted *u, uint64_t now)
{
    uint64_t began, took;

    if (now < u->next_ns)
        return false;
    began = own_cpu_ns();
    u->netlink = weakened("netlink-queues") ? 0 : netlink_of(u->init, u->limit);
    u->internet = u->netlink > u->limit || weakened("socket-queues")
                      ? 0
                      : socket_queues(u->init, &u->errors, u->limit - u->netlink);
    took = own_cpu_ns() - began;
    u->next_ns = now + (took * LOOK_SHARE > LOOK_NS ? took * LOOK_SHARE : LOOK_NS);
    return u->netlink + u->internet > u->limit;
}
