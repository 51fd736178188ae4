/* SPDX-License-Identifier: Apache-2.0 */
/* cores: see cores.h. Not responsible for who starts when (supervisor/schedule.c), which sees to it
 * that one run asks for no more at a time than there are: who waits here, waits for what a job left
 * to be removed, or for another run.
 *
 * A core is locked by flock of a file in /sys that tells of it. That is there for every user, needs
 * no place of ours, and goes with whoever holds it, however that ends. A network namespace has a
 * /sys of its own (kernel 6.18: another inode, which another lock is of), so jobs cannot reach
 * these; nor do runs in containers see each other's. */
#include "harness/run/cores.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#define LOOK_MS 5

size_t cores_wanted(const struct jobs_limits *limits)
{
    if (!jobs_limits_are_exclusive(limits))
        return 0;
    return jobs_limit_is_set(limits, JOBS_LIMIT_CPU)
               ? (size_t)((limits->value[JOBS_LIMIT_CPU] + 999) / 1000)
               : 1;
}

size_t cores_granted(const struct cores *cores, const struct jobs_limits *limits)
{
    size_t n = cores_wanted(limits);

    return n <= cores->n ? n : 0;
}

static bool is_in(const struct jobs_cpus *cpus, unsigned cpu)
{
    return ((cpus->bits[cpu / 64] >> (cpu % 64)) & 1u) != 0;
}

static void add_all(struct jobs_cpus *to, const struct jobs_cpus *cpus)
{
    for (size_t i = 0; i < ARRAY_SIZE(to->bits); i++)
        to->bits[i] |= cpus->bits[i];
}

/* ---- locks ---- */

static unsigned first_of(const struct jobs_cpus *cpus)
{
    unsigned cpu = 0;

    while (cpu + 1 < JOBS_CPUS_MAX && !is_in(cpus, cpu))
        cpu++;
    return cpu;
}

static int lock_file(int topology, const char *path, int *ret_lock)
{
    cleanup_close int fd = openat(topology, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return -errno;
    *ret_lock = steal_fd(&fd);
    return 0;
}

#define CORE_FILE "cpu%u/topology/thread_siblings_list"

/* Takes one core, if nobody has it. */
static int lock_core(int topology, const struct jobs_cpus *core, int *ret_lock)
{
    char path[64];

    (void)snprintf(path, sizeof(path), CORE_FILE, first_of(core));
    return lock_file(topology, path, ret_lock);
}

static bool is_free(int topology, const struct jobs_cpus *core)
{
    cleanup_close int lock = -EBADF;

    return lock_core(topology, core, &lock) == 0;
}

/* ---- what there is ---- */

/* Returns the hyperthreads of the core that this CPU is of. */
static int core_of(int topology, unsigned cpu, struct jobs_cpus *ret)
{
    char path[64];
    cleanup_free char *text = NULL;
    size_t n;
    int r;

    (void)snprintf(path, sizeof(path), CORE_FILE, cpu);
    r = file_read_at(topology, path, 65536, &text, &n);
    if (r < 0)
        return r;
    return jobs_cpus_parse(text, ret) && is_in(ret, cpu) ? 0 : -EINVAL;
}

/* Adds the memory node that a CPU is of: cpu3 has a link node1. */
static void add_node(int topology, unsigned cpu, struct jobs_cpus *nodes)
{
    cleanup_free char *path = xasprintf("cpu%u", cpu);
    int fd = openat(topology, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL && fd >= 0)
        (void)close(fd);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        struct jobs_cpus node;

        if (strncmp(e->d_name, "node", 4) == 0 && jobs_cpus_parse(e->d_name + 4, &node))
            add_all(nodes, &node);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static char *list_of(const struct jobs_cpus *cpus)
{
    struct strbuf b = {0};

    if (jobs_cpus_count(cpus) > 0)
        jobs_cpus_format(cpus, &b);
    return b.data;
}

/* All whole cores among those CPUs, in ascending order. */
static int find_whole(int topology, const struct jobs_cpus *allowed, struct jobs_cpus **ret,
                      size_t *ret_n)
{
    struct jobs_cpus seen = {0}, beyond;
    cleanup_free struct jobs_cpus *whole = NULL;
    size_t n = 0;

    for (unsigned cpu = 0; cpu < JOBS_CPUS_MAX; cpu++) {
        struct jobs_cpus core;
        int r;

        if (!is_in(allowed, cpu) || is_in(&seen, cpu))
            continue;
        r = core_of(topology, cpu, &core);
        if (r < 0)
            return r;
        add_all(&seen, &core);
        if (jobs_cpus_beyond(&core, allowed, &beyond))
            continue;
        whole = xrealloc(whole, (n + 1) * sizeof(*whole));
        whole[n++] = core;
    }
    *ret = whole;
    whole = NULL;
    *ret_n = n;
    return 0;
}

/* Says of each but the first whether it is to be kept. */
static void choose(int topology, const struct jobs_cpus *whole, size_t n, size_t most, bool *chosen)
{
    cleanup_free bool *free_now = xcalloc(n, sizeof(*free_now));
    size_t left = most;

    for (size_t i = 1; i < n; i++)
        free_now[i] = is_free(topology, &whole[i]);
    for (int wanted = 1; wanted >= 0; wanted--)
        for (size_t i = n; i-- > 1 && left > 0;)
            if (free_now[i] == (wanted == 1)) {
                chosen[i] = true;
                left--;
            }
}

int cores_find(int topology, const struct jobs_cpus *allowed, size_t most, struct cores *ret)
{
    struct jobs_cpus rest = *allowed, left;
    cleanup_free struct jobs_cpus *whole = NULL;
    cleanup_free bool *chosen = NULL;
    size_t n;
    int r = find_whole(topology, allowed, &whole, &n);

    *ret = CORES_NONE;
    if (r < 0)
        return r;
    ret->n_whole = n < 2 ? 0 : n - 1;
    if (ret->n_whole == 0 || most == 0)
        return 0;
    ret->topology = fcntl(topology, F_DUPFD_CLOEXEC, 3);
    if (ret->topology < 0)
        return -errno;
    chosen = xcalloc(n, sizeof(*chosen));
    choose(topology, whole, n, most, chosen);
    ret->each = xcalloc(n, sizeof(*ret->each));
    ret->nodes = xcalloc(n, sizeof(*ret->nodes));
    for (size_t i = 1; i < n; i++) {
        if (!chosen[i])
            continue;
        add_node(topology, first_of(&whole[i]), &ret->nodes[ret->n]);
        ret->each[ret->n++] = whole[i];
        (void)jobs_cpus_beyond(&rest, &whole[i], &left);
        rest = left;
    }
    ret->rest = list_of(&rest);
    return 0;
}

size_t cores_count(void)
{
    cleanup_close int topology =
        open("/sys/devices/system/cpu", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct jobs_cpus allowed = {0};
    struct cores cores;
    long n = syscall(SYS_sched_getaffinity, 0, sizeof(allowed.bits), allowed.bits);

    return n > 0 && topology >= 0 && cores_find(topology, &allowed, 0, &cores) == 0 ? cores.n_whole
                                                                                    : 0;
}

void cores_free(struct cores *cores)
{
    free(cores->each);
    free(cores->nodes);
    free(cores->rest);
    base_closep(&cores->topology);
    *cores = CORES_NONE;
}

/* ---- who has them ---- */

/* What is being taken, and by whom: one at a time in all runs, or two that want the same two cores
 * would wait for each other. */
struct take {
    const struct cores *cores;
    struct cores_held *held;
    int turn;
    struct jobs_cpus cpus, nodes;
};

static int take_free(struct take *t, size_t wanted)
{
    for (size_t i = 0; i < t->cores->n && t->held->n < wanted; i++) {
        const struct jobs_cpus *core = &t->cores->each[i];
        int r = jobs_cpus_overlap(&t->cpus, core)
                    ? -EWOULDBLOCK
                    : lock_core(t->cores->topology, core, &t->held->locks[t->held->n]);

        if (r < 0 && r != -EWOULDBLOCK)
            return r;
        if (r < 0)
            continue;
        t->held->n++;
        add_all(&t->cpus, core);
        add_all(&t->nodes, &t->cores->nodes[i]);
    }
    return t->held->n == wanted ? 0 : -EWOULDBLOCK;
}

static int try_take(struct take *t, size_t wanted)
{
    int r = t->turn >= 0 ? 0 : lock_file(t->cores->topology, ".", &t->turn);

    return r < 0 ? r : take_free(t, wanted);
}

int cores_take(const struct cores *cores, size_t wanted, int orders, struct cores_held *ret,
               struct cupel_error *err)
{
    struct pollfd order = {.fd = orders, .events = POLLIN};
    uint64_t since = clock_monotonic_ns();
    struct take t = {.cores = cores, .held = ret, .turn = -EBADF};
    int r;

    *ret = (struct cores_held){.locks = xcalloc(wanted, sizeof(int))};
    while ((r = try_take(&t, wanted)) == -EWOULDBLOCK)
        if (poll(&order, 1, LOOK_MS) > 0) {
            r = -ECANCELED;
            break;
        }
    base_closep(&t.turn);
    if (r == 0) {
        ret->cpus = list_of(&t.cpus);
        ret->nodes = list_of(&t.nodes);
        ret->waited_ns = clock_monotonic_ns() - since;
        return 0;
    }
    cores_give_back(ret);
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                           r == -ECANCELED ? "cancelled while it waited for whole cores"
                                           : "cannot take whole cores");
}

void cores_give_back(struct cores_held *held)
{
    for (size_t i = 0; i < held->n; i++)
        base_closep(&held->locks[i]);
    free(held->locks);
    free(held->cpus);
    free(held->nodes);
    *held = (struct cores_held){0};
}
