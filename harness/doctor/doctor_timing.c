/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_timing: what of the machine makes the same program take another time. Nothing of it is
 * needed by a run, so nothing is missing: what is known to matter is degraded, and what /proc and
 * /sys do not tell, as in many virtual machines, is said not to be known. Changes nothing. */
#include "harness/doctor/doctor_private.h"

#include "harness/cgroup/cgroup.h"

#include <fcntl.h>
#include <string.h>

#define CPU_DIR "sys/devices/system/cpu"
#define STOLEN_PERMILLE 10u

/* A small file's text beneath `root`, without its line end; false: there is none. */
static bool read_text(int root, const char *path, char *text, size_t size)
{
    cleanup_free char *data = NULL;
    size_t n;

    if (file_read_at(root, path, 65536, &data, &n) < 0)
        return false;
    data[strcspn(data, "\n")] = '\0';
    (void)snprintf(text, size, "%s", data);
    return true;
}

/* How many CPUs have this file, the text of the first, and whether another one has another. */
struct each_cpu {
    unsigned n;
    char text[64], other[64];
    bool differs;
};

static struct each_cpu read_each(int root, const char *file)
{
    struct each_cpu e = {0};

    for (unsigned cpu = 0; cpu < JOBS_CPUS_MAX; cpu++) {
        cleanup_free char *dir = xasprintf(CPU_DIR "/cpu%u", cpu),
                          *path = xasprintf("%s/%s", dir, file);
        char text[64];

        if (faccessat(root, dir, F_OK, 0) < 0) {
            if (cpu > 0)
                break; /* CPUs are numbered without gaps but where some are taken out */
            continue;
        }
        if (!read_text(root, path, text, sizeof(text)))
            continue;
        if (e.n++ == 0) {
            (void)snprintf(e.text, sizeof(e.text), "%s", text);
        } else if (!str_eq(text, e.text)) {
            (void)snprintf(e.other, sizeof(e.other), "%s", text);
            e.differs = true;
        }
    }
    return e;
}

static void look_at_governor(int root, struct doctor_finding *f)
{
    struct each_cpu e = read_each(root, "cpufreq/scaling_governor");

    if (e.n == 0)
        doctor_works(f, "not known here: /sys has no cpufreq");
    else if (!e.differs && str_eq(e.text, "performance"))
        doctor_works(f, "performance");
    else
        doctor_degraded(f, "%s: a CPU that was idle is slow at first",
                        str_eq(e.text, "performance") ? e.other : e.text);
}

static void look_at_boost(int root, struct doctor_finding *f)
{
    char boost[16] = "", no_turbo[16] = "";
    bool has_boost = read_text(root, CPU_DIR "/cpufreq/boost", boost, sizeof(boost)),
         has_turbo = read_text(root, CPU_DIR "/intel_pstate/no_turbo", no_turbo, sizeof(no_turbo));

    if (!has_boost && !has_turbo) {
        doctor_works(f, "not known here: /sys tells of none");
    } else if (has_turbo ? str_eq(no_turbo, "1") : str_eq(boost, "0")) {
        doctor_works(f, "off");
    } else {
        doctor_degraded(f, "on: a CPU is the faster, the fewer others are busy");
        doctor_remedy(f, has_turbo ? "echo 1 >/" CPU_DIR "/intel_pstate/no_turbo"
                                   : "echo 0 >/" CPU_DIR "/cpufreq/boost");
    }
}

static void look_at_smt(int root, struct doctor_finding *f)
{
    char active[16];

    if (!read_text(root, CPU_DIR "/smt/active", active, sizeof(active)))
        doctor_works(f, "not known here: /sys does not tell");
    else if (str_eq(active, "0"))
        doctor_works(f, "off");
    else
        doctor_degraded(f, "on: two programs on one core slow each other down");
}

static void look_at_aslr(int root, struct doctor_finding *f)
{
    char level[16];

    if (!read_text(root, "proc/sys/kernel/randomize_va_space", level, sizeof(level)))
        doctor_works(f, "not known here: /proc does not tell");
    else if (str_eq(level, "0"))
        doctor_works(f, "off");
    else
        doctor_degraded(f,
                        "on: addresses are others each time, and so is what shares a cache line");
}

static void look_at_huge_pages(int root, struct doctor_finding *f)
{
    char enabled[64];

    if (!read_text(root, "sys/kernel/mm/transparent_hugepage/enabled", enabled, sizeof(enabled)))
        doctor_works(f, "not known here: /sys does not tell");
    else if (strstr(enabled, "[always]") == NULL)
        doctor_works(f, "only for programs that ask, or never");
    else
        doctor_degraded(f, "always: memory comes in huge pages or not, as there are any left");
}

static void look_at_swap(int root, struct doctor_finding *f)
{
    cleanup_free char *data = NULL;
    size_t n, lines = 0;

    if (file_read_at(root, "proc/swaps", 65536, &data, &n) < 0) {
        doctor_works(f, "not known here: /proc does not tell");
        return;
    }
    for (size_t i = 0; i < n; i++)
        lines += data[i] == '\n';
    if (lines < 2)
        doctor_works(f, "none");
    else
        doctor_degraded(f, "in use where memory is short: who waits for a page of it waits for a "
                           "disk");
}

static void look_at_cores(int root, struct doctor_finding *f)
{
    struct each_cpu capacity = read_each(root, "cpu_capacity"),
                    fastest = read_each(root, "cpufreq/cpuinfo_max_freq");
    const struct each_cpu *e = capacity.differs ? &capacity : &fastest;

    if (e->differs)
        doctor_degraded(f, "some are faster: %s is %s of one and %s of another",
                        e == &capacity ? "cpu_capacity" : "cpuinfo_max_freq", e->text, e->other);
    else if (capacity.n + fastest.n == 0)
        doctor_works(f, "not known here: /sys does not tell how fast they are");
    else
        doctor_works(f, "all are as fast");
}

/* Looks whether the group that we are in, or one above it, is an isolated partition. */
static void look_at_partition(int root, struct doctor_finding *f)
{
    struct cgroup_partition p = {0};
    int r = cgroup_partition_find(root, &p);

    if (r < 0)
        doctor_works(f, "not known here: no cpuset of cgroup v2");
    else if (r == 0)
        doctor_degraded(f, "none: whatever runs on this machine runs on the cores of jobs as well");
    else if (str_eq(p.kind, "isolated"))
        doctor_works(f, "an isolated partition around cupel has CPUs %s", p.cpus);
    else
        doctor_degraded(f, "the partition around cupel is not isolated: %s", p.kind);
    free(p.group);
}

static void look_at_steal(int root, struct doctor_finding *f)
{
    unsigned long long t[8] = {0}, sum = 0;
    char line[256];

    if (!read_text(root, "proc/stat", line, sizeof(line)) ||
        sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3],
               &t[4], &t[5], &t[6], &t[7]) != 8) {
        doctor_works(f, "not known here: /proc does not tell");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(t); i++)
        sum += t[i];
    if (sum == 0 || t[7] < sum / 1000 * STOLEN_PERMILLE)
        doctor_works(f, "less than 1 %% of all CPU time since boot");
    else
        doctor_degraded(f, "the hypervisor has taken %llu %% of all CPU time since boot",
                        t[7] * 100 / sum);
}

void doctor_timing_look(int root, enum doctor_timing which, struct doctor_finding *f)
{
    static void (*const looks[])(int root, struct doctor_finding *f) = {
        [TIMING_GOVERNOR] = look_at_governor, [TIMING_BOOST] = look_at_boost,
        [TIMING_SMT] = look_at_smt,           [TIMING_ASLR] = look_at_aslr,
        [TIMING_PAGES] = look_at_huge_pages,  [TIMING_SWAP] = look_at_swap,
        [TIMING_CORES] = look_at_cores,       [TIMING_PARTITION] = look_at_partition,
        [TIMING_STEAL] = look_at_steal,
    };

    looks[which](root, f);
}

void probe_timing(const struct doctor_context *ctx, const struct doctor_probe *probe,
                  struct doctor_finding *f)
{
    cleanup_close int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)ctx;
    doctor_timing_look(root, (enum doctor_timing)probe->number, f);
}

/* Counts instructions of our own, as a run does that has a limit of them. */
void probe_instructions(const struct doctor_context *ctx, const struct doctor_probe *probe,
                        struct doctor_finding *f)
{
    struct cupel_error err;

    (void)probe;
    if (ctx->host == NULL)
        doctor_missing_error(f, &ctx->host_error);
    else if (cgroup_counter_check(ctx->host, &err) < 0)
        doctor_missing_error(f, &err);
    else
        doctor_works(f, "a counter of our own counts");
}
