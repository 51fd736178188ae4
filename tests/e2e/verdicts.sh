#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every verdict of docs/job-file.md with its evidence, from one run of one file; what the reports say of them.
# lanes: root-v2
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file verdicts.yaml <<'YAML'
cupel: 1
name: verdicts
defaults:
  limits: {memory: 128M, pids: 64, wall: 30m, disk: 64M}
jobs:
  passes:
    run: echo fine
  expects-exit:
    run: [/bin/sh, -c, exit 7]
    expect: {exit: 7}
  expects-signal:
    run: kill -TERM $$
    expect: {signal: TERM}
  wrong-exit:
    run: echo before; exit 3
  exit-137:
    run: exit 137
  exit-124:
    run: exit 124
  wrong-stdout:
    run: printf 'one\nthree\n'
    expect: {stdout: "one\ntwo\n"}
  right-stdout:
    run: printf 'one\ntwo\n'
    expect: {stdout: "one\ntwo\n"}
  wrong-stderr:
    run: echo oops >&2
    expect: {stderr: ""}
  dies:
    run: kill -SEGV $$
  no-such-program:
    run: [/no/such/program]
  too-long:
    run: sleep 60
    limits: {wall: 400ms}
    timeout-grace: 100ms
  burns:
    run: |
      (while :; do :; done) & (while :; do :; done) &
      wait
    limits: {cpu-time: 300ms, wall: 30m}
  eats:
    run: [/bin/sh, -c, "x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo ${#x}"]
    limits: {memory: 32M}
  child-eats:
    run: |
      (x=$(head -c 300000000 /dev/zero | tr '\0' x); echo ${#x}) || true
      sleep 5
      exit 0
    limits: {memory: 32M}
  shm-eats:
    run: dd if=/dev/zero of=/dev/shm/x bs=1M count=100; exit 0
    limits: {memory: 32M}
  forks:
    run: |
      for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done
      wait
    limits: {pids: 5}
  forks-but-copes:
    run: |
      for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.1 &) 2>/dev/null || :; done
      exit 0
    shell: [/bin/bash, +e]
    limits: {pids: 5}
  fills:
    run: dd if=/dev/zero of=big bs=1M count=64
    limits: {disk: 8M}
  many-files:
    run: |
      i=0
      while [ $i -lt 3000 ]; do : > f$i; i=$((i + 1)); done
    limits: {inodes: 500}
  prints:
    run: yes 0123456789
    limits: {output: 64K}
  prints-out:
    run: yes 0123456789
    limits: {output: 64K, stdout: 1000}
  prints-err:
    run: yes 0123456789 | head -c 2000; yes 0123456789 >&2
    limits: {stderr: 16}
    after: "yes 0123456789 >&2"
  prints-step:
    run:
      - {run: yes 0123456789 | head -c 2000; echo error >&2}
      - {run: yes 0123456789, limits: {stdout: 100, stderr: 1}}
  prints-all:
    run: yes 0123456789 | head -c 1000; yes 0123456789 | head -c 16 >&2
    limits: {stdout: 1000, stderr: 16, output: 1016}
  late:
    run: sleep 0.6
    limits: {wall: {limit: 300ms, kill: 60s}}
  late-killed:
    run: sleep 1000
    limits: {wall: {limit: 100ms, kill: 300ms}}
  late-cpu:
    run: i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done
    limits: {cpu-time: {limit: 2ms, kill: 60s}}
  late-cpu-killed:
    run: while :; do :; done
    limits: {cpu-time: {limit: 50ms, kill: 200ms}}
  late-step:
    run:
      - {name: quick, run: "true", limits: {wall: {limit: 60s, kill: 61s}}}
      - {name: slow, run: sleep 0.3, limits: {wall: {limit: 100ms, kill: 60s}}}
      - {name: never, run: echo never}
    after: echo "$CUPEL_JOB_VERDICT"
  in-time:
    run: echo "$CUPEL_LIMIT_WALL $CUPEL_LIMIT_WALL_KILL"
    limits: {wall: {limit: 60s, kill: 61.5s}, cpu-time: {limit: 60s}}
  cannot-start:
    run: echo never
    workdir: /etc/passwd # a file
  needs-a-failure:
    needs: [wrong-exit]
    run: echo never
  needs-a-skipped:
    needs: [needs-a-failure]
    run: echo never
  needs-a-success:
    needs: [passes]
    run: echo after
YAML
cupel_run verdicts.yaml -j 2

it "a run in which a job could not be run at all exits 3, whatever else failed"
expect_exit 3

it "nothing is left of a run of all kinds of jobs"
expect_clean

it "the report of all outcomes is valid"
expect_junit_valid

it "every job has exactly one line of results"
expect_equal "$(jq -r .id <(job_lines) | sort | uniq -c | awk '$1 == 1' | wc -l)" 40

it "passed"
expect_verdict passes passed
expect_result passes '.exit == 0 and (has("signal") | not) and .attempts == 1'
expect_equal "$(log passes)" fine
expect_verdict needs-a-success passed

it "an expected exit code passes"
expect_verdict expects-exit passed
expect_result expects-exit '.exit == 7'

it "an expected signal passes"
expect_verdict expects-signal passed

it "a wrong exit code fails, and what it printed is kept"
expect_verdict wrong-exit failed
expect_evidence wrong-exit '\b3\b'
expect_equal "$(log wrong-exit)" before

it "exit codes 137 and 124 are exit codes"
expect_verdict exit-137 failed
expect_result exit-137 '.exit == 137'
expect_verdict exit-124 failed
expect_result exit-124 '.exit == 124'

it "wrong standard output fails and says where it differs"
expect_verdict wrong-stdout failed
expect_evidence wrong-stdout 'line 2'
expect_verdict right-stdout passed

it "wrong standard error fails"
expect_verdict wrong-stderr failed
expect_evidence wrong-stderr 'stderr|standard error'

it "death by a signal is named"
expect_verdict dies signaled
expect_result dies '.signal == 11'
expect_evidence dies 'SIGSEGV|Segmentation|signal 11'

it "a program that is not there is the job's own failure and named"
expect_result no-such-program '.verdict == "failed" or .verdict == "error"'
expect_evidence no-such-program '/no/such/program'

it "wall time gives timeout"
expect_verdict too-long timeout
expect_evidence too-long '400 ms'

it "CPU time counts all descendants and gives cpu-limit"
expect_verdict burns cpu-limit
expect_evidence burns '300 ms'

it "memory gives memory-limit with the kernel's counts"
expect_verdict eats memory-limit
expect_evidence eats '32 MiB.*OOM'
expect_result eats '.usage.oom_kills >= 1'

it "an OOM-killed child counts, whatever its parent's exit code"
expect_verdict child-eats memory-limit
expect_evidence child-eats '32 MiB.*OOM'

it "shared memory counts as memory"
expect_verdict shm-eats memory-limit

it "refused forks give pids-limit if the job then failed"
expect_verdict forks pids-limit
expect_evidence forks '\b5\b'
expect_result forks '.usage.pids_refused >= 1'

it "refused forks are counted but no failure if the job copes"
expect_verdict forks-but-copes passed
expect_result forks-but-copes '.usage.pids_refused >= 1'

it "a full upper layer gives disk-limit"
expect_verdict fills disk-limit
expect_evidence fills '8 MiB'

it "too many files give disk-limit"
expect_verdict many-files disk-limit
expect_evidence many-files '\b500\b'

it "too much output gives output-limit and what came before is kept"
expect_verdict prints output-limit
expect_evidence prints '64 KiB'
expect_equal "$(head -n 1 "$T/out/logs/prints.stdout")" 0123456789
expect [ "$(stat -c %s "$T/out/logs/prints.stdout")" -le 65536 ]

it "each stream has a limit of its own, which is named"
expect_verdict prints-out output-limit
expect_evidence prints-out '^stdout limit 1000 B reached .*: the first 1000 bytes of it are kept$'
expect_equal "$(stat -c %s "$T/out/logs/prints-out.stdout")" 1000
expect_verdict prints-err output-limit
expect_evidence prints-err '^stderr limit 16 B reached .*: the first 16 bytes of it are kept$'
expect_equal "$(stat -c %s "$T/out/logs/prints-err.stdout") $(stat -c %s "$T/out/logs/prints-err.stderr")" "2000 32"
expect_result prints-err '.notes | any(test("`after`.*more than the job.s limit of output"))'
expect_verdict prints-step output-limit
expect_evidence prints-step 'stdout limit 100 B reached .*: the first 2100 bytes of it are kept$'
expect_equal "$(stat -c %s "$T/out/logs/prints-step.stdout")" 2100
expect_verdict prints-all passed
expect_result prints-all '.limits.stdout_bytes == 1000 and .limits.stderr_bytes == 16'

it "a limit of time that is given twice: judged by the first, ended by the second"
expect_verdict late timeout
expect_evidence late '^wall limit 300 ms reached: ended after'
expect_result late '.exit == 0 and .usage.wall_seconds >= 0.6 and .limits.wall_seconds == 0.3 and .limits.wall_kill_seconds == 60'
expect_verdict late-killed timeout
expect_evidence late-killed '^wall limit 100 ms reached: still running after .*, where it was ended \(kill: 300 ms\)'
expect_result late-killed '.usage.wall_seconds >= 0.3'
expect_verdict late-cpu cpu-limit
expect_evidence late-cpu '^CPU limit 2 ms reached: .* used by all its processes, and ended after'
expect_result late-cpu '.exit == 0 and .usage.cpu_seconds > 0.002'
expect_verdict late-cpu-killed cpu-limit
expect_evidence late-cpu-killed '^CPU limit 50 ms reached: .* after .*, where it was ended \(kill: 200 ms\)'
expect_result late-cpu-killed '.usage.cpu_seconds >= 0.2'
expect_verdict late-step timeout
expect_evidence late-step 'slow.*wall limit 100 ms reached: ended after'
expect_verdict late-step/quick passed
expect_result late-step/slow '.verdict == "timeout" and .usage.wall_seconds >= 0.3'
expect_result late-step/never '.verdict != "passed"'
expect_equal "$(log late-step)" timeout
expect_verdict in-time passed
expect_equal "$(log in-time)" "60 61.5"

it "a job that could not be set up is an error, with the reason"
expect_verdict cannot-start error
expect_evidence cannot-start "workdir.*/etc/passwd: Not a directory"

it "a failed need skips, also at second hand"
expect_verdict needs-a-failure skipped
expect_evidence needs-a-failure wrong-exit
expect_verdict needs-a-skipped skipped
expect_evidence needs-a-skipped needs-a-failure

it "usage is reported in plain units"
expect_result burns '.usage.cpu_seconds >= 0.3 and .usage.cpu_seconds < 10'
expect_result burns '.usage.wall_seconds > 0'
expect_result eats '.usage.memory_peak_bytes <= 33554432 and .usage.memory_peak_bytes > 20000000'
expect_result fills '.usage.disk_peak_bytes > 4000000 and .usage.disk_peak_bytes <= 9500000'
expect_result prints '.usage.output_bytes >= 60000'
expect_result eats '.limits.memory_bytes == 33554432'

it "the console names the failures and their evidence"
expect_said 'child-eats'
expect_said 'memory limit 32 MiB reached'

the_rest_is_alike

job_file slow.yaml <<'YAML'
cupel: 1
jobs:
  done-before: {run: echo done}
  runs: {run: "echo started; exec sleep 1000", needs: [done-before]}
  waits: {run: echo never, needs: [runs]}
YAML

it "Ctrl-C cancels, reports what finished, and exits 130"
cupel_start slow.yaml -j 1
expect wait_until 20 grep -qs started "$T/out/logs/runs.stdout"
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_verdict done-before passed
expect_verdict runs cancelled
expect_verdict waits cancelled
expect_junit_valid
expect_clean

all_done
