/* SPDX-License-Identifier: Apache-2.0 */
/* probe_uncounted: what the kernel counts by user, by the owner of a user namespace, or for the
 * whole machine, and not by control group: one job takes all that there is of it (the neighbour,
 * see probe_neighbours.c), another one wants some; and memory that is on no group's account. Asks
 * for little more than a job may have, so that without its wall the machine is not short of it. */
#include "probes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define NETLINK_ASKED (24 * MIB)
#define BACKLOG_ASKED (24 * MIB)
#define BACKLOG_MOST 512
#define BACKLOG_EACH                                                                               \
    ((size_t)64 << 10) /* fits into what a receiver offers at once: nothing stays with the sender  \
                        */
#define ERRORS_ASKED (24 * MIB)
#define UNACCEPTED_ASKED 8192
#define PTYS_ASKED 128
#define USERS_ASKED 4
/* The slot looks ten times a second, unless the machine gives it no turn. */
#define LOOK_MS 5000

/* ---- counted by user ---- */

/* An ordinary user's jobs have the ids of that user's namespace, whose owner the user is: what the
 * kernel counts by owner, all of the user's programs share (docs/hardening.md). Their maps say so:
 * they are the same on both sides. */
static bool shares_ids(void)
{
    char map[256];
    unsigned inside = 0, outside = 1;

    return slurp("/proc/self/uid_map", map, sizeof(map)) > 0 &&
           sscanf(map, "%u %u", &inside, &outside) == 2 && inside == outside;
}

static unsigned take_inotify(unsigned most)
{
    unsigned n = 0;

    while (n < most && inotify_init1(IN_CLOEXEC) >= 0)
        n++;
    return n;
}

/* What goes with the last process that has it open. */
static unsigned take_queues(unsigned most)
{
    struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = 8192};
    unsigned n = 0;

    for (; n < most; n++) {
        char name[64];

        snprintf(name, sizeof(name), "/%d-%u", (int)getpid(), n);
        if (mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes) == (mqd_t)-1)
            break;
        (void)mq_unlink(name);
    }
    return n;
}

/* Holds all that there is (or SELFTEST_MOST of it) for SELFTEST_HOLD_MS, having said how much that
 * was; for tests. */
static void hold(const char *what, unsigned (*take)(unsigned most))
{
    const char *most = getenv("SELFTEST_MOST");
    unsigned n = take(most != NULL ? (unsigned)strtoul(most, NULL, 10) : 5000);

    printf("%s %u\n", what, n);
    fflush(stdout);
    nap_ms((unsigned)strtoul(from_harness("SELFTEST_HOLD_MS"), NULL, 10));
}

static void hold_inotify(void)
{
    hold("inotify", take_inotify);
}

static void hold_queues(void)
{
    hold("queues", take_queues);
}

void hold_counted(void)
{
    if (shares_ids()) /* the user's own programs would be short of it */
        return;
    (void)take_inotify(500);
    (void)take_queues(500);
}

static void want(const char *what, unsigned (*take)(unsigned most))
{
    if (shares_ids())
        untested("without the host's rights, all that a user runs shares the user's %s", what);
    if (take(1) == 0)
        breach("another job has taken all %s: %s", what, strerror(errno));
    contained("there are %s, though another job has taken all that it can", what);
}

static void inotify_instances(void)
{
    want("inotify instances", take_inotify);
}

static void message_queues(void)
{
    want("message queues", take_queues);
}

static unsigned queue_signals(unsigned most)
{
    const union sigval value = {0};
    sigset_t set;
    unsigned n = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    while (n < most && sigqueue(getpid(), SIGRTMIN, value) == 0)
        n++;
    return n;
}

/* Each user of a job may queue as many signals as the resource limit says, and all of them together
 * no more. */
static void signals_of_users(void)
{
    struct rlimit limit;
    unsigned sum = 0;
    int ends[2];

    if (getrlimit(RLIMIT_SIGPENDING, &limit) < 0 || limit.rlim_cur > 10000 || pipe(ends) < 0)
        breach("as many signals as one likes");
    for (uid_t uid = 1; uid <= USERS_ASKED; uid++) {
        unsigned n = 0;
        pid_t pid = fork();

        if (pid == 0) {
            if (setresuid(uid, uid, uid) == 0)
                n = queue_signals((unsigned)limit.rlim_cur);
            (void)!write(ends[1], &n, sizeof(n));
            (void)alarm(10);
            for (;;)
                pause();
        }
        if (pid < 0 || read(ends[0], &n, sizeof(n)) != (ssize_t)sizeof(n))
            untested("fork: %s", strerror(errno));
        sum += n;
    }
    if (sum > limit.rlim_cur)
        breach("%u signals queued by %d users, where one may queue %u", sum, USERS_ASKED,
               (unsigned)limit.rlim_cur);
    if (sum == 0)
        untested("a job has no user but root");
    contained("%u signals queued by %d users", sum, USERS_ASKED);
}

/* ---- counted for the whole machine ---- */

static void ptys(void)
{
    unsigned n = 0;

    while (n < PTYS_ASKED && open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0)
        n++;
    if (n == PTYS_ASKED)
        breach("%u pseudo-terminals", n);
    contained("%u pseudo-terminals, then %s", n, strerror(errno));
}

static void aio(void)
{
    unsigned long context = 0;

    judge_call("io_setup", syscall(SYS_io_setup, 1, &context));
}

/* ---- memory ---- */

/* Asks the kernel for a link of its own again and again, and takes none of the answers. Half of
 * what the socket is charged for is enough: the other half may be the kernel's own. */
static size_t fill_queue(int fd)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } message = {.header = {.nlmsg_len = sizeof(message),
                            .nlmsg_type = RTM_GETLINK,
                            .nlmsg_flags = NLM_F_REQUEST},
                 .link = {.ifi_index = 1}};
    int room = 0;
    socklen_t len = sizeof(room);

    (void)getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &len);
    for (int i = 0; i < room / 1024; i++)
        if (send(fd, &message, sizeof(message), MSG_DONTWAIT) < 0)
            break;
    return (size_t)room;
}

static void memory_netlink(void)
{
    const int big = 4 << 20;
    size_t sum = 0;

    while (sum < NETLINK_ASKED) {
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        if (fd < 0)
            contained("netlink queues: %zu KiB, then %s", sum / 1024, strerror(errno));
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
        sum += fill_queue(fd);
    }
    nap_ms(LOOK_MS); /* somebody has to look */
    breach("%zu MiB in netlink queues", sum / MIB);
}

static int listen_there(struct sockaddr_in *ret, int backlog)
{
    const int big = 4 << 20;
    socklen_t len = sizeof(*ret);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
    if (fd < 0 || bind(fd, (struct sockaddr *)ret, sizeof(*ret)) < 0 || listen(fd, backlog) < 0 ||
        getsockname(fd, (struct sockaddr *)ret, &len) < 0)
        untested("a listening socket: %s", strerror(errno));
    return fd;
}

static int connect_to(const struct sockaddr_in *there, int backlog_so_far)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 ||
        (connect(fd, (const struct sockaddr *)there, sizeof(*there)) < 0 && errno != EINPROGRESS))
        contained("%d connections, then %s", backlog_so_far, strerror(errno));
    return fd;
}

static size_t send_some(int fd)
{
    static const char zeros[16384];
    size_t sum = 0;
    ssize_t n;

    while (sum < BACKLOG_EACH &&
           (n = send(fd, zeros, sizeof(zeros), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
        sum += (size_t)n;
    return sum;
}

/* The slot looks at lists of sockets for a twentieth of its time: on a slow machine that takes a
 * while. */
static void wait_for_a_look(void)
{
    struct timespec from, to;
    FILE *f = fopen("/proc/self/net/tcp", "re");
    char line[512];

    clock_gettime(CLOCK_MONOTONIC, &from);
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        ;
    clock_gettime(CLOCK_MONOTONIC, &to);
    if (f != NULL)
        fclose(f);
    nap_ms((unsigned)(LOOK_MS + 60 * ((to.tv_sec - from.tv_sec) * 1000 +
                                      (to.tv_nsec - from.tv_nsec) / 1000000)));
}

/* A connection that nobody accepts is nobody's, and so is what was sent by it. What is still to be
 * sent counts, on v2. */
static void memory_backlog(void)
{
    struct sockaddr_in there;
    size_t sum = 0;

    (void)listen_there(&there, BACKLOG_MOST);
    for (int i = 0; sum < BACKLOG_ASKED && i < BACKLOG_MOST; i++)
        sum += send_some(connect_to(&there, i));
    wait_for_a_look();
    if (sum < BACKLOG_ASKED)
        contained("%zu MiB in TCP queues, and no more", sum / MIB);
    breach("%zu MiB in TCP queues", sum / MIB);
}

/* Opens connections that nobody accepts. The connection itself is not counted either: its other end
 * is closed, so that a job has as many as it likes. */
static void memory_unaccepted(void)
{
    struct sockaddr_in there;

    for (int i = 0; i < UNACCEPTED_ASKED; i++) {
        if (i % 1024 == 0)
            (void)listen_there(&there, 1024);
        (void)close(connect_to(&there, i));
    }
    wait_for_a_look();
    breach("%d connections that nobody accepted", UNACCEPTED_ASKED);
}

/* ---- error queues ---- */

static void time_stamps(int fd)
{
    const int big = 4 << 20, sent = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &sent, sizeof(sent)) < 0)
        contained("timestamps of what is sent: %s", strerror(errno));
}

static size_t received_by(int fd)
{
    unsigned memory[16] = {0};
    socklen_t len = sizeof(memory);

    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len) < 0)
        untested("SO_MEMINFO: %s", strerror(errno));
    return memory[0];
}

/* Fills the error queue of a socket: with its timestamp the kernel keeps a copy of each packet that
 * was sent, until somebody asks for it, up to what the socket may receive. `reader` takes the
 * packets themselves, if anybody does. */
static size_t fill_errors(int fd, const struct sockaddr_in *there, int reader)
{
    static char data[16384];
    size_t before, now = received_by(fd);

    do {
        size_t taken = 0;

        before = now;
        if (sendto(fd, data, sizeof(data), MSG_NOSIGNAL, (const struct sockaddr *)there,
                   there != NULL ? sizeof(*there) : 0) != (ssize_t)sizeof(data))
            break;
        for (ssize_t n = 1; reader >= 0 && n > 0 && taken < sizeof(data); taken += (size_t)n)
            n = recv(reader, data, sizeof(data), 0);
        now = received_by(fd);
    } while (now > before);
    return now;
}

static void judge_errors(size_t sum)
{
    if (sum == 0)
        untested("the kernel keeps nothing of what was sent");
    wait_for_a_look();
    breach("%zu MiB in error queues", sum / MIB);
}

static void memory_errors(void)
{
    const struct sockaddr_in nobody = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9)};
    size_t sum = 0, more = 1;

    while (sum < ERRORS_ASKED && more > 0) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            contained("error queues: %zu KiB, then %s", sum / 1024, strerror(errno));
        time_stamps(fd);
        more = fill_errors(fd, &nobody, -1);
        sum += more;
    }
    judge_errors(sum);
}

static void memory_tcp_errors(void)
{
    struct sockaddr_in there;
    int listening = listen_there(&there, 8);
    size_t sum = 0, more = 1;

    while (sum < ERRORS_ASKED && more > 0) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), other = -1;

        if (fd >= 0 && connect(fd, (const struct sockaddr *)&there, sizeof(there)) == 0)
            other = accept(listening, NULL, NULL);
        if (other < 0)
            contained("error queues: %zu KiB, then %s", sum / 1024, strerror(errno));
        time_stamps(fd);
        more = fill_errors(fd, NULL, other);
        sum += more;
    }
    judge_errors(sum);
}

/* ---- disks ---- */

/* Whether a loop device of this directory, by that prefix, has a file of this name that can be
 * read. */
static void find_file(const char *directory, const char *prefix, const char *file)
{
    DIR *dir = opendir(directory);
    struct dirent *e;
    char path[512];

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s/%s", directory, e->d_name, file);
        if (strncmp(e->d_name, prefix, strlen(prefix)) == 0 && access(path, F_OK) == 0)
            breach("%s is to be seen", path);
    }
    if (dir != NULL)
        closedir(dir);
}

/* Every job's disk is a loop device. */
static void disks_of_others(void)
{
    static const struct {
        const char *directory, *prefix, *file;
    } places[] = {
        {"/sys/block", "loop", "size"},       {"/sys/devices/virtual/block", "loop", "stat"},
        {"/sys/class/block", "loop", "size"}, {"/sys/dev/block", "7:", "stat"},
        {"/sys/fs/ext4", "loop", "."},        {"/proc/fs/ext4", "loop", "."},
        {"/proc/fs/jbd2", "loop", "."},
    };
    static const char *const files[] = {"/proc/diskstats", "/proc/partitions"};
    char text[65536];

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        find_file(places[i].directory, places[i].prefix, places[i].file);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        if (slurp(files[i], text, sizeof(text)) > 0 && strstr(text, "loop") != NULL)
            breach("%s shows loop devices", files[i]);
    contained("no loop device is to be seen");
}

const struct probe uncounted_probes[] = {
    {"hold-inotify", hold_inotify},
    {"hold-queues", hold_queues},
    {"inotify-instances", inotify_instances},
    {"message-queues", message_queues},
    {"signals-of-users", signals_of_users},
    {"pseudo-terminals", ptys},
    {"asynchronous-io", aio},
    {"memory-netlink", memory_netlink},
    {"memory-backlog", memory_backlog},
    {"memory-unaccepted", memory_unaccepted},
    {"memory-errors", memory_errors},
    {"memory-tcp-errors", memory_tcp_errors},
    {"disks-of-others", disks_of_others},
    {0},
};
