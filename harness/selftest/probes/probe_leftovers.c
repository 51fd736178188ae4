/* SPDX-License-Identifier: Apache-2.0 */
/* probe_leftovers: what tries to outlive its job. Processes are looked for from outside; what a job
 * planted, the next one looks for. */
#include "probes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every process of these ends by itself after a while, whatever happens: they are also run without
 * any wall. */
#define LIFE_S 20

/* The token is what the harness looks for among the host's processes. */
static void be_marked(void)
{
    (void)prctl(PR_SET_NAME, token());
}

static _Noreturn void live_on(void)
{
    be_marked();
    (void)alarm(LIFE_S);
    for (;;)
        pause();
}

static void detach(void)
{
    (void)setsid();
    for (int fd = 0; fd < 64; fd++)
        close(fd);
}

static void daemon_left(void)
{
    if (in_orphan()) {
        detach();
        live_on();
    }
    nap_ms(20);
}

/* SIGALRM still ends it. */
static void deaf_left(void)
{
    if (in_orphan()) {
        for (int sig = 1; sig < NSIG; sig++)
            if (sig != SIGALRM)
                signal(sig, SIG_IGN);
        detach();
        live_on();
    }
    nap_ms(20);
}

/* A stopped process hears no alarm: its own child continues it, and dies with the same alarm. */
static void stopped_left(void)
{
    if (in_orphan()) {
        pid_t stopped;

        detach();
        stopped = fork();
        if (stopped == 0) {
            be_marked();
            raise(SIGSTOP);
            _exit(0);
        }
        be_marked();
        for (int i = 0; i < LIFE_S; i++)
            nap_ms(1000);
        kill(stopped, SIGKILL);
        _exit(0);
    }
    nap_ms(20);
}

static void traced_left(void)
{
    if (in_orphan()) {
        pid_t traced;

        detach();
        traced = fork();
        if (traced == 0) {
            be_marked();
            (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
            raise(SIGSTOP);
            _exit(0);
        }
        be_marked();
        (void)waitpid(traced, NULL, WUNTRACED);
        for (int i = 0; i < LIFE_S; i++)
            nap_ms(1000);
        kill(traced, SIGKILL);
        _exit(0);
    }
    nap_ms(20);
}

/* Forks and exits, and so does its child: always another pid. Slowly enough to harm nobody where
 * nothing holds it. */
static void hopper_left(void)
{
    if (in_orphan()) {
        detach();
        be_marked();
        for (int i = 0; i < LIFE_S * 200; i++) {
            if (fork() > 0)
                _exit(0);
            nap_ms(5);
        }
        _exit(0);
    }
    nap_ms(20);
}

/* Keeps the job's output open: the job ends all the same. */
static void pipe_holder(void)
{
    if (in_orphan()) {
        (void)setsid();
        live_on();
    }
    nap_ms(20);
}

/* Orphans that have died are waited for by PID 1. */
static void zombies(void)
{
    int left = 0;

    for (int i = 0; i < 20; i++)
        if (in_orphan())
            _exit(0);
    for (int tries = 0; tries < 300; tries++) {
        DIR *dir = opendir("/proc");
        struct dirent *e;

        left = 0;
        while (dir != NULL && (e = readdir(dir)) != NULL) {
            char path[300], stat[512], *p;

            snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
            if (e->d_name[0] < '1' || e->d_name[0] > '9' || slurp(path, stat, sizeof(stat)) <= 0)
                continue;
            p = strrchr(stat, ')');
            left += p != NULL && p[2] == 'Z';
        }
        if (dir != NULL)
            closedir(dir);
        if (left == 0)
            contained("PID 1 waits for orphans");
        nap_ms(10);
    }
    breach("%d of 20 orphans stay as zombies", left);
}

/* ---- what a job plants and the next one looks for ---- */

static const char *const places[] = {"/tmp", "/", "/dev", "/dev/shm", "/work", "/bin"};
#define N_PLACES (sizeof(places) / sizeof(*places))

static void place(char *path, size_t size, const char *dir)
{
    snprintf(path, size, "%s/%s", dir, with_token("left"));
}

static void plant_files(void)
{
    for (size_t i = 0; i < N_PLACES; i++) {
        char path[256];
        int fd;

        place(path, sizeof(path), places[i]);
        fd = open(path, O_WRONLY | O_CREAT, 0666);
        if (fd >= 0) {
            (void)!write(fd, "left", 4);
            close(fd);
        }
    }
}

static void find_files(void)
{
    for (size_t i = 0; i < N_PLACES; i++) {
        char path[256];

        place(path, sizeof(path), places[i]);
        if (access(path, F_OK) == 0)
            breach("%s is still there", path);
    }
    contained("nothing of the job before is there");
}

static void plant_ipc(void)
{
    int id = shmget(token_key(), 4096, IPC_CREAT | 0666);

    (void)msgget(token_key(), IPC_CREAT | 0666);
    (void)semget(token_key(), 1, IPC_CREAT | 0666);
    (void)mq_open("/selftest-left", O_RDWR | O_CREAT, 0666, NULL);
    if (id < 0)
        untested("shmget: %s", strerror(errno));
}

static void find_ipc(void)
{
    int shm = shmget(token_key(), 0, 0), sem = semget(token_key(), 0, 0),
        msg = msgget(token_key(), 0);
    bool queue = mq_unlink("/selftest-left") == 0;

    if (shm >= 0)
        (void)shmctl(shm, IPC_RMID, NULL);
    if (sem >= 0)
        (void)semctl(sem, 0, IPC_RMID);
    if (msg >= 0)
        (void)msgctl(msg, IPC_RMID, NULL);
    if (shm >= 0 || sem >= 0 || msg >= 0 || queue)
        breach("System V or POSIX objects of the job before are still there");
    contained("no System V and no POSIX object is there");
}

static void plant_deep(void)
{
    if (mkdir("/tmp/deep", 0700) < 0 || chdir("/tmp/deep") < 0)
        untested("/tmp/deep: %s", strerror(errno));
    for (int i = 0; i < 2000; i++)
        if (mkdir("a", 0700) < 0 || chdir("a") < 0)
            untested("level %d: %s", i, strerror(errno));
}

static void find_deep(void)
{
    if (access("/tmp/deep", F_OK) == 0)
        breach("the deep tree is still there");
    contained("the deep tree is gone");
}

static void plant_closed(void)
{
    if (mkdir("/tmp/closed", 0700) < 0 || chdir("/tmp/closed") < 0)
        untested("/tmp/closed: %s", strerror(errno));
    for (int i = 0; i < 20; i++) {
        if (mkdir("b", 0700) < 0 || symlink("/", "b/link") < 0 || mknod("b/fifo", S_IFIFO, 0) < 0 ||
            chdir("b") < 0)
            untested("level %d: %s", i, strerror(errno));
        close(open("file", O_WRONLY | O_CREAT, 0));
        (void)chmod(".", 0);
    }
    (void)chmod("/tmp/closed", 0);
}

static void find_closed(void)
{
    struct stat st;

    if (lstat("/tmp/closed", &st) == 0)
        breach("directories that nobody may enter are still there");
    contained("directories that nobody may enter are gone");
}

static const char bad_name[] = "new\nline \xff\xfe\x1b[2J \"<&]]>";

static void plant_names(void)
{
    if (chdir("/tmp") < 0 || mkdir(bad_name, 0700) < 0 || chdir(bad_name) < 0)
        untested("a bad name: %s", strerror(errno));
    close(open(bad_name, O_WRONLY | O_CREAT, 0600));
}

static void find_names(void)
{
    if (chdir("/tmp") == 0 && access(bad_name, F_OK) == 0)
        breach("names that are no text are still there");
    contained("names that are no text are gone");
}

/* Where /dev/null is the host's, lent as a mount, nothing can be put in its place. */
static void plant_null_file(void)
{
    FILE *f = unlink("/dev/null") == 0 ? fopen("/dev/null", "w") : NULL;

    if (f == NULL)
        contained("/dev/null stays: %s", strerror(errno));
    (void)fputs("planted", f);
    (void)fclose(f);
    contained("/dev/null is a file");
}

static void step_stdin(void)
{
    char text[16];

    if (read(STDIN_FILENO, text, sizeof(text)) != 0)
        breach("standard input is what the step before put there");
    contained("standard input is empty");
}

const struct probe leftover_probes[] = {
    {"daemon-left", daemon_left},   {"deaf-left", deaf_left},
    {"stopped-left", stopped_left}, {"traced-left", traced_left},
    {"hopper-left", hopper_left},   {"pipe-holder", pipe_holder},
    {"zombies", zombies},           {"plant-files", plant_files},
    {"files-left", find_files},     {"plant-ipc", plant_ipc},
    {"ipc-left", find_ipc},         {"plant-deep", plant_deep},
    {"deep-tree", find_deep},       {"plant-closed", plant_closed},
    {"closed-tree", find_closed},   {"plant-names", plant_names},
    {"bad-names-left", find_names}, {"plant-null-file", plant_null_file},
    {"step-stdin", step_stdin},     {0},
};
