#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each limit that is no verdict of its own, with what shows that it holds: `cpu` in throttled time, those of a single process
# (rlimits) in what they make of it. The others: verdicts.sh, cpuset-io.sh, hostile-*.sh; docs/testing.md has the matrix.
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file limits.yaml <<'YAML'
cupel: 1
defaults:
  shell: [/bin/bash, +e]
  limits: {wall: 30m, memory: 64M, pids: 64, disk: 64M}
jobs:
  cpu:
    limits: {cpu: 0.2, cpu-time: 500ms}
    run: |
      while :; do :; done & while :; do :; done
  cpu-enough:
    limits: {cpu: 1}
    run: sleep 0.2
  file-size:
    limits: {file-size: 64K}
    run: exec head -c 1M /dev/zero >big
  file-size-child:
    limits: {file-size: 64K}
    run: "head -c 1M /dev/zero >big; stat -c 'size %s' big"
  open-files:
    limits: {open-files: 16}
    run: |
      echo "limits $(ulimit -n) $(ulimit -Hn)"
      ulimit -n 17 2>/dev/null && echo raised
      for ((i = 3; i < 100; i++)); do eval "exec $i</dev/null" || break; done 2>/dev/null
      echo "highest $((i - 1))"
  stack:
    limits: {stack: 256K}
    run: |
      echo "limits $(ulimit -s) $(ulimit -Hs)"
      deeper() { deeper; }
      deeper
  address-space:
    limits: {address-space: 300M}
    run: |
      echo "limits $(ulimit -v) $(ulimit -Hv)"
      room() { dd if=/dev/null of=/dev/null bs="$1" count=1 2>&1; }
      room 200M >/dev/null & room 200M >/dev/null && wait $! && echo "each 200M"
      room 400M
  address-space-step:
    limits: {address-space: 300M}
    run:
      - {run: ulimit -v, limits: {address-space: 200M}}
      - {run: ulimit -v}
  address-space-none:
    limits: {address-space: 1M}
    run: [/bin/bash, -c, echo began]
  core:
    limits: {core: 4K}
    run: |
      echo "limits $(ulimit -c) $(ulimit -Hc)"
      bash -c 'kill -SEGV $$'
      find . -name 'core*' -size +8k
  core-none:
    run: |
      echo "limits $(ulimit -c) $(ulimit -Hc)"
      bash -c 'kill -SEGV $$'
      find . -name 'core*'
  processes:
    limits: {processes: 5}
    user: nobody
    shell: [/bin/sh, +e] # bash tries again for a quarter of a minute
    run: for i in 1 2 3 4 5 6 7 8 9 10; do sleep 30 & done
  processes-other:
    limits: {processes: 5}
    run: for i in 1 2 3; do sleep 0.1 & done; wait
YAML
cupel_run limits.yaml -j 2

it "cpu: a job gets its share and no more, and is told how long it was held back"
# 0.5 s of CPU at a fifth of a core are 2.5 s; the kernel may be late to notice, never by half.
expect_verdict cpu cpu-limit
expect_evidence cpu 'CPU limit 500 ms'
expect_result cpu '.usage.throttled_seconds > 0 and .usage.throttled_periods >= 5'
expect_result cpu '.usage.wall_seconds > .usage.cpu_seconds * 2.5'
expect_result cpu '.limits.cpu_cores == 0.2'
expect_result cpu-enough '.verdict == "passed" and .usage.throttled_periods == 0'

it "file-size: what writes more is ended by SIGXFSZ, the file has the size of the limit"
expect_verdict file-size signaled
expect_evidence file-size 'SIGXFSZ.*with the limit file-size 64 KiB'
expect_result file-size '.signal == 25 and .limits.file_size_bytes == 65536'
expect_verdict file-size-child passed
expect_log file-size-child '^size 65536$'

it "open-files: no descriptor above the limit, and no way to raise it"
expect_verdict open-files passed
expect_log open-files '^limits 16 16$'
expect_no_log open-files raised
expect_log open-files '^highest (9|1[0-5])$'

it "stack: a recursion without end is ended at the limit"
expect_verdict stack signaled
expect_evidence stack 'SIGSEGV.*with the limit stack 256 KiB'
expect_log stack '^limits 256 256$'

it "address-space: what maps more than that is refused it, in each process"
expect_result address-space '.exit == 1'
expect_log address-space '^limits 307200 307200$'
expect_log address-space '^each 200M$'
expect_log address-space 'memory exhausted'
expect_equal "$(log address-space-step | tr '\n' ' ')" '204800 307200 '
expect_result address-space '.limits.address_space_bytes == 314572800'
expect_result address-space-none '.verdict == "signaled" or .verdict == "failed"'
expect_no_log address-space-none began

it "core: no dump larger than the limit, by default none"
expect_verdict core passed
expect_log core '^limits 4 4$'
expect_no_log core '/core'
expect_verdict core-none passed
expect_log core-none '^limits 0 0$'
expect_no_log core-none '/core'

it "processes: of this user, in this job"
expect_verdict processes failed
expect_result processes '.usage.pids_peak == 5 and .usage.pids_refused == 0'
expect [ "$(log processes stderr | grep -c 'fork')" -ge 1 ]
expect_verdict processes-other passed

it "an rlimit above a hard limit that cannot be raised is refused before anything runs"
job_file high.yaml <<'YAML'
cupel: 1
jobs:
  fine: {run: touch ran, limits: {open-files: 400}}
  high: {run: touch ran, limits: {open-files: 600}}
YAML
cat >lowered <<'SH'
#!/bin/sh
ulimit -n 500
exec setpriv --bounding-set -sys_resource "$REAL" "$@"
SH
chmod +x lowered
if ((EUID != 0)); then
    skip_it "setpriv has no bounding set to change without root"
else
    # shellcheck disable=SC2097,SC2098 # REAL is what CUPEL was
    REAL=$CUPEL CUPEL=$T/lowered cupel_run high.yaml
    expect_exit 3
    expect_stderr "high.yaml:4: the limit 'open-files' of job 'high' is above what you may have yourself \\(500\\)"
    expect_not test -e "$T/out/logs"
    # shellcheck disable=SC2097,SC2098
    REAL=$CUPEL CUPEL=$T/lowered cupel_run high.yaml --only fine
    expect_exit 0
fi

it "nothing is left of that"
expect_clean

all_done
