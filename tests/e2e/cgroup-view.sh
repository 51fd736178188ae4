#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cgroup-view`: a job reads its own control group at /sys/fs/cgroup, and nothing else; it can neither write there nor get at others.
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file view.yaml <<'YAML'
cupel: 1
defaults: {limits: {memory: 64M, pids: 20, cpu: 0.5}}
jobs:
  shown:
    cgroup-view: true
    run: |
      cd /sys/fs/cgroup
      if [ -e cgroup.controllers ]; then
        echo "memory=$(cat memory.max) pids=$(cat pids.max) cpu=$(cat cpu.max)"
      else
        echo "memory=$(cat memory/memory.limit_in_bytes) pids=$(cat pids/pids.max) cpu=$(cat cpu/cpu.cfs_quota_us) $(cat cpu/cpu.cfs_period_us)"
      fi
  hidden: {run: "ls -A /sys/fs/cgroup"}
  bare: {cgroup-view: true, limits: {memory: 32M}, run: "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true"}
YAML
job_file hostile.yaml <<'YAML'
cupel: 1
jobs:
  hostile:
    cgroup-view: true
    limits: {memory: 64M, pids: 50}
    capabilities: [sys_chroot, dac_override, setuid, setgid]
    run: |
      set +e
      cd /sys/fs/cgroup
      find . -type d -mindepth 2 | grep -v '^[.]/[a-z]*$'
      for file in $(find . -name 'cgroup.procs' -o -name 'memory.max' -o -name 'memory.limit_in_bytes' -o -name 'pids.max' -o -name tasks); do
        (echo 1 >$file) 2>/dev/null && echo "wrote $file"
      done
      for dir in $(find . -maxdepth 1 -type d); do
        mkdir $dir/more 2>/dev/null && echo "made a group in $dir"
        mount -o remount,rw,bind $dir 2>/dev/null && echo "mounted anew $dir"
        mount -o remount,rw $dir 2>/dev/null && echo "mounted the file system anew $dir"
        umount -l $dir 2>/dev/null && echo "took $dir away"
      done
      grep -h . $(find . -name cgroup.procs -o -name tasks) | grep -x 0 && echo "processes of others"
      grep -E 'cupel|e2e' /proc/self/mountinfo /proc/self/cgroup | grep cgroup | grep -v ' - overlay '
      ls .. ../.. >/dev/null
      unshare -Ur true 2>/dev/null && echo "a user namespace of its own"
      echo done
YAML

it "a job reads its limits where it is asked for, and sees no group otherwise"
cupel_run view.yaml
if ((STATUS == 3)); then
    expect_stderr "view.yaml:[0-9]+: .*cannot be held on this machine|view.yaml:[0-9]+: job 'shown' has .cgroup-view., and no control group here"
    skip_it "no control groups here"
    all_done
    exit
fi
expect_exit 0
expect_log shown '^memory=67108864 pids=20 cpu=50000 100000$'
expect [ ! -s out/logs/hidden.stdout ]
expect_log bare '^33554432$'
expect_clean

it "nothing can be written, mounted anew or taken away there, nor is another group to be seen"
[[ -z ${CUPEL_TEST_USER-} ]] || sed -i '/capabilities:/d' hostile.yaml # as an ordinary user, a job has none
cupel_run hostile.yaml
expect_exit 0
expect_equal "$(log hostile)" done
expect_clean

it "jobs that are prepared ahead see the limits that they have in the end"
job_file many.yaml <<'YAML'
cupel: 1
jobs:
  sum:
    cgroup-view: true
    run: "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true"
    cases:
      - {name: a, limits: {memory: 32M}, expect: {stdout: "33554432\n"}}
      - {name: b, limits: {memory: 48M}, expect: {stdout: "50331648\n"}}
      - {name: c, limits: {memory: 64M}, expect: {stdout: "67108864\n"}}
YAML
cupel_run many.yaml
expect_exit 0
expect_clean

if has_fault_injection && ((EUID == 0)) && [[ -z ${CUPEL_TEST_USER-} ]]; then
    it "without its wall, a job changes its own limits there, or its own groups"
    CUPEL_WEAKEN=cgroup-view,seccomp,capabilities,user-namespace cupel_run hostile.yaml
    # systemd mounts v2 with nsdelegate: files at the root of a cgroup namespace take no writes from within
    if $on_v2; then expect_log hostile '^made a group in [.]$'; else expect_log hostile '^wrote '; fi
    expect_clean
fi

all_done
