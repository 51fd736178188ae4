/* SPDX-License-Identifier: Apache-2.0 */
/* pressure: see pressure.h. */
#include "harness/attempt/pressure.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TICK_NS                                                                                    \
    (NSEC_PER_SEC /                                                                                \
     100) /* USER_HZ, the unit of /proc/stat, is 100 in every Linux ABI but Alpha's */

/* In this order; /proc/stat's two figures come from one read. */
static const char *const files[MACHINE_FIGURE_COUNT] = {
    [MACHINE_CPU_PRESSURE_NS] = "/proc/pressure/cpu",
    [MACHINE_MEMORY_PRESSURE_NS] = "/proc/pressure/memory",
    [MACHINE_IO_PRESSURE_NS] = "/proc/pressure/io",
    [MACHINE_BUSY_NS] = "/proc/stat",
};

void pressure_open(struct pressure *ret)
{
    long cpus;

    for (size_t i = 0; i < MACHINE_FIGURE_COUNT; i++)
        ret->fd[i] = files[i] != NULL ? open(files[i], O_RDONLY | O_CLOEXEC) : -EBADF;
    cpus = sysconf(_SC_NPROCESSORS_ONLN);
    ret->cpus = cpus > 0 ? (unsigned)cpus : 1;
}

void pressure_close(struct pressure *m)
{
    for (size_t i = 0; i < MACHINE_FIGURE_COUNT; i++)
        base_closep(&m->fd[i]);
}

bool pressure_parse_pressure(const char *text, uint64_t *ret_ns)
{
    const char *total = str_starts(text, "some ") ? strstr(text, "total=") : NULL;
    const char *line = strchr(text, '\n');
    char *end;
    uint64_t us;

    if (total == NULL || (line != NULL && total > line))
        return false;
    us = strtoull(total + strlen("total="), &end, 10);
    if (end == total + strlen("total="))
        return false;
    *ret_ns = us * NSEC_PER_USEC;
    return true;
}

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice": what a guest of ours used
 * is part of user and nice. */
bool pressure_parse_stat(const char *text, uint64_t *ret_busy_ns, uint64_t *ret_stolen_ns)
{
    enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, COUNT };
    uint64_t ticks[COUNT];
    const char *p = text + strlen("cpu ");

    if (!str_starts(text, "cpu "))
        return false;
    for (size_t i = 0; i < COUNT; i++) {
        char *end;

        ticks[i] = strtoull(p, &end, 10);
        if (end == p)
            return false;
        p = end;
    }
    *ret_busy_ns =
        (ticks[USER] + ticks[NICE] + ticks[SYSTEM] + ticks[IRQ] + ticks[SOFTIRQ]) * TICK_NS;
    *ret_stolen_ns = ticks[STEAL] * TICK_NS;
    return true;
}

static void pressure_set(struct pressure_look *l, enum pressure_figure f, uint64_t v)
{
    l->known |= 1u << f;
    l->value[f] = v;
}

void pressure_look(const struct pressure *m, struct pressure_look *ret)
{
    struct pressure_look l = {.at_ns = clock_monotonic_ns()};

    for (enum pressure_figure f = 0; f <= MACHINE_BUSY_NS; f++) {
        char text[256]; /* of either file, the first line is what we want */
        ssize_t n = m->fd[f] < 0 ? -1 : pread(m->fd[f], text, sizeof(text) - 1, 0);
        uint64_t v, stolen;

        if (n <= 0)
            continue;
        text[n] = '\0';
        if (f != MACHINE_BUSY_NS) {
            if (pressure_parse_pressure(text, &v))
                pressure_set(&l, f, v);
        } else if (pressure_parse_stat(text, &v, &stolen)) {
            pressure_set(&l, MACHINE_BUSY_NS, v);
            pressure_set(&l, MACHINE_STOLEN_NS, stolen);
        }
    }
    *ret = l;
}

void pressure_since(const struct pressure_look *before, const struct pressure_look *now,
                    struct pressure_look *ret)
{
    struct pressure_look l = {.at_ns = now->at_ns - before->at_ns};

    /* /proc/stat is known to step back by a tick now and then */
    for (enum pressure_figure f = 0; f < MACHINE_FIGURE_COUNT; f++)
        if ((before->known & now->known) >> f & 1u)
            pressure_set(&l, f,
                         now->value[f] > before->value[f] ? now->value[f] - before->value[f] : 0);
    *ret = l;
}

bool pressure_get(const struct pressure_look *l, enum pressure_figure f, uint64_t *ret)
{
    if (!((l->known >> f) & 1u))
        return false;
    *ret = l->value[f];
    return true;
}
