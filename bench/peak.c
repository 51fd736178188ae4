/* SPDX-License-Identifier: Apache-2.0 */
/* peak: runs a command and prints, on standard error, the greatest sum of the proportional set
 * sizes (Pss of /proc/PID/smaps_rollup: what is shared counts once) that it and its descendants had
 * together, in MiB. Page cache does not count. Sampled every few milliseconds: what lives for less
 * may be missed. Uses nothing of cupel. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_NS 5000000L
#define DEPTH_MAX 32

static unsigned long pss_kib(const char *pid)
{
    char path[300], line[256];
    unsigned long kib = 0;
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", pid);
    f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "Pss: %lu", &kib) == 1)
            break;
    if (f != NULL)
        (void)fclose(f);
    return kib;
}

static unsigned long sum(const char *pid, int depth);

static unsigned long sum_children(const char *pid, const char *task, int depth)
{
    char path[600], child[32];
    unsigned long kib = 0;
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%s/task/%s/children", pid, task);
    f = fopen(path, "re");
    while (f != NULL && fscanf(f, "%31s", child) == 1)
        kib += sum(child, depth + 1);
    if (f != NULL)
        (void)fclose(f);
    return kib;
}

/* A thread's children are its own: all threads are asked. */
static unsigned long sum(const char *pid, int depth)
{
    unsigned long kib = pss_kib(pid);
    char path[300];
    struct dirent *d;
    DIR *tasks;

    (void)snprintf(path, sizeof(path), "/proc/%s/task", pid);
    tasks = depth < DEPTH_MAX ? opendir(path) : NULL;
    while (tasks != NULL && (d = readdir(tasks)) != NULL)
        if (d->d_name[0] != '.')
            kib += sum_children(pid, d->d_name, depth);
    if (tasks != NULL)
        (void)closedir(tasks);
    return kib;
}

int main(int argc, char **argv)
{
    const struct timespec pause = {0, PAUSE_NS};
    unsigned long most = 0;
    char name[32];
    int status;
    pid_t pid;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: peak COMMAND [ARGUMENT...]\n");
        return 2;
    }
    pid = fork();
    if (pid == 0) {
        (void)execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (pid < 0)
        return 3;
    (void)snprintf(name, sizeof(name), "%d", pid);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        unsigned long now = sum(name, 0);

        most = now > most ? now : most;
        (void)nanosleep(&pause, NULL);
    }
    (void)fprintf(stderr, "%.1f\n", (double)most / 1024);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
