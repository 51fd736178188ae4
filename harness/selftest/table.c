/* table: every probe, declared once: what it tries, for which promises, which wall holds it, and with which walls taken away it must
 * report a breach. What it does is in tests/hostile/, what is judged from outside in outside.c. */
#include "harness/selftest/private.h"

#include <string.h>

const char *const promise_texts[PROMISES] = {
    "everything of a job dies with it",
    "a job ends when its process exits, not when its pipe closes",
    "CPU time of every descendant is billed",
    "all memory counts, and an OOM kill shows",
    "the process limit counts threads and zombies, and PID 1 reaps",
    "output, disk and inode limits hold",
    "every job has namespaces, ids and IPC of its own",
    "no descriptor above 2, and nothing inherited",
    "PID 1 is untouchable",
    "capabilities minimal, no_new_privs, nosuid, nodev",
    "the seccomp program holds, by every entry of the kernel",
    "/proc, /sys and devices change nothing, and masks stay",
    "no path that the job controls is followed",
    "nothing survives into the next job",
    "reports are well-formed, unforgeable and true",
};

#define SECCOMP "seccomp program"
#define CAPS "capabilities"
#define IN_USERNS "user namespace and capabilities"

#define E "escape"
#define K "kernel"
#define N "neighbours"
#define L "leftovers"
#define R "results"
#define V "environment"
#define Q "limits"

const char probe_user_keys[] = "user: \"1000:1000\"";
#define NOBODY .keys = probe_user_keys
#define BESIDE .lane = LANE_NEIGHBOUR
#define AFTER_OTHER .lane = LANE_SEQUENCE
#define PROBES "/bin/cupel-probes"
#define TWO_STEPS(first, second)                                                                                       \
    "[{name: plant, run: [" PROBES ", " first "]}, {name: find, run: [" PROBES ", " second "]}]"
#define WORK_ARTIFACTS .keys = "artifacts: [/work/**]"

/* clang-format off */
const struct probe probe_table[] = {
    /* ---- escape ---- */
    {.name = "chroot-classic", E, "13", "chroot, then up past the old root", "pivot_root", "pivot"},
    {.name = "cwd-outside", E, "13", "a working directory outside of the root", "chdir by descriptor, checked",
     "workdir"},
    {.name = "pivot-root", E, "11 12", "pivot_root", SECCOMP ", " CAPS ", Landlock", "seccomp,capabilities,landlock"},
    {.name = "open-by-handle", E, "11", "open a file by its inode number", SECCOMP " and " IN_USERNS,
     "seccomp,capabilities,user-namespace"},
    {.name = "mount-tmpfs", E, "11 12", "mount", SECCOMP ", " CAPS ", Landlock", "seccomp,capabilities,landlock"},
    {.name = "mount-by-fd", E, "11 12", "fsopen, open_tree, move_mount, mount_setattr", SECCOMP, "seccomp"},
    {.name = "mount-proc", E, "11 12", "mount a proc without masks", SECCOMP ", " CAPS ", Landlock",
     "seccomp,capabilities,landlock"},
    {.name = "mount-cgroup", E, "12", "mount a cgroup file system (release_agent)", SECCOMP ", " CAPS ", Landlock",
     "seccomp,capabilities,landlock"},
    {.name = "mount-over-dev", E, "12", "bind a directory over /dev", SECCOMP ", " CAPS ", Landlock",
     "seccomp,capabilities,landlock"},
    {.name = "unmask", E, "12", "umount what hides parts of /proc", SECCOMP ", " CAPS ", Landlock",
     "seccomp,capabilities,landlock"},
    {.name = "remount", E, "12", "remount /proc/sys writable", SECCOMP ", " CAPS ", Landlock",
     "seccomp,capabilities,landlock"},
    {.name = "setns-init", E, "7 9", "join the namespaces of PID 1", SECCOMP ", not dumpable",
     "seccomp,capabilities,dumpable,landlock"},
    {.name = "user-namespace", E, "11", "a user namespace by clone and unshare", SECCOMP, "seccomp"},
    {.name = "user-namespace-clone3", E, "11", "a user namespace by clone3", SECCOMP, "seccomp"},
    {.name = "other-namespaces", E, "11", "unshare every other namespace", SECCOMP " and " CAPS,
     "seccomp,capabilities,landlock"},
    {.name = "init-root", E, "9", "/proc/1/root and /proc/1/cwd", "PID 1 is not dumpable; Landlock",
     "seccomp,capabilities,dumpable,landlock"},
    {.name = "init-mem", E, "9", "/proc/1/mem", "PID 1 is not dumpable; Landlock",
     "seccomp,capabilities,dumpable,landlock"},
    {.name = "init-environ", E, "9", "/proc/1/environ", "PID 1 is not dumpable; Landlock",
     "seccomp,capabilities,dumpable,landlock"},
    {.name = "init-fds", E, "9", "/proc/1/fd and pidfd_getfd", "PID 1 is not dumpable; Landlock",
     "seccomp,capabilities,dumpable,landlock"},
    {.name = "init-exe", E, "9 13", "/proc/1/exe and /proc/1/map_files", "PID 1 is not dumpable; Landlock",
     "seccomp,capabilities,dumpable,landlock"},
    {.name = "init-cmdline", E, "9", "/proc/1/cmdline", "PID 1 overwrites its arguments", "session"},
    {.name = "init-ptrace", E, "9", "trace PID 1", "PID 1 is not dumpable; Landlock",
     "seccomp,capabilities,dumpable,landlock"},
    {.name = "init-vm", E, "9", "process_vm_readv of PID 1", "PID 1 is not dumpable; Landlock",
     "seccomp,capabilities,dumpable,landlock"},
    {.name = "init-limits", E, "9", "resource limits of PID 1", SECCOMP, "seccomp"},
    {.name = "init-signals", E, "1 9", "end, stop or fool PID 1 by signals",
     "PID 1 obeys outside senders only; Landlock", "init-signals,landlock"},
    {.name = "self-exe", E, "13", "#!/proc/self/exe as the first command", "cupel runs from a sealed copy",
     "sealed-exe", .keys = "rootfs: host", .command = "[/shared/script]", .judge = judge_self_exe},
    {.name = "leaked-descriptors", E, "8", "use a descriptor that was left open", "close_range", "close-fds"},

    /* ---- kernel surface ---- */
    {.name = "bpf", K, "11", "bpf", SECCOMP " and " IN_USERNS, "seccomp,capabilities,user-namespace"},
    {.name = "io-uring", K, "11", "io_uring_setup", SECCOMP, "seccomp"},
    {.name = "keyctl", K, "11", "keyctl", SECCOMP, "seccomp"},
    {.name = "add-key", K, "11", "add_key", SECCOMP, "seccomp"},
    {.name = "request-key", K, "11", "request_key", SECCOMP, "seccomp"},
    {.name = "userfaultfd", K, "11", "userfaultfd", SECCOMP, "seccomp"},
    {.name = "perf-event", K, "11", "perf_event_open", SECCOMP, "seccomp"},
    {.name = "kexec", K, "11", "kexec_load", SECCOMP " and " IN_USERNS, "seccomp,capabilities,user-namespace"},
    {.name = "modules", K, "11", "init_module, finit_module, delete_module", SECCOMP " and " IN_USERNS,
     "seccomp,capabilities,user-namespace"},
    {.name = "reboot", K, "11", "reboot", SECCOMP " and " CAPS, "seccomp,capabilities,landlock"},
    {.name = "clock-set", K, "11", "clock_settime", SECCOMP, "seccomp"},
    {.name = "clock-adjust", K, "11", "adjtimex", SECCOMP, "seccomp"},
    {.name = "set-time", K, "11", "settimeofday", SECCOMP, "seccomp"},
    {.name = "swap", K, "11", "swapon", SECCOMP, "seccomp"},
    {.name = "accounting", K, "11", "acct", SECCOMP " and " IN_USERNS, "seccomp,capabilities,user-namespace"},
    {.name = "quota", K, "11", "quotactl", SECCOMP, "seccomp"},
    {.name = "fanotify", K, "11", "fanotify_init", SECCOMP, "seccomp"},
    {.name = "kernel-log", K, "11", "syslog", SECCOMP " and " IN_USERNS, "seccomp,capabilities,user-namespace"},
    {.name = "io-ports", K, "11", "iopl and ioperm", SECCOMP, "seccomp"},
    {.name = "vsock", K, "11", "a vsock socket", SECCOMP, "seccomp"},
    {.name = "packet-socket", K, "11", "a packet socket", SECCOMP " and " CAPS, "seccomp,capabilities,landlock"},
    {.name = "raw-socket", K, "10", "a raw IP socket", CAPS, "seccomp,capabilities,landlock"},
    {.name = "audit-socket", K, "11", "a netlink audit socket", SECCOMP, "seccomp"},
    {.name = "crypto-socket", K, "11", "a socket of the kernel's crypto API", SECCOMP, "seccomp"},
    {.name = "i386-entry", K, "11", "keyctl by int 0x80", SECCOMP, "seccomp"},
    {.name = "x32-entry", K, "11", "keyctl by the x32 entry", SECCOMP, "seccomp"},
    {.name = "tiocsti", K, "11", "TIOCSTI", SECCOMP, "seccomp"},
    {.name = "tiocsti-high-bits", K, "11", "TIOCSTI with high bits set", SECCOMP, "seccomp"},
    {.name = "tioclinux", K, "11", "TIOCLINUX with high bits set", SECCOMP, "seccomp"},
    {.name = "sysrq", K, "12", "open /proc/sysrq-trigger for writing", "read-only mount and ids", "proc-masks,id-map"},
    {.name = "kmsg", K, "12", "open /dev/kmsg and /proc/kmsg", "own /dev, " IN_USERNS, "capabilities,user-namespace"},
    {.name = "proc-sys", K, "12", "open files of /proc/sys for writing", "read-only mount", "proc-masks"},
    {.name = "proc-irq", K, "12", "open files of /proc/irq for writing", "read-only mount and ids",
     "proc-masks,id-map"},
    {.name = "proc-hidden", K, "12", "read what /proc tells of the machine", "masks", "proc-masks"},
    {.name = "sys-write", K, "12", "open files of /sys for writing", "read-only mount and ids",
     "sys-read-only,id-map"},
    {.name = "cgroup-files", K, "12", "write to files of cgroups", "no cgroup file system, ids",
     "no-cgroup-mount,user-namespace"},
    {.name = "device-nodes", K, "12", "find device nodes beyond the documented", "own /dev", "device-nodes"},
    {.name = "mknod-device", K, "12", "make device nodes", IN_USERNS ", rules for devices",
     "capabilities,user-namespace,device-rules"},
    {.name = "immutable", K, "13 14", "make a file immutable", IN_USERNS, "capabilities,user-namespace"},

    /* ---- other jobs ---- */
    {.name = "proc-snooping", N, "7", "find other processes in /proc", "own proc instance", "proc-instance", BESIDE},
    {.name = "signals", N, "7", "name other processes by kill", "PID namespace", "own-job", BESIDE},
    {.name = "ptrace-others", N, "7", "trace other processes", "PID namespace", "own-job", BESIDE},
    {.name = "sysv-shm", N, "7", "another job's System V segment", "IPC namespace", "ipc-namespace,user-namespace",
     BESIDE},
    {.name = "sysv-sem", N, "7", "another job's System V semaphore", "IPC namespace", "ipc-namespace,user-namespace",
     BESIDE},
    {.name = "sysv-msg", N, "7", "another job's System V queue", "IPC namespace", "ipc-namespace,user-namespace",
     BESIDE},
    {.name = "posix-shm", N, "7", "another job's file in /dev/shm", "own /dev/shm", "shm", BESIDE},
    {.name = "posix-mqueue", N, "7", "another job's message queue", "IPC namespace", "ipc-namespace,user-namespace",
     BESIDE},
    {.name = "session-keyring", N, "7 14", "a key of whoever started cupel", SECCOMP ", own session keyring",
     "seccomp,keyring"},
    {.name = "abstract-socket", N, "7", "another job's abstract socket", "network namespace, Landlock",
     "network,landlock", BESIDE},
    {.name = "host-loopback", N, "7", "a service on the host's loopback", "network namespace", "network"},
    {.name = "interfaces", N, "7", "the host's network interfaces", "network namespace", "network"},
    {.name = "file-lock", N, "7 14", "another job's lock on a shared file", "inputs are views", "input-views", BESIDE},
    {.name = "shared-fifo", N, "7 14", "another job through a FIFO of a shared input", "inputs are views",
     "input-views", BESIDE},
    {.name = "shared-write", N, "7 14", "write to a read-only input", "read-only mount, inputs are views",
     "read-only,input-views", BESIDE},
    {.name = "own-ids", N, "7", "have the same ids as another job", "a range of ids for each slot", "id-map", BESIDE,
     .judge = judge_ids},
    {.name = "cache-timing", N, "7", "learn what others read from the page cache", "none: one kernel, one cache",
     "nothing", BESIDE},

    /* ---- leftovers ---- */
    {.name = "step-stdin", L, "13", "a file in the place of /dev/null, for the next step to read",
     "descriptors are made at set-up", "step-stdin", .command = TWO_STEPS("plant-null-file", "step-stdin")},
    {.name = "daemon-left", L, "1 14", "a daemon", "PID namespace", "sandbox", .judge = judge_processes},
    {.name = "deaf-left", L, "1 14", "a daemon that ignores every signal", "PID namespace", "sandbox",
     .judge = judge_processes},
    {.name = "stopped-left", L, "1 14", "a stopped process", "PID namespace", "sandbox", .judge = judge_processes},
    {.name = "traced-left", L, "1 14", "a traced and stopped process", "PID namespace", "sandbox",
     .judge = judge_processes},
    {.name = "hopper-left", L, "1 14", "a process that always changes its pid", "PID namespace", "sandbox",
     .judge = judge_processes},
    {.name = "pipe-holder", L, "1 2", "a process that keeps the output open", "the job ends with its command",
     "sandbox", .judge = judge_pipe},
    {.name = "zombies", L, "5", "orphans that nobody waits for", "PID 1 reaps", "reap"},
    {.name = "files-left", L, "14", "files everywhere", "an upper layer for each job", "fresh-job",
     .plant = "plant-files", AFTER_OTHER},
    {.name = "ipc-left", L, "14", "System V and POSIX objects", "IPC namespace", "fresh-job", .plant = "plant-ipc",
     AFTER_OTHER},
    {.name = "deep-tree", L, "13 14", "2,000 levels of directories", "removal by descriptor", "fresh-job",
     .plant = "plant-deep", AFTER_OTHER},
    {.name = "closed-tree", L, "13 14", "directories that nobody may enter", "removal as root", "fresh-job",
     .plant = "plant-closed", AFTER_OTHER},
    {.name = "bad-names-left", L, "13 14", "names with newlines and bytes that are no text", "removal by descriptor",
     "fresh-job", .plant = "plant-names", AFTER_OTHER},
    {.name = "run-left", L, "14", "leave anything of the run itself", "tear-down", "cleanup", .judge = judge_cleanup,
     .lane = LANE_AFTER},

    /* ---- results ---- */
    {.name = "artifact-symlink", R, "13", "a symbolic link in an artifact's place", "opened beneath, no links",
     "artifact-links", WORK_ARTIFACTS, .judge = judge_secret},
    {.name = "artifact-parent-symlink", R, "13", "a symbolic link as an artifact's directory",
     "opened beneath, no links", "artifact-links", .keys = "artifacts: [/work/dir/*]", .judge = judge_secret},
    {.name = "artifact-fifo", R, "13", "a FIFO in an artifact's place", "regular files only", "artifact-links",
     WORK_ARTIFACTS, .judge = judge_no_artifact},
    {.name = "artifact-device", R, "13", "a device in an artifact's place", "regular files only", "artifact-links",
     .keys = "artifacts: [/dev/zero]", .judge = judge_no_artifact},
    {.name = "artifact-kernel-file", R, "13", "a file of /proc in an artifact's place", "no files of the kernel",
     "artifact-links", .keys = "artifacts: [/proc/version]", .judge = judge_no_artifact},
    {.name = "artifact-hard-link", R, "6 13", "thirty-two names of one file in an artifact's place",
     "the copy has the names", "artifact-copies", WORK_ARTIFACTS, .judge = judge_hard_link},
    {.name = "artifact-sparse", R, "6 13", "a huge sparse file in an artifact's place", "holes stay holes",
     "artifact-holes", WORK_ARTIFACTS, .judge = judge_sparse},
    {.name = "artifact-names", R, "15", "artifacts whose names are no text", "escaping", "escape-reports",
     WORK_ARTIFACTS, .judge = judge_names},
    {.name = "artifact-long-names", R, "6", "artifacts whose names are megabytes", "what is listed has a bound",
     "artifact-list", WORK_ARTIFACTS, .judge = judge_long_names},
    {.name = "forged-verdict", R, "15", "print what looks like a verdict", "verdicts go out of band",
     "verdict-channel", .judge = judge_forged},
    {.name = "exit-137", R, "15", "exit with 137", "raw wait statuses", "raw-status", .judge = judge_exit},
    {.name = "exit-124", R, "15", "exit with 124", "raw wait statuses", "raw-status", .judge = judge_exit},
    {.name = "breaks-xml", R, "15", "output that breaks XML", "escaping", "escape-reports", .judge = judge_xml},
    {.name = "breaks-json", R, "15", "output, file names and a left process that break JSON lines", "escaping",
     "escape-json", WORK_ARTIFACTS, .judge = judge_json},
    {.name = "breaks-terminal", R, "15", "output that moves a terminal's cursor", "escaping", "escape-reports",
     .judge = judge_terminal},

    /* ---- environment ---- */
    {.name = "capabilities-root", V, "10", "have capabilities, as root", CAPS, "capabilities"},
    {.name = "capabilities-user", V, "10", "have capabilities, as a user", CAPS, "capabilities", NOBODY},
    {.name = "securebits", V, "10", "get capabilities by exec as root", "securebits", "capabilities", NOBODY},
    {.name = "no-new-privs", V, "10", "be without no_new_privs", "no_new_privs", "no-new-privs,capabilities,seccomp"},
    {.name = "seccomp-filter", V, "11", "be without a filter", SECCOMP, "seccomp"},
    {.name = "setuid-gain", V, "10", "gain rights by a set-uid program", "nosuid and no_new_privs",
     "nosuid,no-new-privs,seccomp"},
    {.name = "mount-options", V, "10", "a mount without nosuid or nodev", "mount options", "nosuid"},
    {.name = "mount-sources", V, "7", "learn paths of the host from mounts", "the stage, inputs are views",
     "input-views"},
    {.name = "namespaces", V, "7", "be in a namespace of the host", "eight new namespaces",
     "ipc-namespace,user-namespace"},
    {.name = "cgroup-path", V, "7", "learn the host's cgroups", "cgroup namespace", "cgroup-namespace"},
    {.name = "streams", V, "8", "inherit a terminal or file as standard stream", "own pipes",
     "streams"},
    {.name = "umask", V, "8", "inherit a umask", "PID 1 resets it", "session"},
    {.name = "signal-state", V, "8", "inherit ignored and blocked signals", "PID 1 resets them", "session"},
    {.name = "nice", V, "8", "inherit a nice value", "slot and PID 1 reset it", "session", .judge = judge_nice},
    {.name = "oom-score", V, "8", "inherit an OOM score", "the slot resets it", "session"},
    {.name = "personality", V, "8", "inherit a personality", "PID 1 resets it", "session"},
    {.name = "resource-limits", V, "8", "inherit resource limits", "each command sets its own", "resource-limits",
     .judge = judge_resource_limits},
    {.name = "environment", V, "8", "inherit environment variables", "an environment of its own", "environment"},
    {.name = "session", V, "7 8", "be in the caller's session, or have a terminal", "setsid", "session"},

    /* ---- limits ---- */
    {.name = "processes", Q, "5", "120 processes where 24 are allowed", "pids controller", "limits",
     .limits = "pids: 24"},
    {.name = "threads", Q, "5", "120 threads where 24 are allowed", "pids controller", "limits", .limits = "pids: 24"},
    {.name = "dead-processes", Q, "5", "120 zombies where 24 are allowed", "pids controller", "limits",
     .limits = "pids: 24"},
    {.name = "memory-anonymous", Q, "4", "96 MiB of memory where 16 are allowed", "memory controller", "limits",
     .limits = "memory: 16M", .verdict = "memory-limit"},
    {.name = "memory-tmpfs", Q, "4", "96 MiB in /dev/shm", "memory controller", "limits", .limits = "memory: 16M",
     .verdict = "memory-limit"},
    {.name = "memory-memfd", Q, "4", "96 MiB in a memory file", "memory controller", "limits", .limits = "memory: 16M",
     .verdict = "memory-limit"},
    {.name = "memory-sysv", Q, "4", "96 MiB in a System V segment", "memory controller", "limits",
     .limits = "memory: 16M", .verdict = "memory-limit"},
    {.name = "memory-pipes", Q, "4", "24 MiB in pipes", "memory controller", "limits", .limits = "memory: 8M",
     .verdict = "memory-limit"},
    {.name = "memory-sockets", Q, "4", "24 MiB in socket buffers", "memory controller", "limits", .limits = "memory: 8M",
     .verdict = "memory-limit"},
    {.name = "memory-child", Q, "4", "hide a child's OOM kill", "memory controller's events", "limits",
     .limits = "memory: 16M", .verdict = "memory-limit"},
    {.name = "disk", Q, "6", "48 MiB of disk where 8 are allowed", "the job's own disk", "limits",
     .limits = "disk: 8M"},
    {.name = "inodes", Q, "6", "4,000 files where 500 are allowed", "the job's own disk", "limits",
     .limits = "inodes: 500"},
    {.name = "output", Q, "6", "2 MiB of output where 256 KiB are allowed", "the slot counts", "limits",
     .limits = "output: 256K", .verdict = "output-limit"},
    {.name = "cpu-orphan", Q, "3", "burn CPU in a grandchild that nobody waits for", "CPU accounting by cgroup",
     "limits", .limits = "cpu-time: 200ms", .verdict = "cpu-limit"},
    {.name = "wall-deaf", Q, "1", "outlive the wall limit, deaf to SIGTERM", "SIGKILL after the grace time", "limits",
     .limits = "wall: 300ms", .keys = "timeout-grace: 50ms", .verdict = "timeout"},
    {.name = "wall-busy", Q, "1", "delay the wall limit by output that never stops", "deadlines are looked at first",
     "late-deadlines", .limits = "wall: 300ms", .keys = "timeout-grace: 50ms", .judge = judge_late},
    {.name = "wall-between-steps", Q, "1", "hold up the set-up of the next step, where no command runs",
     "deadlines hold between steps; descriptors are made at set-up", "step-stdin,step-gaps", .limits = "wall: 1s",
     .keys = "timeout-grace: 50ms", .command = TWO_STEPS("plant-null-fifo", "wall-between-steps"),
     .judge = judge_late},
};
/* clang-format on */
const size_t probe_count = ARRAY_SIZE(probe_table);

const char *const outcome_names[OUTCOME_COUNT] = {
    [OUTCOME_HELD] = "held",       [OUTCOME_BREACH] = "BREACH",     [OUTCOME_UNTESTED] = "not tested",
    [OUTCOME_OPEN] = "known open", [OUTCOME_FAILED] = "not judged",
};

bool probe_keeps(const struct probe *p, unsigned promise)
{
    const char *text = p->promises;

    for (char *end; *text != '\0'; text = end + (*end == ' '))
        if (strtoul(text, &end, 10) == promise)
            return true;
    return false;
}
