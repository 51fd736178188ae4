/* SPDX-License-Identifier: Apache-2.0 */
/* peer: both ends of what tests/e2e/network.sh tries: small servers that tell what reached them,
 * and a client that says how it went. Linked statically, so that it runs in any root.
 *
 *   peer serve (tcp|udp|dns ADDRESS PORT WORD)...
 *       answers with WORD (dns: with the address WORD, whatever the name); prints "ready", and
 *       "saw WORD" for each that came
 *
 *   peer ask tcp|udp ADDRESS PORT [INTERFACE]
 *       prints the answer, or why there was none; ADDRESS may be a name of /etc/hosts (after
 *       PEER_PATIENCE_MS at the latest)
 *
 *   peer abstract NAME
 *       connects to an abstract Unix socket
 *
 *   peer abstract-serve NAME
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVERS_MAX 32

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un unix_;
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
    exit(3);
}

static bool parse(const char *text, const char *port, union address *a, socklen_t *len)
{
    memset(a, 0, sizeof(*a));
    if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons((uint16_t)atoi(port));
        *len = sizeof(a->v4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons((uint16_t)atoi(port));
        *len = sizeof(a->v6);
        return true;
    }
    return false;
}

/* A name as /etc/hosts has it, without libc's resolver, which does not link statically. */
static bool look_up(const char *name, bool v6, char *ret, size_t size)
{
    FILE *f = fopen("/etc/hosts", "re");
    char line[512];
    bool found = false;

    while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
        char *save, *address = strtok_r(line, " \t\n", &save), *word;

        if (address == NULL || *address == '#' || (strchr(address, ':') != NULL) != v6)
            continue;
        while (!found && (word = strtok_r(NULL, " \t\n", &save)) != NULL)
            found = strcmp(word, name) == 0;
        if (found)
            snprintf(ret, size, "%s", address);
    }
    if (f != NULL)
        fclose(f);
    return found;
}

/* ---- servers ---- */

struct server {
    int fd;
    const char *kind, *word;
};

static void listen_on(struct server *s, char **words)
{
    bool tcp = strcmp(words[0], "tcp") == 0;
    union address a;
    socklen_t len;
    int on = 1;

    if (!parse(words[1], words[2], &a, &len))
        fail(words[1]);
    s->kind = words[0];
    s->word = words[3];
    s->fd = socket(a.any.sa_family, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (s->fd < 0 || setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        (a.any.sa_family == AF_INET6 &&
         setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
        bind(s->fd, &a.any, len) < 0 || (tcp && listen(s->fd, 64) < 0))
        fail(words[1]);
}

/* RFC 1035: the question as it came, and one address as its answer. */
static size_t answer_dns(unsigned char *m, size_t n, size_t size, const char *address)
{
    static const unsigned char head[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};

    if (n < 12 || n + sizeof(head) + 4 > size)
        return 0;
    m[2] = 0x81;
    m[3] = 0x80;
    memset(m + 6, 0, 6);
    n = 12;
    while (m[n] != 0)
        n += m[n] + 1u;
    n += 5;
    if (m[n - 3] != 1) /* no A: no such record */
        return n;
    m[7] = 1;
    memcpy(m + n, head, sizeof(head));
    n += sizeof(head);
    (void)inet_pton(AF_INET, address, m + n);
    return n + 4;
}

static void serve_one(const struct server *s)
{
    unsigned char data[2048] = {0};
    union address from;
    socklen_t len = sizeof(from);
    size_t size = strlen(s->word);

    if (strcmp(s->kind, "tcp") == 0) {
        int c = accept(s->fd, NULL, NULL);

        if (c >= 0 && write(c, s->word, size) < 0)
            perror("peer: write");
        if (c >= 0)
            close(c);
    } else {
        ssize_t n = recvfrom(s->fd, data, sizeof(data) - 64, 0, &from.any, &len);

        if (n < 0)
            return;
        if (strcmp(s->kind, "dns") == 0)
            size = answer_dns(data, (size_t)n, sizeof(data), s->word);
        else
            memcpy(data, s->word, size);
        if (sendto(s->fd, data, size, 0, &from.any, len) < 0)
            perror("peer: sendto");
    }
    printf("saw %s\n", s->word);
}

static _Noreturn void serve(int n, char **words)
{
    struct server servers[SERVERS_MAX];
    struct pollfd fds[SERVERS_MAX];
    nfds_t count = 0;

    for (; n >= 4 && count < SERVERS_MAX; n -= 4, words += 4, count++) {
        listen_on(&servers[count], words);
        fds[count] = (struct pollfd){.fd = servers[count].fd, .events = POLLIN};
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("ready");
    for (;;) {
        if (poll(fds, count, -1) < 0)
            fail("poll");
        for (nfds_t i = 0; i < count; i++)
            if (fds[i].revents != 0)
                serve_one(&servers[i]);
    }
}

/* ---- client ---- */

static int ask(const char *kind, const char *name, const char *port, const char *interface)
{
    const char *ms = getenv("PEER_PATIENCE_MS");
    long wait = ms != NULL ? atol(ms) : 5000;
    struct timeval patience = {.tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000};
    bool tcp = strcmp(kind, "tcp") == 0, v6 = strcmp(kind, "tcp6") == 0;
    char found[64], answer[256];
    union address a;
    socklen_t len;
    ssize_t n;
    int s;

    tcp |= v6;
    if (!parse(name, port, &a, &len) &&
        !(look_up(name, v6, found, sizeof(found)) && parse(found, port, &a, &len))) {
        printf("no such name\n");
        return 1;
    }
    s = socket(a.any.sa_family, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
        fail("socket");
    if (interface != NULL &&
        setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) < 0)
        fail(interface);
    if (connect(s, &a.any, len) < 0 || (!tcp && send(s, "?", 1, 0) < 0) ||
        (n = recv(s, answer, sizeof(answer) - 1, 0)) < 0) {
        printf("%s\n", errno == EAGAIN || errno == EINPROGRESS ? "no answer" : strerror(errno));
        return 1;
    }
    answer[n] = '\0';
    puts(answer);
    return n > 0 ? 0 : 1;
}

static int abstract(const char *name, bool server)
{
    union address a = {.unix_ = {.sun_family = AF_UNIX}};
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    strncpy(a.unix_.sun_path + 1, name, sizeof(a.unix_.sun_path) - 2);
    if (s < 0)
        fail("socket");
    if (!server) {
        puts(connect(s, &a.any, len) < 0 ? strerror(errno) : "connected");
        return 0;
    }
    if (bind(s, &a.any, len) < 0 || listen(s, 8) < 0)
        fail(name);
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    if (argc >= 6 && strcmp(argv[1], "serve") == 0)
        serve(argc - 2, argv + 2);
    if (argc >= 5 && strcmp(argv[1], "ask") == 0)
        return ask(argv[2], argv[3], argv[4], argv[5]);
    if (argc == 3 && strcmp(argv[1], "abstract") == 0)
        return abstract(argv[2], false);
    if (argc == 3 && strcmp(argv[1], "abstract-serve") == 0)
        return abstract(argv[2], true);
    fprintf(stderr, "peer: see the top of tests/network/peer.c\n");
    return 2;
}
