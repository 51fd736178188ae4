#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Order, parallelism, and that everything of a job dies with it, whoever killed whom.
# lanes: root-v2
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file stubborn.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 30m, pids: 64}}
jobs:
  holds-stdout:
    run: |
      setsid sleep 1000 &
      echo ended
  double-fork:
    run: |
      (setsid sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' >/dev/null 2>&1 &)
      echo ended
  deaf:
    run: |
      trap '' TERM INT HUP
      echo listening
      while :; do sleep 0.1; done
    limits: {wall: 500ms}
    timeout-grace: 200ms
  stopped:
    run: |
      sh -c 'kill -STOP $$; sleep 1000' &
      sleep 0.2
      kill -STOP $$
    limits: {wall: 700ms}
    timeout-grace: 100ms
  polite:
    run: |
      trap 'echo told; exit 0' TERM
      while :; do sleep 0.05; done
    limits: {wall: 500ms}
    timeout-grace: 10s
  zombies:
    run: |
      i=0
      while [ $i -lt 300 ]; do (true &) ; i=$((i + 1)); done
      echo ended
    limits: {pids: 128} # fewer than there are orphans; PID 1 may have to wait for its turn
  forkbomb:
    shell: [/bin/bash]
    run: "f() { f | f & }; f; sleep 1000"
    limits: {wall: 1s, pids: 40}
    timeout-grace: 0s
  endless-output:
    run: (while :; do echo x; done) & echo ended
YAML
# What has to say something before its limit strikes gets the time for it on a slow machine too.
((${CUPEL_TEST_TIME_FACTOR:-1} == 1)) || sed -i 's/wall: [57]00ms/wall: 5s/' stubborn.yaml
it "a job ends with its command, whatever holds its output or hides"
cupel_run stubborn.yaml -j 2
expect_verdict holds-stdout passed
expect_equal "$(log holds-stdout)" ended
expect_verdict double-fork passed
expect_verdict endless-output passed

it "one that ignores SIGTERM, or is stopped, is killed after its grace"
expect_verdict deaf timeout
expect_equal "$(log deaf)" listening
expect_verdict stopped timeout

it "one that listens to SIGTERM may end by itself, and is a timeout all the same"
expect_verdict polite timeout
expect_equal "$(log polite)" told

it "orphans are reaped"
expect_verdict zombies passed

it "a fork bomb ends with its limit"
expect_result forkbomb '.verdict == "timeout" or .verdict == "pids-limit"'
expect_result forkbomb '.usage.pids_peak <= 41'

it "nothing of them is left"
expect_clean

job_file serial.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: "echo up; sleep 0.5"}
  b: {run: "echo up; sleep 0.5"}
YAML
job_file long.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: "echo up; (setsid sleep 1000 &); exec sleep 1000"}
  b: {run: "echo up; trap '' TERM INT; while :; do sleep 1; done"}
YAML
both_up() { grep -qs up out/logs/a.stdout && grep -qs up out/logs/b.stdout; }

it "kill -9 of the supervisor takes every process with it"
cupel_start long.yaml -j 2
expect wait_until 20 both_up
kill -KILL "$CUPEL_PID"
cupel_wait
expect wait_until 5 no_processes

it "cupel clean removes what a killed run left"
run_cupel clean
expect_exit 0
expect_clean

it "so does the next start"
cupel_start long.yaml -j 2
expect wait_until 20 both_up
kill -KILL "$CUPEL_PID"
cupel_wait
cupel_run serial.yaml
expect_exit 0
expect_clean

it "kill -9 of any other process of ours ends in an honest report"
cupel_start long.yaml -j 2
expect wait_until 20 both_up
slot=$(pgrep -P "$CUPEL_PID" | head -n 1)
kill -KILL "$slot"
kill -INT "$CUPEL_PID"
cupel_wait
expect [ "$STATUS" = 130 -o "$STATUS" = 3 ]
expect_equal "$(jq -r 'select(.verdict == "passed") | .id' out/results.jsonl)" ""
expect_equal "$(job_lines out | wc -l)" 2
expect_clean

the_rest_is_alike

job_file order.yaml <<'YAML'
cupel: 1
jobs:
  last: {needs: [left, right], run: cat /proc/uptime}
  left: {needs: [first], run: cat /proc/uptime}
  right: {needs: [first], run: cat /proc/uptime}
  first: {run: cat /proc/uptime}
YAML

it "needs decide the order, not the file"
cupel_run order.yaml -j 4
expect_exit 0
expect_equal "$(jq -r .id <(job_lines out) | sed -n '1p;$p' | tr '\n' ' ')" "first last "

it "the report keeps the file's order"
expect_equal "$(xmllint --xpath '//testsuite/@name' out/junit.xml | grep -oE '(last|left|right|first)"' | tr -d '"\n')" lastleftrightfirst

# The jobs a and b ran at the same time, by what the report says of them (to a millisecond or two).
overlapped() {
    jq -es 'def from: (.started[0:19] + "Z" | fromdate) + (.started[20:23] | tonumber / 1000);
        def to: from + .usage.wall_seconds - 0.002;
        (.[] | select(.id == "a")) as $a | (.[] | select(.id == "b")) as $b |
        ($a | from) < ($b | to) and ($b | from) < ($a | to)' <(job_lines out) >/dev/null
}
it "-j 2 runs two jobs at a time"
job_file parallel.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 30m}}
jobs:
  a: {run: "echo up; sleep 2"}
  b: {run: "echo up; sleep 2"}
YAML
cupel_run parallel.yaml -j 2
expect_exit 0
expect overlapped

it "-j 1 runs one at a time"
cupel_run serial.yaml -j 1
expect_exit 0
expect_equal "$(job_lines | wc -l)" 2
expect_not overlapped

it "a second Ctrl-C ends at once and still reports"
cat >deaf.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: "trap '' TERM INT; echo up; while :; do sleep 1; done", timeout-grace: 1000s}
YAML
cupel_start deaf.yaml
expect wait_until 20 grep -qs up out/logs/a.stdout
kill -INT "$CUPEL_PID"
sleep 0.3
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_verdict a cancelled
expect_junit_valid
expect_clean

it "SIGTERM cancels like Ctrl-C"
cupel_start long.yaml -j 2
expect wait_until 20 both_up
kill -TERM "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_verdict a cancelled
expect_clean

it "SIGUSR1 tells what runs now"
cupel_start long.yaml -j 2
expect wait_until 20 both_up
kill -USR1 "$CUPEL_PID"
told() { grep -q 'a' stdout stderr && grep -qE '(running|wall|[0-9] ?s)' stdout stderr; }
expect wait_until 5 told
kill -INT "$CUPEL_PID"
cupel_wait
expect_clean

all_done
