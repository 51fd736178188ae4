#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Jobs that may fail (`allow-failure`), and jobs that run after what failed (`needs` with `when` and `optional`): who runs, and what the
# run says of it.
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file allowed.yaml <<'YAML'
cupel: 1
defaults: {timeout-grace: 100ms}
jobs:
  flaky: {run: exit 1, allow-failure: true}
  by-code: {run: exit 77, allow-failure: {exit: [75, 77]}}
  by-verdict: {run: sleep 1000, limits: {wall: 200ms}, allow-failure: {verdicts: timeout}}
  steps: {run: [{name: a, run: "true"}, {name: b, run: exit 2}], allow-failure: true}
  after-flaky: {run: "true", needs: flaky}
  on-failure: {run: "true", needs: [{job: after-flaky, when: failure}]}
  after-skipped: {run: "true", needs: [on-failure]}
  optional: {run: "true", needs: [{job: no-such-job, optional: true}, flaky]}
YAML
cupel_run allowed.yaml

it "a run passes though jobs that may fail have failed"
expect_exit 0
expect_verdict flaky failed
expect_result flaky '.allowed_failure'
expect_result by-code '.allowed_failure and .verdict == "failed"'
expect_result by-verdict '.allowed_failure and .verdict == "timeout"'
expect_result steps '.allowed_failure'

it "what needs a job that was allowed to fail runs"
expect_verdict after-flaky passed
expect_result after-flaky 'has("allowed_failure") | not'
expect_verdict optional passed

it "a job for failures is skipped where there is none, which is no failure"
expect_verdict on-failure skipped
expect_evidence on-failure "^only for the case that 'after-flaky' fails, and it did not\$"
expect_verdict after-skipped skipped
expect_result on-failure 'has("allowed_failure") | not'

it "the reports say so"
expect_junit_valid
expect_equal "$(xmllint --xpath 'sum(//testsuite/@failures)' out/junit.xml)" 0
expect_equal "$(xmllint --xpath 'string(//testcase[@name="flaky"]/skipped/@message)' out/junit.xml)" \
    "allowed to fail (failed): exit code 1, expected 0"
expect_said ' flaky: exit code 1, expected 0 \(allowed to fail\)$'
expect_said ' steps, step b \(allowed to fail\)$'
expect_said '8 jobs: 2 passed, 3 failed, 1 timeout, 2 skipped \(4 allowed to fail\)'

job_file failed.yaml <<'YAML'
cupel: 1
jobs:
  other-code: {run: exit 78, allow-failure: {exit: 77}}
  stops: {run: "true", needs: other-code}
  tidies: {run: "true", needs: [{job: stops, when: failure}]}
  reports: {run: "true", needs: [{job: other-code, when: always}, {job: tidies, when: success}]}
  never: {run: "true", needs: [{job: reports, when: failure}]}
YAML
cupel_run failed.yaml

it "what is not allowed is a failure"
expect_exit 1
expect_result other-code 'has("allowed_failure") | not'
expect_verdict stops skipped

it "jobs run after a failure, or whatever comes, where they say so"
expect_verdict tidies passed
expect_verdict reports passed
expect_verdict never skipped

job_file base.yaml <<'YAML'
cupel: 1
jobs:
  base: {run: "echo > /work/made; exit 1", allow-failure: true}
  on-top: {from: base, run: test -e /work/made}
  next: {run: "true"}
YAML
cupel_run base.yaml --fail-fast -j 1

it "nothing starts from the files of a job that failed, allowed or not; and it does not end a run that fails fast"
expect_exit 0
expect_verdict on-top skipped
expect_evidence on-top "^starts from 'base', which did not pass \(failed\)\$"
expect_verdict next passed

job_file retried.yaml <<'YAML'
cupel: 1
defaults: {retries: 1}
jobs:
  code: {run: exit 75, retry-on: 75}
  other-code: {run: exit 74, retry-on: [75, signaled]}
  signaled: {run: kill -KILL $$, retry-on: [75, signaled]}
  delayed: {run: exit 1, retry-delay: 700ms}
YAML
cupel_run retried.yaml

it "a job is run again after the exit codes and verdicts that it names"
expect_result code '.attempts == 2'
expect_result other-code '.attempts == 1'
expect_result signaled '.attempts == 2'

it "a job waits for its retry-delay, and no longer once the run is over"
expect_result delayed '.attempts == 2'
expect_result delayed '[.started, .previous_attempts[0].started] | map(sub("\\.(?<f>[0-9]*)Z$"; "Z") | fromdate) | .[0] >= .[1]'
expect_result delayed '[.started, .previous_attempts[0].started] | map((capture("\\.(?<f>[0-9]{3})").f | tonumber) + 1000 * (sub("\\.[0-9]*Z$"; "Z") | fromdate)) | .[0] - .[1] >= 700'
job_file endless.yaml <<'YAML'
cupel: 1
jobs:
  waits: {run: exit 1, retries: 1, retry-delay: 24h}
  fails: {run: exit 1, needs: [{job: other, when: always}]}
  other: {run: "true"}
YAML
cupel_run endless.yaml --timeout 2s
expect_exit 1
expect_result waits '.attempts == 1'
expect_result waits '.notes[0] | test("not run again after attempt 1 of 2")'

all_done
