#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Jobs that are run again: when, how often, what counts and what is kept. A fresh sandbox remembers nothing, so what changes
# between two attempts is a file on the host that the job sees read-only: each attempt waits until its word changes
# (and while it is being written, is empty).
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir shared
echo begin >shared/word
job_file flaky.yaml <<'YAML'
cupel: 1
defaults:
  inputs: [{from: shared, to: /in, mode: ro}]
  limits: {wall: 60s, pids: 64}
jobs:
  first:
    retries: 3
    run: |
      test ! -e kept && touch kept
      old=$(cat /in/word)
      echo "saw $old"
      echo "noise" >&2
      while new=$(cat /in/word); [ -z "$new" ] || [ "$new" = "$old" ]; do sleep 0.05; done
      echo "$new" >result
      case $new in pass*) ;; kill*) kill -SEGV $$ ;; *) exit 7 ;; esac
    artifacts: [/work/result]
  second:
    needs: first
    run: echo reached
YAML
saw() { grep -qsx "saw $1" out/logs/first.stdout; }
# say WORD BEFORE: once the attempt has seen the word before.
say() {
    expect wait_until 30 saw "$2"
    echo "$1" >shared/word
}

it "a job that fails is run again until it passes"
cupel_start flaky.yaml -j 2
say fail-1 begin
say kill-2 fail-1
expect_not has_job_lines
say pass-3 kill-2
cupel_wait
expect_exit 0
expect_verdict first passed
expect_result first '.attempts == 3 and .flaky and .exit == 0'

it "what came of the earlier attempts is in results.jsonl"
expect_result first '[.previous_attempts[].verdict] == ["failed", "signaled"]'
expect_result first '.previous_attempts[0] | .exit == 7 and .evidence == "exit code 7, expected 0" and (has("signal") | not)'
expect_result first '.previous_attempts[1] | .signal == 11 and (has("exit") | not)'
expect_result first '[.previous_attempts[].usage.wall_seconds > 0] | all'
expect_result first '(.previous_attempts[0].started <= .previous_attempts[1].started) and .previous_attempts[1].started <= .started'

it "a fresh sandbox each time, and logs of each attempt"
expect_result first '.logs.stdout == "logs/first.stdout" and .logs.stderr == "logs/first.stderr"'
expect_result first '[.previous_attempts[].logs.stdout] == ["logs/attempt-1/first.stdout", "logs/attempt-2/first.stdout"]'
expect_equal "$(cat out/logs/attempt-1/first.stdout)" "saw begin"
expect_equal "$(cat out/logs/attempt-2/first.stdout)" "saw fail-1"
expect_equal "$(cat out/logs/attempt-2/first.stderr)" noise
expect_equal "$(log first)" "saw kill-2"

it "artifacts are those of the last attempt"
expect_result first '[.artifacts[].path] == ["artifacts/first/work/result"]'
expect_equal "$(cat out/artifacts/first/work/result)" pass-3

it "a flaky need counts as passed"
expect_verdict second passed
expect_result second '.attempts == 1 and (has("flaky") | not) and (has("previous_attempts") | not)'
expect_equal "$(jq -r .id <(job_lines out) | tr '\n' ' ')" "first second "

it "the console has a line for each attempt and says flaky"
expect_said '^  TRY 1 FAIL \[ .*\] first: exit code 7, expected 0$'
expect_said '^  TRY 2 SEGV \[ .*\] first: killed by signal 11 \(SIGSEGV\), and the stack limit is [0-9.]+ [KM]iB$'
expect_said '^   FLAKY 3/4 \[ .*\] first$'
expect_said 'Summary \[ .*\] 2 jobs: 2 passed \(1 flaky\)$'

it "junit.xml says so, and is valid"
xpath() { xmllint --xpath "$1" out/junit.xml; }
expect_equal "$(xpath 'string(//testsuite[@name="first"]//property[@name="flaky"]/@value)')" true
expect_equal "$(xpath 'string(//testsuite[@name="first"]//property[@name="attempts"]/@value)')" 3
expect_equal "$(xpath 'string(//testsuite[@name="first"]//property[@name="previous_attempts"]/@value)' | sed 's/, and the stack limit is .*//')" \
    "$(printf 'attempt 1: failed: exit code 7, expected 0\nattempt 2: signaled: killed by signal 11 (SIGSEGV)')"
expect_equal "$(xpath 'string(//testsuite[@name="first"]/@failures)')" 0
expect_junit_valid
expect_clean

job_file kinds.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s, pids: 64}, retries: 1}
jobs:
  fails: {run: exit 3}
  fails-on-timeout: {run: exit 3, retry-on: timeout}
  fails-on-others: {run: exit 3, retry-on: [timeout, error]}
  slow: {run: sleep 60, limits: {wall: 100ms}}
  slow-on-failure: {run: sleep 60, limits: {wall: 100ms}, retry-on: failure}
  slow-on-timeout: {run: sleep 60, limits: {wall: 100ms}, retry-on: timeout}
  burns-on-timeout: {run: "while :; do :; done", limits: {cpu-time: 100ms}, retry-on: [timeout]}
  talks-on-failure: {run: echo too much, limits: {output: 3}, retry-on: failure}
  no-workdir: {run: "true", workdir: /etc/passwd}
  no-workdir-on-error: {run: "true", workdir: /etc/passwd, retry-on: error}
  no-workdir-on-failure: {run: "true", workdir: /etc/passwd, retry-on: [failure]}
  passes: {run: "true"}
  steps:
    run:
      - {name: one, run: echo one}
      - {name: two, run: exit 4}
  never: {run: echo, needs: [fails]}
  once: {run: exit 3, retries: 0}
YAML
it "retry-on decides after what it is run again"
cupel_run kinds.yaml -j 2
expect_exit 3
attempts() { jq -r 'select(.step == null) | "\(.id)=\(.attempts // 0)"' <(job_lines out) | sort | tr '\n' ' '; }
expect_equal "$(attempts)" "burns-on-timeout=2 fails-on-others=1 fails-on-timeout=1 fails=2 never=0 no-workdir-on-error=2\
 no-workdir-on-failure=1 no-workdir=2 once=1 passes=1 slow-on-failure=1 slow-on-timeout=2 slow=2 steps=2 talks-on-failure=2 "

it "a job that never passes has its last verdict, and is not flaky"
expect_verdict fails failed
expect_result fails '(has("flaky") | not) and (.previous_attempts | length) == 1'
expect_verdict burns-on-timeout cpu-limit
expect_verdict no-workdir-on-error error
expect_evidence never "needs 'fails', which did not pass \(failed\)"
expect_verdict steps/one passed
expect_verdict steps/two failed
expect_result steps '.previous_attempts[0].evidence == "step '\''two'\'': exit code 4, expected 0"'
expect_equal "$(cat out/logs/attempt-1/steps.stdout)" one
expect_result steps '[.previous_attempts[0].steps[] | "\(.step) \(.verdict) \(.exit)"] == ["one passed 0", "two failed 4"]'
expect_result fails '.previous_attempts[0] | has("steps") | not'
expect_said '^  TRY 2 FAIL \[ .*\] fails: exit code 3, expected 0$'
expect_said '^ +attempt 1: failed: exit code 3, expected 0$'
expect_junit_valid

it "--retries is in place of what the jobs say"
run_cupel run --out "$T/out" --only fails --only once --retries 2 kinds.yaml
expect_exit 1
expect_equal "$(attempts)" "fails=3 once=3 "
expect [ -d out/logs/attempt-2 ]
run_cupel run --out "$T/out" --only fails --only once --retries 0 kinds.yaml
expect_equal "$(attempts)" "fails=1 once=1 "

it "an earlier run's attempts are gone"
expect_not [ -e out/logs/attempt-1 -o -e out/logs/attempt-2 ]

it "--retries takes 0 to 10"
for wrong in 11 -1 x ''; do
    run_cupel run --retries "$wrong" kinds.yaml
    expect_exit 2
    expect_stderr "retries takes a number from 0 to 10, got '$wrong'"
done

job_file stop.yaml <<'YAML'
cupel: 1
defaults:
  inputs: [{from: shared, to: /in, mode: ro}]
  limits: {wall: 60s, pids: 64}
jobs:
  waits:
    retries: 5
    run: |
      old=$(cat /in/word)
      echo "saw $old"
      while new=$(cat /in/word); [ -z "$new" ] || [ "$new" = "$old" ]; do sleep 0.05; done
      exit 7
  last: {run: echo}
YAML
waits_saw() { grep -qsx "saw $1" out/logs/waits.stdout; }
it "Ctrl-C: what runs is cancelled and not run again"
echo begin >shared/word
cupel_start stop.yaml -j 1
expect wait_until 30 waits_saw begin
echo second >shared/word
expect wait_until 30 waits_saw second
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_verdict waits cancelled
expect_result waits '.attempts == 2 and .previous_attempts[0].exit == 7'
expect_verdict last cancelled
expect_result last 'has("attempts") | not'
expect_equal "$(jq -s length <(job_lines out))" 2
expect_junit_valid
expect_clean

it "--fail-fast counts last attempts, and no attempt starts after it"
echo begin >shared/word
cupel_start stop.yaml -j 1 --fail-fast --retries 1
expect wait_until 30 waits_saw begin
echo one-more >shared/word # the first attempt fails, and that stops nothing
expect wait_until 30 waits_saw one-more
expect_not has_job_lines
echo enough >shared/word
cupel_wait
expect_exit 1
expect_verdict waits failed
expect_result waits '.attempts == 2 and (has("notes") | not)'
expect_verdict last skipped
expect_clean

it "retries that are left when the run ends early are told"
job_file early.yaml <<'YAML'
cupel: 1
defaults:
  inputs: [{from: shared, to: /in, mode: ro}]
  limits: {wall: 60s, pids: 64}
jobs:
  fails: {run: "until grep -q go /in/word; do sleep 0.05; done; exit 9"}
  slower: {run: "echo up; until grep -q gone /in/word; do sleep 0.05; done; exit 8", retries: 3}
YAML
echo begin >shared/word
cupel_start early.yaml -j 2 --fail-fast
expect wait_until 30 grep -qs up out/logs/slower.stdout
echo go >shared/word
expect wait_until 30 has_job_lines
echo gone >shared/word
cupel_wait
expect_exit 1
expect_verdict slower failed
expect_result slower '.attempts == 1 and .exit == 8'
expect_result slower '.notes == ["not run again after attempt 1 of 4: --fail-fast ended the run"]'
expect_not grep -q 'TRY 1' stdout stderr # no next one was announced
expect_clean

it "an attempt whose slot dies is an error, and tried again"
job_file slots.yaml <<'YAML'
cupel: 1
defaults: {inputs: [{from: shared, to: /in, mode: ro}], limits: {wall: 60s}}
jobs:
  a: {run: "echo up; until grep -q go /in/word; do sleep 0.05; done", retries: 1, retry-on: error}
YAML
echo begin >shared/word
cupel_start slots.yaml -j 1
expect wait_until 30 grep -qs up out/logs/a.stdout
kill -KILL "$(pgrep -P "$CUPEL_PID" | head -n 1)"
echo go >shared/word
cupel_wait
expect_exit 0
expect_result a '.verdict == "passed" and .flaky and .previous_attempts[0].verdict == "error"'
expect_result a '.previous_attempts[0].evidence == "the slot that ran this job died of signal 9 (SIGKILL)"'
expect_clean

it "many jobs that fail are each run as often as they may"
{
    echo 'cupel: 1'
    echo 'defaults: {run: [/bin/false], retries: 1}'
    echo 'jobs:'
    for ((i = 0; i < 60; i++)); do echo "  j$i: {}"; done
} >many.yaml
cupel_run many.yaml -j 4
expect_equal "$(jq -s 'map(select(.attempts == 2)) | length' out/results.jsonl)" 60
expect_clean

all_done
