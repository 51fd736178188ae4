/* SPDX-License-Identifier: Apache-2.0 */
/* socket_queues: see socket_queues.h. */
#include "harness/attempt/socket_queues.h"

#include "base/base.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a connection takes that nobody has accepted, beside its queue: made by the kernel on the
 * packet's way, it is on nobody's account either ("TCPv6" and "request_sock_TCP" in /proc/slabinfo
 * of Linux 6.18: 2,496 and 320 bytes). */
#define REQUEST_BYTES 320
#define CONNECTION_BYTES (2496 + REQUEST_BYTES)

/* The names in /proc/PID/net/sockstat and sockstat6, and the lists of sockets beside them. UDP-Lite
 * went away with Linux 7.0: a list that is not there has nothing in it. */
static const struct socket_list {
    const char *name, *file;
    int tcp; /* family, or 0 */
} lists[] = {
    {"\nTCP: inuse ", "tcp", AF_INET},   {"\nTCP6: inuse ", "tcp6", AF_INET6},
    {"\nUDP: inuse ", "udp", 0},         {"\nUDP6: inuse ", "udp6", 0},
    {"\nUDPLITE: inuse ", "udplite", 0}, {"\nUDPLITE6: inuse ", "udplite6", 0},
    {"\nRAW: inuse ", "raw", 0},         {"\nRAW6: inuse ", "raw6", 0},
};

struct counts {
    uint64_t in_use[ARRAY_SIZE(lists)];
    uint64_t sockets;
    uint64_t pages; /* of TCP and UDP, of all network namespaces together */
    bool raw;       /* whose queues are not in `pages` */
};

static FILE *open_list(pid_t init, const char *name)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)init, name);
    return fopen(path, "re");
}

/* ---- how many there are ---- */

static size_t append_file(pid_t init, const char *name, char *text, size_t have, size_t room)
{
    cleanup_fclose FILE *f = open_list(init, name);

    return f == NULL ? have : have + fread(text + have, 1, room - have, f);
}

static uint64_t number_after(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

/* "TCP: inuse 17 orphan 0 tw 0 alloc 18 mem 9466": sockstat_seq_show(), net/ipv4/proc.c. */
static uint64_t pages_of(const char *text, const char *name)
{
    const char *line = strstr(text, name);

    return line == NULL ? 0 : number_after(line, " mem ");
}

static void socket_queues_count(pid_t init, struct counts *ret)
{
    char text[2048] = "\n";
    size_t n = append_file(init, "sockstat", text, 1, sizeof(text) - 1);

    n = append_file(init, "sockstat6", text, n, sizeof(text) - 1);
    text[n] = '\0';
    *ret = (struct counts){.pages = pages_of(text, "\nTCP:") + pages_of(text, "\nUDP:")};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        ret->in_use[i] = number_after(text, lists[i].name);
        ret->sockets += ret->in_use[i];
        ret->raw = ret->raw || (ret->in_use[i] > 0 && strncmp(lists[i].name, "\nRAW", 4) == 0);
    }
}

/* ---- what they hold ---- */

/* get_tcp4_sock(), net/ipv4/tcp_ipv4.c: a listening socket has numbers of connections in the place
 * of bytes, and one that belongs to nobody has no inode. Bytes of TCP are those of the data; what
 * they lie in is at most a sixth more, since the kernel puts small pieces together. Those of other
 * sockets are all that the messages take. */
static uint64_t held(const char *line, bool tcp)
{
    unsigned state;
    unsigned long long sent, received, inode;

    if (sscanf(line, "%*s %*s %*s %x %llx:%llx %*s %*s %*s %*s %llu", &state, &sent, &received,
               &inode) != 4)
        return 0; /* the names above */
    if (!tcp)
        return sent + received;
    if (state == TCP_LISTEN || state == TCP_TIME_WAIT)
        return 0;
    if (state == TCP_SYN_RECV)
        return sent + received + REQUEST_BYTES;
    return sent + received + (inode == 0 ? CONNECTION_BYTES : 0);
}

static uint64_t sum_of(pid_t init, const struct socket_list *list, uint64_t enough)
{
    cleanup_fclose FILE *f = open_list(init, list->file);
    char line[512];
    uint64_t sum = 0;

    while (f != NULL && sum <= enough && fgets(line, sizeof(line), f) != NULL)
        sum += held(line, list->tcp != 0);
    return sum;
}

/* Lists are only read where the whole machine's queues could be too much, or the error queues,
 * which are not among them: for nearly every look, two short files are all. How many lines there
 * are is bounded, too: a socket that a job has made is on its group's account, and any other one
 * adds to the sum. */
uint64_t socket_queues(pid_t init, struct socket_errors *errors, uint64_t enough)
{
    struct counts c;
    uint64_t most, sum = 0;
    bool all;

    socket_queues_count(init, &c);
    most = c.pages * (uint64_t)sysconf(_SC_PAGESIZE) + c.sockets * CONNECTION_BYTES;
    all = socket_errors_possible(errors, c.sockets, enough);
    if (most <= enough && !c.raw && !all)
        return 0;
    for (size_t i = 0; sum <= enough && i < ARRAY_SIZE(lists); i++) {
        uint64_t more;

        if (c.in_use[i] == 0)
            continue;
        if (!all || lists[i].tcp == 0 ||
            socket_errors_tcp(errors, lists[i].tcp, CONNECTION_BYTES, &more) < 0)
            more = sum_of(init, &lists[i], enough - sum);
        sum += more;
    }
    if (all)
        socket_errors_looked(errors, sum < enough ? enough - sum : 0);
    return sum;
}
