#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Steps: run in order in one sandbox, the first failing one ends the job, each is a test case of its own.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file steps.yaml <<'YAML'
cupel: 1
name: steps
jobs:
  good:
    run:
      - {name: write, run: "echo hello > file; echo wrote"}
      - {name: read, run: [cat, file], expect: {stdout: "hello\n"}}
      - {name: fails as wanted, run: exit 4, expect: {exit: 4}}
  bad:
    run:
      - {name: first, run: echo one}
      - {name: second, run: "echo two; exit 5"}
      - {name: third, run: echo three}
  slow:
    run:
      - {name: quick, run: echo quick}
      - {name: sleeps, run: sleep 60, limits: {wall: 300ms}}
      - {name: never, run: echo never}
    timeout-grace: 100ms
  daemon-between:
    run:
      - {name: start, run: "(setsid sleep 1000 &) ; echo started"}
      - {name: after, run: echo after}
YAML
cupel_run steps.yaml

it "steps share the sandbox and each meets its own expectation"
expect_exit 1
expect_verdict good passed
for step in write read "fails as wanted"; do
    expect_verdict "good/$step" passed
done

it "the first failing step ends the job"
expect_verdict bad failed
expect_evidence bad 'second'
expect_verdict bad/first passed
expect_verdict bad/second failed
expect_result bad/second '.exit == 5'
expect_result bad/third '.verdict == "skipped"'
expect_no_log bad three

it "a step has limits of its own"
expect_verdict slow timeout
expect_verdict slow/quick passed
expect_verdict slow/sleeps timeout
expect_evidence slow/sleeps '300 ms'
expect_result slow/never '.verdict == "skipped"'

it "what a step prints at once counts against its own limits, not those of the one before"
{
    printf 'cupel: 1\njobs:\n  quick:\n    run:\n'
    for ((i = 0; i < 100; i++)); do printf '      - {run: [printf, "12345678"], limits: {stdout: 8}}\n'; done
} >quick.yaml
run_cupel run --out quick quick.yaml
expect_exit 0
expect_equal "$(jq -r 'select(.id == "quick").verdict' quick/results.jsonl)" passed
it "a step is over when its command is"
expect_verdict daemon-between passed
expect_verdict daemon-between/after passed

it "each step is a test case in the report"
expect_junit_valid
expect_equal "$(xmllint --xpath 'count(//testcase)' out/junit.xml)" 11
expect_equal "$(xmllint --xpath 'count(//testsuite)' out/junit.xml)" 4
expect_equal "$(xmllint --xpath 'string(//testsuite[contains(@name, "bad")]/testcase[@name = "second"]/failure/@message)' out/junit.xml |
    grep -c .)" 1
expect_equal "$(xmllint --xpath 'count(//testcase/skipped)' out/junit.xml)" 2
expect_clean

all_done
