/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_table: every capability that cupel uses, declared once: what it is called, what depends on
 * it, how to get it, and the probe that tries it. To tell of one more: a row here and a probe. The
 * text of docs/doctor.md is checked against it.
 *
 * In brackets: what this version does not do yet. */
#include "harness/doctor/doctor_private.h"

#include <sched.h>

#define NEWER_KERNEL "boot Linux 5.19 or later"
#define IN_CONTAINER "; in a container, start it with a seccomp profile that allows the call"
#define USER_NAMESPACES                                                                            \
    "boot a kernel with CONFIG_USER_NS, and raise user.max_user_namespaces if that is 0"
#define ON_DISK "set CUPEL_CACHE to a directory on ext4, xfs or btrfs"

#define NAMESPACE(word, flag, sysctl)                                                              \
    {                                                                                              \
        "namespace-" word, word " namespace", "every job", USER_NAMESPACES, REQUIRED,              \
            probe_namespace, flag, sysctl                                                          \
    }
#define GROUP(id, name, needed_by, feature)                                                        \
    {                                                                                              \
        id, name, needed_by, "see docs/cgroups.md", OPTIONAL, probe_group_feature, feature, NULL   \
    }
#define TIMING(id, name, remedy, which)                                                            \
    {                                                                                              \
        id, name, "times that can be compared", remedy, OPTIONAL, probe_timing, which, NULL        \
    }
#define PROGRAM(name, needed_by, package, probe)                                                   \
    {                                                                                              \
        name, name, needed_by, "install the package " package, OPTIONAL, probe, 0, name            \
    }

const struct doctor_probe doctor_table[] = {
    {"kernel", "kernel version", "for information", NEWER_KERNEL, OPTIONAL, probe_kernel, 0, NULL},
    {"root", "rights of root, or of a root of one's own", "cupel run",
     "start cupel with sudo; jobs have no right on the host", REQUIRED, probe_root, 0, NULL},
    {"hard-rlimits", "raising hard rlimits", "limits: open-files, processes, core, stack",
     "start cupel with CAP_SYS_RESOURCE (as root, outside of a container)", OPTIONAL,
     probe_hard_rlimits, 0, NULL},

    NAMESPACE("user", CLONE_NEWUSER, "user"),
    NAMESPACE("mount", CLONE_NEWNS, "mnt"),
    NAMESPACE("pid", CLONE_NEWPID, "pid"),
    NAMESPACE("network", CLONE_NEWNET, "net"),
    NAMESPACE("ipc", CLONE_NEWIPC, "ipc"),
    NAMESPACE("uts", CLONE_NEWUTS, "uts"),
    NAMESPACE("cgroup", CLONE_NEWCGROUP, "cgroup"),
    NAMESPACE("time", CLONE_NEWTIME, "time"),
    {"clone3", "clone3 with all of them", "every job", NEWER_KERNEL IN_CONTAINER, REQUIRED,
     probe_all_namespaces, 0, "user"},
    {"time-offset", "clocks of a job's own", "namespaces: time-offset",
     "boot a kernel with CONFIG_TIME_NS", OPTIONAL, probe_time_offset, 0, NULL},
    {"id-range", "user namespace of 65,536 ids of the host", "every job of root's",
     "start cupel as root, where the ids from 1879048192 are mapped (not in a nested user "
     "namespace)",
     REQUIRED_OF_ROOT, probe_id_range, 0, NULL},
    {"id-claims", "claims of id ranges", "every job of root's", "make /run writable",
     REQUIRED_OF_ROOT, probe_id_claims, 0, NULL},
    {"unprivileged-namespaces", "user namespaces without root", "running without root",
     USER_NAMESPACES, OPTIONAL, probe_unprivileged_namespaces, 0, NULL},

    {"mount-api", "mounts by descriptor", "every job", NEWER_KERNEL IN_CONTAINER, REQUIRED,
     probe_mount_api, 0, NULL},
    {"overlay", "overlay in a user namespace", "all roots", "modprobe overlay; " NEWER_KERNEL,
     REQUIRED, probe_overlay, 0, NULL},
    {"store", "store", "all roots, and the state of runs",
     "set CUPEL_CACHE to a directory that you can write to", REQUIRED, probe_store, 0, NULL},
    {"store-space", "free space of the store", "all roots; limits: disk",
     "free space, `cupel rootfs remove` what you do not need, or set CUPEL_CACHE to a bigger disk",
     REQUIRED, probe_store_space, 0, NULL},
    {"store-attributes", "attributes and O_TMPFILE of the store", "all roots; limits: disk, inodes",
     ON_DISK, REQUIRED, probe_store_attributes, 0, NULL},
    {"idmap-store", "id-mapped mounts of the store", "all roots of root's",
     ON_DISK "; " NEWER_KERNEL, REQUIRED_OF_ROOT, probe_idmap_store, 0, NULL},
    {"idmap-overlay", "overlay over id-mapped layers", "all roots of root's", NEWER_KERNEL,
     REQUIRED_OF_ROOT, probe_idmap_overlay, 0, NULL},
    {"idmap-root", "id-mapped mounts of /", "rootfs: host (the default), of root's",
     "give the jobs another root: debian, tar; or use a file system that can be mapped (ext4, xfs, "
     "btrfs) for /",
     OPTIONAL_OF_ROOT, probe_idmap_root, 0, NULL},
    {"loop", "loop devices", "limits: disk, inodes (every job of root's)",
     "modprobe loop; in a container, give it /dev/loop-control and the loop devices",
     REQUIRED_OF_ROOT, probe_loop, 0, NULL},
    {"mke2fs", "mke2fs", "limits: disk, inodes (every job of root's)",
     "install the package e2fsprogs", REQUIRED_OF_ROOT, probe_mke2fs, 0, NULL},
    {"job-disk", "ext4 on a loop device", "limits: disk, inodes (every job of root's)",
     "modprobe ext4; get what the rows above miss", REQUIRED_OF_ROOT, probe_job_disk, 0, NULL},

    {"own-proc", "/proc of a job's own", "every job of a user's",
     "start cupel outside of the container", REQUIRED_OF_USER, probe_own_proc, 0, NULL},
    {"lent-devices", "devices to lend to jobs", "every job of a user's",
     "have a /dev with these devices", REQUIRED_OF_USER, probe_lent_devices, 0, NULL},
    {"store-layers", "upper layers in the store",
     "every job of a user's without limits: disk, inodes",
     ON_DISK ", for jobs that write more than fits into memory", OPTIONAL_OF_USER,
     probe_store_layers, 0, NULL},
    {"memory-disk", "disks in memory", "limits: disk, inodes, of a user's",
     "boot Linux 6.6 or later, or start cupel as root", OPTIONAL_OF_USER, probe_memory_disk, 0,
     NULL},

    {"close-range", "close_range", "every job", NEWER_KERNEL IN_CONTAINER, REQUIRED,
     probe_close_range, 0, NULL},
    {"openat2", "openat2", "every job; artifacts", NEWER_KERNEL IN_CONTAINER, REQUIRED,
     probe_openat2, 0, NULL},
    {"pidfd", "pidfd", "every job", NEWER_KERNEL IN_CONTAINER, REQUIRED, probe_pidfd, 0, NULL},
    {"seccomp", "seccomp filters", "every job", "boot a kernel with CONFIG_SECCOMP_FILTER",
     REQUIRED, probe_seccomp, 0, NULL},
    {"seccomp-i386", "i386 system calls", "jobs that run 32-bit programs",
     "boot an x86-64 kernel with CONFIG_IA32_EMULATION", OPTIONAL, probe_i386, 0, NULL},
    {"seccomp-x32", "x32 system calls", "for information: jobs cannot make such calls",
     "nothing is to be done: jobs cannot make such calls anyway", OPTIONAL, probe_x32, 0, NULL},
    {"session-keyring", "session keyrings", "every job",
     "boot a kernel with CONFIG_KEYS, or do without" IN_CONTAINER, REQUIRED, probe_session_keyring,
     0, NULL},
    {"landlock", "Landlock", "every job: a second wall",
     "boot Linux 6.12 or later, a kernel with CONFIG_SECURITY_LANDLOCK and lsm=landlock", OPTIONAL,
     probe_landlock, 0, NULL},

    {"cgroups", "control groups", "limits: cpu, memory, pids and others; usage",
     "see docs/cgroups.md", OPTIONAL, probe_groups, 0, NULL},
    GROUP("cpu-limit", "limit of CPU", "limits: cpu", CGROUP_CPU_QUOTA),
    GROUP("cpu-usage", "count of CPU time", "limits: cpu-time; usage", CGROUP_CPU_USAGE),
    GROUP("memory-limit", "limit of memory", "limits: memory; usage", CGROUP_MEMORY_LIMIT),
    GROUP("swap-limit", "limit of swap", "limits: memory, swap", CGROUP_SWAP_LIMIT),
    {"swap-accounting", "count of swap", "limits: memory, swap",
     "boot the kernel with swapaccount=1 (v1), or use cgroup v2", OPTIONAL, probe_swap_accounting,
     0, NULL},
    GROUP("pids-limit", "limit of processes", "limits: pids; usage", CGROUP_PIDS_LIMIT),
    GROUP("cpuset", "choice of CPUs", "limits: cpuset", CGROUP_CPUSET),
    GROUP("io-usage", "count of I/O", "usage", CGROUP_IO_USAGE),
    GROUP("io-read-limit", "limit of reads", "limits: io read-bps, read-iops", CGROUP_IO_LIMIT),
    GROUP("io-write-limit", "limit of writes", "limits: io write-bps, write-iops",
          CGROUP_IO_WRITE_LIMIT),
    {"delegation", "delegation of cgroup v2", "running without root",
     "start cupel in a group of its own, systemd-run --user --scope -p Delegate=yes, on a host "
     "that boots with "
     "systemd.unified_cgroup_hierarchy=1",
     OPTIONAL, probe_delegation, 0, NULL},
    {"pressure", "pressure of the machine",
     "a mark on time verdicts close to their limit, and usage: machine pressure",
     "boot a kernel with CONFIG_PSI and psi=1", OPTIONAL, probe_pressure, 0, NULL},
    GROUP("devices", "devices of jobs", "every job: a second wall", CGROUP_DEVICES),
    GROUP("group-pressure", "pressure of a job", "usage: pressure", CGROUP_PRESSURE),

    TIMING("governor", "CPU frequency governor", "cpupower frequency-set -g performance",
           TIMING_GOVERNOR),
    TIMING("boost", "CPU boost", "switch it off in the firmware", TIMING_BOOST),
    TIMING(
        "smt", "SMT",
        "cupel run --pin, or `cpuset: exclusive`; or echo off >/sys/devices/system/cpu/smt/control",
        TIMING_SMT),
    TIMING("aslr", "address space randomisation",
           "run programs several times; switch it off (sysctl kernel.randomize_va_space=0) only on "
           "a machine that nobody attacks",
           TIMING_ASLR),
    TIMING("huge-pages", "transparent huge pages",
           "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled", TIMING_PAGES),
    TIMING("swap", "swap", "swapoff -a, where there is memory enough", TIMING_SWAP),
    TIMING("equal-cores", "cores as fast as each other", "name those of one kind by `cpuset`",
           TIMING_CORES),
    TIMING("partition", "CPUs that other programs are kept off",
           "as root, start cupel in a group that is an isolated partition (docs/job-file.md, "
           "`cpuset`)",
           TIMING_PARTITION),
    TIMING("steal", "CPU time that the hypervisor takes",
           "use a machine whose processors are its own", TIMING_STEAL),
    {"instructions", "count of instructions", "limits: instructions",
     "use a machine, or a virtual one, that has hardware counters; for who is not root, the sysctl "
     "kernel.perf_event_paranoid has to be 0",
     OPTIONAL, probe_instructions, 0, NULL},

    PROGRAM("mmdebstrap", "rootfs: debian", "mmdebstrap", probe_program),
    PROGRAM("skopeo", "rootfs: image", "skopeo", probe_program),
    PROGRAM("newuidmap", "running without root", "uidmap", probe_id_helper),
    PROGRAM("newgidmap", "running without root", "uidmap", probe_id_helper),
    PROGRAM("pasta", "network: nat", "passt", probe_program),
    {"tun", "tun device", "network: nat",
     "modprobe tun; in a container, give it the device (--device /dev/net/tun)", OPTIONAL,
     probe_tun, 0, NULL},
    {"bridge", "bridge and veth", "network: {bridge: NAME}",
     "modprobe bridge veth; or boot a kernel that has them", OPTIONAL, probe_bridge, 0, NULL},
    PROGRAM("diffoscope", "(comparing artifacts)", "diffoscope-minimal", probe_program),
    PROGRAM("systemd-run", "a group of cupel's own on cgroup v2", "systemd", probe_program),
};

const size_t doctor_table_count = ARRAY_SIZE(doctor_table);
