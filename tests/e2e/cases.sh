#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Submissions that are compiled once and judged often: what of it is whose fault.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file cases.yaml <<'YAML'
cupel: 1
defaults: {timeout-grace: 100ms}
jobs:
  wrong: {role: compile, run: "echo sum.c:1; exit 3"}
  slow: {role: compile, run: sleep 1000, limits: {wall: 200ms}}
  missing: {role: compile, run: "true", inputs: [{from: none, to: /work/sum.c, untrusted: true}]}
  allowed: {role: compile, run: exit 1, allow-failure: {verdicts: compile-error}}
  good: {role: compile, run: "true"}
  judged: {from: wrong, run: "true"}
YAML
cupel_run cases.yaml

it "whatever a job with 'role: compile' fails by is a compile-error"
expect_exit 1
expect_verdict wrong compile-error
expect_evidence wrong '^exit code 3, expected 0$'
expect_verdict slow compile-error
expect_verdict missing invalid-submission
expect_result allowed '.allowed_failure and .verdict == "compile-error"'
expect_verdict good passed
expect_verdict judged skipped
expect_junit_valid
expect_said ' COMPILE .* wrong'
expect_said '3 compile-error'
expect_clean
all_done
