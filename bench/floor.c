/* SPDX-License-Identifier: Apache-2.0 */
/* floor: what the kernel alone takes to start and end one job: the same namespaces, mounts and
 * cgroups that cupel makes, the exec of the same static program, and the tear-down, with nothing
 * else: no seccomp, no masks, no limits, no pipes, no reports. bench/launch puts cupel's own time
 * beside it. Deliberately stands alone and uses nothing of cupel, so that a slowness of ours cannot
 * hide in the yardstick.
 *
 *   floor [-j WORKERS] [-n JOBS] [-g GAP_US] [-s] [-c GROUP] PROGRAM ROOT
 *   floor -b [-n JOBS] [-g GAP_US] [-s] PROGRAM [ARGUMENT]...
 *
 * PROGRAM is executed through a descriptor; ROOT is the directory used as read-only lower layer.
 * -b: the bare program, by vfork, exec and wait, with nothing around it; what it prints goes to
 * standard error. -g: each worker pauses so
 * long before each job, which is not in the job's time. Prints one line; -s: each job's
 * milliseconds instead, one a line. -c: the directory of a group of cgroup v2 to make groups in;
 * otherwise the caller's own, which can give no controllers while it has processes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ID_COUNT 65536u
#define ID_BASE 0x50000000u
#define HIERARCHIES_MAX 8
#define ALL_NAMESPACES                                                                             \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC |     \
     CLONE_NEWCGROUP | CLONE_NEWTIME)

/* A benchmark has no use for going on: the first failure ends it, naming the call. */
#define CHECK(call)                                                                                \
    ({                                                                                             \
        long check_result_ = (long)(call);                                                         \
        if (check_result_ < 0)                                                                     \
            die(__LINE__, #call);                                                                  \
        check_result_;                                                                             \
    })

static _Noreturn void die(int line, const char *call)
{
    dprintf(2, "floor: line %d: %s: %s\n", line, call, strerror(errno));
    _exit(3);
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void put(int dir, const char *path, const char *text)
{
    int fd = (int)CHECK(openat(dir, path, O_WRONLY | O_CLOEXEC));

    CHECK(write(fd, text, strlen(text)));
    close(fd);
}

/* ---- cgroups: one directory in every hierarchy that cupel uses ---- */

struct groups {
    int run[HIERARCHIES_MAX]; /* our own directory beneath the caller's group */
    int parent[HIERARCHIES_MAX];
    bool v2;
    size_t n;
    char name[40];
};

/* Where the v1 hierarchy of `controller` (NULL: the v2 one) is mounted; false when it is not. */
static bool find_mount(const char *controller, char *ret, size_t size)
{
    FILE *f = fopen("/proc/self/mounts", "re");
    char line[1024], where[512], type[64], options[512];
    bool found = false;

    if (f == NULL)
        die(__LINE__, "/proc/self/mounts");
    while (!found && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "%*s %511s %63s %511s", where, type, options) != 3)
            continue;
        if (controller == NULL)
            found = strcmp(type, "cgroup2") == 0;
        else if (strcmp(type, "cgroup") == 0)
            for (char *save, *o = strtok_r(options, ",", &save); o != NULL && !found;
                 o = strtok_r(NULL, ",", &save))
                found = strcmp(o, controller) == 0;
        if (found)
            snprintf(ret, size, "%s", where);
    }
    fclose(f);
    return found;
}

static void groups_add(struct groups *g, const char *mount, const char *path, bool v2)
{
    char own[1024];
    int parent;

    snprintf(own, sizeof(own), "%s%s", mount, path);
    parent = (int)CHECK(open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (mkdirat(parent, g->name, 0755) < 0) {
        if (errno == EEXIST) { /* a second controller of the same hierarchy */
            close(parent);
            return;
        }
        die(__LINE__, own);
    }
    g->parent[g->n] = parent;
    g->run[g->n] = (int)CHECK(openat(parent, g->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    /* where the no-internal-process rule lets us; else the groups are made without controllers */
    if (v2) {
        int control = openat(g->run[g->n], "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);

        if (control < 0 || write(control, "+cpu +memory +pids", 18) < 0)
            dprintf(2, "floor: no v2 controllers in %s: %s\n", own, strerror(errno));
        close(control);
    }
    g->v2 = v2;
    g->n++;
}

static void groups_open(struct groups *g, int worker, const char *group)
{
    static const char *const used[] = {"cpu", "cpuacct", "memory", "pids", "blkio"};
    FILE *f = fopen("/proc/self/cgroup", "re");
    char line[1024], mount[512];

    if (f == NULL)
        die(__LINE__, "/proc/self/cgroup");
    snprintf(g->name, sizeof(g->name), "cupel-floor-%d-%d", (int)getpid(), worker);
    if (group != NULL) {
        groups_add(g, group, "", true);
        fclose(f);
        return;
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        char *controllers = strchr(line, ':') + 1, *path = strchr(controllers, ':');

        *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        for (char *save, *c = strtok_r(controllers, ",", &save); c != NULL;
             c = strtok_r(NULL, ",", &save))
            for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++)
                if (strcmp(c, used[i]) == 0 && g->n < HIERARCHIES_MAX &&
                    find_mount(c, mount, sizeof(mount)))
                    groups_add(g, mount, path, false);
        if (strncmp(line, "0:", 2) == 0 && g->n == 0 && find_mount(NULL, mount, sizeof(mount)))
            groups_add(g, mount, path, true);
    }
    fclose(f);
}

/* Removes the groups, also after a worker that failed in the middle of a job. */
static void groups_remove(const struct groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        (void)unlinkat(g->run[i], "job", AT_REMOVEDIR);
        if (unlinkat(g->parent[i], g->name, AT_REMOVEDIR) < 0)
            dprintf(2, "floor: cannot remove cgroup %s: %s\n", g->name, strerror(errno));
    }
}

/* ---- the stage: what is made once, before the jobs ---- */

static int open_id_map(void)
{
    char path[64], map[64];
    int sync[2], fd;
    pid_t pid;

    CHECK(pipe2(sync, O_CLOEXEC));
    pid = (pid_t)CHECK(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
    if (pid == 0) {
        char byte;

        close(sync[1]);
        _exit(read(sync[0], &byte, 1) < 0);
    }
    snprintf(map, sizeof(map), "0 %u %u", ID_BASE, ID_COUNT);
    snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
    put(AT_FDCWD, path, map);
    snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
    put(AT_FDCWD, path, map);
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    fd = (int)CHECK(open(path, O_RDONLY | O_CLOEXEC));
    close(sync[0]);
    close(sync[1]);
    waitpid(pid, NULL, 0);
    return fd;
}

static int make_mount(const char *type, const char *const *options, unsigned attributes)
{
    int fs = (int)CHECK(fsopen(type, FSOPEN_CLOEXEC)), mount;

    for (; options != NULL && *options != NULL; options += 2)
        CHECK(fsconfig(fs, options[1] != NULL ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options[0],
                       options[1], 0));
    CHECK(fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
    mount = (int)CHECK(fsmount(fs, FSMOUNT_CLOEXEC, attributes));
    close(fs);
    return mount;
}

static void attach(int mount, int dir, const char *path)
{
    CHECK(move_mount(mount, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH));
}

/* An ext4 file system of 1 GiB in an unlinked sparse file, as jobs write to. */
static int make_upper(void)
{
    int image = (int)CHECK(open("/var/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
    int control = (int)CHECK(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    char command[256], path[32];
    int loop = -1, mount;

    CHECK(ftruncate(image, 1 << 30));
    snprintf(command, sizeof(command),
             "mke2fs -q -F -t ext4 -b 4096 -m 0 -O ^has_journal,^resize_inode -E "
             "lazy_itable_init=1,nodiscard "
             "/proc/%d/fd/%d",
             (int)getpid(), image);
    if (system(command) != 0)
        die(__LINE__, command);
    while (loop < 0) {
        struct loop_config config = {.fd = (uint32_t)image,
                                     .block_size = 4096,
                                     .info = {.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO}};

        snprintf(path, sizeof(path), "/dev/loop%ld", CHECK(ioctl(control, LOOP_CTL_GET_FREE)));
        loop = (int)CHECK(open(path, O_RDWR | O_CLOEXEC));
        if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
            break;
        if (errno != EBUSY) /* another worker was quicker */
            die(__LINE__, "LOOP_CONFIGURE");
        close(loop);
        loop = -1;
    }
    mount = make_mount(
        "ext4",
        (const char *const[]){"source", path, "noinit_itable", NULL, "nobarrier", NULL, NULL},
        MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
    close(loop);
    close(control);
    close(image);
    return mount;
}

static int clone_lower(const char *root)
{
    int map = open_id_map(),
        lower = (int)CHECK(open_tree(AT_FDCWD, root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV |
                                          MOUNT_ATTR_NOSUID,
                              .userns_fd = (uint64_t)(unsigned)map};

    CHECK(mount_setattr(lower, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
    close(map);
    return lower;
}

/* Leaves the caller in a mount namespace that holds only what jobs are cloned from. */
static void enter_stage(const char *root)
{
    static const char *const names[] = {"proc", "sys", "lower", "upper", "newroot"};
    int lower, upper, proc, sys, top;

    CHECK(unshare(CLONE_NEWNS));
    CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    lower = clone_lower(root);
    upper = make_upper();
    proc = (int)CHECK(open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    sys = (int)CHECK(open_tree(AT_FDCWD, "/sys", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    top = make_mount("tmpfs", (const char *const[]){"mode", "0755", NULL}, MOUNT_ATTR_NODEV);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK(mkdirat(top, names[i], 0755));
    attach(top, AT_FDCWD, "/");
    CHECK(fchdir(top));
    CHECK(syscall(SYS_pivot_root, ".", "."));
    CHECK(umount2(".", MNT_DETACH));
    CHECK(chdir("/"));
    attach(proc, AT_FDCWD, "/proc");
    attach(sys, AT_FDCWD, "/sys");
    attach(lower, AT_FDCWD, "/lower");
    attach(upper, AT_FDCWD, "/upper");
    close(proc), close(sys), close(lower), close(upper), close(top);
}

/* ---- one job ---- */

static int make_dev(void)
{
    static const struct {
        const char *name;
        unsigned major, minor;
    } nodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                 {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
    static const char *const dirs[] = {"pts", "shm", "mqueue"};
    int dev = make_mount("tmpfs", (const char *const[]){"mode", "0755", "size", "64k", NULL},
                         MOUNT_ATTR_NOSUID);

    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        CHECK(mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        CHECK(mkdirat(dev, dirs[i], 0755));
    CHECK(symlinkat("pts/ptmx", dev, "ptmx"));
    return dev;
}

static void loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int s = (int)CHECK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

    CHECK(ioctl(s, SIOCSIFFLAGS, &request));
    close(s);
}

struct job {
    int program;
    int dev;
    int sync;
    int enter[HIERARCHIES_MAX];
    size_t n_enter;
    char upper[32];
    char work[32];
};

static _Noreturn void run_job(const struct job *job)
{
    const unsigned closed = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    char *const argv[] = {"true", NULL}, *const env[] = {NULL};
    const char *const overlay[] = {"lowerdir", "/lower",  "upperdir",  job->upper,
                                   "workdir",  job->work, "userxattr", NULL,
                                   "volatile", NULL,      NULL};
    int root, proc, sys, pts, shm, mqueue;
    char byte;

    CHECK(read(job->sync, &byte, 1));
    CHECK(setresgid(0, 0, 0));
    CHECK(setresuid(0, 0, 0));
    root = make_mount("overlay", overlay, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    proc = make_mount("proc", NULL, closed);
    sys = make_mount("sysfs", NULL, closed | MOUNT_ATTR_RDONLY);
    pts = make_mount("devpts", (const char *const[]){"newinstance", NULL, "ptmxmode", "0666", NULL},
                     MOUNT_ATTR_NOSUID);
    shm = make_mount("tmpfs", (const char *const[]){"mode", "1777", NULL}, closed);
    mqueue = make_mount("mqueue", NULL, closed);
    attach(root, AT_FDCWD, "/newroot");
    CHECK(fchdir(root));
    CHECK(syscall(SYS_pivot_root, ".", "."));
    CHECK(umount2(".", MNT_DETACH));
    CHECK(chdir("/"));
    attach(job->dev, AT_FDCWD, "/dev");
    attach(pts, AT_FDCWD, "/dev/pts");
    attach(shm, AT_FDCWD, "/dev/shm");
    attach(mqueue, AT_FDCWD, "/dev/mqueue");
    attach(proc, AT_FDCWD, "/proc");
    attach(sys, AT_FDCWD, "/sys");
    loopback_up();
    for (size_t i = 0; i < job->n_enter; i++)
        CHECK(write(job->enter[i], "0", 1));
    CHECK(execveat(job->program, "", argv, env, AT_EMPTY_PATH));
    _exit(127);
}

/* overlayfs leaves work/work/incompat/volatile/dirty behind. */
static void remove_dirs(const struct job *job)
{
    static const char *const below[] = {"/work/incompat/volatile", "/work/incompat", "/work", ""};
    char path[96];

    snprintf(path, sizeof(path), "%s/work/incompat/volatile/dirty", job->work);
    if (unlink(path) < 0 && errno != ENOENT)
        die(__LINE__, path);
    for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", job->work, below[i]);
        if (rmdir(path) < 0 && errno != ENOENT)
            die(__LINE__, path);
    }
    CHECK(rmdir(job->upper));
}

static void make_groups(const struct groups *g, struct job *job)
{
    for (size_t i = 0; i < g->n; i++) {
        CHECK(mkdirat(g->run[i], "job", 0755));
        job->enter[i] = (int)CHECK(
            openat(g->run[i], g->v2 ? "job/cgroup.procs" : "job/tasks", O_WRONLY | O_CLOEXEC));
    }
    job->n_enter = g->n;
}

static void remove_groups(const struct groups *g, struct job *job)
{
    for (size_t i = 0; i < g->n; i++) {
        close(job->enter[i]);
        CHECK(unlinkat(g->run[i], "job", AT_REMOVEDIR));
    }
}

static void write_map(pid_t pid, const char *which)
{
    char path[64], map[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, which);
    snprintf(map, sizeof(map), "0 %u %u", ID_BASE, ID_COUNT);
    put(AT_FDCWD, path, map);
}

static void one_job(const struct groups *g, int program, int serial)
{
    struct job job = {.program = program};
    struct clone_args args = {.exit_signal = SIGCHLD};
    int sync[2], pidfd = -1, status;
    pid_t pid;

    snprintf(job.upper, sizeof(job.upper), "/upper/u%d", serial);
    snprintf(job.work, sizeof(job.work), "/upper/w%d", serial);
    make_groups(g, &job);
    CHECK(mkdir(job.upper, 0755));
    CHECK(mkdir(job.work, 0755));
    CHECK(chown(job.upper, ID_BASE, ID_BASE));
    CHECK(chown(job.work, ID_BASE, ID_BASE));
    job.dev = make_dev();
    CHECK(pipe2(sync, O_CLOEXEC));
    job.sync = sync[0];
    args.flags = CLONE_PIDFD | ALL_NAMESPACES;
    args.pidfd = (uint64_t)(uintptr_t)&pidfd;
    pid = (pid_t)CHECK(syscall(SYS_clone3, &args, sizeof(args)));
    if (pid == 0)
        run_job(&job);
    write_map(pid, "uid_map");
    write_map(pid, "gid_map");
    CHECK(write(sync[1], "x", 1));
    CHECK(waitpid(pid, &status, 0));
    if (status != 0) {
        errno = 0;
        die(__LINE__, "the job failed");
    }
    close(sync[0]), close(sync[1]), close(pidfd), close(job.dev);
    remove_groups(g, &job);
    remove_dirs(&job);
}

/* Nothing but the program: what everything else is on top of. */
static void one_bare(char *const *argv)
{
    int status;
    pid_t pid = vfork();

    if (pid == 0) {
        if (dup2(2, 1) == 1)
            execvp(argv[0], argv);
        _exit(127);
    }
    CHECK(pid);
    CHECK(waitpid(pid, &status, 0));
    if (status != 0) {
        errno = 0;
        die(__LINE__, argv[0]);
    }
}

/* ---- workers ---- */

struct plan {
    const char *root; /* NULL: the bare program */
    char *const *argv;
    const char *group;
    int program;
    int workers;
    int jobs; /* a worker */
    int gap_us;
    bool each;
    int ready;
    int go;
    double *samples; /* shared */
};

static void one(const struct plan *p, const struct groups *groups, int serial)
{
    if (p->root == NULL)
        one_bare(p->argv);
    else
        one_job(groups, p->program, serial);
}

static _Noreturn void worker(const struct plan *p, const struct groups *groups, int index)
{
    struct timespec gap = {.tv_sec = p->gap_us / 1000000, .tv_nsec = p->gap_us % 1000000 * 1000L};
    char byte;

    if (p->root != NULL)
        enter_stage(p->root);
    one(p, groups, 0); /* the first one pays for what the kernel makes once */
    CHECK(write(p->ready, "r", 1));
    CHECK(read(p->go, &byte, 1));
    for (int i = 0; i < p->jobs; i++) {
        double start;

        if (p->gap_us > 0)
            nanosleep(&gap, NULL);
        start = now_us();
        one(p, groups, i + 1);
        p->samples[index * p->jobs + i] = now_us() - start;
    }
    _exit(0);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int run(struct plan *p)
{
    int ready[2], go[2], failed = 0, total = p->jobs * p->workers;
    struct groups *groups = calloc((size_t)p->workers, sizeof(*groups));
    double start, wall;
    char byte;

    if (groups == NULL)
        die(__LINE__, "calloc");
    CHECK(pipe2(ready, O_CLOEXEC));
    CHECK(pipe2(go, O_CLOEXEC));
    p->ready = ready[1], p->go = go[0];
    for (int i = 0; i < p->workers; i++) {
        if (p->root != NULL)
            groups_open(&groups[i], i, p->group);
        if (CHECK(fork()) == 0) {
            close(go[1]);
            worker(p, &groups[i], i);
        }
    }
    close(ready[1]);
    for (int i = 0; i < p->workers; i++)
        if (read(ready[0], &byte, 1) != 1)
            failed = 1;
    start = now_us();
    close(go[1]);
    for (int i = 0, status; i < p->workers; i++)
        failed |= wait(&status) < 0 || status != 0;
    wall = now_us() - start;
    for (int i = 0; i < p->workers; i++)
        groups_remove(&groups[i]);
    free(groups);
    if (failed)
        return 3;
    for (int i = 0; p->each && i < total; i++)
        printf("%.3f\n", p->samples[i] / 1e3);
    if (p->each)
        return 0;
    qsort(p->samples, (size_t)total, sizeof(double), compare);
    printf(
        "floor: %d jobs, %d at a time: median %.0f us, p90 %.0f us, p99 %.0f us, %.3f ms a job\n",
        total, p->workers, p->samples[total / 2], p->samples[total * 9 / 10],
        p->samples[total * 99 / 100], wall / 1e3 / total);
    return 0;
}

int main(int argc, char **argv)
{
    struct plan p = {.workers = 1};
    int option, jobs = 200;
    bool bare = false;

    while ((option = getopt(argc, argv, "+j:n:g:c:sb")) != -1) {
        if (option == 'j')
            p.workers = atoi(optarg);
        else if (option == 'n')
            jobs = atoi(optarg);
        else if (option == 'g')
            p.gap_us = atoi(optarg);
        else if (option == 'c')
            p.group = optarg;
        else if (option == 's')
            p.each = true;
        else if (option == 'b')
            bare = true;
        else
            return 2;
    }
    if ((bare ? argc <= optind : argc - optind != 2) || p.workers < 1 || jobs < p.workers ||
        p.gap_us < 0) {
        fprintf(stderr,
                "usage: floor [-j WORKERS] [-n JOBS] [-g GAP_US] [-s] [-c GROUP] PROGRAM ROOT\n"
                "       floor -b [-n JOBS] [-g GAP_US] [-s] PROGRAM [ARGUMENT]...\n");
        return 2;
    }
    p.jobs = jobs / p.workers;
    p.argv = argv + optind;
    if (!bare) {
        p.program = (int)CHECK(open(argv[optind], O_RDONLY | O_CLOEXEC));
        p.root = argv[optind + 1];
    }
    p.samples = mmap(NULL, sizeof(double) * (size_t)jobs, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p.samples == MAP_FAILED)
        die(__LINE__, "mmap");
    return run(&p);
}
