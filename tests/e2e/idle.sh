#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Limits of time that pass by themselves: `wall` where a file says nothing.
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

expect_clean
all_done
