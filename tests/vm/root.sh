#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What root meets on a systemd machine: a login session and services without a group of their own, where cupel gets itself one from
# systemd; and, where systemd does not answer, that a run with limits says at once what to do, and that what it says works. Runs in the virtual machine only (scripts/test-vm).
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../e2e/lib.sh"

# in_session COMMAND...: in a login session as sshd and login open them, with a shell as the caller. Leaves STATUS, stdout, stderr.
in_session() {
    STATUS=0
    # shellcheck disable=SC2016
    systemd-run --quiet --wait --pipe --service-type=exec --uid=root -p PAMName=login -p "WorkingDirectory=$T" \
        -E "CUPEL=$CUPEL" -E "XDG_CACHE_HOME=$T/cache" -- \
        /bin/bash -c 'printf "%s\n" "$(</proc/self/cgroup)" >session-group; "$@"; exit $?' bash "$@" \
        >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}

job_file limits.yaml <<'YAML'
cupel: 1
defaults: {limits: {memory: 64M, pids: 20, wall: 30m}}
jobs:
  fine: {run: echo ran}
  eats: {run: "head -c 200M /dev/zero | tail"}
YAML
job_file no-limits.yaml <<'YAML'
cupel: 1
jobs:
  fine: {run: echo ran}
YAML

it "the machine has cgroup v2 and nothing else"
expect_equal "$(cut -d: -f1,2 /proc/self/cgroup)" 0:
expect [ "$(awk '$3 == "cgroup"' /proc/self/mounts | wc -l)" = 0 ]

# deaf COMMAND...: the words that run the command where no systemd answers.
# shellcheck disable=SC2016
deaf=(unshare --mount --propagation private sh -c 'mount --bind /dev/null /run/systemd/private && exec "$@"' sh)

it "in a login session, cupel gets itself a group, and limits hold"
in_session "$CUPEL" run --out "$T/out" limits.yaml
expect_equal "$(sed -E 's/session-[a-z]?[0-9]+/session-N/' session-group)" 0::/user.slice/user-0.slice/session-N.scope
expect_exit 1
expect_verdict fine passed
expect_verdict eats memory-limit
expect_clean

it "where systemd does not answer, limits that cannot be held are refused before anything runs, with the remedy"
rm -rf out
in_session "${deaf[@]}" "$CUPEL" run --out "$T/out" limits.yaml
expect_exit 3
expect_stderr 'other processes are in (our cgroup|that group)'
expect_stderr 'systemd-run --scope -p Delegate=yes'
expect_not grep -qs '"verdict":"passed"' out/results.jsonl

it "nothing is left of that"
no_groups() { # another script may run beside this one, in services of its own
    ! find /sys/fs/cgroup -type d -name 'cupel-[0-9]*' | grep -qv "${CUPEL_TEST_CGROUP:-^$}"
}
expect wait_until 30 no_groups
expect_clean

it "the remedy works as printed"
in_session systemd-run --scope -p Delegate=yes "$CUPEL" run --out "$T/out" limits.yaml
expect_exit 1
expect_verdict fine passed
expect_verdict eats memory-limit

it "without limits of those kinds, a login session is enough"
rm -rf out
in_session "${deaf[@]}" "$CUPEL" run --out "$T/out" no-limits.yaml
expect_exit 0
expect_verdict fine passed

it "--best-effort runs in a login session and names each limit that is not held"
rm -rf out
in_session "${deaf[@]}" "$CUPEL" run --best-effort --only fine --out "$T/out" limits.yaml
expect_exit 0
expect_verdict fine passed
expect_said 'memory'
expect_said 'pids|processes'
expect_clean

# in_service PROPERTY...: in a service of systemd's that has just the program in it. Leaves STATUS, stdout, stderr.
in_service() {
    rm -rf out
    STATUS=0
    systemd-run --quiet --wait --pipe "$@" >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}
service=(-p "WorkingDirectory=$T" -E "XDG_CACHE_HOME=$T/cache" --)
alone=("${service[@]}" "${deaf[@]}" "$CUPEL")
service+=("$CUPEL")

it "in a service that is not delegated, cupel gets itself a group that is: systemd would stop it at the first OOM kill"
in_service "${service[@]}" run --out "$T/out" limits.yaml
expect_exit 1
expect_verdict fine passed
expect_verdict eats memory-limit
in_service "${service[@]}" doctor
expect_stdout '^works +limit of memory'
expect_clean

it "where systemd does not answer, limits of memory are refused: systemd would stop it at the first OOM kill"
in_service "${alone[@]}" run --out "$T/out" limits.yaml
expect_exit 3
expect_stderr 'cannot limit memory: systemd did not delegate /sys/fs/cgroup/system.slice/run-.*\.service to us'
expect_stderr 'Delegate=yes'
expect_not grep -qs '"verdict":"passed"' out/results.jsonl
in_service "${alone[@]}" doctor
expect_stdout 'memory.*missing|missing.*memory'
expect_stdout 'systemd did not delegate'
expect_clean

it "with --best-effort it runs there, and names the limit"
in_service "${alone[@]}" run --best-effort --only fine --out "$T/out" limits.yaml
expect_exit 0
expect_verdict fine passed
expect_said 'Not enforced: memory'
in_service "${alone[@]}" run --out "$T/out" no-limits.yaml
expect_exit 0
expect_clean

it "nothing is refused where systemd would hear nothing of it"
mount -o remount,memory_localevents /sys/fs/cgroup
in_service "${alone[@]}" run --out "$T/out" limits.yaml
expect_exit 1
expect_verdict fine passed
expect_verdict eats memory-limit
expect_clean
# With source and target both given, mount(8) keeps none of the options that are set.
mount -t cgroup2 -o remount,rw,nosuid,nodev,noexec,relatime,nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
expect_equal "$(awk '$3 == "cgroup2" && /memory_localevents/' /proc/self/mounts)" ""

job_file cpus.yaml <<'YAML'
cupel: 1
jobs: {all: {run: "grep Cpus_allowed_list /proc/self/status | cut -f 2"}}
YAML

it "in a group that root has made an isolated partition, jobs have its CPUs, and nobody else has them"
cpus_of() { sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$1/status"; }
expect_equal "$(cpus_of 1)" 0-1
# in_partition_by SHELL-WORDS WORD...: in a group with CPU 1 to itself, a shell goes on like that.
# shellcheck disable=SC2016
in_partition_by() {
    local how=$1
    shift
    expect wait_until 20 eval '[[ $(cpus_of 1) == 0-1 ]]' # the one before has ended
    systemd-run --quiet --scope --slice=-.slice -p Delegate=yes bash -c '
        group=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
        echo 1 >"$group/cpuset.cpus" && echo isolated >"$group/cpuset.cpus.partition" && cat "$group/cpuset.cpus.partition"
        grep Cpus_allowed_list /proc/1/status >others
        '"$how" in-partition "$@" </dev/null
}
# shellcheck disable=SC2016
in_partition() { in_partition_by 'exec "$CUPEL" "$@"' "$@"; }
in_partition doctor >rows
in_partition run --out out cpus.yaml >stdout 2>stderr
STATUS=$?
expect_exit 0
expect_stdout '^isolated$'
expect_log all '^1$'
expect_equal "$(cut -f 2 others)" 0
expect grep -qE '^works +CPUs that other programs are kept off .* an isolated partition around cupel has CPUs 1$' rows

it "beside a shell it stays there too, and refuses limits rather than lose these CPUs"
beside_shell() { in_partition_by '"$CUPEL" "$@"; exit $?' "$@"; }
beside_shell doctor >rows
expect grep -qE '^works +CPUs that other programs are kept off .* an isolated partition around cupel has CPUs 1$' rows
beside_shell run --out out cpus.yaml >stdout 2>stderr
STATUS=$?
expect_exit 0
expect_log all '^1$'
beside_shell run --out out limits.yaml >stdout 2>stderr
STATUS=$?
expect_exit 3
expect_stderr 'other processes are in our cgroup'
expect_stderr 'stays in the cpuset partition /.*exec cupel'
expect wait_until 20 eval '[[ $(cpus_of 1) == 0-1 ]]'
run_cupel doctor
expect_stdout '^degraded +CPUs that other programs are kept off '
expect_stdout 'none: whatever runs on this machine runs on the cores of jobs'
expect_clean

it "a service with Delegate=yes is enough"
in_service -p Delegate=yes "${service[@]}" run --out "$T/out" limits.yaml
expect_exit 1
expect_verdict fine passed
expect_verdict eats memory-limit
expect_clean

all_done
