/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_explain: why a feature is missing on this host and how to get it, in words. Finds nothing
 * out itself (detect.c). */
#include "harness/cgroup/cgroup_private.h"

#include <fcntl.h>

static const struct {
    const char *what; /* completes "cannot ..." */
    const char *v1_controller;
    const char *v2_controller;
    /* kernel parameter that brings it back where distributions leave it off, or NULL */
    const char *boot;
} feature_words[CGROUP_FEATURE_COUNT] = {
    [CGROUP_CPU_QUOTA] = {"limit CPU", "cpu", "cpu", NULL},
    [CGROUP_CPU_USAGE] = {"measure CPU time", "cpuacct", "cpu", NULL},
    [CGROUP_MEMORY_LIMIT] = {"limit memory", "memory", "memory", "cgroup_enable=memory"},
    [CGROUP_SWAP_LIMIT] = {"limit swap", "memory", "memory", "swapaccount=1"},
    [CGROUP_PIDS_LIMIT] = {"limit the number of processes", "pids", "pids", NULL},
    [CGROUP_IO_USAGE] = {"measure disk reads and writes", "blkio", "io", NULL},
    [CGROUP_CPUSET] = {"keep jobs on some of the CPUs", "cpuset", "cpuset", NULL},
    [CGROUP_IO_LIMIT] = {"limit disk reads", "blkio", "io", NULL},
    [CGROUP_IO_WRITE_LIMIT] = {"limit disk writes", "blkio", "io", NULL},
    [CGROUP_PRESSURE] = {"measure pressure", "cpu", "cpu", "psi=1"},
    [CGROUP_INSTRUCTIONS] = {"count instructions", "perf_event", "perf_event", NULL},
    [CGROUP_DEVICES] = {"bound the devices of jobs", "devices", "device", NULL},
};

#define SCOPE "systemd-run --scope -p Delegate=yes cupel ..."
#define USER_SCOPE "systemd-run --user --scope -p Delegate=yes cupel ..."
/* A group with a script in it can give cupel's groups no controllers, whoever it was given to. */
#define NO_SCRIPT "(cupel itself, not a script that starts it)"

/* Says whether we are root of the host: an ordinary user is root too by now, of a user namespace
 * with the ids that they have (harness/rights). */
static bool explain_is_root(void)
{
    return geteuid() == 0 && ids_mapped() == UINT32_MAX;
}

/* Says how to get a group of one's own, where the place is not ours or others are in it. Where
 * there is a systemd, cupel has asked it already (rights/scope.c). */
static void hint_place(const struct lacking *l, struct cupel_error *err)
{
    const char *dir = l->path != NULL ? l->path : "/sys/fs/cgroup/...";
    cleanup_free char *partition = cgroup_partition_around();

    if (partition != NULL) /* whose CPUs a group elsewhere has not */
        cupel_error_hint(err,
                         "cupel stays in the cpuset partition %s: let it replace the shell that "
                         "starts it there (exec cupel ...), so that nothing else is in its group",
                         partition);
    else if (!explain_is_root())
        cupel_error_hint(err,
                         "give cupel a group of its own: %s " NO_SCRIPT
                         ", from a login session or after `loginctl "
                         "enable-linger`; in a service, Delegate=yes and ExecStart=cupel ...",
                         USER_SCOPE);
    else if (access("/run/systemd/system", F_OK) == 0)
        cupel_error_hint(err, "give cupel a group of its own: %s " NO_SCRIPT, SCOPE);
    else
        cupel_error_hint(
            err,
            "give what else is in it a group within: mkdir %s/others, and write each line of "
            "%s/cgroup.procs into %s/others/cgroup.procs",
            dir, dir, dir);
}

static void hint_controller(const struct lacking *l, size_t f, struct cupel_error *err)
{
    const char *boot = feature_words[f].boot;

    if (l->version == 2)
        cupel_error_hint(
            err,
            "run cupel in a group that has it: %s; as an ordinary user: %s, after giving user "
            "sessions the "
            "controller (Delegate=%s in a drop-in of user@.service)%s%s",
            explain_is_root() ? SCOPE : "sudo " SCOPE, USER_SCOPE, feature_words[f].v2_controller,
            boot != NULL ? "; or boot the kernel with " : "", boot != NULL ? boot : "");
    else
        cupel_error_hint(err,
                         "mount the controller (mount -t cgroup -o %s cgroup "
                         "/sys/fs/cgroup/%s)%s%s, or run in a container "
                         "that is given /sys/fs/cgroup",
                         feature_words[f].v1_controller, feature_words[f].v1_controller,
                         boot != NULL ? ", boot the kernel with " : "", boot != NULL ? boot : "");
}

static void hint_write(const struct lacking *l, struct cupel_error *err)
{
    if (l->errnum == EROFS)
        cupel_error_hint(err, "the cgroup tree is mounted read-only, as containers have it: start "
                              "the container with a writable "
                              "one (docker run --privileged --cgroupns=private, podman run "
                              "--security-opt unmask=/sys/fs/cgroup)");
    else if (l->version == 2)
        hint_place(l, err);
    else
        cupel_error_hint(err, "run cupel as root, or have root make a group for you and give it to "
                              "you (chown) in each "
                              "hierarchy of /proc/self/cgroup");
}

bool cgroup_lacks_delegation(const struct cgroup_host *host, enum cgroup_feature feature)
{
    const struct lacking *l = &host->lacking[feature];

    return l->version == 2 &&
           (l->what == LACK_WRITE || l->what == LACK_EMPTY || l->what == LACK_DOMAIN ||
            l->what == LACK_CONTROLLER || l->what == LACK_DELEGATION);
}

/* ---- each thing that can be lacking ---- */

/* What is missing, in words. */
struct missing {
    const struct lacking *l;
    enum cgroup_feature feature;
    const char *what, *controller, *path, *boot;
};

static void say_controller(const struct missing *m, struct cupel_error *err)
{
    cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0, "cannot %s: no cgroup hierarchy gives us the %s controller%s",
        m->what, m->controller,
        m->l->version == 2 ? " (cgroup.controllers of our own group does not list it)" : "");
    hint_controller(m->l, m->feature, err);
}

static void say_mount(const struct missing *m, struct cupel_error *err)
{
    cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                    "cannot %s: no mounted cgroup v%d file system shows our own group of the %s "
                    "controller%s%s",
                    m->what, m->l->version, m->controller,
                    m->path[0] != '\0' ? ", expected at " : "", m->path);
    cupel_error_hint(err, "mount it below /sys/fs/cgroup; for a container, start it with "
                          "/sys/fs/cgroup of its own cgroup namespace (docker run "
                          "--cgroupns=private)");
}

static void say_write(const struct missing *m, struct cupel_error *err)
{
    cupel_error_set(err, CUPEL_ERROR_HARNESS, m->l->errnum,
                    "cannot %s: %s (the %s controller's group) is not writable", m->what, m->path,
                    m->controller);
    hint_write(m->l, err);
}

static void say_empty(const struct missing *m, struct cupel_error *err)
{
    cleanup_close int dir = open(m->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *others = group_name_others(dir);
    bool named = others[0] != '\0';

    cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                    "cannot %s: other processes are in our cgroup %s%s%s%s, so that its children "
                    "cannot have the %s controller",
                    m->what, m->path, named ? " (" : "", others, named ? ")" : "", m->controller);
    hint_place(m->l, err);
}

static void say_domain(const struct missing *m, struct cupel_error *err)
{
    cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "cannot %s: our own cgroup is threaded (%s)",
                    m->what, m->path);
    hint_place(m->l, err);
}

static void say_v2(const struct missing *m, struct cupel_error *err)
{
    cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "cannot %s: that takes cgroup v2%s", m->what,
                    m->feature == CGROUP_IO_WRITE_LIMIT
                        ? " (v1 writes back what is in the page cache on nobody's account, past "
                          "every limit)"
                        : "");
    cupel_error_hint(err, "boot with systemd.unified_cgroup_hierarchy=1, or unmount the v1 "
                          "controllers and mount cgroup2 in their place");
}

static void say_program(const struct missing *m, struct cupel_error *err)
{
    cupel_error_set(err, CUPEL_ERROR_HARNESS, m->l->errnum,
                    "cannot %s: the kernel does not take our program", m->what);
    cupel_error_hint(err, "start cupel as root, outside of a container, on a kernel with "
                          "CONFIG_CGROUP_BPF; jobs run without it: it is a second wall");
}

static void say_delegation(const struct missing *m, struct cupel_error *err)
{
    cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                    "cannot %s: systemd did not delegate %s to us, and so stops it, and us, at the "
                    "first OOM kill in a job",
                    m->what, m->path);
    cupel_error_hint(
        err, "put Delegate=yes into the unit, or give cupel a group of its own: %s " NO_SCRIPT,
        explain_is_root() ? SCOPE : USER_SCOPE);
}

static void say_file(const struct missing *m, struct cupel_error *err)
{
    cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "cannot %s: this kernel's %s controller has no %s",
                    m->what, m->controller, m->path);
    if (m->boot != NULL)
        cupel_error_hint(err, "boot the kernel with %s%s", m->boot,
                         m->feature == CGROUP_SWAP_LIMIT ? ", or switch swap off (swapoff -a)"
                                                         : "");
}

static void (*const explanations[])(const struct missing *m, struct cupel_error *err) = {
    [LACK_CONTROLLER] = say_controller,
    [LACK_MOUNT] = say_mount,
    [LACK_WRITE] = say_write,
    [LACK_EMPTY] = say_empty,
    [LACK_DOMAIN] = say_domain,
    [LACK_V2] = say_v2,
    [LACK_PROGRAM] = say_program,
    [LACK_DELEGATION] = say_delegation,
    [LACK_FILE] = say_file,
};

int cgroup_explain_missing(const struct cgroup_host *host, enum cgroup_feature feature,
                           struct cupel_error *err)
{
    const struct lacking *l = &host->lacking[feature];
    const struct missing m = {
        .l = l,
        .feature = feature,
        .what = feature_words[feature].what,
        .controller = l->version == 2 ? feature_words[feature].v2_controller
                                      : feature_words[feature].v1_controller,
        .path = l->path != NULL ? l->path : "",
        .boot = feature_words[feature].boot,
    };

    if (l->what == LACK_NOTHING)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EINVAL, "nothing is missing to %s",
                               m.what);
    explanations[l->what](&m, err);
    return -EOPNOTSUPP;
}
