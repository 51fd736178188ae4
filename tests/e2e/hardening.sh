#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The walls around a job, tried from inside: the system call filter with its profiles, PID 1, masks, devices, sockets.
# sanitizers: no
# time-limit: 300
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# The probes are compiled here: they are short, and each belongs to the expectations beside it.
if ! command -v gcc >/dev/null; then
    it "walls around a job"
    skip_it "no gcc on this machine to compile the probes with"
    all_done
    exit 0
fi

# ---- seccomp: strict runs what programs of the common languages are ------------------------------------------------------

if [[ -z ${CUPEL_TEST_USER-} ]]; then # the filter is the same for everyone: once is enough
    # shellcheck source=tests/e2e/languages.bash
    . "$e2e/languages.bash"
fi

# ---- seccomp: what each profile refuses ----------------------------------------------------------------------------------

cat >probe.c <<'C'
#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
static void say(const char *name, long r) { printf("%s %s\n", name, r < 0 ? strerrorname_np(errno) : "ok"); }
int main(void)
{
    say("ptrace", ptrace(PTRACE_TRACEME, 0, 0, 0));
    say("vm_readv", process_vm_readv(getpid(), NULL, 0, NULL, 0, 0));
    say("kcmp", syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILES, 0, 0));
    say("unshare", syscall(SYS_unshare, 0x10000000));
    say("socket", socket(AF_INET, SOCK_DGRAM, 0));
    say("vsock", socket(40, SOCK_STREAM, 0));
    say("getppid", syscall(SYS_getppid));
    say("newest", syscall(470));
    return 0;
}
C
gcc -D_GNU_SOURCE -static -o probe probe.c
cat >profile.json <<'JSON'
{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 18},
 {"names": ["unshare"], "action": "SCMP_ACT_ALLOW"}]}
JSON
job_file seccomp.yaml <<'YAML'
cupel: 1
defaults: {inputs: [{from: probe, to: /work/probe, mode: ro}], run: [/work/probe], limits: {wall: 20s}}
jobs:
  default: {}
  strict: {seccomp: strict}
  map: {seccomp: {profile: strict}}
  allow: {seccomp: {allow: kcmp}}
  strict-allow: {seccomp: {profile: strict, allow: [process_vm_readv, kcmp]}}
  file: {seccomp: profile.json}
  deny: {seccomp: {deny: [ptrace, socket, getppid]}}
  start-denied: {seccomp: {deny: [openat, prctl, rseq, close_range, capset, setresuid]}}
YAML
echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chroot"], "action": "SCMP_ACT_KILL_PROCESS"}]}' >kills.json
job_file kills.yaml <<'YAML'
cupel: 1
defaults: {seccomp: kills.json}
jobs:
  itself: {run: [chroot, /, /bin/true]}
  child: {run: "chroot / /bin/true"}
  sent: {run: "kill -SYS $$"}
YAML
cupel_run kills.yaml
it "seccomp: who is killed is told for which call, where the kernel's log says so"
expect_verdict itself signaled
expect_verdict child failed
expect_evidence sent '^killed by signal 31 \(SIGSYS\)$'
if [[ -z ${CUPEL_TEST_USER-} ]] && dmesg 2>/dev/null | grep -q 'type=1326 .* comm="chroot" .* sig=31 '; then
    expect_evidence itself '^killed by signal 31 \(SIGSYS\) for the system call chroot$'
    expect_evidence child '^exit code 159, expected 0; seccomp ended a process of the job for the system call chroot$'
else
    skip_it "the kernel's log does not say whom seccomp ended"
fi

cupel_run seccomp.yaml
it "seccomp: default, strict, a file, allow and deny refuse what they say"
expect_exit 0
expect_clean
said() {
    log "$1" | sed 's/.* //' | paste -sd' '
}
#                               ptrace vm_readv kcmp unshare socket vsock getppid newest
expect_equal "$(said default)" "ok ok EPERM EPERM ok EAFNOSUPPORT ok ENOSYS"
expect_equal "$(said strict)" "ok ENOSYS EPERM EPERM ok EAFNOSUPPORT ok ENOSYS"
expect_equal "$(said map)" "$(said strict)"
expect_equal "$(said file)" "ok ok EPERM EPERM ok EAFNOSUPPORT EXDEV ENOSYS"
expect_equal "$(said allow)" "ok ok ok EPERM ok EAFNOSUPPORT ok ENOSYS"
expect_equal "$(said strict-allow)" "ok ok ok EPERM ok EAFNOSUPPORT ok ENOSYS"
expect_equal "$(said deny)" "EPERM ok EPERM EPERM EPERM EPERM EPERM ENOSYS"

it "a call that a job file may not have back is refused before anything runs"
job_file refused.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: [/bin/true], seccomp: {allow: [bpf]}}
YAML
cupel_run refused.yaml
expect_exit 2
expect_stderr "refused.yaml:3:43: 'allow' cannot name 'bpf'"

# ---- PID 1, and what else is out of reach ---------------------------------------------------------------------------------

cat >walls.c <<'C'
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>
static void refused(const char *name, long r)
{
    printf("%s %s %s\n", r >= 0 ? "BREACH" : "contained", name, r >= 0 ? "" : strerrorname_np(errno));
}
static void unreadable(const char *path)
{
    char buf[16];
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    refused(path, fd < 0 || read(fd, buf, sizeof(buf)) <= 0 ? -1 : 0); /* what is masked is empty */
}
static void unwritable(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    refused(path, fd < 0 ? fd : write(fd, text, strlen(text)));
}
int main(void)
{
    static const char *const secret[] = {"mem", "environ", "maps", "exe", "auxv", "stack", "syscall", "pagemap", "smaps",
                                         "numa_maps", "io", "personality", "ns/mnt", "fd/0", "cwd/etc/passwd",
                                         "root/etc/passwd", "task/1/mem", "clear_refs"};
    static const char *const tuned[] = {"oom_score_adj", "comm", "coredump_filter", "autogroup", "uid_map", "setgroups",
                                        "timerslack_ns", "attr/current", "loginuid"};
    struct rlimit one = {1, 1};
    struct sched_param idle = {0};
    cpu_set_t cpus;
    char path[64], buf[8];
    struct iovec here = {buf, 8}, there = {(void *)0x400000, 8};

    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++) {
        snprintf(path, sizeof(path), "/proc/1/%s", secret[i]);
        unreadable(path);
    }
    for (size_t i = 0; i < sizeof(tuned) / sizeof(*tuned); i++) {
        snprintf(path, sizeof(path), "/proc/1/%s", tuned[i]);
        unwritable(path, "1");
    }
    refused("ptrace of PID 1", ptrace(PTRACE_SEIZE, 1, 0, 0));
    refused("process_vm_readv of PID 1", process_vm_readv(1, &here, 1, &there, 1, 0));
    refused("process_vm_writev of PID 1", process_vm_writev(1, &here, 1, &there, 1, 0));
    refused("prlimit of PID 1", prlimit(1, RLIMIT_CPU, &one, NULL));
    refused("affinity of PID 1", sched_setaffinity(1, sizeof(cpus), &cpus));
    refused("scheduling of PID 1", sched_setscheduler(1, SCHED_IDLE, &idle));
    refused("priority of PID 1", setpriority(PRIO_PROCESS, 1, 19));
    refused("I/O priority of PID 1", syscall(SYS_ioprio_set, 1, 1, 3 << 13 | 7));
    refused("session keyring", syscall(SYS_keyctl, 0, -3, 0));
    unreadable("/proc/keys");
    unreadable("/proc/kcore");
    unreadable("/proc/timer_list");
    unreadable("/proc/kmsg");
    unreadable("/dev/tty");
    unreadable("/dev/mem");
    refused("write to /proc/sys", open("/proc/sys/kernel/core_pattern", O_WRONLY));
    refused("write to sysrq", open("/proc/sysrq-trigger", O_WRONLY));
    refused("write to /proc/irq", open("/proc/irq/default_smp_affinity", O_WRONLY));
    refused("write to /sys", mkdir("/sys/kernel/x", 0755));
    refused("unmount of a mask", umount2("/proc/kcore", MNT_DETACH));
    refused("unmount of /proc", umount2("/proc", MNT_DETACH));
    refused("remount of /proc/sys", mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL));
    refused("move of /proc/sys", mount("/proc/sys", "/tmp", NULL, MS_MOVE, NULL));
    refused("bind over /proc", mount("/tmp", "/proc", NULL, MS_BIND, NULL));
    refused("a device node", mknod("/tmp/null", S_IFCHR | 0666, makedev(1, 3)));
    refused("a block device node", mknod("/tmp/loop", S_IFBLK | 0666, makedev(7, 0)));
    if (kill(1, SIGKILL) < 0 || usleep(10000) == 0)
        puts("contained kill of PID 1");
    return 0;
}
C
gcc -D_GNU_SOURCE -static -o walls walls.c
# Tries to reach an abstract socket: the name as its only argument; "serve" first makes it the other end.
cat >abstract.c <<'C'
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t n = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[1]);
    strcpy(a.sun_path + 1, argv[1]);
    if (argc > 2) {
        if (bind(s, (void *)&a, n) < 0 || listen(s, 8) < 0) return 1;
        puts("ready"); fflush(stdout);
        for (;;) pause();
    }
    puts(connect(s, (void *)&a, n) == 0 ? "reached" : strerrorname_np(errno));
    return 0;
}
C
gcc -D_GNU_SOURCE -static -o abstract abstract.c
name=cupel-e2e-$$
./abstract "$name" serve >served &
server=$!
wait_until 5 test -s served
job_file walls.yaml <<YAML
cupel: 1
defaults:
  inputs: [{from: walls, to: /work/walls, mode: ro}, {from: abstract, to: /work/abstract, mode: ro}]
  limits: {wall: 30s}
jobs:
  root: {run: [/work/walls]}
  user: {user: nobody, run: [/work/walls]}
  strict: {seccomp: strict, run: [/work/walls]}
  tracer: {capabilities: [SYS_PTRACE, DAC_OVERRIDE, DAC_READ_SEARCH, SETUID, SETPCAP, KILL], run: [/work/walls]}
  abstract: {run: [/work/abstract, $name]}
  host-abstract: {network: host, run: [/work/abstract, $name]}
  su: {run: 'su -s /bin/sh nobody -c "id -u"; runuser -u nobody -- id -u'}
  setuid:
    run: |
      cp /usr/bin/id /tmp/id
      chmod u+s /tmp/id
      setpriv --reuid 65534 --clear-groups /tmp/id -u
YAML
landlock=$(./abstract "$name")
cupel_run walls.yaml --allow-host-network
kill "$server"
for id in root user strict tracer; do
    it "PID 1, masks, devices and keys are out of reach ($id)"
    expect_verdict "$id" passed
    expect_no_log "$id" BREACH
    expect [ "$(log "$id" | grep -c contained)" = 54 ]
done

it "su and runuser work: PAM takes the answer that there is no audit"
expect_equal "$(log su | paste -sd' ')" "65534 65534"

it "a set-uid program gains nothing"
expect_equal "$(log setuid)" 65534

it "the host's abstract sockets are not there"
expect_equal "$landlock $(log abstract)" "reached ECONNREFUSED"

it "nor can they be reached with the host's network, where the kernel has Landlock's scopes"
run_cupel doctor --json
if [[ $(jq -r '.. | objects | select(.id? == "landlock") | .state' stdout) == works ]]; then
    expect_equal "$(log host-abstract)" EPERM
else
    skip_it "this kernel's Landlock has no scopes (Linux 6.12 or later has)"
fi

# ---- capabilities ---------------------------------------------------------------------------------------------------------

job_file capabilities.yaml <<'YAML'
cupel: 1
jobs:
  # 0x2001: CHOWN 0, NET_RAW 13
  some: {capabilities: [NET_RAW, cap_chown], run: "grep Cap /proc/self/status; chown 5:5 /tmp"}
  none: {capabilities: [], run: grep Cap /proc/self/status; chown 5:5 /usr && echo BREACH; exit 0, shell: [/bin/sh]}
  # 0x400: NET_BIND_SERVICE 10
  user: {user: nobody, capabilities: NET_BIND_SERVICE, run: grep Cap /proc/self/status; chown 5:5 /tmp || echo refused}
YAML
cupel_run capabilities.yaml
it "capabilities: just those of the list, for root and for another user"
expect_exit 0
caps() {
    log "$1" | sed -nE 's/^Cap(Inh|Prm|Eff|Bnd|Amb):\s0*([0-9a-f]+)$/\2/p' | paste -sd' '
}
#                            Inh Prm Eff Bnd Amb
expect_equal "$(caps some)" "0 2001 2001 2001 0"
expect_equal "$(caps none)" "0 0 0 0 0"
expect_equal "$(caps user)" "400 400 400 400 400"
expect_no_log none BREACH
expect_log user '^refused$'

all_done
