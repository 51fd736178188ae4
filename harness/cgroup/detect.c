/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/detect: what this machine has: which controllers are on which hierarchy, where our own
 * group of it is, whether we may make groups there. Changes nothing. Does not say what to do about
 * what is missing (cgroup_explain.c). */
#include "harness/cgroup/cgroup_private.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define PROC_MAX (4u << 20) /* hosts with tens of thousands of mounts exist */

const struct controller_names controller_table[CTL_COUNT] = {
    [CTL_PIDS] = {"pids", "pids"},     [CTL_MEMORY] = {"memory", "memory"},
    [CTL_CPU] = {"cpu", "cpu"},        [CTL_CPUACCT] = {"cpuacct", NULL},
    [CTL_IO] = {"blkio", "io"},        [CTL_CPUSET] = {"cpuset", "cpuset"},
    [CTL_DEVICES] = {"devices", NULL}, [CTL_PERF] = {"perf_event", NULL},
    [CTL_PRESSURE] = {NULL, NULL},
};

/* Which controller and which file of our own group speak for a feature. v2's root has none of these
 * files: there the controller alone speaks. v1's pids.max is missing in the root too. */
static const struct {
    enum controller controller;
    const char *v1_file;
    const char *v2_file;
} feature_table[CGROUP_FEATURE_COUNT] = {
    [CGROUP_CPU_QUOTA] = {CTL_CPU, "cpu.cfs_quota_us", "cpu.max"},
    [CGROUP_CPU_USAGE] = {CTL_CPUACCT, "cpuacct.usage", "cpu.stat"},
    [CGROUP_MEMORY_LIMIT] = {CTL_MEMORY, "memory.limit_in_bytes", "memory.max"},
    [CGROUP_SWAP_LIMIT] = {CTL_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max"},
    [CGROUP_PIDS_LIMIT] = {CTL_PIDS, NULL, "pids.max"},
    [CGROUP_IO_USAGE] = {CTL_IO, "blkio.throttle.io_service_bytes", "io.stat"},
    [CGROUP_CPUSET] = {CTL_CPUSET, "cpuset.cpus", "cpuset.cpus"},
    [CGROUP_IO_LIMIT] = {CTL_IO, "blkio.throttle.read_bps_device", "io.max"},
    [CGROUP_IO_WRITE_LIMIT] = {CTL_IO, "blkio.throttle.write_bps_device", "io.max"},
    [CGROUP_PRESSURE] = {CTL_PRESSURE, NULL, "cpu.pressure"},
    [CGROUP_DEVICES] = {CTL_DEVICES, "devices.deny", NULL},
    [CGROUP_INSTRUCTIONS] = {CTL_PERF, NULL, NULL},
};

/* ---- the texts ---- */

/* One line of mountinfo, as far as it matters (proc_pid_mountinfo(5)). */
struct mount {
    char *root;
    char *point;
    char *type;
    char *super_options;
};

/* "ID PARENT MAJ:MIN ROOT POINT OPTIONS [OPTIONAL...] - TYPE SOURCE SUPER". Cuts the line up. */
static bool parse_mount(char *line, struct mount *m)
{
    char *field[5], *rest, *save = NULL;

    rest = strstr(line, " - ");
    if (rest == NULL)
        return false;
    *rest = '\0';
    field[0] = strtok_r(line, " ", &save);
    for (size_t i = 1; i < ARRAY_SIZE(field); i++)
        field[i] = strtok_r(NULL, " ", &save);
    m->type = strtok_r(rest + 3, " ", &save);
    if (field[4] == NULL || m->type == NULL || strtok_r(NULL, " ", &save) == NULL)
        return false;
    m->super_options = strtok_r(NULL, " ", &save);
    m->root = field[3];
    m->point = field[4];
    text_unescape_mount(m->root);
    text_unescape_mount(m->point);
    return m->super_options != NULL;
}

/* Where a mount that shows `root` of the hierarchy at `point` has the group `path`; NULL when it
 * does not show it. Containers often see their own subtree only: root /docker/ID at
 * /sys/fs/cgroup/memory. */
static char *group_directory(const char *root, const char *point, const char *path)
{
    size_t len = str_eq(root, "/") ? 0 : strlen(root);

    if (strncmp(path, root, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    path += len;
    /* Outside of our cgroup namespace: the kernel shows a way up, which no mount of this namespace
     * has. */
    if (str_eq(path, "/..") || str_starts(path, "/../"))
        return NULL;
    if (str_eq(path, "/"))
        path = "";
    return xasprintf("%s%s", str_eq(point, "/") && path[0] != '\0' ? "" : point, path);
}

/* The first mount of the hierarchy that shows our group, or a later one on top of it. */
static char *find_own(const char *mountinfo_text, const char *v1_name, const char *path)
{
    cleanup_free char *text = xstrdup(mountinfo_text), *point = NULL;
    char *own = NULL, *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        struct mount m;
        char *here;

        if (!parse_mount(line, &m) || !str_eq(m.type, v1_name != NULL ? "cgroup" : "cgroup2"))
            continue;
        if (v1_name != NULL && !text_has_word(m.super_options, v1_name))
            continue;
        if (point != NULL && !str_eq(point, m.point))
            continue;
        here = group_directory(m.root, m.point, path);
        if (here == NULL)
            continue;
        free(point);
        free(own);
        point = xstrdup(m.point);
        own = here;
    }
    return own;
}

static unsigned v1_controllers(const char *list, const char **ret_first)
{
    unsigned mask = 0;

    for (size_t c = CTL_COUNT; c-- > 0;) {
        if (controller_table[c].v1 != NULL && text_has_word(list, controller_table[c].v1)) {
            mask |= CTL_BIT(c);
            *ret_first = controller_table[c].v1;
        }
    }
    return mask;
}

/* Compares hierarchies: that of the lowest controller first (see enum controller), v2 last. */
static int by_controller(const void *a, const void *b)
{
    const struct hierarchy *x = a, *y = b;

    if (x->version != y->version)
        return x->version - y->version;
    return __builtin_ctz(x->controllers | CTL_BIT(CTL_COUNT)) -
           __builtin_ctz(y->controllers | CTL_BIT(CTL_COUNT));
}

void detect_parse(struct cgroup_host *host, const char *cgroup_text, const char *mountinfo_text)
{
    cleanup_free char *text = xstrdup(cgroup_text);
    char *save = NULL;

    /* "ID:CONTROLLERS:PATH" for v1, "0::PATH" for v2 (cgroups(7)); the path may have colons. */
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *list = strchr(line, ':'), *path = list != NULL ? strchr(list + 1, ':') : NULL;
        struct hierarchy h = {0};
        const char *name = NULL;

        if (path == NULL || host->count == HIERARCHY_MAX)
            continue;
        *list++ = '\0';
        *path++ = '\0';
        h.version = str_eq(line, "0") && *list == '\0' ? 2 : 1;
        h.ops = h.version == 2 ? &v2_ops : &v1_ops;
        if (h.version == 1 && (h.controllers = v1_controllers(list, &name)) == 0)
            continue; /* name=systemd, freezer and others: not used */
        h.own = find_own(mountinfo_text, name, path);
        host->hierarchy[host->count++] = h;
    }
    qsort(host->hierarchy, host->count, sizeof(host->hierarchy[0]), by_controller);
}

/* ---- the files ---- */

/* What stands in the way of using a hierarchy: at all, for giving controllers to children (v2), for
 * limits of memory (v2). */
struct obstacles {
    struct lacking any;
    struct lacking domain;
    struct lacking memory;
};

static struct lacking lacking_at(enum lack what, int version, int errnum, const char *dir,
                                 const char *file)
{
    return (struct lacking){what, version, errnum,
                            dir == NULL    ? NULL
                            : file == NULL ? xstrdup(dir)
                                           : xasprintf("%s/%s", dir, file)};
}

static struct lacking check_write(const struct hierarchy *h, int dirfd, const char *file)
{
    if (faccessat(dirfd, file != NULL ? file : ".", W_OK, AT_EACCESS) == 0)
        return (struct lacking){0};
    return lacking_at(LACK_WRITE, h->version, errno, h->own, file);
}

/* The controllers that our group may give to its children, and whether it can. */
static void probe_v2(struct hierarchy *h, int dirfd, struct obstacles *o)
{
    char available[512] = "", on[512] = "", type[64] = "";
    /* all but the root have it */
    bool root = faccessat(dirfd, "cgroup.events", F_OK, 0) < 0;
    /* unreadable: none */
    (void)group_read(dirfd, NULL, "cgroup.controllers", available, sizeof(available));
    (void)group_read(dirfd, NULL, "cgroup.subtree_control", on, sizeof(on));
    (void)group_read(dirfd, NULL, "cgroup.type", type, sizeof(type)); /* the root has no type */
    h->controllers = CTL_BUILT_IN;
    for (size_t c = 0; c < CTL_COUNT; c++) {
        const char *name = controller_table[c].v2;

        if (name == NULL || !text_has_word(available, name))
            continue;
        h->controllers |= CTL_BIT(c);
        if (!text_has_word(on, name))
            h->absent |= CTL_BIT(c);
    }
    if (h->absent != 0)
        o->domain = check_write(h, dirfd, "cgroup.subtree_control");
    if (h->absent == 0 || o->domain.what != LACK_NOTHING)
        return;
    h->move = !root;
    if (!root && !str_eq(type, "domain\n"))
        o->domain = lacking_at(LACK_DOMAIN, 2, 0, h->own, "cgroup.type");
    else if (!root && group_has_others(dirfd))
        o->domain = lacking_at(LACK_EMPTY, 2, EBUSY, h->own, NULL);
}

static struct obstacles probe_group(struct hierarchy *h, int *ret_dirfd)
{
    struct obstacles o = {0};
    cleanup_free char *unit = NULL;
    struct statfs fs;
    int fd = h->own != NULL ? open(h->own, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -EBADF;

    *ret_dirfd = fd;
    if (fd < 0 || fstatfs(fd, &fs) < 0 ||
        fs.f_type != (h->version == 2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC)) {
        o.any = lacking_at(LACK_MOUNT, h->version, 0, h->own, NULL);
        return o;
    }
    if (h->version == 2)
        probe_v2(h, fd, &o);
    o.any = check_write(h, fd, NULL);
    if (o.any.what == LACK_NOTHING && h->version == 2)
        o.any = check_write(
            h, fd, "cgroup.procs"); /* who moves a process writes there too: the common ancestor */
    if (h->version == 2 && (unit = undelegated_unit(h->own)) != NULL)
        o.memory = lacking_at(LACK_DELEGATION, 2, 0, unit, NULL);
    return o;
}

static void obstacles_free(struct obstacles *o)
{
    free(o->any.path);
    free(o->domain.path);
    free(o->memory.path);
}

/* Whether groups made there can have the limits that nearly every job file asks for. */
static bool gives_the_usual(const struct hierarchy *h, const struct obstacles *o)
{
    const unsigned usual = CTL_BIT(CTL_PIDS) | CTL_BIT(CTL_MEMORY) | CTL_BIT(CTL_CPU);

    return o->any.what == LACK_NOTHING && o->memory.what == LACK_NOTHING &&
           (h->controllers & usual) == usual &&
           ((h->absent & usual) == 0 || o->domain.what == LACK_NOTHING);
}

/* A group that has our caller in it too (a shell, a script, make) can give its children no
 * controllers. One above it can, where it has no processes and is ours to divide: the run's groups
 * are then made beside that of our caller, and nobody is moved but slots. Whoever set CPUs apart by
 * a partition did it for us: what is above has not got them. */
static void climb(struct hierarchy *h, struct obstacles *o, int *dirfd)
{
    cleanup_free char *top = highest_of_ours(h->own), *dir = xstrdup(h->own);

    while (top != NULL && strlen(dir) > strlen(top) && !partition_begins_at(dir)) {
        struct hierarchy above = {.ops = h->ops, .version = 2, .own = dir};
        struct obstacles there;
        int fd;

        *strrchr(dir, '/') = '\0';
        there = probe_group(&above, &fd);
        if (gives_the_usual(&above, &there)) {
            base_closep(dirfd);
            *dirfd = fd;
            obstacles_free(o);
            *o = there;
            above.move = false; /* we are in none of its processes' way */
            free(h->own);
            *h = above;
            h->own = steal_ptr(dir);
            return;
        }
        base_closep(&fd);
        obstacles_free(&there);
    }
}

static struct obstacles probe(struct hierarchy *h, int *ret_dirfd)
{
    struct obstacles o = probe_group(h, ret_dirfd);

    if (h->version == 2 && h->own != NULL && o.any.what != LACK_MOUNT && !gives_the_usual(h, &o))
        climb(h, &o, ret_dirfd);
    return o;
}

static struct lacking detect_probe_program(void)
{
    cleanup_close int program = devices_load(NULL, 0);

    return program >= 0 ? (struct lacking){0} : lacking_at(LACK_PROGRAM, 2, -program, NULL, NULL);
}

/* Whether the controller's own files give the feature. */
static struct lacking probe_feature(const struct hierarchy *h, int dirfd, size_t feature)
{
    const char *file =
        h->version == 2 ? feature_table[feature].v2_file : feature_table[feature].v1_file;

    if (feature == CGROUP_PRESSURE && access("/proc/pressure/cpu", F_OK) < 0)
        return lacking_at(LACK_FILE, h->version, errno, "/proc/pressure/cpu", NULL);
    if (feature == CGROUP_DEVICES && h->version == 2)
        return detect_probe_program();
    if (file == NULL || (h->version == 2 && faccessat(dirfd, "cgroup.events", F_OK, 0) < 0))
        return (struct lacking){0};
    if (faccessat(dirfd, file, F_OK, 0) == 0)
        return (struct lacking){0};
    return lacking_at(LACK_FILE, h->version, errno, h->own, file);
}

static struct lacking copy_lacking(const struct lacking *l)
{
    return lacking_at(l->what, l->version, l->errnum, l->path, NULL);
}

/* The first hierarchy that gives the feature is used for it; `used` collects the controllers of
 * each. */
static void detect_choose(struct cgroup_host *host, size_t feature, const struct obstacles *o,
                          const int *dirfd, unsigned *used)
{
    enum controller c = feature_table[feature].controller;
    struct lacking why = {.what = LACK_CONTROLLER};
    bool swap_held = feature == CGROUP_SWAP_LIMIT && !host->host_swaps;

    for (size_t i = 0; i < host->count; i++) {
        const struct hierarchy *h = &host->hierarchy[i];
        struct lacking here;

        if (why.what == LACK_CONTROLLER && why.version < h->version)
            why.version = h->version;
        /* v2 that no mount shows: nobody can say what it has, so that is what is in the way. */
        if (!(h->controllers & CTL_BIT(c)) && !(h->version == 2 && o[i].any.what == LACK_MOUNT))
            continue;
        if (h->version == 2 && (c == CTL_PRESSURE || c == CTL_DEVICES) &&
            used[i] == 0) /* no reason to have one more group for every job */
            continue;
        if (h->version == 2 && c == CTL_PERF && why.what != LACK_CONTROLLER) /* v1 has it */
            continue;
        if (o[i].any.what != LACK_NOTHING)
            here = copy_lacking(&o[i].any);
        else if ((h->absent & CTL_BIT(c)) != 0 && o[i].domain.what != LACK_NOTHING)
            here = copy_lacking(&o[i].domain);
        else if (c == CTL_MEMORY && o[i].memory.what != LACK_NOTHING)
            here = copy_lacking(&o[i].memory);
        else
            here = probe_feature(h, dirfd[i], feature);
        if (here.what == LACK_NOTHING || (here.what == LACK_FILE && swap_held)) {
            free(here.path);
            free(why.path);
            used[i] |= CTL_BIT(c);
            host->features |= 1u << feature;
            return;
        }
        if (why.what == LACK_CONTROLLER)
            why = here;
        else
            free(here.path);
    }
    host->lacking[feature] = why;
}

static void replace_lacking(struct cgroup_host *host, size_t feature, struct lacking l)
{
    free(host->lacking[feature].path);
    host->lacking[feature] = l;
    host->features &= ~(1u << feature);
}

/* Features that take v2, whatever files there are. What is written through the page cache goes to
 * the disk on nobody's account on v1; v2 knows whose page it was, from the memory controller. */
static void require_v2(struct cgroup_host *host, const unsigned *used)
{
    unsigned both = CTL_BIT(CTL_IO) | CTL_BIT(CTL_MEMORY);
    bool together = false;

    for (size_t i = 0; i < host->count; i++)
        together |= host->hierarchy[i].version == 2 && (used[i] & both) == both;
    if (cgroup_host_has(host, CGROUP_IO_WRITE_LIMIT) && !together)
        replace_lacking(host, CGROUP_IO_WRITE_LIMIT,
                        (struct lacking){.what = LACK_V2, .version = 1});
    if (!cgroup_host_has(host, CGROUP_PRESSURE) &&
        host->lacking[CGROUP_PRESSURE].what == LACK_CONTROLLER)
        replace_lacking(host, CGROUP_PRESSURE, (struct lacking){.what = LACK_V2, .version = 1});
}

/* A list of CPUs without its newline, or NULL. */
static char *read_cpus(int dirfd, const char *file)
{
    char text[4096];

    if (group_read(dirfd, NULL, file, text, sizeof(text)) < 0)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    return text[0] != '\0' ? xstrdup(text) : NULL;
}

static void read_own_cpus(struct cgroup_host *host, const unsigned *used, const int *dirfd)
{
    static const char *const files[] = {"cpuset.cpus.effective", "cpuset.effective_cpus",
                                        "cpuset.cpus"};

    for (size_t i = 0; i < host->count; i++)
        for (size_t k = 0;
             (used[i] & CTL_BIT(CTL_CPUSET)) != 0 && host->cpus == NULL && k < ARRAY_SIZE(files);
             k++)
            host->cpus = read_cpus(dirfd[i], files[k]);
    if (host->cpus == NULL && cgroup_host_has(host, CGROUP_CPUSET))
        host->cpus = read_cpus(AT_FDCWD, "/sys/devices/system/cpu/online");
}

static void keep_used(struct cgroup_host *host, const unsigned *used)
{
    size_t kept = 0;
    bool v1 = false, v2 = false;

    for (size_t i = 0; i < host->count; i++) {
        struct hierarchy h = host->hierarchy[i];

        if (used[i] == 0) {
            free(h.own);
            continue;
        }
        h.controllers = used[i];
        h.absent &= used[i];
        v1 |= h.version == 1 && used[i] != CTL_BIT(CTL_PERF);
        v2 |= h.version == 2 && used[i] != CTL_BIT(CTL_PERF);
        host->hierarchy[kept++] = h;
    }
    host->count = kept;
    snprintf(host->description, sizeof(host->description), "%s",
             v1 && v2 ? "cgroup v1 and v2"
             : v1     ? "cgroup v1"
             : v2     ? "cgroup v2"
                      : "none");
}

/* /proc/swaps has a heading, then a line a swap area. */
static bool host_swaps(void)
{
    cleanup_free char *text = NULL;
    size_t len;
    const char *line;

    if (file_read_at(AT_FDCWD, "/proc/swaps", PROC_MAX, &text, &len) < 0)
        return access("/proc/swaps", F_OK) == 0; /* no such file: a kernel without swap */
    line = strchr(text, '\n');
    return line != NULL && line[1] != '\0';
}

int cgroup_detect(struct cgroup_host **ret_host, struct cupel_error *err)
{
    cleanup_free char *cgroup_text = NULL, *mountinfo_text = NULL;
    struct obstacles obstacles[HIERARCHY_MAX] = {0};
    unsigned used[HIERARCHY_MAX] = {0};
    int dirfd[HIERARCHY_MAX];
    struct cgroup_host *host;
    size_t len, count;
    int r;

    r = file_read_at(AT_FDCWD, "/proc/self/cgroup", PROC_MAX, &cgroup_text, &len);
    if (r < 0 && r != -ENOENT) /* ENOENT with /proc there: a kernel without cgroups */
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read /proc/self/cgroup");
    r = file_read_at(AT_FDCWD, "/proc/self/mountinfo", PROC_MAX, &mountinfo_text, &len);
    if (r < 0) {
        cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot read /proc/self/mountinfo");
        cupel_error_hint(err, "cupel needs /proc: mount -t proc proc /proc");
        return r;
    }
    host = xcalloc(1, sizeof(*host));
    host->host_swaps = host_swaps();
    detect_parse(host, cgroup_text != NULL ? cgroup_text : "", mountinfo_text);
    count = host->count;
    for (size_t i = 0; i < count; i++)
        obstacles[i] = probe(&host->hierarchy[i], &dirfd[i]);
    for (size_t f = 0; f < CGROUP_FEATURE_COUNT; f++)
        detect_choose(host, f, obstacles, dirfd, used);
    require_v2(host, used);
    read_own_cpus(host, used, dirfd);
    keep_used(host, used);
    for (size_t i = 0; i < count; i++) {
        base_closep(&dirfd[i]);
        obstacles_free(&obstacles[i]);
    }
    *ret_host = host;
    return 0;
}

void cgroup_host_free(struct cgroup_host *host)
{
    if (host == NULL)
        return;
    for (size_t i = 0; i < host->count; i++)
        free(host->hierarchy[i].own);
    for (size_t f = 0; f < CGROUP_FEATURE_COUNT; f++)
        free(host->lacking[f].path);
    free(host->cpus);
    free(host);
}

bool cgroup_host_has(const struct cgroup_host *host, enum cgroup_feature feature)
{
    return ((host->features >> feature) & 1u) != 0;
}

const char *cgroup_host_cpus(const struct cgroup_host *host)
{
    return host->cpus;
}

void cgroup_host_want(struct cgroup_host *host, enum cgroup_feature feature)
{
    host->wanted |= CTL_BIT(feature_table[feature].controller) & CTL_ON_DEMAND;
}

const char *cgroup_host_describe(const struct cgroup_host *host)
{
    return host->description;
}

void cgroup_host_want_devices(struct cgroup_host *host, const struct cgroup_device *devices,
                              size_t n)
{
    if (!cgroup_host_has(host, CGROUP_DEVICES) || n > CGROUP_DEVICES_MAX)
        return;
    memcpy(host->devices, devices, n * sizeof(*devices));
    host->n_devices = n;
    host->wanted |= CTL_BIT(CTL_DEVICES);
}
