/* SPDX-License-Identifier: Apache-2.0 */
/* probe_neighbours: one job holds something of every kind that has a name (`neighbour`), the others
 * look for it meanwhile. What the host itself holds is looked for as well: the harness has put it
 * there. */
#include "probes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SHARED_FIFO "/shared/fifo"
#define SHARED_FILE "/shared/file"

static socklen_t abstract_address(struct sockaddr_un *address)
{
    int n;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    n = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "%s",
                 with_token("selftest"));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static const char *slash_name(void)
{
    static char name[160];

    snprintf(name, sizeof(name), "/%s", with_token("selftest"));
    return name;
}

/* Judged from outside: no two jobs that run at the same time have the same ids. */
static void print_ids(void)
{
    char map[256];

    if (slurp("/proc/self/uid_map", map, sizeof(map)) > 0)
        printf("uid_map %s", map);
    fflush(stdout);
}

static void own_ids(void)
{
    print_ids();
    contained("told its ids");
}

/* Holds one of each, as long as it is told; what the kernel would keep is removed again, in case a
 * wall was taken away. */
static void neighbour(void)
{
    unsigned hold_ms = (unsigned)strtoul(from_harness("SELFTEST_HOLD_MS"), NULL, 10);
    struct sockaddr_un address;
    socklen_t len = abstract_address(&address);
    int s = socket(AF_UNIX, SOCK_STREAM, 0), file = open(SHARED_FILE, O_RDONLY);
    int segment = shmget(token_key(), 4096, IPC_CREAT | 0666),
        sem = semget(token_key(), 1, IPC_CREAT | 0666), msg = msgget(token_key(), IPC_CREAT | 0666);
    int shm = shm_open(slash_name(), O_RDWR | O_CREAT, 0666);
    mqd_t mq = mq_open(slash_name(), O_RDWR | O_CREAT | O_NONBLOCK, 0666, NULL);
    struct timespec now;

    (void)prctl(PR_SET_NAME, "neighbour");
    if (s < 0 || bind(s, (struct sockaddr *)&address, len) < 0 || listen(s, 1) < 0)
        untested("the neighbour has no abstract socket: %s", strerror(errno));
    if (segment < 0 || sem < 0 || msg < 0)
        untested("the neighbour has no System V objects: %s", strerror(errno));
    if (shm < 0 || mq == (mqd_t)-1)
        untested("the neighbour has no POSIX objects: %s", strerror(errno));
    if (file < 0 || flock(file, LOCK_EX) < 0)
        untested("the neighbour has no lock: %s", strerror(errno));
    if (open(SHARED_FIFO, O_RDONLY | O_NONBLOCK) < 0)
        untested("the neighbour cannot open " SHARED_FIFO ": %s", strerror(errno));
    hold_counted();
    print_ids();
    clock_gettime(CLOCK_REALTIME, &now);
    printf("ready %lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    fflush(stdout);
    nap_ms(hold_ms);
    (void)shmctl(segment, IPC_RMID, NULL);
    (void)semctl(sem, 0, IPC_RMID);
    (void)msgctl(msg, IPC_RMID, NULL);
    (void)shm_unlink(slash_name());
    (void)mq_unlink(slash_name());
    contained("held everything for %u ms", hold_ms);
}

/* Lets the neighbour come first. */
static void settle(void)
{
    nap_ms(100);
}

/* ---- processes ---- */

/* Every process but PID 1 and ourselves is somebody else's. */
static pid_t stranger(void)
{
    DIR *dir = opendir("/proc");
    struct dirent *e;
    pid_t found = 0;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        long pid = strtol(e->d_name, NULL, 10);

        if (pid > 1 && pid != getpid())
            found = (pid_t)pid;
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

static void proc_snooping(void)
{
    pid_t pid = stranger();
    char path[64], name[64];

    if (pid == 0)
        contained("/proc shows PID 1 and this process");
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    breach("/proc shows process %d: %s", (int)pid,
           slurp(path, name, sizeof(name)) > 0 ? strtok(name, "\n") : "?");
}

static void signals(void)
{
    for (pid_t pid = 2; pid < 70000; pid++)
        if (pid != getpid() && (kill(pid, 0) == 0 || errno == EPERM))
            breach("process %d can be named", (int)pid);
    contained("no process beside this one can be named");
}

static void ptrace_others(void)
{
    for (pid_t pid = 2; pid < 20000; pid++)
        if (pid != getpid() && (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 || errno != ESRCH))
            breach("process %d can be named for tracing", (int)pid);
    contained("there is no process to trace");
}

/* ---- System V and POSIX objects ---- */

static void sysv_shm(void)
{
    if (shmget(token_key(), 0, 0) >= 0 || errno == EACCES)
        breach("a System V segment of another job is seen");
    contained("shmget: %s", strerror(errno));
}

static void sysv_sem(void)
{
    if (semget(token_key(), 0, 0) >= 0 || errno == EACCES)
        breach("a System V semaphore of another job is seen");
    contained("semget: %s", strerror(errno));
}

static void sysv_msg(void)
{
    if (msgget(token_key(), 0) >= 0 || errno == EACCES)
        breach("a System V message queue of another job is seen");
    contained("msgget: %s", strerror(errno));
}

static void posix_shm(void)
{
    if (shm_open(slash_name(), O_RDONLY, 0) >= 0 || errno == EACCES)
        breach("a file in /dev/shm of another job is seen");
    contained("shm_open: %s", strerror(errno));
}

static void posix_mqueue(void)
{
    if (mq_open(slash_name(), O_RDONLY) != (mqd_t)-1 || errno == EACCES)
        breach("a POSIX message queue of another job is seen");
    contained("mq_open: %s", strerror(errno));
}

/* ---- keys ---- */

/* The harness has put a key of this name into its session keyring. */
static void session_keyring(void)
{
    long key = syscall(SYS_keyctl, 10 /* KEYCTL_SEARCH */, -3 /* the session keyring */, "user",
                       with_token("selftest"), 0);

    if (key >= 0)
        breach("a key of whoever started cupel is found in the session keyring");
    contained("keyctl: %s", strerror(errno));
}

/* ---- sockets ---- */

static void abstract_socket(void)
{
    struct sockaddr_un address;
    socklen_t len = abstract_address(&address);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);

    if (connect(s, (struct sockaddr *)&address, len) == 0)
        breach("an abstract socket of another job is reached");
    contained("connect: %s", strerror(errno));
}

/* The harness listens there, on the host. */
static void host_loopback(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)strtoul(from_harness("SELFTEST_PORT"), NULL, 10))};
    int s = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(s, (struct sockaddr *)&address, sizeof(address)) == 0)
        breach("a service on the host's loopback is reached");
    contained("connect: %s", strerror(errno));
}

static void interfaces(void)
{
    char text[8192], *line;
    int n = 0;

    if (slurp("/proc/net/dev", text, sizeof(text)) < 0)
        contained("no interface can be listed: %s", strerror(errno));
    for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), n++) {
        char *colon = strchr(line, ':');

        line += strspn(line, " ");
        if (n >= 2 && colon != NULL && strncmp(line, "lo:", 3) != 0 &&
            strncmp(line, "tunl", 4) != 0 && strncmp(line, "sit", 3) != 0 &&
            strncmp(line, "ip6", 3) != 0 && strncmp(line, "gre", 3) != 0) {
            *colon = '\0';
            breach("the interface %s is seen", line);
        }
    }
    contained("no interface but lo");
}

/* ---- files that jobs share ---- */

static void file_lock(void)
{
    int fd = open(SHARED_FILE, O_RDONLY);

    if (fd < 0)
        untested("%s: %s", SHARED_FILE, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        breach("another job's lock on a shared file is felt: %s", strerror(errno));
    contained("the lock on a shared file is this job's own");
}

static void shared_fifo(void)
{
    int fd = open(SHARED_FIFO, O_WRONLY | O_NONBLOCK);

    if (fd >= 0)
        breach("a FIFO in a shared directory leads to another job");
    contained("a FIFO in a shared directory: %s", strerror(errno));
}

static void shared_write(void)
{
    expect_unopenable(SHARED_FILE, O_WRONLY);
    if (chmod(SHARED_FILE, 0777) == 0 || unlink(SHARED_FILE) == 0 ||
        open("/shared/new", O_CREAT | O_WRONLY, 0600) >= 0)
        breach("a read-only input can be changed");
    contained("%s: %s", SHARED_FILE, strerror(errno));
}

/* Which pages of a shared lower file are in memory is told by the time that reading them takes, at
 * least: one kernel, one page cache. */
static void cache_timing(void)
{
    struct {
        uint64_t offset, len;
    } range = {0, 0};
    uint64_t stat[5] = {0};
    int fd = open("/bin/cupel-probes", O_RDONLY | O_CLOEXEC);
    long r = syscall(451 /* cachestat */, fd, &range, stat, 0);

    if (r == 0 && stat[0] > 0)
        known_open("cachestat tells that %llu pages of a shared file are in memory",
                   (unsigned long long)stat[0]);
    known_open("how long a read of a shared file takes tells whether it is in memory");
}

/* The out directory of the run lies in /shared on the host. */
static void others_logs(void)
{
    DIR *list = opendir("/shared");
    struct dirent *e;

    if (list == NULL)
        untested("/shared: %s", strerror(errno));
    while ((e = readdir(list)) != NULL)
        if (strncmp(e->d_name, "out-", 4) == 0)
            breach("the out directory is seen: /shared/%s", e->d_name);
    contained("there is no out directory in /shared");
}

const struct probe neighbour_probes[] = {
    {"neighbour", neighbour},
    {"settle", settle},
    {"proc-snooping", proc_snooping},
    {"signals", signals},
    {"ptrace-others", ptrace_others},
    {"sysv-shm", sysv_shm},
    {"sysv-sem", sysv_sem},
    {"sysv-msg", sysv_msg},
    {"posix-shm", posix_shm},
    {"posix-mqueue", posix_mqueue},
    {"session-keyring", session_keyring},
    {"abstract-socket", abstract_socket},
    {"host-loopback", host_loopback},
    {"interfaces", interfaces},
    {"file-lock", file_lock},
    {"shared-fifo", shared_fifo},
    {"shared-write", shared_write},
    {"others-logs", others_logs},
    {"cache-timing", cache_timing},
    {"own-ids", own_ids},
    {0},
};
