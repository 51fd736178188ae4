#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Jobs that are run many times though they pass (--repeat, --until-fail): how often, what is kept, which of them run once.
# sanitizers: no
# time-limit: 90
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file repeat.yaml <<'YAML'
cupel: 1
jobs:
  built: {run: touch /made}
  good: {run: "test ! -e /again && touch /again", from: built}
  steps: {run: [{name: a, run: "true"}, {name: b, run: "true"}]}
  bad: {run: exit 3, retries: 2}
  may: {run: exit 3, allow-failure: true}
YAML

it "--repeat runs each job so often, in a fresh sandbox each time, or until it does not pass"
cupel_run repeat.yaml -j 2 --repeat 3
expect_exit 1
expect_result good '.verdict == "passed" and .attempts == 3 and .repeated and (has("flaky") or has("previous_attempts") | not)'
expect_result steps '.attempts == 3 and .repeated'
expect_result bad '.verdict == "failed" and .attempts == 1 and (has("repeated") | not)'
expect_result may '.attempts == 1 and .allowed_failure'
expect_said 'PASS x3 .*good'
expect_junit_valid
expect_equal "$(xmllint --xpath 'string(//testsuite[@name="good"]//property[@name="attempts"]/@value)' out/junit.xml)" 3
expect_equal "$(xmllint --xpath 'string(//testsuite[@name="good"]//property[@name="repeated"]/@value)' out/junit.xml)" true

it "what others wait for runs once, and that is said"
expect_result built '.attempts == 1 and (has("repeated") | not)'
expect_stderr '^cupel: not repeated, since other jobs wait for them: built$'

if [[ -n ${CUPEL_TEST_USER-} ]]; then # nothing of the rest is different for an ordinary user
    all_done
    exit 0
fi

it "--repeat with --until-fail ends the run at the first job that does not pass, or when each has run so often"
cupel_run repeat.yaml -j 1 --only good --only steps --repeat 3 --until-fail
expect_exit 0
expect_result good '.attempts == 3'
expect_result steps '.attempts == 3'
cupel_run repeat.yaml -j 1 --only steps --only bad --repeat 3 --until-fail
expect_exit 1
expect_result bad '.verdict == "failed" and .attempts == 1'
expect_result steps '.verdict == "passed" and .attempts == 1 and (.notes | any(test("^not run again after attempt 1 of 3: another job did not pass, and --until-fail")))'

it "jobs on a bridge are refused before anything runs"
job_file bridge.yaml <<'YAML'
cupel: 1
defaults: {run: "true", network: {bridge: net}}
jobs: {one: {}, two: {}}
YAML
cupel_run bridge.yaml --repeat 2
expect_exit 2
expect_stderr "bridge.yaml: 'one' cannot be repeated: it is on a bridge with others"
expect test ! -e out
cupel_run repeat.yaml --repeat 0
expect_exit 2

it "--until-fail lets all jobs have their turn until one does not pass, and then ends the run"
mkdir shared
job_file until.yaml <<'YAML'
cupel: 1
defaults:
  inputs: [{from: shared, to: /in, mode: ro}]
  run: cat /proc/sys/kernel/random/uuid
jobs:
  one: {}
  two: {}
  three: {run: "cat /proc/sys/kernel/random/uuid; test ! -e /in/stop"}
YAML
# has_run_again NAME: another attempt than that whose log is in NAME has begun
has_run_again() {
    local now
    now=$(cat "out/logs/$1.stdout" 2>/dev/null) && [ -n "$now" ] && [ "$now" != "$(cat "$1.log" 2>/dev/null)" ]
}
cupel_start until.yaml -j 1 --until-fail
for _ in 1 2 3; do
    for job in one three; do
        expect wait_until 60 has_run_again $job
        cat out/logs/$job.stdout >$job.log
    done
done
expect_not has_job_lines
touch shared/stop
cupel_wait
expect_exit 1
expect_result three '.verdict == "failed" and .attempts >= 2 and .repeated'
expect_said "TRY $(jq 'select(.job == "three") | .attempts' out/results.jsonl) FAIL .*three" # which attempt it was
expect_result one '.verdict == "passed" and .attempts >= 2 and (.notes | any(test("--until-fail")))'
expect_result two '.verdict == "passed" and .attempts >= 2'
expect_equal "$(find out/logs -name 'attempt-*')" ""
expect_junit_valid
expect_clean

all_done
