#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What no control group counts: the kernel's own counters by user and for the machine, and memory on nobody's account
# (docs/hardening.md). That one job does not take it from another is in the self-test; here is what the host sees of it.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cp -- "$build/libexec/cupel/cupel-probes" probes

head='
cupel: 1
defaults:
  inputs: [{from: probes, to: /probes, mode: ro}]
  env: {SELFTEST_TOKEN: "1", SELFTEST_HOLD_MS: "0"}
  limits: {wall: 60s, memory: 64M, pids: 32, disk: 32M, output: 1M}
jobs:'

# may_watch: whether root of the host can have an inotify instance
may_watch() {
    [[ $(SELFTEST_TOKEN=1 SELFTEST_HOLD_MS=0 SELFTEST_MOST=1 ./probes hold-inotify) == *'inotify 1'* ]]
}

it "a job that holds every inotify instance and message queue it can get leaves the host's root its own"
job_file hold.yaml <<YAML
$head
  hold-inotify: {run: [/probes, hold-inotify], env: {SELFTEST_HOLD_MS: "60000"}}
  hold-queues: {run: [/probes, hold-queues], env: {SELFTEST_HOLD_MS: "60000"}}
YAML
cupel_start hold.yaml -j 2
expect wait_until 20 grep -qs inotify out/logs/hold-inotify.stdout
expect wait_until 20 grep -qs queues out/logs/hold-queues.stdout
expect grep -qE '^inotify [1-9]' out/logs/hold-inotify.stdout
expect may_watch
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_clean

it "what a job held is there in full for the next one of its slot, however late the kernel gives it back"
{
    echo "$head"
    for i in {1..12}; do
        printf '  inotify-%d: {run: [/probes, hold-inotify]}\n  queues-%d: {run: [/probes, hold-queues]}\n' "$i" "$i"
    done
} | job_file next.yaml
cupel_run next.yaml -j 1
expect_exit 0
for kind in inotify queues; do
    expect_equal "$(cat out/logs/$kind-*.stdout | grep "^$kind" | sort | uniq -c | tr -s ' ')" " 12 $(grep "^$kind [1-9]" "out/logs/$kind-1.stdout")"
done

it "the queues of netlink sockets count as memory, and the evidence says so"
job_file netlink.yaml <<YAML
$head
  route: {run: [/probes, memory-netlink], limits: {memory: 8M}}
  shared-network: {run: [/probes, memory-netlink], limits: {memory: 8M}, network: loopback, user: nobody, seccomp: strict}
  little: {run: [/probes, interfaces]}
  plenty: {run: [/probes, memory-netlink], limits: {memory: 256M}, expect: {exit: 10}}
YAML
cupel_run netlink.yaml -j 2
expect_exit 1
for job in route shared-network; do
    expect_verdict "$job" memory-limit
    expect_evidence "$job" '^memory limit 8 MiB reached after .*: the queues of its netlink sockets hold [0-9.]+ MiB, which no control group counts'
done
expect_verdict little passed
expect_verdict plenty passed

it "so does what lies in TCP connections, and they themselves, whether anybody accepts them or not"
job_file backlog.yaml <<YAML
$head
  backlog: {run: [/probes, memory-backlog], limits: {memory: 8M}}
  shared-network: {run: [/probes, memory-backlog], limits: {memory: 8M}, network: loopback, user: nobody, seccomp: strict}
  unaccepted: {run: [/probes, memory-unaccepted], limits: {memory: 8M}}
  plenty: {run: [/probes, memory-backlog], limits: {memory: 256M}, expect: {exit: 10}}
YAML
cupel_run backlog.yaml -j 2
expect_exit 1
for job in backlog shared-network unaccepted; do
    expect_verdict "$job" memory-limit
    expect_evidence "$job" '^memory limit 8 MiB reached after .*: the queues of its TCP, UDP and raw sockets hold [0-9.]+ MiB, which no control group bounds'
done
expect_verdict plenty passed

it "so do error queues, where each packet that is sent leaves a copy"
job_file errors.yaml <<YAML
$head
  udp: {run: [/probes, memory-errors], limits: {memory: 8M}}
  tcp: {run: [/probes, memory-tcp-errors], limits: {memory: 8M}, user: nobody, seccomp: strict}
  plenty-udp: {run: [/probes, memory-errors], limits: {memory: 256M}, expect: {exit: 10}}
  plenty-tcp: {run: [/probes, memory-tcp-errors], limits: {memory: 256M}, expect: {exit: 10}}
YAML
cupel_run errors.yaml -j 2
expect_exit 1
for job in udp tcp; do
    expect_verdict "$job" memory-limit
    expect_evidence "$job" '^memory limit 8 MiB reached after .*: the queues of its TCP, UDP and raw sockets hold [0-9.]+ MiB, which no control group bounds'
    expect_verdict "plenty-$job" passed
done

it "asynchronous I/O is for jobs that ask for it"
job_file aio.yaml <<YAML
$head
  without: {run: [/probes, asynchronous-io]}
  with: {run: [/probes, asynchronous-io], seccomp: {allow: [io_setup]}, expect: {exit: 10}}
  strict: {run: [/probes, asynchronous-io], seccomp: strict}
YAML
cupel_run aio.yaml
expect_exit 0

it "neither /sys nor /proc tells of a disk, nor of where the store is"
job_file disks.yaml <<YAML
$head
  disks: {run: [/probes, disks-of-others], needs: words}
  words: {run: "! grep -rqs '$T' /proc/self/mountinfo /proc/mounts /sys/devices/virtual; ! cat /sys/block/loop*/size /sys/block/loop*/loop/backing_file /sys/fs/ext4/loop*/* 2>/dev/null | grep ."}
YAML
cupel_run disks.yaml
expect_exit 0

all_done
