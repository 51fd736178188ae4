/* SPDX-License-Identifier: Apache-2.0 */
/* probe_services: a job looks for what its own service has, with which it shares a network and
 * nothing else. The service (`service`) holds something of every kind that has a name. */
#include "probes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns the name that both would use for it. */
static const char *shm_name(void)
{
    static char name[160];

    snprintf(name, sizeof(name), "/%s", with_token("service"));
    return name;
}

static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);

    if (fd < 0)
        untested("the service cannot make %s: %s", path, strerror(errno));
    close(fd);
}

/* Holds all that until it is told to end; what the kernel would keep is removed then, in case a
 * wall was taken away. */
static void service(void)
{
    int segment = shmget(token_key(), 4096, IPC_CREAT | 0666),
        shm = shm_open(shm_name(), O_RDWR | O_CREAT, 0666), signal;
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    (void)prctl(PR_SET_NAME, "service");
    if (segment < 0 || shm < 0)
        untested("the service has no shared memory: %s", strerror(errno));
    make_file("/tmp/of-service");
    make_file("/work/of-service");
    printf("ready\n");
    fflush(stdout);
    (void)sigwait(&ends, &signal);
    (void)shmctl(segment, IPC_RMID, NULL);
    (void)shm_unlink(shm_name());
    contained("held everything");
}

static void service_processes(void)
{
    DIR *dir = opendir("/proc");
    struct dirent *e;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        long pid = strtol(e->d_name, NULL, 10);

        if (pid > 1 && pid != getpid())
            breach("/proc shows process %ld", pid);
    }
    for (pid_t pid = 2; pid < 20000; pid++)
        if (pid != getpid() && (kill(pid, 0) == 0 || errno == EPERM ||
                                ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 || errno != ESRCH))
            breach("process %d can be named", (int)pid);
    contained("there are PID 1 and this process");
}

static void service_files(void)
{
    struct stat st;

    if (stat("/tmp/of-service", &st) == 0 || stat("/work/of-service", &st) == 0)
        breach("a file that the service wrote is seen");
    if (shm_open(shm_name(), O_RDONLY, 0) >= 0 || errno == EACCES)
        breach("a file in /dev/shm of the service is seen");
    contained("shm_open: %s", strerror(errno));
}

static void service_memory(void)
{
    if (shmget(token_key(), 0, 0) >= 0 || errno == EACCES)
        breach("a System V segment of the service is seen");
    contained("shmget: %s", strerror(errno));
}

const struct probe service_probes[] = {
    {"service", service},
    {"service-processes", service_processes},
    {"service-files", service_files},
    {"service-memory", service_memory},
    {0},
};
