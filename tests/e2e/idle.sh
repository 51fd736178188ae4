#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Limits of time that pass by themselves: `wall` where a file says nothing, and `idle`.
# lanes: root-v2
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file time.yaml <<'YAML'
cupel: 1
jobs:
  said-nothing: {run: echo an hour}
  never: {run: echo any time, limits: {wall: none}}
YAML
cupel_run time.yaml

it "a job has an hour where its file says nothing, and any time with \`wall: none\`"
expect_result said-nothing '.verdict == "passed" and .limits == {wall_seconds: 3600}'
expect_result never '.verdict == "passed" and .limits == null'

it "a command of \`cupel exec\` takes what time it takes, unless somebody says otherwise"
(grouped "$CUPEL" exec --result exec.json -- true)
expect_equal "$(jq -c .limits exec.json)" null
(grouped "$CUPEL" exec --result exec.json --root time.yaml:said-nothing -- true)
expect_equal "$(jq -c .limits exec.json)" null
(grouped "$CUPEL" exec --result exec.json --timeout 1m -- true)
expect_equal "$(jq -c .limits exec.json)" '{"wall_seconds":60}'

job_file silent.yaml <<'YAML'
cupel: 1
jobs:
  silent: {run: "echo begun; sleep 3600", limits: {idle: 300ms}}
  never-wrote: {run: sleep 3600, limits: {idle: 300ms}}
  files: {run: "while :; do date >x; sleep 0.05; done", limits: {idle: 300ms}}
  burns: {run: "while :; do :; done", limits: {idle: 300ms}, timeout-grace: 0s}
  of-step:
    limits: {idle: 1h}
    run:
      - {name: first, run: "true"}
      - {name: second, run: sleep 3600, limits: {idle: 300ms}}
  again: {run: sleep 3600, limits: {idle: 300ms}, retries: 1, retry-on: [timeout]}
  after: {run: sleep 3600, limits: {idle: 300ms}, after: 'sleep 1; echo "was $CUPEL_JOB_VERDICT"'}
  # each as a whole takes longer than it may be silent
  talks: {run: "for i in 1 2 3 4 5 6 7 8 9; do echo $i >&2; sleep 0.5; done", limits: {idle: 4s}}
  steps: {run: [{run: sleep 2.2}, {run: sleep 2.2}], limits: {idle: 4s}}
YAML

it "a command that writes nothing for so long gives timeout, and one that writes goes on"
cupel_run silent.yaml
expect_result silent '.verdict == "timeout" and .limits.idle_seconds == 0.3 and
    (.evidence | test("^idle limit 300 ms reached: no output for .*, still running after "))'
for job in never-wrote files burns; do
    expect_result $job '.verdict == "timeout" and (.evidence | startswith("idle limit 300 ms reached: no output for "))'
done
expect_result of-step '.verdict == "timeout" and (.evidence | startswith("step '"'second'"': idle limit 300 ms reached"))'
expect_result again '.verdict == "timeout" and .attempts == 2'
expect_result talks '.verdict == "passed"'
expect_result steps '.verdict == "passed"'

it "\`after\` may be silent, and knows what became of the job"
expect_result after '.verdict == "timeout"'
expect_log after '^was timeout$'

it "what a caller has not read yet is no silence"
# The pipe is full and the command waits for room in it; it goes on when somebody reads. Its first byte has to come in time, too,
# and a slow machine takes long to start a program.
(grouped "$CUPEL" exec --limit idle=2s --result exec.json -- sh -c 'head -c 1000000 /dev/zero; echo done >&2' 2>err |
    { sleep 5; wc -c; }) >count
expect_equal "$(cat count)" 1000000
expect_equal "$(jq -r .verdict exec.json)" passed
(grouped "$CUPEL" exec --limit idle=300ms --result exec.json -- sleep 3600)
expect_equal "$(jq -r .verdict exec.json)" timeout

expect_clean
all_done
